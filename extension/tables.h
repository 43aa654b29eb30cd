// Live rows, read by direct index scans: a verification costs one B-tree descent and no SQL.
//
// These reads make no privilege check, since the right to EXECUTE the function that reads is the
// privilege. Under READ COMMITTED they use the statement's snapshot; under REPEATABLE READ and
// SERIALIZABLE a snapshot taken now, so that a revocation committed since the transaction began
// still refuses (docs/decisions/0003-fresh-snapshots.md).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "extension/boundary.h"

namespace openclaw::extension {

// One row of api_tokens; datums live in the caller's memory context.
struct TokenRow {
  bool found;
  bool has_container;
  bool revoked;
  TimestampTz created_at;
  TimestampTz expires_at;
  TimestampTz last_used_at;  // DT_NOBEGIN while it is null
  Datum id;
  Datum user_id;
  Datum container_id;  // when has_container
  Datum scopes;        // text[]
  Datum issued_for;
};

// Rows as the statement sees them (see above), or as they are now whatever the statement sees: what
// runs through a cursor sees as of its DECLARE.
enum class Sight { statement, latest };

// rows[i] is what hashes[i] finds. Interruptible between rows.
void find_tokens(std::span<const Digest> hashes, std::span<TokenRow> rows,
                 Sight sight = Sight::statement);

// What a JWT's user and container are now.
struct Standing {
  bool live;  // the user exists and is not disabled and, with a container named, that container
              // exists, is not disabled and belongs to the user
  std::int32_t jwt_generation;  // of the container, when live
};
Standing read_standing(std::string_view user_id, std::string_view container_id);

// What the table of JWTs that were revoked by themselves holds.
enum class Revocation { no_rows, of_others, revoked };
Revocation read_revocation(std::string_view container_id, std::string_view jti);

// containers.id, in the caller's memory context, of the live container that has this endpoint and
// this owner (text); 0 for none.
Datum read_container_id(std::string_view mcp_endpoint, Datum user_id);

// A container that JWTs are issued for, as it is now, and what its owner's plan says of them;
// datums live in the caller's memory context.
struct TargetRow {
  bool found;  // it exists, and neither it nor its owner is disabled
  bool limits_lifetime;
  std::int32_t jwt_generation;
  Datum id;
  Datum user_id;
  Datum type;
  Datum mcp_endpoint;
  Datum auth_method;
  Datum signing_alg;
  Datum plan_tier;
  Datum allowed_scopes;         // text[]; 0 where the plan allows every scope
  Interval max_token_lifetime;  // when limits_lifetime
};
TargetRow read_target(std::string_view container_id);

// Those that take access tokens, by their canonical endpoint and, where it is given, their owner.
struct TargetRows {
  int matches;      // 0, 1, or 2 for several
  TargetRow first;  // when there is one
};
TargetRows read_targets(std::string_view mcp_endpoint, std::optional<std::string_view> user_id);

// One row of oauth_clients, as it is now; datums live in the caller's memory context.
struct ClientRow {
  bool found;       // it exists, and neither it nor its user is disabled
  bool has_secret;  // auth_method is client_secret
  bool has_user;
  Datum id;
  Datum user_id;      // when has_user
  Datum grant_types;  // text[]
  Datum scopes;       // text[]
};
ClientRow read_client(std::string_view client_id);

// True when this is the SHA-256 of a secret that is the client's at this time.
bool is_client_secret(const Digest& hash, std::string_view client_id, TimestampTz now);

// One row of signing_keys; datums live in the caller's memory context.
struct SigningKeyRow {
  bool revoked;
  Datum kid;
  Datum alg;
  Datum public_jwk;
  Datum sealed_private_key;
  Datum master_key_id;
  TimestampTz created_at;
  TimestampTz activates_at;
  TimestampTz retires_at;     // DT_NOEND while there is no successor
  TimestampTz expires_at;     // DT_NOEND while there is no successor
  std::int64_t jwks_max_age;  // seconds
};

std::vector<SigningKeyRow> read_signing_keys();

// Whether a user has at most so many live tokens.
bool live_tokens_within(std::string_view user_id, std::int64_t most);

// Until when the audit log is sealed or is about to be; DT_NOBEGIN when nothing is.
TimestampTz audit_sealed_until();

// Has Postgres tell when a table is another than it was; called once, from _PG_init.
void register_table_invalidation();

// pg_class.oid of a table of the extension; `name` is a literal.
Oid table_oid(const char* name);

}  // namespace openclaw::extension
