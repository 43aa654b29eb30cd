\ir fixture.psql
select plan(14);

select token as revoked_token, token_id as revoked_token_id
from openclaw.issue_token('user_alice', '{mcp:tools}') \gset
select openclaw.revoke_token('user_alice', :'revoked_token_id') as ignored \gset
select token as unknown_token from openclaw.mint_token('user_direct') \gset
select array[:'alice_token', null, '', :'unknown_token', :'revoked_token', :'bob_token',
  :'alice_token'] as mixed \gset

select is(array(select coalesce(reason,
  user_id) from openclaw.verify_tokens(:'mixed') order by ordinal),
  array['user_alice', 'malformed', 'malformed', 'unknown', 'revoked', 'user_bob', 'user_alice'],
  'verify_tokens answers each token with its own result, in their order');
select is(array(select ordinal from openclaw.verify_tokens(:'mixed')),
  array[1, 2, 3, 4, 5, 6, 7]::bigint[],
  'verify_tokens counts from 1');
select is(array(select row(v.valid, v.reason, v.token_id, v.user_id, v.container_id, v.scopes,
  v.issued_for,
                           v.expires_at)::text
                from openclaw.verify_tokens(:'mixed', '{mcp:tools}') as v order by ordinal),
  array(select openclaw.verify_token(token, '{mcp:tools}')::text
        from unnest(:'mixed'::text[]) with ordinality as t(token, n) order by n),
  'verify_tokens gives row by row what verify_token gives');
select is(array(select coalesce(reason, 'valid') from openclaw.verify_tokens(:'mixed',
  '{data:read}') order by ordinal),
  array['valid', 'malformed', 'malformed', 'unknown', 'revoked', 'insufficient_scope', 'valid'],
  'verify_tokens checks the required scopes of each');
select is((select array_agg(v.user_id order by v.ordinal)
           from openclaw.verify_tokens(:'mixed') as v join openclaw.users as u on u.id = v.user_id),
  array['user_alice', 'user_bob', 'user_alice'],
  'verify_tokens joins with tables in one statement');
select is_empty('select from openclaw.verify_tokens(''{}'')',
  'verify_tokens of no token is no row');
select is((select count(*) filter (where not valid and reason = 'malformed' and user_id is null)
           from openclaw.verify_tokens(array_fill('x'::text, array[65536]))),
  65536::bigint, 'verify_tokens takes 65536 tokens in one call');
select is((select format('%s of %s', count(*) filter (where valid), count(*))
           from openclaw.verify_tokens(array_fill(:'alice_token'::text, array[997]) ||
             array['', 'x', null])),
  '997 of 1000', 'three bad tokens among a thousand take nothing from the others');

select throws_ok(format('select * from openclaw.verify_tokens(%s, %L)', tokens, scopes), state,
  null,
  'verify_tokens refuses ' || what)
from (values ('a null for tokens', 'null', '{}', '22004'),
             ('a null for scopes', '''{}''', null, '22004'),
             ('a wildcard as requirement, even for no token', '''{}''', '{mcp:*}', '22023'),
             ('two dimensions', '''{{a},{b}}''', '{}', '2202E'),
             ('more than 65536 tokens', 'array_fill(''x''::text, array[65537])', '{}', '54000'),
             ('more than 16 MiB', 'array[repeat(''x'', 16 * 1024 * 1024)]', '{}', '54000'))
     as v(what, tokens, scopes, state);

select * from finish();
rollback;
