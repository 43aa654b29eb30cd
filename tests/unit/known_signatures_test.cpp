#include "core/known_signatures.h"

#include <gtest/gtest.h>

#include "core/sha256.h"
#include "tests/unit/jwt_builder.h"

namespace openclaw {
namespace {

// All of one bucket.
Digest digest(std::uint8_t number) {
  Digest digest{};
  digest.back() = number;
  return digest;
}

TEST(KnownSignatures, KnowsWhatWasAdded) {
  KnownSignatures known;
  EXPECT_FALSE(known.contains(digest(1)));
  known.add(digest(1));
  EXPECT_TRUE(known.contains(digest(1)));
  EXPECT_FALSE(known.contains(digest(2)));
}

TEST(KnownSignatures, ForgetsTheOldestOfABucket) {
  KnownSignatures known;
  for (std::uint8_t number = 1; number <= 5; number++) known.add(digest(number));
  EXPECT_FALSE(known.contains(digest(1)));
  for (std::uint8_t number = 2; number <= 5; number++) EXPECT_TRUE(known.contains(digest(number)));
}

TEST(KnownSignatures, KnowsNoMoreThanItsMost) {
  KnownSignatures known;
  std::vector<Digest> digests;
  for (std::size_t i = 0; i < 3 * KnownSignatures::kMost; i++) {
    digests.push_back(sha256(as_bytes(std::to_string(i))));
    known.add(digests.back());
  }
  std::size_t left = 0;
  for (const Digest& each : digests) left += known.contains(each) ? 1 : 0;
  EXPECT_LE(left, KnownSignatures::kMost);
  EXPECT_GT(left, KnownSignatures::kMost * 9 / 10);
}

// A token whose signature is not right, in a memory that says it was.
class VouchedFor : public testing::Test {
 protected:
  VouchedFor() { known_.add(sha256(as_bytes(jwt_))); }

  std::string_view verdict(const JwtExpectation& expected, const KeySet& keys) {
    return reason(verify_jwt(jwt_, keys, expected, &known_));
  }

  const std::string jwt_ = [] {
    const std::vector<std::string> parts = segments_of(signed_payload(good_payload()));
    return parts[0] + "." + parts[1] + "." + base64url_encode(Bytes(64));
  }();
  KnownSignatures known_;
};

TEST_F(VouchedFor, TheSignatureIsNotLookedAtAgain) {
  EXPECT_EQ(verdict(expectation(), published_keys()), "accepted");
  EXPECT_EQ(reason(verify_jwt(jwt_, published_keys(), expectation())), "invalid_signature");
}

TEST_F(VouchedFor, TheKeyMustStillBeInTheSet) {
  EXPECT_EQ(verdict(expectation(), KeySet()), "unknown_key");
}

TEST_F(VouchedFor, TheClaimsAreJudgedEachTime) {
  JwtExpectation later = expectation();
  later.now += 3600;
  EXPECT_EQ(verdict(later, published_keys()), "expired");
  JwtExpectation elsewhere = expectation();
  elsewhere.audience = "https://other.example.com/mcp";
  EXPECT_EQ(verdict(elsewhere, published_keys()), "wrong_audience");
}

TEST(KnownSignatures, AreOfTheWholeText) {
  KnownSignatures known;
  const std::string good = signed_payload(good_payload());
  ASSERT_EQ(reason(verify_jwt(good, published_keys(), expectation(), &known)), "accepted");
  ASSERT_TRUE(known.contains(sha256(as_bytes(good))));
  nlohmann::json payload = good_payload();
  payload["scope"] = "mcp:*";
  const std::vector<std::string> parts = segments_of(good);
  const std::string altered = parts[0] + "." + segment(payload.dump()) + "." + parts[2];
  EXPECT_EQ(reason(verify_jwt(altered, published_keys(), expectation(), &known)),
            "invalid_signature");
  EXPECT_FALSE(known.contains(sha256(as_bytes(altered))));
}

}  // namespace
}  // namespace openclaw
