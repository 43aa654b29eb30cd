#include "core/introspection.h"

#include "core/json_writer.h"

namespace openclaw {
namespace {

std::string joined(const std::vector<std::string_view>& scopes) {
  std::string list;
  for (std::string_view scope : scopes) {
    if (!list.empty()) list += ' ';
    list += scope;
  }
  return list;
}

ObjectWriter object_of(std::string_view member, std::string_view value) {
  ObjectWriter object;
  object.text(member, value);
  return object;
}

}  // namespace

std::string introspection_json(const Introspection& token) {
  constexpr std::size_t kUsualSize = 640;
  ObjectWriter json(kUsualSize);
  json.literal("active", "true");
  json.text("token_type", "Bearer");
  json.text_unless_empty("scope", joined(token.scopes));
  json.text_unless_empty("iss", token.issuer);
  json.text_unless_empty("sub", token.user_id);
  json.text_unless_empty("user_id", token.user_id);
  if (!token.audience.empty()) json.text_or_list("aud", token.audience);
  json.text_unless_empty("client_id", token.client_id);
  json.text_unless_empty("container_id", token.container_id);
  json.text_unless_empty("issued_for", token.issued_for);
  json.text_unless_empty("jti", token.id);
  if (!token.actor.empty()) json.object("act", object_of("sub", token.actor));
  if (!token.certificate_thumbprint.empty()) {
    json.object("cnf", object_of("x5t#S256", token.certificate_thumbprint));
  }
  json.number("iat", token.issued_at);
  json.number("exp", token.expires_at);
  return std::string(json.finish());
}

}  // namespace openclaw
