-- Attack 38, from the catalog, so that a new function or table cannot be forgotten.
\ir fixture.psql

create role pgtap_privileges_nobody;
create role pgtap_privileges_verifier;
create role pgtap_privileges_issuer;
create role pgtap_privileges_admin;
create role pgtap_privileges_front;
create role pgtap_privileges_session;

-- A call of each function with arguments that are not null: a strict function is not even called
-- with a null, and the privilege not looked at.
create temp table routine as
select p.oid::regprocedure as routine,
       format('select %s(%s)', 'openclaw.' || quote_ident(p.proname), coalesce((
         select string_agg(format('%L::%s',
           case a.type::regtype::text when 'text[]' then '{a:b}' when 'integer' then '1' when 'bigint' then '1' when 'interval' then '1 minute'
             when 'boolean' then 't' when 'bytea' then 'x' when 'timestamp with time zone' then 'now'
             when 'integer[]' then '{1}'
             when 'openclaw.authenticated_client' then '(,,x,harness,,{a:b},{client_credentials},)'
             when 'openclaw.front_caller' then '(,x,t,,,)'
             when 'json' then '{}' when 'regrole' then 'pgtap_privileges_nobody'
             when 'openclaw.token_order' then '(x,{a:b},,user_direct,,,1,,)' when 'openclaw.token_order[]' then '{"(x,{a:b},,user_direct,,,1,,)"}'
             when 'openclaw.token_verification' then '(t,,,,,,,)' when 'text' then 'x' end,
             a.type::regtype), ', ' order by a.n)
         from unnest(p.proargtypes) with ordinality as a(type, n)), '')) as call
from pg_proc as p where p.pronamespace = 'openclaw'::regnamespace;
create temp table relation as
select c.oid::regclass as relation, c.relkind
from pg_class as c where c.relnamespace = 'openclaw'::regnamespace and c.relkind in ('r', 'p', 'v',
  'm', 'S', 'f');

-- What each capability opens, and nothing else.
create temp table opened as
select 'pgtap_privileges_' || capability as role, 'openclaw.' || signature as routine
from (values
  ('verifier', array['verify_token(text,text[])', 'verify_tokens(text[],text[])',
                     'verify_jwt(text,text,text[],text,text,text)', 'introspect(text)',
                     'introspect_access_token(text)', 'jwks()', 'status_list(text,text)',
                     'take_used_tokens()']),
  ('session', array['begin_session(text,text[],text)', 'end_session()', 'current_user_id()',
                    'current_token_id()', 'has_scope(text)', 'sees_every_row()']),
  ('issuer', array['create_user(text,text,text,text)', 'disable_user(text)', 'enable_user(text)',
                   'erase_user(text)', 'set_email(text,text)', 'set_password(text,text)', 'check_password(text,text,inet)',
                   'change_plan(text,text)', 'plan_of(text)',
                   'register_container(text,text,text,text,text,text,text,text)',
                   'update_container(text,text,text,text,text,text)',
                   'remove_container(text,text)',
                   'register_client(text,text,text,text[],text[],text,text,text,text)',
                   'rotate_client_secret(text,interval)', 'set_client_keys(text,text)',
                   'disable_client(text)', 'trusted_client(text)',
                   'authenticate_client(text,text,text,text,text,text)',
                   'grant_client_credentials(openclaw.authenticated_client,text,text[],text)',
                   'exchange_token(openclaw.authenticated_client,text,text,text,text[])',
                   'refresh_access_token(openclaw.authenticated_client,text,text,text[])',
                   'create_grant(text,text,text[],interval,text)', 'revoke_grant(text,text)',
                   'revoke_jwt(text,text)', 'revoke_jwts_of(text,text)',
                   'revoke_container_tokens(text,text)', 'revoke_user_tokens(text)',
                   'issue_token(text,text[],interval,text,text,text)',
                   'issue_tokens(text[],text[],interval,text,text,text,integer)', 'revoke_token(text,text)',
                   'revoke_token(text)', 'record_token_use(text[])',
                   'issue_access_token(text,text[],interval,text,text,text,text,text,timestamp with time zone)',
                   'issue_user_claim(text,text,text[],interval,text)',
                   'connect(text,text,text[])']),
  ('admin', array['rotate_signing_key(text,interval)', 'revoke_signing_key(text)',
                  'create_master_key()', 'master_key_id()', 'master_key_ids()',
                  'rotate_master_key()', 'rewrap_signing_keys()', 'retire_master_keys()',
                  'maintain()', 'doctor()', 'define_plan(text,integer,integer,interval,text[],integer)',
                  'change_plan(text,text)', 'plan_of(text)',
                  'revoke_token(text,text)', 'revoke_token(text)', 'revoke_jwt(text,text)',
                  'revoke_jwts_of(text,text)', 'revoke_grant(text,text)',
                  'revoke_container_tokens(text,text)', 'revoke_user_tokens(text)',
                  'disable_user(text)', 'enable_user(text)', 'erase_user(text)', 'disable_client(text)',
                  'audit_verify(bigint,bytea)', 'audit_head()', 'current_user_id()',
                  'capability_routines(text)',
                  'sees_every_row()']),
  ('front', array['front_jwks(text)', 'front_metadata(text)', 'front_authorize(text)',
                  'front_token(text,text,text,text,text,text,text,text,text,text,text,text,text,text,text,text,text)',
                  'front_tokens(text[],text[],text[],text[],text[],text[],text[],text[],text[],text[],text[],text[],text[],text[],text[],text[],text[])',
                  'front_introspections(text[],text[],text[],text[],text[],text[],text[],text[])',
                  'front_introspection_lists(text[],text[])',
                  'front_status_list(text)',
                  'front_maintain()',
                  'front_revoke(text,text,text,text,text,text,text,text,text)',
                  'front_connect(text,text,text,text)',
                  'front_issues(text[],text[],text[],text[],text[],text[],text[],text[],text[],text[],text[],text[],text[])',
                  'front_verifications(text[],text[],text[])', 'front_ready()', 'wal_position()',
                  'take_used_tokens()', 'front_record_token_use(text)'])) as v(capability, signatures),
                  unnest(signatures) as signature;

