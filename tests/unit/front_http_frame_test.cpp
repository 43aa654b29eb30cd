#include "service/http_frame.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace openclaw::front {
namespace {

using State = RequestFramer::State;

// The status that a whole request is refused with; 0 when it is complete, -1 when more is awaited.
int refusal_of(const std::string& request) {
  RequestFramer framer;
  switch (framer.feed(request)) {
    case State::refused:
      return framer.refusal().status;
    case State::complete:
      return 0;
    default:
      return -1;
  }
}

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: front\r\n\r\n";
}

std::string with_fields(const std::string& fields) {
  return "POST /oauth/introspect HTTP/1.1\r\nHost: front\r\n" + fields + "\r\n";
}

TEST(HttpFrame, FindsEveryPartOfARequestAndWhereItEnds) {
  const std::string request =
      "POST /v1/verify?audience=a%20b&scope=x HTTP/1.1\r\n"
      "host: front:8080\r\n"
      "AUTHORIZATION:  Bearer och_x \t\r\n"
      "Content-Type: text/plain\r\n"
      "Content-Encoding: gzip\r\n"
      "If-None-Match: \"v1\"\r\n"
      "X-Request-Id: abc\r\n"
      "Content-Length: 5\r\n"
      "\r\n"
      "hello";
  const std::string buffer = request + "GET / HTTP/1.1\r\n";
  RequestFramer framer;
  ASSERT_EQ(framer.feed(buffer), State::complete);
  const RequestFrame frame = framer.frame(buffer);
  EXPECT_EQ(frame.method, "POST");
  EXPECT_EQ(frame.path, "/v1/verify");
  EXPECT_EQ(frame.query, "audience=a%20b&scope=x");
  EXPECT_EQ(frame.authorization, "Bearer och_x");
  EXPECT_EQ(frame.content_type, "text/plain");
  EXPECT_EQ(frame.content_encoding, "gzip");
  EXPECT_EQ(frame.if_none_match, "\"v1\"");
  EXPECT_EQ(frame.request_id, "abc");
  EXPECT_EQ(frame.body, "hello");
  EXPECT_EQ(frame.size, request.size());
}

TEST(HttpFrame, LeavesOutWhatIsNotThere) {
  const std::string request = get("/healthz?");
  RequestFramer framer;
  ASSERT_EQ(framer.feed(request), State::complete);
  const RequestFrame frame = framer.frame(request);
  EXPECT_EQ(frame.query, "");
  EXPECT_EQ(frame.body, "");
  EXPECT_FALSE(frame.authorization);
  EXPECT_FALSE(frame.content_type);
  EXPECT_FALSE(frame.if_none_match);
  EXPECT_FALSE(frame.request_id);
}

TEST(HttpFrame, ReadsARequestThatArrivesByteByByteAndMovesInMemory) {
  const std::string request = with_fields("Content-Length: 11\r\n") + "token=hello";
  RequestFramer framer;
  for (std::size_t size = 0; size < request.size(); ++size) {
    const std::string arrived = request.substr(0, size);
    const State state = framer.feed(arrived);
    ASSERT_TRUE(state == State::head || state == State::body) << size;
    ASSERT_EQ(state == State::body, size >= request.size() - 11) << size;
  }
  ASSERT_EQ(framer.feed(request), State::complete);
  EXPECT_EQ(framer.frame(request).body, "token=hello");
}

TEST(HttpFrame, RefusesAVersionOtherThan10And11) {
  EXPECT_EQ(refusal_of("GET /\r\n"), 400);  // HTTP/0.9
  EXPECT_EQ(refusal_of("GET / \r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/2.0\r\n"), 505);
  EXPECT_EQ(refusal_of("PRI * HTTP/2.0\r\n"), 505);
  EXPECT_EQ(refusal_of("GET / HTTP/1.2\r\n"), 505);
  EXPECT_EQ(refusal_of("GET / HTTP/1.10\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / http/1.1\r\n"), 400);
}

