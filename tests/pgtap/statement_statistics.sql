-- Attack 45: pg_stat_statements (in shared_preload_libraries, as tests/run sets it) shows no token.
create extension pg_stat_statements;
\ir fixture.psql
select plan(3);

set local pg_stat_statements.track = 'all';
create temp table secret (value text);
do $$
declare
  token text;
  jwt text;
begin
  perform openclaw.create_user('carol@example.com', 'user_carol', password => 'correct horse');
  perform openclaw.set_password('user_carol', 'correct horse'), openclaw.check_password('carol@example.com', 'correct horse');
  select i.token into token from openclaw.issue_token('user_alice', '{openclaw:*,mcp:*}', issued_for => 'platform_harness') as i;
  select i.token into jwt from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') as i;
  insert into secret values (substr(token, 5, 43)), (split_part(jwt, '.', 2)), ('correct horse');
  perform openclaw.begin_session(token), openclaw.verify_token(token), openclaw.verify_jwt(jwt, 'x'), openclaw.introspect(token),
          pg_temp.front_introspect('Bearer ' || token, token, null), pg_temp.front_revoke('Bearer ' || token, token, null, null);
end
$$;
set local pg_stat_statements.track = 'none';

create temp table statement as
select query from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database()) and query !~ '^do ';
select isnt_empty('select from statement where query ~ ''insert into openclaw.api_tokens''',
  'the statements within the functions are recorded');
select is((select count(*) from secret), 3::bigint, 'there are three secrets to look for');
select is_empty('select query from statement, secret where strpos(query, value) > 0',
  'no recorded statement holds one of them');

select * from finish();
rollback;
