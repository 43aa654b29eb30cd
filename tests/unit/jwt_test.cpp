#include "core/jwt.h"

#include <sodium.h>

#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "core/encoding.h"
#include "tests/unit/jwt_builder.h"
#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using nlohmann::json;

// RFC 8705, appendix A.
constexpr std::string_view kThumbprint = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";

std::string good_jwt(Algorithm algorithm = Algorithm::EdDSA) {
  return sign_jwt(signing_key(algorithm), JwtType::access_token, good_claims());
}

json header_with(std::string_view member, const json& value) {
  json header = good_header();
  header[member] = value;
  return header;
}

json payload_with(std::string_view claim, const json& value) {
  json payload = good_payload();
  payload[claim] = value;
  return payload;
}

json payload_without(std::string_view claim) {
  json payload = good_payload();
  payload.erase(std::string(claim));
  return payload;
}

std::string_view claim_verdict(std::string_view claim, const json& value) {
  return verdict(signed_payload(payload_with(claim, value)));
}

// --- signing -----------------------------------------------------------------------------------

TEST(SignJwt, WritesHeaderAndClaimsCompactInAFixedOrder) {
  Claims claims = good_claims();
  claims.actor = "harness-2";
  claims.certificate_thumbprint = kThumbprint;
  claims.status =
      StatusReference{"https://api.openclaw.example/oauth/status/ctr_1/1", 4'294'967'295};
  claims.not_before = kNow - 5;
  const auto parts = segments_of(sign_jwt(signing_key(), JwtType::access_token, claims));
  EXPECT_EQ(decoded(parts[0]),
            R"({"alg":"EdDSA","typ":"at+jwt","kid":")" + signing_key().kid() + R"("})");
  EXPECT_EQ(decoded(parts[1]),
            R"({"iss":"https://api.openclaw.example","sub":"user_abc123","user_id":"user_abc123",)"
            R"("aud":"https://mcp.example.com/mcp","scope":"mcp:tools data:read",)"
            R"("client_id":"platform-harness","container_id":"ctr_1","act":{"sub":"harness-2"},)"
            R"("cnf":{"x5t#S256":"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"},)"
            R"("status":{"status_list":{"idx":4294967295,)"
            R"("uri":"https://api.openclaw.example/oauth/status/ctr_1/1"}},"iat":1699999990,)"
            R"("nbf":1699999995,"exp":1700000290,"jti":"jti-1"})");
}

TEST(SignJwt, LeavesOutWhatIsEmptyAndWritesSeveralAudiencesAsAList) {
  Claims claims = good_claims();
  claims.scopes.clear();
  claims.client_id.clear();
  claims.container_id.clear();
  claims.audience = {"a", "b"};
  const auto parts = segments_of(sign_jwt(signing_key(), JwtType::user_claim, claims));
  EXPECT_EQ(json::parse(decoded(parts[0])).at("typ"), "user-claim+jwt");
  EXPECT_EQ(decoded(parts[1]),
            R"({"iss":"https://api.openclaw.example","sub":"user_abc123","user_id":"user_abc123",)"
            R"("aud":["a","b"],"iat":1699999990,"exp":1700000290,"jti":"jti-1"})");
}

TEST(SignJwt, EscapesWhatJsonDemands) {
  const std::string strange = "\"quoted\", \\ \n \x01 \xC3\xA9 \xF0\x9F\x98\x80 {}";
  Claims claims = good_claims();
  claims.issuer = strange;
  claims.user_id = strange;
  claims.audience = {strange};
  claims.id = strange;
  JwtExpectation expected = expectation();
  expected.issuer = strange;
  expected.user_id = strange;
  expected.audience = strange;
  const auto verified = verify_jwt(sign_jwt(signing_key(), JwtType::access_token, claims),
                                   published_keys(), expected);
  ASSERT_TRUE(verified) << reason(verified);
  EXPECT_EQ(verified->claims.id, strange);
}

class EachJwtAlgorithm : public testing::TestWithParam<Algorithm> {};

INSTANTIATE_TEST_SUITE_P(Jwt, EachJwtAlgorithm, testing::ValuesIn(kAlgorithms),
                         [](const auto& row) { return std::string(name(row.param)); });

TEST_P(EachJwtAlgorithm, GivesBackTheClaimsThatWereSigned) {
  Claims claims = good_claims();
  claims.audience = {"https://other.example", std::string(kAudience)};
  claims.actor = "harness-2";
  claims.certificate_thumbprint = kThumbprint;
  claims.status = StatusReference{"https://api.openclaw.example/oauth/status/ctr_1/1", 131'071};
  claims.not_before = kNow;
  JwtExpectation expected = expectation();
  expected.certificate_thumbprint = kThumbprint;
  const SigningKey& key = signing_key(GetParam());
  const auto verified =
      verify_jwt(sign_jwt(key, JwtType::access_token, claims), published_keys(), expected);
  ASSERT_TRUE(verified) << reason(verified);
  EXPECT_EQ(verified->type, JwtType::access_token);
  EXPECT_EQ(verified->kid, key.kid());
  EXPECT_EQ(verified->claims.issuer, claims.issuer);
  EXPECT_EQ(verified->claims.user_id, claims.user_id);
  EXPECT_EQ(verified->claims.audience, claims.audience);
  EXPECT_EQ(verified->claims.scopes, claims.scopes);
  EXPECT_EQ(verified->claims.client_id, claims.client_id);
  EXPECT_EQ(verified->claims.container_id, claims.container_id);
  EXPECT_EQ(verified->claims.actor, claims.actor);
  EXPECT_EQ(verified->claims.certificate_thumbprint, claims.certificate_thumbprint);
  EXPECT_EQ(verified->claims.status, claims.status);
  EXPECT_EQ(verified->claims.id, claims.id);
  EXPECT_EQ(verified->claims.issued_at, claims.issued_at);
  EXPECT_EQ(verified->claims.expires_at, claims.expires_at);
  EXPECT_EQ(verified->claims.not_before, claims.not_before);
}

TEST(VerifyJwt, OptionalClaimsMayBeAbsentAndUnknownOnesAreIgnored) {
  json payload = payload_with("https://example.com/is_root", true);
  for (const char* claim : {"scope", "jti", "client_id", "container_id", "nbf"}) {
    payload.erase(claim);
  }
  const auto verified = verify_jwt(signed_payload(payload), published_keys(), expectation());
  ASSERT_TRUE(verified) << reason(verified);
  EXPECT_TRUE(verified->claims.scopes.empty());
  EXPECT_EQ(verified->claims.actor, "");
  EXPECT_EQ(verified->claims.certificate_thumbprint, "");
  EXPECT_EQ(verified->claims.status, std::nullopt);
  EXPECT_EQ(verified->claims.not_before, std::nullopt);
}

TEST(VerifyJwt, UnknownHeaderMembersAreIgnored) {
  EXPECT_EQ(verdict(signed_header(header_with("cty", "x"))), "accepted");
  EXPECT_EQ(verdict(signed_header(header_with("x5t", "AAAA"))), "accepted");
}

TEST(VerifyJwt, WithoutADemandedAudienceOrUserTakesAny) {
  JwtExpectation expected = expectation();
  expected.audience.reset();
  expected.user_id.reset();
  json payload = payload_with("aud", "https://elsewhere.example");
  payload["user_id"] = payload["sub"] = "user_other";
  const auto verified = verify_jwt(signed_payload(payload), published_keys(), expected);
  ASSERT_TRUE(verified) << reason(verified);
  EXPECT_EQ(verified->claims.audience, std::vector<std::string>{"https://elsewhere.example"});
  EXPECT_EQ(verified->claims.user_id, "user_other");
  EXPECT_EQ(verdict(signed_payload(payload_without("aud")), expected), "wrong_audience");
}

TEST(VerifyJwt, RequiredScopesAreAllToBeCovered) {
  const auto verdict_for = [](std::vector<std::string_view> required) {
    JwtExpectation expected = expectation();
    expected.required_scopes = required;
    return verdict(good_jwt(), expected);
  };
  EXPECT_EQ(verdict_for({}), "accepted");
  EXPECT_EQ(verdict_for({"mcp:tools"}), "accepted");
  EXPECT_EQ(verdict_for({"mcp:tools", "data:read"}), "accepted");
  EXPECT_EQ(verdict_for({"mcp:tools", "data:write"}), "insufficient_scope");
  EXPECT_EQ(verdict_for({"mcp:*"}), "insufficient_scope");
  EXPECT_EQ(verdict_for({"not a scope"}), "insufficient_scope");
}

TEST(VerifyJwt, OfAnEmptySetKnowsNoKey) {
  EXPECT_EQ(verdict(good_jwt(), expectation(), *KeySet::of({})), "unknown_key");
}

// Each token below is wrong in every later way too: the first in the documented order decides.
TEST(VerifyJwt, ChecksInTheDocumentedOrder) {
  JwtExpectation expected = expectation();
  expected.required_scopes = {};
  const std::vector<std::string_view> required = {"admin:all"};
  expected.required_scopes = required;

  json header = {{"alg", "none"}, {"typ", "JWT"}, {"kid", "nobody"}, {"crit", json::array()}};
  json payload = {{"iss", "x"}, {"exp", "x"}, {"iat", kNow + 1000}, {"aud", "x"}, {"sub", "x"}};
  const auto forged = [&] {
    return segment(header.dump()) + "." + segment(payload.dump()) + "." + std::string(86, 'A');
  };
  const auto honest = [&] { return signed_texts(header.dump(), payload.dump()); };

  EXPECT_EQ(verdict(forged(), expected), "malformed");
  header.erase("crit");
  EXPECT_EQ(verdict(forged(), expected), "unsupported_algorithm");
  header["alg"] = "EdDSA";
  EXPECT_EQ(verdict(forged(), expected), "unknown_key");
  header["kid"] = signing_key(Algorithm::ES256).kid();
  EXPECT_EQ(verdict(forged(), expected), "unsupported_algorithm");
  header["kid"] = signing_key().kid();
  EXPECT_EQ(verdict(forged(), expected), "invalid_signature");
  EXPECT_EQ(verdict(honest(), expected), "wrong_type");
  header["typ"] = "at+jwt";
  EXPECT_EQ(verdict(honest(), expected), "wrong_issuer");
  payload["iss"] = kIssuer;
  EXPECT_EQ(verdict(honest(), expected), "malformed");
  payload["exp"] = kNow;
  EXPECT_EQ(verdict(honest(), expected), "expired");
  payload["exp"] = kNow + 1;
  EXPECT_EQ(verdict(honest(), expected), "not_yet_valid");
  payload["iat"] = kNow;
  EXPECT_EQ(verdict(honest(), expected), "wrong_audience");
  payload["aud"] = kAudience;
  EXPECT_EQ(verdict(honest(), expected), "wrong_user");
  payload["sub"] = payload["user_id"] = kUser;
  payload["cnf"] = {{"x5t#S256", kThumbprint}};
  EXPECT_EQ(verdict(honest(), expected), "wrong_certificate");
  expected.certificate_thumbprint = kThumbprint;
  EXPECT_EQ(verdict(honest(), expected), "insufficient_scope");
  payload["scope"] = "admin:*";
  EXPECT_EQ(verdict(honest(), expected), "accepted");
}

// --- the RFCs' vectors -------------------------------------------------------------------------

constexpr std::string_view kRfcPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q";

TEST(JwtVector, Rfc7519Section31WithHs256IsRefused) {
  const std::string jwt = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + std::string(kRfcPayload) +
                          ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  EXPECT_EQ(verdict(jwt), "malformed");  // it names no kid
  const auto parts = segments_of(jwt);
  json header = json::parse(decoded(parts[0]));
  header["kid"] = signing_key().kid();
  EXPECT_EQ(verdict(segment(header.dump()) + "." + parts[1] + "." + parts[2]),
            "unsupported_algorithm");
}

TEST(JwtVector, Rfc7519Section61UnsecuredIsRefused) {
  EXPECT_EQ(verdict("eyJhbGciOiJub25lIn0." + std::string(kRfcPayload) + "."), "malformed");
}

TEST(JwtVector, Rfc7515SectionA1ToA3NameNoKidAndAreRefused) {
  for (const std::string_view header :
       {R"({"typ":"JWT","alg":"HS256"})", R"({"alg":"RS256"})", R"({"alg":"ES256"})"}) {
    EXPECT_EQ(
        verdict(segment(header) + "." + std::string(kRfcPayload) + "." + std::string(86, 'A')),
        "malformed");
  }
}

// RFC 7519 2: a NumericDate is seconds; its value here is the one of 4.1.4's example.
TEST(JwtVector, Rfc7519Section2NumericDate) {
  JwtExpectation expected = expectation();
  json payload = payload_with("exp", 1300819380);
  payload["iat"] = 1300819370;
  expected.now = 1300819379;
  EXPECT_EQ(verdict(signed_payload(payload), expected), "accepted");
  expected.now = 1300819380;
  EXPECT_EQ(verdict(signed_payload(payload), expected), "expired");
}

// --- attacks 1 to 20: form ---------------------------------------------------------------------

TEST(JwtAttack, A01AlgNoneInAnyCasingIsRefused) {
  for (const std::string alg : {"none", "None", "NONE", "nOnE", "nonE", "none ", ""}) {
    const std::string text =
        segment(header_with("alg", alg).dump()) + "." + segment(good_payload().dump());
    EXPECT_EQ(verdict(text + "."), "malformed") << alg;
    EXPECT_EQ(verdict(text), "malformed") << alg;
    EXPECT_EQ(verdict(text + ".AAAA"), "unsupported_algorithm") << alg;
    EXPECT_EQ(verdict(text + "." + segments_of(good_jwt())[2]), "unsupported_algorithm") << alg;
  }
}

std::string pem_of(Algorithm algorithm) {
  const Secret der = signing_key(algorithm).private_bytes();
  const unsigned char* start = der.data();
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pkey(
      algorithm == Algorithm::EdDSA
          ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, der.data(), der.size())
          : d2i_AutoPrivateKey(nullptr, &start, static_cast<long>(der.size())),
      EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), BIO_free);
  if (PEM_write_bio_PUBKEY(memory.get(), pkey.get()) != 1) throw std::runtime_error("no PEM");
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

Bytes hmac_sha256(std::string_view secret, std::string_view message) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, as_bytes(secret).data(), secret.size());
  crypto_auth_hmacsha256_update(&state, as_bytes(message).data(), message.size());
  Bytes mac(crypto_auth_hmacsha256_BYTES);
  crypto_auth_hmacsha256_final(&state, mac.data());
  return mac;
}

