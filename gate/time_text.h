// Times as people write and read them. Inside, a time is a NumericDate (seconds since 1970, UTC).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace openclaw::gate {

// A number and its unit: 90s, 5m, 1h, 30d. At most 36500d.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

// YYYY-MM-DD, which is the start of that day in UTC, or RFC 3339 5.6 with a zone; fractions of a
// second are dropped. 1970 to 9999.
std::optional<std::int64_t> parse_timestamp(std::string_view text);

// 2026-01-31T12:00:00Z. Precondition: within 1970 to 9999.
std::string format_timestamp(std::int64_t time);

// The two largest units: "89 days 23 hours", "4 minutes 50 seconds", "0 seconds".
std::string format_duration(std::chrono::seconds duration);

}  // namespace openclaw::gate
