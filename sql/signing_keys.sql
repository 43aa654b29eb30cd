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

create function openclaw.make_master_key_file() returns text
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_create_master_key';
comment on function openclaw.make_master_key_file() is
  'Makes the file openclaw.master_key_file with a new master key, and returns its id.';
revoke all on function openclaw.make_master_key_file() from public;

create function openclaw.create_master_key() returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  id text;
begin
  perform openclaw.require_primary();
  id := openclaw.make_master_key_file();
  perform openclaw.audit('create_master_key', null, id);
  return id;
end
$$;
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
  perform openclaw.require_primary();
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
  perform openclaw.require_primary();
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
  perform openclaw.require_primary();
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

-- PL/pgSQL keeps its plan for the session; in SQL this was half of what a JWKS costs.
create function openclaw.jwks_max_age_at(at timestamptz) returns interval
  language plpgsql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  return coalesce(
    (select k.jwks_max_age from openclaw.signing_keys as k
     where exists (select from openclaw.signing_keys as p
                   where least(p.revoked_at, p.expires_at) is null
                      or least(p.revoked_at, p.expires_at) > at - interval '1 day')
     order by k.created_at desc, k.kid limit 1), interval '0');
end
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
  perform openclaw.audit('add_signing_key', null, fresh.kid);
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
  perform openclaw.require_primary();
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
  perform openclaw.require_primary();
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
