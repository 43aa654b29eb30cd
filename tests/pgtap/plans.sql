-- Plans: what each limit refuses and where it begins, what a change of plan does to what is live, and
-- how fast one may issue. That the limits are exact for many at once is tests/e2e/races.test.mjs.
\ir fixture.psql
select plan(161);

select openclaw.create_user(user_id => 'user_carol', plan_tier => 'small') as ignored \gset

-- An error as `SQLSTATE detail`, or `ok`.
create function pg_temp.refusal(statement text) returns text language sql as $$
  select case when e.state is null then 'ok' else concat_ws(' ', e.state, e.detail) end
  from pg_temp.error_of(statement) as e
$$;
-- What issue_token says to user_carol.
create function pg_temp.issue(arguments text default '''{mcp:tools}''') returns text language sql as $$
  select pg_temp.refusal(format('select openclaw.issue_token(''user_carol'', %s)', arguments))
$$;
create function pg_temp.register(name text, type text default 'external') returns text language sql as $$
  select pg_temp.refusal(format('select openclaw.register_container(''user_carol'', %L, %L, %L, container_id => %L)', name, type,
    case type when 'external' then format('https://%s.example.com', name) else name || ':3100' end, name))
$$;
create function pg_temp.scopes_of(token_id text) returns text language sql as $$
  select array_to_string(array(select unnest(t.scopes) order by 1), ' ') || case when t.revoked_at is null then '' else ' (revoked)' end
  from openclaw.api_tokens as t where t.id = token_id
$$;
create function pg_temp.audited(actions text[]) returns text[] language sql as $$
  select array(select concat_ws(' ', action, user_id, target, reason) from openclaw.audit_log where action = any (actions) order by at)
$$;
-- Puts a bucket at a level that no time changes.
create function pg_temp.hold_bucket(user_id text, level double precision) returns void language sql as $$
  update openclaw.rate_limits set level = hold_bucket.level, at = clock_timestamp() + interval '1 day' where bucket = 'issues ' || user_id
$$;

