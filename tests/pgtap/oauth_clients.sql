-- OAuth clients: registration, secrets, and every way to prove who one is.
\ir fixture.psql
select plan(58);

create function pg_temp.basic(id text, secret text) returns text language sql as $$
  select 'Basic ' || translate(encode(convert_to(id || ':' || secret, 'UTF8'), 'base64'), e'\n', '')
$$;
-- The error, or the client's id.
create function pg_temp.who(http_authorization text default null, certificate text default null,
                            client_id text default null, secret text default null,
                            assertion_type text default null, assertion text default null)
  returns text language sql as $$
  select coalesce(a.error, a.id)
  from openclaw.authenticate_client(http_authorization, certificate, client_id, secret,
                                    assertion_type, assertion) as a
$$;

select id, client_secret as secret from openclaw.register_client('agent', user_id => 'user_alice') \gset
select matches(:'id'::text, '^client_[0-9A-Za-z]{22}$', 'a client gets an id');
select matches(:'secret'::text, '^ocs_[0-9A-Za-z]{49}$', 'and a secret');
select is(pg_temp.last_audit(), 'register_client user_alice ' || :'id' || ' success', 'registering leaves an audit row');
select is(array(select encode(secret_hash, 'hex') from openclaw.oauth_client_secrets),
  array[encode(sha256(:'secret'), 'hex')], 'of the secret its SHA-256 alone is stored');

-- client_secret_basic and client_secret_post.
select is(pg_temp.who(pg_temp.basic(:'id', :'secret')), :'id', 'client_secret_basic');
select is(pg_temp.who(replace(pg_temp.basic(:'id', :'secret'), 'Basic ', 'bASIC   ')), :'id', 'the scheme in any case, with spaces after it');
select is(pg_temp.who(pg_temp.basic(replace(:'id', 'client_', 'client%5F'), :'secret')), :'id',
  'its two parts are form-encoded (RFC 6749 section 2.3.1)');
select is(pg_temp.who(pg_temp.basic(:'id', :'secret'), client_id => :'id'), :'id', 'client_id may come beside it');
select is(pg_temp.who(client_id => :'id', secret => :'secret'), :'id', 'client_secret_post');
select is(pg_temp.who(header, client_id => id, secret => secret), 'invalid_client', what || ' is invalid_client')
from (values
  ('another client_id beside Basic', pg_temp.basic(:'id', :'secret'), 'other', null),
  ('a wrong secret', pg_temp.basic(:'id', 'ocs_x'), null, null),
  ('an unknown client', pg_temp.basic('nobody', :'secret'), null, null),
  ('an empty secret', pg_temp.basic(:'id', ''), null, null),
  ('Basic without a colon', 'Basic eA==', null, null),
  ('Basic that is no base64', 'Basic !!!!', null, null),
  ('Basic with a half escape', pg_temp.basic(:'id' || '%5', :'secret'), null, null),
  ('Basic that is not UTF-8', 'Basic ' || encode('\xff3aff', 'base64'), null, null),
  ('Basic with nothing', 'Basic ', null, null),
  ('a bearer token', 'Bearer ' || :'secret', null, null),
  ('a client_id alone', null, :'id', null),
  ('no credentials', null, null, null),
  ('a wrong secret by post', null, :'id', 'x'),
  ('a secret without a client_id', null, null, :'secret')) as v(what, header, id, secret);
select is(pg_temp.who(pg_temp.basic(:'id', :'secret'), client_id => :'id', secret => :'secret'), 'invalid_request',
  'two ways in one request are invalid_request (RFC 6749 section 2.3)');

-- A rotation with overlap, and without.
select openclaw.rotate_client_secret(:'id') as second \gset
select is(array[pg_temp.who(client_id => :'id', secret => :'secret'), pg_temp.who(client_id => :'id', secret => :'second')],
  array[:'id', :'id'], 'while one secret replaces another both are good');
update openclaw.oauth_client_secrets set expires_at = clock_timestamp() where expires_at is not null;
select is(array[pg_temp.who(client_id => :'id', secret => :'secret'), pg_temp.who(client_id => :'id', secret => :'second')],
  array['invalid_client', :'id'], 'after the overlap the new one alone');
select openclaw.rotate_client_secret(:'id', '0') as third \gset
select is(array[pg_temp.who(client_id => :'id', secret => :'second'), pg_temp.who(client_id => :'id', secret => :'third')],
  array['invalid_client', :'id'], 'without an overlap the old one ends at once');
select is((select concat_ws(' ', action, user_id, target, outcome) from openclaw.audit_log
           where action <> 'authenticate_client' order by at desc limit 1), 'rotate_client_secret user_alice ' || :'id' || ' success', 'a rotation leaves an audit row');

