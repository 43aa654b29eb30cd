#include "gate/request_check.h"

#include <gtest/gtest.h>

#include <string>

namespace openclaw::gate {
namespace {

using namespace std::string_literals;

// The status that a request gets, as a session finds it; 0 for one that is taken.
int status_of(const std::string& request) {
  const std::size_t end = request.find("\r\n\r\n");
  const std::string head = end == std::string::npos ? request : request.substr(0, end + 4);
  if (const auto refusal = check_head(head)) return refusal->status;
  RequestParser parser;
  parser.header_limit(kMaxRequestHead);
  parser.body_limit(1024);
  parser.eager(true);
  boost::beast::error_code error;
  parser.put(boost::asio::buffer(head), error);
  if (error && error != http::error::need_more) return refusal_of(error).status;
  const auto refusal = check_request(parser);
  return refusal ? refusal->status : 0;
}

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::string with_fields(const std::string& fields) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

TEST(RequestCheck, TakesWhatMcpClientsSend) {
  EXPECT_EQ(status_of(with_fields("Content-Length: 2\r\nAccept: application/json\r\n"
                                  "Mcp-Session-Id: 1\r\nX-Tabs: a\tb\r\nEmpty:\r\n")),
            0);
  EXPECT_EQ(status_of(get("/mcp?a=%2Fb&c=..")), 0);
  EXPECT_EQ(status_of(get("/a%20b/.well-known/...x")), 0);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), 0);
}

TEST(RequestCheck, RefusesLinesThatTwoReadersWouldEndDifferently) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\nHost: a\n\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\rB: c\r\n\r\n"), 400);
  EXPECT_EQ(status_of(with_fields("A: b\r\n c\r\n")), 400);
  EXPECT_EQ(status_of(with_fields("A: b\r\n\tc\r\n")), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"s), 400);
  EXPECT_EQ(status_of("\x16\x03\x01"), 400);  // TLS on a port without
}

TEST(RequestCheck, FindsAControlCharacterWhereverItStands) {
  const std::string head = "GET / HTTP/1.1\r\nHost: 0123456789012345678901234567\r\n\r\n";
  const std::size_t value = head.find("0123");
  for (std::size_t at = value; at < value + 28; ++at) {
    for (int c = 0; c < 256; ++c) {
      std::string other = head;
      other[at] = static_cast<char>(c);
      const bool is_control = (c < 0x20 && c != '\t') || c == 0x7F;
      EXPECT_EQ(check_head(other).has_value(), is_control) << c << " at " << at;
    }
  }
}

TEST(RequestCheck, TakesTheBeginningOfAHeadAsItComes) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t size = 0; size <= head.size(); ++size) {
    EXPECT_FALSE(check_head(std::string_view(head).substr(0, size))) << size;
  }
  EXPECT_TRUE(check_head(" "));
  EXPECT_TRUE(check_head("\n"));
}

TEST(RequestCheck, RefusesFieldsThatAreNone) {
  EXPECT_EQ(status_of(with_fields("A : b\r\n")), 400);
  EXPECT_EQ(status_of(with_fields("no colon\r\n")), 400);
  EXPECT_EQ(status_of(with_fields(": b\r\n")), 400);
}

TEST(RequestCheck, RefusesTargetsThatAreNoPath) {
  for (const char* target : {"http://a/", "a", "*", "/a#b", "/a\\b", "/a\"b", "/\x80", "//../"}) {
    EXPECT_EQ(status_of(get(target)), 400) << target;
  }
  EXPECT_EQ(status_of("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of(get("/" + std::string(8192, 'a'))), 414);
}

TEST(RequestCheck, RefusesPathsThatADecoderReadsDifferently) {
  for (const char* target :
       {"/..", "/a/../b", "/./a", "/a/.", "/%2e%2E/a", "/.%2e/", "/a%2fb", "/a%5Cb", "/a%00",
        "/a%0d%0a", "/a%7f", "/..;/a", "/%2e.;x=1/a", "/a%", "/a%2", "/a%zz"}) {
    EXPECT_EQ(status_of(get(target)), 400) << target;
  }
  EXPECT_EQ(status_of(get("/a?b=%zz")), 400);
}

TEST(RequestCheck, WantsOneHost) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
}

TEST(RequestCheck, RefusesWhatIsLookedAtWhenItIsRepeated) {
  for (const char* name :
       {"Content-Length", "Content-Type", "Expect", "Origin", "Access-Control-Request-Method"}) {
    const std::string line = std::string(name) + ": 1\r\n";
    EXPECT_EQ(status_of(with_fields(line + line)), 400) << name;
  }
}

TEST(RequestCheck, WantsABodyThatIsFramedInOneWay) {
  EXPECT_EQ(status_of(with_fields("Transfer-Encoding: chunked\r\n")), 0);
  EXPECT_EQ(status_of(with_fields("Transfer-Encoding: Chunked\r\n")), 0);
  EXPECT_EQ(status_of(with_fields("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(status_of(with_fields("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n")), 400);
  EXPECT_NE(status_of(with_fields("Transfer-Encoding: gzip\r\n")), 0);
  EXPECT_EQ(status_of(with_fields("Transfer-Encoding: gzip, chunked\r\n")), 501);
  EXPECT_EQ(status_of("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  for (const char* length : {"-1", "+1", "0x1", "1,1", "1 1", "", "99999999999999999999"}) {
    EXPECT_EQ(status_of(with_fields("Content-Length: " + std::string(length) + "\r\n")), 400)
        << length;
  }
}

TEST(RequestCheck, BoundsHeadAndBody) {
  EXPECT_EQ(status_of(with_fields("Content-Length: 1024\r\n")), 0);
  EXPECT_EQ(status_of(with_fields("Content-Length: 1025\r\n")), 413);
  std::string fields;
  for (int i = 0; i < 99; ++i) fields += "A: b\r\n";
  EXPECT_EQ(status_of(with_fields(fields)), 0);
  EXPECT_EQ(status_of(with_fields(fields + "A: b\r\n")), 431);
  EXPECT_EQ(status_of(with_fields("A: " + std::string(16384, 'a') + "\r\n")), 431);
}

TEST(RequestCheck, RefusesMethodsThatMeanSomethingElseToAProxy) {
  EXPECT_EQ(status_of("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
  EXPECT_EQ(status_of("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
  EXPECT_EQ(status_of("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
  EXPECT_EQ(status_of("GE\tT / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

TEST(RequestCheck, SpeaksTheVersionsThatItKnows) {
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(status_of("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(status_of("GET /\r\n\r\n"), 400);
}

TEST(RequestCheck, MeetsOneExpectation) {
  EXPECT_EQ(status_of(with_fields("Expect: 100-Continue\r\nContent-Length: 1\r\n")), 0);
  EXPECT_EQ(status_of(with_fields("Expect: a-pony\r\n")), 417);
}

}  // namespace
}  // namespace openclaw::gate
