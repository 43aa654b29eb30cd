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
