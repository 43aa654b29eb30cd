// Where a request in a buffer ends, or why it is refused (RFC 9112). This is the only parser of the
// bytes that strangers send: cpp-httplib sees what passed here and nothing else.
//
// Strict where two readers of one message could disagree, since a proxy in front may be the other:
//   - lines end in CRLF; a bare LF, a bare CR and an empty line before the request are 400;
//   - HTTP/1.0 and HTTP/1.1 (505 for others; a request line without a version is 400);
//   - the target is a path (origin-form) of the characters of RFC 3986 3.3 without percent escapes
//     and dot segments, since no path here has any; a query may follow;
//   - a body has one Content-Length of digits; Transfer-Encoding is 411, together with
//     Content-Length 400;
//   - Host exactly once in HTTP/1.1; each field that is read here at most once;
//   - no folded lines, no space before a colon, no control characters;
//   - Expect is 417; Range and Upgrade are not looked at, which RFC 9110 14.2 and 7.8 allow.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace openclaw::front {

inline constexpr std::size_t kMaxRequestLine = 8 * 1024;  // 414
inline constexpr std::size_t kMaxFieldLines = 16 * 1024;  // all of them together, 431
inline constexpr std::size_t kMaxFields = 100;            // 431
inline constexpr std::size_t kMaxBody = 64 * 1024;        // 413

// Views into the buffer that was fed.
struct RequestFrame {
  std::string_view method;
  std::string_view path;
  std::string_view query;  // without the question mark
  std::optional<std::string_view> authorization;
  std::optional<std::string_view> client_certificate;  // Client-Cert (RFC 9440 2.2)
  std::optional<std::string_view> content_type;
  std::optional<std::string_view> content_encoding;
  std::optional<std::string_view> if_none_match;
  std::optional<std::string_view> request_id;
  std::string_view body;
  bool http_1_0 = false;
  bool keep_alive = false;
  std::size_t size = 0;  // bytes of the buffer that belong to this request
};

struct FrameRefusal {
  int status = 0;
  const char* description = "";  // a constant sentence, never a byte of the input
};

class RequestFramer {
 public:
  enum class State { head, body, complete, refused };

  // `buffer` holds all that has arrived of the request and of what follows it; it may have moved in
  // memory since the last call, but may only have grown. Each byte of the head is looked at once,
  // however slowly it arrives. `complete` and `refused` are final.
  State feed(std::string_view buffer);

  // After `complete`, with the same buffer.
  RequestFrame frame(std::string_view buffer) const;
  // After `refused`. The connection cannot be used further: where the next request begins is lost.
  const FrameRefusal& refusal() const { return refusal_; }

 private:
  struct Slice {
    std::size_t begin = 0;
    std::size_t size = 0;
    bool present = false;

    std::string_view in(std::string_view buffer) const { return buffer.substr(begin, size); }
    std::optional<std::string_view> maybe_in(std::string_view buffer) const {
      return present ? std::optional(in(buffer)) : std::nullopt;
    }
  };
  struct KnownField;
  static const KnownField kKnownFields[];

  State refuse(int status, const char* description);
  State scan_lines(std::string_view buffer);
  bool read_request_line(std::string_view line);
  bool read_target(std::string_view target, std::size_t begin);
  bool read_field(std::string_view line, std::size_t begin);
  void read_connection(std::string_view value);
  State finish_head(std::string_view buffer);

  State state_ = State::head;
  FrameRefusal refusal_;
  std::size_t scanned_ = 0;       // no line end before this, from line_begin_ on
  std::size_t line_begin_ = 0;    // of the first line that is not read yet
  std::size_t fields_begin_ = 0;  // 0 until the request line is read
  std::size_t fields_ = 0;
  std::size_t head_size_ = 0;
  std::size_t body_size_ = 0;

  Slice method_, path_, query_;
  Slice host_, content_length_, transfer_encoding_, expect_;
  Slice authorization_, client_certificate_, content_type_, content_encoding_, if_none_match_,
      request_id_;
  bool http_1_0_ = false;
  bool close_ = false;
  bool keep_alive_asked_ = false;
};

// RFC 9110 5.6.2, for names of header fields.
bool is_http_token(std::string_view text);
// Characters that a field value may hold: visible ASCII, space, tab, and bytes above 0x7F.
bool is_field_value(std::string_view text);
// ASCII case is ignored.
bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace openclaw::front
