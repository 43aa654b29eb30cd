\ir fixture.psql
select plan(39);

-- One row of verify_token as text, so that a test compares all of it.
create function pg_temp.verified(token text, scopes text[] default '{}') returns text
  language sql as $$ select openclaw.verify_token(token, scopes)::text $$;
create function pg_temp.refused(reason text) returns text
  language sql as $$ select row(false, reason, null, null, null, null, null, null)::text $$;

select is(pg_temp.verified(:'alice_token'),
  (select row(true, null, id, 'user_alice', null, array['mcp:*', 'data:read'], 'user_direct',
  expires_at)::text
   from openclaw.api_tokens where id = :'alice_token_id'),
  'verify_token of a live token says whose it is, what it grants and until when');
select is((openclaw.verify_token(:'harness_token')).issued_for, 'platform_harness',
  'verify_token says what a token was issued for');

select ok((openclaw.verify_token(:'alice_token', scopes)).valid,
  'a token with mcp:* and data:read covers ' || scopes::text)
from (values ('{}'::text[]), ('{mcp:tools}'), ('{mcp:tools,data:read}'),
  ('{data:read,data:read}')) as v(scopes);
select is(pg_temp.verified(:'alice_token', scopes), pg_temp.refused('insufficient_scope'),
  'a token with mcp:* and data:read does not cover ' || scopes::text)
from (values ('{data:write}'::text[]), ('{mcp2:tools}'), ('{mcp:tools,data:write}'), ('{md:tools}'),
             ('{data:readx}')) as v(scopes);
select throws_ok(format('select openclaw.verify_token(%L, %L)', :'alice_token', bad), state,
  message,
  'verify_token refuses to check for ' || coalesce(left(bad, 30), 'null'))
from (values (null, '22004', 'required_scopes must not be null'),
             ('{NULL}', '22004', 'required_scopes holds a null'),
             ('{""}', '22023', 'required_scopes holds an invalid scope'),
             ('{mcp:*}', '22023', 'required_scopes holds an invalid scope'),
             ('{"mcp:tools "}', '22023', 'required_scopes holds an invalid scope'),
             ('{{mcp:tools}}', '2202E', 'required_scopes must have one dimension'),
             (array_fill('a:b'::text, array[65])::text, '54000',
             'required_scopes has too many elements'))
     as v(bad, state, message);

select is(pg_temp.verified(bad), pg_temp.refused('malformed'),
  'a token that is ' || what || ' is malformed')
from (values ('null', null), ('empty', ''), ('a prefix alone', 'ocu_'),
             ('cut short', left(:'alice_token', -1)), ('too long', :'alice_token' || 'x'),
             ('followed by a space', :'alice_token' || ' '),
             ('followed by a newline', :'alice_token' || e'\n'),
             ('mistyped in its random part', pg_temp.altered(:'alice_token', 30)),
             ('mistyped in its checksum', pg_temp.altered(:'alice_token', 53)),
             ('given another prefix', 'och' || substr(:'alice_token', 4)),
             ('upper-cased', upper(:'alice_token')), ('no token', repeat('x', 53)),
             ('64 KiB long', repeat('ocu_', 16384))) as v(what, bad);
select is(pg_temp.verified((select token from openclaw.mint_token('user_direct'))),
  pg_temp.refused('unknown'),
  'a well-formed token that was never issued is unknown');

savepoint s;
update openclaw.api_tokens set created_at = now() - interval '2 days',
expires_at = now() - interval '1 day'
where id = :'alice_token_id';
select is(pg_temp.verified(:'alice_token'), pg_temp.refused('expired'),
  'a token past its expiry is expired');
select is(pg_temp.verified(:'alice_token', '{data:write}'), pg_temp.refused('expired'),
  'an expired token does not say what it would have granted');
update openclaw.api_tokens set revoked_at = now() where id = :'alice_token_id';
select is(pg_temp.verified(:'alice_token'), pg_temp.refused('revoked'),
  'a token that is revoked and expired is revoked');
rollback to s;
select ok((openclaw.verify_token(:'alice_token')).valid,
  'a rolled-back end of a token leaves it live');

set local plan_cache_mode = force_generic_plan;
prepare verify(text) as select coalesce((openclaw.verify_token($1)).reason, 'valid') as answer;
select token as short_token, token_id as short_token_id
from openclaw.issue_token('user_alice', '{mcp:tools}', '1 second') \gset
execute verify(:'short_token') \gset first_
update openclaw.api_tokens set expires_at = clock_timestamp() where id = :'short_token_id';
execute verify(:'short_token') \gset then_
select is(array[:'first_answer', :'then_answer'], array['valid', 'expired'],
  'a token expires under a prepared statement''s generic plan, within one transaction');

savepoint s;
select token as rolled_back from openclaw.issue_token('user_alice', '{mcp:tools}') \gset
rollback to s;
select is(pg_temp.verified(:'rolled_back'), pg_temp.refused('unknown'),
  'a token whose issue was rolled back is unknown');

select pg_temp.state() as before \gset
select openclaw.verify_token(:'alice_token') as ignored, openclaw.verify_token('') as ignored \gset
select is(pg_temp.state(), :'before', 'verify_token writes nothing');

select * from finish();
rollback;
