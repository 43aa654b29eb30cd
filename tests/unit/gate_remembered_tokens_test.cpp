#include "gate/remembered_tokens.h"

#include <vector>

#include <gtest/gtest.h>

#include "core/sha256.h"
#include "tests/unit/jwt_builder.h"

namespace openclaw::gate {
namespace {

Digest digest_of(std::size_t number) { return sha256(as_bytes(std::to_string(number))); }

RememberedTokens::Entry entry(std::int64_t expires_at, std::string kid = "k") {
  return {"user_" + std::to_string(expires_at), std::move(kid), expires_at};
}

PublicKey key(Algorithm algorithm, std::string_view kid) {
  nlohmann::json jwk = nlohmann::json::parse(signing_key(algorithm).public_key().jwk());
  jwk["kid"] = kid;
  return *PublicKey::from_jwk(jwk.dump());
}

template <class... Keys>
KeySet set_of(Keys... keys) {
  std::vector<PublicKey> all;
  (all.push_back(std::move(keys)), ...);
  return *KeySet::of(std::move(all));
}

TEST(RememberedTokens, KnowsATokenAndNoOther) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), entry(kNow + 10), kNow);
  const RememberedTokens::Entry* found = tokens.find(digest_of(1), kNow);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->user_id, "user_" + std::to_string(kNow + 10));
  Digest almost = digest_of(1);
  almost.back() ^= 1;  // falls into the same bucket
  EXPECT_EQ(tokens.find(almost, kNow), nullptr);
  EXPECT_EQ(tokens.find(digest_of(2), kNow), nullptr);
}

TEST(RememberedTokens, ForgetsATokenTheSecondItExpires) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), entry(kNow + 10), kNow);
  EXPECT_NE(tokens.find(digest_of(1), kNow + 9), nullptr);
  EXPECT_EQ(tokens.find(digest_of(1), kNow + 10), nullptr);
  EXPECT_EQ(tokens.size(), 0u);
}

TEST(RememberedTokens, NeverTakesAnExpiredOne) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), entry(kNow + 10), kNow);
  tokens.remember(digest_of(1), entry(kNow), kNow);
  EXPECT_EQ(tokens.find(digest_of(1), kNow), nullptr);
  EXPECT_EQ(tokens.size(), 0u);
}

TEST(RememberedTokens, TheLastEntryOfATokenCounts) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), entry(kNow + 10), kNow);
  tokens.remember(digest_of(1), entry(kNow + 5), kNow);
  EXPECT_EQ(tokens.size(), 1u);
  EXPECT_EQ(tokens.find(digest_of(1), kNow + 5), nullptr);
}

TEST(RememberedTokens, ExpiredOnesLeaveWithNobodyAskingForThem) {
  RememberedTokens tokens;
  for (std::size_t i = 0; i < 100; ++i) tokens.remember(digest_of(i), entry(kNow + 10), kNow);
  tokens.remember(digest_of(100), entry(kNow + 20), kNow + 10);
  EXPECT_EQ(tokens.size(), 1u);
}

TEST(RememberedTokens, WhenFullTheOneThatExpiresFirstGoes) {
  RememberedTokens tokens;
  constexpr std::size_t kSoonest = 777;
  for (std::size_t i = 0; i < RememberedTokens::kMost; ++i) {
    tokens.remember(digest_of(i), entry(i == kSoonest ? kNow + 1 : kNow + 100), kNow);
  }
  EXPECT_EQ(tokens.size(), RememberedTokens::kMost);
  EXPECT_NE(tokens.find(digest_of(kSoonest), kNow), nullptr);
  tokens.remember(digest_of(RememberedTokens::kMost), entry(kNow + 100), kNow);
  EXPECT_EQ(tokens.size(), RememberedTokens::kMost);
  EXPECT_EQ(tokens.find(digest_of(kSoonest), kNow), nullptr);
  EXPECT_NE(tokens.find(digest_of(RememberedTokens::kMost), kNow), nullptr);
}

TEST(RememberedTokens, TheTokensOfAKeyLeaveWithIt) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), entry(kNow + 10, "stays"), kNow);
  tokens.remember(digest_of(2), entry(kNow + 10, "leaves"), kNow);
  tokens.keep_only(set_of(key(Algorithm::EdDSA, "stays"), key(Algorithm::ES256, "leaves")),
                   set_of(key(Algorithm::EdDSA, "stays"), key(Algorithm::RS256, "comes")));
  EXPECT_NE(tokens.find(digest_of(1), kNow), nullptr);
  EXPECT_EQ(tokens.find(digest_of(2), kNow), nullptr);
}

TEST(RememberedTokens, AnotherKeyUnderTheSameKidIsAnotherKey) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), entry(kNow + 10, "k"), kNow);
  tokens.keep_only(set_of(key(Algorithm::EdDSA, "k")), set_of(key(Algorithm::ES256, "k")));
  EXPECT_EQ(tokens.size(), 0u);
}

TEST(RememberedTokens, ClearedKnowsNothingAndTakesNewOnes) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), entry(kNow + 10), kNow);
  tokens.clear();
  EXPECT_EQ(tokens.find(digest_of(1), kNow), nullptr);
  tokens.remember(digest_of(1), entry(kNow + 10), kNow);
  EXPECT_EQ(tokens.size(), 1u);
}

}  // namespace
}  // namespace openclaw::gate
