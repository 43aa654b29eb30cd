// JWTs that were verified before, by the SHA-256 of their text: the second request with the same
// token costs a hash and a look-up. What can end or bind a token is kept with it and judged each
// time. Bounded: when full, the entries that expire first go first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/bytes.h"
#include "core/jwks.h"
#include "core/secret.h"
#include "gate/known_lists.h"

namespace openclaw::gate {

// For maps that are keyed by a digest. A digest is uniform already: its first bytes serve as hash.
struct DigestHash {
  std::size_t operator()(const Digest& digest) const;
};

struct DigestEqual {
  bool operator()(const Digest& a, const Digest& b) const { return constant_time_equal(a, b); }
};

// What was verified of a token.
struct VerifiedToken {
  struct Status {
    std::shared_ptr<KnownList> list;  // null: there are too many others
    std::uint32_t index;
  };

  // Whether its list says so, as it was last read.
  bool is_revoked() const { return status && status->list && status->list->revokes(status->index); }

  std::string user_id;
  std::string kid;
  std::int64_t expires_at;  // NumericDate; at that second and after it the token is forgotten
  std::string certificate_thumbprint = {};  // of the certificate that it is bound to, or ""
  std::optional<Status> status = {};        // none: it cannot be revoked
};

class RememberedTokens {
 public:
  static constexpr std::size_t kMost = 65536;

  // Null when it is not known or has expired.
  std::shared_ptr<const VerifiedToken> find(const Digest& token, std::int64_t now);
  // Takes the place of what is known of the token. Nothing is kept when it has expired.
  void remember(const Digest& token, std::shared_ptr<const VerifiedToken> verified,
                std::int64_t now);
  // Forgets every token that has expired, with what it holds.
  void forget_expired(std::int64_t now);
  // Forgets every token whose key is not in `after` as it is in `before`: gone, or another one
  // under the same kid.
  void keep_only(const KeySet& before, const KeySet& after);
  void clear();
  std::size_t size() const { return entries_.size(); }

 private:
  using ByExpiry = std::multimap<std::int64_t, Digest>;
  struct Known {
    std::shared_ptr<const VerifiedToken> verified;
    ByExpiry::iterator place;
  };
  using Entries = std::unordered_map<Digest, Known, DigestHash, DigestEqual>;
  void forget_first();  // the one that expires first
  Entries::iterator forget(Entries::iterator known);

  Entries entries_;
  ByExpiry by_expiry_;  // each of entries_, once
};

}  // namespace openclaw::gate
