#include "core/argon2id.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <new>
#include <optional>

#include "core/secret.h"
#include "core/sodium.h"

namespace openclaw {
namespace {

constexpr std::size_t kSaltBytes = crypto_pwhash_SALTBYTES;
constexpr std::size_t kHashBytes = 32;
static_assert(kSaltBytes == 16, "the header says 16");

constexpr std::string_view kVersionPrefix = "$argon2id$v=19$m=";
constexpr std::string_view kIterationsPrefix = ",t=";
constexpr std::string_view kParallelismPrefix = ",p=1$";

struct Phc {
  Argon2Cost cost{};
  std::array<std::uint8_t, kSaltBytes> salt{};
  std::array<std::uint8_t, kHashBytes> hash{};
};

constexpr std::uint32_t kLeastMemory = 8192;

bool within_bounds(Argon2Cost cost) {
  return cost.memory_kib >= kLeastMemory && cost.memory_kib <= 1048576 && cost.iterations >= 1 &&
         cost.iterations <= 16;
}

std::uint64_t work(Argon2Cost cost) { return std::uint64_t{cost.memory_kib} * cost.iterations; }

bool within_bounds(std::string_view password) {
  return !password.empty() && password.size() <= kMaxPasswordBytes;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// A decimal as PHC writes it: no sign, no leading zero.
bool take(std::string_view& text, std::uint32_t& number) {
  if (text.starts_with('0')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

// base64 without padding that decodes to exactly the size of `out`.
bool decode(std::string_view text, std::span<std::uint8_t> out) {
  return sodium_decode_base64(text, out, sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == out.size();
}

std::string encode(ByteView bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), kVariant);
  text.pop_back();  // the terminator
  return text;
}

std::optional<Phc> parse_phc(std::string_view text) {
  Phc phc;
  if (!take(text, kVersionPrefix) || !take(text, phc.cost.memory_kib) ||
      !take(text, kIterationsPrefix) || !take(text, phc.cost.iterations) ||
      !take(text, kParallelismPrefix)) {
    return std::nullopt;
  }
  const std::size_t separator = text.find('$');
  if (separator == std::string_view::npos || !decode(text.substr(0, separator), phc.salt) ||
      !decode(text.substr(separator + 1), phc.hash)) {
    return std::nullopt;
  }
  return phc;
}

// Preconditions: password and cost are within their bounds, so that memory is all that can fail.
Secret derive(std::string_view password, Argon2Cost cost, const std::uint8_t* salt) {
  ensure_sodium();
  Secret hash(kHashBytes);
  if (crypto_pwhash(hash.data(), hash.size(), password.data(), password.size(), salt,
                    cost.iterations, std::size_t{cost.memory_kib} * 1024,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    throw std::bad_alloc();
  }
  return hash;
}

}  // namespace

Result<std::string> argon2id_hash(std::string_view password, Argon2Cost cost,
                                  RandomSource& random) {
  if (!within_bounds(password)) return Error::invalid_password;
  if (!within_bounds(cost)) return Error::invalid_password_cost;
  std::array<std::uint8_t, kSaltBytes> salt;
  random.fill(salt);
  const Secret hash = derive(password, cost, salt.data());

  std::string phc(kVersionPrefix);
  phc += std::to_string(cost.memory_kib);
  phc += kIterationsPrefix;
  phc += std::to_string(cost.iterations);
  phc += kParallelismPrefix;
  phc += encode(salt);
  phc += '$';
  phc += encode(hash.view());
  return phc;
}

// Derives the hash again rather than calling crypto_pwhash_str_verify, which reports memory that
// it could not get as a password that does not fit.
bool argon2id_verify(std::string_view phc, std::string_view password) {
  const std::optional<Phc> parsed = parse_phc(phc);
  if (!parsed || !within_bounds(parsed->cost) || !within_bounds(password)) return false;
  return constant_time_equal(derive(password, parsed->cost, parsed->salt.data()).view(),
                             parsed->hash);
}

PasswordCheck argon2id_check(std::optional<std::string_view> phc, std::string_view password,
                             Argon2Cost cost) {
  const std::optional<Phc> parsed = phc ? parse_phc(*phc) : std::nullopt;
  const bool usable = parsed && within_bounds(parsed->cost);
  if (usable && argon2id_verify(*phc, password)) {
    const Argon2Cost stored = parsed->cost;
    return {true, work(stored) <= work(cost) &&
                      (stored.memory_kib < cost.memory_kib || stored.iterations < cost.iterations)};
  }
  if (!within_bounds(password) || !within_bounds(cost)) return {false, false};
  // What is missing to the work of `cost`: memory times passes.
  const std::uint64_t whole = work(cost);
  const std::uint64_t missing = whole - std::min(whole, usable ? work(parsed->cost) : 0);
  if (missing >= kLeastMemory / 2) {
    const std::uint64_t passes = (missing + cost.memory_kib - 1) / cost.memory_kib;
    constexpr std::array<std::uint8_t, kSaltBytes> kSalt{};
    static_cast<void>(
        derive(password,
               {static_cast<std::uint32_t>(std::max<std::uint64_t>(missing / passes, kLeastMemory)),
                static_cast<std::uint32_t>(passes)},
               kSalt.data()));
  }
  return {false, false};
}

}  // namespace openclaw
