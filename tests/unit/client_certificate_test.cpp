#include "core/client_certificate.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "core/encoding.h"
#include "core/fingerprint.h"
#include "core/sha256.h"
#include "tests/unit/gate_certificates.h"
#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using gate::CertificateSpec;
using gate::Identity;
using gate::make_identity;
using gate::must;

using Names = std::vector<std::string>;

Bytes der_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  must(size > 0);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

Bytes der_of(const Identity& identity) { return der_of(identity.certificate.get()); }

std::string byte_sequence(const Bytes& der) { return ":" + base64_encode(der) + ":"; }

Result<ClientCertificate> parsed(const Identity& identity) {
  return parse_client_certificate(byte_sequence(der_of(identity)));
}

// As nginx writes $ssl_client_escaped_cert: all but the unreserved characters of RFC 3986.
std::string percent_encoded(const std::string& text, std::string_view digits = "0123456789ABCDEF") {
  std::string encoded;
  for (const char c : text) {
    const bool is_letter_or_digit =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_letter_or_digit || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += c;
    } else {
      encoded += {'%', digits[static_cast<unsigned char>(c) >> 4],
                  digits[static_cast<unsigned char>(c) & 0x0F]};
    }
  }
  return encoded;
}

struct NamePart {
  const char* type;
  int encoding;  // MBSTRING_UTF8, V_ASN1_PRINTABLESTRING, ...
  std::string bytes;
};

// A certificate with this subject, its parts in the order of the DER.
Identity with_subject(const std::vector<NamePart>& parts) {
  Identity identity = make_identity({});
  X509* certificate = identity.certificate.get();
  X509_NAME* subject = X509_NAME_new();
  for (const NamePart& part : parts) {
    must(X509_NAME_add_entry_by_txt(subject, part.type, part.encoding,
                                    reinterpret_cast<const unsigned char*>(part.bytes.data()),
                                    static_cast<int>(part.bytes.size()), -1, 0) == 1);
  }
  must(X509_set_subject_name(certificate, subject) == 1);
  X509_NAME_free(subject);
  must(X509_sign(certificate, identity.key.get(), EVP_sha256()) > 0);
  return identity;
}

Names subjects_of(const Result<ClientCertificate>& certificate) {
  return certificate ? certificate->subjects : Names{std::string(reason(certificate))};
}

Names subjects_with_name(int type, std::string bytes) {
  CertificateSpec spec;
  spec.names = {{type, std::move(bytes)}};
  return subjects_of(parsed(make_identity(spec)));
}

// --- the RFCs' certificates --------------------------------------------------------------------

constexpr std::string_view kRfc8705Pem =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx\n"
    "ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG\n"
    "SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ\n"
    "/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID\n"
    "SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV\n"
    "bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=\n"
    "-----END CERTIFICATE-----\n";
constexpr std::string_view kRfc8705Thumbprint = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";

TEST(ClientCertificateVector, Rfc8705AppendixAHasItsThumbprintAndTimes) {
  const auto certificate = parse_client_certificate(kRfc8705Pem);
  ASSERT_TRUE(certificate) << reason(certificate);
  EXPECT_EQ(certificate->thumbprint, kRfc8705Thumbprint);
  EXPECT_EQ(certificate->subjects, Names{"subject_dn:CN=mtls"});
  EXPECT_EQ(certificate->not_before, 1539866229);  // 2018-10-18T12:37:09Z
  EXPECT_EQ(certificate->not_after, 1651495029);   // 2022-05-02T12:37:09Z
}

TEST(ClientCertificateVector, Rfc9440AppendixAIsRead) {
  const auto certificate = parse_client_certificate(
      ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBA"
      "MMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMF"
      "kwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k"
      "1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2D"
      "AOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMA"
      "oGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5Xarm"
      "Pk0wmuydBVoU4hBVZ1yhk=:");
  ASSERT_TRUE(certificate) << reason(certificate);
  EXPECT_EQ(certificate->subjects, (Names{"subject_dn:CN=BC", "san_email:bdc@example.com"}));
}

// --- the field ---------------------------------------------------------------------------------

TEST(ClientCertificateField, EveryFormGivesTheSameCertificate) {
  const Identity identity = make_identity({});
  const std::string pem = identity.certificate_pem();
  std::string one_line = pem;
  std::replace(one_line.begin(), one_line.end(), '\n', ' ');
  std::string continued;
  for (const char c : pem) continued += c == '\n' ? std::string("\r\n\t") : std::string(1, c);
  const std::string thumbprint = base64url_encode(sha256(der_of(identity)));
  for (const std::string& field : {byte_sequence(der_of(identity)), pem, percent_encoded(pem),
                                   percent_encoded(pem, "0123456789abcdef"), one_line, continued,
                                   pem.substr(0, pem.size() - 1)}) {
    const auto certificate = parse_client_certificate(field);
    ASSERT_TRUE(certificate) << reason(certificate) << field;
    EXPECT_EQ(certificate->thumbprint, thumbprint) << field;
  }
}

