#include "core/encoding.h"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

#include "core/secret.h"
#include "core/sodium.h"

namespace openclaw {
namespace {

constexpr std::string_view kBase62Alphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

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

std::string base64url_encode(ByteView bytes) {
  return encode_base64(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

Result<Bytes> base64url_decode(std::string_view text) {
  return decode_base64(text, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
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
  // Long division by 62, the remainders from right to left. The quotient is as secret as the input.
  std::string text(width, '0');
  Secret quotient(bytes);
  for (std::size_t position = width; position-- > 0;) {
    std::uint32_t remainder = 0;
    for (std::size_t i = 0; i < quotient.size(); ++i) {
      const std::uint32_t dividend = remainder << 8 | quotient.data()[i];
      quotient.data()[i] = static_cast<std::uint8_t>(dividend / 62);
      remainder = dividend % 62;
    }
    text[position] = kBase62Alphabet[remainder];
  }
  return text;
}

bool is_base62(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  });
}

std::uint32_t crc32(ByteView bytes) {
  std::uint32_t value = 0xFFFFFFFFu;
  for (const std::uint8_t byte : bytes) {
    value = (value >> 8) ^ kCrc32Table[(value ^ byte) & 0xFF];
  }
  return ~value;
}

}  // namespace openclaw
