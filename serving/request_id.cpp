#include "serving/request_id.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <sys/random.h>

namespace openclaw {

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string RequestIds::next(std::optional<std::string_view> from_client) {
  constexpr char kHex[] = "0123456789abcdef";
  if (from_client && is_request_id(*from_client)) return std::string(*from_client);
  if (left_ < kBytes) {
    // Up to 256 bytes come whole or not at all (getrandom(2)).
    if (getrandom(random_.data(), random_.size(), 0) != static_cast<ssize_t>(random_.size())) {
      throw std::system_error(errno, std::generic_category(), "getrandom");
    }
    left_ = random_.size();
  }
  std::string id(2 * kBytes, '\0');
  for (std::size_t i = 0; i < kBytes; ++i) {
    const std::uint8_t byte = random_[--left_];
    id[2 * i] = kHex[byte >> 4];
    id[2 * i + 1] = kHex[byte & 0xF];
  }
  return id;
}

}  // namespace openclaw
