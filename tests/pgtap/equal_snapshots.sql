-- What is known of a JWT's user, its container and of revoked JWTs under one snapshot is used under
-- an equal one only (docs/decisions/0018): nothing that this transaction or another one writes is missed.
\ir other_session.psql
\ir fixture.psql
commit;
select token as jwt, jti from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') \gset
select token as other_jwt, jti as other_jti from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') \gset
select token as bob_jwt from openclaw.issue_access_token('ctr_bob', '{mcp:tools}') \gset
select plan(17);
select dblink_connect('other', pg_temp.server()) as ignored \gset

create function pg_temp.active(jwt text) returns text language sql as $$
  select openclaw.introspect(jwt) ->> 'active'
$$;
create function pg_temp.elsewhere(statement text) returns text language sql as $$
  select dblink_exec('other', format('do $do$ begin perform %s; end $do$', statement))
$$;

select is(pg_temp.active(:'jwt') || ' ' || pg_temp.active(:'jwt'), 'true true', 'a JWT is good, twice');
begin;
select is(pg_temp.active(:'other_jwt'), 'true', 'another JWT of the container is');
savepoint before;
select openclaw.revoke_jwt('ctr_alice', :'other_jti') as ignored \gset
select is(pg_temp.active(:'other_jwt'), 'false', 'until this transaction revokes it');
select is(pg_temp.active(:'jwt'), 'true', 'which ends no other');
rollback to before;
select is(pg_temp.active(:'other_jwt'), 'true', 'taken back, it is good');
rollback;
select is(pg_temp.active(:'other_jwt'), 'true', 'also after the transaction');

select pg_temp.elsewhere(format('openclaw.revoke_jwt(''ctr_alice'', %L)', :'other_jti')) as ignored \gset
select is(pg_temp.active(:'other_jwt'), 'false', 'what another session revokes is revoked for the next statement');
select is(pg_temp.active(:'jwt'), 'true', 'and no other');

-- What another session commits between two statements of one transaction.
begin;
select is(pg_temp.active(:'bob_jwt'), 'true', 'a JWT of another user is good');
select pg_temp.elsewhere('openclaw.disable_user(''user_bob'')') as ignored \gset
select is(pg_temp.active(:'bob_jwt'), 'false', 'until that user is disabled elsewhere, in the same transaction too');
commit;
select is(pg_temp.active(:'bob_jwt') || ' ' || pg_temp.active(:'jwt'), 'false true', 'which touches nobody else');

begin;
select openclaw.disable_user('user_alice') as ignored \gset
select is(pg_temp.active(:'jwt'), 'false', 'a user whom this transaction disables has no good JWT');
rollback;
select is(pg_temp.active(:'jwt'), 'true', 'but when that is taken back');

begin isolation level repeatable read;
select is(pg_temp.active(:'jwt'), 'true', 'under REPEATABLE READ');
select pg_temp.elsewhere('openclaw.revoke_container_tokens(''user_alice'', ''ctr_alice'')') as ignored \gset
select is(pg_temp.active(:'jwt'), 'false', 'what was committed since refuses too');
commit;
select is(pg_temp.active(:'jwt'), 'false', 'and after it');

-- A snapshot that cannot tell of every subtransaction: one session has more than 64 of them.
create table public.written (n integer);
create function pg_temp.write_in_subtransactions(session text, many integer) returns void language sql as $$
  select dblink_connect(session, pg_temp.server());
  select dblink_exec(session, 'begin');
  select dblink_exec(session, format('do $do$ begin for i in 1..%s loop begin insert into public.written values (i);
                                      exception when others then null; end; end loop; end $do$', many));
$$;
select pg_temp.write_in_subtransactions('few', 3), pg_temp.write_in_subtransactions('many', 80),
       pg_temp.write_in_subtransactions('as_few', 3) as ignored \gset
select dblink_exec('other', 'insert into public.written values (0)') as ignored \gset
select is(pg_temp.active(:'bob_jwt') || ' ' || pg_temp.active(:'bob_jwt'), 'false false',
  'under a snapshot with too many subtransactions each look-up is made');

select * from finish();