-- Defining a plan, and who is on which.
select is((select p::text from openclaw.plan_of('user_carol') as p), '(small,100,1000,,,600)', 'a tier without a row has the built-in limits');
select is((select p::text from openclaw.plan_of('user_alice') as p), '(free,100,1000,,,600)', 'so has the tier free');
select ok(openclaw.plan_of('user_none') is null, 'an unknown user has no plan');
select openclaw.define_plan('small', 2, 3, '1 day', '{mcp:*,data:read}', 4) as ignored \gset
select is((select p::text from openclaw.plan_of('user_carol') as p), '(small,2,3,"1 day","{mcp:*,data:read}",4)', 'a defined plan has its own');
select is((select p::text from openclaw.plan_of('user_alice') as p), '(free,100,1000,,,600)', 'another tier is as it was');
select is(pg_temp.last_audit(), 'define_plan small success', 'defining a plan leaves an audit row');
select openclaw.define_plan('small', max_live_tokens => 7) as ignored \gset
select is((select p::text from openclaw.plan_of('user_carol') as p), '(small,,7,,,)', 'defining it again replaces it whole; what is not given is no limit');
select is((pg_temp.error_of(format('select openclaw.define_plan(%s)', arguments))).state, '23514', 'define_plan refuses ' || arguments)
from unnest(array['''''', '''Big''', '''two words''', '''small'', max_containers => -1', '''small'', max_live_tokens => -1',
  '''small'', issues_per_minute => -1', '''small'', max_token_lifetime => ''0''', '''small'', max_token_lifetime => ''-1 day''',
  '''small'', allowed_scopes => ''{}''', '''small'', allowed_scopes => ''{mcp}''', '''small'', allowed_scopes => ''{*:*}''',
  '''small'', allowed_scopes => ''{mcp:tools,NULL}''']) as arguments;
select is((pg_temp.error_of('select openclaw.define_plan(null)')).state, '23502', 'and a plan without a name');
select is((select p::text from openclaw.plan_of('user_carol') as p), '(small,,7,,,)', 'after which it is as it was');
delete from openclaw.plans;
select is((select p::text from openclaw.plan_of('user_carol') as p), '(small,100,1000,,,600)', 'a plan that is deleted leaves the built-in limits');
select is(pg_temp.last_audit(), 'delete_plan small success', 'which leaves an audit row');

select is(array[openclaw.change_plan('user_carol', 'pro'), openclaw.change_plan('user_none', 'pro'), openclaw.change_plan(null, 'pro')],
  array[true, false, false], 'change_plan takes users');
select is((openclaw.plan_of('user_carol')).plan_tier, 'pro', 'who are on the other plan at once');
select is(pg_temp.last_audit(), 'change_plan user_carol pro success', 'which leaves an audit row');
select is(row(e.state, e.detail)::text, '(22023,"")', 'change_plan refuses ' || coalesce(to_json(bad)::text, 'null') || ' and shows nothing of the user')
from unnest(array['', 'Pro', null]) as bad, pg_temp.error_of(format('select openclaw.change_plan(''user_carol'', %L)', bad)) as e;
select count(*) as before from openclaw.audit_log \gset
select openclaw.change_plan('user_carol', 'pro') as ignored \gset
select is((select count(*) from openclaw.audit_log), :before::bigint, 'the plan that a user has already is no change');
select openclaw.change_plan('user_carol', 'small') as ignored \gset

-- Containers.
savepoint containers;
select openclaw.define_plan('small', max_containers => 2) as ignored \gset
select is(array[pg_temp.register('c1'), pg_temp.register('c2', 'hosted'), pg_temp.register('c3')],
  array['ok', 'ok', '53400 reason: plan_containers'], 'two containers are two, hosted or not');
select is((select concat_ws(' | ', message, hint) from pg_temp.error_of(
    'select openclaw.register_container(''user_carol'', ''c3'', ''hosted'', ''c3:3100'')')),
  'plan "small" allows 2 containers | Remove one, or change the plan.', 'the refusal says which limit, and what to do');
select pg_temp.state() as before \gset
select is(pg_temp.register('c3'), '53400 reason: plan_containers', 'a refusal');
select is(pg_temp.state(), :'before', 'leaves nothing');
select is((pg_temp.error_of('select openclaw.register_container(''user_bob'', ''c3'', ''hosted'', ''c3:3100'')')).state, null, 'another user''s plan is another');
select openclaw.remove_container('user_carol', 'c1') as ignored \gset
select is(array[pg_temp.register('c3'), pg_temp.register('c4')], array['ok', '53400 reason: plan_containers'], 'a removed container does not count');
select is(openclaw.update_container('user_carol', 'c3', name => 'renamed'), true, 'a change of one is no new one');
select openclaw.define_plan('small', max_containers => 0) as ignored \gset
select is((select count(*) from openclaw.containers where user_id = 'user_carol' and disabled_at is null), 2::bigint,
  'a plan that shrinks leaves the containers that are there');
select is(pg_temp.register('c5'), '53400 reason: plan_containers', 'and of none there is none');
rollback to containers;
insert into openclaw.containers (id, user_id, name, type, mcp_endpoint, auth_method)
select 'many' || n, 'user_carol', 'many' || n, 'hosted', 'many' || n || ':3100', 'mtls' from generate_series(1, 99) as n;
select is(array[pg_temp.register('c100'), pg_temp.register('c101')], array['ok', '53400 reason: plan_containers'], 'the built-in limit is 100');
select openclaw.define_plan('small') as ignored \gset
select is(pg_temp.register('c101'), 'ok', 'a plan without one has none');
rollback to containers;

-- Live tokens.
savepoint tokens;
select openclaw.define_plan('small', max_live_tokens => 2) as ignored \gset
select is(array[pg_temp.issue(), pg_temp.issue('''{mcp:tools}'', issued_for => ''platform_harness'''), pg_temp.issue()],
  array['ok', 'ok', '53400 reason: plan_tokens'], 'two live tokens are two, whomever they are for');
select is((select concat_ws(' | ', message, hint) from pg_temp.error_of('select openclaw.issue_token(''user_carol'', ''{mcp:tools}'')')),
  'plan "small" allows 2 live tokens | Revoke one, or change the plan.', 'the refusal says which limit, and what to do');
select pg_temp.state() as before \gset
select is(pg_temp.issue(), '53400 reason: plan_tokens', 'a refusal');
select is(pg_temp.state(), :'before', 'leaves nothing');
select min(id) as first_id, max(id) as second_id from openclaw.api_tokens where user_id = 'user_carol' \gset
select openclaw.revoke_token('user_carol', :'first_id') as ignored \gset
select is(array[pg_temp.issue(), pg_temp.issue()], array['ok', '53400 reason: plan_tokens'], 'a revoked token does not count');
update openclaw.api_tokens set expires_at = now() where id = :'second_id';
select is(array[pg_temp.issue(), pg_temp.issue()], array['ok', '53400 reason: plan_tokens'], 'nor does an expired one');
select openclaw.define_plan('small', max_live_tokens => 1) as ignored \gset
select is((select count(*) from openclaw.api_tokens where user_id = 'user_carol' and revoked_at is null and expires_at > now()), 2::bigint,
  'a plan that shrinks leaves the tokens that are there');
select is(pg_temp.issue(), '53400 reason: plan_tokens', 'and gives no new one');
select openclaw.revoke_user_tokens('user_carol') as ignored \gset
select is(pg_temp.refusal('select openclaw.issue_token(''user_carol'', ''{a:b}'') from generate_series(1, 2)'), '53400 reason: plan_tokens',
  'the limit holds within one statement');
select is(pg_temp.issue(), 'ok', 'which then issued none of them');
select openclaw.revoke_user_tokens('user_carol') as ignored, openclaw.define_plan('small', max_live_tokens => 0) as ignored_too \gset
select is(pg_temp.issue(), '53400 reason: plan_tokens', 'of none there is none');
rollback to tokens;
insert into openclaw.api_tokens (id, user_id, token_hash, scopes, expires_at, issued_for)
select 'many' || n, 'user_carol', sha256(n::text::bytea), '{a:b}', now() + interval '1 day', 'user_direct' from generate_series(1, 999) as n;
select is(array[pg_temp.issue(), pg_temp.issue()], array['ok', '53400 reason: plan_tokens'], 'the built-in limit is 1000');
select openclaw.define_plan('small') as ignored \gset
select is(pg_temp.issue(), 'ok', 'a plan without one has none');
rollback to tokens;

-- The lifetime. A token's begins between the transaction's start and now.
savepoint lifetimes;
create function pg_temp.lives(arguments text, lifetime interval) returns boolean language plpgsql as $$
declare
  issued record;
begin
  execute format('select expires_at - $1 as began from openclaw.issue_token(''user_carol'', ''{mcp:tools}'' %s)', arguments)
    into issued using lifetime;
  return issued.began between now() and clock_timestamp();
end
$$;
select ok(pg_temp.lives('', '90 days'), 'without a plan''s lifetime a token lives 90 days');
select ok(pg_temp.lives(', ''10 years''', '10 years'), 'or as long as was asked for');
select openclaw.define_plan('small', max_token_lifetime => '1 day') as ignored \gset
select ok(pg_temp.lives('', '1 day'), 'a plan''s longest is the default where it is shorter');
select ok(pg_temp.lives(', ''24 hours''', '24 hours'), 'and may be asked for');
select is(pg_temp.issue('''{mcp:tools}'', ''1 day 0.000001 s'''), '53400 reason: plan_lifetime', 'a microsecond more is refused');
select is((select concat_ws(' | ', message, hint) from pg_temp.error_of('select openclaw.issue_token(''user_carol'', ''{mcp:tools}'', ''2 days'')')),
  'plan "small" allows no lifetime over 1 day | Ask for a shorter one, or for none: then it is the longest that is allowed.', 'the refusal says how long, and what to do');
