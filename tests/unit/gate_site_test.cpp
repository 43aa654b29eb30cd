#include "gate/site.h"

#include <gtest/gtest.h>

namespace openclaw::gate {
namespace {

Config config(Mode mode, std::string public_url, std::string upstream_path = {}) {
  Config made;
  made.mode = mode;
  made.public_url = std::move(public_url);
  made.upstream = {"127.0.0.1", 3001, std::move(upstream_path)};
  return made;
}

TEST(Site, GoesByThePublicHostAddressesAndLocalhost) {
  Site site(config(Mode::platform, "https://mcp.example.com/mcp"));
  for (const char* host : {"mcp.example.com", "MCP.example.com", "mcp.example.com:443",
                           "mcp.example.com:8443", "127.0.0.1:3100", "192.0.2.7", "[::1]:3100",
                           "[2001:db8::1]", "localhost", "localhost:3100"}) {
    EXPECT_TRUE(site.is_host(host)) << host;
  }
}

TEST(Site, RefusesNamesThatAreNotItsOwn) {
  Site site(config(Mode::platform, "https://mcp.example.com/mcp"));
  for (const char* host :
       {"evil.example", "mcp.example.com.evil.example", "xmcp.example.com", "example.com",
        "mcp.example.com/", "mcp.example.com@evil.example", "127.0.0.1.evil.example", "", ":80",
        "mcp.example.com:", "mcp.example.com:99999", "mcp.example.com ", "mcp.example.com."}) {
    EXPECT_FALSE(site.is_host(host)) << host;
    EXPECT_TRUE(site.is_host("mcp.example.com"));
  }
}

TEST(Site, GoesByLoopbackAloneInModeLocal) {
  Site site(config(Mode::local, "https://mcp.example.com/mcp"));
  EXPECT_TRUE(site.is_host("127.0.0.1:3100"));
  EXPECT_TRUE(site.is_host("localhost:3100"));
  EXPECT_TRUE(site.is_host("[::1]:3100"));
  EXPECT_FALSE(site.is_host("192.0.2.7:3100"));
  EXPECT_FALSE(site.is_host("mcp.example.com"));
}

TEST(Site, GoesByTheServiceNameOfAHostedContainer) {
  Site site(config(Mode::mtls, "mcp-search:3100"));
  EXPECT_TRUE(site.is_host("mcp-search:3100"));
  EXPECT_TRUE(site.is_host("mcp-search"));
  EXPECT_FALSE(site.is_host("mcp-mail:3100"));
}

TEST(Site, TakesItsOwnOriginAndThoseOfTheList) {
  Config with_list = config(Mode::token, "https://mcp.example.com:8443/mcp");
  with_list.allowed_origins = {"http://localhost:6274"};
  const Site site(with_list);
  EXPECT_TRUE(site.is_origin("https://mcp.example.com:8443"));
  EXPECT_TRUE(site.is_origin("http://localhost:6274"));
  for (const char* origin : {"https://mcp.example.com", "http://mcp.example.com:8443", "null", "",
                             "http://localhost", "https://mcp.example.com:8443/",
                             "https://evil.example", "http://localhost:6274.evil.example"}) {
    EXPECT_FALSE(site.is_origin(origin)) << origin;
  }
  EXPECT_FALSE(Site(config(Mode::mtls, "mcp-search:3100")).is_origin("https://mcp-search:3100"));
}

TEST(Site, KeepsTheTargetWhenTheUpstreamHasNoPath) {
  const Site site(config(Mode::platform, "https://mcp.example.com/mcp"));
  EXPECT_EQ(site.upstream_target("/any?x=1"), "/any?x=1");
}

TEST(Site, PutsTheUpstreamsPathInThePlaceOfThePublicOne) {
  const Site site(config(Mode::platform, "https://mcp.example.com/ada", "/mcp/"));
  EXPECT_EQ(site.upstream_target("/ada"), "/mcp");
  EXPECT_EQ(site.upstream_target("/ada?x=1"), "/mcp?x=1");
  EXPECT_EQ(site.upstream_target("/ada/sse?x=/ada"), "/mcp/sse?x=/ada");
  EXPECT_EQ(site.upstream_target("/adax"), std::nullopt);
  EXPECT_EQ(site.upstream_target("/"), std::nullopt);
  EXPECT_EQ(site.upstream_target("/mcp"), std::nullopt);
}

TEST(Site, PutsItBeforeAllPathsOfAPublicUrlWithoutOne) {
  const Site site(config(Mode::platform, "https://mcp.example.com", "/mcp"));
  EXPECT_EQ(site.upstream_target("/"), "/mcp");
  EXPECT_EQ(site.upstream_target("/?x=1"), "/mcp?x=1");
  EXPECT_EQ(site.upstream_target("/a"), "/mcp/a");
}

TEST(Site, LeavesTheUpstreamsPathAloneWithoutAPublicUrl) {
  const Site site(config(Mode::local, "", "/mcp"));
  EXPECT_EQ(site.upstream_target("/mcp?x=1"), "/mcp?x=1");
  EXPECT_EQ(site.upstream_target("/mcp/a"), "/mcp/a");
  EXPECT_EQ(site.upstream_target("/"), std::nullopt);
}

}  // namespace
}  // namespace openclaw::gate
