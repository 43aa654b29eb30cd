// Signing keys and the master key in SQL.
#include <algorithm>
#include <array>
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

// The keys that this transaction has made, by the subtransaction that a roll-back would take each
// with: no more than are ever published (add_signing_key in sql/signing_keys.sql), and then some.
struct Making {
  SubTransactionId in;
  TimestampTz at;
};
std::array<Making, 128> makings;
std::size_t made = 0;
bool watching_commits = false;

bool some_took_too_long() {
  const TimestampTz now = GetCurrentTimestamp();
  return std::any_of(makings.begin(), makings.begin() + made,
                     [now](const Making& each) { return now - each.at > kLongestMaking; });
}

void on_transaction_event(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE:
      if (some_took_too_long()) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_STATE),
                        errmsg("a signing key must be committed within 10 seconds"),
                        errdetail("It would sign before every verifier can have it."),
                        errhint("Rotate keys in a transaction of its own.")));
      }
      if (event == XACT_EVENT_PRE_PREPARE && made != 0) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("a transaction that made a signing key cannot be prepared")));
      }
      break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PARALLEL_COMMIT:
    case XACT_EVENT_PARALLEL_ABORT:
    case XACT_EVENT_PREPARE:
      made = 0;
      break;
    default:
      break;
  }
}

void on_subtransaction_event(SubXactEvent event, SubTransactionId its, SubTransactionId parent,
                             void*) {
  auto* const end = makings.begin() + made;
  if (event == SUBXACT_EVENT_ABORT_SUB) {
    made = static_cast<std::size_t>(
        std::remove_if(makings.begin(), end, [its](const Making& each) { return each.in == its; }) -
        makings.begin());
  } else if (event == SUBXACT_EVENT_COMMIT_SUB) {
    std::for_each(makings.begin(), end, [its, parent](Making& each) {
      if (each.in == its) each.in = parent;
    });
  }
}

void watch_this_commit() {
  if (made == makings.size()) {
    throw SqlError{ERRCODE_PROGRAM_LIMIT_EXCEEDED, "too many signing keys in one transaction"};
  }
  makings.at(made++) = {GetCurrentSubTransactionId(), GetCurrentTimestamp()};
  if (watching_commits) return;
  guarded([] {
    RegisterXactCallback(on_transaction_event, nullptr);
    RegisterSubXactCallback(on_subtransaction_event, nullptr);
  });
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
  return Call::text_array(views_of(ids));
}

OPENCLAW_FUNCTION(openclaw_jwks) {
  static_cast<void>(fcinfo);
  return Call::text(published_jwks(GetCurrentTimestamp()).text);
}

OPENCLAW_FUNCTION(openclaw_jwks_at) {
  return Call::text(published_jwks(required_time(Call(fcinfo), 0)).text);
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
