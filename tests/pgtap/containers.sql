\ir fixture.psql
\set pin sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
select plan(41);

select matches(
  openclaw.register_container('user_alice', 'desktop', 'external', 'https://MCP.Example.com:443/'),
  '^ctr_[0-9A-Za-z]{22}$', 'register_container makes an id when the platform gives none');
select is((select format('%s %s %s %s', mcp_endpoint, auth_method, public_key_fingerprint is null,
                         disabled_at is null)
           from openclaw.containers where name = 'desktop'),
  'https://mcp.example.com platform_token t t',
  'register_container stores an external endpoint in canonical form, for platform tokens by default');
select is(pg_temp.last_audit(),
  (select 'register_container user_alice ' || id || ' success'
   from openclaw.containers where name = 'desktop'),
  'register_container leaves an audit row');
select is((select mcp_endpoint || ' ' || auth_method from openclaw.containers where id = 'ctr_alice_hosted'),
  'alice-mcp:3100 mtls', 'register_container takes a hosted one as service:port, by mTLS');
select is(openclaw.register_container('user_bob', 'pinned', 'external',
  'https://pinned.example.com',
            public_key_fingerprint => 'sha256:' || encode(sha256(''), 'hex'),
            container_id => 'ctr_pinned'),
  'ctr_pinned', 'register_container takes the platform''s own id and returns it');
select is((select public_key_fingerprint from openclaw.containers where id = 'ctr_pinned'), :'pin',
  'register_container stores a pin in canonical form');
select lives_ok(
  format($$select openclaw.register_container('user_bob', 'same place', 'external', %L)$$,
  :'alice_endpoint'),
  'two users may register the same endpoint');

select throws_ok($$select openclaw.register_container('user_nobody', 'n', 'external', 'https://n.example.com')$$,
  'P0002', 'no such user', 'register_container refuses an unknown user');
select is((pg_temp.error_of($$select openclaw.register_container('user_nobody', 'n', 'external', 'https://n.example.com')$$)).detail,
  'reason: unknown_user', 'register_container gives the reason of that refusal');
select throws_ok($$select openclaw.register_container('user_alice', 'n', 'external', 'https://n.example.com', container_id => 'ctr_bob')$$,
  '23505', null, 'register_container refuses an id that exists, whoever''s it is');
select throws_ok($$select openclaw.register_container('user_alice', 'laptop', 'external', 'https://n.example.com')$$,
  '23505', null, 'register_container refuses a name that the user has already');
select throws_ok($$select openclaw.register_container('user_alice', 'n', 'external', 'HTTPS://mcp.alice.example.COM:443/mcp')$$,
  '23505', null,
  'register_container refuses an endpoint that the user has already, however it is written');
select throws_ok(format('select openclaw.register_container(%L, %L, %L, %L, %L, %L)',
                        'user_alice', 'n', type, endpoint, method, pin), state, null,
  'register_container refuses ' || what)
from (values
  ('a type that is none', 'internal', 'https://n.example.com', null, null, '22023'),
  ('a hosted one by platform_token', 'hosted', 'n:1', 'platform_token', null, '23514'),
  ('an external one by mtls', 'external', 'https://n.example.com', 'mtls', null, '23514'),
  ('a method that is none', 'external', 'https://n.example.com', 'password', null, '23514'),
  ('a pin for a hosted one', 'hosted', 'n:1', null, :'pin', '23514'),
  ('a pin that is none', 'external', 'https://n.example.com', null, 'sha256/short', '22023'),
  ('a hosted endpoint for an external one', 'external', 'n:1', null, null, '22023'),
  ('an endpoint of null', 'external', null, null, null, '23502'),
  ('a type of null', null, 'https://n.example.com', null, null, '23502'))
  as v(what, type, endpoint, method, pin, state);
select throws_ok(format('select openclaw.register_container(%L, %L, %L, %L)', 'user_alice', bad,
  'external',
                        'https://n.example.com'), '23514', null,
  'register_container refuses the name ' || to_json(left(bad, 20)))
from unnest(array['', e'line\nbreak', repeat('x', 129)]) as bad;

-- The reasons of every refusal stand with the endpoint's unit tests; here, that SQL relays them.
select is((select format('%s %s', e.state, e.hint)
           from pg_temp.error_of(format('select openclaw.canonical_endpoint(%L, %L)', endpoint, type)) as e),
  '22023 Reason: ' || reason, 'the endpoint ' || endpoint || ' is refused')
from (values
  ('http://mcp.example.com', 'external', 'endpoint_not_https'),
  ('https://user@mcp.example.com', 'external', 'endpoint_has_userinfo'),
  ('https://mcp.example.com/#f', 'external', 'endpoint_has_fragment'),
  ('https://mcp.example.com/?q', 'external', 'endpoint_has_query'),
  ('https://127.0.0.1', 'external', 'endpoint_internal_host'),
  ('https://10.0.0.1', 'external', 'endpoint_internal_host'),
  ('https://169.254.169.254', 'external', 'endpoint_internal_host'),
  ('https://100.64.0.1', 'external', 'endpoint_internal_host'),
  ('https://[::ffff:127.0.0.1]', 'external', 'endpoint_internal_host'),
  ('https://2130706433', 'external', 'endpoint_ambiguous_host'),
  ('https://0177.0.0.1', 'external', 'endpoint_ambiguous_host'),
  ('https://mcp.example.com.', 'external', 'endpoint_ambiguous_host'),
  ('https://xn--mp-hbb.example.com', 'external', 'endpoint_ambiguous_host'),
  ('https://mcp.example.com/a/../b', 'external', 'endpoint_ambiguous_path'),
  ('https://mcp.example.com', 'hosted', 'endpoint_not_service_name'))
  as v(endpoint, type, reason);
select throws_ok($$select openclaw.canonical_fingerprint('sha256/short')$$, '22023',
  'invalid public_key_fingerprint', 'canonical_fingerprint refuses what is no fingerprint');

update openclaw.containers set disabled_at = now() where id = 'ctr_alice';
select is(pg_temp.last_audit(), 'disable_container user_alice ctr_alice success',
  'disabling a container leaves an audit row');

select * from finish();
rollback;
