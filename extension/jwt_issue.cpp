#include "extension/jwt_issue.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/encoding.h"
#include "core/endpoint.h"
#include "core/scope.h"
#include "core/status_list.h"
#include "extension/key_cache.h"
#include "extension/postgres_random.h"
#include "extension/settings.h"
#include "extension/verification.h"

namespace openclaw::extension {
namespace {

constexpr std::int64_t kMaxLifetime = 3600;  // seconds: openclaw.max_jwt_lifetime()

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

std::vector<std::string> grants(std::span<const std::string_view> scopes) {
  std::vector<std::string> checked;
  checked.reserve(scopes.size());
  for (const std::string_view scope : scopes) {
    if (!check_grant(scope)) {
      throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "scopes holds an invalid scope",
                     std::string(message(Error::invalid_scope))};
    }
    checked.emplace_back(scope);
  }
  return checked;
}

std::int64_t expiry(const JwtOrder& order, TimestampTz now) {
  const std::int64_t expires_at = numeric_date(now) + order.lifetime;
  if (!order.not_after) return expires_at;
  if (TIMESTAMP_NOT_FINITE(*order.not_after) || *order.not_after <= now) {
    throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "not_after must be a time to come"};
  }
  return std::min(expires_at, numeric_date(*order.not_after));
}

std::int64_t within_plan(std::int64_t lifetime, const Target& target) {
  return std::max(std::int64_t{1}, std::min(lifetime, target.longest.value_or(lifetime)));
}

std::int64_t lifetime_of(Datum interval, const Target& target) {
  const std::int64_t lifetime = microseconds(*DatumGetIntervalP(interval));
  if (lifetime < USECS_PER_SEC || lifetime > kMaxLifetime * USECS_PER_SEC) {
    throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE,
                   "lifetime must be between one second and 01:00:00"};
  }
  return within_plan(lifetime / USECS_PER_SEC, target);
}

Views required_views(const Call& call, int index) {
  return views_of(call.required_text_array(index, kMaxScopes, kMaxScopesBytes, "scopes"));
}

void require_plan_scopes(const Target& target, const Views& scopes) {
  if (plan_allows(target, scopes)) return;
  throw SqlError{
      ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
      "plan \"" + target.plan_tier + "\" does not allow every one of these scopes",
      "reason: plan_scopes",
      "Ask for scopes within " + format_scope_list(views_of(*target.allowed_scopes)) + "."};
}

std::string_view optional_text(const Call& call, int index, std::size_t limit, const char* what) {
  return call.is_null(index) ? std::string_view{} : call.required_text(index, limit, what);
}

[[noreturn]] void refuse_container() {
  throw SqlError{ERRCODE_NO_DATA_FOUND, "no such container", "reason: unknown_container"};
}

// The container that an argument names; whatever is wrong with it, it is unknown.
const Target& required_target(const Call& call, int container_id) {
  const auto id = call.text(container_id, kMaxId);
  const Target* target = id ? find_target(*id) : nullptr;
  if (target == nullptr) refuse_container();
  return *target;
}

void require_owner(const Call& call, int user_id, const Target& target) {
  if (call.text(user_id, kMaxId) != target.user_id) refuse_container();
}

Datum signed_row(Call& call, const SignedJwt& jwt) {
  const TupleDesc type = call.row_type();
  return guarded([&] {
    Datum values[5] = {Call::text(jwt.text), Call::text(jwt.id), Call::text(jwt.kid),
                       TimestampTzGetDatum(timestamp(jwt.issued_at)),
                       TimestampTzGetDatum(timestamp(jwt.expires_at))};
    bool nulls[5] = {};
    return HeapTupleGetDatum(heap_form_tuple(type, values, nulls));
  });
}

}  // namespace

SignedJwt sign(const JwtOrder& order) {
  const auto algorithm = parse_algorithm(order.algorithm);
  if (!algorithm) throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "unknown signing algorithm"};
  const TimestampTz now = GetCurrentTimestamp();
  Claims claims;
  claims.issuer = settings::issuer();
  claims.user_id = order.user_id;
  claims.audience.emplace_back(order.audience);
  claims.scopes = grants(order.scopes);
  claims.client_id = order.client_id;
  claims.container_id = order.container_id;
  claims.actor = order.actor;
  claims.certificate_thumbprint = order.certificate_thumbprint;
  claims.id = new_jwt_id();
  claims.issued_at = numeric_date(now);
  claims.expires_at = expiry(order, now);
  if (order.generation) {
    claims.status =
        StatusReference{status_list_uri(order.container_id, std::to_string(*order.generation)),
                        status_list_index(claims.id)};
  }
  const SigningKey& key = active_key(*algorithm, now);
  std::string jwt = sign_jwt(key, order.type, claims);
  if (jwt.size() > kMaxJwt) {
    throw SqlError{ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the JWT would be too long to be verified",
                   "At most " + std::to_string(kMaxJwt) + " bytes are read.",
                   "Ask for fewer or shorter scopes."};
  }
  return {std::move(jwt), std::move(claims.id), key.kid(), claims.issued_at, claims.expires_at};
}