select is((pg_temp.error_of('select openclaw.issue_token(''user_carol'', ''{mcp:tools}'', ''11 years'')')).state, '22023', 'what is refused to everybody is refused for that');
select openclaw.define_plan('small', max_token_lifetime => '180 days') as ignored \gset
select ok(pg_temp.lives('', '90 days'), 'a longer one leaves the default');
select ok(pg_temp.lives(', ''180 days''', '180 days'), 'and may be asked for, too');
rollback to lifetimes;

-- Scopes.
savepoint scopes;
select openclaw.define_plan('small', allowed_scopes => '{mcp:*,data:read}') as ignored \gset
select is(pg_temp.issue(quote_literal(scopes)), outcome, format('of mcp:* and data:read a plan %s %s', case outcome when 'ok' then 'allows' else 'refuses' end, scopes))
from (values ('{mcp:tools}', 'ok'), ('{mcp:*}', 'ok'), ('{data:read,mcp:resources,mcp:*}', 'ok'),
             ('{data:write}', '53400 reason: plan_scopes'), ('{data:*}', '53400 reason: plan_scopes'), ('{mcp:tools,data:write}', '53400 reason: plan_scopes'),
             ('{mcpx:tools}', '53400 reason: plan_scopes'), ('{openclaw:connect}', 'ok'), ('{openclaw:connect,mcp:tools}', 'ok'), ('{openclaw:*}', 'ok'),
             ('{openclaw:connect,data:write}', '53400 reason: plan_scopes'), ('{openclawx:connect}', '53400 reason: plan_scopes')) as v(scopes, outcome);
select openclaw.define_plan('small', allowed_scopes => '{mcp:tools}') as ignored \gset
select is(pg_temp.issue('''{mcp:*}'''), '53400 reason: plan_scopes', 'a wildcard is wider than what it covers');
select is((select concat_ws(' | ', message, hint) from pg_temp.error_of('select openclaw.issue_token(''user_carol'', ''{mcp:*}'')')),
  'plan "small" does not allow every one of these scopes | Ask for scopes within mcp:tools.', 'the refusal says what is allowed');
rollback to scopes;

