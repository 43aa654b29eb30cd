#include "core/client_assertion.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/jwt.h"
#include "tests/unit/jwt_builder.h"
#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using nlohmann::json;

constexpr std::string_view kClient = "client_abc123";

// The keys that the client registered are those of jwt_builder.h.
ClientAssertionExpectation good_expectation() {
  ClientAssertionExpectation expected;
  expected.client_id = kClient;
  expected.audience = kIssuer;
  expected.now = kNow;
  expected.leeway = kDefaultLeeway;
  return expected;
}

json assertion_header(Algorithm algorithm = Algorithm::EdDSA) {
  return {{"alg", name(algorithm)}, {"kid", signing_key(algorithm).kid()}};
}

json assertion_payload() {
  return {
      {"iss", kClient}, {"sub", kClient}, {"aud", kIssuer}, {"jti", "once"}, {"exp", kNow + 60}};
}

std::string good_assertion(Algorithm algorithm = Algorithm::EdDSA) {
  return signed_texts(assertion_header(algorithm).dump(), assertion_payload().dump(), algorithm);
}

std::string_view outcome(std::string_view jwt,
                         const ClientAssertionExpectation& expected = good_expectation(),
                         const KeySet& keys = published_keys()) {
  return reason(verify_client_assertion(jwt, keys, expected));
}

std::string with_header(const json& header, Algorithm algorithm = Algorithm::EdDSA) {
  return signed_texts(header.dump(), assertion_payload().dump(), algorithm);
}

std::string with_payload(const json& payload) {
  return signed_texts(assertion_header().dump(), payload.dump());
}

std::string with_member(std::string_view member, const json& value) {
  json header = assertion_header();
  header[member] = value;
  return with_header(header);
}

std::string with_claim(std::string_view claim, const json& value) {
  json payload = assertion_payload();
  payload[claim] = value;
  return with_payload(payload);
}

std::string without_claim(std::string_view claim) {
  json payload = assertion_payload();
  payload.erase(std::string(claim));
  return with_payload(payload);
}

KeySet key_set(std::initializer_list<const SigningKey*> keys) {
  std::vector<PublicKey> each;
  for (const SigningKey* key : keys) {
    each.push_back(*PublicKey::from_jwk(key->public_key().jwk()));
  }
  return *KeySet::of(std::move(each));
}

// --- what is accepted --------------------------------------------------------------------------

class EachAssertionAlgorithm : public testing::TestWithParam<Algorithm> {};

INSTANTIATE_TEST_SUITE_P(ClientAssertion, EachAssertionAlgorithm, testing::ValuesIn(kAlgorithms),
                         [](const auto& row) { return std::string(name(row.param)); });

TEST_P(EachAssertionAlgorithm, GivesTheJtiAndItsEnd) {
  const auto assertion =
      verify_client_assertion(good_assertion(GetParam()), published_keys(), good_expectation());
  ASSERT_TRUE(assertion) << reason(assertion);
  EXPECT_EQ(assertion->jti, "once");
  EXPECT_EQ(assertion->expires_at, kNow + 60);
}

TEST_P(EachAssertionAlgorithm, WithoutAKidIsCheckedWithEachKeyOfItsAlgorithm) {
  FixedRandom random(7);
  const SigningKey other = SigningKey::generate(GetParam(), random);
  json header = assertion_header(GetParam());
  header.erase("kid");
  const std::string jwt = with_header(header, GetParam());
  const SigningKey& own = signing_key(GetParam());
  EXPECT_EQ(outcome(jwt, good_expectation(), key_set({&own, &other})), "accepted");
  EXPECT_EQ(outcome(jwt, good_expectation(), key_set({&other})), "invalid_signature");
  for (const Algorithm algorithm : kAlgorithms) {
    if (algorithm == GetParam()) continue;
    EXPECT_EQ(outcome(jwt, good_expectation(), key_set({&signing_key(algorithm)})), "unknown_key");
  }
}

