#include "core/jwks.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/jwt_builder.h"
#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using nlohmann::json;

json public_jwk(Algorithm algorithm, std::string_view kid) {
  json jwk = json::parse(signing_key(algorithm).public_key().jwk());
  jwk["kid"] = kid;
  return jwk;
}

Result<KeySet> parsed(const json& keys) { return KeySet::parse(json{{"keys", keys}}.dump()); }

PublicKey public_key(Algorithm algorithm, std::string_view kid) {
  return *PublicKey::from_jwk(public_jwk(algorithm, kid).dump());
}

TEST(KeySet, FindsAKeyByItsKidAndNoOther) {
  const Result<KeySet> keys =
      parsed({public_jwk(Algorithm::EdDSA, "a"), public_jwk(Algorithm::ES256, "b")});
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->size(), 2u);
  ASSERT_NE(keys->find("a"), nullptr);
  EXPECT_EQ(keys->find("a")->algorithm(), Algorithm::EdDSA);
  ASSERT_NE(keys->find("b"), nullptr);
  EXPECT_EQ(keys->find("b")->algorithm(), Algorithm::ES256);
  for (const std::string_view kid : {"", "A", "a ", "ab", "c"}) {
    EXPECT_EQ(keys->find(kid), nullptr) << kid;
  }
}

TEST(KeySet, IsWrittenInTheOrderOfKidsAndReadsBackTheSame) {
  std::vector<PublicKey> each;
  for (const char* kid : {"c", "a", "b"}) each.push_back(public_key(Algorithm::EdDSA, kid));
  const Result<KeySet> keys = KeySet::of(std::move(each));
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->to_json(), "{\"keys\":[" + public_key(Algorithm::EdDSA, "a").jwk() + "," +
                                 public_key(Algorithm::EdDSA, "b").jwk() + "," +
                                 public_key(Algorithm::EdDSA, "c").jwk() + "]}");
  const Result<KeySet> again = KeySet::parse(keys->to_json());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->to_json(), keys->to_json());
}

TEST(KeySet, OfNoKeysIsWrittenAndRead) {
  const Result<KeySet> keys = KeySet::of({});
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->to_json(), R"({"keys":[]})");
  const Result<KeySet> again = KeySet::parse(keys->to_json());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->size(), 0u);
}

TEST(KeySet, GivesTheKeysOfAnAlgorithm) {
  const Result<KeySet> keys =
      parsed({public_jwk(Algorithm::EdDSA, "b"), public_jwk(Algorithm::ES256, "c"),
              public_jwk(Algorithm::EdDSA, "a")});
  ASSERT_TRUE(keys);
  const std::vector<const PublicKey*> found = keys->with_algorithm(Algorithm::EdDSA);
  EXPECT_EQ(found, (std::vector<const PublicKey*>{keys->find("a"), keys->find("b")}));
  EXPECT_TRUE(keys->with_algorithm(Algorithm::RS256).empty());
}

TEST(KeySet, HoldsNoPrivateMembers) {
  const json keys = json::parse(published_keys().to_json()).at("keys");
  ASSERT_EQ(keys.size(), 3u);
  for (const json& key : keys) {
    for (const char* member : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
      EXPECT_FALSE(key.contains(member)) << member;
    }
  }
}

TEST(KeySet, Rfc7517AppendixA1LeavesOutTheEncryptionKeyAndTakesTheSigningKey) {
  const Result<KeySet> keys = KeySet::parse(R"({"keys":[
    {"kty":"EC","crv":"P-256",
     "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
     "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
     "use":"enc","kid":"1"},
    {"kty":"RSA",
     "n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
     "e":"AQAB","alg":"RS256","kid":"2011-04-29"}]})");
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->size(), 1u);
  ASSERT_NE(keys->find("2011-04-29"), nullptr);
  EXPECT_EQ(keys->find("2011-04-29")->algorithm(), Algorithm::RS256);
}

struct Row {
  const char* name;
  json jwk;
};

class KeyLeftOut : public testing::TestWithParam<Row> {};

TEST_P(KeyLeftOut, WhileTheRestOfTheSetServes) {
  const Result<KeySet> keys = parsed({GetParam().jwk, public_jwk(Algorithm::EdDSA, "good")});
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->size(), 1u);
  EXPECT_NE(keys->find("good"), nullptr);
}

json spoilt(std::string_view member, const json& value, Algorithm algorithm = Algorithm::EdDSA) {
  json jwk = public_jwk(algorithm, "spoilt");
  jwk[member] = value;
  return jwk;
}

json without(std::string_view member) {
  json jwk = public_jwk(Algorithm::EdDSA, "spoilt");
  jwk.erase(std::string(member));
  return jwk;
}

