#include "service/replay_bound.h"

#include <chrono>

#include <gtest/gtest.h>

namespace openclaw::front {
namespace {

using namespace std::chrono_literals;

constexpr WalPosition primary(std::int64_t position, std::int64_t timeline = 1) {
  return {7, timeline, position, false};
}
constexpr WalPosition standby(std::int64_t position, std::int64_t timeline = 1) {
  return {7, timeline, position, true};
}

class ReplayBoundTest : public testing::Test {
 protected:
  const ReplayBound::Clock::time_point t = ReplayBound::Clock::time_point(1h);
  ReplayBound bound{5s};
};

TEST_F(ReplayBoundTest, KnowsNothingBeforeThePrimaryHasAnswered) {
  EXPECT_EQ(bound.knows_all_until(standby(100)), std::nullopt);
}

TEST_F(ReplayBoundTest, CountsFromTheNewestPositionThatTheStandbyHasReplayed) {
  bound.primary_is_at(primary(100), t);
  bound.primary_is_at(primary(200), t + 1s);
  bound.primary_is_at(primary(300), t + 2s);
  EXPECT_EQ(bound.knows_all_until(standby(99)), std::nullopt);
  EXPECT_EQ(bound.knows_all_until(standby(100)), t);
  EXPECT_EQ(bound.knows_all_until(standby(299)), t + 1s);
  EXPECT_EQ(bound.knows_all_until(standby(300)), t + 2s);
  EXPECT_EQ(bound.knows_all_until(standby(999)), t + 2s);
}

TEST_F(ReplayBoundTest, OfAPrimaryThatWritesNothingCountsFromTheLastQuestion) {
  bound.primary_is_at(primary(100), t);
  bound.primary_is_at(primary(100), t + 1s);
  EXPECT_EQ(bound.knows_all_until(standby(100)), t + 1s);
}

TEST_F(ReplayBoundTest, ForgetsWhatIsOlderThanTheLimit) {
  bound.primary_is_at(primary(100), t);
  bound.primary_is_at(primary(200), t + 5s);
  EXPECT_EQ(bound.knows_all_until(standby(100)), t);
  bound.primary_is_at(primary(300), t + 5001ms);
  EXPECT_EQ(bound.knows_all_until(standby(100)), std::nullopt);
  EXPECT_EQ(bound.knows_all_until(standby(200)), t + 5s);
}

TEST_F(ReplayBoundTest, DoesNotCompareTimelines) {
  bound.primary_is_at(primary(100), t);
  EXPECT_EQ(bound.knows_all_until(standby(200, 2)), std::nullopt);
  bound.primary_is_at(primary(50, 2), t + 1s);
  EXPECT_EQ(bound.knows_all_until(standby(200, 1)), std::nullopt);
  EXPECT_EQ(bound.knows_all_until(standby(50, 2)), t + 1s);
}

TEST_F(ReplayBoundTest, TakesNoOtherClusterForACopy) {
  bound.primary_is_at(primary(100), t);
  EXPECT_EQ(bound.knows_all_until({8, 1, 200, true}), std::nullopt);
}

TEST_F(ReplayBoundTest, TakesNoPromotedServerForAStandby) {
  bound.primary_is_at(primary(100), t);
  EXPECT_EQ(bound.knows_all_until(primary(200)), std::nullopt);
}

TEST_F(ReplayBoundTest, TakesNoStandbyForThePrimary) {
  bound.primary_is_at(standby(100), t);
  EXPECT_EQ(bound.knows_all_until(standby(200)), std::nullopt);
}

}  // namespace
}  // namespace openclaw::front
