#include "gate/server_tls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/bytes.h"
#include "core/encoding.h"
#include "core/free_with.h"
#include "core/secret.h"

namespace openclaw::gate {
namespace {

constexpr std::size_t kMaxPemFile = std::size_t{1024} * 1024;  // a bundle of a few hundred CAs
constexpr int kMaxChain = 8;                                   // CAs above a client certificate
constexpr std::size_t kMaxSpiffeId = 2048;                     // SPIFFE-ID 2.3

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>>;

[[noreturn]] void refuse(const std::string& file, std::string_view what) {
  ERR_clear_error();
  throw std::runtime_error(file + ": " + std::string(what));
}

// For what can only fail when memory is short or the library is broken.
void require(bool done) {
  if (done) return;
  ERR_clear_error();
  throw std::runtime_error("OpenSSL cannot set up TLS");
}

// --- files --------------------------------------------------------------------------------------

class File {
 public:
  explicit File(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0)
      refuse(path, "cannot be opened: " + std::generic_category().message(errno));
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::close(descriptor_); }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

enum class Privacy : std::uint8_t { open, owner_only };

Secret read_file(const std::string& path, Privacy privacy) {
  const File file(path);
  struct stat status {};
  if (::fstat(file.descriptor(), &status) != 0 || !S_ISREG(status.st_mode)) {
    refuse(path, "is not a regular file");
  }
  // Root's file may be read by the group that this process is in: a Kubernetes secret with an
  // fsGroup comes so.
  const bool from_root = status.st_uid == 0 && ::geteuid() != 0;
  const mode_t shut = from_root ? (S_IWGRP | S_IXGRP | S_IRWXO) : (S_IRWXG | S_IRWXO);
  if (privacy == Privacy::owner_only && (status.st_mode & shut) != 0) {
    refuse(path, "is open to group or others; chmod 600");
  }
  if (status.st_size <= 0 || static_cast<std::size_t>(status.st_size) > kMaxPemFile) {
    refuse(path, "is empty or larger than 1 MiB");
  }
  Secret contents(static_cast<std::size_t>(status.st_size));
  for (std::size_t filled = 0; filled < contents.size();) {
    const ssize_t count =
        ::read(file.descriptor(), contents.data() + filled, contents.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) refuse(path, "cannot be read whole");
    filled += static_cast<std::size_t>(count);
  }
  return contents;
}

// Nobody is at the terminal that OpenSSL would ask by default.
int no_passphrase(char*, int, int, void*) { return -1; }

BioPtr reader(const Secret& contents) {
  BioPtr bio(BIO_new_mem_buf(contents.data(), static_cast<int>(contents.size())));
  require(bio != nullptr);
  return bio;
}

// All certificates of a PEM file, at least one. A damaged one refuses the file.
std::vector<X509Ptr> read_certificates(const std::string& path) {
  const Secret contents = read_file(path, Privacy::open);
  const BioPtr bio = reader(contents);
  std::vector<X509Ptr> certificates;
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (certificates.empty()) refuse(path, "holds no PEM certificate");
  if (!at_end) refuse(path, "holds a PEM certificate that cannot be read");
  return certificates;
}

PkeyPtr read_private_key(const std::string& path) {
  const Secret contents = read_file(path, Privacy::owner_only);
  const BioPtr bio = reader(contents);
  PkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) refuse(path, "holds no PEM private key without a passphrase");
  return key;
}

// --- the context --------------------------------------------------------------------------------

void use_identity(SSL_CTX* context, const TlsFiles& files) {
  const std::vector<X509Ptr> chain = read_certificates(files.certificate);
  const PkeyPtr key = read_private_key(files.key);
  X509* leaf = chain.front().get();
  if (X509_check_private_key(leaf, key.get()) != 1) {
    refuse(files.key, "is not the key of the first certificate in " + files.certificate);
  }
  if (SSL_CTX_use_certificate(context, leaf) != 1) {
    refuse(files.certificate, "holds a certificate that is too weak for TLS");
  }
  require(SSL_CTX_use_PrivateKey(context, key.get()) == 1);
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      refuse(files.certificate, "holds a certificate that is too weak for TLS");
    }
  }
}

// A connection without a certificate that this CA signed for TLS clients does not come about.
void demand_client_certificate(SSL_CTX* context, const std::string& ca) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const X509Ptr& certificate : read_certificates(ca)) {
    if (X509_check_ca(certificate.get()) != 1) refuse(ca, "holds a certificate that is no CA's");
    require(X509_STORE_add_cert(store, certificate.get()) == 1);
    require(SSL_CTX_add_client_CA(context, certificate.get()) == 1);
  }
  require(SSL_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) == 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context, kMaxChain);
}

