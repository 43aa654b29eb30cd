#include "serving/deadlines.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace openclaw {
namespace {

using namespace std::chrono_literals;

enum Kind : std::size_t { kShort, kLong };

class DeadlinesTest : public testing::Test {
 protected:
  using Table = Deadlines<std::string, 2>;

  std::vector<std::string> expired(std::chrono::milliseconds at) {
    std::vector<std::string> names;
    table_.expire(start_ + at, [&](const std::string& name) { names.push_back(name); });
    return names;
  }

  const Table::Clock::time_point start_{};
  Table table_{{100ms, 1000ms}};
};

TEST_F(DeadlinesTest, ExpireOnTimeOnceAndInTheirOrder) {
  const auto a = table_.add("a");
  const auto b = table_.add("b");
  table_.set(a, kShort, start_);
  table_.set(b, kShort, start_ + 50ms);
  EXPECT_EQ(expired(99ms), std::vector<std::string>{});
  EXPECT_EQ(expired(100ms), std::vector<std::string>{"a"});
  EXPECT_EQ(expired(150ms), std::vector<std::string>{"b"});
  EXPECT_EQ(expired(9999ms), std::vector<std::string>{});
  EXPECT_EQ(table_.size(), 2U);
}

TEST_F(DeadlinesTest, MoveBetweenKindsAndStartAnew) {
  const auto a = table_.add("a");
  table_.set(a, kShort, start_);
  table_.set(a, kLong, start_ + 50ms);
  EXPECT_EQ(expired(1049ms), std::vector<std::string>{});
  table_.set(a, kShort, start_ + 1049ms);
  EXPECT_EQ(expired(1149ms), std::vector<std::string>{"a"});
}

TEST_F(DeadlinesTest, AreLiftedByClearAndByRemove) {
  const auto a = table_.add("a");
  const auto b = table_.add("b");
  table_.set(a, kShort, start_);
  table_.set(b, kShort, start_);
  table_.clear(a);
  table_.remove(b);
  EXPECT_EQ(expired(9999ms), std::vector<std::string>{});
  EXPECT_EQ(table_.owners(), std::list<std::string>{"a"});
}

TEST_F(DeadlinesTest, LetTheExpiredRemoveItselfAndOthers) {
  const auto a = table_.add("a");
  const auto b = table_.add("b");
  table_.set(a, kShort, start_);
  table_.set(b, kShort, start_);
  int calls = 0;
  table_.expire(start_ + 100ms, [&](const std::string&) {
    ++calls;
    table_.remove(a);
    table_.remove(b);
  });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(table_.size(), 0U);
}

}  // namespace
}  // namespace openclaw
