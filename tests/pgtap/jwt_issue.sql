\ir fixture.psql
select plan(51);

select pg_temp.state() as before \gset
select token, jti, kid, issued_at, expires_at,
       extract(epoch from issued_at)::bigint as iat, extract(epoch from expires_at)::bigint as exp
from openclaw.issue_access_token('ctr_alice', '{mcp:tools,data:*}', client_id => 'harness-1') \gset
select is(pg_temp.segment(:'token', 1),
  jsonb_build_object('alg', 'EdDSA', 'typ', 'at+jwt', 'kid', :'kid'),
  'an access token''s header is alg, typ at+jwt and kid');
select is(pg_temp.segment(:'token', 2),
  jsonb_build_object('iss', :'issuer', 'sub', 'user_alice', 'user_id', 'user_alice', 'aud',
  :'alice_endpoint',
    'scope', 'mcp:tools data:*', 'client_id', 'harness-1', 'container_id', 'ctr_alice', 'iat', :iat,
    'exp', :exp, 'jti', :'jti', 'status', pg_temp.segment(:'token', 2) -> 'status'),
  'an access token''s claims are those of RFC 9068, user_id, container_id and status');
select is(:exp - :iat, 300, 'an access token is good for openclaw.access_token_lifetime');
select ok(:'issued_at'::timestamptz between clock_timestamp() - interval '1 minute' and clock_timestamp(),
  'an access token is issued at the clock''s time');
select is((select kid from openclaw.key_status where state = 'active'), :'kid',
  'an access token names the active key');
select is((openclaw.verify_jwt(:'token', :'alice_endpoint'))::text,
  row(true, null, 'user_alice', 'ctr_alice', 'harness-1', array['mcp:tools', 'data:*'],
  array[:'alice_endpoint'],
      :'jti', :'kid', :'issued_at'::timestamptz, :'expires_at'::timestamptz)::text,
  'verify_jwt gives the claims of a good access token');
select is((select expires_at - issued_at from openclaw.issue_access_token('ctr_alice', '{a:b}',
  '90 seconds')),
  interval '90 seconds', 'issue_access_token takes a lifetime');
select is(openclaw.introspect(:'token')::jsonb,
  (pg_temp.segment(:'token', 2) - 'status') || '{"active":true,"token_type":"Bearer"}',
  'introspect of an access token gives its claims');

select token, jti, kid, extract(epoch from expires_at - issued_at) as lifetime
from openclaw.issue_user_claim('user_alice', 'ctr_alice_hosted', '{mcp:tools}') \gset
select is(pg_temp.segment(:'token', 1) ->> 'typ', 'user-claim+jwt',
  'a user claim''s header says typ user-claim+jwt');
select is(pg_temp.segment(:'token', 2) - array['iat', 'exp'],
  jsonb_build_object('iss', :'issuer', 'sub', 'user_alice', 'user_id', 'user_alice',
    'aud', :'alice_hosted_endpoint', 'scope', 'mcp:tools', 'container_id', 'ctr_alice_hosted',
    'jti', :'jti', 'status', pg_temp.segment(:'token', 2) -> 'status'),
  'a user claim is for the hosted container and its user');
select is(:lifetime::int, 60, 'a user claim is good for openclaw.user_claim_lifetime');
select ok((openclaw.verify_jwt(:'token', :'alice_hosted_endpoint', type => 'user_claim',
  user_id => 'user_alice')).valid,
  'verify_jwt takes a user claim where one is demanded');
select is(openclaw.introspect(:'token')::text, '{"active":false}',
  'a user claim is no token and inactive');
select ok(not pg_temp.segment(token, 2) ? 'scope', 'a user claim without scopes has no scope claim')
from openclaw.issue_user_claim('user_alice', 'ctr_alice_hosted');
select is(pg_temp.state(), :'before', 'signing writes nothing, so that it works on a standby');
select is(count(distinct (openclaw.issue_user_claim('user_alice', 'ctr_alice_hosted')).jti),
  20::bigint,
  'every JWT has a jti of its own')
from generate_series(1, 20);

