#include "gate/authenticator.h"

#include <initializer_list>
#include <ostream>

#include <gtest/gtest.h>

#include "core/opaque_token.h"
#include "tests/unit/fixed_random.h"
#include "tests/unit/jwt_builder.h"

namespace openclaw::gate {

// So that a failure prints a name.
std::ostream& operator<<(std::ostream& out, Verdict verdict) {
  constexpr std::string_view kNames[] = {"allowed",     "unauthenticated", "insufficient_scope",
                                         "unknown_key", "unread_status",   "unavailable"};
  return out << kNames[static_cast<std::size_t>(verdict)];
}

namespace {

std::shared_ptr<const KeySet> keys_of(std::initializer_list<Algorithm> algorithms) {
  std::vector<PublicKey> keys;
  for (const Algorithm algorithm : algorithms) {
    keys.push_back(*PublicKey::from_jwk(signing_key(algorithm).public_key().jwk()));
  }
  return std::make_shared<const KeySet>(*KeySet::of(std::move(keys)));
}

std::string minted(std::uint64_t seed) {
  FixedRandom random(seed);
  return std::string(mint_token(TokenPurpose::user_direct, random).text.text());
}

ApiKey api_key(std::string name, std::string_view token) {
  return {std::move(name), token_hash(token), {}, std::nullopt};
}

Credentials bearer(std::string_view header) {
  Credentials credentials;
  credentials.authorization = header;
  return credentials;
}

void expect_decision(const Decision& decision, Verdict verdict, std::string_view reason,
                     bool presented) {
  EXPECT_EQ(decision.verdict, verdict);
  EXPECT_EQ(decision.reason, reason);
  EXPECT_EQ(decision.presented, presented);
  if (verdict == Verdict::allowed) return;
  EXPECT_EQ(decision.user_id, "");
  EXPECT_EQ(decision.key_name, "");
}

// --- local -----------------------------------------------------------------------------------

TEST(AuthenticatorLocal, AllowsWithoutCredentials) {
  const Config config{};
  Authenticator authenticator(config);
  EXPECT_EQ(authenticator.decide({}, kNow).verdict, Verdict::allowed);
}

// --- token -----------------------------------------------------------------------------------

class AuthenticatorToken : public testing::Test {
 protected:
  AuthenticatorToken() {
    config_.mode = Mode::token;
    config_.api_keys.push_back(api_key("my-laptop", token_));
  }

  Decision decide(std::string_view header, std::int64_t now = kNow) {
    return Authenticator(config_).decide(bearer(header), now);
  }

