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