-- Issues a minute: a bucket that fills evenly.
savepoint rates;
select openclaw.define_plan('small', issues_per_minute => 3) as ignored \gset
select is(array[pg_temp.issue(), pg_temp.issue(), pg_temp.issue(), pg_temp.issue()], array['ok', 'ok', 'ok', '53400 reason: rate_limited'],
  'three issues a minute are three at once');
select is((select count(*) from openclaw.api_tokens where user_id = 'user_carol'), 3::bigint, 'and three tokens');
select pg_temp.hold_bucket('user_carol', 0) as ignored \gset
select is((select concat_ws(' | ', message, hint) from pg_temp.error_of('select openclaw.issue_token(''user_carol'', ''{mcp:tools}'')')),
  'plan "small" allows 3 issues a minute | Try again in 20 s.', 'the refusal says how long to wait');
select pg_temp.hold_bucket('user_carol', 0.75) as ignored \gset
select is((pg_temp.error_of('select openclaw.issue_token(''user_carol'', ''{mcp:tools}'')')).hint, 'Try again in 5 s.', 'less, when a part has come back');
select pg_temp.state() as before \gset
select is(pg_temp.issue(), '53400 reason: rate_limited', 'a refusal');
select is(pg_temp.state(), :'before', 'costs and leaves nothing');
update openclaw.rate_limits set level = 0, at = clock_timestamp() - interval '20 seconds';
select is(array[pg_temp.issue(), pg_temp.issue()], array['ok', '53400 reason: rate_limited'], 'after a third of a minute there is one, and no other');
update openclaw.rate_limits set level = 0, at = clock_timestamp() - interval '1 year';
select is(array[pg_temp.issue(), pg_temp.issue(), pg_temp.issue(), pg_temp.issue()], array['ok', 'ok', 'ok', '53400 reason: rate_limited'],
  'after a year three, and no more');
select is((pg_temp.error_of('select openclaw.issue_token(''user_bob'', ''{mcp:tools}'')')).state, null, 'another user''s bucket is another');
-- What counts, and what does not.
select pg_temp.hold_bucket('user_carol', 0) as ignored \gset
select is(pg_temp.register('c1'), 'ok', 'a container costs no issue');
select is(pg_temp.refusal('select openclaw.issue_access_token(''c1'', ''{mcp:tools}'') from generate_series(1, 5)'), 'ok', 'nor does a JWT');
select openclaw.register_client('app', user_id => 'user_carol', scopes => '{mcp:tools}', client_id => 'app',
  grant_types => '{refresh_token,urn:ietf:params:oauth:grant-type:token-exchange}') as ignored \gset
select is(pg_temp.refusal('select openclaw.create_grant(''app'', ''c1'', ''{mcp:tools}'')'), '53400 reason: rate_limited', 'a grant does');
select pg_temp.hold_bucket('user_carol', 1) as ignored \gset
select is(pg_temp.refusal('select openclaw.create_grant(''app'', ''c1'', ''{mcp:tools}'')'), 'ok', 'where there is one left');
select pg_temp.hold_bucket('user_carol', 0) as ignored \gset
select is(pg_temp.issue(), '53400 reason: rate_limited', 'a token does not come after it');
-- None, and no limit.
select openclaw.define_plan('small', issues_per_minute => 0) as ignored \gset
delete from openclaw.rate_limits;
select is(pg_temp.issue(), '53400 reason: rate_limited', 'of none there is none, not even the first');
update openclaw.rate_limits set level = 5, at = clock_timestamp() - interval '1 year';
select is(pg_temp.issue(), '53400 reason: rate_limited', 'nor ever');
select is(pg_temp.register('c2'), 'ok', 'but containers');
rollback to rates;
select is(pg_temp.issue(), 'ok', 'a tier without a row has a bucket');
select pg_temp.hold_bucket('user_carol', 1) as ignored \gset
select is(pg_temp.issue(), 'ok', 'from which one can be taken that is left');
select pg_temp.hold_bucket('user_carol', 0.5) as ignored \gset
select is((pg_temp.error_of('select openclaw.issue_token(''user_carol'', ''{mcp:tools}'')')).message, 'plan "small" allows 600 issues a minute',
  'and no half of one: of 600 a minute');
select openclaw.define_plan('small', max_live_tokens => null) as ignored \gset
select pg_temp.hold_bucket('user_carol', 0) as ignored \gset
select is(pg_temp.refusal('select openclaw.issue_token(''user_carol'', ''{mcp:tools}'') from generate_series(1, 700)'), 'ok',
  'a plan without a limit issues as fast as it can');
select openclaw.define_plan('small', issues_per_minute => 3) as ignored \gset
select is(array[pg_temp.issue(), pg_temp.issue(), pg_temp.issue(), pg_temp.issue()], array['ok', 'ok', 'ok', '53400 reason: rate_limited'],
  'a limit that is new begins full');