  const std::string token_ = minted(1);
  const std::string header_ = "Bearer " + token_;
  Config config_;
};

TEST_F(AuthenticatorToken, AllowsAKnownKeyAndNamesIt) {
  const Decision decision = decide(header_);
  expect_decision(decision, Verdict::allowed, "ok", true);
  EXPECT_EQ(decision.key_name, "my-laptop");
  EXPECT_EQ(decision.user_id, "");
}

TEST_F(AuthenticatorToken, RefusesAnotherKey) {
  expect_decision(decide("Bearer " + minted(2)), Verdict::unauthenticated, "unknown", true);
  expect_decision(decide(header_ + "0"), Verdict::unauthenticated, "unknown", true);
  expect_decision(decide(header_.substr(0, header_.size() - 1)), Verdict::unauthenticated,
                  "unknown", true);
}

TEST_F(AuthenticatorToken, RefusesTheHashInPlaceOfTheKey) {
  const std::string hash = format_token_hash(config_.api_keys[0].hash);
  expect_decision(decide("Bearer " + hash), Verdict::unauthenticated, "malformed", true);
  expect_decision(decide("Bearer " + hash.substr(7)), Verdict::unauthenticated, "unknown", true);
}

TEST_F(AuthenticatorToken, TheSchemeHasNoCaseAndOneOrMoreSpaces) {
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer    "}) {
    EXPECT_EQ(decide(scheme + token_).verdict, Verdict::allowed) << scheme;
  }
}

TEST_F(AuthenticatorToken, AnotherSchemeCountsAsNoCredentials) {
  for (const std::string& header :
       {"Basic " + token_, "Bearer" + token_, "Bearer\t" + token_, "BearerX " + token_,
        "B " + token_, " " + header_, token_, std::string(), "Bearer,Bearer " + token_}) {
    expect_decision(decide(header), Verdict::unauthenticated, "wrong_scheme", false);
  }
}

TEST_F(AuthenticatorToken, WhatIsNoToken68IsMalformed) {
  using namespace std::string_literals;
  for (const std::string& header :
       {"Bearer"s, "Bearer "s, "Bearer   "s, header_ + " ", header_ + " x", header_ + "\t",
        header_ + ",", header_ + "\0"s, header_ + "\n", header_ + "\xC3\xA9", "Bearer ="s,
        "Bearer a=b"s, "Bearer \"" + token_ + "\"", "Bearer " + std::string(kMaxJwt + 1, 'a')}) {
    expect_decision(decide(header), Verdict::unauthenticated, "malformed", true);
  }
}

TEST_F(AuthenticatorToken, RefusesWithoutAHeaderAndWithTwo) {
  Authenticator authenticator(config_);
  expect_decision(authenticator.decide({}, kNow), Verdict::unauthenticated, "no_credentials",
                  false);
  Credentials twice = bearer(header_);
  twice.authorization_repeated = true;
  expect_decision(authenticator.decide(twice, kNow), Verdict::unauthenticated, "repeated_header",
                  true);
}

TEST_F(AuthenticatorToken, AClientCertificateAndAUserClaimReplaceNoKey) {
  Credentials credentials;
  credentials.client_certificate = true;
  credentials.user_claim = token_;
  expect_decision(Authenticator(config_).decide(credentials, kNow), Verdict::unauthenticated,
                  "no_credentials", false);
}

TEST_F(AuthenticatorToken, AKeyExpiresAtItsSecond) {
  config_.api_keys[0].expires_at = kNow;
  EXPECT_EQ(decide(header_, kNow - 1).verdict, Verdict::allowed);
  expect_decision(decide(header_, kNow), Verdict::unauthenticated, "expired", true);
  expect_decision(decide(header_, kNow + 1), Verdict::unauthenticated, "expired", true);
}

TEST_F(AuthenticatorToken, AKeyNeedsEveryRequiredScope) {
  config_.required_scopes = {"mcp:tools", "data:read"};
  const struct {
    std::vector<std::string> granted;
    Verdict verdict;
  } cases[] = {
      {{}, Verdict::insufficient_scope},
      {{"mcp:tools"}, Verdict::insufficient_scope},
      {{"mcp:*", "data:write"}, Verdict::insufficient_scope},
      {{"mcp:tools", "data:read"}, Verdict::allowed},
      {{"data:*", "mcp:*"}, Verdict::allowed},
  };
  for (const auto& each : cases) {
    config_.api_keys[0].scopes = each.granted;
    EXPECT_EQ(decide(header_).verdict, each.verdict) << each.granted.size();
  }
}

TEST_F(AuthenticatorToken, EachOfManyKeysIsKnownByItsOwnName) {
  for (std::uint64_t i = 2; i < 1000; ++i) {
    config_.api_keys.push_back(api_key("key-" + std::to_string(i), minted(i)));
  }
  Authenticator authenticator(config_);
  for (const std::uint64_t i : {2u, 500u, 999u}) {
    EXPECT_EQ(authenticator.decide(bearer("Bearer " + minted(i)), kNow).key_name,
              "key-" + std::to_string(i));
  }
  EXPECT_EQ(authenticator.decide(bearer("Bearer " + minted(1000)), kNow).reason, "unknown");
}

TEST_F(AuthenticatorToken, ThePlatformsTokenIsNoKey) {
  Authenticator authenticator(config_);
  authenticator.set_keys(keys_of({Algorithm::EdDSA}));
  const std::string jwt = sign_jwt(signing_key(), JwtType::access_token, good_claims());
  expect_decision(authenticator.decide(bearer("Bearer " + jwt), kNow), Verdict::unauthenticated,
                  "unknown", true);
}

// --- platform --------------------------------------------------------------------------------

class AuthenticatorPlatform : public testing::Test {
 protected:
  AuthenticatorPlatform() {
    config_.mode = Mode::platform;
    config_.issuer = kIssuer;
    config_.public_url = kAudience;
    config_.expected_user_id = kUser;
    config_.required_scopes = {"mcp:tools"};
    authenticator_ = std::make_unique<Authenticator>(config_);
    authenticator_->set_keys(keys_of({Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256}));
  }

