#include "core/encoding.h"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/fixed_random.h"
#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kBase64UrlAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct Vector {
  std::string_view plain;
  std::string_view base64;
};

constexpr Vector kRfc4648Section10[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

Bytes random_bytes(std::size_t size) {
  Bytes bytes(size);
  FixedRandom(size).fill(bytes);
  return bytes;
}

std::string without_padding(std::string_view text) {
  return std::string(text.substr(0, text.find('=')));
}

TEST(Base64, MatchesRfc4648Section10) {
  for (const auto& [plain, base64] : kRfc4648Section10) {
    EXPECT_EQ(base64_encode(as_bytes(plain)), base64);
    const Result<Bytes> decoded = base64_decode(base64);
    ASSERT_TRUE(decoded) << base64;
    EXPECT_EQ(as_text(*decoded), plain);
  }
}

TEST(Base64Url, MatchesRfc4648Section10WithoutItsPadding) {
  for (const auto& [plain, base64] : kRfc4648Section10) {
    EXPECT_EQ(base64url_encode(as_bytes(plain)), without_padding(base64));
    const Result<Bytes> decoded = base64url_decode(without_padding(base64));
    ASSERT_TRUE(decoded) << base64;
    EXPECT_EQ(as_text(*decoded), plain);
  }
}

TEST(Base64Url, MatchesRfc7515AppendixC) {
  const Bytes octets{3, 236, 255, 224, 193};
  EXPECT_EQ(base64url_encode(octets), "A-z_4ME");
  const Result<Bytes> decoded = base64url_decode("A-z_4ME");
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, octets);
}

TEST(Base64, RoundTripsEveryLengthUpToThreeBlocks) {
  for (std::size_t size = 0; size <= 192; ++size) {
    const Bytes bytes = random_bytes(size);
    EXPECT_EQ(*base64_decode(base64_encode(bytes)), bytes) << size;
    EXPECT_EQ(*base64url_decode(base64url_encode(bytes)), bytes) << size;
  }
}

TEST(Base64Url, RefusesEveryByteOutsideItsAlphabetAtEveryPosition) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    for (std::size_t position = 0; position < 4; ++position) {
      std::string text = "AAAA";
      text[position] = c;
      const bool allowed = kBase64UrlAlphabet.find(c) != std::string_view::npos;
      EXPECT_EQ(reason(base64url_decode(text)), allowed ? "accepted" : "bad_encoding")
          << byte << " at " << position;
    }
  }
}

TEST(Base64, RefusesEveryByteOutsideItsAlphabet) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text = {'A', static_cast<char>(byte), 'A', 'A'};
    const bool allowed = kBase64Alphabet.find(text[1]) != std::string_view::npos;
    EXPECT_EQ(reason(base64_decode(text)), allowed ? "accepted" : "bad_encoding") << byte;
  }
}

// Attack 13: two texts for the same bytes would make two names of one token.
TEST(Base64Url, RefusesEveryNonZeroUnusedBit) {
  for (std::size_t value = 0; value < 64; ++value) {
    const char c = kBase64UrlAlphabet[value];
    EXPECT_EQ(reason(base64url_decode(std::string("A") + c)),
              value % 16 == 0 ? "accepted" : "bad_encoding")
        << c;
    EXPECT_EQ(reason(base64url_decode(std::string("AA") + c)),
              value % 4 == 0 ? "accepted" : "bad_encoding")
        << c;
  }
}

TEST(Base64, RefusesEveryNonZeroUnusedBit) {
  for (std::size_t value = 0; value < 64; ++value) {
    const std::string c(1, kBase64Alphabet[value]);
    EXPECT_EQ(reason(base64_decode("A" + c + "==")), value % 16 == 0 ? "accepted" : "bad_encoding")
        << c;
    EXPECT_EQ(reason(base64_decode("AA" + c + "=")), value % 4 == 0 ? "accepted" : "bad_encoding")
        << c;
  }
}

TEST(Base64Url, RefusesPadding) {
  for (const std::string_view text :
       {"Zg==", "Zg=", "Zm8=", "=", "==", "Zm9v=", "Zm9v====", "Z=g"}) {
    EXPECT_EQ(reason(base64url_decode(text)), "bad_encoding") << text;
  }
}

TEST(Base64, RefusesMissingSurplusAndMisplacedPadding) {
  for (const std::string_view text : {"Zg", "Zg=", "Zg===", "Zm8", "Zm8==", "Zm9v=", "Zm9v====",
                                      "=", "====", "=Zg=", "Zg==Zg=="}) {
    EXPECT_EQ(reason(base64_decode(text)), "bad_encoding") << text;
  }
}

