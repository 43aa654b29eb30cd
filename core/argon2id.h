// Password hashing: Argon2id version 1.3 (RFC 9106), one lane, as a PHC string
// `$argon2id$v=19$m=MEMORY,t=ITERATIONS,p=1$SALT$HASH`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/random.h"
#include "core/result.h"

namespace openclaw {

inline constexpr std::size_t kMaxPasswordBytes = 1024;

struct Argon2Cost {
  std::uint32_t memory_kib;  // 8192 .. 1048576
  std::uint32_t iterations;  // 1 .. 16
};

// Draws a 16-byte salt from `random`. Error::invalid_password, Error::invalid_password_cost.
// std::bad_alloc when the memory cannot be had.
Result<std::string> argon2id_hash(std::string_view password, Argon2Cost cost, RandomSource& random);

// True when `password` is the one that `phc` was made from. A `phc` that is not of the form above
// with a 16-byte salt and a 32-byte hash, a cost or a password outside its bounds is false, before
// any work is done. Constant time in the hash. std::bad_alloc as above: never a wrong answer.
bool argon2id_verify(std::string_view phc, std::string_view password);

struct PasswordCheck {
  bool matches;
  bool outdated;  // it matches, and `phc` was made with less memory or fewer passes than `cost`,
                  // and no more of both together
};

// argon2id_verify for a sign-in. Whoever is refused waits as long as a hash of `cost` takes, also
// where there is no `phc` or a cheaper one, so that the time does not tell who has an account. A
// `phc` that is dearer than `cost` takes longer. std::bad_alloc as above.
PasswordCheck argon2id_check(std::optional<std::string_view> phc, std::string_view password,
                             Argon2Cost cost);

}  // namespace openclaw
