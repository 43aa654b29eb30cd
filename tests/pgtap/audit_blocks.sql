-- The audit log's partitions, the sealing of its blocks, what audit_verify finds, and retention. Sealing
-- waits for transactions of the whole server, so what is done here is committed.
\ir other_session.psql
\ir fixture.psql
commit;
select plan(144);

-- Rows are sealed in two runs or more: as many as it takes, since another database's transactions hold
-- it back, too. The deadline is for a defect.
create procedure pg_temp.seal_until(upper timestamptz) language plpgsql as $$
declare
  deadline timestamptz := clock_timestamp() + interval '60 s';
begin
  loop
    perform openclaw.seal_audit_log();
    commit;
    exit when (openclaw.audit_head()).upper >= upper;
    if clock_timestamp() > deadline then
      raise exception 'the audit log is not sealed within a minute';
    end if;
    perform pg_sleep(0.01);
  end loop;
end
$$;
-- All that is there now. A mark that is left from before ends at its own time.
create procedure pg_temp.seal_all() language plpgsql as $$
declare
  last timestamptz := (select max(at) from openclaw.audit_log where at < clock_timestamp());
begin
  call pg_temp.seal_until(last + interval '1 microsecond');
end
$$;
create function pg_temp.add(action text) returns void language sql as $$ select openclaw.audit(action, 'user_alice', 'x') $$;
create function pg_temp.sealed(action text) returns boolean language sql as $$
  select bool_and(exists (select from openclaw.audit_blocks as b where a.id = any (b.ids))) from openclaw.audit_log as a where a.action = sealed.action
$$;
create function pg_temp.problems(known_block bigint default null, known_hash bytea default null) returns text[] language sql as $$
  select array(select problem from (select distinct v.block, concat_ws(' ', v.block, v.problem, v.audit_id) as problem
                                    from openclaw.audit_verify(known_block, known_hash) as v) as p order by block, problem limit 100)
$$;
create function pg_temp.month(n integer) returns timestamptz language sql as $$
  select (date_trunc('month', now() at time zone 'UTC') + n * interval '1 month') at time zone 'UTC'
$$;
create function pg_temp.partition_of(n integer) returns text language sql as $$
  select to_char(pg_temp.month(n) at time zone 'UTC', '"audit_log_"YYYY_MM')
$$;
create function pg_temp.elsewhere(statement text) returns text language sql as $$ select dblink_exec('other', statement) $$;
create function pg_temp.add_elsewhere(action text) returns void language sql as $$
  select dblink_exec('other', format('do $do$ begin perform openclaw.audit(%L, null, null); end $do$', action))
$$;
select dblink_connect('other', pg_temp.server()) as ignored \gset

-- Partitions.
select is(pg_temp.problems(), '{}', 'an audit log without blocks verifies');
select is((select h::text from openclaw.audit_head() as h), '(,,)', 'and has no head');
select is(openclaw.make_audit_partitions(), 2::bigint, 'there are made the next two months'' partitions; this month''s rows are in the default one already');
select is((select array_agg(partition::text order by lower) from openclaw.audit_months()),
  array['openclaw.' || pg_temp.partition_of(1), 'openclaw.' || pg_temp.partition_of(2)], 'audit_months names them');
select is((select array_agg(array[lower, upper] order by lower) from openclaw.audit_months()),
  array[array[pg_temp.month(1), pg_temp.month(2)], array[pg_temp.month(2), pg_temp.month(3)]], 'and their months of UTC');
select is(openclaw.make_audit_partitions(), 0::bigint, 'a second run finds them made');
begin;
-- IST is India's time here, and Israel's to who reads it.
set local timezone = 'Asia/Kolkata';
set local datestyle = 'SQL, DMY';
select openclaw.make_audit_partition(pg_temp.month(3)) as ignored \gset
set local timezone = 'UTC';
set local datestyle = 'ISO';
select is((select pg_get_expr(relpartbound, oid) from pg_class where relname = pg_temp.partition_of(3)),
  format('FOR VALUES FROM (%L) TO (%L)', pg_temp.month(3), pg_temp.month(4)), 'a partition''s bounds are those of UTC, whatever the session''s time zone and style');
