#include "gate/cli_verify.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/opaque_token.h"
#include "tests/unit/jwt_builder.h"

namespace openclaw::gate {
namespace {

std::string good_jwt() { return sign_jwt(signing_key(), JwtType::access_token, good_claims()); }

Demands demands() {
  Demands wanted;
  wanted.issuer = kIssuer;
  wanted.audience = std::string(kAudience);
  wanted.user_id = std::string(kUser);
  wanted.scopes = {"mcp:tools"};
  return wanted;
}

Explanation explain(const std::string& jwt, const Demands& wanted = demands(),
                    std::int64_t now = kNow) {
  return explain_jwt(jwt, published_keys(), wanted, now);
}

// The step that failed, or "none".
std::string failed_step(const Explanation& explanation) {
  for (const Step& step : explanation.steps) {
    if (step.outcome == Outcome::failed) return std::string(step.name);
  }
  return "none";
}

std::string detail(const Explanation& explanation, std::string_view name) {
  for (const Step& step : explanation.steps) {
    if (step.name == name) return step.detail;
  }
  return "(no such step)";
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(ExplainJwt, PassesEveryStepOfAGoodToken) {
  for (const Algorithm algorithm : kAlgorithms) {
    const Explanation all =
        explain(sign_jwt(signing_key(algorithm), JwtType::access_token, good_claims()));
    EXPECT_TRUE(all.good);
    EXPECT_EQ(all.reason, "ok");
    EXPECT_EQ(all.steps.size(), 13U);
    for (const Step& step : all.steps) EXPECT_EQ(step.outcome, Outcome::passed) << step.name;
    EXPECT_TRUE(has(detail(all, "algorithm"), name(algorithm)));
  }
}

TEST(ExplainJwt, TellsTimesInWords) {
  EXPECT_EQ(detail(explain(good_jwt()), "times"),
            "issued 10 seconds ago (2023-11-14T22:13:10Z), expires in 4 minutes 50 seconds "
            "(2023-11-14T22:18:10Z)");
  const Explanation late = explain(good_jwt(), demands(), kNow + 3 * 86400);
  EXPECT_EQ(failed_step(late), "times");
  EXPECT_TRUE(has(detail(late, "times"), "expired 2 days 23 hours ago"));
}

TEST(ExplainJwt, NamesTheStepAndBothValuesForEveryKindOfRefusal) {
  struct Case {
    std::string jwt;
    std::string_view reason;
    std::string_view step;
    std::string_view part;
  };
  const auto payload = [](std::string_view claim, const nlohmann::json& value) {
    nlohmann::json claims = good_payload();
    claims[std::string(claim)] = value;
    return signed_payload(claims);
  };
  const auto header = [](std::string_view member, const nlohmann::json& value) {
    nlohmann::json members = good_header();
    members[std::string(member)] = value;
    return signed_header(members);
  };
  const std::vector<Case> cases{
      {"a.b", "malformed", "form", "has not three segments"},
      {"!.!.!", "malformed", "form", "header is no strict JSON"},
      {segment(good_header().dump()) + ".e30K.x", "malformed", "form", ""},
      {std::string(9000, 'a'), "malformed", "form", "longer than 8 KiB"},
      {header("crit", nlohmann::json::array({"x"})), "malformed", "form", "`crit`"},
      {header("jku", "https://evil.example"), "malformed", "form", "`jku`"},
      {header("kid", 5), "malformed", "form", "lacks `kid`"},
      {header("alg", "none"), "unsupported_algorithm", "algorithm", "none"},
      {header("alg", "ES256"), "unsupported_algorithm", "algorithm", "ES256"},
      {header("kid", "other"), "unknown_key", "key", "other is not in the set of 3 keys"},
      {good_jwt().substr(0, good_jwt().size() - 5) + "AAAAA", "invalid_signature", "signature", ""},
      {header("typ", "JWT"), "wrong_type", "type", "JWT; must be at+jwt"},
      {payload("iss", "https://evil.example"), "wrong_issuer", "issuer",
       "https://evil.example; must be https://api.openclaw.example"},
      {payload("exp", "soon"), "malformed", "claims", "exp"},
      {payload("iat", kNow + 3600), "not_yet_valid", "times", "issued in 1 hour"},
      {payload("nbf", kNow + 3600), "not_yet_valid", "times", "valid from in 1 hour"},
      {payload("aud", "https://other.example"), "wrong_audience", "audience",
       "https://other.example; must be https://mcp.example.com/mcp"},
      {payload("user_id", "user_2"), "wrong_user", "user", "user_2, but sub is user_abc123"},
      {payload("scope", "data:read"), "insufficient_scope", "scopes",
       "grants data:read; needed: mcp:tools"},
  };
  for (const Case& each : cases) {
    const Explanation all = explain(each.jwt);
    EXPECT_FALSE(all.good);
    EXPECT_EQ(all.reason, each.reason) << each.part;
    EXPECT_EQ(failed_step(all), each.step) << each.part;
    EXPECT_TRUE(has(detail(all, each.step), each.part)) << detail(all, each.step);
  }
}

TEST(ExplainJwt, ReachesNothingBehindTheStepThatFails) {
  nlohmann::json claims = good_payload();
  claims["iss"] = "https://evil.example";
  const Explanation all = explain(signed_payload(claims));
  bool failed = false;
  for (const Step& step : all.steps) {
    EXPECT_EQ(step.outcome, step.name == "issuer" ? Outcome::failed
                            : failed              ? Outcome::not_reached
                                                  : Outcome::passed);
    failed = failed || step.outcome == Outcome::failed;
  }
}

TEST(ExplainJwt, SaysWhatItWasNotAskedFor) {
  Demands wanted = demands();
  wanted.audience.reset();
  wanted.user_id.reset();
  const Explanation all = explain(good_jwt(), wanted);
  EXPECT_TRUE(all.good);
  for (const Step& step : all.steps) {
    const bool open = step.name == "audience" || step.name == "user";
    EXPECT_EQ(step.outcome, open ? Outcome::not_asked : Outcome::passed) << step.name;
  }
}

// What a token with a status gets when its list says this.
Explanation explain_status(const ReadStatus& read_status) {
  Claims claims = good_claims();
  claims.status = {std::string(kIssuer) + "/oauth/status/ctr_1/1", 5};
  const std::string jwt = sign_jwt(signing_key(), JwtType::access_token, claims);
  return explain_jwt(jwt, published_keys(), demands(), kNow, read_status);
}

TEST(ExplainJwt, TellsWhatTheStatusListSays) {
  const std::string place = "entry 5 of https://api.openclaw.example/oauth/status/ctr_1/1: ";
  const Explanation good = explain_status([](const StatusReference& reference) {
    EXPECT_EQ(reference.index, 5u);
    return StatusFinding{Outcome::passed, "ok", "not revoked"};
  });
  EXPECT_TRUE(good.good);
  EXPECT_EQ(detail(good, "status"), place + "not revoked");

  const Explanation revoked = explain_status([](const StatusReference&) {
    return StatusFinding{Outcome::failed, "revoked", "revoked"};
  });
  EXPECT_FALSE(revoked.good);
  EXPECT_EQ(revoked.reason, "revoked");
  EXPECT_EQ(failed_step(revoked), "status");
  EXPECT_EQ(revoked.steps[11].outcome, Outcome::passed);

  const Explanation unread = explain_status({});
  EXPECT_TRUE(unread.good);
  EXPECT_EQ(unread.steps[12].outcome, Outcome::not_asked);
  EXPECT_EQ(detail(unread, "status"), place + "its list is not read");
}

TEST(ExplainJwt, AsksForNoStatusOfATokenThatIsRefused) {
  Claims claims = good_claims();
  claims.status = {std::string(kIssuer) + "/oauth/status/ctr_1/1", 5};
  claims.expires_at = kNow;
  const Explanation all = explain_jwt(
      sign_jwt(signing_key(), JwtType::access_token, claims), published_keys(), demands(), kNow,
      [](const StatusReference&) -> StatusFinding { throw std::logic_error("asked"); });
  EXPECT_EQ(all.reason, "expired");
  EXPECT_EQ(all.steps[12].outcome, Outcome::not_reached);
}

TEST(ExplainJwt, NamesTheCertificateThatATokenIsBoundTo) {
  EXPECT_EQ(detail(explain(good_jwt()), "certificate"), "bound to none");
  Claims claims = good_claims();
  claims.certificate_thumbprint = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";
  const Explanation bound = explain(sign_jwt(signing_key(), JwtType::access_token, claims));
  EXPECT_TRUE(bound.good);
  EXPECT_EQ(bound.steps[10].outcome, Outcome::not_asked);
  EXPECT_TRUE(has(detail(bound, "certificate"), claims.certificate_thumbprint));
  nlohmann::json other = good_payload();
  other["cnf"] = {{"jkt", "x"}};
  EXPECT_EQ(failed_step(explain(signed_payload(other))), "claims");
}

TEST(ExplainJwt, NeverRepeatsTheSignatureNorSendsATerminalCommands) {
  nlohmann::json claims = good_payload();
  claims["iss"] = "\x1b[2J\x07\u009b2J\u202e" + std::string(5000, 'x');
  const std::string jwt = signed_payload(claims);
  const std::string signature = jwt.substr(jwt.rfind('.') + 1);
  for (const Step& step : explain(jwt).steps) {
    EXPECT_FALSE(has(step.detail, signature.substr(0, 16)));
    EXPECT_LT(step.detail.size(), 600U);
    for (const char c : step.detail) EXPECT_TRUE(c >= 0x20 && c <= 0x7E) << step.name;
  }
}

// ---- API keys

Config config_with(const MintedToken& key, std::vector<std::string> scopes,
                   std::optional<std::int64_t> expires_at = std::nullopt) {
  Config config;
  config.mode = Mode::token;
  config.required_scopes = {"mcp:tools"};
  config.api_keys.push_back({"phone", key.hash, std::move(scopes), expires_at});
  return config;
}

TEST(ExplainApiKey, JudgesFormHashTimesAndScopes) {
  FixedRandom random;
  const MintedToken key = mint_token(TokenPurpose::user_direct, random);
  const MintedToken other = mint_token(TokenPurpose::user_direct, random);
  const std::string_view text = key.text.text();
  EXPECT_TRUE(explain_api_key(text, config_with(key, {"mcp:*"}), kNow).good);
  EXPECT_TRUE(explain_api_key(text, config_with(key, {"mcp:*"}, kNow + 1), kNow).good);

  const Explanation malformed = explain_api_key("ocu_x", config_with(key, {"mcp:*"}), kNow);
  EXPECT_EQ(failed_step(malformed), "form");
  EXPECT_EQ(malformed.reason, "malformed");
  const Explanation unknown = explain_api_key(other.text.text(), config_with(key, {"mcp:*"}), kNow);
  EXPECT_EQ(failed_step(unknown), "known");
  EXPECT_EQ(unknown.reason, "unknown");
  const Explanation expired = explain_api_key(text, config_with(key, {"mcp:*"}, kNow), kNow);
  EXPECT_EQ(failed_step(expired), "times");
  EXPECT_EQ(expired.reason, "expired");
  const Explanation narrow = explain_api_key(text, config_with(key, {"data:read"}), kNow);
  EXPECT_EQ(failed_step(narrow), "scopes");
  EXPECT_EQ(narrow.reason, "insufficient_scope");
}

// ---- the command

class CliVerify : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "openclaw-verify-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    write("jwks.json", published_keys().to_json());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(path(name)) << text;
    std::filesystem::permissions(path(name), std::filesystem::perms{0600});
    return path(name);
  }
  std::string platform_config() {
    return write("config.yaml",
                 "public_url: " + std::string(kAudience) +
                     "\nauth:\n  mode: platform\n  platform_jwks_url: " + std::string(kIssuer) +
                     "/jwks.json\n  expected_user_id: " + std::string(kUser) + "\n");
  }
  int run(const std::string& token, const Verify& wanted) {
    out_.str("");
    err_.str("");
    return verify(console_, token, wanted, kNow);
  }
  bool said(std::string_view part) const { return has(out_.str() + err_.str(), part); }

