#include "extension/key_cache.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "core/encoding.h"
#include "core/sha256.h"
#include "extension/boundary.h"
#include "extension/call.h"
#include "extension/master_key_file.h"
#include "extension/tables.h"

namespace openclaw::extension {
namespace {

constexpr const char* kRestore =
    "Restore the master key that sealed it, or run openclaw.rotate_signing_key() for a new one.";

struct StoredKey {
  std::string kid;
  Algorithm algorithm;
  std::string public_jwk;
  Bytes sealed;
  std::string master_key_id;
  TimestampTz activates_at;
  TimestampTz retires_at;
  TimestampTz expires_at;
  std::optional<SigningKey> unsealed;
};

struct Keys {
  Oid table;
  std::vector<StoredKey> stored;
  KeySet published;
  KnownSignatures known;  // by any of `stored`
  Jwks jwks;
  std::int64_t jwks_max_age;    // that of the newest key, of all that there ever were
  TimestampTz published_from;   // when `published` was put together
  TimestampTz published_until;  // when the first of it expires
};

// Function-local storage through a plain pointer: no constructor runs when the module is loaded.
Keys* cache = nullptr;
bool stale = true;

// Called by Postgres wherever invalidations are processed: sets a flag, frees nothing that a caller
// up the stack could be using.
void on_relcache_invalidation(Datum, Oid relation) {
  if (cache == nullptr || relation == InvalidOid || relation == cache->table) stale = true;
}

StoredKey stored_key(const SigningKeyRow& row, Algorithm algorithm) {
  ByteView sealed = as_bytes(text_of(row.sealed_private_key));
  return {std::string(text_of(row.kid)),
          algorithm,
          std::string(text_of(row.public_jwk)),
          Bytes(sealed.begin(), sealed.end()),
          std::string(text_of(row.master_key_id)),
          row.activates_at,
          row.retires_at,
          row.expires_at,
          std::nullopt};
}

// The order of openclaw.jwks_max_age_at.
bool is_newer(const SigningKeyRow& a, const SigningKeyRow& b) {
  if (a.created_at != b.created_at) return a.created_at > b.created_at;
  return text_of(a.kid) < text_of(b.kid);
}

void warn_unusable(std::string_view kid) {
  guarded([&] {
    ereport(WARNING, (errcode(ERRCODE_DATA_CORRUPTED),
                      errmsg("openclaw: signing key \"%.*s\" cannot be read and is left out",
                             static_cast<int>(kid.size()), kid.data())));
  });
}

void publish(Keys& keys, TimestampTz now) {
  std::vector<PublicKey> usable;
  keys.published_from = now;
  keys.published_until = DT_NOEND;
  for (const StoredKey& key : keys.stored) {
    if (key.expires_at <= now) continue;
    auto parsed = PublicKey::from_own_jwk(key.public_jwk);
    if (!parsed || parsed->kid() != key.kid || parsed->algorithm() != key.algorithm) {
      warn_unusable(key.kid);
      continue;
    }
    usable.push_back(std::move(*parsed));
    keys.published_until = std::min(keys.published_until, key.expires_at);
  }
  keys.jwks.max_age = usable.empty() ? 0 : keys.jwks_max_age;
  auto set = KeySet::of(std::move(usable));
  if (!set) throw SqlError{ERRCODE_DATA_CORRUPTED, "openclaw.signing_keys holds a kid twice"};
  keys.published = std::move(*set);
  keys.jwks.text = keys.published.to_json();
  const Digest digest = sha256(as_bytes(keys.jwks.text));
  keys.jwks.etag = "\"" + hex_encode(ByteView(digest).first(16)) + "\"";
}

std::unique_ptr<Keys> load(TimestampTz now) {
  auto keys = std::make_unique<Keys>();
  keys->table = table_oid("signing_keys");
  const SigningKeyRow* newest = nullptr;
  const std::vector<SigningKeyRow> rows = read_signing_keys();
  for (const SigningKeyRow& row : rows) {
    if (newest == nullptr || is_newer(row, *newest)) newest = &row;
    if (row.revoked) continue;
    auto algorithm = parse_algorithm(text_of(row.alg));
    if (!algorithm) {
      warn_unusable(text_of(row.kid));
      continue;
    }
    keys->stored.push_back(stored_key(row, *algorithm));
  }
  keys->jwks_max_age = newest == nullptr ? 0 : newest->jwks_max_age;
  publish(*keys, now);
  return keys;
}

Keys& current_keys(TimestampTz now) {
  // Cheap when nothing is waiting; without it a long statement would not hear of a revoked key.
  guarded([] { AcceptInvalidationMessages(); });
  if (cache == nullptr || stale) {
    stale = false;  // first, so that an invalidation which arrives while loading is not lost
    std::unique_ptr<Keys> fresh;
    try {
      fresh = load(now);
    } catch (...) {
      stale = true;
      throw;
    }
    delete cache;
    cache = fresh.release();
  } else if (now >= cache->published_until || now < cache->published_from) {
    publish(*cache, now);
  }
  return *cache;
}

StoredKey& active(Algorithm algorithm, TimestampTz now) {
  StoredKey* active = nullptr;
  TimestampTz next = DT_NOEND;
  for (StoredKey& key : current_keys(now).stored) {
    if (key.algorithm != algorithm) continue;
    if (now < key.activates_at) next = std::min(next, key.activates_at);
    if (now < key.activates_at || now >= key.retires_at) continue;
    if (active == nullptr || key.activates_at > active->activates_at) active = &key;
  }
  if (active != nullptr) return *active;
  const std::string alg(name(algorithm));
  if (next != DT_NOEND) {
    const char* when = guarded([&] { return timestamptz_to_str(next); });
    throw SqlError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "there is no active " + alg + " signing key before " + when,
                   "It is published, and signs when every verifier can have it."};
  }
  throw SqlError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                 "there is no active " + alg + " signing key", "",
                 "SELECT openclaw.rotate_signing_key('" + alg + "');"};
}

