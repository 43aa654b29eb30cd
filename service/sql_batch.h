// Several requests for one endpoint as one call of its statement, and its rows back to each.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "service/endpoints.h"

namespace openclaw::front {

// Looks into the statement's result, which is gone when `done` returns.
struct SqlAnswer {
  enum class Outcome : std::uint8_t {
    row,          // status, headers and body are the function's
    unavailable,  // Postgres could not be asked, or not in time: asking again may help
    failed,       // Postgres refused the statement, or its row makes no sense
  };
  Outcome outcome = Outcome::unavailable;
  int status = 0;
  std::string_view headers;
  std::optional<std::string_view> body;
  std::string_view source;  // which server answered, where there are standbys (OpenClaw-Source)
};

// An answer that outlives the statement's result.
class KeptAnswer {
 public:
  explicit KeptAnswer(const SqlAnswer& answer);
  SqlAnswer answer() const;

 private:
  SqlAnswer::Outcome outcome_;
  int status_;
  std::string headers_;
  std::optional<std::string> body_;
  std::string source_;
};

using SqlArguments = std::vector<std::optional<std::string_view>>;

// One request that waits for its row. Its owner keeps it, and what its arguments look at, until
// `done` was called.
struct SqlCall {
  const Endpoint* endpoint = nullptr;
  SqlArguments arguments;
  std::function<void(const SqlAnswer&)> done;
  bool alone = false;  // it goes by itself; the pool sets it when the batch it was in failed

  // The pool's own.
  std::chrono::steady_clock::time_point deadline{};
  // What a standby refused, while the primary is asked: the answer if that one cannot be had.
  std::optional<KeptAnswer> refusal;
};

struct SqlBatch {
  struct Waiting {
    SqlCall* call = nullptr;  // null once it has its answer
    std::size_t row = 0;      // which row of the result is its own
  };

  const Endpoint* endpoint = nullptr;
  std::vector<Waiting> waiting;
  std::size_t rows = 0;  // what the statement must give
  // What it is called with: for each argument a text[] in Postgres' binary format. The first is
  // always there and says how many rows there are; another is NULL where no row has a value.
  std::vector<std::optional<std::string>> arrays;
  std::string source;  // of its answers
};

// The calls are all for one endpoint, at least one. Where the endpoint shares, those with equal
// arguments get one row.
SqlBatch make_batch(std::span<SqlCall* const> calls);

// A text[] as array_recv() reads it: dimensions, whether NULLs are among it, the element's type;
// length and lower bound; each element with its length, -1 for NULL.
std::string text_array(std::span<const std::optional<std::string_view>> elements);

}  // namespace openclaw::front
