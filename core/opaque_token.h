// Opaque tokens: a prefix that says what the token is for, 256 random bits in 43 characters of
// base62, and a checksum (CRC-32 over all before it, 6 characters of base62), 53 characters in all:
//
//   ocu_ + 43 + 6   a user's own token          (issued_for user_direct)
//   och_ + 43 + 6   the platform harness's token (issued_for platform_harness)
//   ocr_ + 43 + 6   a refresh token
//   ocs_ + 43 + 6   an OAuth client's secret
//
// The prefix lets secret scanners find one; the checksum refuses a typo without a look-up. The
// entropy is high, so what is stored is a plain SHA-256 of the token's text; `sha256:HEX` of the
// same digest serves config.yaml, and `printf %s TOKEN | sha256sum` gives it too.
#pragma once

#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/random.h"
#include "core/result.h"
#include "core/secret.h"

namespace openclaw {

enum class TokenPurpose : std::uint8_t { user_direct, platform_harness, refresh, client_secret };

inline constexpr std::size_t kTokenLength = 53;

struct MintedToken {
  Secret text;  // shown once, never stored
  Digest hash;  // stored
};

MintedToken mint_token(TokenPurpose purpose, RandomSource& random);

// The refresh token that replaces `predecessor`: its 256 bits are HMAC-SHA256(key, predecessor), so
// that whoever sends the same token twice is given the same successor, though it is stored nowhere.
// `key` is 32 random bytes kept beside the predecessor; neither alone tells anything of the result.
// std::invalid_argument for a key of another size.
MintedToken mint_successor(std::string_view predecessor, ByteView key);

// What the token is for, by its form alone. Error::malformed for a wrong length, prefix, alphabet
// or checksum. Bounded work whatever the input.
Result<TokenPurpose> parse_token(std::string_view token);

// SHA-256 of the token's text.
Digest token_hash(std::string_view token);

// `sha256:` and 64 lower-case hex digits.
std::string format_token_hash(const Digest& hash);
// Takes hex of either case. Error::bad_encoding.
Result<Digest> parse_token_hash(std::string_view text);

}  // namespace openclaw
