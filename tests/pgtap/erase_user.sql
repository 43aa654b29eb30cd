-- erase_user: what it ends, what it erases, and what stays so that nothing comes alive again.
\ir fixture.psql
select plan(48);

set local openclaw.argon2_memory = 8192;
set local openclaw.argon2_iterations = 1;

-- Everything that can name a person names this one: Lovelace.
select openclaw.create_user('Lovelace@example.com', 'user_ada', password => 'correct horse') as ignored,
       openclaw.register_container('user_ada', 'lovelace laptop', 'external', 'https://mcp.lovelace.example.com/mcp',
         public_key_fingerprint => 'sha256:' || repeat('0a', 32), container_id => 'ctr_ada') as ignored_1,
       openclaw.register_container('user_ada', 'lovelace hosted', 'hosted', 'lovelace:3100', container_id => 'ctr_ada_hosted') as ignored_2,
       openclaw.register_container('user_ada', 'lovelace before', 'external', 'https://before.lovelace.example.com', container_id => 'ctr_ada_before') as ignored_3,
       openclaw.remove_container('user_ada', 'ctr_ada_before') as ignored_4 \gset
select jsonb_set(public_jwk::jsonb, '{kid}', '"lovelace"') as public_jwk from openclaw.signing_keys limit 1 \gset
select client_secret from openclaw.register_client('lovelace editor', user_id => 'user_ada', client_id => 'client_ada', scopes => '{mcp:tools}', grant_types => '{client_credentials,refresh_token}') \gset
select openclaw.register_client('lovelace signer', user_id => 'user_ada', client_id => 'client_ada_keys', auth_method => 'private_key_jwt', jwks => format('{"keys":[%s]}', :'public_jwk')) as ignored,
       openclaw.register_client('lovelace agent', 'harness', 'user_ada', client_id => 'client_ada_tls', auth_method => 'tls_client_auth', tls_subject => 'san_dns:lovelace.example.com') as ignored_1,
       openclaw.register_client('lovelace before', user_id => 'user_ada', client_id => 'client_ada_before') as ignored_2,
       openclaw.disable_client('client_ada_before') as ignored_3 \gset
select token, token_id from openclaw.issue_token('user_ada', '{mcp:tools}', '1 day', name => 'lovelace token') \gset
select token_id as bound_id from openclaw.issue_token('user_ada', '{mcp:tools}', name => 'lovelace bound', container_id => 'ctr_ada') \gset
select token_id as revoked_id from openclaw.issue_token('user_ada', '{mcp:tools}', name => 'lovelace revoked') \gset
select openclaw.revoke_token('user_ada', :'revoked_id') as ignored \gset
select refresh_token from openclaw.create_grant('client_ada', 'ctr_ada', '{mcp:tools}') \gset
select token as jwt from openclaw.issue_access_token('ctr_ada', '{mcp:tools}') \gset
select token as claim from openclaw.issue_user_claim('user_ada', 'ctr_ada_hosted') \gset

-- The tables in which something stands.
create function pg_temp.tables_with(pattern text) returns text language plpgsql as $$
declare
  stored regclass;
  found boolean;
  tables text[] := '{}';
begin
  for stored in select c.oid from pg_class as c where c.relnamespace = 'openclaw'::regnamespace and c.relkind in ('r', 'p') order by c.relname loop
    execute format('select exists (select from %s as t where t::text ~* $1)', stored) into found using pattern;
    tables := tables || case when found then array[stored::text] else '{}' end;
  end loop;
  return array_to_string(tables, ' ');
end
$$;
-- What is not of user_ada: the audit log whole, since nothing in it may change.
create function pg_temp.others() returns text language sql as $$
  select md5(concat_ws(' ',
    (select string_agg(u::text, ' ' order by id) from openclaw.users as u where id <> 'user_ada'),
    (select string_agg(c::text, ' ' order by id) from openclaw.containers as c where user_id <> 'user_ada'),
    (select string_agg(t::text, ' ' order by id) from openclaw.api_tokens as t where user_id <> 'user_ada'),
    (select string_agg(o::text, ' ' order by id) from openclaw.oauth_clients as o where user_id is distinct from 'user_ada'),
    (select string_agg(s::text, ' ' order by secret_hash) from openclaw.oauth_client_secrets as s where client_id !~ '^client_ada'),
    (select string_agg(g::text, ' ' order by id) from openclaw.grants as g where user_id <> 'user_ada')))
$$;
create function pg_temp.lst(container_id text, generation text) returns text language sql as $$
  select pg_temp.segment(openclaw.status_list(container_id, generation), 2) #>> '{status_list,lst}'