INSTANTIATE_TEST_SUITE_P(
    Rfc7517Section5, KeyLeftOut,
    testing::Values(
        Row{"EmptyObject", json::object()}, Row{"NoKid", without("kid")},
        Row{"KidIsANumber", spoilt("kid", 1)}, Row{"KidIsEmpty", spoilt("kid", "")},
        Row{"KidIsTooLong", spoilt("kid", std::string(257, 'k'))}, Row{"A04NoAlg", without("alg")},
        Row{"UnknownKty", spoilt("kty", "XYZ")}, Row{"UnknownCrv", spoilt("crv", "Ed448")},
        Row{"SymmetricKey", {{"kty", "oct"}, {"alg", "HS256"}, {"kid", "spoilt"}, {"k", "AAAA"}}},
        Row{"A18SmallOrder", spoilt("x", std::string(43, 'A'))},
        Row{"A18ExponentOne", spoilt("e", "AQ", Algorithm::RS256)},
        Row{"A19UseEnc", spoilt("use", "enc")}, Row{"A19KeyOps", spoilt("key_ops", {"encrypt"})},
        Row{"A20AlgPS256", spoilt("alg", "PS256", Algorithm::RS256)},
        Row{"A20UnknownAlg", spoilt("alg", "XS256")}, Row{"PrivateKey", spoilt("d", "AAAA")},
        Row{"OverALargestJwk", spoilt("x5c", {std::string(17'000, 'A')})}),
    [](const auto& row) { return row.param.name; });

class BadKeySet : public testing::TestWithParam<std::pair<const char*, std::string>> {};

TEST_P(BadKeySet, IsMalformedAsAWhole) {
  EXPECT_EQ(reason(KeySet::parse(GetParam().second)), "malformed");
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadKeySet,
    testing::Values(std::pair{"Empty", ""}, std::pair{"EmptyObject", "{}"},
                    std::pair{"Html", "<html></html>"}, std::pair{"Array", "[]"},
                    std::pair{"KeysIsNull", R"({"keys":null})"},
                    std::pair{"KeysIsAnObject", R"({"keys":{}})"},
                    std::pair{"KeyIsAString", R"({"keys":["x"]})"},
                    std::pair{"KeyIsNull", R"({"keys":[null]})"},
                    std::pair{"KeysTwice", R"({"keys":[],"keys":[]})"},
                    std::pair{"A14DuplicateMemberInAKey", R"({"keys":[{"kid":"a","kid":"b"}]})"},
                    std::pair{"CutShort", R"({"keys":[)"},
                    std::pair{"TextAfterIt", R"({"keys":[]}x)"},
                    std::pair{"A15DeepNesting", R"({"keys":[[[[[[[[[]]]]]]]]]})"}),
    [](const auto& row) { return row.param.first; });

TEST(KeySetAttack, A10DuplicateKidRefusesTheSet) {
  EXPECT_EQ(reason(parsed({public_jwk(Algorithm::EdDSA, "a"), public_jwk(Algorithm::EdDSA, "a")})),
            "duplicate_kid");
  EXPECT_EQ(reason(parsed({public_jwk(Algorithm::EdDSA, "a"), public_jwk(Algorithm::ES256, "a")})),
            "duplicate_kid");
  std::vector<PublicKey> keys;
  keys.push_back(public_key(Algorithm::EdDSA, "a"));
  keys.push_back(public_key(Algorithm::ES256, "a"));
  EXPECT_EQ(reason(KeySet::of(std::move(keys))), "duplicate_kid");
}

TEST(KeySetAttack, A10DuplicateKidAmongKeysLeftOutRefusesTheSetToo) {
  const json left_out = {{"kty", "XYZ"}, {"kid", "a"}};
  const json good = public_jwk(Algorithm::EdDSA, "a");
  EXPECT_EQ(reason(parsed({left_out, good})), "duplicate_kid");
  EXPECT_EQ(reason(parsed({good, left_out})), "duplicate_kid");
  EXPECT_EQ(reason(parsed({left_out, left_out})), "duplicate_kid");
}

TEST(KeySetLimit, CountsTheKeysThatAreLeftOut) {
  json keys = json::array();
  for (std::size_t i = 1; i < kMaxJwksKeys; ++i) keys.push_back({{"kty", "XYZ"}});
  keys.push_back(public_jwk(Algorithm::EdDSA, "good"));
  const Result<KeySet> full = parsed(keys);
  ASSERT_TRUE(full);
  EXPECT_EQ(full->size(), 1u);
  keys.push_back({{"kty", "XYZ"}});
  EXPECT_EQ(reason(parsed(keys)), "too_long");
}

TEST(KeySetLimit, CountsTheBytes) {
  const std::string text = R"({"keys":[]})";
  EXPECT_EQ(reason(KeySet::parse(text + std::string(kMaxJwks - text.size(), ' '))), "accepted");
  EXPECT_EQ(reason(KeySet::parse(text + std::string(kMaxJwks + 1 - text.size(), ' '))), "too_long");
  EXPECT_EQ(reason(KeySet::parse(std::string(8'000'000, '{'))), "too_long");
}

}  // namespace
}  // namespace openclaw
