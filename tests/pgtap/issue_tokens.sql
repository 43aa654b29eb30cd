-- Many opaque tokens in one call: what is issued, what refuses it, and what the audit log says. Beside
-- others at once: tests/e2e/issuing.test.mjs.
\ir fixture.psql
select plan(71);

create function pg_temp.refusal(statement text) returns text language sql as $$
  select case when e.state is null then 'ok' else concat_ws(' | ', e.state, e.message, nullif(e.detail, ''), nullif(e.hint, '')) end
  from pg_temp.error_of(statement) as e
$$;
-- The audit rows since one was the newest, in their order.
create function pg_temp.audited_since(mark timestamptz) returns text[] language sql as $$
  select array(select concat_ws(' ', action, user_id, target, outcome, reason, request_id, on_behalf_of)
               from openclaw.audit_log where at > mark order by at, id)
$$;
create function pg_temp.newest() returns timestamptz language sql as $$ select max(at) from openclaw.audit_log $$;

-- One call, several users, several each.
select pg_temp.newest() as mark \gset
create temp table issued as
select * from openclaw.issue_tokens('{user_bob,user_alice}', '{mcp:tools,data:*}', '1 hour', name => 'bulk', count => 3);
select is((select array_agg(ordinal || ' ' || user_id order by ordinal) from issued),
  array['1 user_bob', '2 user_bob', '3 user_bob', '4 user_alice', '5 user_alice', '6 user_alice'],
  'issue_tokens gives each user as many as were asked for, in the order of the users');
select is((select array_agg(ordinal) from issued), array[1, 2, 3, 4, 5, 6]::bigint[], 'and its rows in that order');
select is((select count(distinct token) from issued where token ~ '^ocu_[0-9A-Za-z]{49}$'), 6::bigint, 'each has a text of its own');
select is((select bool_and(t.user_id = i.user_id and t.name = 'bulk' and t.scopes = '{mcp:tools,data:*}' and t.issued_for = 'user_direct'
                           and t.token_hash = sha256(i.token::bytea) and t.expires_at = i.expires_at and t.container_id is null
                           and t.expires_at - interval '1 hour' between now() and clock_timestamp())
           from issued as i join openclaw.api_tokens as t on t.id = i.token_id), true, 'what is stored is what was asked for');
select is((select array_agg(openclaw.token_hash(i.token) = t.token_hash) from issued as i join openclaw.api_tokens as t on t.id = i.token_id),
  array_fill(true, '{6}'), 'by its hash alone');
select is((select bool_and((openclaw.verify_token(token, '{data:read}')).valid) from issued), true, 'and each verifies');
select is((select bool_and(token_id ~ '^tok_[0-9A-Za-z]{22}_3_[123]$') from issued), true,
  'an id says of how many the token is one, and which');
select is((select count(distinct regexp_replace(token_id, '_[0-9]+$', '')) from issued), 2::bigint,
  'what a user''s ids of one call begin with is theirs alone');
select is(pg_temp.audited_since(:'mark'), (
  select array_agg(format('issue_tokens %s %s success', user_id, regexp_replace(token_id, '_[0-9]+$', '')) order by user_id)
  from issued where token_id like '%\_1'), 'there is an audit row for each user, which names what the ids begin with');
select is((select count(*) from issued as i where not exists (
             select from openclaw.audit_recent as a
             where a.user_id = i.user_id and a.target = regexp_replace(i.token_id, '(_[0-9]+)_[0-9]+$', '\1'))), 0::bigint,
  'so that each token leads to the row of its issue');

select pg_temp.newest() as mark \gset
select token_id as single from openclaw.issue_tokens('{user_alice}', '{mcp:tools}') \gset
select matches(:'single'::text, '^tok_[0-9A-Za-z]{22}$', 'one token of a user has an id like that of issue_token');
select is(pg_temp.audited_since(:'mark'), array['issue_token user_alice ' || :'single' || ' success'], 'and an audit row like it');
select is((select array_agg(ordinal || ' ' || user_id order by ordinal) from openclaw.issue_tokens('{user_bob,user_alice,user_bob}', '{mcp:tools}')),
  array['1 user_bob', '2 user_alice', '3 user_bob'], 'a user who is named twice gets two');