  Decision decide(const std::string& jwt, std::int64_t now = kNow) {
    return authenticator_->decide(bearer("Bearer " + jwt), now);
  }

  static std::string jwt_of(const Claims& claims, Algorithm algorithm = Algorithm::EdDSA,
                            JwtType type = JwtType::access_token) {
    return sign_jwt(signing_key(algorithm), type, claims);
  }

  Config config_;
  std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(AuthenticatorPlatform, AllowsAGoodTokenOfEveryAlgorithmAndNamesTheUser) {
  for (const Algorithm algorithm : kAlgorithms) {
    for (int time = 0; time < 2; ++time) {  // verified, then remembered
      const Decision decision = decide(jwt_of(good_claims(), algorithm));
      expect_decision(decision, Verdict::allowed, "ok", true);
      EXPECT_EQ(decision.user_id, kUser);
      EXPECT_EQ(decision.key_name, "");
    }
  }
}

TEST_F(AuthenticatorPlatform, RefusesEachClaimThatIsNotTheDemandedOne) {
  const struct {
    std::string_view reason;
    void (*spoil)(Claims&);
  } cases[] = {
      {"wrong_issuer", [](Claims& c) { c.issuer += "/"; }},
      {"wrong_audience", [](Claims& c) { c.audience = {"https://mcp.example.com"}; }},
      {"wrong_audience", [](Claims& c) { c.audience = {std::string(kAudience) + "/x"}; }},
      {"wrong_user", [](Claims& c) { c.user_id = "user_other"; }},
      {"expired", [](Claims& c) { c.expires_at = kNow; }},
      {"not_yet_valid", [](Claims& c) { c.issued_at = kNow + 31; }},
      {"not_yet_valid", [](Claims& c) { c.not_before = kNow + 31; }},
  };
  for (const auto& each : cases) {
    Claims claims = good_claims();
    each.spoil(claims);
    expect_decision(decide(jwt_of(claims)), Verdict::unauthenticated, each.reason, true);
  }
}

TEST_F(AuthenticatorPlatform, TheLeewayIsTheConfiguredOne) {
  Claims claims = good_claims();
  claims.issued_at = kNow + 5;
  EXPECT_EQ(decide(jwt_of(claims)).verdict, Verdict::allowed);
  config_.leeway = std::chrono::seconds(4);
  Authenticator strict(config_);
  strict.set_keys(keys_of({Algorithm::EdDSA}));
  EXPECT_EQ(strict.decide(bearer("Bearer " + jwt_of(claims)), kNow).reason, "not_yet_valid");
}

TEST_F(AuthenticatorPlatform, AMissingScopeIsInsufficientAndNotUnauthenticated) {
  Claims claims = good_claims();
  claims.scopes = {"data:read"};
  expect_decision(decide(jwt_of(claims)), Verdict::insufficient_scope, "insufficient_scope", true);
}

TEST_F(AuthenticatorPlatform, AUserClaimIsNoAccessToken) {
  expect_decision(decide(jwt_of(good_claims(), Algorithm::EdDSA, JwtType::user_claim)),
                  Verdict::unauthenticated, "wrong_type", true);
}

TEST_F(AuthenticatorPlatform, AnApiKeyOfTheFileDecidesNothing) {
  config_.api_keys.push_back(api_key("my-laptop", minted(1)));
  Authenticator authenticator(config_);
  authenticator.set_keys(keys_of({Algorithm::EdDSA}));
  expect_decision(authenticator.decide(bearer("Bearer " + minted(1)), kNow),
                  Verdict::unauthenticated, "malformed", true);
}

TEST_F(AuthenticatorPlatform, WithoutAnExpectedUserNobodyIsAllowed) {
  config_.expected_user_id.clear();
  EXPECT_EQ(decide(jwt_of(good_claims())).reason, "wrong_user");
}

TEST_F(AuthenticatorPlatform, ARememberedTokenIsRefusedTheSecondItExpires) {
  const std::string jwt = jwt_of(good_claims());
  const std::int64_t expiry = good_claims().expires_at;
  EXPECT_EQ(decide(jwt).verdict, Verdict::allowed);
  EXPECT_EQ(decide(jwt, expiry - 1).verdict, Verdict::allowed);
  expect_decision(decide(jwt, expiry), Verdict::unauthenticated, "expired", true);
}

TEST_F(AuthenticatorPlatform, AnAlteredCopyOfARememberedTokenIsRefused) {
  std::string jwt = jwt_of(good_claims());
  EXPECT_EQ(decide(jwt).verdict, Verdict::allowed);
  const std::size_t inside_signature = jwt.size() - 10;
  jwt[inside_signature] = jwt[inside_signature] == 'A' ? 'B' : 'A';
  expect_decision(decide(jwt), Verdict::unauthenticated, "invalid_signature", true);
}

TEST_F(AuthenticatorPlatform, ARefusalIsNotRemembered) {
  Claims claims = good_claims();
  claims.issued_at = kNow + 100;
  const std::string jwt = jwt_of(claims);
  EXPECT_EQ(decide(jwt).reason, "not_yet_valid");
  EXPECT_EQ(decide(jwt, kNow + 100).verdict, Verdict::allowed);
}

TEST_F(AuthenticatorPlatform, ARememberedTokenIsRefusedOnceItsKeyHasLeftTheSet) {
  const std::string leaves = jwt_of(good_claims(), Algorithm::EdDSA);
  const std::string stays = jwt_of(good_claims(), Algorithm::ES256);
  EXPECT_EQ(decide(leaves).verdict, Verdict::allowed);
  EXPECT_EQ(decide(stays).verdict, Verdict::allowed);
  authenticator_->set_keys(keys_of({Algorithm::ES256}));
  expect_decision(decide(leaves), Verdict::unknown_key, "unknown_key", true);
  EXPECT_EQ(decide(stays).verdict, Verdict::allowed);
}

TEST_F(AuthenticatorPlatform, WithoutAKeySetNothingIsJudgedNotEvenWhatWasRemembered) {
  const std::string jwt = jwt_of(good_claims());
  EXPECT_EQ(decide(jwt).verdict, Verdict::allowed);
  authenticator_->set_keys(nullptr);
  expect_decision(decide(jwt), Verdict::unavailable, "no_keys", true);
  authenticator_->set_keys(keys_of({Algorithm::ES256}));
  expect_decision(decide(jwt), Verdict::unknown_key, "unknown_key", true);
  authenticator_->set_keys(keys_of({Algorithm::EdDSA}));
  EXPECT_EQ(decide(jwt).verdict, Verdict::allowed);
}

TEST_F(AuthenticatorPlatform, MalformedTokensAre401EvenWithoutAKeySet) {
  authenticator_->set_keys(nullptr);
  nlohmann::json with_jku = good_header();
  with_jku["jku"] = "https://evil.example/jwks";
  nlohmann::json none = good_header();
  none["alg"] = "none";
  const std::string good = jwt_of(good_claims());
  expect_decision(decide(minted(1)), Verdict::unauthenticated, "malformed", true);
  expect_decision(decide("a.b.c"), Verdict::unauthenticated, "malformed", true);
  expect_decision(decide(good + ".x"), Verdict::unauthenticated, "malformed", true);
  expect_decision(decide(signed_header(with_jku)), Verdict::unauthenticated, "malformed", true);
  expect_decision(decide(signed_header(none)), Verdict::unauthenticated, "unsupported_algorithm",
                  true);
  expect_decision(authenticator_->decide({}, kNow), Verdict::unauthenticated, "no_credentials",
                  false);
}

TEST_F(AuthenticatorPlatform, KnownKeysKeepWorkingThroughAFloodOfUnknownKids) {
  nlohmann::json header = good_header();
  for (int i = 0; i < 1000; ++i) {
    header["kid"] = "unknown-" + std::to_string(i);
    EXPECT_EQ(decide(signed_header(header)).verdict, Verdict::unknown_key);
  }
  EXPECT_EQ(decide(jwt_of(good_claims())).verdict, Verdict::allowed);
}

TEST_F(AuthenticatorPlatform, TheUserOutlivesNewKeysUntilTheNextDecision) {
  const Decision decision = decide(jwt_of(good_claims()));
  authenticator_->set_keys(nullptr);
  EXPECT_EQ(decision.user_id, kUser);
}

// --- bound to a client certificate -------------------------------------------------------------

class AuthenticatorBound : public AuthenticatorPlatform {
 protected:
  static constexpr std::string_view kThumbprint = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";
  static constexpr std::string_view kOther = "awcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";

