// JSON Web Tokens in compact form (RFC 7515 7.1, RFC 7519), issued and checked by the rules of
// RFC 8725. Two types, which never stand in for each other:
//
//   access token  typ at+jwt          (RFC 9068)  harness -> external container
//   user claim    typ user-claim+jwt              harness -> hosted container, beside mTLS
//
// Claims: iss, sub, user_id (the same as sub), aud, scope, client_id, container_id, act, cnf,
// status, iat, exp, jti.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/jwks.h"
#include "core/known_signatures.h"
#include "core/numeric_date.h"
#include "core/result.h"
#include "core/signing_key.h"

namespace openclaw {

inline constexpr std::size_t kMaxJwt = 8 * 1024;

enum class JwtType : std::uint8_t { access_token, user_claim };

// "at+jwt", "user-claim+jwt".
std::string_view name(JwtType type);

// Where a JWT's status stands (IETF Token Status List 6.2): status.status_list.
struct StatusReference {
  std::string uri;
  std::uint32_t index = 0;  // idx

  bool operator==(const StatusReference&) const = default;
};

// Times are NumericDates: whole seconds since 1970-01-01T00:00:00Z (RFC 7519 2).
struct Claims {
  std::string issuer;                      // iss
  std::string user_id;                     // user_id and sub
  std::vector<std::string> audience;       // aud; written as a string when there is one
  std::vector<std::string> scopes;         // scope; left out when empty
  std::string client_id;                   // left out when empty
  std::string container_id;                // left out when empty
  std::string actor;                       // act.sub (RFC 8693 4.1); left out when empty
  std::string certificate_thumbprint;      // cnf.x5t#S256 (RFC 8705 3.1); left out when empty
  std::optional<StatusReference> status;   // left out when there is none
  std::string id;                          // jti
  std::int64_t issued_at = 0;              // iat
  std::int64_t expires_at = 0;             // exp
  std::optional<std::int64_t> not_before;  // nbf
};

struct VerifiedJwt {
  JwtType type;
  std::string kid;
  Claims claims;
};

// Header {"alg","typ","kid"} and the claims, signed. Precondition: every text is valid UTF-8.
std::string sign_jwt(const SigningKey& key, JwtType type, const Claims& claims);

struct JwtExpectation {
  JwtType type = JwtType::access_token;
  std::string_view issuer;                   // compared byte for byte
  std::optional<std::string_view> audience;  // none: only introspection, which reports aud and cnf
  std::optional<std::string_view> user_id;   // none: any user
  std::span<const std::string_view> required_scopes;
  // Of the certificate that the caller's TLS connection proved, as in cnf. None: there was none,
  // and a certificate-bound token is refused (RFC 8705 3); introspection demands none.
  std::optional<std::string_view> certificate_thumbprint;
  std::int64_t now = 0;                  // NumericDate
  std::int64_t leeway = kDefaultLeeway;  // for nbf and iat, clamped to 0..kMaxLeeway
};

// Checks in this order, and stops at the first that fails:
//   form        Error::malformed              over kMaxJwt, not three segments, base64url, JSON,
//                                             duplicate members, crit, b64, jwk, jku, x5c, x5u,
//                                             zip; typ, alg or kid missing or not a string; kid
//                                             over 256 bytes
//   algorithm   Error::unsupported_algorithm  not EdDSA, ES256, RS256, or not the key's own
//   key         Error::unknown_key            kid not in the set
//   signature   Error::invalid_signature
//   claims      Error::wrong_type, wrong_issuer, malformed (a claim of the wrong JSON type, exp or
//               iat missing), expired (exp <= now, with no leeway), not_yet_valid, wrong_audience
//               (aud absent, or without the demanded one), wrong_user (user_id or sub absent,
//               empty, unequal, or not the demanded one), wrong_certificate (cnf, but not of the
//               caller's certificate), insufficient_scope
// A cnf with any other method than x5t#S256 is malformed: what cannot be proven here must not pass
// for unbound (RFC 7800 3.1). So is a status by other means than a list, and an act without a sub.
// Of act only the outermost sub is read. typ is compared without regard to case and with or without
// an "application/" prefix (RFC 7515 4.1.9). Does no I/O, whatever the header says. `known` is for
// check_signature (core/jws.h).
Result<VerifiedJwt> verify_jwt(std::string_view jwt, const KeySet& keys,
                               const JwtExpectation& expectation, KnownSignatures* known = nullptr);

// True when the text has the outer form of a compact JWS: bounded, two dots, starting with the
// base64url of `{"`. Decides only which kind of token something claims to be.
bool looks_like_jwt(std::string_view token);

}  // namespace openclaw
