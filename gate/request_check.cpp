#include "gate/request_check.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace openclaw::gate {
namespace {

constexpr Refusal bad_request(std::string_view description) {
  return {400, "invalid_request", description};
}

// --- the target ---------------------------------------------------------------------------------

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Visible ASCII that a path or query may hold (RFC 3986 3.3 and 3.4), and what browsers send
// besides; none that separates.
bool is_target_character(char c) {
  return c > 0x20 && c < 0x7F && c != '#' && c != '\\' && c != '"' && c != '<' && c != '>';
}

// None of the octets that a decoder downstream would take for structure, or that cannot be.
std::optional<Refusal> check_escapes(std::string_view text, bool is_path) {
  for (std::size_t at = text.find('%'); at != text.npos; at = text.find('%', at + 3)) {
    const int high = at + 2 < text.size() ? hex_value(text[at + 1]) : -1;
    const int low = at + 2 < text.size() ? hex_value(text[at + 2]) : -1;
    if (high < 0 || low < 0) return bad_request("The target has a malformed percent escape.");
    const int octet = high * 16 + low;
    if (is_path && (octet < 0x20 || octet == 0x7F || octet == '/' || octet == '\\')) {
      return bad_request("The path has an encoded separator or control character.");
    }
  }
  return std::nullopt;
}

// "." and "..", however they are written; also with parameters behind them, which some servers take
// off first.
bool is_dot_segment(std::string_view segment) {
  segment = segment.substr(0, segment.find(';'));
  std::size_t dots = 0;
  while (!segment.empty()) {
    if (segment.starts_with('.')) {
      segment.remove_prefix(1);
    } else if (segment.starts_with("%2e") || segment.starts_with("%2E")) {
      segment.remove_prefix(3);
    } else {
      return false;
    }
    if (++dots > 2) return false;
  }
  return dots > 0;
}

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::string_view segment = path.substr(0, path.find('/'));
    if (is_dot_segment(segment)) return true;
    path.remove_prefix(segment.size());
  }
  return false;
}

std::optional<Refusal> check_target(std::string_view target) {
  constexpr std::size_t kMost = std::size_t{8} * 1024;
  if (target.size() > kMost) return Refusal{414, "invalid_request", "The target is too long."};
  if (!target.starts_with('/')) return bad_request("The target must be a path.");
  if (!std::all_of(target.begin(), target.end(), is_target_character)) {
    return bad_request("The target has a character that no URL has.");
  }
  const std::string_view path = path_of(target);
  if (auto refusal = check_escapes(path, true)) return refusal;
  if (auto refusal = check_escapes(target.substr(path.size()), false)) return refusal;
  if (has_dot_segment(path)) return bad_request("The path has a dot segment.");
  return std::nullopt;
}

// --- the fields ---------------------------------------------------------------------------------

// Of these a second one would leave open which counts.
constexpr std::array kOnce{http::field::content_length,
                           http::field::content_type,
                           http::field::expect,
                           http::field::origin,
                           http::field::transfer_encoding,
                           http::field::access_control_request_method};

std::optional<Refusal> check_fields(const RequestParser::value_type& request) {
  std::array<bool, kOnce.size()> seen{};
  std::size_t hosts = 0;
  std::size_t fields = 0;
  bool is_repeated = false;
  for (const auto& field : request) {
    ++fields;
    if (field.name() == http::field::host) ++hosts;
    const auto once = std::find(kOnce.begin(), kOnce.end(), field.name());
    if (once == kOnce.end()) continue;
    bool& before = seen[static_cast<std::size_t>(once - kOnce.begin())];
    is_repeated = is_repeated || before;
    before = true;
  }
  if (hosts != 1) return bad_request("There must be exactly one Host field.");
  if (is_repeated) return bad_request("A field that may stand once is repeated.");
  if (fields > kMaxRequestFields) {
    return Refusal{431, "invalid_request", "There are too many header fields."};
  }
  return std::nullopt;
}