select is((select count(*) from openclaw.issue_tokens('{}', '{mcp:tools}')), 0::bigint, 'nobody gets nothing');
select matches((select token from openclaw.issue_tokens('{user_alice}', '{mcp:tools}', issued_for => 'platform_harness')), '^och_', 'a harness''s tokens have their prefix');
select array_agg(token_id) as bound from openclaw.issue_tokens('{user_alice}', '{mcp:tools}', container_id => 'ctr_alice', count => 2) \gset
select is((select array_agg(container_id) from openclaw.api_tokens where id = any (:'bound')), array['ctr_alice', 'ctr_alice'], 'tokens may be bound to a container');
select set_config('openclaw.actor', 'batch', true) as ignored, set_config('openclaw.request_id', 'req-7', true) as ignored_too, pg_temp.newest() as mark \gset
select count(*) as ignored from openclaw.issue_tokens('{user_alice}', '{mcp:tools}', count => 2) \gset
select matches((pg_temp.audited_since(:'mark'))[1], '^issue_tokens user_alice tok_[0-9A-Za-z]{22}_2 success req-7 batch$',
  'the row says for whom, and on which request');
select set_config('openclaw.actor', '', true) as ignored, set_config('openclaw.request_id', '', true) as ignored_too \gset

-- All or nothing.
select pg_temp.state() as before \gset
select is(pg_temp.refusal(format('select openclaw.issue_tokens(%s)', arguments)), outcome, 'issue_tokens refuses ' || what)
from (values
  ('''{user_alice,user_none}'', ''{mcp:tools}''', 'an unknown user among others',
   'P0002 | no such user (user user_none) | reason: unknown_user | Nothing was issued.'),
  ('''{user_alice,NULL}'', ''{mcp:tools}''', 'a user of null', 'P0002 | no such user (user <NULL>) | reason: unknown_user | Nothing was issued.'),
  ('''{user_bob,user_alice}'', ''{mcp:tools}'', container_id => ''ctr_alice''', 'a container that is not everybody''s',
   'P0002 | no such container (user user_bob) | reason: unknown_container | Nothing was issued.'),
  ('''{user_alice}'', ''{mcp}''', 'scopes that are none', '22023 | scopes must be 1 to 64 of area:action or area:*'),
  ('''{user_alice}'', null', 'scopes of null', '22023 | scopes must be 1 to 64 of area:action or area:*'),
  ('''{user_alice}'', ''{mcp:tools}'', ''11 years''', 'a lifetime beyond ten years', '22023 | lifetime must be between one second and ten years'),
  ('''{user_alice}'', ''{mcp:tools}'', issued_for => ''refresh''', 'a purpose that is none', '22023 | unknown issued_for | Use user_direct or platform_harness.'),
  ('null, ''{mcp:tools}''', 'users of null', '22004 | user_ids and count must not be null'),
  ('''{{user_alice},{user_bob}}'', ''{mcp:tools}''', 'users in a table', '2202E | user_ids must have one dimension'),
  ('''{user_alice}'', ''{mcp:tools}'', count => null', 'a count of null', '22004 | user_ids and count must not be null'),
  ('''{user_alice}'', ''{mcp:tools}'', count => 0', 'a count of nothing', '22023 | count must be at least 1'),
  ('''{user_alice,user_bob}'', ''{mcp:tools}'', count => 5001', 'more than ten thousand', '54000 | too many tokens | At most 10000 are issued in one call.'),
  ('''{user_alice}'', ''{mcp:tools}'', count => 2147483647', 'the greatest count', '54000 | too many tokens | At most 10000 are issued in one call.'))
  as v(arguments, what, outcome);
select is(pg_temp.state(), :'before', 'and then nothing has changed');

-- The plan.
savepoint plans;
select openclaw.create_user(user_id => 'user_carol', plan_tier => 'small') as ignored,
       openclaw.define_plan('small', null, 5, '1 day', '{mcp:*}', 7) as ignored_too \gset
create function pg_temp.issue(arguments text) returns text language sql as $$
  select regexp_replace(pg_temp.refusal(format('select count(*) from openclaw.issue_tokens(''{user_carol}'', %s)', arguments)), '^.*reason: (\w+).*$', '\1')
$$;
select is(array[pg_temp.issue('''{data:read}'', count => 2'), pg_temp.issue('''{mcp:tools}'', ''2 days'', count => 2'),
                pg_temp.issue('''{mcp:tools}'', count => 6'), pg_temp.issue('''{mcp:tools}'', count => 8')],
  array['plan_scopes', 'plan_lifetime', 'plan_tokens', 'rate_limited'], 'what the plan does not allow is refused for its reason');
select is((select count(*) from openclaw.api_tokens where user_id = 'user_carol'), 0::bigint, 'whole');
select is(array[pg_temp.issue('''{mcp:tools}'', count => 3'), pg_temp.issue('''{mcp:tools}'', count => 3'), pg_temp.issue('''{mcp:tools}'', count => 2'),
                pg_temp.issue('''{mcp:tools}''')], array['ok', 'plan_tokens', 'ok', 'plan_tokens'], 'five live tokens are five, however they come');
select ok((select bool_and(expires_at - interval '1 day' between now() and clock_timestamp()) from openclaw.api_tokens where user_id = 'user_carol'),
  'without a lifetime they have the plan''s');
select openclaw.revoke_user_tokens('user_carol') as ignored \gset
select is(pg_temp.issue('''{mcp:tools}'', count => 3'), 'rate_limited', 'each costs one of the issues a minute');
select is(pg_temp.issue('''{mcp:tools}'', count => 2'), 'ok', 'so that two are left');
select openclaw.define_plan('small', max_live_tokens => 4) as ignored \gset
select is(pg_temp.refusal($$select openclaw.issue_tokens('{user_carol,user_alice,user_carol,user_carol}', '{mcp:tools}')$$),
  '53400 | plan "small" allows 4 live tokens (user user_carol) | reason: plan_tokens | Revoke one, or change the plan. Nothing was issued.',
  'what a call is about to give one user twice counts twice');
select is(pg_temp.refusal($$select openclaw.issue_tokens('{user_carol,user_alice,user_carol}', '{mcp:tools}')$$), 'ok', 'and is given where there is room');
rollback to plans;

-- Minting.
select is((select array_agg(concat_ws(' ', place, ordinal, left(token, 4), replace(token_id, issued_as, '')) order by place, ordinal)
           from openclaw.mint_tokens('{user_direct,platform_harness,user_direct}', '{1,3,2}')),
  array['1 1 ocu_ ', '2 1 och_ _1', '2 2 och_ _2', '2 3 och_ _3', '3 1 ocu_ _1', '3 2 ocu_ _2'], 'mint_tokens counts, for each purpose');
-- More than are drawn from the generator at once.
select is((select row(count(distinct token), count(distinct token_id), bool_and(openclaw.token_hash(token) = token_hash))::text
           from openclaw.mint_tokens('{platform_harness,user_direct}', '{1000,1000}')), '(2000,2000,t)', 'no two are alike, and their hashes are theirs');
select is((pg_temp.error_of(format('select openclaw.mint_tokens(%s)', arguments))).state, outcome, 'mint_tokens refuses ' || arguments)
from (values ('''{user_direct}'', ''{0}''', '22023'), ('''{user_direct}'', ''{-1}''', '22023'), ('''{user_direct}'', ''{10001}''', '54000'),
             ('''{user_direct,user_direct}'', ''{5000,5001}''', '54000'), ('''{none}'', ''{1}''', '22023'), ('''{NULL}'', ''{1}''', '22023'),
             ('''{user_direct}'', ''{NULL}''', '2202E'), ('''{user_direct}'', ''{1,1}''', '2202E')) as v(arguments, outcome);

-- Many orders are claimed in a few statements, which say of a refusal neither whose it is nor why.
savepoint together;
select count(openclaw.create_user(user_id => 'user_' || tier, plan_tier => tier)) as ignored from unnest('{limited,open}'::text[]) as tier \gset
select openclaw.define_plan('limited', null, 5, '1 day', '{mcp:*}', 7) as ignored, openclaw.define_plan('open') as ignored_too \gset
create function pg_temp.claim(variadic orders text[]) returns text language plpgsql as $$
declare
  claimed interval[];
begin
  claimed := openclaw.claim_together(array(
    select row(o[1], array[coalesce(o[3], 'mcp:tools')], o[4]::interval, 'user_direct', null, o[5], coalesce(o[2], '1')::integer, null, null)::openclaw.token_order
    from unnest(orders) as x, string_to_array(x, ' ', '-') as o));
  return claimed::text;
exception when no_data_found or configuration_limit_exceeded then
  return sqlstate;
end
$$;
create function pg_temp.levels() returns text[] language sql as $$
  select array(select concat_ws(' ', bucket, round(level::numeric, 1), capacity) from openclaw.rate_limits
               where bucket in ('issues user_alice', 'issues user_limited') order by bucket collate "C")
$$;
delete from openclaw.rate_limits;
select is(pg_temp.claim('user_alice 3 - -', 'user_limited 2 - -', 'user_open 9000 data:read -', 'user_alice 4 data:read 1:00:00', 'user_limited 1 mcp:* 0:00:01'),
  '{"90 days","1 day","90 days",01:00:00,00:00:01}', 'each order has the lifetime that it asks for, or the plan''s');
select is(pg_temp.levels(), array['issues user_alice 593.0 600', 'issues user_limited 4.0 7'], 'what a user''s orders cost together is taken once');
select is((select row(level, capacity)::text from openclaw.rate_limits where bucket = 'issues user_open'), '(Infinity,)', 'nothing of what has no limit');
update openclaw.rate_limits set at = clock_timestamp() + interval '1 day' where bucket like 'issues %';
select is(pg_temp.claim('user_alice 593 - -', 'user_limited 4 - -'), '{"90 days","1 day"}', 'what is left is there to the last');
select is(pg_temp.levels(), array['issues user_alice 0.0 600', 'issues user_limited 0.0 7'], 'and is gone then');
update openclaw.rate_limits set level = 0, at = clock_timestamp() - interval '30 seconds' where bucket like 'issues %';
select is(pg_temp.claim('user_alice 300 - -', 'user_limited 3 - -'), '{"90 days","1 day"}', 'half a minute brings back a half');
update openclaw.rate_limits set level = 0, at = clock_timestamp() - interval '1 year' where bucket like 'issues %';
select is(pg_temp.claim('user_alice 601 - -', 'user_limited - - -'), '53400', 'a year no more than there was');
select openclaw.define_plan('limited', null, 5, '1 day', '{mcp:*}', 1000) as ignored \gset
insert into openclaw.containers (id, user_id, name, type, mcp_endpoint, auth_method) values ('ctr_limited', 'user_limited', 'c', 'external', 'https://c.example.com', 'api_key');
select is(pg_temp.claim('user_alice - - -', 'user_limited ' || rest), outcome, format('of others beside user_limited %s the outcome is %s', rest, outcome))
from (values ('5 - -', '{"90 days","1 day"}'), ('6 - -', '53400'), ('- data:read -', '53400'), ('- - 2:00:00', '{"90 days",02:00:00}'), ('- - 25:00:00', '53400'),
             ('- - - ctr_limited', '{"90 days","1 day"}'), ('- - - ctr_alice', 'P0002'), ('- - - ctr_none', 'P0002')) as v(rest, outcome);
select is(array[pg_temp.claim('user_limited 3 - -', 'user_limited 3 - -'), pg_temp.claim('user_limited 3 - -', 'user_limited 2 - -')],
  array['53400', '{"1 day","1 day"}'], 'the live tokens of a user''s orders are counted together');
select is(array[pg_temp.claim('user_alice - - -', 'user_none - - -'), pg_temp.claim('user_alice - - -', '- - - -')], array['53400', '53400'], 'nobody is no user');
select openclaw.disable_user('user_limited') as ignored \gset
select is(pg_temp.claim('user_alice - - -', 'user_limited - - -'), '53400', 'nor is one who is disabled');
rollback to together;

-- A token's text is stored nowhere, not even for the length of the call.
savepoint huge;
select openclaw.define_plan('huge'), openclaw.change_plan('user_alice', 'huge') as ignored \gset
create function pg_temp.plan_of(statement text) returns setof text language plpgsql as $$
begin
  return query execute 'explain (analyze, buffers, costs off, timing off, summary off) ' || statement;
end
$$;
set local work_mem = '64kB';
select is(array(select p from pg_temp.plan_of($$select * from openclaw.issue_tokens('{user_alice}', '{mcp:tools}', count => 10000)$$) as p
                where p like '%temp%'), '{}', 'ten thousand tokens are written to no temporary file');
rollback to huge;

-- An audit row's time.
savepoint times;
select clock_timestamp() + interval '1 hour' as later \gset
insert into openclaw.audit_marks (upper, xid) values (:'later', pg_current_xact_id());
select is(openclaw.audit_time(), :'later'::timestamptz, 'an audit row comes after what is marked, where the clock was set back');
delete from openclaw.audit_marks;
insert into openclaw.audit_blocks (block, lower, upper, rows, ids, hashes, leaves_hash, previous, hash)
select n, now() - interval '1 day', case n when 4 then :'later'::timestamptz else now() end, 1, array[gen_random_uuid()], sha256(''), sha256(''), '', sha256('') from generate_series(3, 4) as n;
select is(openclaw.audit_time(), :'later'::timestamptz, 'and after the newest block');
rollback to times;
select ok(openclaw.audit_time() between now() and clock_timestamp(), 'else it is the time');

select * from finish();
rollback;
