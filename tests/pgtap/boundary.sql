-- Attack 41: whatever C++ throws is one clean ERROR, and the backend lives. The functions are those
-- of tests/boundary, built against the extension's own boundary.
set client_min_messages = warning;
begin;
select plan(21);

create function pg_temp.live_objects() returns integer
  language c as '$libdir/openclaw_boundary_test', 'boundary_live_objects';
create function pg_temp.throw(how text) returns void
  language c as '$libdir/openclaw_boundary_test',
  'boundary_throw';
create function pg_temp.throw_in_guarded(how text) returns void
  language c as '$libdir/openclaw_boundary_test', 'boundary_throw_in_guarded';
create function pg_temp.raise(state text, message text, detail text, hint text) returns void
  language c as '$libdir/openclaw_boundary_test', 'boundary_raise';
create function pg_temp.execute(statement text) returns void
  language c as '$libdir/openclaw_boundary_test', 'boundary_execute';
create function pg_temp.nested(message text) returns void
  language c as '$libdir/openclaw_boundary_test', 'boundary_nested';
create function pg_temp.run_until_cancelled() returns void
  language c as '$libdir/openclaw_boundary_test', 'boundary_run_until_cancelled';

create function pg_temp.error_of(statement text, out state text, out message text, out detail text,
  out hint text)
  language plpgsql as $$
begin
  execute statement;
exception when others or query_canceled then
  get stacked diagnostics state = returned_sqlstate, message = message_text, detail = pg_exception_detail,
    hint = pg_exception_hint;
end
$$;
select pg_backend_pid() as backend \gset
\set bug 'This is a bug in OpenClaw. Please report it with the statement''s shape.'

select is((pg_temp.error_of(format('select pg_temp.%s(%L)', place, how)))::text,
  row(state, message, detail, hint)::text,
  format('%s from %s is one error', how, place))
from (values
  ('runtime_error', 'XX000', 'openclaw: unexpected C++ exception', '', :'bug'),
  ('bad_alloc', '53200', 'openclaw: out of memory', '', ''),
  ('int', 'XX000', 'openclaw: unexpected exception of an unknown type', '', :'bug'),
  ('sql_error', '22023', 'a message with 100%s', 'a detail', 'a hint'))
  as v(how, state, message, detail, hint),
  (values ('throw'), ('throw_in_guarded')) as p(place);
select is((select format('%s %s %s', octet_length(message), octet_length(detail),
  octet_length(hint))
           from pg_temp.error_of('select pg_temp.throw(''long_text'')')), '511 511 511',
  'a text of 200 kB is cut to what the report holds');
select is((select convert_from(convert_to(message, 'UTF8'), 'UTF8') = 'x' || repeat('é', 255)
           from pg_temp.error_of('select pg_temp.throw(''long_text'')')), true,
             'between two characters');

select is((pg_temp.error_of('select pg_temp.raise(''P0042'', ''a message with 100%s'', ''a detail'', ''a hint'')'))::text,
  row('P0042', 'a message with 100%s', 'a detail', 'a hint')::text,
  'a Postgres error that passes C++ keeps its SQLSTATE, message, detail and hint');
select is((pg_temp.error_of('select pg_temp.nested(''from the inner one'')'))::text,
  row('23514', 'from the inner one', '', '')::text, 'it passes guarded() within guarded()');
select is((pg_temp.error_of($$select pg_temp.execute('select 1/0')$$)).state, '22012',
  'an error in SQL that C++ runs keeps its SQLSTATE');
select is((pg_temp.error_of($$select pg_temp.execute('select pg_temp.execute(''select pg_temp.throw(''''int'''')'')')$$)).message,
  'openclaw: unexpected exception of an unknown type',
  'an exception passes through SQL, C++ and SQL again');

set local statement_timeout = '20ms';
select state as cancelled from pg_temp.error_of('select pg_temp.run_until_cancelled()') \gset
set local statement_timeout = 0;
select is(:'cancelled'::text, '57014', 'a statement is cancelled within guarded()');

create table written (n integer);
insert into written values (0);
savepoint s;
do $$
begin
  begin
    insert into written values (1);
    perform pg_temp.throw('int');
  exception when others then insert into written values (2);
  end;
end
$$;
select is((select array_agg(n order by n) from written), array[0, 2],
  'an exception block catches it, and its own work alone is undone');
rollback to s;
select is((select array_agg(n) from written), array[0],
  'a savepoint from before it can be rolled back to');

-- What a first round allocates for good is not counted.
create function pg_temp.rounds(n integer) returns bigint language plpgsql as $$
declare
  errors bigint := 0;
begin
  for i in 1..n loop
    begin
      case i % 3
        when 0 then perform pg_temp.throw('runtime_error');
        when 1 then perform pg_temp.throw_in_guarded('sql_error');
        else perform pg_temp.raise('P0042', 'm', 'd', 'h'); end case;
    exception when others then errors := errors + 1;
    end;
  end loop;
  return errors;
end
$$;
create function pg_temp.resident_kib() returns integer language sql as $$
  select substring(pg_read_file('/proc/self/status') from 'VmRSS:\s+(\d+) kB')::integer
$$;
select pg_temp.rounds(1000) as ignored, pg_temp.resident_kib() as before \gset
select is(pg_temp.rounds(10000), 10000::bigint,
  'ten thousand of them in one transaction are ten thousand errors');
select cmp_ok(pg_temp.resident_kib() - :before, '<', 4096, 'and leave no memory behind');
select is(pg_temp.live_objects(), 0, 'every C++ object was destroyed');
select is(pg_backend_pid(), :backend, 'it is the same backend all the while');

select * from finish();
rollback;
