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

// (password_hash, password) -> (matches, outdated)
OPENCLAW_FUNCTION(openclaw_check_password) {
  Call call(fcinfo);
  guarded([] { CHECK_FOR_INTERRUPTS(); });
  const auto password = call.text(1, kMaxPasswordBytes);
  const PasswordCheck check =
      argon2id_check(call.text(0, 256), password.value_or(""), settings::argon2_cost());
  guarded([] { CHECK_FOR_INTERRUPTS(); });
  Datum values[2] = {BoolGetDatum(check.matches), BoolGetDatum(check.outdated)};
  bool nulls[2] = {};
  return call.row(values, nulls);
}

}  // namespace openclaw::extension
