-- Attack 45 inside the database: no byte of a token, a password or a private key where it can be
-- read afterwards. Values go in as parameters, as a client binds them.
\ir fixture.psql
select plan(15);

create temp table secret (what text, value text);
create temp table written (what text, line text);

-- A life of tokens, and after each step the query that others see of this session.
do $$
declare
  token text;
  id text;
  jwt text;
  harness text;
  password constant text := 'correct horse ' || openclaw.new_id('pw');
begin
  perform openclaw.create_user('carol@example.com', 'user_carol', password => 'another one altogether');
  perform openclaw.set_password('user_carol', password), openclaw.check_password('carol@example.com', password, '192.0.2.1'),
          openclaw.check_password('carol@example.com', password || 'x', '192.0.2.1'),
          openclaw.check_password(password, password, '192.0.2.1'); -- a password where the e-mail belongs
  select i.token, i.token_id into token, id from openclaw.issue_token('user_alice', '{mcp:tools}') as i;
  select i.token into harness from openclaw.issue_token('user_alice', '{openclaw:*,mcp:*}', issued_for => 'platform_harness') as i;
  select i.token into jwt from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') as i;
  insert into secret values ('password', password), ('token', substr(token, 5, 43)), ('harness token', substr(harness, 5, 43)),
    ('JWT', split_part(jwt, '.', 2)), ('JWT''s signature', split_part(jwt, '.', 3)),
    ('master key', rtrim(substr(pg_read_file(current_setting('openclaw.master_key_file')), 24), e'\n'));
  perform openclaw.begin_session(token), openclaw.current_user_id(), openclaw.end_session();
  perform openclaw.verify_token(token, '{mcp:tools}'), openclaw.verify_tokens(array[token, harness]),
          openclaw.verify_jwt(jwt, 'https://mcp.alice.example.com/mcp'), openclaw.introspect(token), openclaw.introspect(jwt),
          pg_temp.front_introspect('Bearer ' || harness, token, null), pg_temp.front_verify('Bearer ' || token, 'x', null),
          pg_temp.front_revoke('Bearer ' || harness, token, null, null), openclaw.revoke_token(harness);
  insert into written select 'pg_stat_activity', query from pg_stat_activity where pid = pg_backend_pid();
end
$$;

select is((select count(*) from secret where length(value) >= 30), 6::bigint,
  'there are six secrets to look for');
do $$
declare
  stored regclass;
begin
  for stored in select c.oid from pg_class as c where c.relnamespace = 'openclaw'::regnamespace and c.relkind = 'r' loop
    execute format('insert into written select %L, t::text from %s as t', stored, stored);
  end loop;
end
$$;
insert into written select 'pg_settings', name || setting from pg_settings;
select is((select count(distinct what) from written where what in ('openclaw.users',
  'openclaw.api_tokens', 'openclaw.audit_log_default',
                                                                   'openclaw.signing_keys',
                                                                   'pg_settings',
                                                                   'pg_stat_activity')),
  6::bigint, 'the places to look in are filled');
select is_empty(format('select written.what from written where strpos(line, %L) > 0', value),
  'the ' || what || ' stands nowhere in plain')
from secret;
select is_empty($$select action from openclaw.audit_log as a, openclaw.api_tokens as t
                  where strpos(a::text, encode(t.token_hash, 'hex')) > 0$$, 'no audit row holds a token''s hash');

-- Errors: every refusal that is raised, and one that comes from below.
alter table openclaw.audit_log add constraint refuse check (action not in ('revoke_token',
'issue_token')) not valid;
create function pg_temp.error_with(statement text, secret text) returns text language plpgsql as $$
declare
  message text;
  detail text;
  hint text;
  context text;
begin
  execute statement using secret;
  return 'no error';
exception when others then
  get stacked diagnostics message = message_text, detail = pg_exception_detail, hint = pg_exception_hint,
    context = pg_exception_context;
  return concat_ws(e'\n', message, detail, hint, context);
end
$$;
create temp table error as
select statement, secret, pg_temp.error_with(statement, secret) as said
from (values
  ('select openclaw.verify_token($1, ''{mcp:*}'')', :'alice_token'),
  ('select openclaw.verify_tokens(array[$1], null)', :'alice_token'),
  ('select openclaw.verify_tokens(array[array[$1]])', :'alice_token'),
  ('select openclaw.verify_jwt($1, null)',
  (select token from openclaw.issue_access_token('ctr_alice', '{mcp:tools}'))),
  ('select openclaw.revoke_token($1)', :'alice_token'),
  ('select pg_temp.front_revoke(''Bearer '' || $1, $1, null, null)', :'harness_token'),
  ('select openclaw.connect($1, ''ctr_alice'', ''{mcp:tools}'')', :'harness_token'),
  ('select openclaw.issue_token(''user_alice'', array[$1])', :'alice_token'),
  ('select openclaw.create_user(user_id => ''user_dave'', password => repeat($1, 30))',
  'correct horse battery staple one two'),
  ('select openclaw.create_user(''no e-mail'', password => $1)',
  'correct horse battery staple one two'),
  ('select openclaw.set_password(''user_alice'', repeat($1, 30))',
  'correct horse battery staple one two'),
  ('select openclaw.set_email(''user_carol'', $1)',
  'correct horse battery staple one two'),
  ('select openclaw.begin_session($1, ''{data:write}'')', :'alice_token'),
  ('select openclaw.begin_session($1 || ''x'')', :'alice_token'),
  ('select openclaw.change_plan(''user_carol'', $1)', 'Correct horse battery staple one two'))
  as v(statement, secret);
select is_empty('select * from error where said = ''no error''',
  'each of the statements is an error');
select is_empty($$select statement from error where strpos(said, substr(secret, 5, 30)) > 0$$,
  'no message, detail, hint or context holds what was passed');
select is_empty($$select said from error where said ~ 'oc[uhr]_[0-9A-Za-z]{20}' or said ~ 'ey[I-L][0-9A-Za-z_-]{20}' or said ~ 'argon2id\$v'$$,
  'nor anything like a token, a JWT or a password''s hash');

-- Private keys.
select is_empty('select kid from openclaw.signing_keys where public_jwk::jsonb ?| array[''d'', ''p'', ''q'', ''k'']',
  'a published JWK has no private member');
select isnt(sealed_private_key, (openclaw.generate_signing_key('EdDSA')).sealed_private_key,
  'every sealed key is another')
from openclaw.signing_keys limit 1;
update openclaw.signing_keys set sealed_private_key = set_byte(sealed_private_key, 40,
255 - get_byte(sealed_private_key, 40));
select throws_like('select openclaw.issue_access_token(''ctr_alice'', ''{mcp:tools}'')',
  '%does not open: its row was altered',
  'a sealed key with one byte altered does not sign');

select * from finish();
rollback;
