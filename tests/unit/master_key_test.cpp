#include "core/master_key.h"

#include <set>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "core/encoding.h"
#include "tests/unit/fixed_random.h"
#include "tests/unit/reason.h"

namespace openclaw {
namespace {

// The bytes 00 01 .. 1f.
constexpr std::string_view kFile =
    "openclaw-master-key-v1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n";
constexpr std::string_view kContext = "EdDSA kid-1";
constexpr std::string_view kPlaintext = "a private key";

MasterKey some_key() { return std::move(*MasterKey::parse(kFile)); }

Bytes sealed_by(const MasterKey& key) {
  FixedRandom random;
  return key.seal(as_bytes(kPlaintext), kContext, random);
}

// Gives the bytes it was made with, once.
class GivenBytes final : public RandomSource {
 public:
  explicit GivenBytes(Bytes bytes) : bytes_(std::move(bytes)) {}
  void fill(std::span<std::uint8_t> out) override {
    if (out.size() != bytes_.size()) throw std::logic_error("another number of bytes was given");
    std::copy(bytes_.begin(), bytes_.end(), out.begin());
    bytes_.clear();
  }

 private:
  Bytes bytes_;
};

TEST(MasterKey, FileOfAGeneratedKeyParsesToTheSameKey) {
  FixedRandom random;
  const MasterKey generated = MasterKey::generate(random);
  const Secret file = generated.file_contents();
  const Result<MasterKey> parsed = MasterKey::parse(file.text());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->file_contents().text(), file.text());
  const Result<Secret> opened = parsed->open(sealed_by(generated), kContext);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->text(), kPlaintext);
}

TEST(MasterKey, FileIsOneLineOfPrefixAndBase64url) {
  EXPECT_EQ(some_key().file_contents().text(), kFile);
  EXPECT_LE(kFile.size(), kMaxMasterKeyFile);
}

TEST(MasterKey, TheNewlineMayBeAbsent) {
  const Result<MasterKey> key = MasterKey::parse(kFile.substr(0, kFile.size() - 1));
  ASSERT_TRUE(key);
  EXPECT_EQ(key->id(), some_key().id());
}

TEST(MasterKey, EveryCharacterOfBase64urlIsRead) {
  const std::string file = "openclaw-master-key-v1:" + std::string(42, '_') + "8\n";
  const Result<MasterKey> key = MasterKey::parse(file);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->file_contents().text(), file);
}

TEST(MasterKey, IdIsTheStartOfKeyedBlake2b) {
  // python3: hashlib.blake2b(b"openclaw master key id", key=bytes(range(32)), digest_size=32)
  EXPECT_EQ(some_key().id(), "deb29c7e50b6d2a3");
}

struct Row {
  const char* name;
  std::string file;
};

class BadMasterKeyFile : public testing::TestWithParam<Row> {};

TEST_P(BadMasterKeyFile, IsNoMasterKey) {
  EXPECT_EQ(reason(MasterKey::parse(GetParam().file)), "invalid_master_key");
}

std::string altered(std::string_view from, std::string_view to) {
  std::string file(kFile);
  const std::size_t at = file.find(from);
  if (at == std::string::npos) throw std::logic_error("the row changes nothing");
  return file.replace(at, from.size(), to);
}

// Attack 43.
INSTANTIATE_TEST_SUITE_P(
    Files, BadMasterKeyFile,
    testing::Values(
        Row{"Empty", ""}, Row{"NewlineOnly", "\n"}, Row{"PrefixOnly", "openclaw-master-key-v1:"},
        Row{"NoPrefix", std::string(kFile.substr(kFile.find(':') + 1))},
        Row{"AnotherVersion", altered("v1", "v2")},
        Row{"PrefixInUpperCase", altered("openclaw", "OPENCLAW")},
        Row{"TwoNewlines", std::string(kFile) + "\n"}, Row{"CarriageReturn", altered("\n", "\r\n")},
        Row{"SpaceBeforeIt", " " + std::string(kFile)}, Row{"SpaceAfterIt", altered("\n", " \n")},
        Row{"Padding", altered("\n", "=\n")}, Row{"OneByteShort", altered("AAEC", "AAE")},
        Row{"ThreeBytesLong", altered("AAEC", "AAECAAEC")},
        Row{"CharacterOfPlainBase64", altered("AAEC", "A/EC")},
        Row{"ByteBeyondAscii", "openclaw-master-key-v1:\xFF" + std::string(41, '_') + "8"},
        Row{"UnusedBitsNotZero", altered("Hh8\n", "Hh9\n")},
        Row{"NulInside", altered("AAEC", std::string_view("AA\0C", 4))},
        Row{"HugeFile", std::string(1'000'000, 'A')}),
    [](const auto& row) { return row.param.name; });

