-- What one session ends, another must not let in: attack 31, and REPEATABLE READ. The other session
-- is a connection of dblink, so the world is committed.
\ir other_session.psql
\ir fixture.psql
commit;
select token as second_token,
  token_id as second_token_id from openclaw.issue_token('user_bob', '{mcp:tools}') \gset
select token as alice_jwt from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') \gset
select token as bob_jwt from openclaw.issue_access_token('ctr_bob', '{mcp:tools}') \gset
select plan(38);
select dblink_connect('other', pg_temp.server()) as ignored \gset

create function pg_temp.reason(jwt text, audience text) returns text language sql as $$
  select coalesce((openclaw.verify_jwt(jwt, audience)).reason, 'valid')
$$;
create function pg_temp.elsewhere(statement text) returns text language sql as $$
  select dblink_exec('other', statement)
$$;

begin isolation level repeatable read;
select is((openclaw.verify_token(:'alice_token')).valid, true,
  'a transaction has begun and its snapshot is taken');
select pg_temp.elsewhere(format('do $do$ begin perform openclaw.revoke_token(%L); end $do$',
  :'alice_token')) as ignored \gset
select is((select revoked_at from openclaw.api_tokens where id = :'alice_token_id'), null,
  'which does not see what is committed since');
select is((openclaw.verify_token(:'alice_token')).reason, 'revoked',
  'verify_token does: the revocation of another session refuses');
select is((select reason from openclaw.verify_tokens(array[:'alice_token'])), 'revoked',
  'so does verify_tokens');
select is(openclaw.introspect(:'alice_token')::text, '{"active":false}', 'so does introspect');
select is((pg_temp.front_verify('Bearer ' || :'alice_token', :'alice_endpoint', null)).status, 401,
  'so does front_verifications');

select is(pg_temp.reason(:'bob_jwt', :'bob_endpoint'), 'valid', 'a JWT is good');
select pg_temp.elsewhere('update openclaw.users set disabled_at = now() where id = ''user_bob''') as ignored \gset
select is(pg_temp.reason(:'bob_jwt', :'bob_endpoint'), 'revoked',
  'until its user is disabled by another session, in the same snapshot');
select is((openclaw.verify_token(:'second_token')).reason, 'revoked',
  'and with the user all of the user''s tokens');
select is(pg_temp.reason(:'alice_jwt', :'alice_endpoint'), 'valid',
  'another user''s JWT stays good');
select pg_temp.elsewhere('update openclaw.containers set disabled_at = now() where id = ''ctr_alice''') as ignored \gset
select is(pg_temp.reason(:'alice_jwt', :'alice_endpoint'), 'revoked',
  'until its container is disabled');
select pg_temp.elsewhere('update openclaw.signing_keys set revoked_at = now()') as ignored \gset
select is(pg_temp.reason(:'alice_jwt', :'alice_endpoint'), 'unknown_key',
  'a key revoked by another session is unknown, although it is cached here');
rollback;

begin;
select is(pg_temp.reason(:'alice_jwt', :'alice_endpoint'), 'unknown_key',
  'and under READ COMMITTED');
select pg_temp.elsewhere('update openclaw.signing_keys set revoked_at = null') as ignored \gset
select pg_temp.elsewhere('update openclaw.containers set disabled_at = null') as ignored \gset
select is(pg_temp.reason(:'alice_jwt', :'alice_endpoint'), 'valid',
  'a key that is back is known to the next statement');
select pg_temp.elsewhere('delete from openclaw.signing_keys') as ignored \gset
select is(pg_temp.reason(:'alice_jwt', :'alice_endpoint'), 'unknown_key',
  'a key deleted by another session is unknown to the next statement');
rollback;

-- What is not committed is not there for others.
select pg_temp.elsewhere('begin') as ignored \gset
select * from dblink('other',
  'select token from openclaw.issue_token(''user_alice'', ''{mcp:tools}'')') as t(pending_token text) \gset
select is((openclaw.verify_token(:'pending_token')).reason, 'unknown',
  'a token whose issue is not committed is unknown to others');
select * from dblink('other',
  format('select (openclaw.verify_token(%L)).valid::text', :'pending_token')) as t(there text) \gset
select is(:'there'::text, 'true', 'and good where it was issued');
select pg_temp.elsewhere('rollback') as ignored \gset
select is((openclaw.verify_token(:'pending_token')).reason, 'unknown',
  'and unknown for good once that is rolled back');

-- Who is being disabled at this moment either gets nothing new or loses it again.
begin;
select token as racing_token from openclaw.issue_token('user_alice', '{mcp:tools}') \gset
select pg_temp.elsewhere('set lock_timeout = ''10ms''') as ignored \gset
select throws_ok(format('select pg_temp.elsewhere(%L)', statement), '55P03', null, what)
from (values ('update openclaw.users set disabled_at = now() where id = ''user_alice''',
  'disabling a user waits for a token that is being issued'),
             ('do $do$ begin perform openclaw.erase_user(''user_alice''); end $do$',
  'so does erasing'),
             ('delete from openclaw.users where id = ''user_alice''',
             'and so does deleting the user')) as v(statement, what);
