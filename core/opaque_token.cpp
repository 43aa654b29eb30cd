#include "core/opaque_token.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "core/encoding.h"
#include "core/sha256.h"
#include "core/sodium.h"

namespace openclaw {
namespace {

constexpr std::size_t kPrefixLength = 4;
constexpr std::size_t kRandomBytes = 32;
constexpr std::size_t kRandomLength = 43;
constexpr std::size_t kChecksumLength = 6;
static_assert(kPrefixLength + kRandomLength + kChecksumLength == kTokenLength);

constexpr std::string_view kHashPrefix = "sha256:";

struct Prefix {
  TokenPurpose purpose;
  std::string_view text;
};

constexpr std::array<Prefix, 4> kPrefixes{{{TokenPurpose::user_direct, "ocu_"},
                                           {TokenPurpose::platform_harness, "och_"},
                                           {TokenPurpose::refresh, "ocr_"},
                                           {TokenPurpose::client_secret, "ocs_"}}};

std::string_view prefix_of(TokenPurpose purpose) {
  return std::find_if(kPrefixes.begin(), kPrefixes.end(),
                      [purpose](const Prefix& prefix) { return prefix.purpose == purpose; })
      ->text;
}

std::array<char, kChecksumLength> checksum(std::string_view text) {
  std::array<char, kChecksumLength> digits{};
  std::uint32_t rest = crc32(as_bytes(text));
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, rest /= 62) {
    *digit = base62_digit(rest % 62);
  }
  return digits;
}

MintedToken mint(TokenPurpose purpose, const Secret& entropy) {
  Secret text(kTokenLength);
  char* const out = reinterpret_cast<char*>(text.data());

  const std::string_view prefix = prefix_of(purpose);
  std::copy(prefix.begin(), prefix.end(), out);
  std::string digits = base62_encode(entropy.view(), kRandomLength);
  std::copy(digits.begin(), digits.end(), out + kPrefixLength);
  wipe(digits.data(), digits.size());
  const auto sum = checksum(text.text().substr(0, kPrefixLength + kRandomLength));
  std::copy(sum.begin(), sum.end(), out + kPrefixLength + kRandomLength);

  const Digest hash = token_hash(text.text());
  return {std::move(text), hash};
}

}  // namespace

MintedToken mint_token(TokenPurpose purpose, RandomSource& random) {
  Secret entropy(kRandomBytes);
  random.fill({entropy.data(), entropy.size()});
  return mint(purpose, entropy);
}

MintedToken mint_successor(std::string_view predecessor, ByteView key) {
  static_assert(kRandomBytes == crypto_auth_hmacsha256_BYTES);
  if (key.size() != crypto_auth_hmacsha256_KEYBYTES) {
    throw std::invalid_argument("a successor's key has 32 bytes");
  }
  ensure_sodium();
  Secret entropy(kRandomBytes);
  const ByteView message = as_bytes(predecessor);
  crypto_auth_hmacsha256(entropy.data(), message.data(), message.size(), key.data());
  return mint(TokenPurpose::refresh, entropy);
}

Result<TokenPurpose> parse_token(std::string_view token) {
  if (token.size() != kTokenLength) return Error::malformed;
  const auto* const prefix =
      std::find_if(kPrefixes.begin(), kPrefixes.end(),
                   [token](const Prefix& known) { return token.starts_with(known.text); });
  if (prefix == kPrefixes.end() || !is_base62(token.substr(kPrefixLength))) return Error::malformed;
  const std::size_t checked = kTokenLength - kChecksumLength;
  const auto sum = checksum(token.substr(0, checked));
  if (!std::equal(sum.begin(), sum.end(), token.begin() + checked)) return Error::malformed;
  return prefix->purpose;
}

Digest token_hash(std::string_view token) { return sha256(as_bytes(token)); }

std::string format_token_hash(const Digest& hash) {
  return std::string(kHashPrefix) + hex_encode(hash);
}

Result<Digest> parse_token_hash(std::string_view text) {
  Digest hash;
  if (!text.starts_with(kHashPrefix) || text.size() != kHashPrefix.size() + 2 * hash.size()) {
    return Error::bad_encoding;
  }
  const Result<Bytes> bytes = hex_decode(text.substr(kHashPrefix.size()));
  if (!bytes) return bytes.error();
  std::copy(bytes->begin(), bytes->end(), hash.begin());
  return hash;
}

}  // namespace openclaw
