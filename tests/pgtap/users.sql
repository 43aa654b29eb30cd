\ir fixture.psql
select plan(51);

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

-- Another e-mail.
create function pg_temp.email_of(id text) returns text language sql as $$
  select email from openclaw.users as u where u.id = email_of.id
$$;
select token from openclaw.issue_token('user_carol', '{mcp:tools}') \gset
select is(openclaw.set_email('user_carol', 'Carol.Danvers@example.com'), true, 'set_email takes a user');
select is(pg_temp.email_of('user_carol'), 'Carol.Danvers@example.com', 'and stores the e-mail as given');
select is(pg_temp.last_audit(), 'set_email user_carol user_carol success', 'which leaves an audit row');
select is((select count(*) from openclaw.audit_log as a where a::text ~* 'danvers'), 0::bigint,
  'without the e-mail');
select is((openclaw.check_password(email, 'correct horse')).valid, valid, what)
from (values ('carol.danvers@EXAMPLE.com', true, 'the user signs in with the new e-mail'),
             ('carol@example.com', false, 'and with the old one no more')) as v(email, valid, what);
select is(openclaw.set_email('user_carol', 'carol.danvers@example.com'), true,
  'a user''s own e-mail in another case is no other user''s');
select is(openclaw.set_email('user_carol', null), true, 'null takes the e-mail away');
select is(pg_temp.email_of('user_carol'), null, 'nothing of it is left');
select is(pg_temp.last_audit(), 'remove_email user_carol user_carol success', 'which leaves an audit row');
select is(openclaw.create_user('carol.danvers@example.com', 'user_dave'), 'user_dave', 'the e-mail is free then');
select is((select password_hash ~ '^\$argon2id' from openclaw.users where id = 'user_carol'), true, 'the password stays');
select is((openclaw.verify_token(:'token')).valid, true, 'and so do tokens');

create function pg_temp.set_email_error(user_id text, email text) returns record language sql as $$
  select pg_temp.error_of(format('select openclaw.set_email(%L, %L)', user_id, email))
$$;
select pg_temp.state() as before \gset
select is((pg_temp.error_of(format('select openclaw.set_email(''user_carol'', %L)', taken))).state, '23505', 'set_email refuses another user''s: ' || taken)
from unnest(array['alice@example.com', 'ALICE@example.COM']) as taken;
select is((pg_temp.error_of(format('select openclaw.set_email(''user_carol'', %L)', bad))).state, '23514',
  'set_email refuses the e-mail ' || to_json(left(bad, 20)))
from unnest(array['', 'nobody', 'a@b@c', e'a@b\nc', repeat('x', 251) || '@b.c']) as bad;
select is_empty(format($$select e from pg_temp.error_of('select openclaw.set_email(''user_carol'', ''%s'')') as e
                         where e::text ~ 'argon2id|user_alice|free'$$, bad),
  'that refusal shows nothing of the users'' rows: ' || bad)
from unnest(array['alice@example.com', 'no e-mail']) as bad;
select is(array[openclaw.set_email('user_none', 'x@example.com'), openclaw.set_email(null, 'x@example.com'),
                openclaw.set_email('', 'x@example.com'), openclaw.set_email('USER_CAROL', 'x@example.com'),
                openclaw.set_email('user_none', 'alice@example.com'), openclaw.set_email('user_none', 'malformed')],
  array[false, false, false, false, false, false], 'set_email of no user is false');
select is(pg_temp.state(), :'before', 'none of these changes anything');

update openclaw.users set disabled_at = now() where id = 'user_alice';
select is((select array_agg(distinct revoked_at) from openclaw.api_tokens where user_id = 'user_alice'),
  array[now()], 'a user who is disabled has no live token');
select is(pg_temp.last_audit(), 'disable_user user_alice user_alice success',
  'disabling a user leaves an audit row');

select * from finish();
rollback;
