-- Passwords and signing in: attacks 34 and 39.
\ir fixture.psql
select plan(122);

set local openclaw.argon2_memory = 8192;
set local openclaw.argon2_iterations = 1;
select openclaw.create_user('Carol@Example.com', 'user_carol', password => 'correct horse') as ignored \gset

create function pg_temp.sign_in(email text, password text, source inet default null) returns text
  language sql as $$ select openclaw.check_password(email, password, source)::text $$;
create function pg_temp.reason(email text, password text, source inet default null) returns text
  language sql as $$ select coalesce((openclaw.check_password(email, password, source)).reason, 'valid') $$;
create function pg_temp.last_sign_in() returns text language sql as $$
  select concat_ws(' ', outcome, reason, user_id, target, source)
  from openclaw.audit_log where action = 'sign_in' order by at desc limit 1
$$;
create function pg_temp.hash_of(id text) returns text language sql as $$
  select password_hash from openclaw.users as u where u.id = hash_of.id
$$;
create function pg_temp.cost_of(id text) returns text language sql as $$
  select split_part(pg_temp.hash_of(id), '$', 4)
$$;
-- Puts every bucket at a level that no time changes.
create function pg_temp.hold_buckets(level double precision) returns void language sql as $$
  update openclaw.rate_limits set level = hold_buckets.level, at = clock_timestamp() + interval '1 day'
$$;
create function pg_temp.buckets() returns text language sql as $$
  select string_agg(split_part(bucket, ' ', 1) || ' ' || level, ', ' order by bucket) from openclaw.rate_limits
  where bucket !~ '^issues '
$$;

-- A password is set, changed and taken away.
savepoint setting;
select is(openclaw.set_password('user_alice', 'battery staple'), true, 'set_password takes a user');
select matches(pg_temp.hash_of('user_alice'), '^\$argon2id\$v=19\$m=8192,t=1,p=1\$', 'and stores Argon2id at the configured cost');
select is(pg_temp.last_audit(), 'set_password user_alice user_alice success', 'which leaves an audit row');
select is(pg_temp.reason('alice@example.com', 'battery staple'), 'valid', 'with it the user signs in');
select is(openclaw.set_password('user_alice', 'another staple'), true, 'a password can be changed');
select is(array[pg_temp.reason('alice@example.com', 'battery staple'), pg_temp.reason('alice@example.com', 'another staple')],
  array['wrong_credentials', 'valid'], 'then the new one alone is good');
select ok((openclaw.verify_token(:'alice_token')).valid, 'a new password ends no token');
select throws_ok(format('select openclaw.set_password(''user_alice'', %s)', password), state, message, what)
from (values
  ('''1234567''', '22023', 'the password is too short', 'a password of seven characters is refused'),
  ('''äöüßéèê''', '22023', 'the password is too short', 'also where they are fourteen bytes'),
  ('''''', '22023', 'the password is too short', 'an empty one is refused'),
  ('repeat(''x'', 1025)', '54000', null, 'one of 1025 bytes is refused'),
  ('repeat(''ä'', 513)', '54000', null, 'also where they are 513 characters'),
  ('repeat(''x'', 100 << 20)', '54000', null, 'and one of 100 MB')) as v(password, state, message, what);
select is(pg_temp.reason('alice@example.com', 'another staple'), 'valid', 'after a refusal the old password is good');
select is(openclaw.set_password('user_alice', good), true, what)
from (values ('12345678', 'eight characters will do'), ('äöüßéèêë', 'of any alphabet'),
             (repeat('x', 1024), '1024 bytes are not too many'), ('        ', 'nor is a character forbidden'))
  as v(good, what);
select is(openclaw.set_password('user_alice', null), true, 'null takes the password away');
select is(pg_temp.hash_of('user_alice'), null, 'nothing of it is left');
select is(pg_temp.last_audit(), 'remove_password user_alice user_alice success', 'which leaves an audit row');
select pg_temp.state() as before \gset
select is(array[openclaw.set_password('user_none', 'battery staple'), openclaw.set_password(null, 'battery staple'),
                openclaw.set_password('', 'battery staple'), openclaw.set_password('USER_ALICE', 'battery staple')],
  array[false, false, false, false], 'set_password of no user is false');
select is(pg_temp.state(), :'before', 'and changes nothing');
select throws_ok($$select openclaw.create_user(password => '1234567')$$, '22023', 'the password is too short',
  'create_user too refuses a password of seven characters');
rollback to setting;

