-- When a token was used last: what a backend notes, what it gives, what is recorded of it. The other
-- session is a connection of dblink, so the world is committed.
\ir other_session.psql
\ir fixture.psql
commit;
select plan(43);
select dblink_connect('other', pg_temp.server()) as ignored \gset

create function pg_temp.taken() returns text[] language sql as $$
  select coalesce(array_agg(id order by id), '{}') from unnest(openclaw.take_used_tokens()) as id
$$;
create function pg_temp.used_at(token_id text) returns timestamptz language sql as $$
  select last_used_at from openclaw.api_tokens where id = token_id
$$;
create function pg_temp.used(token_id text, age interval) returns void language sql as $$
  update openclaw.api_tokens set last_used_at = now() - age where id = token_id
$$;
select token as second_token, token_id as second_token_id from openclaw.issue_token('user_alice', '{mcp:tools}') \gset
select id as harness_token_id from openclaw.api_tokens where token_hash = openclaw.token_hash(:'harness_token') \gset
select id as ignored from openclaw.register_client('editor', user_id => 'user_alice', grant_types => '{refresh_token}', client_id => 'editor') \gset
select pg_temp.taken() as ignored \gset

-- What is noted.
select is(openclaw.take_used_tokens(), '{}'::text[], 'nothing was used');
select ok((openclaw.verify_token(:'alice_token')).valid, 'verify_token finds a token good');
select is(openclaw.take_used_tokens(), array[:'alice_token_id'], 'and its id is noted');
select is(openclaw.take_used_tokens(), '{}'::text[], 'until it is taken');
select count((openclaw.verify_token(:'alice_token')).valid) as ignored from generate_series(1, 3) \gset
select count(*) as ignored from openclaw.verify_tokens(array[:'alice_token', :'bob_token', :'alice_token', '']) \gset
select is(pg_temp.taken(), (select array_agg(id order by id) from unnest(array[:'alice_token_id', :'bob_token_id']) as id),
  'each is noted once, however often and in whatever call it was used');
select openclaw.introspect(:'alice_token') as ignored \gset
select is(pg_temp.taken(), array[:'alice_token_id'], 'introspect notes it');
select openclaw.introspect_access_token(:'alice_token') as ignored \gset
select is(pg_temp.taken(), array[:'alice_token_id'], 'introspect_access_token does');
select (pg_temp.front_verify('Bearer ' || :'alice_token', :'alice_endpoint', null)).status as ignored \gset
select is(pg_temp.taken(), array[:'alice_token_id'], 'front_verifications does');
select openclaw.begin_session(:'alice_token') as ignored \gset
select is(pg_temp.taken(), array[:'alice_token_id'], 'begin_session does');
select count(*) as ignored from openclaw.front_introspections(array['Bearer ' || :'harness_token'], null, null, null, null, null, array[:'alice_token'], null) \gset
select is(pg_temp.taken(), (select array_agg(id order by id) from unnest(array[:'alice_token_id', :'harness_token_id']) as id),
  'front_introspections notes the token, and the harness''s own');

-- What is not.
select is((openclaw.verify_token(:'alice_token', '{data:write}')).reason, 'insufficient_scope', 'a token lacks a scope');
select is((openclaw.verify_token(pg_temp.altered(:'alice_token', 30))).reason, 'malformed', 'another is malformed');
select is((openclaw.verify_token((openclaw.mint_token('user_direct')).token)).reason, 'unknown', 'another unknown');
begin;
update openclaw.api_tokens set expires_at = now() where id = :'alice_token_id';
select is((openclaw.verify_token(:'alice_token')).reason, 'expired', 'another expired');
select openclaw.revoke_token(:'bob_token') as ignored \gset
select openclaw.introspect(:'bob_token') as ignored \gset
select is((openclaw.verify_token(:'bob_token')).reason, 'revoked', 'another revoked');
rollback;
select is(openclaw.take_used_tokens(), '{}'::text[], 'no token that is refused is noted');

-- An hour's step.
select pg_temp.used(:'alice_token_id', '59 minutes') as ignored \gset
select openclaw.verify_token(:'alice_token') as ignored \gset
select is(openclaw.take_used_tokens(), '{}'::text[], 'a use that was recorded within the hour is not noted again');
select pg_temp.used(:'alice_token_id', '1 hour') as ignored \gset
select openclaw.verify_token(:'alice_token') as ignored \gset
select is(openclaw.take_used_tokens(), array[:'alice_token_id'], 'one of an hour ago is');
select pg_temp.used(:'alice_token_id', '-1 day') as ignored \gset
select openclaw.verify_token(:'alice_token') as ignored \gset
select is(openclaw.take_used_tokens(), '{}'::text[], 'nor is one in the future, of a clock that was wrong');