TEST(HttpFrame, RefusesARequestLineThatIsNotThreeParts) {
  EXPECT_EQ(refusal_of("GET\r\n"), 400);
  EXPECT_EQ(refusal_of("GET  / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / /b HTTP/1.1\r\n"), 400);
  EXPECT_EQ(refusal_of("GET /\tHTTP/1.1\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1 \r\n"), 400);
  EXPECT_EQ(refusal_of("G(T / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(refusal_of("BREW / HTTP/1.1\r\n"), 501);
  EXPECT_EQ(refusal_of("get / HTTP/1.1\r\n"), 501);
}

TEST(HttpFrame, RefusesWhatDoesNotBeginLikeARequestAtItsFirstByte) {
  EXPECT_EQ(refusal_of("\x16\x03\x01"), 400);  // TLS
  EXPECT_EQ(refusal_of("\r\n"), 400);
  EXPECT_EQ(refusal_of(" GET"), 400);
  EXPECT_EQ(refusal_of(std::string(1, '\0')), 400);
}

TEST(HttpFrame, RefusesATargetThatIsNotAPlainPath) {
  const std::vector<std::string> targets{"http://front/healthz",
                                         "front:443",
                                         "*",
                                         "healthz",
                                         "/a/../b",
                                         "/..",
                                         "/./a",
                                         "/a/.",
                                         "/healthz%00",
                                         "/%68ealthz",
                                         "/a%2fb",
                                         "/a#b",
                                         "/a\\b",
                                         "/a\x01",
                                         "/a\x7F",
                                         "/a\xC3\xA9",
                                         "/a\"b",
                                         "/a?b=\"",
                                         "/a?b#c",
                                         "/a?b=\xC3",
                                         "/a?<",
                                         "//../a"};
  for (const std::string& target : targets) EXPECT_EQ(refusal_of(get(target)), 400) << target;
  EXPECT_EQ(refusal_of(get(std::string("/a\0b", 4))), 400);
  EXPECT_EQ(refusal_of(get("/.well-known/a..b/...")), 0);
}

TEST(HttpFrame, RefusesLinesThatDoNotEndInCrlf) {
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\nHost: a\n\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a\r\n\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\r\n"), 400);
  EXPECT_EQ(refusal_of(with_fields("X: a\rb\r\n")), 400);
}

TEST(HttpFrame, RefusesMalformedFields) {
  EXPECT_EQ(refusal_of(with_fields("X: a\r\n b\r\n")), 400);  // folded
  EXPECT_EQ(refusal_of(with_fields("X : a\r\n")), 400);
  EXPECT_EQ(refusal_of(with_fields("X\r\n")), 400);
  EXPECT_EQ(refusal_of(with_fields(": a\r\n")), 400);
  EXPECT_EQ(refusal_of(with_fields("X(: a\r\n")), 400);
  EXPECT_EQ(refusal_of(with_fields("X: a\x01\r\n")), 400);
  EXPECT_EQ(refusal_of(with_fields("X: a\x7F\r\n")), 400);
  EXPECT_EQ(refusal_of(with_fields(std::string("X: a\0b\r\n", 8))), 400);
  EXPECT_EQ(refusal_of(with_fields("X:\r\nY: \t \r\nZ: a\tb \xC3\xA9\r\n")), 0);
}

TEST(HttpFrame, WantsOneWellFormedHost) {
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.0\r\n\r\n"), 0);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"), 0);
}

TEST(HttpFrame, WantsABodyToHaveOnePlainContentLength) {
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 1\r\nContent-Length: 1\r\n") + "a"), 400);
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 1, 1\r\n") + "a"), 400);
  EXPECT_EQ(refusal_of(with_fields("Content-Length: +1\r\n") + "a"), 400);
  EXPECT_EQ(refusal_of(with_fields("Content-Length: -1\r\n") + "a"), 400);
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 0x1\r\n") + "a"), 400);
  EXPECT_EQ(refusal_of(with_fields("Content-Length:\r\n")), 400);
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 1\r\n")), -1);
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 001\r\n") + "a"), 0);
}

