// The heads that the proxy writes: which fields of the one side reach the other, and which it adds.
// Hop-by-hop fields end here (RFC 9110 7.6.1), and whoever sits behind the gate learns who calls
// from the gate alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gate/http_message.h"

namespace openclaw::gate {

// How a message's end is told.
struct Framing {
  enum class By : std::uint8_t { nothing, content_length, chunks, close };
  By by = By::nothing;
  std::uint64_t content_length = 0;
};

// Whether a client's field is relayed: not a credential, not a name under which upstreams take an
// identity or an address for proven (also with _ for -), not the gate's own to set.
bool is_relayed_upstream(http::field field, std::string_view name);

// Both sides' heads are written in two steps, since the framing is known only once the body that
// came with the head is decoded, and the fields must be read before that: request line and fields
// first, then the framing with the empty line.
struct UpstreamHead {
  std::string_view target;
  std::string_view host;
  std::string_view user_id;  // "" for none: goes as X-OpenClaw-User-Id
  std::string_view request_id;
};
void append_upstream_head(std::string& out, const RequestParser::value_type& request,
                          const UpstreamHead& head);
void append_framing(std::string& out, const Framing& framing);

struct ClientHead {
  std::string_view request_id;
  Framing framing;
  bool keep_alive = true;
  unsigned client_version = 11;
};
// allowed_origin: "" for a request without Origin.
void append_client_head(std::string& out, const ResponseParser::value_type& response,
                        std::string_view allowed_origin);
void append_client_framing(std::string& out, const ClientHead& head);

// An answer of the gate's own: `fields` are whole lines with their CRLF.
void append_own_answer(std::string& out, int status, std::string_view fields, std::string_view body,
                       std::string_view allowed_origin, const ClientHead& head);

// What a refusal carries: these fields, and {"error":...,"error_description":...} (RFC 6749 5.2).
// Both texts are constants of ours.
inline constexpr std::string_view kRefusalFields =
    "Content-Type: application/json\r\nCache-Control: no-store\r\n";
std::string error_body(std::string_view error, std::string_view description);

// The lines that let the page of `origin` read an answer (Fetch standard, CORS protocol).
void append_cors(std::string& out, std::string_view origin);

// `1a\r\n`, which goes before a chunk of that size (RFC 9112 7.1).
std::string chunk_head(std::size_t size);

}  // namespace openclaw::gate
