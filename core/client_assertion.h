// Client authentication with a JWT that the client signed (private_key_jwt; RFC 7521 4.2, RFC 7523
// 2.2 and 3).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/jwks.h"
#include "core/result.h"

namespace openclaw {

inline constexpr std::size_t kMaxClientKeys = 8;
inline constexpr std::int64_t kMaxAssertionLifetime = 3600;  // seconds that exp may lie ahead

// A client's JWK Set as it is stored: 1 to kMaxClientKeys keys, each usable for signatures by the
// rules of PublicKey::from_jwk, its thumbprint as kid where it had none, written out again in the
// order of their kids. Unlike KeySet::parse nothing is left out: a key that cannot be used is the
// error it has (Error::malformed, unsupported_key, invalid_key, not_for_signatures). Further
// Error::duplicate_kid, too_long (over kMaxJwks or kMaxClientKeys), malformed (no set, or an empty
// one).
Result<std::string> canonical_client_jwks(std::string_view json);

// The client that an assertion claims to be from (sub), not verified: only to find its keys by.
// Error::malformed for anything that verify_client_assertion would call so by its form, and for a
// sub that is absent, empty or no string.
Result<std::string> claimed_client(std::string_view jwt);

struct ClientAssertionExpectation {
  std::string_view client_id;  // iss and sub, byte for byte
  std::string_view audience;   // the issuer identifier of this authorization server
  std::int64_t now = 0;        // NumericDate
  std::int64_t leeway = 0;     // for nbf and iat, clamped to 0..kMaxLeeway
};

struct ClientAssertion {
  std::string jti;  // to be accepted once
  std::int64_t expires_at = 0;
};

// Checks, and stops at the first that fails:
//   form, algorithm  as verify_jwt (core/jwt.h), but `kid` and `typ` may be absent
//   key              with a kid: that one; without: each key of the set with the header's alg.
//                    Error::unknown_key
//   signature        Error::invalid_signature
//   claims           typ present and neither JWT nor client-authentication+jwt (any case, with or
//                    without application/): Error::wrong_type, so that no access token, user claim
//                    or ID token stands in for an assertion; iss or sub not client_id:
//                    Error::wrong_issuer; aud not exactly the audience, as a string or as the only
//                    element of an array: Error::wrong_audience; jti absent, empty or over 256
//                    bytes: Error::malformed; exp missing: malformed; past: expired; more than
//                    kMaxAssertionLifetime ahead: malformed; nbf or iat (optional) ahead beyond the
//                    leeway: not_yet_valid
Result<ClientAssertion> verify_client_assertion(std::string_view jwt, const KeySet& keys,
                                                const ClientAssertionExpectation& expectation);

}  // namespace openclaw