insert into openclaw.audit_log (at, action, outcome) select at, 'test', 'success'
from (values (pg_temp.month(2) - interval '1 microsecond'), (pg_temp.month(2)), (pg_temp.month(4)), (pg_temp.month(-1))) as v(at);
select is((select array_agg(tableoid::regclass::text order by at) from openclaw.audit_log where action = 'test'),
  array['openclaw.audit_log_default', 'openclaw.' || pg_temp.partition_of(1), 'openclaw.' || pg_temp.partition_of(2), 'openclaw.audit_log_default'],
  'a row is in its month''s partition, or in the default one');
select is(openclaw.make_audit_partition(pg_temp.month(4)), false, 'a month that has rows in the default partition gets none');
select is(openclaw.make_audit_partition(pg_temp.month(5)), true, 'the next one does');
select is(relrowsecurity, true, relname || ' is under row-level security') from pg_class where relname = pg_temp.partition_of(5);
select is((select string_agg(grantee::regrole::text, ' ') from pg_class, aclexplode(relacl) where relname = pg_temp.partition_of(5) and grantee <> relowner),
  null, 'and nobody''s but its owner''s');
select throws_ok(format(change, coalesce(relation, 'openclaw.' || pg_temp.partition_of(2))), '42501', null,
  format('a superuser cannot %s %s', split_part(change, ' ', 1), coalesce(relation, 'a dated partition')))
from (values ('update %s set action = ''x'''), ('delete from %s'), ('truncate %s')) as c(change), (values (null), ('openclaw.audit_log')) as r(relation);
rollback;
begin;
insert into openclaw.audit_log (at, action, outcome) values (pg_temp.month(7), 'test', 'success');
select is(dblink_exec('other', format('do $do$ begin assert not openclaw.make_audit_partition(%L); end $do$', pg_temp.month(6))), 'DO',
  'while somebody writes to the default partition none is made; it is left to the next run');
rollback;
select is(dblink_exec('other', format('do $do$ begin assert openclaw.make_audit_partition(%L); end $do$', pg_temp.month(6))), 'DO', 'which makes it');

-- Where blocks end. What is sealed first may be of any time, so here is a log of two years.
select openclaw.make_audit_partition(pg_temp.month(-16)) as ignored \gset
insert into openclaw.audit_log (at, action, user_id, outcome)
select pg_temp.month(-16) - (5000 - n) * interval '1 microsecond', 'm17', 'user_' || n, 'success' from generate_series(0, 4999) as n;
insert into openclaw.audit_log (at, action, user_id, outcome)
select pg_temp.month(-16) + n * interval '1 second', 'm16', 'user_' || n, 'success' from generate_series(0, 12000) as n;
insert into openclaw.audit_log (at, action, user_id, outcome)
select pg_temp.month(-15) + n * interval '1 second', 'm15', 'user_' || n, 'success' from generate_series(0, 4998) as n;
insert into openclaw.audit_log (at, action, user_id, outcome)
select pg_temp.month(-15) + case when n <= 10 then interval '6000 seconds' else interval '7000 seconds' end, 'm15', 'tie_' || n, 'success' from generate_series(1, 6010) as n;
insert into openclaw.audit_log (at, action, outcome) values (pg_temp.month(-14) - interval '1 microsecond', 'm15', 'success'), (pg_temp.month(-14), 'm14', 'success');
insert into openclaw.audit_log (at, action, user_id, target, outcome, reason, request_id, on_behalf_of, source)
select pg_temp.month(-2) + n * interval '1 day', 'm2', 'user_' || n, 't' || n, 'refused', 'r' || n, 'q' || n, 'b' || n, '10.0.0.1' from generate_series(1, 5) as n;
select count(*) as rows from openclaw.audit_log \gset
select is(openclaw.apply_audit_retention(10000), 0::bigint, 'what is not sealed is not old, whatever its time');
select is((select count(*) from openclaw.audit_log), :rows::bigint, 'retention takes nothing of it');
call pg_temp.seal_all();
select is((select array_agg(rows order by block) from openclaw.audit_blocks where block <= 10), '{5000,5000,5000,2001,4999,10,6000,1,1,5}'::integer[],
  'a block has 5000 rows at the most, those of one time together, and none of two months');
select is((select array_agg(upper order by block) from openclaw.audit_blocks where block in (1, 4, 8, 9, 10)),
  array[pg_temp.month(-16), pg_temp.month(-15), pg_temp.month(-14), pg_temp.month(-13), pg_temp.month(-1)], 'it ends with the month at the latest');
