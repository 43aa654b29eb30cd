#include "service/answer.h"

#include <algorithm>
#include <iterator>

#include "service/http_frame.h"

namespace openclaw::front {
namespace {

constexpr std::string_view kOurOwn[] = {"connection",  "content-length",         "date",
                                        "keep-alive",  "openclaw-source",        "server",
                                        "te",          "transfer-encoding",      "trailer",
                                        "upgrade",     "x-content-type-options", "x-powered-by",
                                        "x-request-id"};

bool is_our_own(std::string_view name) {
  return std::any_of(std::begin(kOurOwn), std::end(kOurOwn),
                     [&](std::string_view own) { return equals_ignoring_case(own, name); });
}

std::string_view error_name(int status) {
  switch (status) {
    case 404:
      return "not_found";
    case 405:
    case 501:
      return "method_not_allowed";
    case 500:
      return "server_error";
    case 503:
      return "temporarily_unavailable";
    default:
      return "invalid_request";
  }
}

}  // namespace

Answer error_answer(int status, std::string_view error, std::string_view description) {
  Answer answer;
  answer.status = status;
  answer.headers.emplace_back("Content-Type", "application/json");
  answer.body.append("{\"error\":\"").append(error);
  answer.body.append("\",\"error_description\":\"").append(description).append("\"}");
  return answer;
}

Answer error_answer(int status, std::string_view description) {
  return error_answer(status, error_name(status), description);
}

Answer unavailable_answer() {
  Answer answer = error_answer(503, "The service cannot answer now; try again.");
  answer.headers.emplace_back("Retry-After", "1");
  return answer;
}

std::optional<Headers> parse_header_lines(std::string_view lines) {
  Headers headers;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.empty()) continue;
    const std::size_t separator = line.find(": ");
    if (separator == std::string_view::npos) return std::nullopt;
    const std::string_view name = line.substr(0, separator);
    const std::string_view value = line.substr(separator + 2);
    if (!is_http_token(name) || !is_field_value(value) || is_our_own(name)) return std::nullopt;
    headers.emplace_back(name, value);
  }
  return headers;
}

std::optional<Answer> relayed_answer(const SqlAnswer& row) {
  auto headers = parse_header_lines(row.headers);
  if (!headers) return std::nullopt;
  Answer answer;
  answer.status = row.status;
  answer.headers = std::move(*headers);
  if (!row.body) return answer;
  answer.body = *row.body;
  const bool typed = std::any_of(answer.headers.begin(), answer.headers.end(), [](const auto& h) {
    return equals_ignoring_case(h.first, "Content-Type");
  });
  if (!typed) answer.headers.emplace_back("Content-Type", "application/json");
  return answer;
}

}  // namespace openclaw::front
