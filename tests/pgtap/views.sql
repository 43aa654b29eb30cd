-- What the views show, what capabilities give and take, what maintain() clears. Who sees
-- whose rows is sessions.sql.
\ir fixture.psql
select plan(129);

-- What stands in a row of a view, by the id of what it is about.
create function pg_temp.shown(relation text, key text, id text, columns text) returns text language plpgsql as $$
declare
  found text;
begin
  execute format('select row(%s)::text from openclaw.%I where %I = $1', columns, relation, key) into found using id;
  return found;
end
$$;

-- The views as such.
create temp table view_columns as
select c.relname::text as relation, string_agg(a.attname, ' ' order by a.attnum) as columns, c.reloptions, obj_description(c.oid, 'pg_class') as comment
from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
where c.relnamespace = 'openclaw'::regnamespace and c.relkind = 'v' and c.relname not in ('live_grants', 'user_plans') group by c.oid;
select is(v.columns, e.columns, e.relation || ' has its columns')
from (values
  ('user_overview', 'user_id email plan_tier state has_password live_containers live_tokens live_grants created_at'),
  ('client_overview', 'client_id kind name user_id auth_method grant_types scopes state live_secrets next_secret_expires_at created_at'),
  ('token_overview', 'token_id user_id name issued_for state scopes container container_id created_at expires_at revoked_at last_used_at'),
  ('container_overview', 'container_id user_id name type mcp_endpoint auth_method state signing_alg pinned bound_tokens live_grants jwt_generation created_at'),
  ('grant_overview', 'grant_id user_id client client_id container container_id scopes state created_at expires_at'),
  ('audit_recent', 'at actor on_behalf_of action user_id target outcome reason left_out source request_id'),
  ('key_status', 'kid alg state activates_at retires_at expires_at revoked_at propagated_at created_at master_key_id'),
  ('stats', 'name value'), ('capabilities', 'role capability')) as e(relation, columns) left join view_columns as v using (relation);
select is((select count(*) from view_columns), 9::bigint, 'there are nine of them');
select is((select string_agg(relation, ' ') from view_columns where regexp_replace(columns, 'has_password|live_secrets|next_secret_expires_at', '', 'g') ~ 'hash|secret|sealed|password|jwk|tls_subject'), null, 'none has a hash or a secret');
select is((select string_agg(relation, ' ') from view_columns where reloptions @> '{security_barrier=true}' is not true), null, 'each is a security barrier');
select is((select string_agg(relation, ' ') from view_columns where comment is null), null, 'and has a comment');

-- user_overview.
savepoint before_users;
set local openclaw.argon2_memory = 8192;
set local openclaw.argon2_iterations = 1;
select id as client, client_secret from openclaw.register_client('editor', user_id => 'user_alice', scopes => '{mcp:tools,data:read}', grant_types => '{refresh_token,client_credentials}') \gset
savepoint users;
select is(pg_temp.shown('user_overview', 'user_id', 'user_alice', 'email, plan_tier, state, has_password, live_containers, live_tokens, live_grants, created_at = date_trunc(''second'', now())'),
  '(alice@example.com,free,live,f,3,3,0,t)', 'user_overview shows who a user is and how much they have');