TEST(MasterKeySeal, OpensWithTheSameContext) {
  const MasterKey key = some_key();
  const Result<Secret> opened = key.open(sealed_by(key), kContext);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->text(), kPlaintext);
}

TEST(MasterKeySeal, TakesAnEmptyPlaintextAndContext) {
  const MasterKey key = some_key();
  FixedRandom random;
  const Result<Secret> opened = key.open(key.seal({}, "", random), "");
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->size(), 0u);
}

TEST(MasterKeySeal, NeverUsesANonceTwice) {
  const MasterKey key = some_key();
  FixedRandom random;
  std::set<Bytes> nonces;
  for (int i = 0; i < 100; ++i) {
    const Bytes sealed = key.seal(as_bytes(kPlaintext), kContext, random);
    nonces.insert(Bytes(sealed.begin() + 1, sealed.begin() + 25));
  }
  EXPECT_EQ(nonces.size(), 100u);
}

TEST(MasterKeySeal, DraftIrtfCfrgXchacha03SectionA31) {
  const Result<MasterKey> key =
      MasterKey::parse("openclaw-master-key-v1:gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp8\n");
  ASSERT_TRUE(key);
  const std::string nonce = "404142434445464748494a4b4c4d4e4f5051525354555657";
  const Bytes context = *hex_decode("50515253c0c1c2c3c4c5c6c7");
  const std::string_view plaintext =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.";
  GivenBytes random(*hex_decode(nonce));
  EXPECT_EQ(hex_encode(key->seal(as_bytes(plaintext), as_text(context), random)),
            "01" + nonce +
                "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
                "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
                "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
                "21f9664c97637da9768812f615c68b13b52e"
                "c0875924c1c7987947deafd8780acf49");
}

TEST(MasterKeySeal, AnyAlteredByteIsRefused) {
  const MasterKey key = some_key();
  const Bytes sealed = sealed_by(key);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes altered_bytes = sealed;
      altered_bytes[i] = static_cast<std::uint8_t>(altered_bytes[i] ^ (1 << bit));
      EXPECT_EQ(reason(key.open(altered_bytes, kContext)), "wrong_master_key") << i;
    }
  }
}

TEST(MasterKeySeal, AnyOtherLengthIsRefused) {
  const MasterKey key = some_key();
  Bytes sealed = sealed_by(key);
  sealed.push_back(0);
  EXPECT_EQ(reason(key.open(sealed, kContext)), "wrong_master_key");
  sealed.pop_back();
  while (!sealed.empty()) {
    sealed.pop_back();
    EXPECT_EQ(reason(key.open(sealed, kContext)), "wrong_master_key") << sealed.size();
  }
}

TEST(MasterKeySeal, AnotherContextIsRefused) {
  const MasterKey key = some_key();
  EXPECT_EQ(reason(key.open(sealed_by(key), "EdDSA kid-2")), "wrong_master_key");
  EXPECT_EQ(reason(key.open(sealed_by(key), "")), "wrong_master_key");
}

TEST(MasterKeySeal, AnotherKeyIsRefused) {
  FixedRandom random;
  const MasterKey other = MasterKey::generate(random);
  EXPECT_EQ(reason(other.open(sealed_by(some_key()), kContext)), "wrong_master_key");
  EXPECT_NE(other.id(), some_key().id());
}

}  // namespace
}  // namespace openclaw
