-- Attack 37 at the install, in databases of its own, which dblink makes and drops.
\ir other_session.psql
set client_min_messages = warning;
select plan(19);

create function pg_temp.on_server(statement text) returns text language sql as $$
  select dblink_exec(pg_temp.server(), statement)
$$;
-- Each statement by itself in one session of that database.
create function pg_temp.in_database(name text, variadic statements text[]) returns text language plpgsql as $$
declare
  statement text;
  answer text;
begin
  perform dblink_connect('there', pg_temp.server(name));
  foreach statement in array statements loop
    if statement like 'select %' then
      select t.answer into answer from dblink('there', statement) as t(answer text);
    else
      answer := dblink_exec('there', statement);
    end if;
  end loop;
  perform dblink_disconnect('there');
  return answer;
exception when others then
  perform dblink_disconnect('there');
  raise;
end
$$;
\set clean openclaw_pgtap_install_clean
\set ascii openclaw_pgtap_install_ascii
select pg_temp.on_server(format('drop database if exists %I', :'ascii')) as ignored,
       pg_temp.on_server(format('create database %I template template0 encoding ''SQL_ASCII''
                                   lc_collate ''C'' lc_ctype ''C''', :'ascii')) as ignored,
       pg_temp.on_server(format('drop database if exists %I', :'clean')) as ignored,
       pg_temp.on_server(format('create database %I template template0 encoding ''UTF8''',
       :'clean')) as ignored \gset

select throws_ok(format('select pg_temp.in_database(%L, ''create extension openclaw'')', :'ascii'),
  '0A000',
  'openclaw needs a database with encoding UTF8, this one has SQL_ASCII',
  'the install refuses a database that is not UTF8');
select is(pg_temp.in_database(:'ascii',
  'select count(*)::text from pg_namespace where nspname = ''openclaw'''), '0',
  'and leaves nothing there');

drop role if exists pgtap_install_nobody;
create role pgtap_install_nobody;
select throws_ok(format('select pg_temp.in_database(%L, ''set role pgtap_install_nobody'', ''create extension openclaw'')', :'clean'), '42501', null,
  'the install needs a superuser');
select throws_ok(format('select pg_temp.in_database(%L, %s)', :'clean', statements), '42P06',
  'schema "openclaw" already exists',
  'the install refuses a database with ' || what)
from (values
  ('a schema openclaw', '''begin'', ''create schema openclaw'', ''create extension openclaw'''),
  ('one of another owner',
  '''begin'', ''create schema openclaw authorization pgtap_install_nobody'', ''create extension openclaw'''),
  ('a table of ours in it',
   '''begin'', ''create schema openclaw create table api_tokens (id text)'', ''create extension openclaw'''),
  ('a function of ours in it',
   '''begin'', ''create schema openclaw'',
    ''create function openclaw.is_grant(text) returns boolean return true'', ''create extension openclaw'''))
  as v(what, statements);
select throws_ok(format('select pg_temp.in_database(%L, ''create extension openclaw schema public'')', :'clean'), '0A000', null,
  'the install cannot be moved to another schema');
select is(pg_temp.in_database(:'clean',
  'select count(*)::text from pg_namespace where nspname = ''openclaw'''), '0',
  'a refused install leaves nothing');

-- An install among shadows: operators and functions in front of pg_catalog and in pg_temp.
select is(pg_temp.in_database(:'clean',
  'create schema evil',
  'create function evil.yes(text, text) returns boolean language sql as ''select true''',
  'create operator evil.~ (function = evil.yes, leftarg = text, rightarg = text)',
  'create operator evil.= (function = evil.yes, leftarg = text, rightarg = text)',
  'create operator evil.~~ (function = evil.yes, leftarg = text, rightarg = text)',
  'create function evil.lower(text) returns text language sql immutable as ''select $1''',
  'create function evil.octet_length(bytea) returns integer language sql immutable as ''select 32''',
  'set search_path = evil, pg_catalog',
  'create temp table users (id text primary key)',
  'create temp table containers (id text primary key)', 'create extension openclaw'),
  'CREATE EXTENSION',
  'the install works among objects that shadow what it uses');
select is(pg_temp.in_database(:'clean',
  'select count(*)::text
     from pg_depend as d join pg_class as c
       on c.oid = d.objid
       or exists (select from pg_constraint as k where k.oid = d.objid and k.conrelid = c.oid)
     where c.relnamespace = ''openclaw''::regnamespace
       and (d.refobjid in (select oid from pg_proc where pronamespace = ''evil''::regnamespace)
         or d.refobjid in (select oid from pg_operator where oprnamespace = ''evil''::regnamespace)
         or d.refobjid in (select oid from pg_class where relnamespace = pg_my_temp_schema()))'), '0',
  'and depends on none of them');
select throws_ok(format('select pg_temp.in_database(%L, %L)', :'clean', statement), '23514', null,
  'its checks hold: ' || statement)
from (values ('insert into openclaw.users (id) values (''no id'')'),
             ('insert into openclaw.plans (plan_tier) values (''No Tier'')')) as v(statement);
select throws_ok(format('select pg_temp.in_database(%L, %L, %L)', :'clean',
    'insert into openclaw.users (id, email) values (''a'', ''a@example.com'')',
    'insert into openclaw.users (id, email) values (''b'', ''A@EXAMPLE.COM'')'), '23505', null,
  'and so does its unique index');
select throws_ok(format('select pg_temp.in_database(%L, ''create extension openclaw'')', :'clean'),
  '42710', null, 'it cannot be installed twice');
select throws_ok(format('select pg_temp.in_database(%L, %L)', :'clean', statement), '2BP01', null,
  'no object of it can go alone: ' || statement)
from (values ('drop table openclaw.api_tokens cascade'),
  ('drop function openclaw.verify_token(text, text[])')) as v(statement);
select is(pg_temp.in_database(:'clean', 'drop extension openclaw',
  'select count(*)::text from pg_namespace where nspname = ''openclaw'''), '0',
  'DROP EXTENSION takes everything along');
select is(pg_temp.in_database(:'clean', 'create extension openclaw'), 'CREATE EXTENSION',
  'after which it can be installed again');

drop role pgtap_install_nobody;
select pg_temp.on_server(format('drop database %I', :'ascii')) as ignored,
       pg_temp.on_server(format('drop database %I', :'clean')) as ignored \gset
select * from finish();
