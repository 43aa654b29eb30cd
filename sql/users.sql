-- Users.

create function openclaw.argon2id_hash(password text) returns text
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_argon2id_hash';
comment on function openclaw.argon2id_hash(text) is
  'Argon2id (RFC 9106) as a PHC string, at the cost of openclaw.argon2_memory and openclaw.argon2_iterations. Errors: 22023 for an empty password, 54000 over 1024 bytes, 57014 when cancelled.';
revoke all on function openclaw.argon2id_hash(text) from public;

create function openclaw.check_password_hash(
    password_hash text, password text, out matches boolean, out outdated boolean)
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_check_password';
comment on function openclaw.check_password_hash(text, text) is
  'Whether a password fits a hash, and whether that is of a lower cost than the settings say. Whoever is refused waits as long as a hash of the settings'' cost takes, also without a hash. Errors: 57014 when cancelled.';
revoke all on function openclaw.check_password_hash(text, text) from public;

create function openclaw.new_password_hash(password text) returns text
  language plpgsql volatile strict
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if length(password) < 8 then
    raise exception 'the password is too short' using errcode = '22023',
      hint = 'Use at least 8 characters (NIST SP 800-63B, 5.1.1.2).';
  end if;
  return openclaw.argon2id_hash(password);
end
$$;
comment on function openclaw.new_password_hash(text) is
  'argon2id_hash of a password that a person chose: at least 8 characters. Errors: 22023, 54000.';
revoke all on function openclaw.new_password_hash(text) from public;

create function openclaw.create_user(email text default null, user_id text default null,
                                     plan_tier text default 'free', password text default null)
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  new_id text := coalesce(create_user.user_id, openclaw.new_id('user'));
begin
  perform openclaw.require_primary();
  lock table openclaw.plans in row share mode; -- as require_user
  insert into openclaw.users (id, email, plan_tier)
  values (new_id, create_user.email, coalesce(create_user.plan_tier, 'free'));
  -- Apart and last: a row that a constraint refuses is shown whole in the error's detail.
  if create_user.password is not null then
    update openclaw.users as u set password_hash = openclaw.new_password_hash(create_user.password)
    where u.id = new_id;
  end if;
  perform openclaw.audit('create_user', new_id, new_id);
  return new_id;
end
$$;
comment on function openclaw.create_user(text, text, text, text) is
  'Adds a user and returns the id: the platform''s own (user_id), or a new user_… one. The password is optional; pass it as a bound parameter, never in the query''s text. Errors: 23505 for an id or e-mail (case-insensitive) that exists, 23514 for one that is malformed, 22023 and 54000 for a password under 8 characters or over 1024 bytes.';
revoke all on function openclaw.create_user(text, text, text, text) from public;

create function openclaw.end_tokens_of_user() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.refuse_older_snapshot(new.id);
  perform from openclaw.api_tokens as t
  where t.user_id = new.id and t.revoked_at is null order by t.id for no key update;
  update openclaw.api_tokens as t set revoked_at = now()
  where t.user_id = new.id and t.revoked_at is null;
  perform from openclaw.grants as g
  where g.user_id = new.id and g.revoked_at is null order by g.id for no key update;
  update openclaw.grants as g set revoked_at = now()
  where g.user_id = new.id and g.revoked_at is null;
  -- What was signed before must not be good again when the user is enabled.
  update openclaw.containers as c set jwt_generation = c.jwt_generation + 1 where c.user_id = new.id;
  perform openclaw.audit('disable_user', new.id, new.id);
  return null;
end
$$;
comment on function openclaw.end_tokens_of_user() is
  'Trigger: a user who is disabled has no live token and no grant from that transaction on.';
revoke all on function openclaw.end_tokens_of_user() from public;

create trigger end_tokens after update of disabled_at on openclaw.users
  for each row when (old.disabled_at is null and new.disabled_at is not null)
  execute function openclaw.end_tokens_of_user();