std::optional<Refusal> check_framing(const RequestParser::value_type& request) {
  // Beast takes a list of equal lengths for one.
  if (view(request[http::field::content_length]).find_first_not_of("0123456789") !=
      std::string_view::npos) {
    return bad_request("Content-Length is not a number.");
  }
  const auto encoding = request.find(http::field::transfer_encoding);
  if (encoding == request.end()) return std::nullopt;
  if (request.count(http::field::content_length) > 0) {
    return bad_request("Content-Length and Transfer-Encoding exclude each other.");
  }
  if (request.version() < 11) return bad_request("HTTP/1.0 has no Transfer-Encoding.");
  if (!boost::beast::iequals(encoding->value(), "chunked")) {
    return Refusal{501, "invalid_request", "The only Transfer-Encoding taken is chunked."};
  }
  return std::nullopt;
}

// The first control character (RFC 5234 CTL) from `from` on, or the size: eight bytes at a time,
// since nearly all of a head is none.
std::size_t find_control(std::string_view text, std::size_t from) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = kOnes * 0x80;
  std::size_t at = from;
  for (std::uint64_t word = 0; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    const std::uint64_t rubout = word ^ (kOnes * 0x7F);
    // Bytes below 0x20, and those that are 0x7F: a borrow can mark one above, never without one.
    const std::uint64_t below_space = (word - kOnes * 0x20) & ~word;
    const std::uint64_t zero = (rubout - kOnes) & ~rubout;
    if (((below_space | zero) & kHighs) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) >= 0x20 && text[at] != 0x7F) ++at;
  return at;
}

}  // namespace

std::optional<Refusal> check_head(std::string_view head) {
  constexpr Refusal kFolded = bad_request("A header field must not be folded over lines.");
  if (head.starts_with(' ') || head.starts_with('\t')) return kFolded;
  for (std::size_t i = find_control(head, 0); i < head.size(); i = find_control(head, i + 1)) {
    const char c = head[i];
    if (c == '\t') continue;
    if (c == '\n') return bad_request("A line must end in CR LF.");
    if (c != '\r') return bad_request("The header has a control character.");
    if (++i == head.size()) break;  // what follows is yet to come
    if (head[i] != '\n') return bad_request("A line must end in CR LF.");
    if (i + 1 < head.size() && (head[i + 1] == ' ' || head[i + 1] == '\t')) return kFolded;
  }
  return std::nullopt;
}

std::optional<Refusal> check_request(const RequestParser& parser) {
  const RequestParser::value_type& request = parser.get();
  if (request.version() != 10 && request.version() != 11) {
    return Refusal{505, "invalid_request", "HTTP/1.0 and HTTP/1.1 are spoken here."};
  }
  if (request.method() == http::verb::connect || request.method() == http::verb::trace ||
      request.method() == http::verb::unknown) {
    return Refusal{501, "invalid_request", "There is no such method here."};
  }
  if (auto refusal = check_target(view(request.target()))) return refusal;
  if (auto refusal = check_fields(request)) return refusal;
  if (auto refusal = check_framing(request)) return refusal;
  const auto expect = request.find(http::field::expect);
  if (expect != request.end() && !boost::beast::iequals(expect->value(), "100-continue")) {
    return Refusal{417, "invalid_request", "The only expectation met is 100-continue."};
  }
  return std::nullopt;
}

bool is_relayable(const ResponseParser& parser) {
  const ResponseParser::value_type& response = parser.get();
  if (response.version() != 10 && response.version() != 11) return false;
  const std::size_t codings = response.count(http::field::transfer_encoding);
  if (codings == 0) return true;
  return codings == 1 && response.count(http::field::content_length) == 0 &&
         boost::beast::iequals(response[http::field::transfer_encoding], "chunked");
}

Refusal refusal_of(const boost::beast::error_code& error) {
  if (error == http::error::body_limit) {
    return {413, "invalid_request", "The body is larger than limits.body allows."};
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {431, "invalid_request", "The header is larger than 16 KiB."};
  }
  if (error == http::error::bad_version) {
    return {505, "invalid_request", "HTTP/1.0 and HTTP/1.1 are spoken here."};
  }
  if (error == http::error::bad_transfer_encoding || error == http::error::bad_content_length) {
    return bad_request("How the body is framed is malformed.");
  }
  return bad_request("The request is malformed.");
}

}  // namespace openclaw::gate
