#include "service/written_head.h"

#include <charconv>
#include <iterator>

namespace openclaw::front {
namespace {

constexpr std::string_view kEnd = "\r\n\r\n";

// Where the value of a field begins in a head, if the field stands there once.
std::optional<std::size_t> value_of(std::string_view head, std::string_view field) {
  const std::size_t begin = head.find(field);
  if (begin == head.npos || head.find(field, begin + field.size()) != head.npos)
    return std::nullopt;
  return begin + field.size();
}

}  // namespace

std::optional<WrittenHead> WrittenHead::of(std::string_view answer) {
  const std::size_t end = answer.find(kEnd);
  if (end == answer.npos) return std::nullopt;
  const std::string_view head = answer.substr(0, end + kEnd.size());
  const auto length = value_of(head, "\r\nContent-Length: ");
  const auto id = value_of(head, "\r\nX-Request-Id: ");
  if (!length || !id || *id < *length) return std::nullopt;
  const std::size_t length_end = head.find('\r', *length);
  WrittenHead written;
  written.before_length_ = head.substr(0, *length);
  written.before_id_ = head.substr(length_end, *id - length_end);
  written.rest_ = head.substr(head.find('\r', *id));
  return written;
}

void WrittenHead::append_to(std::string& out, std::size_t length,
                            std::string_view request_id) const {
  char digits[20];
  const auto [end, unused] = std::to_chars(std::begin(digits), std::end(digits), length);
  out.append(before_length_)
      .append(digits, end)
      .append(before_id_)
      .append(request_id)
      .append(rest_);
}

}  // namespace openclaw::front
