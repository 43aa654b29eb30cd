-- What the token endpoint decides, for a backend that calls it in its own transaction: client
-- credentials, exchange, refresh.
\ir fixture.psql
select plan(87);

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

-- A thousand live grants of one subject.
create function pg_temp.thousand(token_id text) returns void language sql as $$
  insert into openclaw.grants (id, client_id, user_id, container_id, scopes, subject_token_id, expires_at)
  select 'g' || n, 'harness', 'user_alice', 'ctr_alice', '{mcp:tools}', token_id, now() + interval '1 day'
  from generate_series(1, 1000) as n
$$;

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
select is(array(select distinct concat_ws(' ', action, outcome, reason) from openclaw.audit_log
                where reason in ('invalid_grant', 'refresh token replayed') order by 1),
  array['refresh_access_token refused invalid_grant', 'revoke_grant success refresh token replayed'],
  'which the audit log tells');
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

-- A client that did not prove who it is, or may not use a grant, gets nothing by any of them.
create function pg_temp.each_grant(client openclaw.authenticated_client, token text, refresh text)
  returns setof text language sql as $$
  select (openclaw.grant_client_credentials(client, 'https://mcp.bob.example.com/mcp', '{mcp:tools}')).error
  union all select (openclaw.exchange_token(client, token, 'https://mcp.bob.example.com/mcp', null, '{mcp:tools}')).error
  union all select (openclaw.refresh_access_token(client, refresh)).error
$$;
select is(array(select pg_temp.each_grant(openclaw.authenticate_client(null, null, 'harness', 'ocs_wrong', null, null), :'bob_token', :'third')),
  array_fill('invalid_client'::text, array[3]), 'a failed authentication gets nothing by any grant');
select is(array(select pg_temp.each_grant(null, :'bob_token', :'third')), array_fill('invalid_client'::text, array[3]), 'nor does no client');
select is(array(select pg_temp.each_grant(row(null, null, 'harness', 'harness', null, null, null, null)::openclaw.authenticated_client, :'bob_token', :'third')),
  array_fill('unauthorized_client'::text, array[3]), 'nor one without grant types');
select is((openclaw.grant_client_credentials(row(null, null, 'harness', 'harness', null, null, '{client_credentials}', null)::openclaw.authenticated_client,
  :'bob_endpoint', '{mcp:tools}')).error, 'invalid_scope', 'nor one without scopes');
select is((openclaw.exchange_token(row(null, null, 'harness', 'harness', null, null,
  '{urn:ietf:params:oauth:grant-type:token-exchange}', null)::openclaw.authenticated_client,
  :'bob_token', :'bob_endpoint', null, '{mcp:tools}')).error, 'invalid_scope', 'by exchange neither');
select id as narrow from openclaw.register_client('narrow', 'harness', grant_types => '{refresh_token}', scopes => '{mcp:*}', client_id => 'narrow') \gset
select is(pg_temp.credentials('narrow', :'bob_endpoint'), '"unauthorized_client"', 'grant_types hold in SQL: client_credentials');
select is((pg_temp.exchange('narrow', :'bob_token', :'bob_endpoint')).error, 'unauthorized_client', 'and exchange');

-- No key can sign: the refresh token is not used up.
select refresh_token as spare from openclaw.create_grant('alices', 'ctr_alice', '{mcp:tools}') \gset
savepoint keyless;
update openclaw.signing_keys set activates_at = now() + interval '1 hour', retires_at = null, expires_at = null;
select is((pg_temp.refresh('alices', :'spare')).error, 'temporarily_unavailable', 'without a key that signs a refresh is temporarily_unavailable');
select is((select count(*) from openclaw.refresh_tokens where token_hash = openclaw.token_hash(:'spare') and replaced_at is null), 1::bigint,
  'and does not use the token up');
rollback to keyless;

-- What a grant can be for.
select throws_ok(format('select openclaw.create_grant(%L, %L, %L)', client, container, scopes), 'P0002', null, what)
from (values
  ('a grant is not for a hosted container', 'narrow', 'ctr_alice_hosted', '{mcp:tools}'),
  ('nor for one that takes API keys only', 'narrow', 'ctr_alice_keys', '{mcp:tools}'),
  ('nor for rights at the front', 'harness', 'ctr_bob', '{openclaw:introspect}')) as v(what, client, container, scopes);
select is((select (error is null) || ' ' || (refresh_token is null) from pg_temp.exchange('harness', token, :'alice_endpoint')),
  'true true', 'a subject with a thousand grants gets a JWT and no further refresh token')
from (select token, token_id from openclaw.issue_token('user_alice', '{mcp:tools}')) as t,
  lateral (select count(*) as made from (select 1) as one, lateral (select pg_temp.thousand(t.token_id)) as m) as n;
select is((openclaw.verify_jwt(access_token, :'bob_endpoint', '{mcp:tools}')).valid, true, 'scopes that repeat are one')
from openclaw.grant_client_credentials(openclaw.trusted_client('harness'), :'bob_endpoint', '{mcp:tools,mcp:tools}');
select throws_ok(format('select openclaw.issue_access_token(''ctr_alice'', ''{mcp:tools}'', not_after => %L)', at), '22023', null, what)
from (values ('a JWT does not end before it begins', '2001-01-01'), ('nor never', 'infinity'), ('nor at -infinity', '-infinity')) as v(what, at);

-- audience and resource of an exchange, at the front.
create function pg_temp.exchanged(audience text, resource text) returns text language sql as $$
  select f.body::json ->> 'error' from openclaw.front_token(null, null, 'harness', current_setting('pgtap.secret'), null, null,
    'urn:ietf:params:oauth:grant-type:token-exchange', resource, audience, null, null, current_setting('pgtap.subject'),
    'urn:ietf:params:oauth:token-type:access_token', null, null, null, 'r') as f
$$;
select set_config('pgtap.secret', openclaw.rotate_client_secret('harness'), true) as ignored, set_config('pgtap.subject', :'bob_token', true) as ignored_too \gset
select is(pg_temp.exchanged(audience, resource), error, what)
from (values
  ('the endpoint as audience', :'bob_endpoint', null, null), ('the id as audience', 'ctr_bob', null, null),
  ('both alike', :'bob_endpoint', :'bob_endpoint', null), ('the id beside the resource', 'ctr_bob', :'bob_endpoint', null),
  ('two that differ are invalid_target', 'https://other.example.com', :'bob_endpoint', 'invalid_target'),
  ('an audience that is none is invalid_target', 'http://evil.example/x', :'bob_endpoint', 'invalid_target'),
  ('another id is invalid_target', 'ctr_alice', :'bob_endpoint', 'invalid_target')) as v(what, audience, resource, error);

select * from finish();
rollback;