select is((select sum(rows) from openclaw.audit_blocks), :rows::bigint, 'every row is in a block');
select is((select count(distinct id) from openclaw.audit_blocks, unnest(ids) as id), :rows::bigint, 'and in one alone');
select ok(bool_and(b.lower = coalesce(p.upper, '-infinity') and b.previous = coalesce(p.hash, '')), 'each block follows the one before it')
from openclaw.audit_blocks as b left join openclaw.audit_blocks as p on p.block = b.block - 1;
select is((select row(h.block, h.hash, h.upper)::text from openclaw.audit_head() as h), (select row(block, hash, upper)::text from openclaw.audit_blocks order by block desc limit 1),
  'audit_head is the last one');
select is(pg_temp.problems(), '{}', 'and the log verifies');

-- The protocol. Nothing new: no mark, no block.
call pg_temp.seal_all();
select count(*) as blocks from openclaw.audit_blocks \gset
select openclaw.seal_audit_log() as ignored \gset
select openclaw.seal_audit_log() as ignored \gset
select is(array[(select count(*) from openclaw.audit_blocks), (select count(*) from openclaw.audit_marks)], array[:blocks, 0]::bigint[],
  'where nothing is new a run leaves no block and no mark');
-- A run seals what the one before it saw.
select pg_temp.add('first') as ignored \gset
select is(openclaw.seal_audit_log(), 0::bigint, 'the run that finds a new row does not seal it');
select is((select count(*) from openclaw.audit_marks), 1::bigint, 'but marks it');
select pg_temp.add('second') as ignored \gset
select upper as marked from openclaw.audit_marks \gset
call pg_temp.seal_until(:'marked');
select is(array[pg_temp.sealed('first'), pg_temp.sealed('second')], array[true, false], 'a later run seals up to the mark, and no further');
-- One transaction does not seal what it may still add to.
call pg_temp.seal_all();
begin;
select pg_temp.add('own') as ignored \gset
select openclaw.seal_audit_log() as ignored \gset
select is(openclaw.seal_audit_log() + openclaw.seal_audit_log(), 0::bigint, 'two runs in one transaction seal nothing of its own');
rollback;
-- A writer that is open holds back what is later than its row.
select pg_temp.elsewhere('begin') as ignored, pg_temp.add_elsewhere('slow') as ignored_too \gset
select t.at as slow_at from dblink('other', 'select at from openclaw.audit_log where action = ''slow''') as t(at timestamptz) \gset
select pg_temp.add('fast') as ignored \gset
select openclaw.seal_audit_log() as ignored \gset
select openclaw.seal_audit_log() as ignored \gset
select pg_temp.add_elsewhere('slow') as ignored \gset
select openclaw.seal_audit_log() as ignored \gset
select is(pg_temp.sealed('fast'), false, 'a row is not sealed while an older transaction may add an earlier one');
select cmp_ok((openclaw.audit_head()).upper, '<=', :'slow_at'::timestamptz, 'no block reaches that one''s time');
select is(pg_temp.problems(), '{}', 'what is open is no problem');
select pg_temp.elsewhere('commit') as ignored \gset
select is(pg_temp.problems(), '{}', 'nor is its commit');
call pg_temp.seal_all();
select is(array[pg_temp.sealed('fast'), pg_temp.sealed('slow')], array[true, true], 'then all of them are sealed');
select is(pg_temp.problems(), '{}', 'and the log verifies');
-- With savepoints alike.
select pg_temp.elsewhere('begin') as ignored, pg_temp.elsewhere('savepoint s') as ignored_too \gset
select pg_temp.add_elsewhere('nested') as ignored \gset
select pg_temp.elsewhere('release s') as ignored, pg_temp.elsewhere('savepoint s') as ignored_too \gset
select pg_temp.add_elsewhere('undone') as ignored \gset
select pg_temp.elsewhere('rollback to s') as ignored \gset
select pg_temp.add('beside') as ignored \gset
select openclaw.seal_audit_log() as ignored \gset
select openclaw.seal_audit_log() as ignored \gset
select is(pg_temp.sealed('beside'), false, 'a row in a savepoint holds back, too');
select pg_temp.elsewhere('commit') as ignored \gset
call pg_temp.seal_all();
select is(array[pg_temp.sealed('nested'), pg_temp.sealed('beside')], array[true, true], 'until its transaction commits');
select is(pg_temp.problems(), '{}', 'and the log verifies');
-- A transaction that writes its first row after the mark does not hold back what was marked.
select pg_temp.elsewhere('begin') as ignored \gset
select pg_temp.add('marked') as ignored \gset
select openclaw.seal_audit_log() as ignored \gset
select upper as marked from openclaw.audit_marks \gset
select pg_temp.add_elsewhere('late') as ignored \gset
call pg_temp.seal_until(:'marked');
select is(pg_temp.sealed('marked'), true, 'who writes after the mark holds nothing of it back');
select pg_temp.elsewhere('commit') as ignored \gset
select is(pg_temp.problems(), '{}', 'and adds nothing to what is sealed');
select cmp_ok((select min(at) from openclaw.audit_log where action = 'late'), '>=', :'marked'::timestamptz, 'its row comes after the mark');
-- Nor does a transaction that writes something else, however old it is.
create table pgtap_other (n integer);
select pg_temp.elsewhere('begin') as ignored, pg_temp.elsewhere('insert into pgtap_other values (1)') as ignored_too, pg_temp.add('apart') as ignored_three \gset
call pg_temp.seal_all();
select is(pg_temp.sealed('apart'), true, 'who writes elsewhere holds nothing back');
select pg_temp.add_elsewhere('apart') as ignored, pg_temp.elsewhere('commit') as ignored_too \gset
select is(pg_temp.problems(), '{}', 'and when that one adds a row at last, it comes after what is sealed');
call pg_temp.seal_all();
select is(pg_temp.problems(), '{}', 'and is sealed in its turn');
-- A snapshot of before does not see whom it waited for.
select pg_temp.add('stale') as ignored \gset
select openclaw.seal_audit_log() as ignored \gset
begin isolation level repeatable read;
select is(openclaw.seal_audit_log(), 0::bigint, 'under REPEATABLE READ nothing is sealed');
commit;
begin isolation level serializable;
select is(openclaw.seal_audit_log(), 0::bigint, 'nor under SERIALIZABLE');
commit;
call pg_temp.seal_all();
-- What was rolled back was never there.
select pg_temp.elsewhere('begin') as ignored, pg_temp.add_elsewhere('undone') as ignored_too, pg_temp.add('kept') as ignored_three \gset
select openclaw.seal_audit_log() as ignored \gset
select pg_temp.elsewhere('rollback') as ignored \gset
call pg_temp.seal_all();
select is(pg_temp.sealed('kept'), true, 'a writer that rolls back leaves nothing to wait for');
-- One maintains at a time, and one that fails leaves no mark.
select pg_temp.add('fresh') as ignored \gset
select pg_temp.elsewhere('begin') as ignored,
  (select t.tasks from dblink('other', 'select count(*) from openclaw.maintain()') as t(tasks bigint)) as tasks \gset
