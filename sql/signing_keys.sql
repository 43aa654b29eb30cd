-- Signing keys and the master key.

create function openclaw.invalidate_signing_keys() returns trigger
  language c
  as 'MODULE_PATHNAME', 'openclaw_invalidate_signing_keys';
comment on function openclaw.invalidate_signing_keys() is
  'Statement trigger: every backend, on standbys too, drops its parsed keys when this commits.';
revoke all on function openclaw.invalidate_signing_keys() from public;

create trigger invalidate_caches after insert or update or delete or truncate
  on openclaw.signing_keys for each statement
  execute function openclaw.invalidate_signing_keys();

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
  'The public id of the master key in openclaw.master_key_file. Errors: 55000 when the setting is empty, F0000 when the file is missing, unreadable, open to group or others, or no master key.';
revoke all on function openclaw.master_key_id() from public;

create function openclaw.generate_signing_key(
    alg text, out kid text, out public_jwk text, out sealed_private_key bytea, out master_key_id text)
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_generate_signing_key';
comment on function openclaw.generate_signing_key(text) is
  'A new key pair (EdDSA, ES256 or RS256), its private half sealed under the master key. Stores nothing.';
revoke all on function openclaw.generate_signing_key(text) from public;

create function openclaw.rotate_signing_key(alg text default 'EdDSA',
                                            activate_after interval default null)
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  fresh record;
  starts_at timestamptz := clock_timestamp();
begin
  if alg is null then
    raise exception 'alg must not be null' using errcode = '22004';
  end if;
  if activate_after < interval '0' or activate_after > interval '30 days' then
    raise exception 'activate_after must be between zero and 30 days' using errcode = '22023';
  end if;
  lock table openclaw.signing_keys in share row exclusive mode;
  if activate_after is not null then
    starts_at := starts_at + activate_after;
  elsif exists (select from openclaw.signing_keys as k
                where k.alg = rotate_signing_key.alg and k.revoked_at is null
                  and k.activates_at <= starts_at
                  and (k.retires_at is null or k.retires_at > starts_at)) then
    -- A verifier may hold a JWKS of that age: the new key signs only when all have seen it.
    starts_at := starts_at + openclaw.setting('jwks_max_age')::interval;
  end if;

  fresh := openclaw.generate_signing_key(alg);
  update openclaw.signing_keys as k
  set retires_at = greatest(starts_at, k.activates_at),
      expires_at = greatest(starts_at, k.activates_at) + openclaw.max_jwt_lifetime()
                   + interval '1 minute'
  where k.alg = rotate_signing_key.alg and (k.retires_at is null or k.retires_at > starts_at);
  insert into openclaw.signing_keys
    (kid, alg, public_jwk, sealed_private_key, master_key_id, activates_at)
  values (fresh.kid, rotate_signing_key.alg, fresh.public_jwk, fresh.sealed_private_key,
          fresh.master_key_id, starts_at);
  perform openclaw.audit('rotate_signing_key', null, fresh.kid);
  return fresh.kid;
end
$$;
comment on function openclaw.rotate_signing_key(text, interval) is
  'Makes a key for EdDSA, ES256 or RS256 and returns its kid. It is published at once and signs after openclaw.jwks_max_age (at once when no key of that algorithm is active, or after activate_after); its predecessor signs until then and stays published until its last JWT has expired. Errors: 22004, 22023, and those of the master key (55000, F0000).';
revoke all on function openclaw.rotate_signing_key(text, interval) from public;

create function openclaw.jwks() returns json
  language c stable strict
  as 'MODULE_PATHNAME', 'openclaw_jwks';
comment on function openclaw.jwks() is
  'The published public keys as a JWK set (RFC 7517 section 5): pending, active and retiring.';
revoke all on function openclaw.jwks() from public;
