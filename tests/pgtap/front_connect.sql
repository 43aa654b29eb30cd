\ir fixture.psql
select plan(29);

create function pg_temp.connected(caller text, container_id text, scope text default null,
  user_id text default null)
  returns openclaw.http_answer language sql as $$
  select openclaw.front_connect('Bearer ' || caller, user_id, container_id, scope)
$$;
create function pg_temp.refused(status integer, error text, description text) returns text language sql as $$
  select row(status, 'Content-Type: application/json',
             json_build_object('error', error, 'error_description', description))::text
$$;
create function pg_temp.jwt_of(answer openclaw.http_answer) returns text language sql as $$
  select regexp_replace(value, '^Bearer ', '') from json_each_text((answer).body::json -> 'headers')
$$;

select (c).status, (c).headers, (c).body, pg_temp.jwt_of(c) as jwt
from (select pg_temp.connected(:'harness_token', 'ctr_alice', 'mcp:tools') as c offset 0) as s \gset
select is(:'status' || ' ' || :'headers', '200 Content-Type: application/json',
  'front_connect to an external container is 200');
select is(:'body'::jsonb - array['headers', 'expires_at', 'refresh_at'],
  jsonb_build_object('mcp_endpoint', :'alice_endpoint', 'type', 'external', 'auth_method',
  'platform_token',
    'tls', '{"client_certificate":false,"public_key_fingerprint":null}'::jsonb),
  'front_connect gives the endpoint and what TLS must do');
select is((select row(valid, user_id, container_id, scopes)::text
           from openclaw.verify_jwt(:'jwt', :'alice_endpoint')),
  '(t,user_alice,ctr_alice,{mcp:tools})',
  'front_connect''s token is for the container, its user and the scope asked for');
select is(((:'body'::json) ->> 'expires_at')::numeric - ((:'body'::json) ->> 'refresh_at')::numeric,
  60::numeric,
  'front_connect gives expiry and refresh as NumericDates');
select is((select scopes from openclaw.verify_jwt(pg_temp.jwt_of(pg_temp.connected(:'harness_token',
  'ctr_alice')), :'alice_endpoint')),
  '{mcp:*}'::text[],
  'without a scope it grants all that the harness holds but its rights at the front');
select is(((pg_temp.connected(:'harness_token',
  'ctr_alice_hosted')).body::json -> 'tls' ->> 'client_certificate'), 'true',
  'front_connect to a hosted container asks for the client certificate');

select is((pg_temp.connected(:'harness_token', 'ctr_alice', user_id => 'user_alice')).status, 200,
  'a harness may name its own user');
select is(pg_temp.connected(:'harness_token', container_id, user_id => user_id)::text,
  pg_temp.refused(404, 'not_found', 'no such container'), 'front_connect to ' || what || ' is 404')
from (values ('an unknown container', 'ctr_none', null),
  ('another user''s container', 'ctr_bob', null),
             ('another user''s container in that user''s name', 'ctr_bob', 'user_bob'),
             ('its own container in another user''s name', 'ctr_alice', 'user_bob'),
             ('an unknown user''s container', 'ctr_alice', 'user_none'), ('an empty id', '', null))
     as v(what, container_id, user_id);
select is((pg_temp.connected(:'any_user_token', 'ctr_bob', user_id => 'user_bob')).status, 200,
  'a harness with openclaw:any-user reaches every user''s container');
select is(pg_temp.connected(:'any_user_token', 'ctr_bob')::text,
  pg_temp.refused(404, 'not_found', 'no such container'),
  'which it must name, or it acts for its own');

select token as bound_token from openclaw.issue_token('user_alice', :'front_scopes',
  issued_for => 'platform_harness',
                                                      container_id => 'ctr_alice') \gset
select is((pg_temp.connected(:'bound_token', 'ctr_alice')).status, 200,
  'a harness bound to a container reaches it');
select is(pg_temp.connected(:'bound_token', 'ctr_alice_hosted')::text,
  pg_temp.refused(404, 'not_found', 'no such container'),
  'and no other');

select is(pg_temp.connected(:'harness_token', null)::text,
  pg_temp.refused(400, 'invalid_request', 'the parameter container_id is missing'),
  'front_connect without a container is 400');
select is(pg_temp.connected(:'harness_token', 'ctr_alice', bad)::text,
  pg_temp.refused(400, 'invalid_scope',
  'scope must be a list of scopes that the harness''s token covers'),
  'front_connect for the scope ' || to_json(left(bad, 20)) || ' is 400')
from unnest(array['', 'data:read', 'mcp:tools data:read', ' mcp:tools', e'mcp:tools\n', '*:*',
  repeat('a:b ', 70) || 'a:b']) as bad;
select token as front_only from openclaw.issue_token('user_alice', '{openclaw:connect}',
  issued_for => 'platform_harness') \gset
select is((pg_temp.connected(:'front_only', 'ctr_alice')).status, 400,
  'a harness with rights at the front alone gets no token');

select is(pg_temp.connected(:'harness_token', 'ctr_alice_keys')::text,
  pg_temp.refused(400, 'invalid_target',
                  'this container takes only API keys, which its owner manages'),
  'front_connect to a container that takes API keys only is 400 invalid_target');
savepoint keys;
update openclaw.signing_keys set revoked_at = now();
select is((pg_temp.connected(:'harness_token', 'ctr_alice')).status, 503,
  'front_connect without a key that can sign is 503');
rollback to keys;
update openclaw.containers set disabled_at = now() where id = 'ctr_alice';
select is(pg_temp.connected(:'harness_token', 'ctr_alice')::text,
  pg_temp.refused(404, 'not_found', 'no such container'),
  'front_connect to a disabled container is 404');

select * from finish();
rollback;