commit;
select pg_temp.elsewhere('update openclaw.users set disabled_at = now() where id = ''user_alice''') as ignored \gset
select is((openclaw.verify_token(:'racing_token')).reason, 'revoked', 'and then ends it');

select pg_temp.elsewhere('update openclaw.users set disabled_at = null') as ignored \gset
select pg_temp.elsewhere('begin') as ignored \gset
select pg_temp.elsewhere('update openclaw.users set disabled_at = now() where id = ''user_alice''') as ignored \gset
set lock_timeout = '10ms';
select throws_ok('select openclaw.issue_token(''user_alice'', ''{mcp:tools}'')', '55P03', null,
  'a token for a user who is being disabled waits');
reset lock_timeout;
select pg_temp.elsewhere('commit') as ignored \gset
select throws_ok('select openclaw.issue_token(''user_alice'', ''{mcp:tools}'')', 'P0002',
  'no such user', 'and then is not issued');

-- Erasing takes clients before their grants, as disabling one does: the two wait and do not deadlock.
select openclaw.register_client('his', user_id => 'user_bob', client_id => 'client_bob', grant_types => '{refresh_token}') as ignored,
       openclaw.create_grant('client_bob', 'ctr_bob', '{mcp:tools}') as ignored_too \gset
select pg_temp.elsewhere('reset lock_timeout') as ignored \gset
select pid as other_pid from dblink('other', 'select pg_backend_pid()') as t(pid integer) \gset
begin;
select from openclaw.oauth_clients where id = 'client_bob' for no key update \g /dev/null
select dblink_send_query('other', 'select openclaw.erase_user(''user_bob'')') as ignored \gset
-- Until it waits; the deadline is for a defect.
create procedure pg_temp.wait_for_waiting(waiter integer) language plpgsql as $$
declare
  deadline timestamptz := clock_timestamp() + interval '60 s';
begin
  while not exists (select from pg_locks as l where l.pid = waiter and not l.granted) loop
    if clock_timestamp() > deadline then
      raise exception 'the other session does not wait';
    end if;
    perform pg_sleep(0.01);
  end loop;
end
$$;
call pg_temp.wait_for_waiting(:other_pid);
select lives_ok('select from openclaw.grants where client_id = ''client_bob'' for no key update nowait',
  'whoever holds a client gets its grants while its user is being erased');
commit;
select is((select erased from dblink_get_result('other') as t(erased boolean)), true, 'and then the user is erased');
select count(*) as ignored from dblink_get_result('other') as t(erased boolean) \gset
select pg_temp.elsewhere('set lock_timeout = ''10ms''') as ignored \gset

-- A snapshot that is older than what a user has would leave it.
begin isolation level repeatable read;
select throws_ok('select openclaw.erase_user(''user_alice'')', '25001', null, 'nobody is erased under REPEATABLE READ');
rollback;
begin isolation level serializable;
select throws_ok('select openclaw.erase_user(''user_alice'')', '25001', null, 'or SERIALIZABLE');
rollback;

-- One that is older than what was issued since would end the rest and leave that alive.
select openclaw.create_user('carol@example.com', 'user_carol') as ignored \gset
select openclaw.register_container('user_carol', 'laptop', 'external', 'https://carol.example.com/mcp', container_id => 'ctr_carol')
  as ignored \gset
begin isolation level repeatable read;
select count(*) as ignored from openclaw.users \gset
select pg_temp.elsewhere('do $do$ begin perform openclaw.issue_token(''user_carol'', ''{mcp:tools}'', container_id => ''ctr_carol''); end $do$')
  as ignored \gset
select throws_ok(ending, '40001', null, ending || ' refuses a snapshot that is older than a token')
from unnest(array[
  $$ select openclaw.disable_user('user_carol') $$,
  $$ update openclaw.users set disabled_at = now() where id = 'user_carol' $$,
  $$ select openclaw.revoke_user_tokens('user_carol') $$,
  $$ select openclaw.revoke_container_tokens('user_carol', 'ctr_carol') $$,
  $$ select openclaw.remove_container('user_carol', 'ctr_carol') $$,
  $$ update openclaw.containers set disabled_at = now() where id = 'ctr_carol' $$]) as ending;
rollback;
begin isolation level repeatable read;
select ok(openclaw.disable_user('user_carol'), 'and takes one that is not');
commit;
select is_empty($$ select from openclaw.api_tokens where user_id = 'user_carol' and revoked_at is null $$,
  'which leaves nothing alive');

-- Rotations come one after the other.
begin;
select openclaw.rotate_signing_key() as kid \gset
select throws_ok('select pg_temp.elsewhere(''do $do$ begin perform openclaw.rotate_signing_key(); end $do$'')', '55P03', null,
  'a rotation waits for the one before it');
commit;
select pg_temp.elsewhere('do $do$ begin perform openclaw.rotate_signing_key(); end $do$') as ignored \gset
select is((select count(*) from openclaw.signing_keys where retires_at is null), 1::bigint,
  'so that one key alone has no successor');

select dblink_disconnect('other') as ignored \gset
select * from finish();
