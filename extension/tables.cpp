#include "extension/tables.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "extension/call.h"

namespace openclaw::extension {
namespace {

// Attribute numbers as sql/tables.sql lays them down; columns are only ever added at the end.
// tests/pgtap/columns.sql holds them against the catalog.
namespace api_tokens {
enum : int {
  id = 1,
  user_id = 2,
  scopes = 5,
  expires_at = 6,
  issued_for = 7,
  container_id = 8,
  created_at = 9,
  revoked_at = 10,
  last_used_at = 11,
};
}
namespace users {
enum : int { plan_tier = 4, disabled_at = 5 };
}
namespace plans {
enum : int { max_token_lifetime = 4, allowed_scopes = 5 };
}
namespace containers {
enum : int {
  id = 1,
  user_id = 2,
  type = 4,
  mcp_endpoint = 5,
  auth_method = 6,
  disabled_at = 8,
  signing_alg = 10,
  jwt_generation = 11,
};
}
namespace oauth_clients {
enum : int {
  id = 1,
  user_id = 4,
  auth_method = 5,
  grant_types = 8,
  scopes = 9,
  disabled_at = 10,
};
}
namespace oauth_client_secrets {
enum : int { client_id = 2, expires_at = 4 };
}
namespace signing_keys {
enum : int {
  kid = 1,
  alg = 2,
  public_jwk = 3,
  sealed_private_key = 4,
  master_key_id = 5,
  created_at = 6,
  activates_at = 7,
  retires_at = 8,
  expires_at = 9,
  revoked_at = 10,
  jwks_max_age = 11,
};
}
namespace audit_blocks {
enum : int { upper = 3 };
}
namespace audit_marks {
enum : int { upper = 2 };
}

// Everything below runs inside guarded(): plain structs only.

// What names mean, until any of them is invalidated: four look-ups in the catalog's caches cost as
// much as a descent of an index.
struct KnownRelation {
  const char* name;
  Oid oid;
};
KnownRelation known_relations[32];
int known_count = 0;

void on_relcache_invalidation(Datum, Oid relation) {
  for (int i = 0; i < known_count; i++) {
    if (relation == InvalidOid || relation == known_relations[i].oid) known_count = 0;
  }
}

// Invalid when there is none. `name` is a literal.
Oid find_relation(const char* name) {
  for (int i = 0; i < known_count; i++) {
    if (known_relations[i].name == name) return known_relations[i].oid;
  }
  Oid schema = get_namespace_oid("openclaw", true);
  Oid found = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
  if (OidIsValid(found) && known_count < static_cast<int>(lengthof(known_relations))) {
    known_relations[known_count++] = {name, found};
  }
  return found;
}

Oid relation_oid(const char* name) {
  Oid relation = find_relation(name);
  if (!OidIsValid(relation)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("openclaw.%s does not exist", name),
                    errhint("CREATE EXTENSION openclaw;")));
  }
  return relation;
}

Snapshot snapshot_for(Relation table, Sight sight) {
  if (sight == Sight::statement && !IsolationUsesXactSnapshot()) {
    return RegisterSnapshot(GetActiveSnapshot());
  }
  // Beside parallel workers Postgres refuses the one; the other is taken as freshly for a table
  // that is no catalog.
  return RegisterSnapshot(IsInParallelMode()
                              ? GetNonHistoricCatalogSnapshot(RelationGetRelid(table))
                              : GetLatestSnapshot());
}

// Look-ups by equality on the first columns of a unique index.
struct IndexReader {
  Relation table;
  Relation index;
  Snapshot snapshot;
  IndexScanDesc scan;
  TupleTableSlot* slot;  // null until a row was found
};

