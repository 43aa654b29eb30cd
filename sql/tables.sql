-- Tables. The C++ module reads api_tokens, users, containers and signing_keys by attribute number:
-- columns are only ever added at the end.

create table openclaw.plans (
  plan_tier text collate "C" primary key check (plan_tier ~ '^[a-z][a-z0-9_-]{0,31}$'),
  max_containers integer check (max_containers >= 0),
  max_live_tokens integer check (max_live_tokens >= 0),
  max_token_lifetime interval check (max_token_lifetime > interval '0'),
  allowed_scopes text[] check (openclaw.are_grants(allowed_scopes)),
  issues_per_minute integer check (issues_per_minute >= 0)
);
comment on table openclaw.plans is
  'Limits by plan tier; null is no limit of its own. A tier without a row has the built-in limits.';

create table openclaw.users (
  id text collate "C" primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$'),
  email text check (email ~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$' and length(email) <= 254),
  password_hash text check (password_hash like '$argon2id$%'),
  plan_tier text collate "C" not null default 'free' check (plan_tier ~ '^[a-z][a-z0-9_-]{0,31}$'),
  disabled_at timestamptz,
  created_at timestamptz not null default now()
);
comment on table openclaw.users is
  'People whose containers and tokens these are. password_hash is Argon2id, as a PHC string.';
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
  unique (user_id, name),
  check ((type = 'hosted') = (auth_method = 'mtls')),
  check (type = 'external' or public_key_fingerprint is null)
);
comment on table openclaw.containers is
  'MCP servers by their canonical endpoint, which is the audience of their tokens (RFC 8707).';
create unique index containers_endpoint_key on openclaw.containers (user_id, mcp_endpoint)
  where disabled_at is null;

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
create index api_tokens_user_id_idx on openclaw.api_tokens (user_id);
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
  check ((retires_at is null) = (expires_at is null))
);
comment on table openclaw.signing_keys is
  'Keys by RFC 7638 thumbprint; private halves sealed under the master key, which is outside the database. The state follows from the timestamps: pending until activates_at, active until retires_at, retiring (published, not used) until expires_at, retired after it or when revoked.';

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
  primary key (at, id)
) partition by range (at);
comment on table openclaw.audit_log is
  'Who did what to which, in the same transaction as the change; append-only. Never a secret.';
create table openclaw.audit_log_default partition of openclaw.audit_log default;
comment on table openclaw.audit_log_default is 'Audit rows that no dated partition takes.';

-- Nobody gets at a table but through what is granted; every row goes into a dump.
revoke all on all tables in schema openclaw from public;
select pg_catalog.pg_extension_config_dump('openclaw.plans', '');
select pg_catalog.pg_extension_config_dump('openclaw.users', '');
select pg_catalog.pg_extension_config_dump('openclaw.containers', '');
select pg_catalog.pg_extension_config_dump('openclaw.api_tokens', '');
select pg_catalog.pg_extension_config_dump('openclaw.signing_keys', '');
select pg_catalog.pg_extension_config_dump('openclaw.audit_log', '');
select pg_catalog.pg_extension_config_dump('openclaw.audit_log_default', '');
