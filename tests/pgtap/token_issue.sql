\ir fixture.psql
select plan(41);

select token, token_id, expires_at
from openclaw.issue_token('user_alice', array['mcp:tools', 'data:*'], '1 hour', name => 'laptop',
                          container_id => 'ctr_alice') \gset
select matches(:'token'::text, '^ocu_[0-9A-Za-z]{49}$',
  'issue_token returns a user''s token by its form');
select matches(:'token_id'::text, '^tok_[0-9A-Za-z]{22}$', 'issue_token returns the token''s id');
select ok(:'expires_at'::timestamptz - clock_timestamp() between interval '59 minutes' and interval '1 hour',
  'issue_token returns the expiry that the lifetime asks for');
select is((select format('%s %s %s %s %s %s %s', user_id, name, scopes, issued_for, container_id,
                         revoked_at is null, expires_at = :'expires_at')
           from openclaw.api_tokens where id = :'token_id'),
  'user_alice laptop {mcp:tools,data:*} user_direct ctr_alice t t',
  'issue_token stores what was asked for');
select is((select token_hash from openclaw.api_tokens where id = :'token_id'),
  sha256(:'token'::bytea), 'issue_token stores the SHA-256 of the token''s text');
select is_empty(format('select from openclaw.api_tokens as t where strpos(t::text, %L) > 0',
  right(:'token', 49)),
  'issue_token stores the token''s text nowhere');
select is(pg_temp.last_audit(), 'issue_token user_alice ' || :'token_id' || ' success',
  'issue_token leaves an audit row');
select is((select issued_for from openclaw.api_tokens where id = :'bob_token_id'), 'user_direct',
  'issue_token makes a user''s own token by default');
select matches(:'harness_token'::text, '^och_[0-9A-Za-z]{49}$',
  'issue_token returns a harness token by its form');
select is((select expires_at - created_at >= interval '90 days'
           from openclaw.api_tokens where id = :'bob_token_id'), true,
  'issue_token gives 90 days by default');
select is((select count(distinct token) from
           (select (openclaw.issue_token('user_bob', '{a:b}')).token
             from generate_series(1, 50)) as t),
  50::bigint, 'issue_token never makes the same token twice');

select pg_temp.state() as before \gset
select throws_ok(format($$select openclaw.issue_token('user_alice', '{mcp:tools}', lifetime => %L)$$, bad),
  '22023', 'lifetime must be between one second and ten years',
  'issue_token refuses the lifetime ' || bad)
from unnest(array['0', '-1 day', '999 milliseconds', '10 years 1 day', '300000 years', '121 months -15 days']) as bad;
select throws_ok(format($$select openclaw.issue_token('user_alice', %L)$$, bad), '22023',
  'scopes must be 1 to 64 of area:action or area:*',
  'issue_token refuses the scopes ' || coalesce(to_json(left(bad, 30))::text, 'null'))
from (select null as bad union all
      select unnest(array['{}', '{NULL}', '{""}', '{*}', '{"*:*"}', '{"mcp:tools "}',
        '{"mcp:to ols"}',
                          '{Mcp:tools}', '{mcp}', '{mcp:tools,mcp:}'])
      union all values (array[e'mcp:tools\n']::text), (array['mcp:' || repeat('x', 65)]::text),
                       (array_fill('mcp:tools'::text, array[65])::text)) as v;
select throws_ok($$select openclaw.issue_token('user_nobody', '{mcp:tools}')$$, 'P0002',
  'no such user',
  'issue_token refuses an unknown user');
select throws_ok($$select openclaw.issue_token(null, '{mcp:tools}')$$, 'P0002', 'no such user',
  'issue_token refuses a user of null');
select throws_ok($$select openclaw.issue_token('user_alice', '{mcp:tools}', issued_for => 'refresh')$$,
  '22023', 'unknown issued_for', 'issue_token refuses a purpose that is none');
select throws_ok($$select openclaw.issue_token('user_alice', '{mcp:tools}', name => e'a\nb')$$,
  '23514', null,
  'issue_token refuses a name with a control character');
select throws_ok($$select openclaw.issue_token('user_alice', '{mcp:tools}', container_id => 'ctr_none')$$,
  'P0002', 'no such container', 'issue_token refuses an unknown container');
select is(pg_temp.state(), :'before', 'a refused issue_token changes nothing');

update openclaw.users set disabled_at = now() where id = 'user_bob';
select throws_ok($$select openclaw.issue_token('user_bob', '{mcp:tools}')$$, 'P0002',
  'no such user',
  'issue_token refuses a disabled user as an unknown one');
update openclaw.containers set disabled_at = now() where id = 'ctr_alice';
select throws_ok($$select openclaw.issue_token('user_alice', '{mcp:tools}', container_id => 'ctr_alice')$$,
  'P0002', 'no such container', 'issue_token refuses a disabled container as an unknown one');

select is((select token_hash = openclaw.token_hash(token) and token_hash = sha256(token::bytea)
           from openclaw.mint_token('user_direct')), true,
  'token_hash of a minted token is the hash that mint_token gives');
select is(openclaw.token_hash(pg_temp.altered(:'alice_token', 20)), null,
  'token_hash of a mistyped token is null');

select * from finish();
rollback;
