// The decision on a token, as every SQL function that takes one shares it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/jwt.h"
#include "core/result.h"
#include "extension/call.h"
#include "extension/tables.h"

namespace openclaw::extension {

// Whole seconds since 1970 (RFC 7519 2, NumericDate), and back.
std::int64_t numeric_date(TimestampTz time);
TimestampTz timestamp(std::int64_t numeric_date);

// "access_token", "user_claim". Raises 22023.
JwtType jwt_type(std::string_view type);

// Where the status of a container's JWTs stands: ISSUER/oauth/status/CONTAINER/GENERATION. Raises
// 55000 without issuer.
std::string status_list_uri(std::string_view container_id, std::string_view generation);

// Scopes that a call requires. Raises 22004 for a null element, 22023 for one that is no scope: a
// check that cannot be meant must not pass by accident.
Views required_scopes(const TextArray& scopes);
Views granted_scopes(const TokenRow& row);

// A live row of api_tokens that grants `required`, or why not. Its use is noted (token_uses.h).
Result<TokenRow> check_token(const TokenRow& row, std::span<const std::string_view> required,
                             TimestampTz now);
// The same from the token's text; malformed for nothing, without a look-up.
Result<TokenRow> check_token(std::optional<std::string_view> token,
                             std::span<const std::string_view> required, TimestampTz now,
                             Sight sight = Sight::statement);

// verify_jwt of core with the published keys, the configured issuer and the clock, and then the
// user's and the container's own state: a user who is disabled, a container that is gone, a JWT
// that was revoked by itself or with all others of its generation refuse with Error::revoked.
Result<VerifiedJwt> check_jwt(std::optional<std::string_view> jwt, JwtExpectation expectation,
                              TimestampTz now);

}  // namespace openclaw::extension
