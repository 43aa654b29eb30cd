// Certificates for the gate's TLS tests, made with OpenSSL, and a directory to put their files in.
#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "core/free_with.h"

namespace openclaw::gate {

using TestX509 = std::unique_ptr<X509, FreeWith<X509_free>>;
using TestKey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using TestBio = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using TestExtension = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;

inline void must(bool done) {
  if (!done) throw std::runtime_error("OpenSSL made no test certificate");
}

struct CertificateSpec {
  std::string common_name = "test";
  std::vector<std::pair<int, std::string>> names = {};  // GEN_URI, GEN_DNS, GEN_IPADD and the bytes
  std::string extended_key_usage = "";                  // "clientAuth", "serverAuth"; "": none
  bool ca = false;
  long valid_from = -3600;  // seconds from now
  long valid_until = 3600;
};

// A certificate and its key (P-256).
struct Identity {
  TestX509 certificate;
  TestKey key;

  std::string certificate_pem() const {
    const TestBio bio(BIO_new(BIO_s_mem()));
    must(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
    return text_of(bio.get());
  }
  std::string key_pem(const char* passphrase = nullptr) const {
    const TestBio bio(BIO_new(BIO_s_mem()));
    must(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(),
                                       passphrase == nullptr ? nullptr : EVP_aes_128_cbc(), nullptr,
                                       0, nullptr, const_cast<char*>(passphrase)) == 1);
    return text_of(bio.get());
  }

 private:
  static std::string text_of(BIO* bio) {
    std::string text(BIO_ctrl_pending(bio), '\0');
    must(BIO_read(bio, text.data(), static_cast<int>(text.size())) ==
         static_cast<int>(text.size()));
    return text;
  }
};

inline GENERAL_NAMES* general_names(const std::vector<std::pair<int, std::string>>& names) {
  GENERAL_NAMES* all = sk_GENERAL_NAME_new_null();
  for (const auto& [type, bytes] : names) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    ASN1_STRING* string =
        ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    must(ASN1_STRING_set(string, bytes.data(), static_cast<int>(bytes.size())) == 1);
    GENERAL_NAME_set0_value(name, type, string);
    must(sk_GENERAL_NAME_push(all, name) > 0);
  }
  return all;
}

inline void add_extension(X509* certificate, int nid, const char* value) {
  const TestExtension extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
  must(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

// Signed by `issuer`, or by itself without one.
inline Identity make_identity(const CertificateSpec& spec, const Identity* issuer = nullptr) {
  static long serial = 0;
  Identity made{TestX509(X509_new()), TestKey(EVP_EC_gen("P-256"))};
  X509* certificate = made.certificate.get();
  must(X509_set_version(certificate, X509_VERSION_3) == 1);
  must(ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial) == 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), spec.valid_from);
  X509_gmtime_adj(X509_getm_notAfter(certificate), spec.valid_until);
  must(X509_set_pubkey(certificate, made.key.get()) == 1);
  X509_NAME* subject = X509_get_subject_name(certificate);
  must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                  reinterpret_cast<const unsigned char*>(spec.common_name.c_str()),
                                  -1, -1, 0) == 1);
  must(X509_set_issuer_name(
           certificate, issuer ? X509_get_subject_name(issuer->certificate.get()) : subject) == 1);
  add_extension(certificate, NID_basic_constraints,
                spec.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (spec.ca) add_extension(certificate, NID_key_usage, "critical,keyCertSign");
  if (!spec.extended_key_usage.empty()) {
    add_extension(certificate, NID_ext_key_usage, spec.extended_key_usage.c_str());
  }
  if (!spec.names.empty()) {
    GENERAL_NAMES* names = general_names(spec.names);
    must(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) == 1);
    GENERAL_NAMES_free(names);
  }
  must(X509_sign(certificate, (issuer ? issuer->key : made.key).get(), EVP_sha256()) > 0);
  return made;
}

// Gone with all its files when the test ends.
class TestDirectory {
 public:
  TestDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "openclaw-XXXXXX").string();
    must(::mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  ~TestDirectory() { std::filesystem::remove_all(path_); }

  std::string path(std::string_view name) const { return (path_ / name).string(); }

  // Gives the file's path.
  std::string write(std::string_view name, std::string_view contents, mode_t mode = 0600) const {
    const std::string file = path(name);
    std::ofstream(file, std::ios::binary) << contents;
    must(::chmod(file.c_str(), mode) == 0);
    return file;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace openclaw::gate
