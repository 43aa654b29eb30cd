\ir fixture.psql
select plan(11);

create function pg_temp.introspected(caller text, token text) returns text language sql as $$
  select pg_temp.front_introspect('Bearer ' || caller, token, null)::text
$$;
create function pg_temp.ok(body json) returns text language sql as $$
  select row(200, 'Content-Type: application/json', body)::text
$$;
select token as bob_jwt from openclaw.issue_access_token('ctr_bob', '{mcp:tools}') \gset
select token as alice_jwt from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') \gset

select is(pg_temp.introspected(:'harness_token', token), pg_temp.ok(openclaw.introspect(token)),
  'front_introspections tells a harness of its user''s ' || what)
from (values ('token', :'alice_token'), ('JWT', :'alice_jwt')) as v(what, token);
select is(pg_temp.introspected(:'harness_token', token), pg_temp.ok('{"active":false}'),
  'front_introspections calls another user''s ' || what || ' inactive')
from (values ('token', :'bob_token'), ('JWT', :'bob_jwt')) as v(what, token);
select is(pg_temp.introspected(:'any_user_token', token), pg_temp.ok(openclaw.introspect(token)),
  'front_introspections tells a harness with openclaw:any-user of every user''s ' || what)
from (values ('token', :'bob_token'), ('JWT', :'bob_jwt')) as v(what, token);
select is(pg_temp.introspected(:'any_user_token', 'x'), pg_temp.ok('{"active":false}'),
  'front_introspections of what is no token is inactive');
select is(pg_temp.introspected(:'harness_token', null),
  row(400, 'Content-Type: application/json',
      json_build_object('error', 'invalid_request', 'error_description',
      'the parameter token is missing'))::text,
  'front_introspections without a token is 400');
select is(pg_temp.front_introspect('Bearer ' || :'harness_token', :'alice_token',
  'refresh_token')::text,
  pg_temp.introspected(:'harness_token', :'alice_token'),
  'a wrong token_type_hint changes nothing');

select token as bound_token from openclaw.issue_token('user_alice', :'front_scopes', issued_for => 'platform_harness',
  container_id => 'ctr_alice_keys') \gset
select is(pg_temp.introspected(:'bound_token', :'alice_jwt'), pg_temp.ok('{"active":false}'),
  'a harness token that is bound to a container tells nothing of another''s');
select pg_temp.front_revoke('Bearer ' || :'bound_token', :'alice_jwt', null, 'r') as ignored \gset
select ok((openclaw.verify_jwt(:'alice_jwt', :'alice_endpoint')).valid, 'and ends nothing of another''s');

select * from finish();
rollback;
