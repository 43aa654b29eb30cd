-- Attack 37: names that shadow ours, in search_path and in pg_temp, have no effect.
\ir fixture.psql
select plan(20);

create role pgtap_hostile;
select openclaw.grant_access('pgtap_hostile', 'verifier') as ignored,
  openclaw.grant_access('pgtap_hostile', 'issuer') as ignored,
       openclaw.grant_access('pgtap_hostile', 'front') as ignored,
       openclaw.grant_access('pgtap_hostile', 'admin') as ignored,
       openclaw.grant_access('pgtap_hostile', 'session') as ignored \gset
select token as jwt from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') \gset
select token as revoked_token from openclaw.issue_token('user_alice', '{mcp:tools}') \gset
select openclaw.revoke_token(:'revoked_token') as ignored \gset

-- The answers that do not change from call to call, in an honest session and then in a hostile one.
-- Prepared statements are parsed again when search_path changes.
prepare answers(text, text, text, text, text, text, text) as select array[
  openclaw.verify_token($1, '{mcp:tools}')::text, openclaw.verify_token($2)::text,
  openclaw.verify_token($3, '{data:read}')::text, openclaw.introspect($1)::text,
  openclaw.introspect($5)::text,
  openclaw.verify_jwt($5, $6)::text, openclaw.jwks()::text, openclaw.front_jwks(null)::text,
  openclaw.front_metadata('')::text, openclaw.front_ready()::text,
  pg_temp.front_introspect($4, $1, null)::text, pg_temp.front_introspect($4, $3, null)::text,
  pg_temp.front_verify($7, $6, 'mcp:tools')::text,
  pg_temp.front_verify('Bearer x', $6, null)::text] as answers;
\set execute 'execute answers(:''alice_token'', :''revoked_token'', :''bob_token'', :''harness'', :''jwt'', :''alice_endpoint'', :''alice'')'
select 'Bearer ' || :'harness_token' as harness, 'Bearer ' || :'alice_token' as alice \gset
:execute \gset honest_

-- A schema in front of pg_catalog, in which everything that our bodies use is false.
create schema pgtap_evil;
create function pgtap_evil.is_false() returns boolean language plpgsql as $$
begin raise exception 'shadowed' using errcode = 'P0666'; end $$;
do $$
declare
  name text;
  type text;
begin
  foreach name in array array['=', '<>', '<', '>', '<=', '>=', '||', '@>', '~', '~~', '-', '+', '/'] loop
    foreach type in array array['text', 'timestamptz'] loop
      execute format('create function pgtap_evil.%I(%s, %s) returns boolean
                        language sql as ''select pgtap_evil.is_false()''', 'op' || md5(name), type, type);
      execute format('create operator pgtap_evil.%s
                        (function = pgtap_evil.%I, leftarg = %s, rightarg = %s)',
                     name, 'op' || md5(name), type, type);
    end loop;
  end loop;
  foreach name in array array[
      'now()', 'clock_timestamp()', 'gen_random_uuid()', 'lower(text)', 'sha256(bytea)',
      'rtrim(text, text)', 'strpos(text, text)', 'cardinality(anyarray)', 'encode(bytea, text)',
      'convert_to(text, name)', 'array_to_string(text[], text)', 'set_config(text, text, boolean)',
      'current_setting(text)', 'concat_ws(text, text)', 'octet_length(text)', 'format(text, text)',
      'pg_is_in_recovery()', 'audit(text, text, text, text, text)', 'verify_token(text, text[])',
      'token_hash(text)', 'setting(text)', 'is_grant(text)', 'are_grants(text[])',
      'require_user(text)', 'new_id(text)', 'host(inet)', 'text(inet)', 'max(interval)', 'date_trunc(text, timestamptz)',
      'plan_of(text)', 'current_user_id()', 'sees_every_row()', 'has_function_privilege(text, text)'] loop
    execute format('create function pgtap_evil.%s returns boolean
                      language sql as ''select pgtap_evil.is_false()''', name);
  end loop;
end
$$;
grant usage on schema pgtap_evil to pgtap_hostile;
set local role pgtap_hostile;
create temp table api_tokens (id text, user_id text, token_hash bytea, revoked_at timestamptz);
create temp table users (id text, disabled_at timestamptz);
create temp table containers (id text, user_id text, mcp_endpoint text);
create temp table signing_keys (kid text);
create temp table audit_log (action text);
create temp table audit_blocks (block bigint, hash bytea);
create temp table plans (plan_tier text);
create temp table rate_limits (bucket text);
create temp table pg_proc (oid oid);
create temp table pg_extension (extname text, extversion text);
create temp table http_answer (status integer);
create temp table token_verification (valid boolean);
reset role;

create function pg_temp.shadows_hold(path text) returns boolean language plpgsql as $$
begin
  perform set_config('search_path', path, true);
  execute 'select ''a'' = ''a''::text';
  return false;
exception when sqlstate 'P0666' then return true;
end
$$;
select ok(pg_temp.shadows_hold('pgtap_evil, pg_catalog'),
  'in the hostile search_path even = is another''s');

