-- Attack 32: what is another's answers exactly as what does not exist.
\ir fixture.psql
select plan(8);

-- A session's first error has a context of its own.
select (pg_temp.error_of($$select openclaw.issue_token('user_alice', '{mcp:tools}', container_id => 'ctr_none')$$)).state as ignored \gset
select is((pg_temp.error_of(format(statement, 'ctr_bob')))::text,
          replace((pg_temp.error_of(format(statement, 'ctr_none')))::text, 'ctr_none', 'ctr_bob'),
  what || ' says of another user''s container what it says of none')
from (values
  ('issue_token',
  'select openclaw.issue_token(''user_alice'', ''{mcp:tools}'', container_id => %L)'),
  ('issue_access_token',
  'select openclaw.issue_access_token(%L, ''{mcp:tools}'', user_id => ''user_alice'')'),
  ('issue_user_claim', 'select openclaw.issue_user_claim(''user_alice'', %L)'),
  ('connect', 'select openclaw.connect(''user_alice'', %L, ''{mcp:tools}'')'))
  as v(what, statement);
select isnt((pg_temp.error_of('select openclaw.issue_user_claim(''user_alice'', ''ctr_bob'')')).state, null,
  'that answer is an error');
select is(openclaw.revoke_token('user_alice', :'bob_token_id'),
  openclaw.revoke_token('user_alice', 'tok_none'),
  'revoke_token answers for another user''s token as for none');
select is(openclaw.front_connect('Bearer ' || :'harness_token', null, 'ctr_bob', null)::text,
          openclaw.front_connect('Bearer ' || :'harness_token', null, 'ctr_none', null)::text,
  'front_connect answers for another user''s container as for none');
select is(pg_temp.front_introspect('Bearer ' || :'harness_token', :'bob_token', null)::text,
          pg_temp.front_introspect('Bearer ' || :'harness_token', 'x', null)::text,
  'front_introspections answers for another user''s token as for none');

select * from finish();
rollback;
