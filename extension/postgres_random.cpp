#include "extension/postgres_random.h"

#include <algorithm>

#include "core/encoding.h"
#include "extension/call.h"

namespace openclaw::extension {

void PostgresRandom::fill(std::span<std::uint8_t> out) {
  if (!pg_strong_random(out.data(), out.size())) {
    throw SqlError{ERRCODE_INTERNAL_ERROR, "could not generate random values"};
  }
}

void BufferedRandom::fill(std::span<std::uint8_t> out) {
  if (out.size() > drawn_.size()) return PostgresRandom().fill(out);
  if (out.size() > drawn_.size() - used_) {
    PostgresRandom().fill({drawn_.data(), drawn_.size()});
    used_ = 0;
  }
  std::copy_n(drawn_.data() + used_, out.size(), out.data());
  used_ += out.size();
}

std::string new_id(std::string_view prefix, RandomSource& random) {
  Bytes bits(16);
  random.fill(bits);
  return std::string(prefix) + "_" + base62_encode(bits, 22);
}

OPENCLAW_FUNCTION(openclaw_new_id) {
  Call call(fcinfo);
  PostgresRandom random;
  return Call::text(new_id(call.required_text(0, 16, "prefix"), random));
}

}  // namespace openclaw::extension
