#include "service/replay_bound.h"

namespace openclaw::front {
namespace {

bool comparable(const WalPosition& a, const WalPosition& b) {
  return a.cluster == b.cluster && a.timeline == b.timeline;
}

}  // namespace

void ReplayBound::primary_is_at(const WalPosition& position, Clock::time_point asked) {
  if (position.standby) return;
  if (!samples_.empty() && !comparable(samples_.back().position, position)) samples_.clear();
  while (!samples_.empty() && samples_.front().asked + max_lag_ < asked) samples_.pop_front();
  samples_.push_back({position, asked});
}

std::optional<ReplayBound::Clock::time_point> ReplayBound::knows_all_until(
    const WalPosition& standby) const {
  if (!standby.standby) return std::nullopt;
  for (auto sample = samples_.rbegin(); sample != samples_.rend(); ++sample) {
    const bool reached =
        comparable(sample->position, standby) && standby.position >= sample->position.position;
    if (reached) return sample->asked;
  }
  return std::nullopt;
}

}  // namespace openclaw::front
