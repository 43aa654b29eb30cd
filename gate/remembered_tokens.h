// JWTs that were verified before, by the SHA-256 of their text: the second request with the same
// token costs a hash and a look-up. Bounded: when full, the entries that expire first go first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "core/bytes.h"
#include "core/jwks.h"
#include "core/secret.h"

namespace openclaw::gate {

// For maps that are keyed by a digest. A digest is uniform already: its first bytes serve as hash.
struct DigestHash {
  std::size_t operator()(const Digest& digest) const;
};

struct DigestEqual {
  bool operator()(const Digest& a, const Digest& b) const { return constant_time_equal(a, b); }
};

class RememberedTokens {
 public:
  static constexpr std::size_t kMost = 65536;

  struct Entry {
    std::string user_id;
    std::string kid;
    std::int64_t expires_at;  // NumericDate; at that second and after it the token is forgotten
  };

  // Null when it is not known or has expired. Valid until the next call of another member.
  const Entry* find(const Digest& token, std::int64_t now);
  // Takes the place of what is known of the token. Nothing happens when it has expired.
  void remember(const Digest& token, Entry entry, std::int64_t now);
  // Forgets every token whose key is not in `after` as it is in `before`: gone, or another one
  // under the same kid.
  void keep_only(const KeySet& before, const KeySet& after);
  void clear();
  std::size_t size() const { return entries_.size(); }

 private:
  using ByExpiry = std::multimap<std::int64_t, Digest>;
  struct Known {
    Entry entry;
    ByExpiry::iterator place;
  };
  using Entries = std::unordered_map<Digest, Known, DigestHash, DigestEqual>;
  Entries::iterator forget(Entries::iterator known);

  Entries entries_;
  ByExpiry by_expiry_;  // each of entries_, once
};

}  // namespace openclaw::gate