TEST(ClientCertificateField, ThatIsNotExactlyOneCertificateIsRefused) {
  const Identity identity = make_identity({});
  const std::string pem = identity.certificate_pem();
  const Bytes der = der_of(identity);
  const std::string sequence = byte_sequence(der);
  const std::string base64 = base64_encode(der);
  std::string other_label = pem;
  other_label.replace(other_label.find("CERTIFICATE"), 11, "TRUSTED CERTIFICATE");
  for (const std::string& field :
       {std::string(),
        std::string(":"),
        std::string("::"),
        std::string("%"),
        std::string("none"),
        base64,
        ":" + base64,
        base64 + ":",
        sequence + ";p=1",
        sequence + "," + sequence,
        " " + sequence,
        sequence + " ",
        "::" + base64 + "::",
        ":" + base64url_encode(der) + ":",
        ":" + base64 + "=:",
        ":" + base64.substr(4) + ":",
        pem + pem,
        "text\n" + pem,
        pem + "text",
        " " + pem,
        identity.key_pem(),
        pem + identity.key_pem(),
        other_label,
        pem.substr(0, pem.size() - 3),
        pem.substr(28),
        pem.substr(0, pem.find('\n') + 1),
        std::string("-----BEGIN CERTIFICATE----------END CERTIFICATE-----"),
        std::string("-----BEGIN CERTIFICATE-----END CERTIFICATE-----"),
        "%2" + pem,
        percent_encoded(pem) + "%",
        percent_encoded(pem) + "%0",
        percent_encoded(pem) + "%0g",
        percent_encoded(percent_encoded(pem)),
        pem + std::string(1, '\0'),
        "\"" + percent_encoded(pem) + "\"",
        "Cert=\"" + percent_encoded(pem) + "\""}) {
    EXPECT_EQ(reason(parse_client_certificate(field)), "invalid_certificate") << field;
  }
}

TEST(ClientCertificateField, CertificatesThatAreCutShortOrFollowedByAnythingAreRefused) {
  Bytes der = der_of(make_identity({}));
  Bytes longer = der;
  longer.push_back(0);
  EXPECT_EQ(reason(parse_client_certificate(byte_sequence(longer))), "invalid_certificate");
  Bytes twice = der;
  twice.insert(twice.end(), der.begin(), der.end());
  EXPECT_EQ(reason(parse_client_certificate(byte_sequence(twice))), "invalid_certificate");
  while (!der.empty()) {
    der.pop_back();
    EXPECT_EQ(reason(parse_client_certificate(byte_sequence(der))), "invalid_certificate");
  }
}

TEST(ClientCertificateField, ACertificateInBerThatIsNotDerIsRefused) {
  const Bytes der = der_of(make_identity({}));
  ASSERT_EQ(der[1], 0x82) << "a length of two bytes";
  Bytes indefinite{0x30, 0x80};
  indefinite.insert(indefinite.end(), der.begin() + 4, der.end());
  indefinite.insert(indefinite.end(), {0, 0});
  const unsigned char* next = indefinite.data();
  const gate::TestX509 read(d2i_X509(nullptr, &next, static_cast<long>(indefinite.size())));
  ASSERT_TRUE(read) << "OpenSSL itself takes it";
  EXPECT_EQ(reason(parse_client_certificate(byte_sequence(indefinite))), "invalid_certificate");
}

TEST(ClientCertificateField, OfMoreThan64KiBIsTooLong) {
  std::string field(kRfc8705Pem);
  field.resize(kMaxCertificate, '\n');
  EXPECT_EQ(reason(parse_client_certificate(field)), "accepted");
  EXPECT_EQ(reason(parse_client_certificate(field + "\n")), "too_long");
  EXPECT_EQ(reason(parse_client_certificate(std::string(8'000'000, ':'))), "too_long");
}

TEST(ClientCertificateField, LeavesOpensslsErrorQueueAsItWas) {
  ERR_clear_error();
  const Bytes noise(100, 0x30);
  EXPECT_EQ(reason(parse_client_certificate(byte_sequence(noise))), "invalid_certificate");
  EXPECT_EQ(reason(parse_client_certificate(kRfc8705Pem)), "accepted");
  EXPECT_EQ(ERR_peek_error(), 0u);

  ERR_raise(ERR_LIB_USER, 1);
  const unsigned long before = ERR_peek_last_error();
  EXPECT_EQ(reason(parse_client_certificate(byte_sequence(noise))), "invalid_certificate");
  EXPECT_EQ(ERR_peek_last_error(), before);
  ERR_clear_error();
}

