// How many refusals of strangers become audit rows.
#include <algorithm>

#include "extension/call.h"

namespace openclaw::extension {

namespace {

// A token bucket of this backend. Strangers can be refused as fast as the server answers, and each row
// is kept for as long as the audit log is.
constexpr double kMost = 60;         // rows at once
constexpr double kEverySecond = 1;  // and so many again
double level = kMost;
TimestampTz filled_at = 0;
std::int32_t left_out = 0;

}  // namespace

// How many refusals had no row since the last one that had; null when this one has none either.
OPENCLAW_FUNCTION(openclaw_refusals_left_out) {
  const TimestampTz now = GetCurrentTimestamp();
  const double seconds = static_cast<double>(now - filled_at) / USECS_PER_SEC;
  if (seconds > 0) level = std::min(kMost, level + seconds * kEverySecond);
  filled_at = now;
  if (level < 1) {
    if (left_out < PG_INT32_MAX) left_out++;
    return Call(fcinfo).null();
  }
  level -= 1;
  const std::int32_t told = left_out;
  left_out = 0;
  return Int32GetDatum(told);
}

}  // namespace openclaw::extension
