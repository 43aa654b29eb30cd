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
  perform openclaw.require_primary();
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
  perform openclaw.require_primary();
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
  perform openclaw.require_primary();
  perform openclaw.hold_user(revoke_jwts_of.user_id);
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
  perform openclaw.require_primary();
  if openclaw.revoke_jwts_of(user_id, container_id) = 0 then
    return false;
  end if;
  perform openclaw.revoke_token(t.user_id, t.id)
  from (select x.user_id, x.id from openclaw.api_tokens as x
        where x.container_id = revoke_container_tokens.container_id and x.revoked_at is null
        order by x.id) as t;
  perform openclaw.revoke_grants(array(
    select g.id from openclaw.grants as g
    where g.container_id = revoke_container_tokens.container_id and g.revoked_at is null));
  return true;
end
$$;
comment on function openclaw.revoke_container_tokens(text, text) is
  'Revokes all that is good for one container alone: its JWTs, the opaque tokens bound to it, its grants. Opaque tokens that reach every container of the user stay. False for a container that is unknown or another user''s. Errors: 40001 under REPEATABLE READ where the snapshot is older than what was issued since; begin again.';
revoke all on function openclaw.revoke_container_tokens(text, text) from public;

create function openclaw.revoke_user_tokens(user_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  perform openclaw.hold_user(revoke_user_tokens.user_id);
  if not exists (select from openclaw.users as u where u.id = revoke_user_tokens.user_id) then
    return false;
  end if;
  perform openclaw.revoke_token(t.user_id, t.id)
  from (select x.user_id, x.id from openclaw.api_tokens as x
        where x.user_id = revoke_user_tokens.user_id and x.revoked_at is null
        order by x.id) as t;
  perform openclaw.revoke_grants(array(
    select g.id from openclaw.grants as g
    where g.user_id = revoke_user_tokens.user_id and g.revoked_at is null));
  perform openclaw.revoke_jwts_of(user_id);
  return true;
end
$$;
comment on function openclaw.revoke_user_tokens(text) is
  'Revokes all that a user has: opaque tokens, grants with their refresh tokens, JWTs. The user stays, and may have new ones. False for an unknown user. Errors: 40001 under REPEATABLE READ where the snapshot is older than what was issued since; begin again.';
revoke all on function openclaw.revoke_user_tokens(text) from public;