-- Transactions.
begin;
select openclaw.verify_token(:'bob_token') as ignored \gset
rollback;
select is(openclaw.take_used_tokens(), array[:'bob_token_id'], 'a use in a transaction that is rolled back was one');
begin isolation level repeatable read;
select openclaw.verify_token(:'bob_token') as ignored \gset
select is(openclaw.take_used_tokens(), array[:'bob_token_id'], 'under REPEATABLE READ too');
commit;
begin isolation level serializable read only;
select openclaw.verify_token(:'bob_token') as ignored \gset
select is(openclaw.take_used_tokens(), array[:'bob_token_id'], 'and in a transaction that only reads');
commit;
select openclaw.verify_token(:'bob_token') as ignored \gset
select is((select taken from dblink('other', 'select openclaw.take_used_tokens()') as d(taken text[])), '{}'::text[], 'another session''s backend has notes of its own');
select is(openclaw.take_used_tokens(), array[:'bob_token_id'], 'as this one''s');

-- What is recorded.
select pg_temp.used(:'alice_token_id', null) as ignored \gset
select (to_jsonb(t) - 'last_used_at')::text as alice_row from openclaw.api_tokens as t where id = :'alice_token_id' \gset
begin;
select count(*) as audit_rows, pg_stat_get_xact_tuples_hot_updated('openclaw.api_tokens'::regclass) as hot_updates from openclaw.audit_log \gset
select is(openclaw.record_token_use(array[:'alice_token_id']), 1, 'record_token_use records a use');
select is(pg_temp.used_at(:'alice_token_id'), now(), 'as of now');
select is((select (to_jsonb(t) - 'last_used_at')::text from openclaw.api_tokens as t where id = :'alice_token_id'), :'alice_row', 'and changes nothing else of the token');
select is((select count(*) from openclaw.audit_log), :'audit_rows'::bigint, 'nor writes an audit row');
select is(pg_stat_get_xact_tuples_hot_updated('openclaw.api_tokens'::regclass), :'hot_updates'::bigint + 1, 'nor any index');
select is(openclaw.record_token_use(array[:'alice_token_id']), 0, 'a second time within the hour writes nothing');
select pg_temp.used(:'alice_token_id', '59:59.999999') as ignored \gset
select is(openclaw.record_token_use(array[:'alice_token_id']), 0, 'up to its end');
select pg_temp.used(:'alice_token_id', '1 hour') as ignored \gset
select is(openclaw.record_token_use(array[:'alice_token_id', :'second_token_id', :'alice_token_id', 'tok_unknown', null]), 2, 'of many it records those that are due, each once, and passes over what is no token');
rollback;
select is(openclaw.record_token_use('{}'), 0, 'none is none');
select is(openclaw.record_token_use(null), 0, 'and so is null');
select is((pg_temp.error_of($$select openclaw.record_token_use(array_fill('tok_x'::text, '{4097}'))$$)).state, '54000', 'more than 4096 are too many');
select is((openclaw.front_record_token_use(array[:'alice_token_id']::text))::text, format('(200,"Content-Type: application/json","{""recorded"" : 1}")'), 'the front hands the array on as text');
select is((pg_temp.error_of($$select openclaw.front_record_token_use('tok_x')$$)).state, '22P02', 'and nothing else');

-- Whoever holds a row is not waited for.
select dblink_exec('other', 'begin') as ignored, dblink_exec('other', format('do $do$ begin perform openclaw.revoke_token(%L); end $do$', :'second_token')) as ignored_too \gset
set lock_timeout = '1s';
select is(openclaw.record_token_use(array[:'second_token_id', :'bob_token_id']), 1, 'a row that a revocation holds is left out');
select dblink_exec('other', 'rollback') as ignored \gset
begin;
select is(openclaw.record_token_use(array[:'second_token_id']), 1, 'while a use is recorded');
select is(dblink_exec('other', format($$set lock_timeout = '1s'; insert into openclaw.grants (id, client_id, user_id, container_id, scopes, subject_token_id, expires_at)
  select 'grant_used', 'editor', 'user_alice', 'ctr_alice', '{mcp:tools}', %L, now()$$, :'second_token_id')),
  'INSERT 0 1', 'the token can be exchanged for a grant');
rollback;

-- As many as a backend notes.
select openclaw.define_plan('free') as ignored \gset
create temp table many as select token, token_id from openclaw.issue_tokens('{user_alice}', '{mcp:tools}', count => 4097);
select count(*) as ignored from openclaw.verify_tokens(array(select token from many)) \gset
create temp table first_part as select openclaw.take_used_tokens() as ids;
select is((select cardinality(ids) from first_part), 4096, 'a backend notes so many');
select is((select openclaw.record_token_use(ids) from first_part), 4096, 'which are recorded at once');
select count(*) as ignored from openclaw.verify_tokens(array(select token from many)) \gset
select is(pg_temp.taken(), array(select token_id from many except select unnest(ids) from first_part), 'and the rest when it is used again');

select * from finish();
