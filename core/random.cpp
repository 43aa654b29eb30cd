#include "core/random.h"

#include "core/sodium.h"

namespace openclaw {

void SystemRandom::fill(std::span<std::uint8_t> out) {
  ensure_sodium();
  randombytes_buf(out.data(), out.size());
}

}  // namespace openclaw
