#include "service/http_frame.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace openclaw::front {
namespace {

using CharacterSet = std::array<bool, 256>;

constexpr CharacterSet alphanumeric_and(std::string_view others) {
  CharacterSet set{};
  for (unsigned c = '0'; c <= '9'; ++c) set[c] = true;
  for (unsigned c = 'A'; c <= 'Z'; ++c) set[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) set[c] = true;
  for (char c : others) set[static_cast<unsigned char>(c)] = true;
  return set;
}

constexpr CharacterSet kTokenCharacters = alphanumeric_and("!#$%&'*+-.^_`|~");
constexpr CharacterSet kPathCharacters = alphanumeric_and("-._~!$&'()*+,;=:@/");
constexpr CharacterSet kQueryCharacters = alphanumeric_and("-._~!$&'()*+,;=:@/?%");
constexpr CharacterSet kHostCharacters = alphanumeric_and("-._~!$&'()*+,;=:%[]");

constexpr std::string_view kMethods[] = {"GET",   "HEAD",    "POST",  "PUT",    "DELETE",
                                         "PATCH", "OPTIONS", "TRACE", "CONNECT"};

bool all_in(const CharacterSet& set, std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return set[static_cast<unsigned char>(c)]; });
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(segment.size());
  }
  return false;
}

bool is_http_version(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return text.size() == 8 && text.starts_with("HTTP/") && digit(text[5]) && text[6] == '.' &&
         digit(text[7]);
}

}  // namespace

bool is_http_token(std::string_view text) {
  return !text.empty() && all_in(kTokenCharacters, text);
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7F) || c == '\t';
  });
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

struct RequestFramer::KnownField {
  std::string_view name;
  Slice RequestFramer::*slice;
};

const RequestFramer::KnownField RequestFramer::kKnownFields[] = {
    {"host", &RequestFramer::host_},
    {"content-length", &RequestFramer::content_length_},
    {"transfer-encoding", &RequestFramer::transfer_encoding_},
    {"expect", &RequestFramer::expect_},
    {"authorization", &RequestFramer::authorization_},
    {"client-cert", &RequestFramer::client_certificate_},
    {"content-type", &RequestFramer::content_type_},
    {"content-encoding", &RequestFramer::content_encoding_},
    {"if-none-match", &RequestFramer::if_none_match_},
    {"x-request-id", &RequestFramer::request_id_},
};

RequestFramer::State RequestFramer::refuse(int status, const char* description) {
  refusal_ = {status, description};
  return state_ = State::refused;
}

RequestFramer::State RequestFramer::feed(std::string_view buffer) {
  if (state_ == State::head) scan_lines(buffer);
  if (state_ == State::body && buffer.size() - head_size_ >= body_size_) state_ = State::complete;
  return state_;
}

RequestFramer::State RequestFramer::scan_lines(std::string_view buffer) {
  // Whatever does not begin like a method (a TLS hello, an empty line) is refused at its first
  // byte.
  if (!buffer.empty() && !is_http_token(buffer.substr(0, 1))) {
    return refuse(400, "This is not an HTTP request.");
  }
  while (state_ == State::head) {
    const std::size_t end = buffer.find('\n', scanned_);
    const std::size_t reached = end == std::string_view::npos ? buffer.size() : end + 1;
    if (fields_begin_ == 0 && reached > kMaxRequestLine + 2) {
      return refuse(414, "The request line is longer than 8 KiB.");
    }
    if (fields_begin_ != 0 && reached - fields_begin_ > kMaxFieldLines) {
      return refuse(431, "The header fields are longer than 16 KiB.");
    }
    scanned_ = reached;
    if (end == std::string_view::npos) return state_;
    if (end == line_begin_ || buffer[end - 1] != '\r') {
      return refuse(400, "A line does not end in CRLF.");
    }

    const std::string_view line = buffer.substr(line_begin_, end - 1 - line_begin_);
    const std::size_t begin = line_begin_;
    line_begin_ = reached;
    if (fields_begin_ == 0) {
      fields_begin_ = reached;
      if (!read_request_line(line)) return state_;
    } else if (line.empty()) {
      head_size_ = reached;
      return finish_head(buffer);
    } else if (!read_field(line, begin)) {
      return state_;
    }
  }
  return state_;
}

