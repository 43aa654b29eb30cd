#include "gate/known_lists.h"

#include <vector>

#include <gtest/gtest.h>

namespace openclaw::gate {
namespace {

std::string fetched(const std::string& jwks_url, const std::string& issuer, std::string_view uri) {
  Config config;
  config.jwks_url = jwks_url;
  config.issuer = issuer;
  const std::optional<HttpUrl> url = status_list_url(config, uri);
  return url ? origin(*url) + url->path : "none";
}

TEST(StatusListUrl, LiesWhereTheKeysComeFrom) {
  const std::string issuer = "https://auth.example.com";
  const std::string uri = issuer + "/oauth/status/a/1";
  EXPECT_EQ(fetched(issuer + "/.well-known/jwks.json", issuer, uri), uri);
  EXPECT_EQ(fetched("http://127.0.0.1:8080/.well-known/jwks.json", issuer, uri),
            "http://127.0.0.1:8080/oauth/status/a/1");
  EXPECT_EQ(fetched("https://inner:8443/front/.well-known/jwks.json", issuer, uri),
            "https://inner:8443/front/oauth/status/a/1");
  EXPECT_EQ(fetched("https://keys.example.com/jwks.json", issuer, uri), uri);
  EXPECT_EQ(fetched("https://keys.example.com/x.well-known/jwks.json", issuer, uri), uri);
}

TEST(StatusListUrl, TakesAnIssuerWithAPathAndWithATrailingSlash) {
  const std::string jwks = "http://127.0.0.1:8080/.well-known/jwks.json";
  EXPECT_EQ(fetched(jwks, "https://x.example/", "https://x.example/a"), "http://127.0.0.1:8080/a");
  EXPECT_EQ(fetched(jwks, "https://x.example/t/", "https://x.example/t/a"),
            "http://127.0.0.1:8080/a");
  EXPECT_EQ(fetched(jwks, "https://x.example/t", "https://x.example/t2/a"), "none");
  EXPECT_EQ(fetched(jwks, "https://x.example/t", "https://x.example/a"), "none");
}

TEST(StatusListUrl, IsNoneForWhatIsNotTheIssuers) {
  const std::string jwks = "http://127.0.0.1:8080/.well-known/jwks.json";
  for (const char* uri :
       {"", "/a", "https://x.example", "https://x.example.evil/a", "https://x.examplee/a",
        "http://x.example/a", "HTTPS://x.example/a", "https://x.example:8443/a",
        "https://x.example@evil.example/a", "https://x.example/a?b", "https://x.example/a#b",
        "https://x.example/a b", "https://x.example/%zz", "https://x.example/a\r\nX: 1"}) {
    EXPECT_EQ(fetched(jwks, "https://x.example", uri), "none") << uri;
  }
  EXPECT_EQ(fetched(jwks, "https://x.example", "https://x.example/" + std::string(2048, 'a')),
            "none");
}

class KnownListsTest : public testing::Test {
 protected:
  std::shared_ptr<KnownList> refer(std::size_t number) {
    return lists_.refer("https://x.example/" + std::to_string(number),
                        HttpUrl{true, "x.example", 443, "/" + std::to_string(number)});
  }

  KnownLists lists_;
};

TEST_F(KnownListsTest, AListIsOneForAllWhoReferToIt) {
  const std::shared_ptr<KnownList> list = refer(1);
  EXPECT_EQ(refer(1), list);
  EXPECT_NE(refer(2), list);
  EXPECT_EQ(list->uri, "https://x.example/1");
  EXPECT_EQ(list->url.path, "/1");
  EXPECT_FALSE(list->current);
  EXPECT_FALSE(list->awaited);
}

TEST_F(KnownListsTest, OneThatNobodyHoldsIsForgotten) {
  const std::shared_ptr<KnownList> held = refer(1);
  refer(2)->awaited = true;
  EXPECT_EQ(lists_.size(), 1u);
  EXPECT_FALSE(refer(2)->awaited);
}

TEST_F(KnownListsTest, ThereAreAtMost64AndForgottenOnesMakeRoom) {
  std::vector<std::shared_ptr<KnownList>> held;
  for (std::size_t i = 0; i < KnownLists::kMost; ++i) held.push_back(refer(i));
  EXPECT_EQ(refer(KnownLists::kMost), nullptr);
  EXPECT_EQ(refer(5), held[5]);
  held[7].reset();
  EXPECT_NE(refer(KnownLists::kMost), nullptr);
}

TEST_F(KnownListsTest, AListRevokesWhatItSaysOnceItWasRead) {
  const std::shared_ptr<KnownList> list = refer(1);
  EXPECT_FALSE(list->revokes(3));
  list->list.emplace(16U).invalidate(3);
  EXPECT_TRUE(list->revokes(3));
  EXPECT_FALSE(list->revokes(4));
  EXPECT_TRUE(list->revokes(16));
}

}  // namespace
}  // namespace openclaw::gate
