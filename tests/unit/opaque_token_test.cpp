#include "core/opaque_token.h"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "core/encoding.h"
#include "tests/unit/fixed_random.h"
#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr TokenPurpose kPurposes[] = {TokenPurpose::user_direct, TokenPurpose::platform_harness,
                                      TokenPurpose::refresh};

// 00 01 02 .. 1f, for tokens whose text another program computed.
class CountingRandom final : public RandomSource {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = next_++;
  }

 private:
  std::uint8_t next_ = 0;
};

class BrokenRandom final : public RandomSource {
 public:
  void fill(std::span<std::uint8_t>) override { throw std::runtime_error("no randomness"); }
};

std::string mint(TokenPurpose purpose, std::uint64_t seed = 0) {
  FixedRandom random(seed);
  return std::string(mint_token(purpose, random).text.text());
}

std::string with_checksum(std::string text) {
  const std::uint32_t crc = crc32(as_bytes(text));
  const Bytes big_endian{static_cast<std::uint8_t>(crc >> 24), static_cast<std::uint8_t>(crc >> 16),
                         static_cast<std::uint8_t>(crc >> 8), static_cast<std::uint8_t>(crc)};
  return text + base62_encode(big_endian, 6);
}

// The expected values come from Python: integers for base62, zlib.crc32, hashlib.sha256.
TEST(OpaqueToken, IsPrefixThenRandomBitsThenChecksum) {
  struct Row {
    TokenPurpose purpose;
    std::string_view text;
    std::string_view hash;
  };
  const Row rows[] = {
      {TokenPurpose::user_direct, "ocu_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0McpuX",
       "40fec89a5b42d8706db9466533832a14170f411e13322d62a72c62701715d336"},
      {TokenPurpose::platform_harness, "och_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2AfHlz",
       "bba6717ac9cd79c7a5ef54961e65aa51862c5551135ed2a7d0bf759740cf98d1"},
      {TokenPurpose::refresh, "ocr_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf3o58Ch",
       "706a2427c85fdb4f50bed248e6f343fec66d7280929b3e62d94864f0678fae4f"},
  };
  for (const Row& row : rows) {
    CountingRandom random;
    const MintedToken token = mint_token(row.purpose, random);
    EXPECT_EQ(token.text.text(), row.text);
    EXPECT_EQ(hex_encode(token.hash), row.hash);
  }
}

TEST(OpaqueToken, ThatWasMintedParsesAsItsPurpose) {
  for (const TokenPurpose purpose : kPurposes) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const Result<TokenPurpose> parsed = parse_token(mint(purpose, seed));
      ASSERT_TRUE(parsed);
      EXPECT_EQ(*parsed, purpose);
    }
  }
}

TEST(OpaqueToken, CarriesTheHashOfItsText) {
  FixedRandom random;
  const MintedToken token = mint_token(TokenPurpose::user_direct, random);
  EXPECT_EQ(token.text.size(), kTokenLength);
  EXPECT_EQ(token.hash, token_hash(token.text.text()));
}

TEST(OpaqueToken, DiffersEachTimeWithTheKernelsRandomness) {
  SystemRandom random;
  const MintedToken first = mint_token(TokenPurpose::user_direct, random);
  const MintedToken second = mint_token(TokenPurpose::user_direct, random);
  EXPECT_NE(first.text.text(), second.text.text());
  EXPECT_NE(first.hash, second.hash);
  EXPECT_TRUE(parse_token(first.text.text()));
}

TEST(OpaqueToken, IsNotMintedWithoutRandomness) {
  BrokenRandom random;
  EXPECT_THROW(mint_token(TokenPurpose::user_direct, random), std::runtime_error);
}

TEST(OpaqueToken, WithAnyOneByteChangedIsRefused) {
  const std::string token = mint(TokenPurpose::user_direct);
  for (std::size_t position = 0; position < token.size(); ++position) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = token;
      changed[position] = static_cast<char>(byte);
      if (changed == token) continue;
      EXPECT_EQ(reason(parse_token(changed)), "malformed") << position << ' ' << byte;
    }
  }
}

