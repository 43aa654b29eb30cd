-- Endings: what each of them ends, at once, for every check in the database, and what it leaves.
\ir fixture.psql
select plan(57);

select id from openclaw.register_client('client', 'harness', client_id => 'client',
  grant_types => '{refresh_token,urn:ietf:params:oauth:grant-type:token-exchange}') \gset
select openclaw.register_container('user_alice', 'second', 'external', 'https://second.example.com', container_id => 'ctr_second') as ignored \gset

-- All that alice and bob have, as one row of what is good.
create temp table had as
select (openclaw.issue_access_token('ctr_alice', '{mcp:tools}')).token as jwt,
       (openclaw.issue_access_token('ctr_alice', '{mcp:tools}')).token as jwt_2,
       (openclaw.issue_access_token('ctr_second', '{mcp:tools}')).token as second_jwt,
       (openclaw.issue_user_claim('user_alice', 'ctr_alice_hosted')).token as claim,
       (openclaw.issue_token('user_alice', '{mcp:tools}', container_id => 'ctr_alice')).token as bound,
       (openclaw.issue_token('user_alice', '{mcp:tools}')).token as opaque,
       (openclaw.create_grant('client', 'ctr_alice', '{mcp:tools}')).refresh_token as refresh,
       (openclaw.create_grant('client', 'ctr_second', '{mcp:tools}')).refresh_token as second_refresh,
       (openclaw.issue_access_token('ctr_bob', '{mcp:tools}')).token as bob_jwt;
grant select on had to public;
create function pg_temp.good() returns text language sql as $$
  select concat_ws(' ',
    case when (openclaw.verify_jwt(jwt, 'https://mcp.alice.example.com/mcp')).valid then 'jwt' end,
    case when (openclaw.introspect(jwt_2) ->> 'active')::boolean then 'jwt_2' end,
    case when (openclaw.verify_jwt(second_jwt, 'https://second.example.com')).valid then 'second_jwt' end,
    case when (openclaw.verify_jwt(claim, 'alice-mcp:3100', type => 'user_claim')).valid then 'claim' end,
    case when (openclaw.verify_token(bound)).valid then 'bound' end,
    case when (openclaw.verify_token(opaque)).valid then 'opaque' end,
    case when (openclaw.introspect(refresh) ->> 'active')::boolean then 'refresh' end,
    case when (openclaw.introspect(second_refresh) ->> 'active')::boolean then 'second_refresh' end,
    case when (openclaw.verify_jwt(bob_jwt, 'https://mcp.bob.example.com/mcp')).valid then 'bob_jwt' end)
  from had
$$;
create function pg_temp.jti(jwt text) returns text language sql as $$ select pg_temp.segment(jwt, 2) ->> 'jti' $$;
-- What is good after an ending, which is taken back.
create function pg_temp.after(ending text, out said text, out good text) language plpgsql as $$
begin
  begin
    execute ending into said;
    good := pg_temp.good();
    raise exception using errcode = 'PT000';
  exception when sqlstate 'PT000' then null;
  end;
end
$$;
\set all 'jwt jwt_2 second_jwt claim bound opaque refresh second_refresh bob_jwt'
select is(pg_temp.good(), :'all', 'all of it is good');
create temp table ending as select * from (values
  ('revoke_jwt(container, jti)', format('select openclaw.revoke_jwt(%L, %L)', 'ctr_alice', (select pg_temp.jti(jwt) from had)),
   'true', 'jwt_2 second_jwt claim bound opaque refresh second_refresh bob_jwt'),
  ('revoke_jwts_of(user, container)', 'select openclaw.revoke_jwts_of(''user_alice'', ''ctr_alice'')',
   '1', 'second_jwt claim bound opaque refresh second_refresh bob_jwt'),
  ('revoke_jwts_of(user)', 'select openclaw.revoke_jwts_of(''user_alice'')',
   '4', 'bound opaque refresh second_refresh bob_jwt'),
  ('revoke_container_tokens', 'select openclaw.revoke_container_tokens(''user_alice'', ''ctr_alice'')',
   'true', 'second_jwt claim opaque second_refresh bob_jwt'),
  ('revoke_user_tokens', 'select openclaw.revoke_user_tokens(''user_alice'')', 'true', 'bob_jwt'),
  ('remove_container', 'select openclaw.remove_container(''user_alice'', ''ctr_alice'')',
   'true', 'second_jwt claim opaque second_refresh bob_jwt'),
  ('disable_user', 'select openclaw.disable_user(''user_alice'')', 'true', 'bob_jwt'),
  ('disable_client', 'select openclaw.disable_client(''client'')', 'true', 'jwt jwt_2 second_jwt claim bound opaque bob_jwt'))
  as v(name, call, says, leaves);
