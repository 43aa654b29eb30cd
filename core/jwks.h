// A set of public keys (RFC 7517 5), looked up by kid.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/signing_key.h"

namespace openclaw {

inline constexpr std::size_t kMaxJwks = 256 * 1024;
inline constexpr std::size_t kMaxJwksKeys = 64;

class KeySet {
 public:
  // Error::duplicate_kid when two of them share one.
  static Result<KeySet> of(std::vector<PublicKey> keys);

  // Reads {"keys": [...]}. A key that cannot be used for our signatures (unknown kty, crv or alg,
  // no alg, no kid, use enc, bad key_ops, a weak or invalid key) is left out, as RFC 7517 5 asks;
  // the set as a whole is refused for Error::malformed, Error::too_long (over kMaxJwks, or more
  // than kMaxJwksKeys keys) and Error::duplicate_kid (also among keys that are left out).
  static Result<KeySet> parse(std::string_view json);

  // Reads the same and leaves nothing out: the error of the first key that cannot be used
  // (PublicKey::from_jwk, which gives a key without a kid its thumbprint as kid) is the set's, and
  // an empty set is Error::malformed. For a set that its owner hands in and can mend.
  static Result<KeySet> parse_strictly(std::string_view json, std::size_t max_keys);

  // Null when there is none. Valid as long as the set.
  const PublicKey* find(std::string_view kid) const;
  // In the order of their kids. Valid as long as the set.
  std::vector<const PublicKey*> with_algorithm(Algorithm algorithm) const;
  std::size_t size() const { return keys_.size(); }

  // {"keys":[...]}, in the order of their kids.
  std::string to_json() const;

 private:
  std::map<std::string, PublicKey, std::less<>> keys_;
};

}  // namespace openclaw
