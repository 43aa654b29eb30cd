\ir fixture.psql
select plan(15);

create function pg_temp.revoked(caller text, token text, request_id text default null) returns text language sql as $$
  select pg_temp.front_revoke('Bearer ' || caller, token, null, request_id)::text
$$;
create function pg_temp.bad_request(error text, description text) returns text language sql as $$
  select row(400, 'Content-Type: application/json',
             json_build_object('error', error, 'error_description', description))::text
$$;
\set done '(200,,)'

select pg_temp.state() as before \gset
select is(pg_temp.revoked(:'harness_token', token), :'done',
  'front_revoke of ' || what || ' is 200')
from (values ('another user''s token', :'bob_token'),
  ('a token never issued', (select token from openclaw.mint_token('user_direct'))),
             ('what is no token', 'x'), ('empty text', '')) as v(what, token);
select is(pg_temp.state(), :'before', 'and changes nothing');
select is(pg_temp.revoked(:'harness_token', null),
  pg_temp.bad_request('invalid_request', 'the parameter token is missing'),
  'front_revoke without a token is 400');
select token as jwt from openclaw.issue_access_token('ctr_alice', '{a:b}') \gset
savepoint jwt;
select is(pg_temp.revoked(:'harness_token', :'jwt'), :'done', 'front_revoke of its user''s JWT is 200');
select is((openclaw.verify_jwt(:'jwt', :'alice_endpoint')).reason, 'revoked', 'and ends it at once');
rollback to jwt;

select is(pg_temp.revoked(:'harness_token', :'alice_token', 'req-1.A_b'), :'done',
  'front_revoke of its user''s token is 200');
select is((openclaw.verify_token(:'alice_token')).reason, 'revoked', 'and ends it at once');
select is((select request_id from openclaw.audit_log order by at desc limit 1), 'req-1.A_b',
  'front_revoke''s audit row names the request');
select is(pg_temp.revoked(:'harness_token', :'alice_token'), :'done',
  'front_revoke twice is 200 both times');
select is(pg_temp.revoked(:'any_user_token', :'bob_token'), :'done',
  'a harness with openclaw:any-user revokes every user''s token');
select is((openclaw.verify_token(:'bob_token')).reason, 'revoked', 'and that ends it at once');
select throws_ok(format('select pg_temp.front_revoke(%L, %L, null, %L)',
  'Bearer ' || :'any_user_token', :'harness_token', e'a\nb'),
  '22023', null, 'a request id that could forge a line is refused');

select * from finish();
rollback;
