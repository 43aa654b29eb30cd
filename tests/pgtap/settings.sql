\ir fixture.psql
select plan(58);

select is(openclaw.setting(name), value, 'openclaw.' || name || ' is ' || value || ' by default')
from (values ('access_token_lifetime', '5min'), ('user_claim_lifetime', '1min'),
  ('jwks_max_age', '5min'),
             ('leeway', '30s'), ('argon2_memory', '19MB'), ('argon2_iterations', '2'),
             ('request_id', '')) as v(name, value);
select is(openclaw.setting('issuer'), :'issuer', 'setting follows SET');
select throws_ok(format('select openclaw.setting(%L)', bad), state, null,
  'setting refuses the name ' || to_json(left(bad, 20)))
from (values ('', '42704'), ('none', '42704'), ('issuer; drop', '42704'),
  (repeat('x', 65), '54000')) as v(bad, state);
select is(openclaw.library_version(),
  (select extversion from pg_extension where extname = 'openclaw'),
  'library_version is the version of the SQL objects');
select matches(openclaw.new_id('abc'), '^abc_[0-9A-Za-z]{22}$',
  'new_id is its prefix and 128 bits');
select is((select count(distinct openclaw.new_id('x')) from generate_series(1, 1000)), 1000::bigint,
  'new_id never repeats itself');
select throws_ok('select openclaw.new_id(repeat(''x'', 17))', '54000', null,
  'new_id refuses a prefix over 16 bytes');
select is(openclaw.max_jwt_lifetime(), (select max_val::int * interval '1 second' from pg_settings
                                        where name = 'openclaw.access_token_lifetime'),
  'no lifetime setting goes beyond max_jwt_lifetime');

select throws_ok(format('set openclaw.%s = %L', name, bad), '22023', null,
  format('openclaw.%s refuses %s', name, to_json(bad)))
from (values ('issuer', 'http://auth.openclaw.test'), ('issuer', 'auth.openclaw.test'),
  ('issuer', 'https://'),
             ('issuer', 'https://a.test/?q'), ('issuer', 'https://a.test/#f'),
             ('issuer', 'https://u@a.test'),
             ('issuer', e'https://a.test\nX: y'), ('issuer', 'https://a.test "'),
             ('issuer', 'http://localhost.evil.test'),
             ('issuer', 'https://a.test/' || repeat('x', 512)),
             ('leeway', '61'), ('leeway', '-1'), ('access_token_lifetime', '9'),
             ('access_token_lifetime', '3601'),
             ('user_claim_lifetime', '4'), ('user_claim_lifetime', '3601'), ('jwks_max_age', '0'),
             ('argon2_memory', '8191'),
             ('argon2_memory', '262145'), ('argon2_iterations', '0'), ('argon2_iterations', '9'),
             ('request_id', e'a\nb'), ('request_id', 'a b'),
             ('request_id', repeat('x', 65))) as v(name, bad);
select lives_ok(format('set local openclaw.issuer = %L', good), 'openclaw.issuer takes ' || good)
from unnest(array['http://127.0.0.1:8080', 'http://localhost', 'http://[::1]:80/x']) as good;
select throws_ok('set openclaw.master_key_file = ''/tmp/x''', '55P02', null,
  'openclaw.master_key_file is no session''s to set');
select throws_ok('set openclaw.nonsense = 1', null, null,
  'an unknown openclaw.* setting is refused');

-- What a role without rights may do with them.
create role pgtap_settings_nobody;
set local role pgtap_settings_nobody;
select throws_ok(format('set openclaw.%s = %L', name, value), '42501', null,
  'a role without rights cannot set openclaw.' || name)
from (values ('issuer', 'https://evil.test'), ('access_token_lifetime', '3600'),
  ('user_claim_lifetime', '3600'),
             ('jwks_max_age', '1'), ('leeway', '60'), ('argon2_memory', '8192'),
             ('argon2_iterations', '1')) as v(name, value);
select throws_ok('show openclaw.master_key_file', '42501', null,
  'a role without rights cannot show openclaw.master_key_file');
select is_empty('select from pg_settings where name = ''openclaw.master_key_file''',
  'nor find it in pg_settings');
select throws_ok('alter role current_user set openclaw.issuer = ''https://evil.test''', '42501',
  null,
  'nor have an issuer set for itself');
select lives_ok('set local openclaw.request_id = ''req-1''',
  'a role without rights may name its request');
reset role;
select is_empty(format('select name from pg_settings where name like ''openclaw.%%'' and strpos(setting, %L) > 0',
                       substr(pg_read_file(current_setting('openclaw.master_key_file')), 24, 20)),
  'no setting holds the master key');

select * from finish();
rollback;