void unseal(StoredKey& key) {
  Secret plain = unsealed(key.kid, key.algorithm, key.sealed, key.master_key_id);
  auto parsed = SigningKey::from_private_bytes(key.algorithm, plain.view());
  if (!parsed || parsed->kid() != key.kid) {
    throw SqlError{ERRCODE_DATA_CORRUPTED, "signing key \"" + key.kid + "\" is not what it was", "",
                   kRestore};
  }
  key.unsealed = std::move(*parsed);
}

}  // namespace

void register_key_cache_invalidation() {
  CacheRegisterRelcacheCallback(on_relcache_invalidation, Datum{0});
}

Published published_keys(TimestampTz now) {
  Keys& keys = current_keys(now);
  return {keys.published, keys.known};
}

const Jwks& published_jwks(TimestampTz now) { return current_keys(now).jwks; }

const SigningKey& active_key(Algorithm algorithm, TimestampTz now) {
  StoredKey& key = active(algorithm, now);
  if (!key.unsealed) unseal(key);
  return *key.unsealed;
}

const std::string& active_kid(Algorithm algorithm, TimestampTz now) {
  return active(algorithm, now).kid;
}

std::string sealing_context(Algorithm algorithm, std::string_view kid) {
  return std::string(name(algorithm)).append(" ").append(kid);
}

Secret unsealed(std::string_view kid, Algorithm algorithm, ByteView sealed,
                std::string_view master_key_id) {
  for (const MasterKey& master : read_master_keys()) {
    if (master.id() != master_key_id) continue;
    auto opened = master.open(sealed, sealing_context(algorithm, kid));
    if (opened) return std::move(*opened);
    throw SqlError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "signing key \"" + std::string(kid) + "\" does not open: its row was altered",
                   "", kRestore};
  }
  throw SqlError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                 "signing key \"" + std::string(kid) + "\" was sealed under master key " +
                     std::string(master_key_id) + ", which the file does not hold",
                 "", kRestore};
}

}  // namespace openclaw::extension