TEST(Base64Url, RefusesWhiteSpaceAndNulAnywhere) {
  for (const std::string_view text : {" Zm9v"sv, "Zm9v "sv, "Zm 9v"sv, "Zm9v\n"sv, "Zm9v\r\n"sv,
                                      "Zm\t9v"sv, "Zm9v\0"sv, "\0"sv, " "sv}) {
    EXPECT_EQ(reason(base64url_decode(text)), "bad_encoding");
    EXPECT_EQ(reason(base64_decode(text)), "bad_encoding");
  }
}

TEST(Base64Url, RefusesALengthOfFourNPlusOne) {
  for (const std::size_t length : {1u, 5u, 9u, 41u, 401u}) {
    EXPECT_EQ(reason(base64url_decode(std::string(length, 'A'))), "bad_encoding") << length;
  }
}

TEST(Base64Url, AndBase64RefuseEachOthersLastTwoCharacters) {
  EXPECT_EQ(reason(base64url_decode("+AAA")), "bad_encoding");
  EXPECT_EQ(reason(base64url_decode("/AAA")), "bad_encoding");
  EXPECT_EQ(reason(base64_decode("-AAA")), "bad_encoding");
  EXPECT_EQ(reason(base64_decode("_AAA")), "bad_encoding");
}

TEST(Hex, MatchesRfc4648Section10InLowerCase) {
  EXPECT_EQ(hex_encode(as_bytes("")), "");
  EXPECT_EQ(hex_encode(as_bytes("foobar")), "666f6f626172");
  EXPECT_EQ(hex_encode(as_bytes("\x00\x7F\x80\xFF"sv)), "007f80ff");
}

TEST(Hex, DecodesBothCases) {
  EXPECT_EQ(as_text(*hex_decode("666F6f626172")), "foobar");
  EXPECT_EQ(hex_encode(*hex_decode("aAbBcCdDeEfF")), "aabbccddeeff");
  EXPECT_TRUE(hex_decode("")->empty());
}

TEST(Hex, RefusesOddLengthsAndTextAroundTheDigits) {
  for (const std::string_view text :
       {"6"sv, "666"sv, "0x66"sv, " 66"sv, "66 "sv, "6 6"sv, "66:66"sv, "66\n"sv, "66\0"sv}) {
    EXPECT_EQ(reason(hex_decode(text)), "bad_encoding") << text;
  }
}

TEST(Hex, RefusesEveryByteThatIsNoHexDigit) {
  constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const std::string_view expected =
        kDigits.find(c) != std::string_view::npos ? "accepted" : "bad_encoding";
    EXPECT_EQ(reason(hex_decode(std::string{c, '0'})), expected) << byte;
    EXPECT_EQ(reason(hex_decode(std::string{'0', c})), expected) << byte;
  }
}

TEST(Base62, WritesBigEndianAndPadsWithZeros) {
  EXPECT_EQ(base62_encode(Bytes{0}, 2), "00");
  EXPECT_EQ(base62_encode(Bytes{61}, 2), "0z");
  EXPECT_EQ(base62_encode(Bytes{62}, 2), "10");
  EXPECT_EQ(base62_encode(Bytes{255}, 2), "47");
  EXPECT_EQ(base62_encode(Bytes{}, 0), "");
  EXPECT_EQ(base62_encode(Bytes{}, 3), "000");
}

// The expected texts come from Python's integers: divmod by 62 over the same alphabet.
TEST(Base62, Holds256BitsIn43Characters) {
  EXPECT_EQ(base62_encode(Bytes(32, 0xFF), 43), "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1");
  Bytes counting(32);
  for (std::size_t i = 0; i < counting.size(); ++i) counting[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(base62_encode(counting, 43), "003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf");
  EXPECT_EQ(base62_encode(Bytes(4, 0xFF), 6), "4gfFC3");
}

TEST(Base62, ThrowsWhenTheWidthCannotHoldTheLargestNumber) {
  EXPECT_THROW(base62_encode(Bytes(32), 42), std::invalid_argument);
  EXPECT_THROW(base62_encode(Bytes(4), 5), std::invalid_argument);
  EXPECT_THROW(base62_encode(Bytes(1), 1), std::invalid_argument);
  EXPECT_THROW(base62_encode(Bytes(1), 0), std::invalid_argument);
}

TEST(Base62, AlphabetIsDigitsAndLettersOnly) {
  for (int byte = 0; byte < 256; ++byte) {
    const bool digit = byte >= '0' && byte <= '9';
    const bool letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
    EXPECT_EQ(is_base62(std::string(1, static_cast<char>(byte))), digit || letter) << byte;
  }
  EXPECT_TRUE(is_base62(""));
  EXPECT_FALSE(is_base62("abc\0def"sv));
}

TEST(Crc32, MatchesTheCheckValueOfTheAlgorithm) {
  EXPECT_EQ(crc32(as_bytes("123456789")), 0xCBF43926u);
  EXPECT_EQ(crc32(as_bytes("")), 0u);
  EXPECT_EQ(crc32(as_bytes("a")), 0xE8B7BE43u);
}

}  // namespace
}  // namespace openclaw
