#include "core/encoding.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "core/secret.h"
#include "core/sodium.h"

namespace openclaw {
namespace {

constexpr std::string_view kBase62Alphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint32_t kNotBase64Url = 1u << 24;

// Two characters for each 12 bits: half the look-ups.
using Pair = std::array<char, 2>;
constexpr std::array<Pair, 4096> make_base64url_pairs() {
  std::array<Pair, 4096> pairs{};
  for (std::size_t bits = 0; bits < pairs.size(); ++bits) {
    pairs[bits] = {kBase64Url[bits >> 6], kBase64Url[bits & 0x3F]};
  }
  return pairs;
}

constexpr std::array<Pair, 4096> kBase64UrlPairs = make_base64url_pairs();

// What a character stands for at each of the four places of a group, and kNotBase64Url, beyond the
// group's 24 bits, for what is none of the alphabet.
using Values = std::array<std::uint32_t, 256>;

constexpr std::array<Values, 4> make_base64url_values() {
  std::array<Values, 4> values{};
  for (std::size_t place = 0; place < values.size(); ++place) {
    values[place].fill(kNotBase64Url);
    for (std::uint32_t i = 0; i < kBase64Url.size(); ++i) {
      values[place][static_cast<unsigned char>(kBase64Url[i])] = i << (18 - 6 * place);
    }
  }
  return values;
}

constexpr std::array<Values, 4> kBase64UrlValues = make_base64url_values();

template <std::size_t place>
std::uint32_t base64url_value(char c) {
  return kBase64UrlValues[place][static_cast<unsigned char>(c)];
}

std::string encode_base64(ByteView bytes, int variant) {
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant);
  text.pop_back();  // the terminator that libsodium counts and writes
  return text;
}

Result<Bytes> decode_base64(std::string_view text, int variant) {
  Bytes bytes(text.size() / 4 * 3 + 3);
  const std::optional<std::size_t> length = sodium_decode_base64(text, bytes, variant);
  if (!length) return Error::bad_encoding;
  bytes.resize(*length);
  return bytes;
}

constexpr std::array<bool, 256> make_is_base62() {
  std::array<bool, 256> is{};
  for (char c : kBase62Alphabet) is[static_cast<unsigned char>(c)] = true;
  return is;
}

constexpr std::array<bool, 256> kIsBase62 = make_is_base62();

constexpr std::array<std::uint32_t, 256> make_crc32_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value & 1) != 0 ? (value >> 1) ^ 0xEDB88320u : value >> 1;
    }
    table[byte] = value;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> kCrc32Table = make_crc32_table();

}  // namespace

void append_base64url(std::string& text, ByteView bytes) {
  const std::size_t before = text.size();
  text.resize(before + (bytes.size() * 8 + 5) / 6);
  char* out = text.data() + before;
  const std::uint8_t* in = bytes.data();
  const std::uint8_t* const whole = in + bytes.size() / 3 * 3;
  for (; in != whole; in += 3, out += 4) {
    const std::uint32_t group = std::uint32_t{in[0]} << 16 | std::uint32_t{in[1]} << 8 | in[2];
    std::memcpy(out, kBase64UrlPairs[group >> 12].data(), 2);
    std::memcpy(out + 2, kBase64UrlPairs[group & 0xFFF].data(), 2);
  }
  const std::size_t left = bytes.size() % 3;
  if (left == 0) return;
  const std::uint32_t rest =
      std::uint32_t{in[0]} << 16 | (left == 2 ? std::uint32_t{in[1]} << 8 : 0);
  std::memcpy(out, kBase64UrlPairs[rest >> 12].data(), 2);
  if (left == 2) out[2] = kBase64Url[(rest >> 6) & 0x3F];
}

std::string base64url_encode(ByteView bytes) {
  std::string text;
  append_base64url(text, bytes);
  return text;
}

