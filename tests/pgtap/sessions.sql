-- Row-level security by token, within one connection: what begins and ends a session, what a policy
-- and the views show by it. Other sessions' revocations: tests/e2e/row_level_security.test.mjs.
\ir other_session.psql
\ir fixture.psql
-- A signing key must be committed soon, and a part of this file commits.
commit;
begin;
select plan(199);

-- The session as `user token`, or `none`.
create function pg_temp.who() returns text language sql as $$
  select coalesce(openclaw.current_user_id() || ' ' || openclaw.current_token_id(), 'none')
$$;
-- A statement's error as `SQLSTATE message detail`, or null.
create function pg_temp.refusal(statement text) returns text language sql as $$
  select concat_ws(' | ', e.state, e.message, e.detail) from pg_temp.error_of(statement) as e where e.state is not null
$$;
create function pg_temp.begun(token text, scopes text default '{}', container_id text default null) returns text language sql as $$
  select pg_temp.refusal(format('select openclaw.begin_session(%L, %L, %L)', token, scopes, container_id))
$$;
\set alice 'user_alice ' :alice_token_id
\set bob 'user_bob ' :bob_token_id

-- Without one.
select is(pg_temp.who(), 'none', 'a transaction begins without a session');
select is(openclaw.has_scope('mcp:tools'), false, 'which has no scope');
select lives_ok('select openclaw.end_session()', 'and can be ended all the same');

-- What begins one.
savepoint beginning;
select is(openclaw.begin_session(:'alice_token'), 'user_alice', 'begin_session returns the token''s user');
select is(pg_temp.who(), :'alice', 'whose the session is, by that token');
select is(openclaw.begin_session(:'bob_token', '{mcp:tools}'), 'user_bob', 'a second one takes its place');
select is(pg_temp.who(), :'bob', 'for the rest of the transaction');
select openclaw.end_session() as ignored \gset
select is(pg_temp.who(), 'none', 'end_session ends it, and brings back no former one');
select is(openclaw.begin_session(:'alice_token', '{mcp:tools,data:read}'), 'user_alice', 'a token begins one with the scopes that it grants');
select is(openclaw.has_scope(scope), has, format('of mcp:* and data:read a session %s %s', case when has then 'has' else 'has not' end, coalesce(nullif(left(scope, 20), ''), 'nothing')))
from (values ('mcp:tools', true), ('mcp:resources', true), ('mcp:*', true), ('data:read', true), ('data:write', false), ('data:*', false),
             ('', false), ('mcp', false), ('mcp:', false), ('*:*', false), ('mcp:tools data:read', false), ('MCP:tools', false), ('mcpx:tools', false),
             (repeat('x', 300), false), (repeat('x', 100 << 20), false)) as v(scope, has);
select is(openclaw.has_scope(null), false, 'and not null');
rollback to beginning;

-- What does not.
select token_id as expired_id, token as expired_token from openclaw.issue_token('user_alice', '{mcp:tools}') \gset
update openclaw.api_tokens set expires_at = clock_timestamp() where id = :'expired_id';
select token_id as revoked_id, token as revoked_token from openclaw.issue_token('user_alice', '{mcp:tools}') \gset
select openclaw.revoke_token(:'revoked_token') as ignored \gset
select token_id as bound_id, token as bound_token from openclaw.issue_token('user_alice', '{mcp:tools}', container_id => 'ctr_alice') \gset
select token as jwt from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') \gset
select (openclaw.mint_token('user_direct')).token as unknown_token, (openclaw.mint_token('refresh')).token as refresh_token \gset
savepoint refusals;
select is(pg_temp.begun(token, scopes, container_id), coalesce('28000 | the token begins no session | reason: ' || reason,
    '42501 | the token does not grant every required scope | reason: insufficient_scope'), what || ' begins no session')
