-- What the token endpoint decides, for a backend that calls it in its own transaction: client
-- credentials, exchange, refresh.
\ir fixture.psql
select plan(63);

\set all_grants '{client_credentials,refresh_token,urn:ietf:params:oauth:grant-type:token-exchange}'
select id as harness from openclaw.register_client('harness', 'harness', scopes => '{mcp:*,data:read,openclaw:introspect}',
  grant_types => :'all_grants', client_id => 'harness') \gset
select id as alices from openclaw.register_client('alices', user_id => 'user_alice', scopes => '{mcp:tools}',
  grant_types => :'all_grants', client_id => 'alices') \gset
select openclaw.create_user(user_id => 'user_carol') as ignored,
  openclaw.register_container('user_carol', 'same', 'external', :'alice_endpoint', container_id => 'ctr_carol') as ignored \gset

-- The payload of what was granted, or the error.
create function pg_temp.outcome(g openclaw.token_grant) returns jsonb language sql as $$
  select case when g.error is null then pg_temp.segment(g.access_token, 2) else to_jsonb(g.error) end
$$;
create function pg_temp.credentials(client text, resource text, scopes text[] default null, user_id text default null)
  returns jsonb language sql as $$
  select pg_temp.outcome(openclaw.grant_client_credentials(openclaw.trusted_client(client), resource, scopes, user_id))
$$;

-- client_credentials (RFC 6749 section 4.4) with resource (RFC 8707).
select is(pg_temp.credentials('alices', :'alice_endpoint') - '{iat,exp,jti,status}'::text[],
  jsonb_build_object('iss', :'issuer', 'sub', 'user_alice', 'user_id', 'user_alice', 'aud', :'alice_endpoint',
    'scope', 'mcp:tools', 'client_id', 'alices', 'container_id', 'ctr_alice'),
  'client_credentials gives a JWT for the endpoint and its owner');
select is(pg_temp.credentials('harness', :'bob_endpoint') ->> 'scope', 'data:read mcp:*',
  'scopes default to the client''s, less its rights at the front');
select is(pg_temp.credentials('harness', :'bob_endpoint', '{mcp:tools}') ->> 'scope', 'mcp:tools', 'or fewer, as asked');
select is(pg_temp.credentials('harness', 'https://MCP.Bob.example.com:443/mcp') ->> 'aud', :'bob_endpoint',
  'a resource is compared in its canonical form');
select is(pg_temp.credentials('harness', :'alice_endpoint'), '"invalid_target"', 'an endpoint of two users is invalid_target');
select is(pg_temp.credentials('harness', :'alice_endpoint', user_id => 'user_carol') ->> 'user_id', 'user_carol',
  'unless the user is named');
select is(pg_temp.credentials(client, resource, scopes, user_id), to_jsonb(error), what || ' is ' || error)
from (values
  ('no resource', 'harness', null, null::text[], null, 'invalid_target'),
  ('an unknown resource', 'harness', 'https://other.example.com', null, null, 'invalid_target'),
  ('a resource that is no URL', 'harness', 'x', null, null, 'invalid_target'),
  ('a resource with a fragment', 'harness', :'bob_endpoint' || '#a', null, null, 'invalid_target'),
  ('a hosted container', 'harness', :'alice_hosted_endpoint', null, null, 'invalid_target'),
  ('a container that takes API keys only', 'harness', 'https://keys.alice.example.com', null, null, 'invalid_target'),
  ('another user''s container', 'alices', :'bob_endpoint', null, null, 'invalid_target'),
  ('another user', 'alices', :'alice_endpoint', null, 'user_carol', 'invalid_target'),
  ('a wider scope', 'alices', :'alice_endpoint', '{mcp:*}', null, 'invalid_scope'),
  ('another scope', 'alices', :'alice_endpoint', '{data:read}', null, 'invalid_scope'),
  ('a right of the front', 'harness', :'bob_endpoint', '{openclaw:introspect}', null, 'invalid_scope'),
  ('no scope', 'harness', :'bob_endpoint', '{}', null, 'invalid_scope'),
  ('a scope that is none', 'harness', :'bob_endpoint', '{x}', null, 'invalid_scope'))
  as v(what, client, resource, scopes, user_id, error);