select openclaw.define_plan('small', issues_per_minute => 1) as ignored \gset
delete from openclaw.rate_limits;
select openclaw.define_plan('small', issues_per_minute => 1000) as ignored, pg_temp.issue() as ignored_too, openclaw.define_plan('small', issues_per_minute => 1) as last_ignored \gset
select is(array[pg_temp.issue(), pg_temp.issue()], array['ok', '53400 reason: rate_limited'], 'one that is lowered holds at once');
select openclaw.change_plan('user_carol', 'free') as ignored \gset
select pg_temp.hold_bucket('user_carol', 1) as ignored \gset
select is(pg_temp.issue(), 'ok', 'the bucket is the user''s, whatever the plan');
rollback to rates;

-- What is live never reaches beyond the plan.
savepoint narrowing;
select token as carol_token, token_id as both_id from openclaw.issue_token('user_carol', '{mcp:*,data:read}') \gset
select token_id as tools_id from openclaw.issue_token('user_carol', '{mcp:tools,mcp:*,mcp:resources}') \gset
select token_id as data_id from openclaw.issue_token('user_carol', '{data:read}') \gset
select token_id as harness_id from openclaw.issue_token('user_carol', '{openclaw:connect,mcp:*}', issued_for => 'platform_harness') \gset
select token_id as front_id from openclaw.issue_token('user_carol', '{openclaw:connect}', issued_for => 'platform_harness') \gset
select token_id as old_id from openclaw.issue_token('user_carol', '{data:read}') \gset
update openclaw.api_tokens set expires_at = now() where id = :'old_id';
select token_id as ended_id from openclaw.issue_token('user_carol', '{mcp:*,data:read}') \gset
select openclaw.revoke_token('user_carol', :'ended_id') as ignored \gset
select set_config('pgtap.ids', concat_ws(' ', :'both_id', :'tools_id', :'data_id', :'harness_id', :'front_id', :'old_id', :'ended_id'), true) as ignored \gset
create function pg_temp.live_scopes() returns text[] language sql as $$
  select array_agg(pg_temp.scopes_of(id) order by n) from unnest(string_to_array(current_setting('pgtap.ids'), ' ')) with ordinality as i(id, n)
$$;
\set as_before '{data:read mcp:*,mcp:* mcp:resources mcp:tools,data:read,mcp:* openclaw:connect,openclaw:connect,data:read,data:read mcp:* (revoked)}'
\set narrowed '{mcp:tools,mcp:tools,data:read (revoked),mcp:tools openclaw:connect,openclaw:connect,data:read,data:read mcp:* (revoked)}'
savepoint each_way;
select is(pg_temp.live_scopes(), :'as_before'::text[], 'a user has live tokens');
select openclaw.define_plan('small', allowed_scopes => '{mcp:tools,other:*}') as ignored \gset
select is(pg_temp.live_scopes(), :'narrowed'::text[], 'a plan that shrinks takes from them what it does not allow, and ends what keeps nothing');
select is((openclaw.verify_token(:'carol_token', '{data:read}')).reason, 'insufficient_scope', 'which holds from the next check on');
select is((openclaw.verify_token(:'carol_token', '{mcp:tools}')).valid, true, 'what is left is good');
select is(pg_temp.audited('{narrow_token}') @> array[format('narrow_token user_carol %s plan', :'both_id'), format('narrow_token user_carol %s plan', :'tools_id'),
  format('narrow_token user_carol %s plan', :'harness_id')] and cardinality(pg_temp.audited('{narrow_token}')) = 3, true, 'each leaves an audit row');
select is(pg_temp.audited('{revoke_token}'), array['revoke_token user_carol ' || :'ended_id', 'revoke_token user_carol ' || :'data_id'], 'also each that ends');
select is(pg_temp.scopes_of(:'alice_token_id'), 'data:read mcp:*', 'a user on another plan keeps theirs');
select openclaw.define_plan('small') as ignored \gset
select is(pg_temp.live_scopes(), :'narrowed'::text[], 'a plan that grows gives nothing back');
rollback to each_way;
select openclaw.define_plan('tiny', allowed_scopes => '{mcp:tools}') as ignored \gset
select is(pg_temp.live_scopes(), :'as_before'::text[], 'a plan that nobody is on changes nobody''s');
select openclaw.change_plan('user_carol', 'tiny') as ignored \gset
select is(pg_temp.live_scopes(), :'narrowed'::text[], 'a user who changes to it is narrowed alike');
rollback to each_way;
insert into openclaw.plans (plan_tier, allowed_scopes) values ('small', '{mcp:tools}');
select is(pg_temp.live_scopes(), :'narrowed'::text[], 'also when a DBA inserts the plan');
rollback to each_way;
select openclaw.define_plan('small') as ignored \gset
update openclaw.plans set allowed_scopes = '{mcp:tools}';
select is(pg_temp.live_scopes(), :'narrowed'::text[], 'or updates it');
rollback to each_way;
insert into openclaw.plans (plan_tier, allowed_scopes) values ('tiny', '{mcp:tools}');
update openclaw.users set plan_tier = 'tiny' where id = 'user_carol';
select is(pg_temp.live_scopes(), :'narrowed'::text[], 'or the user');
rollback to each_way;
insert into openclaw.plans (plan_tier, allowed_scopes) values ('tiny', '{mcp:tools}');
update openclaw.plans set plan_tier = 'small';
select is(pg_temp.live_scopes(), :'narrowed'::text[], 'or gives another plan this one''s name');
delete from openclaw.plans;
select is(pg_temp.live_scopes(), :'narrowed'::text[], 'a plan that is deleted gives nothing back');
rollback to each_way;
select openclaw.define_plan('small', allowed_scopes => '{data:*}') as ignored \gset
select is(pg_temp.live_scopes(),
  '{data:read,mcp:* mcp:resources mcp:tools (revoked),data:read,openclaw:connect,openclaw:connect,data:read,data:read mcp:* (revoked)}'::text[],
  'a token may be left with rights at the front alone');