select is(pg_temp.shown('user_overview', 'user_id', 'user_bob', 'live_containers, live_tokens, live_grants'), '(1,1,0)', 'of each user by itself');
select openclaw.set_password('user_alice', 'correct horse') as ignored, openclaw.create_grant(:'client', 'ctr_alice', '{mcp:tools}') as ignored_1, openclaw.change_plan('user_alice', 'team') as ignored_2, openclaw.set_email('user_alice', null) as ignored_3 \gset
select is(pg_temp.shown('user_overview', 'user_id', 'user_alice', 'email, plan_tier, has_password, live_grants'), '(,team,t,1)', 'a password shows as that, a grant counts');
select is((select count(*) from openclaw.user_overview as v where v::text ~ 'argon2'), 0::bigint, 'its hash does not show');
update openclaw.api_tokens set expires_at = now() where id = :'alice_token_id';
update openclaw.grants set expires_at = now();
select openclaw.revoke_token(:'harness_token') as ignored, openclaw.remove_container('user_alice', 'ctr_alice_keys') as ignored_1 \gset
select is(pg_temp.shown('user_overview', 'user_id', 'user_alice', 'live_containers, live_tokens, live_grants'), '(2,1,0)', 'what has expired or ended does not count');
rollback to users;
select openclaw.create_grant(:'client', 'ctr_alice', '{mcp:tools}') as ignored, openclaw.disable_user('user_alice') as ignored_1 \gset
select is(pg_temp.shown('user_overview', 'user_id', 'user_alice', 'email, state, live_containers, live_tokens, live_grants'), '(alice@example.com,disabled,3,0,0)', 'a disabled user has no token and no grant');
select openclaw.erase_user('user_alice') as ignored \gset
select is(pg_temp.shown('user_overview', 'user_id', 'user_alice', 'email, state, has_password, live_containers'), '(,erased,f,0)', 'an erased one is nobody');
rollback to users;

-- client_overview.
select is(pg_temp.shown('client_overview', 'client_id', :'client', 'kind, name, user_id, auth_method, grant_types, scopes, state, live_secrets, next_secret_expires_at, created_at = date_trunc(''second'', now())'),
  '(mcp_client,editor,user_alice,client_secret,"refresh_token client_credentials","mcp:tools data:read",live,1,,t)', 'client_overview shows what a client may, and that its secret is good for good');
select openclaw.rotate_client_secret(:'client', '2 days') as second \gset
select is(pg_temp.shown('client_overview', 'client_id', :'client', 'live_secrets, next_secret_expires_at = (select date_trunc(''second'', min(s.expires_at)) from openclaw.oauth_client_secrets as s)'), '(2,t)', 'during a rotation two, and when the older one ends');
select is((select count(*) from openclaw.client_overview as v, openclaw.oauth_client_secrets as s
           where strpos(v::text, substr(s.secret_hash::text, 3)) > 0 or strpos(v::text, :'client_secret') > 0 or strpos(v::text, :'second') > 0), 0::bigint, 'neither is shown');
select openclaw.rotate_client_secret(:'client', '1 day') as ignored \gset
select is(pg_temp.shown('client_overview', 'client_id', :'client', 'live_secrets, next_secret_expires_at < date_trunc(''second'', now() + interval ''25 h'')'), '(3,t)', 'of several the next one that ends');
update openclaw.oauth_client_secrets set expires_at = clock_timestamp() where expires_at is not null;
select is(pg_temp.shown('client_overview', 'client_id', :'client', 'live_secrets, next_secret_expires_at'), '(1,)', 'one that has expired does not count');
select openclaw.disable_client(:'client') as ignored \gset
select is(pg_temp.shown('client_overview', 'client_id', :'client', 'state'), '(disabled)', 'a disabled client is disabled');
select openclaw.register_client('everyones', 'harness', client_id => 'everyones', auth_method => 'tls_client_auth', tls_subject => 'san_dns:agent.example.com') as ignored \gset
select is(pg_temp.shown('client_overview', 'client_id', 'everyones', 'kind, user_id, auth_method, live_secrets'), '(harness,,tls_client_auth,0)', 'a harness has no user, one that proves itself otherwise no secret');
rollback to users;

-- Whoever is no admin is looked up by an index.
create role pgtap_views_app;
select openclaw.grant_access('pgtap_views_app', 'session') as ignored \gset
create function pg_temp.plan_of(relation text) returns text language plpgsql as $$
declare
  line text;
  plan text := '';
begin
  for line in execute 'explain (costs off) select * from openclaw.' || relation loop
    plan := concat_ws(' ', plan, line);
  end loop;
  return regexp_replace(plan, '\s+', ' ', 'g');
