// Randomness from Postgres's own cryptographic generator.
#pragma once

#include <string>
#include <string_view>

#include "core/random.h"
#include "core/secret.h"

namespace openclaw::extension {

class PostgresRandom final : public RandomSource {
 public:
  // Raises XX000 when the generator fails, as Postgres itself does.
  void fill(std::span<std::uint8_t> out) override;
};

// The same, drawn some pages at a time for whoever makes much at once: a call of the generator
// costs more than the bytes that it gives. What is left over is wiped.
class BufferedRandom final : public RandomSource {
 public:
  void fill(std::span<std::uint8_t> out) override;

 private:
  Secret drawn_{8192};
  std::size_t used_ = drawn_.size();
};

// `prefix_` and 128 random bits in 22 characters of base62.
std::string new_id(std::string_view prefix, RandomSource& random);

}  // namespace openclaw::extension