select cmp_ok(:tasks, '>', 5, 'maintain does its tasks');
select is((select count(*) from openclaw.maintain()), 0::bigint, 'another run meanwhile does nothing, and waits for nothing');
select pg_temp.elsewhere('rollback') as ignored \gset
select is((select count(*) from openclaw.audit_marks), 0::bigint, 'a run that is rolled back leaves no mark');
-- A mark of the future (the clock was set back): what comes after it comes after it.
begin;
insert into openclaw.audit_marks (upper, xid) values (clock_timestamp() + interval '1 day', pg_current_xact_id());
select pg_temp.add('clock') as ignored \gset
select is((select at from openclaw.audit_log where action = 'clock'), (select upper from openclaw.audit_marks), 'where the clock was set back a row still comes after the mark');
rollback;
-- A prepared transaction is one that is open.
select pg_temp.elsewhere('begin') as ignored, pg_temp.add_elsewhere('prepared') as ignored_too, pg_temp.elsewhere('prepare transaction ''pgtap_audit''') as ignored_three \gset
select pg_temp.add('after') as ignored \gset
select openclaw.seal_audit_log() as ignored \gset
select openclaw.seal_audit_log() as ignored \gset
select openclaw.seal_audit_log() as ignored \gset
select is(pg_temp.sealed('after'), false, 'a prepared transaction holds sealing back');
select pg_temp.elsewhere('commit prepared ''pgtap_audit''') as ignored \gset
call pg_temp.seal_all();
select is(array[pg_temp.sealed('prepared'), pg_temp.sealed('after')], array[true, true], 'until it is ended');
call pg_temp.seal_all();