end
$$;
insert into openclaw.users (id) select 'many' || n from generate_series(1, 3000) as n;
insert into openclaw.containers (id, user_id, name, type, mcp_endpoint, auth_method) select id, id, 'x', 'hosted', id || ':1', 'mtls' from openclaw.users where id ~ '^many';
insert into openclaw.api_tokens (id, user_id, token_hash, scopes, expires_at, issued_for) select id, id, sha256(id::bytea), '{a:b}', now() + interval '1 day', 'user_direct' from openclaw.users where id ~ '^many';
insert into openclaw.oauth_clients (id, kind, name, user_id, auth_method, grant_types, scopes) select id, 'mcp_client', 'x', id, 'client_secret', '{}', '{a:b}' from openclaw.users where id ~ '^many';
insert into openclaw.oauth_client_secrets (secret_hash, client_id) select sha256(id::bytea), id from openclaw.users where id ~ '^many';
insert into openclaw.grants (id, client_id, user_id, container_id, scopes, expires_at) select id, id, id, id, '{a:b}', now() + interval '1 day' from openclaw.users where id ~ '^many';
analyze openclaw.users, openclaw.containers, openclaw.api_tokens, openclaw.oauth_clients, openclaw.oauth_client_secrets, openclaw.grants;
set local role pgtap_views_app;
select matches(pg_temp.plan_of(relation), scan || '.{0,60} Index Cond: \(' || cond, relation || ' finds its rows by ' || split_part(scan, ' ', 1))
from (values ('user_overview', 'users_pkey on users own', 'id = '), ('client_overview', 'oauth_clients_user_id_idx', 'user_id = '),
             ('user_overview', 'containers_(user_id_idx|name_key)', 'user_id = '), ('user_overview', 'api_tokens_user_id_idx', '\(user_id = '),
             ('user_overview', 'grants_user_id_idx', 'user_id = '), ('client_overview', 'oauth_client_secrets_client_id_idx', 'client_id = ')) as v(relation, scan, cond);
reset role;
rollback to before_users;

-- token_overview.
select token_id as bound_id from openclaw.issue_token('user_alice', '{mcp:tools,data:read}', '1 hour', 'platform_harness', 'my harness', 'ctr_alice') \gset
select is(pg_temp.shown('token_overview', 'token_id', :'bound_id', 'user_id, name, issued_for, state, scopes, container, container_id, revoked_at'),
  '(user_alice,"my harness",platform_harness,live,"mcp:tools data:read",laptop,ctr_alice,)', 'token_overview shows what a token is, and for which container');
select is(pg_temp.shown('token_overview', 'token_id', :'bob_token_id', 'name, issued_for, container, container_id, created_at = date_trunc(''second'', now()), expires_at = (select date_trunc(''second'', t.expires_at) from openclaw.api_tokens as t where t.id = token_overview.token_id)'), '(,user_direct,,,t,t)',
  'one without a name or a container has none; times are whole seconds');
create function pg_temp.token_state(id text) returns text language sql as $$ select state from openclaw.token_overview where token_id = id $$;
savepoint states;
update openclaw.api_tokens set expires_at = clock_timestamp() where id = :'bound_id';
select is(pg_temp.token_state(:'bound_id'), 'expired', 'a token that has expired is expired');
select openclaw.revoke_token('user_alice', :'bound_id') as ignored \gset
select is(pg_temp.token_state(:'bound_id'), 'revoked', 'one that was revoked is revoked, expired or not');
rollback to states;
select openclaw.remove_container('user_alice', 'ctr_alice') as ignored \gset
select is(pg_temp.shown('token_overview', 'token_id', :'bound_id', 'state, container, revoked_at is not null'), '(revoked,laptop,t)', 'a removed container revokes and leaves its name');
rollback to states;
update openclaw.api_tokens set last_used_at = '2026-11-23 22:15:59.9Z' where id = :'bound_id';
select is((select last_used_at from openclaw.token_overview where token_id = :'bound_id'), '2026-11-23 22:15:00Z', 'the minute in which a token was used last shows');
rollback to states;
select is((select count(*) from openclaw.token_overview), (select count(*) from openclaw.api_tokens), 'every token has one row');

