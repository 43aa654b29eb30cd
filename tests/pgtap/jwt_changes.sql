-- What a session remembers of a container ends with whatever could have changed it. The session that
-- issues is a connection of dblink, which writes nothing itself, so the world is committed.
\ir other_session.psql
\ir fixture.psql
select id as ignored, client_secret as secret from openclaw.register_client('harness', 'harness', scopes => '{mcp:*,data:read}',
  client_id => 'harness') \gset
commit;
select plan(28);
select dblink_connect('other', pg_temp.server()) as ignored \gset
select dblink_exec('other', format('set openclaw.issuer = %L', :'issuer')) as ignored \gset

-- One value that the other session gives, or the SQLSTATE of its refusal.
create function pg_temp.elsewhere(statement text) returns text language plpgsql as $$
begin
  return (select value from dblink('other', statement) as t(value text));
exception when others then
  return sqlstate;
end
$$;
create function pg_temp.issued(claim text, container_id text default 'ctr_alice') returns text language sql as $$
  select pg_temp.elsewhere(format(
    $q$select convert_from(decode(rpad(translate(p, '-_', '+/'), (length(p) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::json ->> %L
       from split_part((openclaw.issue_access_token(%L, '{mcp:tools}')).token, '.', 2) as p$q$, claim, container_id))
$$;
create function pg_temp.front(secret text) returns text language sql as $$
  select pg_temp.elsewhere(format(
    $q$select status from openclaw.front_tokens(array[null]::text[], null, '{harness}', array[%L], null, null, '{client_credentials}',
         array[%L], null, null, null, null, null, null, null, null, null)$q$,
    secret, 'https://mcp.alice.example.com/mcp'))
$$;

select is(pg_temp.issued('aud'), :'alice_endpoint', 'another session issues a JWT');
select is(pg_temp.issued('aud'), :'alice_endpoint', 'and one more');
select is(pg_temp.front(:'secret'), '200', 'and a client has one');
select is(pg_temp.front(:'secret'), '200', 'and one more, too');

select openclaw.update_container('user_alice', 'ctr_alice', mcp_endpoint => 'https://new.alice.example.com') as ignored \gset
select is(pg_temp.issued('aud'), 'https://new.alice.example.com', 'a container''s new endpoint counts in the next one');
select is(pg_temp.front(:'secret'), '400', 'and for the client, which named the old one');
select openclaw.update_container('user_alice', 'ctr_alice', mcp_endpoint => :'alice_endpoint') as ignored \gset
select is(pg_temp.front(:'secret'), '200', 'until it is back');

select openclaw.define_plan('free', 10, 10, '1 minute', '{data:read}', 1000) as ignored \gset
select is(pg_temp.issued('aud'), '53400', 'a plan that is narrowed counts in the next one');
select openclaw.define_plan('free', 10, 10, '1 minute', '{mcp:*}', 1000) as ignored \gset
select is(pg_temp.issued('aud'), :'alice_endpoint', 'and one that is widened');
select openclaw.change_plan('user_alice', 'other') as ignored \gset
select openclaw.define_plan('other', allowed_scopes => '{data:read}') as ignored \gset
select is(pg_temp.issued('aud'), '53400', 'and a change of plan');
select is(pg_temp.front(:'secret'), '200', 'of which the client has what is left');
select openclaw.change_plan('user_alice', 'free') as ignored \gset

select pg_temp.issued('status') as status \gset
select openclaw.revoke_container_tokens('user_alice', 'ctr_alice') as ignored \gset
select isnt(pg_temp.issued('status')::json #>> '{status_list,uri}', :'status'::json #>> '{status_list,uri}',
  'after all its JWTs were revoked, the next one is of another generation');

begin;
update openclaw.users set disabled_at = now() where id = 'user_alice';
select is(pg_temp.issued('aud'), :'alice_endpoint', 'a user who is disabled, but not yet committed, still has one');
select is(pg_temp.front(:'secret'), '200', 'for the client, too');
commit;
select is(pg_temp.issued('aud'), 'P0002', 'and none from the commit on');
select is(pg_temp.front(:'secret'), '400', 'for the client neither');
select openclaw.enable_user('user_alice') as ignored \gset
select is(pg_temp.issued('aud'), :'alice_endpoint', 'a user who is enabled has one again');
select openclaw.remove_container('user_alice', 'ctr_alice') as ignored \gset
select is(pg_temp.issued('aud'), 'P0002', 'a container that is removed has none');

-- A secret is no more looked at than a container is.
select is(pg_temp.issued('aud', 'ctr_bob'), :'bob_endpoint', 'another container has one');
select openclaw.disable_client('harness') as ignored \gset
select is(pg_temp.front(:'secret'), '401', 'a client that is disabled is refused');

-- What the session itself has written, and what it takes back.
select dblink_exec('other', 'begin') as ignored \gset
select is(pg_temp.issued('aud', 'ctr_bob'), :'bob_endpoint', 'in a transaction of its own the session issues as well');
select dblink_exec('other', 'savepoint s') as ignored \gset
select dblink_exec('other', 'update openclaw.containers set mcp_endpoint = ''https://own.bob.example.com'' where id = ''ctr_bob''') as ignored \gset
select is(pg_temp.issued('aud', 'ctr_bob'), 'https://own.bob.example.com', 'and for what it has written itself');
select is(pg_temp.issued('aud', 'ctr_bob'), 'https://own.bob.example.com', 'once more, too');
select dblink_exec('other', 'rollback to s') as ignored \gset
select is(pg_temp.issued('aud', 'ctr_bob'), :'bob_endpoint', 'but not for what it took back');
select dblink_exec('other', 'rollback') as ignored \gset
select is(pg_temp.issued('aud', 'ctr_bob'), :'bob_endpoint', 'nor after it');

-- A snapshot that is older.
select dblink_exec('other', 'begin isolation level repeatable read') as ignored \gset
select is(pg_temp.issued('aud', 'ctr_bob'), :'bob_endpoint', 'a session has a snapshot');
select openclaw.remove_container('user_bob', 'ctr_bob') as ignored \gset
select is(pg_temp.elsewhere('select disabled_at::text from openclaw.containers where id = ''ctr_bob'''), null,
  'which does not see that the container is removed');
select is(pg_temp.issued('aud', 'ctr_bob'), 'P0002', 'and gets no JWT for it');
select dblink_exec('other', 'rollback') as ignored \gset

select dblink_disconnect('other') as ignored \gset
select * from finish();
