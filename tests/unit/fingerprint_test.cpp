#include "core/encoding.h"
#include "core/fingerprint.h"
#include "core/free_with.h"
#include "core/sha256.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using namespace std::string_literals;

// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=mcp.example.com; the key
// was thrown away.
constexpr std::string_view kCertificatePem =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBjDCCATGgAwIBAgIUTwFYzL//mk04KlxWZH6Y2dvbf1kwCgYIKoZIzj0EAwIw\n"
    "GjEYMBYGA1UEAwwPbWNwLmV4YW1wbGUuY29tMCAXDTI2MTEyMjIzNTEyNVoYDzIx\n"
    "MjYxMDI5MjM1MTI1WjAaMRgwFgYDVQQDDA9tY3AuZXhhbXBsZS5jb20wWTATBgcq\n"
    "hkjOPQIBBggqhkjOPQMBBwNCAASKGjlSOxCM0RIMPSLYIMrv4Et5Yy9BW/4l3Tfs\n"
    "e6xJFB61ZAivi3JYtrDGKArtUhh0mbKsnaqdEdHzB+25u/HIo1MwUTAdBgNVHQ4E\n"
    "FgQUNRq1A9nSFZ3bJ3wYbHGpXLeJD9IwHwYDVR0jBBgwFoAUNRq1A9nSFZ3bJ3wY\n"
    "bHGpXLeJD9IwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA5T3H\n"
    "R8qqneSbYv8JM/YpyHpIK4YudDL7GTomdfh8TqYCIQCuLtG65RBJzUF7aHKNdW2c\n"
    "/dQPADCErMpX0FGfY5dZfA==\n"
    "-----END CERTIFICATE-----\n";

// openssl x509 -pubkey -noout
constexpr std::string_view kPublicKeyPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEiho5UjsQjNESDD0i2CDK7+BLeWMv\n"
    "QVv+Jd037HusSRQetWQIr4tyWLawxigK7VIYdJmyrJ2qnRHR8wftubvxyA==\n"
    "-----END PUBLIC KEY-----\n";

// openssl pkey -pubin -outform der | openssl dgst -sha256
constexpr std::string_view kSpkiHex =
    "51b5e50d9ef8fd22911478c259261928470001d047306cd7517e8af6443f2f7d";
// ... -binary | base64
constexpr std::string_view kSpkiBase64 = "UbXlDZ74/SKRFHjCWSYZKEcAAdBHMGzXUX6K9kQ/L30=";

Digest expected_digest() {
  const Result<Bytes> bytes = hex_decode(kSpkiHex);
  Digest digest;
  std::copy_n(bytes->begin(), digest.size(), digest.begin());
  return digest;
}

template <class T>
std::string hex_or_reason(const Result<T>& digest) {
  return digest ? hex_encode(*digest) : std::string(name(digest.error()));
}

// Takes the armour off a PEM block by itself, for the DER that stands in it.
Bytes der_of(std::string_view pem) {
  std::string base64;
  std::size_t start = 0;
  while (start < pem.size()) {
    const std::size_t end = pem.find('\n', start);
    const std::string_view line = pem.substr(start, end - start);
    if (!line.starts_with("-----")) base64 += line;
    start = end + 1;
  }
  Result<Bytes> der = base64_decode(base64);
  if (!der) throw std::logic_error("the test's PEM is broken");
  return *std::move(der);
}

std::string pem_of(std::string_view label, ByteView der) {
  const std::string name(label);
  return "-----BEGIN " + name + "-----\n" + base64_encode(der) + "\n-----END " + name + "-----\n";
}

using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;

Bytes public_key_der(EVP_PKEY* key) {
  unsigned char* data = nullptr;
  const int length = i2d_PUBKEY(key, &data);
  if (length <= 0) throw std::runtime_error("i2d_PUBKEY");
  Bytes der(data, data + length);
  OPENSSL_free(data);
  return der;
}