TEST_P(EachJwtAlgorithm, A02A03Hs256WithThePublicKeyAsSecretIsRefused) {
  const std::string pem = pem_of(GetParam());
  const std::string jwk = signing_key(GetParam()).public_key().jwk();
  const std::string x_or_n =
      decoded(json::parse(jwk)[GetParam() == Algorithm::RS256 ? "n" : "x"].get<std::string>());
  ASSERT_NE(pem.find("BEGIN PUBLIC KEY"), std::string::npos);
  for (const std::string& secret : {pem, pem.substr(0, pem.size() - 1), jwk, x_or_n, " " + pem,
                                    "\n" + pem, "\t\r\n" + pem, pem + "\n", std::string()}) {
    for (const std::string_view alg : {"HS256", "HS384", "HS512", "hs256"}) {
      json header = good_header(GetParam());
      header["alg"] = alg;
      const std::string text = segment(header.dump()) + "." + segment(good_payload().dump());
      EXPECT_EQ(verdict(text + "." + base64url_encode(hmac_sha256(secret, text))),
                "unsupported_algorithm");
    }
    // The header tells the truth about the key, the signature is the HMAC all the same.
    const std::string text =
        segment(good_header(GetParam()).dump()) + "." + segment(good_payload().dump());
    EXPECT_EQ(verdict(text + "." + base64url_encode(hmac_sha256(secret, text))),
              "invalid_signature");
  }
}