// Of an index of `columns` columns; `keys` of them are looked up.
IndexReader open_index(const char* table, const char* index, Sight sight = Sight::statement,
                       int columns = 1, int keys = 1) {
  IndexReader reader{};
  reader.table = table_open(relation_oid(table), AccessShareLock);
  reader.index = index_open(relation_oid(index), AccessShareLock);
  if (reader.index->rd_index->indnkeyatts != columns) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("openclaw.%s is not the index that it was", index)));
  }
  reader.snapshot = snapshot_for(reader.table, sight);
  reader.scan = begin_index_scan(reader.table, reader.index, reader.snapshot, keys);
  return reader;
}

bool seek(IndexReader& reader, Datum key, RegProcedure equals) {
  ScanKeyData scan_key;
  ScanKeyInit(&scan_key, 1, BTEqualStrategyNumber, equals, key);
  index_rescan(reader.scan, &scan_key, 1, nullptr, 0);
  // Made when there is something to put in: most of what is looked for in revoked_jwts is not
  // there.
  while (index_getnext_tid(reader.scan, ForwardScanDirection) != nullptr) {
    if (reader.slot == nullptr) reader.slot = table_slot_create(reader.table, nullptr);
    if (index_fetch_heap(reader.scan, reader.slot)) return true;
  }
  return false;
}

Datum new_text(std::string_view value) {
  return PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size())));
}

// True when there is no row of text at all. Of many dead ones only the first few are looked at.
bool holds_nothing(IndexReader& reader) {
  constexpr int kMostLookedAt = 8;
  ScanKeyData from_the_first;  // the empty text, in every collation
  ScanKeyInit(&from_the_first, 1, BTGreaterEqualStrategyNumber, F_TEXT_GE, new_text({}));
  index_rescan(reader.scan, &from_the_first, 1, nullptr, 0);
  for (int i = 0; i < kMostLookedAt; i++) {
    if (index_getnext_tid(reader.scan, ForwardScanDirection) == nullptr) return true;
    if (reader.slot == nullptr) reader.slot = table_slot_create(reader.table, nullptr);
    if (index_fetch_heap(reader.scan, reader.slot)) return false;
  }
  return false;
}

// Locks on tables stay until the transaction ends, as with any query.
void close_index(IndexReader& reader) {
  index_endscan(reader.scan);
  if (reader.slot != nullptr) ExecDropSingleTupleTableSlot(reader.slot);
  UnregisterSnapshot(reader.snapshot);
  index_close(reader.index, NoLock);
  table_close(reader.table, NoLock);
}

// Live containers with this endpoint and this owner (text), or of any owner when that is 0, for
// next().
IndexReader open_endpoint(std::string_view mcp_endpoint, Datum user_id, Sight sight) {
  const int count = user_id == 0 ? 1 : 2;
  ScanKeyData keys[2];
  ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_TEXTEQ, new_text(mcp_endpoint));
  ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TEXTEQ, user_id);
  IndexReader reader = open_index("containers", "containers_endpoint_key", sight, 2, count);
  index_rescan(reader.scan, keys, count, nullptr, 0);
  reader.slot = table_slot_create(reader.table, nullptr);
  return reader;
}

bool next(IndexReader& reader) {
  return index_getnext_slot(reader.scan, ForwardScanDirection, reader.slot);
}

Datum column(TupleTableSlot* slot, int number, bool* is_null) {
  return slot_getattr(slot, number, is_null);
}

bool is_set(TupleTableSlot* slot, int number) {
  bool is_null = false;
  static_cast<void>(column(slot, number, &is_null));
  return !is_null;
}

TimestampTz time_of(TupleTableSlot* slot, int number, TimestampTz when_null) {
  bool is_null = false;
  Datum value = column(slot, number, &is_null);
  return is_null ? when_null : DatumGetTimestampTz(value);
}

// A varlena column, detoasted into the current memory context.
Datum copy_of(TupleTableSlot* slot, int number) {
  bool is_null = false;
  Datum value = column(slot, number, &is_null);
  return is_null ? Datum{0} : PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
}