-- container_overview.
select id as client from openclaw.register_client('editor', user_id => 'user_alice', scopes => '{mcp:tools}', grant_types => '{refresh_token}') \gset
select grant_id from openclaw.create_grant(:'client', 'ctr_alice', '{mcp:tools}', '1 hour') \gset
select is(pg_temp.shown('container_overview', 'container_id', 'ctr_alice', 'user_id, name, type, mcp_endpoint, auth_method, state, signing_alg, pinned, bound_tokens, live_grants, jwt_generation'),
  format('(user_alice,laptop,external,%s,platform_token,live,EdDSA,f,1,1,0)', :'alice_endpoint'), 'container_overview shows how a container is reached, and what is bound to it');
select is(pg_temp.shown('container_overview', 'container_id', 'ctr_alice_hosted', 'type, auth_method, pinned, bound_tokens, live_grants'), '(hosted,mtls,f,0,0)', 'also where nothing is');
savepoint containers;
update openclaw.api_tokens set expires_at = now() where id = :'bound_id';
update openclaw.grants set expires_at = now() where id = :'grant_id';
select is(pg_temp.shown('container_overview', 'container_id', 'ctr_alice', 'bound_tokens, live_grants'), '(0,0)', 'what has expired does not count');
rollback to containers;
select openclaw.revoke_token('user_alice', :'bound_id') as ignored, openclaw.revoke_grant('user_alice', :'grant_id') as ignored_too, openclaw.revoke_jwts_of('user_alice', 'ctr_alice') as ignored_three \gset
select is(pg_temp.shown('container_overview', 'container_id', 'ctr_alice', 'bound_tokens, live_grants, jwt_generation'), '(0,0,1)', 'nor what was revoked; JWTs that were all revoked are counted');
rollback to containers;
select openclaw.update_container('user_alice', 'ctr_alice', public_key_fingerprint => 'sha256:' || repeat('0a', 32)) as ignored, openclaw.remove_container('user_alice', 'ctr_alice') as ignored_too \gset
select is(pg_temp.shown('container_overview', 'container_id', 'ctr_alice', 'state, pinned'), '(removed,t)', 'a pin shows, and a removal');
rollback to containers;

-- grant_overview.
select is(pg_temp.shown('grant_overview', 'grant_id', :'grant_id', 'user_id, client, client_id, container, container_id, scopes, state'),
  format('(user_alice,editor,%s,laptop,ctr_alice,mcp:tools,live)', :'client'), 'grant_overview shows who may get what again');
create function pg_temp.grant_state(id text) returns text language sql as $$ select state from openclaw.grant_overview where grant_id = id $$;
savepoint grants;
update openclaw.grants set expires_at = clock_timestamp() where id = :'grant_id';
select is(pg_temp.grant_state(:'grant_id'), 'expired', 'a grant that has expired is expired');
select openclaw.revoke_grant('user_alice', :'grant_id') as ignored \gset
select is(pg_temp.grant_state(:'grant_id'), 'revoked', 'one that was revoked is revoked');
rollback to grants;

-- audit_recent.
set local openclaw.request_id = 'req-7';
set local openclaw.actor = 'support';
select openclaw.check_password('alice@example.com', 'wrong horse', '192.0.2.7') as ignored \gset
set local openclaw.request_id = '';
set local openclaw.actor = '';
select is((select row(a.actor, a.on_behalf_of, a.action, a.user_id, a.target, a.outcome, a.reason, a.source, a.request_id)::text from openclaw.audit_recent as a limit 1),
  format('(%s,support,sign_in,user_alice,user_alice,refused,no_password,192.0.2.7,req-7)', session_user), 'audit_recent shows what happened last first');
insert into openclaw.audit_log (at, action, outcome)
select now() - age, 'aged ' || age, 'success' from unnest('{6 days,7 days,7 days 1 second,"6 days 23:59:59"}'::interval[]) as age;
select is((select array_agg(action) from (select action from openclaw.audit_recent where action like 'aged %' order by at desc) as a), array['aged 6 days', 'aged 6 days 23:59:59'],
  'and seven days back, no more');
