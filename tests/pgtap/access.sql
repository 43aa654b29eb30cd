-- grant_access: what each capability opens is tested in privileges.sql; here, that it works.
\ir fixture.psql
select plan(21);

create role pgtap_access_verifier;
create role "pgtap Access, ""issuer""";
create role pgtap_access_admin;
create role pgtap_access_front;
select openclaw.grant_access('pgtap_access_verifier', 'verifier') as ignored \gset
select is((select action || ' ' || target from openclaw.audit_log order by at desc limit 1),
  'grant_access pgtap_access_verifier verifier', 'grant_access leaves an audit row');
select lives_ok($$select openclaw.grant_access('"pgtap Access, ""issuer"""', 'issuer')$$,
  'grant_access takes a role whose name needs quotes');
select openclaw.grant_access('pgtap_access_admin', 'admin') as ignored,
       openclaw.grant_access('pgtap_access_front', 'front') as ignored \gset
select is(rolconfig, array['log_parameter_max_length=0', 'log_parameter_max_length_on_error=0'],
  rolname || '''s parameters stay out of the server''s log')
from pg_roles where rolname like 'pgtap%ccess%' order by rolname;
select lives_ok($$select openclaw.grant_access('pgtap_access_verifier', 'verifier')$$,
  'granting twice is no error');

select throws_ok(format($$select openclaw.grant_access('pgtap_access_front', %L)$$, bad), '22023',
  'unknown capability',
  'grant_access refuses the capability ' || coalesce(to_json(bad)::text, 'null'))
from unnest(array['', 'superuser', 'Verifier', null]) as bad;
select throws_ok($$select openclaw.grant_access('pgtap_access_none', 'verifier')$$, '42704', null,
  'grant_access refuses an unknown role');

-- Each of them does its work, with the definer's rights and none of its own on a table.
select token as jwt from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') \gset
set local role pgtap_access_verifier;
select is(array[(openclaw.verify_token(:'alice_token')).valid,
  (select valid from openclaw.verify_tokens(array[:'alice_token'])),
                (openclaw.verify_jwt(:'jwt', :'alice_endpoint')).valid,
                (openclaw.introspect(:'alice_token') ->> 'active')::boolean,
                openclaw.jwks() is not null],
  array[true, true, true, true, true], 'a verifier verifies, introspects and reads the JWKS');
set local role "pgtap Access, ""issuer""";
select is(openclaw.create_user(user_id => 'user_carol', password => 'correct horse'), 'user_carol',
  'an issuer adds users');
select is(openclaw.register_container('user_carol', 'n', 'external', 'https://carol.example.com',
  container_id => 'ctr_carol'),
  'ctr_carol', 'an issuer adds containers');
select is(openclaw.revoke_token('user_carol',
  (openclaw.issue_token('user_carol', '{a:b}', container_id => 'ctr_carol')).token_id),
  true, 'an issuer issues and revokes tokens');
select is((openclaw.connect('user_carol', 'ctr_carol', '{a:b}')).type, 'external',
  'an issuer signs JWTs');
set local role pgtap_access_admin;
select isnt(openclaw.rotate_signing_key('ES256'), null, 'an admin rotates keys');
select is((select count(*) from openclaw.doctor()), 12::bigint, 'an admin asks the doctor');
select is(openclaw.disable_user('user_carol'), true, 'an admin ends what a user has');
select throws_ok($$select openclaw.issue_token('user_alice', '{a:b}')$$, '42501', null,
  'an admin issues nothing');
reset role;

select * from finish();
rollback;
