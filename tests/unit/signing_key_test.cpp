#include "core/signing_key.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/encoding.h"
#include "tests/unit/fixed_random.h"
#include "tests/unit/jwt_builder.h"
#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using nlohmann::json;

constexpr std::string_view kP256Order =
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
constexpr std::string_view kZero32 =
    "0000000000000000000000000000000000000000000000000000000000000000";
constexpr std::string_view kOne32 =
    "0000000000000000000000000000000000000000000000000000000000000001";

Bytes from_hex(std::string_view hex) { return *hex_decode(hex); }

std::string base64url_of_hex(std::string_view hex) { return base64url_encode(from_hex(hex)); }

json public_jwk(Algorithm algorithm) {
  return json::parse(signing_key(algorithm).public_key().jwk());
}

json with(Algorithm algorithm, std::string_view member, const json& value) {
  json jwk = public_jwk(algorithm);
  jwk[member] = value;
  return jwk;
}

json without(Algorithm algorithm, std::string_view member) {
  json jwk = public_jwk(algorithm);
  jwk.erase(std::string(member));
  return jwk;
}

std::string_view verdict(const json& jwk) { return reason(PublicKey::from_jwk(jwk.dump())); }

PublicKey parsed(const json& jwk) { return std::move(*PublicKey::from_jwk(jwk.dump())); }

// Gives these blocks in turn, and the last for ever.
class GivenBlocks final : public RandomSource {
 public:
  explicit GivenBlocks(std::vector<std::string_view> blocks) : blocks_(std::move(blocks)) {}
  void fill(std::span<std::uint8_t> out) override {
    const Bytes block = from_hex(blocks_[std::min(next_, blocks_.size() - 1)]);
    ++next_;
    if (block.size() != out.size()) throw std::logic_error("another number of bytes was given");
    std::copy(block.begin(), block.end(), out.begin());
  }
  std::size_t drawn() const { return next_; }

 private:
  std::vector<std::string_view> blocks_;
  std::size_t next_ = 0;
};

// --- the RFCs' vectors -------------------------------------------------------------------------

constexpr std::string_view kRfc7515Payload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q";

TEST(PublicKeyVector, Rfc7515AppendixA2Rs256) {
  const PublicKey key =
      parsed({{"kty", "RSA"},
              {"alg", "RS256"},
              {"n",
               "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
               "4qPCJrcS2mJPMEzP1Pt0Bm"
               "4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
               "bSf63kpaSHSXndS5z5"
               "rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_"
               "I5IhlJH7aGh"
               "yxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"},
              {"e", "AQAB"}});
  const Bytes signature = *base64url_decode(
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
      "O8W2Fp5j"
      "ujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
      "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L"
      "07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
      "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEU"
      "ipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw");
  const std::string signed_text = "eyJhbGciOiJSUzI1NiJ9." + std::string(kRfc7515Payload);
  EXPECT_TRUE(key.verify(as_bytes(signed_text), signature));
  EXPECT_FALSE(key.verify(as_bytes(signed_text + "x"), signature));
}

