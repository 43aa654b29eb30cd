#include "gate/remembered_tokens.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "core/sha256.h"
#include "tests/unit/jwt_builder.h"

namespace openclaw::gate {
namespace {

Digest digest_of(std::size_t number) { return sha256(as_bytes(std::to_string(number))); }

std::shared_ptr<const VerifiedToken> token(std::int64_t expires_at, std::string kid = "k") {
  return std::make_shared<VerifiedToken>(
      VerifiedToken{.user_id = "user_" + std::to_string(expires_at),
                    .kid = std::move(kid),
                    .expires_at = expires_at});
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
  tokens.remember(digest_of(1), token(kNow + 10), kNow);
  const std::shared_ptr<const VerifiedToken> found = tokens.find(digest_of(1), kNow);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->user_id, "user_" + std::to_string(kNow + 10));
  Digest almost = digest_of(1);
  almost.back() ^= 1;  // falls into the same bucket
  EXPECT_EQ(tokens.find(almost, kNow), nullptr);
  EXPECT_EQ(tokens.find(digest_of(2), kNow), nullptr);
}

TEST(RememberedTokens, ForgetsATokenTheSecondItExpires) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), token(kNow + 10), kNow);
  EXPECT_NE(tokens.find(digest_of(1), kNow + 9), nullptr);
  EXPECT_EQ(tokens.find(digest_of(1), kNow + 10), nullptr);
  EXPECT_EQ(tokens.size(), 0u);
}

TEST(RememberedTokens, NeverTakesAnExpiredOne) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), token(kNow + 10), kNow);
  tokens.remember(digest_of(1), token(kNow), kNow);
  EXPECT_EQ(tokens.find(digest_of(1), kNow), nullptr);
  EXPECT_EQ(tokens.size(), 0u);
}

TEST(RememberedTokens, TheLastEntryOfATokenCounts) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), token(kNow + 10), kNow);
  tokens.remember(digest_of(1), token(kNow + 5), kNow);
  EXPECT_EQ(tokens.size(), 1u);
  EXPECT_EQ(tokens.find(digest_of(1), kNow + 5), nullptr);
}

TEST(RememberedTokens, ExpiredOnesLeaveWithNobodyAskingForThem) {
  RememberedTokens tokens;
  for (std::size_t i = 0; i < 100; ++i) tokens.remember(digest_of(i), token(kNow + 10), kNow);
  tokens.remember(digest_of(100), token(kNow + 20), kNow + 10);
  EXPECT_EQ(tokens.size(), 1u);
}

TEST(RememberedTokens, WhatExpiredOnesHoldIsLetGoOfOnDemand) {
  RememberedTokens tokens;
  const auto list = std::make_shared<KnownList>("https://x/1", HttpUrl{true, "x", 443, "/1"});
  for (std::size_t i = 0; i < 100; ++i) {
    VerifiedToken listed = *token(kNow + 10);
    listed.status = {list, static_cast<std::uint32_t>(i)};
    tokens.remember(digest_of(i), std::make_shared<VerifiedToken>(listed), kNow);
  }
  tokens.remember(digest_of(100), token(kNow + 20), kNow);
  tokens.forget_expired(kNow + 9);
  EXPECT_EQ(tokens.size(), 101u);
  EXPECT_EQ(list.use_count(), 101);
  tokens.forget_expired(kNow + 10);
  EXPECT_EQ(tokens.size(), 1u);
  EXPECT_EQ(list.use_count(), 1);
}

TEST(RememberedTokens, WhatWasFoundOutlivesBeingForgotten) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), token(kNow + 10), kNow);
  const std::shared_ptr<const VerifiedToken> found = tokens.find(digest_of(1), kNow);
  tokens.clear();
  EXPECT_EQ(found->expires_at, kNow + 10);
}

TEST(RememberedTokens, WhenFullTheOneThatExpiresFirstGoes) {
  RememberedTokens tokens;
  constexpr std::size_t kSoonest = 777;
  for (std::size_t i = 0; i < RememberedTokens::kMost; ++i) {
    tokens.remember(digest_of(i), token(i == kSoonest ? kNow + 1 : kNow + 100), kNow);
  }
  EXPECT_EQ(tokens.size(), RememberedTokens::kMost);
  EXPECT_NE(tokens.find(digest_of(kSoonest), kNow), nullptr);
  tokens.remember(digest_of(RememberedTokens::kMost), token(kNow + 100), kNow);
  EXPECT_EQ(tokens.size(), RememberedTokens::kMost);
  EXPECT_EQ(tokens.find(digest_of(kSoonest), kNow), nullptr);
  EXPECT_NE(tokens.find(digest_of(RememberedTokens::kMost), kNow), nullptr);
}

TEST(RememberedTokens, TheTokensOfAKeyLeaveWithIt) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), token(kNow + 10, "stays"), kNow);
  tokens.remember(digest_of(2), token(kNow + 10, "leaves"), kNow);
  tokens.keep_only(set_of(key(Algorithm::EdDSA, "stays"), key(Algorithm::ES256, "leaves")),
                   set_of(key(Algorithm::EdDSA, "stays"), key(Algorithm::RS256, "comes")));
  EXPECT_NE(tokens.find(digest_of(1), kNow), nullptr);
  EXPECT_EQ(tokens.find(digest_of(2), kNow), nullptr);
}

TEST(RememberedTokens, AnotherKeyUnderTheSameKidIsAnotherKey) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), token(kNow + 10, "k"), kNow);
  tokens.keep_only(set_of(key(Algorithm::EdDSA, "k")), set_of(key(Algorithm::ES256, "k")));
  EXPECT_EQ(tokens.size(), 0u);
}

TEST(RememberedTokens, ClearedKnowsNothingAndTakesNewOnes) {
  RememberedTokens tokens;
  tokens.remember(digest_of(1), token(kNow + 10), kNow);
  tokens.clear();
  EXPECT_EQ(tokens.find(digest_of(1), kNow), nullptr);
  tokens.remember(digest_of(1), token(kNow + 10), kNow);
  EXPECT_EQ(tokens.size(), 1u);
}

}  // namespace
}  // namespace openclaw::gate