Bytes self_signed_certificate_der(EVP_PKEY* key, const EVP_MD* digest,
                                  const std::string& subject_text = "mcp.example.com") {
  const X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  ASN1_TIME_set_string(X509_getm_notBefore(certificate.get()), "20200101000000Z");
  ASN1_TIME_set_string(X509_getm_notAfter(certificate.get()), "20200102000000Z");
  X509_NAME* const subject = X509_NAME_new();
  // A description, unlike a common name, may have any length.
  X509_NAME_add_entry_by_NID(subject, NID_description, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(subject_text.data()),
                             static_cast<int>(subject_text.size()), -1, 0);
  X509_set_subject_name(certificate.get(), subject);
  X509_set_issuer_name(certificate.get(), subject);
  X509_NAME_free(subject);
  X509_set_pubkey(certificate.get(), key);
  if (X509_sign(certificate.get(), key, digest) <= 0) throw std::runtime_error("X509_sign");
  unsigned char* data = nullptr;
  const int length = i2d_X509(certificate.get(), &data);
  Bytes der(data, data + length);
  OPENSSL_free(data);
  return der;
}

std::string private_key_pem(EVP_PKEY* key, const EVP_CIPHER* cipher) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  const char* const passphrase = cipher == nullptr ? nullptr : "secret";
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key, cipher, passphrase, cipher == nullptr ? 0 : 6,
                                    nullptr, nullptr) != 1) {
    throw std::runtime_error("PEM_write_bio_PKCS8PrivateKey");
  }
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(length)};
}

TEST(SpkiSha256, OfACertificateInPemAndDerIsWhatTheOpensslCommandGives) {
  EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(kCertificatePem))), kSpkiHex);
  EXPECT_EQ(hex_or_reason(spki_sha256(der_of(kCertificatePem))), kSpkiHex);
}

TEST(SpkiSha256, OfABarePublicKeyIsThatOfItsCertificate) {
  EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(kPublicKeyPem))), kSpkiHex);
  EXPECT_EQ(hex_or_reason(spki_sha256(der_of(kPublicKeyPem))), kSpkiHex);
}

TEST(SpkiSha256, IsTheHashOfTheDerWhateverTheKeysAlgorithm) {
  const struct {
    const char* name;
    KeyPtr key;
    const EVP_MD* digest;
  } rows[] = {
      {"P-256", KeyPtr(EVP_EC_gen("P-256")), EVP_sha256()},
      {"P-384", KeyPtr(EVP_EC_gen("P-384")), EVP_sha384()},
      {"RSA", KeyPtr(EVP_RSA_gen(2048)), EVP_sha256()},
      {"Ed25519", KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), nullptr},
  };
  for (const auto& row : rows) {
    ASSERT_TRUE(row.key) << row.name;
    const Bytes public_der = public_key_der(row.key.get());
    const std::string expected = hex_encode(sha256(public_der));
    const Bytes certificate = self_signed_certificate_der(row.key.get(), row.digest);
    EXPECT_EQ(hex_or_reason(spki_sha256(public_der)), expected) << row.name;
    EXPECT_EQ(hex_or_reason(spki_sha256(certificate)), expected) << row.name;
    EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(pem_of("CERTIFICATE", certificate)))), expected)
        << row.name;
  }
}

TEST(SpkiSha256, StaysTheSameWhenTheCertificateIsRenewedWithTheSameKey) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const Bytes before = self_signed_certificate_der(key.get(), EVP_sha256(), "before.example.com");
  const Bytes after = self_signed_certificate_der(key.get(), EVP_sha256(), "after.example.com");
  EXPECT_NE(before, after);
  EXPECT_EQ(hex_or_reason(spki_sha256(before)), hex_or_reason(spki_sha256(after)));
}

TEST(SpkiSha256, TakesTheFirstPemBlockAndReadsPastTextBeforeIt) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const std::string other = pem_of("PUBLIC KEY", public_key_der(key.get()));
  const std::string chain = "0 s:CN = mcp.example.com\n" + std::string(kCertificatePem) + other;
  EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(chain))), kSpkiHex);
  EXPECT_NE(hex_or_reason(spki_sha256(as_bytes(other + chain))), kSpkiHex);
}

TEST(SpkiSha256, TakesPemWithWindowsLineEnds) {
  std::string pem;
  for (const char c : kCertificatePem) pem += c == '\n' ? "\r\n"s : std::string(1, c);
  EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(pem))), kSpkiHex);
}

// Otherwise a certificate's own texts could put another key in its place.
TEST(SpkiSha256, OfADerCertificateIgnoresPemTextWithinIt) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const KeyPtr hidden(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const std::string text = "\n" + pem_of("PUBLIC KEY", public_key_der(hidden.get()));
  Bytes der = self_signed_certificate_der(key.get(), EVP_sha256(), text);
  ASSERT_NE(as_text(der).find(text), std::string_view::npos);
  EXPECT_EQ(hex_or_reason(spki_sha256(der)), hex_encode(sha256(public_key_der(key.get()))));
  der.pop_back();
  EXPECT_EQ(hex_or_reason(spki_sha256(der)), "invalid_certificate");
}

