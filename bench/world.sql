-- What the bench runs on: 10,000 users and 1,000,000 tokens, of which every 50th is a real one whose
-- text is known (bench.tokens); the others are hashes of nothing. The rows lie mixed, so that the
-- looked-up ones are spread over the whole table and index.

create extension openclaw;
select openclaw.create_master_key() as master_key, openclaw.rotate_signing_key() as kid,
       openclaw.rotate_signing_key('ES256', '0') as es256,
       openclaw.rotate_signing_key('RS256', '0') as rs256 \gset

-- A plan whose limits are asked and not reached.
select openclaw.define_plan('bench', max_live_tokens => 1000000, issues_per_minute => 1000000) as plan \gset
insert into openclaw.users (id, plan_tier) select 'user_' || n, 'bench' from generate_series(0, 9999) as n;
select openclaw.register_container('user_0', 'laptop', 'external', 'https://mcp.example.com/mcp',
                                   container_id => 'ctr_bench') as container \gset

create schema bench;

-- `offset 0` keeps the subquery apart: a token and its hash come from one call.
create table bench.tokens as
  select n, (m).token, (m).token_hash
  from (select n, openclaw.mint_token('user_direct') as m
        from generate_series(1, 20000) as n offset 0) as minted;

-- API keys of a gate have the same form.
create table bench.keys as
  select n, (m).token, (m).token_hash
  from (select n, openclaw.mint_token('user_direct') as m
        from generate_series(1, 100000) as n offset 0) as minted;

-- As many as the rows take whose JWTs must all be new.
create table bench.jwts as
  select alg, n, (t).token
  from (select alg, n, openclaw.issue_access_token('ctr_bench', '{mcp:tools,data:read}', '1 hour', alg => alg) as t
        from (values ('EdDSA', 42000), ('ES256', 15000), ('RS256', 15000)) as wanted(alg, count),
             generate_series(1, count) as n offset 0) as signed;
create index on bench.jwts (alg, n);

-- The same of a thousand users, in turn.
select count(openclaw.register_container('user_' || n, 'laptop', 'external',
                                         format('https://mcp.user-%s.example.com/mcp', n), container_id => 'ctr_' || n))
from generate_series(1, 1000) as n;
create table bench.many_jwts as
  select n, (t).token
  from (select n, openclaw.issue_access_token('ctr_' || n % 1000 + 1, '{mcp:tools,data:read}', '1 hour') as t
        from generate_series(1, 42000) as n offset 0) as signed;
create index on bench.many_jwts (n);

-- Without the foreign keys' checks: every user_id below exists.
set session_replication_role = replica;
insert into openclaw.api_tokens (id, user_id, token_hash, scopes, expires_at, issued_for)
  select 'tok_' || place, 'user_' || place % 10000, coalesce(t.token_hash, sha256(int8send(place))),
         '{mcp:tools,data:read}', now() + interval '90 days', 'user_direct'
  from generate_series(1, 1000000) as place left join bench.tokens as t on place = t.n * 50
  order by place;
reset session_replication_role;

-- An application's table under row level security, and a role for each way to write its policy. There is no
-- index on the owner: a sequential scan calls the policy for each row.
create table bench.notes as
  select n, 'user_' || n % 10000 as owner, 'Water the plants.' as body from generate_series(1, 1000000) as n;
create role bench_function;
create role bench_select;
create role bench_constant;
grant usage on schema bench to bench_function, bench_select, bench_constant;
grant select on bench.notes to bench_function, bench_select, bench_constant;
select openclaw.grant_access('bench_function', 'session'), openclaw.grant_access('bench_select', 'session');
alter table bench.notes enable row level security;
create policy own on bench.notes to bench_function using (owner = openclaw.current_user_id());
create policy own_by_select on bench.notes to bench_select using (owner = (select openclaw.current_user_id()));
create policy own_by_constant on bench.notes to bench_constant using (owner = 'user_5000');

select openclaw.create_user('ada@example.com', 'ada', password => 'correct horse battery staple');

create role openclaw_front login;
select openclaw.grant_access('openclaw_front', 'front');

vacuum (analyze) openclaw.api_tokens;
vacuum (analyze) openclaw.users;
vacuum (analyze) bench.tokens;
vacuum (analyze) bench.jwts;
vacuum (analyze) bench.many_jwts;
vacuum (analyze) bench.notes;
checkpoint;