from (values
  ('no token', null, '{}', null, 'malformed'), ('an empty one', '', '{}', null, 'malformed'), ('text', 'x', '{}', null, 'malformed'),
  ('100 MB', repeat('x', 100 << 20), '{}', null, 'malformed'), ('a token with another character', pg_temp.altered(:'alice_token', 20), '{}', null, 'malformed'),
  ('a token and a space', :'alice_token' || ' ', '{}', null, 'malformed'), ('a JWT', :'jwt', '{}', null, 'malformed'),
  ('an unknown token', :'unknown_token', '{}', null, 'unknown'), ('a revoked one', :'revoked_token', '{}', null, 'revoked'),
  ('an expired one', :'expired_token', '{}', null, 'expired'),
  ('a bound one without its container', :'bound_token', '{}', null, 'wrong_audience'), ('with another', :'bound_token', '{}', 'ctr_alice_keys', 'wrong_audience'),
  ('with an empty one', :'bound_token', '{}', '', 'wrong_audience'), ('with one of 100 MB', :'bound_token', '{}', repeat('x', 100 << 20), 'wrong_audience'),
  ('a scope that is not granted', :'alice_token', '{data:write}', null, null), ('one that is among others', :'alice_token', '{mcp:tools,data:write}', null, null)) as v(what, token, scopes, container_id, reason);
select is(pg_temp.begun(:'refresh_token') in ('28000 | the token begins no session | reason: malformed', '28000 | the token begins no session | reason: unknown'), true,
  'a refresh token begins no session');
select is((pg_temp.error_of(format('select openclaw.begin_session(%L, %s)', :'alice_token', scopes))).state, state, 'required scopes ' || what || ' are an error')
from (values ('null', '22004', 'that are null'), ('''{NULL}''', '22004', 'with a null'), ('''{mcp}''', '22023', 'that are none'), ('''{mcp:*}''', '22023', 'with a wildcard'), ('''{"mcp:tools mcp:x"}''', '22023', 'of two in one'))
  as v(scopes, state, what);
select is(pg_temp.who(), 'none', 'after all these there is no session');
select is(openclaw.begin_session(:'bound_token', container_id => 'ctr_alice'), 'user_alice', 'a bound token begins one with its container');
select is(openclaw.begin_session(:'bob_token', container_id => 'ctr_bob'), 'user_bob', 'one that is not bound, with any');
select unalike((select concat(e.message, e.detail, e.hint) from pg_temp.error_of(format('select openclaw.begin_session(%L)', pg_temp.altered(:'alice_token', 20))) as e), '%' || substr(:'alice_token', 25, 12) || '%',
  'a refusal shows nothing of the token');
rollback to refusals;
-- A refusal leaves nobody's session, least of all the one before it.
select openclaw.begin_session(:'alice_token') as ignored \gset
select pg_temp.begun(bad) as ignored from (select :'unknown_token' as bad) as v \gset
select is(pg_temp.who(), 'none', 'a refusal that is caught ends the session that was there');
rollback to refusals;

