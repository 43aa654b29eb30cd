// How far a standby is behind the primary, at most, by the front's own clock alone.
//
// The front asks the primary again and again how far its WAL goes. Whatever was committed before a
// question lies before the position in its answer. So a standby that has replayed up to that
// position knows all that the primary had said by the time of the question, and is behind by no
// more than what has passed since. No server writes for this, and no two clocks are compared.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

namespace openclaw::front {

// What openclaw.wal_position() returns.
struct WalPosition {
  std::int64_t cluster = 0;   // the system identifier: only copies of one cluster share it
  std::int64_t timeline = 0;  // each promotion begins one; positions of two are not to be compared
  std::int64_t position = 0;  // bytes written, or replayed
  bool standby = false;
};

class ReplayBound {
 public:
  using Clock = std::chrono::steady_clock;

  // Positions older than this prove nothing that is wanted.
  explicit ReplayBound(std::chrono::milliseconds max_lag) : max_lag_(max_lag) {}

  // What the primary answered to a question that was put at `asked`, in the order of the questions.
  void primary_is_at(const WalPosition& position, Clock::time_point asked);

  // The newest time of which the standby knows everything; nothing when none is known.
  std::optional<Clock::time_point> knows_all_until(const WalPosition& standby) const;

 private:
  struct Sample {
    WalPosition position;
    Clock::time_point asked;
  };

  const std::chrono::milliseconds max_lag_;
  std::deque<Sample> samples_;  // of one cluster and timeline, oldest first
};

}  // namespace openclaw::front