select is((select string_agg(action, '|') from openclaw.audit_recent), (select string_agg(action, '|' order by at desc) from openclaw.audit_log where at > now() - interval '7 days'),
  'in order of their time');

-- key_status.
savepoint keys;
insert into openclaw.signing_keys (kid, alg, public_jwk, sealed_private_key, master_key_id, activates_at, retires_at, expires_at, revoked_at, jwks_max_age, propagated_at)
select 'kid_' || state, 'RS256', '{}', '', 'x', now() + activates, now() + retires, now() + expires, now() + revoked, '0', now()
from (values ('pending', interval '1 h', null::interval, null::interval, null::interval), ('active', '-1 h', '1 h', '2 h', null), ('retiring', '-2 h', '-1 h', '1 h', null),
             ('retired', '-3 h', '-2 h', '-1 h', null), ('revoked', '1 h', null, null, '-1 h')) as v(state, activates, retires, expires, revoked);
select is((select array_agg(kid order by activates_at, kid) from openclaw.key_status where kid = 'kid_' || state), '{kid_retired,kid_retiring,kid_active,kid_pending,kid_revoked}'::text[],
  'key_status shows the state that follows from a key''s times');
rollback to keys;

-- stats: each number, by what changes it.
create function pg_temp.stat(name text) returns bigint language sql as $$ select value from openclaw.stats as s where s.name = stat.name $$;
select is((select array_agg(name) from openclaw.stats), array['users', 'users disabled', 'containers live', 'tokens live', 'tokens stored', 'clients live', 'grants live', 'signing keys published',
  'JWTs revoked one by one', 'refusals in the last hour', 'audit rows not sealed', 'audit blocks'], 'stats has twelve numbers, in this order');
select is((select array_agg(value) from openclaw.stats where name ~ '^(users|containers|tokens|clients|grants|audit blocks)'), '{2,0,4,5,5,1,1,0}'::bigint[], 'which are right in this world');
create function pg_temp.changes(statement text) returns text language plpgsql as $$
declare
  before jsonb := (select jsonb_object_agg(name, value) from openclaw.stats);
begin
  execute statement;
  return (select string_agg(format('%s %s', s.name, to_char(s.value - (before ->> s.name)::bigint, 'SGFM9')), ', ') from openclaw.stats as s
          where s.value <> (before ->> s.name)::bigint and s.name <> 'audit rows not sealed');
end
$$;
savepoint numbers;
select is(pg_temp.changes(statement), change, what)
from (values
  ('select openclaw.create_user(user_id => ''user_carol'')', 'users +1', 'a new user counts'),
  ('select openclaw.issue_token(''user_carol'', ''{a:b}'')', 'tokens live +1, tokens stored +1', 'a token'),
  ('update openclaw.api_tokens set expires_at = now() where user_id = ''user_carol''', 'tokens live -1', 'one that has expired is stored'),
  ('select openclaw.register_container(''user_carol'', ''x'', ''hosted'', ''carol:3100'', container_id => ''ctr_carol'')', 'containers live +1', 'a container'),
  ('select openclaw.remove_container(''user_carol'', ''ctr_carol'')', 'containers live -1', 'a removed one does not'),
  ('select openclaw.revoke_jwt(''ctr_alice'', ''jti'')', 'JWTs revoked one by one +1', 'a revoked JWT'),
  ('select openclaw.check_password(''nobody@example.com'', ''x'')', 'refusals in the last hour +1', 'a refusal'),
  ('insert into openclaw.audit_log (at, action, outcome) values (now() - interval ''1 h 1 s'', ''x'', ''refused'')', null, 'an older one does not'),
  ('select openclaw.rotate_signing_key(''ES256'')', 'signing keys published +1', 'a key'),
  ('update openclaw.signing_keys set revoked_at = now() where alg = ''ES256''', 'signing keys published -1', 'a revoked one does not'),
  ('select openclaw.disable_user(''user_alice'')', 'users disabled +1, tokens live -4, grants live -1', 'a disabled user ends what was live'),
  ('update openclaw.oauth_clients set disabled_at = now()', 'clients live -1', 'and a disabled client does not count')) as v(statement, change, what);
