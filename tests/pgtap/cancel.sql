-- Attack 40: a timeout in the middle of the work ends it, and nothing is half-written.
\ir fixture.psql
select plan(8);

create function pg_temp.state_of(statement text) returns text language plpgsql as $$
begin
  execute statement;
  return 'ok';
exception when query_canceled then
  return sqlstate;
end
$$;

set local openclaw.argon2_memory = 262144;
set local openclaw.argon2_iterations = 8;
select pg_temp.state() as before, clock_timestamp() as started \gset
set local statement_timeout = '10ms';
select pg_temp.state_of('select openclaw.create_user(user_id => ''user_carol'', password => ''correct horse'')') as outcome \gset
set local statement_timeout = 0;
select is(:'outcome'::text, '57014', 'create_user is cancelled within its password''s hash');
select is(pg_temp.state(), :'before', 'and adds no user and no audit row');
select cmp_ok(clock_timestamp() - :'started', '<', interval '20 seconds',
  'the costliest hash that can be set keeps a cancel waiting for seconds at most');

set local statement_timeout = '100ms';
select pg_temp.state_of('select openclaw.issue_token(''user_alice'', ''{a:b}'') from generate_series(1, 10000000)') as outcome \gset
set local statement_timeout = 0;
select is(:'outcome'::text, '57014', 'a batch of issue_token is cancelled');
select is(pg_temp.state(), :'before', 'and has issued no token');

-- 65536 look-ups take several times ten milliseconds.
create temp table batch as select array_agg(token) as tokens
from (select (openclaw.mint_token('user_direct')).token from generate_series(1, 65536)) as t;
set local statement_timeout = '10ms';
select pg_temp.state_of('select count(v) from batch, lateral openclaw.verify_tokens(tokens) as v') as outcome \gset
set local statement_timeout = 0;
select is(:'outcome'::text, '57014', 'verify_tokens is cancelled within one call');
select is((select count(*) from batch,
  lateral openclaw.verify_tokens(tokens) where reason = 'unknown'), 65536::bigint,
  'and the same call works when it is given time');
set local statement_timeout = '100ms';
select pg_temp.state_of(format('select count(*) from generate_series(1, 100000000) where (openclaw.verify_token(%L)).valid', :'alice_token'))
  as outcome \gset
set local statement_timeout = 0;
select is(:'outcome'::text, '57014', 'a long run of verify_token is cancelled');

select * from finish();
rollback;