rollback to each_way;
select openclaw.define_plan('small', max_containers => 0, max_live_tokens => 0, max_token_lifetime => '1 s', issues_per_minute => 0) as ignored \gset
select is(pg_temp.live_scopes(), :'as_before'::text[], 'numbers and lifetimes leave what is live');
rollback to each_way;
-- Narrowed to many: a row holds 64 scopes.
select token_id as wide_id from openclaw.issue_token('user_carol',
  array['mcp:*'] || array(select 'openclaw:s' || n from generate_series(1, 63) as n), issued_for => 'platform_harness') \gset
select lives_ok($$select openclaw.define_plan('small', allowed_scopes => array(select 'mcp:s' || n from generate_series(1, 64) as n))$$,
  'a plan of 64 scopes can be defined where a token has 63 rights at the front');
select ok(openclaw.scopes_cover(array(select 'mcp:s' || n from generate_series(1, 64) as n) , array(select s from unnest(scopes) as s where s not like 'openclaw:%')),
  'and the token is within it') from openclaw.api_tokens where id = :'wide_id';
rollback to narrowing;
-- What hangs on a token that ends.
select openclaw.register_container('user_carol', 'c1', 'external', 'https://c1.example.com', container_id => 'c1') as ignored \gset
\set all_grants '{client_credentials,refresh_token,urn:ietf:params:oauth:grant-type:token-exchange}'
select openclaw.register_client('app', user_id => 'user_carol', scopes => '{mcp:*,data:read}', client_id => 'app', grant_types => :'all_grants') as ignored \gset
create function pg_temp.exchange(token text, scopes text[] default null) returns openclaw.token_grant language sql as $$
  select openclaw.exchange_token(openclaw.trusted_client('app'), token, 'https://c1.example.com', null, scopes)
$$;
create function pg_temp.refresh(token text, scopes text[] default null) returns openclaw.token_grant language sql as $$
  select openclaw.refresh_access_token(openclaw.trusted_client('app'), token, null, scopes)
$$;
create function pg_temp.credentials(scopes text[] default null) returns openclaw.token_grant language sql as $$
  select openclaw.grant_client_credentials(openclaw.trusted_client('app'), 'https://c1.example.com', scopes)
$$;
create function pg_temp.outcome(g openclaw.token_grant) returns text language sql as $$
  select coalesce(g.error, array_to_string(g.scopes, ' '))
$$;
select token as subject from openclaw.issue_token('user_carol', '{data:read}') \gset
select refresh_token as of_subject from pg_temp.exchange(:'subject') \gset
select openclaw.define_plan('small', allowed_scopes => '{mcp:tools}') as ignored \gset
select is((pg_temp.refresh(:'of_subject')).error, 'invalid_grant', 'a grant ends with the token that a plan ended');
rollback to narrowing;
savepoint jwts;

-- JWTs: scopes and lifetime.
select openclaw.register_container('user_carol', 'c1', 'external', 'https://c1.example.com', container_id => 'c1') as ignored,
       openclaw.register_container('user_carol', 'c2', 'hosted', 'c2:3100', container_id => 'c2') as ignored_too \gset
select openclaw.register_client('app', user_id => 'user_carol', scopes => '{mcp:*,data:read}', client_id => 'app', grant_types => :'all_grants') as ignored \gset
create function pg_temp.exchange(token text, scopes text[] default null) returns openclaw.token_grant language sql as $$
  select openclaw.exchange_token(openclaw.trusted_client('app'), token, 'https://c1.example.com', null, scopes)
