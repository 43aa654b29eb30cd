#include "serving/request_id.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace openclaw {
namespace {

TEST(RequestId, OfAClientIsTakenWhenItCanHarmNoLog) {
  EXPECT_TRUE(is_request_id("a"));
  EXPECT_TRUE(is_request_id("3f2a-B.c_9"));
  EXPECT_TRUE(is_request_id(std::string(64, 'a')));
  EXPECT_FALSE(is_request_id(""));
  EXPECT_FALSE(is_request_id(std::string(65, 'a')));
  for (const char* id : {"a b", "a\"", "a\n", "a{", "\xC3\xA9", "a/b", "a:b"}) {
    EXPECT_FALSE(is_request_id(id)) << id;
  }
}

TEST(RequestId, OfAClientIsKeptWhenItIsOne) {
  RequestIds ids;
  EXPECT_EQ(ids.next("abc-1"), "abc-1");
  EXPECT_NE(ids.next("abc 1"), "abc 1");
}

TEST(RequestId, IsMadeOf128BitsThatDoNotRepeat) {
  RequestIds ids;
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) {
    const std::string id = ids.next(std::nullopt);
    EXPECT_EQ(id.size(), 32U);
    EXPECT_TRUE(is_request_id(id));
    EXPECT_TRUE(seen.insert(id).second);
  }
}

}  // namespace
}  // namespace openclaw