// The five columns that outlive the slot, each as it is stored, in one piece of memory. Where one
// of them is compressed or out of line, each is detoasted by itself.
void copy_texts(TupleTableSlot* slot, TokenRow& row) {
  constexpr int kNumbers[] = {api_tokens::id, api_tokens::user_id, api_tokens::container_id,
                              api_tokens::scopes, api_tokens::issued_for};
  Datum* const copies[] = {&row.id, &row.user_id, &row.container_id, &row.scopes, &row.issued_for};
  struct varlena* stored[lengthof(kNumbers)];
  Size sizes[lengthof(kNumbers)];
  Size all = 0;
  bool plain = true;
  for (std::size_t i = 0; i < lengthof(kNumbers); i++) {
    bool is_null = false;
    stored[i] =
        reinterpret_cast<struct varlena*>(DatumGetPointer(column(slot, kNumbers[i], &is_null)));
    sizes[i] = 0;
    if (is_null) continue;
    plain = plain && !VARATT_IS_COMPRESSED(stored[i]) && !VARATT_IS_EXTERNAL(stored[i]);
    sizes[i] = VARSIZE_ANY(stored[i]);
    all += MAXALIGN(sizes[i]);
  }
  char* place = plain ? static_cast<char*>(palloc(all)) : nullptr;
  for (std::size_t i = 0; i < lengthof(kNumbers); i++) {
    *copies[i] = 0;
    if (sizes[i] == 0) continue;
    if (!plain) {
      *copies[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(PointerGetDatum(stored[i])));
      continue;
    }
    memcpy(place, stored[i], sizes[i]);
    *copies[i] = PointerGetDatum(place);
    place += MAXALIGN(sizes[i]);
  }
}

TokenRow token_row(TupleTableSlot* slot) {
  TokenRow row{};
  row.found = true;
  // The last column first: it takes the row apart once for all.
  row.last_used_at = time_of(slot, api_tokens::last_used_at, DT_NOBEGIN);
  row.has_container = is_set(slot, api_tokens::container_id);
  row.revoked = is_set(slot, api_tokens::revoked_at);
  row.created_at = time_of(slot, api_tokens::created_at, DT_NOBEGIN);
  row.expires_at = time_of(slot, api_tokens::expires_at, DT_NOBEGIN);
  copy_texts(slot, row);
  return row;
}

std::int64_t seconds_of(TupleTableSlot* slot, int number) {
  bool is_null = false;
  Datum value = column(slot, number, &is_null);
  return static_cast<std::int64_t>(
      std::floor(DatumGetFloat8(DirectFunctionCall2(interval_part, new_text("epoch"), value))));
}

SigningKeyRow signing_key_row(TupleTableSlot* slot) {
  SigningKeyRow row{};
  row.revoked = is_set(slot, signing_keys::revoked_at);
  row.kid = copy_of(slot, signing_keys::kid);
  row.alg = copy_of(slot, signing_keys::alg);
  row.public_jwk = copy_of(slot, signing_keys::public_jwk);
  row.sealed_private_key = copy_of(slot, signing_keys::sealed_private_key);
  row.master_key_id = copy_of(slot, signing_keys::master_key_id);
  row.created_at = time_of(slot, signing_keys::created_at, DT_NOBEGIN);
  row.activates_at = time_of(slot, signing_keys::activates_at, DT_NOEND);
  row.retires_at = time_of(slot, signing_keys::retires_at, DT_NOEND);
  row.expires_at = time_of(slot, signing_keys::expires_at, DT_NOEND);
  row.jwks_max_age = seconds_of(slot, signing_keys::jwks_max_age);
  return row;
}

bool is_text(TupleTableSlot* slot, int number, std::string_view text) {
  bool is_null = false;
  Datum value = column(slot, number, &is_null);
  return !is_null && text_of(value) == text;
}

