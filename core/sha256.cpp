#include "core/sha256.h"

#include <stdexcept>

#include <openssl/evp.h>

namespace openclaw {
namespace {

// OpenSSL's, which has the processor's own instructions where there are some. Fetched once: an
// implicit fetch costs more than a short text's digest.
const EVP_MD* algorithm() {
  static EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (fetched == nullptr) throw std::runtime_error("OpenSSL has no SHA-256");
  return fetched;
}

}  // namespace

Digest sha256(ByteView bytes) {
  Digest digest;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, algorithm(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 failed");
  }
  return digest;
}

}  // namespace openclaw