$$;
create function pg_temp.proven(secret text) returns text language sql as $$
  select coalesce((openclaw.authenticate_client(null, null, 'client_ada', secret, null, null)).error, 'proven')
$$;
select id as everyones_client from openclaw.register_client('everyones', 'harness') \gset
select openclaw.create_grant(id, 'ctr_bob', '{mcp:tools}') as ignored
from openclaw.register_client('his', user_id => 'user_bob', grant_types => '{refresh_token}') \gset

-- Before.
\set person 'lovelace|0a0a0a|CgoKCgoK'
select is(pg_temp.tables_with(:'person'), 'openclaw.api_tokens openclaw.containers openclaw.oauth_clients openclaw.users', 'four tables name a person');
select is((openclaw.check_password('lovelace@example.com', 'correct horse', '192.0.2.7')).valid, true, 'who signs in');
select is(array[(openclaw.verify_token(:'token')).valid, (openclaw.verify_jwt(:'jwt', 'https://mcp.lovelace.example.com/mcp')).valid,
                (openclaw.verify_jwt(:'claim', 'lovelace:3100', type => 'user_claim')).valid, (openclaw.introspect(:'refresh_token') ->> 'active')::boolean,
                pg_temp.proven(:'client_secret') = 'proven'],
  array[true, true, true, true, true], 'and whose tokens, JWTs, grant and client are good');
select pg_temp.lst('ctr_none', '0') as all_revoked, pg_temp.lst('ctr_ada', '0') as none_revoked, pg_temp.others() as others \gset
select isnt(:'none_revoked'::text, :'all_revoked', 'in the status list, too');
create temp table audit_before as select a.id, a::text as was from openclaw.audit_log as a;

-- What it does.
savepoint living;
select is(openclaw.erase_user('user_ada'), true, 'erase_user takes a user');
select is(pg_temp.tables_with(:'person'), '', 'and no table names the person then');
select is((select row(email, password_hash, plan_tier, disabled_at = now(), erased_at = now())::text from openclaw.users where id = 'user_ada'), '(,,free,t,t)', 'the user''s row stays, disabled');
select is((select string_agg(concat_ws(' ', action, target), ', ' order by at) from openclaw.audit_log where id not in (select id from audit_before)),
  'disable_user user_ada, disable_container ctr_ada, disable_container ctr_ada_hosted, disable_client client_ada, disable_client client_ada_keys, disable_client client_ada_tls, erase_user user_ada',
  'the audit log says what ended');
select is(pg_temp.last_audit(), 'erase_user user_ada user_ada success', 'and that the user was erased');
select is((select count(*) from openclaw.audit_log where id not in (select id from audit_before) and (user_id <> 'user_ada' or outcome <> 'success' or reason is not null)), 0::bigint, 'all of it the user''s');
select is_empty('select b.id from audit_before as b left join openclaw.audit_log as a on a.id = b.id and a::text = b.was where a.id is null', 'the rows that it had stay as they were');
select is((select source::text from openclaw.audit_log where action = 'sign_in' and user_id = 'user_ada'), '192.0.2.7/32', 'with the addresses of sign-ins');
select is(pg_temp.others(), :'others', 'nobody else''s row has changed');

-- What is no good any more.
select is(array[(openclaw.verify_token(:'token')).reason, (openclaw.verify_jwt(:'jwt', 'https://mcp.lovelace.example.com/mcp')).reason,
                (openclaw.verify_jwt(:'claim', 'lovelace:3100', type => 'user_claim')).reason, openclaw.introspect(:'refresh_token') ->> 'active'],
  array['revoked', 'revoked', 'revoked', 'false'], 'tokens and JWTs that are still about are revoked, and so is the grant');
select is((openclaw.verify_jwt(:'jwt', 'erased')).valid, false, 'for no audience are they good');
select is(array[pg_temp.lst('ctr_ada', '0'), pg_temp.lst('ctr_ada', '1'), pg_temp.lst('ctr_ada_hosted', '0'), pg_temp.lst('ctr_ada_before', '0')],
  array[:'all_revoked', :'all_revoked', :'all_revoked', :'all_revoked'], 'the containers'' status lists say so');
select is(pg_temp.proven(:'client_secret'), 'invalid_client', 'a client does not prove who it is');
select is((select count(*) from openclaw.oauth_client_secrets where client_id ~ '^client_ada'), 0::bigint, 'since no secret of theirs is left');
select is((openclaw.check_password('lovelace@example.com', 'correct horse')).reason, 'wrong_credentials', 'nobody signs in');
select is((select reason from openclaw.audit_log where action = 'sign_in' order by at desc limit 1), 'unknown_user', 'since nobody is known by that e-mail');

