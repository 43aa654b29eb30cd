\ir fixture.psql
select plan(8);

-- A JWT's answer is tested with its issue, and refused JWTs in jwt_forgery.sql.
select token as bound_token, token_id from openclaw.issue_token('user_alice', '{mcp:tools,data:*}',
  container_id => 'ctr_alice') \gset
select is(openclaw.introspect(:'bound_token')::jsonb,
  (select jsonb_build_object('active', true, 'token_type', 'Bearer', 'scope', 'mcp:tools data:*',
  'sub', 'user_alice',
     'user_id', 'user_alice', 'container_id', 'ctr_alice', 'issued_for', 'user_direct', 'jti', id,
     'iat', floor(extract(epoch from created_at))::bigint, 'exp',
     floor(extract(epoch from expires_at))::bigint)
   from openclaw.api_tokens where id = :'token_id'),
  'introspect of an opaque token gives its row as RFC 7662 names it');
select is((openclaw.introspect(:'harness_token')::jsonb) ->> 'issued_for', 'platform_harness',
  'introspect tells a harness''s token from a user''s');
select ok(not openclaw.introspect(:'alice_token')::jsonb ?| array['container_id', 'iss', 'aud',
  'client_id'],
  'introspect leaves out what a token does not have');
select is(array_agg(distinct openclaw.introspect(bad)::text), array['{"active":false}'],
  'introspect of whatever is no live token says only that it is not active')
from (values (null), (''), ('x'), ((select token from openclaw.mint_token('user_direct'))),
  (repeat('x', 1024 * 1024)),
             (pg_temp.altered(:'alice_token', 20)), ('eyJ..'), ('{"active":true}')) as v(bad);
select is(openclaw.introspect('eyJh.e30.AA')::text, '{"active":false}',
  'introspect of what looks like a JWT and is none is inactive');

update openclaw.api_tokens set expires_at = now() where id = :'token_id';
select is(openclaw.introspect(:'bound_token')::text, '{"active":false}',
  'introspect of an expired token is inactive');
set local openclaw.issuer = '';
select ok((openclaw.introspect(:'alice_token')::jsonb -> 'active')::boolean,
  'introspect of an opaque token needs no issuer');
select throws_ok('select openclaw.introspect(''eyJh.e30.AA'')', '55000',
  'openclaw.issuer is not set',
  'introspect of a JWT refuses while there is no issuer');

select * from finish();
rollback;