TEST(SpkiSha256, RefusesPrivateKeysEncryptedOrNot) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const std::string plain = private_key_pem(key.get(), nullptr);
  const std::string encrypted = private_key_pem(key.get(), EVP_aes_256_cbc());
  ASSERT_NE(plain.find("PRIVATE KEY"), std::string::npos);
  ASSERT_NE(encrypted.find("ENCRYPTED PRIVATE KEY"), std::string::npos);
  for (const std::string& pem : {plain, encrypted, plain + std::string(kCertificatePem)}) {
    EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(pem))), "invalid_certificate");
    EXPECT_EQ(hex_or_reason(parse_fingerprint(pem)), "invalid_certificate");
  }
  EXPECT_EQ(hex_or_reason(spki_sha256(der_of(plain))), "invalid_certificate");
}

TEST(SpkiSha256, RefusesPemOfOtherKinds) {
  const Bytes der = der_of(kCertificatePem);
  for (const std::string_view label :
       {"CERTIFICATE REQUEST", "TRUSTED CERTIFICATE", "X509 CRL", "PKCS7", "PUBLIC KEY",
        "RSA PUBLIC KEY", "PRIVATE KEY", "EC PARAMETERS", "certificate", ""}) {
    EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(pem_of(label, der)))), "invalid_certificate")
        << label;
  }
  EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(pem_of("CERTIFICATE", der_of(kPublicKeyPem))))),
            "invalid_certificate");
}

TEST(SpkiSha256, RefusesAPemBlockWithHeaders) {
  std::string pem(kCertificatePem);
  pem.insert(pem.find('\n') + 1, "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n");
  EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(pem))), "invalid_certificate");
}

TEST(SpkiSha256, RefusesDerThatIsCutOrHasAnythingBehindIt) {
  for (const std::string_view pem : {kCertificatePem, kPublicKeyPem}) {
    const Bytes der = der_of(pem);
    for (std::size_t length = 0; length < der.size(); ++length) {
      EXPECT_EQ(hex_or_reason(spki_sha256(ByteView(der).first(length))), "invalid_certificate")
          << length;
    }
    Bytes longer = der;
    longer.push_back(0);
    EXPECT_EQ(hex_or_reason(spki_sha256(longer)), "invalid_certificate");
    const std::string label = pem == kCertificatePem ? "CERTIFICATE" : "PUBLIC KEY";
    EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(pem_of(label, longer)))), "invalid_certificate");
  }
}

TEST(SpkiSha256, RefusesWhatIsNoCertificateAtAll) {
  for (const std::string& text :
       {""s, "0"s, "certificate"s, "-----BEGIN CERTIFICATE-----"s,
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"s,
        "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n"s,
        std::string(kCertificatePem.substr(0, kCertificatePem.size() / 2)), std::string(1000, '\0'),
        "\x30\x84\x7F\xFF\xFF\xFF"s}) {
    EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(text))), "invalid_certificate") << text;
  }
}

TEST(SpkiSha256, RefusesAKeyThatIsNoPointOfItsCurve) {
  Bytes der = der_of(kPublicKeyPem);
  der.back() ^= 0x01;
  EXPECT_EQ(hex_or_reason(spki_sha256(der)), "invalid_certificate");
}

TEST(SpkiSha256, RefusesMoreThan64KiB) {
  std::string text(kCertificatePem);
  text.resize(kMaxCertificate, '\n');
  EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(text))), kSpkiHex);
  EXPECT_EQ(hex_or_reason(spki_sha256(as_bytes(text + "\n"))), "too_long");
  EXPECT_EQ(hex_or_reason(parse_fingerprint(text + "\n")), "too_long");
}

TEST(SpkiSha256, LeavesOpensslsErrorQueueAsItWas) {
  ERR_clear_error();
  static_cast<void>(spki_sha256(as_bytes("no certificate")));
  static_cast<void>(spki_sha256(as_bytes(kCertificatePem)));
  EXPECT_EQ(ERR_peek_error(), 0u);

  ERR_raise(ERR_LIB_USER, 1);
  const unsigned long before = ERR_peek_last_error();
  static_cast<void>(spki_sha256(as_bytes("no certificate")));
  EXPECT_EQ(ERR_peek_last_error(), before);
  ERR_clear_error();
}

