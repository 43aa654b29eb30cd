\ir fixture.psql
select plan(18);

update openclaw.containers set public_key_fingerprint = openclaw.canonical_fingerprint('sha256:' || encode(sha256(''), 'hex'))
where id = 'ctr_alice';
select pg_temp.state() as before \gset
create temp table external as select * from openclaw.connect('user_alice', 'ctr_alice',
  '{mcp:tools}');
create temp table hosted as select * from openclaw.connect('user_alice', 'ctr_alice_hosted',
  '{mcp:tools}');
select is(pg_temp.state(), :'before', 'connect writes nothing');

select is((select format('%s %s %s %s %s', mcp_endpoint, type, auth_method, client_certificate,
  public_key_fingerprint)
           from external),
  :'alice_endpoint' || ' external platform_token f sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
  'connect to an external container gives endpoint, method and pin, and asks for no client certificate');
select is((select array_agg(h) from external, json_object_keys(headers) as h),
  array['Authorization'],
  'connect to an external container sends an Authorization header alone');
select is((select row(v.valid, v.user_id, v.container_id, v.scopes,
  v.expires_at = external.expires_at)::text
           from external, openclaw.verify_jwt(substr(headers ->> 'Authorization', 8), mcp_endpoint,
             '{mcp:tools}') as v),
  '(t,user_alice,ctr_alice,{mcp:tools},t)',
  'connect''s access token is good at its endpoint for the scopes asked for');
select is((select left(headers ->> 'Authorization', 7) from external), 'Bearer ',
  'connect''s Authorization is of scheme Bearer');

select is((select format('%s %s %s %s %s', mcp_endpoint, type, auth_method, client_certificate,
  public_key_fingerprint is null)
           from hosted),
  :'alice_hosted_endpoint' || ' hosted mtls t t',
  'connect to a hosted container asks for a client certificate');
select is((select array_agg(h) from hosted, json_object_keys(headers) as h),
  array['X-OpenClaw-User-Claim'],
  'connect to a hosted container sends a user claim alone');
select is((select row(v.valid, v.user_id, v.container_id, v.expires_at = hosted.expires_at)::text
           from hosted, openclaw.verify_jwt(headers ->> 'X-OpenClaw-User-Claim', mcp_endpoint,
             '{mcp:tools}', 'user_alice',
                                            'user_claim') as v),
  '(t,user_alice,ctr_alice_hosted,t)', 'connect''s user claim is good at its endpoint');
select is((select array_agg(expires_at - refresh_at order by lifetime)
           from (select 300 as lifetime, expires_at, refresh_at from external
                 union all select 60, expires_at, refresh_at from hosted) as c),
  array[interval '12 seconds', interval '60 seconds'],
  'connect asks for a refresh when a fifth of the lifetime is left');

select throws_ok(format('select openclaw.connect(%L, %L, %L)', user_id, container_id, scopes),
  state, message,
  'connect refuses ' || what)
from (values
  ('an unknown container', 'user_alice', 'ctr_none', '{a:b}', 'P0002', 'no such container'),
  ('an unknown user', 'user_none', 'ctr_alice', '{a:b}', 'P0002', 'no such container'),
  ('a user of null', null, 'ctr_alice', '{a:b}', 'P0002', 'no such container'),
  ('another user''s container', 'user_alice', 'ctr_bob', '{a:b}', 'P0002', 'no such container'),
  ('a container that takes API keys only', 'user_alice', 'ctr_alice_keys', '{a:b}', '0A000',
   'this container takes only API keys, which its owner manages'),
  ('no scope', 'user_alice', 'ctr_alice', '{}', '22023', 'scopes must not be empty'),
  ('what is no scope', 'user_alice', 'ctr_alice', '{mcp}', '22023',
  'scopes holds an invalid scope'))
  as v(what, user_id, container_id, scopes, state, message);
update openclaw.containers set disabled_at = now() where id = 'ctr_alice';
select throws_ok('select openclaw.connect(''user_alice'', ''ctr_alice'', ''{a:b}'')', 'P0002',
  'no such container',
  'connect refuses a disabled container as an unknown one');
update openclaw.users set disabled_at = now() where id = 'user_alice';
select throws_ok('select openclaw.connect(''user_alice'', ''ctr_alice_hosted'', ''{a:b}'')',
  'P0002', 'no such container',
  'connect refuses a disabled user as an unknown one');

select * from finish();
rollback;