savepoint clean;
set local role pgtap_hostile;
set local search_path = pgtap_evil, pg_temp, pg_catalog;
:execute \gset hostile_
reset role; set local search_path = public;
select is(:'hostile_answers'::text, :'honest_answers',
  'every verification and every answer of the front is the same in a hostile search_path');
set local role pgtap_hostile;
set local search_path = pg_temp, pgtap_evil, pg_catalog;
:execute \gset hostile_
reset role; set local search_path = public;
select is(:'hostile_answers'::text, :'honest_answers', 'and with pg_temp first');

set local role pgtap_hostile;
set local search_path = pg_temp, pgtap_evil, pg_catalog;
select openclaw.create_user('carol@example.com', 'user_carol',
  password => 'correct horse') as ignored,
       openclaw.register_container('user_carol', 'n', 'external', 'https://carol.example.com',
       container_id => 'ctr_carol') as ignored \gset
select token, token_id from openclaw.issue_token('user_carol', '{mcp:tools}',
  container_id => 'ctr_carol') \gset
select token as carol_jwt from openclaw.issue_access_token('ctr_carol', '{mcp:tools}') \gset
select openclaw.connect('user_carol', 'ctr_carol', '{mcp:tools}')::text as connected,
       openclaw.front_connect('Bearer ' operator(pg_catalog.||) :'harness_token', null, 'ctr_alice',
       'mcp:tools')::text as front_connected,
       pg_temp.front_revoke('Bearer ' operator(pg_catalog.||) :'harness_token', :'alice_token',
       null, 'r')::text as front_revoked,
       openclaw.rotate_signing_key('ES256', '0') as kid,
       openclaw.revoke_token('user_carol', :'token_id') as revoked \gset
select openclaw.check_password('CAROL@example.com', 'correct horse', '192.0.2.1')::text as signed_in,
       openclaw.check_password('carol@example.com', 'a wrong horse', '192.0.2.1')::text as refused,
       openclaw.define_plan('hostile', max_live_tokens => 0) as ignored,
       openclaw.change_plan('user_carol', 'hostile') as changed \gset
select openclaw.begin_session(:'any_user_token') as session_of, openclaw.current_user_id() as present \gset
select openclaw.end_session() as ignored \gset
create temp table own as select token_id from openclaw.token_overview;
create temp table verified as select * from openclaw.audit_verify();
create temp table maintained as select task, done from openclaw.maintain();
create temp table diagnosis as select * from openclaw.doctor();
reset role; set local search_path = public;
select is((select count(*) from openclaw.users where id = 'user_carol'), 1::bigint,
  'create_user writes into our table');
select is((select user_id from openclaw.containers where id = 'ctr_carol'), 'user_carol',
  'so does register_container');
select is((openclaw.verify_token(:'token')).reason, 'revoked',
  'so do issue_token and revoke_token');
select ok((openclaw.verify_jwt(:'carol_jwt', 'https://carol.example.com')).valid,
  'issue_access_token reads our tables');
select matches(:'connected'::text, '^\(https://carol.example.com,external,', 'so does connect');
select matches(:'front_connected'::text, '^\(200,', 'so does front_connect');
select is((openclaw.verify_token(:'alice_token')).reason, 'revoked',
  'front_revoke revokes in our table');
select is((select alg from openclaw.signing_keys where kid = :'kid'), 'ES256',
  'rotate_signing_key writes into our table');
select is((select count(*) from openclaw.audit_log where user_id = 'user_carol' and actor = session_user), 7::bigint,
  'their audit rows are in our log');
select is(array[:'signed_in', :'refused'], array['(t,,user_carol,)', '(f,wrong_credentials,,)'],
  'check_password knows the true user, and buckets');
select is((select count(*) from openclaw.rate_limits where bucket ~ '^(email|source) '), 2::bigint,
  'which are ours');
select throws_ok($$select openclaw.issue_token('user_carol', '{mcp:tools}')$$, '53400', null,
  'define_plan and change_plan change our tables');
select is(array[:'session_of', :'present'], array['user_alice', 'user_alice'], 'begin_session finds the true token');
select is((select count(*) from pg_temp.own), (select count(*) from openclaw.api_tokens), 'a view shows the true rows');
select is((select count(*) from pg_temp.maintained where done is not null), 12::bigint, 'maintain does each of its tasks');
select is((select array_agg(check_name) from pg_temp.diagnosis where not ok), array['excess_privileges'],
  'doctor looks into the true catalog, and finds a role with every capability');

savepoint settings;
set local intervalstyle = 'iso_8601'; set local datestyle = 'german'; set local timezone = 'Asia/Kathmandu';
set local bytea_output = 'escape'; set local extra_float_digits = -15; set local array_nulls = off;
set local transform_null_equals = on;
select openclaw.front_jwks(null)::text as headers,
  (openclaw.issue_access_token('ctr_bob', '{mcp:tools}')).token as jwt \gset
rollback to settings;
select ok(:'headers' = openclaw.front_jwks(null)::text
  and (openclaw.verify_jwt(:'jwt', :'bob_endpoint')).valid,
  'settings of style change no answer');

select * from finish();
rollback;
