\ir fixture.psql
select plan(19);

set local openclaw.request_id = 'req-1';
select openclaw.create_user(user_id => 'user_carol') as ignored \gset
select is((select format('%s %s %s %s %s %s %s', actor, action, user_id, target, outcome,
  reason is null, request_id)
           from openclaw.audit_log order by at desc limit 1),
  session_user || ' create_user user_carol user_carol success t req-1',
  'an audit row says who did what to which, and for which request');
select ok((select at <= clock_timestamp() and at >= now() from openclaw.audit_log order by at desc limit 1),
  'an audit row has the time of the change');
select is((select request_id from openclaw.audit_log order by at limit 1), null,
  'an audit row without a request has none');
savepoint s;
select openclaw.audit('sign_in', 'user_alice', null, 'refused', 'unknown') as ignored \gset
select is((select outcome || ' ' || reason from openclaw.audit_log order by at desc limit 1),
  'refused unknown',
  'an audit row may tell of a refusal and its reason');
select throws_ok('select openclaw.audit(''x'', null, null, ''maybe'')', '23514', null,
  'an audit row has no other outcome');

-- Refusals at the front.
create function pg_temp.refused_row() returns text language sql as $$
  select concat_ws(' ', action, user_id, target, outcome, reason, on_behalf_of)
  from openclaw.audit_log order by at desc limit 1
$$;
select user_id as harness_user, token_id as harness_id from openclaw.verify_token(:'harness_token') \gset
select (openclaw.front_connect('Bearer ' || :'harness_token', null, 'ctr_bob', null)).status as ignored \gset
select is(pg_temp.refused_row(), format('connect user_alice ctr_bob refused not_found harness %s', :'harness_id'),
  'a harness that asks for another user''s container leaves a row');
select (openclaw.front_connect('Bearer ' || :'harness_token', null, :'alice_token', null)).status as ignored \gset
select is(pg_temp.refused_row(), format('connect user_alice refused not_found harness %s', :'harness_id'),
  'and where there is none, what was asked for is not in it');
select (openclaw.front_connect('Bearer ' || :'harness_token', null, 'ctr_alice', 'data:write')).status as ignored \gset
select is(pg_temp.refused_row(), format('connect user_alice ctr_alice refused invalid_scope harness %s', :'harness_id'),
  'so does one that asks for more than its scopes');
select (openclaw.front_connect('Bearer ' || :'alice_token', null, 'ctr_alice', null)).status as ignored \gset
select is(pg_temp.refused_row(), 'authenticate_harness user_alice ' || :'alice_token_id' || ' refused insufficient_scope',
  'a token that is no harness''s is named by its id');
select (pg_temp.front_introspect('Bearer ' || pg_temp.altered(:'harness_token', 20), 'x', null)).status as ignored \gset
select is(pg_temp.refused_row(), 'authenticate_harness refused malformed', 'one that is nobody''s has no name');
select count((openclaw.front_connect('Bearer x', null, 'ctr_alice', null)).status) as ignored from generate_series(1, 1000) \gset
select cmp_ok((select count(*) from openclaw.audit_log where action = 'authenticate_harness' and target is null), '<', 1000::bigint,
  'a thousand strangers do not make a thousand rows');
set transaction read only;
select is((openclaw.front_connect('Bearer x', null, 'ctr_alice', null)).status, 401, 'a standby refuses without a row');
rollback to s;

select pg_temp.state() as before \gset
select throws_ok(format(change, relation), '42501', 'openclaw.audit_log is append-only',
  format('a superuser cannot %s %s', split_part(change, ' ', 1), relation))
from (values ('update %s set action = ''x'''), ('delete from %s'), ('truncate %s')) as c(change),
     (values ('openclaw.audit_log'), ('openclaw.audit_log_default')) as r(relation);
select is(pg_temp.state(), :'before', 'and the rows stand as they were');

select * from finish();
rollback;
