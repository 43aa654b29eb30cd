\ir fixture.psql
select plan(27);

select matches(openclaw.create_user(), '^user_[0-9A-Za-z]{22}$',
  'create_user makes an id when the platform gives none');
select is(openclaw.create_user('Carol@Example.com', 'user_carol', 'pro', 'correct horse'),
  'user_carol',
  'create_user takes the platform''s own id and returns it');
select is(pg_temp.last_audit(), 'create_user user_carol user_carol success',
  'create_user leaves an audit row');
select is(
  (select format('%s %s %s %s', email, plan_tier, disabled_at is null, created_at = now())
   from openclaw.users where id = 'user_carol'),
  'Carol@Example.com pro t t', 'create_user stores the e-mail as given and the plan');
select matches((select password_hash from openclaw.users where id = 'user_carol'),
  '^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$',
  'create_user stores the password as Argon2id at the configured cost');
select is((select password_hash from openclaw.users where id = 'user_alice'), null,
  'create_user without a password stores none');
select is((select plan_tier from openclaw.users where id = 'user_alice'), 'free',
  'create_user puts a user on the plan free by default');
select isnt(openclaw.argon2id_hash('same'), openclaw.argon2id_hash('same'),
  'argon2id_hash draws a new salt each time');

select throws_ok($$select openclaw.create_user('x@example.com', 'user_alice')$$, '23505', null,
  'create_user refuses an id that exists');
select throws_ok($$select openclaw.create_user('ALICE@example.COM')$$, '23505', null,
  'create_user refuses an e-mail that exists in another case');
select throws_ok(format('select openclaw.create_user(user_id => %L)', bad), '23514', null,
  'create_user refuses the id ' || to_json(left(bad, 20)))
from unnest(array['', '-starts', 'with space', e'new\nline', repeat('x', 129)]) as bad;
select throws_ok(format('select openclaw.create_user(%L)', bad), '23514', null,
  'create_user refuses the e-mail ' || to_json(left(bad, 20)))
from unnest(array['', 'nobody', 'a@b@c', e'a@b\nc', repeat('x', 251) || '@b.c']) as bad;
select throws_ok($$select openclaw.create_user(plan_tier => 'No Plan')$$, '23514', null,
  'create_user refuses a plan that is no identifier');
select throws_ok($$select openclaw.create_user(password => '')$$, '22023',
  'the password is too short', 'create_user refuses an empty password');
select throws_ok($$select openclaw.create_user(password => 'seven77')$$, '22023',
  'the password is too short', 'create_user refuses a password of seven characters');
select throws_ok($$select openclaw.create_user(password => repeat('x', 1025))$$, '54000',
  'password is too long', 'create_user refuses a password over 1024 bytes');
select unalike(
  (pg_temp.error_of($$select openclaw.create_user('no e-mail', password => 'correct horse')$$))::text,
  '%argon2id%', 'create_user''s refusal shows nothing of the password''s hash');

update openclaw.users set disabled_at = now() where id = 'user_alice';
select is((select array_agg(distinct revoked_at) from openclaw.api_tokens where user_id = 'user_alice'),
  array[now()], 'a user who is disabled has no live token');
select is(pg_temp.last_audit(), 'disable_user user_alice user_alice success',
  'disabling a user leaves an audit row');

select * from finish();
rollback;