Result<Bytes> base64url_decode(std::string_view text) {
  if (text.size() % 4 == 1) return Error::bad_encoding;
  Bytes bytes(text.size() / 4 * 3 + (text.size() % 4 * 6) / 8);
  std::uint8_t* out = bytes.data();
  const char* in = text.data();
  const char* const whole = in + text.size() / 4 * 4;
  std::uint32_t all = 0;  // kNotBase64Url once a character was none of the alphabet
  for (; in != whole; in += 4, out += 3) {
    const std::uint32_t group = base64url_value<0>(in[0]) | base64url_value<1>(in[1]) |
                                base64url_value<2>(in[2]) | base64url_value<3>(in[3]);
    all |= group;
    const std::array<std::uint8_t, 3> octets{static_cast<std::uint8_t>(group >> 16),
                                             static_cast<std::uint8_t>(group >> 8),
                                             static_cast<std::uint8_t>(group)};
    std::memcpy(out, octets.data(), octets.size());
  }
  if (const std::size_t left = text.size() % 4; left != 0) {
    const bool three = left == 3;
    const std::uint32_t group = base64url_value<0>(in[0]) | base64url_value<1>(in[1]) |
                                (three ? base64url_value<2>(in[2]) : 0);
    all |= group;
    if ((group & (three ? 0xFF : 0xFFFF)) != 0) return Error::bad_encoding;
    *out++ = static_cast<std::uint8_t>(group >> 16);
    if (three) *out++ = static_cast<std::uint8_t>(group >> 8);
  }
  if ((all & kNotBase64Url) != 0) return Error::bad_encoding;
  return bytes;
}

std::string base64_encode(ByteView bytes) {
  return encode_base64(bytes, sodium_base64_VARIANT_ORIGINAL);
}

Result<Bytes> base64_decode(std::string_view text) {
  return decode_base64(text, sodium_base64_VARIANT_ORIGINAL);
}

std::string hex_encode(ByteView bytes) {
  std::string text(2 * bytes.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  text.pop_back();
  return text;
}

Result<Bytes> hex_decode(std::string_view text) {
  Bytes bytes(text.size() / 2 + 1);
  std::size_t length = 0;
  if (sodium_hex2bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &length,
                     nullptr) != 0) {
    return Error::bad_encoding;
  }
  bytes.resize(length);
  return bytes;
}

std::string base62_encode(ByteView bytes, std::size_t width) {
  constexpr double kBitsPerCharacter = 5.954196310386875;  // log2(62)
  if (static_cast<double>(width) * kBitsPerCharacter < 8.0 * static_cast<double>(bytes.size())) {
    throw std::invalid_argument("base62_encode: the width is too small for the bytes");
  }
  // Long division, the remainders from right to left, nine characters at a time: 62^9 and a byte
  // more fit into 64 bits. The quotient is as secret as the input.
  constexpr std::size_t kDigits = 9;
  constexpr std::uint64_t kDivisor = 13'537'086'546'263'552;  // 62^9
  std::string text(width, '0');
  Secret quotient(bytes);
  for (std::size_t end = width; end > 0; end -= std::min(end, kDigits)) {
    std::uint64_t remainder = 0;
    for (std::size_t i = 0; i < quotient.size(); ++i) {
      const std::uint64_t dividend = remainder << 8 | quotient.data()[i];
      quotient.data()[i] = static_cast<std::uint8_t>(dividend / kDivisor);
      remainder = dividend % kDivisor;
    }
    for (std::size_t place = end; place > 0 && place + kDigits > end; --place, remainder /= 62) {
      text[place - 1] = kBase62Alphabet[remainder % 62];
    }
  }
  return text;
}

char base62_digit(std::uint32_t value) { return kBase62Alphabet[value]; }

bool is_base62(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return kIsBase62[static_cast<unsigned char>(c)]; });
}

std::uint32_t crc32(ByteView bytes) {
  std::uint32_t value = 0xFFFFFFFFu;
  for (const std::uint8_t byte : bytes) {
    value = (value >> 8) ^ kCrc32Table[(value ^ byte) & 0xFF];
  }
  return ~value;
}

}  // namespace openclaw
