// The id that ties a request's answer to its line in the log.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace openclaw {

// A client's own id that may enter the log and the answer: [A-Za-z0-9._-]{1,64}.
bool is_request_id(std::string_view text);

class RequestIds {
 public:
  // The client's own when it is one, otherwise 128 random bits in hex.
  std::string next(std::optional<std::string_view> from_client);

 private:
  static constexpr std::size_t kBytes = 16;

  std::array<std::uint8_t, 16 * kBytes> random_{};
  std::size_t left_ = 0;
};

}  // namespace openclaw