$$;
create function pg_temp.refresh(token text, scopes text[] default null) returns openclaw.token_grant language sql as $$
  select openclaw.refresh_access_token(openclaw.trusted_client('app'), token, null, scopes)
$$;
create function pg_temp.credentials(scopes text[] default null) returns openclaw.token_grant language sql as $$
  select openclaw.grant_client_credentials(openclaw.trusted_client('app'), 'https://c1.example.com', scopes)
$$;
create function pg_temp.outcome(g openclaw.token_grant) returns text language sql as $$
  select coalesce(g.error, array_to_string(g.scopes, ' '))
$$;
select token as subject from openclaw.issue_token('user_carol', '{mcp:*,data:read}') \gset
select refresh_token as family from pg_temp.exchange(:'subject') \gset
select openclaw.define_plan('small', max_token_lifetime => '1 minute', allowed_scopes => '{mcp:tools,other:*}') as ignored \gset
select is(pg_temp.refusal(statement), outcome, what)
from (values
  ('select openclaw.issue_access_token(''c1'', ''{mcp:tools}'')', 'ok', 'an access token within the plan is signed'),
  ('select openclaw.issue_access_token(''c1'', ''{mcp:*}'')', '53400 reason: plan_scopes', 'a wider one is not'),
  ('select openclaw.issue_access_token(''c1'', ''{mcp:tools,data:read}'')', '53400 reason: plan_scopes', 'nor one that is wider in part'),
  ('select openclaw.issue_user_claim(''user_carol'', ''c2'', ''{mcp:tools}'')', 'ok', 'a user claim likewise'),
  ('select openclaw.issue_user_claim(''user_carol'', ''c2'')', 'ok', 'without scopes too'),
  ('select openclaw.issue_user_claim(''user_carol'', ''c2'', ''{data:read}'')', '53400 reason: plan_scopes', 'and not a wider one'),
  ('select openclaw.connect(''user_carol'', ''c1'', ''{mcp:tools}'')', 'ok', 'connect likewise'),
  ('select openclaw.connect(''user_carol'', ''c1'', ''{data:read}'')', '53400 reason: plan_scopes', 'to an external container'),
  ('select openclaw.connect(''user_carol'', ''c2'', ''{data:read}'')', '53400 reason: plan_scopes', 'and to a hosted one'),
  ('select openclaw.create_grant(''app'', ''c1'', ''{mcp:tools}'')', 'ok', 'create_grant likewise'),
  ('select openclaw.create_grant(''app'', ''c1'', ''{data:read}'')', '53400 reason: plan_scopes', 'by scope'),
  ('select openclaw.create_grant(''app'', ''c1'', ''{mcp:tools}'', ''1 minute'')', 'ok', 'and lifetime'),
  ('select openclaw.create_grant(''app'', ''c1'', ''{mcp:tools}'', ''61 seconds'')', '53400 reason: plan_lifetime', 'which the plan bounds'))
  as v(statement, outcome, what);
select is((select expires_at - issued_at from openclaw.issue_access_token('c1', '{mcp:tools}', lifetime)), interval '1 minute', what)
from (values (null::interval, 'a JWT lives as long as the plan''s tokens at the most'), ('5 minutes', 'whatever was asked for'), ('60 seconds', 'or what was asked for')) as v(lifetime, what);
select is((select expires_at - issued_at from openclaw.issue_access_token('c1', '{mcp:tools}', '20 seconds')), interval '20 seconds', 'a shorter one as long as was asked for');
select ok((select expires_at - interval '1 minute' between now() and clock_timestamp() from openclaw.create_grant('app', 'c1', '{mcp:tools}')),
  'a grant without a lifetime has the plan''s');

-- OAuth: what a client gets when it names no scopes is narrowed; what it names is refused.
select is(pg_temp.outcome(pg_temp.credentials(scopes)), outcome, 'client credentials ' || what)
from (values (null::text[], 'mcp:tools', 'are narrowed to the plan'), ('{mcp:tools}', 'mcp:tools', 'may name what it allows'),
             ('{data:read}', 'invalid_scope', 'beyond it are invalid_scope'), ('{mcp:*}', 'invalid_scope', 'and so is a wildcard that is wider')) as v(scopes, outcome, what);
select is(pg_temp.outcome(pg_temp.exchange(:'subject', scopes)), outcome, 'an exchange ' || what)
from (values (null::text[], 'mcp:tools', 'gives what the plan left of the subject'), ('{mcp:tools}', 'mcp:tools', 'for what it allows'),
             ('{data:read}', 'invalid_scope', 'beyond it is invalid_scope')) as v(scopes, outcome, what);