-- Savepoints.
select openclaw.begin_session(:'alice_token') as ignored \gset
savepoint first;
select is(pg_temp.who(), :'alice', 'a session lasts beyond a savepoint');
select openclaw.begin_session(:'bob_token') as ignored \gset
savepoint second;
select openclaw.end_session() as ignored \gset
savepoint third;
select openclaw.begin_session(:'alice_token') as ignored \gset
select is(pg_temp.who(), :'alice', 'sessions may be nested in savepoints');
rollback to third;
select is(pg_temp.who(), 'none', 'going back brings back what was: none,');
rollback to second;
select is(pg_temp.who(), :'bob', 'the inner one,');
rollback to first;
select is(pg_temp.who(), :'alice', 'the outer one');
select openclaw.begin_session(:'bob_token') as ignored \gset
savepoint second;
select openclaw.begin_session(:'alice_token') as ignored \gset
savepoint third;
select openclaw.end_session() as ignored \gset
rollback to first;
select is(pg_temp.who(), :'alice', 'over several at once, too');
savepoint second;
select openclaw.begin_session(:'bob_token') as ignored \gset
release second;
select is(pg_temp.who(), :'bob', 'a released savepoint keeps the session');
savepoint second;
select openclaw.end_session() as ignored \gset
release second;
select is(pg_temp.who(), 'none', 'or its end');
rollback to first;
select is(pg_temp.who(), :'alice', 'until one goes back to before it');
savepoint second;
savepoint third;
select openclaw.begin_session(:'bob_token') as ignored \gset
release third;
savepoint fourth;
select openclaw.begin_session(:'alice_token') as ignored \gset
rollback to fourth;
select is(pg_temp.who(), :'bob', 'what was released within lasts');
rollback to second;
select is(pg_temp.who(), :'alice', 'as long as that does');
rollback to refusals;
select is(pg_temp.who(), 'none', 'before all of them there was none');
select openclaw.begin_session(:'alice_token') as ignored \gset
do $$ begin for n in 1..1000 loop begin perform 1; exception when others then null; end; end loop; end $$;
select is(pg_temp.who(), :'alice', 'a thousand subtransactions later it is there');

-- Blocks of PL/pgSQL that catch errors are savepoints.
create function pg_temp.try(token text, fail boolean) returns text language plpgsql as $$
declare
  within text;
begin
  begin
    perform openclaw.begin_session(token);
    within := openclaw.current_user_id();
    if fail then
      raise exception 'no';
    end if;
  exception when raise_exception then null;
  end;
  return within || ' ' || openclaw.current_user_id();
end
$$;
savepoint blocks;
select is(pg_temp.try(:'bob_token', false), 'user_bob user_bob', 'a block that begins a session leaves it');
rollback to blocks;
select openclaw.begin_session(:'alice_token') as ignored \gset
select is(pg_temp.try(:'bob_token', true), 'user_bob user_alice', 'one that fails takes it back');
select is(pg_temp.who(), :'alice', 'and the session before it is there');
rollback to blocks;

-- The transaction's end.
create temp table told (word text, whose text);
commit;
create procedure pg_temp.two_transactions(token text) language plpgsql as $$
begin
  perform openclaw.begin_session(token);
  insert into pg_temp.told values ('begun', pg_temp.who());
  commit;
  insert into pg_temp.told values ('committed', pg_temp.who());
  commit;
  perform openclaw.begin_session(token);
  rollback;
  insert into pg_temp.told values ('rolled back', pg_temp.who());
end
$$;
call pg_temp.two_transactions(:'alice_token');
select is((select whose from told where word = 'begun'), :'alice', 'a procedure begins a session');
select is((select array_agg(whose order by word) from told where word <> 'begun'), array['none', 'none'], 'which neither its COMMIT nor its ROLLBACK outlives');
begin;
select openclaw.begin_session(:'alice_token') as ignored \gset
commit;
select is(pg_temp.who(), 'none', 'nor a COMMIT');
begin;
select openclaw.begin_session(:'alice_token') as ignored \gset
rollback;
select is(pg_temp.who(), 'none', 'nor a ROLLBACK');
select is(openclaw.begin_session(:'alice_token'), 'user_alice', 'a statement by itself is a transaction');
select is(pg_temp.who(), 'none', 'which ends with it');
-- An error at the transaction's top level needs a connection of its own, and so does PREPARE.
select dblink_connect('other', pg_temp.server()) as ignored \gset
create function pg_temp.elsewhere() returns text language sql as $$
  select t.who from dblink('other', 'select coalesce(openclaw.current_user_id(), ''none'')') as t(who text)
$$;
create function pg_temp.begin_elsewhere(token text) returns text language sql as $$
  select dblink_exec('other', 'begin');
  select t.who from dblink('other', format('select openclaw.begin_session(%L)', token)) as t(who text)
