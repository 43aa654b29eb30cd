// Bytes that are wiped when they go. Moves, never copies; has no way to be printed.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/bytes.h"

namespace openclaw {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::size_t size);  // zeroed
  explicit Secret(ByteView bytes);    // a copy; the source stays the caller's to wipe
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  std::uint8_t* data() { return data_; }
  const std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  ByteView view() const { return {data_, size_}; }
  std::string_view text() const { return as_text(view()); }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// Overwrites the range in a way that the compiler keeps.
void wipe(void* data, std::size_t size);

// Takes time that depends on the sizes only, never on the contents.
bool constant_time_equal(ByteView a, ByteView b);

}  // namespace openclaw