TEST_P(EachAssertionAlgorithm, WithAKidIsCheckedWithThatKeyOnly) {
  FixedRandom random(7);
  const SigningKey other = SigningKey::generate(GetParam(), random);
  json header = assertion_header(GetParam());
  header["kid"] = other.kid();
  const KeySet keys = key_set({&signing_key(GetParam()), &other});
  EXPECT_EQ(outcome(with_header(header, GetParam()), good_expectation(), keys),
            "invalid_signature");
}

TEST_P(EachAssertionAlgorithm, AnySingleCharacterChangedIsRefused) {
  const std::string jwt = good_assertion(GetParam());
  ASSERT_EQ(outcome(jwt), "accepted");
  for (std::size_t at = 0; at < jwt.size(); ++at) {
    std::string altered = jwt;
    altered[at] = jwt[at] == 'A' ? 'Q' : 'A';
    EXPECT_NE(outcome(altered), "accepted") << at;
  }
}

// RFC 9864 2.2: the name that oauth4webapi writes for it.
TEST(ClientAssertion, OfEd25519MaySayEd25519) {
  json header = assertion_header(Algorithm::EdDSA);
  header["alg"] = "Ed25519";
  EXPECT_EQ(outcome(with_header(header, Algorithm::EdDSA)), "accepted");
  header.erase("kid");
  EXPECT_EQ(outcome(with_header(header, Algorithm::EdDSA)), "accepted");
  header["kid"] = signing_key(Algorithm::ES256).kid();
  EXPECT_EQ(outcome(with_header(header, Algorithm::EdDSA)), "unsupported_algorithm");
}

TEST(ClientAssertion, TypMayBeAbsentOrSayThatItIsAJwtOrAClientAuthentication) {
  for (const std::string typ :
       {"JWT", "jwt", "application/jwt", "client-authentication+jwt", "Client-Authentication+JWT",
        "application/client-authentication+jwt"}) {
    EXPECT_EQ(outcome(with_member("typ", typ)), "accepted") << typ;
  }
}

// The header read last is kept: it must not pass for another, nor for what another reader demands.
TEST(ClientAssertion, AHeaderIsJudgedByItselfAndByWhoReadsIt) {
  JwtExpectation ours;
  ours.issuer = kIssuer;
  ours.now = kNow;
  const auto verified = [&](std::string_view jwt) {
    return reason(verify_jwt(jwt, published_keys(), ours));
  };
  const std::string without_typ = good_assertion();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(outcome(without_typ), "accepted");
    EXPECT_EQ(verified(without_typ), "malformed") << "typ must be there in a JWT of ours";
    EXPECT_EQ(outcome(with_member("typ", "JWT")), "accepted");
    EXPECT_EQ(verified(with_member("typ", "JWT")), "wrong_type");
    EXPECT_EQ(outcome(with_member("alg", "Ed25519")), "accepted");
    EXPECT_EQ(verified(with_member("alg", "Ed25519")), "malformed");
    EXPECT_EQ(outcome(good_assertion(Algorithm::ES256)), "accepted");
    EXPECT_EQ(outcome(with_member("kid", "nobody")), "unknown_key");
  }
}

TEST(ClientAssertion, UnknownHeaderMembersAndClaimsAreIgnored) {
  EXPECT_EQ(outcome(with_member("x5t", "AAAA")), "accepted");
  EXPECT_EQ(outcome(with_claim("scope", "anything")), "accepted");
}