$$;
select is(array[pg_temp.begin_elsewhere(:'alice_token'), pg_temp.elsewhere()], '{user_alice,user_alice}'::text[], 'another connection has a session of its own');
select is(pg_temp.who(), 'none', 'which this one does not see');
select throws_ok($$select dblink_exec('other', 'do $do$ begin raise exception ''no''; end $do$')$$, 'P0001', 'no', 'an error ends that transaction');
select dblink_exec('other', 'rollback') as ignored \gset
select is(pg_temp.elsewhere(), 'none', 'and the session');
select pg_temp.begin_elsewhere(:'alice_token') as ignored \gset
select throws_ok($$select * from dblink('other', 'select openclaw.begin_session(''bad'')') as t(x text)$$, '28000', null, 'a refusal does so too');
select dblink_exec('other', 'rollback') as ignored \gset
select is(pg_temp.elsewhere(), 'none', 'and there is none');
select pg_temp.begin_elsewhere(:'alice_token') as ignored \gset
select dblink_exec('other', 'savepoint s') as ignored \gset
select throws_ok($$select * from dblink('other', 'select openclaw.begin_session(''bad'')') as t(x text)$$, '28000', null, 'one after a savepoint');
select dblink_exec('other', 'rollback to s') as ignored \gset
select is(pg_temp.elsewhere(), 'none', 'leaves none to who goes back to it');
select dblink_exec('other', 'rollback') as ignored \gset
select pg_temp.begin_elsewhere(:'alice_token') as ignored, dblink_exec('other', 'prepare transaction ''pgtap_sessions''') as ignored_too \gset
select is(pg_temp.elsewhere(), 'none', 'a transaction that is prepared leaves its session behind');
select dblink_exec('other', 'rollback prepared ''pgtap_sessions''') as ignored \gset
select dblink_disconnect('other') as ignored \gset

-- The token's row is looked at for each statement.
begin;
savepoint changes;
select openclaw.begin_session(:'alice_token') as ignored \gset
update openclaw.api_tokens set expires_at = clock_timestamp() where id = :'alice_token_id';
select is(pg_temp.who(), 'none', 'an expired token has no session from the next statement on');
select is(openclaw.has_scope('mcp:tools'), false, 'and no scope');
update openclaw.api_tokens set expires_at = now() + interval '1 day' where id = :'alice_token_id';
select is(pg_temp.who(), :'alice', 'one that is made longer has it again');
select openclaw.revoke_token(:'alice_token') as ignored \gset
select is(pg_temp.who(), 'none', 'a revoked one has none');
rollback to changes;
select openclaw.begin_session(:'alice_token') as ignored \gset
savepoint revoked;
select openclaw.revoke_token(:'alice_token') as ignored \gset
select is(pg_temp.who(), 'none', 'one that is revoked after a savepoint has none');
rollback to revoked;
select is(pg_temp.who(), :'alice', 'until that is taken back');
select openclaw.disable_user('user_alice') as ignored \gset
select is(pg_temp.who(), 'none', 'a disabled user has none');
select openclaw.enable_user('user_alice') as ignored \gset
select is(pg_temp.who(), 'none', 'nor when the user is enabled again');
rollback to changes;
select openclaw.begin_session(:'alice_token') as ignored \gset
delete from openclaw.users where id = 'user_alice';
select is(pg_temp.who(), 'none', 'nor a user who is gone');
rollback to changes;
select openclaw.begin_session(:'bound_token', container_id => 'ctr_alice') as ignored \gset
select openclaw.remove_container('user_alice', 'ctr_alice') as ignored \gset
select is(pg_temp.who(), 'none', 'nor a token whose container is');
rollback to changes;
select openclaw.begin_session(:'alice_token') as ignored \gset
select openclaw.define_plan('free', allowed_scopes => '{mcp:tools}') as ignored \gset
select is(array[openclaw.has_scope('mcp:tools'), openclaw.has_scope('mcp:resources'), openclaw.has_scope('data:read')], array[true, false, false],
  'scopes that a plan takes are gone from the session');