-- Signing in.
select is(pg_temp.sign_in('Carol@Example.com', 'correct horse', '192.0.2.1'), '(t,,user_carol,)', 'the right password is valid, and says whose');
select is(pg_temp.last_sign_in(), 'success user_carol user_carol 192.0.2.1', 'a sign-in leaves an audit row with its source');
select is(pg_temp.sign_in(email, 'correct horse'), '(t,,user_carol,)', 'the e-mail is compared without its case: ' || email)
from unnest(array['carol@example.com', 'CAROL@EXAMPLE.COM']) as email;

savepoint refusals;
update openclaw.users set password_hash = pg_temp.hash_of('user_carol'), disabled_at = now() where id = 'user_bob';
select is(pg_temp.sign_in(email, password, '192.0.2.1') || ' ' || pg_temp.last_sign_in(),
  '(f,wrong_credentials,,) refused ' || audited || ' 192.0.2.1', what || ' is wrong_credentials; the audit log knows why')
from (values
  ('an unknown e-mail', 'nobody@example.com', 'correct horse', 'unknown_user'),
  ('a wrong password', 'carol@example.com', 'Correct horse', 'wrong_password user_carol user_carol'),
  ('a user without a password', 'alice@example.com', 'correct horse', 'no_password user_alice user_alice'),
  ('a disabled user with the right one', 'bob@example.com', 'correct horse', 'disabled user_bob user_bob'))
  as v(what, email, password, audited);
select is(pg_temp.sign_in(email, password), '(f,wrong_credentials,,)', what || ' is wrong_credentials')
from (values
  ('no e-mail', null, 'correct horse'), ('no password', 'carol@example.com', null), ('nothing at all', null, null),
  ('an empty e-mail', '', 'correct horse'), ('an empty password', 'carol@example.com', ''),
  ('an empty password of a user without one', 'alice@example.com', ''), ('no password of a user without one', 'alice@example.com', null),
  ('the hash as password', 'carol@example.com', pg_temp.hash_of('user_carol')),
  ('the password and a space', 'carol@example.com', 'correct horse '),
  ('a pattern as e-mail', '%@example.com', 'correct horse'), ('the e-mail with a space', 'carol@example.com ', 'correct horse'),
  ('a password of 1025 bytes', 'carol@example.com', repeat('x', 1025)),
  ('a password of 100 MB', 'carol@example.com', repeat('x', 100 << 20)),
  ('an e-mail of 1025 bytes', repeat('x', 1025), 'correct horse'),
  ('an e-mail of 100 MB', repeat('x', 100 << 20), 'correct horse')) as v(what, email, password);
select is((select count(*) from openclaw.audit_log as a where a::text ~* 'correct horse|argon2id|%@example|xxxx'), 0::bigint,
  'no audit row holds a password, a hash or an e-mail that is nobody''s');
rollback to refusals;
-- A hash that was spoiled is no password's.
create function pg_temp.reason_with_hash(hash text) returns text language plpgsql as $$
begin
  update openclaw.users set password_hash = hash where id = 'user_carol';
  return pg_temp.reason('carol@example.com', 'correct horse');
end
$$;
select is(pg_temp.reason_with_hash(hash), outcome, what)
from (values
  ('a hash that was read and written again is good', pg_temp.hash_of('user_carol'), 'valid'),
  ('one without its salt is nobody''s password', '$argon2id$v=19$m=8192,t=1,p=1$', 'wrong_credentials'),
  ('nor one with more after it', pg_temp.hash_of('user_carol') || 'A', 'wrong_credentials'),
  ('nor one that asks for a terabyte', replace(pg_temp.hash_of('user_carol'), 'm=8192', 'm=1073741824'), 'wrong_credentials'),
  ('nor one of a megabyte', '$argon2id$' || repeat('x', 1 << 20), 'wrong_credentials')) as v(what, hash, outcome);
rollback to refusals;

