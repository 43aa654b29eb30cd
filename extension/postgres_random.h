// Randomness from Postgres's own cryptographic generator.
#pragma once

#include "core/random.h"

namespace openclaw::extension {

class PostgresRandom final : public RandomSource {
 public:
  // Raises XX000 when the generator fails, as Postgres itself does.
  void fill(std::span<std::uint8_t> out) override;
};

}  // namespace openclaw::extension
