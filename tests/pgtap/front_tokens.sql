-- front_tokens against front_token: both answer alike whatever comes, in whatever company.
\ir fixture.psql
\set exchange 'urn:ietf:params:oauth:grant-type:token-exchange'
\set all_grants '{client_credentials,refresh_token,urn:ietf:params:oauth:grant-type:token-exchange}'
select client_secret as harness from openclaw.register_client('harness', 'harness', scopes => '{mcp:*,data:read,openclaw:introspect}',
  grant_types => :'all_grants', client_id => 'harness') \gset
select client_secret as alices from openclaw.register_client('alices', user_id => 'user_alice', scopes => '{mcp:tools}',
  client_id => 'alices') \gset
select client_secret as fronts from openclaw.register_client('fronts', 'harness', scopes => '{openclaw:introspect}', client_id => 'fronts') \gset
select client_secret as refreshing from openclaw.register_client('refreshing', user_id => 'user_alice', grant_types => '{refresh_token}',
  client_id => 'refreshing') \gset
select client_secret as gone from openclaw.register_client('gone', 'harness', client_id => 'gone') \gset
select openclaw.disable_client('gone') as ignored \gset
select client_secret as former from openclaw.register_client('rotated', 'harness', client_id => 'rotated') \gset
select openclaw.rotate_client_secret('rotated', '1 hour') as previous \gset
select openclaw.rotate_client_secret('rotated', '1 hour') as rotated \gset
update openclaw.oauth_client_secrets set expires_at = now() - interval '1 minute' where secret_hash = openclaw.token_hash(:'former');
select client_secret as many from openclaw.register_client('many', 'harness', client_id => 'many',
  scopes => array(select repeat('a', 60) || n || ':' || repeat('b', 60) from generate_series(10, 73) as n)) \gset
select id as ignored from openclaw.register_client('keys', 'harness', auth_method => 'tls_client_auth', tls_subject => 'san_dns:x.example.com',
  client_id => 'keys') \gset

select openclaw.create_user(user_id => 'user_carol') as ignored, openclaw.create_user(user_id => 'user_dave') as ignored,
  openclaw.create_user(user_id => 'user_erin') as ignored, openclaw.create_user(user_id => 'user_short') as ignored,
  openclaw.register_container('user_carol', 'same', 'external', :'alice_endpoint', container_id => 'ctr_carol') as ignored,
  openclaw.register_container('user_carol', 'es256', 'external', 'https://es256.example.com', signing_alg => 'ES256') as ignored,
  openclaw.register_container('user_dave', 'one', 'external', 'https://dave.example.com') as ignored,
  openclaw.register_container('user_dave', 'two', 'external', :'bob_endpoint') as ignored,
  openclaw.register_container('user_dave', 'off', 'external', 'https://off.example.com', container_id => 'ctr_off') as ignored,
  openclaw.register_container('user_erin', 'one', 'external', 'https://erin.example.com') as ignored,
  openclaw.register_container('user_short', 'one', 'external', 'https://short.example.com') as ignored \gset
select openclaw.register_client('carols', user_id => 'user_dave', client_id => 'daves') as ignored \gset
select openclaw.rotate_client_secret('daves') as daves \gset
select openclaw.remove_container('user_dave', 'ctr_off') as ignored \gset
select openclaw.disable_user('user_dave') as ignored \gset
select openclaw.define_plan('narrow', allowed_scopes => '{mcp:tools,data:*}') as ignored,
  openclaw.define_plan('none', allowed_scopes => '{other:thing}') as ignored,
  openclaw.define_plan('short', max_token_lifetime => '2 minutes 17.5 seconds') as ignored \gset
select openclaw.register_container('user_bob', 'narrow', 'external', 'https://narrow.example.com') as ignored,
  openclaw.change_plan('user_bob', 'narrow') as ignored, openclaw.change_plan('user_erin', 'none') as ignored,
  openclaw.change_plan('user_short', 'short') as ignored \gset

create function pg_temp.basic(client text, secret text) returns text language sql as $$
  select 'Basic ' || translate(encode(convert_to(client || ':' || secret, 'UTF8'), 'base64'), e'\n', '')
$$;