-- The cost rises: the next sign-in hashes again.
savepoint costs;
select pg_temp.hash_of('user_carol') as first_hash \gset
select pg_temp.sign_in('carol@example.com', 'correct horse') as ignored \gset
select is(pg_temp.hash_of('user_carol'), :'first_hash', 'at the same cost a sign-in leaves the hash as it is');
set local openclaw.argon2_iterations = 2;
select pg_temp.sign_in('carol@example.com', 'wrong horse') as ignored \gset
select is(pg_temp.hash_of('user_carol'), :'first_hash', 'a wrong password never changes the hash');
select is(pg_temp.sign_in('carol@example.com', 'correct horse'), '(t,,user_carol,)', 'a hash of an older cost is good');
select is(pg_temp.cost_of('user_carol'), 'm=8192,t=2,p=1', 'and made again at the new one: more passes');
select is(pg_temp.last_audit(), 'sign_in user_carol user_carol success', 'which is no change of the password in the audit log');
set local openclaw.argon2_memory = 16384;
select pg_temp.sign_in('carol@example.com', 'correct horse') as ignored \gset
select is(pg_temp.cost_of('user_carol'), 'm=16384,t=2,p=1', 'more memory');
select pg_temp.hash_of('user_carol') as dear_hash \gset
set local openclaw.argon2_memory = 8192;
set local openclaw.argon2_iterations = 1;
select is(pg_temp.sign_in('carol@example.com', 'correct horse'), '(t,,user_carol,)', 'after the cost was lowered the hash is good');
select is(pg_temp.hash_of('user_carol'), :'dear_hash', 'and stays as dear as it is');
rollback to costs;

-- Throttling by e-mail. The right password waits too; nobody's tokens do.
set local openclaw.sign_ins_per_email = 3;
delete from openclaw.rate_limits;
savepoint by_email;
select is(array(select pg_temp.reason(email, 'wrong horse')
                from unnest(array['carol@example.com', 'CAROL@example.com', 'Carol@Example.Com', 'cArol@example.com']) as email),
  array['wrong_credentials', 'wrong_credentials', 'wrong_credentials', 'throttled'],
  'after as many failures as the setting says, in whatever case, an e-mail is throttled');
select is(pg_temp.last_sign_in(), 'refused throttled user_carol user_carol', 'the audit log tells it');
select pg_temp.hold_buckets(0) as ignored \gset
select is(pg_temp.sign_in('carol@example.com', 'correct horse'), '(f,throttled,,00:20:00)',
  'the right password is throttled too, and told how long: a third of an hour for one of three');
select is(pg_temp.reason('bob@example.com', 'wrong horse'), 'wrong_credentials', 'another e-mail is not');
select token as carol_token from openclaw.issue_token('user_carol', '{mcp:tools}') \gset
select is((openclaw.verify_token(:'carol_token')).valid, true, 'the throttled user''s tokens are good');
select is(openclaw.begin_session(:'carol_token'), 'user_carol', 'and so are sessions');
select openclaw.end_session() as ignored \gset
select ok(openclaw.set_password('user_carol', 'new correct horse'), 'a password can be set meanwhile');
select pg_temp.hold_buckets(0.25) as ignored \gset
select pg_temp.buckets() as before \gset
select count(pg_temp.reason('carol@example.com', 'wrong horse')) as ignored from generate_series(1, 5) \gset
select is(pg_temp.buckets(), :'before', 'who is throttled and tries again loses nothing more');
-- A flood of them is counted, and not all written down. The deadline is for a defect.
create function pg_temp.flood() returns text language plpgsql as $$
declare
  flood_began constant timestamptz := clock_timestamp();
  sent integer := 0;
  rows integer;
begin
  loop
    perform openclaw.check_password('carol@example.com', 'wrong horse');
    sent := sent + 1;
    exit when exists (select from openclaw.audit_log as a where a.at > flood_began and a.left_out > 0);
    if clock_timestamp() > flood_began + interval '30 s' then
      raise exception 'no refusal was counted';
    end if;
  end loop;
  select count(*) into rows from openclaw.audit_log as a where a.at > flood_began;
  return format('%s, %s', case when rows < sent then 'fewer rows' else 'as many rows' end,
    sent - rows - (select sum(a.left_out) from openclaw.audit_log as a where a.at > flood_began));
end
$$;
select is(pg_temp.flood(), 'fewer rows, 0', 'of a flood of throttled attempts each has a row, or is counted in the next one');
select count(*) as before from openclaw.audit_log where action = 'authenticate_client' \gset
select (openclaw.authenticate_client(null, null, 'nobody', 'x', null, null)).error as ignored \gset
select is((select count(*) from openclaw.audit_log where action = 'authenticate_client'), :before::bigint + 1, 'and it hides nobody else''s refusal');
-- Time fills the bucket evenly: one in twenty minutes.
update openclaw.rate_limits set level = 0, at = clock_timestamp() - interval '20 minutes';
select is(array(select pg_temp.reason('carol@example.com', 'wrong horse') from generate_series(1, 2)),
  array['wrong_credentials', 'throttled'], 'after a third of an hour there is one attempt, and no other');
