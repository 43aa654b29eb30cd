-- POST /v1/tokens in SQL: who may have tokens issued, for whom, and that a refusal concerns its request
-- alone. Over HTTP, and beside others at once: tests/e2e/issuing.test.mjs.
\ir fixture.psql
select plan(57);

\set issue_scopes '{openclaw:issue,mcp:*}'
select token as issuer_token, token_id as issuer_id from openclaw.issue_token('user_alice', :'issue_scopes', issued_for => 'platform_harness') \gset
select token as platform_token, token_id as platform_id
from openclaw.issue_token('user_alice', :'issue_scopes'::text[] || '{openclaw:any-user}'::text[], issued_for => 'platform_harness') \gset
select token as bound_token from openclaw.issue_token('user_alice', :'issue_scopes', issued_for => 'platform_harness', container_id => 'ctr_alice') \gset
select client_secret as app_secret from openclaw.register_client('app', user_id => 'user_alice', scopes => '{openclaw:issue,mcp:tools}', client_id => 'app') \gset
select client_secret as every_secret from openclaw.register_client('every', 'harness', scopes => '{openclaw:issue,mcp:tools}', client_id => 'every') \gset
select client_secret as plain_secret from openclaw.register_client('plain', user_id => 'user_alice', scopes => '{mcp:tools}', client_id => 'plain') \gset

-- One request: a harness's bearer token, or the secret of a client.
create function pg_temp.issue(caller text, scope text default 'mcp:tools', user_id text default null, expires_in text default null, name text default null,
                              container_id text default null, count text default null, client text default null)
  returns openclaw.http_answer language sql as $$
  select a from openclaw.front_issues(
    array[case when client is null then 'Bearer ' || caller end], null, array[client], array[case when client is not null then caller end], null, null,
    array[user_id], array[scope], array[expires_in], array[name], array[container_id], array[count], '{req-1}') as a
$$;
create function pg_temp.said(answer openclaw.http_answer) returns text language sql as $$
  select concat_ws(' ', (answer).status, (answer).body::json ->> 'error', (answer).body::json ->> 'error_description')
$$;
create function pg_temp.stored(answer openclaw.http_answer) returns setof openclaw.api_tokens language sql as $$
  select t.* from json_array_elements((answer).body::json -> 'tokens') with ordinality as e(given, n)
  join openclaw.api_tokens as t on t.id = e.given ->> 'token_id' and t.token_hash = openclaw.token_hash(e.given ->> 'token') order by e.n
$$;
create function pg_temp.audited() returns text language sql as $$
  select concat_ws(' ', action, user_id, target, outcome, reason, request_id, on_behalf_of) from openclaw.audit_log order by at desc, id limit 1
$$;

-- What is issued.
select (a).status, (a).headers, (a).body from (select pg_temp.issue(:'issuer_token', 'mcp:tools mcp:read', expires_in => '3600', name => 'laptop', container_id => 'ctr_alice') as a offset 0) as s \gset
select is(:'status' || ' ' || :'headers', '201 Content-Type: application/json', 'a harness with openclaw:issue has tokens issued');
select is(:'body'::jsonb - array['tokens', 'expires_at'], '{"user_id":"user_alice","scope":"mcp:tools mcp:read","container_id":"ctr_alice","expires_in":3600}',
  'the answer says whose, for what and for how long');
select is((select array_agg(k order by k) from json_array_elements(:'body'::json -> 'tokens') as t, json_object_keys(t) as k), array['token', 'token_id'], 'and gives the token with its id');
select is((select format('%s %s %s %s %s %s', user_id, name, scopes, issued_for, container_id, floor(extract(epoch from expires_at)))
           from pg_temp.stored(row(:'status', :'headers', :'body')::openclaw.http_answer)),
  'user_alice laptop {mcp:tools,mcp:read} user_direct ctr_alice ' || (:'body'::json ->> 'expires_at'), 'what is stored is what was asked for');
select is(pg_temp.audited(), format('issue_token user_alice %s success req-1 harness %s', :'body'::json -> 'tokens' -> 0 ->> 'token_id', :'issuer_id'),
  'the audit row names the token, the request and the harness');
select is((select count(*) from pg_temp.stored(pg_temp.issue(:'issuer_token', count => '1000'))), 0::bigint, 'a thousand are beyond the built-in plan');
select openclaw.define_plan('free') as ignored \gset
select is((select count(*) from pg_temp.stored(pg_temp.issue(:'issuer_token', count => '1000'))), 1000::bigint, 'and may come in one answer without a limit');
select is((pg_temp.issue(:'issuer_token')).body::jsonb - array['tokens', 'expires_at'], '{"user_id":"user_alice","scope":"mcp:tools","expires_in":7776000}', 'without a lifetime there are 90 days');
select is((select array_agg(user_id) from pg_temp.stored(pg_temp.issue(:'platform_token', user_id => 'user_bob', count => '2'))), array['user_bob', 'user_bob'],
  'a harness with openclaw:any-user has them issued for every user');
