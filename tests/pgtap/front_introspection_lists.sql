-- POST /v1/introspect: many tokens in one call.
\ir fixture.psql
select plan(16);

create function pg_temp.answer(body text) returns openclaw.http_answer language sql as $$
  select a from openclaw.front_introspection_lists(array['Bearer ' || current_setting('pgtap.harness')], array[body]) as a
$$;
select set_config('pgtap.harness', :'harness_token', true) as ignored \gset

select is((pg_temp.answer(json_build_array(:'alice_token', 'x', :'bob_token', :'alice_token')::text)).body::json #>> '{0,jti}',
  :'alice_token_id', 'each token has its answer');
select is((select array_agg(a ->> 'active' order by n) from json_array_elements(
    (pg_temp.answer(json_build_array(:'alice_token', 'x', :'bob_token', :'alice_token')::text)).body::json)
    with ordinality as t(a, n)),
  array['true', 'false', 'false', 'true'], 'in its place, and what the caller may not see is inactive');
select is((pg_temp.answer('[]')).body, '[]', 'no token has no answer');
select is((select json_array_length((pg_temp.answer(to_json(array_fill('x'::text, array[1000]))::text)).body::json)), 1000,
  'a thousand are taken');
select is((pg_temp.answer(body)).status, 400, what || ' is 400')
from (values
  ('a thousand and one', to_json(array_fill('x'::text, array[1001]))::text),
  ('no body', null), ('an empty one', ''), ('what is no JSON', '[x'), ('null', 'null'),
  ('an object', '{"tokens":[]}'), ('a string', '"x"'), ('a number in it', '["x",1]'),
  ('a null in it', '[null]'), ('an array in it', '[["x"]]'),
  ('a NUL character', '["\u0000"]'), ('deep nesting', repeat('[', 60000))) as v(what, body);

select * from finish();
rollback;