-- What stays, nameless.
select is((select string_agg(concat_ws(' ', id, name, mcp_endpoint, public_key_fingerprint, disabled_at is not null), ', ' order by id) from openclaw.containers where user_id = 'user_ada'),
  'ctr_ada erased erased t, ctr_ada_before erased erased t, ctr_ada_hosted erased erased t', 'containers stay by their ids, removed');
select is((select string_agg(concat_ws(' ', id, name, auth_method, jwks, tls_subject, disabled_at is not null), ', ' order by id) from openclaw.oauth_clients where user_id = 'user_ada'),
  'client_ada erased client_secret t, client_ada_before erased client_secret t, client_ada_keys erased client_secret t, client_ada_tls erased client_secret t', 'so do clients, disabled');
select is((select count(*) from openclaw.api_tokens where user_id = 'user_ada' and (name is not null or expires_at > now() or revoked_at is null)), 0::bigint, 'tokens have ended and have no name');
select is((select count(*) from openclaw.api_tokens where user_id = 'user_ada'), 3::bigint, 'and stay');
select is((select count(*) from openclaw.maintain() where done is null), 0::bigint, 'until maintain');
select is((select count(*) from openclaw.grants where user_id = 'user_ada'), 0::bigint, 'has cleared the grants');
set local openclaw.token_retention = 0;
select is((select done from openclaw.maintain() where task = 'clear tokens'), 3::bigint, 'and, after openclaw.token_retention, the tokens');

-- Nothing comes alive again.
select pg_temp.state() as erased \gset
select is(array[openclaw.enable_user('user_ada'), openclaw.set_password('user_ada', 'battery staple'), openclaw.set_email('user_ada', 'lovelace@example.com'),
                openclaw.update_container('user_ada', 'ctr_ada', 'lovelace')],
  array[false, false, false, false], 'an erased user is not enabled, and gets no password, no e-mail and no name for a container');
select is((pg_temp.error_of(statement)).state, state, what)
from (values
  ('select openclaw.create_user(user_id => ''user_ada'')', '23505', 'the id is not given again'),
  ('select openclaw.register_container(''user_bob'', ''his'', ''external'', ''https://his.example.com'', container_id => ''ctr_ada'')', '23505', 'nor is a container''s'),
  ('select openclaw.register_client(''his'', user_id => ''user_bob'', client_id => ''client_ada_keys'')', '23505', 'nor a client''s'),
  ('select openclaw.issue_token(''user_ada'', ''{mcp:tools}'')', 'P0002', 'there is no new token'),
  ('select openclaw.register_container(''user_ada'', ''new'', ''external'', ''https://new.example.com'')', 'P0002', 'no new container'),
  ('select openclaw.register_client(''new'', user_id => ''user_ada'')', 'P0002', 'and no new client'),
  ('select openclaw.rotate_client_secret(''client_ada_keys'')', 'P0002', 'none of them gets a secret'),
  ('select openclaw.issue_access_token(''ctr_ada'', ''{mcp:tools}'')', 'P0002', 'or a JWT'),
  ('update openclaw.users set disabled_at = null where id = ''user_ada''', '23514', 'not even a superuser enables the user'),
  ('update openclaw.users set email = ''lovelace@example.com'' where id = ''user_ada''', '23514', 'or gives the e-mail back'),
  ('update openclaw.users set password_hash = ''$argon2id$x'' where id = ''user_ada''', '23514', 'or the password')) as v(statement, state, what);
select is(openclaw.erase_user('user_ada'), true, 'erasing again is true');
select is(openclaw.disable_user('user_ada'), true, 'so is disabling');
select is(pg_temp.state(), :'erased', 'none of it changes anything');
select is(openclaw.create_user('lovelace@example.com', 'user_ada_2'), 'user_ada_2', 'the e-mail is free for another user');

-- Who was disabled before, and nobody.
rollback to living;
update openclaw.users set disabled_at = now() - interval '1 day' where id = 'user_ada';
select is(openclaw.erase_user('user_ada'), true, 'a disabled user can be erased');
select is(pg_temp.tables_with(:'person'), '', 'as wholly');
select is((select row(disabled_at = now() - interval '1 day', erased_at = now())::text from openclaw.users where id = 'user_ada'), '(t,t)', 'and was disabled when it was');
select pg_temp.state() as before \gset
select is(array[openclaw.erase_user('user_none'), openclaw.erase_user(null), openclaw.erase_user(''), openclaw.erase_user('USER_BOB')], array[false, false, false, false],
  'an unknown user cannot be erased');
select is(pg_temp.state(), :'before', 'which changes nothing');

select * from finish();
rollback;