-- private_key_jwt: what is no assertion. Good ones need a client's private key: core's unit tests and
-- tests/e2e/oauth_clients.test.mjs have them.
select kid, public_jwk from openclaw.signing_keys where activates_at <= clock_timestamp() \gset
select id as signer from openclaw.register_client('signer', 'harness', auth_method => 'private_key_jwt',
  jwks => format('{"keys":[%s]}', :'public_jwk')) \gset
select is((select client_secret from openclaw.register_client('signer 2', 'harness', auth_method => 'private_key_jwt',
  jwks => format('{"keys":[%s]}', :'public_jwk'))), null, 'a client with keys has no secret');
\set jwt_bearer urn:ietf:params:oauth:client-assertion-type:jwt-bearer
-- Attack 25: an access token of ours, signed by the same key, is no assertion.
select token as access_token from openclaw.sign_jwt('access_token', 'EdDSA', :'signer', :'issuer', '{}', null, null, 60) \gset
select is((openclaw.verify_client_assertion(:'access_token', :'signer',
  (select jwks from openclaw.oauth_clients where id = :'signer'))).reason, 'wrong_type',
  'an access token is no client assertion');
select is(pg_temp.who(client_id => :'signer', assertion_type => :'jwt_bearer', assertion => :'access_token'), 'invalid_client',
  'nor does it authenticate a client');
select is(pg_temp.who(assertion_type => :'jwt_bearer', assertion => bad), 'invalid_client', 'an assertion that is ' || what || ' is invalid_client')
from (values ('empty', ''), ('no JWT', 'x'), ('over 8 KiB', repeat('x', 9000))) as v(what, bad);
select is(pg_temp.who(assertion => :'access_token'), 'invalid_request', 'an assertion without its type is invalid_request');
select is(pg_temp.who(assertion_type => 'x', assertion => :'access_token'), 'invalid_request', 'or with another');
select is(array[openclaw.accept_assertion(:'signer', sha256('a'), now()), openclaw.accept_assertion(:'signer', sha256('a'), now()),
                openclaw.accept_assertion(:'id', sha256('a'), now())], array[true, false, true],
  'a jti is accepted once for each client');

-- tls_client_auth.
select is((openclaw.client_certificate(bad)).thumbprint, null, 'a certificate that is ' || what || ' is none')
from (values ('empty', ''), ('text', 'x'), ('an empty byte sequence', '::'), ('null', null)) as v(what, bad);
select id as mtls from openclaw.register_client('mtls', 'harness', auth_method => 'tls_client_auth',
  tls_subject => 'san_dns:agent.example.com') \gset
select is(pg_temp.who(client_id => :'mtls'), 'invalid_client', 'a client with a certificate needs to show it');
select is(pg_temp.who(client_id => :'mtls', certificate => 'x'), 'invalid_client', 'and one that can be read');

-- Ends.
select ok(openclaw.disable_client(:'id'), 'disable_client takes a client');
select is(pg_temp.who(client_id => :'id', secret => :'third'), 'invalid_client', 'which authenticates no more');
select ok(openclaw.disable_client(:'id'), 'twice is the same');
select ok(not openclaw.disable_client('nobody'), 'an unknown one is false');
select id as hers, client_secret as her_secret from openclaw.register_client('hers', user_id => 'user_alice') \gset
select openclaw.disable_user('user_alice') as ignored \gset
select is(pg_temp.who(client_id => :'hers', secret => :'her_secret'), 'invalid_client', 'a disabled user''s client authenticates no more');

select throws_ok(statement, state, null, what)
from (values
  ('select openclaw.register_client(''x'')', '23514', 'an MCP client needs a user'),
  ('select openclaw.register_client(''x'', ''other'')', '23514', 'a kind that is none is refused'),
  ('select openclaw.register_client(''x'', user_id => ''user_none'')', 'P0002', 'an unknown user is refused'),
  ('select openclaw.register_client(''x'', ''harness'', scopes => ''{A b}'')', '22023', 'scopes that are none are refused'),
  ('select openclaw.register_client(''x'', ''harness'', grant_types => ''{password}'')', '23514', 'a grant that is none is refused'),
  ('select openclaw.register_client(''x'', ''harness'', grant_types => ''{}'')', '22023', 'no grant at all is refused'),
  ('select openclaw.register_client(''x'', ''harness'', auth_method => ''private_key_jwt'')', '23514', 'private_key_jwt needs keys'),
  ('select openclaw.register_client(''x'', ''harness'', auth_method => ''tls_client_auth'')', '23514', 'tls_client_auth needs a subject'),
  ('select openclaw.register_client(''x'', ''harness'', jwks => ''{"keys":[]}'', auth_method => ''private_key_jwt'')', '22023', 'an empty JWK set is refused'),
  ('select openclaw.rotate_client_secret(''nobody'')', 'P0002', 'an unknown client has no secret to rotate'))
  as v(statement, state, what);

select * from finish();
rollback;