-- Retention: whole months, a partition and 10,000 other rows a run. 400 days are thirteen months and more.
select block, encode(hash, 'hex') as hash from openclaw.audit_head() \gset head_
select pg_temp.problems() as nothing \gset
set openclaw.audit_retention = '3650d';
select is(openclaw.apply_audit_retention(10000), 0::bigint, 'within its time nothing goes');
-- Until a time within a month: what is older than that whole month goes, its first moment not.
select format('%s s', ceil(extract(epoch from now() - (pg_temp.month(-14) + interval '14 days')))) as fourteen_months \gset
set openclaw.audit_retention = :'fourteen_months';
select is(openclaw.apply_audit_retention(10000), 10001::bigint, 'beyond it a partition and 10,000 rows go in a run');
select is(to_regclass('openclaw.' || pg_temp.partition_of(-16)), null, 'the partition is dropped');
select is((select concat_ws(' ', target, outcome) from openclaw.audit_log where action = 'drop_audit_partition'), to_char(pg_temp.month(-16) at time zone 'UTC', 'YYYY-MM') || ' success',
  'which leaves an audit row');
select is(pg_temp.problems(:head_block, decode(:'head_hash', 'hex')), '{}', 'the log verifies while a part of them is gone');
select is(openclaw.apply_audit_retention(10000), 6010::bigint, 'the next run takes the rest');
select is(openclaw.apply_audit_retention(10000), 0::bigint, 'and the one after that nothing');
select is((select count(*) from openclaw.audit_log where at < pg_temp.month(-14)), 0::bigint, 'no row is older than that');
select is((select count(*) from openclaw.audit_log where action = 'm2'), 5::bigint, 'younger ones are there');
select is((select array_agg(block order by block) from openclaw.audit_blocks where ids is null and hashes is null and pruned_at is not null), '{1,2,3,4,5,6,7,8}'::bigint[],
  'the blocks of what went stay in the chain without their rows');
select is(pg_temp.problems(:head_block, decode(:'head_hash', 'hex')), '{}', 'and the log verifies, with the head from before');
call pg_temp.seal_all();
select is(pg_temp.problems(), '{}', 'also with what came since');
select is((select array_agg(done) from openclaw.maintain() where task in ('make audit partitions', 'apply audit retention')), '{0,0}'::bigint[], 'and maintain has nothing left to do');

-- Append-only, for a superuser who knows the switch of retention, too.
begin;
select throws_ok(statement, '42501', null, 'a superuser cannot ' || statement)
from unnest(array['update openclaw.audit_blocks set rows = rows', 'delete from openclaw.audit_blocks', 'truncate openclaw.audit_blocks']) as statement;
set local openclaw.retiring_audit_rows = on;
select throws_ok(statement, '42501', null, 'nor, as if for retention, ' || statement)
from unnest(array['delete from openclaw.audit_log where at > now() - interval ''20 days''', 'update openclaw.audit_log set action = action where action = ''m2''',
  'update openclaw.audit_log set action = action', 'truncate openclaw.audit_log', 'truncate openclaw.audit_log_default', 'delete from openclaw.audit_blocks where block = 1', 'truncate openclaw.audit_blocks',
  'update openclaw.audit_blocks set hash = leaves_hash where block = 1', 'update openclaw.audit_blocks set rows = rows + 1 where block = 1',
  'update openclaw.audit_blocks set ids = null, hashes = null, pruned_at = now() where upper > now() - interval ''20 days''']) as statement;
rollback;
begin;
create role pgtap_audit_reader;
grant usage on schema openclaw to pgtap_audit_reader;
set local role pgtap_audit_reader;
select throws_ok('set openclaw.retiring_audit_rows = on', '42501', null, 'who is no superuser does not know it at all');
rollback;

-- What audit_verify finds of what a superuser does with the triggers off, and then takes back.
create function pg_temp.found(tampering text, known_block bigint default null, known_hash bytea default null) returns text[]
  language plpgsql as $$
declare
  found text[];
begin
  begin
    set local session_replication_role = replica;
    execute tampering;
    found := pg_temp.problems(known_block, known_hash);
    raise exception 'back' using errcode = 'TB000';
  exception when sqlstate 'TB000' then
    return found;
  end;
