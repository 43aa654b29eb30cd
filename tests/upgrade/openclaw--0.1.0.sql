-- The install script of 0.1.0, as it was released: the files of sql/ in the Makefile's order, at commit
-- 356df41. It is kept whole because nothing else shows what a database that was made with 0.1.0 holds:
-- tools/update-script compares it with the current one to write the update, and the upgrade test installs
-- it, fills it and updates it. It is never edited.
\echo Use "CREATE EXTENSION openclaw" to load this file. \quit

-- The schema is made here and nowhere else: if anybody made one before, objects in it could shadow
-- ours, and the install stops with "schema already exists".
do $$
begin
  if pg_catalog.current_setting('server_encoding') <> 'UTF8' then
    raise exception 'openclaw needs a database with encoding UTF8, this one has %',
      pg_catalog.current_setting('server_encoding')
      using errcode = '0A000',
            hint = 'create database … encoding ''UTF8'' template template0';
  end if;
end
$$;

create schema openclaw;
comment on schema openclaw is
  'OpenClaw: tokens, scopes, expiry and JWTs for access to MCP servers in containers.';

-- Settings, ids and randomness from the C++ module.

create function openclaw.setting(name text) returns text
  language c stable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_setting';
comment on function openclaw.setting(text) is
  'The value of openclaw.NAME with its unit, as SHOW gives it; loads the module, so that its defaults are known. Errors: 42704 for an unknown name.';
revoke all on function openclaw.setting(text) from public;

create function openclaw.library_version() returns text
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_library_version';
comment on function openclaw.library_version() is
  'The version of the loaded module. doctor() compares it with the version of the SQL objects.';
revoke all on function openclaw.library_version() from public;

create function openclaw.new_id(prefix text) returns text
  language c volatile strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_new_id';
comment on function openclaw.new_id(text) is
  'PREFIX_ and 128 random bits in 22 characters of base62.';
revoke all on function openclaw.new_id(text) from public;

create function openclaw.max_jwt_lifetime() returns interval
  language sql immutable parallel safe
  set search_path = pg_catalog, openclaw, pg_temp
  as $$ select interval '1 hour' $$;
comment on function openclaw.max_jwt_lifetime() is
  'The longest lifetime of any JWT. A key stays published for this long after it stopped signing.';
revoke all on function openclaw.max_jwt_lifetime() from public;

-- The scope grammar: area:action, and area:* as a grant (core/scope.h has the rule).

create function openclaw.is_grant(scope text) returns boolean
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_is_grant';
comment on function openclaw.is_grant(text) is
  'True for area:action and area:*; a part is 1 to 64 of a-z 0-9 _ - . and starts with a letter.';
revoke all on function openclaw.is_grant(text) from public;

create function openclaw.are_grants(scopes text[]) returns boolean
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_are_grants';
comment on function openclaw.are_grants(text[]) is
  'True for 1 to 64 grants, none of them null.';
revoke all on function openclaw.are_grants(text[]) from public;

create function openclaw.scopes_cover(granted text[], required text[]) returns boolean
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_scopes_cover';
comment on function openclaw.scopes_cover(text[], text[]) is
  'True when every required scope is covered by a granted one. A required wildcard is covered by the same wildcard alone. Errors: 54000 over 64 elements.';
revoke all on function openclaw.scopes_cover(text[], text[]) from public;

create function openclaw.parse_scopes(list text) returns text[]
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_parse_scopes';
comment on function openclaw.parse_scopes(text) is
  'Space-separated scopes as an array (RFC 6749 section 3.3); null when the text is no such list.';
revoke all on function openclaw.parse_scopes(text) from public;

create function openclaw.narrowed_scopes(wide text[], other text[]) returns text[]
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_narrowed_scopes';
comment on function openclaw.narrowed_scopes(text[], text[]) is
  'What two lists of grants both cover, sorted, less rights at the front itself (openclaw:…), which go into no token that is given to another. Errors: 54000 over 64 elements.';
revoke all on function openclaw.narrowed_scopes(text[], text[]) from public;

-- Tables. The C++ module reads api_tokens, users, containers, signing_keys and revoked_jwts by
-- attribute number: columns are only ever added at the end.

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
  id text collate "C" generated always as (container_id || ' ' || jti) stored primary key,
  jti text collate "C" not null check (octet_length(jti) <= 256),
  container_id text collate "C" not null references openclaw.containers (id) on delete cascade,
  place integer not null check (place >= 0),
  expires_at timestamptz not null,
  revoked_at timestamptz not null default now()
);
comment on table openclaw.revoked_jwts is
  'JWTs that were revoked one by one, until they expire: their container and jti, and their place in its status list.';
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
select pg_catalog.pg_extension_config_dump('openclaw.oauth_clients', '');
select pg_catalog.pg_extension_config_dump('openclaw.oauth_client_secrets', '');
select pg_catalog.pg_extension_config_dump('openclaw.client_assertions', '');
select pg_catalog.pg_extension_config_dump('openclaw.grants', '');
select pg_catalog.pg_extension_config_dump('openclaw.refresh_tokens', '');
select pg_catalog.pg_extension_config_dump('openclaw.grant_jwts', '');
select pg_catalog.pg_extension_config_dump('openclaw.revoked_jwts', '');
select pg_catalog.pg_extension_config_dump('openclaw.audit_log', '');
select pg_catalog.pg_extension_config_dump('openclaw.audit_log_default', '');

-- The audit log: one row for each change of state, in its transaction.

create function openclaw.audit(action text, user_id text, target text,
                               outcome text default 'success', reason text default null)
  returns void
  language sql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    insert into openclaw.audit_log (action, user_id, target, outcome, reason, request_id)
    values (action, user_id, target, outcome, reason, nullif(openclaw.setting('request_id'), ''))
  $$;
comment on function openclaw.audit(text, text, text, text, text) is
  'Adds an audit row: action and outcome, whose (user_id), which (target is an id, never a token), and openclaw.request_id of the transaction.';
revoke all on function openclaw.audit(text, text, text, text, text) from public;

create function openclaw.audit_log_is_append_only() returns trigger
  language plpgsql
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  raise exception 'openclaw.audit_log is append-only' using errcode = '42501';
end
$$;
comment on function openclaw.audit_log_is_append_only() is
  'Trigger: refuses UPDATE, DELETE and TRUNCATE of audit rows with 42501.';
revoke all on function openclaw.audit_log_is_append_only() from public;

create trigger append_only before update or delete on openclaw.audit_log
  for each row execute function openclaw.audit_log_is_append_only();
create trigger never_truncated before truncate on openclaw.audit_log
  for each statement execute function openclaw.audit_log_is_append_only();
create trigger never_truncated before truncate on openclaw.audit_log_default
  for each statement execute function openclaw.audit_log_is_append_only();

-- Users.

create function openclaw.argon2id_hash(password text) returns text
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_argon2id_hash';
comment on function openclaw.argon2id_hash(text) is
  'Argon2id (RFC 9106) as a PHC string, at the cost of openclaw.argon2_memory and openclaw.argon2_iterations. Errors: 22023 for an empty password, 54000 over 1024 bytes, 57014 when cancelled.';
revoke all on function openclaw.argon2id_hash(text) from public;

create function openclaw.create_user(email text default null, user_id text default null,
                                     plan_tier text default 'free', password text default null)
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  new_id text := coalesce(create_user.user_id, openclaw.new_id('user'));
begin
  insert into openclaw.users (id, email, plan_tier)
  values (new_id, create_user.email, coalesce(create_user.plan_tier, 'free'));
  -- Apart and last: a row that a constraint refuses is shown whole in the error's detail.
  if create_user.password is not null then
    update openclaw.users as u set password_hash = openclaw.argon2id_hash(create_user.password)
    where u.id = new_id;
  end if;
  perform openclaw.audit('create_user', new_id, new_id);
  return new_id;
end
$$;
comment on function openclaw.create_user(text, text, text, text) is
  'Adds a user and returns the id: the platform''s own (user_id), or a new user_… one. The password is optional; pass it as a bound parameter, never in the query''s text. Errors: 23505 for an id or e-mail (case-insensitive) that exists, 23514 for one that is malformed, 22023 and 54000 for the password.';
revoke all on function openclaw.create_user(text, text, text, text) from public;

create function openclaw.end_tokens_of_user() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  update openclaw.api_tokens as t set revoked_at = now()
  where t.user_id = new.id and t.revoked_at is null;
  update openclaw.grants as g set revoked_at = now()
  where g.user_id = new.id and g.revoked_at is null;
  perform openclaw.audit('disable_user', new.id, new.id);
  return null;
end
$$;
comment on function openclaw.end_tokens_of_user() is
  'Trigger: a user who is disabled has no live token and no grant from that transaction on.';
revoke all on function openclaw.end_tokens_of_user() from public;

create trigger end_tokens after update of disabled_at on openclaw.users
  for each row when (old.disabled_at is null and new.disabled_at is not null)
  execute function openclaw.end_tokens_of_user();

