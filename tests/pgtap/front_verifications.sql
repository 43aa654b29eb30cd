\ir fixture.psql
-- /v1/verify, request by request, and many in one call.
select plan(42);

create function pg_temp.verified(token text, audience text, scope text default null) returns text language sql as $$
  select pg_temp.front_verify('Bearer ' || token, audience, scope)::text
$$;
create function pg_temp.unauthorized() returns text language sql as $$
  select row(401, e'Content-Type: application/json\nWWW-Authenticate: Bearer error="invalid_token"',
             '{"error" : "invalid_token", "error_description" : "the token is not good for this resource"}')::text
$$;
create function pg_temp.good(user_id text, container_id text, scope text) returns text language sql as $$
  select row(200, format(e'Content-Type: application/json\nX-OpenClaw-User-Id: %s\nX-OpenClaw-Container-Id: %s\nX-OpenClaw-Scope: %s',
                         user_id, container_id, scope),
             format('{"user_id":"%s","container_id":"%s","scope":"%s"}', user_id, container_id, scope))::text
$$;
select token as jwt from openclaw.issue_access_token('ctr_alice', '{mcp:*}') \gset
select token as claim from openclaw.issue_user_claim('user_alice', 'ctr_alice_hosted',
  '{mcp:*}') \gset
select token as bound_token from openclaw.issue_token('user_alice', '{mcp:tools}',
  container_id => 'ctr_alice') \gset

select is(pg_temp.verified(:'jwt', :'alice_endpoint', 'mcp:tools'),
  pg_temp.good('user_alice', 'ctr_alice', 'mcp:*'),
  'front_verifications lets an access token in at its audience');
select is(pg_temp.verified(:'alice_token', :'alice_endpoint'),
  pg_temp.good('user_alice', 'ctr_alice', 'mcp:* data:read'),
  'front_verifications lets a user''s token in at each of the user''s containers');
select is(pg_temp.verified(:'alice_token', :'alice_hosted_endpoint'),
  pg_temp.good('user_alice', 'ctr_alice_hosted', 'mcp:* data:read'),
  'front_verifications names the container that the audience stands for');
select is(pg_temp.verified(:'bound_token', :'alice_endpoint', ''),
  pg_temp.good('user_alice', 'ctr_alice', 'mcp:tools'),
  'front_verifications lets a bound token in at its container');

select is(pg_temp.verified(token, audience), pg_temp.unauthorized(),
  'front_verifications refuses ' || what)
from (values
  ('an access token at another audience', :'jwt', :'bob_endpoint'),
  ('an access token at an audience that starts as its own', :'jwt', :'alice_endpoint' || '/'),
  ('a user claim', :'claim', :'alice_hosted_endpoint'),
  ('a user''s token at another user''s container', :'alice_token', :'bob_endpoint'),
  ('a user''s token at an unknown audience', :'alice_token', 'https://none.example.com'),
  ('a user''s token at an empty audience', :'alice_token', ''),
  ('a bound token at its user''s other container', :'bound_token', :'alice_hosted_endpoint'),
  ('a harness''s token', :'harness_token', :'alice_endpoint'),
  ('a token never issued', (select token from openclaw.mint_token('user_direct')),
  :'alice_endpoint'),
  ('what is no token', 'x', :'alice_endpoint'))
  as v(what, token, audience);
select is(pg_temp.front_verify(credentials, :'alice_endpoint', null)::text, pg_temp.unauthorized(),
  'front_verifications refuses ' || what)
from (values ('an empty header', ''), ('another scheme', 'Basic ' || :'alice_token'),
  ('no scheme', :'alice_token'),
             ('two tokens', 'Bearer ' || :'alice_token' || ' ' || :'alice_token'))
     as v(what, credentials);
select is(pg_temp.front_verify(null, :'alice_endpoint', null)::text,
  row(401, e'Content-Type: application/json\nWWW-Authenticate: Bearer',
      '{"error" : "invalid_token", "error_description" : "a bearer token is required"}')::text,
  'front_verifications without credentials is 401 with a challenge that names no error');
select is(pg_temp.verified(token, :'alice_endpoint', 'mcp:tools data:write'),
  row(403,
  e'Content-Type: application/json\nWWW-Authenticate: Bearer error="insufficient_scope", scope="mcp:tools data:write"',
      '{"error" : "insufficient_scope", "error_description" : "the token lacks a required scope"}')::text,
  'front_verifications of ' || what || ' that lacks a scope is 403, and names what is required')