TEST(HttpFrame, RefusesTransferEncoding) {
  EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: chunked\r\n")), 411);
  EXPECT_EQ(refusal_of(with_fields("transfer-encoding: identity\r\n")), 411);
  EXPECT_EQ(refusal_of(with_fields("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n")), 400);
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 1\r\nTransfer-Encoding: x\r\n")), 400);
}

TEST(HttpFrame, RefusesASecondOfEachFieldThatItReads) {
  for (const std::string name : {"Authorization", "Content-Type", "Content-Encoding",
                                 "If-None-Match", "X-Request-Id", "Expect", "Transfer-Encoding"}) {
    EXPECT_EQ(refusal_of(with_fields(name + ": a\r\n" + name + ": a\r\n")), 400) << name;
  }
  EXPECT_EQ(refusal_of(with_fields("X-Other: a\r\nX-Other: b\r\n")), 0);
}

TEST(HttpFrame, RefusesExpectAndIgnoresRangeAndUpgrade) {
  EXPECT_EQ(refusal_of(with_fields("Expect: 100-continue\r\n")), 417);
  EXPECT_EQ(refusal_of(with_fields("Range: bytes=0-1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n")),
            0);
}

TEST(HttpFrame, TakesARequestLineOf8KiBAndNoMore) {
  const std::size_t rest = get("/").find("\r\n");
  EXPECT_EQ(refusal_of(get("/" + std::string(kMaxRequestLine - rest, 'a'))), 0);
  EXPECT_EQ(refusal_of(get("/" + std::string(kMaxRequestLine - rest + 1, 'a'))), 414);
  EXPECT_EQ(refusal_of("GET /" + std::string(kMaxRequestLine, 'a')), 414);  // and no line end yet
}

TEST(HttpFrame, TakesFieldsOf16KiBAndNoMore) {
  const std::size_t others = std::string("Host: front\r\nX: \r\n\r\n").size();
  EXPECT_EQ(refusal_of(with_fields("X: " + std::string(kMaxFieldLines - others, 'a') + "\r\n")), 0);
  EXPECT_EQ(refusal_of(with_fields("X: " + std::string(kMaxFieldLines - others + 1, 'a') + "\r\n")),
            431);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nX: " + std::string(kMaxFieldLines, 'a')), 431);
}

TEST(HttpFrame, Takes100FieldsAndNoMore) {
  std::string fields;
  for (std::size_t i = 1; i < kMaxFields; ++i) fields += "X: a\r\n";
  EXPECT_EQ(refusal_of(with_fields(fields)), 0);
  EXPECT_EQ(refusal_of(with_fields(fields + "X: a\r\n")), 431);
}

TEST(HttpFrame, TakesABodyOf64KiBAndRefusesALargerOneBeforeItArrives) {
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 65536\r\n") + std::string(kMaxBody, 'a')), 0);
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 65537\r\n")), 413);
  EXPECT_EQ(refusal_of(with_fields("Content-Length: 99999999999999999999999\r\n")), 413);
}

TEST(HttpFrame, KeepsTheConnectionAsTheVersionAndTheFieldSay) {
  const auto kept = [](const std::string& version, const std::string& fields) {
    const std::string request = "GET / HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n";
    RequestFramer framer;
    EXPECT_EQ(framer.feed(request), State::complete);
    return framer.frame(request).keep_alive;
  };
  EXPECT_TRUE(kept("1.1", ""));
  EXPECT_FALSE(kept("1.1", "Connection: Close\r\n"));
  EXPECT_FALSE(kept("1.1", "Connection: keep-alive , close\r\n"));
  EXPECT_FALSE(kept("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_FALSE(kept("1.0", ""));
  EXPECT_TRUE(kept("1.0", "Connection: Keep-Alive\r\n"));
}

}  // namespace
}  // namespace openclaw::front
