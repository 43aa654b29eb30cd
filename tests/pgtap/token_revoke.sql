\ir fixture.psql
select plan(25);

select pg_temp.state() as before \gset
select is(openclaw.revoke_token('user_bob', :'alice_token_id'), false,
  'revoke_token of another user''s token answers as for an unknown one');
select is(openclaw.revoke_token('user_bob', 'tok_none'), false,
  'revoke_token of an unknown token is false');
select is(openclaw.revoke_token(user_id => null, token_id => :'alice_token_id'), false,
  'revoke_token for a user of null is false');
select is(openclaw.revoke_token(pg_temp.altered(:'alice_token', 30)), false,
  'revoke_token of a mistyped token is false');
select is(openclaw.revoke_token((select token from openclaw.mint_token('user_direct'))), false,
  'revoke_token of a token never issued is false');
select is(openclaw.revoke_token(null::text), false, 'revoke_token of null is false');
select is(pg_temp.state(), :'before',
  'a revoke_token that finds nothing changes nothing, the audit log included');

select ok((openclaw.verify_token(:'alice_token')).valid, 'a token is good before it is revoked');
select is(openclaw.revoke_token('user_alice', :'alice_token_id'), true,
  'revoke_token by id is true');
select is((openclaw.verify_token(:'alice_token'))::text,
  row(false, 'revoked', null, null, null, null, null, null)::text,
  'a revoked token is refused at once, in the same transaction, and says nothing else');
select is(openclaw.introspect(:'alice_token')::text, '{"active":false}',
  'a revoked token is inactive at once');
select is(pg_temp.last_audit(), 'revoke_token user_alice ' || :'alice_token_id' || ' success',
  'revoke_token leaves an audit row');
select pg_temp.state() as before \gset
select is(openclaw.revoke_token('user_alice', :'alice_token_id'), true,
  'revoking twice is true both times');
select is(openclaw.revoke_token(:'alice_token'), true,
  'revoking again by the token''s text is true as well');
select is(pg_temp.state(), :'before', 'revoking again leaves the first revocation as it was');

select is(openclaw.revoke_token(:'bob_token'), true, 'revoke_token by text is true');
select is((openclaw.verify_token(:'bob_token')).reason, 'revoked',
  'a token revoked by its text is refused');
select is(pg_temp.last_audit(), 'revoke_token user_bob ' || :'bob_token_id' || ' success',
  'revoke_token by text leaves the audit row of the token''s own user');

savepoint s;
select openclaw.revoke_token(:'harness_token') as ignored \gset
rollback to s;
select ok((openclaw.verify_token(:'harness_token')).valid,
  'a rolled-back revocation leaves the token live');

-- What else ends a token.
select token as bound_token from openclaw.issue_token('user_alice', '{mcp:tools}',
  container_id => 'ctr_alice') \gset
savepoint s;
update openclaw.containers set disabled_at = now() where id = 'ctr_alice';
select is((openclaw.verify_token(:'bound_token')).reason, 'revoked',
  'disabling a container ends the tokens bound to it in the same transaction');
select ok((openclaw.verify_token(:'harness_token')).valid,
  'disabling a container leaves its user''s other tokens');
update openclaw.containers set disabled_at = null where id = 'ctr_alice';
select is((openclaw.verify_token(:'bound_token')).reason, 'revoked',
  'enabling a container again revives no token');
rollback to s;
delete from openclaw.containers where id = 'ctr_alice';
select is((openclaw.verify_token(:'bound_token')).reason, 'unknown',
  'a token bound to a deleted container is unknown');
update openclaw.users set disabled_at = now() where id = 'user_alice';
select is((openclaw.verify_token(:'harness_token')).reason, 'revoked',
  'disabling a user ends the user''s tokens in the same transaction');
delete from openclaw.users where id = 'user_alice';
select is((openclaw.verify_token(:'harness_token')).reason, 'unknown',
  'a deleted user''s token is unknown');

select * from finish();
rollback;