select throws_ok(statement, state, message, what)
from (values
  ('select openclaw.issue_access_token(''ctr_none'', ''{a:b}'')', 'P0002', 'no such container',
   'issue_access_token refuses an unknown container'),
  ('select openclaw.issue_access_token(null, ''{a:b}'')', 'P0002', 'no such container',
   'issue_access_token refuses a container of null'),
  ('select openclaw.issue_access_token(''ctr_alice_hosted'', ''{a:b}'')', '55000',
   'this container takes no access tokens', 'issue_access_token refuses a hosted container'),
  ('select openclaw.issue_access_token(''ctr_alice_keys'', ''{a:b}'')', '55000',
   'this container takes no access tokens',
   'issue_access_token refuses a container that takes API keys'),
  ('select openclaw.issue_access_token(''ctr_alice'', ''{}'')', '22023', 'scopes must not be empty',
   'issue_access_token refuses no scope'),
  ('select openclaw.issue_access_token(''ctr_alice'', null)', '22023', 'scopes must not be empty',
   'issue_access_token refuses scopes of null'),
  ('select openclaw.issue_access_token(''ctr_alice'', ''{mcp}'')', '22023',
  'scopes holds an invalid scope',
   'issue_access_token refuses what is no scope'),
  ('select openclaw.issue_access_token(''ctr_alice'', ''{a:b,NULL}'')', '22023',
  'scopes holds an invalid scope',
   'issue_access_token refuses a null among the scopes'),
  ('select openclaw.issue_access_token(''ctr_alice'', array_fill(''a:b''::text, array[65]))',
  '54000',
   'scopes has too many elements', 'issue_access_token refuses more than 64 scopes'),
  ('select openclaw.issue_access_token(''ctr_alice'', ''{a:b}'', ''0'')', '22023',
   'lifetime must be between one second and 01:00:00',
   'issue_access_token refuses a lifetime of nothing'),
  ('select openclaw.issue_access_token(''ctr_alice'', ''{a:b}'', ''61 minutes'')', '22023',
   'lifetime must be between one second and 01:00:00',
   'issue_access_token refuses a lifetime over one hour'),
  ('select openclaw.issue_access_token(''ctr_alice'', ''{a:b}'', alg => ''HS256'')', '22023',
   'unknown signing algorithm', 'issue_access_token refuses a symmetric algorithm'),
  ('select openclaw.issue_access_token(''ctr_alice'', ''{a:b}'', alg => ''none'')', '22023',
   'unknown signing algorithm', 'issue_access_token refuses the algorithm none'),
  ('select openclaw.issue_access_token(''ctr_alice'', ''{a:b}'', alg => ''ES256'')', '55000',
   'there is no active ES256 signing key',
   'issue_access_token refuses an algorithm without an active key'),
  ('select openclaw.issue_access_token(''ctr_alice'', ''{a:b}'', client_id => repeat(''x'', 257))',
  '54000',
   'client_id is too long', 'issue_access_token refuses a client_id over 256 bytes'),
  ('select openclaw.issue_user_claim(''user_alice'', ''ctr_alice'')', '55000',
   'this container takes no user claims', 'issue_user_claim refuses an external container'),
  ('select openclaw.issue_user_claim(''user_bob'', ''ctr_alice_hosted'')', 'P0002',
  'no such container',
   'issue_user_claim refuses another user''s container'),
  ('select openclaw.issue_user_claim(null, ''ctr_alice_hosted'')', 'P0002', 'no such container',
   'issue_user_claim refuses a user of null'),
  ('select openclaw.issue_user_claim(''user_alice'', ''ctr_alice_hosted'', null)', '22004',
   'scopes must not be null', 'issue_user_claim refuses scopes of null'),
  ('select openclaw.sign_jwt(''id_token'', ''EdDSA'', ''u'', ''a'', ''{}'', null, null, 1)',
  '22023',
   'unknown JWT type', 'sign_jwt refuses a type that is none'),
  ('select openclaw.sign_jwt(''access_token'', null, ''u'', ''a'', ''{}'', null, null, 1)', '22004',
   'alg must not be null', 'sign_jwt refuses an algorithm of null'),
  ('select openclaw.sign_jwt(''access_token'', ''EdDSA'', null, ''a'', ''{}'', null, null, 1)',
  '22004',
   'user_id must not be null', 'sign_jwt refuses a user of null'),
  ('select openclaw.sign_jwt(''access_token'', ''EdDSA'', ''u'', null, ''{}'', null, null, 1)',
  '22004',
   'audience must not be null', 'sign_jwt refuses an audience of null'),
  ('select openclaw.sign_jwt(''access_token'', ''EdDSA'', ''u'', ''a'', ''{}'', null, null, null)',
  '22004',
   'lifetime_seconds must not be null', 'sign_jwt refuses a lifetime of null'),
  ('select openclaw.issue_access_token(''ctr_alice'',
      array(select repeat(''a'', 60) || '':'' || repeat(''b'', 60) || n from generate_series(1, 64) as n))',
   '54000', 'the JWT would be too long to be verified',
   'issue_access_token refuses scopes that make a JWT which nobody reads'))
  as v(statement, state, message, what);

select is((select expires_at - issued_at from openclaw.issue_access_token('ctr_alice', '{a:b}', lifetime)), lives, what)
from (values
  (openclaw.max_jwt_lifetime(), openclaw.max_jwt_lifetime(), 'the longest lifetime is max_jwt_lifetime()'),
  ('1 second', interval '1 second', 'the shortest is a second'),
  ('1.999 seconds', '1 second', 'of a lifetime whole seconds count'),
  ('1 month -29 days -23 hours', '1 hour', 'a month of it is 30 days'),
  ('1 year -360 days 1 hour', '1 hour', 'and a year 360, as where intervals are compared')) as v(lifetime, lives, what);
select is(count(distinct (openclaw.issue_access_token('ctr_alice', '{a:b}')).jti), 200::bigint,
  'no two JWTs have one jti, however many are signed by one backend')
from generate_series(1, 200);

savepoint s;
set local openclaw.issuer = '';
select throws_ok('select openclaw.issue_access_token(''ctr_alice'', ''{a:b}'')', '55000',
  'openclaw.issuer is not set', 'issue_access_token refuses while there is no issuer');
rollback to s;
update openclaw.containers set disabled_at = now() where id = 'ctr_alice';
select throws_ok('select openclaw.issue_access_token(''ctr_alice'', ''{a:b}'')', 'P0002',
  'no such container',
  'issue_access_token refuses a disabled container as an unknown one');
update openclaw.users set disabled_at = now() where id = 'user_alice';
select throws_ok('select openclaw.issue_user_claim(''user_alice'', ''ctr_alice_hosted'')', 'P0002',
  'no such container', 'issue_user_claim refuses a disabled user as an unknown container');
update openclaw.signing_keys set revoked_at = now();
select throws_ok('select openclaw.issue_access_token(''ctr_bob'', ''{a:b}'')', '55000',
  'there is no active EdDSA signing key', 'issue_access_token refuses when no key is active');

select * from finish();
rollback;