  Decision decide_with(std::optional<std::string_view> thumbprint, const std::string& jwt) {
    const std::string header = "Bearer " + jwt;
    Credentials credentials = bearer(header);
    credentials.certificate_thumbprint = thumbprint;
    return authenticator_->decide(credentials, kNow);
  }
  static std::string bound_jwt() {
    Claims claims = good_claims();
    claims.certificate_thumbprint = kThumbprint;
    return jwt_of(claims);
  }
};

TEST_F(AuthenticatorBound, LetsInWithItsCertificateAlone) {
  const std::string jwt = bound_jwt();
  expect_decision(decide_with(kOther, jwt), Verdict::unauthenticated, "wrong_certificate", true);
  expect_decision(decide_with({}, jwt), Verdict::unauthenticated, "wrong_certificate", true);
  EXPECT_EQ(decide_with(kThumbprint, jwt).verdict, Verdict::allowed);
}

TEST_F(AuthenticatorBound, ARememberedTokenIsStillBound) {
  const std::string jwt = bound_jwt();
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(decide_with(kThumbprint, jwt).verdict, Verdict::allowed);
    expect_decision(decide_with(kOther, jwt), Verdict::unauthenticated, "wrong_certificate", true);
    expect_decision(decide_with("", jwt), Verdict::unauthenticated, "wrong_certificate", true);
    expect_decision(decide_with({}, jwt), Verdict::unauthenticated, "wrong_certificate", true);
  }
  EXPECT_EQ(authenticator_->remembered_tokens(), 1u);
}

TEST_F(AuthenticatorBound, AnUnboundTokenGoesWithAnyCertificate) {
  const std::string jwt = jwt_of(good_claims());
  for (const auto& thumbprint : {std::optional<std::string_view>(), std::optional(kOther)}) {
    EXPECT_EQ(decide_with(thumbprint, jwt).verdict, Verdict::allowed);
  }
}

// --- status ------------------------------------------------------------------------------------

class AuthenticatorStatus : public AuthenticatorPlatform {
 protected:
  static constexpr std::string_view kList = "https://api.openclaw.example/oauth/status/ctr_1/1";