// Each assertion below is wrong in every later way too: the first in the documented order decides.
TEST(ClientAssertion, IsCheckedInTheDocumentedOrder) {
  json header = {{"alg", "none"}, {"typ", "at+jwt"}, {"kid", "nobody"}, {"crit", json::array()}};
  json payload = {{"iss", "x"}, {"sub", "x"}, {"aud", "x"}, {"nbf", kNow + 1000}};
  const auto forged = [&] {
    return outcome(segment(header.dump()) + "." + segment(payload.dump()) + "." +
                   std::string(86, 'A'));
  };
  const auto honest = [&] { return outcome(signed_texts(header.dump(), payload.dump())); };

  EXPECT_EQ(forged(), "malformed");
  header.erase("crit");
  EXPECT_EQ(forged(), "unsupported_algorithm");
  header["alg"] = "EdDSA";
  EXPECT_EQ(forged(), "unknown_key");
  header["kid"] = signing_key(Algorithm::ES256).kid();
  EXPECT_EQ(forged(), "unsupported_algorithm");
  header["kid"] = signing_key().kid();
  EXPECT_EQ(forged(), "invalid_signature");
  EXPECT_EQ(honest(), "wrong_type");
  header.erase("typ");
  EXPECT_EQ(honest(), "wrong_issuer");
  payload["iss"] = kClient;
  EXPECT_EQ(honest(), "wrong_issuer");
  payload["sub"] = kClient;
  EXPECT_EQ(honest(), "wrong_audience");
  payload["aud"] = kIssuer;
  EXPECT_EQ(honest(), "malformed");
  payload["jti"] = "once";
  EXPECT_EQ(honest(), "malformed");
  payload["exp"] = kNow;
  EXPECT_EQ(honest(), "expired");
  payload["exp"] = kNow + 1;
  EXPECT_EQ(honest(), "not_yet_valid");
  payload["nbf"] = kNow;
  EXPECT_EQ(honest(), "accepted");
}

// --- form --------------------------------------------------------------------------------------

TEST(ClientAssertionAttack, A01A02AlgNoneOrSymmetricIsRefused) {
  for (const std::string alg : {"none", "None", "NONE", "", "HS256", "HS512", "ES384", "PS256"}) {
    for (const bool with_kid : {true, false}) {
      json header = assertion_header();
      header["alg"] = alg;
      if (!with_kid) header.erase("kid");
      EXPECT_EQ(outcome(with_header(header)), "unsupported_algorithm") << alg;
    }
  }
  const auto parts = segments_of(good_assertion());
  EXPECT_EQ(outcome(segment(R"({"alg":"none"})") + "." + parts[1] + "."), "malformed");
}

TEST(ClientAssertionAttack, A06A07A11HeadersThatBringKeysOrChangeTheReadingAreRefused) {
  const json own_key = json::parse(signing_key().public_key().jwk());
  for (const auto& [member, value] :
       std::vector<std::pair<const char*, json>>{{"jwk", own_key},
                                                 {"jku", "https://attacker.example/jwks.json"},
                                                 {"x5c", {"MIIB"}},
                                                 {"x5u", "https://attacker.example/chain.pem"},
                                                 {"crit", {"exp"}},
                                                 {"crit", json::array()},
                                                 {"b64", false},
                                                 {"b64", true},
                                                 {"zip", "DEF"}}) {
    EXPECT_EQ(outcome(with_member(member, value)), "malformed") << member;
  }
}

TEST(ClientAssertionAttack, A08StrangeKidsAreUnknownOrMalformed) {
  for (const std::string& kid : {std::string(), std::string("' OR '1'='1"),
                                 std::string("../../etc/passwd"), std::string(256, 'k')}) {
    EXPECT_EQ(outcome(with_member("kid", kid)), "unknown_key") << kid;
  }
  for (const json& kid : {json(std::string(257, 'k')), json(std::string(1, '\0')), json(1),
                          json(nullptr), json::array({signing_key().kid()})}) {
    EXPECT_EQ(outcome(with_member("kid", kid)), "malformed");
  }
}

TEST(ClientAssertionAttack, HeadersWithMembersOfAnotherTypeOrWithoutAlgAreRefused) {
  json header = assertion_header();
  header.erase("alg");
  EXPECT_EQ(outcome(with_header(header)), "malformed");
  for (const char* member : {"alg", "typ"}) {
    for (const json& value : {json(nullptr), json(1), json::array({"JWT"}), json::object()}) {
      EXPECT_EQ(outcome(with_member(member, value)), "malformed") << member << value;
    }
  }
}

