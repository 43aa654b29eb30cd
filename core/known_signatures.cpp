#include "core/known_signatures.h"

#include <algorithm>
#include <cstring>

#include "core/secret.h"

namespace openclaw {

std::size_t KnownSignatures::bucket_of(const Digest& text) {
  static_assert((kBuckets & (kBuckets - 1)) == 0);
  std::size_t uniform = 0;
  std::memcpy(&uniform, text.data(), sizeof uniform);
  return uniform & (kBuckets - 1);
}

bool KnownSignatures::contains(const Digest& text) const {
  if (buckets_.empty()) return false;
  const Bucket& bucket = buckets_[bucket_of(text)];
  return std::any_of(bucket.begin(), bucket.end(),
                     [&](const Digest& known) { return constant_time_equal(known, text); });
}

void KnownSignatures::add(const Digest& text) {
  if (buckets_.empty()) buckets_.resize(kBuckets);
  Bucket& bucket = buckets_[bucket_of(text)];
  std::move_backward(bucket.begin(), bucket.end() - 1, bucket.end());
  bucket.front() = text;
}

}  // namespace openclaw
