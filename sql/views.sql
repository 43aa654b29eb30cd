-- What one reads in psql, and a settings page too: views over the rows that the reader may see. A
-- role with the capability admin sees every row, any other one those of its session's user
-- (begin_session), and none without a session. Each view asks for both apart, so that the second goes
-- by the index on user_id.

create function openclaw.sees_every_row() returns boolean
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$ select has_function_privilege('openclaw.doctor()', 'execute') $$;
comment on function openclaw.sees_every_row() is
  'Whether the present role has the capability admin: then the views show every user''s rows.';
revoke all on function openclaw.sees_every_row() from public;

-- The same rule on the tables themselves, should anybody be given a right on one of them.
do $$
declare
  t text;
begin
  foreach t in array array['api_tokens', 'containers', 'oauth_clients', 'grants', 'audit_log'] loop
    execute format('alter table openclaw.%I enable row level security', t);
    execute format('create policy own_rows on openclaw.%I for select using
      ((select openclaw.sees_every_row()) or user_id = openclaw.current_user_id())', t);
  end loop;
  execute 'alter table openclaw.users enable row level security';
  execute 'create policy own_rows on openclaw.users for select using
    ((select openclaw.sees_every_row()) or id = openclaw.current_user_id())';
  -- No row of these is anybody's own.
  foreach t in array array['plans', 'signing_keys', 'oauth_client_secrets', 'client_assertions',
                           'refresh_tokens', 'grant_jwts', 'revoked_jwts', 'audit_log_default',
                           'audit_blocks', 'audit_marks', 'rate_limits'] loop
    execute format('alter table openclaw.%I enable row level security', t);
  end loop;
end
$$;

create view openclaw.user_overview with (security_barrier) as
  select u.id as user_id, u.email, u.plan_tier,
         case when u.erased_at is not null then 'erased'
              when u.disabled_at is not null then 'disabled' else 'live' end as state,
         u.password_hash is not null as has_password,
         (select count(*) from openclaw.containers as c
          where c.user_id = u.id and c.disabled_at is null) as live_containers,
         (select count(*) from openclaw.api_tokens as t
          where t.user_id = u.id and t.revoked_at is null and t.expires_at > now()) as live_tokens,
         (select count(*) from openclaw.grants as g
          where g.user_id = u.id and g.revoked_at is null and g.expires_at > now()) as live_grants,
         date_trunc('second', u.created_at) as created_at
  from (select * from openclaw.users as every where (select openclaw.sees_every_row())
        union all
        select * from openclaw.users as own
        where not (select openclaw.sees_every_row()) and own.id = (select openclaw.current_user_id())) as u;
comment on view openclaw.user_overview is
  'Users, their state (live, disabled, erased) and how much they have; whether there is a password, never its hash. A role without the capability admin sees its session''s user.';
revoke all on openclaw.user_overview from public;

create view openclaw.token_overview with (security_barrier) as
  select t.id as token_id, t.user_id, t.name, t.issued_for,
         case when t.revoked_at is not null then 'revoked'
              when t.expires_at <= clock_timestamp() then 'expired' else 'live' end as state,
         array_to_string(t.scopes, ' ') as scopes, c.name as container, t.container_id,
         date_trunc('second', t.created_at) as created_at,
         date_trunc('second', t.expires_at) as expires_at,
         date_trunc('second', t.revoked_at) as revoked_at,
         date_trunc('minute', t.last_used_at) as last_used_at
  from (select * from openclaw.api_tokens as every where (select openclaw.sees_every_row())
        union all
        select * from openclaw.api_tokens as own
        where not (select openclaw.sees_every_row()) and own.user_id = (select openclaw.current_user_id())) as t
  left join openclaw.containers as c on c.id = t.container_id;
comment on view openclaw.token_overview is
  'Opaque tokens and their state (live, expired, revoked); never a hash. last_used_at is a minute in which the token was known to be in use: it is recorded up to a minute after the use, and then no use within an hour; null while none was recorded. A role without the capability admin sees those of its session''s user.';
revoke all on openclaw.token_overview from public;

create view openclaw.container_overview with (security_barrier) as
  select c.id as container_id, c.user_id, c.name, c.type, c.mcp_endpoint, c.auth_method,
         case when c.disabled_at is null then 'live' else 'removed' end as state,
         c.signing_alg, c.public_key_fingerprint is not null as pinned,
         (select count(*) from openclaw.api_tokens as t
          where t.container_id = c.id and t.revoked_at is null and t.expires_at > now()) as bound_tokens,
         (select count(*) from openclaw.grants as g
          where g.container_id = c.id and g.revoked_at is null and g.expires_at > now()) as live_grants,
         c.jwt_generation, date_trunc('second', c.created_at) as created_at
  from (select * from openclaw.containers as every where (select openclaw.sees_every_row())
        union all
        select * from openclaw.containers as own
        where not (select openclaw.sees_every_row()) and own.user_id = (select openclaw.current_user_id())) as c;
comment on view openclaw.container_overview is
  'Containers, how they are reached, and what is bound to them. A role without the capability admin sees those of its session''s user.';
revoke all on openclaw.container_overview from public;

create view openclaw.client_overview with (security_barrier) as
  select o.id as client_id, o.kind, o.name, o.user_id, o.auth_method,
         array_to_string(o.grant_types, ' ') as grant_types,
         array_to_string(o.scopes, ' ') as scopes,
         case when o.disabled_at is null then 'live' else 'disabled' end as state,
         s.live_secrets, date_trunc('second', s.next_expiry) as next_secret_expires_at,
         date_trunc('second', o.created_at) as created_at
  from (select * from openclaw.oauth_clients as every where (select openclaw.sees_every_row())
        union all
        select * from openclaw.oauth_clients as own
        where not (select openclaw.sees_every_row()) and own.user_id = (select openclaw.current_user_id())) as o,
       lateral (select count(*) as live_secrets, min(x.expires_at) as next_expiry
                from openclaw.oauth_client_secrets as x
                where x.client_id = o.id and (x.expires_at is null or x.expires_at > clock_timestamp())) as s;
comment on view openclaw.client_overview is
  'OAuth clients, and how many secrets are good for each and when the next of them ends (null: none does); never a secret or its hash. A role without the capability admin sees those of its session''s user.';
revoke all on openclaw.client_overview from public;

create view openclaw.grant_overview with (security_barrier) as
  select g.id as grant_id, g.user_id, o.name as client, g.client_id, c.name as container,
         g.container_id, array_to_string(g.scopes, ' ') as scopes,
         case when g.revoked_at is not null then 'revoked'
              when g.expires_at <= clock_timestamp() then 'expired' else 'live' end as state,
         date_trunc('second', g.created_at) as created_at,
         date_trunc('second', g.expires_at) as expires_at
  from (select * from openclaw.grants as every where (select openclaw.sees_every_row())
        union all
        select * from openclaw.grants as own
        where not (select openclaw.sees_every_row()) and own.user_id = (select openclaw.current_user_id())) as g
  join openclaw.oauth_clients as o on o.id = g.client_id
  join openclaw.containers as c on c.id = g.container_id;
comment on view openclaw.grant_overview is
  'What clients may get again with refresh tokens. A role without the capability admin sees the grants of its session''s user.';
revoke all on openclaw.grant_overview from public;

create view openclaw.audit_recent with (security_barrier) as
  select date_trunc('second', a.at) as at, a.actor, a.on_behalf_of, a.action, a.user_id, a.target,
         a.outcome, a.reason, a.left_out, a.source, a.request_id
  from (select * from openclaw.audit_log as every where (select openclaw.sees_every_row()) and every.at > now() - interval '7 days'
        union all
        select * from openclaw.audit_log as own
        where not (select openclaw.sees_every_row()) and own.user_id = (select openclaw.current_user_id()) and own.at > now() - interval '7 days') as a
  order by a.at desc;
comment on view openclaw.audit_recent is
  'The audit log of the last seven days, the newest row first. A role without the capability admin sees what concerns its session''s user.';
revoke all on openclaw.audit_recent from public;

create view openclaw.stats with (security_barrier) as
  select s.name, s.value
  from (values
    (1, 'users', (select count(*) from openclaw.users)),
    (2, 'users disabled', (select count(*) from openclaw.users as u where u.disabled_at is not null)),
    (3, 'containers live', (select count(*) from openclaw.containers as c where c.disabled_at is null)),
    (4, 'tokens live', (select count(*) from openclaw.api_tokens as t
                        where t.expires_at > now() and t.revoked_at is null)),
    (5, 'tokens stored', (select count(*) from openclaw.api_tokens)),
    (6, 'clients live', (select count(*) from openclaw.oauth_clients as c where c.disabled_at is null)),
    (7, 'grants live', (select count(*) from openclaw.grants as g
                        where g.expires_at > now() and g.revoked_at is null)),
    (8, 'signing keys published', (select count(*) from openclaw.signing_keys as k
                                   where k.revoked_at is null and coalesce(k.expires_at > now(), true))),
    (9, 'JWTs revoked one by one', (select count(*) from openclaw.revoked_jwts)),
    (10, 'refusals in the last hour', (select count(*) from openclaw.audit_log as a
                                       where a.at > now() - interval '1 hour' and a.outcome = 'refused')),
    (11, 'audit rows not sealed', (select count(*) from openclaw.audit_log as a
                                   where a.at >= coalesce((openclaw.audit_head()).upper, '-infinity'))),
    (12, 'audit blocks', (select count(*) from openclaw.audit_blocks))
  ) as s(place, name, value)
  order by s.place;
comment on view openclaw.stats is
  'How much of everything there is. Counts rows: of millions it takes seconds.';
revoke all on openclaw.stats from public;
