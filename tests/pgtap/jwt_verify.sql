\ir fixture.psql
select plan(44);

create function pg_temp.refused(reason text) returns text language sql as $$
  select row(false, reason, null, null, null, null, null, null, null, null, null)::text
$$;
select token as jwt from openclaw.issue_access_token('ctr_alice', '{mcp:*}') \gset
select token as claim from openclaw.issue_user_claim('user_alice', 'ctr_alice_hosted') \gset

select ok((openclaw.verify_jwt(:'jwt', :'alice_endpoint', '{mcp:tools}', 'user_alice',
  'access_token')).valid,
  'an access token is good for its audience, user and scopes');
select is((openclaw.verify_jwt(:'jwt', audience))::text, pg_temp.refused('wrong_audience'),
  'an access token is refused for the audience ' || to_json(audience))
from unnest(array['', 'https://mcp.bob.example.com/mcp', 'https://mcp.alice.example.com',
                  'https://mcp.alice.example.com/mc', 'https://mcp.alice.example.com/mcp/',
                  'HTTPS://mcp.alice.example.com/mcp', 'alice-mcp:3100']) as audience;
select is((openclaw.verify_jwt(:'jwt', :'alice_endpoint', user_id => other))::text,
  pg_temp.refused('wrong_user'),
  'an access token of user_alice is refused for ' || to_json(other))
from unnest(array['user_bob', '', 'user_alic', 'USER_ALICE']) as other;
select is((openclaw.verify_jwt(:'jwt', :'alice_endpoint', '{data:read}'))::text,
  pg_temp.refused('insufficient_scope'),
  'an access token is refused for a scope that it does not grant');
select is((openclaw.verify_jwt(:'jwt', :'alice_endpoint', type => 'user_claim'))::text,
  pg_temp.refused('wrong_type'),
  'an access token is no user claim');
select is((openclaw.verify_jwt(:'claim', :'alice_hosted_endpoint'))::text,
  pg_temp.refused('wrong_type'),
  'a user claim is no access token');
select is((openclaw.verify_jwt(null, :'alice_endpoint'))::text, pg_temp.refused('malformed'),
  'a JWT of null is malformed');
select is((openclaw.verify_jwt(:'alice_token', :'alice_endpoint'))::text,
  pg_temp.refused('malformed'),
  'an opaque token is no JWT');

select throws_ok(format('select openclaw.verify_jwt(%L, %L, %L, %L, %L)', :'jwt', audience, scopes,
  user_id, type),
  state, message, 'verify_jwt refuses to check ' || what)
from (values
  ('an audience of null', null, '{}', null, 'access_token', '22004', 'audience must not be null'),
  ('an audience over 2048 bytes', repeat('x', 2049), '{}', null, 'access_token', '54000',
  'audience is too long'),
  ('scopes of null', 'a', null, null, 'access_token', '22004', 'required_scopes must not be null'),
  ('a null scope', 'a', '{NULL}', null, 'access_token', '22004', 'required_scopes holds a null'),
  ('a wildcard scope', 'a', '{mcp:*}', null, 'access_token', '22023',
  'required_scopes holds an invalid scope'),
  ('a user over 256 bytes', 'a', '{}', repeat('x', 257), 'access_token', '54000',
  'user_id is too long'),
  ('a type of null', 'a', '{}', null, null, '22004', 'type must not be null'),
  ('a type that is none', 'a', '{}', null, 'id_token', '22023', 'unknown JWT type'))
  as v(what, audience, scopes, user_id, type, state, message);

-- Attack 26: sub and user_id come from one argument, which cannot write members of its own.
create function pg_temp.signed(user_id text, lifetime integer default 60,
  container_id text default null)
  returns text language sql as $$
  select token from openclaw.sign_jwt('access_token', 'EdDSA', user_id, 'https://mcp.alice.example.com/mcp',
                                      '{mcp:tools}', null, container_id, lifetime,
                                      case when container_id is not null then 0 end)
$$;
select is((openclaw.verify_jwt(pg_temp.signed(''), :'alice_endpoint'))::text,
  pg_temp.refused('wrong_user'),
  'a JWT with an empty user is refused');
