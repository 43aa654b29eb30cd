-- Who may call what: capabilities, granted to roles.

create function openclaw.capability_routines(capability text) returns setof regprocedure
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select p.oid::regprocedure
    from pg_proc as p
    join (values
      ('verifier', '{verify_token,verify_tokens,verify_jwt,introspect,introspect_access_token,jwks,
                    status_list,take_used_tokens}'::name[]),
      ('session', '{begin_session,end_session,current_user_id,current_token_id,has_scope,sees_every_row}'),
      ('issuer', '{create_user,disable_user,enable_user,erase_user,set_email,set_password,check_password,change_plan,plan_of,register_container,update_container,remove_container,issue_token,issue_tokens,
                  revoke_token,issue_access_token,issue_user_claim,connect,register_client,
                  rotate_client_secret,set_client_keys,disable_client,authenticate_client,
                  trusted_client,grant_client_credentials,exchange_token,refresh_access_token,
                  create_grant,revoke_grant,revoke_jwt,revoke_jwts_of,revoke_container_tokens,
                  revoke_user_tokens,record_token_use}'),
      ('admin', '{capability_routines,rotate_signing_key,revoke_signing_key,create_master_key,master_key_id,master_key_ids,
                 rotate_master_key,rewrap_signing_keys,retire_master_keys,maintain,doctor,define_plan,
                 change_plan,plan_of,revoke_token,revoke_jwt,revoke_jwts_of,revoke_grant,
                 revoke_container_tokens,revoke_user_tokens,disable_user,enable_user,erase_user,disable_client,
                 audit_verify,audit_head,current_user_id,sees_every_row}'),
      ('front', '{front_jwks,front_metadata,front_authorize,front_token,front_tokens,front_introspections,
                 front_introspection_lists,front_revoke,front_status_list,front_connect,front_issues,front_verifications,
                 front_maintain,front_ready,wal_position,take_used_tokens,front_record_token_use}')
    ) as c(name, routines) on p.proname = any (c.routines)
    where p.pronamespace = 'openclaw'::regnamespace and c.name = capability
  $$;
comment on function openclaw.capability_routines(text) is
  'The functions that a capability (verifier, session, issuer, admin, front) may call; none for an unknown one.';
revoke all on function openclaw.capability_routines(text) from public;

create function openclaw.capability_views(capability text) returns setof regclass
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select c.oid::regclass
    from pg_class as c
    join (values
      ('session', '{user_overview,token_overview,container_overview,client_overview,grant_overview,
                    audit_recent}'::name[]),
      ('admin', '{user_overview,token_overview,container_overview,client_overview,grant_overview,
                  audit_recent,key_status,stats,capabilities}')
    ) as v(name, views) on c.relname = any (v.views)
    where c.relnamespace = 'openclaw'::regnamespace and v.name = capability
  $$;
comment on function openclaw.capability_views(text) is
  'The views that a capability may read.';
revoke all on function openclaw.capability_views(text) from public;

create view openclaw.capabilities with (security_barrier) as
  select r.oid::regrole as role, n.name as capability
  from pg_roles as r, unnest(array['verifier', 'session', 'issuer', 'admin', 'front']) as n(name)
  where not r.rolsuper and has_schema_privilege(r.oid, 'openclaw', 'usage')
    and not exists (select from openclaw.capability_routines(n.name) as c(routine)
                    where not has_function_privilege(r.oid, c.routine, 'execute'))
  order by 1, 2;
comment on view openclaw.capabilities is
  'Which role has which capability, by itself or through a role that it is a member of. Superusers, who may do everything, are left out.';
revoke all on openclaw.capabilities from public;

create function openclaw.require_capability(capability text) returns void
  language plpgsql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if not exists (select from openclaw.capability_routines(capability)) then
    raise exception 'unknown capability' using errcode = '22023',
      hint = 'Use verifier, session, issuer, admin or front.';
  end if;
end
$$;
comment on function openclaw.require_capability(text) is 'Raises 22023 for an unknown capability.';
revoke all on function openclaw.require_capability(text) from public;

create function openclaw.grant_access(role regrole, capability text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  routine regprocedure;
  opened regclass;
begin
  perform openclaw.require_primary();
  perform openclaw.require_capability(capability);
  execute format('grant usage on schema openclaw to %s', role);
  for opened in select openclaw.capability_views(capability) loop
    execute format('grant select on %s to %s', opened, role);
  end loop;
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
  'Gives a role one capability: verifier (checks tokens), session (row-level security by token, and the views with the user''s own rows), issuer (users, sign-in, containers, tokens), admin (keys, plans, endings of every kind, audit, doctor, every row of the views; it issues nothing), front (what the HTTP front calls). Keeps the role''s parameters out of the server''s log. Run it as a superuser. Errors: 22023 for an unknown capability, 42501 without the right to grant.';
revoke all on function openclaw.grant_access(regrole, text) from public;

create function openclaw.revoke_access(role regrole, capability text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  -- What the role has by itself: what comes through another one needs no grant of its own.
  former text[] := array(
    select n.name from unnest(array['verifier', 'session', 'issuer', 'admin', 'front']) as n(name)
    where n.name <> capability and not exists (
      select from openclaw.capability_routines(n.name) as c(routine) join pg_proc as p on p.oid = c.routine
      where not exists (select from aclexplode(p.proacl) as a
                        where a.grantee = revoke_access.role and a.privilege_type = 'EXECUTE')));
  routine regprocedure;
  opened regclass;
begin
  perform openclaw.require_primary();
  perform openclaw.require_capability(capability);
  -- What another capability of the role opens too, it keeps.
  for routine in select openclaw.capability_routines(capability)
                 except select openclaw.capability_routines(f) from unnest(former) as f loop
    execute format('revoke execute on function %s from %s', routine, role);
  end loop;
  for opened in select openclaw.capability_views(capability)
                except select openclaw.capability_views(f) from unnest(former) as f loop
    execute format('revoke select on %s from %s', opened, role);
  end loop;
  if not exists (select from pg_proc as p, aclexplode(p.proacl) as a
                 where p.pronamespace = 'openclaw'::regnamespace and a.grantee = revoke_access.role) then
    execute format('revoke usage on schema openclaw from %s', role);
  end if;
  perform openclaw.audit('revoke_access', null, role::text || ' ' || capability);
end
$$;
comment on function openclaw.revoke_access(regrole, text) is
  'Takes from a role what grant_access gave it, but for what another of its capabilities opens too. What it has through other roles stays. Run it as a superuser. Errors: 22023 for an unknown capability.';
revoke all on function openclaw.revoke_access(regrole, text) from public;
