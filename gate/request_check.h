// Which requests are taken at all (RFC 9110, RFC 9112). Strict where two readers of one message
// could disagree, since the upstream is the second one. Beast's parser does the reading; this looks
// at what it lets pass.
#pragma once

#include <optional>
#include <string_view>

#include "gate/http_message.h"

namespace openclaw::gate {

// What goes back to the client. All three are constants: never a byte of the input.
struct Refusal {
  int status = 0;
  std::string_view error = {};
  std::string_view description = {};
};

// The head as it came, with the empty line that ends it: lines end in CRLF, none is folded, no
// control characters but tabs.
std::optional<Refusal> check_head(std::string_view head);

// The parsed head: HTTP/1.0 or 1.1, origin-form without dot segments or encoded separators, one
// Host, at most one of what is looked at, a body framed in one way, no method that means something
// else to a proxy.
std::optional<Refusal> check_request(const RequestParser& request);

// The parsed head of an upstream's final response: HTTP/1.0 or 1.1, with a body that is framed in
// one way and in no other coding than chunked.
bool is_relayable(const ResponseParser& response);

// For what Beast's parser refuses.
Refusal refusal_of(const boost::beast::error_code& error);

// The path of a target, without the query.
inline std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

}  // namespace openclaw::gate
