// Several requests for one endpoint as one call of its statement, and its rows back to each.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "service/endpoints.h"

namespace openclaw::front {

struct SqlAnswer {
  enum class Outcome : std::uint8_t {
    row,          // status, headers and body are the function's
    unavailable,  // Postgres could not be asked, or not in time: asking again may help
    failed,       // Postgres refused the statement, or its row makes no sense
  };
  Outcome outcome = Outcome::unavailable;
  int status = 0;
  std::string headers;
  std::optional<std::string> body;
  std::string source;  // which server answered, where there are standbys (OpenClaw-Source)
};

using SqlArguments = std::vector<std::optional<std::string>>;

// One request that waits for its row. Its owner keeps it alive until `done` was called.
struct SqlCall {
  const Endpoint* endpoint = nullptr;
  SqlArguments arguments;
  std::function<void(SqlAnswer)> done;
  bool alone = false;  // it goes by itself; the pool sets it when the batch it was in failed

  // The pool's own.
  std::chrono::steady_clock::time_point deadline{};
  // What a standby refused, while the primary is asked: the answer if that one cannot be had.
  std::optional<SqlAnswer> refusal;
};

struct SqlBatch {
  struct Waiting {
    SqlCall* call = nullptr;  // null once it has its answer
    std::size_t row = 0;      // which row of the result is its own
  };

  const Endpoint* endpoint = nullptr;
  std::vector<Waiting> waiting;
  std::size_t rows = 0;             // what the statement must give
  std::vector<std::string> arrays;  // what it is called with: one array for each argument
  std::string source;               // of its answers
};

// The calls are all for one endpoint, at least one. Where the endpoint shares, those with equal
// arguments get one row.
SqlBatch make_batch(std::span<SqlCall* const> calls);

// A Postgres array literal of text: {"a","say \"b\"",NULL}.
std::string text_array(std::span<const std::optional<std::string>* const> elements);

}  // namespace openclaw::front