from (values ('an access token', :'jwt'), ('a user''s token', :'alice_token')) as v(what, token);

select is((pg_temp.front_verify('Bearer ' || :'alice_token', audience, null)).status, 400,
  'front_verifications with an audience ' || what || ' is 400')
from (values ('of null', null), ('over 2048 bytes', repeat('x', 2049))) as v(what, audience);
select is(pg_temp.verified(:'alice_token', :'alice_endpoint', bad),
  row(400, 'Content-Type: application/json',
      '{"error" : "invalid_scope", "error_description" : "scope must be a list of area:action"}')::text,
  'front_verifications for the scope ' || to_json(left(bad, 20)) || ' is 400, and repeats nothing of it')
from unnest(array['mcp', 'mcp:*', ' ', 'a:b"', e'a:b\r\nX: y', repeat('a:b ', 70) || 'a:b']) as bad;

-- What goes into a header comes from the tables, whose checks let no line end in.
select throws_ok(format('update openclaw.%s', change), '23514', null,
  what || ' cannot hold a line''s end')
from (values ('a user''s id', $$users set id = e'a\r\nX: y' where id = 'user_bob'$$),
             ('a container''s id', $$containers set id = e'a\nb' where id = 'ctr_alice_keys'$$),
             ('a token''s scopes', $$api_tokens set scopes = array[e'a:b\nX: y']$$))
     as v(what, change);

-- Many in one call, each as if it came alone.
create temp table request as
select row_number() over () as n, r.* from (values
  ('Bearer ' || :'jwt', :'alice_endpoint', null), ('Bearer ' || :'alice_token', :'alice_hosted_endpoint', 'mcp:tools'),
  ('Bearer ' || :'alice_token', :'bob_endpoint', ''), (null, :'alice_endpoint', ''), ('Bearer ' || :'jwt', null, ''),
  ('Bearer ' || :'jwt', :'alice_endpoint', 'data:write'), ('bearer   ' || :'bound_token', :'alice_endpoint', 'mcp:tools'),
  ('Bearer ' || repeat('x', 100000), :'alice_endpoint', ''), ('Bearer ' || :'alice_token', :'alice_endpoint', 'mcp:*'))
  as r(http_authorization, audience, scope);
create function pg_temp.together() returns setof openclaw.http_answer language sql as $$
  select a.* from (select array_agg(http_authorization order by n) as authorizations, array_agg(audience order by n) as audiences,
                          array_agg(scope order by n) as scopes from request) as r,
       openclaw.front_verifications(r.authorizations, r.audiences, r.scopes) as a
$$;
select results_eq('select * from pg_temp.together()',
  'select a.* from request as r, pg_temp.front_verify(r.http_authorization, r.audience, r.scope) as a order by r.n',
  'each request of a call has the answer that it gets alone');
select is(array(select status from pg_temp.together()), '{200,200,401,401,400,403,200,401,400}', 'which differ');
select is(array(select status from openclaw.front_verifications(array['Bearer ' || :'jwt', 'x'], array[:'alice_endpoint', 'x'], null)),
  '{200,401}', 'no array of scopes demands none');
select is(array(select status from openclaw.front_verifications(array['Bearer ' || :'jwt'], null, null)), '{400}',
  'no array of audiences names none');
select is_empty($$select * from openclaw.front_verifications('{}', null, null)$$, 'no request has no answer');
select throws_ok($$select openclaw.front_verifications('{x,y}', '{x}', null)$$, '2202E', null, 'arrays have one length');
select throws_ok($$select openclaw.front_verifications(null, '{x}', null)$$, '22004', null, 'the first one is there');
select throws_ok($$select openclaw.front_verifications(array_fill('x'::text, array[1025]), null, null)$$, '54000', null,
  'a call takes at most 1024 requests');

update openclaw.containers set disabled_at = now() where id = 'ctr_alice';
select is(pg_temp.verified(token, :'alice_endpoint'), pg_temp.unauthorized(),
  'front_verifications refuses ' || what || ' at a disabled container')
from (values ('an access token', :'jwt'), ('a user''s token', :'alice_token')) as v(what, token);

select * from finish();
rollback;