TEST(ClientAssertionAttack, A12AnythingButThreeFullSegmentsIsRefused) {
  const std::string jwt = good_assertion();
  const auto parts = segments_of(jwt);
  const json flattened = {{"protected", parts[0]}, {"payload", parts[1]}, {"signature", parts[2]}};
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), parts[0], parts[0] + "." + parts[1],
        parts[0] + "." + parts[1] + ".", parts[0] + ".." + parts[2],
        "." + parts[1] + "." + parts[2], jwt + ".", "." + jwt, jwt + "." + parts[2],
        jwt + "." + parts[2] + "." + parts[2], flattened.dump(),
        segment(R"({"alg":"RSA-OAEP","enc":"A256GCM"})") + ".AA.AA.AA.AA"}) {
    EXPECT_EQ(outcome(text), "malformed") << text;
    EXPECT_EQ(reason(claimed_client(text)), "malformed") << text;
  }
}

TEST(ClientAssertionAttack, A13SegmentsThatAreNotStrictBase64urlAreRefused) {
  const auto parts = segments_of(good_assertion());
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string& part = parts[i];
    for (const std::string& spoilt :
         {part + "=", part + " ", " " + part, part + "\n", "+" + part.substr(1),
          "\xC3\xA9" + part.substr(1), part + std::string(1, '\0'), std::string("A")}) {
      std::vector<std::string> altered = parts;
      altered[i] = spoilt;
      const std::string jwt = altered[0] + "." + altered[1] + "." + altered[2];
      EXPECT_EQ(outcome(jwt), "malformed") << jwt;
      EXPECT_EQ(reason(claimed_client(jwt)), "malformed") << jwt;
    }
  }
}

TEST(ClientAssertionAttack, A14DuplicateMembersAreRefused) {
  const std::string header = assertion_header().dump();
  const std::string payload = assertion_payload().dump();
  for (const std::string_view member :
       {R"("alg":"EdDSA")", R"("kid":"x")", R"("\u0061lg":"none")"}) {
    EXPECT_EQ(outcome(signed_texts(doubled(header, member), payload)), "malformed") << member;
  }
  for (const std::string_view claim :
       {R"("iss":"x")", R"("sub":"x")", R"("aud":"x")", R"("jti":"x")", R"("exp":9999999999)",
        R"("\u0073ub":"x")", R"("nested":{"a":1,"a":2})"}) {
    const std::string jwt = signed_texts(header, doubled(payload, claim));
    EXPECT_EQ(outcome(jwt), "malformed") << claim;
    EXPECT_EQ(reason(claimed_client(jwt)), "malformed") << claim;
  }
}

