#include "service/answer.h"

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

namespace openclaw::front {
namespace {

SqlAnswer row(std::string_view headers, std::optional<std::string_view> body) {
  SqlAnswer answer;
  answer.outcome = SqlAnswer::Outcome::row;
  answer.status = 200;
  answer.headers = headers;
  answer.body = body;
  return answer;
}

TEST(Answer, RelaysHeaderLinesAsTheyAre) {
  EXPECT_EQ(parse_header_lines(""), Headers{});
  EXPECT_EQ(
      parse_header_lines("ETag: \"v1\"\nWWW-Authenticate: Bearer\nWWW-Authenticate: Basic\n"),
      (Headers{{"ETag", "\"v1\""}, {"WWW-Authenticate", "Bearer"}, {"WWW-Authenticate", "Basic"}}));
}

TEST(Answer, RefusesHeaderLinesThatCouldSplitTheAnswer) {
  for (const std::string lines :
       {"X: a\r", "X: a\r\nY: b", "X: a\x01", "X: a\x7F", "X", "X:a", ": a", "X Y: a", "X\r: a"}) {
    EXPECT_EQ(parse_header_lines(lines), std::nullopt) << lines;
  }
  EXPECT_EQ(parse_header_lines(std::string("X: a\0b", 6)), std::nullopt);
}

TEST(Answer, RefusesHeadersThatAreTheFrontsToSet) {
  for (const std::string name : {"Content-Length", "content-length", "Transfer-Encoding",
                                 "Connection", "Keep-Alive", "X-Request-Id", "Server", "Upgrade"}) {
    EXPECT_EQ(parse_header_lines(name + ": 1"), std::nullopt) << name;
  }
}

TEST(Answer, RelaysARowAndCallsItsBodyJsonUnlessItSaysOtherwise) {
  const auto json = relayed_answer(row("", "{}"));
  ASSERT_TRUE(json);
  EXPECT_EQ(json->status, 200);
  EXPECT_EQ(json->body, "{}");
  EXPECT_EQ(json->headers, (Headers{{"Content-Type", "application/json"}}));
  const auto other = relayed_answer(row("content-type: application/jwk-set+json", "{}"));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->headers, (Headers{{"content-type", "application/jwk-set+json"}}));
}

TEST(Answer, RelaysARowWithoutABody) {
  const auto empty = relayed_answer(row("", std::nullopt));
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->body, "");
  EXPECT_TRUE(empty->headers.empty());
}

TEST(Answer, DoesNotRelayARowWithBadHeaders) { EXPECT_FALSE(relayed_answer(row("X: a\rb", "{}"))); }

TEST(Answer, WritesErrorsAsOAuthDoes) {
  const Answer answer = error_answer(405, "Not here.");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.headers, (Headers{{"Content-Type", "application/json"}}));
  EXPECT_EQ(nlohmann::json::parse(answer.body),
            nlohmann::json({{"error", "method_not_allowed"}, {"error_description", "Not here."}}));
}

TEST(Answer, NamesTheErrorByTheStatus) {
  const auto error = [](int status) {
    return nlohmann::json::parse(error_answer(status, "a").body).at("error").get<std::string>();
  };
  for (int status : {400, 408, 411, 413, 414, 415, 417, 431, 505}) {
    EXPECT_EQ(error(status), "invalid_request") << status;
  }
  EXPECT_EQ(error(404), "not_found");
  EXPECT_EQ(error(500), "server_error");
  EXPECT_EQ(error(503), "temporarily_unavailable");
}

TEST(Answer, AsksToTryAgainWhenUnavailable) {
  const Answer answer = unavailable_answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers, (Headers{{"Content-Type", "application/json"}, {"Retry-After", "1"}}));
}

}  // namespace
}  // namespace openclaw::front