end
$$;
select id as row_id from openclaw.audit_log where action = 'm2' and user_id = 'user_3' \gset
select id as other_id from openclaw.audit_log where action = 'm2' and user_id = 'user_4' \gset
select block as last_block, ids[1] as last_id from openclaw.audit_blocks order by block desc limit 1 \gset
select is(pg_temp.found(format('update openclaw.audit_log set %s where id = %L', change, :'row_id')), array['10 row_edited ' || :'row_id'], 'an edited row is named: ' || change)
from unnest(array['action = ''x''', 'actor = ''x''', 'user_id = ''user_4''', 'user_id = null', 'target = null', 'target = ''''', 'outcome = ''success''', 'reason = null', 'reason = ''r3 ''',
  'request_id = ''q4''', 'on_behalf_of = null', 'source = null', 'source = ''10.0.0.2''', 'source = ''10.0.0.1/8''', 'at = at + interval ''1 microsecond''',
  'reason = null, request_id = reason', 'target = ''r3'', reason = ''t3''', 'left_out = 1', 'left_out = 0']) as change;
select is(pg_temp.found(format('update openclaw.audit_log set action = ''x'' where id = %L', :'last_id')), array[:'last_block' || ' row_edited ' || :'last_id'], 'also one of today');
select is(pg_temp.found(format('delete from openclaw.audit_log where id = %L', :'row_id')), array['10 row_removed ' || :'row_id'], 'a removed row is named');
select is(pg_temp.found('insert into openclaw.audit_log (id, at, action, outcome) values (''00000000-0000-4000-8000-000000000001'', pg_temp.month(-2) + interval ''1 hour'', ''x'', ''success'')'),
  array['10 row_inserted 00000000-0000-4000-8000-000000000001'], 'an inserted row is named');
select is(pg_temp.found(format('update openclaw.audit_log set id = ''00000000-0000-4000-8000-000000000001'' where id = %L', :'row_id')),
  array['10 row_inserted 00000000-0000-4000-8000-000000000001', '10 row_removed ' || :'row_id'], 'a row with another id is one removed and one inserted');
select is(pg_temp.found(format('insert into openclaw.audit_log (id, at, action, outcome) select id, at + interval ''1 s'', action, outcome from openclaw.audit_log where id = %L', :'row_id')),
  array['10 row_edited ' || :'row_id'], 'a second row of an id is no less');
select is(pg_temp.found(format('update openclaw.audit_log set at = (select max(at) from openclaw.audit_log) where id = %L', :'row_id')),
  array['10 row_removed ' || :'row_id', :'last_block' || ' row_inserted ' || :'row_id'], 'a row that was moved in time is missing there and too many here');
select is(pg_temp.found(format('update openclaw.audit_log as a set user_id = b.user_id from openclaw.audit_log as b where (a.id, b.id) in ((%L, %L), (%2$L, %1$L))', :'row_id', :'other_id')),
  (select array_agg('10 row_edited ' || id order by id::text) from unnest(array[:'row_id', :'other_id']) as id), 'two rows that were exchanged are named');
select is(pg_temp.found('delete from openclaw.audit_log'), (select array_agg(block || ' row_removed ' || id order by block, id::text) from openclaw.audit_blocks, unnest(ids) as id),
  'of an empty log every row');
