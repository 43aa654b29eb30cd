#include "gate/challenge.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace openclaw::gate {
namespace {

using nlohmann::json;

Config platform(std::string public_url = "https://mcp.example.com/mcp") {
  Config config;
  config.mode = Mode::platform;
  config.public_url = std::move(public_url);
  config.issuer = "https://api.openclaw.example";
  config.required_scopes = {"mcp:tools", "data:read"};
  return config;
}

Config of_mode(Mode mode) {
  Config config = platform();
  config.mode = mode;
  return config;
}

const Decision kNothingCame{Verdict::unauthenticated, "no_credentials"};
const Decision kBadToken{Verdict::unauthenticated, "expired", true};
const Decision kUnknownKey{Verdict::unknown_key, "unknown_key", true};
const Decision kTooLittle{Verdict::insufficient_scope, "insufficient_scope", true};

TEST(ProtectedResourceMetadata, SaysWhatTheConfigurationSays) {
  const std::optional<std::string> metadata = protected_resource_metadata(platform());
  ASSERT_TRUE(metadata);
  EXPECT_EQ(json::parse(*metadata),
            json({{"resource", "https://mcp.example.com/mcp"},
                  {"authorization_servers", {"https://api.openclaw.example"}},
                  {"scopes_supported", {"mcp:tools", "data:read"}},
                  {"bearer_methods_supported", {"header"}}}));
}

TEST(ProtectedResourceMetadata, LeavesOutAnEmptyListOfScopes) {
  Config config = platform();
  config.required_scopes.clear();
  EXPECT_FALSE(json::parse(*protected_resource_metadata(config)).contains("scopes_supported"));
}

TEST(ProtectedResourceMetadata, IsAdvertisedInPlatformModeOnly) {
  for (const Mode mode : {Mode::local, Mode::token, Mode::mtls}) {
    EXPECT_FALSE(protected_resource_metadata(of_mode(mode)));
  }
  EXPECT_FALSE(protected_resource_metadata(platform("internal-svc:3100")));
}

TEST(MetadataPath, IsTheRootAndTheResourcesOwn) {
  const Config config = platform();
  EXPECT_TRUE(is_metadata_path(config, "/.well-known/oauth-protected-resource"));
  EXPECT_TRUE(is_metadata_path(config, "/.well-known/oauth-protected-resource/mcp"));
  for (const char* other :
       {"", "/", "/mcp", "/mcp/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/", "/.well-known/oauth-protected-resource/mcp/",
        "/.well-known/oauth-protected-resource/other", "/.well-known/oauth-protected-resourcemcp",
        "/.well-known/oauth-protected-resource?x", "/.WELL-KNOWN/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/%6dcp"}) {
    EXPECT_FALSE(is_metadata_path(config, other)) << other;
  }
}

TEST(MetadataPath, WithoutAPathIsTheRootAlone) {
  for (const char* url : {"https://mcp.example.com", "https://mcp.example.com/"}) {
    EXPECT_TRUE(is_metadata_path(platform(url), "/.well-known/oauth-protected-resource"));
    EXPECT_FALSE(is_metadata_path(platform(url), "/.well-known/oauth-protected-resource/"));
  }
}

TEST(Challenge, WithoutCredentialsCarriesNoErrorCode) {
  EXPECT_EQ(challenge(platform(), kNothingCame),
            R"(Bearer scope="mcp:tools data:read", resource_metadata=)"
            R"("https://mcp.example.com/.well-known/oauth-protected-resource/mcp")");
}

TEST(Challenge, OfABadTokenSaysInvalidToken) {
  for (const Decision& decision : {kBadToken, kUnknownKey}) {
    EXPECT_EQ(challenge(platform(), decision),
              R"(Bearer error="invalid_token", scope="mcp:tools data:read", resource_metadata=)"
              R"("https://mcp.example.com/.well-known/oauth-protected-resource/mcp")");
  }
}

TEST(Challenge, OfTooLittleScopeNamesAllThatIsNeeded) {
  EXPECT_EQ(challenge(platform(), kTooLittle),
            R"(Bearer error="insufficient_scope", scope="mcp:tools data:read", resource_metadata=)"
            R"("https://mcp.example.com/.well-known/oauth-protected-resource/mcp")");
}

TEST(Challenge, PutsTheWellKnownPartBetweenHostAndPath) {
  Config config = platform();
  config.required_scopes.clear();
  const std::pair<const char*, const char*> cases[] = {
      {"https://h.example", "https://h.example/.well-known/oauth-protected-resource"},
      {"https://h.example/", "https://h.example/.well-known/oauth-protected-resource"},
      {"https://h.example:8443/a/b",
       "https://h.example:8443/.well-known/oauth-protected-resource/a/b"},
      {"https://[2001:db8::1]/a", "https://[2001:db8::1]/.well-known/oauth-protected-resource/a"},
      {"http://127.0.0.1:3100/mcp",
       "http://127.0.0.1:3100/.well-known/oauth-protected-resource/mcp"},
  };
  for (const auto& [url, metadata] : cases) {
    config.public_url = url;
    EXPECT_EQ(challenge(config, kNothingCame),
              "Bearer resource_metadata=\"" + std::string(metadata) + "\"");
  }
}

TEST(Challenge, InTokenModeAdvertisesNoMetadata) {
  EXPECT_EQ(challenge(of_mode(Mode::token), kNothingCame), R"(Bearer scope="mcp:tools data:read")");
  EXPECT_EQ(challenge(of_mode(Mode::token), kTooLittle),
            R"(Bearer error="insufficient_scope", scope="mcp:tools data:read")");
}

TEST(Challenge, AlwaysHasAParameter) {
  Config config = of_mode(Mode::token);
  config.required_scopes.clear();
  EXPECT_EQ(challenge(config, kNothingCame), R"(Bearer realm="openclaw")");
}

TEST(Challenge, IsEmptyInOtherModesAndForWhatIsNoRefusal) {
  EXPECT_EQ(challenge(of_mode(Mode::local), kBadToken), "");
  EXPECT_EQ(challenge(of_mode(Mode::mtls), kBadToken), "");
  EXPECT_EQ(challenge(platform(), {Verdict::allowed, "ok", true}), "");
  EXPECT_EQ(challenge(platform(), {Verdict::unavailable, "no_keys", true}), "");
}

TEST(Challenge, NothingInItEndsAParameterOrTheLine) {
  Config config = platform("https://h.example/a\"b\\c\r\nX: 1\x7F\xC3");
  config.required_scopes.clear();
  EXPECT_EQ(challenge(config, kNothingCame),
            R"(Bearer resource_metadata="https://h.example/.well-known/)"
            R"(oauth-protected-resource/a\"b\\cX: 1")");
}

}  // namespace
}  // namespace openclaw::gate
