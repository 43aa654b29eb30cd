// JSON Web Signatures in compact form over a JSON object (RFC 7515 7.1), by the rules of RFC 8725:
// what JWTs, Status List Tokens and client assertions have in common. Does no I/O, whatever the
// header says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/json.h"
#include "core/jwks.h"
#include "core/known_signatures.h"
#include "core/result.h"
#include "core/signing_key.h"

namespace openclaw {

enum class JwsHeaders : std::uint8_t {
  ours,     // typ and kid must be there
  foreign,  // typ and kid may be absent
};

// Right in form. Nothing of it is to be believed before check_signature.
struct ParsedJws {
  std::string algorithm;            // alg
  std::optional<std::string> type;  // typ
  std::optional<std::string> kid;
  JsonDocument payload;
  std::string_view text;         // what was parsed, whole
  std::string_view signed_text;  // of it, header and payload with the dot between
  Bytes signature;
};

// Error::malformed: over `longest` bytes, not three segments, base64url, JSON (core/json.h),
// duplicate members, a header over 8 KiB or with crit, b64, jwk, jku, x5c, x5u or zip; alg missing;
// alg, typ or kid not a string; kid over 256 bytes.
Result<ParsedJws> parse_jws(std::string_view jws, std::size_t longest, JwsHeaders headers);

// With a kid: by that key. Without: by any key of the set that has the header's algorithm.
// Error::unsupported_algorithm (not EdDSA, ES256, RS256, or not that of the kid's key),
// Error::unknown_key, Error::invalid_signature. A JWS with a kid is looked for in `known`, which
// must be of these keys, before its signature is, and is put there when that fits.
Result<void> check_signature(const ParsedJws& jws, const KeySet& keys,
                             KnownSignatures* known = nullptr);

// True when typ names the media type `application/NAME`: without regard to case, and with or
// without that prefix (RFC 7515 4.1.9).
bool is_media_type(std::string_view typ, std::string_view name);

// Header {"alg","typ","kid"} and the payload, a JSON object, signed.
std::string sign_jws(const SigningKey& key, std::string_view type, std::string_view payload);

}  // namespace openclaw
