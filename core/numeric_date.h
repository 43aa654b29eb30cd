// NumericDate (RFC 7519 2): whole seconds since 1970-01-01T00:00:00Z, leap seconds ignored.
#pragma once

#include <algorithm>
#include <cstdint>

namespace openclaw {

inline constexpr std::int64_t kMaxNumericDate = 253402300799;  // 9999-12-31T23:59:59Z
inline constexpr std::int64_t kDefaultLeeway = 30;             // seconds
inline constexpr std::int64_t kMaxLeeway = 60;

// True when `date` lies in the future by more than the leeway, clamped to 0..kMaxLeeway. The date
// is at most kMaxNumericDate; now may be anything, so nothing is added to it, which could overflow.
constexpr bool lies_ahead(std::int64_t date, std::int64_t now, std::int64_t leeway) {
  return date - std::clamp<std::int64_t>(leeway, 0, kMaxLeeway) > now;
}

}  // namespace openclaw
