// Signing keys and the master key in SQL.
#include "extension/call.h"
#include "extension/key_cache.h"
#include "extension/master_key_file.h"
#include "extension/postgres_random.h"

namespace openclaw::extension {

OPENCLAW_FUNCTION(openclaw_generate_signing_key) {
  Call call(fcinfo);
  auto algorithm = parse_algorithm(call.required_text(0, 16, "alg"));
  if (!algorithm) {
    throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "unknown signing algorithm", "",
                   "Use 'EdDSA', 'ES256' or 'RS256'."};
  }
  MasterKey master = read_master_key();
  PostgresRandom random;
  SigningKey key = SigningKey::generate(*algorithm, random);
  Secret plain = key.private_bytes();
  Bytes sealed = master.seal(plain.view(), std::string(name(*algorithm)) + " " + key.kid(), random);
  Datum values[4] = {Call::text(key.kid()), Call::text(key.public_key().jwk()), Call::bytea(sealed),
                     Call::text(master.id())};
  bool nulls[4] = {};
  return call.row(values, nulls);
}

OPENCLAW_FUNCTION(openclaw_create_master_key) {
  static_cast<void>(fcinfo);
  return Call::text(create_master_key().id());
}

OPENCLAW_FUNCTION(openclaw_master_key_id) {
  static_cast<void>(fcinfo);
  return Call::text(read_master_key().id());
}

OPENCLAW_FUNCTION(openclaw_jwks) {
  static_cast<void>(fcinfo);
  return Call::text(published_jwks(GetCurrentTimestamp()));
}

// The statement trigger on openclaw.signing_keys.
OPENCLAW_FUNCTION(openclaw_invalidate_signing_keys) {
  if (!CALLED_AS_TRIGGER(fcinfo)) {
    throw SqlError{ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                   "openclaw.invalidate_signing_keys() is a trigger function"};
  }
  guarded([&] {
    auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    CacheInvalidateRelcache(trigger->tg_relation);
  });
  return Datum{0};
}

}  // namespace openclaw::extension