update openclaw.rate_limits set level = 0.5, at = clock_timestamp() + interval '1 day';
select is((openclaw.check_password('carol@example.com', 'x')).retry_after, interval '10 minutes', 'half an attempt is ten minutes off');
update openclaw.rate_limits set level = 0, at = clock_timestamp() - interval '10 days';
select is(array(select pg_temp.reason('carol@example.com', 'wrong horse') from generate_series(1, 4)),
  array['wrong_credentials', 'wrong_credentials', 'wrong_credentials', 'throttled'], 'after days there are as many as at first, and no more');
rollback to by_email;
-- A success costs nothing, and gives nothing.
select is(array(select pg_temp.reason('carol@example.com', 'correct horse') from generate_series(1, 5)),
  array_fill('valid'::text, array[5]), 'a user may sign in as often as they like');
select is(array(select pg_temp.reason('carol@example.com', 'wrong horse') from generate_series(1, 4)),
  array['wrong_credentials', 'wrong_credentials', 'wrong_credentials', 'throttled'], 'which leaves room for as many failures as before, and no more');
select pg_temp.hold_buckets(1) as ignored \gset
select is(array(select pg_temp.reason('carol@example.com', password) from unnest(array['correct horse', 'wrong horse', 'correct horse']) as password),
  array['valid', 'wrong_credentials', 'throttled'], 'the last attempt but one may be a success and gives itself back');
rollback to by_email;
-- Who is not there is throttled alike.
select is(array(select pg_temp.sign_in('nobody@example.com', 'wrong horse') from generate_series(1, 3)),
  array_fill('(f,wrong_credentials,,)'::text, array[3]), 'an unknown e-mail gets as many answers');
select pg_temp.hold_buckets(0) as ignored \gset
select is(pg_temp.sign_in('Nobody@example.com', 'wrong horse') || ' ' || pg_temp.last_sign_in(), '(f,throttled,,00:20:00) refused throttled',
  'and is throttled as a user is');
select is((select count(*) from openclaw.rate_limits where bucket ~* 'nobody|carol|@'), 0::bigint, 'the buckets name no e-mail');
select is(pg_temp.buckets(), 'email 0', 'and there is one for both cases of it');
rollback to by_email;
select pg_temp.reason(null, 'wrong horse') as ignored, pg_temp.reason(repeat('x', 1025), 'wrong horse') as ignored_too \gset
select is(pg_temp.buckets(), null, 'what is no e-mail has no bucket');
rollback to by_email;
savepoint attempt;
select pg_temp.reason('carol@example.com', 'wrong horse') as ignored \gset
select isnt(pg_temp.buckets(), null, 'an attempt counts');
rollback to attempt;
select is(pg_temp.buckets(), null, 'unless its transaction is rolled back');

-- Throttling by source.
rollback to by_email;
set local openclaw.sign_ins_per_source = 2;
-- Wrong passwords from these, for an e-mail each.
create function pg_temp.from_sources(sources inet[]) returns text[] language sql as $$
  select array_agg(pg_temp.reason(format('%s@%s.example', n, md5(sources::text)), 'wrong horse', source) order by n)
  from unnest(sources) with ordinality as s(source, n)
$$;
savepoint by_source;
\set two_and_throttled '{wrong_credentials,wrong_credentials,throttled}'
\set three '{wrong_credentials,wrong_credentials,wrong_credentials}'
select is(pg_temp.from_sources(sources), outcome, what)
from (values
  ('a source is throttled over all e-mails', '{192.0.2.1,192.0.2.1,192.0.2.1}'::inet[], :'two_and_throttled'::text[]),
  ('its neighbour is not', '{192.0.2.2,192.0.2.2,192.0.2.3}', :'three'),
  ('a netmask makes no other source', '{192.0.2.4/24,192.0.2.4/8,192.0.2.4}', :'two_and_throttled'),
  ('of IPv6 a network of /64 is one source', '{2001:db8:0:1::1,2001:db8:0:1:ffff::2,2001:db8:0:1::/64}', :'two_and_throttled'),
  ('the next network is another', '{2001:db8:0:2::1,2001:db8:0:2::1,2001:db8:0:3::1}', :'three'),
  ('an IPv4 address is the same as IPv6 writes it', '{192.0.2.5,::ffff:192.0.2.5,::ffff:192.0.2.5}', :'two_and_throttled'),
  ('and others are others', '{::ffff:192.0.2.6,::ffff:192.0.2.6,::ffff:192.0.2.7}', :'three'),
  ('without a source none is throttled', '{null,null,null}', :'three')) as v(what, sources, outcome);