-- Token exchange (RFC 8693).
create function pg_temp.exchange(client text, token text, resource text default null, container_id text default null,
                                 scopes text[] default null) returns openclaw.token_grant language sql as $$
  select openclaw.exchange_token(openclaw.trusted_client(client), token, resource, container_id, scopes)
$$;
select is(pg_temp.outcome(pg_temp.exchange('harness', :'alice_token', :'alice_endpoint')) - '{iat,exp,jti,status}'::text[],
  jsonb_build_object('iss', :'issuer', 'sub', 'user_alice', 'user_id', 'user_alice', 'aud', :'alice_endpoint',
    'scope', 'data:read mcp:*', 'client_id', 'harness', 'container_id', 'ctr_alice', 'act', jsonb_build_object('sub', 'harness')),
  'an exchange gives a JWT for one container of the subject, with the client as actor');
select is(pg_temp.outcome(pg_temp.exchange('alices', :'alice_token', :'alice_endpoint')) ->> 'scope', 'mcp:tools',
  'no wider than the client');
select is(pg_temp.outcome(pg_temp.exchange('harness', :'bob_token', :'bob_endpoint')) ->> 'scope', 'mcp:tools',
  'nor than the subject');
select is(pg_temp.outcome(pg_temp.exchange('harness', :'alice_token', null, 'ctr_alice')) ->> 'aud', :'alice_endpoint',
  'a container can be named by its id');
select token as short_token from openclaw.issue_token('user_alice', '{mcp:tools}', '20 seconds') \gset
select ok(expires_at <= clock_timestamp() + interval '20 seconds', 'it ends with the subject at the latest')
from pg_temp.exchange('harness', :'short_token', :'alice_endpoint');
select token as bound_token from openclaw.issue_token('user_alice', '{mcp:tools}', container_id => 'ctr_alice') \gset
select is(pg_temp.outcome(pg_temp.exchange('harness', :'bound_token')) ->> 'container_id', 'ctr_alice',
  'a subject bound to a container needs no resource');
select openclaw.register_container('user_alice', 'second', 'external', 'https://second.example.com', container_id => 'ctr_second') as ignored \gset
select is(pg_temp.outcome(pg_temp.exchange(client, token, resource, container_id, scopes)), to_jsonb(error), what || ' is ' || error)
from (values
  ('a subject that is none', 'harness', 'x', :'alice_endpoint', null, null::text[], 'invalid_request'),
  ('a harness token as subject', 'harness', :'harness_token', :'alice_endpoint', null, null, 'invalid_request'),
  ('another user''s subject', 'alices', :'bob_token', :'bob_endpoint', null, null, 'invalid_request'),
  ('no target', 'harness', :'alice_token', null, null, null, 'invalid_target'),
  ('another user''s container', 'harness', :'alice_token', :'bob_endpoint', null, null, 'invalid_target'),
  ('a container the subject is not bound to', 'harness', :'bound_token', 'https://second.example.com', null, null, 'invalid_target'),
  ('two that disagree', 'harness', :'alice_token', :'alice_endpoint', 'ctr_second', null, 'invalid_target'),
  ('a scope beyond the subject', 'harness', :'bob_token', :'bob_endpoint', null, '{mcp:resources}', 'invalid_scope'),
  ('a scope beyond the client', 'alices', :'alice_token', :'alice_endpoint', null, '{mcp:resources}', 'invalid_scope'),
  ('a right of the front', 'harness', :'harness_token', :'alice_endpoint', null, '{openclaw:connect}', 'invalid_request'))
  as v(what, client, token, resource, container_id, scopes, error);

-- Refresh: attacks 27 and 28.
create function pg_temp.refresh(client text, token text, resource text default null, scopes text[] default null)
  returns openclaw.token_grant language sql as $$
  select openclaw.refresh_access_token(openclaw.trusted_client(client), token, resource, scopes)
$$;
create function pg_temp.later(by interval) returns void language sql as $$
  update openclaw.refresh_tokens set replaced_at = replaced_at - by, created_at = created_at - by
$$;
select refresh_token as first, access_token as first_jwt from pg_temp.exchange('harness', :'alice_token', :'alice_endpoint') \gset
select matches(:'first'::text, '^ocr_[0-9A-Za-z]{49}$', 'an exchange gives a client that may refresh a refresh token');
select is((select count(*) from openclaw.refresh_tokens where encode(token_hash, 'escape') like '%' || :'first' || '%'), 0::bigint,
  'which is stored as a hash');
