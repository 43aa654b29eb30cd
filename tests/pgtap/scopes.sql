\ir fixture.psql
select plan(37);

select ok(openclaw.is_grant(good), 'is_grant takes ' || left(good, 30))
from unnest(array['mcp:tools', 'mcp:*', 'data.v2:read-only_x',
                  repeat('a', 64) || ':' || repeat('b', 64)])
  as good;
select ok(not openclaw.is_grant(bad), 'is_grant refuses ' || to_json(left(bad, 30)))
from unnest(array['', 'mcp', 'mcp:', ':tools', '*:*', '*:tools', 'mcp:to*', 'Mcp:tools',
  'mcp:tools ',
                  'mcp: tools', e'mcp:tools\n', 'mcp:tools:x', '1mcp:tools', 'mcp:1', 'mcp:töne',
                  repeat('a', 65) || ':b', 'a:' || repeat('b', 65)]) as bad;
select is(openclaw.is_grant(null), null, 'is_grant of null is null');

select ok(openclaw.are_grants(array['mcp:*', 'data:read']), 'are_grants takes a list of grants');
select ok(not openclaw.are_grants(bad), 'are_grants refuses ' || left(bad::text, 30))
from (values ('{}'::text[]), (array['mcp:*', null]), (array['mcp:*', '']),
             (array_fill('mcp:tools'::text, array[65]))) as v(bad);

select is(array(select openclaw.scopes_cover(granted::text[], required::text[])
                from (values (1, '{mcp:*}', '{mcp:tools,mcp:resources}'),
                  (2, '{mcp:*}', '{mcp2:tools}'),
                             (3, '{data:write}', '{data:read}'), (4, '{mcp:tools}', '{mcp:*}'),
                             (5, '{mcp:*}', '{mcp:*}'), (6, '{}', '{}'), (7, '{}', '{mcp:tools}'),
                             (8, '{mcp:tools}', '{NULL}'), (9, '{NULL}', '{mcp:tools}'))
                     as v(n, granted, required) order by n),
  array[true, false, false, false, true, true, false, false, false],
  'scopes_cover lets a wildcard cover its own area alone, and nothing invalid cover or be covered');
select throws_ok($$select openclaw.scopes_cover(array_fill('a:b'::text, array[65]), '{}')$$,
  '54000',
  'granted has too many elements', 'scopes_cover refuses more than 64 scopes');

select is(openclaw.parse_scopes('mcp:tools data:*'), array['mcp:tools', 'data:*'],
  'parse_scopes takes a list with single spaces apart');
select is(openclaw.parse_scopes(''), '{}'::text[],
  'parse_scopes of an empty text is an empty list');
select is(openclaw.parse_scopes(bad), null,
  'parse_scopes of ' || to_json(left(bad, 30)) || ' is null')
from unnest(array[' mcp:tools', 'mcp:tools ', 'mcp:tools  data:read', e'mcp:tools\tdata:read',
  'mcp',
                  repeat('a:b ', 64) || 'a:b']) as bad;

select * from finish();
rollback;