create function openclaw.disable_user(user_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  update openclaw.users as u set disabled_at = now()
  where u.id = disable_user.user_id and u.disabled_at is null;
  return found or exists (select from openclaw.users as u where u.id = disable_user.user_id);
end
$$;
comment on function openclaw.disable_user(text) is
  'Ends a user: from this transaction on no token, grant, JWT or client of theirs is good in the database, and gates learn it from the status lists. True also when the user was disabled before, false for an unknown one. Errors: 40001 under REPEATABLE READ where the snapshot is older than what was issued since; begin again.';
revoke all on function openclaw.disable_user(text) from public;

create function openclaw.enable_user(user_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  update openclaw.users as u set disabled_at = null
  where u.id = enable_user.user_id and u.disabled_at is not null and u.erased_at is null;
  if found then
    perform openclaw.audit('enable_user', user_id, user_id);
    return true;
  end if;
  return exists (select from openclaw.users as u
                 where u.id = enable_user.user_id and u.erased_at is null);
end
$$;
comment on function openclaw.enable_user(text) is
  'Takes disable_user back: the user may sign in and have new tokens. What was ended stays ended. True also when the user was not disabled, false for one that is unknown or erased.';
revoke all on function openclaw.enable_user(text) from public;

create function openclaw.set_password(user_id text, password text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  update openclaw.users as u set password_hash = openclaw.new_password_hash(set_password.password)
  where u.id = set_password.user_id and u.erased_at is null;
  if found then
    perform openclaw.audit(case when password is null then 'remove_password' else 'set_password' end,
                           user_id, user_id);
  end if;
  return found;
end
$$;
comment on function openclaw.set_password(text, text) is
  'Gives a user a new password, or with null none; pass it as a bound parameter, never in the query''s text. Tokens stay: revoke_user_tokens ends them. False for a user that is unknown or erased. Errors: 22023 and 54000 for a password under 8 characters or over 1024 bytes.';
revoke all on function openclaw.set_password(text, text) from public;

create function openclaw.set_email(user_id text, email text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  begin
    update openclaw.users as u set email = set_email.email
    where u.id = set_email.user_id and u.erased_at is null;
  exception when check_violation then
    -- Said anew: the constraint's own error shows the whole row, and so the password's hash.
    raise exception 'the e-mail is malformed' using errcode = '23514';
  end;
  if found then
    perform openclaw.audit(case when email is null then 'remove_email' else 'set_email' end,
                           user_id, user_id);
  end if;
  return found;
end
$$;
comment on function openclaw.set_email(text, text) is
  'Gives a user another e-mail, or with null none. From the commit on the user signs in with this one alone; tokens and the password stay. The audit row (set_email, remove_email) does not hold it. False for a user that is unknown or erased. Errors: 23505 for an e-mail that another user has (case-insensitive), 23514 for one that is malformed.';
revoke all on function openclaw.set_email(text, text) from public;

create function openclaw.erase_user(user_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'a user is erased under READ COMMITTED only' using errcode = '25001',
      hint = 'An older snapshot would miss what is to be erased: begin isolation level read committed.';
  end if;
  perform openclaw.hold_user(erase_user.user_id);
  -- Before the grants, as disable_client locks them.
  perform from openclaw.oauth_clients as c
  where c.user_id = erase_user.user_id order by c.id for no key update;
  update openclaw.users as u
  set disabled_at = coalesce(u.disabled_at, now()), erased_at = now(), email = null,
      password_hash = null
  where u.id = erase_user.user_id and u.erased_at is null;
  if not found then
    return exists (select from openclaw.users as u where u.id = erase_user.user_id);
  end if;
  -- Clearing them is maintain()'s, in bounded steps, as of what has expired.
  update openclaw.api_tokens as t set name = null, expires_at = least(t.expires_at, now())
  where t.user_id = erase_user.user_id;
  update openclaw.grants as g set expires_at = least(g.expires_at, now())
  where g.user_id = erase_user.user_id;
  -- Without its row an id could be given again, and a container's JWTs would be good for it.
  update openclaw.containers as c
  set name = 'erased', mcp_endpoint = 'erased', public_key_fingerprint = null,
      disabled_at = coalesce(c.disabled_at, now())
  where c.user_id = erase_user.user_id;
  delete from openclaw.oauth_client_secrets as s using openclaw.oauth_clients as c
  where c.id = s.client_id and c.user_id = erase_user.user_id;
  perform openclaw.audit('disable_client', c.user_id, c.id)
  from openclaw.oauth_clients as c
  where c.user_id = erase_user.user_id and c.disabled_at is null;
  update openclaw.oauth_clients as c
  set name = 'erased', auth_method = 'client_secret', jwks = null, tls_subject = null,
      disabled_at = coalesce(c.disabled_at, now())
  where c.user_id = erase_user.user_id;
  perform openclaw.audit('erase_user', user_id, user_id);
  return true;
end
$$;
comment on function openclaw.erase_user(text) is
  'Ends a user for good, as disable_user does, and erases what names a person (GDPR article 17): e-mail and password hash, names of tokens, names, endpoints and pins of containers, names, secrets, keys and TLS subjects of the user''s OAuth clients; containers and clients end with the user. maintain() then clears grants and tokens (these after openclaw.token_retention). Ids stay, so that none is ever given again and JWTs that are still about stay refused: the user''s, disabled, which nothing enables, those of containers and clients, and the audit log, whose chain stays whole: its rows hold ids, and the addresses of sign-ins (source) and what openclaw.actor said until openclaw.audit_retention. Cannot be taken back. True also when the user was erased before, false for an unknown one. Errors: 25001 in a transaction that is not READ COMMITTED.';
revoke all on function openclaw.erase_user(text) from public;

-- Sign-in. Two token buckets, of the e-mail and of the source, slow down whoever guesses; they stand
-- before the password alone and touch nobody's session or tokens. Both are taken from after the hash
-- (which is the long part), so that nobody waits for another's; a success gives back. Of many guesses
-- at once, no more get an answer than the buckets hold.

create type openclaw.sign_in as (valid boolean, reason text, user_id text, retry_after interval);
comment on type openclaw.sign_in is
  'valid and whose, or the reason: wrong_credentials, or throttled and for how long (retry_after).';

create function openclaw.sign_in_buckets(
    email text, source inet, out bucket text, out capacity double precision)
  returns setof record
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    with client as (
      -- An IPv4 address as dual-stack servers (RFC 4291 section 2.5.5.2) and those behind NAT64
      -- (RFC 6052 section 2.1) show it.
      select case when source <<= inet '::ffff:0:0/96' then inet '0.0.0.0' + (source - inet '::ffff:0:0')
                  when source <<= inet '64:ff9b::/96' then inet '0.0.0.0' + (source - inet '64:ff9b::')
             else source end as address
    )
    select 'email ' || encode(sha256(convert_to(lower(email collate "C"), 'UTF8')), 'hex'),
           openclaw.setting('sign_ins_per_email')::double precision
    where email is not null
    union all
    select 'source ' || network(set_masklen(c.address, case family(c.address) when 6 then 64 else 32 end)),
           openclaw.setting('sign_ins_per_source')::double precision
    from client as c where c.address is not null
  $$;
comment on function openclaw.sign_in_buckets(text, inet) is
  'The token buckets of a sign-in, always in this order. The e-mail is hashed: the table of buckets names nobody.';
revoke all on function openclaw.sign_in_buckets(text, inet) from public;

create function openclaw.take_sign_in(email text, source inet, cost integer) returns interval
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  set lock_timeout = '500ms'
  as $$
declare
  wait interval;
  longest interval;
  b record;
begin
  for b in select s.bucket, s.capacity from openclaw.sign_in_buckets(email, source) as s loop
    wait := openclaw.take_tokens(b.bucket, cost, b.capacity, '1 hour');
    longest := greatest(longest, wait);
  end loop;
  return longest;
exception when lock_not_available then
  return interval '1 second'; -- somebody's transaction keeps a bucket: nobody waits for it
end
$$;
comment on function openclaw.take_sign_in(text, inet, integer) is
  'Takes from both buckets of a sign-in; null, or how long to wait.';
revoke all on function openclaw.take_sign_in(text, inet, integer) from public;

create function openclaw.sign_in_wait(email text, source inet) returns interval
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select max(make_interval(secs => (1 - f.level) * 3600 / s.capacity))
    from openclaw.sign_in_buckets(email, source) as s
    join openclaw.rate_limits as r on r.bucket = s.bucket,
         lateral (select r.level + s.capacity / 3600
                    * extract(epoch from greatest(clock_timestamp() - r.at, '0')) as level) as f
    where f.level < 1
  $$;
comment on function openclaw.sign_in_wait(text, inet) is
  'How long a sign-in has to wait, without taking part; null: not at all.';
revoke all on function openclaw.sign_in_wait(text, inet) from public;

create function openclaw.check_password(email text, password text, source inet default null)
  returns openclaw.sign_in
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  stored record;
  checked record;
  problem text;
  answer openclaw.sign_in;
begin
  perform openclaw.require_primary();
  -- No address is longer (RFC 5321 section 4.5.3.1).
  email := case when octet_length(email) <= 1024 then email end;
  select u.id, u.password_hash, u.disabled_at into stored
  from openclaw.users as u
  where lower(u.email collate "C") = lower(check_password.email collate "C");

  answer.valid := false;
  answer.retry_after := openclaw.sign_in_wait(email, source);
  if answer.retry_after is null then
    checked := openclaw.check_password_hash(
      case when stored.disabled_at is null then stored.password_hash end, password);
    problem := case when stored.id is null then 'unknown_user'
                    when stored.disabled_at is not null then 'disabled'
                    when stored.password_hash is null then 'no_password'
                    when not checked.matches then 'wrong_password' end;
    answer.retry_after := openclaw.take_sign_in(email, source, 1);
  end if;
  if answer.retry_after is not null then
    answer.reason := 'throttled';
    perform openclaw.audit_refusal(coalesce('user ' || stored.id, 'nobody'), 'sign_in', stored.id, stored.id, 'throttled', source);
    return answer;
  elsif problem is not null then
    answer.reason := 'wrong_credentials';
    perform openclaw.audit('sign_in', stored.id, stored.id, 'refused', problem, source);
    return answer;
  end if;

  perform openclaw.take_sign_in(email, source, -1);
  if checked.outdated then
    update openclaw.users as u set password_hash = openclaw.argon2id_hash(check_password.password)
    where u.id = stored.id and u.password_hash = stored.password_hash;
  end if;
  perform openclaw.audit('sign_in', stored.id, stored.id, source => source);
  answer.valid := true;
  answer.user_id := stored.id;
  return answer;
end
$$;
comment on function openclaw.check_password(text, text, inet) is
  'Whether this is the password of the user with this e-mail (in upper or lower case, of A to Z). An unknown user, a wrong password, none at all and a disabled user answer alike and in equal time: wrong_credentials. After openclaw.sign_ins_per_email or openclaw.sign_ins_per_source failures: throttled, for retry_after, whatever the password; tokens and sessions go on. source is the client''s address as the caller knows it. Pass the password as a bound parameter. Commit at once, also after a refusal: that counts it, keeps its audit row, and lets the next sign-in of the e-mail and the source at the buckets. A password of a lower cost than the settings'' is hashed again. Errors: 57014 when cancelled.';
revoke all on function openclaw.check_password(text, text, inet) from public;

create function openclaw.refuse_older_snapshot(user_id text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform openclaw.take_issue(openclaw.plan_of(refuse_older_snapshot.user_id),
                                refuse_older_snapshot.user_id, 0);
  end if;
end
$$;
comment on function openclaw.refuse_older_snapshot(text) is
  'For whatever ends several things of a user: raises 40001 where the transaction''s snapshot is older than what was issued for the user last, which would be left alive. Whoever issues takes from the same bucket.';
revoke all on function openclaw.refuse_older_snapshot(text) from public;

create function openclaw.hold_user(user_id text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform from openclaw.users as u where u.id = hold_user.user_id for no key update;
  if found then
    perform openclaw.refuse_older_snapshot(hold_user.user_id);
  end if;
end
$$;
comment on function openclaw.hold_user(text) is
  'Holds a user''s row until the transaction ends. Whatever ends several things of a user begins with it, so that two of them wait for one another and do not deadlock. Errors: 40001 as refuse_older_snapshot.';
revoke all on function openclaw.hold_user(text) from public;

-- Locks the user's row until the transaction ends, so that who is being disabled at this moment
-- either gets nothing new or loses it again.
create function openclaw.require_user(user_id text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  -- First, since a plan that is narrowed holds up all who come to it from here on.
  lock table openclaw.plans in row share mode;
  perform from openclaw.users as u
  where u.id = require_user.user_id and u.disabled_at is null
  for share;
  if not found then
    raise exception 'no such user' using errcode = 'P0002', detail = 'reason: unknown_user';
  end if;
end
$$;
comment on function openclaw.require_user(text) is
  'Raises P0002 unless the user exists and is not disabled; holds the row until the transaction ends.';
revoke all on function openclaw.require_user(text) from public;