select is((select user_id from pg_temp.stored(pg_temp.issue(:'app_secret', client => 'app'))), 'user_alice', 'a client with openclaw:issue for its user');
select is((select on_behalf_of from openclaw.audit_log order by at desc limit 1), 'client app', 'in whose name the audit row is');
select is((select user_id from pg_temp.stored(pg_temp.issue(:'every_secret', user_id => 'user_bob', client => 'every'))), 'user_bob', 'and one that is nobody''s for every user');
select is((select container_id from pg_temp.stored(pg_temp.issue(:'bound_token'))), 'ctr_alice', 'a harness that is bound to a container has tokens for it alone');

-- What is refused.
select is(pg_temp.said(pg_temp.issue(caller, scope, user_id, expires_in, name, container_id, count, client)), outcome, what)
from (values
  ('a token that is none', 'och_none', 'mcp:tools', null, null, null, null, null, null, '401 invalid_token the token is not good for this resource'),
  ('a user''s own token', :'alice_token', 'mcp:tools', null, null, null, null, null, null, '403 insufficient_scope the token lacks a required scope'),
  ('a harness without openclaw:issue', :'harness_token', 'mcp:tools', null, null, null, null, null, null, '403 insufficient_scope the token lacks a required scope'),
  ('a client without openclaw:issue', :'plain_secret', 'mcp:tools', null, null, null, null, null, 'plain', '403 insufficient_scope the client lacks the scope openclaw:issue'),
  ('a client with a wrong secret', 'ocs_none', 'mcp:tools', null, null, null, null, null, 'app', '401 invalid_client the client is unknown or did not prove who it is'),
  ('another user', :'issuer_token', 'mcp:tools', 'user_bob', null, null, null, null, null, '404 not_found no such user'),
  ('another user, as a client', :'app_secret', 'mcp:tools', 'user_bob', null, null, null, null, 'app', '404 not_found no such user'),
  ('an unknown user', :'platform_token', 'mcp:tools', 'user_none', null, null, null, null, null, '404 not_found no such user'),
  ('nobody, of every user', :'platform_token', 'mcp:tools', null, null, null, null, null, null, '400 invalid_request the parameter user_id is missing'),
  ('an unknown container', :'issuer_token', 'mcp:tools', null, null, null, 'ctr_none', null, null, '404 not_found no such container'),
  ('another user''s container', :'issuer_token', 'mcp:tools', null, null, null, 'ctr_bob', null, null, '404 not_found no such container'),
  ('another container than the harness''s', :'bound_token', 'mcp:tools', null, null, null, 'ctr_alice_hosted', null, null, '404 not_found no such container'),
  ('no scope', :'issuer_token', null, null, null, null, null, null, null, '400 invalid_request the parameter scope is missing'),
  ('a lifetime of nothing', :'issuer_token', 'mcp:tools', null, '0', null, null, null, null, '400 invalid_request expires_in must be between one second and ten years'),
  ('a lifetime of -1', :'issuer_token', 'mcp:tools', null, '-1', null, null, null, null, '400 invalid_request expires_in must be between one second and ten years'),
  ('a lifetime beyond ten years', :'issuer_token', 'mcp:tools', null, '315360001', null, null, null, null, '400 invalid_request expires_in must be between one second and ten years'),
  ('a lifetime beyond numbers', :'issuer_token', 'mcp:tools', null, repeat('9', 400), null, null, null, null, '400 invalid_request expires_in must be between one second and ten years'),
  ('a name with a line feed', :'issuer_token', 'mcp:tools', null, null, e'a\nb', null, null, null, '400 invalid_request name must be 1 to 128 characters'),
  ('an empty name', :'issuer_token', 'mcp:tools', null, null, '', null, null, null, '400 invalid_request name must be 1 to 128 characters'),
  ('a count of nothing', :'issuer_token', 'mcp:tools', null, null, null, null, '0', null, '400 invalid_request count must be between 1 and 1000'),
  ('1001 at once', :'issuer_token', 'mcp:tools', null, null, null, null, '1001', null, '400 invalid_request count must be between 1 and 1000'),
  ('a count that is none', :'issuer_token', 'mcp:tools', null, null, null, null, '1e1', null, '400 invalid_request count must be between 1 and 1000'))
  as v(what, caller, scope, user_id, expires_in, name, container_id, count, client, outcome);
