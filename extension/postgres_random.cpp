#include "extension/postgres_random.h"

#include "core/encoding.h"
#include "extension/call.h"

namespace openclaw::extension {

void PostgresRandom::fill(std::span<std::uint8_t> out) {
  if (!pg_strong_random(out.data(), out.size())) {
    throw SqlError{ERRCODE_INTERNAL_ERROR, "could not generate random values"};
  }
}

std::string new_id(std::string_view prefix) {
  Bytes bits(16);
  PostgresRandom random;
  random.fill(bits);
  return std::string(prefix) + "_" + base62_encode(bits, 22);
}

OPENCLAW_FUNCTION(openclaw_new_id) {
  Call call(fcinfo);
  return Call::text(new_id(call.required_text(0, 16, "prefix")));
}

}  // namespace openclaw::extension
