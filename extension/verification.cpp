#include "extension/verification.h"

#include <charconv>
#include <iterator>

#include "core/opaque_token.h"
#include "core/scope.h"
#include "core/status_list.h"
#include "extension/key_cache.h"
#include "extension/settings.h"
#include "extension/standing.h"
#include "extension/token_uses.h"

namespace openclaw::extension {
namespace {

constexpr std::int64_t kPostgresEpoch =
    std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * SECS_PER_DAY;

constexpr std::string_view kStatusPath = "/oauth/status/";

std::string_view issuer_base() {
  std::string_view base = settings::issuer();
  while (base.ends_with('/')) base.remove_suffix(1);
  return base;
}

// Whether `uri` is status_list_uri() of these.
bool refers_to(std::string_view uri, std::string_view container_id, std::int32_t generation) {
  char digits[12];
  const std::size_t size =
      static_cast<std::size_t>(std::to_chars(digits, std::end(digits), generation).ptr - digits);
  for (const std::string_view part : {issuer_base(), kStatusPath, container_id,
                                      std::string_view("/"), std::string_view(digits, size)}) {
    if (!uri.starts_with(part)) return false;
    uri.remove_prefix(part.size());
  }
  return uri.empty();
}

// Whatever ends a JWT before its expiry.
bool is_ended(const Claims& claims) {
  const Standing standing = standing_of(claims.user_id, claims.container_id);
  if (!standing.live || is_revoked_jwt(claims.container_id, claims.id)) return true;
  if (claims.container_id.empty()) return false;
  return !claims.status ||
         !refers_to(claims.status->uri, claims.container_id, standing.jwt_generation);
}

}  // namespace

JwtType jwt_type(std::string_view type) {
  if (type == "access_token") return JwtType::access_token;
  if (type == "user_claim") return JwtType::user_claim;
  throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "unknown JWT type", "",
                 "Use 'access_token' or 'user_claim'."};
}

std::string status_list_uri(std::string_view container_id, std::string_view generation) {
  const std::string_view base = issuer_base();
  std::string uri;
  uri.reserve(base.size() + kStatusPath.size() + container_id.size() + 1 + generation.size());
  uri.append(base).append(kStatusPath).append(container_id).append("/").append(generation);
  return uri;
}

std::int64_t numeric_date(TimestampTz time) {
  std::int64_t seconds = time / USECS_PER_SEC;
  if (time % USECS_PER_SEC < 0) seconds--;
  return seconds + kPostgresEpoch;
}

TimestampTz timestamp(std::int64_t numeric_date) {
  return (numeric_date - kPostgresEpoch) * USECS_PER_SEC;
}

Views required_scopes(const TextArray& scopes) {
  Views required;
  required.reserve(scopes.size());
  for (const auto& scope : scopes) {
    if (!scope) throw SqlError{ERRCODE_NULL_VALUE_NOT_ALLOWED, "required_scopes holds a null"};
    if (!check_scope(*scope)) {
      throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "required_scopes holds an invalid scope",
                     std::string(message(Error::invalid_scope))};
    }
    required.push_back(*scope);
  }
  return required;
}

Views granted_scopes(const TokenRow& row) {
  return views_of(text_array_of(row.scopes, kMaxScopes, kMaxScopesBytes, "scopes"));
}

Result<TokenRow> check_token(const TokenRow& row, std::span<const std::string_view> required,
                             TimestampTz now) {
  if (!row.found) return Error::unknown;
  if (row.revoked) return Error::revoked;
  if (row.expires_at <= now) return Error::expired;
  if (!required.empty() && !covers_all(granted_scopes(row), required)) {
    return Error::insufficient_scope;
  }
  note_use(row, now);
  return row;
}

Result<TokenRow> check_token(std::optional<std::string_view> token,
                             std::span<const std::string_view> required, TimestampTz now,
                             Sight sight) {
  if (!token || !parse_token(*token)) return Error::malformed;
  Digest hash = token_hash(*token);
  TokenRow row{};
  find_tokens({&hash, 1}, {&row, 1}, sight);
  return check_token(row, required, now);
}

Result<VerifiedJwt> check_jwt(std::optional<std::string_view> jwt, JwtExpectation expectation,
                              TimestampTz now) {
  expectation.issuer = settings::issuer();
  expectation.leeway = settings::leeway();
  expectation.now = numeric_date(now);
  if (!jwt) return Error::malformed;
  const Published published = published_keys(now);
  auto verified = verify_jwt(*jwt, published.keys, expectation, &published.known);
  if (verified && is_ended(verified->claims)) return Error::revoked;
  return verified;
}

}  // namespace openclaw::extension
