#include "service/sqlstate.h"

#include <algorithm>
#include <iterator>

namespace openclaw::front {
namespace {

constexpr std::string_view kTransient[] = {
    "57P01",  // admin_shutdown
    "57P02",  // crash_shutdown
    "57P03",  // cannot_connect_now
    "57P05",  // idle_session_timeout
    "57014",  // query_canceled, by statement_timeout
    "40001",  // serialization_failure
    "40P01",  // deadlock_detected
    "25006",  // read_only_sql_transaction: a standby
    "55P03",  // lock_not_available
};

constexpr std::string_view kStale[] = {
    "26000",  // invalid_sql_statement_name: someone deallocated it
    "0A000",  // feature_not_supported: cached plan must not change result type
};

template <std::size_t kSize>
bool any_of(const std::string_view (&states)[kSize], std::string_view state) {
  return std::find(std::begin(states), std::end(states), state) != std::end(states);
}

}  // namespace

SqlFailure classify(std::string_view sqlstate) {
  if (sqlstate.starts_with("08") || sqlstate.starts_with("53")) return SqlFailure::transient;
  if (any_of(kTransient, sqlstate)) return SqlFailure::transient;
  if (any_of(kStale, sqlstate)) return SqlFailure::stale;
  return SqlFailure::refused;
}

}  // namespace openclaw::front