-- The SQLSTATE with which a role's statement ends; null for success. Nothing of it stays.
create function pg_temp.outcome(role text, statement text) returns text language plpgsql as $$
begin
  execute format('set local role %I', role);
  execute statement;
  raise exception using errcode = 'PT000';
exception
  when sqlstate 'PT000' then return null;
  when others then return sqlstate;
end
$$;

select plan(14);

select cmp_ok((select count(*) from routine), '>=', 55::bigint,
  'the catalog lists the functions of the extension');
select cmp_ok((select count(*) from relation), '>=', 7::bigint,
  'the catalog lists the tables of the extension');
select is_empty('select routine from routine where call is null',
  'this file can call each function');

select is_empty($$select routine, outcome from routine, pg_temp.outcome('pgtap_privileges_nobody', call) as outcome
                  where outcome is distinct from '42501'$$,
  'a role without grants may call no function');
grant usage on schema openclaw to pgtap_privileges_nobody;
select is_empty($$select routine, outcome from routine, pg_temp.outcome('pgtap_privileges_nobody', call) as outcome
                  where outcome is distinct from '42501'$$,
  'nor may it with the schema''s usage');
select is_empty($$select relation, statement, outcome
                  from relation, (values ('select from %s'), ('insert into %s default values'), ('delete from %s'), ('truncate %s'),
                                         ('lock table %s'), ('alter table %s disable trigger all')) as v(statement),
                       pg_temp.outcome('pgtap_privileges_nobody', format(statement, relation)) as outcome
                  where relkind <> 'S' and (relkind <> 'v' or statement ~ '^select')
                    and outcome is distinct from '42501'$$,
  'a role without grants may read, change and lock no table');
select is_empty($$select relation, outcome
                  from relation, pg_temp.outcome('pgtap_privileges_nobody', format('select nextval(%L)', relation)) as outcome
                  where relkind = 'S' and outcome is distinct from '42501'$$,
  'and draw from no sequence');

select is((select array_agg(openclaw.grant_access(role::regrole,
             substr(role, length('pgtap_privileges_') + 1))::text)
           from (select distinct role from opened) as r), array_fill(''::text, array[5]),
             'grant_access takes the five capabilities');
select is_empty('select o.routine from opened as o where not exists (select from routine as r where r.routine::text = o.routine)',
  'every function that this file opens exists');
create temp table called as
select r.role, routine.routine, o.routine is not null as may,
       -- These two change the master key's file, which all databases of the server share.
       case when routine.routine::text ~ '\.(rotate_master_key|retire_master_keys)\('
         then case when not has_function_privilege(r.role, routine.routine, 'execute') then '42501' end
         else pg_temp.outcome(r.role, call) end as outcome
from routine cross join (select distinct role from opened) as r
     left join opened as o on (o.role, o.routine) = (r.role, routine.routine::text);
select is_empty('select * from called where may and outcome = ''42501''',
  'a capability lets its role call each of its functions');
select is_empty('select * from called where not may and outcome is distinct from ''42501''',
  'and none but them');
select is((select count(*) from relation, (select distinct role from opened) as r,
                  unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references',
                  'trigger']) as privilege
           where relkind not in ('S', 'v') and has_table_privilege(r.role, relation, privilege)),
  0::bigint, 'no capability gives a right on a table');
select is((select count(*) from relation, (select distinct role from opened) as r
           where relkind not in ('S', 'v') and has_any_column_privilege(r.role, relation,
           'select, insert, update, references')),
  0::bigint, 'nor on a column');
select is_empty('select p.oid::regprocedure from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault(''f'', p.proowner))) as a
                 where p.pronamespace = ''openclaw''::regnamespace and a.grantee = 0', 'PUBLIC may execute no function');

select * from finish();
rollback;
