-- Who waits for whom: rotation and maintenance beside other sessions.
\ir other_session.psql
\ir fixture.psql
commit;
select plan(5);
select dblink_connect('holder', pg_temp.server()) as ignored, dblink_connect('waiter', pg_temp.server()) as ignored_too \gset

-- A key's time counts from when the lock is had: one that waited long would seem published long since.
select dblink_exec('holder', 'begin') as ignored,
  dblink_exec('holder', 'lock table openclaw.signing_keys in row exclusive mode') as ignored_too \gset
select dblink_send_query('waiter', 'select openclaw.rotate_signing_key(''ES256'')') as ignored \gset
do $$
declare
  deadline constant timestamptz := clock_timestamp() + interval '30 seconds';
begin
  while not exists (select from pg_locks where relation = 'openclaw.signing_keys'::regclass and not granted) loop
    if clock_timestamp() > deadline then raise exception 'nobody waits for the lock'; end if;
  end loop;
end
$$;
select clock_timestamp() as let_go \gset
select dblink_exec('holder', 'commit') as ignored \gset
select kid from dblink_get_result('waiter') as t(kid text) \gset
select count(*) as ignored from dblink_get_result('waiter') as t(kid text) \gset
select cmp_ok(created_at, '>=', :'let_go'::timestamptz, 'a rotation that waited counts from when it had its turn')
from openclaw.signing_keys where kid = :'kid';
select cmp_ok(propagated_at, '>=', :'let_go'::timestamptz + interval '310 seconds',
  'so that its key signs no earlier than every verifier has it')
from openclaw.signing_keys where kid = :'kid';

-- One maintains at a time, and nobody without rights can keep it from that.
select cmp_ok((select count(*) from openclaw.maintain()), '>', 5::bigint, 'maintain does its tasks');
select dblink_exec('holder', 'begin') as ignored \gset
select count(*) as ignored from dblink('holder', 'select task from openclaw.maintain()') as t(task text) \gset
select is((select count(*) from openclaw.maintain()), 0::bigint, 'while another one maintains it returns at once');
select dblink_exec('holder', 'commit') as ignored \gset
select * from dblink('holder', 'select pg_advisory_lock(hashtext(''openclaw.maintain''), 0)::text') as t(ignored text) \gset
select cmp_ok((select count(*) from openclaw.maintain()), '>', 5::bigint, 'an advisory lock, which any role can hold, stops nothing');
select * from finish();