select is(pg_temp.stat('audit rows not sealed'), (select count(*) from openclaw.audit_log), 'without a block every audit row counts');
insert into openclaw.audit_blocks (block, lower, upper, rows, ids, hashes, leaves_hash, previous, hash)
select 1, '-infinity', now() - interval '1 second', 1, array[gen_random_uuid()], sha256('x'), sha256('x'), '', sha256('x');
select is(pg_temp.stat('audit blocks'), 1::bigint, 'blocks do');
select is(pg_temp.stat('audit rows not sealed'), (select count(*) from openclaw.audit_log where at >= now() - interval '1 second'), 'and then the rows after the last one');
rollback to numbers;

-- Capabilities: who has which.
create role pgtap_desk_one;
create role pgtap_desk_group;
create role pgtap_desk_member in role pgtap_desk_group;
create role pgtap_desk_super superuser;
create role "pgtap Desk, ""two""";
create role pgtap_desk_part;
create function pg_temp.capabilities_of(role text) returns text language sql as $$
  select coalesce(string_agg(c.capability, ' ' order by c.capability), 'none') from openclaw.capabilities as c where c.role = quote_ident(capabilities_of.role)::regrole
$$;
select is(pg_temp.capabilities_of('pgtap_desk_one'), 'none', 'a new role has no capability');
savepoint granting;
select is(pg_temp.capabilities_of('pgtap_desk_one') || ' ' || coalesce((pg_temp.error_of(format('select openclaw.grant_access(''pgtap_desk_one'', %L)', capability))).state, 'ok'), expected, 'granting ' || capability)
from (values ('admin', 'none ok'), ('front', 'admin ok'), ('issuer', 'admin front ok'), ('session', 'admin front issuer ok'), ('verifier', 'admin front issuer session ok')) as v(capability, expected);
select is(pg_temp.capabilities_of('pgtap_desk_one'), 'admin front issuer session verifier', 'a role may have all five');
select is(pg_temp.capabilities_of('pgtap_desk_super'), 'none', 'a superuser is not listed');
select openclaw.grant_access('pgtap_desk_group', 'verifier') as ignored, openclaw.grant_access('"pgtap Desk, ""two"""', 'session') as ignored_too \gset
select is(pg_temp.capabilities_of('pgtap_desk_member'), 'verifier', 'a role has what a role has that it is a member of');
select is(pg_temp.capabilities_of('pgtap Desk, "two"'), 'session', 'whatever its name');
grant usage on schema openclaw to pgtap_desk_part;
grant execute on function openclaw.verify_token(text, text[]) to pgtap_desk_part;
select is(pg_temp.capabilities_of('pgtap_desk_part'), 'none', 'a part of a capability is none');
rollback to granting;

-- What revoke_access takes, and what it leaves. All that a role has on the schema and in it:
create function pg_temp.rights_of(role text) returns text[] language sql as $$
  select array(
    select p.oid::regprocedure::text || ' ' || a.privilege_type from pg_proc as p, aclexplode(p.proacl) as a where p.pronamespace = 'openclaw'::regnamespace and a.grantee = role::regrole
    union all select c.oid::regclass || ' ' || a.privilege_type from pg_class as c, aclexplode(c.relacl) as a where c.relnamespace = 'openclaw'::regnamespace and a.grantee = role::regrole
    union all select 'schema ' || a.privilege_type from pg_namespace as n, aclexplode(n.nspacl) as a where n.nspname = 'openclaw' and a.grantee = role::regrole
    order by 1)
$$;
create function pg_temp.rights_by(grants text[], revokes text[] default '{}') returns text[] language plpgsql as $$
declare
  rights text[];
