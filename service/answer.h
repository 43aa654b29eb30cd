// What goes back to a client: an SQL function's row made into an HTTP answer, or the front's own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "service/sql_batch.h"

namespace openclaw::front {

using Headers = std::vector<std::pair<std::string_view, std::string_view>>;

// Its headers look into constants or into the row.
struct Answer {
  int status = 500;
  Headers headers;
  std::string body;
};

// {"error":...,"error_description":...} (RFC 6749 5.2). Both are constants of ours.
Answer error_answer(int status, std::string_view error, std::string_view description);

// The error's name for a status that the front gives by itself.
Answer error_answer(int status, std::string_view description);

// 503 with Retry-After.
Answer unavailable_answer();

// `Name: value` lines as the SQL contract has them. Nothing at all for a name that is no token, a
// value with a control character, or a field that frames the message or is the front's to set.
std::optional<Headers> parse_header_lines(std::string_view lines);

// The row as it is, or nothing when its headers cannot be relayed.
std::optional<Answer> relayed_answer(const SqlAnswer& row);

}  // namespace openclaw::front