TEST(Fingerprint, IsWrittenAsSha256SlashBase64) {
  EXPECT_EQ(format_fingerprint(expected_digest()), "sha256/" + std::string(kSpkiBase64));
}

TEST(Fingerprint, IsReadInEveryFormThatItIsWrittenIn) {
  const std::string base64(kSpkiBase64);
  const std::string hex(kSpkiHex);
  std::string colons;
  for (std::size_t i = 0; i < hex.size(); i += 2) colons += (i == 0 ? "" : ":") + hex.substr(i, 2);
  std::string upper = colons;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
    return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  for (const std::string& text :
       {"sha256/" + base64, "sha256//" + base64, "sha256:" + hex, "sha256:" + colons,
        "sha256:" + upper, " \t\r\n\f\vsha256/" + base64 + "\r\n ", std::string(kCertificatePem),
        "\n\n" + std::string(kCertificatePem), std::string(kPublicKeyPem)}) {
    EXPECT_EQ(hex_or_reason(parse_fingerprint(text)), kSpkiHex) << text;
  }
}

// A digest whose base64 begins with a slash, so that `sha256//` has two readings.
TEST(Fingerprint, ThatBeginsWithASlashIsToldFromCurlsSecondSlash) {
  Digest digest{};
  digest.fill(0xFF);
  const std::string text = format_fingerprint(digest);
  ASSERT_TRUE(text.starts_with("sha256//"));
  EXPECT_EQ(hex_or_reason(parse_fingerprint(text)), hex_encode(digest));
  EXPECT_EQ(hex_or_reason(parse_fingerprint("sha256//" + text.substr(7))), hex_encode(digest));
  EXPECT_EQ(hex_or_reason(parse_fingerprint("sha256///" + text.substr(7))), "invalid_fingerprint");
}

TEST(Fingerprint, RoundTripsThroughItsText) {
  for (int byte = 0; byte < 256; ++byte) {
    Digest digest{};
    digest.fill(static_cast<std::uint8_t>(byte));
    EXPECT_EQ(hex_or_reason(parse_fingerprint(format_fingerprint(digest))), hex_encode(digest));
  }
}

TEST(Fingerprint, InAnyOtherFormIsRefused) {
  const std::string base64(kSpkiBase64);
  const std::string hex(kSpkiHex);
  std::string colons;
  for (std::size_t i = 0; i < hex.size(); i += 2) colons += (i == 0 ? "" : ":") + hex.substr(i, 2);
  std::string misplaced_colons = colons;
  std::swap(misplaced_colons[2], misplaced_colons[3]);
  std::string dashes = colons;
  std::replace(dashes.begin(), dashes.end(), ':', '-');
  const std::string rows[] = {"",
                              " ",
                              "sha256/",
                              "sha256//",
                              "sha256:",
                              base64,
                              hex,
                              colons,
                              "SHA256/" + base64,
                              "sha1/" + base64,
                              "sha512:" + hex,
                              "sha256=" + hex,
                              "sha256/" + hex,
                              "sha256:" + base64,
                              "sha256/" + base64.substr(0, 43),         // without padding
                              "sha256/" + base64.substr(0, 42) + "1=",  // non-zero unused bits
                              "sha256/ " + base64,
                              "sha256/" + base64 + ";sha256/" + base64,
                              "sha256//" + base64 + "=",
                              "sha256/-" + base64.substr(1),
                              "sha256/\xC3" + base64.substr(1),
                              "sha256/" + base64 + '\0',
                              "sha256:" + hex.substr(2),
                              "sha256:" + hex + "00",
                              "sha256:g" + hex.substr(1),
                              "sha256:0x" + hex.substr(2),
                              "sha256:" + misplaced_colons,
                              "sha256:" + dashes,
                              "sha256:" + colons + ":",
                              "sha256:" + hex.substr(0, 62) + ":" + hex.substr(62),
                              "curl --pinnedpubkey sha256//" + base64};
  for (const std::string& text : rows) {
    EXPECT_EQ(hex_or_reason(parse_fingerprint(text)), "invalid_fingerprint") << text;
  }
}

TEST(Fingerprint, FromBrokenPemIsAnInvalidCertificate) {
  EXPECT_EQ(hex_or_reason(parse_fingerprint("-----BEGIN CERTIFICATE-----\nAAAA\n")),
            "invalid_certificate");
}

}  // namespace
}  // namespace openclaw