TEST(OpaqueToken, WithTwoNeighboursSwappedIsRefused) {
  const std::string token = mint(TokenPurpose::user_direct);
  for (std::size_t i = 0; i + 1 < token.size(); ++i) {
    std::string swapped = token;
    std::swap(swapped[i], swapped[i + 1]);
    if (swapped == token) continue;
    EXPECT_EQ(reason(parse_token(swapped)), "malformed") << i;
  }
}

TEST(OpaqueToken, OfAnyOtherLengthIsRefused) {
  const std::string token = mint(TokenPurpose::user_direct);
  for (std::size_t length = 0; length < token.size(); ++length) {
    EXPECT_EQ(reason(parse_token(token.substr(0, length))), "malformed") << length;
  }
  for (const std::string_view tail : {" "sv, "\n"sv, "\0"sv, "0"sv, "="sv}) {
    EXPECT_EQ(reason(parse_token(token + std::string(tail))), "malformed");
  }
  EXPECT_EQ(reason(parse_token(" " + token)), "malformed");
  EXPECT_EQ(reason(parse_token(token + token)), "malformed");
  EXPECT_EQ(reason(parse_token(std::string(100 << 20, 'a'))), "malformed");
}

TEST(OpaqueToken, OfAnUnknownPrefixIsRefusedThoughItsChecksumFits) {
  const std::string body = mint(TokenPurpose::user_direct).substr(4, 43);
  for (const std::string prefix : {"ocx_", "OCU_", "ocu-", "Ocu_", "oc__"}) {
    EXPECT_EQ(reason(parse_token(with_checksum(prefix + body))), "malformed") << prefix;
  }
}

TEST(OpaqueToken, WithACharacterOutsideBase62IsRefusedThoughItsChecksumFits) {
  const std::string checked = mint(TokenPurpose::user_direct).substr(0, 47);
  ASSERT_TRUE(parse_token(with_checksum(checked)));
  for (const char c : "-_+/=. \n\0\xC3"s) {
    std::string changed = checked;
    changed[20] = c;
    EXPECT_EQ(reason(parse_token(with_checksum(changed))), "malformed") << c;
  }
}

TEST(OpaqueToken, OfOnePurposeIsNotTurnedIntoAnotherByItsPrefix) {
  const std::string token = mint(TokenPurpose::user_direct);
  EXPECT_EQ(reason(parse_token("och_" + token.substr(4))), "malformed");
  EXPECT_EQ(reason(parse_token("ocr_" + token.substr(4))), "malformed");
}

TEST(TokenHash, IsWrittenAsSha256AndLowerCaseHexAndReadBack) {
  const Digest hash = token_hash("abc");
  const std::string text = format_token_hash(hash);
  EXPECT_EQ(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const Result<Digest> parsed = parse_token_hash(text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, hash);
}

TEST(TokenHash, IsReadInUpperCaseToo) {
  const Result<Digest> parsed =
      parse_token_hash("sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, token_hash("abc"));
}

TEST(TokenHash, InAnyOtherFormIsRefused) {
  const std::string hex(64, 'a');
  const std::string rows[] = {"",
                              "sha256:",
                              hex,
                              "sha256:" + hex.substr(1),
                              "sha256:" + hex + "a",
                              "sha256:" + hex + "\n",
                              "sha256: " + hex.substr(1),
                              " sha256:" + hex,
                              "SHA256:" + hex,
                              "sha512:" + hex,
                              "sha256/" + hex,
                              "sha256:g" + hex.substr(1),
                              "sha256:0x" + hex.substr(2)};
  for (const std::string& text : rows) {
    EXPECT_EQ(reason(parse_token_hash(text)), "bad_encoding") << text;
  }
}

}  // namespace
}  // namespace openclaw
