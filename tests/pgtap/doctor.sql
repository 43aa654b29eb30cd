\ir fixture.psql
select plan(58);

-- Runs a change, asks the doctor, and takes the change back: the checks that fail, and whether each
-- of them has a remedy.
create function pg_temp.failing_after(change text) returns text[] language plpgsql as $$
declare
  failing text[];
begin
  begin
    execute change;
    select array_agg(check_name || case when remedy = '' then ' (no remedy)' else '' end order by check_name)
    into failing from openclaw.doctor() where not ok;
    raise exception using errcode = 'PT000';
  exception when sqlstate 'PT000' then
    return failing;
  end;
end
$$;

select is(array(select check_name from openclaw.doctor() order by check_name),
  array['audit_partitions', 'audit_sealing', 'excess_privileges', 'issuer', 'key_successors', 'logged_parameters',
  'master_key', 'public_access', 'row_security', 'signing_key', 'triggers', 'versions'],
  'doctor makes its twelve checks');
select is_empty('select * from openclaw.doctor() where not ok',
  'doctor finds nothing wrong with a good installation');
select is_empty('select * from openclaw.doctor() where remedy <> '''' or detail = ''''',
  'doctor says what it saw, and no remedy where there is nothing to mend');
select pg_temp.state() as before \gset
select count(*) as ignored from openclaw.doctor() \gset
select is(pg_temp.state(), :'before', 'doctor changes nothing');

create role pgtap_doctor_reader login;
select is(pg_temp.failing_after(change), case when failing like '{%' then failing::text[] else array[failing] end, 'doctor sees ' || what)
from (values
  ('another version of the SQL objects', 'versions',
  'update pg_extension set extversion = ''0.0.0'' where extname = ''openclaw'''),
  ('a missing issuer', 'issuer', 'set local openclaw.issuer = '''''),
  ('a key that signs and was sealed under another master key', 'master_key',
   'update openclaw.signing_keys set master_key_id = ''0000000000000000'''),
  ('a revoked key', 'signing_key', 'update openclaw.signing_keys set revoked_at = now()'),
  ('a retired key', 'signing_key',
  'update openclaw.signing_keys set retires_at = activates_at, expires_at = activates_at'),
  ('a role whose parameters are logged', 'logged_parameters',
   'grant usage on schema openclaw to pgtap_doctor_reader;
    grant execute on function openclaw.verify_token(text, text[]) to pgtap_doctor_reader'),
  ('a function that PUBLIC may call', 'public_access',
  'grant execute on function openclaw.is_grant(text) to public'),
  ('a table without row-level security', 'row_security',
  'alter table openclaw.plans disable row level security'),
  ('a policy that is gone', 'row_security', 'drop policy own_rows on openclaw.api_tokens'),
  ('a role that may read a table', 'excess_privileges',
  'grant select on openclaw.api_tokens to pgtap_doctor_reader'),
  ('a role that may read a column', 'excess_privileges',
  'grant select (id) on openclaw.api_tokens to pgtap_doctor_reader'),
  ('a table that everybody may read', 'excess_privileges',
  'grant select on openclaw.plans to public'),
  ('a role that may call what no capability opens', 'excess_privileges',
  'alter role pgtap_doctor_reader set log_parameter_max_length = 0;
   grant execute on function openclaw.mint_token(text) to pgtap_doctor_reader'),
  ('a role that may make objects in the schema', 'excess_privileges',
  'alter role pgtap_doctor_reader set log_parameter_max_length = 0;
   grant create on schema openclaw to pgtap_doctor_reader'),
  ('a role that may hand its right on', 'excess_privileges',
  'select openclaw.grant_access(''pgtap_doctor_reader'', ''verifier'');
   grant execute on function openclaw.verify_token(text, text[]) to pgtap_doctor_reader with grant option'),
  ('a front that is an admin too', 'excess_privileges',
  'select openclaw.grant_access(''pgtap_doctor_reader'', ''front'');
   select openclaw.grant_access(''pgtap_doctor_reader'', ''admin'')'),
  ('a role with sessions that row-level security does not bind', 'excess_privileges',
  'select openclaw.grant_access(''pgtap_doctor_reader'', ''session'');
   alter role pgtap_doctor_reader bypassrls'),
  ('a log that lives beyond its first month without partitions', '{audit_partitions,audit_sealing}',
  'insert into openclaw.audit_log (at, action, outcome) values (''2020-01-01 00:00+00'', ''x'', ''success'')'),
  ('that the partitions of the next months are missing', 'audit_partitions',
  'select openclaw.make_audit_partition(''2020-01-01 00:00+00'')'),
  ('rows that nobody seals', 'audit_sealing',
  'set local session_replication_role = replica;
   update openclaw.audit_log set at = ''2020-01-01 00:00+00'';
   set local session_replication_role = origin;
   select openclaw.make_audit_partitions()'))
  as v(what, failing, change);
-- From the catalog, so that a new trigger cannot be forgotten.
create temp table trigger as
select tgname as name, tgrelid::regclass as on_table from pg_trigger
where not tgisinternal and tgrelid in (select oid from pg_class where relnamespace = 'openclaw'::regnamespace);
select is((select count(*) from trigger), 11::bigint, 'the extension has eleven triggers');
select is(pg_temp.failing_after(format(change, on_table, name)), array['triggers'],
  format('doctor sees that %s on %s is %s', name, on_table, what))
from trigger, (values ('disabled', 'alter table only %s disable trigger %I'),
                      ('for replicas only',
                      'alter table only %s enable replica trigger %I')) as v(what, change);
select is(pg_temp.failing_after(format('drop trigger %I on %s', name, on_table)), array['triggers'],
  format('doctor sees that %s on %s is gone', name, on_table))
from trigger where on_table <> 'openclaw.audit_log_default'::regclass or name = 'never_truncated';
select is(pg_temp.failing_after('select openclaw.grant_access(''pgtap_doctor_reader'', ''verifier'')'), null,
  'doctor is content with a role that grant_access has made a verifier');

select * from finish();
rollback;
