-- Many requests in one call: each is answered as if it came alone.
\ir fixture.psql
select plan(17);

select id as client_id, client_secret from openclaw.register_client('agent', user_id => 'user_alice',
  scopes => '{openclaw:introspect,mcp:*}', grant_types => '{client_credentials,refresh_token}') \gset
select id as narrow_id, client_secret as narrow_secret
from openclaw.register_client('narrow', user_id => 'user_alice', scopes => '{mcp:*}') \gset
select token as alice_jwt, jti as alice_jti from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') \gset
select refresh_token from openclaw.create_grant(:'client_id', 'ctr_alice', '{mcp:tools}') \gset
create function pg_temp.basic(id text, secret text) returns text language sql as $$
  select 'Basic ' || translate(encode(convert_to(id || ':' || secret, 'UTF8'), 'base64'), e'\n', '')
$$;

-- Who calls with which token, a request a row; and whether the caller may see it.
create temp table request (n serial, http_authorization text, client_id text, client_secret text, token text, sees boolean);
insert into request (http_authorization, client_id, client_secret, token, sees) values
  ('Bearer ' || :'harness_token', null, null, :'alice_token', true),
  ('Bearer ' || :'harness_token', null, null, :'bob_token', false),
  ('Bearer ' || :'any_user_token', null, null, :'bob_token', true),
  ('Bearer ' || :'harness_token', null, null, :'alice_jwt', true),
  (pg_temp.basic(:'client_id', :'client_secret'), null, null, :'alice_token', true),
  (pg_temp.basic(:'client_id', :'client_secret'), null, null, :'bob_token', false),
  (null, :'client_id', :'client_secret', :'refresh_token', true),
  (null, :'client_id', :'client_secret', :'bob_token', false),
  (pg_temp.basic(:'narrow_id', :'narrow_secret'), null, null, :'alice_token', false),
  ('Bearer ' || :'harness_token', null, null, :'refresh_token', true),
  ('Bearer ' || :'harness_token', null, null, 'x', false),
  ('Bearer ' || :'harness_token', null, null, '', false),
  ('Bearer ' || :'harness_token', null, null, repeat('x', 100000), false),
  (null, :'client_id', :'narrow_secret', :'alice_token', null),
  ('Bearer ' || :'alice_token', null, null, :'alice_token', null),
  ('Bearer ' || :'harness_token', null, null, :'alice_token', true);

create function pg_temp.answers(numbers integer[]) returns setof openclaw.http_answer language sql as $$
  select a.* from (select array_agg(http_authorization order by n) as authorizations,
                          array_agg(client_id order by n) as ids, array_agg(client_secret order by n) as secrets,
                          array_agg(token order by n) as tokens from request where n = any (numbers)) as r,
       openclaw.front_introspections(r.authorizations, null, r.ids, r.secrets, null, null, r.tokens, null) as a
$$;
create temp table together as
select row_number() over () as n, a.* from pg_temp.answers(array(select n from request order by n)) as a;
select is((select count(*) from together), (select count(*) from request), 'each request has its answer');
select results_eq('select status, headers, body from together order by n',
  'select a.* from request as r, pg_temp.answers(array[r.n]) as a order by r.n',
  'which is the one that it gets alone');
select is(array(select t.n from together as t join request as r using (n)
                where r.sees is not null and t.status = 200 and (t.body::json ->> 'active')::boolean is distinct from r.sees),
  '{}'::bigint[], 'and tells of what the caller may see, and of nothing else');
select is(array(select t.status from together as t join request as r using (n) where r.sees is null order by n),
  '{401,403}', 'a wrong secret and a user''s own token are refused between them');

-- Audit: whoever is refused is refused for each request.
select count(*) as refused from openclaw.audit_log where action = 'authenticate_harness' and outcome = 'refused' \gset
select is(array(select status from openclaw.front_introspections(
                  array_fill('Bearer ' || :'alice_token', array[3]), null, null, null, null, null,
                  array_fill('x'::text, array[3]), null)),
  '{403,403,403}', 'three refusals in one call');
select is((select count(*) from openclaw.audit_log where action = 'authenticate_harness' and outcome = 'refused'),
  :refused + 3::bigint, 'leave three audit rows');

-- Arrays.
select is_empty('select * from openclaw.front_introspections(''{}'', null, null, null, null, null, null, null)',
  'no request has no answer');
select is(array(select status from openclaw.front_introspections(array['Bearer ' || :'harness_token', null], null, null, null, null, null, null, null)),
  '{400,401}', 'an array that is null is null for each');
select throws_ok($$select openclaw.front_introspections('{x,y}', null, null, null, null, null, '{x}', null)$$, '2202E', null,
  'arrays of two lengths are refused');
select throws_ok($$select openclaw.front_introspections(null, null, null, null, null, null, '{x}', null)$$, '22004', null,
  'the first array may not be null');
select throws_ok($$select openclaw.front_introspections(array_fill('x'::text, array[1025]), null, null, null, null, null, null, null)$$,
  '54000', null, '1024 requests are the most');
select throws_ok($$select openclaw.front_introspections('{{x},{y}}', null, null, null, null, null, null, null)$$, '2202E', null,
  'a table of requests is refused');

-- Lists of tokens, with several callers in one call.
create temp table list as
select row_number() over () as n, a.*
from openclaw.front_introspection_lists(
  array['Bearer ' || :'harness_token', pg_temp.basic(:'client_id', :'client_secret'), 'Bearer ' || :'alice_token',
        'Bearer ' || :'any_user_token'],
  array_fill(json_build_array(:'alice_token', :'bob_token', :'refresh_token', :'alice_jwt', 'x')::text, array[4])) as a;
select is(array(select status from list order by n), '{200,200,403,200}', 'each caller has an answer');
select is(array(select (select string_agg(a ->> 'active', ' ' order by place)
                        from json_array_elements(l.body::json) with ordinality as e(a, place))
                from list as l where status = 200 order by n),
  array['true false true true false', 'true false true true false', 'true true true true false'],
  'with what that caller may see');

-- A revocation ends what was good, for callers and tokens alike.
select openclaw.revoke_jwt('ctr_alice', :'alice_jti') as ignored \gset
select openclaw.revoke_token(:'alice_token') as ignored \gset
select is(array(select (a.body::json ->> 'active')::boolean from pg_temp.answers('{1,4,5,7}') as a),
  '{false,false,false,true}', 'revoked tokens are inactive');
select openclaw.revoke_token(:'harness_token') as ignored \gset
select is(array(select a.status from pg_temp.answers('{1,3,4}') as a), '{401,200,401}',
  'a revoked harness is refused');
select openclaw.disable_client(:'client_id') as ignored \gset
select is(array(select a.status from pg_temp.answers('{5,7}') as a), '{401,401}', 'and so is a disabled client');

select * from finish();
rollback;
