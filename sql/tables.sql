-- Tables. The C++ module reads some of them by attribute number (extension/tables.cpp): columns are
-- only ever added at the end.

create table openclaw.plans (
  plan_tier text collate "C" primary key check (plan_tier ~ '^[a-z][a-z0-9_-]{0,31}$'),
  max_containers integer check (max_containers >= 0),
  max_live_tokens integer check (max_live_tokens >= 0),
  max_token_lifetime interval check (max_token_lifetime > interval '0'),
  allowed_scopes text[] check (openclaw.are_grants(allowed_scopes)),
  issues_per_minute integer check (issues_per_minute >= 0)
);
comment on table openclaw.plans is
  'Limits by plan tier; null is no limit. A tier without a row has the built-in limits (sql/plans.sql).';

create table openclaw.users (
  id text collate "C" primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$'),
  email text check (email ~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$' and length(email) <= 254),
  password_hash text check (password_hash like '$argon2id$%'),
  plan_tier text collate "C" not null default 'free' check (plan_tier ~ '^[a-z][a-z0-9_-]{0,31}$'),
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  erased_at timestamptz,
  check (erased_at is null
         or (disabled_at is not null and email is null and password_hash is null))
);
comment on table openclaw.users is
  'People whose containers and tokens these are. password_hash is Argon2id, as a PHC string. Of a user that was erased (erased_at) the id stays, disabled for good.';
create unique index users_email_key on openclaw.users (lower(email collate "C"));

create table openclaw.containers (
  id text collate "C" primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$'),
  user_id text collate "C" not null references openclaw.users (id) on delete cascade,
  name text not null check (name ~ '^[^[:cntrl:]]{1,128}$'),
  type text collate "C" not null check (type in ('hosted', 'external')),
  mcp_endpoint text collate "C" not null,
  auth_method text collate "C" not null check (auth_method in ('mtls', 'platform_token', 'api_key')),
  public_key_fingerprint text collate "C",
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  signing_alg text collate "C" not null default 'EdDSA'
    check (signing_alg in ('EdDSA', 'ES256', 'RS256')),
  jwt_generation integer not null default 0 check (jwt_generation >= 0),
  check ((type = 'hosted') = (auth_method = 'mtls')),
  check (type = 'external' or public_key_fingerprint is null)
);
comment on table openclaw.containers is
  'MCP servers by their canonical endpoint, which is the audience of their tokens (RFC 8707). jwt_generation counts how often all of its JWTs were revoked at once: a JWT names the one that it belongs to.';
create unique index containers_name_key on openclaw.containers (user_id, name)
  where disabled_at is null;
create unique index containers_endpoint_key on openclaw.containers (mcp_endpoint, user_id)
  where disabled_at is null;
create index containers_user_id_idx on openclaw.containers (user_id);

create table openclaw.api_tokens (
  id text collate "C" primary key,
  user_id text collate "C" not null references openclaw.users (id) on delete cascade,
  name text check (name ~ '^[^[:cntrl:]]{1,128}$'),
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  scopes text[] not null check (openclaw.are_grants(scopes)),
  expires_at timestamptz not null,
  issued_for text collate "C" not null check (issued_for in ('platform_harness', 'user_direct')),
  container_id text collate "C" references openclaw.containers (id) on delete cascade,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  last_used_at timestamptz
);
comment on table openclaw.api_tokens is
  'Opaque tokens by the SHA-256 of their text. Verification reads this row alone: whatever ends a token sets revoked_at here in the same transaction.';
comment on column openclaw.api_tokens.last_used_at is
  'When the token was found good, coarsely: verification writes nothing, and record_token_use() sets this afterwards, at most once an hour. Null while nobody recorded a use. It has no index, so that setting it leaves the others alone.';
create index api_tokens_user_id_idx on openclaw.api_tokens (user_id, expires_at);
create index api_tokens_expires_at_idx on openclaw.api_tokens (expires_at);
create index api_tokens_container_id_idx on openclaw.api_tokens (container_id)
  where container_id is not null;

create table openclaw.signing_keys (
  kid text collate "C" primary key,
  alg text collate "C" not null check (alg in ('EdDSA', 'ES256', 'RS256')),
  public_jwk text not null,
  sealed_private_key bytea not null,
  master_key_id text not null,
  created_at timestamptz not null default now(),
  activates_at timestamptz not null,
  retires_at timestamptz check (retires_at >= activates_at),
  expires_at timestamptz check (expires_at >= retires_at),
  revoked_at timestamptz,
  jwks_max_age interval not null check (jwks_max_age >= interval '0'),
  propagated_at timestamptz not null,
  check ((retires_at is null) = (expires_at is null))
);
comment on table openclaw.signing_keys is
  'Keys by RFC 7638 thumbprint; private halves sealed under the master key, which is outside the database. The state follows from the timestamps: pending until activates_at, active until retires_at, retiring (published, not used) until expires_at, retired after it or when revoked. jwks_max_age is what the JWKS says since this key was made; at propagated_at every copy without it has run out.';

create table openclaw.oauth_clients (
  id text collate "C" primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$'),
  kind text collate "C" not null check (kind in ('harness', 'mcp_client')),
  name text not null check (name ~ '^[^[:cntrl:]]{1,128}$'),
  user_id text collate "C" references openclaw.users (id) on delete cascade,
  auth_method text collate "C" not null
    check (auth_method in ('client_secret', 'private_key_jwt', 'tls_client_auth')),
  jwks text,
  tls_subject text check (tls_subject ~ '^(subject_dn|san_dns|san_uri|san_ip|san_email):.'
                          and length(tls_subject) <= 1024),
  grant_types text[] not null check (grant_types <@ array[
    'client_credentials', 'refresh_token', 'urn:ietf:params:oauth:grant-type:token-exchange']),
  scopes text[] not null check (openclaw.are_grants(scopes)),
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  check (kind = 'harness' or user_id is not null),
  check ((auth_method = 'private_key_jwt') = (jwks is not null)),
  check ((auth_method = 'tls_client_auth') = (tls_subject is not null))
);
comment on table openclaw.oauth_clients is
  'OAuth clients (RFC 6749 section 2): a platform harness, for one user or (user_id null) for every user, or an MCP client of one user. auth_method client_secret is client_secret_basic and client_secret_post alike; jwks are the public keys of private_key_jwt (RFC 7523), tls_subject the certificate''s name of tls_client_auth (RFC 8705 section 2.1.2).';
create index oauth_clients_user_id_idx on openclaw.oauth_clients (user_id)
  where user_id is not null;

create table openclaw.oauth_client_secrets (
  secret_hash bytea primary key check (octet_length(secret_hash) = 32),
  client_id text collate "C" not null references openclaw.oauth_clients (id) on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz
);
comment on table openclaw.oauth_client_secrets is
  'Client secrets by the SHA-256 of their text. While one replaces another, both are good until expires_at of the older.';
create index oauth_client_secrets_client_id_idx on openclaw.oauth_client_secrets (client_id);

create table openclaw.client_assertions (
  client_id text collate "C" not null references openclaw.oauth_clients (id) on delete cascade,
  jti_hash bytea not null check (octet_length(jti_hash) = 32),
  expires_at timestamptz not null,
  primary key (client_id, jti_hash)
);
comment on table openclaw.client_assertions is
  'Client assertions (RFC 7523) that were accepted, by the SHA-256 of their jti: each is accepted once.';
create index client_assertions_expires_at_idx on openclaw.client_assertions (expires_at);

create table openclaw.grants (
  id text collate "C" primary key,
  client_id text collate "C" not null references openclaw.oauth_clients (id) on delete cascade,
  user_id text collate "C" not null references openclaw.users (id) on delete cascade,
  container_id text collate "C" not null references openclaw.containers (id) on delete cascade,
  scopes text[] not null check (openclaw.are_grants(scopes)),
  subject_token_id text collate "C" references openclaw.api_tokens (id) on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz
);
comment on table openclaw.grants is
  'What a client may get again with refresh tokens: one container of a user, with scopes. The refresh tokens of a grant are its family. subject_token_id is the opaque token that was exchanged (RFC 8693): the grant ends with it.';
create index grants_client_id_idx on openclaw.grants (client_id);
create index grants_user_id_idx on openclaw.grants (user_id);
create index grants_container_id_idx on openclaw.grants (container_id);
create index grants_subject_token_id_idx on openclaw.grants (subject_token_id)
  where subject_token_id is not null;
create index grants_expires_at_idx on openclaw.grants (expires_at);

create table openclaw.refresh_tokens (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  grant_id text collate "C" not null references openclaw.grants (id) on delete cascade,
  successor_key bytea check (octet_length(successor_key) = 32),
  created_at timestamptz not null default clock_timestamp(),
  replaced_at timestamptz
);
comment on table openclaw.refresh_tokens is
  'Refresh tokens by the SHA-256 of their text. The successor''s text follows from the token''s own and successor_key, so that within the grace the same one is given again and none is stored; the key is erased after it.';
create index refresh_tokens_grant_id_idx on openclaw.refresh_tokens (grant_id);
create index refresh_tokens_successor_idx on openclaw.refresh_tokens (grant_id)
  where successor_key is not null;

create table openclaw.grant_jwts (
  jti text collate "C" primary key,
  grant_id text collate "C" not null references openclaw.grants (id) on delete cascade,
  expires_at timestamptz not null
);
comment on table openclaw.grant_jwts is
  'Access tokens that a grant gave, until they expire: revoking the grant revokes them (RFC 7009 section 2.1).';
create index grant_jwts_grant_id_idx on openclaw.grant_jwts (grant_id);
create index grant_jwts_expires_at_idx on openclaw.grant_jwts (expires_at);

create table openclaw.revoked_jwts (
  id text collate "C" not null generated always as (container_id || ' ' || jti) stored,
  jti text collate "C" not null check (octet_length(jti) <= 256),
  container_id text collate "C" not null references openclaw.containers (id) on delete cascade,
  place integer not null check (place >= 0),
  expires_at timestamptz not null,
  revoked_at timestamptz not null default now(),
  primary key (container_id, jti) -- not the generated column: logical replication sends none
);
comment on table openclaw.revoked_jwts is
  'JWTs that were revoked one by one, until they expire: their container and jti, and their place in its status list.';
create unique index revoked_jwts_id_key on openclaw.revoked_jwts (id);
create index revoked_jwts_place_idx on openclaw.revoked_jwts (container_id, place);
create index revoked_jwts_expires_at_idx on openclaw.revoked_jwts (expires_at);

create table openclaw.audit_log (
  id uuid not null default gen_random_uuid(),
  at timestamptz not null default clock_timestamp(),
  actor text not null default session_user,
  action text not null,
  user_id text,
  target text,
  outcome text not null check (outcome in ('success', 'refused')),
  reason text,
  request_id text,
  on_behalf_of text,
  source inet,
  left_out integer
) partition by range (at);
comment on table openclaw.audit_log is
  'Who did what to which, in the same transaction as the change; append-only. Never a secret. actor is the database role, on_behalf_of whom it says to act for; left_out counts refusals of the same kind before it that have no row.';
-- Each partition has indexes of its own: had the parent any, pg_dump's partitions could not be
-- attached to what CREATE EXTENSION makes.
create table openclaw.audit_log_default partition of openclaw.audit_log default;
alter table openclaw.audit_log_default add primary key (at, id);
create index audit_log_default_user_id_idx on openclaw.audit_log_default (user_id, at);
comment on table openclaw.audit_log_default is 'Audit rows that no dated partition takes.';

create table openclaw.audit_blocks (
  block bigint primary key check (block > 0),
  lower timestamptz not null,
  upper timestamptz not null check (upper > lower),
  rows integer not null check (rows > 0),
  ids uuid[],
  hashes bytea,
  leaves_hash bytea not null check (octet_length(leaves_hash) = 32),
  previous bytea not null,
  hash bytea not null check (octet_length(hash) = 32),
  sealed_at timestamptz not null default clock_timestamp(),
  pruned_at timestamptz,
  check ((ids is null) = (hashes is null) and (ids is null) = (pruned_at is not null)),
  check (ids is null or cardinality(ids) = rows and octet_length(hashes) = 32 * rows)
);
comment on table openclaw.audit_blocks is
  'The audit rows from lower until before upper, by id with the SHA-256 of each; hash covers them and the block before, so that none can change without all that follow. Retention takes ids and hashes away and leaves the chain.';

-- These two hold nothing that is worth a dump, and nothing that fits another server's clock and
-- transaction ids.
create table openclaw.audit_marks (
  only_one boolean primary key default true check (only_one),
  upper timestamptz not null,
  xid xid8 not null
);
comment on table openclaw.audit_marks is
  'Until when the next blocks go, once every transaction before xid has ended.';
create unlogged table openclaw.rate_limits (
  bucket text collate "C" primary key,
  level double precision not null,
  at timestamptz not null,
  capacity double precision
) with (fillfactor = 50);
comment on table openclaw.rate_limits is
  'Token buckets: how full each was, when, and how much it held then (null: no limit). A crash empties the table, which fills every bucket.';

-- Nobody gets at a table but through what is granted; every row goes into a dump, but for those of
-- audit_marks and rate_limits.
revoke all on all tables in schema openclaw from public;
select pg_catalog.pg_extension_config_dump('openclaw.plans', '');
select pg_catalog.pg_extension_config_dump('openclaw.users', '');
select pg_catalog.pg_extension_config_dump('openclaw.containers', '');
select pg_catalog.pg_extension_config_dump('openclaw.api_tokens', '');
select pg_catalog.pg_extension_config_dump('openclaw.signing_keys', '');
select pg_catalog.pg_extension_config_dump('openclaw.oauth_clients', '');
select pg_catalog.pg_extension_config_dump('openclaw.oauth_client_secrets', '');
select pg_catalog.pg_extension_config_dump('openclaw.client_assertions', '');
select pg_catalog.pg_extension_config_dump('openclaw.grants', '');
select pg_catalog.pg_extension_config_dump('openclaw.refresh_tokens', '');
select pg_catalog.pg_extension_config_dump('openclaw.grant_jwts', '');
select pg_catalog.pg_extension_config_dump('openclaw.revoked_jwts', '');
select pg_catalog.pg_extension_config_dump('openclaw.audit_log', '');
select pg_catalog.pg_extension_config_dump('openclaw.audit_log_default', '');
select pg_catalog.pg_extension_config_dump('openclaw.audit_blocks', '');