TEST(JwtAttack, A04KeyWithoutAlgServesNoHeader) {
  json jwk = json::parse(signing_key(Algorithm::RS256).public_key().jwk());
  jwk.erase("alg");
  const Result<KeySet> keys = KeySet::parse(json{{"keys", {jwk}}}.dump());
  ASSERT_TRUE(keys);
  EXPECT_EQ(verdict(good_jwt(Algorithm::RS256), expectation(), *keys), "unknown_key");
}

TEST_P(EachJwtAlgorithm, A05HeaderAlgOtherThanTheKeysIsRefused) {
  for (const Algorithm other : kAlgorithms) {
    if (other == GetParam()) continue;
    json header = good_header(GetParam());
    header["alg"] = name(other);
    EXPECT_EQ(verdict(signed_header(header, GetParam())), "unsupported_algorithm");
    // Signed by a key of the algorithm that the header names, under the kid of this one.
    EXPECT_EQ(verdict(signed_header(header, other)), "unsupported_algorithm");
  }
}

TEST(JwtAttack, A06A07A11HeadersThatBringKeysOrChangeTheReadingAreRefused) {
  const json own_key = json::parse(signing_key().public_key().jwk());
  const std::vector<std::pair<const char*, json>> members = {
      {"jwk", own_key},
      {"jwk", nullptr},
      {"x5c", {"MIIB"}},
      {"jku", "https://attacker.example/jwks.json"},
      {"jku", "file:///etc/passwd"},
      {"x5u", "https://attacker.example/chain.pem"},
      {"crit", {"exp"}},
      {"crit", {"https://example.com/unknown"}},
      {"crit", json::array()},
      {"b64", false},
      {"b64", true},
      {"zip", "DEF"}};
  for (const auto& [member, value] : members) {
    EXPECT_EQ(verdict(signed_header(header_with(member, value))), "malformed") << member;
  }
}

TEST(JwtAttack, A11UnencodedPayloadIsRefused) {
  json header = header_with("b64", false);
  header["crit"] = {"b64"};
  EXPECT_EQ(verdict(signed_header(header)), "malformed");
}