begin
  begin
    perform openclaw.grant_access('pgtap_desk_one', g) from unnest(grants) with ordinality as u(g, n);
    perform openclaw.revoke_access('pgtap_desk_one', r) from unnest(revokes) with ordinality as u(r, n);
    rights := pg_temp.rights_of('pgtap_desk_one');
    raise exception 'back' using errcode = 'TB000';
  exception when sqlstate 'TB000' then
    return rights;
  end;
end
$$;
select is(pg_temp.rights_by(array[c], array[c]), '{}', 'revoking ' || c || ' leaves nothing of it')
from unnest(array['verifier', 'session', 'issuer', 'admin', 'front']) as c;
select is(pg_temp.rights_by(array[a, b], array[a]), pg_temp.rights_by(array[b]), format('of %s and %s, revoking the first leaves the second whole', a, b))
from (values ('session', 'admin'), ('admin', 'session'), ('issuer', 'verifier'), ('front', 'issuer')) as v(a, b);
select is(pg_temp.rights_by('{verifier,session,issuer,admin,front}', '{session,front,admin,verifier,issuer}'), '{}', 'revoking all of them leaves nothing');
select is(pg_temp.rights_by('{admin}', '{session}') <> pg_temp.rights_by('{admin}'), false, 'revoking what a role has not takes nothing of what it has');
select is(pg_temp.rights_by('{verifier}', '{verifier,verifier}'), '{}', 'revoking twice is no error');
select ok(cardinality(pg_temp.rights_by(array[c])) > 5, c || ' is more than nothing') from unnest(array['verifier', 'session', 'issuer', 'admin', 'front']) as c;
select openclaw.grant_access('pgtap_desk_group', 'session') as ignored, openclaw.grant_access('pgtap_desk_member', 'session') as ignored_too, openclaw.revoke_access('pgtap_desk_member', 'session') as ignored_three \gset
select is(pg_temp.capabilities_of('pgtap_desk_member'), 'session', 'what a role has through another one stays');
select is((select action || ' ' || target from openclaw.audit_log order by at desc limit 1), 'revoke_access pgtap_desk_member session', 'revoking leaves an audit row');
select is((pg_temp.error_of(format('select openclaw.revoke_access(''pgtap_desk_one'', %L)', bad))).state, '22023', 'revoke_access refuses the capability ' || coalesce(to_json(bad)::text, 'null'))
from unnest(array['', 'Session', 'superuser', null]) as bad;
select is((pg_temp.error_of('select openclaw.revoke_access(''pgtap_desk_none'', ''session'')')).state, '42704', 'and an unknown role');
select openclaw.grant_access('pgtap_desk_one', 'admin') as ignored \gset
set local role pgtap_desk_one;
select is((pg_temp.error_of(format('select openclaw.%s(''pgtap_desk_one'', ''issuer'')', name))).state, '42501', 'an admin does not call ' || name) from unnest(array['grant_access', 'revoke_access']) as name;
select is(pg_temp.capabilities_of('pgtap_desk_one'), 'admin', 'but reads capabilities');
select lives_ok('select * from openclaw.' || relation, 'and ' || relation) from unnest(array['stats', 'key_status', 'user_overview', 'token_overview', 'container_overview', 'client_overview', 'grant_overview', 'audit_recent']) as relation;
select is((select array_agg(task order by task collate "C") from openclaw.maintain() where done is not null), array['apply audit retention', 'clear access tokens of grants', 'clear client assertions',
  'clear client secrets', 'clear grants', 'clear rate limits', 'clear refresh tokens', 'clear revoked JWTs', 'clear tokens', 'make audit partitions', 'prepare signing keys', 'seal audit log'],
  'and calls maintain, which does twelve tasks');
reset role;

-- maintain() clears tokens that expired long ago, and buckets that are full.
create function pg_temp.done(task text) returns bigint language sql as $$ select m.done from openclaw.maintain() as m where m.task = done.task $$;
savepoint clearing;
create function pg_temp.aged_token(id text, age interval, revoked boolean default false) returns void language sql as $$
  insert into openclaw.api_tokens (id, user_id, token_hash, scopes, expires_at, issued_for, revoked_at)
  values (id, 'user_alice', sha256(id::bytea), '{a:b}', now() - age, 'user_direct', case when revoked then now() - age end)
