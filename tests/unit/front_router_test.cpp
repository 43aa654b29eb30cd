#include "service/router.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace openclaw::front {
namespace {

using Texts = std::vector<std::optional<std::string>>;

Texts values(std::string_view path, const RequestFrame& frame) {
  Form parameters;
  const auto result = read_arguments(*find_endpoint(path), frame, "id-1", parameters);
  EXPECT_TRUE(std::holds_alternative<SqlArguments>(result));
  if (!std::holds_alternative<SqlArguments>(result)) return {};
  const auto& views = std::get<SqlArguments>(result);
  return {views.begin(), views.end()};
}

int refusal(std::string_view path, const RequestFrame& frame) {
  Form parameters;
  const auto result = read_arguments(*find_endpoint(path), frame, "id-1", parameters);
  return std::holds_alternative<ArgumentError>(result) ? std::get<ArgumentError>(result).status : 0;
}

RequestFrame form(std::string_view body) {
  RequestFrame frame;
  frame.content_type = "application/x-www-form-urlencoded";
  frame.body = body;
  return frame;
}

TEST(Arguments, ComeFromWhereTheTableSaysInItsOrder) {
  RequestFrame frame = form("token_type_hint=access_token&token=abc&other=x&client_secret=s");
  frame.authorization = "Bearer och_x";
  frame.client_certificate = ":AA==:";
  frame.query = "token=from-the-query";
  EXPECT_EQ(values("/oauth/revoke", frame),
            (Texts{"Bearer och_x", ":AA==:", std::nullopt, "s", std::nullopt, std::nullopt, "abc",
                   "access_token", "id-1"}));
}

TEST(Arguments, AreNullWhenAbsent) {
  EXPECT_EQ(values("/oauth/introspect", RequestFrame()), Texts(8, std::nullopt));
  EXPECT_EQ(values("/.well-known/jwks.json", RequestFrame()), (Texts{std::nullopt}));
  EXPECT_EQ(values("/readyz", RequestFrame()), Texts());
}

TEST(Arguments, OfAPathAreWhatFollowsTheEndpoints) {
  RequestFrame frame;
  frame.path = "/oauth/status/ctr_1/0";
  EXPECT_EQ(values("/oauth/status", frame), (Texts{"/ctr_1/0"}));
  frame.path = "/oauth/status";
  EXPECT_EQ(values("/oauth/status", frame), (Texts{""}));
}

TEST(Arguments, OfABatchAreTheBodyWhichMustBeJson) {
  RequestFrame frame;
  frame.body = R"(["a"])";
  EXPECT_EQ(refusal("/v1/introspect", frame), 415);
  for (const char* type :
       {"application/json", "Application/JSON", "application/json; charset=utf-8"}) {
    frame.content_type = type;
    EXPECT_EQ(values("/v1/introspect", frame), (Texts{std::nullopt, R"(["a"])"})) << type;
  }
  for (const char* type : {"text/json", "application/jsonp", "application/x-www-form-urlencoded"}) {
    frame.content_type = type;
    EXPECT_EQ(refusal("/v1/introspect", frame), 415) << type;
  }
  frame.content_type = "application/json";
  frame.content_encoding = "gzip";
  EXPECT_EQ(refusal("/v1/introspect", frame), 415);
  frame.content_encoding.reset();
  frame.body = "\xff";
  EXPECT_EQ(refusal("/v1/introspect", frame), 400);
}

TEST(Arguments, OfAForwardedRequestComeFromTheQueryWhateverItsBody) {
  RequestFrame frame;
  frame.authorization = "Bearer abc";
  frame.query = "audience=https%3A%2F%2Fmcp.example&scope=mcp:tools";
  frame.content_type = "application/json";
  frame.content_encoding = "gzip";
  frame.body = "audience=other&%";
  EXPECT_EQ(values("/v1/verify", frame), (Texts{"Bearer abc", "https://mcp.example", "mcp:tools"}));
}

TEST(Arguments, AreNotReadFromABodyThatIsNoForm) {
  RequestFrame frame = form("token=a");
  frame.content_type = "application/json";
  EXPECT_EQ(refusal("/oauth/introspect", frame), 415);
  frame.content_type.reset();
  EXPECT_EQ(refusal("/oauth/introspect", frame), 415);
  frame = form("token=a");
  frame.content_encoding = "gzip";
  EXPECT_EQ(refusal("/oauth/introspect", frame), 415);
  frame = RequestFrame();
  frame.content_type = "text/plain";
  EXPECT_EQ(refusal("/oauth/introspect", frame), 415);
}

TEST(Arguments, AreRefusedWhenTheFormOrQueryIsMalformed) {
  EXPECT_EQ(refusal("/oauth/introspect", form("token=a&token=b")), 400);
  EXPECT_EQ(refusal("/oauth/introspect", form("token=%00")), 400);
  RequestFrame frame;
  frame.query = "scope=a&scope=b";
  EXPECT_EQ(refusal("/v1/verify", frame), 400);
}

TEST(Arguments, AreRefusedWhenAHeaderIsNoText) {
  RequestFrame frame = form("token=a");
  frame.authorization = "Bearer \xFF";
  EXPECT_EQ(refusal("/oauth/introspect", frame), 400);
  frame = RequestFrame();
  frame.if_none_match = "\xC3";
  EXPECT_EQ(refusal("/.well-known/jwks.json", frame), 400);
}

}  // namespace
}  // namespace openclaw::front