  AuthenticatorStatus() {
    config_.jwks_url = "http://127.0.0.1:8080/.well-known/jwks.json";
    authenticator_->set_status_lists(lists_);
  }

  static std::string listed_jwt(std::uint32_t index = 5, std::string_view uri = kList) {
    Claims claims = good_claims();
    claims.status = {std::string(uri), index};
    return jwt_of(claims);
  }
  // The list as the gate knows it from the first token on.
  std::shared_ptr<KnownList> list() { return decide(listed_jwt(99)).token->status->list; }
  static void read(KnownList& list, std::initializer_list<std::uint32_t> revoked) {
    list.list.emplace();
    for (const std::uint32_t index : revoked) list.list->invalidate(index);
    list.current = true;
    list.awaited = true;
  }

  const std::shared_ptr<KnownLists> lists_ = std::make_shared<KnownLists>();
};

TEST_F(AuthenticatorStatus, ATokenWhoseListWasNeverReadWaitsForIt) {
  const Decision decision = decide(listed_jwt());
  expect_decision(decision, Verdict::unread_status, "status_unknown", true);
  ASSERT_NE(decision.token, nullptr);
  EXPECT_EQ(decision.token->status->list->uri, kList);
  EXPECT_EQ(decision.token->status->index, 5u);
  // It is fetched where the keys come from.
  EXPECT_EQ(origin(decision.token->status->list->url), "http://127.0.0.1:8080");
  EXPECT_EQ(decision.token->status->list->url.path, "/oauth/status/ctr_1/1");
  EXPECT_EQ(lists_->size(), 1u);
}

TEST_F(AuthenticatorStatus, ItsBitDecidesEachTime) {
  const std::shared_ptr<KnownList> known = list();
  read(*known, {});
  for (int time = 0; time < 2; ++time) EXPECT_EQ(decide(listed_jwt()).user_id, kUser);
  known->list->invalidate(5);
  for (int time = 0; time < 2; ++time) {
    expect_decision(decide(listed_jwt()), Verdict::unauthenticated, "revoked", true);
  }
  EXPECT_EQ(decide(listed_jwt(6)).verdict, Verdict::allowed);
  read(*known, {});  // the platform may take it back
  EXPECT_EQ(decide(listed_jwt()).verdict, Verdict::allowed);
}

TEST_F(AuthenticatorStatus, AnIndexBeyondTheListIsRevoked) {
  read(*list(), {});
  EXPECT_EQ(decide(listed_jwt(kStatusListSize - 1)).verdict, Verdict::allowed);
  EXPECT_EQ(decide(listed_jwt(kStatusListSize)).reason, "revoked");
}

TEST_F(AuthenticatorStatus, ForARevokedTokenTheRestMustBeRightToo) {
  read(*list(), {5});
  Claims claims = good_claims();
  claims.status = {std::string(kList), 5};
  claims.expires_at = kNow;
  EXPECT_EQ(decide(jwt_of(claims)).reason, "expired");
}

TEST_F(AuthenticatorStatus, WithoutACurrentListTheConfigurationDecides) {
  const std::string jwt = listed_jwt();
  const std::shared_ptr<KnownList> known = list();
  known->awaited = true;
  EXPECT_EQ(decide(jwt).verdict, Verdict::allowed);
  config_.status_outage = StatusOutage::refuse;
  expect_decision(decide(jwt), Verdict::unavailable, "status_unknown", true);
  read(*known, {7});
  EXPECT_EQ(decide(jwt).verdict, Verdict::allowed);
  known->current = false;
  expect_decision(decide(jwt), Verdict::unavailable, "status_unknown", true);
  EXPECT_EQ(decide(listed_jwt(7)).reason, "revoked");
  config_.status_outage = StatusOutage::accept;
  EXPECT_EQ(decide(jwt).verdict, Verdict::allowed);
  EXPECT_EQ(decide(listed_jwt(7)).reason, "revoked");
}

TEST_F(AuthenticatorStatus, ATokenWhoseListHasNoPlaceIsLookedAtAgainEachTime) {
  std::vector<Decision> others;
  for (std::size_t i = 0; i < KnownLists::kMost; ++i) {
    others.push_back(decide(listed_jwt(1, std::string(kList) + "/" + std::to_string(i))));
  }
  const std::size_t before = authenticator_->remembered_tokens();
  EXPECT_EQ(decide(listed_jwt()).verdict, Verdict::allowed);
  config_.status_outage = StatusOutage::refuse;
  expect_decision(decide(listed_jwt()), Verdict::unavailable, "status_unknown", true);
  EXPECT_EQ(authenticator_->remembered_tokens(), before);
  others.clear();
  authenticator_->forget_expired(good_claims().expires_at);
  EXPECT_EQ(decide(listed_jwt()).verdict, Verdict::unread_status);
}

TEST_F(AuthenticatorStatus, AListThatDoesNotLieBelowTheIssuerMakesTheTokenMalformed) {
  for (const char* uri :
       {"", "/oauth/status/1", "https://api.openclaw.example", "https://api.openclaw.exampl/1",
        "https://api.openclaw.example.evil/1", "https://api.openclaw.examplee/1",
        "http://api.openclaw.example/1", "https://api.openclaw.example:444/1",
        "https://api.openclaw.example@evil/1", "https://api.openclaw.example/1?x",
        "https://api.openclaw.example/1#x", "https://api.openclaw.example/ 1"}) {
    expect_decision(decide(listed_jwt(1, uri)), Verdict::unauthenticated, "malformed", true);
  }
  EXPECT_EQ(lists_->size(), 0u);
}

// --- mtls ------------------------------------------------------------------------------------

class AuthenticatorMtls : public testing::Test {
 protected:
  AuthenticatorMtls() {
    config_.mode = Mode::mtls;
    config_.issuer = kIssuer;
    config_.public_url = "internal-svc:3100";
    claims_.audience = {"internal-svc:3100"};
  }

