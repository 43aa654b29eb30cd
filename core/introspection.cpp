#include "core/introspection.h"

#include <nlohmann/json.hpp>

namespace openclaw {
namespace {

void put(nlohmann::ordered_json& json, const char* member, std::string_view value) {
  if (!value.empty()) json[member] = value;
}

std::string joined(const std::vector<std::string_view>& scopes) {
  std::string list;
  for (std::string_view scope : scopes) {
    if (!list.empty()) list += ' ';
    list += scope;
  }
  return list;
}

}  // namespace

std::string introspection_json(const Introspection& token) {
  nlohmann::ordered_json json;
  json["active"] = true;
  json["token_type"] = "Bearer";
  put(json, "scope", joined(token.scopes));
  put(json, "iss", token.issuer);
  put(json, "sub", token.user_id);
  put(json, "user_id", token.user_id);
  if (token.audience.size() == 1) {
    json["aud"] = token.audience.front();
  } else if (!token.audience.empty()) {
    json["aud"] = token.audience;
  }
  put(json, "client_id", token.client_id);
  put(json, "container_id", token.container_id);
  put(json, "issued_for", token.issued_for);
  put(json, "jti", token.id);
  if (!token.actor.empty()) json["act"]["sub"] = token.actor;
  if (!token.certificate_thumbprint.empty()) {
    json["cnf"]["x5t#S256"] = token.certificate_thumbprint;
  }
  json["iat"] = token.issued_at;
  json["exp"] = token.expires_at;
  return json.dump();
}

}  // namespace openclaw