select is(a.said, says, name || ' says what it did')
from ending, pg_temp.after(call) as a;
select is(a.good, leaves, name || ' ends what it should and nothing else')
from ending, pg_temp.after(call) as a;
select is(a.said, says, what)
from (values
  ('select openclaw.revoke_jwt(''ctr_none'', ''x'')', 'false', 'revoke_jwt of an unknown container is false'),
  ('select openclaw.revoke_jwts_of(''user_bob'', ''ctr_alice'')', '0', 'another user''s container is none for revoke_jwts_of'),
  ('select openclaw.revoke_container_tokens(''user_bob'', ''ctr_alice'')', 'false', 'nor for revoke_container_tokens'),
  ('select openclaw.remove_container(''user_bob'', ''ctr_alice'')', 'false', 'nor for remove_container'),
  ('select openclaw.revoke_user_tokens(''user_none'')', 'false', 'an unknown user has nothing to revoke'),
  ('select openclaw.disable_user(''user_none'')', 'false', 'and cannot be disabled'))
  as v(call, says, what), pg_temp.after(call) as a
where a.good = :'all';
select is(pg_temp.good(), :'all', 'each was taken back');

-- Twice is the same, and says so.
savepoint s;
select openclaw.revoke_jwt('ctr_alice', pg_temp.jti(jwt)) as once, openclaw.revoke_jwt('ctr_alice', pg_temp.jti(jwt)) as twice from had \gset
select is(array[:'once', :'twice'], array['t', 't'], 'revoke_jwt twice is true both times');
select is((select count(*) from openclaw.audit_log where action = 'revoke_jwt'), 1::bigint, 'with one audit row');
select openclaw.remove_container('user_alice', 'ctr_alice') as once, openclaw.remove_container('user_alice', 'ctr_alice') as twice \gset
select is(array[:'once', :'twice'], array['t', 't'], 'so is remove_container');
select is(openclaw.register_container('user_alice', 'laptop', 'external', :'alice_endpoint', container_id => 'ctr_again'),
  'ctr_again', 'and frees name and endpoint');
select isnt((openclaw.verify_jwt((select jwt from had), :'alice_endpoint')).valid, true,
  'but what was issued for the container before is not good for the new one');
rollback to s;
select throws_ok(format('select openclaw.revoke_jwt(''ctr_alice'', %L)', jti), '22023', null, 'a jti that is ' || what || ' is refused')
from (values ('empty', ''), ('over 256 bytes', repeat('x', 257))) as v(what, jti);

select openclaw.revoke_jwt('ctr_bob', pg_temp.jti(jwt)) as ignored from had \gset
select ok((openclaw.verify_jwt(jwt, :'alice_endpoint')).valid, 'revoked for another container a JWT stays good') from had;
select openclaw.revoke_jwt('ctr_alice', pg_temp.jti(jwt)) as ignored from had \gset
select is((openclaw.verify_jwt(jwt, :'alice_endpoint')).reason, 'revoked', 'and is revoked all the same when it is for its own') from had;
rollback to s;

-- All that was issued before, and nothing that is issued after.
select openclaw.revoke_jwts_of('user_alice') as ignored \gset
select ok((openclaw.verify_jwt(token, :'alice_endpoint')).valid, 'a JWT that is issued after revoke_jwts_of is good')
from openclaw.issue_access_token('ctr_alice', '{mcp:tools}');
select is((openclaw.verify_jwt(token, 'https://mcp.alice.example.com/mcp')).reason, 'revoked',
  'one of another generation, or without a status, is not')
