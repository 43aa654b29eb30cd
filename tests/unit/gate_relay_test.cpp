#include "gate/relay.h"

#include <gtest/gtest.h>

#include <string>

namespace openclaw::gate {
namespace {

RequestParser::value_type request(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  RequestParser::value_type message{http::verb::post, "/ignored", 11};
  message.set(http::field::host, "client.example.com");
  for (const auto& [name, value] : fields) {
    message.insert(boost::beast::string_view(name.data(), name.size()),
                   boost::beast::string_view(value.data(), value.size()));
  }
  return message;
}

std::string upstream_head(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fields,
    std::string_view user_id = {}) {
  std::string out;
  append_upstream_head(
      out, request(fields),
      {.target = "/mcp?a=b", .host = "127.0.0.1:3001", .user_id = user_id, .request_id = "r1"});
  append_framing(out, {Framing::By::content_length, 5});
  return out;
}

// What is there without any field of the client's.
const std::string kBare =
    "POST /mcp?a=b HTTP/1.1\r\n"
    "Host: 127.0.0.1:3001\r\n"
    "X-Request-Id: r1\r\n"
    "Content-Length: 5\r\n\r\n";

TEST(Relay, NamesTheUpstreamTheTargetAndTheFramingByItself) { EXPECT_EQ(upstream_head({}), kBare); }

TEST(Relay, HandsOnWhatMcpNeeds) {
  const std::string head = upstream_head({{"Accept", "application/json, text/event-stream"},
                                          {"Mcp-Session-Id", "s1"},
                                          {"Last-Event-ID", "7"},
                                          {"MCP-Protocol-Version", "2025-11-25"},
                                          {"Mcp-Method", "tools/call"},
                                          {"Mcp-Param-Region", "eu"},
                                          {"Cookie", "a=b"},
                                          {"traceparent", "00-1"},
                                          {"X-Custom", "c"}});
  for (const char* line :
       {"Accept: application/json, text/event-stream\r\n", "Mcp-Session-Id: s1\r\n",
        "Last-Event-ID: 7\r\n", "MCP-Protocol-Version: 2025-11-25\r\n",
        "Mcp-Method: tools/call\r\n", "Mcp-Param-Region: eu\r\n", "Cookie: a=b\r\n",
        "traceparent: 00-1\r\n", "X-Custom: c\r\n"}) {
    EXPECT_NE(head.find(line), std::string::npos) << line;
  }
}

TEST(Relay, KeepsCredentialsAndIdentitiesOfTheClientFromTheUpstream) {
  for (const char* name : {"Authorization",
                           "Proxy-Authorization",
                           "X-OpenClaw-User-Id",
                           "x-openclaw-user-id",
                           "X_OpenClaw_User_Id",
                           "X-OpenClaw-User-Claim",
                           "X-OpenClaw-Anything",
                           "Forwarded",
                           "X-Forwarded-For",
                           "X-Forwarded-User",
                           "X_Forwarded_Email",
                           "X-Forwarded-Client-Cert",
                           "X-Real-IP",
                           "Remote-User",
                           "REMOTE_USER",
                           "X-Remote-User",
                           "X-Auth-Request-User",
                           "X-Authenticated-User",
                           "X-WebAuth-User",
                           "X-User-Id",
                           "X-SSL-Client-CN",
                           "SSL_CLIENT_S_DN",
                           "Client-Cert",
                           "Client-Cert-Chain",
                           "X-Request-Id",
                           "Origin",
                           "Host",
                           "Content-Length",
                           "Expect"}) {
    EXPECT_EQ(upstream_head({{name, "eve"}}), kBare) << name;
  }
}

TEST(Relay, EndsHopByHopFieldsHere) {
  for (const char* name : {"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer",
                           "Transfer-Encoding", "Upgrade"}) {
    EXPECT_EQ(upstream_head({{name, "x"}}), kBare) << name;
  }
  EXPECT_EQ(upstream_head({{"Connection", "keep-alive, X-Hop"}, {"x-hop", "1"}}), kBare);
  EXPECT_EQ(upstream_head({{"Connection", "close"}, {"Connection", "X-Hop"}, {"X-Hop", "1"}}),
            kBare);
}

TEST(Relay, TellsTheUpstreamWhoWasProvenOnce) {
  const std::string head = upstream_head({{"X-OpenClaw-User-Id", "eve"}}, "user_ada");
  EXPECT_NE(head.find("X-OpenClaw-User-Id: user_ada\r\n"), std::string::npos);
  EXPECT_EQ(head.find("eve"), std::string::npos);
  // Nothing that Connection names takes that away.
  EXPECT_NE(upstream_head({{"Connection", "X-OpenClaw-User-Id"}}, "user_ada")
                .find("X-OpenClaw-User-Id: user_ada\r\n"),
            std::string::npos);
}

std::string client_head(std::initializer_list<std::pair<std::string_view, std::string_view>> fields,
                        const ClientHead& head, std::string_view allowed_origin = {}) {
  ResponseParser::value_type message{http::status::ok, 11};
  for (const auto& [name, value] : fields) {
    message.insert(boost::beast::string_view(name.data(), name.size()),
                   boost::beast::string_view(value.data(), value.size()));
  }
  std::string out;
  append_client_head(out, message, allowed_origin);
  append_client_framing(out, head);
  return out;
}

TEST(Relay, HandsBackWhatTheUpstreamSaysEndToEnd) {
  EXPECT_EQ(client_head({{"Content-Type", "text/event-stream"},
                         {"Mcp-Session-Id", "s1"},
                         {"Connection", "keep-alive, X-Hop"},
                         {"X-Hop", "1"},
                         {"Keep-Alive", "timeout=5"},
                         {"Transfer-Encoding", "chunked"},
                         {"X-Request-Id", "theirs"}},
                        {.request_id = "r1", .framing = {Framing::By::chunks}}),
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: text/event-stream\r\n"
            "Mcp-Session-Id: s1\r\n"
            "X-Request-Id: r1\r\n"
            "Transfer-Encoding: chunked\r\n\r\n");
}

TEST(Relay, AnswersCorsInThePlaceOfTheUpstream) {
  const std::string head = client_head(
      {{"Access-Control-Allow-Origin", "*"},
       {"Access-Control-Allow-Credentials", "true"},
       {"Access-Control-Expose-Headers", "X-Theirs"}},
      {.request_id = "r1", .framing = {Framing::By::content_length, 0}}, "https://app.example.com");
  EXPECT_EQ(head,
            "HTTP/1.1 200 OK\r\n"
            "Access-Control-Allow-Origin: https://app.example.com\r\n"
            "Access-Control-Expose-Headers: Mcp-Session-Id, Mcp-Protocol-Version, "
            "WWW-Authenticate, X-Request-Id\r\n"
            "Vary: Origin\r\n"
            "X-Request-Id: r1\r\n"
            "Content-Length: 0\r\n\r\n");
}

TEST(Relay, SaysWhetherTheConnectionGoesOn) {
  const auto connection = [](bool keep_alive, unsigned version) {
    return client_head(
        {},
        {.request_id = "r", .framing = {}, .keep_alive = keep_alive, .client_version = version});
  };
  EXPECT_EQ(connection(true, 11).find("Connection"), std::string::npos);
  EXPECT_NE(connection(false, 11).find("Connection: close\r\n"), std::string::npos);
  EXPECT_NE(connection(true, 10).find("Connection: keep-alive\r\n"), std::string::npos);
  EXPECT_NE(connection(false, 10).find("Connection: close\r\n"), std::string::npos);
}

TEST(Relay, FramesChunksInHex) {
  EXPECT_EQ(chunk_head(1), "1\r\n");
  EXPECT_EQ(chunk_head(0x1a2b), "1a2b\r\n");
}

}  // namespace
}  // namespace openclaw::gate