select is(pg_temp.who(), :'alice', 'which goes on');
-- Within one function, statement by statement.
create function pg_temp.revoke_and_ask(token text) returns text language plpgsql as $$
declare
  before text := openclaw.current_user_id();
begin
  perform openclaw.revoke_token(token);
  return before || ' ' || coalesce(openclaw.current_user_id(), 'none');
end
$$;
select is(pg_temp.revoke_and_ask(:'alice_token'), 'user_alice none', 'a function that revokes the token has none itself');
rollback to changes;
-- A cursor that is open loses its rows with the session.
create temp table note (id integer, owner text);
insert into note select n, case when n % 2 = 0 then 'user_alice' else 'user_bob' end from generate_series(1, 10) as n;
create role pgtap_sessions_app;
create role pgtap_sessions_none;
create role pgtap_sessions_admin;
grant select, insert, update, delete on note to pgtap_sessions_app, pgtap_sessions_none;
alter table note enable row level security;
create policy own on note using (owner = openclaw.current_user_id()) with check (owner = openclaw.current_user_id());
select openclaw.grant_access('pgtap_sessions_app', 'session') as ignored, openclaw.grant_access('pgtap_sessions_admin', 'admin') as ignored_too \gset
create function pg_temp.notes() returns text language sql as $$ select coalesce(string_agg(id::text, ' ' order by id), 'none') from note $$;
savepoint policies;
set local role pgtap_sessions_app;
select is(pg_temp.notes(), 'none', 'by a policy on the session''s user nobody sees a row without a session');
select is(openclaw.begin_session(:'alice_token'), 'user_alice', 'a role with the capability session begins one');
select is(pg_temp.notes(), '2 4 6 8 10', 'and sees the user''s own rows');
update note set id = id + 100;
select is(pg_temp.notes(), '102 104 106 108 110', 'and changes them');
select throws_ok($$insert into note values (12, 'user_bob')$$, '42501', null, 'but adds none for another user');
select throws_ok($$update note set owner = 'user_bob'$$, '42501', null, 'nor gives one away');
select lives_ok($$insert into note values (12, 'user_alice')$$, 'only its own');
select openclaw.begin_session(:'bob_token') as ignored \gset
select is(pg_temp.notes(), '1 3 5 7 9', 'another session sees the other''s');
select openclaw.end_session() as ignored \gset
select is(pg_temp.notes(), 'none', 'and after its end none');
select openclaw.begin_session(:'alice_token') as ignored \gset
create function pg_temp.fetched() returns integer language plpgsql as $$
declare
  c refcursor := 'open_one';
  id integer;
begin
  fetch c into id;
  return id;
end
$$;
declare open_one cursor for select id from note;
select isnt(pg_temp.fetched(), null, 'a cursor gives a row');
reset role;
select openclaw.revoke_token(:'alice_token') as ignored \gset
select is(pg_temp.fetched(), null, 'and none after the token was revoked');
rollback to policies;
set local role pgtap_sessions_none;
select throws_ok('select * from note', '42501', 'permission denied for function current_user_id', 'a role without the capability cannot even ask');
select throws_ok(format('select %s', call), '42501', null, 'nor call ' || call)
from unnest(array['openclaw.begin_session(''x'')', 'openclaw.end_session()', 'openclaw.current_user_id()', 'openclaw.current_token_id()', 'openclaw.has_scope(''a:b'')']) as call;
rollback to policies;

-- The extension's views, by role: without a session, with one, with the capability admin.
select id as client from openclaw.register_client('hers', user_id => 'user_alice', scopes => '{mcp:tools}',
  grant_types => '{refresh_token}') \gset
