-- Attack 43. The server is given another path for its master key, so that the real file is not
-- touched; every question is put to a fresh backend, which has nothing cached.
\ir fixture.psql
\ir master_key.psql
commit;
select plan(34);

select token as jwt from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') \gset
select regexp_replace(:'real_path', '[^/]*$', 'pgtap.master.key') as path \gset

-- A shell command of the server's user; %s is the path.
create temp table said (line text);
create function pg_temp.shell(command text, path text) returns text language plpgsql as $$
begin
  truncate said;
  execute format('copy said from program %L', format(command, '''' || replace(path, '''', '''\''''') || ''''));
  return (select string_agg(line, e'\n') from said);
end
$$;
create function pg_temp.refusal(why text, hint text, path text, state text default 'F0000') returns text language sql as $$
  select concat_ws(' | ', state, format('the master key file "%s" %s', path, why), hint)
$$;
-- What goes on without the master key: public keys verify, and are published.
create function pg_temp.verifies(jwt text) returns text language sql as $$
  select pg_temp.fresh(format('select (v.valid and json_array_length(openclaw.jwks() -> ''keys'') = 2)::text
                               from openclaw.verify_jwt(%L, ''https://mcp.alice.example.com/mcp'') as v', jwt))
$$;

select pg_temp.shell('rm -rf %s', :'path') as ignored \gset
alter system set openclaw.master_key_file = :'path';
select pg_reload_conf() as ignored \gset
select pg_temp.wait_for_path(:'path') as ignored \gset

select is(pg_temp.signs(), pg_temp.refusal('cannot be opened: No such file or directory',
  'Restore it from its backup; only when there never was one, make it with openclaw.create_master_key().', :'path'),
  'a missing file is an error at the first signature, with what to do');
select is(pg_temp.verifies(:'jwt'), 'true', 'verification and the JWKS go on without it');
select is(pg_temp.fresh('select openclaw.rotate_signing_key()'), pg_temp.signs(),
  'rotate_signing_key says the same');
select is(pg_temp.fresh('select openclaw.master_key_id()'), pg_temp.signs(),
  'so does master_key_id');
select is(pg_temp.fresh('select ok || '' '' || detail from openclaw.doctor() where check_name = ''master_key'''),
  format('false the master key file "%s" cannot be opened: No such file or directory', :'path'),
  'and so does doctor');
select is(pg_temp.fresh('select (openclaw.verify_token(null)).reason'), 'malformed',
  'opaque tokens do not need it');

select pg_temp.fresh('select openclaw.create_master_key()') as id \gset
select matches(:'id'::text, '^[0-9a-f]{16}$',
  'create_master_key makes the file and returns the key''s public id');
select is(pg_temp.shell('stat -c %%a:%%s %s', :'path'), '600:67', 'it is open to its owner alone');
select is(pg_temp.fresh('select openclaw.master_key_id()'), :'id',
  'master_key_id is that of the file');
select matches(pg_temp.signs(),
  '^55000 \| signing key "[^"]{43}" was sealed under master key [0-9a-f]{16}, which the file does not hold \| Restore',
  'a key sealed under another master key does not sign, and the error names both keys');
select is(pg_temp.verifies(:'jwt'), 'true', 'verification goes on with another master key');
select is(pg_temp.fresh('select ok || '' '' || detail from openclaw.doctor() where check_name = ''master_key'''),
  format('false 2 signing keys in use are sealed under a master key that the file does not hold; it holds %s', :'id'),
  'doctor counts the keys that do not open');
select pg_read_file(:'path') as contents \gset
select is(pg_temp.fresh('select openclaw.create_master_key()'),
  pg_temp.refusal('exists already', 'It is never overwritten: keys sealed under it would be lost.',
  :'path', '42710'),
  'create_master_key does not overwrite a file');
select is(pg_read_file(:'path'), :'contents', 'and leaves it as it was');

select pg_temp.shell('cp ' || '''' || :'real_path' || ''' %s', :'path') as ignored \gset
select matches(pg_temp.signs(), '^[A-Za-z0-9_-]{22}$',
  'with the key''s own master key it signs again');
create function pg_temp.signs_after(command text, path text) returns text language plpgsql as $$
begin
  perform pg_temp.shell(command, path);
  return pg_temp.signs();
end
$$;
select is(pg_temp.signs_after(format('chmod %s %%s', mode), :'path'),
  pg_temp.refusal('is open to its group or to others', 'Run chmod 0600 on it.', :'path'),
  'a file of mode ' || mode || ' is refused')
from unnest(array['0640', '0620', '0604', '0601', '0666']) as mode;
select is(pg_temp.signs_after('chmod 0000 %s', :'path'),
  pg_temp.refusal('cannot be opened: Permission denied', null, :'path'),
  'a file that cannot be read is refused');
select is(pg_temp.verifies(:'jwt'), 'true', 'verification goes on');
select matches(pg_temp.signs_after('chmod 0400 %s', :'path'), '^[A-Za-z0-9_-]{22}$',
  'a file that its owner can only read is good');
select pg_temp.shell('chmod 0600 %s', :'path') as ignored \gset

select is(pg_temp.signs_after(command, :'path'),
  pg_temp.refusal('does not hold a master key', 'Restore it from its backup.', :'path'),
  'a file ' || what || ' is refused')
from (values ('that is empty', ': > %s'),
  ('cut short', 'printf ''openclaw-master-key-v1:AAAA\n'' > %s'),
             ('of zeros over the bound', 'head -c 4096 /dev/zero > %s'),
             ('with a second line that is no key',
             format('cp ''%s'' %%1$s && echo x >> %%1$s', :'real_path'))) as v(what, command);
select is(pg_temp.signs_after('rm %1$s && mkdir -m 0700 %1$s', :'path'),
  pg_temp.refusal('is not a plain file', null, :'path'),
  'a directory in its place is refused');
select is(pg_temp.signs_after('rmdir %1$s && mkfifo -m 0600 %1$s', :'path'),
  pg_temp.refusal('is not a plain file', null, :'path'),
  'a pipe in its place is refused, and nobody waits for it');
select is(pg_temp.signs_after(format('rm %%1$s && ln -s ''%s'' %%1$s', :'real_path'), :'path'),
  pg_temp.refusal('cannot be opened: Too many levels of symbolic links', null, :'path'),
  'a symbolic link in its place is refused');
select matches(pg_temp.signs_after('rm %1$s && ln -s /nonexistent %1$s',
  :'path') || pg_temp.fresh('select openclaw.create_master_key()'),
  '42710 \| .* exists already', 'create_master_key does not follow a link that leads nowhere');
select is(pg_temp.verifies(:'jwt'), 'true', 'verification has gone on through all of it');
select pg_temp.shell('rm -rf %s', :'path') as ignored \gset

-- A path in a folder that is not there, and none at all.
alter system set openclaw.master_key_file = '/nonexistent/master.key';
select pg_reload_conf() as ignored \gset
select pg_temp.wait_for_path('/nonexistent/master.key') as ignored \gset
select is(pg_temp.fresh('select openclaw.create_master_key()'),
  pg_temp.refusal('cannot be made: No such file or directory',
  'Its directory must exist and belong to the user that runs Postgres.', '/nonexistent/master.key'),
  'create_master_key makes no folder');
alter system set openclaw.master_key_file = '';
select pg_reload_conf() as ignored \gset
select pg_temp.wait_for_path('') as ignored \gset
select matches(pg_temp.signs(),
  '^55000 \| openclaw.master_key_file is not set \| ALTER SYSTEM SET openclaw.master_key_file',
  'a path that is not set is an error with what to do');

select case :'configured' when '' then 'alter system reset openclaw.master_key_file'
       else format('alter system set openclaw.master_key_file = %L', :'configured') end \gexec
select pg_reload_conf() as ignored \gset
select pg_temp.wait_for_path(:'real_path') as ignored \gset
select * from finish();