$$;
select pg_temp.aged_token('tok_30', '30 days') as ignored, pg_temp.aged_token('tok_29', '29 days 23:59:59') as ignored_1, pg_temp.aged_token('tok_live', '-1 day', true) as ignored_2,
       pg_temp.aged_token('tok_old', '400 days', true) as ignored_3, pg_temp.aged_token('tok_granted', '40 days') as ignored_4, pg_temp.aged_token('tok_ended', '40 days') as ignored_5 \gset
insert into openclaw.grants (id, client_id, user_id, container_id, scopes, subject_token_id, expires_at)
values ('grant_live', :'client', 'user_alice', 'ctr_alice', '{mcp:tools}', 'tok_granted', now() + interval '1 day'), ('grant_over', :'client', 'user_alice', 'ctr_alice', '{mcp:tools}', 'tok_ended', now());
insert into openclaw.refresh_tokens (token_hash, grant_id) values (sha256('x'), 'grant_over');
select is(pg_temp.done('clear tokens'), 3::bigint, 'maintain clears tokens a month after they have expired');
select is((select array_agg(id order by id) from openclaw.api_tokens where id in ('tok_30', 'tok_29', 'tok_live', 'tok_old', 'tok_granted', 'tok_ended')), '{tok_29,tok_granted,tok_live}'::text[],
  'and none earlier, revoked or not, nor one that a grant refers to');
select is((select array_agg(id) from openclaw.grants where id in ('grant_live', 'grant_over')), '{grant_live}'::text[], 'a grant that is over goes before it');
set local openclaw.token_retention = 0;
select is(pg_temp.done('clear tokens'), 1::bigint, 'openclaw.token_retention says how long they are kept');
set local openclaw.token_retention = '3650d';
select pg_temp.aged_token('tok_years', '3000 days') as ignored \gset
select is(pg_temp.done('clear tokens'), 0::bigint, 'long, too');
set local openclaw.token_retention = '30d';
insert into openclaw.api_tokens (id, user_id, token_hash, scopes, expires_at, issued_for)
select 'many' || n, 'user_alice', sha256(n::text::bytea), '{a:b}', now() - n * interval '1 year', 'user_direct' from generate_series(1, 9) as n;
select is(openclaw.maintain_task('clear tokens', 4), 4::bigint, 'a task clears as many as it is told at the most');
select is((select array_agg(id order by id) from openclaw.api_tokens where id like 'many%'), '{many1,many2,many3,many4,many5,many6}'::text[], 'the oldest first');
select is(pg_temp.done('clear tokens'), 6::bigint, 'and the next run goes on');
select is((openclaw.verify_token(:'alice_token')).valid, true, 'a live token is not touched');
rollback to clearing;
delete from openclaw.rate_limits;
insert into openclaw.rate_limits (bucket, level, at) values ('over', 0, now() - interval '1:00:01'), ('hour', 0, now() - interval '1:00:00'), ('less', 0, now() - interval '0:59:59');
select is(pg_temp.done('clear rate limits'), 1::bigint, 'a bucket that nobody took from for more than an hour is cleared');
select is((select array_agg(bucket order by bucket) from openclaw.rate_limits), '{hour,less}'::text[], 'and no other');


-- A task that fails takes no other along.
set local client_min_messages = error;
alter table openclaw.revoked_jwts rename to revoked_jwts_away;
insert into openclaw.rate_limits (bucket, level, at) values ('over', 0, now() - interval '2 hours');
select is((select array_agg(task) from openclaw.maintain() where done is null), array['clear revoked JWTs'], 'a task that fails has no number');
select is((select count(*) from openclaw.rate_limits where bucket = 'over'), 0::bigint, 'and those after it are done');

select * from finish();
rollback;