create temp table request (
  n integer generated always as identity, what text, http_authorization text, client_certificate text, client_id text,
  client_secret text, client_assertion_type text, client_assertion text, grant_type text default 'client_credentials', resource text,
  audience text, scope text, user_id text, subject_token text, subject_token_type text, actor_token text,
  requested_token_type text, refresh_token text, request_id text, status integer);
insert into request (what, http_authorization, resource, scope, user_id, status)
select what, pg_temp.basic(client, secret), resource, scope, user_id, status
from (values
  ('a resource', 'harness', :'harness', :'bob_endpoint', null, null, 200),
  ('the same again', 'harness', :'harness', :'bob_endpoint', null, null, 200),
  ('a scope', 'harness', :'harness', 'https://es256.example.com/', 'mcp:tools', null, 400),
  ('a scope of a wildcard', 'harness', :'harness', :'bob_endpoint', 'data:read', null, 200),
  ('scopes out of order and twice', 'alices', :'alices', :'alice_endpoint', 'mcp:tools mcp:tools', null, 200),
  ('several scopes', 'harness', :'harness', :'bob_endpoint', 'mcp:tools data:read', null, 200),
  ('a scope that is none', 'harness', :'harness', :'bob_endpoint', 'mcp', null, 400),
  ('no scope', 'harness', :'harness', :'bob_endpoint', '', null, 400),
  ('a scope of the front', 'harness', :'harness', :'bob_endpoint', 'openclaw:introspect', null, 400),
  ('a scope too many', 'alices', :'alices', :'alice_endpoint', 'mcp:tools data:read', null, 400),
  ('65 scopes', 'harness', :'harness', :'bob_endpoint', trim(repeat('mcp:a ', 65)), null, 400),
  ('no resource', 'harness', :'harness', null, null, null, 400),
  ('an unknown resource', 'harness', :'harness', 'https://unknown.example.com', null, null, 400),
  ('a resource that is no URL', 'harness', :'harness', 'x', null, null, 400),
  ('a resource in another spelling', 'harness', :'harness', 'HTTPS://MCP.Bob.example.com:443/mcp', null, null, 200),
  ('a hosted resource', 'harness', :'harness', :'alice_hosted_endpoint', null, null, 400),
  ('a resource that takes API keys', 'harness', :'harness', 'https://keys.alice.example.com', null, null, 400),
  ('a resource that was removed', 'harness', :'harness', 'https://off.example.com', null, null, 400),
  ('a resource of a disabled user', 'harness', :'harness', 'https://dave.example.com', null, null, 400),
  ('a resource of two users', 'harness', :'harness', :'alice_endpoint', null, null, 400),
  ('one of two users', 'harness', :'harness', :'alice_endpoint', null, 'user_carol', 200),
  ('the other one', 'harness', :'harness', :'alice_endpoint', null, 'user_alice', 200),
  ('neither', 'harness', :'harness', :'alice_endpoint', null, 'user_bob', 400),
  ('a user of no name', 'harness', :'harness', :'alice_endpoint', null, '', 400),
  ('a client of one of two users', 'alices', :'alices', :'alice_endpoint', null, null, 200),
  ('a client and its own user', 'alices', :'alices', :'alice_endpoint', null, 'user_alice', 200),
  ('a client and another user', 'alices', :'alices', :'alice_endpoint', null, 'user_carol', 400),
  ('a client and another''s resource', 'alices', :'alices', :'bob_endpoint', null, null, 400),
  ('a plan that allows less', 'harness', :'harness', 'https://narrow.example.com', null, null, 200),
  ('a plan that allows what was asked for', 'harness', :'harness', 'https://narrow.example.com', 'mcp:tools', null, 200),
  ('a plan that does not', 'harness', :'harness', 'https://narrow.example.com', 'mcp:resources', null, 400),
  ('a plan that allows nothing', 'harness', :'harness', 'https://erin.example.com', null, null, 400),
  ('a plan of short lifetimes', 'harness', :'harness', 'https://short.example.com', null, null, 200),
  ('an algorithm without a key', 'harness', :'harness', 'https://es256.example.com', null, null, 503),
  ('more scopes than a JWT has room for', 'many', :'many', 'https://short.example.com', null, null, 400),
  ('a client whose scopes are the front''s alone', 'fronts', :'fronts', :'bob_endpoint', null, null, 400),
  ('a client that may only refresh', 'refreshing', :'refreshing', :'alice_endpoint', null, null, 400),
  ('a client that is disabled', 'gone', :'gone', 'https://short.example.com', null, null, 401),
  ('a client of a disabled user', 'daves', :'daves', :'bob_endpoint', null, null, 401),
  ('a client with the new secret', 'rotated', :'rotated', 'https://short.example.com', null, null, 200),
  ('a client with the one before', 'rotated', :'previous', 'https://short.example.com', null, null, 200),
  ('a client with one that is over', 'rotated', :'former', 'https://short.example.com', null, null, 401),
  ('a client with another''s secret', 'harness', :'alices', :'bob_endpoint', null, null, 401),
  ('a client with a secret that is none', 'harness', 'x', :'bob_endpoint', null, null, 401),
  ('a client without a secret', 'harness', '', :'bob_endpoint', null, null, 401),
  ('a client of another method', 'keys', :'harness', :'bob_endpoint', null, null, 401),
  ('an unknown client', 'nobody', :'harness', :'bob_endpoint', null, null, 401))
  as v(what, client, secret, resource, scope, user_id, status);
