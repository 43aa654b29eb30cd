#include "core/client_certificate.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "core/encoding.h"
#include "core/fingerprint.h"
#include "core/free_with.h"
#include "core/openssl_errors.h"
#include "core/sha256.h"

namespace openclaw {
namespace {

void free_openssl(void* memory) { OPENSSL_free(memory); }

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>>;
using BytesPtr = std::unique_ptr<unsigned char, FreeWith<free_openssl>>;

// --- the field ---------------------------------------------------------------------------------

// A '+' stays what it is: base64 holds it, and no form was encoded here.
Result<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    const std::string_view digits = text.substr(at + 1, 2);
    const Result<Bytes> byte = hex_decode(digits);
    if (digits.size() != 2 || !byte) return Error::invalid_certificate;
    decoded += as_text(*byte);
    at += 2;
  }
  return decoded;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Between the two lines of its armour PEM is base64 and white space: proxies fold its lines in
// their own ways. A second block would need a '-', which is neither.
Result<Bytes> der_of_pem(std::string_view pem) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
  while (!pem.empty() && is_space(pem.back())) pem.remove_suffix(1);
  if (pem.size() < kBegin.size() + kEnd.size()) return Error::invalid_certificate;
  if (!pem.starts_with(kBegin) || !pem.ends_with(kEnd)) return Error::invalid_certificate;
  pem.remove_prefix(kBegin.size());
  pem.remove_suffix(kEnd.size());
  std::string base64(pem);
  std::erase_if(base64, is_space);
  return base64_decode(base64);
}

Result<Bytes> der_of_field(std::string_view field) {
  if (field.size() >= 2 && field.starts_with(':') && field.ends_with(':')) {
    return base64_decode(field.substr(1, field.size() - 2));
  }
  const Result<std::string> pem = percent_decoded(field);  // plain PEM holds no '%'
  if (!pem) return pem.error();
  return der_of_pem(*pem);
}

// Null unless the bytes are one certificate in DER, to the last of them: encoding it again gives
// the same bytes. Of a certificate in looser BER each reader would compute its own thumbprint.
X509Ptr certificate_of(ByteView der) {
  const unsigned char* next = der.data();
  X509Ptr certificate(d2i_X509(nullptr, &next, static_cast<long>(der.size())));
  if (!certificate) return nullptr;
  unsigned char* again = nullptr;
  const int size = i2d_X509(certificate.get(), &again);
  const BytesPtr owner(again);
  if (size <= 0 || !std::equal(der.begin(), der.end(), again, again + size)) return nullptr;
  return certificate;
}

// --- names -------------------------------------------------------------------------------------

// Every value of the name is text that can be written as UTF-8, without a NUL.
bool is_plain_text(X509_NAME* subject) {
  for (int at = 0; at < X509_NAME_entry_count(subject); ++at) {
    const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, value);
    const BytesPtr owner(text);
    if (size < 0 || std::find(text, text + size, '\0') != text + size) return false;
  }
  return true;
}

// As RFC 4514 writes it, in ASCII. None for an empty name: everybody has that one.
std::optional<std::string> distinguished_name(X509* certificate) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  if (X509_NAME_entry_count(subject) == 0 || !is_plain_text(subject)) return std::nullopt;
  const BioPtr memory(BIO_new(BIO_s_mem()));
  if (!memory) throw std::bad_alloc();
  if (X509_NAME_print_ex(memory.get(), subject, 0, XN_FLAG_RFC2253) < 0) return std::nullopt;
  const char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

ByteView bytes_of(const ASN1_STRING* string) {
  return {ASN1_STRING_get0_data(string), static_cast<std::size_t>(ASN1_STRING_length(string))};
}

// An IA5String of visible characters, which is all that such a name may hold (RFC 5280 4.2.1.6).
std::optional<std::string> visible_text(const ASN1_STRING* string) {
  const std::string_view text = as_text(bytes_of(string));
  const bool is_visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
  if (text.empty() || !is_visible) return std::nullopt;
  return std::string(text);
}

// Dotted decimal, or RFC 5952 for IPv6.
std::optional<std::string> address_text(const ASN1_STRING* address) {
  const ByteView bytes = bytes_of(address);
  if (bytes.size() != sizeof(in_addr) && bytes.size() != sizeof(in6_addr)) return std::nullopt;
  const int family = bytes.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
  std::array<char, INET6_ADDRSTRLEN> text;
  if (inet_ntop(family, bytes.data(), text.data(), static_cast<socklen_t>(text.size())) ==
      nullptr) {
    return std::nullopt;
  }
  return std::string(text.data());
}

void append(std::vector<std::string>& subjects, std::string_view kind,
            const std::optional<std::string>& name) {
  if (name) subjects.push_back(std::string(kind) + *name);
}

void append_alternative(std::vector<std::string>& subjects, const GENERAL_NAME* name) {
  switch (name->type) {
    case GEN_DNS:
      return append(subjects, "san_dns:", visible_text(name->d.dNSName));
    case GEN_URI:
      return append(subjects, "san_uri:", visible_text(name->d.uniformResourceIdentifier));
    case GEN_EMAIL:
      return append(subjects, "san_email:", visible_text(name->d.rfc822Name));
    case GEN_IPADD:
      return append(subjects, "san_ip:", address_text(name->d.iPAddress));
    default:
      return;
  }
}

// Error::invalid_certificate for alternative names that do not parse or stand there twice.
Result<std::vector<std::string>> subjects_of(X509* certificate) {
  std::vector<std::string> subjects;
  append(subjects, "subject_dn:", distinguished_name(certificate));

  int found = 0;
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, &found, nullptr)));
  constexpr int kAbsent = -1;
  if (!names && found != kAbsent) return Error::invalid_certificate;
  for (int at = 0; at < sk_GENERAL_NAME_num(names.get()); ++at) {
    append_alternative(subjects, sk_GENERAL_NAME_value(names.get(), at));
  }
  return subjects;
}

// --- times -------------------------------------------------------------------------------------

Result<std::int64_t> numeric_date(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return Error::invalid_certificate;
  return std::int64_t{timegm(&parts)};
}

}  // namespace

Result<ClientCertificate> parse_client_certificate(std::string_view field) {
  if (field.size() > kMaxCertificate) return Error::too_long;
  const Result<Bytes> der = der_of_field(field);
  if (!der) return Error::invalid_certificate;

  const ErrorQueueRestorer restorer;
  const X509Ptr certificate = certificate_of(*der);
  if (!certificate) return Error::invalid_certificate;
  Result<std::vector<std::string>> subjects = subjects_of(certificate.get());
  const Result<std::int64_t> not_before = numeric_date(X509_get0_notBefore(certificate.get()));
  const Result<std::int64_t> not_after = numeric_date(X509_get0_notAfter(certificate.get()));
  if (!subjects || !not_before || !not_after) return Error::invalid_certificate;
  return ClientCertificate{base64url_encode(sha256(*der)), std::move(*subjects), *not_before,
                           *not_after};
}

}  // namespace openclaw
