// Where randomness comes from is the caller's to say: Postgres's pg_strong_random in a backend,
// the kernel in the programs, a fixed sequence in a test.
#pragma once

#include <span>

#include "core/bytes.h"

namespace openclaw {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  // Fills all of `out`, or throws: a short or weak answer is never returned.
  virtual void fill(std::span<std::uint8_t> out) = 0;
};

// The kernel's generator, through libsodium (getrandom(2)).
class SystemRandom final : public RandomSource {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

}  // namespace openclaw