update request set status = 503 where what = 'a scope';
insert into request (what, http_authorization, client_id, client_secret, client_certificate, client_assertion_type,
  client_assertion, grant_type, resource, refresh_token, subject_token, subject_token_type, status)
select what, http_authorization, client_id, client_secret, certificate, assertion_type, assertion, grant_type, :'bob_endpoint',
       refresh_token, subject_token, subject_token_type, status
from (values
  ('client_secret_post', null, 'harness', :'harness', null, null, null, 'client_credentials', null, null, null, 200),
  ('client_secret_post, wrong', null, 'harness', :'alices', null, null, null, 'client_credentials', null, null, null, 401),
  ('a secret without a client', null, null, :'harness', null, null, null, 'client_credentials', null, null, null, 401),
  ('a client alone', null, 'harness', null, null, null, null, 'client_credentials', null, null, null, 401),
  ('nothing', null, null, null, null, null, null, 'client_credentials', null, null, null, 401),
  ('another scheme', 'Bearer ' || :'harness_token', null, null, null, null, null, 'client_credentials', null, null, null, 401),
  ('Basic that is none', 'Basic !', null, null, null, null, null, 'client_credentials', null, null, null, 401),
  ('Basic and the same client', pg_temp.basic('harness', :'harness'), 'harness', null, null, null, null, 'client_credentials', null, null, null, 200),
  ('Basic and another client', pg_temp.basic('harness', :'harness'), 'alices', null, null, null, null, 'client_credentials', null, null, null, 401),
  ('Basic and a secret', pg_temp.basic('harness', :'harness'), 'harness', :'harness', null, null, null, 'client_credentials', null, null, null, 400),
  ('Basic and an assertion', pg_temp.basic('harness', :'harness'), null, null, null, null, 'x', 'client_credentials', null, null, null, 400),
  ('Basic and an assertion''s type', pg_temp.basic('harness', :'harness'), null, null, null, 'x', null, 'client_credentials', null, null, null, 400),
  ('an assertion that is none', null, null, null, null, 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', 'x', 'client_credentials', null, null, null, 401),
  ('a certificate beside the secret', pg_temp.basic('harness', :'harness'), null, null, 'x', null, null, 'client_credentials', null, null, null, 200),
  ('no grant_type', pg_temp.basic('harness', :'harness'), null, null, null, null, null, null, null, null, null, 400),
  ('another grant_type', pg_temp.basic('harness', :'harness'), null, null, null, null, null, 'password', null, null, null, 400),
  ('a refresh token that is missing', pg_temp.basic('harness', :'harness'), null, null, null, null, null, 'refresh_token', null, null, null, 400),
  ('a refresh token that is none', pg_temp.basic('harness', :'harness'), null, null, null, null, null, 'refresh_token', 'x', null, null, 400),
  ('an exchange of nothing', pg_temp.basic('harness', :'harness'), null, null, null, null, null, :'exchange', null, null, null, 400),
  ('an exchange', pg_temp.basic('harness', :'harness'), null, null, null, null, null, :'exchange', null, :'bob_token',
   'urn:ietf:params:oauth:token-type:access_token', 200))
  as v(what, http_authorization, client_id, client_secret, certificate, assertion_type, assertion, grant_type, refresh_token,
       subject_token, subject_token_type, status);

-- An answer less what differs between any two: signature, jti and what follows from it, refresh tokens.
-- Times are told by how long the token lives.
create function pg_temp.comparable(status integer, headers text, body text) returns jsonb language plpgsql as $$
declare
  answer jsonb := body;
  claims jsonb;
begin
  if answer ? 'access_token' then
    claims := pg_temp.segment(answer ->> 'access_token', 2);
    answer := answer || jsonb_build_object('access_token', jsonb_build_array(
      pg_temp.segment(answer ->> 'access_token', 1),
      claims - '{iat,exp,jti,status}'::text[] || jsonb_build_object(
        'lives', (claims ->> 'exp')::bigint - (claims ->> 'iat')::bigint, 'uri', claims #>> '{status,status_list,uri}')));
  end if;
  return jsonb_build_array(status, headers, answer - 'refresh_token',
                           regexp_replace(body, '"(access|refresh)_token":"[^"]*"', '"\1_token":""', 'g'));
end
$$;
create temp table single as
select r.n, pg_temp.comparable(a.status, a.headers, a.body) as answer
from request as r cross join lateral openclaw.front_token(
  r.http_authorization, r.client_certificate, r.client_id, r.client_secret, r.client_assertion_type, r.client_assertion,
  r.grant_type, r.resource, r.audience, r.scope, r.user_id, r.subject_token, r.subject_token_type, r.actor_token,
  r.requested_token_type, r.refresh_token, r.request_id) as a order by r.n;
create temp table batch as
select a.n, pg_temp.comparable(a.status, a.headers, a.body) as answer
from (select array_agg(http_authorization order by n) as p1, array_agg(client_certificate order by n) as p2,
             array_agg(client_id order by n) as p3, array_agg(client_secret order by n) as p4,
             array_agg(client_assertion_type order by n) as p5, array_agg(client_assertion order by n) as p6,
             array_agg(grant_type order by n) as p7, array_agg(resource order by n) as p8,
             array_agg(scope order by n) as p10, array_agg(user_id order by n) as p11,
             array_agg(subject_token order by n) as p12, array_agg(subject_token_type order by n) as p13,
             array_agg(refresh_token order by n) as p16
      from request) as r
     cross join lateral openclaw.front_tokens(p1, p2, p3, p4, p5, p6, p7, p8, null, p10, p11, p12, p13, null, null, p16, null)
       with ordinality as a(status, headers, body, n);

select plan((select count(*)::int + 7 from request));
select is(b.answer, s.answer, 'front_tokens answers as front_token: ' || r.what)
from request as r left join single as s using (n) left join batch as b using (n) order by n;
select is_empty('select r.what, s.answer from request as r join single as s using (n) where s.answer ->> 0 <> r.status::text',
  'each of these answers has the status that it is there for');
select is((select count(*) from batch), (select count(*) from request), 'and there is one for each');

select is((select array_agg(a.status) from openclaw.front_tokens('{}', null, null, null, null, null, null, null, null,
             null, null, null, null, null, null, null, null) as a), null, 'no request has no answer');
select throws_ok($$select * from openclaw.front_tokens('{x}', '{x,y}', null, null, null, null, null, null, null,
                     null, null, null, null, null, null, null, null)$$, '2202E', null, 'arrays of two lengths are refused');
select throws_ok($$select * from openclaw.front_tokens(null, '{x}', null, null, null, null, null, null, null,
                     null, null, null, null, null, null, null, null)$$, '22004', null, 'as is no first one');
select is((select array_agg(a.status) from openclaw.front_tokens(
             array[pg_temp.basic('harness', :'harness'), pg_temp.basic('alices', :'alices')], null, null, null, null, null,
             '{client_credentials,client_credentials}', array[:'bob_endpoint', :'bob_endpoint'], null, null, null, null, null, null,
             null, null, '{req-1,req-2}') as a), '{200,400}', 'of two requests one is refused');
select results_eq($$select action, on_behalf_of, outcome, reason, request_id from openclaw.audit_log where request_id ~ '^req-'$$,
  $$values ('grant_client_credentials', 'client alices', 'refused', 'invalid_target', 'req-2')$$,
  'which leaves its audit row, with its own request');

select * from finish();
rollback;
