#include "service/written_head.h"

#include <string>

#include <gtest/gtest.h>

namespace openclaw::front {
namespace {

TEST(WrittenHead, IsThatOfAnotherAnswerWithItsOwnLengthAndId) {
  const auto head = WrittenHead::of(
      "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 16\r\nContent-Type: a/b\r\n"
      "X-Request-Id: one\r\nZ: z\r\n\r\n{\"active\":false}");
  ASSERT_TRUE(head);
  std::string out = "-";
  head->append_to(out, 1234567, "another");
  EXPECT_EQ(out,
            "-HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 1234567\r\n"
            "Content-Type: a/b\r\nX-Request-Id: another\r\nZ: z\r\n\r\n");
}

TEST(WrittenHead, EndsBeforeTheBodyWhateverThatHolds) {
  const auto head = WrittenHead::of(
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Request-Id: one\r\n\r\n\r\nContent-Length: 1\r\n"
      "X-Request-Id: two\r\n\r\n");
  ASSERT_TRUE(head);
  std::string out;
  head->append_to(out, 0, "x");
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Request-Id: x\r\n\r\n");
}

TEST(WrittenHead, IsNotKeptOfWhatItDoesNotKnow) {
  for (const char* answer :
       {"", "HTTP/1.1 304 Not Modified\r\nX-Request-Id: one\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nX-Request-Id: one\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Request-Id: one\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Request-Id: one\r\nX-Request-Id: two\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\nX-Request-Id: 1\r\n\r\nx"}) {
    EXPECT_FALSE(WrittenHead::of(answer)) << answer;
  }
}

}  // namespace
}  // namespace openclaw::front