select is(pg_temp.outcome(pg_temp.refresh(:'family', '{data:read}')), 'invalid_scope', 'a refresh that names what the plan took is invalid_scope');
select refresh_token as next, pg_temp.outcome(r) as narrowed from pg_temp.refresh(:'family') as r \gset
select is(:'narrowed'::text, 'mcp:tools', 'and does not use the token up; without scopes it is narrowed');
select openclaw.define_plan('small', allowed_scopes => '{other:*}') as ignored \gset
select is(array[pg_temp.outcome(pg_temp.refresh(:'next')), pg_temp.outcome(pg_temp.credentials())], array['invalid_grant', 'invalid_scope'],
  'where nothing is left, the subject''s family has ended, and a client gets invalid_scope');
rollback to jwts;

-- The bucket, by exchange.
select openclaw.register_container('user_carol', 'c1', 'external', 'https://c1.example.com', container_id => 'c1') as ignored,
       openclaw.register_client('once', user_id => 'user_carol', scopes => '{mcp:*}', client_id => 'once',
         grant_types => '{urn:ietf:params:oauth:grant-type:token-exchange}') as ignored_too,
       openclaw.define_plan('small', issues_per_minute => 3) as ignored_three \gset
select client_secret as secret from openclaw.register_client('app', user_id => 'user_carol', scopes => '{mcp:*}', client_id => 'app', grant_types => :'all_grants') \gset
select token as subject from openclaw.issue_token('user_carol', '{mcp:*}') \gset
create function pg_temp.exchange(client text, token text) returns text language sql as $$
  select coalesce(g.error, 'ok') from openclaw.exchange_token(openclaw.trusted_client(client), token, 'https://c1.example.com') as g
$$;
create function pg_temp.front_exchange(secret text, token text) returns openclaw.http_answer language sql as $$
  select openclaw.front_token(null, null, 'app', secret, null, null, 'urn:ietf:params:oauth:grant-type:token-exchange', 'https://c1.example.com', null, null,
    null, token, 'urn:ietf:params:oauth:token-type:access_token', null, null, null, 'req-1')
$$;
select is((pg_temp.front_exchange(:'secret', :'subject')).status, 200, 'an exchange that gives a refresh token costs an issue');
select pg_temp.hold_bucket('user_carol', 0) as ignored \gset
select count(*) as grants from openclaw.grants \gset
select (f).status, (f).headers, (f).body::json ->> 'error' as error from (select pg_temp.front_exchange(:'secret', :'subject') as f offset 0) as s \gset
select is(:status, 429, 'the front answers 429 when there is none left');
select matches(:'headers'::text, '(^|\n)Retry-After: [1-9][0-9]*(\r?\n|$)', 'with Retry-After');
select is((select concat_ws(' ', action, target, outcome, reason, request_id) from openclaw.audit_log order by at desc limit 1),
  'exchange_token app refused rate_limited req-1', 'the audit log tells it');
select is((select count(*) from openclaw.grants), :grants::bigint, 'and no grant is left');
select is(pg_temp.exchange('app', :'subject'), 'rate_limited', 'in SQL it is rate_limited');
select is(pg_temp.exchange('once', :'subject'), 'ok', 'a client that may not refresh costs nothing');

-- The front's connect.
select openclaw.define_plan('small', allowed_scopes => '{mcp:tools}') as ignored \gset
create function pg_temp.connected(caller text, scope text default null) returns openclaw.http_answer language sql as $$
  select openclaw.front_connect('Bearer ' || caller, 'user_carol', 'c1', scope)
$$;
select is((pg_temp.connected(:'any_user_token', 'mcp:tools')).status, 200, 'a harness connects within the user''s plan');
select is((select (f).status || ' ' || ((f).body::json ->> 'error') from (select pg_temp.connected(:'any_user_token', 'mcp:resources') as f offset 0) as s),
  '400 invalid_scope', 'beyond it is 400 invalid_scope');
select is((select (openclaw.verify_jwt(regexp_replace(value, '^Bearer ', ''), 'https://c1.example.com')).scopes
           from json_each_text((pg_temp.connected(:'any_user_token')).body::json -> 'headers')), '{mcp:tools}'::text[],
  'without a scope it gets what both allow');
select openclaw.define_plan('small', allowed_scopes => '{data:read}') as ignored \gset
select is((pg_temp.connected(:'any_user_token')).status, 400, 'and nothing where that is nothing');

-- A longest lifetime beyond the calendar.
select openclaw.define_plan('calendar', max_token_lifetime => '300000 years') as ignored,
       openclaw.create_user(user_id => 'user_calendar', plan_tier => 'calendar') as ignored \gset
select is((select expires_at > now() + interval '89 days' and expires_at < now() + interval '91 days'
           from openclaw.issue_token('user_calendar', '{mcp:tools}')), true,
  'a plan whose longest lifetime is beyond the calendar limits nothing');

select * from finish();
rollback;