// False when the target's owner is no live user. What its plan says goes into the target.
bool add_owner(TargetRow& target, Sight sight) {
  IndexReader users = open_index("users", "users_pkey", sight);
  bool live = seek(users, target.user_id, F_TEXTEQ) && !is_set(users.slot, users::disabled_at);
  if (live) target.plan_tier = copy_of(users.slot, users::plan_tier);
  close_index(users);
  if (!live) return false;

  IndexReader plans = open_index("plans", "plans_pkey", sight);
  if (seek(plans, target.plan_tier, F_TEXTEQ)) {
    target.allowed_scopes = copy_of(plans.slot, plans::allowed_scopes);
    bool is_null = false;
    Datum longest = column(plans.slot, plans::max_token_lifetime, &is_null);
    target.limits_lifetime = !is_null;
    if (!is_null) target.max_token_lifetime = *DatumGetIntervalP(longest);
  }
  close_index(plans);
  return true;
}

TargetRow target_row(TupleTableSlot* slot) {
  TargetRow target{};
  if (is_set(slot, containers::disabled_at)) return target;
  target.found = true;
  target.id = copy_of(slot, containers::id);
  target.user_id = copy_of(slot, containers::user_id);
  target.type = copy_of(slot, containers::type);
  target.mcp_endpoint = copy_of(slot, containers::mcp_endpoint);
  target.auth_method = copy_of(slot, containers::auth_method);
  target.signing_alg = copy_of(slot, containers::signing_alg);
  bool is_null = false;
  target.jwt_generation = DatumGetInt32(column(slot, containers::jwt_generation, &is_null));
  return target;
}

bool user_is_live(Datum user_id, Sight sight = Sight::statement) {
  IndexReader reader = open_index("users", "users_pkey", sight);
  bool live = seek(reader, user_id, F_TEXTEQ) && !is_set(reader.slot, users::disabled_at);
  close_index(reader);
  return live;
}

Standing container_standing(Datum container_id, Datum user_id) {
  IndexReader reader = open_index("containers", "containers_pkey");
  Standing standing{};
  if (seek(reader, container_id, F_TEXTEQ) && !is_set(reader.slot, containers::disabled_at)) {
    bool is_null = false;
    Datum owner = column(reader.slot, containers::user_id, &is_null);
    standing.live =
        !is_null && datumIsEqual(PointerGetDatum(PG_DETOAST_DATUM_COPY(owner)), user_id, false, -1);
    standing.jwt_generation =
        DatumGetInt32(column(reader.slot, containers::jwt_generation, &is_null));
  }
  close_index(reader);
  return standing;
}

}  // namespace

void register_table_invalidation() {
  CacheRegisterRelcacheCallback(on_relcache_invalidation, Datum{0});
}

Oid table_oid(const char* name) {
  return guarded([&] { return relation_oid(name); });
}

// In the order of the index, whose inner pages are then in the processor's caches.
void find_tokens(std::span<const Digest> hashes, std::span<TokenRow> rows, Sight sight) {
  std::vector<std::size_t> order(hashes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return hashes[a] < hashes[b]; });
  guarded([&] {
    IndexReader reader = open_index("api_tokens", "api_tokens_token_hash_key", sight);
    union {
      struct varlena header;
      char bytes[VARHDRSZ + sizeof(Digest)];
    } key;
    SET_VARSIZE(&key.header, sizeof key.bytes);
    for (const std::size_t i : order) {
      CHECK_FOR_INTERRUPTS();
      memcpy(VARDATA(&key.header), hashes[i].data(), sizeof(Digest));
      bool found = seek(reader, PointerGetDatum(&key.header), F_BYTEAEQ);
      rows[i] = found ? token_row(reader.slot) : TokenRow{};
    }
    close_index(reader);
  });
}

Standing read_standing(std::string_view user_id, std::string_view container_id) {
  return guarded([&] {
    Datum user = new_text(user_id);
    if (!user_is_live(user)) return Standing{};
    if (container_id.empty()) return Standing{true, 0};
    return container_standing(new_text(container_id), user);
  });
}

