\ir fixture.psql
select plan(12);

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
rollback to s;
select throws_ok('select openclaw.audit(''x'', null, null, ''maybe'')', '23514', null,
  'an audit row has no other outcome');

select pg_temp.state() as before \gset
select throws_ok(format(change, relation), '42501', 'openclaw.audit_log is append-only',
  format('a superuser cannot %s %s', split_part(change, ' ', 1), relation))
from (values ('update %s set action = ''x'''), ('delete from %s'), ('truncate %s')) as c(change),
     (values ('openclaw.audit_log'), ('openclaw.audit_log_default')) as r(relation);
select is(pg_temp.state(), :'before', 'and the rows stand as they were');

select * from finish();
rollback;