TEST(JwtAttack, A08StrangeKidsAreUnknownAndCostNothing) {
  for (const std::string& kid :
       {std::string(), std::string("' OR '1'='1"), std::string("x'; drop table openclaw.users; --"),
        std::string("../../../../etc/passwd"), std::string("%2e%2e/"), std::string("\\..\\"),
        std::string(256, 'k'), signing_key().kid() + " ", signing_key().kid().substr(1)}) {
    EXPECT_EQ(verdict(signed_header(header_with("kid", kid))), "unknown_key") << kid;
  }
  for (const json& kid :
       {json(std::string(257, 'k')), json(std::string(1'000'000, 'k')), json(std::string(1, '\0')),
        json(signing_key().kid() + std::string(1, '\0')), json(1), json(nullptr),
        json::array({signing_key().kid()})}) {
    EXPECT_EQ(verdict(signed_header(header_with("kid", kid))), "malformed");
  }
}

TEST(JwtAttack, HeaderWithoutAlgTypOrKidIsRefused) {
  for (const char* member : {"alg", "typ", "kid"}) {
    json header = good_header();
    header.erase(member);
    EXPECT_EQ(verdict(signed_header(header)), "malformed") << member;
    EXPECT_EQ(verdict(signed_header(header_with(member, nullptr))), "malformed") << member;
    EXPECT_EQ(verdict(signed_header(header_with(member, 1))), "malformed") << member;
    EXPECT_EQ(verdict(signed_header(header_with(member, json::array({good_header()[member]})))),
              "malformed")
        << member;
  }
}

TEST(JwtAttack, A12AnythingButThreeFullSegmentsIsRefused) {
  const std::string jwt = good_jwt();
  const auto parts = segments_of(jwt);
  const json flattened = {{"protected", parts[0]}, {"payload", parts[1]}, {"signature", parts[2]}};
  const json general = {{"payload", parts[1]},
                        {"signatures", {{{"protected", parts[0]}, {"signature", parts[2]}}}}};
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), std::string("..."), parts[0],
        parts[0] + "." + parts[1], parts[0] + "." + parts[1] + ".", parts[0] + ".." + parts[2],
        "." + parts[1] + "." + parts[2], jwt + ".", "." + jwt, jwt + "." + parts[2],
        jwt + "." + parts[2] + "." + parts[2], jwt + jwt, flattened.dump(), general.dump(),
        std::string(kMaxJwt, '.')}) {
    EXPECT_EQ(verdict(text), "malformed") << text;
  }
}

TEST(JwtAttack, A12JweWithFiveSegmentsIsRefused) {
  const std::string header = segment(R"({"alg":"RSA-OAEP","enc":"A256GCM"})");
  EXPECT_EQ(verdict(header + ".AAAA.AAAA.AAAA.AAAA"), "malformed");
}

TEST(JwtAttack, A13SegmentsThatAreNotStrictBase64urlAreRefused) {
  const auto parts = segments_of(good_jwt());
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string& part = parts[i];
    const std::string rest = part.substr(1);
    for (const std::string& spoilt :
         {part + "=", part + "==", part + " ", " " + part, part + "\n", "+" + rest, "/" + rest,
          "%" + rest, "\xC3\xA9" + rest, std::string(1, '\0') + rest, part + std::string(1, '\0'),
          part.substr(0, 4) + "\r\n" + part.substr(4), std::string("A")}) {
      std::vector<std::string> altered = parts;
      altered[i] = spoilt;
      EXPECT_EQ(verdict(altered[0] + "." + altered[1] + "." + altered[2]), "malformed") << spoilt;
    }
  }
}

// libsodium 1.0.18 reads every byte from 0x80 on as the alphabet's last character.
TEST_P(EachJwtAlgorithm, A13BytesBeyondAsciiAreNoSpellingOfTheAlphabet) {
  Claims claims = good_claims();
  std::string jwt;
  for (int i = 0; jwt.find('_', jwt.rfind('.') + 1) == std::string::npos; ++i) {
    ASSERT_LT(i, 1000);
    claims.id = "jti-" + std::to_string(i);
    jwt = sign_jwt(signing_key(GetParam()), JwtType::access_token, claims);
  }
  EXPECT_EQ(verdict(jwt), "accepted");
  for (int byte = 0x80; byte <= 0xFF; ++byte) {
    std::string altered = jwt;
    altered[jwt.find('_', jwt.rfind('.') + 1)] = static_cast<char>(byte);
    EXPECT_EQ(verdict(altered), "malformed") << byte;
  }
}

// A last character with unused bits: the next one in the alphabet decodes to the same bytes.
std::string with_an_unused_bit_set(std::string part) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  part.back() = kAlphabet[kAlphabet.find(part.back()) + 1];
  return part;
}

TEST(JwtAttack, A13UnusedBitsThatAreNotZeroAreRefused) {
  for (const std::size_t spaces : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
    const std::string jwt = signed_texts(good_header().dump() + std::string(spaces, ' '),
                                         good_payload().dump() + std::string(spaces, ' '));
    EXPECT_EQ(verdict(jwt), "accepted");
    const auto parts = segments_of(jwt);
    for (std::size_t i = 0; i < 3; ++i) {
      if (parts[i].size() % 4 == 0) continue;  // no unused bits
      std::vector<std::string> altered = parts;
      altered[i] = with_an_unused_bit_set(parts[i]);
      EXPECT_EQ(verdict(altered[0] + "." + altered[1] + "." + altered[2]), "malformed");
    }
  }
}

TEST(JwtAttack, A14DuplicateMembersAreRefused) {
  const std::string header = good_header().dump();
  const std::string payload = good_payload().dump();
  for (const std::string_view member : {R"("alg":"none")", R"("alg":"EdDSA")", R"("kid":"x")",
                                        R"("typ":"JWT")", R"("\u0061lg":"none")"}) {
    EXPECT_EQ(verdict(signed_texts(doubled(header, member), payload)), "malformed") << member;
  }
  for (const std::string_view claim :
       {R"("iss":"x")", R"("exp":9999999999)", R"("sub":"x")", R"("user_id":"x")", R"("aud":"x")",
        R"("scope":"x:*")", R"("nested":{"a":1,"a":2})", R"("\u0065xp":9999999999)"}) {
    EXPECT_EQ(verdict(signed_texts(header, doubled(payload, claim))), "malformed") << claim;
  }
}

