// The signing keys of this backend: parsed once, unsealed at the first signature, dropped when
// openclaw.signing_keys changes in any session (a relcache invalidation, fired by the statement
// trigger on that table; it reaches standbys with the commit record).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/jwks.h"
#include "core/known_signatures.h"
#include "core/signing_key.h"
#include "extension/pg.h"

namespace openclaw::extension {

void register_key_cache_invalidation();

// Keys that are published now: pending, active and retiring. `known` is gone whenever the table
// changes. Valid until the next call here.
struct Published {
  const KeySet& keys;
  KnownSignatures& known;
};
Published published_keys(TimestampTz now);

// The same as a JWK set's text, ordered by kid; its entity tag; and for how many seconds it may be
// kept, 0 when there is no key, which is what rotation counts on (sql/signing_keys.sql).
struct Jwks {
  std::string text;
  std::string etag;
  std::int64_t max_age = 0;
};
const Jwks& published_jwks(TimestampTz now);

// The key of this algorithm that signs now. Raises 55000 when there is none, F0000 when the master
// key cannot be had (master_key_file.h), 55000 when the key was sealed under another master key.
const SigningKey& active_key(Algorithm algorithm, TimestampTz now);
// Its kid alone, without the master key.
const std::string& active_kid(Algorithm algorithm, TimestampTz now);

// What a private half is sealed with beside the master key: a row cannot pass for another's.
std::string sealing_context(Algorithm algorithm, std::string_view kid);
// A stored private half, opened with that master key of the file which sealed it. Errors: as
// active_key.
Secret unsealed(std::string_view kid, Algorithm algorithm, ByteView sealed,
                std::string_view master_key_id);

}  // namespace openclaw::extension
