-- A key counts as published from the moment it is made, which its commit must follow soon.
\ir other_session.psql
\ir fixture.psql
commit;
select plan(5);
select dblink_connect('slow', pg_temp.server()) as ignored,
  dblink_exec('slow', format('set openclaw.issuer = %L', :'issuer')) as ignored \gset
select dblink_exec('slow', 'begin') as ignored \gset
select * from dblink('slow', $$select openclaw.rotate_signing_key('EdDSA', '0') from pg_sleep(0)$$) as t(kid text) \gset
select count(*) as before from openclaw.signing_keys \gset
select * from dblink('slow', 'select pg_sleep(10.1)::text') as t(ignored text) \gset
select throws_ok($$select dblink_exec('slow', 'commit')$$, '25000', 'a signing key must be committed within 10 seconds',
  'a transaction that made a key more than 10 seconds ago does not commit');
select is((select count(*) from openclaw.signing_keys), :before::bigint, 'and leaves no key');
select dblink_exec('slow', 'rollback') as ignored \gset
-- What a savepoint took back was never made; what a released one kept was.
select dblink_exec('slow', 'begin') as ignored \gset
select dblink_exec('slow', 'savepoint s') as ignored \gset
select * from dblink('slow', $$select openclaw.rotate_signing_key('EdDSA', '0')$$) as t(ignored text) \gset
select dblink_exec('slow', 'rollback to s') as ignored \gset
select * from dblink('slow', 'select pg_sleep(10.1)::text') as t(ignored text) \gset
select lives_ok($$select dblink_exec('slow', 'commit')$$, 'a key that a savepoint took back keeps no commit');
select dblink_exec('slow', 'begin') as ignored \gset
select dblink_exec('slow', 'savepoint s') as ignored \gset
select * from dblink('slow', $$select openclaw.rotate_signing_key('EdDSA', '0')$$) as t(ignored text) \gset
select dblink_exec('slow', 'release s') as ignored \gset
select * from dblink('slow', 'select pg_sleep(10.1)::text') as t(ignored text) \gset
select throws_ok($$select dblink_exec('slow', 'commit')$$, '25000', null, 'one that a released savepoint kept does');
select dblink_exec('slow', 'rollback') as ignored \gset
select t.kid from dblink('slow', 'select openclaw.rotate_signing_key(''EdDSA'', ''0'')') as t(kid text) \gset
select is((select kid from openclaw.key_status where state = 'active'), :'kid', 'the next one does');
select * from finish();
