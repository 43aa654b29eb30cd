// A RandomSource that gives the same bytes for the same seed: SHA-256 over seed and block number.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/random.h"
#include "core/sha256.h"

namespace openclaw {

class FixedRandom final : public RandomSource {
 public:
  explicit FixedRandom(std::uint64_t seed = 0) : seed_(seed) {}

  void fill(std::span<std::uint8_t> out) override {
    while (!out.empty()) {
      const Digest block = next_block();
      const std::size_t taken = std::min(out.size(), block.size());
      std::copy_n(block.begin(), taken, out.begin());
      out = out.subspan(taken);
    }
  }

 private:
  Digest next_block() {
    std::array<std::uint8_t, 16> input{};
    for (std::size_t i = 0; i < 8; ++i) {
      input[i] = static_cast<std::uint8_t>(seed_ >> (8 * i));
      input[8 + i] = static_cast<std::uint8_t>(blocks_ >> (8 * i));
    }
    ++blocks_;
    return sha256(input);
  }

  std::uint64_t seed_;
  std::uint64_t blocks_ = 0;
};

}  // namespace openclaw