bool RequestFramer::read_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    refuse(400, "The request line is not METHOD TARGET VERSION.");
    return false;
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view version = line.substr(last + 1);
  if (!is_http_token(method) || !is_http_version(version)) {
    refuse(400, "The request line is not METHOD TARGET VERSION.");
    return false;
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    refuse(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    return false;
  }
  if (std::find(std::begin(kMethods), std::end(kMethods), method) == std::end(kMethods)) {
    refuse(501, "The method is not known.");
    return false;
  }
  method_ = {0, method.size(), true};
  http_1_0_ = version == "HTTP/1.0";
  return read_target(line.substr(first + 1, last - first - 1), first + 1);
}

bool RequestFramer::read_target(std::string_view target, std::size_t begin) {
  const std::size_t mark = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, mark);
  const std::string_view query = target.substr(std::min(mark + 1, target.size()));
  if (!path.starts_with('/') || !all_in(kPathCharacters, path) ||
      !all_in(kQueryCharacters, query) || has_dot_segment(path)) {
    refuse(400, "The target is not a plain path.");
    return false;
  }
  path_ = {begin, path.size(), true};
  query_ = {begin + target.size() - query.size(), query.size(), true};
  return true;
}

bool RequestFramer::read_field(std::string_view line, std::size_t begin) {
  if (++fields_ > kMaxFields) {
    refuse(431, "There are more than 100 header fields.");
    return false;
  }
  // A folded line begins with a blank, which is no token; so is a blank before the colon.
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || !is_http_token(name) ||
      !is_field_value(line.substr(colon + 1))) {
    refuse(400, "A header field is malformed.");
    return false;
  }
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (equals_ignoring_case(name, "connection")) read_connection(value);
  for (const KnownField& known : kKnownFields) {
    if (!equals_ignoring_case(name, known.name)) continue;
    Slice& slice = this->*known.slice;
    if (slice.present) {
      refuse(400, "A header field that must be single is repeated.");
      return false;
    }
    slice = {begin + static_cast<std::size_t>(value.data() - line.data()), value.size(), true};
  }
  return true;
}

void RequestFramer::read_connection(std::string_view value) {
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    const std::string_view option = trimmed(value.substr(0, comma));
    if (equals_ignoring_case(option, "close")) close_ = true;
    if (equals_ignoring_case(option, "keep-alive")) keep_alive_asked_ = true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
}

RequestFramer::State RequestFramer::finish_head(std::string_view buffer) {
  if (!host_.present && !http_1_0_) return refuse(400, "There is no Host field.");
  if (host_.present && (host_.size == 0 || !all_in(kHostCharacters, host_.in(buffer)))) {
    return refuse(400, "The Host field is malformed.");
  }
  if (transfer_encoding_.present) {
    return content_length_.present
               ? refuse(400, "There are both Content-Length and Transfer-Encoding.")
               : refuse(411, "A body needs a Content-Length.");
  }
  if (content_length_.present) {
    const std::string_view text = content_length_.in(buffer);
    const bool digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
    if (!digits) return refuse(400, "The Content-Length is not a number.");
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), body_size_);
    if (error != std::errc() || body_size_ > kMaxBody) {
      return refuse(413, "The body is larger than 64 KiB.");
    }
  }
  if (expect_.present) return refuse(417, "Expect is not supported.");
  return state_ = State::body;
}

RequestFrame RequestFramer::frame(std::string_view buffer) const {
  RequestFrame frame;
  frame.method = method_.in(buffer);
  frame.path = path_.in(buffer);
  frame.query = query_.in(buffer);
  frame.authorization = authorization_.maybe_in(buffer);
  frame.client_certificate = client_certificate_.maybe_in(buffer);
  frame.content_type = content_type_.maybe_in(buffer);
  frame.content_encoding = content_encoding_.maybe_in(buffer);
  frame.if_none_match = if_none_match_.maybe_in(buffer);
  frame.request_id = request_id_.maybe_in(buffer);
  frame.body = buffer.substr(head_size_, body_size_);
  frame.http_1_0 = http_1_0_;
  frame.keep_alive = !close_ && (!http_1_0_ || keep_alive_asked_);
  frame.size = head_size_ + body_size_;
  return frame;
}

}  // namespace openclaw::front