bool live_tokens_within(std::string_view user_id, std::int64_t most) {
  return guarded([&] {
    IndexReader reader = open_index("api_tokens", "api_tokens_user_id_idx", Sight::statement, 2, 2);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_TEXTEQ, new_text(user_id));
    ScanKeyInit(&keys[1], 2, BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT,
                TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()));
    // Every row that is seen has its entry in the index: where there are few entries, the rows,
    // each on a page of its own, need not be looked at.
    index_rescan(reader.scan, keys, 2, nullptr, 0);
    std::int64_t count = 0;
    while (count <= most && index_getnext_tid(reader.scan, ForwardScanDirection) != nullptr) {
      CHECK_FOR_INTERRUPTS();
      count++;
    }
    if (count > most) {
      index_rescan(reader.scan, keys, 2, nullptr, 0);
      reader.slot = table_slot_create(reader.table, nullptr);
      count = 0;
      while (count <= most && index_getnext_slot(reader.scan, ForwardScanDirection, reader.slot)) {
        CHECK_FOR_INTERRUPTS();
        if (!is_set(reader.slot, api_tokens::revoked_at)) count++;
      }
    }
    close_index(reader);
    return count <= most;
  });
}

TimestampTz audit_sealed_until() {
  return guarded([] {
    Relation marks = table_open(relation_oid("audit_marks"), AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    TableScanDesc scan = table_beginscan(marks, snapshot, 0, nullptr);
    TupleTableSlot* slot = table_slot_create(marks, nullptr);
    TimestampTz until = table_scan_getnextslot(scan, ForwardScanDirection, slot)
                            ? time_of(slot, audit_marks::upper, DT_NOBEGIN)
                            : DT_NOBEGIN;
    ExecDropSingleTupleTableSlot(slot);
    table_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(marks, NoLock);

    // Blocks are counted from 1: the newest is the last of the index.
    IndexReader reader = open_index("audit_blocks", "audit_blocks_pkey", Sight::latest);
    ScanKeyData every;
    ScanKeyInit(&every, 1, BTGreaterStrategyNumber, F_INT8GT, Int64GetDatum(0));
    index_rescan(reader.scan, &every, 1, nullptr, 0);
    reader.slot = table_slot_create(reader.table, nullptr);
    if (index_getnext_slot(reader.scan, BackwardScanDirection, reader.slot)) {
      until = Max(until, time_of(reader.slot, audit_blocks::upper, DT_NOBEGIN));
    }
    close_index(reader);
    return until;
  });
}

Revocation read_revocation(std::string_view container_id, std::string_view jti) {
  const std::string id = std::string(container_id).append(" ").append(jti);
  const std::string_view key = id;
  return guarded([&] {
    // The primary key of 0.1.0, until ALTER EXTENSION openclaw UPDATE.
    constexpr const char* kFormer = "revoked_jwts_pkey";
    IndexReader reader = OidIsValid(find_relation("revoked_jwts_id_key"))
                             ? open_index("revoked_jwts", "revoked_jwts_id_key")
                             : open_index("revoked_jwts", kFormer);
    Revocation found = Revocation::no_rows;
    if (!holds_nothing(reader)) {
      found = seek(reader, new_text(key), F_TEXTEQ) ? Revocation::revoked : Revocation::of_others;
    }
    close_index(reader);
    return found;
  });
}

Datum read_container_id(std::string_view mcp_endpoint, Datum user_id) {
  return guarded([&] {
    IndexReader reader = open_endpoint(mcp_endpoint, user_id, Sight::statement);
    Datum id = next(reader) ? copy_of(reader.slot, containers::id) : Datum{0};
    close_index(reader);
    return id;
  });
}

TargetRow read_target(std::string_view container_id) {
  return guarded([&] {
    constexpr Sight sight = Sight::latest;
    IndexReader reader = open_index("containers", "containers_pkey", sight);
    TargetRow target{};
    if (seek(reader, new_text(container_id), F_TEXTEQ)) target = target_row(reader.slot);
    close_index(reader);
    target.found = target.found && add_owner(target, sight);
    return target;
  });
}

TargetRows read_targets(std::string_view mcp_endpoint, std::optional<std::string_view> user_id) {
  return guarded([&] {
    constexpr Sight sight = Sight::latest;
    IndexReader reader =
        open_endpoint(mcp_endpoint, user_id ? new_text(*user_id) : Datum{0}, sight);
    TargetRows targets{};
    while (targets.matches < 2 && next(reader)) {
      CHECK_FOR_INTERRUPTS();
      if (!is_text(reader.slot, containers::type, "external") ||
          !is_text(reader.slot, containers::auth_method, "platform_token")) {
        continue;
      }
      TargetRow target = target_row(reader.slot);
      if (!target.found || !add_owner(target, sight)) continue;
      if (targets.matches++ == 0) targets.first = target;
    }
    close_index(reader);
    return targets;
  });
}

ClientRow read_client(std::string_view client_id) {
  return guarded([&] {
    constexpr Sight sight = Sight::latest;
    IndexReader reader = open_index("oauth_clients", "oauth_clients_pkey", sight);
    ClientRow client{};
    if (seek(reader, new_text(client_id), F_TEXTEQ) &&
        !is_set(reader.slot, oauth_clients::disabled_at)) {
      client.found = true;
      client.has_secret = is_text(reader.slot, oauth_clients::auth_method, "client_secret");
      client.has_user = is_set(reader.slot, oauth_clients::user_id);
      client.id = copy_of(reader.slot, oauth_clients::id);
      client.user_id = copy_of(reader.slot, oauth_clients::user_id);
      client.grant_types = copy_of(reader.slot, oauth_clients::grant_types);
      client.scopes = copy_of(reader.slot, oauth_clients::scopes);
    }
    close_index(reader);
    if (client.has_user) client.found = user_is_live(client.user_id, sight);
    return client;
  });
}

bool is_client_secret(const Digest& hash, std::string_view client_id, TimestampTz now) {
  return guarded([&] {
    constexpr Sight sight = Sight::latest;
    IndexReader reader = open_index("oauth_client_secrets", "oauth_client_secrets_pkey", sight);
    Datum key = new_text(as_text(hash));
    bool good = seek(reader, key, F_BYTEAEQ) &&
                is_text(reader.slot, oauth_client_secrets::client_id, client_id) &&
                time_of(reader.slot, oauth_client_secrets::expires_at, DT_NOEND) > now;
    close_index(reader);
    return good;
  });
}

std::vector<SigningKeyRow> read_signing_keys() {
  struct List {
    SigningKeyRow* rows;
    std::size_t size;
  };
  // The snapshot is the latest in every isolation level: what is read here outlives the statement,
  // and an invalidation that came before it will not come again.
  List list = guarded([] {
    Relation table = table_open(relation_oid("signing_keys"), AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    TableScanDesc scan = table_beginscan(table, snapshot, 0, nullptr);
    TupleTableSlot* slot = table_slot_create(table, nullptr);
    std::size_t capacity = 16;
    List l{static_cast<SigningKeyRow*>(palloc(capacity * sizeof(SigningKeyRow))), 0};
    while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
      if (l.size == capacity) {
        capacity *= 2;
        l.rows = static_cast<SigningKeyRow*>(repalloc(l.rows, capacity * sizeof(SigningKeyRow)));
      }
      l.rows[l.size++] = signing_key_row(slot);
    }
    ExecDropSingleTupleTableSlot(slot);
    table_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(table, NoLock);
    return l;
  });
  return {list.rows, list.rows + list.size};
}

}  // namespace openclaw::extension
