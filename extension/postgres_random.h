// Randomness from Postgres's own cryptographic generator.
#pragma once

#include <string>
#include <string_view>

#include "core/random.h"

namespace openclaw::extension {

class PostgresRandom final : public RandomSource {
 public:
  // Raises XX000 when the generator fails, as Postgres itself does.
  void fill(std::span<std::uint8_t> out) override;
};

// `prefix_` and 128 random bits in 22 characters of base62.
std::string new_id(std::string_view prefix);

}  // namespace openclaw::extension
