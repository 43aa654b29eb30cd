// Signing keys and the master key in SQL.
#include <string>
#include <utility>
#include <vector>

#include "extension/call.h"
#include "extension/key_cache.h"
#include "extension/master_key_file.h"
#include "extension/postgres_random.h"

namespace openclaw::extension {

namespace {

// Others count a key as published from the moment it is made, which only the commit makes true.
constexpr std::int64_t kLongestMaking = 10 * USECS_PER_SEC;
TimestampTz first_made = 0;  // in this transaction; 0 for none
bool watching_commits = false;

void on_transaction_event(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE:
      if (first_made != 0 && GetCurrentTimestamp() - first_made > kLongestMaking) {
        first_made = 0;
        ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_STATE),
                        errmsg("a signing key must be committed within 10 seconds"),
                        errdetail("It would sign before every verifier can have it."),
                        errhint("Rotate keys in a transaction of its own.")));
      }
      if (event == XACT_EVENT_PRE_PREPARE && first_made != 0) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("a transaction that made a signing key cannot be prepared")));
      }
      break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PARALLEL_COMMIT:
    case XACT_EVENT_PARALLEL_ABORT:
    case XACT_EVENT_PREPARE:
      first_made = 0;
      break;
    default:
      break;
  }
}

void watch_this_commit() {
  if (first_made == 0) first_made = GetCurrentTimestamp();
  if (watching_commits) return;
  guarded([] { RegisterXactCallback(on_transaction_event, nullptr); });
  watching_commits = true;
}

Algorithm required_algorithm(const Call& call, int index) {
  auto algorithm = parse_algorithm(call.required_text(index, 16, "alg"));
  if (algorithm) return *algorithm;
  throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "unknown signing algorithm", "",
                 "Use 'EdDSA', 'ES256' or 'RS256'."};
}

TimestampTz required_time(const Call& call, int index) {
  return DatumGetTimestampTz(call.datum(index));  // strict functions: never null
}

}  // namespace

OPENCLAW_FUNCTION(openclaw_generate_signing_key) {
  Call call(fcinfo);
  Algorithm algorithm = required_algorithm(call, 0);
  MasterKey master = std::move(read_master_keys().front());
  PostgresRandom random;
  SigningKey key = SigningKey::generate(algorithm, random);
  Secret plain = key.private_bytes();
  Bytes sealed = master.seal(plain.view(), sealing_context(algorithm, key.kid()), random);
  watch_this_commit();
  Datum values[4] = {Call::text(key.kid()), Call::text(key.public_key().jwk()), Call::bytea(sealed),
                     Call::text(master.id())};
  bool nulls[4] = {};
  return call.row(values, nulls);
}

// (kid, alg, sealed_private_key, master_key_id) -> (sealed_again, sealed_under)
OPENCLAW_FUNCTION(openclaw_rewrap_key) {
  Call call(fcinfo);
  std::string_view kid = call.required_text(0, 256, "kid");
  Algorithm algorithm = required_algorithm(call, 1);
  ByteView sealed = as_bytes(call.required_text(2, 64 * 1024, "sealed_private_key"));
  Secret plain = unsealed(kid, algorithm, sealed, call.required_text(3, 64, "master_key_id"));
  MasterKey master = std::move(read_master_keys().front());
  PostgresRandom random;
  Datum values[2] = {
      Call::bytea(master.seal(plain.view(), sealing_context(algorithm, kid), random)),
      Call::text(master.id())};
  bool nulls[2] = {};
  return call.row(values, nulls);
}

OPENCLAW_FUNCTION(openclaw_create_master_key) {
  static_cast<void>(fcinfo);
  return Call::text(create_master_key().id());
}

OPENCLAW_FUNCTION(openclaw_add_master_key) {
  static_cast<void>(fcinfo);
  return Call::text(add_master_key().id());
}

OPENCLAW_FUNCTION(openclaw_keep_master_keys) {
  Call call(fcinfo);
  std::vector<std::string> ids;
  for (const auto& id : call.required_text_array(0, 4096, 1024 * 1024, "ids")) {
    if (id) ids.emplace_back(*id);
  }
  return Int32GetDatum(static_cast<int32>(keep_master_keys(ids)));
}

OPENCLAW_FUNCTION(openclaw_master_key_id) {
  static_cast<void>(fcinfo);
  return Call::text(read_master_keys().front().id());
}

OPENCLAW_FUNCTION(openclaw_master_key_ids) {
  static_cast<void>(fcinfo);
  std::vector<std::string> ids;
  for (const MasterKey& key : read_master_keys()) ids.push_back(key.id());
  std::vector<std::string_view> views(ids.begin(), ids.end());
  return Call::text_array(views);
}

OPENCLAW_FUNCTION(openclaw_jwks) {
  static_cast<void>(fcinfo);
  return Call::text(published_jwks(GetCurrentTimestamp()));
}

OPENCLAW_FUNCTION(openclaw_jwks_at) {
  return Call::text(published_jwks(required_time(Call(fcinfo), 0)));
}

OPENCLAW_FUNCTION(openclaw_signing_kid_at) {
  Call call(fcinfo);
  return Call::text(active_kid(required_algorithm(call, 0), required_time(call, 1)));
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