TEST(PublicKeyVector, Rfc7515AppendixA3Es256) {
  const PublicKey key = parsed({{"kty", "EC"},
                                {"crv", "P-256"},
                                {"alg", "ES256"},
                                {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
                                {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}});
  const Bytes signature = *base64url_decode(
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
  const std::string signed_text = "eyJhbGciOiJFUzI1NiJ9." + std::string(kRfc7515Payload);
  EXPECT_TRUE(key.verify(as_bytes(signed_text), signature));
  EXPECT_FALSE(key.verify(as_bytes(signed_text + "x"), signature));
}

const json& rfc7517_rsa_key() {
  static const json jwk = {{"kty", "RSA"},
                           {"n",
                            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7"
                            "aPFFxuhDR1L6tSoc_BJECPe"
                            "bWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_"
                            "RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY36"
                            "8QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
                            "bFTWhAI4vMQFh6WeZu0fM4l"
                            "Fd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"},
                           {"e", "AQAB"},
                           {"alg", "RS256"},
                           {"kid", "2011-04-29"}};
  return jwk;
}

json rfc7517_ec_key() {
  return {{"kty", "EC"},
          {"crv", "P-256"},
          {"x", "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"},
          {"y", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"},
          {"use", "enc"},
          {"kid", "1"}};
}

TEST(PublicKeyVector, Rfc7517AppendixA1RsaKeyIsReadAsItStands) {
  const PublicKey key = parsed(rfc7517_rsa_key());
  EXPECT_EQ(key.algorithm(), Algorithm::RS256);
  EXPECT_EQ(key.kid(), "2011-04-29");
}

TEST(PublicKeyVector, Rfc7517AppendixA1EcKeyIsForEncryptionUntilItSaysOtherwise) {
  json jwk = rfc7517_ec_key();
  EXPECT_EQ(verdict(jwk), "unsupported_key");  // no alg
  jwk["alg"] = "ES256";
  EXPECT_EQ(verdict(jwk), "not_for_signatures");
  jwk["use"] = "sig";
  const PublicKey key = parsed(jwk);
  EXPECT_EQ(key.algorithm(), Algorithm::ES256);
  EXPECT_EQ(key.kid(), "1");
}

TEST(PublicKeyVector, Rfc7517AppendixA2PrivateKeysAreRefused) {
  json ec = rfc7517_ec_key();
  ec["alg"] = "ES256";
  ec["use"] = "sig";
  ec["d"] = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE";
  EXPECT_EQ(verdict(ec), "invalid_key");
}

TEST(PublicKeyVector, Rfc7638Section31Thumbprint) {
  EXPECT_EQ(parsed(rfc7517_rsa_key()).thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

constexpr std::string_view kRfc8037X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

SigningKey rfc8037_key() {
  const Bytes d = *base64url_decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
  return std::move(*SigningKey::from_private_bytes(Algorithm::EdDSA, d));
}

TEST(SigningKeyVector, Rfc8037AppendixA1AndA2PublicHalf) {
  EXPECT_EQ(json::parse(rfc8037_key().public_key().jwk()).at("x"), kRfc8037X);
}

TEST(SigningKeyVector, Rfc8037AppendixA3ThumbprintIsTheKid) {
  EXPECT_EQ(rfc8037_key().public_key().thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  EXPECT_EQ(rfc8037_key().kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST(SigningKeyVector, Rfc8037AppendixA4SignsAndA5Verifies) {
  const std::string_view text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  const Bytes signature = rfc8037_key().sign(as_bytes(text));
  EXPECT_EQ(
      base64url_encode(signature),
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
  const PublicKey key =
      parsed({{"kty", "OKP"}, {"crv", "Ed25519"}, {"alg", "EdDSA"}, {"x", kRfc8037X}});
  EXPECT_TRUE(key.verify(as_bytes(text), signature));
}

struct Rfc8032Row {
  const char* name;
  std::string_view seed;
  std::string_view public_key;
  std::string_view message;
  std::string_view signature;
};

class Rfc8032Section71 : public testing::TestWithParam<Rfc8032Row> {};

TEST_P(Rfc8032Section71, IsSignedAndVerified) {
  const Rfc8032Row& row = GetParam();
  const Result<SigningKey> key =
      SigningKey::from_private_bytes(Algorithm::EdDSA, from_hex(row.seed));
  ASSERT_TRUE(key);
  EXPECT_EQ(json::parse(key->public_key().jwk()).at("x"), base64url_of_hex(row.public_key));
  const Bytes message = from_hex(row.message);
  EXPECT_EQ(hex_encode(key->sign(message)), row.signature);
  EXPECT_TRUE(key->public_key().verify(message, from_hex(row.signature)));
}

INSTANTIATE_TEST_SUITE_P(
    Vectors, Rfc8032Section71,
    testing::Values(
        Rfc8032Row{
            "Test1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
            "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        Rfc8032Row{
            "Test2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
            "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        Rfc8032Row{
            "Test3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
            "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
        Rfc8032Row{
            "TestShaAbc", "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a8"
            "36ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ec"
            "fdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"}),
    [](const auto& row) { return row.param.name; });

TEST(SigningKeyVector, Rfc6979AppendixA25PublicHalfAndSignatures) {
  GivenBlocks random({"c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"});
  const SigningKey key = SigningKey::generate(Algorithm::ES256, random);
  const json jwk = json::parse(key.public_key().jwk());
  EXPECT_EQ(jwk.at("x"), base64url_of_hex("60fed4ba255a9d31c961eb74c6356d68"
                                          "c049b8923b61fa6ce669622e60f29fb6"));
  EXPECT_EQ(jwk.at("y"), base64url_of_hex("7903fe1008b8bc99a41ae9e95628bc64"
                                          "f2f1b20c2d7e9f5177a3c294d4462299"));
  const Bytes sample = from_hex(
      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  const Bytes test = from_hex(
      "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
      "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083");
  EXPECT_TRUE(key.public_key().verify(as_bytes("sample"), sample));
  EXPECT_TRUE(key.public_key().verify(as_bytes("test"), test));
  EXPECT_FALSE(key.public_key().verify(as_bytes("sample"), test));
}

// --- algorithms --------------------------------------------------------------------------------

TEST(Algorithm, NamesAreReadBack) {
  for (const Algorithm algorithm : kAlgorithms) {
    const Result<Algorithm> read = parse_algorithm(name(algorithm));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, algorithm);
  }
}

TEST(Algorithm, NoOtherNameIsSupported) {
  for (const std::string_view text :
       {"", "none", "None", "NONE", "nOnE", "HS256", "PS256", "PS384", "RS384", "ES384", "ES256K",
        "eddsa", "EDDSA", "es256", "rs256", "EdDSA ", " EdDSA", "Ed25519"}) {
    EXPECT_EQ(reason(parse_algorithm(text)), "unsupported_algorithm") << text;
  }
}

// --- keys of each algorithm --------------------------------------------------------------------

class EachAlgorithm : public testing::TestWithParam<Algorithm> {};

INSTANTIATE_TEST_SUITE_P(Keys, EachAlgorithm, testing::ValuesIn(kAlgorithms),
                         [](const auto& row) { return std::string(name(row.param)); });

constexpr std::string_view kMessage = "header.payload";

TEST_P(EachAlgorithm, VerifiesWhatItSigned) {
  const SigningKey& key = signing_key(GetParam());
  const Bytes signature = key.sign(as_bytes(kMessage));
  EXPECT_TRUE(key.public_key().verify(as_bytes(kMessage), signature));
  EXPECT_FALSE(key.public_key().verify(as_bytes("header.payloaD"), signature));
  EXPECT_FALSE(key.public_key().verify({}, signature));
}

TEST_P(EachAlgorithm, SignsTheEmptyMessage) {
  const SigningKey& key = signing_key(GetParam());
  EXPECT_TRUE(key.public_key().verify({}, key.sign({})));
}

TEST_P(EachAlgorithm, SignsInTheLengthOfRfc7518) {
  const std::size_t length = GetParam() == Algorithm::RS256 ? 256 : 64;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(signing_key(GetParam()).sign(as_bytes(std::to_string(i))).size(), length);
  }
}

TEST_P(EachAlgorithm, RefusesASignatureWithAnyByteAltered) {
  const SigningKey& key = signing_key(GetParam());
  const Bytes signature = key.sign(as_bytes(kMessage));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    Bytes altered = signature;
    altered[i] ^= 1;
    EXPECT_FALSE(key.public_key().verify(as_bytes(kMessage), altered)) << i;
  }
}

TEST_P(EachAlgorithm, RefusesASignatureOfAnyOtherLength) {
  const SigningKey& key = signing_key(GetParam());
  const Bytes signature = key.sign(as_bytes(kMessage));
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, signature.size() - 1,
                                   signature.size() + 1, 2 * signature.size(), std::size_t{8192}}) {
    Bytes other = signature;
    other.resize(length);
    EXPECT_FALSE(key.public_key().verify(as_bytes(kMessage), other)) << length;
  }
}

TEST_P(EachAlgorithm, RefusesTheSignatureOfAnotherKey) {
  FixedRandom random(7);
  const SigningKey other = SigningKey::generate(GetParam(), random);
  EXPECT_NE(other.kid(), signing_key(GetParam()).kid());
  EXPECT_FALSE(signing_key(GetParam())
                   .public_key()
                   .verify(as_bytes(kMessage), other.sign(as_bytes(kMessage))));
}

TEST_P(EachAlgorithm, PublicJwkReadsBackAsTheSameKey) {
  const SigningKey& key = signing_key(GetParam());
  const Result<PublicKey> read = PublicKey::from_jwk(key.public_key().jwk());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->jwk(), key.public_key().jwk());
  EXPECT_EQ(read->algorithm(), GetParam());
  EXPECT_EQ(read->kid(), key.kid());
  EXPECT_EQ(read->thumbprint(), key.kid());
  EXPECT_TRUE(read->verify(as_bytes(kMessage), key.sign(as_bytes(kMessage))));
}

TEST_P(EachAlgorithm, PrivateBytesReadBackAsTheSameKey) {
  const SigningKey& key = signing_key(GetParam());
  const Secret bytes = key.private_bytes();
  const Result<SigningKey> read = SigningKey::from_private_bytes(GetParam(), bytes.view());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kid(), key.kid());
  EXPECT_EQ(read->private_bytes().text(), bytes.text());
  EXPECT_TRUE(key.public_key().verify(as_bytes(kMessage), read->sign(as_bytes(kMessage))));
}

TEST_P(EachAlgorithm, KeyThatWasMovedStillSigns) {
  FixedRandom random(3);
  SigningKey key = SigningKey::generate(GetParam(), random);
  const std::string kid = key.kid();
  const SigningKey moved = std::move(key);
  EXPECT_EQ(moved.kid(), kid);
  EXPECT_TRUE(moved.public_key().verify(as_bytes(kMessage), moved.sign(as_bytes(kMessage))));
}

TEST_P(EachAlgorithm, PrivateBytesOfAnotherAlgorithmAreRefused) {
  for (const Algorithm other : kAlgorithms) {
    if (other == GetParam()) continue;
    const Secret bytes = signing_key(other).private_bytes();
    EXPECT_EQ(reason(SigningKey::from_private_bytes(GetParam(), bytes.view())), "invalid_key");
  }
}

TEST_P(EachAlgorithm, PrivateBytesCutOrLengthenedAreRefused) {
  const Secret secret = signing_key(GetParam()).private_bytes();
  Bytes bytes(secret.view().begin(), secret.view().end());
  bytes.push_back(0);
  EXPECT_EQ(reason(SigningKey::from_private_bytes(GetParam(), bytes)), "invalid_key");
  for (std::size_t length = 0; length < secret.size(); ++length) {
    EXPECT_EQ(reason(SigningKey::from_private_bytes(GetParam(), secret.view().first(length))),
              "invalid_key");
  }
}

TEST_P(EachAlgorithm, AlteredPrivateBytesNeverGiveAKeyWhoseHalvesDisagree) {
  const Secret secret = signing_key(GetParam()).private_bytes();
  const Bytes bytes(secret.view().begin(), secret.view().end());
  const std::size_t step = std::max<std::size_t>(1, bytes.size() / 64);
  for (std::size_t i = 0; i < bytes.size(); i += step) {
    Bytes altered = bytes;
    altered[i] ^= 0x10;
    const Result<SigningKey> key = SigningKey::from_private_bytes(GetParam(), altered);
    if (!key) {
      EXPECT_EQ(reason(key), "invalid_key");
    } else {
      EXPECT_TRUE(key->public_key().verify(as_bytes(kMessage), key->sign(as_bytes(kMessage)))) << i;
    }
  }
}

TEST_P(EachAlgorithm, LeavesOpenSslsErrorQueueEmpty) {
  const SigningKey& key = signing_key(GetParam());
  const Bytes zeros(key.sign(as_bytes(kMessage)).size(), 0);
  EXPECT_FALSE(key.public_key().verify(as_bytes(kMessage), zeros));
  EXPECT_EQ(ERR_peek_error(), 0u);
  EXPECT_EQ(verdict(with(GetParam(), GetParam() == Algorithm::RS256 ? "n" : "x",
                         base64url_encode(Bytes(GetParam() == Algorithm::RS256 ? 256 : 32, 0xFF)))),
            "invalid_key");
  EXPECT_EQ(ERR_peek_error(), 0u);
  EXPECT_FALSE(SigningKey::from_private_bytes(GetParam(), as_bytes("no key")));
  EXPECT_EQ(ERR_peek_error(), 0u);
}

// --- generating --------------------------------------------------------------------------------

TEST(SigningKey, Ed25519SeedComesFromTheRandomSource) {
  GivenBlocks random({"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"});
  EXPECT_EQ(SigningKey::generate(Algorithm::EdDSA, random).kid(), rfc8037_key().kid());
}

TEST(SigningKey, P256ScalarIsDrawnAgainWhenItIsZeroOrNotBelowTheOrder) {
  GivenBlocks random({kZero32, kP256Order,
                      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", kOne32});
  const SigningKey key = SigningKey::generate(Algorithm::ES256, random);
  EXPECT_EQ(random.drawn(), 4u);
  // One times the generator is the generator (SEC 2, 2.4.2).
  EXPECT_EQ(json::parse(key.public_key().jwk()).at("x"),
            base64url_of_hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"));
}

TEST(SigningKey, P256TakesTheLargestScalar) {
  GivenBlocks random({"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"});
  SigningKey::generate(Algorithm::ES256, random);
  EXPECT_EQ(random.drawn(), 1u);
}

TEST(SigningKey, BrokenRandomSourceGivesNoKey) {
  GivenBlocks random({kZero32});
  EXPECT_THROW(SigningKey::generate(Algorithm::ES256, random), std::runtime_error);
}

TEST(SigningKey, RsaIsMadeWith2048BitsAndExponent65537) {
  const json jwk = public_jwk(Algorithm::RS256);
  EXPECT_EQ(base64url_decode(jwk.at("n").get<std::string>())->size(), 256u);
  EXPECT_EQ(jwk.at("e"), "AQAB");
}

Bytes pkcs8_of(EVP_PKEY* pkey) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> owner(pkey, EVP_PKEY_free);
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, decltype(&PKCS8_PRIV_KEY_INFO_free)> info(
      EVP_PKEY2PKCS8(pkey), PKCS8_PRIV_KEY_INFO_free);
  Bytes der(static_cast<std::size_t>(i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr)));
  unsigned char* end = der.data();
  i2d_PKCS8_PRIV_KEY_INFO(info.get(), &end);
  return der;
}

TEST(SigningKey, PrivateBytesOfAnotherCurveAreRefused) {
  for (const char* curve : {"P-384", "P-521", "secp256k1"}) {
    const Bytes der = pkcs8_of(EVP_EC_gen(curve));
    EXPECT_EQ(reason(SigningKey::from_private_bytes(Algorithm::ES256, der)), "invalid_key");
  }
}

TEST(SigningKey, PrivateBytesOfAShortRsaKeyAreRefused) {
  const Bytes der = pkcs8_of(EVP_RSA_gen(1024));
  EXPECT_EQ(reason(SigningKey::from_private_bytes(Algorithm::RS256, der)), "invalid_key");
}

TEST(SigningKey, P256PrivateBytesWithThePublicHalfOfAnotherKeyAreRefused) {
  FixedRandom random(11);
  const auto point_of = [](const SigningKey& key) {
    const json jwk = json::parse(key.public_key().jwk());
    Bytes point = *base64url_decode(jwk.at("x").get<std::string>());
    const Bytes y = *base64url_decode(jwk.at("y").get<std::string>());
    point.insert(point.end(), y.begin(), y.end());
    return point;
  };
  const SigningKey& key = signing_key(Algorithm::ES256);
  const Secret secret = key.private_bytes();
  Bytes der(secret.view().begin(), secret.view().end());
  const Bytes own = point_of(key);
  const Bytes foreign = point_of(SigningKey::generate(Algorithm::ES256, random));
  const auto at = std::search(der.begin(), der.end(), own.begin(), own.end());
  ASSERT_NE(at, der.end());
  std::copy(foreign.begin(), foreign.end(), at);
  EXPECT_EQ(reason(SigningKey::from_private_bytes(Algorithm::ES256, der)), "invalid_key");
}

// --- reading a JWK -----------------------------------------------------------------------------

TEST(Jwk, IsWrittenCompactInAFixedOrder) {
  EXPECT_EQ(rfc8037_key().public_key().jwk(),
            R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",)"
            R"("kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","alg":"EdDSA","use":"sig"})");
  const auto shape = [](Algorithm algorithm) {
    const auto jwk = nlohmann::ordered_json::parse(signing_key(algorithm).public_key().jwk());
    std::string names;
    for (const auto& [member, value] : jwk.items()) names += member + " ";
    return names;
  };
  EXPECT_EQ(shape(Algorithm::ES256), "kty crv x y kid alg use ");
  EXPECT_EQ(shape(Algorithm::RS256), "kty n e kid alg use ");
}

TEST(Jwk, KidIsKeptAsGivenAndElseTheThumbprint) {
  const PublicKey named = parsed(with(Algorithm::EdDSA, "kid", R"(a "kid" \ of ~ours)"));
  EXPECT_EQ(named.kid(), R"(a "kid" \ of ~ours)");
  EXPECT_EQ(named.thumbprint(), signing_key().kid());
  EXPECT_EQ(PublicKey::from_jwk(named.jwk())->kid(), named.kid());
  EXPECT_EQ(parsed(without(Algorithm::EdDSA, "kid")).kid(), signing_key().kid());
}

TEST(Jwk, KidIsPrintableAsciiOf1To256Characters) {
  const std::string longest(256, 'k');
  EXPECT_EQ(verdict(with(Algorithm::EdDSA, "kid", longest)), "accepted");
  for (const json& kid : {json(""), json(longest + "k"), json("a\nb"), json("a\x7f"),
                          json("\xC3\xA9"), json(1), json(nullptr), json::array({"a"})}) {
    EXPECT_EQ(verdict(with(Algorithm::EdDSA, "kid", kid)), "malformed") << kid;
  }
}

TEST(Jwk, UnknownMembersAreIgnored) {
  EXPECT_EQ(verdict(with(Algorithm::EdDSA, "x5t", "AAAA")), "accepted");
  EXPECT_EQ(verdict(with(Algorithm::EdDSA, "ext", true)), "accepted");
}

TEST(Jwk, IsMalformedWhenItIsNotStrictJsonOrOver16KiB) {
  const std::string good = public_jwk(Algorithm::EdDSA).dump();
  const auto verdict_of = [](std::string_view text) { return reason(PublicKey::from_jwk(text)); };
  EXPECT_EQ(verdict_of(good + std::string(16 * 1024 - good.size(), ' ')), "accepted");
  EXPECT_EQ(verdict_of(good + std::string(16 * 1024 + 1 - good.size(), ' ')), "malformed");
  EXPECT_EQ(verdict_of(""), "malformed");
  EXPECT_EQ(verdict_of("[" + good + "]"), "malformed");
  EXPECT_EQ(verdict_of(good + good), "malformed");
  EXPECT_EQ(verdict_of(R"({"alg":"EdDSA",)" + good.substr(1)), "malformed");  // alg twice
}

struct JwkRow {
  const char* name;
  json jwk;
};

class UnsupportedJwk : public testing::TestWithParam<JwkRow> {};

TEST_P(UnsupportedJwk, IsRefused) { EXPECT_EQ(verdict(GetParam().jwk), "unsupported_key"); }

// Attacks 4 and 20: the key itself names its one algorithm, and it is one that fits the key.
INSTANTIATE_TEST_SUITE_P(
    Attacks, UnsupportedJwk,
    testing::Values(JwkRow{"A04NoAlgEdDSA", without(Algorithm::EdDSA, "alg")},
                    JwkRow{"A04NoAlgES256", without(Algorithm::ES256, "alg")},
                    JwkRow{"A04NoAlgRS256", without(Algorithm::RS256, "alg")},
                    JwkRow{"A20AlgPS256", with(Algorithm::RS256, "alg", "PS256")},
                    JwkRow{"A20AlgPS384", with(Algorithm::RS256, "alg", "PS384")},
                    JwkRow{"A20AlgRS384", with(Algorithm::RS256, "alg", "RS384")},
                    JwkRow{"A20AlgUnknown", with(Algorithm::RS256, "alg", "XS256")},
                    JwkRow{"AlgNone", with(Algorithm::EdDSA, "alg", "none")},
                    JwkRow{"AlgHS256OnAnRsaKey", with(Algorithm::RS256, "alg", "HS256")},
                    JwkRow{"AlgES256OnAnRsaKey", with(Algorithm::RS256, "alg", "ES256")},
                    JwkRow{"AlgRS256OnAnEcKey", with(Algorithm::ES256, "alg", "RS256")},
                    JwkRow{"AlgEdDSAOnAnEcKey", with(Algorithm::ES256, "alg", "EdDSA")},
                    JwkRow{"AlgInLowerCase", with(Algorithm::EdDSA, "alg", "eddsa")},
                    JwkRow{"AlgIsAList", with(Algorithm::EdDSA, "alg", {"EdDSA"})},
                    JwkRow{"AlgForEncryption", with(Algorithm::RS256, "alg", "RSA-OAEP")},
                    JwkRow{"NoKty", without(Algorithm::EdDSA, "kty")},
                    JwkRow{"KtyInLowerCase", with(Algorithm::RS256, "kty", "rsa")},
                    JwkRow{"KtyUnknown", with(Algorithm::EdDSA, "kty", "XYZ")},
                    JwkRow{"KtySymmetricWithoutItsKey", {{"kty", "oct"}, {"alg", "HS256"}}},
                    JwkRow{"NoCrv", without(Algorithm::ES256, "crv")},
                    JwkRow{"A18CrvP384", with(Algorithm::ES256, "crv", "P-384")},
                    JwkRow{"A18CrvSecp256k1", with(Algorithm::ES256, "crv", "secp256k1")},
                    JwkRow{"CrvX25519", with(Algorithm::EdDSA, "crv", "X25519")},
                    JwkRow{"CrvEd448", with(Algorithm::EdDSA, "crv", "Ed448")},
                    JwkRow{"CrvOfTheOtherType", with(Algorithm::EdDSA, "crv", "P-256")}),
    [](const auto& row) { return row.param.name; });

class InvalidJwk : public testing::TestWithParam<JwkRow> {};

TEST_P(InvalidJwk, IsRefused) { EXPECT_EQ(verdict(GetParam().jwk), "invalid_key"); }

std::vector<JwkRow> private_members() {
  std::vector<JwkRow> rows;
  for (const char* member : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    rows.push_back({member, with(Algorithm::EdDSA, member, "AAAA")});
  }
  return rows;
}

INSTANTIATE_TEST_SUITE_P(PrivateMember, InvalidJwk, testing::ValuesIn(private_members()),
                         [](const auto& row) { return row.param.name; });

JwkRow rsa_row(const char* row, std::string_view member, const Bytes& number) {
  return {row, with(Algorithm::RS256, member, base64url_encode(number))};
}

Bytes modulus() { return *base64url_decode(public_jwk(Algorithm::RS256)["n"].get<std::string>()); }

Bytes prefixed(std::uint8_t byte, Bytes bytes) {
  bytes.insert(bytes.begin(), byte);
  return bytes;
}

Bytes odd_number_of_bits(std::size_t bits) {
  Bytes number((bits + 7) / 8, 0xA5);
  number.front() = static_cast<std::uint8_t>(1u << ((bits - 1) % 8));
  return number;
}

Bytes even_modulus() {
  Bytes n = modulus();
  n.back() &= 0xFE;
  return n;
}

Bytes prime_modulus() {
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> prime(BN_get_rfc3526_prime_2048(nullptr),
                                                          BN_free);
  Bytes n(256);
  BN_bn2bin(prime.get(), n.data());
  return n;
}

// Attack 18, RSA.
INSTANTIATE_TEST_SUITE_P(
    A18Rsa, InvalidJwk,
    testing::Values(rsa_row("Modulus512", "n", odd_number_of_bits(512)),
                    rsa_row("Modulus1024", "n", odd_number_of_bits(1024)),
                    rsa_row("Modulus2047", "n", odd_number_of_bits(2047)),
                    rsa_row("Modulus4097", "n", odd_number_of_bits(4097)),
                    rsa_row("Modulus8192", "n", odd_number_of_bits(8192)),
                    rsa_row("ModulusEmpty", "n", {}), rsa_row("ModulusEven", "n", even_modulus()),
                    rsa_row("ModulusPrime", "n", prime_modulus()),
                    rsa_row("ModulusDivisibleBy3", "n", Bytes(256, 0xFF)),
                    rsa_row("ModulusWithLeadingZero", "n", prefixed(0, modulus())),
                    rsa_row("ExponentEmpty", "e", {}), rsa_row("ExponentZero", "e", {0}),
                    rsa_row("ExponentOne", "e", {1}), rsa_row("ExponentTwo", "e", {2}),
                    rsa_row("ExponentEven", "e", {1, 0, 0}),
                    rsa_row("ExponentWithLeadingZero", "e", {0, 1, 0, 1}),
                    rsa_row("ExponentOneWithLeadingZeros", "e", {0, 0, 1}),
                    rsa_row("ExponentOver64Bits", "e", {1, 0, 0, 0, 0, 0, 0, 0, 1}),
                    rsa_row("ExponentAsLongAsTheModulus", "e", modulus()),
                    JwkRow{"ExponentMissing", without(Algorithm::RS256, "e")},
                    JwkRow{"ExponentIsANumber", with(Algorithm::RS256, "e", 65537)},
                    JwkRow{"ExponentPadded", with(Algorithm::RS256, "e", "AQAB=")},
                    JwkRow{"ModulusMissing", without(Algorithm::RS256, "n")}),
    [](const auto& row) { return row.param.name; });

TEST(Jwk, OfOurOwnIsVouchedForByItsThumbprint) {
  for (Algorithm algorithm : {Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256}) {
    const json jwk = public_jwk(algorithm);
    const auto key = PublicKey::from_own_jwk(jwk.dump());
    ASSERT_TRUE(key);
    EXPECT_EQ(key->jwk(), PublicKey::from_jwk(jwk.dump())->jwk());
    json other = jwk;
    other["kid"] = "another";
    EXPECT_FALSE(PublicKey::from_own_jwk(other.dump()));
  }
  json prime = with(Algorithm::RS256, "n", base64url_encode(prime_modulus()));
  EXPECT_FALSE(PublicKey::from_own_jwk(prime.dump()));
}

TEST(Jwk, OfOurOwnWithNumbersThatAreNoKeyVerifiesNothing) {
  for (json jwk : {with(Algorithm::RS256, "n", base64url_encode(prime_modulus())),
                   with(Algorithm::RS256, "n", base64url_encode(even_modulus())),
                   with(Algorithm::ES256, "x", base64url_encode(Bytes(32, 1))),
                   with(Algorithm::ES256, "x", base64url_encode(Bytes(31, 1)))}) {
    jwk.erase("kid");
    const auto key = PublicKey::from_own_jwk(jwk.dump());
    ASSERT_TRUE(key);
    EXPECT_FALSE(key->verify(as_bytes("message"), Bytes(256, 1)));
    EXPECT_FALSE(key->verify(as_bytes("message"), Bytes(64, 1)));
  }
}

TEST(Jwk, RsaExponentsFrom3To64BitsAreTaken) {
  for (const Bytes& e : {Bytes{3}, Bytes{17}, Bytes{1, 0, 1}, Bytes(8, 0xFF)}) {
    EXPECT_EQ(verdict(with(Algorithm::RS256, "e", base64url_encode(e))), "accepted");
  }
}

json p256_point(std::string_view x, std::string_view y) {
  json jwk = public_jwk(Algorithm::ES256);
  jwk["x"] = base64url_of_hex(x);
  jwk["y"] = base64url_of_hex(y);
  return jwk;
}

constexpr std::string_view kGeneratorX =
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
constexpr std::string_view kGeneratorY =
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

// Attack 18, P-256. The secp256k1 point is that curve's generator (SEC 2, 2.4.1); the P-384 point
// is FIPS 186-4 D.1.2.4.
INSTANTIATE_TEST_SUITE_P(
    A18P256, InvalidJwk,
    testing::Values(
        JwkRow{"OffTheCurve",
               p256_point(kGeneratorX,
                          "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f6")},
        JwkRow{"Zero", p256_point(kZero32, kZero32)},
        JwkRow{"CoordinatesNotBelowThePrime",
               p256_point("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                          "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")},
        JwkRow{"PointOfSecp256k1",
               p256_point("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
                          "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")},
        JwkRow{"PointOfP384",
               p256_point("aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a38"
                          "5502f25dbf55296c3a545e3872760ab7",
                          "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c0"
                          "0a60b1ce1d7e819d7a431d7c90ea0e5f")},
        JwkRow{"LeadingZero", p256_point("00" + std::string(kGeneratorX), kGeneratorY)},
        JwkRow{"CoordinateShort", p256_point(kGeneratorX.substr(2), kGeneratorY)},
        JwkRow{"CoordinatesShiftedByOneByte",
               p256_point(std::string(kGeneratorX) + "4f", kGeneratorY.substr(2))},
        JwkRow{"CoordinateIsPlainBase64", with(Algorithm::ES256, "x", std::string(43, '+'))},
        JwkRow{"NoX", without(Algorithm::ES256, "x")},
        JwkRow{"NoY", without(Algorithm::ES256, "y")}),
    [](const auto& row) { return row.param.name; });

TEST(Jwk, TheGeneratorOfP256IsTaken) {
  EXPECT_EQ(verdict(p256_point(kGeneratorX, kGeneratorY)), "accepted");
}

JwkRow ed25519_row(const char* row, std::string_view hex) {
  return {row, with(Algorithm::EdDSA, "x", base64url_of_hex(hex))};
}

// Attack 18, Ed25519: the eight points of small order, then every other encoding that decodes to
// one of them, then other points that are not canonical or not of the curve.
INSTANTIATE_TEST_SUITE_P(
    A18Ed25519, InvalidJwk,
    testing::Values(
        ed25519_row("Order1", "0100000000000000000000000000000000000000000000000000000000000000"),
        ed25519_row("Order2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ed25519_row("Order4First",
                    "0000000000000000000000000000000000000000000000000000000000000000"),
        ed25519_row("Order4Second",
                    "0000000000000000000000000000000000000000000000000000000000000080"),
        ed25519_row("Order8First",
                    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        ed25519_row("Order8Second",
                    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
        ed25519_row("Order8Third",
                    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        ed25519_row("Order8Fourth",
                    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
        ed25519_row("Order1WithSign",
                    "0100000000000000000000000000000000000000000000000000000000000080"),
        ed25519_row("Order2WithSign",
                    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
        ed25519_row("Order1PlusPrime",
                    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ed25519_row("Order1PlusPrimeWithSign",
                    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
        ed25519_row("Order4PlusPrime",
                    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ed25519_row("Order4PlusPrimeWithSign",
                    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
        ed25519_row("LargestEncoding",
                    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ed25519_row("YIs2OffTheCurve",
                    "0200000000000000000000000000000000000000000000000000000000000000"),
        ed25519_row("Short", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751"),
        ed25519_row("Long", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a00"),
        JwkRow{"NoX", without(Algorithm::EdDSA, "x")},
        JwkRow{"XIsNull", with(Algorithm::EdDSA, "x", nullptr)},
        JwkRow{"XPadded", with(Algorithm::EdDSA, "x", std::string(kRfc8037X) + "=")},
        JwkRow{"XWithASpace", with(Algorithm::EdDSA, "x", " " + std::string(kRfc8037X))}),
    [](const auto& row) { return row.param.name; });

class JwkNotForSignatures : public testing::TestWithParam<JwkRow> {};

TEST_P(JwkNotForSignatures, IsRefused) { EXPECT_EQ(verdict(GetParam().jwk), "not_for_signatures"); }

JwkRow use_row(const char* row, const json& use) {
  return {row, with(Algorithm::EdDSA, "use", use)};
}

JwkRow operations_row(const char* row, const json& operations) {
  return {row, with(Algorithm::EdDSA, "key_ops", operations)};
}

INSTANTIATE_TEST_SUITE_P(
    A19, JwkNotForSignatures,
    testing::Values(use_row("UseEnc", "enc"), use_row("UseEmpty", ""),
                    use_row("UseInUpperCase", "SIG"), use_row("UseIsAList", json::array({"sig"})),
                    use_row("UseIsNull", nullptr), operations_row("NoOperations", json::array()),
                    operations_row("SignOnly", json::array({"sign"})),
                    operations_row("Encrypt", json::array({"encrypt", "decrypt"})),
                    operations_row("VerifyAndEncrypt", json::array({"verify", "encrypt"})),
                    operations_row("VerifyAndDeriveKey", json::array({"verify", "deriveKey"})),
                    operations_row("VerifyTwice", json::array({"verify", "verify"})),
                    operations_row("VerifyInUpperCase", json::array({"VERIFY"})),
                    operations_row("VerifyAndANumber", json::array({"verify", 1})),
                    operations_row("Text", "verify"), operations_row("Null", nullptr)),
    [](const auto& row) { return row.param.name; });

TEST(Jwk, UseAndKeyOpsThatAllowVerifyingAreTaken) {
  json bare = without(Algorithm::EdDSA, "use");
  EXPECT_EQ(verdict(bare), "accepted");
  bare["key_ops"] = {"verify"};
  EXPECT_EQ(verdict(bare), "accepted");
  bare["key_ops"] = {"sign", "verify"};
  EXPECT_EQ(verdict(bare), "accepted");
  bare["use"] = "sig";
  EXPECT_EQ(verdict(bare), "accepted");
}

// --- signatures that are not what they seem ----------------------------------------------------

struct Es256Row {
  const char* name;
  std::string r;  // hex; empty: that of a good signature
  std::string s;
};

class A17Es256 : public testing::TestWithParam<Es256Row> {};

TEST_P(A17Es256, IsRefused) {
  const SigningKey& key = signing_key(Algorithm::ES256);
  const std::string good = hex_encode(key.sign(as_bytes(kMessage)));
  const std::string r = GetParam().r.empty() ? good.substr(0, 64) : GetParam().r;
  const std::string s = GetParam().s.empty() ? good.substr(64) : GetParam().s;
  EXPECT_FALSE(key.public_key().verify(as_bytes(kMessage), from_hex(r + s)));
}

INSTANTIATE_TEST_SUITE_P(
    Signatures, A17Es256,
    testing::Values(Es256Row{"RZero", std::string(kZero32), ""},
                    Es256Row{"SZero", "", std::string(kZero32)},
                    Es256Row{"BothZero", std::string(kZero32), std::string(kZero32)},
                    Es256Row{"RIsN", std::string(kP256Order), ""},
                    Es256Row{"SIsN", "", std::string(kP256Order)},
                    Es256Row{"BothN", std::string(kP256Order), std::string(kP256Order)},
                    Es256Row{"RZeroSOne", std::string(kZero32), std::string(kOne32)},
                    Es256Row{"ROneSZero", std::string(kOne32), std::string(kZero32)},
                    Es256Row{"BothLargest", std::string(64, 'f'), std::string(64, 'f')},
                    Es256Row{"OneByteTooLong", "", std::string(kOne32) + "00"},
                    Es256Row{"ZeroBeforeEach", "00" + std::string(kOne32),
                             "00" + std::string(kOne32)}),
    [](const auto& row) { return row.param.name; });

TEST(A17Es256Forms, SPlusNIsRefusedThoughItIsTheSameNumberModuloN) {
  // With the nonce 1, r is the generator's x; this key, (1 - SHA-256(kMessage)) / r, makes s 1, so
  // that s + n still has 32 bytes.
  GivenBlocks random({"e4216ac0bfe4f9652700061b6b03cf22a851ca1b0a5cfbdf4706e0393799ad80"});
  const SigningKey key = SigningKey::generate(Algorithm::ES256, random);
  const std::string r(kGeneratorX);
  EXPECT_TRUE(key.public_key().verify(as_bytes(kMessage), from_hex(r + std::string(kOne32))));
  EXPECT_FALSE(key.public_key().verify(
      as_bytes(kMessage),
      from_hex(r + "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552")));
}

Bytes der_of(ByteView raw) {
  const auto integer = [](ByteView number) {
    Bytes der{0x02, static_cast<std::uint8_t>(number.size())};
    if ((number.front() & 0x80) != 0) {
      ++der[1];
      der.push_back(0);
    }
    der.insert(der.end(), number.begin(), number.end());
    return der;
  };
  const Bytes r = integer(raw.first(32));
  const Bytes s = integer(raw.last(32));
  Bytes der{0x30, static_cast<std::uint8_t>(r.size() + s.size())};
  der.insert(der.end(), r.begin(), r.end());
  der.insert(der.end(), s.begin(), s.end());
  return der;
}

TEST(A17Es256Forms, DerInPlaceOfTheRawBytesIsRefused) {
  const SigningKey& key = signing_key(Algorithm::ES256);
  const Bytes der = der_of(key.sign(as_bytes(kMessage)));
  EXPECT_FALSE(key.public_key().verify(as_bytes(kMessage), der));
  EXPECT_FALSE(key.public_key().verify(as_bytes(kMessage), ByteView(der).first(64)));
}

TEST(Ed25519Signature, SPlusOrderIsRefused) {
  // RFC 8032 5.1.7: S is below L = 2^252 + 27742317777372353535851937790883648493.
  const Bytes order = from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  Bytes signature = signing_key().sign(as_bytes(kMessage));
  unsigned carry = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    carry += static_cast<unsigned>(signature[32 + i]) + order[i];
    signature[32 + i] = static_cast<std::uint8_t>(carry & 0xFF);
    carry >>= 8;
  }
  ASSERT_EQ(carry, 0u);
  EXPECT_FALSE(signing_key().public_key().verify(as_bytes(kMessage), signature));
}

TEST(RsaSignature, PlusModulusAndZeroAndOneAreRefused) {
  const SigningKey& key = signing_key(Algorithm::RS256);
  const Bytes n = modulus();
  Bytes one(256, 0);
  one.back() = 1;
  for (const Bytes& signature : {Bytes(256, 0), one, n, Bytes(256, 0xFF)}) {
    EXPECT_FALSE(key.public_key().verify(as_bytes(kMessage), signature));
  }
}

}  // namespace
}  // namespace openclaw