// --- names -------------------------------------------------------------------------------------

TEST(ClientCertificateSubject, IsWrittenAsOpensslPrintsItByRfc2253) {
  EXPECT_EQ(subjects_of(parsed(with_subject({{"C", V_ASN1_PRINTABLESTRING, "DE"},
                                             {"O", MBSTRING_UTF8, "Claws, Inc."},
                                             {"OU", MBSTRING_UTF8, " a+b=\"c\"\\;<d> "},
                                             {"CN", MBSTRING_UTF8, "J\xC3\xB6rg"}}))),
            Names{R"(subject_dn:CN=J\C3\B6rg,OU=\ a\+b=\"c\"\\\;\<d\>\ ,O=Claws\, Inc.,C=DE)"});
}

TEST(ClientCertificateSubject, SaysTheSameInWhicheverEncodingOfText) {
  const Names expected{R"(subject_dn:CN=J\C3\B6rg)"};
  EXPECT_EQ(subjects_of(parsed(with_subject({{"CN", V_ASN1_UTF8STRING, "J\xC3\xB6rg"}}))),
            expected);
  EXPECT_EQ(subjects_of(parsed(with_subject({{"CN", V_ASN1_T61STRING, "J\xF6rg"}}))), expected);
  const std::string utf16("\0J\0\xF6\0r\0g", 8);
  EXPECT_EQ(subjects_of(parsed(with_subject({{"CN", V_ASN1_BMPSTRING, utf16}}))), expected);
}

TEST(ClientCertificateSubject, ThatCouldBeTakenForAnotherIsLeftOut) {
  const std::string with_nul("good\0evil", 9);
  for (const NamePart& part :
       std::vector<NamePart>{{"CN", V_ASN1_UTF8STRING, with_nul},
                             {"CN", V_ASN1_PRINTABLESTRING, with_nul},
                             {"CN", V_ASN1_BMPSTRING, std::string("\0a\0\0\0b", 6)},
                             {"CN", V_ASN1_BIT_STRING, "good"}}) {
    EXPECT_EQ(subjects_of(parsed(with_subject({{"O", MBSTRING_UTF8, "Claws"}, part}))), Names{})
        << part.encoding;
  }
}

// OpenSSL writes no such name: the bytes are put into the DER.
TEST(ClientCertificateSubject, ThatIsNoTextOfItsEncodingIsRefusedWithItsCertificate) {
  for (const std::string_view bytes : {"J\xF6rg", "a\xC0\xAF.", "ab\xE2\x82", "a\xED\xA0\x80"}) {
    Bytes der = der_of(with_subject({{"CN", V_ASN1_UTF8STRING, "good"}}));
    const ByteView good = as_bytes("good");
    const auto found = std::search(der.begin(), der.end(), good.begin(), good.end());
    ASSERT_NE(found, der.end());
    std::copy(bytes.begin(), bytes.end(), found);
    EXPECT_EQ(reason(parse_client_certificate(byte_sequence(der))), "invalid_certificate");
  }
}

TEST(ClientCertificateSubject, ThatIsEmptyIsLeftOut) {
  EXPECT_EQ(subjects_of(parsed(with_subject({}))), Names{});
}

TEST(ClientCertificateSubject, ControlCharactersAndUnknownTypesAreEscaped) {
  EXPECT_EQ(subjects_of(parsed(with_subject({{"CN", V_ASN1_UTF8STRING, "a\r\nb"}}))),
            Names{R"(subject_dn:CN=a\0D\0Ab)"});
  EXPECT_EQ(subjects_of(parsed(with_subject({{"1.2.3.4", V_ASN1_UTF8STRING, "ab"}}))),
            Names{"subject_dn:1.2.3.4=#0C026162"});
}

TEST(ClientCertificateName, EveryAlternativeOfTheFourKindsIsGivenInItsOrder) {
  CertificateSpec spec;
  spec.names = {{GEN_URI, "spiffe://claws.example/ns/a/sa/b"},
                {GEN_DNS, "client.example"},
                {GEN_DNS, "*.Client.example"},
                {GEN_IPADD, std::string("\xC0\x00\x02\x01", 4)},
                {GEN_EMAIL, "ops@client.example"}};
  EXPECT_EQ(subjects_of(parsed(make_identity(spec))),
            (Names{"subject_dn:CN=test", "san_uri:spiffe://claws.example/ns/a/sa/b",
                   "san_dns:client.example", "san_dns:*.Client.example", "san_ip:192.0.2.1",
                   "san_email:ops@client.example"}));
}