select id as his_client from openclaw.register_client('his', user_id => 'user_bob', scopes => '{mcp:tools}', grant_types => '{refresh_token}') \gset
select openclaw.create_grant(:'client', 'ctr_alice', '{mcp:tools}') as ignored, openclaw.create_grant(:'his_client', 'ctr_bob', '{mcp:tools}') as ignored_too \gset
select openclaw.create_user(user_id => 'user_carol') as ignored \gset
-- Whose rows a relation shows.
create function pg_temp.whose(relation text, owner text default 'user_id') returns text language plpgsql as $$
declare
  whose text;
begin
  execute format('select string_agg(distinct %I::text, '' '' order by %1$I::text) from openclaw.%I', owner, relation) into whose;
  return coalesce(whose, 'nobody');
end
$$;
savepoint views;
create temp table shown (relation text, owner text, everybody text);
insert into shown values ('token_overview', 'user_id', 'user_alice user_bob'), ('container_overview', 'user_id', 'user_alice user_bob'),
  ('grant_overview', 'user_id', 'user_alice user_bob'), ('client_overview', 'user_id', 'user_alice user_bob'),
  ('user_overview', 'user_id', 'user_alice user_bob user_carol'), ('audit_recent', 'user_id', 'user_alice user_bob user_carol');
grant select on shown to public;
set local role pgtap_sessions_app;
select is(pg_temp.whose(relation, owner), 'nobody', relation || ' shows nobody''s rows without a session') from shown;
select openclaw.begin_session(:'alice_token') as ignored \gset
select is(pg_temp.whose(relation, owner), 'user_alice', 'with one its user''s: ' || relation) from shown;
select openclaw.begin_session(:'bob_token') as ignored \gset
select is(pg_temp.whose(relation, owner), 'user_bob', 'with another that one''s: ' || relation) from shown;
reset role;
select openclaw.revoke_token(:'bob_token') as ignored \gset
set local role pgtap_sessions_app;
select is(pg_temp.whose(relation, owner), 'nobody', 'and nobody''s once the token is revoked: ' || relation) from shown;
select throws_ok('select * from openclaw.' || relation, '42501', null, 'a role with the capability session does not read ' || relation)
from unnest(array['key_status', 'stats', 'capabilities', 'live_grants', 'api_tokens', 'users', 'audit_log', 'audit_blocks']) as relation;
-- A condition that costs nothing and tells what it sees.
select openclaw.begin_session(:'alice_token') as ignored \gset
create temp table seen (whose text);
create function pg_temp.tell(whose text) returns boolean language plpgsql cost 0.0000001 as $$
begin
  insert into seen values (whose);
  return true;
end
$$;
select count(*) from openclaw.token_overview as t where pg_temp.tell(t.user_id) \g /dev/null
select count(*) from openclaw.container_overview as t where pg_temp.tell(t.user_id) \g /dev/null
select count(*) from openclaw.grant_overview as t where pg_temp.tell(t.user_id) \g /dev/null
select count(*) from openclaw.client_overview as t where pg_temp.tell(t.user_id) \g /dev/null
select count(*) from openclaw.user_overview as t where pg_temp.tell(t.user_id) \g /dev/null
select count(*) from openclaw.audit_recent as t where pg_temp.tell(t.user_id) \g /dev/null
select is((select string_agg(distinct whose, ' ') from seen), 'user_alice', 'a condition of the reader''s sees no row that the view does not show');
reset role;
set local role pgtap_sessions_admin;
select is(pg_temp.whose(relation, owner), everybody, 'a role with the capability admin sees every row: ' || relation) from shown;
select throws_ok('select openclaw.begin_session(''x'')', '42501', null, 'but begins no session');
reset role;
set local role pgtap_sessions_none;
select throws_ok('select * from openclaw.' || relation, '42501', null, 'a role without either sees none: ' || relation) from shown;
rollback to views;

