// JWSs whose signature was found right, by the SHA-256 of their text, so that the same one again
// costs a hash and no curve. Nothing is decided by it: that a signature fits a text and a key stays
// true, and whatever can change (the key's place in the set, the clock, what was revoked) is looked
// at each time. The text names the key by its kid, so that a memory serves one set of keys, in
// which a kid means one key for as long as it lives.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "core/bytes.h"

namespace openclaw {

class KnownSignatures {
 public:
  static constexpr std::size_t kMost = 8192;  // 32 bytes each

  bool contains(const Digest& text) const;
  // In the place of the oldest of the few that share its bucket.
  void add(const Digest& text);

 private:
  using Bucket = std::array<Digest, 4>;  // the newest first; zeroes where there is none
  static constexpr std::size_t kBuckets = kMost / std::tuple_size_v<Bucket>;

  static std::size_t bucket_of(const Digest& text);

  std::vector<Bucket> buckets_;  // none before the first add()
};

}  // namespace openclaw
