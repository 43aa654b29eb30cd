-- What a hot standby answers: nothing that verifies or signs writes.
\ir fixture.psql
select plan(11);
-- psql's savepoint around each statement would take the next line back.
\set ON_ERROR_ROLLBACK off
set transaction read only;

select ok((openclaw.verify_token(:'alice_token')).valid,
  'verify_token works in a read-only transaction');
select is((select count(*) from openclaw.verify_tokens(array[:'alice_token'])), 1::bigint,
  'verify_tokens does');
select is((openclaw.introspect(:'alice_token') ->> 'active'), 'true', 'introspect does');
select token as jwt from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') \gset
select ok((openclaw.verify_jwt(:'jwt', :'alice_endpoint')).valid,
  'issue_access_token and verify_jwt do');
select isnt((openclaw.connect('user_alice', 'ctr_alice_hosted', '{mcp:tools}')).headers::text, null,
  'connect and issue_user_claim do');
select isnt(openclaw.jwks()::text, null, 'jwks does');
select is((openclaw.front_connect('Bearer ' || :'harness_token', null, 'ctr_alice', null)).status,
  200, 'front_connect does');
select is((pg_temp.front_verify('Bearer ' || :'jwt', :'alice_endpoint', null)).status, 200,
  'front_verifications does');
select ok(openclaw.take_used_tokens() @> array[:'alice_token_id'], 'take_used_tokens tells of it');
select throws_ok('select openclaw.record_token_use(''{}'')', '25006', null, 'which is recorded on the primary alone');
select throws_ok(format('select openclaw.revoke_token(%L)', :'alice_token'), '25006', null,
  'a revocation is an error there, never a success');

select * from finish();
rollback;
