-- Who may call /oauth/introspect, /oauth/revoke and /v1/connect: one rule for the three.
\ir fixture.psql
select plan(52);

create temp table endpoint as select * from (values
  ('front_introspections', 'openclaw:introspect',
  'select * from pg_temp.front_introspect(%L, ''x'', null)'),
  ('front_revoke', 'openclaw:revoke', 'select * from pg_temp.front_revoke(%L, ''x'', null, null)'),
  ('front_connect', 'openclaw:connect',
  'select * from openclaw.front_connect(%L, null, ''ctr_alice'', null)'))
  as v(name, scope, call);
create function pg_temp.answer(call text, http_authorization text) returns openclaw.http_answer
  language plpgsql as $$
declare
  answer openclaw.http_answer;
begin
  execute format(call, http_authorization) into answer;
  return answer;
end
$$;
create function pg_temp.unauthorized(challenge text, description text) returns text language sql as $$
  select row(401, e'Content-Type: application/json\nWWW-Authenticate: ' || challenge,
             json_build_object('error', 'invalid_token', 'error_description', description))::text
$$;

select is(openclaw.bearer_token(field), token, 'bearer_token of ' || coalesce(to_json(field)::text, 'null'))
from (values ('Bearer abc', 'abc'), ('bEaReR  a-b._~+/=', 'a-b._~+/='), ('Bearer', null), ('Bearer ', null),
             ('Bearer   ', null), ('Bearerabc', null), ('Basic abc', null), (' Bearer abc', null), ('', null),
             (null, null)) as v(field, token);

select is((pg_temp.answer(call, 'Bearer ' || :'harness_token')).status, 200,
  name || ' answers a harness with its scope')
from endpoint;
select is((pg_temp.answer(call, 'bEARER   ' || :'harness_token')).status, 200,
  name || ' takes the scheme in any case, with spaces after it') from endpoint;
select is(pg_temp.answer(call, null)::text,
  pg_temp.unauthorized('Bearer', 'a bearer token is required'),
  name || ' without credentials is 401 with a challenge that names no error') from endpoint;

select openclaw.revoke_token('user_alice', id) as ignored, token as revoked_token
from (select token, token_id as id
      from openclaw.issue_token('user_alice', :'front_scopes',
        issued_for => 'platform_harness')) as t \gset
select token as expired_token, token_id as expired_id
from openclaw.issue_token('user_alice', :'front_scopes', issued_for => 'platform_harness') \gset
update openclaw.api_tokens set expires_at = now() where id = :'expired_id';
select token as own_token from openclaw.issue_token('user_alice', :'front_scopes') \gset
select token as jwt from openclaw.issue_access_token('ctr_alice', :'front_scopes') \gset
select is(pg_temp.answer(call, credentials)::text,
  pg_temp.unauthorized('Bearer error="invalid_token"', 'the token is not good for this resource'),
  name || ' with ' || what || ' is 401 invalid_token')
from endpoint, (values
  ('an empty header', ''), ('another scheme', 'Digest ' || :'harness_token'),
  ('no scheme', :'harness_token'),
  ('text after the token', 'Bearer ' || :'harness_token' || ', x'),
  ('a line after the token', 'Bearer ' || :'harness_token' || e'\nx'),
  ('a revoked token', 'Bearer ' || :'revoked_token'),
  ('an expired token', 'Bearer ' || :'expired_token'),
  ('a user''s own token, whatever its scopes', 'Bearer ' || :'own_token'),
  ('an access token', 'Bearer ' || :'jwt')) as v(what, credentials);

select token as weak_token from openclaw.issue_token('user_alice', '{mcp:*}',
  issued_for => 'platform_harness') \gset
select is(pg_temp.answer(call, 'Bearer ' || :'weak_token')::text,
  row(403,
  format(e'Content-Type: application/json\nWWW-Authenticate: Bearer error="insufficient_scope", scope="%s"', scope),
      json_build_object('error', 'insufficient_scope', 'error_description',
      'the token lacks a required scope'))::text,
  name || ' without its scope is 403, and names the scope') from endpoint;
select is((pg_temp.answer(call, 'Bearer ' || token)).status, 200,
  name || ' is open to the wildcard openclaw:*')
from endpoint, openclaw.issue_token('user_alice', '{openclaw:*,mcp:*}',
  issued_for => 'platform_harness');

select * from finish();
rollback;