rollback to by_source;
select is(array(select pg_temp.reason('carol@example.com', 'correct horse', '192.0.2.1') from generate_series(1, 4)),
  array_fill('valid'::text, array[4]), 'success costs a source nothing');
select pg_temp.from_sources('{192.0.2.1,192.0.2.1}') as ignored \gset
select pg_temp.hold_buckets(0) as ignored \gset
select is(pg_temp.sign_in('carol@example.com', 'correct horse', '192.0.2.1'), '(f,throttled,,00:30:00)',
  'a throttled source waits for the longer of its two buckets, whatever the password');
delete from openclaw.rate_limits where bucket like 'email %';
select is(pg_temp.sign_in('carol@example.com', 'correct horse', '192.0.2.1'), '(f,throttled,,00:30:00)', 'also for an e-mail that nobody tried');
select is(pg_temp.reason('carol@example.com', 'correct horse', '198.51.100.1'), 'valid', 'who signs in from elsewhere does so');
select count(pg_temp.reason('carol@example.com', 'wrong horse', '192.0.2.1')) as ignored from generate_series(1, 9) \gset
select is(array(select pg_temp.reason('carol@example.com', 'wrong horse') from generate_series(1, 4)),
  array['wrong_credentials', 'wrong_credentials', 'wrong_credentials', 'throttled'], 'a throttled source takes no attempt from the e-mails that it names');
rollback to by_source;

-- Settings are bounded, and the superuser's.
select throws_ok(format('set openclaw.%s = %L', name, value), '22023', null, format('openclaw.%s is not %s', name, value))
from (values ('sign_ins_per_email', '0'), ('sign_ins_per_email', '100001'), ('sign_ins_per_source', '0'), ('sign_ins_per_source', '1000001'),
             ('argon2_memory', '8191'), ('argon2_memory', '1048577'), ('argon2_iterations', '0'), ('argon2_iterations', '17'))
  as v(name, value);
create role pgtap_passwords_issuer;
select openclaw.grant_access('pgtap_passwords_issuer', 'issuer') as ignored \gset
set local role pgtap_passwords_issuer;
select throws_ok(format('set openclaw.%s = 100', name), '42501', null, format('an issuer cannot set openclaw.%s', name))
from unnest(array['sign_ins_per_email', 'sign_ins_per_source', 'argon2_iterations']) as name;
select is(pg_temp.sign_in('carol@example.com', 'correct horse'), '(t,,user_carol,)', 'but can check a password');
select throws_ok('select password_hash from openclaw.users', '42501', null, 'and not read one');
reset role;

-- A user comes back.
select token as jwt from openclaw.issue_access_token('ctr_bob', '{mcp:tools}') \gset
select openclaw.set_password('user_bob', 'correct horse') as ignored, openclaw.disable_user('user_bob') as ignored_too \gset
select is(pg_temp.reason('bob@example.com', 'correct horse'), 'wrong_credentials', 'a disabled user does not sign in');
select is(openclaw.enable_user('user_bob'), true, 'enable_user takes disable_user back');
select is((select disabled_at from openclaw.users where id = 'user_bob'), null, 'the user is disabled no more');
select is(pg_temp.last_audit(), 'enable_user user_bob user_bob success', 'which leaves an audit row');
select is(pg_temp.reason('bob@example.com', 'correct horse'), 'valid', 'the user signs in again');
select is((openclaw.verify_token(:'bob_token')).reason, 'revoked', 'what was ended stays ended: tokens');
select is((openclaw.verify_jwt(:'jwt', :'bob_endpoint')).reason, 'revoked', 'and JWTs');
select token as new_token from openclaw.issue_token('user_bob', '{mcp:tools}') \gset
select is((openclaw.verify_token(:'new_token')).valid, true, 'new tokens are good');
select is((openclaw.verify_jwt((openclaw.issue_access_token('ctr_bob', '{mcp:tools}')).token, :'bob_endpoint')).valid, true, 'and new JWTs');
select count(*) as before from openclaw.audit_log \gset
select is(array[openclaw.enable_user('user_bob'), openclaw.enable_user('user_alice')], array[true, true],
  'enabling who is not disabled is true');
select is(array[openclaw.enable_user('user_none'), openclaw.enable_user(null), openclaw.enable_user('')], array[false, false, false],
  'enabling nobody is false');
select is((select count(*) from openclaw.audit_log), :'before'::bigint, 'neither leaves an audit row');

select * from finish();
rollback;
