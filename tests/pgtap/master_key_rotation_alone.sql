-- The master key is replaced without a pause. The server is given a copy of its file, so that the real
-- one is not touched; every question is put to a fresh backend, which has nothing cached.
\ir fixture.psql
\ir master_key.psql
commit;
select plan(23);

select token as jwt from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') \gset
select regexp_replace(:'real_path', '[^/]*$', 'pgtap.rotated.key') as path \gset

create function pg_temp.sealed_under() returns text[] language sql as $$
  select array_agg(distinct master_key_id) from openclaw.signing_keys
$$;
create temp table said (line text);
create function pg_temp.shell(command text) returns text language plpgsql as $$
begin
  truncate said;
  execute format('copy said from program %L', command);
  return (select string_agg(line, e'\n') from said);
end
$$;
select pg_temp.shell(format('cp -p %L %L', :'real_path', :'path')) as ignored \gset
alter system set openclaw.master_key_file = :'path';
select pg_reload_conf() as ignored \gset
select pg_temp.wait_for_path(:'path') as ignored \gset

select pg_temp.fresh('select openclaw.master_key_id()') as first \gset
select is(pg_temp.sealed_under(), array[:'first'], 'the keys are sealed under the first master key');
select pg_temp.fresh('select openclaw.rotate_master_key()') as second \gset
select matches(:'second'::text, '^[0-9a-f]{16}$', 'rotate_master_key gives the new key''s id');
select isnt(:'second'::text, :'first', 'which is another one');
select is(pg_temp.fresh('select openclaw.master_key_ids()::text'), format('{%s,%s}', :'second', :'first'),
  'the file holds both, the new one first');
select is(pg_temp.shell(format('stat -c %%a %L', :'path')), '600', 'and is still open to its owner alone');
select is(pg_temp.last_audit(), 'rotate_master_key ' || :'second' || ' success', 'the audit log tells');
select matches(pg_temp.signs(), '^[A-Za-z0-9_-]{22}$', 'signing goes on before the keys are sealed again');
select is(pg_temp.fresh('select openclaw.retire_master_keys()::text'), '0', 'a master key that is needed is not retired');
select is(pg_temp.fresh('select ok::text from openclaw.doctor() where check_name = ''master_key'''), 'true', 'doctor finds nothing amiss');

select matches(pg_temp.fresh('select openclaw.retire_master_keys()::text from openclaw.rewrap_signing_keys()'),
  '^55000 ', 'what a transaction sealed again it does not retire the old key of');
select is(pg_temp.fresh('select openclaw.rewrap_signing_keys()::text'), '2', 'rewrap_signing_keys seals each key again');
select is(pg_temp.sealed_under(), array[:'second'], 'under the new master key');
select matches(pg_temp.signs(), '^[A-Za-z0-9_-]{22}$', 'signing goes on after it');
select is(pg_temp.fresh('select openclaw.rewrap_signing_keys()::text'), '0', 'twice there is nothing left to do');
select is(pg_temp.fresh('select openclaw.retire_master_keys()::text'), '1', 'retire_master_keys drops the old one');
select is(pg_temp.fresh('select openclaw.master_key_ids()::text'), format('{%s}', :'second'), 'the file holds the new one alone');
select matches(pg_temp.signs(), '^[A-Za-z0-9_-]{22}$', 'and signing goes on');
select ok((openclaw.verify_jwt(:'jwt', :'alice_endpoint')).valid, 'what was signed before is good throughout');

-- A crash before the new file took the old one's place leaves a file beside it, which is in nobody's way.
select pg_temp.shell(format('echo half > %L.new', :'path')) as ignored \gset
select matches(pg_temp.fresh('select openclaw.rotate_master_key()'), '^[0-9a-f]{16}$', 'what a crash left is in nobody''s way');
select is(pg_temp.fresh('select openclaw.rotate_master_key() from generate_series(1, 9)') ~ '^54000 .* is full ', true,
  'more than eight master keys are refused');
select is(pg_temp.fresh('select ok::text from openclaw.doctor() where check_name = ''master_key''
  and openclaw.library_version() is not null'), 'true', 'doctor opens each key in use');
-- A key that is sealed under a lost master key.
update openclaw.signing_keys set master_key_id = '0000000000000000' where activates_at > now();
select pg_temp.fresh('select openclaw.rewrap_signing_keys()::text') as ignored \gset
select is((select count(*) from openclaw.signing_keys where master_key_id = '0000000000000000'), 1::bigint,
  'rewrapping leaves alone what no master key opens');
update openclaw.signing_keys set propagated_at = now();
select isnt(pg_temp.fresh('select openclaw.rotate_signing_key()'),
  (select kid from openclaw.signing_keys where master_key_id = '0000000000000000'),
  'and a rotation passes it over');

select case :'configured' when '' then 'alter system reset openclaw.master_key_file'
       else format('alter system set openclaw.master_key_file = %L', :'configured') end \gexec
select pg_reload_conf() as ignored \gset
select pg_temp.wait_for_path(:'real_path') as ignored \gset
select pg_temp.shell(format('rm -f %L', :'path')) as ignored \gset
select * from finish();
