// What an SQLSTATE of Postgres (appendix A of its manual) means to whoever waits for the answer.
#pragma once

#include <string_view>

namespace openclaw::front {

enum class SqlFailure {
  transient,  // the server is going, coming, a standby, full or too slow: 503
  stale,      // the session no longer knows the statement: 503, and the session is opened anew
  refused,    // everything else, our own mistake: 500
};

SqlFailure classify(std::string_view sqlstate);

}  // namespace openclaw::front