  Decision decide(const Credentials& credentials) {
    authenticator_ = std::make_unique<Authenticator>(config_);
    authenticator_->set_keys(keys_of({Algorithm::EdDSA}));
    return authenticator_->decide(credentials, kNow);
  }

  Decision decide_claims(const Claims& claims, JwtType type = JwtType::user_claim) {
    const std::string jwt = sign_jwt(signing_key(), type, claims);
    return decide(with_claim(jwt));
  }

  static Credentials with_claim(std::string_view jwt) {
    Credentials credentials;
    credentials.client_certificate = true;
    credentials.user_claim = jwt;
    return credentials;
  }

  Config config_;
  Claims claims_ = good_claims();
  std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(AuthenticatorMtls, AllowsACertificateWithAUserClaimAndNamesItsUser) {
  const Decision decision = decide_claims(claims_);
  expect_decision(decision, Verdict::allowed, "ok", true);
  EXPECT_EQ(decision.user_id, kUser);
}

TEST_F(AuthenticatorMtls, RefusesAClaimWithoutACertificate) {
  const std::string jwt = sign_jwt(signing_key(), JwtType::user_claim, claims_);
  Credentials credentials = with_claim(jwt);
  credentials.client_certificate = false;
  expect_decision(decide(credentials), Verdict::unauthenticated, "no_client_certificate", true);
}

TEST_F(AuthenticatorMtls, RefusesACertificateWithoutAClaim) {
  Credentials credentials;
  credentials.client_certificate = true;
  expect_decision(decide(credentials), Verdict::unauthenticated, "no_credentials", false);
}

TEST_F(AuthenticatorMtls, RefusesAClaimThatCameTwice) {
  const std::string jwt = sign_jwt(signing_key(), JwtType::user_claim, claims_);
  Credentials credentials = with_claim(jwt);
  credentials.user_claim_repeated = true;
  expect_decision(decide(credentials), Verdict::unauthenticated, "repeated_header", true);
}

TEST_F(AuthenticatorMtls, AnAuthorizationHeaderDecidesNothing) {
  const std::string jwt = sign_jwt(signing_key(), JwtType::user_claim, claims_);
  Credentials credentials = with_claim(jwt);
  credentials.authorization = "Basic eDp5";
  credentials.authorization_repeated = true;
  EXPECT_EQ(decide(credentials).verdict, Verdict::allowed);
  const std::string header = "Bearer " + jwt;
  credentials.user_claim.reset();
  credentials.authorization = header;
  credentials.authorization_repeated = false;
  expect_decision(decide(credentials), Verdict::unauthenticated, "no_credentials", false);
}

TEST_F(AuthenticatorMtls, RefusesAClaimThatIsNotExactlyAJwt) {
  const std::string jwt = sign_jwt(signing_key(), JwtType::user_claim, claims_);
  std::string encoded = jwt;
  encoded.replace(encoded.find('.'), 1, "%2E");
  for (const std::string& value :
       {std::string(), std::string(kUser), " " + jwt, jwt + " ", "Bearer " + jwt, encoded,
        jwt + "," + jwt, jwt + "\r\n " + jwt, std::string(kMaxJwt + 1, 'a')}) {
    expect_decision(decide(with_claim(value)), Verdict::unauthenticated, "malformed", true);
  }
}

TEST_F(AuthenticatorMtls, AnAccessTokenIsNoUserClaim) {
  expect_decision(decide_claims(claims_, JwtType::access_token), Verdict::unauthenticated,
                  "wrong_type", true);
}

TEST_F(AuthenticatorMtls, RefusesAClaimForAnotherContainer) {
  claims_.audience = {"other-svc:3100"};
  expect_decision(decide_claims(claims_), Verdict::unauthenticated, "wrong_audience", true);
}

TEST_F(AuthenticatorMtls, TakesAnyUserUnlessOneIsExpected) {
  claims_.user_id = "user_other";
  EXPECT_EQ(decide_claims(claims_).user_id, "user_other");
  config_.expected_user_id = kUser;
  expect_decision(decide_claims(claims_), Verdict::unauthenticated, "wrong_user", true);
}

TEST_F(AuthenticatorMtls, RefusesAUserThatWouldBreakTheHeaderItGoesUpstreamIn) {
  for (const char* user : {"a\r\nX-Admin: 1", "a b", "a,b", "\x7F", "us\xC3\xA9r", "\t"}) {
    claims_.user_id = user;
    expect_decision(decide_claims(claims_), Verdict::unauthenticated, "wrong_user", true);
  }
}

TEST_F(AuthenticatorMtls, ABoundClaimNeedsItsCertificateAmongThoseThatAreAllowed) {
  claims_.certificate_thumbprint = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";
  const std::string jwt = sign_jwt(signing_key(), JwtType::user_claim, claims_);
  Credentials credentials = with_claim(jwt);
  expect_decision(decide(credentials), Verdict::unauthenticated, "wrong_certificate", true);
  credentials.certificate_thumbprint = claims_.certificate_thumbprint;
  EXPECT_EQ(decide(credentials).verdict, Verdict::allowed);
  credentials.client_certificate = false;
  expect_decision(decide(credentials), Verdict::unauthenticated, "no_client_certificate", true);
}

TEST_F(AuthenticatorMtls, RequiredScopesAreRequiredOfTheClaimToo) {
  config_.required_scopes = {"mcp:admin"};
  expect_decision(decide_claims(claims_), Verdict::insufficient_scope, "insufficient_scope", true);
  claims_.scopes = {"mcp:*"};
  EXPECT_EQ(decide_claims(claims_).verdict, Verdict::allowed);
}

}  // namespace
}  // namespace openclaw::gate
