// JWTs in SQL: sign, verify, introspect.
#include <algorithm>
#include <array>

#include "core/encoding.h"
#include "core/jwt.h"
#include "core/scope.h"
#include "extension/key_cache.h"
#include "extension/postgres_random.h"
#include "extension/settings.h"
#include "extension/verification.h"

namespace openclaw::extension {

namespace {

constexpr std::size_t kMaxScopesBytes = 64 * 1024;
constexpr std::size_t kMaxId = 256;

JwtType jwt_type(std::string_view type) {
  if (type == "access_token") return JwtType::access_token;
  if (type == "user_claim") return JwtType::user_claim;
  throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "unknown JWT type", "",
                 "Use 'access_token' or 'user_claim'."};
}

// An id must be unique, not secret. Drawn 64 at a time, because a draw costs 2 us of the 30 that a
// JWT takes.
std::string new_jwt_id() {
  constexpr std::size_t kIdBytes = 16;
  static std::array<std::uint8_t, 64 * kIdBytes> drawn;
  static std::size_t left = 0;
  if (left == 0) {
    PostgresRandom().fill(drawn);
    left = drawn.size();
  }
  left -= kIdBytes;
  return base64url_encode(ByteView(drawn).subspan(left, kIdBytes));
}

std::string optional_text(const Call& call, int index, std::size_t limit, const char* what) {
  return call.is_null(index) ? std::string() : std::string(call.required_text(index, limit, what));
}

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

// openclaw.jwt_verification, column by column.
struct VerificationRow {
  static constexpr int kColumns = 11;
  Datum values[kColumns] = {};
  bool nulls[kColumns];

  VerificationRow(const Result<VerifiedJwt>& verified) {
    for (bool& is_null : nulls) is_null = true;
    set(0, BoolGetDatum(static_cast<bool>(verified)));
    if (!verified) {
      set(1, Call::text(name(verified.error())));
      return;
    }
    const Claims& claims = verified->claims;
    set(2, Call::text(claims.user_id));
    set_unless_empty(3, claims.container_id);
    set_unless_empty(4, claims.client_id);
    set(5, Call::text_array(views(claims.scopes)));
    set(6, Call::text_array(views(claims.audience)));
    set_unless_empty(7, claims.id);
    set(8, Call::text(verified->kid));
    set(9, TimestampTzGetDatum(timestamp(claims.issued_at)));
    set(10, TimestampTzGetDatum(timestamp(claims.expires_at)));
  }

 private:
  void set(int column, Datum value) {
    values[column] = value;
    nulls[column] = false;
  }
  void set_unless_empty(int column, std::string_view text) {
    if (!text.empty()) set(column, Call::text(text));
  }
};

}  // namespace

// (type, alg, user_id, audience, scopes, client_id, container_id, lifetime in seconds, generation,
//  actor, certificate_thumbprint, not_after)
OPENCLAW_FUNCTION(openclaw_sign_jwt) {
  Call call(fcinfo);
  JwtType type = jwt_type(call.required_text(0, 32, "type"));
  auto algorithm = parse_algorithm(call.required_text(1, 16, "alg"));
  if (!algorithm) throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "unknown signing algorithm"};

  TimestampTz now = GetCurrentTimestamp();
  Claims claims;
  claims.issuer = settings::issuer();
  claims.user_id = call.required_text(2, kMaxId, "user_id");
  claims.audience.emplace_back(call.required_text(3, 2048, "audience"));
  for (const auto& scope : call.required_text_array(4, kMaxScopes, kMaxScopesBytes, "scopes")) {
    if (!scope || !check_grant(*scope)) {
      throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "scopes holds an invalid scope",
                     std::string(message(Error::invalid_scope))};
    }
    claims.scopes.emplace_back(*scope);
  }
  claims.client_id = optional_text(call, 5, kMaxId, "client_id");
  claims.container_id = optional_text(call, 6, kMaxId, "container_id");
  if (call.is_null(7)) {
    throw SqlError{ERRCODE_NULL_VALUE_NOT_ALLOWED, "lifetime_seconds must not be null"};
  }
  claims.id = new_jwt_id();
  claims.issued_at = numeric_date(now);
  claims.expires_at = claims.issued_at + DatumGetInt32(call.datum(7));
  if (!call.is_null(8)) {
    const std::string generation = std::to_string(DatumGetInt32(call.datum(8)));
    claims.status = StatusReference{status_list_uri(claims.container_id, generation),
                                    status_list_index(claims.id)};
  }
  claims.actor = optional_text(call, 9, kMaxId, "actor");
  claims.certificate_thumbprint = optional_text(call, 10, 64, "certificate_thumbprint");
  if (!call.is_null(11)) {
    const TimestampTz not_after = DatumGetTimestampTz(call.datum(11));
    if (TIMESTAMP_NOT_FINITE(not_after) || not_after <= now) {
      throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "not_after must be a time to come"};
    }
    claims.expires_at = std::min(claims.expires_at, numeric_date(not_after));
  }

  const SigningKey& key = active_key(*algorithm, now);
  std::string jwt = sign_jwt(key, type, claims);
  if (jwt.size() > kMaxJwt) {
    throw SqlError{ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the JWT would be too long to be verified",
                   "At most " + std::to_string(kMaxJwt) + " bytes are read.",
                   "Ask for fewer or shorter scopes."};
  }
  Datum values[5] = {Call::text(jwt), Call::text(claims.id), Call::text(key.kid()),
                     TimestampTzGetDatum(timestamp(claims.issued_at)),
                     TimestampTzGetDatum(timestamp(claims.expires_at))};
  bool nulls[5] = {};
  return call.row(values, nulls);
}

// (jwt, audience, required_scopes, user_id, type, certificate_thumbprint)
OPENCLAW_FUNCTION(openclaw_verify_jwt) {
  Call call(fcinfo);
  TextArray scopes = call.required_text_array(2, kMaxScopes, kMaxScopesBytes, "required_scopes");
  std::vector<std::string_view> required = required_scopes(scopes);
  JwtExpectation expectation;
  expectation.audience = call.required_text(1, 2048, "audience");
  expectation.required_scopes = required;
  if (!call.is_null(3)) expectation.user_id = call.required_text(3, kMaxId, "user_id");
  expectation.type = jwt_type(call.required_text(4, 32, "type"));
  if (!call.is_null(5)) {
    expectation.certificate_thumbprint = call.required_text(5, 64, "certificate_thumbprint");
  }
  VerificationRow row(check_jwt(call.text(0, kMaxJwt), expectation, GetCurrentTimestamp()));
  return call.row(row.values, row.nulls);
}

}  // namespace openclaw::extension
