-- Attack 39: each function in C, from the catalog, gets every odd argument there is in each of its
-- places, the others being ordinary. It answers with a value or with a refusal of its own.
\ir fixture.psql
select plan(9);

-- 100 MB, stored compressed; small texts stored with a short header. In memory they are made for
-- the functions of one argument alone, since a copy of them takes a while.
create temp table stored (big text, small text, bigs text[]);
insert into stored
select big, 'mcp:tools', array[big] from repeat(repeat('a', 1024), 102400) as big;

create temp table odd (type regtype, what text, expression text);
insert into odd values
  ('text', 'null', 'null::text'),
  ('text', 'empty', $$''$$),
  ('text', 'stored', '(select small from stored)'),
  ('text', '100 MB, stored', '(select big from stored)'),
  ('text', '100 MB, in memory', $$repeat(repeat('a', 1024), 102400)$$),
  ('text', 'control characters', $$e'\x01\x02\t\n\r\x1b\x7f'$$),
  ('text', 'not ASCII', $$'é𝄞'$$),
  ('text', 'a format', $$'%s%n%1000000$s'$$),
  ('text', 'a quote', $$'''"\\'$$),
  ('text[]', 'null', 'null::text[]'),
  ('text[]', 'empty', $$'{}'$$),
  ('text[]', 'a null in it', $$'{a:b,NULL}'$$),
  ('text[]', 'nulls alone', $$'{NULL,NULL}'$$),
  ('text[]', 'two dimensions', $$'{{a:b},{a:b}}'$$),
  ('text[]', 'two dimensions with nulls', $$'{{NULL},{a:b}}'$$),
  ('text[]', 'counted from -5', $$'[-5:-4]={a:b,c:d}'$$),
  ('text[]', 'a hundred thousand', $$array_fill('a:b'::text, array[100000])$$),
  ('text[]', '100 MB, stored', '(select bigs from stored)'),
  ('text[]', '100 MB, in memory', $$array[repeat(repeat('a', 1024), 102400)]$$),
  ('text[]', 'control characters', $$array[e'a:b\n', e'\x01']$$),
  ('bytea', 'null', 'null::bytea'),
  ('bytea', 'empty', $$''::bytea$$),
  ('bytea', '100 MB, stored', '(select convert_to(big, ''UTF8'') from stored)'),
  ('boolean', 'null', 'null::boolean'),
  ('timestamptz', 'null', 'null::timestamptz'),
  ('timestamptz', 'the last', $$'infinity'::timestamptz$$),
  ('timestamptz', 'the first', $$'-infinity'::timestamptz$$),
  ('integer[]', 'null', 'null::integer[]'),
  ('integer[]', 'a null in it', $$'{1,NULL}'::integer[]$$),
  ('integer[]', 'two dimensions', $$'{{1},{2}}'::integer[]$$),
  ('integer[]', 'below and beyond', $$'{-1,131072}'::integer[]$$),
  ('integer[]', 'a million', $$array_fill(1, array[1000000])$$),
  ('integer', 'null', 'null::integer'),
  ('integer', 'the least', '(-2147483648)'),
  ('integer', 'the greatest', '2147483647'),
  ('interval', 'null', 'null::interval'),
  ('interval', 'none', $$interval '0'$$),
  ('interval', 'the longest', $$interval '178000000 years'$$),
  ('interval', 'the least', $$interval '-178000000 years'$$),
  ('interval', 'more days than months', $$interval '1 month -29 days -23 hours'$$),
  ('interval', 'the most microseconds', $$interval '2562047788 hours'$$),
  ('bigint', 'null', 'null::bigint'),
  ('bigint', 'the least', '(-9223372036854775808)'),
  ('bigint', 'the greatest', '9223372036854775807');

create function pg_temp.ordinary(type regtype) returns text language sql as $$
  select case type::text when 'text' then '''x''' when 'text[]' then '''{a:b}''' when 'integer' then '1' when 'bigint' then '1'
    when 'integer[]' then '''{1}''::integer[]'
    when 'bytea' then '''x''::bytea' when 'boolean' then 'true'
    when 'interval' then 'interval ''1 minute'''
    when 'timestamp with time zone' then '''2100-01-01''::timestamptz' end
$$;
create temp table call as
with routine as (
  select p.oid::regprocedure as routine, p.proname, p.proargtypes::regtype[] as types
  from pg_proc as p join pg_language as l on l.oid = p.prolang
  where p.pronamespace = 'openclaw'::regnamespace and l.lanname = 'c' and p.pronargs > 0)
select routine, place, odd.what,
       (select format('select openclaw.%I(%s)', proname,
                      string_agg(case when n = place then odd.expression else pg_temp.ordinary(types[n]) end,
                                 ', ' order by n))
        from generate_subscripts(types, 1) as n) as statement
from routine, generate_subscripts(types, 1) as place, odd
where odd.type = types[place] and (odd.what <> '100 MB, in memory' or cardinality(types) = 1);

create function pg_temp.outcome(statement text) returns text language plpgsql as $$
begin
  execute statement;
  return 'ok';
exception when others then
  return sqlstate;
end
$$;
select pg_backend_pid() as backend \gset
create temp table outcome as select call.*, pg_temp.outcome(statement) as outcome from call;

select is_empty($$select p.oid::regprocedure from pg_proc as p join pg_language as l on l.oid = p.prolang
                  where p.pronamespace = 'openclaw'::regnamespace and l.lanname = 'c' and p.pronargs > 0
                    and (select count(distinct place) from outcome where routine = p.oid) <> p.pronargs$$,
  'every place of every function in C has had its turn');
select is_empty($$select routine, place, what, outcome from outcome
                  where outcome not in ('ok', '22004', '22023', '2202E', '28000', '42704', '54000', '55000', 'P0002')$$,
  'each odd argument is answered with a value or a refusal of ours');
select is_empty($$select routine, place, what, outcome from outcome
                  where what like '100 MB%' and outcome = 'ok'
                    and routine::text !~ '\.(is_grant|token_hash|parse_scopes|verify_token|verify_jwt|introspect|introspect_access_token|basic_credentials|bearer_token|claimed_client|client_certificate|resource_endpoint|has_scope|check_password_hash|front_jwks)\('$$,
  'what is over a bound is refused, or has an answer of its own');
select is((select pg_backend_pid()), :backend, 'the backend has outlived them all');
select is((openclaw.verify_token(:'alice_token')).valid, true, 'and answers as before');

-- What cannot even be a text.
select throws_ok($$select convert_from('\xc328', 'UTF8')$$, '22021', null,
  'invalid UTF-8 does not become a text');
select throws_ok($$select convert_from('\x6100', 'UTF8')$$, '22021', null,
  'a NUL byte does not become a text');
select throws_ok($$select e'a\u0000b'$$, null, null, 'nor does its escape');
select throws_ok($$select chr(0)$$, '54000', null, 'nor its number');

select * from finish();
rollback;