  std::filesystem::path folder_;
  std::ostringstream out_;
  std::ostringstream err_;
  Console console_{out_, err_};
};

TEST_F(CliVerify, JudgesByTheConfigurationsDemandsAndAFileOfKeys) {
  const Verify wanted{.config = platform_config(), .jwks = path("jwks.json")};
  EXPECT_EQ(run(good_jwt(), wanted), kDone);
  EXPECT_TRUE(said("GOOD"));
  Claims claims = good_claims();
  claims.audience = {"https://other.example"};
  EXPECT_EQ(run(sign_jwt(signing_key(), JwtType::access_token, claims), wanted), kRefused);
  EXPECT_TRUE(said("REFUSED: wrong_audience"));
}

TEST_F(CliVerify, JudgesByOptionsAloneAndBeforeTheConfiguration) {
  Verify wanted{.jwks = path("jwks.json"), .issuer = std::string(kIssuer)};
  EXPECT_EQ(run(good_jwt(), wanted), kDone);
  EXPECT_TRUE(said("not asked"));
  wanted.config = platform_config();
  wanted.user = "user_2";
  EXPECT_EQ(run(good_jwt(), wanted), kRefused);
  EXPECT_TRUE(said("wrong_user"));
  wanted.user = "";
  wanted.scopes = "admin:all";
  EXPECT_EQ(run(good_jwt(), wanted), kRefused);
  EXPECT_TRUE(said("insufficient_scope"));
}

TEST_F(CliVerify, TakesAUserClaimOnlyWhereOneIsWanted) {
  const std::string claim = sign_jwt(signing_key(), JwtType::user_claim, good_claims());
  Verify wanted{.jwks = path("jwks.json"), .issuer = std::string(kIssuer)};
  EXPECT_EQ(run(claim, wanted), kRefused);
  EXPECT_TRUE(said("wrong_type"));
  wanted.user_claim = true;
  EXPECT_EQ(run(claim, wanted), kDone);
  EXPECT_EQ(run(good_jwt(), wanted), kRefused);
}

TEST_F(CliVerify, AnswersWithOneJsonObject) {
  console_.json = true;
  EXPECT_EQ(run(good_jwt(), {.config = platform_config(), .jwks = path("jwks.json")}), kDone);
  const Json seen = Json::parse(out_.str());
  EXPECT_EQ(seen.at("good"), true);
  EXPECT_EQ(seen.at("reason"), "ok");
  EXPECT_EQ(seen.at("steps").size(), 13U);
  EXPECT_EQ(seen.at("steps")[0].at("outcome"), "passed");
}

TEST_F(CliVerify, SaysWhenTheGatesModeTakesOtherTokens) {
  FixedRandom random;
  const std::string key(mint_token(TokenPurpose::user_direct, random).text.text());
  EXPECT_EQ(run(key, {.config = platform_config()}), kRefused);
  EXPECT_TRUE(said("auth.mode is platform"));
  EXPECT_FALSE(said(key.substr(4, 10)));
  const Verify token{.config = write("config.yaml", "auth: {mode: token}\n")};
  EXPECT_EQ(run(good_jwt(), token), kRefused);
  EXPECT_TRUE(said("auth.mode is token"));
  const Verify local{.config = write("config.yaml", "auth: {mode: local}\n")};
  EXPECT_EQ(run(key, local), kMisused);
  EXPECT_TRUE(said("asks for no token"));
}

TEST_F(CliVerify, JudgesAnApiKeyByTheConfiguration) {
  FixedRandom random;
  const MintedToken key = mint_token(TokenPurpose::user_direct, random);
  const Verify wanted{
      .config = write("config.yaml", "auth:\n  mode: token\n  tokens:\n    - {name: a, hash: \"" +
                                         format_token_hash(key.hash) + "\"}\n")};
  EXPECT_EQ(run(std::string(key.text.text()), wanted), kDone);
  EXPECT_EQ(run("ocu_wrong", wanted), kRefused);
}

TEST_F(CliVerify, NeedsKeysAndAnIssuerForAJwtAndAConfigurationForAKey) {
  FixedRandom random;
  EXPECT_EQ(run(good_jwt(), {}), kMisused);
  EXPECT_TRUE(said("--jwks"));
  EXPECT_EQ(run(good_jwt(), {.jwks = path("jwks.json")}), kMisused);
  EXPECT_TRUE(said("--issuer"));
  EXPECT_EQ(run(std::string(mint_token(TokenPurpose::user_direct, random).text.text()), {}),
            kMisused);
  EXPECT_TRUE(said("--config"));
  EXPECT_EQ(run("neither", {}), kRefused);
  EXPECT_EQ(run(good_jwt(), {.jwks = "http://keys.example/jwks"}), kMisused);
  EXPECT_EQ(run(good_jwt(), {.jwks = "ftp://keys.example/jwks"}), kMisused);
}

TEST_F(CliVerify, CannotJudgeWithoutTheKeysFile) {
  const std::string issuer(kIssuer);
  EXPECT_EQ(run(good_jwt(), {.jwks = path("missing"), .issuer = issuer}), kUnreachable);
  EXPECT_EQ(run(good_jwt(), {.jwks = write("bad", "<html>"), .issuer = issuer}), kUnreachable);
  EXPECT_EQ(
      run(good_jwt(), {.jwks = write("big", std::string(kMaxJwks + 1, ' ')), .issuer = issuer}),
      kUnreachable);
  EXPECT_EQ(run(good_jwt(), {.jwks = "http://127.0.0.1:1/jwks", .issuer = issuer}), kUnreachable);
  EXPECT_TRUE(said("cannot be reached"));
}

}  // namespace
}  // namespace openclaw::gate