TEST(ClientCertificateName, AddressesAreWrittenInTheirOneForm) {
  const std::string ipv6 = std::string("\x20\x01\x0D\xB8", 4) + std::string(11, '\0') + "\x01";
  EXPECT_EQ(subjects_with_name(GEN_IPADD, ipv6),
            (Names{"subject_dn:CN=test", "san_ip:2001:db8::1"}));
  for (const std::size_t size : {std::size_t{1}, std::size_t{3}, std::size_t{5}, std::size_t{8},
                                 std::size_t{15}, std::size_t{17}, std::size_t{32}}) {
    EXPECT_EQ(subjects_with_name(GEN_IPADD, std::string(size, '\1')), Names{"subject_dn:CN=test"})
        << size;
  }
}

TEST(ClientCertificateName, AnAlternativeThatCouldBeTakenForAnotherIsLeftOut) {
  for (const int type : {GEN_DNS, GEN_URI, GEN_EMAIL}) {
    for (const std::string& bytes :
         {std::string(), std::string("good.example\0.evil.example", 26), std::string("a b"),
          std::string("good.example\n"), std::string("\x7F"), std::string("\xC3\xA9.example"),
          std::string("\xFF")}) {
      EXPECT_EQ(subjects_with_name(type, bytes), Names{"subject_dn:CN=test"}) << bytes;
    }
  }
}

TEST(ClientCertificateName, OtherKindsOfAlternativesAreLeftOut) {
  EXPECT_EQ(subjects_of(parsed([] {
              Identity identity = make_identity({});
              gate::add_extension(identity.certificate.get(), NID_subject_alt_name,
                                  "RID:1.2.3.4,otherName:1.2.3.5;UTF8:x,DNS:client.example");
              must(X509_sign(identity.certificate.get(), identity.key.get(), EVP_sha256()) > 0);
              return identity;
            }())),
            (Names{"subject_dn:CN=test", "san_dns:client.example"}));
}

TEST(ClientCertificateName, AlternativesThatStandThereTwiceOrDoNotParseAreRefused) {
  CertificateSpec spec;
  spec.names = {{GEN_DNS, "client.example"}};
  const Identity twice = make_identity(spec);
  gate::add_extension(twice.certificate.get(), NID_subject_alt_name, "DNS:other.example");
  must(X509_sign(twice.certificate.get(), twice.key.get(), EVP_sha256()) > 0);
  EXPECT_EQ(reason(parsed(twice)), "invalid_certificate");

  const Identity broken = make_identity({});
  gate::add_extension(broken.certificate.get(), NID_subject_alt_name, "DER:30:05:82:01");
  must(X509_sign(broken.certificate.get(), broken.key.get(), EVP_sha256()) > 0);
  EXPECT_EQ(reason(parsed(broken)), "invalid_certificate");
}

// --- times -------------------------------------------------------------------------------------

TEST(ClientCertificateTime, RunsFromTheEpochsEraToTheYear9999) {
  const Identity identity = make_identity({});
  X509* certificate = identity.certificate.get();
  must(ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "19500101000000Z") == 1);
  must(ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "99991231235959Z") == 1);
  must(X509_sign(certificate, identity.key.get(), EVP_sha256()) > 0);
  const auto read = parsed(identity);
  ASSERT_TRUE(read) << reason(read);
  EXPECT_EQ(read->not_before, -631152000);
  EXPECT_EQ(read->not_after, 253402300799);
}

TEST(ClientCertificateTime, IsReportedNotJudged) {
  CertificateSpec spec;
  spec.valid_from = -7200;
  spec.valid_until = -3600;
  EXPECT_EQ(reason(parsed(make_identity(spec))), "accepted");
}

TEST(ClientCertificateTime, ThatIsNoTimeIsRefused) {
  Identity identity = make_identity({});
  Bytes der = der_of(identity);
  // UTCTime: tag 23, 13 bytes, "YYMMDDhhmmssZ". The month becomes 99.
  const Bytes start{0x17, 0x0D};
  const auto found = std::search(der.begin(), der.end(), start.begin(), start.end());
  ASSERT_NE(found, der.end());
  std::fill(found + 4, found + 6, '9');
  EXPECT_EQ(reason(parse_client_certificate(byte_sequence(der))), "invalid_certificate");
}

}  // namespace
}  // namespace openclaw