JwtOrder order_for(JwtType type, const Target& target, std::span<const std::string_view> scopes) {
  const std::int64_t usual = type == JwtType::access_token ? settings::access_token_lifetime()
                                                           : settings::user_claim_lifetime();
  return {.type = type,
          .algorithm = target.signing_alg,
          .user_id = target.user_id,
          .audience = target.mcp_endpoint,
          .scopes = scopes,
          .client_id = {},
          .container_id = target.container_id,
          .actor = {},
          .certificate_thumbprint = {},
          .lifetime = within_plan(usual, target),
          .generation = target.jwt_generation,
          .not_after = std::nullopt};
}

bool plan_allows(const Target& target, std::span<const std::string_view> scopes) {
  if (!target.allowed_scopes) return true;
  const Views allowed = views_of(*target.allowed_scopes);
  return std::all_of(scopes.begin(), scopes.end(), [&](std::string_view scope) {
    return scope.starts_with(kFrontArea) || covers_all(allowed, {&scope, 1});
  });
}

// (type, alg, user_id, audience, scopes, client_id, container_id, lifetime in seconds, generation,
//  actor, certificate_thumbprint, not_after)
OPENCLAW_FUNCTION(openclaw_sign_jwt) {
  Call call(fcinfo);
  JwtOrder order{};
  order.type = jwt_type(call.required_text(0, 32, "type"));
  order.algorithm = call.required_text(1, 16, "alg");
  order.user_id = call.required_text(2, kMaxId, "user_id");
  order.audience = call.required_text(3, kMaxEndpoint, "audience");
  const Views scopes = required_views(call, 4);
  order.scopes = scopes;
  order.client_id = optional_text(call, 5, kMaxId, "client_id");
  order.container_id = optional_text(call, 6, kMaxId, "container_id");
  if (call.is_null(7)) {
    throw SqlError{ERRCODE_NULL_VALUE_NOT_ALLOWED, "lifetime_seconds must not be null"};
  }
  order.lifetime = DatumGetInt32(call.datum(7));
  if (!call.is_null(8)) order.generation = DatumGetInt32(call.datum(8));
  order.actor = optional_text(call, 9, kMaxId, "actor");
  order.certificate_thumbprint = optional_text(call, 10, 64, "certificate_thumbprint");
  if (!call.is_null(11)) order.not_after = DatumGetTimestampTz(call.datum(11));
  return signed_row(call, sign(order));
}

// (container_id, scopes, lifetime, user_id, client_id, alg, actor, certificate_thumbprint,
// not_after)
OPENCLAW_FUNCTION(openclaw_issue_access_token) {
  Call call(fcinfo);
  const Target& target = required_target(call, 0);
  if (!call.is_null(3)) require_owner(call, 3, target);
  if (target.type != "external" || target.auth_method != "platform_token") {
    throw SqlError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "this container takes no access tokens",
                   "It is " + target.type + " with auth_method " + target.auth_method + ".",
                   "Access tokens are for type external with auth_method platform_token."};
  }
  const Views scopes = call.is_null(1) ? Views{} : required_views(call, 1);
  if (scopes.empty()) {
    throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "scopes must not be empty"};
  }
  require_plan_scopes(target, scopes);
  JwtOrder order = order_for(JwtType::access_token, target, scopes);
  if (!call.is_null(2)) order.lifetime = lifetime_of(call.datum(2), target);
  order.client_id = optional_text(call, 4, kMaxId, "client_id");
  if (!call.is_null(5)) order.algorithm = call.required_text(5, 16, "alg");
  order.actor = optional_text(call, 6, kMaxId, "actor");
  order.certificate_thumbprint = optional_text(call, 7, 64, "certificate_thumbprint");
  if (!call.is_null(8)) order.not_after = DatumGetTimestampTz(call.datum(8));
  return signed_row(call, sign(order));
}

// (user_id, container_id, scopes, lifetime, alg)
OPENCLAW_FUNCTION(openclaw_issue_user_claim) {
  Call call(fcinfo);
  const Target& target = required_target(call, 1);
  require_owner(call, 0, target);
  if (target.type != "hosted") {
    throw SqlError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "this container takes no user claims",
                   "It is external.", "User claims are for type hosted, beside mTLS."};
  }
  const Views scopes = required_views(call, 2);
  require_plan_scopes(target, scopes);
  JwtOrder order = order_for(JwtType::user_claim, target, scopes);
  if (!call.is_null(3)) order.lifetime = lifetime_of(call.datum(3), target);
  if (!call.is_null(4)) order.algorithm = call.required_text(4, 16, "alg");
  return signed_row(call, sign(order));
}

}  // namespace openclaw::extension
