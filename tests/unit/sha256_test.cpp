#include "core/sha256.h"

#include <string>

#include <gtest/gtest.h>

#include "core/encoding.h"

namespace openclaw {
namespace {

std::string digest_of(std::string_view text) { return hex_encode(sha256(as_bytes(text))); }

TEST(Sha256, OfNothing) {
  EXPECT_EQ(digest_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, MatchesRfc6234Section85Test1) {
  EXPECT_EQ(digest_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, MatchesRfc6234Section85Test2OfTwoBlocks) {
  EXPECT_EQ(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, MatchesRfc6234Section85Test3OfAMillionLetters) {
  EXPECT_EQ(digest_of(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, MatchesRfc6234Section85Test4OfTenWholeBlocks) {
  std::string text;
  for (int i = 0; i < 80; ++i) text += "01234567";
  EXPECT_EQ(digest_of(text), "594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5");
}

TEST(Sha256, ReadsNulBytesAsData) {
  using namespace std::string_view_literals;
  EXPECT_NE(digest_of("abc\0def"sv), digest_of("abc"));
}

}  // namespace
}  // namespace openclaw