// For certificate-bound tokens. No chain is built, so whoever connects makes no work by a long one.
void ask_for_client_certificate(SSL_CTX* context) {
  const auto take_any = [](X509_STORE_CTX*, void*) { return 1; };
  SSL_CTX_set_cert_verify_callback(context, take_any, nullptr);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
}

void harden(SSL_CTX* context, Mode mode) {
  const int oldest = mode == Mode::mtls ? TLS1_3_VERSION : TLS1_2_VERSION;
  require(SSL_CTX_set_min_proto_version(context, oldest) == 1);
  SSL_CTX_set_security_level(context, 2);
  // For TLS 1.2; those of TLS 1.3 are all good.
  require(SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
  // Every connection proves itself in full: no session outlives a certificate, and no ticket key
  // has to be kept. Renegotiation would let a client change who it is in mid-connection.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  require(SSL_CTX_set_num_tickets(context, 0) == 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

// --- who the client is --------------------------------------------------------------------------

// A segment of a SPIFFE ID's path (SPIFFE-ID 2.2). Percent-encoding is not of the alphabet.
bool is_segment(std::string_view text) {
  return !text.empty() && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

bool is_workload_id(std::string_view uri, const ClientCertificates& allowed) {
  if (!is_segment(allowed.trust_domain) || !is_segment(allowed.platform_namespace)) return false;
  const std::string prefix =
      "spiffe://" + allowed.trust_domain + "/ns/" + allowed.platform_namespace + "/sa/";
  return uri.size() <= kMaxSpiffeId && uri.starts_with(prefix) &&
         is_segment(uri.substr(prefix.size()));
}

// The bytes as they are in the certificate: a NUL among them is just another byte.
std::string_view text_of(const ASN1_IA5STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

}  // namespace

std::shared_ptr<boost::asio::ssl::context> make_server_tls(const Config& config) {
  if (!config.tls) throw std::runtime_error("TLS needs a certificate and a key");
  auto context = std::make_shared<boost::asio::ssl::context>(boost::asio::ssl::context::tls_server);
  harden(context->native_handle(), config.mode);
  use_identity(context->native_handle(), *config.tls);
  if (config.mode == Mode::mtls) {
    demand_client_certificate(context->native_handle(), config.client_certificates.ca);
  } else if (config.mode == Mode::platform) {
    ask_for_client_certificate(context->native_handle());
  }
  return context;
}

bool has_allowed_certificate(SSL* connection, boost::asio::ssl::context& in_force,
                             const ClientCertificates& allowed) {
  X509* certificate = SSL_get0_peer_certificate(connection);
  if (certificate == nullptr || !is_allowed_workload(certificate, allowed)) return false;
  const StoreContextPtr verification(X509_STORE_CTX_new());
  X509_STORE* store = SSL_CTX_get_cert_store(in_force.native_handle());
  const bool good = verification &&
                    X509_STORE_CTX_init(verification.get(), store, certificate,
                                        SSL_get_peer_cert_chain(connection)) == 1 &&
                    X509_STORE_CTX_set_default(verification.get(), "ssl_client") == 1 &&
                    X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(verification.get()),
                                           SSL_CTX_get0_param(in_force.native_handle())) == 1 &&
                    X509_verify_cert(verification.get()) == 1;
  ERR_clear_error();
  return good;
}

std::string client_certificate_thumbprint(SSL* connection) {
  X509* certificate = SSL_get0_peer_certificate(connection);
  if (certificate == nullptr) return {};
  Digest digest;
  unsigned int size = 0;
  require(X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1 &&
          size == digest.size());
  return base64url_encode(digest);
}

bool is_allowed_workload(X509* certificate, const ClientCertificates& allowed) {
  if (certificate == nullptr) return false;
  // Null without the extension, and when it is there twice.
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  if (!names) return false;

  int uris = 0;
  bool named = false;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI) {
      ++uris;
      named |= is_workload_id(text_of(name->d.uniformResourceIdentifier), allowed);
    } else if (name->type == GEN_DNS) {
      const std::string_view dns = text_of(name->d.dNSName);
      named |= !dns.empty() &&
               std::find(allowed.allowed_dns_names.begin(), allowed.allowed_dns_names.end(), dns) !=
                   allowed.allowed_dns_names.end();
    }
  }
  // Two identities are none (X.509-SVID 2), whatever else the certificate says.
  return named && uris <= 1;
}

}  // namespace openclaw::gate
