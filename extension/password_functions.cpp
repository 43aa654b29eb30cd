// Password hashing in SQL.
#include "core/argon2id.h"
#include "extension/call.h"
#include "extension/postgres_random.h"
#include "extension/settings.h"

namespace openclaw::extension {

OPENCLAW_FUNCTION(openclaw_argon2id_hash) {
  Call call(fcinfo);
  std::string_view password = call.required_text(0, kMaxPasswordBytes, "password");
  guarded([] { CHECK_FOR_INTERRUPTS(); });
  PostgresRandom random;
  auto phc = argon2id_hash(password, settings::argon2_cost(), random);
  guarded([] { CHECK_FOR_INTERRUPTS(); });
  if (!phc) {
    throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "the password cannot be hashed",
                   std::string(message(phc.error()))};
  }
  return Call::text(*phc);
}

}  // namespace openclaw::extension