-- A right on a table itself shows no more.
create temp table held as
select c.relname as relation, p.polname is not null as has_policy
from pg_class as c left join pg_policy as p on p.polrelid = c.oid
where c.relnamespace = 'openclaw'::regnamespace and c.relkind in ('r', 'p');
grant select on held to public;
grant usage on schema openclaw to pgtap_sessions_none;
grant select on all tables in schema openclaw to pgtap_sessions_app, pgtap_sessions_admin, pgtap_sessions_none;
create function pg_temp.whose_in(relation text) returns text language sql as $$
  select pg_temp.whose(relation, case relation when 'users' then 'id' else 'user_id' end)
$$;
create function pg_temp.rows_in(relation text) returns bigint language plpgsql as $$
declare
  n bigint;
begin
  execute format('select count(*) from openclaw.%I', relation) into n;
  return n;
end
$$;
select is((select array_agg(relation::text order by relation) from held where has_policy),
  '{api_tokens,audit_log,containers,grants,oauth_clients,users}'::text[], 'six tables have rows that are somebody''s own');
set local role pgtap_sessions_app;
select is(pg_temp.whose_in(relation), 'nobody', 'who may select from ' || relation || ' sees nothing without a session') from held where has_policy order by relation;
select openclaw.begin_session(:'bob_token') as ignored \gset
select is(pg_temp.whose_in(relation), 'user_bob', 'with one the user''s own: ' || relation) from held where has_policy order by relation;
select is((select string_agg(relation, ' ') from held where not has_policy and pg_temp.rows_in(relation) > 0), null, 'and nothing of the others');
reset role;
set local role pgtap_sessions_admin;
select is((select string_agg(relation, ' ') from held where not has_policy and pg_temp.rows_in(relation) > 0), null, 'nor does an admin');
select ok(pg_temp.whose_in(relation) like 'user_alice user_bob%', 'an admin sees everybody''s: ' || relation) from held where has_policy order by relation;
reset role;
set local role pgtap_sessions_none;
select throws_ok('select * from openclaw.' || relation, '42501', null,
  'a role without a capability cannot ask whose they are: ' || relation) from held where has_policy order by relation;
select throws_ok(statement, '42501', null, 'and changes none: ' || statement)
from unnest(array['update openclaw.api_tokens set revoked_at = null', 'delete from openclaw.users', 'insert into openclaw.plans values (''x'')']) as statement;
reset role;
rollback to views;

-- On whose behalf an audit row is.
create function pg_temp.on_behalf() returns text language sql as $$
  select openclaw.audit('test', null, null);
  select coalesce(on_behalf_of, 'nobody') from openclaw.audit_log order by at desc limit 1
$$;
select is(pg_temp.on_behalf(), 'nobody', 'without a session an audit row is on nobody''s behalf');
select openclaw.begin_session(:'alice_token') as ignored \gset
select is(pg_temp.on_behalf(), 'user_alice', 'with one on its user''s');
set local openclaw.actor = 'support Zoë';
select is(pg_temp.on_behalf(), 'support Zoë', 'an application may say on whose');
set local openclaw.actor = '';
select is(pg_temp.on_behalf(), 'user_alice', 'or leave it to the session');
select is((select actor from openclaw.audit_log order by at desc limit 1), session_user::text, 'the actor is the database''s own in any case');
select openclaw.revoke_token(:'alice_token') as ignored \gset
select is(pg_temp.on_behalf(), 'nobody', 'a revoked token''s user has no part in it');
select openclaw.begin_session(:'bob_token') as ignored, openclaw.end_session() as ignored_too \gset
select is(pg_temp.on_behalf(), 'nobody', 'nor has one whose session was ended');
select throws_ok(format('set openclaw.actor = %L', bad), '22023', null, 'openclaw.actor is not ' || what)
from (values (repeat('x', 257), '257 bytes long'), (e'a\nb', 'two lines'), (e'a\x7f', 'a control character')) as v(bad, what);

select * from finish();
rollback;
