#include "core/secret.h"

#include <algorithm>
#include <utility>

#include "core/sodium.h"

namespace openclaw {

Secret::Secret(std::size_t size)
    : data_(size == 0 ? nullptr : new std::uint8_t[size]()), size_(size) {}

Secret::Secret(ByteView bytes) : Secret(bytes.size()) {
  std::copy(bytes.begin(), bytes.end(), data_);
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  // What this held moves into a temporary that wipes it; moving onto itself keeps the bytes.
  Secret taken(std::move(other));
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  return *this;
}

Secret::~Secret() {
  wipe(data_, size_);
  delete[] data_;
}

void wipe(void* data, std::size_t size) {
  if (size != 0) sodium_memzero(data, size);
}

bool constant_time_equal(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace openclaw
