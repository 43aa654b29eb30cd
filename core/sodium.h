// libsodium, initialized, and what it needs around it. Internal to core.
#pragma once

#include <sodium.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>

namespace openclaw {

// To be called before randomness, password hashing and whatever else picks an implementation by
// processor. Cheap after the first time, safe from several threads. Throws std::runtime_error when
// libsodium cannot work here (no source of randomness).
inline void ensure_sodium() {
  static const bool ready = sodium_init() >= 0;
  if (!ready) throw std::runtime_error("libsodium cannot be initialized");
}

// Decodes all of `text` into `out`, which may be the caller's to wipe, and gives the length. None
// for whatever libsodium would not have written itself in this variant (sodium_base64_VARIANT_*):
// white space, trailing text, missing or surplus padding, non-zero unused bits. Bytes from 0x80 on
// are refused here, because libsodium 1.0.18 takes them for characters of the alphabet.
inline std::optional<std::size_t> sodium_decode_base64(std::string_view text,
                                                       std::span<std::uint8_t> out, int variant) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  std::size_t length = 0;
  if (!std::all_of(text.begin(), text.end(), is_ascii) ||
      sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &length, nullptr,
                        variant) != 0) {
    return std::nullopt;
  }
  return length;
}

}  // namespace openclaw
