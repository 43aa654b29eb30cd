#include "extension/postgres_random.h"

#include "core/encoding.h"
#include "extension/call.h"

namespace openclaw::extension {

void PostgresRandom::fill(std::span<std::uint8_t> out) {
  if (!pg_strong_random(out.data(), out.size())) {
    throw SqlError{ERRCODE_INTERNAL_ERROR, "could not generate random values"};
  }
}

// `prefix_` and 128 random bits in 22 characters of base62.
OPENCLAW_FUNCTION(openclaw_new_id) {
  Call call(fcinfo);
  Bytes bits(16);
  PostgresRandom random;
  random.fill(bits);
  return Call::text(std::string(call.required_text(0, 16, "prefix")) + "_" +
                    base62_encode(bits, 22));
}

}  // namespace openclaw::extension
