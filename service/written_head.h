// The head of an answer as cpp-httplib wrote it, for others that differ from that one in nothing
// but body and request id: of an endpoint's answers most do.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace openclaw::front {

class WrittenHead {
 public:
  // `answer` begins with its head. Nothing for one without Content-Length, or with a field of two
  // values that could be meant.
  static std::optional<WrittenHead> of(std::string_view answer);

  // The head of an answer with a body of this length, for the request with this id.
  void append_to(std::string& out, std::size_t length, std::string_view request_id) const;

 private:
  std::string before_length_, before_id_, rest_;
};

}  // namespace openclaw::front
