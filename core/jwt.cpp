#include "core/jwt.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "core/claim_reader.h"
#include "core/json_writer.h"
#include "core/jws.h"
#include "core/scope.h"
#include "core/secret.h"

namespace openclaw {
namespace {

constexpr std::size_t kMaxAudiences = 16;
constexpr std::string_view kThumbprintMethod = "x5t#S256";

std::vector<std::string_view> views_of(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

// --- writing -----------------------------------------------------------------------------------

std::size_t capacity_for(const Claims& claims) {
  std::size_t size = 256 + claims.issuer.size() + 2 * claims.user_id.size() +
                     claims.client_id.size() + claims.container_id.size() + claims.actor.size() +
                     claims.certificate_thumbprint.size() + claims.id.size();
  for (const std::string& audience : claims.audience) size += audience.size() + 3;
  for (const std::string& scope : claims.scopes) size += scope.size() + 1;
  if (claims.status) size += 96 + claims.status->uri.size();
  return size;
}

ObjectWriter object_of(std::string_view member, std::string_view value) {
  ObjectWriter object;
  object.text(member, value);
  return object;
}

ObjectWriter status_object(const StatusReference& reference) {
  constexpr std::size_t kOthers = 48;
  ObjectWriter list(reference.uri.size() + kOthers);
  list.number("idx", reference.index);
  list.text("uri", reference.uri);
  ObjectWriter status(reference.uri.size() + 2 * kOthers);
  status.object("status_list", std::move(list));
  return status;
}

// --- reading -----------------------------------------------------------------------------------

std::vector<std::string> read_scopes(ClaimReader& reader) {
  Result<std::vector<std::string>> scopes = parse_scope_list(reader.text("scope"));
  if (scopes) return std::move(*scopes);
  reader.refuse();
  return {};
}

std::string read_actor(ClaimReader& reader) {
  std::optional<ClaimReader> actor = reader.object("act");
  return actor ? actor->required_text("sub") : std::string();
}

// The one method that can be checked here, alone: a second one beside it would be a demand that
// nobody enforces.
std::string read_confirmation(ClaimReader& reader) {
  std::optional<ClaimReader> confirmation = reader.object("cnf");
  if (!confirmation) return {};
  if (confirmation->size() != 1) confirmation->refuse();
  return confirmation->required_text(kThumbprintMethod);
}

// A status that is told by other means than a list could not be looked up: refused.
std::optional<StatusReference> read_status(ClaimReader& reader) {
  std::optional<ClaimReader> status = reader.object("status");
  if (!status) return std::nullopt;
  std::optional<ClaimReader> list = status->object("status_list");
  const auto index =
      list ? list->number("idx", std::numeric_limits<std::uint32_t>::max()) : std::nullopt;
  if (!index) {
    reader.refuse();
    return std::nullopt;
  }
  return StatusReference{list->required_text("uri"), static_cast<std::uint32_t>(*index)};
}

struct ReadClaims {
  Claims claims;
  std::string subject;
};

Result<ReadClaims> read_claims(const JsonObject& payload) {
  bool malformed = false;
  ClaimReader reader(payload, malformed);
  ReadClaims read;
  read.subject = reader.text("sub");
  Claims& claims = read.claims;
  claims.issuer = reader.text("iss");
  claims.user_id = reader.text("user_id");
  claims.audience = reader.text_or_list("aud", kMaxAudiences);
  claims.scopes = read_scopes(reader);
  claims.client_id = reader.text("client_id");
  claims.container_id = reader.text("container_id");
  claims.actor = read_actor(reader);
  claims.certificate_thumbprint = read_confirmation(reader);
  claims.status = read_status(reader);
  claims.id = reader.text("jti");
  claims.issued_at = reader.required_date("iat");
  claims.expires_at = reader.required_date("exp");
  claims.not_before = reader.date("nbf");
  if (malformed) return Error::malformed;
  return read;
}

// --- checking ----------------------------------------------------------------------------------

Result<void> check_times(const Claims& claims, const JwtExpectation& expected) {
  if (claims.expires_at <= expected.now) return Error::expired;
  if (lies_ahead(claims.issued_at, expected.now, expected.leeway)) return Error::not_yet_valid;
  if (claims.not_before && lies_ahead(*claims.not_before, expected.now, expected.leeway)) {
    return Error::not_yet_valid;
  }
  return {};
}

bool has_audience(const Claims& claims, const JwtExpectation& expected) {
  if (!expected.audience) return !claims.audience.empty();
  return std::find(claims.audience.begin(), claims.audience.end(), *expected.audience) !=
         claims.audience.end();
}

bool has_user(const ReadClaims& read, const JwtExpectation& expected) {
  const std::string& user_id = read.claims.user_id;
  if (user_id.empty() || user_id != read.subject) return false;
  return !expected.user_id || user_id == *expected.user_id;
}

// Introspection, which demands no audience, tells of the binding and leaves the proof to whoever
// has the connection (RFC 8705 3.2).
bool is_proven(const Claims& claims, const JwtExpectation& expected) {
  if (claims.certificate_thumbprint.empty() || !expected.audience) return true;
  return expected.certificate_thumbprint &&
         constant_time_equal(as_bytes(claims.certificate_thumbprint),
                             as_bytes(*expected.certificate_thumbprint));
}

Result<Claims> check_claims(const ParsedJws& jws, const JwtExpectation& expected) {
  if (!is_media_type(*jws.type, name(expected.type))) return Error::wrong_type;
  if (!claim_is(jws.payload.object(), "iss", expected.issuer)) return Error::wrong_issuer;
  Result<ReadClaims> read = read_claims(jws.payload.object());
  if (!read) return read.error();
  if (const Result<void> times = check_times(read->claims, expected); !times) return times.error();
  if (!has_audience(read->claims, expected)) return Error::wrong_audience;
  if (!has_user(*read, expected)) return Error::wrong_user;
  if (!is_proven(read->claims, expected)) return Error::wrong_certificate;
  if (!covers_all(views_of(read->claims.scopes), expected.required_scopes)) {
    return Error::insufficient_scope;
  }
  return std::move(read->claims);
}

}  // namespace

std::string_view name(JwtType type) {
  switch (type) {
    case JwtType::access_token:
      return "at+jwt";
    case JwtType::user_claim:
      return "user-claim+jwt";
  }
  throw std::invalid_argument("no such JWT type");
}

std::string sign_jwt(const SigningKey& key, JwtType type, const Claims& claims) {
  ObjectWriter payload(capacity_for(claims));
  payload.text("iss", claims.issuer);
  payload.text("sub", claims.user_id);
  payload.text("user_id", claims.user_id);
  payload.text_or_list("aud", claims.audience);
  payload.text_unless_empty("scope", format_scope_list(views_of(claims.scopes)));
  payload.text_unless_empty("client_id", claims.client_id);
  payload.text_unless_empty("container_id", claims.container_id);
  if (!claims.actor.empty()) payload.object("act", object_of("sub", claims.actor));
  if (!claims.certificate_thumbprint.empty()) {
    payload.object("cnf", object_of(kThumbprintMethod, claims.certificate_thumbprint));
  }
  if (claims.status) payload.object("status", status_object(*claims.status));
  payload.number("iat", claims.issued_at);
  if (claims.not_before) payload.number("nbf", *claims.not_before);
  payload.number("exp", claims.expires_at);
  payload.text("jti", claims.id);
  return sign_jws(key, name(type), payload.finish());
}

Result<VerifiedJwt> verify_jwt(std::string_view jwt, const KeySet& keys,
                               const JwtExpectation& expectation, KnownSignatures* known) {
  Result<ParsedJws> jws = parse_jws(jwt, kMaxJwt, JwsHeaders::ours);
  if (!jws) return jws.error();
  if (const Result<void> signature = check_signature(*jws, keys, known); !signature) {
    return signature.error();
  }
  Result<Claims> claims = check_claims(*jws, expectation);
  if (!claims) return claims.error();
  return VerifiedJwt{expectation.type, std::move(*jws->kid), std::move(*claims)};
}

bool looks_like_jwt(std::string_view token) {
  // The 16 bits of `{"` end within the third character: "ey" and one of I, J, K, L.
  if (token.size() > kMaxJwt || token.size() < 3 || !token.starts_with("ey") || token[2] < 'I' ||
      token[2] > 'L') {
    return false;
  }
  const std::size_t first = token.find('.');
  if (first == token.npos) return false;
  const std::size_t second = token.find('.', first + 1);
  return second != token.npos && token.find('.', second + 1) == token.npos;
}

}  // namespace openclaw