TEST(ClientAssertionAttack, A15DeepNestingAndHugeTextsAreRefused) {
  json deep = 1;
  for (int level = 0; level < 8; ++level) deep = json::array({deep});
  EXPECT_EQ(outcome(with_member("x", deep)), "malformed");
  EXPECT_EQ(outcome(with_claim("x", deep)), "malformed");
  EXPECT_EQ(outcome(with_claim("x", deep[0])), "accepted");
  EXPECT_EQ(outcome(with_claim("x", std::string(kMaxJwt, 'x'))), "malformed");
  EXPECT_EQ(outcome(with_claim("x", std::vector<int>(2'500, 1))), "malformed");
  for (const std::size_t size : {kMaxJwt + 1, std::size_t{8'000'000}}) {
    EXPECT_EQ(outcome(std::string(size, 'A')), "malformed");
    EXPECT_EQ(reason(claimed_client(std::string(size, 'A'))), "malformed");
  }
}

// --- claims ------------------------------------------------------------------------------------

TEST(ClientAssertionAttack, A25NoOtherTypeStandsInForAnAssertion) {
  for (const std::string typ :
       {"at+jwt", "AT+JWT", "application/at+jwt", "user-claim+jwt", "statuslist+jwt", "dpop+jwt",
        "logout+jwt", "id_token+jwt", "secevent+jwt", "", "JWT ", "text/jwt", "jws"}) {
    EXPECT_EQ(outcome(with_member("typ", typ)), "wrong_type") << typ;
  }
  // Tokens of our own, though they were signed with a key that the client registered as its own and
  // said all that an assertion says.
  Claims claims = good_claims();
  claims.issuer = claims.user_id = kClient;
  claims.audience = {std::string(kIssuer)};
  for (const JwtType type : {JwtType::access_token, JwtType::user_claim}) {
    EXPECT_EQ(outcome(sign_jwt(signing_key(), type, claims)), "wrong_type");
  }
}

TEST(ClientAssertionAttack, A25AnAssertionStandsInForNoTokenOfOurs) {
  json header = assertion_header();
  EXPECT_EQ(verdict(with_header(header)), "malformed");
  for (const std::string typ : {"JWT", "client-authentication+jwt"}) {
    EXPECT_EQ(verdict(with_member("typ", typ)), "wrong_type");
  }
}

TEST(ClientAssertionClaim, IssAndSubAreTheClientByteForByte) {
  const std::string right(kClient);
  for (const char* claim : {"iss", "sub"}) {
    for (const json& wrong :
         {json("client_other"), json(right + " "), json("Client_abc123"), json(""),
          json(right.substr(1)), json(nullptr), json(1), json::array({right})}) {
      EXPECT_EQ(outcome(with_claim(claim, wrong)), "wrong_issuer") << claim << wrong;
    }
    EXPECT_EQ(outcome(without_claim(claim)), "wrong_issuer") << claim;
  }
}

TEST(ClientAssertionAttack, A30AudIsTheIssuerAndNothingBeside) {
  const std::string right(kIssuer);
  EXPECT_EQ(outcome(with_claim("aud", json::array({right}))), "accepted");
  for (const json& wrong :
       {json(right + "/"), json(right + "/oauth/token"), json("https://API.openclaw.example"),
        json("http://api.openclaw.example"), json(""), json("*"), json(nullptr), json(1),
        json::array(), json::array({right, "https://other.example"}), json::array({right, right}),
        json::array({json::array({right})}), json::array({1}), json{{"aud", right}}}) {
    EXPECT_EQ(outcome(with_claim("aud", wrong)), "wrong_audience") << wrong;
  }
  EXPECT_EQ(outcome(without_claim("aud")), "wrong_audience");
}

TEST(ClientAssertionAttack, A30TheJtiThatIsToBeAcceptedOnceHas1To256Bytes) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{256}}) {
    const auto assertion = verify_client_assertion(with_claim("jti", std::string(size, 'j')),
                                                   published_keys(), good_expectation());
    ASSERT_TRUE(assertion) << reason(assertion);
    EXPECT_EQ(assertion->jti, std::string(size, 'j'));
  }
  for (const json& jti : {json(""), json(std::string(257, 'j')), json(nullptr), json(1), json(true),
                          json::array({"once"})}) {
    EXPECT_EQ(outcome(with_claim("jti", jti)), "malformed") << jti;
  }
  EXPECT_EQ(outcome(without_claim("jti")), "malformed");
}

TEST(ClientAssertionClaim, ExpIsNeededAndLiesAtMostAnHourAhead) {
  EXPECT_EQ(outcome(without_claim("exp")), "malformed");
  EXPECT_EQ(outcome(with_claim("exp", kNow - 1)), "expired");
  EXPECT_EQ(outcome(with_claim("exp", kNow)), "expired");
  EXPECT_EQ(outcome(with_claim("exp", kNow + 1)), "accepted");
  EXPECT_EQ(outcome(with_claim("exp", kNow + kMaxAssertionLifetime)), "accepted");
  EXPECT_EQ(outcome(with_claim("exp", kNow + kMaxAssertionLifetime + 1)), "malformed");
  EXPECT_EQ(outcome(with_claim("exp", kMaxNumericDate)), "malformed");
}

TEST(ClientAssertionClaim, NbfAndIatMayLieAheadByTheLeewayOfAtMost60SecondsAndNotASecondMore) {
  for (const char* claim : {"nbf", "iat"}) {
    for (const auto& [given, used] :
         {std::pair<std::int64_t, std::int64_t>{-1, 0}, {0, 0}, {30, 30}, {60, 60}, {61, 60}}) {
      ClientAssertionExpectation expected = good_expectation();
      expected.leeway = given;
      EXPECT_EQ(outcome(with_claim(claim, kNow + used), expected), "accepted") << given;
      EXPECT_EQ(outcome(with_claim(claim, kNow + used + 1), expected), "not_yet_valid") << given;
    }
    EXPECT_EQ(outcome(with_claim(claim, 0)), "accepted");
  }
}

TEST(ClientAssertionClaim, TimesThatAreNoWholeSecondsAreMalformed) {
  for (const char* claim : {"exp", "iat", "nbf"}) {
    for (const json& value :
         {json("1700000050"), json(1700000050.5), json(1700000050.0), json(-1), json(nullptr),
          json(kMaxNumericDate + 1), json(std::numeric_limits<std::uint64_t>::max()), json(true),
          json::array({kNow + 50}), json::object()}) {
      EXPECT_EQ(outcome(with_claim(claim, value)), "malformed") << claim << value;
    }
  }
}

TEST(ClientAssertionClaim, ExtremeClocksDoNotOverflow) {
  ClientAssertionExpectation expected = good_expectation();
  expected.now = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(outcome(good_assertion(), expected), "expired");
  expected.now = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(outcome(good_assertion(), expected), "malformed");
}

// --- whose assertion it claims to be -----------------------------------------------------------

TEST(ClaimedClient, IsTheSubWhoeverSigned) {
  const auto parts = segments_of(good_assertion());
  for (const std::string& jwt : {good_assertion(), parts[0] + "." + parts[1] + ".AAAA"}) {
    const Result<std::string> client = claimed_client(jwt);
    ASSERT_TRUE(client) << reason(client);
    EXPECT_EQ(*client, kClient);
  }
}

TEST(ClaimedClient, OfAnAssertionWithoutASubIsMalformed) {
  EXPECT_EQ(reason(claimed_client(without_claim("sub"))), "malformed");
  for (const json& sub : {json(""), json(nullptr), json(1), json::array({kClient})}) {
    EXPECT_EQ(reason(claimed_client(with_claim("sub", sub))), "malformed") << sub;
  }
}

// --- a client's keys ---------------------------------------------------------------------------

json jwk_of(Algorithm algorithm = Algorithm::EdDSA) {
  return json::parse(signing_key(algorithm).public_key().jwk());
}

Result<std::string> canonical(const std::vector<json>& keys) {
  return canonical_client_jwks(json{{"keys", keys}}.dump());
}

json jwk_with(std::string_view member, const json& value, Algorithm algorithm = Algorithm::EdDSA) {
  json jwk = jwk_of(algorithm);
  jwk[member] = value;
  return jwk;
}

json jwk_without(std::string_view member) {
  json jwk = jwk_of();
  jwk.erase(std::string(member));
  return jwk;
}

TEST(ClientJwks, AreWrittenInOneFormThatReadsBack) {
  json foreign = jwk_with("x5t", "AAAA");
  foreign.erase("use");
  const Result<std::string> text = canonical({jwk_of(Algorithm::RS256), foreign});
  ASSERT_TRUE(text) << reason(text);
  EXPECT_EQ(*text, key_set({&signing_key(), &signing_key(Algorithm::RS256)}).to_json());
  EXPECT_EQ(*canonical_client_jwks(*text), *text);
  const Result<KeySet> keys = KeySet::parse(*text);
  ASSERT_TRUE(keys);
  EXPECT_EQ(outcome(good_assertion(Algorithm::RS256), good_expectation(), *keys), "accepted");
}

TEST(ClientJwks, AKeyWithoutAKidIsGivenItsThumbprint) {
  const Result<std::string> text = canonical({jwk_without("kid")});
  ASSERT_TRUE(text) << reason(text);
  EXPECT_EQ(*text, key_set({&signing_key()}).to_json());
}

TEST(ClientJwks, AKidOfTheClientsChoiceIsKept) {
  const Result<std::string> text = canonical({jwk_with("kid", "my key 1")});
  ASSERT_TRUE(text) << reason(text);
  EXPECT_EQ(json::parse(*text)["keys"][0]["kid"], "my key 1");
}

TEST(ClientJwks, EveryKeyMustBeUsable) {
  const std::vector<std::pair<json, std::string_view>> rows = {
      {json::object(), "unsupported_key"},
      {jwk_without("alg"), "unsupported_key"},
      {jwk_with("alg", "XS256"), "unsupported_key"},
      {jwk_with("alg", "PS256", Algorithm::RS256), "unsupported_key"},
      {{{"kty", "oct"}, {"alg", "HS256"}, {"k", "AAAA"}}, "invalid_key"},
      {jwk_with("d", "AAAA"), "invalid_key"},
      {jwk_with("x", std::string(43, 'A')), "invalid_key"},
      {jwk_with("e", "AQ", Algorithm::RS256), "invalid_key"},
      {jwk_with("use", "enc"), "not_for_signatures"},
      {jwk_with("key_ops", {"encrypt"}), "not_for_signatures"},
      {jwk_with("kid", ""), "malformed"},
      {jwk_with("kid", 1), "malformed"},
      {jwk_with("kid", std::string(257, 'k')), "malformed"},
      {jwk_with("x5c", {std::string(17'000, 'A')}), "malformed"},
      {"text", "malformed"},
      {nullptr, "malformed"}};
  for (const auto& [key, expected] : rows) {
    EXPECT_EQ(reason(canonical({key})), expected) << key;
    EXPECT_EQ(reason(canonical({jwk_of(Algorithm::ES256), key})), expected) << key;
  }
}

TEST(ClientJwks, TwoKeysOfOneKidAreRefused) {
  const json first = jwk_with("kid", "a");
  const json second = jwk_with("kid", "a", Algorithm::ES256);
  EXPECT_EQ(reason(canonical({first, second})), "duplicate_kid");
  EXPECT_EQ(reason(canonical({jwk_without("kid"), jwk_without("kid")})), "duplicate_kid");
  EXPECT_EQ(reason(canonical({jwk_of(), jwk_without("kid")})), "duplicate_kid");
}

TEST(ClientJwks, AreOneToEightKeys) {
  EXPECT_EQ(reason(canonical({})), "malformed");
  std::vector<json> keys;
  for (std::size_t i = 0; i < kMaxClientKeys; ++i) {
    keys.push_back(jwk_with("kid", std::to_string(i)));
  }
  EXPECT_EQ(reason(canonical(keys)), "accepted");
  keys.push_back(jwk_with("kid", "one more"));
  EXPECT_EQ(reason(canonical(keys)), "too_long");
}

TEST(ClientJwks, ThatAreNoSetAreMalformedAndHugeOnesTooLong) {
  const std::string key = signing_key().public_key().jwk();
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[]"), key, "[" + key + "]",
        std::string(R"({"keys":null})"), R"({"keys":)" + key + "}",
        R"({"keys":[)" + key + R"(],"keys":[]})", R"({"keys":[)" + key,
        R"({"keys":[)" + key + "]}x", R"({"keys":[{"alg":"EdDSA",)" + key.substr(1) + "]}",
        std::string("<html></html>")}) {
    EXPECT_EQ(reason(canonical_client_jwks(text)), "malformed") << text;
  }
  const std::string good = R"({"keys":[)" + key + "]}";
  EXPECT_EQ(reason(canonical_client_jwks(good + std::string(kMaxJwks - good.size(), ' '))),
            "accepted");
  EXPECT_EQ(reason(canonical_client_jwks(good + std::string(kMaxJwks + 1 - good.size(), ' '))),
            "too_long");
}

}  // namespace
}  // namespace openclaw
