// What the front serves: one row for an endpoint, and the one statement that answers it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace openclaw::front {

// Where an argument of the SQL function comes from. An absent one is NULL.
enum class Source : std::uint8_t {
  none,           // no argument: ends the list
  authorization,  // the Authorization field, as it came
  if_none_match,  // the If-None-Match field, as it came
  request_id,     // the id that the answer and the log carry
  form,           // a parameter of the form in the body
  query,          // a parameter of the query
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

struct Endpoint {
  std::string_view name;  // the route in the log, and the name of the prepared statement
  std::string_view path;
  bool get;  // HEAD goes with it
  bool post;
  std::string_view function;  // empty: answered without SQL
  std::array<Argument, 4> arguments{};
  Coalescing coalescing = Coalescing::many;
};

std::span<const Endpoint> endpoints();

// Null when there is none.
const Endpoint* find_endpoint(std::string_view path);

// The arguments before the first `none`.
std::span<const Argument> arguments(const Endpoint& endpoint);

// True when a parameter comes from the body, which then must be a form.
bool takes_form(const Endpoint& endpoint);

// For the Allow field: "GET, HEAD".
std::string allowed_methods(const Endpoint& endpoint);

// Takes one text[] for each argument, all of one length, and gives one row (status, headers, body)
// for each of their elements, in order. Without arguments it gives one row.
std::string statement(const Endpoint& endpoint);

}  // namespace openclaw::front
