// The master key: 256 bits outside the database under which private signing keys are sealed with
// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03). Its line in the file of master keys:
//
//   openclaw-master-key-v1:BASE64URL(32 bytes)
//
// Its id is public and goes beside every key it seals: the first 16 hex digits of
// BLAKE2b-256(key = master key, "openclaw master key id").
#pragma once

#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/random.h"
#include "core/result.h"
#include "core/secret.h"

namespace openclaw {

inline constexpr std::size_t kMaxMasterKeyFile = 256;

class MasterKey {
 public:
  static MasterKey generate(RandomSource& random);
  // One trailing newline is allowed. Error::invalid_master_key.
  static Result<MasterKey> parse(std::string_view file_contents);

  // What to write into the file, with its newline.
  Secret file_contents() const;
  std::string id() const;

  // version byte 1 || nonce (24) || ciphertext and tag. `context` is authenticated, not stored: the
  // same must be given to open (for a signing key: its alg and kid).
  Bytes seal(ByteView plaintext, std::string_view context, RandomSource& random) const;
  // Error::wrong_master_key for anything that this key did not seal with this context.
  Result<Secret> open(ByteView sealed, std::string_view context) const;

 private:
  explicit MasterKey(Secret key);
  Secret key_;
};

}  // namespace openclaw
