// What the front serves: one row for an endpoint, and the one statement that answers it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace openclaw::front {

// Where an argument of the SQL function comes from. An absent one is NULL.
enum class Source : std::uint8_t {
  none,                // no argument: ends the list
  authorization,       // the Authorization field, as it came
  client_certificate,  // the Client-Cert field, where the proxy before the front is trusted for it
  if_none_match,       // the If-None-Match field, as it came
  request_id,          // the id that the answer and the log carry
  form,                // a parameter of the form in the body
  query,               // a parameter of the query
  path,                // what follows the endpoint's path, empty or beginning with a slash
  body,                // the whole body, which must be JSON
  front,               // the front itself, where no request reaches the endpoint
};

struct Argument {
  Source source = Source::none;
  std::string_view name;  // of the parameter, for form and query
};

enum class Coalescing : std::uint8_t {
  many,    // concurrent requests go to SQL together, one row each
  share,   // the same, and those with equal arguments share one row
  single,  // one request a statement: it writes, so each has its own transaction
};

inline constexpr std::size_t kMaxArguments = 18;
using Arguments = std::array<Argument, kMaxArguments>;

struct Endpoint {
  std::string_view name;  // the route in the log, and the name of the prepared statement
  std::string_view path;  // empty: no request reaches it, the front itself calls it
  bool get = false;       // HEAD goes with it
  bool post = false;
  std::string_view function = {};  // empty: answered without SQL
  Arguments arguments{};
  Coalescing coalescing = Coalescing::many;
  // A request with one of these parameters writes or locks a row that another may want at the same
  // time: it has a transaction of its own, so that none waits for one that is done.
  std::array<std::string_view, 3> alone_with{};
  bool prefix = false;  // paths below it are its own too
  bool reads = false;   // it writes nothing, unless it goes alone: a standby may answer
  // The function takes the arrays themselves and gives a row for each of their elements.
  bool many = false;
  // While a statement is younger, what comes for the endpoint waits for it, and goes in one
  // statement then.
  std::chrono::milliseconds gathering{2};
  // Its freshness lifetime here (RFC 9111 section 4.2): for as long, an answer that SQL lets every
  // cache keep is given again to requests with equal arguments (decision 0024).
  std::chrono::milliseconds fresh_for{0};
};

std::span<const Endpoint> endpoints();

// Its place among them.
inline std::size_t index_of(const Endpoint& endpoint) {
  return static_cast<std::size_t>(&endpoint - endpoints().data());
}

// maintain(), which the front calls every so often.
const Endpoint& maintenance();

// record_token_use(), of what take_used_tokens() gave.
const Endpoint& use_record();

// Null when there is none.
const Endpoint* find_endpoint(std::string_view path);

// The arguments before the first `none`.
std::span<const Argument> arguments(const Endpoint& endpoint);

// True when an argument comes from there.
bool takes(const Endpoint& endpoint, Source source);

bool allows(const Endpoint& endpoint, std::string_view method);

// For the Allow field: "GET, HEAD".
std::string_view allowed_methods(const Endpoint& endpoint);

// Takes one text[] for each argument and gives one row (status, headers, body) for each element of
// the first, in order. The others are as long as that one, or NULL: then all of their elements are.
// Without arguments it gives one row.
std::string statement(const Endpoint& endpoint);

}  // namespace openclaw::front
