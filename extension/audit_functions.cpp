// The time of an audit row, and how many refusals of strangers become one.
#include <algorithm>
#include <array>
#include <functional>

#include "extension/call.h"
#include "extension/tables.h"

namespace openclaw::extension {

namespace {

// Token buckets of this backend, by who or what is refused. Strangers can be refused as fast as the
// server answers, and each row is kept for as long as the audit log is; a flood of one kind must
// not hide another. Names that share a bucket share its rows.
constexpr double kMost = 60;        // rows at once
constexpr double kEverySecond = 1;  // and so many again

struct Bucket {
  double taken;
  TimestampTz at;
  std::int32_t left_out;
};
std::array<Bucket, 256> buckets;

}  // namespace

OPENCLAW_FUNCTION(openclaw_audit_time) {
  static_cast<void>(fcinfo);
  // The id first: what is sealed waits for every transaction that is older than the mark.
  guarded([] { GetCurrentTransactionId(); });
  return TimestampTzGetDatum(std::max(GetCurrentTimestamp(), audit_sealed_until()));
}

// How many refusals of this kind had no row since the last one that had; null when this one has
// none either.
OPENCLAW_FUNCTION(openclaw_refusals_left_out) {
  Call call(fcinfo);
  const std::string_view kind = call.required_text(0, 4096, "kind");
  Bucket& bucket = buckets.at(std::hash<std::string_view>{}(kind) % buckets.size());
  const TimestampTz now = GetCurrentTimestamp();
  const double seconds = static_cast<double>(now - bucket.at) / USECS_PER_SEC;
  if (seconds > 0) bucket.taken = std::max(0.0, bucket.taken - seconds * kEverySecond);
  bucket.at = now;
  if (bucket.taken > kMost - 1) {
    if (bucket.left_out < PG_INT32_MAX) bucket.left_out++;
    return call.null();
  }
  bucket.taken += 1;
  const std::int32_t told = bucket.left_out;
  bucket.left_out = 0;
  return Int32GetDatum(told);
}

}  // namespace openclaw::extension