select is(pg_temp.segment(pg_temp.signed('x","user_id":"user_bob'), 2) ->> 'user_id',
  'x","user_id":"user_bob',
  'a user id cannot write claims of its own');

-- As a table stores it: compressed, or out of line.
create temp table stored (jwt text, padding text) with (toast_tuple_target = 128);
alter table stored alter column jwt set storage external, alter column padding set storage plain;
insert into stored select token, repeat('x', 1500) from openclaw.issue_access_token('ctr_alice', '{mcp:tools}');
select ok((openclaw.verify_jwt(jwt, :'alice_endpoint')).valid,
  'a JWT that is stored out of line is read whole') from stored;

-- Attack 24.
savepoint s;
set local openclaw.issuer = 'https://auth.openclaw.test/';
select is((openclaw.verify_jwt(:'jwt', :'alice_endpoint'))::text, pg_temp.refused('wrong_issuer'),
  'an issuer that differs by a slash is another issuer');
set local openclaw.issuer = 'https://AUTH.openclaw.test';
select is((openclaw.verify_jwt(:'jwt', :'alice_endpoint'))::text, pg_temp.refused('wrong_issuer'),
  'an issuer that differs by case is another issuer');
set local openclaw.issuer = '';
select throws_ok(format('select openclaw.verify_jwt(%L, %L)', :'jwt', :'alice_endpoint'), '55000',
  'openclaw.issuer is not set', 'no JWT is good while there is no issuer');
rollback to s;

-- Attack 22.
select is((openclaw.verify_jwt(pg_temp.signed('user_alice', lifetime), :'alice_endpoint'))::text,
  pg_temp.refused('expired'),
  'a JWT whose exp is now' || to_char(lifetime, 'FMSG9') || ' s is expired, without leeway')
from unnest(array[0, -1, -3600]) as lifetime;
select is((openclaw.verify_jwt(pg_temp.signed('user_alice', -2147483648), :'alice_endpoint'))::text,
  pg_temp.refused('malformed'), 'a JWT whose exp is before 1970 is malformed');
set local plan_cache_mode = force_generic_plan;
prepare verify(text) as
  select coalesce((openclaw.verify_jwt($1, 'https://mcp.alice.example.com/mcp')).reason,
    'valid') as answer;
select pg_temp.signed('user_alice', -1) as expired_jwt \gset
execute verify(:'jwt') \gset first_
execute verify(:'expired_jwt') \gset then_
select is(array[:'first_answer', :'then_answer'], array['valid', 'expired'],
  'a prepared statement''s generic plan reads the clock at every execution');
select is(openclaw.introspect(:'expired_jwt')::text, '{"active":false}',
  'an expired JWT is inactive');

-- What ends a JWT before its expiry.
savepoint s;
update openclaw.users set disabled_at = now() where id = 'user_alice';
select is((openclaw.verify_jwt(:'jwt', :'alice_endpoint'))::text, pg_temp.refused('revoked'),
  'disabling a user ends the user''s JWTs in the same transaction');
select is(openclaw.introspect(:'jwt')::text, '{"active":false}',
  'a disabled user''s JWT is inactive');
rollback to s;
select ok((openclaw.verify_jwt(:'jwt', :'alice_endpoint')).valid,
  'a rolled-back disabling leaves the JWT good');
update openclaw.containers set disabled_at = now() where id = 'ctr_alice';
select is((openclaw.verify_jwt(:'jwt', :'alice_endpoint'))::text, pg_temp.refused('revoked'),
  'disabling a container ends its JWTs in the same transaction');
rollback to s;
update openclaw.containers set user_id = 'user_bob', name = 'was alice''s' where id = 'ctr_alice';
select is((openclaw.verify_jwt(:'jwt', :'alice_endpoint'))::text, pg_temp.refused('revoked'),
  'a JWT does not go along when its container changes hands');
rollback to s;
delete from openclaw.containers where id = 'ctr_alice';
select is((openclaw.verify_jwt(:'jwt', :'alice_endpoint'))::text, pg_temp.refused('revoked'),
  'a JWT for a deleted container is refused');
delete from openclaw.users where id = 'user_alice';
select is((openclaw.verify_jwt(:'jwt', :'alice_endpoint'))::text, pg_temp.refused('revoked'),
  'a JWT of a deleted user is refused');

select * from finish();
rollback;