from (values (7), (null)) as v(generation),
     openclaw.sign_jwt('access_token', 'EdDSA', 'user_alice', 'https://mcp.alice.example.com/mcp',
                       '{a:b}', null, 'ctr_alice', 60, generation);
rollback to s;

-- The status list (IETF draft-ietf-oauth-status-list).
create function pg_temp.list(container_id text, generation text) returns jsonb language sql as $$
  select pg_temp.segment(openclaw.status_list(container_id, generation), 2)
$$;
create function pg_temp.lst(container_id text, generation text) returns text language sql as $$
  select pg_temp.list(container_id, generation) #>> '{status_list,lst}'
$$;
savepoint s;
select is(pg_temp.segment(jwt, 2) #>> '{status,status_list,uri}', :'issuer' || '/oauth/status/ctr_alice/0', 'a JWT says where its status stands') from had;
select is(pg_temp.segment(openclaw.status_list('ctr_alice', '0'), 1) ->> 'typ', 'statuslist+jwt', 'a list is a Status List Token');
select is(pg_temp.list('ctr_alice', '0') - '{iat,exp,status_list}'::text[],
  jsonb_build_object('sub', :'issuer' || '/oauth/status/ctr_alice/0', 'ttl', 5), 'about its own URI, with a ttl');
select is((pg_temp.list('ctr_alice', '0') ->> 'exp')::int - (pg_temp.list('ctr_alice', '0') ->> 'iat')::int, 60, 'and good for a minute');
select pg_temp.lst('ctr_alice', '0') as none_revoked, pg_temp.lst('ctr_alice', '1') as all_revoked \gset
select isnt(:'none_revoked'::text, :'all_revoked', 'a generation that is not there has every place invalid');
select is(pg_temp.lst('ctr_none', '0'), :'all_revoked', 'so has a container that is not there');
select openclaw.revoke_jwt('ctr_alice', pg_temp.jti(jwt)) as ignored from had \gset
select ok(pg_temp.lst('ctr_alice', '0') not in (:'none_revoked', :'all_revoked'), 'a revoked JWT shows in the list');
rollback to s;
select openclaw.revoke_jwts_of('user_alice', 'ctr_alice') as ignored \gset
select is(array[pg_temp.lst('ctr_alice', '0'), pg_temp.lst('ctr_alice', '1')], array[:'all_revoked', :'none_revoked'],
  'revoke_jwts_of ends one generation and begins the next');
rollback to s;
select openclaw.remove_container('user_alice', 'ctr_alice') as ignored \gset
select is(pg_temp.lst('ctr_alice', '0'), :'all_revoked', 'a removed container has every place invalid');
rollback to s;
select openclaw.disable_user('user_alice') as ignored \gset
select is(pg_temp.lst('ctr_alice', '0'), :'all_revoked', 'so has a disabled user''s');
rollback to s;
select kid from openclaw.key_status where state = 'active' \gset
select openclaw.revoke_signing_key(:'kid') as ignored \gset
select is(pg_temp.list('ctr_alice', '0') -> 'revoked_keys', jsonb_build_array(:'kid'), 'a list names the signing keys that were revoked');
rollback to s;
select is((openclaw.front_status_list(path)).status, 404, 'a status list at ' || path || ' is 404')
from unnest(array['', '/', '/ctr_alice', '/ctr_alice/', '/ctr_alice/x', '/ctr_alice/01', '/ctr_alice/0/0', '/../0']) as path;

-- maintain() clears what has expired.
select openclaw.revoke_jwt('ctr_alice', 'x') as ignored \gset
update openclaw.revoked_jwts set expires_at = now();
update openclaw.grants set expires_at = now();
insert into openclaw.client_assertions values ('client', sha256('x'), now());
select is((select jsonb_object_agg(task, done) from openclaw.maintain()),
  '{"prepare signing keys": 0, "make audit partitions": 2, "seal audit log": 0, "apply audit retention": 0,
    "clear tokens": 0, "clear rate limits": 0, "clear revoked JWTs": 1, "clear client assertions": 1, "clear client secrets": 0, "clear access tokens of grants": 0, "clear refresh tokens": 2, "clear grants": 2}',
  'maintain says what it did');
select is((select sum(done) from openclaw.maintain()), 0::numeric, 'and has nothing left to do');

select * from finish();
rollback;