TEST(JwtAttack, A15DeepNestingAndHugeTextsAreRefused) {
  json deep = 1;
  for (int level = 0; level < 8; ++level) deep = json::array({deep});
  EXPECT_EQ(verdict(signed_header(header_with("x", deep))), "malformed");
  EXPECT_EQ(claim_verdict("x", deep), "malformed");
  EXPECT_EQ(claim_verdict("x", deep[0]), "accepted");

  EXPECT_EQ(claim_verdict("x", std::string(kMaxJwt, 'x')), "malformed");
  EXPECT_EQ(claim_verdict("x", std::string(8'000'000, 'x')), "malformed");
  EXPECT_EQ(claim_verdict("x", std::vector<int>(2'500, 1)), "malformed");
  EXPECT_EQ(verdict(std::string(8'000'000, 'A')), "malformed");
}

TEST(JwtAttack, A15TheLimitIsExactly8KiB) {
  std::string padding(5000, 'x');
  std::string jwt = signed_payload(payload_with("x", padding));
  while (jwt.size() < kMaxJwt) jwt = signed_payload(payload_with("x", padding += 'x'));
  // base64url steps over some lengths; white space in the header fills the rest.
  for (std::size_t spaces = 0; jwt.size() != kMaxJwt; ++spaces) {
    ASSERT_LT(spaces, 8u);
    padding.pop_back();
    jwt = signed_texts(good_header().dump() + std::string(spaces, ' '),
                       payload_with("x", padding).dump());
  }
  EXPECT_EQ(verdict(jwt), "accepted");
  EXPECT_EQ(verdict(jwt + "A"), "malformed");
}

TEST(JwtAttack, A16PasswordBasedEncryptionDerivesNoKey) {
  json header = header_with("alg", "PBES2-HS256+A128KW");
  header["enc"] = "A128GCM";
  header["p2s"] = "AAAA";
  header["p2c"] = 2147483647;
  EXPECT_EQ(verdict(signed_header(header)), "unsupported_algorithm");
  EXPECT_EQ(verdict(segment(header.dump()) + ".AAAA.AAAA.AAAA.AAAA"), "malformed");
}

TEST_P(EachJwtAlgorithm, A17SignaturesOfAnotherLengthOrOfZerosAreRefused) {
  const auto parts = segments_of(good_jwt(GetParam()));
  const std::string text = parts[0] + "." + parts[1] + ".";
  const Bytes good = *base64url_decode(parts[2]);
  for (const std::size_t size : {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{65},
                                 std::size_t{128}, std::size_t{256}, std::size_t{512}}) {
    EXPECT_EQ(verdict(text + base64url_encode(Bytes(size, 0))), "invalid_signature") << size;
    Bytes resized = good;
    resized.resize(size);
    if (size == good.size()) continue;
    EXPECT_EQ(verdict(text + base64url_encode(resized)), "invalid_signature") << size;
  }
}

TEST(JwtAttack, A20Ps256KeyWithPs384HeaderIsRefused) {
  json jwk = json::parse(signing_key(Algorithm::RS256).public_key().jwk());
  jwk["alg"] = "PS256";
  const Result<KeySet> keys = KeySet::parse(json{{"keys", {jwk}}}.dump());
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->size(), 0u);
  for (const std::string_view alg : {"PS256", "PS384", "PS512", "RS384", "ES384", "ES256K", "XX"}) {
    json header = good_header(Algorithm::RS256);
    header["alg"] = alg;
    EXPECT_EQ(verdict(signed_header(header, Algorithm::RS256), expectation(), *keys),
              "unsupported_algorithm");
    EXPECT_EQ(verdict(signed_header(header, Algorithm::RS256)), "unsupported_algorithm");
  }
}

// --- attacks 21 to 26: claims ------------------------------------------------------------------

const std::vector<json>& values_that_are_no_date() {
  static const std::vector<json> values = {"1700000290",
                                           "",
                                           1700000290.5,
                                           1700000290.0,
                                           -1,
                                           std::numeric_limits<std::int64_t>::min(),
                                           kMaxNumericDate + 1,
                                           std::numeric_limits<std::int64_t>::max(),
                                           std::numeric_limits<std::uint64_t>::max(),
                                           nullptr,
                                           true,
                                           json::array({kNow + 290}),
                                           json::object()};
  return values;
}

TEST(JwtClaim, A21ExpIatAndNbfThatAreNoWholeSecondsAreRefused) {
  for (const char* claim : {"exp", "iat", "nbf"}) {
    for (const json& value : values_that_are_no_date()) {
      EXPECT_EQ(claim_verdict(claim, value), "malformed") << claim << " " << value;
    }
    for (const std::string_view number :
         {"1e400", "1e9", "1.7e9", "99999999999999999999", "-0.0", "1e-400"}) {
      std::string payload = payload_without(claim).dump();
      payload.back() = ',';
      payload += "\"" + std::string(claim) + "\":" + std::string(number) + "}";
      EXPECT_EQ(verdict(signed_texts(good_header().dump(), payload)), "malformed") << number;
    }
  }
}

TEST(JwtClaim, A21ExpAndIatMustBePresent) {
  EXPECT_EQ(verdict(signed_payload(payload_without("exp"))), "malformed");
  EXPECT_EQ(verdict(signed_payload(payload_without("iat"))), "malformed");
}

TEST(JwtClaim, A21TheLargestDateIsTaken) {
  EXPECT_EQ(claim_verdict("exp", kMaxNumericDate), "accepted");
}

std::string_view verdict_at(const json& payload, std::int64_t now,
                            std::int64_t leeway = kDefaultLeeway) {
  JwtExpectation expected = expectation();
  expected.now = now;
  expected.leeway = leeway;
  return verdict(signed_payload(payload), expected);
}

TEST(JwtClaim, A22ExpIsTheFirstSecondOfBeingExpiredWhateverTheLeeway) {
  for (const std::int64_t leeway : {std::int64_t{0}, kDefaultLeeway, kMaxLeeway}) {
    const json payload = payload_with("exp", kNow);
    EXPECT_EQ(verdict_at(payload, kNow - 1, leeway), "accepted");
    EXPECT_EQ(verdict_at(payload, kNow, leeway), "expired");
    EXPECT_EQ(verdict_at(payload, kNow + 1, leeway), "expired");
  }
}

TEST(JwtClaim, A22NbfAndIatMayLieAheadByTheLeewayAndNotASecondMore) {
  for (const char* claim : {"nbf", "iat"}) {
    for (const std::int64_t leeway :
         {std::int64_t{0}, std::int64_t{1}, kDefaultLeeway, kMaxLeeway}) {
      EXPECT_EQ(verdict_at(payload_with(claim, kNow + leeway), kNow, leeway), "accepted") << leeway;
      EXPECT_EQ(verdict_at(payload_with(claim, kNow + leeway + 1), kNow, leeway), "not_yet_valid")
          << leeway;
    }
  }
}

TEST(JwtClaim, A22LeewayIsClampedTo0And60Seconds) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kSmallest = std::numeric_limits<std::int64_t>::min();
  for (const std::int64_t leeway : {kMaxLeeway + 1, kLargest}) {
    EXPECT_EQ(verdict_at(payload_with("nbf", kNow + 60), kNow, leeway), "accepted");
    EXPECT_EQ(verdict_at(payload_with("nbf", kNow + 61), kNow, leeway), "not_yet_valid");
  }
  for (const std::int64_t leeway : {std::int64_t{-1}, kSmallest}) {
    EXPECT_EQ(verdict_at(payload_with("nbf", kNow), kNow, leeway), "accepted");
    EXPECT_EQ(verdict_at(payload_with("nbf", kNow + 1), kNow, leeway), "not_yet_valid");
  }
}

TEST(JwtClaim, A22ExtremeClocksDoNotOverflow) {
  EXPECT_EQ(verdict_at(good_payload(), std::numeric_limits<std::int64_t>::max()), "expired");
  EXPECT_EQ(verdict_at(good_payload(), std::numeric_limits<std::int64_t>::min()), "not_yet_valid");
}

TEST(JwtClaim, A23AudienceIsComparedExactlyWithEachItem) {
  const std::string right(kAudience);
  EXPECT_EQ(claim_verdict("aud", right), "accepted");
  EXPECT_EQ(claim_verdict("aud", {right}), "accepted");
  EXPECT_EQ(claim_verdict("aud", {"https://other.example", right}), "accepted");
  for (const std::string& wrong :
       {right.substr(0, right.size() - 1), right + "/", right + "x", " " + right, right + " ",
        std::string("https://MCP.example.com/mcp"), std::string("https://mcp.example.com"),
        std::string("*"), std::string()}) {
    EXPECT_EQ(claim_verdict("aud", wrong), "wrong_audience") << wrong;
    EXPECT_EQ(claim_verdict("aud", {wrong, "x"}), "wrong_audience") << wrong;
  }
  EXPECT_EQ(verdict(signed_payload(payload_without("aud"))), "wrong_audience");
}

TEST(JwtClaim, A23AudienceThatIsNoTextOrListOf1To16TextsIsRefused) {
  const std::string right(kAudience);
  for (const json& value :
       {json(1), json(nullptr), json(true), json::object({{right, 1}}), json::array(),
        json::array({right, 1}), json::array({json::array({right})}),
        json(std::vector<std::string>(17, right))}) {
    EXPECT_EQ(claim_verdict("aud", value), "malformed") << value;
  }
  EXPECT_EQ(claim_verdict("aud", std::vector<std::string>(16, right)), "accepted");
}

TEST(JwtClaim, A24IssuerIsComparedByteForByte) {
  const std::string right(kIssuer);
  for (const json& wrong :
       {json(right + "/"), json(right + " "), json("http://api.openclaw.example"),
        json("https://API.openclaw.example"), json("https://api.openclaw.example:443"),
        json(right.substr(0, right.size() - 1)), json(""), json(nullptr), json(1),
        json::array({right})}) {
    EXPECT_EQ(claim_verdict("iss", wrong), "wrong_issuer") << wrong;
  }
  EXPECT_EQ(verdict(signed_payload(payload_without("iss"))), "wrong_issuer");
}

std::string_view verdict_of_type(const std::string& typ, JwtType demanded) {
  JwtExpectation expected = expectation();
  expected.type = demanded;
  return verdict(signed_header(header_with("typ", typ)), expected);
}

TEST(JwtClaim, A25TypesNeverStandInForEachOther) {
  for (const JwtType demanded : {JwtType::access_token, JwtType::user_claim}) {
    for (const std::string typ :
         {"at+jwt", "user-claim+jwt", "JWT", "jwt", "application/jwt", "id_token+jwt",
          "client-authentication+jwt", "dpop+jwt", "logout+jwt", "", "at+jw", "at+jwtx", " at+jwt",
          "at+jwt ", "application/", "application/application/at+jwt", "text/at+jwt"}) {
      EXPECT_EQ(verdict_of_type(typ, demanded), typ == name(demanded) ? "accepted" : "wrong_type")
          << typ;
    }
  }
}

TEST(JwtClaim, TypIsComparedWithoutCaseAndWithOrWithoutItsPrefix) {
  for (const std::string typ :
       {"at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT"}) {
    EXPECT_EQ(verdict_of_type(typ, JwtType::access_token), "accepted") << typ;
  }
}

TEST(JwtClaim, A25SignedTypesAreNotInterchangeable) {
  for (const JwtType signed_as : {JwtType::access_token, JwtType::user_claim}) {
    for (const JwtType demanded : {JwtType::access_token, JwtType::user_claim}) {
      JwtExpectation expected = expectation();
      expected.type = demanded;
      EXPECT_EQ(verdict(sign_jwt(signing_key(), signed_as, good_claims()), expected),
                signed_as == demanded ? "accepted" : "wrong_type");
    }
  }
}

TEST(JwtClaim, A26UserIdMustBePresentTheDemandedOneAndWhatSubSays) {
  JwtExpectation any_user = expectation();
  any_user.user_id.reset();
  const auto with_users = [](const json& sub, const json& user_id) {
    json payload = good_payload();
    payload["sub"] = sub;
    payload["user_id"] = user_id;
    return signed_payload(payload);
  };
  for (const JwtExpectation& expected : {expectation(), any_user}) {
    EXPECT_EQ(verdict(signed_payload(payload_without("user_id")), expected), "wrong_user");
    EXPECT_EQ(verdict(signed_payload(payload_without("sub")), expected), "wrong_user");
    EXPECT_EQ(verdict(with_users("", ""), expected), "wrong_user");
    EXPECT_EQ(verdict(with_users("user_other", kUser), expected), "wrong_user");
    EXPECT_EQ(verdict(with_users(kUser, "user_other"), expected), "wrong_user");
    EXPECT_EQ(verdict(with_users(kUser, "USER_ABC123"), expected), "wrong_user");
    EXPECT_EQ(verdict(with_users(kUser, 1), expected), "malformed");
    EXPECT_EQ(verdict(with_users(nullptr, kUser), expected), "malformed");
  }
  EXPECT_EQ(verdict(with_users("user_other", "user_other")), "wrong_user");
  EXPECT_EQ(verdict(with_users("user_abc1234", "user_abc1234")), "wrong_user");
  EXPECT_EQ(verdict(with_users("user_other", "user_other"), any_user), "accepted");
}

TEST(JwtClaim, A26AnEmptyDemandedUserMatchesNobody) {
  JwtExpectation expected = expectation();
  expected.user_id = "";
  EXPECT_EQ(verdict(good_jwt(), expected), "wrong_user");
  json payload = payload_with("sub", "");
  payload["user_id"] = "";
  EXPECT_EQ(verdict(signed_payload(payload), expected), "wrong_user");
}

TEST(JwtClaim, A33ScopeThatIsNoListOfGrantsIsMalformed) {
  for (const json& scope :
       {json("*"), json("mcp:tools  data:read"), json(" mcp:tools"), json("mcp:tools "),
        json("mcp:\ttools"), json("MCP:TOOLS"), json("mcp"), json(1), json(nullptr),
        json::array({"mcp:tools"}), json("mcp:" + std::string(65, 'a'))}) {
    EXPECT_EQ(claim_verdict("scope", scope), "malformed") << scope;
  }
  std::string many = "a:b";
  for (int i = 0; i < 64; ++i) many += " a:b";
  EXPECT_EQ(claim_verdict("scope", many), "malformed");
  EXPECT_EQ(claim_verdict("scope", ""), "accepted");
}

TEST(JwtClaim, TextClaimsOfAnotherTypeAreMalformed) {
  for (const char* claim : {"jti", "client_id", "container_id"}) {
    for (const json& value : {json(1), json(nullptr), json(false), json::array({"x"})}) {
      EXPECT_EQ(claim_verdict(claim, value), "malformed") << claim << value;
    }
  }
}

// --- bound to a certificate (RFC 8705 3) ---------------------------------------------------------

std::string_view verdict_with_certificate(std::optional<std::string_view> shown) {
  JwtExpectation expected = expectation();
  expected.certificate_thumbprint = shown;
  return verdict(signed_payload(payload_with("cnf", {{"x5t#S256", kThumbprint}})), expected);
}

TEST(CertificateBoundJwt, IsTakenFromTheConnectionWithItsCertificateOnly) {
  const std::string right(kThumbprint);
  EXPECT_EQ(verdict_with_certificate(right), "accepted");
  EXPECT_EQ(verdict_with_certificate(std::nullopt), "wrong_certificate");
  for (const std::string& wrong :
       {std::string(), right.substr(1), right.substr(0, 42), right + "A", "B" + right.substr(1),
        std::string("a4dtl2jmumhasvjj5tkyn64sqzmuxbmrja0n761y5v0"), std::string(43, 'A')}) {
    EXPECT_EQ(verdict_with_certificate(wrong), "wrong_certificate") << wrong;
  }
}

TEST(CertificateBoundJwt, AnUnboundTokenIsTakenWhateverTheConnectionShows) {
  JwtExpectation expected = expectation();
  expected.certificate_thumbprint = kThumbprint;
  EXPECT_EQ(verdict(good_jwt(), expected), "accepted");
}

TEST(CertificateBoundJwt, IsIntrospectedWithoutItsCertificate) {
  JwtExpectation expected = expectation();
  expected.audience.reset();
  const auto verified = verify_jwt(signed_payload(payload_with("cnf", {{"x5t#S256", kThumbprint}})),
                                   published_keys(), expected);
  ASSERT_TRUE(verified) << reason(verified);
  EXPECT_EQ(verified->claims.certificate_thumbprint, kThumbprint);
}

TEST(CertificateBoundJwt, ABindingThatCannotBeProvenHereNeverPassesForNone) {
  JwtExpectation expected = expectation();
  expected.certificate_thumbprint = kThumbprint;
  for (const json& cnf :
       {json(nullptr), json(kThumbprint), json(1), json::array({kThumbprint}), json::object(),
        json{{"jkt", kThumbprint}}, json{{"x5t#S256", ""}}, json{{"x5t#S256", nullptr}},
        json{{"x5t#S256", json::array({kThumbprint})}}, json{{"X5T#S256", kThumbprint}},
        json{{"x5t#S256", kThumbprint}, {"jkt", "x"}}}) {
    EXPECT_EQ(verdict(signed_payload(payload_with("cnf", cnf)), expected), "malformed") << cnf;
  }
}

// --- actor (RFC 8693 4.1) and status (Token Status List 6.2) -------------------------------------

TEST(JwtClaim, OfAnActorChainTheOutermostSubIsRead) {
  const json act = {{"sub", "outer"}, {"act", {{"sub", "inner"}}}, {"iss", kIssuer}};
  const auto verified =
      verify_jwt(signed_payload(payload_with("act", act)), published_keys(), expectation());
  ASSERT_TRUE(verified) << reason(verified);
  EXPECT_EQ(verified->claims.actor, "outer");
}

TEST(JwtClaim, AnActorThatIsNoObjectWithASubIsMalformed) {
  for (const json& act :
       {json("x"), json(nullptr), json(1), json::array({json{{"sub", "x"}}}), json::object(),
        json{{"sub", ""}}, json{{"sub", 1}}, json{{"act", {{"sub", "inner"}}}}}) {
    EXPECT_EQ(claim_verdict("act", act), "malformed") << act;
  }
}

TEST(JwtClaim, AStatusThatIsNoPlaceInAListIsMalformed) {
  const json good = {{"idx", 0}, {"uri", "https://x"}};
  EXPECT_EQ(claim_verdict("status", {{"status_list", good}}), "accepted");
  for (const json& status : {json("x"), json(nullptr), json(0), json::array({good}), json::object(),
                             good, json{{"status_list", nullptr}}, json{{"status_list", "x"}},
                             json{{"other_mechanism", good}}}) {
    EXPECT_EQ(claim_verdict("status", status), "malformed") << status;
  }
  const auto with = [&](std::string_view member, const json& value) {
    json list = good;
    list[member] = value;
    return claim_verdict("status", {{"status_list", list}});
  };
  EXPECT_EQ(with("idx", 4'294'967'295), "accepted");
  for (const json& index : {json(4'294'967'296), json(-1), json(0.0), json(1.5), json("0"),
                            json(nullptr), json(true), json(json::array({0}))}) {
    EXPECT_EQ(with("idx", index), "malformed") << index;
  }
  for (const json& uri : {json(""), json(nullptr), json(1), json::array({"https://x"})}) {
    EXPECT_EQ(with("uri", uri), "malformed") << uri;
  }
  EXPECT_EQ(claim_verdict("status", {{"status_list", {{"idx", 0}}}}), "malformed");
  EXPECT_EQ(claim_verdict("status", {{"status_list", {{"uri", "https://x"}}}}), "malformed");
}

// --- what holds for every token ----------------------------------------------------------------

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

TEST_P(EachJwtAlgorithm, AnySingleCharacterChangedIsRefused) {
  const std::string jwt = good_jwt(GetParam());
  ASSERT_EQ(verdict(jwt), "accepted");
  for (std::size_t i = 0; i < jwt.size(); ++i) {
    std::string altered = jwt;
    const std::size_t at = kAlphabet.find(jwt[i]);
    altered[i] = at == kAlphabet.npos ? 'A' : kAlphabet[(at + 1 + i % 62) % kAlphabet.size()];
    ASSERT_NE(altered, jwt);
    EXPECT_NE(verdict(altered), "accepted") << i;
  }
}

TEST_P(EachJwtAlgorithm, AnySingleCharacterRemovedOrRepeatedIsRefused) {
  const std::string jwt = good_jwt(GetParam());
  for (std::size_t i = 0; i < jwt.size(); ++i) {
    std::string shorter = jwt;
    shorter.erase(i, 1);
    EXPECT_NE(verdict(shorter), "accepted") << i;
    std::string longer = jwt;
    longer.insert(i, 1, jwt[i]);
    EXPECT_NE(verdict(longer), "accepted") << i;
  }
}

// One random edit: a byte replaced, a range removed, repeated, or overwritten from elsewhere.
void mutate(std::string& text, std::mt19937_64& random) {
  if (text.empty()) return;
  const std::size_t at = random() % text.size();
  const std::size_t length = 1 + random() % std::min<std::size_t>(16, text.size() - at);
  const std::string range = text.substr(random() % text.size(), length);
  switch (random() % 5) {
    case 0:
      text[at] = static_cast<char>(random());
      break;
    case 1:
      text[at] = kAlphabet[random() % kAlphabet.size()];
      break;
    case 2:
      text.erase(at, length);
      break;
    case 3:
      text.insert(at, range);
      break;
    default:
      text.replace(at, range.size(), range);
      break;
  }
}

TEST(JwtFuzz, RandomMutationsOfATokenNeverVerify) {
  // NOLINTNEXTLINE(cert-msc32-c,cert-msc51-cpp): a failure must repeat itself.
  std::mt19937_64 random(20231114);
  const std::string jwt = good_jwt();
  for (int round = 0; round < 20'000; ++round) {
    std::string altered = jwt;
    for (std::size_t edits = 1 + random() % 4; edits > 0; --edits) mutate(altered, random);
    if (altered == jwt) continue;
    ASSERT_NE(verdict(altered), "accepted") << altered;
  }
}

TEST(JwtFuzz, RandomMutationsUnderAGoodSignatureKeepWhatWasDemanded) {
  // NOLINTNEXTLINE(cert-msc32-c,cert-msc51-cpp): a failure must repeat itself.
  std::mt19937_64 random(20231115);
  const std::string header = good_header().dump();
  const std::string payload = good_payload().dump();
  int accepted = 0;
  for (int round = 0; round < 10'000; ++round) {
    std::string altered_header = header;
    std::string altered_payload = payload;
    mutate(random() % 4 == 0 ? altered_header : altered_payload, random);
    const std::string jwt = signed_texts(altered_header, altered_payload);
    const auto verified = verify_jwt(jwt, published_keys(), expectation());
    if (!verified) continue;
    ++accepted;
    EXPECT_EQ(verified->claims.issuer, kIssuer);
    EXPECT_EQ(verified->claims.user_id, kUser);
    EXPECT_EQ(verified->claims.audience, std::vector<std::string>{std::string(kAudience)});
    EXPECT_GT(verified->claims.expires_at, kNow);
    EXPECT_LE(verified->claims.issued_at, kNow + kDefaultLeeway);
  }
  EXPECT_GT(accepted, 0) << "the mutations reach no claim";
}

TEST(LooksLikeJwt, ByTheOuterFormAlone) {
  EXPECT_TRUE(looks_like_jwt(good_jwt()));
  EXPECT_TRUE(looks_like_jwt("eyJ.."));
  EXPECT_TRUE(looks_like_jwt(segment("{\"\xC3\xA9\":1}") + ".x.y"));
  for (const std::string text : {"", ".", "..", "eyJ", "eyJ.x", "eyJ.x.y.z", "eyA.x.y", "eyM.x.y",
                                 "EYJ.x.y", " eyJ.x.y", "ocu_0123456789", "e30.x.y"}) {
    EXPECT_FALSE(looks_like_jwt(text)) << text;
  }
  EXPECT_FALSE(looks_like_jwt("eyJ.." + std::string(kMaxJwt, 'A')));
}

}  // namespace
}  // namespace openclaw