select refresh_token as second, access_token as second_jwt from pg_temp.refresh('harness', :'first') \gset
select isnt(:'second'::text, :'first', 'a refresh rotates the token');
select is(pg_temp.segment(:'second_jwt', 2) -> 'act', '{"sub":"harness"}', 'and keeps the actor');
select is((pg_temp.refresh('harness', :'first')).refresh_token, :'second', 'within the grace the same successor is given again');
select is((openclaw.introspect(:'second')::jsonb) - '{iat,exp}'::text[],
  jsonb_build_object('active', true, 'token_type', 'refresh_token', 'scope', 'data:read mcp:*', 'sub', 'user_alice',
    'user_id', 'user_alice', 'client_id', 'harness', 'container_id', 'ctr_alice'), 'introspection of a refresh token');
select is(openclaw.introspect(:'first')::text, '{"active":false}', 'of one that was used: inactive');
select is((pg_temp.refresh('alices', :'second')).error, 'invalid_grant', 'another client''s refresh token is invalid_grant');
select is((pg_temp.refresh('harness', :'second', :'bob_endpoint')).error, 'invalid_target', 'for another resource invalid_target');
select is((pg_temp.refresh('harness', :'second', null, '{mcp:tools,x:y}')).error, 'invalid_scope', 'for more scopes invalid_scope');
select is((pg_temp.refresh('harness', 'x')).error, 'invalid_grant', 'what is no refresh token is invalid_grant');
select is(openclaw.introspect(:'second')::json ->> 'active', 'true', 'none of which uses the token up');
select is(pg_temp.outcome(pg_temp.refresh('harness', :'second', null, '{mcp:tools}')) ->> 'scope', 'mcp:tools',
  'a refresh may ask for fewer scopes');
select refresh_token as third from pg_temp.refresh('harness', :'second') \gset
select is(pg_temp.outcome(pg_temp.refresh('harness', :'third')) ->> 'scope', 'data:read mcp:*', 'the next one has them all again');

select pg_temp.later('11 seconds') as ignored \gset
savepoint replay;
select is((pg_temp.refresh('harness', :'first')).error, 'invalid_grant', 'a replay after the grace is invalid_grant');
select is((pg_temp.refresh('harness', :'third')).error, 'invalid_grant', 'and revokes the family');
select is(array[(openclaw.verify_jwt(:'first_jwt', :'alice_endpoint')).reason, (openclaw.verify_jwt(:'second_jwt', :'alice_endpoint')).reason],
  array['revoked', 'revoked'], 'with the access tokens that it gave');
select is((select concat_ws(' ', action, user_id, reason) from openclaw.audit_log order by at desc limit 1),
  'revoke_grant user_alice refresh token replayed', 'which the audit log tells');
rollback to replay;
select openclaw.revoke_token(:'alice_token') as ignored \gset
select is((pg_temp.refresh('harness', :'third')).error, 'invalid_grant', 'a grant ends with the token it was exchanged for');
rollback to replay;
update openclaw.grants set expires_at = clock_timestamp();
select is((pg_temp.refresh('harness', :'third')).error, 'invalid_grant', 'and with its own time');
rollback to replay;

-- A grant that a backend makes.
select refresh_token as consent, grant_id from openclaw.create_grant('alices', 'ctr_alice', '{mcp:tools}') \gset
select ok(not pg_temp.outcome(pg_temp.refresh('alices', :'consent')) ? 'act', 'a grant by consent has no actor');
select ok(openclaw.revoke_grant('user_alice', :'grant_id'), 'revoke_grant takes a grant');
select ok(not openclaw.revoke_grant('user_bob', :'grant_id'), 'of its own user');
select is((pg_temp.refresh('alices', :'consent')).error, 'invalid_grant', 'and ends it');
select throws_ok(statement, 'P0002', null, what)
from (values
  ('select openclaw.create_grant(''alices'', ''ctr_bob'', ''{mcp:tools}'')', 'a client of one user gets no grant of another'),
  ('select openclaw.create_grant(''alices'', ''ctr_alice'', ''{mcp:*}'')', 'nor one that is wider than itself'),
  ('select openclaw.create_grant(''alices'', ''ctr_none'', ''{mcp:tools}'')', 'nor one for an unknown container'),
  ('select openclaw.trusted_client(''nobody'')', 'an unknown client is not vouched for')) as v(statement, what);

select * from finish();
rollback;