create function openclaw.disable_user(user_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  update openclaw.users as u set disabled_at = now()
  where u.id = disable_user.user_id and u.disabled_at is null;
  return found or exists (select from openclaw.users as u where u.id = disable_user.user_id);
end
$$;
comment on function openclaw.disable_user(text) is
  'Ends a user: from this transaction on no token, grant, JWT or client of theirs is good in the database, and gates learn it from the status lists. True also when the user was disabled before, false for an unknown one.';
revoke all on function openclaw.disable_user(text) from public;

-- Locks the user's row until the transaction ends, so that who is being disabled at this moment
-- either gets nothing new or loses it again.
create function openclaw.require_user(user_id text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform from openclaw.users as u
  where u.id = require_user.user_id and u.disabled_at is null
  for share;
  if not found then
    raise exception 'no such user' using errcode = 'P0002', detail = 'reason: unknown_user';
  end if;
end
$$;
comment on function openclaw.require_user(text) is
  'Raises P0002 unless the user exists and is not disabled; holds the row until the transaction ends.';
revoke all on function openclaw.require_user(text) from public;

-- Containers.

create function openclaw.canonical_endpoint(mcp_endpoint text, type text) returns text
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_canonical_endpoint';
comment on function openclaw.canonical_endpoint(text, text) is
  'The one form of an endpoint that is stored and used as audience: service:port (hosted), https://host[:port][/path] (external; RFC 3986 section 6.2). Errors: 22023 with the reason, among them every address that could reach inside.';
revoke all on function openclaw.canonical_endpoint(text, text) from public;

create function openclaw.canonical_fingerprint(public_key_fingerprint text) returns text
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_canonical_fingerprint';
comment on function openclaw.canonical_fingerprint(text) is
  'sha256/BASE64 of the SubjectPublicKeyInfo (RFC 7469 section 2.4), from that form, from sha256:HEX, or from a certificate or public key in PEM. Errors: 22023.';
revoke all on function openclaw.canonical_fingerprint(text) from public;

create function openclaw.register_container(
    user_id text, name text, type text, mcp_endpoint text, auth_method text default null,
    public_key_fingerprint text default null, container_id text default null,
    signing_alg text default 'EdDSA')
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  new_id text := coalesce(register_container.container_id, openclaw.new_id('ctr'));
begin
  perform openclaw.require_user(register_container.user_id);
  insert into openclaw.containers
    (id, user_id, name, type, mcp_endpoint, auth_method, public_key_fingerprint, signing_alg)
  values (
    new_id, register_container.user_id, register_container.name, register_container.type,
    openclaw.canonical_endpoint(register_container.mcp_endpoint, register_container.type),
    coalesce(register_container.auth_method,
             case register_container.type when 'hosted' then 'mtls' else 'platform_token' end),
    openclaw.canonical_fingerprint(register_container.public_key_fingerprint),
    coalesce(register_container.signing_alg, 'EdDSA'));
  perform openclaw.audit('register_container', register_container.user_id, new_id);
  return new_id;
end
$$;
comment on function openclaw.register_container(text, text, text, text, text, text, text, text) is
  'Adds a container of a user and returns its id. type is hosted (auth_method mtls) or external (platform_token, the default, or api_key); a fingerprint pins an external one''s certificate; signing_alg (EdDSA, ES256, RS256) is what its JWTs are signed with. Errors: P0002 for an unknown user, 22023 for an endpoint or fingerprint that is refused, 23505 for a name or endpoint that the user has already, 23514 when type and method do not fit or signing_alg is none of these.';
revoke all on function openclaw.register_container(text, text, text, text, text, text, text, text) from public;

create function openclaw.end_tokens_of_container() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  update openclaw.api_tokens as t set revoked_at = now()
  where t.container_id = new.id and t.revoked_at is null;
  update openclaw.grants as g set revoked_at = now()
  where g.container_id = new.id and g.revoked_at is null;
  perform openclaw.audit('disable_container', new.user_id, new.id);
  return null;
end
$$;
comment on function openclaw.end_tokens_of_container() is
  'Trigger: a container that is disabled leaves no live token and no grant bound to it.';
revoke all on function openclaw.end_tokens_of_container() from public;

create trigger end_tokens after update of disabled_at on openclaw.containers
  for each row when (old.disabled_at is null and new.disabled_at is not null)
  execute function openclaw.end_tokens_of_container();

create function openclaw.update_container(
    user_id text, container_id text, name text default null, mcp_endpoint text default null,
    public_key_fingerprint text default null, signing_alg text default null)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  update openclaw.containers as c
  set name = coalesce(update_container.name, c.name),
      mcp_endpoint = coalesce(openclaw.canonical_endpoint(update_container.mcp_endpoint, c.type),
                              c.mcp_endpoint),
      public_key_fingerprint = case when update_container.public_key_fingerprint = '' then null
        else coalesce(openclaw.canonical_fingerprint(
                        nullif(update_container.public_key_fingerprint, '')),
                      c.public_key_fingerprint) end,
      signing_alg = coalesce(update_container.signing_alg, c.signing_alg)
  where c.id = update_container.container_id and c.user_id = update_container.user_id
    and c.disabled_at is null;
  if found then
    perform openclaw.audit('update_container', update_container.user_id,
                           update_container.container_id);
  end if;
  return found;
end
$$;
comment on function openclaw.update_container(text, text, text, text, text, text) is
  'Changes what is given of a container and leaves the rest; an empty fingerprint takes the pin away. A JWT keeps the audience that it was signed for. False for a container that is unknown, removed or another user''s. Errors: as register_container.';
revoke all on function openclaw.update_container(text, text, text, text, text, text) from public;

create function openclaw.remove_container(user_id text, container_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  update openclaw.containers as c set disabled_at = now()
  where c.id = remove_container.container_id and c.user_id = remove_container.user_id
    and c.disabled_at is null;
  return found or exists (
    select from openclaw.containers as c
    where c.id = remove_container.container_id and c.user_id = remove_container.user_id);
end
$$;
comment on function openclaw.remove_container(text, text) is
  'Ends a container: from this transaction on no token, grant or JWT for it is good in the database, and its gate learns it from its status list. Its name and endpoint are free again. True also when it was removed before, false for one that is unknown or another user''s.';
revoke all on function openclaw.remove_container(text, text) from public;

-- Opaque tokens: issue, verify, revoke.

create function openclaw.mint_token(purpose text, out token text, out token_hash bytea)
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_mint_token';
comment on function openclaw.mint_token(text) is
  'A new token''s text (ocu_… for user_direct, och_… for platform_harness, ocr_… for refresh, ocs_… for client_secret; 256 random bits, checksum) and the SHA-256 of it, which alone is stored.';
revoke all on function openclaw.mint_token(text) from public;

create function openclaw.token_hash(token text) returns bytea
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_token_hash';
comment on function openclaw.token_hash(text) is
  'SHA-256 of a token''s text; null when prefix, length, alphabet or checksum are not a token''s.';
revoke all on function openclaw.token_hash(text) from public;

create type openclaw.token_verification as (
  valid boolean, reason text, token_id text, user_id text, container_id text, scopes text[],
  issued_for text, expires_at timestamptz
);
comment on type openclaw.token_verification is
  'valid, or the reason: malformed, unknown, revoked, expired, insufficient_scope. A refusal says nothing else.';

create function openclaw.issue_token(
    user_id text, scopes text[], lifetime interval default '90 days',
    issued_for text default 'user_direct', name text default null, container_id text default null,
    out token text, out token_id text, out expires_at timestamptz)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  minted record;
begin
  if lifetime is null or lifetime < interval '1 second' or lifetime > interval '10 years' then
    raise exception 'lifetime must be between one second and ten years' using errcode = '22023';
  end if;
  if scopes is null or not openclaw.are_grants(scopes) then
    raise exception 'scopes must be 1 to 64 of area:action or area:*' using errcode = '22023';
  end if;
  perform openclaw.require_user(issue_token.user_id);
  if issue_token.container_id is not null then
    perform openclaw.require_container(issue_token.user_id, issue_token.container_id);
  end if;
  if coalesce(issued_for, 'user_direct') not in ('user_direct', 'platform_harness') then
    raise exception 'unknown issued_for' using errcode = '22023',
      hint = 'Use user_direct or platform_harness.';
  end if;
  minted := openclaw.mint_token(coalesce(issued_for, 'user_direct'));
  token := minted.token;
  insert into openclaw.api_tokens as t
    (id, user_id, name, token_hash, scopes, expires_at, issued_for, container_id)
  values (openclaw.new_id('tok'), issue_token.user_id, issue_token.name, minted.token_hash,
          issue_token.scopes, clock_timestamp() + lifetime,
          coalesce(issue_token.issued_for, 'user_direct'), issue_token.container_id)
  returning t.id, t.expires_at into issue_token.token_id, issue_token.expires_at;
  perform openclaw.audit('issue_token', issue_token.user_id, issue_token.token_id);
end
$$;
comment on function openclaw.issue_token(text, text[], interval, text, text, text) is
  'Issues an opaque token: its text is returned once and never stored. issued_for is user_direct or platform_harness; with container_id it is good for that container alone. Errors: P0002 for an unknown user or container, 22023 for scopes, lifetime or issued_for.';
revoke all on function openclaw.issue_token(text, text[], interval, text, text, text) from public;

create function openclaw.require_container(user_id text, container_id text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform from openclaw.containers as c
  where c.id = require_container.container_id and c.user_id = require_container.user_id
    and c.disabled_at is null
  for share;
  if not found then
    raise exception 'no such container' using errcode = 'P0002', detail = 'reason: unknown_container';
  end if;
end
$$;
comment on function openclaw.require_container(text, text) is
  'Raises P0002 unless the container exists, is the user''s and is not disabled; another user''s answers the same. Holds the row until the transaction ends.';
revoke all on function openclaw.require_container(text, text) from public;

create function openclaw.verify_token(token text, required_scopes text[] default '{}')
  returns openclaw.token_verification
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_verify_token';
comment on function openclaw.verify_token(text, text[]) is
  'Whether an opaque token is live and grants every required scope; one index look-up, no write. A null or over-long token is malformed. Errors: 22004 and 22023 for required_scopes.';
revoke all on function openclaw.verify_token(text, text[]) from public;

create function openclaw.verify_tokens(tokens text[], required_scopes text[] default '{}')
  returns table (ordinal bigint, valid boolean, reason text, token_id text, user_id text,
                 container_id text, scopes text[], issued_for text, expires_at timestamptz)
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_verify_tokens';
comment on function openclaw.verify_tokens(text[], text[]) is
  'verify_token for up to 65536 tokens in one call: one row each, in their order, ordinal from 1. A bad token is a row with its reason and never fails the call. Errors: 22004, 22023, 54000.';
revoke all on function openclaw.verify_tokens(text[], text[]) from public;

create function openclaw.revoke_token(user_id text, token_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  update openclaw.api_tokens as t set revoked_at = now()
  where t.id = revoke_token.token_id and t.user_id = revoke_token.user_id
    and t.revoked_at is null;
  if found then
    perform openclaw.revoke_grants(array(
      select g.id from openclaw.grants as g where g.subject_token_id = revoke_token.token_id));
    perform openclaw.audit('revoke_token', revoke_token.user_id, revoke_token.token_id);
    return true;
  end if;
  return exists (select from openclaw.api_tokens as t
                 where t.id = revoke_token.token_id and t.user_id = revoke_token.user_id);
end
$$;
comment on function openclaw.revoke_token(text, text) is
  'Revokes a token of a user by its id, and the grants that it was exchanged for; effective at once for every check in the database. True also when it was revoked before; false when the user has no such token, whoever else may.';
revoke all on function openclaw.revoke_token(text, text) from public;

create function openclaw.revoke_token(token text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  stored record;
begin
  select t.id, t.user_id into stored
  from openclaw.api_tokens as t where t.token_hash = openclaw.token_hash(revoke_token.token);
  return coalesce(openclaw.revoke_token(stored.user_id, stored.id), false);
end
$$;
comment on function openclaw.revoke_token(text) is
  'Revokes an opaque token by its text (RFC 7009). True also when it was revoked before; false when there is no such token.';
revoke all on function openclaw.revoke_token(text) from public;

-- Signing keys and the master key.
--
-- Life of a key: pending -> active -> retiring -> retired, by its timestamps alone. Beside the active
-- key of an algorithm there is always a pending one, published long before it is needed, so that a
-- rotation, by schedule, by hand or in an emergency, signs with a key that every verifier has.
--
-- The guarantee: no verifier that honours the JWKS's Cache-Control meets a kid that it cannot find.
-- A key signs from propagated_at at the earliest, when every JWKS that was served without it has
-- run out. What is said by max-age changes only when a key is made (jwks_max_age of the newest
-- one): so every row knows how old the copies of its predecessors can be. The functions named …_at
-- take the time as an argument; tests let months pass with them.

create function openclaw.invalidate_signing_keys() returns trigger
  language c
  as 'MODULE_PATHNAME', 'openclaw_invalidate_signing_keys';
comment on function openclaw.invalidate_signing_keys() is
  'Statement trigger: every backend, on standbys too, drops its parsed keys when this commits.';
revoke all on function openclaw.invalidate_signing_keys() from public;

create trigger invalidate_caches after insert or update or delete or truncate
  on openclaw.signing_keys for each statement
  execute function openclaw.invalidate_signing_keys();

-- The master key.

create function openclaw.create_master_key() returns text
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_create_master_key';
comment on function openclaw.create_master_key() is
  'Makes the file openclaw.master_key_file (mode 0600) with a new master key and returns the key''s public id. Back the file up: without it no signing key opens. Errors: 55000 when the setting is empty, 42710 when the file exists, F0000 when it cannot be written.';
revoke all on function openclaw.create_master_key() from public;

create function openclaw.master_key_id() returns text
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_master_key_id';
comment on function openclaw.master_key_id() is
  'The public id of the master key that seals, the first one in openclaw.master_key_file. Errors: 55000 when the setting is empty, F0000 when the file is missing, unreadable, open to group or others, or no master key.';
revoke all on function openclaw.master_key_id() from public;

create function openclaw.master_key_ids() returns text[]
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_master_key_ids';
comment on function openclaw.master_key_ids() is
  'The public ids of every master key in openclaw.master_key_file, the one that seals first. Errors: as master_key_id().';
revoke all on function openclaw.master_key_ids() from public;

create function openclaw.add_master_key() returns text
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_add_master_key';
comment on function openclaw.add_master_key() is
  'Puts a new master key before the others in the file, in one step that a crash cannot halve; returns its id.';
revoke all on function openclaw.add_master_key() from public;

create function openclaw.rotate_master_key() returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  id text;
begin
  lock table openclaw.signing_keys in share row exclusive mode;
  id := openclaw.add_master_key();
  perform openclaw.audit('rotate_master_key', null, id);
  return id;
end
$$;
comment on function openclaw.rotate_master_key() is
  'Puts a new master key before the others in openclaw.master_key_file and returns its id. The others still open what they sealed, so nothing pauses. Next: copy the file to every standby and to the backup, then rewrap_signing_keys(), and when that has committed, retire_master_keys(). Errors: as master_key_id(), 54000 beyond 8 keys in the file.';
revoke all on function openclaw.rotate_master_key() from public;

create function openclaw.rewrap_key(
    kid text, alg text, sealed_private_key bytea, master_key_id text,
    out sealed_again bytea, out sealed_under text)
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_rewrap_key';
comment on function openclaw.rewrap_key(text, text, bytea, text) is
  'A private half sealed under the first master key of the file, and that key''s id, from one sealed under any of them. Errors: 55000 when its master key is not there or it was altered.';
revoke all on function openclaw.rewrap_key(text, text, bytea, text) from public;

create function openclaw.rewrap_signing_keys() returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  ids text[];
  rewrapped integer;
begin
  lock table openclaw.signing_keys in share row exclusive mode;
  ids := openclaw.master_key_ids();
  update openclaw.signing_keys as k
  set sealed_private_key = r.sealed_again, master_key_id = r.sealed_under
  from openclaw.signing_keys as old,
       lateral openclaw.rewrap_key(old.kid, old.alg, old.sealed_private_key, old.master_key_id) as r
  where old.kid = k.kid and old.master_key_id <> ids[1] and old.master_key_id = any (ids);
  get diagnostics rewrapped = row_count;
  if rewrapped > 0 then
    perform openclaw.audit('rewrap_signing_keys', null, ids[1]);
  end if;
  return rewrapped;
end
$$;
comment on function openclaw.rewrap_signing_keys() is
  'Seals every private half again under the first master key of the file, and returns how many were not. Signing goes on meanwhile. A key whose master key is lost is left as it is; doctor() names it. Errors: as master_key_id().';
revoke all on function openclaw.rewrap_signing_keys() from public;

create function openclaw.keep_master_keys(ids text[]) returns integer
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_keep_master_keys';
comment on function openclaw.keep_master_keys(text[]) is
  'Drops every master key from the file but the first and those named; returns how many went.';
revoke all on function openclaw.keep_master_keys(text[]) from public;

create function openclaw.retire_master_keys() returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  retired integer;
begin
  -- Nobody may seal or rewrap between the look and the write, and what this transaction itself sealed
  -- again could still be rolled back.
  lock table openclaw.signing_keys in share row exclusive mode;
  perform pg_current_xact_id();
  if exists (select from openclaw.signing_keys as k where age(k.xmin) <= 0) then
    raise exception 'this transaction has changed signing keys' using errcode = '55000',
      hint = 'Commit rewrap_signing_keys() first: a roll-back would need the old master keys.';
  end if;
  retired := openclaw.keep_master_keys(
    array(select distinct k.master_key_id from openclaw.signing_keys as k));
  if retired > 0 then
    perform openclaw.audit('retire_master_keys', null, openclaw.master_key_id());
  end if;
  return retired;
end
$$;
comment on function openclaw.retire_master_keys() is
  'Drops from openclaw.master_key_file the master keys that no signing key is sealed under any more; returns how many. Run it after the transaction of rewrap_signing_keys(), and when every database of the server that shares the file has done the same: it knows the keys of its own database alone. Keep a backup of the file as long as backups of the database that need it. Errors: as master_key_id(), 55000 in the transaction that changed signing keys.';
revoke all on function openclaw.retire_master_keys() from public;

-- Rotation.

create function openclaw.generate_signing_key(
    alg text, out kid text, out public_jwk text, out sealed_private_key bytea, out master_key_id text)
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_generate_signing_key';
comment on function openclaw.generate_signing_key(text) is
  'A new key pair (EdDSA, ES256 or RS256), its private half sealed under the master key. Stores nothing. The transaction must commit within 10 seconds, else it fails with 25000 at its end: a key is counted as published from now on.';
revoke all on function openclaw.generate_signing_key(text) from public;

create function openclaw.jwks_max_age_at(at timestamptz) returns interval
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select coalesce(
      (select k.jwks_max_age from openclaw.signing_keys as k
       where exists (select from openclaw.signing_keys as p
                     where least(p.revoked_at, p.expires_at) is null
                        or least(p.revoked_at, p.expires_at) > at - interval '1 day')
       order by k.created_at desc, k.kid limit 1), interval '0')
  $$;
comment on function openclaw.jwks_max_age_at(timestamptz) is
  'How long a verifier may keep the JWKS that is served at this time: openclaw.jwks_max_age as it was when the newest key was made; zero when no key has been published for a day, so that no cache can have anything.';
revoke all on function openclaw.jwks_max_age_at(timestamptz) from public;

create function openclaw.propagated_at(at timestamptz) returns timestamptz
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select case when openclaw.jwks_max_age_at(at) = interval '0' then at
      else greatest(at + openclaw.jwks_max_age_at(at) + interval '10 seconds',
                    (select max(k.propagated_at) from openclaw.signing_keys as k)) end
  $$;
comment on function openclaw.propagated_at(timestamptz) is
  'From when on every JWKS in a cache has a key that is made at this time. The 10 seconds are those that the transaction may take.';
revoke all on function openclaw.propagated_at(timestamptz) from public;

create function openclaw.add_signing_key(alg text, activates_at timestamptz, at timestamptz)
  returns text
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  propagated timestamptz := openclaw.propagated_at(at);
  fresh record;
begin
  if (select count(*) from openclaw.signing_keys as k
      where k.revoked_at is null and (k.expires_at is null or k.expires_at > at)) >= 60 then
    raise exception 'there are 60 published signing keys' using errcode = '54000',
      hint = 'Verifiers read a JWK set of at most 64; wait until retiring ones have expired.';
  end if;
  fresh := openclaw.generate_signing_key(alg);
  insert into openclaw.signing_keys
    (kid, alg, public_jwk, sealed_private_key, master_key_id, created_at, activates_at,
     jwks_max_age, propagated_at)
  values (fresh.kid, add_signing_key.alg, fresh.public_jwk, fresh.sealed_private_key,
          fresh.master_key_id, at, coalesce(add_signing_key.activates_at, propagated),
          openclaw.setting('jwks_max_age')::interval, propagated);
  return fresh.kid;
end
$$;
comment on function openclaw.add_signing_key(text, timestamptz, timestamptz) is
  'Makes and publishes a key; it signs from activates_at on, or as soon as it has propagated.';
revoke all on function openclaw.add_signing_key(text, timestamptz, timestamptz) from public;

create function openclaw.reschedule_signing_keys(alg text, at timestamptz) returns void
  language sql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    with line as (
      select k.kid, lead(k.activates_at) over (order by k.activates_at, k.created_at, k.kid) as next_begins
      from openclaw.signing_keys as k
      where k.alg = reschedule_signing_keys.alg and k.revoked_at is null
        and (k.retires_at is null or k.retires_at > at)
    )
    update openclaw.signing_keys as k
    set retires_at = l.next_begins,
        expires_at = l.next_begins + openclaw.max_jwt_lifetime() + interval '1 minute'
    from line as l
    where k.kid = l.kid and k.retires_at is distinct from l.next_begins
  $$;
comment on function openclaw.reschedule_signing_keys(text, timestamptz) is
  'A key signs until the next one of its algorithm begins, and stays published until its last JWT has expired.';
revoke all on function openclaw.reschedule_signing_keys(text, timestamptz) from public;

create function openclaw.prepare_successor(alg text, at timestamptz) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  ids text[] := openclaw.master_key_ids();
  lifetime interval := openclaw.setting('signing_key_lifetime')::interval;
  last_begins timestamptz;
begin
  -- A key that cannot be opened must never have its turn.
  update openclaw.signing_keys as k set activates_at = 'infinity'
  where k.alg = prepare_successor.alg and k.revoked_at is null
    and k.activates_at > at and k.activates_at < 'infinity' and k.master_key_id <> all (ids);
  select max(k.activates_at) into last_begins
  from openclaw.signing_keys as k
  where k.alg = prepare_successor.alg and k.revoked_at is null and k.activates_at <= at;
  -- The setting may have said 0 when a key was made, or says so now.
  update openclaw.signing_keys as k
  set activates_at = case when lifetime = interval '0' then 'infinity'
                     else greatest(last_begins + lifetime, k.propagated_at) end
  where k.alg = prepare_successor.alg and k.revoked_at is null and k.activates_at > at
    and k.master_key_id = any (ids)
    and (k.activates_at = 'infinity') <> (lifetime = interval '0');
  if not exists (select from openclaw.signing_keys as k
                 where k.alg = prepare_successor.alg and k.revoked_at is null
                   and k.activates_at > at and k.master_key_id = any (ids)) then
    perform openclaw.add_signing_key(
      alg, case when lifetime = interval '0' then 'infinity'
           else greatest(last_begins + lifetime, openclaw.propagated_at(at)) end, at);
  end if;
  perform openclaw.reschedule_signing_keys(alg, at);
end
$$;
comment on function openclaw.prepare_successor(text, timestamptz) is
  'Sees to it that a key of the algorithm is pending, to begin openclaw.signing_key_lifetime after the one before it.';
revoke all on function openclaw.prepare_successor(text, timestamptz) from public;

create function openclaw.rotate_signing_key_at(alg text, activate_after interval, at timestamptz)
  returns text
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  chosen text;
begin
  if alg is null then
    raise exception 'alg must not be null' using errcode = '22004';
  end if;
  if activate_after < interval '0' or activate_after > interval '30 days' then
    raise exception 'activate_after must be between zero and 30 days' using errcode = '22023';
  end if;
  lock table openclaw.signing_keys in share row exclusive mode;
  if activate_after is not null then
    chosen := openclaw.add_signing_key(alg, at + activate_after, at);
  else
    update openclaw.signing_keys as k set activates_at = greatest(at, k.propagated_at)
    where k.kid = (select p.kid from openclaw.signing_keys as p
                   where p.alg = rotate_signing_key_at.alg and p.revoked_at is null
                     and p.activates_at > at and p.master_key_id = any (openclaw.master_key_ids())
                   order by p.activates_at, p.created_at limit 1)
    returning k.kid into chosen;
    if chosen is null then
      chosen := openclaw.add_signing_key(alg, null, at);
    end if;
  end if;
  perform openclaw.reschedule_signing_keys(alg, at);
  -- With the rotation under way the chosen key may itself be pending: the next one comes when it signs.
  if exists (select from openclaw.signing_keys as k where k.kid = chosen and k.activates_at <= at) then
    perform openclaw.prepare_successor(alg, at);
  end if;
  perform openclaw.audit('rotate_signing_key', null, chosen);
  return chosen;
end
$$;
comment on function openclaw.rotate_signing_key_at(text, interval, timestamptz) is
  'rotate_signing_key at a time that is given.';
revoke all on function openclaw.rotate_signing_key_at(text, interval, timestamptz) from public;

create function openclaw.rotate_signing_key(alg text default 'EdDSA',
                                            activate_after interval default null)
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  -- The time counts from when nobody else is at it.
  lock table openclaw.signing_keys in share row exclusive mode;
  return openclaw.rotate_signing_key_at(alg, activate_after, clock_timestamp());
end
$$;
comment on function openclaw.rotate_signing_key(text, interval) is
  'Has the next key of EdDSA, ES256 or RS256 sign, and returns its kid: at once when every verifier that honours the JWKS''s Cache-Control has it, which is so unless the last rotation was just now or the algorithm is new; else as soon as that is so. Its predecessor stays published until its last JWT has expired; a new successor is prepared, by maintain() at the latest. The very first key signs at once. activate_after makes a new key that begins then, whoever has it. Errors: 22004, 22023, 25000 when the transaction commits more than 10 seconds later, and those of the master key (55000, F0000).';
revoke all on function openclaw.rotate_signing_key(text, interval) from public;

create function openclaw.revoke_signing_key_at(kid text, at timestamptz) returns boolean
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  gone record;
  chosen text;
begin
  lock table openclaw.signing_keys in share row exclusive mode;
  update openclaw.signing_keys as k set revoked_at = at
  where k.kid = revoke_signing_key_at.kid and k.revoked_at is null
  returning k.alg, k.activates_at into gone;
  if not found then
    return exists (select from openclaw.signing_keys as k where k.kid = revoke_signing_key_at.kid);
  end if;
  perform openclaw.audit('revoke_signing_key', null, revoke_signing_key_at.kid);

  -- A revocation must not fail for want of a master key: what signs next is another matter.
  begin
    if not exists (select from openclaw.signing_keys as k
                   where k.alg = gone.alg and k.revoked_at is null and k.activates_at <= at
                     and (k.retires_at is null or k.retires_at > at)) then
      update openclaw.signing_keys as k set activates_at = at
      where k.kid = (select p.kid from openclaw.signing_keys as p
                     where p.alg = gone.alg and p.revoked_at is null and p.activates_at > at
                       and p.master_key_id = any (openclaw.master_key_ids())
                     order by p.propagated_at, p.activates_at limit 1)
      returning k.kid into chosen;
      if chosen is null then
        perform openclaw.add_signing_key(gone.alg, at, at);
      end if;
    end if;
    perform openclaw.prepare_successor(gone.alg, at);
  exception when sqlstate 'F0000' or sqlstate '55000' then
    raise warning 'the key is revoked, but there is no successor: %', sqlerrm
      using hint = 'Mend what openclaw.doctor() says of master_key, then openclaw.rotate_signing_key().';
  end;
  return true;
end
$$;
comment on function openclaw.revoke_signing_key_at(text, timestamptz) is
  'revoke_signing_key at a time that is given.';
revoke all on function openclaw.revoke_signing_key_at(text, timestamptz) from public;

create function openclaw.revoke_signing_key(kid text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  lock table openclaw.signing_keys in share row exclusive mode;
  return openclaw.revoke_signing_key_at(kid, clock_timestamp());
end
$$;
comment on function openclaw.revoke_signing_key(text) is
  'For a key that leaked: from this commit on the database refuses everything it signed, gates within their status period, other verifiers when their JWKS runs out. If it was the one that signs, its successor, published long since, signs at once; only a second emergency within openclaw.jwks_max_age of the first meets verifiers that lack the new key. True also when it was revoked before, false for no such key. Errors: 25000 as rotate_signing_key.';
revoke all on function openclaw.revoke_signing_key(text) from public;

create function openclaw.algorithms_without_successor(at timestamptz) returns setof text
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select distinct k.alg from openclaw.signing_keys as k
    where k.revoked_at is null and k.activates_at <= at and (k.retires_at is null or k.retires_at > at)
      and not exists (
        select from openclaw.signing_keys as p
        where p.alg = k.alg and p.revoked_at is null and p.activates_at > at
          and (p.activates_at = 'infinity') = (openclaw.setting('signing_key_lifetime')::interval = interval '0'))
  $$;
comment on function openclaw.algorithms_without_successor(timestamptz) is
  'Algorithms that are in use and whose next key is not prepared, or not as openclaw.signing_key_lifetime says.';
revoke all on function openclaw.algorithms_without_successor(timestamptz) from public;

create function openclaw.maintain_signing_keys_at(at timestamptz) returns integer
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  due text;
  prepared integer := 0;
begin
  for due in select openclaw.algorithms_without_successor(at) loop
    perform openclaw.prepare_successor(due, at);
    prepared := prepared + 1;
  end loop;
  return prepared;
end
$$;
comment on function openclaw.maintain_signing_keys_at(timestamptz) is
  'Prepares the successor of every key that became active and has none; returns how many.';
revoke all on function openclaw.maintain_signing_keys_at(timestamptz) from public;

-- What is published and what signs.

create function openclaw.jwks() returns json
  language c stable strict
  as 'MODULE_PATHNAME', 'openclaw_jwks';
comment on function openclaw.jwks() is
  'The published public keys as a JWK set (RFC 7517 section 5): pending, active and retiring.';
revoke all on function openclaw.jwks() from public;

create function openclaw.jwks_at(at timestamptz) returns json
  language c stable strict
  as 'MODULE_PATHNAME', 'openclaw_jwks_at';
comment on function openclaw.jwks_at(timestamptz) is 'jwks() at a time that is given.';
revoke all on function openclaw.jwks_at(timestamptz) from public;

create function openclaw.signing_kid_at(alg text, at timestamptz) returns text
  language c stable strict
  as 'MODULE_PATHNAME', 'openclaw_signing_kid_at';
comment on function openclaw.signing_kid_at(text, timestamptz) is
  'The kid of the key that signs at a time that is given. Errors: 55000 when there is none.';
revoke all on function openclaw.signing_kid_at(text, timestamptz) from public;

create view openclaw.key_status with (security_barrier) as
  select k.kid, k.alg,
         case when k.revoked_at is not null then 'revoked'
              when k.expires_at <= clock_timestamp() then 'retired'
              when k.retires_at <= clock_timestamp() then 'retiring'
              when k.activates_at <= clock_timestamp() then 'active'
              else 'pending' end as state,
         k.activates_at, k.retires_at, k.expires_at, k.revoked_at, k.propagated_at, k.created_at,
         k.master_key_id
  from openclaw.signing_keys as k
  order by k.alg, k.activates_at, k.created_at;
comment on view openclaw.key_status is
  'Signing keys and the state that follows from their timestamps; never a private half.';
revoke all on openclaw.key_status from public;

-- JWTs: access tokens (mode B and C) and user claims (mode A).

create function openclaw.sign_jwt(
    type text, alg text, user_id text, audience text, scopes text[], client_id text,
    container_id text, lifetime_seconds integer, generation integer default null,
    actor text default null, certificate_thumbprint text default null,
    not_after timestamptz default null,
    out token text, out jti text, out kid text, out issued_at timestamptz,
    out expires_at timestamptz)
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_sign_jwt';
comment on function openclaw.sign_jwt(text, text, text, text, text[], text, text, integer, integer, text, text, timestamptz) is
  'Signs claims with the active key of an algorithm; type is access_token (typ at+jwt, RFC 9068) or user_claim (typ user-claim+jwt). With generation it refers to that generation of the container''s status list; actor is act.sub (RFC 8693 section 4.1), certificate_thumbprint cnf.x5t#S256 (RFC 8705 section 3.1), and exp is not_after at the latest. Decides nothing: issue_access_token and issue_user_claim do. Errors: 22004, 22023, 54000 for a JWT over 8 KiB, 55000 without an active key or issuer, F0000 without the master key.';
revoke all on function openclaw.sign_jwt(text, text, text, text, text[], text, text, integer, integer, text, text, timestamptz) from public;

create type openclaw.jwt_verification as (
  valid boolean, reason text, user_id text, container_id text, client_id text, scopes text[],
  audience text[], jti text, kid text, issued_at timestamptz, expires_at timestamptz
);
comment on type openclaw.jwt_verification is
  'valid, or the reason: malformed, unsupported_algorithm, unknown_key, invalid_signature, wrong_type, wrong_issuer, expired, not_yet_valid, wrong_audience, wrong_user, wrong_certificate, insufficient_scope, revoked. A refusal says nothing else.';

create function openclaw.verify_jwt(
    jwt text, audience text, required_scopes text[] default '{}', user_id text default null,
    type text default 'access_token', certificate_thumbprint text default null)
  returns openclaw.jwt_verification
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_verify_jwt';
comment on function openclaw.verify_jwt(text, text, text[], text, text, text) is
  'Whether a JWT of this type is ours (signature, issuer), meant for this audience, of this user (null: any), not expired, grants every required scope, it was not revoked, and its user and container are live. A token that is bound to a client certificate (cnf, RFC 8705) needs that certificate''s thumbprint. A null or over-long jwt is malformed (RFC 8725). Errors: 22004, 22023, 54000 for the other arguments, 55000 without issuer.';
revoke all on function openclaw.verify_jwt(text, text, text[], text, text, text) from public;

create function openclaw.jwt_seconds(lifetime interval, setting text) returns integer
  language plpgsql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  lifetime := coalesce(lifetime, openclaw.setting(setting)::interval);
  if lifetime < interval '1 second' or lifetime > openclaw.max_jwt_lifetime() then
    raise exception 'lifetime must be between one second and %', openclaw.max_jwt_lifetime()
      using errcode = '22023';
  end if;
  return floor(extract(epoch from lifetime))::integer;
end
$$;
comment on function openclaw.jwt_seconds(interval, text) is
  'A lifetime in whole seconds, the named setting''s for null. Errors: 22023 outside one second to max_jwt_lifetime().';
revoke all on function openclaw.jwt_seconds(interval, text) from public;

create function openclaw.refresh_time(issued_at timestamptz, expires_at timestamptz)
  returns timestamptz
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$ select expires_at - (expires_at - issued_at) / 5 $$;
comment on function openclaw.refresh_time(timestamptz, timestamptz) is
  'When to ask for the next token: at 80 % of this one''s lifetime.';
revoke all on function openclaw.refresh_time(timestamptz, timestamptz) from public;

create function openclaw.issue_access_token(
    container_id text, scopes text[], lifetime interval default null, user_id text default null,
    client_id text default null, alg text default null, actor text default null,
    certificate_thumbprint text default null, not_after timestamptz default null,
    out token text, out jti text, out kid text, out issued_at timestamptz,
    out expires_at timestamptz)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  container record;
  signed record;
begin
  select c.user_id, c.mcp_endpoint, c.type, c.auth_method, c.signing_alg, c.jwt_generation
  into container
  from openclaw.containers as c join openclaw.users as u on u.id = c.user_id
  where c.id = issue_access_token.container_id
    and c.user_id = coalesce(issue_access_token.user_id, c.user_id)
    and c.disabled_at is null and u.disabled_at is null;
  if not found then
    raise exception 'no such container' using errcode = 'P0002', detail = 'reason: unknown_container';
  end if;
  if container.type <> 'external' or container.auth_method <> 'platform_token' then
    raise exception 'this container takes no access tokens' using errcode = '55000',
      detail = format('It is %s with auth_method %s.', container.type, container.auth_method),
      hint = 'Access tokens are for type external with auth_method platform_token.';
  end if;
  if coalesce(cardinality(scopes), 0) = 0 then
    raise exception 'scopes must not be empty' using errcode = '22023';
  end if;
  signed := openclaw.sign_jwt(
    'access_token', coalesce(alg, container.signing_alg), container.user_id,
    container.mcp_endpoint, scopes, client_id, issue_access_token.container_id,
    openclaw.jwt_seconds(lifetime, 'access_token_lifetime'), container.jwt_generation, actor,
    certificate_thumbprint, not_after);
  token := signed.token;
  jti := signed.jti;
  kid := signed.kid;
  issued_at := signed.issued_at;
  expires_at := signed.expires_at;
end
$$;
comment on function openclaw.issue_access_token(text, text[], interval, text, text, text, text, text, timestamptz) is
  'Signs an access token (RFC 9068) for an external container: aud is its endpoint, sub and user_id its owner. Writes nothing, so it works on a hot standby. lifetime defaults to openclaw.access_token_lifetime, one hour at the most; not_after ends it earlier; alg defaults to the container''s. actor and certificate_thumbprint become act and cnf. Errors: P0002 for a container that is unknown, disabled or not the named user''s, 55000 for one that takes no access token or without an active key, 22023.';
revoke all on function openclaw.issue_access_token(text, text[], interval, text, text, text, text, text, timestamptz) from public;

create function openclaw.issue_user_claim(
    user_id text, container_id text, scopes text[] default '{}', lifetime interval default null,
    alg text default null,
    out token text, out jti text, out kid text, out issued_at timestamptz,
    out expires_at timestamptz)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  container record;
  signed record;
begin
  select c.mcp_endpoint, c.type, c.signing_alg, c.jwt_generation into container
  from openclaw.containers as c join openclaw.users as u on u.id = c.user_id
  where c.id = issue_user_claim.container_id and c.user_id = issue_user_claim.user_id
    and c.disabled_at is null and u.disabled_at is null;
  if not found then
    raise exception 'no such container' using errcode = 'P0002', detail = 'reason: unknown_container';
  end if;
  if container.type <> 'hosted' then
    raise exception 'this container takes no user claims' using errcode = '55000',
      detail = 'It is external.', hint = 'User claims are for type hosted, beside mTLS.';
  end if;
  signed := openclaw.sign_jwt(
    'user_claim', coalesce(alg, container.signing_alg), issue_user_claim.user_id,
    container.mcp_endpoint, scopes, null, issue_user_claim.container_id,
    openclaw.jwt_seconds(lifetime, 'user_claim_lifetime'), container.jwt_generation);
  token := signed.token;
  jti := signed.jti;
  kid := signed.kid;
  issued_at := signed.issued_at;
  expires_at := signed.expires_at;
end
$$;
comment on function openclaw.issue_user_claim(text, text, text[], interval, text) is
  'Signs a user claim (typ user-claim+jwt) for a hosted container: aud is its endpoint. The harness forwards it beside its client certificate. Writes nothing. lifetime defaults to openclaw.user_claim_lifetime. Errors: as issue_access_token.';
revoke all on function openclaw.issue_user_claim(text, text, text[], interval, text) from public;

create function openclaw.introspect_access_token(token text) returns json
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_introspect';
comment on function openclaw.introspect_access_token(text) is
  'introspect() for opaque tokens and JWTs. Errors: 55000 for a JWT without issuer.';
revoke all on function openclaw.introspect_access_token(text) from public;

-- All that the harness needs for one call.

create function openclaw.connect(
    user_id text, container_id text, scopes text[],
    out mcp_endpoint text, out type text, out auth_method text, out headers json,
    out client_certificate boolean, out public_key_fingerprint text, out expires_at timestamptz,
    out refresh_at timestamptz)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  container record;
  signed record;
begin
  select c.mcp_endpoint, c.type, c.auth_method, c.public_key_fingerprint into container
  from openclaw.containers as c
  where c.id = connect.container_id and c.user_id = connect.user_id and c.disabled_at is null;
  if not found then
    raise exception 'no such container' using errcode = 'P0002', detail = 'reason: unknown_container';
  end if;
  if container.auth_method = 'api_key' then
    raise exception 'this container takes only API keys, which its owner manages'
      using errcode = '0A000', hint = 'Register it with auth_method platform_token.';
  end if;

  if container.type = 'hosted' then
    signed := openclaw.issue_user_claim(connect.user_id, connect.container_id, connect.scopes);
    headers := json_build_object('X-OpenClaw-User-Claim', signed.token);
  else
    signed := openclaw.issue_access_token(connect.container_id, connect.scopes,
                                          user_id => connect.user_id);
    headers := json_build_object('Authorization', 'Bearer ' || signed.token);
  end if;
  mcp_endpoint := container.mcp_endpoint;
  type := container.type;
  auth_method := container.auth_method;
  client_certificate := container.type = 'hosted';
  public_key_fingerprint := container.public_key_fingerprint;
  expires_at := signed.expires_at;
  refresh_at := openclaw.refresh_time(signed.issued_at, signed.expires_at);
end
$$;
comment on function openclaw.connect(text, text, text[]) is
  'One call to a container: its endpoint, the headers to send (an access token or a user claim), whether TLS must show a client certificate, the pin of the server''s key, and when to ask again (refresh_at, at 80 % of the lifetime). Writes nothing. Errors: P0002 for a container that is unknown, disabled or another user''s, 0A000 for one that takes only API keys, 55000 and F0000 when no key can sign, 22023 for scopes.';
revoke all on function openclaw.connect(text, text, text[]) from public;

-- OAuth clients: registration, secrets, and how a client proves who it is (RFC 6749 section 2.3,
-- RFC 7523, RFC 8705).

create function openclaw.canonical_client_jwks(jwks text) returns text
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_canonical_client_jwks';
comment on function openclaw.canonical_client_jwks(text) is
  'A client''s JWK set as it is stored: 1 to 8 public keys of EdDSA, ES256 or RS256, each with a kid. Errors: 22023 with the reason.';
revoke all on function openclaw.canonical_client_jwks(text) from public;

create function openclaw.basic_credentials(
    http_authorization text, out client_id text, out client_secret text)
  language c immutable parallel safe
  as 'MODULE_PATHNAME', 'openclaw_basic_credentials';
comment on function openclaw.basic_credentials(text) is
  'The client and secret of an Authorization header of scheme Basic, each form-decoded (RFC 6749 section 2.3.1); nulls for anything else.';
revoke all on function openclaw.basic_credentials(text) from public;

create function openclaw.claimed_client(client_assertion text) returns text
  language c immutable parallel safe
  as 'MODULE_PATHNAME', 'openclaw_claimed_client';
comment on function openclaw.claimed_client(text) is
  'The client that an assertion says it is from, unverified: to find its keys by. Null when it is malformed.';
revoke all on function openclaw.claimed_client(text) from public;

create function openclaw.verify_client_assertion(
    client_assertion text, client_id text, jwks text,
    out valid boolean, out reason text, out jti_hash bytea, out expires_at timestamptz)
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_verify_client_assertion';
comment on function openclaw.verify_client_assertion(text, text, text) is
  'Whether an assertion is this client''s, for this issuer, and in time (RFC 7523 section 3). Whether it is the first of its jti is the caller''s to find out. Errors: 55000 without issuer.';
revoke all on function openclaw.verify_client_assertion(text, text, text) from public;

create function openclaw.client_certificate(
    field text, out thumbprint text, out subjects text[], out not_before timestamptz,
    out not_after timestamptz)
  language c immutable parallel safe
  as 'MODULE_PATHNAME', 'openclaw_client_certificate';
comment on function openclaw.client_certificate(text) is
  'A client certificate as a proxy passes it on: RFC 9440''s :BASE64:, percent-encoded PEM or PEM. thumbprint is x5t#S256 (RFC 8705 section 3.1); subjects are what tls_subject may name. Nulls for anything else.';
revoke all on function openclaw.client_certificate(text) from public;

create function openclaw.register_client(
    name text, kind text default 'mcp_client', user_id text default null,
    scopes text[] default '{mcp:*}', grant_types text[] default '{client_credentials}',
    auth_method text default 'client_secret', jwks text default null,
    tls_subject text default null, client_id text default null,
    out id text, out client_secret text)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  minted record;
begin
  if cardinality(coalesce(grant_types, '{}')) not between 1 and 3 then
    raise exception 'grant_types must be one to three' using errcode = '22023';
  end if;
  if scopes is null or not openclaw.are_grants(scopes) then
    raise exception 'scopes must be 1 to 64 of area:action or area:*' using errcode = '22023';
  end if;
  if register_client.user_id is not null then
    perform openclaw.require_user(register_client.user_id);
  end if;
  id := coalesce(register_client.client_id, openclaw.new_id('client'));
  insert into openclaw.oauth_clients as c
    (id, kind, name, user_id, auth_method, jwks, tls_subject, grant_types, scopes)
  values (id, register_client.kind, register_client.name, register_client.user_id,
          coalesce(register_client.auth_method, 'client_secret'),
          openclaw.canonical_client_jwks(register_client.jwks), register_client.tls_subject,
          register_client.grant_types, register_client.scopes);
  if coalesce(register_client.auth_method, 'client_secret') = 'client_secret' then
    minted := openclaw.mint_token('client_secret');
    client_secret := minted.token;
    insert into openclaw.oauth_client_secrets (secret_hash, client_id)
    values (minted.token_hash, register_client.id);
  end if;
  perform openclaw.audit('register_client', register_client.user_id, id);
end
$$;
comment on function openclaw.register_client(text, text, text, text[], text[], text, text, text, text) is
  'Adds an OAuth client and returns its id and, for auth_method client_secret, its secret (ocs_…), which is shown once. kind is harness (user_id null: for every user) or mcp_client, which needs a user_id. grant_types: client_credentials, refresh_token, urn:ietf:params:oauth:grant-type:token-exchange. auth_method private_key_jwt needs jwks, tls_client_auth a tls_subject such as san_dns:agent.example.com. The scopes openclaw:introspect and openclaw:revoke let it ask for more than its own tokens. Errors: P0002 for an unknown user, 22023, 23505 for an id that exists, 23514.';
revoke all on function openclaw.register_client(text, text, text, text[], text[], text, text, text, text) from public;

create function openclaw.rotate_client_secret(client_id text, overlap interval default '1 day')
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  minted record;
  owner text;
begin
  if overlap is null or overlap < interval '0' or overlap > interval '90 days' then
    raise exception 'overlap must be between zero and 90 days' using errcode = '22023';
  end if;
  -- One rotation at a time: of those that run at once, the last one's secret is the one that stays.
  select c.user_id into owner from openclaw.oauth_clients as c
  where c.id = rotate_client_secret.client_id and c.disabled_at is null
    and c.auth_method = 'client_secret'
  for no key update;
  if not found then
    raise exception 'no such client with a secret' using errcode = 'P0002',
      detail = 'reason: unknown_client';
  end if;
  update openclaw.oauth_client_secrets as s
  set expires_at = least(s.expires_at, clock_timestamp() + overlap)
  where s.client_id = rotate_client_secret.client_id;
  minted := openclaw.mint_token('client_secret');
  insert into openclaw.oauth_client_secrets (secret_hash, client_id)
  values (minted.token_hash, rotate_client_secret.client_id);
  perform openclaw.audit('rotate_client_secret', owner, rotate_client_secret.client_id);
  return minted.token;
end
$$;
comment on function openclaw.rotate_client_secret(text, interval) is
  'A new secret for a client, shown once; the older ones are good for overlap from now on (zero: no longer). Errors: P0002 for a client that is unknown, disabled or has no secret, 22023.';
revoke all on function openclaw.rotate_client_secret(text, interval) from public;

create function openclaw.set_client_keys(client_id text, jwks text) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if jwks is null then
    raise exception 'jwks must not be null' using errcode = '22004';
  end if;
  update openclaw.oauth_clients as c set jwks = openclaw.canonical_client_jwks(set_client_keys.jwks)
  where c.id = set_client_keys.client_id and c.auth_method = 'private_key_jwt'
    and c.disabled_at is null;
  if not found then
    raise exception 'no such client with keys' using errcode = 'P0002',
      detail = 'reason: unknown_client';
  end if;
  perform openclaw.audit('set_client_keys', null, set_client_keys.client_id);
end
$$;
comment on function openclaw.set_client_keys(text, text) is
  'Replaces the public keys of a private_key_jwt client; list the old ones too while both sign. Errors: P0002, 22004, 22023.';
revoke all on function openclaw.set_client_keys(text, text) from public;

create function openclaw.disable_client(client_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  owner text;
begin
  update openclaw.oauth_clients as c set disabled_at = now()
  where c.id = disable_client.client_id and c.disabled_at is null
  returning c.user_id into owner;
  if found then
    perform openclaw.revoke_grants(array(
      select g.id from openclaw.grants as g where g.client_id = disable_client.client_id));
    perform openclaw.audit('disable_client', owner, disable_client.client_id);
    return true;
  end if;
  return exists (select from openclaw.oauth_clients as c where c.id = disable_client.client_id);
end
$$;
comment on function openclaw.disable_client(text) is
  'Ends a client: it authenticates no more, its grants and what they gave are revoked. JWTs from client_credentials run out by themselves. True also when it was disabled before, false for no such client.';
revoke all on function openclaw.disable_client(text) from public;

create type openclaw.authenticated_client as (
  error text, description text, id text, kind text, user_id text, scopes text[],
  grant_types text[], certificate_thumbprint text
);
comment on type openclaw.authenticated_client is
  'A client that proved who it is, or error invalid_client or invalid_request (RFC 6749 section 5.2). user_id null: it may act for every user.';

create function openclaw.trusted_client(client_id text) returns openclaw.authenticated_client
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  answer openclaw.authenticated_client;
begin
  select c.id, c.kind, c.user_id, c.scopes, c.grant_types
  into answer.id, answer.kind, answer.user_id, answer.scopes, answer.grant_types
  from openclaw.oauth_clients as c left join openclaw.users as u on u.id = c.user_id
  where c.id = trusted_client.client_id and c.disabled_at is null and u.disabled_at is null;
  if not found then
    raise exception 'no such client' using errcode = 'P0002', detail = 'reason: unknown_client';
  end if;
  return answer;
end
$$;
comment on function openclaw.trusted_client(text) is
  'A client that the calling backend vouches for, for the functions that take an authenticated_client. Errors: P0002.';
revoke all on function openclaw.trusted_client(text) from public;

create function openclaw.accept_assertion(client_id text, jti_hash bytea, expires_at timestamptz)
  returns boolean
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  insert into openclaw.client_assertions (client_id, jti_hash, expires_at)
  values (client_id, jti_hash, expires_at)
  on conflict on constraint client_assertions_pkey do nothing;
  return found;
end
$$;
comment on function openclaw.accept_assertion(text, bytea, timestamptz) is
  'True for the first assertion of a client with this jti (RFC 7523 section 3, item 7), also among those that come at once.';
revoke all on function openclaw.accept_assertion(text, bytea, timestamptz) from public;

create function openclaw.authenticate_client(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text)
  returns openclaw.authenticated_client
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  answer openclaw.authenticated_client;
  basic record;
  stored openclaw.oauth_clients;
  certificate record;
  assertion record;
  claimed text := client_id;
  proven boolean := false;
begin
  -- One method a request (RFC 6749 section 2.3).
  if num_nonnulls(http_authorization, client_secret,
                  coalesce(client_assertion, client_assertion_type)) > 1 then
    answer.error := 'invalid_request';
    answer.description := 'a client authenticates in one way';
    return answer;
  end if;
  answer.error := 'invalid_client';
  answer.description := 'the client is unknown or did not prove who it is';

  if http_authorization is not null then
    basic := openclaw.basic_credentials(http_authorization);
    if basic.client_id is null or basic.client_id <> client_id then
      return answer;
    end if;
    claimed := basic.client_id;
    client_secret := basic.client_secret;
  elsif coalesce(client_assertion, client_assertion_type) is not null then
    if client_assertion is null or client_assertion_type is distinct from
       'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' then
      answer.error := 'invalid_request';
      answer.description := 'client_assertion and client_assertion_type urn:ietf:params:oauth:client-assertion-type:jwt-bearer belong together';
      return answer;
    end if;
    claimed := openclaw.claimed_client(client_assertion);
    if claimed is null or claimed <> client_id then
      return answer;
    end if;
  end if;

  select c.* into stored
  from openclaw.oauth_clients as c left join openclaw.users as u on u.id = c.user_id
  where c.id = claimed and c.disabled_at is null and u.disabled_at is null;
  if not found then
    return answer;
  end if;

  if stored.auth_method = 'client_secret' and client_secret is not null then
    proven := exists (
      select from openclaw.oauth_client_secrets as s
      where s.client_id = stored.id and s.secret_hash = openclaw.token_hash(authenticate_client.client_secret)
        and (s.expires_at is null or s.expires_at > clock_timestamp()));
  elsif stored.auth_method = 'private_key_jwt' and client_assertion is not null then
    assertion := openclaw.verify_client_assertion(client_assertion, stored.id, stored.jwks);
    proven := assertion.valid
      and openclaw.accept_assertion(stored.id, assertion.jti_hash, assertion.expires_at);
  elsif stored.auth_method = 'tls_client_auth' and client_certificate is not null
        and num_nonnulls(client_secret, client_assertion) = 0
        and openclaw.setting('mtls_url') <> '' then
    certificate := openclaw.client_certificate(client_certificate);
    proven := coalesce(stored.tls_subject = any (certificate.subjects)
                       and clock_timestamp() between certificate.not_before and certificate.not_after,
                       false);
    answer.certificate_thumbprint := certificate.thumbprint;
  end if;
  if not proven then
    answer.certificate_thumbprint := null;
    return answer;
  end if;
  return row(null, null, stored.id, stored.kind, stored.user_id, stored.scopes, stored.grant_types,
             answer.certificate_thumbprint)::openclaw.authenticated_client;
end
$$;
comment on function openclaw.authenticate_client(text, text, text, text, text, text) is
  'Who a client is, by client_secret_basic, client_secret_post, private_key_jwt or tls_client_auth. client_certificate is the certificate that the TLS of this very connection proved, never one that a client may send by itself; it counts only where openclaw.mtls_url says that there is such TLS. An unknown client, a disabled one and a wrong proof answer alike.';
revoke all on function openclaw.authenticate_client(text, text, text, text, text, text) from public;

-- What the token endpoint decides (RFC 6749, RFC 8693, RFC 8707), as functions that a backend calls
-- in its own transaction too. A refusal is an answer, not an exception: the revocation of a family
-- whose token was replayed must outlive the refusal.

create type openclaw.token_grant as (
  error text, description text, access_token text, jti text, issued_at timestamptz,
  expires_at timestamptz, refresh_at timestamptz, scopes text[], refresh_token text,
  user_id text, container_id text
);
comment on type openclaw.token_grant is
  'An access token, when it ends and when to ask for the next one (refresh_at, at 80 % of its lifetime), and a refresh token where there is one; or an error of RFC 6749 section 5.2 or RFC 8707 section 2 (invalid_client, invalid_grant, invalid_scope, invalid_target, invalid_request, unauthorized_client, temporarily_unavailable) and a sentence.';

-- What every grant asks first. An authentication that failed is a client without an id.
create function openclaw.client_problem(client openclaw.authenticated_client, grant_type text)
  returns openclaw.token_grant
  language plpgsql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if client.error is not null or client.id is null then
    return openclaw.grant_refusal(coalesce(client.error, 'invalid_client'),
                                  coalesce(client.description, 'there is no client'));
  elsif (grant_type = any (client.grant_types)) is not true then
    return openclaw.grant_refusal('unauthorized_client', 'the client may not use this grant_type');
  end if;
  return null;
end
$$;
comment on function openclaw.client_problem(openclaw.authenticated_client, text) is
  'Why a client gets nothing by this grant_type; null when it may ask.';
revoke all on function openclaw.client_problem(openclaw.authenticated_client, text) from public;

create function openclaw.grant_refusal(error text, description text) returns openclaw.token_grant
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select row(error, description, null, null, null, null, null, null, null, null, null)
           ::openclaw.token_grant
  $$;
comment on function openclaw.grant_refusal(text, text) is 'A token_grant that is refused.';
revoke all on function openclaw.grant_refusal(text, text) from public;

create function openclaw.resource_endpoint(resource text) returns text
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_resource_endpoint';
comment on function openclaw.resource_endpoint(text) is
  'The canonical endpoint of an external container that a resource indicator (RFC 8707 section 2) means; null when it can be none.';
revoke all on function openclaw.resource_endpoint(text) from public;

create function openclaw.find_resource(
    resource text, container_id text, owner text, user_id text,
    out id text, out container_owner text, out matches integer)
  language plpgsql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  select min(f.id), min(f.user_id), count(*) into id, container_owner, matches
  from (
    select c.id, c.user_id
    from openclaw.containers as c join openclaw.users as u on u.id = c.user_id
    where (find_resource.resource is null
           or c.mcp_endpoint = openclaw.resource_endpoint(find_resource.resource))
      and (find_resource.container_id is null or c.id = find_resource.container_id)
      and num_nonnulls(find_resource.resource, find_resource.container_id) > 0
      and c.disabled_at is null and u.disabled_at is null
      and c.type = 'external' and c.auth_method = 'platform_token'
      and (find_resource.owner is null or c.user_id = find_resource.owner)
      and (find_resource.user_id is null or c.user_id = find_resource.user_id)
    limit 2
  ) as f;
end
$$;
comment on function openclaw.find_resource(text, text, text, text) is
  'The container that takes access tokens and that a resource, its id, its owner and a user name together; matches is 0, 1, or 2 for several.';
revoke all on function openclaw.find_resource(text, text, text, text) from public;

create function openclaw.distinct_scopes(scopes text[]) returns text[]
  language sql immutable strict
  set search_path = pg_catalog, openclaw, pg_temp
  as $$ select array(select distinct s from unnest(scopes) as s order by s) $$;
comment on function openclaw.distinct_scopes(text[]) is 'Each scope once, sorted; null for null.';
revoke all on function openclaw.distinct_scopes(text[]) from public;

create function openclaw.issue_for_grant(
    container_id text, user_id text, scopes text[], client_id text, actor text,
    certificate_thumbprint text, not_after timestamptz)
  returns openclaw.token_grant
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  signed record;
  answer openclaw.token_grant;
begin
  begin
    signed := openclaw.issue_access_token(
      container_id, scopes, null, user_id, client_id, null, actor, certificate_thumbprint,
      not_after);
  exception
    when no_data_found then
      return openclaw.grant_refusal('invalid_target', 'there is no such container');
    when program_limit_exceeded then
      return openclaw.grant_refusal('invalid_scope', 'a JWT has no room for so many scopes');
    when object_not_in_prerequisite_state or config_file_error then
      return openclaw.grant_refusal('temporarily_unavailable', 'no key can sign at present');
  end;
  answer.access_token := signed.token;
  answer.jti := signed.jti;
  answer.issued_at := signed.issued_at;
  answer.expires_at := signed.expires_at;
  answer.refresh_at := openclaw.refresh_time(signed.issued_at, signed.expires_at);
  answer.scopes := scopes;
  answer.user_id := user_id;
  answer.container_id := container_id;
  return answer;
end
$$;
comment on function openclaw.issue_for_grant(text, text, text[], text, text, text, timestamptz) is
  'issue_access_token for one of the grants: what it refuses is an answer.';
revoke all on function openclaw.issue_for_grant(text, text, text[], text, text, text, timestamptz) from public;

create function openclaw.grant_client_credentials(
    client openclaw.authenticated_client, resource text, scopes text[] default null,
    user_id text default null)
  returns openclaw.token_grant
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  allowed text[] := openclaw.narrowed_scopes(client.scopes, client.scopes);
  granted text[] := coalesce(openclaw.distinct_scopes(scopes), allowed);
  target record;
  problem openclaw.token_grant := openclaw.client_problem(client, 'client_credentials');
begin
  if problem.error is not null then
    return problem;
  elsif resource is null then
    return openclaw.grant_refusal('invalid_target',
                                  'resource is missing: the endpoint of the container');
  end if;
  if (openclaw.are_grants(granted) and openclaw.scopes_cover(allowed, granted)) is not true then
    return openclaw.grant_refusal('invalid_scope', 'the client may not have every one of these scopes');
  end if;
  target := openclaw.find_resource(resource, null, client.user_id, user_id);
  if target.matches = 0 then
    return openclaw.grant_refusal('invalid_target', 'there is no such container');
  elsif target.matches > 1 then
    return openclaw.grant_refusal('invalid_target',
                                  'several users registered this endpoint: name one with user_id');
  end if;
  return openclaw.issue_for_grant(target.id, target.container_owner, granted, client.id, null,
                                  client.certificate_thumbprint, null);
end
$$;
comment on function openclaw.grant_client_credentials(openclaw.authenticated_client, text, text[], text) is
  'An access token for a client by itself (RFC 6749 section 4.4): aud is the resource (RFC 8707), user_id the owner of that container. scopes default to all of the client''s.';
revoke all on function openclaw.grant_client_credentials(openclaw.authenticated_client, text, text[], text) from public;

-- Grants that can be refreshed.

create view openclaw.live_grants as
  select g.*
  from openclaw.grants as g
  join openclaw.oauth_clients as o on o.id = g.client_id
  join openclaw.users as u on u.id = g.user_id
  join openclaw.containers as c on c.id = g.container_id
  left join openclaw.api_tokens as t on t.id = g.subject_token_id
  where g.revoked_at is null and g.expires_at > clock_timestamp() and o.disabled_at is null
    and u.disabled_at is null and c.disabled_at is null and t.revoked_at is null;
comment on view openclaw.live_grants is
  'Grants that give tokens now: they and all that they stand on have not ended.';
revoke all on openclaw.live_grants from public;

create function openclaw.add_refresh_token(grant_id text) returns text
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  minted record := openclaw.mint_token('refresh');
begin
  insert into openclaw.refresh_tokens (token_hash, grant_id, successor_key)
  values (minted.token_hash, add_refresh_token.grant_id, openclaw.random_key());
  return minted.token;
end
$$;
comment on function openclaw.add_refresh_token(text) is 'The first refresh token of a grant.';
revoke all on function openclaw.add_refresh_token(text) from public;

create function openclaw.random_key() returns bytea
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_random_key';
comment on function openclaw.random_key() is '32 random bytes.';
revoke all on function openclaw.random_key() from public;

create function openclaw.mint_successor(token text, successor_key bytea,
                                        out successor text, out successor_hash bytea)
  language c immutable strict
  as 'MODULE_PATHNAME', 'openclaw_mint_successor';
comment on function openclaw.mint_successor(text, bytea) is
  'The refresh token that follows another one: the same each time, and stored nowhere.';
revoke all on function openclaw.mint_successor(text, bytea) from public;

create function openclaw.create_grant(
    client_id text, container_id text, scopes text[], lifetime interval default null,
    user_id text default null, out grant_id text, out refresh_token text,
    out expires_at timestamptz)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  owner text;
begin
  lifetime := coalesce(lifetime, openclaw.setting('refresh_token_lifetime')::interval);
  if lifetime < interval '1 minute' or lifetime > interval '10 years' then
    raise exception 'lifetime must be between one minute and ten years' using errcode = '22023';
  end if;
  owner := (openclaw.find_resource(null, create_grant.container_id, null, create_grant.user_id)).container_owner;
  if owner is null then
    raise exception 'no such container that takes access tokens' using errcode = 'P0002',
      detail = 'reason: unknown_container';
  end if;
  perform openclaw.require_user(owner);
  perform openclaw.require_container(owner, create_grant.container_id);
  perform from openclaw.oauth_clients as c
  where c.id = create_grant.client_id and c.disabled_at is null
    and (c.user_id is null or c.user_id = owner)
    and 'refresh_token' = any (c.grant_types) and openclaw.scopes_cover(openclaw.narrowed_scopes(c.scopes, c.scopes), create_grant.scopes)
  for share;
  if not found then
    raise exception 'no such client that may refresh tokens of this user with these scopes'
      using errcode = 'P0002', detail = 'reason: unknown_client';
  end if;
  insert into openclaw.grants as g (id, client_id, user_id, container_id, scopes, expires_at)
  values (openclaw.new_id('grant'), create_grant.client_id, owner, create_grant.container_id,
          create_grant.scopes, clock_timestamp() + lifetime)
  returning g.id, g.expires_at into grant_id, create_grant.expires_at;
  refresh_token := openclaw.add_refresh_token(grant_id);
  perform openclaw.audit('create_grant', owner, grant_id);
end
$$;
comment on function openclaw.create_grant(text, text, text[], interval, text) is
  'Lets a client have access tokens for one container, with refresh tokens (ocr_…), for instance after the user said yes on the platform''s own page. The first refresh token is returned once. lifetime defaults to openclaw.refresh_token_lifetime. Errors: P0002 for a container or client that is unknown, disabled or does not fit, 22023, 23514 for scopes.';
revoke all on function openclaw.create_grant(text, text, text[], interval, text) from public;

create function openclaw.exchange_token(
    client openclaw.authenticated_client, subject_token text, resource text default null,
    container_id text default null, scopes text[] default null)
  returns openclaw.token_grant
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  subject openclaw.token_verification := openclaw.verify_token(subject_token);
  shared text[];
  granted text[];
  target record;
  answer openclaw.token_grant;
  new_grant text;
  problem openclaw.token_grant := openclaw.client_problem(
    client, 'urn:ietf:params:oauth:grant-type:token-exchange');
begin
  if problem.error is not null then
    return problem;
  elsif not subject.valid or subject.issued_for <> 'user_direct'
     or subject.user_id <> coalesce(client.user_id, subject.user_id) then
    return openclaw.grant_refusal('invalid_request', 'the subject_token is not good here');
  end if;
  -- Whoever revokes the subject either has its row already, and this gives nothing, or waits and finds
  -- what this gives. A standby cannot lock, and has no revocation under way.
  if not pg_is_in_recovery() then
    perform from openclaw.api_tokens as t
    where t.id = subject.token_id and t.revoked_at is null for share skip locked;
    if not found then
      return openclaw.grant_refusal('invalid_request', 'the subject_token is not good here');
    end if;
  end if;
  shared := openclaw.narrowed_scopes(subject.scopes, client.scopes);
  granted := coalesce(openclaw.distinct_scopes(scopes), shared);
  if (openclaw.are_grants(granted) and openclaw.scopes_cover(shared, granted)) is not true then
    return openclaw.grant_refusal('invalid_scope',
                                  'the subject_token and the client do not both cover these scopes');
  end if;
  if num_nonnulls(resource, container_id) = 0 then
    container_id := subject.container_id;
  end if;
  target := openclaw.find_resource(resource, container_id, subject.user_id, null);
  if target.matches <> 1 or target.id <> coalesce(subject.container_id, target.id) then
    return openclaw.grant_refusal(
      'invalid_target', 'resource or audience must name a container that the subject_token reaches');
  end if;
  answer := openclaw.issue_for_grant(target.id, subject.user_id, granted, client.id, client.id,
                                     client.certificate_thumbprint, subject.expires_at);
  -- Whatever has to be ended with the subject stays small enough to be ended in time: a client that
  -- exchanges again and again, and never refreshes, gets no more refresh tokens.
  if answer.error is null and 'refresh_token' = any (client.grant_types)
     and (select count(*) from (
            select from openclaw.grants as g
            where g.subject_token_id = subject.token_id and g.revoked_at is null limit 1000) as live) < 1000 then
    insert into openclaw.grants as g
      (id, client_id, user_id, container_id, scopes, subject_token_id, expires_at)
    values (openclaw.new_id('grant'), client.id, subject.user_id, target.id, granted,
            subject.token_id,
            least(subject.expires_at,
                  clock_timestamp() + openclaw.setting('refresh_token_lifetime')::interval))
    returning g.id into new_grant;
    insert into openclaw.grant_jwts (jti, grant_id, expires_at)
    values (answer.jti, new_grant, answer.expires_at);
    answer.refresh_token := openclaw.add_refresh_token(new_grant);
    perform openclaw.audit('create_grant', subject.user_id, new_grant);
  end if;
  return answer;
end
$$;
comment on function openclaw.exchange_token(openclaw.authenticated_client, text, text, text, text[]) is
  'An access token for one container from a user''s opaque token (RFC 8693): never wider than that in scopes, container or time, nor wider than the client; act names the client. A client that may refresh gets a refresh token too, unless a thousand of the subject''s grants are live; its grant and the access tokens of that end with the subject token. The JWT of another client runs out by itself.';
revoke all on function openclaw.exchange_token(openclaw.authenticated_client, text, text, text, text[]) from public;

create function openclaw.refresh_access_token(
    client openclaw.authenticated_client, refresh_token text, resource text default null,
    scopes text[] default null)
  returns openclaw.token_grant
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  hash bytea := openclaw.token_hash(refresh_token);
  used record;
  family record;
  minted record;
  answer openclaw.token_grant;
  refusal openclaw.token_grant := openclaw.grant_refusal(
    'invalid_grant', 'the refresh token is unknown, expired, revoked, used up or another client''s');
  grace interval := openclaw.setting('refresh_token_grace')::interval;
  problem openclaw.token_grant := openclaw.client_problem(client, 'refresh_token');
begin
  if problem.error is not null then
    return problem;
  end if;
  select g.* into family
  from openclaw.refresh_tokens as r join openclaw.live_grants as g on g.id = r.grant_id
  where r.token_hash = hash and g.client_id = client.id;
  if not found then
    return refusal;
  end if;
  -- What the request lacks, or the keys, is refused before the token is used up.
  if resource is not null and not exists (
       select from openclaw.containers as c
       where c.id = family.container_id and c.mcp_endpoint = openclaw.resource_endpoint(resource)) then
    return openclaw.grant_refusal('invalid_target', 'the grant is for another resource');
  end if;
  scopes := coalesce(openclaw.distinct_scopes(scopes), family.scopes);
  if (openclaw.are_grants(scopes) and openclaw.scopes_cover(family.scopes, scopes)) is not true then
    return openclaw.grant_refusal('invalid_scope', 'the grant does not cover every one of these scopes');
  end if;
  answer := openclaw.issue_for_grant(family.container_id, family.user_id, scopes, client.id,
                                     case when family.subject_token_id is not null then client.id end,
                                     client.certificate_thumbprint, family.expires_at);
  if answer.error is not null then
    return answer;
  end if;

  -- Of those who send the same token at once, the first one's time counts for all.
  update openclaw.refresh_tokens as r set replaced_at = coalesce(r.replaced_at, clock_timestamp())
  where r.token_hash = hash and r.successor_key is not null
    and (r.replaced_at is null or r.replaced_at > clock_timestamp() - grace)
  returning r.successor_key into used;
  if not found then
    perform openclaw.revoke_grants(array[family.id], 'refresh token replayed');
    return refusal;
  end if;
  -- The family may have been revoked while this waited for its turn.
  perform from openclaw.grants as g where g.id = family.id and g.revoked_at is null for share;
  if not found then
    return refusal;
  end if;

  minted := openclaw.mint_successor(refresh_token, used.successor_key);
  insert into openclaw.refresh_tokens (token_hash, grant_id, successor_key)
  values (minted.successor_hash, family.id, openclaw.random_key())
  on conflict (token_hash) do nothing;
  insert into openclaw.grant_jwts (jti, grant_id, expires_at)
  values (answer.jti, family.id, answer.expires_at);
  update openclaw.refresh_tokens as r set successor_key = null
  where r.grant_id = family.id and r.successor_key is not null
    and r.replaced_at <= clock_timestamp() - grace;
  answer.refresh_token := minted.successor;
  return answer;
end
$$;
comment on function openclaw.refresh_access_token(openclaw.authenticated_client, text, text, text[]) is
  'A new access token and the next refresh token of the family (RFC 6749 section 6, with rotation as OAuth 2.1 section 4.3.1 asks). Within openclaw.refresh_token_grace of its first use a token gets the same successor again; a use after that revokes the family and the access tokens it gave. scopes may be fewer than the grant''s, for this access token.';
revoke all on function openclaw.refresh_access_token(openclaw.authenticated_client, text, text, text[]) from public;

create function openclaw.introspect(token text) returns json
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  answer json;
begin
  if token not like 'ocr\_%' or token is null then
    return openclaw.introspect_access_token(token);
  end if;
  select json_build_object(
    'active', true, 'token_type', 'refresh_token', 'scope', array_to_string(g.scopes, ' '),
    'sub', g.user_id, 'user_id', g.user_id, 'client_id', g.client_id,
    'container_id', g.container_id, 'iat', floor(extract(epoch from r.created_at)),
    'exp', floor(extract(epoch from g.expires_at))) into answer
  from openclaw.refresh_tokens as r join openclaw.live_grants as g on g.id = r.grant_id
  where r.token_hash = openclaw.token_hash(introspect.token) and r.replaced_at is null;
  return coalesce(answer, '{"active":false}');
end
$$;
comment on function openclaw.introspect(text) is
  'What a token is (RFC 7662 section 2.2), opaque, access token JWT or refresh token; {"active":false} for anything that is not good, whatever the reason. A user claim is no token and inactive, and so is a client secret. Errors: 55000 for a JWT without issuer.';
revoke all on function openclaw.introspect(text) from public;

-- Endings: one JWT, a family, a container's all, a user's all. Each takes effect for every check in
-- the database with its commit; gates see it in the status list (sql/status_lists.sql).

create function openclaw.revoke_grants(grant_ids text[], reason text default null) returns integer
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  ended text[];
begin
  -- Locked in one order, so that two who revoke the same ones wait and do not deadlock.
  with chosen as materialized (
    select g.id from openclaw.grants as g
    where g.id = any (grant_ids) and g.revoked_at is null
    order by g.id for no key update
  ), revoked as (
    update openclaw.grants as g set revoked_at = now()
    from chosen as c where g.id = c.id returning g.id
  )
  select array_agg(r.id) into ended from revoked as r;
  -- Apart: a refresh that held a grant until now has given a JWT that only a new snapshot shows.
  insert into openclaw.revoked_jwts (jti, container_id, place, expires_at)
  select j.jti, g.container_id, openclaw.status_list_place(j.jti), j.expires_at
  from openclaw.grant_jwts as j join openclaw.grants as g on g.id = j.grant_id
  where j.grant_id = any (ended) and j.expires_at > clock_timestamp()
  on conflict on constraint revoked_jwts_pkey do nothing;
  perform openclaw.audit('revoke_grant', g.user_id, g.id, reason => revoke_grants.reason)
  from openclaw.grants as g where g.id = any (ended);
  return coalesce(cardinality(ended), 0);
end
$$;
comment on function openclaw.revoke_grants(text[], text) is
  'Revokes grants, their refresh tokens and the access tokens they gave; returns how many were live.';
revoke all on function openclaw.revoke_grants(text[], text) from public;

create function openclaw.revoke_grant(user_id text, grant_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform from openclaw.grants as g
  where g.id = revoke_grant.grant_id and g.user_id = revoke_grant.user_id;
  if not found then
    return false;
  end if;
  perform openclaw.revoke_grants(array[revoke_grant.grant_id]);
  return true;
end
$$;
comment on function openclaw.revoke_grant(text, text) is
  'Revokes a family: a grant of a user, its refresh tokens and the access tokens it gave. True also when it was revoked before; false when the user has no such grant.';
revoke all on function openclaw.revoke_grant(text, text) from public;

create function openclaw.revoke_jwt(container_id text, jti text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  owner text;
begin
  if jti is null or octet_length(jti) not between 1 and 256 then
    raise exception 'jti must have 1 to 256 bytes' using errcode = '22023';
  end if;
  select c.user_id into owner from openclaw.containers as c
  where c.id = revoke_jwt.container_id;
  if not found then
    return false;
  end if;
  insert into openclaw.revoked_jwts (jti, container_id, place, expires_at)
  values (revoke_jwt.jti, revoke_jwt.container_id, openclaw.status_list_place(revoke_jwt.jti),
          clock_timestamp() + openclaw.max_jwt_lifetime() + interval '1 minute')
  on conflict on constraint revoked_jwts_pkey do nothing;
  if found then
    perform openclaw.audit('revoke_jwt', owner, revoke_jwt.jti);
  end if;
  return true;
end
$$;
comment on function openclaw.revoke_jwt(text, text) is
  'Revokes one JWT of a container by its jti, whether or not it was ever seen. True also when it was revoked before; false for an unknown container. Errors: 22023 for a jti that is null, empty or over 256 bytes.';
revoke all on function openclaw.revoke_jwt(text, text) from public;

create function openclaw.revoke_jwts_of(user_id text, container_id text default null)
  returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  ended integer;
begin
  -- Signing reads the row: a JWT that is being signed now belongs to the generation that ends here
  -- or to the next one, never to both.
  update openclaw.containers as c set jwt_generation = c.jwt_generation + 1
  where c.user_id = revoke_jwts_of.user_id
    and c.id = coalesce(revoke_jwts_of.container_id, c.id);
  get diagnostics ended = row_count;
  if ended > 0 then
    perform openclaw.audit('revoke_jwts', revoke_jwts_of.user_id,
                           coalesce(revoke_jwts_of.container_id, revoke_jwts_of.user_id));
  end if;
  return ended;
end
$$;
comment on function openclaw.revoke_jwts_of(text, text) is
  'Revokes every JWT (access tokens and user claims) that was issued before now for a user''s containers, or for the one named; returns for how many containers. What is issued after it is good.';
revoke all on function openclaw.revoke_jwts_of(text, text) from public;

create function openclaw.revoke_container_tokens(user_id text, container_id text)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if openclaw.revoke_jwts_of(user_id, container_id) = 0 then
    return false;
  end if;
  perform openclaw.revoke_token(t.user_id, t.id) from openclaw.api_tokens as t
  where t.container_id = revoke_container_tokens.container_id and t.revoked_at is null;
  perform openclaw.revoke_grants(array(
    select g.id from openclaw.grants as g
    where g.container_id = revoke_container_tokens.container_id and g.revoked_at is null));
  return true;
end
$$;
comment on function openclaw.revoke_container_tokens(text, text) is
  'Revokes all that is good for one container alone: its JWTs, the opaque tokens bound to it, its grants. Opaque tokens that reach every container of the user stay. False for a container that is unknown or another user''s.';
revoke all on function openclaw.revoke_container_tokens(text, text) from public;

create function openclaw.revoke_user_tokens(user_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform from openclaw.users as u where u.id = revoke_user_tokens.user_id for no key update;
  if not found then
    return false;
  end if;
  perform openclaw.revoke_token(t.user_id, t.id) from openclaw.api_tokens as t
  where t.user_id = revoke_user_tokens.user_id and t.revoked_at is null;
  perform openclaw.revoke_grants(array(
    select g.id from openclaw.grants as g
    where g.user_id = revoke_user_tokens.user_id and g.revoked_at is null));
  perform openclaw.revoke_jwts_of(user_id);
  return true;
end
$$;
comment on function openclaw.revoke_user_tokens(text) is
  'Revokes all that a user has: opaque tokens, grants with their refresh tokens, JWTs. The user stays, and may have new ones. False for an unknown user.';
revoke all on function openclaw.revoke_user_tokens(text) from public;

-- Token Status Lists (IETF draft-ietf-oauth-status-list): how gates learn of revoked JWTs. One list
-- for each container and generation; a JWT's place in it follows from its jti, so that nothing is
-- written when a JWT is signed. Two JWTs may share a place: the other one of a revoked JWT is then
-- refused by gates too, and its holder asks for a new one (1 in 131072 for each live JWT of the
-- container). The database itself compares the whole jti.

create function openclaw.status_list_place(jti text) returns integer
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_status_list_place';
comment on function openclaw.status_list_place(text) is
  'A JWT''s place in its status list (idx), 0 to 131071: it follows from the jti.';
revoke all on function openclaw.status_list_place(text) from public;

create function openclaw.sign_status_list(
    container_id text, generation text, alg text, all_invalid boolean, places integer[],
    revoked_keys text[])
  returns text
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_sign_status_list';
comment on function openclaw.sign_status_list(text, text, text, boolean, integer[], text[]) is
  'A Status List Token (typ statuslist+jwt) for ISSUER/oauth/status/CONTAINER/GENERATION: every place invalid, or those given. Good for openclaw.status_list_max_age (ttl), and for a minute at the most (exp). Errors: as sign_jwt.';
revoke all on function openclaw.sign_status_list(text, text, text, boolean, integer[], text[]) from public;

create function openclaw.status_list(container_id text, generation text) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  container record;
  live boolean;
begin
  select c.signing_alg, c.jwt_generation,
         c.disabled_at is null and u.disabled_at is null as live into container
  from openclaw.containers as c join openclaw.users as u on u.id = c.user_id
  where c.id = status_list.container_id;
  live := coalesce(container.live and container.jwt_generation::text = status_list.generation, false);
  return openclaw.sign_status_list(
    container_id, generation, coalesce(container.signing_alg, 'EdDSA'), not live,
    array(select distinct r.place from openclaw.revoked_jwts as r
          where live and r.container_id = status_list.container_id
            and r.expires_at > clock_timestamp()),
    array(select k.kid from openclaw.signing_keys as k
          where k.revoked_at > clock_timestamp() - interval '1 day'
          order by k.revoked_at desc limit 256));
end
$$;
comment on function openclaw.status_list(text, text) is
  'The status of a container''s JWTs of one generation. A generation that is over, and a container that is removed, disabled with its user or was never there, has every place invalid. Writes nothing. Errors: as sign_jwt.';
revoke all on function openclaw.status_list(text, text) from public;

-- What has to be done every so often. The front does it, or pg_cron, or a DBA; any of them at any
-- time, also at once.

create function openclaw.maintain() returns table (task text, done bigint)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  -- Rows that a run deletes of each table: none holds many for long, and the next one goes on. What a
  -- grant's deletion would take along is deleted before it, so that nothing is unbounded.
  step constant integer := 10000;
begin
  if pg_is_in_recovery() then
    return;
  end if;
  -- One at a time. A table's lock, since any role could hold an advisory one.
  begin
    lock table openclaw.oauth_client_secrets in share update exclusive mode nowait;
  exception when lock_not_available then
    return;
  end;

  task := 'prepare signing keys';
  done := 0;
  if exists (select from openclaw.algorithms_without_successor(clock_timestamp())) then
    begin
      lock table openclaw.signing_keys in share row exclusive mode;
      done := openclaw.maintain_signing_keys_at(clock_timestamp());
    exception when sqlstate 'F0000' or sqlstate '55000' then
      raise warning 'no successor can be prepared for the signing keys: %', sqlerrm
        using hint = 'openclaw.doctor() says how to mend it.';
    end;
  end if;
  return next;

  task := 'clear revoked JWTs';
  delete from openclaw.revoked_jwts as r where r.id in (
    select x.id from openclaw.revoked_jwts as x where x.expires_at <= clock_timestamp()
    limit step for update skip locked);
  get diagnostics done = row_count;
  return next;

  task := 'clear client assertions';
  delete from openclaw.client_assertions as a where (a.client_id, a.jti_hash) in (
    select x.client_id, x.jti_hash from openclaw.client_assertions as x
    where x.expires_at <= clock_timestamp() limit step for update skip locked);
  get diagnostics done = row_count;
  return next;

  task := 'clear client secrets';
  delete from openclaw.oauth_client_secrets as s where s.secret_hash in (
    select x.secret_hash from openclaw.oauth_client_secrets as x
    where x.expires_at <= clock_timestamp() limit step for update skip locked);
  get diagnostics done = row_count;
  return next;

  task := 'clear access tokens of grants';
  delete from openclaw.grant_jwts as j where j.jti in (
    select x.jti from openclaw.grant_jwts as x where x.expires_at <= clock_timestamp()
    limit step for update skip locked);
  get diagnostics done = row_count;
  return next;

  task := 'clear refresh tokens';
  delete from openclaw.refresh_tokens as r where r.token_hash in (
    select x.token_hash
    from openclaw.grants as g join openclaw.refresh_tokens as x on x.grant_id = g.id
    where g.expires_at <= clock_timestamp() limit step for update of x skip locked);
  get diagnostics done = row_count;
  return next;

  task := 'clear grants';
  delete from openclaw.grants as g where g.id in (
    select x.id from openclaw.grants as x
    where x.expires_at <= clock_timestamp()
      and not exists (select from openclaw.refresh_tokens as r where r.grant_id = x.id)
      and not exists (select from openclaw.grant_jwts as j where j.grant_id = x.id)
    limit step for update skip locked);
  get diagnostics done = row_count;
  return next;
end
$$;
comment on function openclaw.maintain() is
  'What has to be done every so often: successors of signing keys, and clearing what has expired, in bounded steps. One row for each task and how much of it was done. Cheap, idempotent; of several at once one works and the others return at once with no row, as on a standby.';
revoke all on function openclaw.maintain() from public;

-- The doctor: what is wrong with this installation, and how to mend it.

create function openclaw.check_master_key(out ok boolean, out detail text)
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  ids text[];
  foreign_keys bigint;
begin
  ids := openclaw.master_key_ids();
  select count(*) into foreign_keys from openclaw.signing_keys as k
  where k.master_key_id <> all (ids) and k.revoked_at is null
    and (k.retires_at is null or k.retires_at > clock_timestamp());
  perform openclaw.rewrap_key(k.kid, k.alg, k.sealed_private_key, k.master_key_id)
  from openclaw.signing_keys as k
  where k.master_key_id = any (ids) and k.revoked_at is null
    and (k.retires_at is null or k.retires_at > clock_timestamp());
  ok := foreign_keys = 0;
  detail := case when ok then 'master key ' || array_to_string(ids, ', ') || ' opens every key in use'
            else foreign_keys || ' signing keys in use are sealed under a master key that the file does not hold; it holds '
                 || array_to_string(ids, ', ') end;
exception when sqlstate 'F0000' or sqlstate '55000' then
  ok := false;
  detail := sqlerrm;
end
$$;
comment on function openclaw.check_master_key() is
  'One of doctor()''s checks: the master key can be read and opens every key that signs.';
revoke all on function openclaw.check_master_key() from public;

create function openclaw.doctor()
  returns table (check_name text, ok boolean, detail text, remedy text)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  installed text := (select e.extversion from pg_extension as e where e.extname = 'openclaw');
  master record := openclaw.check_master_key();
  logging_roles text := (
    select string_agg(r.rolname, ', ' order by r.rolname)
    from pg_roles as r
    where current_setting('log_parameter_max_length') <> '0' and r.rolcanlogin and not r.rolsuper
      and exists (select from pg_proc as p
                  where p.pronamespace = 'openclaw'::regnamespace
                    and has_schema_privilege(r.oid, 'openclaw', 'usage')
                    and has_function_privilege(r.oid, p.oid, 'execute'))
      and not coalesce(r.rolconfig @> array['log_parameter_max_length=0'], false));
  without_successor text := (
    select string_agg(a.alg, ', ') from openclaw.algorithms_without_successor(clock_timestamp()) as a(alg));
  public_routines text := (
    select string_agg(p.oid::regprocedure::text, ', ')
    from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
    where p.pronamespace = 'openclaw'::regnamespace and a.grantee = 0);
  missing_triggers text := (
    select string_agg(w.name || ' on ' || w.relation, ', ')
    from (values ('append_only', 'audit_log'), ('append_only', 'audit_log_default'),
                 ('never_truncated', 'audit_log'), ('never_truncated', 'audit_log_default'),
                 ('end_tokens', 'users'), ('end_tokens', 'containers'),
                 ('invalidate_caches', 'signing_keys')) as w(name, relation)
    where not exists (select from pg_trigger as t
                      where t.tgname = w.name and t.tgenabled in ('O', 'A')
                        and t.tgrelid = to_regclass('openclaw.' || w.relation)));
begin
  return query
  with checks(check_name, ok, detail, remedy) as (
    values
      ('versions', installed = openclaw.library_version(),
       format('SQL objects %s, loaded module %s', installed, openclaw.library_version()),
       'alter extension openclaw update; then reconnect, so that the new module is loaded.'),
      ('issuer', openclaw.setting('issuer') <> '',
       case openclaw.setting('issuer') when '' then 'openclaw.issuer is not set'
       else openclaw.setting('issuer') end,
       'alter system set openclaw.issuer = ''https://…''; select pg_reload_conf();'),
      ('master_key', master.ok, master.detail,
       'Restore the master key''s file from its backup (mode 0600, owned by the server''s user); if it is lost for good, move the file away, make a new one with openclaw.create_master_key(), and call openclaw.rotate_signing_key() for each algorithm: what was signed stays good, and the new keys sign once every verifier can have them (with activate_after => ''0'' at once).'),
      ('signing_key',
       exists (select from openclaw.signing_keys as k
               where k.alg = 'EdDSA' and k.revoked_at is null
                 and k.activates_at <= clock_timestamp()
                 and (k.retires_at is null or k.retires_at > clock_timestamp())),
       (select format('%s active, %s published',
                      count(*) filter (where k.activates_at <= clock_timestamp()
                                         and (k.retires_at is null or k.retires_at > clock_timestamp())),
                      count(*))
        from openclaw.signing_keys as k
        where k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())),
       'select openclaw.rotate_signing_key(''EdDSA'');'),
      ('key_successors', without_successor is null,
       coalesce('no pending key for ' || without_successor, 'every algorithm in use has its next key'),
       'select openclaw.maintain(); see to it that openclaw-front or pg_cron calls it every minute.'),
      ('logged_parameters', logging_roles is null,
       coalesce('a logged statement would show the tokens that these roles pass: ' || logging_roles,
                'no role''s token parameters reach the log'),
       'alter system set log_parameter_max_length = 0; or give roles their rights with openclaw.grant_access(), which sets it for them.'),
      ('public_access', public_routines is null,
       coalesce('PUBLIC may call ' || public_routines, 'PUBLIC may call nothing'),
       'revoke execute on all functions in schema openclaw from public;'),
      ('triggers', missing_triggers is null,
       coalesce('missing or disabled: ' || missing_triggers, 'every trigger stands'),
       'alter table … enable trigger …; a dropped one stands in the extension''s script; without them the audit log is not append-only, ended users keep tokens, and sessions keep revoked keys.')
  )
  select c.check_name, coalesce(c.ok, false), c.detail, case when c.ok then '' else c.remedy end
  from checks as c;
end
$$;
comment on function openclaw.doctor() is
  'One row for each check of the installation: whether it holds, what was seen, and the mend where it does not. Changes nothing.';
revoke all on function openclaw.doctor() from public;

-- What the HTTP front calls: one function for each endpoint, raw parameters in, the whole answer
-- out. Every decision is made here; the front adds a request id and relays.
--
-- Two kinds of callers, each with a scope for each endpoint (openclaw:introspect, openclaw:revoke,
-- openclaw:connect):
--   a platform harness by its och_… token, which reaches its own user or, with openclaw:any-user,
--   every user;
--   an OAuth client, which without that scope reaches the tokens that it was given itself.

create type openclaw.http_answer as (status integer, headers text, body text);
comment on type openclaw.http_answer is
  'An HTTP answer: status, header lines `Name: value` separated by newlines, body (null: none).';

create function openclaw.http_json(status integer, body json, headers text default null)
  returns openclaw.http_answer
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select row(status, concat_ws(e'\n', 'Content-Type: application/json', headers), body::text)
           ::openclaw.http_answer
  $$;
comment on function openclaw.http_json(integer, json, text) is 'An answer with a JSON body.';
revoke all on function openclaw.http_json(integer, json, text) from public;

create function openclaw.http_error(status integer, error text, description text,
                                    headers text default null)
  returns openclaw.http_answer
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select openclaw.http_json(
      status, json_build_object('error', error, 'error_description', description), headers)
  $$;
comment on function openclaw.http_error(integer, text, text, text) is
  'An error as OAuth writes it (RFC 6749 section 5.2).';
revoke all on function openclaw.http_error(integer, text, text, text) from public;

create function openclaw.bearer_token(http_authorization text) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, openclaw, pg_temp
  as $$ select substring(http_authorization from '^[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/=-]+)$') $$;
comment on function openclaw.bearer_token(text) is
  'The token of an Authorization header of scheme Bearer (RFC 6750 section 2.1); null for another.';
revoke all on function openclaw.bearer_token(text) from public;

-- RFC 6750 section 3: a challenge without an error code where no credentials came.
create function openclaw.bearer_refusal(http_authorization text, reason text, scope text)
  returns openclaw.http_answer
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select case
      when http_authorization is null then
        openclaw.http_error(401, 'invalid_token', 'a bearer token is required',
                            'WWW-Authenticate: Bearer')
      when reason = 'insufficient_scope' then
        openclaw.http_error(403, 'insufficient_scope', 'the token lacks a required scope',
          format('WWW-Authenticate: Bearer error="insufficient_scope", scope="%s"', scope))
      else
        openclaw.http_error(401, 'invalid_token', 'the token is not good for this resource',
                            'WWW-Authenticate: Bearer error="invalid_token"')
    end
  $$;
comment on function openclaw.bearer_refusal(text, text, text) is
  'The 401 or 403 for a caller whose bearer token was refused (RFC 6750 section 3.1). scope is ours, never the caller''s text.';
revoke all on function openclaw.bearer_refusal(text, text, text) from public;

create function openclaw.harness(http_authorization text, scope text)
  returns openclaw.token_verification
  language plpgsql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.token_verification :=
    openclaw.verify_token(openclaw.bearer_token(http_authorization), array[scope]);
begin
  if caller.valid and caller.issued_for <> 'platform_harness' then
    return row(false, 'unknown', null, null, null, null, null, null)::openclaw.token_verification;
  end if;
  return caller;
end
$$;
comment on function openclaw.harness(text, text) is
  'The harness that an Authorization header proves, if its och_… token has the scope.';
revoke all on function openclaw.harness(text, text) from public;

create function openclaw.may_reach(caller openclaw.token_verification, user_id text)
  returns boolean
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select coalesce((caller).user_id = user_id
                    or openclaw.scopes_cover((caller).scopes, array['openclaw:any-user']), false)
  $$;
comment on function openclaw.may_reach(openclaw.token_verification, text) is
  'True when the caller is this user''s harness, or may act for every user.';
revoke all on function openclaw.may_reach(openclaw.token_verification, text) from public;

create type openclaw.front_caller as (
  refusal openclaw.http_answer, client_id text, whole_user boolean, user_id text,
  container_id text
);
comment on type openclaw.front_caller is
  'Who calls an endpoint, or the answer that refuses. It sees the tokens of client_id and, with whole_user, all of user_id (null: of every user) and container_id (null: of every container and of none).';

create function openclaw.client_refusal(error text, description text)
  returns openclaw.http_answer
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select case error
      when 'invalid_client' then
        openclaw.http_error(401, error, description, 'WWW-Authenticate: Basic realm="openclaw"')
      when 'temporarily_unavailable' then
        openclaw.http_error(503, error, description, 'Retry-After: 30')
      else openclaw.http_error(400, error, description) end
  $$;
comment on function openclaw.client_refusal(text, text) is
  'An error for an OAuth client with its status (RFC 6749 section 5.2).';
revoke all on function openclaw.client_refusal(text, text) from public;

create function openclaw.front_caller(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text, scope text)
  returns openclaw.front_caller
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.front_caller;
  harness openclaw.token_verification;
  client openclaw.authenticated_client;
begin
  if http_authorization ~* '^basic ' or http_authorization is null
     and num_nonnulls(client_id, client_secret, client_assertion_type, client_assertion) > 0 then
    client := openclaw.authenticate_client(http_authorization, client_certificate, client_id,
                                           client_secret, client_assertion_type, client_assertion);
    if client.error is not null then
      caller.refusal := openclaw.client_refusal(client.error, client.description);
      return caller;
    end if;
    caller.client_id := client.id;
    caller.whole_user := openclaw.scopes_cover(client.scopes, array[scope]);
    caller.user_id := client.user_id;
    return caller;
  end if;
  harness := openclaw.harness(http_authorization, scope);
  if not harness.valid then
    caller.refusal := openclaw.bearer_refusal(http_authorization, harness.reason, scope);
    return caller;
  end if;
  caller.whole_user := true;
  caller.user_id := case when not openclaw.scopes_cover(harness.scopes, array['openclaw:any-user'])
                    then harness.user_id end;
  caller.container_id := harness.container_id;
  return caller;
end
$$;
comment on function openclaw.front_caller(text, text, text, text, text, text, text) is
  'Who calls: an OAuth client by one of its ways to authenticate, or a harness by its bearer token, which needs the scope.';
revoke all on function openclaw.front_caller(text, text, text, text, text, text, text) from public;

create function openclaw.sees(caller openclaw.front_caller, token json) returns boolean
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select coalesce((caller).client_id = token->>'client_id', false)
        or (caller).whole_user
           and coalesce((caller).user_id is null or (caller).user_id = token->>'user_id', false)
           and coalesce((caller).container_id is null
                        or (caller).container_id = token->>'container_id', false)
  $$;
comment on function openclaw.sees(openclaw.front_caller, json) is
  'Whether a caller may learn of, or end, a token by its introspection.';
revoke all on function openclaw.sees(openclaw.front_caller, json) from public;

-- What the front serves of OAuth: keys, metadata, the token endpoint, introspection, revocation,
-- status lists.

create function openclaw.front_jwks(if_none_match text) returns openclaw.http_answer
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  keys json := openclaw.jwks();
  max_age interval := openclaw.jwks_max_age_at(clock_timestamp());
  etag text := '"' || encode(substring(sha256(convert_to(keys::text, 'UTF8')) for 16), 'hex') || '"';
  headers text := format(e'ETag: %s\nCache-Control: %s', etag,
                         case when max_age = interval '0' then 'no-cache'
                         else 'public, max-age=' || floor(extract(epoch from max_age)) end);
begin
  if if_none_match = '*' or strpos(if_none_match, etag) > 0 then
    return row(304, headers, null)::openclaw.http_answer;
  end if;
  return openclaw.http_json(200, keys, headers);
end
$$;
comment on function openclaw.front_jwks(text) is
  'GET /.well-known/jwks.json: the JWK set, with ETag and the max-age that rotation counts on (sql/signing_keys.sql); no-cache while there is no key.';
revoke all on function openclaw.front_jwks(text) from public;

create function openclaw.front_metadata(path text) returns openclaw.http_answer
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  issuer text := openclaw.setting('issuer');
  base text := rtrim(issuer, '/');
  mtls text := rtrim(openclaw.setting('mtls_url'), '/');
  algorithms json := '["EdDSA","Ed25519","ES256","RS256"]';
  methods json := case when mtls = ''
    then '["client_secret_basic","client_secret_post","private_key_jwt"]'::json
    else '["client_secret_basic","client_secret_post","private_key_jwt","tls_client_auth"]' end;
begin
  if issuer = '' then
    return openclaw.http_error(503, 'temporarily_unavailable', 'the issuer is not configured',
                               'Retry-After: 30');
  end if;
  -- Whoever knows an issuer with a path asks with that path behind the well-known one
  -- (RFC 8414 section 3.1).
  if coalesce(path, '') not in ('', coalesce(substring(base from '^https?://[^/]+(/.*)$'), '')) then
    return openclaw.http_error(404, 'not_found', 'there is no such issuer here');
  end if;
  return openclaw.http_json(200, json_strip_nulls(json_build_object(
    'issuer', issuer,
    'authorization_endpoint', base || '/oauth/authorize',
    'token_endpoint', base || '/oauth/token',
    'jwks_uri', base || '/.well-known/jwks.json',
    'introspection_endpoint', base || '/oauth/introspect',
    'revocation_endpoint', base || '/oauth/revoke',
    'response_types_supported', json_build_array('code'),
    'grant_types_supported', json_build_array(
      'client_credentials', 'refresh_token', 'urn:ietf:params:oauth:grant-type:token-exchange'),
    'token_endpoint_auth_methods_supported', methods,
    'token_endpoint_auth_signing_alg_values_supported', algorithms,
    'introspection_endpoint_auth_methods_supported', methods,
    'introspection_endpoint_auth_signing_alg_values_supported', algorithms,
    'revocation_endpoint_auth_methods_supported', methods,
    'revocation_endpoint_auth_signing_alg_values_supported', algorithms,
    'tls_client_certificate_bound_access_tokens', case when mtls <> '' then true end,
    'mtls_endpoint_aliases', case when mtls not in ('', base) then json_build_object(
      'token_endpoint', mtls || '/oauth/token',
      'introspection_endpoint', mtls || '/oauth/introspect',
      'revocation_endpoint', mtls || '/oauth/revoke') end)),
    'Cache-Control: public, max-age=300');
end
$$;
comment on function openclaw.front_metadata(text) is
  'GET /.well-known/oauth-authorization-server and /.well-known/openid-configuration, each also with the issuer''s path behind it: what works here (RFC 8414 section 2; RFC 8705 section 5). Another path behind it is 404.';
revoke all on function openclaw.front_metadata(text) from public;

create function openclaw.front_authorize(response_type text) returns openclaw.http_answer
  language sql immutable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select case when response_type is distinct from 'code'
      then openclaw.http_error(400, 'unsupported_response_type', 'response_type is code')
      else openclaw.http_error(400, 'unauthorized_client',
        'no client may use authorization codes: tokens come from the token endpoint, by client_credentials, token exchange or refresh_token') end
  $$;
comment on function openclaw.front_authorize(text) is
  '/oauth/authorize: 400 unauthorized_client, or unsupported_response_type (RFC 6749 section 4.1.2.1). No client has a redirect URI, so none may use authorization codes; MCP''s clients read no metadata without the endpoint.';
revoke all on function openclaw.front_authorize(text) from public;

create function openclaw.front_token(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text, grant_type text, resource text,
    audience text, scope text, user_id text, subject_token text, subject_token_type text,
    actor_token text, requested_token_type text, refresh_token text, request_id text)
  returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  client openclaw.authenticated_client;
  granted openclaw.token_grant;
  scopes text[] := openclaw.parse_scopes(scope);
  access_token_type constant text := 'urn:ietf:params:oauth:token-type:access_token';
  jwt_type constant text := 'urn:ietf:params:oauth:token-type:jwt';
  by_id boolean := strpos(audience, '/') = 0;
begin
  client := openclaw.authenticate_client(http_authorization, client_certificate, client_id,
                                         client_secret, client_assertion_type, client_assertion);
  if client.error is not null then
    return openclaw.client_refusal(client.error, client.description);
  end if;
  perform set_config('openclaw.request_id', coalesce(request_id, ''), true);

  if grant_type is null then
    return openclaw.http_error(400, 'invalid_request', 'the parameter grant_type is missing');
  elsif grant_type not in ('client_credentials', 'refresh_token',
                           'urn:ietf:params:oauth:grant-type:token-exchange') then
    return openclaw.http_error(400, 'unsupported_grant_type', 'grant_type is client_credentials, refresh_token or urn:ietf:params:oauth:grant-type:token-exchange');
  end if;
  granted := openclaw.client_problem(client, grant_type);
  if granted.error is not null then
    return openclaw.client_refusal(granted.error, granted.description);
  elsif scope is not null and scopes is null then
    return openclaw.http_error(400, 'invalid_scope', 'scope must be a list of area:action or area:*');
  end if;

  if grant_type = 'client_credentials' then
    granted := openclaw.grant_client_credentials(client, resource, scopes, user_id);
  elsif grant_type = 'refresh_token' then
    if refresh_token is null then
      return openclaw.http_error(400, 'invalid_request', 'the parameter refresh_token is missing');
    end if;
    granted := openclaw.refresh_access_token(client, refresh_token, resource, scopes);
  else
    if subject_token is null or subject_token_type is distinct from access_token_type then
      return openclaw.http_error(400, 'invalid_request', 'subject_token and subject_token_type urn:ietf:params:oauth:token-type:access_token are needed');
    elsif actor_token is not null then
      return openclaw.http_error(400, 'invalid_request', 'actor_token is not taken: the client itself is the actor');
    elsif coalesce(requested_token_type, access_token_type) not in (access_token_type, jwt_type) then
      return openclaw.http_error(400, 'invalid_request', 'requested_token_type is urn:ietf:params:oauth:token-type:access_token or …:jwt');
    elsif not by_id and resource is not null
          and openclaw.resource_endpoint(audience) is distinct from openclaw.resource_endpoint(resource) then
      return openclaw.http_error(400, 'invalid_target', 'resource and audience name two containers');
    end if;
    granted := openclaw.exchange_token(
      client, subject_token, coalesce(resource, case when not by_id then audience end),
      case when by_id then audience end, scopes);
  end if;

  if granted.error is not null then
    return openclaw.client_refusal(granted.error, granted.description);
  end if;
  return openclaw.http_json(200, json_strip_nulls(json_build_object(
    'access_token', granted.access_token,
    'issued_token_type', case when grant_type like '%:token-exchange'
      then coalesce(requested_token_type, access_token_type) end,
    'token_type', 'Bearer',
    'expires_in', extract(epoch from granted.expires_at - granted.issued_at)::integer,
    'refresh_in', extract(epoch from granted.refresh_at - granted.issued_at)::integer,
    'refresh_token', granted.refresh_token,
    'scope', array_to_string(granted.scopes, ' '))));
end
$$;
comment on function openclaw.front_token(text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text) is
  'POST /oauth/token: client_credentials (RFC 6749 section 4.4), refresh_token (section 6), token exchange (RFC 8693), with resource (RFC 8707). audience of an exchange is a container''s endpoint or its id. user_id chooses among the users who registered one endpoint. Answers as RFC 6749 section 5.1, with refresh_in (seconds until a new one should be asked for), or an error of section 5.2.';
revoke all on function openclaw.front_token(text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text) from public;

create function openclaw.front_introspect(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text, token text, token_type_hint text)
  returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.front_caller := openclaw.front_caller(
    http_authorization, client_certificate, client_id, client_secret, client_assertion_type,
    client_assertion, 'openclaw:introspect');
  answer json;
begin
  if (caller.refusal).status is not null then
    return caller.refusal;
  end if;
  if token is null then
    return openclaw.http_error(400, 'invalid_request', 'the parameter token is missing');
  end if;
  answer := openclaw.introspect(token);
  if not openclaw.sees(caller, answer) then
    answer := '{"active":false}';
  end if;
  return openclaw.http_json(200, answer);
end
$$;
comment on function openclaw.front_introspect(text, text, text, text, text, text, text, text) is
  'POST /oauth/introspect (RFC 7662). A token that the caller may not see is inactive. token_type_hint is not needed and not used.';
revoke all on function openclaw.front_introspect(text, text, text, text, text, text, text, text) from public;

create function openclaw.front_introspect_many(http_authorization text, body text)
  returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.front_caller := openclaw.front_caller(
    http_authorization, null, null, null, null, null, 'openclaw:introspect');
  parsed json;
  tokens text[];
  answers text;
begin
  if (caller.refusal).status is not null then
    return caller.refusal;
  end if;
  begin
    parsed := body::json;
    if json_typeof(parsed) = 'array'
       and not exists (select from json_array_elements(parsed) as t where json_typeof(t) <> 'string') then
      tokens := array(select json_array_elements_text(parsed));
    end if;
  exception when invalid_text_representation or untranslatable_character
                 or statement_too_complex then
    tokens := null;
  end;
  if tokens is null then
    return openclaw.http_error(400, 'invalid_request',
                               'the body must be a JSON array of tokens, each a string');
  elsif cardinality(tokens) > 1000 then
    return openclaw.http_error(400, 'invalid_request', 'one request takes at most 1000 tokens');
  end if;
  select string_agg(case when openclaw.sees(caller, i.answer) then i.answer::text
                    else '{"active":false}' end, ',' order by t.n) into answers
  from unnest(tokens) with ordinality as t(token, n)
  cross join lateral (select openclaw.introspect(t.token) as answer) as i;
  return openclaw.http_json(200, ('[' || coalesce(answers, '') || ']')::json);
end
$$;
comment on function openclaw.front_introspect_many(text, text) is
  'POST /v1/introspect: introspection of up to 1000 tokens, a JSON array of strings, answered by an array in the same order. A client authenticates with client_secret_basic, a harness with its bearer token.';
revoke all on function openclaw.front_introspect_many(text, text) from public;

create function openclaw.front_revoke(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text, token text, token_type_hint text,
    request_id text)
  returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.front_caller := openclaw.front_caller(
    http_authorization, client_certificate, client_id, client_secret, client_assertion_type,
    client_assertion, 'openclaw:revoke');
  target json;
begin
  if (caller.refusal).status is not null then
    return caller.refusal;
  end if;
  if token is null then
    return openclaw.http_error(400, 'invalid_request', 'the parameter token is missing');
  end if;
  perform set_config('openclaw.request_id', coalesce(request_id, ''), true);

  -- A refresh token ends its family even after it was used up: whoever revokes an old one means it.
  if token like 'ocr\_%' then
    select json_build_object('client_id', g.client_id, 'user_id', g.user_id,
                             'container_id', g.container_id, 'grant_id', g.id)
    into target
    from openclaw.refresh_tokens as r join openclaw.grants as g on g.id = r.grant_id
    where r.token_hash = openclaw.token_hash(front_revoke.token);
  elsif strpos(token, '.') > 0 then
    target := openclaw.introspect(token);
    target := case when (target->>'active')::boolean then target end;
  else
    select json_build_object('user_id', t.user_id, 'container_id', t.container_id,
                             'token_id', t.id) into target
    from openclaw.api_tokens as t where t.token_hash = openclaw.token_hash(front_revoke.token);
  end if;

  if target is null then
    return row(200, null, null)::openclaw.http_answer;
  elsif not openclaw.sees(caller, target) then
    -- RFC 7009 section 2.1 has a client told that a token is another's; to a harness, what it may
    -- not reach does not exist.
    if caller.client_id is null then
      return row(200, null, null)::openclaw.http_answer;
    end if;
    return openclaw.http_error(400, 'unauthorized_client', 'the token was not issued to this client');
  end if;
  if target->>'grant_id' is not null then
    perform openclaw.revoke_grants(array[target->>'grant_id']);
  elsif target->>'token_id' is not null then
    perform openclaw.revoke_token(target->>'user_id', target->>'token_id');
  else
    perform openclaw.revoke_jwt(target->>'container_id', target->>'jti');
  end if;
  return row(200, null, null)::openclaw.http_answer;
end
$$;
comment on function openclaw.front_revoke(text, text, text, text, text, text, text, text, text) is
  'POST /oauth/revoke (RFC 7009), of opaque tokens, JWTs and refresh tokens with their family. 200 also for a token that is unknown or no longer good; 400 unauthorized_client for one that was issued to another client.';
revoke all on function openclaw.front_revoke(text, text, text, text, text, text, text, text, text) from public;

create function openclaw.front_status_list(path text) returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  named text[] := regexp_match(
    path, '^/([A-Za-z0-9][A-Za-z0-9_.:-]{0,127})/(0|[1-9][0-9]{0,8})$');
  list text;
begin
  if named is null then
    return openclaw.http_error(404, 'not_found', 'there is no such status list');
  end if;
  begin
    list := openclaw.status_list(named[1], named[2]);
  exception when object_not_in_prerequisite_state or config_file_error then
    return openclaw.http_error(503, 'temporarily_unavailable', 'no key can sign at present',
                               'Retry-After: 5');
  end;
  return row(200, format(e'Content-Type: application/statuslist+jwt\nCache-Control: public, max-age=%s',
                         floor(extract(epoch from openclaw.setting('status_list_max_age')::interval))),
             list)::openclaw.http_answer;
end
$$;
comment on function openclaw.front_status_list(text) is
  'GET /oauth/status/CONTAINER/GENERATION: a Status List Token (IETF draft-ietf-oauth-status-list). 503 while no key can sign.';
revoke all on function openclaw.front_status_list(text) from public;

-- What the front serves of our own: connect, verification for proxies, readiness, upkeep.

create function openclaw.front_connect(http_authorization text, user_id text, container_id text,
                                       scope text)
  returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.token_verification := openclaw.harness(http_authorization, 'openclaw:connect');
  for_user text;
  scopes text[];
  answer record;
begin
  if not caller.valid then
    return openclaw.bearer_refusal(http_authorization, caller.reason, 'openclaw:connect');
  end if;
  if container_id is null then
    return openclaw.http_error(400, 'invalid_request', 'the parameter container_id is missing');
  end if;
  for_user := coalesce(front_connect.user_id, caller.user_id);
  -- Without a scope parameter: all that the harness holds, less its rights at this front.
  scopes := case when scope is null
    then array(select s from unnest(caller.scopes) as s where s not like 'openclaw:%')
    else openclaw.parse_scopes(scope) end;
  if coalesce(cardinality(scopes), 0) = 0 or not openclaw.scopes_cover(caller.scopes, scopes) then
    return openclaw.http_error(400, 'invalid_scope',
                               'scope must be a list of scopes that the harness''s token covers');
  end if;
  if not openclaw.may_reach(caller, for_user)
     or (caller.container_id is not null and caller.container_id <> front_connect.container_id) then
    return openclaw.http_error(404, 'not_found', 'no such container');
  end if;

  begin
    answer := openclaw.connect(for_user, front_connect.container_id, scopes);
  exception
    when no_data_found then
      return openclaw.http_error(404, 'not_found', 'no such container');
    when program_limit_exceeded then
      return openclaw.http_error(400, 'invalid_scope', 'a JWT has no room for so many scopes');
    when feature_not_supported then
      return openclaw.http_error(400, 'invalid_target',
                                 'this container takes only API keys, which its owner manages');
    when object_not_in_prerequisite_state or config_file_error then
      return openclaw.http_error(503, 'temporarily_unavailable', 'no key can sign at present',
                                 'Retry-After: 30');
  end;
  return openclaw.http_json(200, json_build_object(
    'mcp_endpoint', answer.mcp_endpoint,
    'type', answer.type,
    'auth_method', answer.auth_method,
    'headers', answer.headers,
    'tls', json_build_object('client_certificate', answer.client_certificate,
                             'public_key_fingerprint', answer.public_key_fingerprint),
    'expires_at', floor(extract(epoch from answer.expires_at)),
    'refresh_at', floor(extract(epoch from answer.refresh_at))));
end
$$;
comment on function openclaw.front_connect(text, text, text, text) is
  'POST /v1/connect: connect() for a harness. user_id defaults to the harness token''s user, scope to all of its scopes but openclaw:…; times are NumericDates. A container that is unknown or out of reach is 404, one that takes only API keys 400 invalid_target (RFC 8707 section 2); without a key that can sign it is 503.';
revoke all on function openclaw.front_connect(text, text, text, text) from public;

-- An opaque token is good for the container it is bound to, or for its user's containers.
create function openclaw.check_bearer(token text, audience text, scopes text[],
                                      out valid boolean, out reason text, out user_id text,
                                      out container_id text, out granted text[])
  language plpgsql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  jwt openclaw.jwt_verification;
  opaque openclaw.token_verification;
begin
  if strpos(token, '.') > 0 then
    jwt := openclaw.verify_jwt(token, audience, scopes);
    valid := jwt.valid;
    reason := jwt.reason;
    user_id := jwt.user_id;
    container_id := jwt.container_id;
    granted := jwt.scopes;
    return;
  end if;
  opaque := openclaw.verify_token(token, scopes);
  valid := opaque.valid;
  reason := opaque.reason;
  if not valid then
    return;
  end if;
  select c.id into container_id
  from openclaw.containers as c
  where c.user_id = opaque.user_id and c.mcp_endpoint = check_bearer.audience
    and c.disabled_at is null and c.id = coalesce(opaque.container_id, c.id)
    and opaque.issued_for = 'user_direct';
  if not found then
    valid := false;
    reason := 'wrong_audience';
    return;
  end if;
  user_id := opaque.user_id;
  granted := opaque.scopes;
end
$$;
comment on function openclaw.check_bearer(text, text, text[]) is
  'Whether a bearer token, JWT or user_direct opaque, opens the container with this endpoint.';
revoke all on function openclaw.check_bearer(text, text, text[]) from public;

create function openclaw.front_verify(http_authorization text, audience text, scope text)
  returns openclaw.http_answer
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  scopes text[] := openclaw.parse_scopes(coalesce(scope, ''));
  checked record;
begin
  if audience is null or octet_length(audience) > 2048 then
    return openclaw.http_error(400, 'invalid_request',
                               'the parameter audience is missing or too long');
  end if;
  if scopes is null or array_to_string(scopes, ' ') like '%*%' then
    return openclaw.http_error(400, 'invalid_scope', 'scope must be a list of area:action');
  end if;
  checked := openclaw.check_bearer(openclaw.bearer_token(http_authorization), audience, scopes);
  if not checked.valid then
    return openclaw.bearer_refusal(http_authorization, checked.reason, array_to_string(scopes, ' '));
  end if;
  return openclaw.http_json(
    200,
    json_build_object('user_id', checked.user_id, 'container_id', checked.container_id,
                      'scope', array_to_string(checked.granted, ' ')),
    concat_ws(e'\n', 'X-OpenClaw-User-Id: ' || checked.user_id,
              'X-OpenClaw-Container-Id: ' || checked.container_id,
              'X-OpenClaw-Scope: ' || array_to_string(checked.granted, ' ')));
end
$$;
comment on function openclaw.front_verify(text, text, text) is
  '/v1/verify, for a proxy''s subrequest: whether the forwarded bearer token opens the container whose endpoint is audience, with every scope. 200 with X-OpenClaw-User-Id, -Container-Id and -Scope; 401 or 403 with the challenge (RFC 6750 section 3).';
revoke all on function openclaw.front_verify(text, text, text) from public;

create function openclaw.front_maintain() returns openclaw.http_answer
  language sql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select openclaw.http_json(200, coalesce(json_object_agg(m.task, m.done), '{}'))
    from openclaw.maintain() as m
  $$;
comment on function openclaw.front_maintain() is
  'maintain(), which the front calls every so often; no request reaches it.';
revoke all on function openclaw.front_maintain() from public;

create function openclaw.front_ready() returns openclaw.http_answer
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  missing text := case
    when openclaw.setting('issuer') = '' then 'issuer'
    when not exists (select from openclaw.signing_keys as k
                     where k.revoked_at is null and k.activates_at <= clock_timestamp()
                       and (k.retires_at is null or k.retires_at > clock_timestamp()))
      then 'signing key' end;
begin
  if missing is not null then
    return openclaw.http_error(503, 'temporarily_unavailable', 'missing: ' || missing,
                               'Retry-After: 5');
  end if;
  return openclaw.http_json(200, json_build_object(
    'status', 'ready', 'version', openclaw.library_version(), 'standby', pg_is_in_recovery()));
end
$$;
comment on function openclaw.front_ready() is
  'GET /readyz: 200 when the database can decide and sign, else 503 and what is missing.';
revoke all on function openclaw.front_ready() from public;

-- Who may call what: capabilities, granted to roles.

create function openclaw.capability_routines(capability text) returns setof regprocedure
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select p.oid::regprocedure
    from pg_proc as p
    join (values
      ('verifier', '{verify_token,verify_tokens,verify_jwt,introspect,introspect_access_token,jwks,
                    status_list}'::name[]),
      ('issuer', '{create_user,disable_user,register_container,update_container,remove_container,issue_token,
                  revoke_token,issue_access_token,issue_user_claim,connect,register_client,
                  rotate_client_secret,set_client_keys,disable_client,authenticate_client,
                  trusted_client,grant_client_credentials,exchange_token,refresh_access_token,
                  create_grant,revoke_grant,revoke_jwt,revoke_jwts_of,revoke_container_tokens,
                  revoke_user_tokens}'),
      ('admin', '{rotate_signing_key,revoke_signing_key,create_master_key,master_key_id,master_key_ids,
                 rotate_master_key,rewrap_signing_keys,retire_master_keys,maintain,doctor}'),
      ('front', '{front_jwks,front_metadata,front_authorize,front_token,front_introspect,
                 front_introspect_many,front_revoke,front_status_list,front_connect,front_verify,
                 front_maintain,front_ready}')
    ) as c(name, routines) on p.proname = any (c.routines)
    where p.pronamespace = 'openclaw'::regnamespace and c.name = capability
  $$;
comment on function openclaw.capability_routines(text) is
  'The functions that a capability (verifier, issuer, admin, front) may call; none for an unknown one.';
revoke all on function openclaw.capability_routines(text) from public;

create function openclaw.grant_access(role regrole, capability text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  routine regprocedure;
begin
  if not exists (select from openclaw.capability_routines(capability)) then
    raise exception 'unknown capability' using errcode = '22023',
      hint = 'Use verifier, issuer, admin or front.';
  end if;
  execute format('grant usage on schema openclaw to %s', role);
  if capability = 'admin' then
    execute format('grant select on openclaw.key_status to %s', role);
  end if;
  for routine in select openclaw.capability_routines(capability) loop
    execute format('grant execute on function %s to %s', routine, role);
  end loop;
  -- Tokens and passwords come as parameters: a logged statement must not show them.
  execute format('alter role %s set log_parameter_max_length = 0', role);
  execute format('alter role %s set log_parameter_max_length_on_error = 0', role);
  perform openclaw.audit('grant_access', null, role::text || ' ' || capability);
end
$$;
comment on function openclaw.grant_access(regrole, text) is
  'Gives a role one capability: verifier (checks tokens), issuer (users, containers, tokens), admin (keys, doctor), front (what the HTTP front calls). Keeps the role''s parameters out of the server''s log. Run it as a superuser. Errors: 22023 for an unknown capability, 42501 without the right to grant.';
revoke all on function openclaw.grant_access(regrole, text) from public;
