#include "core/fingerprint.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <new>

#include "core/encoding.h"
#include "core/free_with.h"
#include "core/openssl_errors.h"
#include "core/sha256.h"

namespace openclaw {
namespace {

constexpr std::string_view kPemBegin = "-----BEGIN ";

void free_openssl(void* memory) { OPENSSL_free(memory); }

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using SpkiPtr = std::unique_ptr<X509_PUBKEY, FreeWith<X509_PUBKEY_free>>;
template <class T>
using OpensslPtr = std::unique_ptr<T, FreeWith<free_openssl>>;

// The d2i function `decode` applied to all of `der`; null when anything is left over.
template <class Pointer, class Decode>
Pointer decode_all(ByteView der, Decode decode) {
  const unsigned char* next = der.data();
  Pointer object(decode(nullptr, &next, static_cast<long>(der.size())));
  if (next != der.data() + der.size()) return nullptr;
  return object;
}

// A key that OpenSSL cannot read is refused: no TLS connection could ever match its pin.
Result<Digest> digest_of(X509_PUBKEY* spki) {
  if (spki == nullptr || X509_PUBKEY_get0(spki) == nullptr) return Error::invalid_certificate;
  unsigned char* der = nullptr;
  const int length = i2d_X509_PUBKEY(spki, &der);
  const OpensslPtr<unsigned char> owner(der);
  if (length <= 0) return Error::invalid_certificate;
  return sha256({der, static_cast<std::size_t>(length)});
}

Result<Digest> digest_of_certificate(ByteView der) {
  const X509Ptr certificate = decode_all<X509Ptr>(der, d2i_X509);
  if (!certificate) return Error::invalid_certificate;
  return digest_of(X509_get_X509_PUBKEY(certificate.get()));
}

Result<Digest> digest_of_public_key(ByteView der) {
  return digest_of(decode_all<SpkiPtr>(der, d2i_X509_PUBKEY).get());
}

// PEM_read_bio only takes the armour off, so that no block, whatever its label, is decrypted or
// asks for a passphrase.
Result<Digest> digest_of_pem(ByteView pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) throw std::bad_alloc();
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long length = 0;
  if (PEM_read_bio(bio.get(), &label, &header, &data, &length) != 1) {
    return Error::invalid_certificate;
  }
  const OpensslPtr<char> label_owner(label);
  const OpensslPtr<char> header_owner(header);
  const OpensslPtr<unsigned char> data_owner(data);
  const ByteView der(data, static_cast<std::size_t>(length));
  if (*header != '\0') return Error::invalid_certificate;
  if (label == std::string_view(PEM_STRING_X509)) return digest_of_certificate(der);
  if (label == std::string_view(PEM_STRING_PUBLIC)) return digest_of_public_key(der);
  return Error::invalid_certificate;
}

// A SEQUENCE with a length that is not one of the short ones, which could be ASCII.
bool can_only_be_der(ByteView bytes) {
  return bytes.size() >= 2 && bytes[0] == 0x30 && bytes[1] >= 0x80;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

Result<Digest> to_digest(const Result<Bytes>& bytes) {
  Digest digest;
  if (!bytes || bytes->size() != digest.size()) return Error::invalid_fingerprint;
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

// curl's second slash is told from one that belongs to the base64 by the length.
Result<Digest> parse_base64_pin(std::string_view text) {
  constexpr std::size_t kLength = 44;
  if (text.size() == kLength + 1 && text.front() == '/') text.remove_prefix(1);
  if (text.size() != kLength) return Error::invalid_fingerprint;
  return to_digest(base64_decode(text));
}

Result<Digest> parse_hex_pin(std::string_view text) {
  constexpr std::size_t kLength = 64;
  constexpr std::size_t kLengthWithColons = 95;
  if (text.size() == kLength) return to_digest(hex_decode(text));
  if (text.size() != kLengthWithColons) return Error::invalid_fingerprint;
  std::string hex;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 3 != 2) {
      hex += text[i];
    } else if (text[i] != ':') {
      return Error::invalid_fingerprint;
    }
  }
  return to_digest(hex_decode(hex));
}

}  // namespace

Result<Digest> spki_sha256(ByteView certificate_or_key) {
  if (certificate_or_key.size() > kMaxCertificate) return Error::too_long;
  const ErrorQueueRestorer restorer;
  if (Result<Digest> digest = digest_of_certificate(certificate_or_key)) return digest;
  if (Result<Digest> digest = digest_of_public_key(certificate_or_key)) return digest;
  // PEM text within a certificate's own fields is not the certificate, even when that is broken.
  if (can_only_be_der(certificate_or_key)) return Error::invalid_certificate;
  return digest_of_pem(certificate_or_key);
}

std::string format_fingerprint(const Digest& spki) { return "sha256/" + base64_encode(spki); }

Result<Digest> parse_fingerprint(std::string_view text) {
  constexpr std::string_view kBase64Prefix = "sha256/";
  constexpr std::string_view kHexPrefix = "sha256:";
  if (text.size() > kMaxCertificate) return Error::too_long;
  text = trim(text);
  if (text.starts_with(kBase64Prefix)) return parse_base64_pin(text.substr(kBase64Prefix.size()));
  if (text.starts_with(kHexPrefix)) return parse_hex_pin(text.substr(kHexPrefix.size()));
  if (text.find(kPemBegin) != std::string_view::npos) return spki_sha256(as_bytes(text));
  return Error::invalid_fingerprint;
}

}  // namespace openclaw