select is(pg_temp.said(pg_temp.issue(:'issuer_token', scope)), '400 invalid_scope scope must be a list of scopes that the caller''s own cover, without openclaw:…',
  'the scope ' || to_json(left(scope, 30)))
from unnest(array['', 'data:read', 'mcp:tools data:read', ' mcp:tools', 'mcp', '*:*', 'openclaw:issue', 'mcp:tools openclaw:issue', 'openclaw:*', repeat('mcp:b ', 64) || 'mcp:b']) as scope;
select is(pg_temp.audited(), 'issue_tokens user_alice refused invalid_scope req-1 harness ' || :'issuer_id', 'a refusal leaves an audit row');

-- The plan.
select openclaw.create_user(user_id => 'user_carol', plan_tier => 'small') as ignored, openclaw.define_plan('small', null, 2, '1 day', '{mcp:tools}', 3) as ignored_too \gset
select is(pg_temp.said(pg_temp.issue(:'platform_token', scope, 'user_carol', expires_in, count => count)), outcome, outcome)
from (values ('mcp:read', null, null, '400 invalid_scope the user''s plan does not allow every one of these scopes'),
             ('mcp:tools', '86401', null, '400 invalid_request the user''s plan does not allow so long a lifetime'),
             ('mcp:tools', null, '3', '403 access_denied the user''s plan allows no more live tokens'),
             ('mcp:tools', null, '4', '429 temporarily_unavailable the user''s plan allows no more tokens at the moment')) as v(scope, expires_in, count, outcome);
select matches((pg_temp.issue(:'platform_token', user_id => 'user_carol', count => '4')).headers, '(^|\n)Retry-After: [1-9][0-9]*$', 'with Retry-After');
select is((pg_temp.issue(:'platform_token', user_id => 'user_carol', count => '2')).body::json ->> 'expires_in', '86400', 'within the plan there are some');

-- Several requests: the answers are in their order, and a refusal is its request's alone.
create temp table answer as
select a.*, row_number() over () as n
from openclaw.front_issues(
  array['Bearer ' || :'platform_token', 'Bearer ' || :'platform_token', null, 'Bearer och_none', 'Bearer ' || :'platform_token', 'Bearer ' || :'issuer_token', null],
  null, '{NULL,NULL,app,NULL,NULL,NULL,app}', array[null, null, :'app_secret', null, null, null, 'ocs_wrong'], null, null,
  '{user_bob,user_none,NULL,NULL,user_carol,NULL,NULL}', '{mcp:a,mcp:b,mcp:tools,mcp:d,mcp:tools,mcp:f,mcp:g}', null, null, null, null, '{r1,r2,r3,r4,r5,r6,r7}') as a;
select is((select array_agg(concat_ws(' ', status, coalesce(body::json ->> 'error', concat_ws(' ', body::json ->> 'user_id', body::json ->> 'scope'))) order by n) from answer),
  array['201 user_bob mcp:a', '404 not_found', '201 user_alice mcp:tools', '401 invalid_token', '403 access_denied', '201 user_alice mcp:f', '401 invalid_client'],
  'each request has its answer, and those that are good have tokens');
select is((select array_agg(concat_ws(' ', action, outcome, request_id, on_behalf_of) order by request_id) from openclaw.audit_log where request_id in ('r1', 'r2', 'r3', 'r5', 'r6')),
  array['issue_token success r1 harness ' || :'platform_id', 'issue_tokens refused r2 harness ' || :'platform_id', 'issue_token success r3 client app',
        'issue_tokens refused r5 harness ' || :'platform_id', 'issue_token success r6 harness ' || :'issuer_id'], 'and the audit rows say whose request each was');
select is((select array_agg(concat_ws(' ', a.status, a.body::json ->> 'user_id', a.body::json ->> 'scope'))
           from openclaw.front_issues(array_fill('Bearer ' || :'platform_token', '{4}'), null, null, null, null, null, '{user_bob,user_alice,user_bob,user_alice}',
                                      '{mcp:a,mcp:b,mcp:c,mcp:d}', null, null, null, null, null) as a),
  array['201 user_bob mcp:a', '201 user_alice mcp:b', '201 user_bob mcp:c', '201 user_alice mcp:d'], 'where all are good they are issued together');
select is((select count(*) from openclaw.front_issues('{}', null, null, null, null, null, null, null, null, null, null, null, null)), 0::bigint, 'no request has no answer');
select is(current_setting('openclaw.actor') || current_setting('openclaw.request_id') || current_setting('lock_timeout'), '0', 'nothing of a request stays in the transaction');

select * from finish();
rollback;
