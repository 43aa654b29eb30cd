#include "core/sha256.h"

#include "core/sodium.h"

namespace openclaw {

Digest sha256(ByteView bytes) {
  Digest digest;
  crypto_hash_sha256(digest.data(), bytes.data(), bytes.size());
  return digest;
}

}  // namespace openclaw