select is(pg_temp.found(format('create temp table copied as select * from openclaw.audit_log where id = %L; delete from openclaw.audit_log where id = %1$L;
  insert into openclaw.audit_log select * from copied', :'row_id')), '{}', 'what is put back as it was is no problem');

-- Blocks.
select ok(pg_temp.found(format('update openclaw.audit_blocks set %s where block = 10', change)) @> array['10 block_edited'], 'an edited block is named: ' || change)
from unnest(array['rows = 4, ids = ids[1:4], hashes = substr(hashes, 1, 128)', 'leaves_hash = sha256(''x'')', 'lower = lower - interval ''1 microsecond''',
  'upper = upper - interval ''1 microsecond''', 'hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1)', 'ids = ids[2:2] || ids[1:1] || ids[3:]', 'hash = sha256(''x'')',
  'previous = sha256(''x'')']) as change;
select is(pg_temp.found(format('update openclaw.audit_blocks set ids = null, hashes = null, pruned_at = %s where block = %s', pruned, :'last_block')), array[:'last_block' || ' block_edited'],
  'a young block without its rows is an edited one, whatever it says: ' || pruned)
from unnest(array['now()', 'now() + interval ''1 year''', '''infinity''', '''-infinity''', 'now() - interval ''1 year''']) as pruned;
select is(pg_temp.found(format('delete from openclaw.audit_blocks where %s', which)), outcome, 'a block that is gone is named: ' || which)
from (values ('block = 1', '{1 block_missing}'::text[]), ('block = 10', '{10 block_missing}'), ('block between 2 and 9', '{2 block_missing}'), ('block in (2, 4)', '{2 block_missing,4 block_missing}')) as v(which, outcome);
select is(pg_temp.found('delete from openclaw.audit_blocks where block = 2; update openclaw.audit_blocks set block = block - 1 where block = 3;
  update openclaw.audit_blocks set block = 3 where block = 4'), array['2 block_edited', '3 block_edited', '4 block_missing'], 'a block that has another''s number is an edited one')
from (select 1) as one;
create procedure pg_temp.make_gap() language plpgsql as $$
declare
  b openclaw.audit_blocks := (select x from openclaw.audit_blocks as x order by x.block desc limit 1);
begin
  b.lower := b.lower + interval '1 microsecond';
  update openclaw.audit_blocks set lower = b.lower, hash = openclaw.audit_block_hash(b) where block = b.block;
end
$$;
select is(pg_temp.found('call pg_temp.make_gap()'), array[:'last_block' || ' block_edited'], 'nor does a block begin after the one before it ended');
-- The end of the chain, and a chain that was made anew: for these one keeps the head elsewhere.
select block, encode(hash, 'hex') as hash from openclaw.audit_head() \gset head_
select is(pg_temp.problems(:head_block, decode(:'head_hash', 'hex')), '{}', 'with its head the log verifies');
select is(pg_temp.problems(10, (select hash from openclaw.audit_blocks where block = 10)), '{}', 'and with an older one');
select is(pg_temp.problems(1, (select hash from openclaw.audit_blocks where block = 1)), '{}', 'also of a block whose rows retention took');
select is(pg_temp.problems(10, sha256('x')), array['10 block_rewritten'], 'another hash is named');
select is(pg_temp.found(format('delete from openclaw.audit_blocks where block = %s', :'head_block')), '{}', 'a last block that is gone shows by the head alone:');
select is(pg_temp.found(format('delete from openclaw.audit_blocks where block = %s', :'head_block'), :head_block, decode(:'head_hash', 'hex')), array[:'head_block' || ' block_missing'], 'it is missing');
select is(pg_temp.found('delete from openclaw.audit_blocks', :head_block, decode(:'head_hash', 'hex')), array[:'head_block' || ' block_missing'], 'as are all of them');
create procedure pg_temp.rewrite() language plpgsql as $$
declare
  b openclaw.audit_blocks;
  former bytea := (select hash from openclaw.audit_blocks where block = 9);
begin
  update openclaw.audit_log set user_id = 'user_mallory' where action = 'm2' and user_id = 'user_3';
  for b in select * from openclaw.audit_blocks where block > 9 order by block loop
    b.previous := former;
    select string_agg(openclaw.audit_row_hash(a), '' order by array_position(b.ids, a.id)) into b.hashes from openclaw.audit_log as a where a.id = any (b.ids);
    b.leaves_hash := openclaw.audit_leaves_hash(b.ids, b.hashes);
    b.hash := openclaw.audit_block_hash(b);
    former := b.hash;
    update openclaw.audit_blocks set previous = b.previous, hashes = b.hashes, leaves_hash = b.leaves_hash, hash = b.hash where block = b.block;
  end loop;
end
$$;
select is(pg_temp.found('call pg_temp.rewrite()'), '{}', 'a chain that was made anew shows by the head alone:');
select is(pg_temp.found('call pg_temp.rewrite()', :head_block, decode(:'head_hash', 'hex')), array[:'head_block' || ' block_rewritten'], 'it is another one');
select throws_ok(format('select * from openclaw.audit_verify(%s)', arguments), '22004', null, 'a block and its hash belong together: ' || arguments)
from unnest(array['1', 'known_hash => ''x''']) as arguments;
select is(pg_temp.problems(), '{}', 'after all of which nothing was changed');

select dblink_disconnect('other') as ignored \gset
select * from finish();
