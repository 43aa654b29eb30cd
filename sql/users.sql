-- Users.

create function openclaw.argon2id_hash(password text) returns text
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_argon2id_hash';
comment on function openclaw.argon2id_hash(text) is
  'Argon2id (RFC 9106) as a PHC string, at the cost of openclaw.argon2_memory and openclaw.argon2_iterations. Errors: 22023 for an empty password, 54000 over 1024 bytes, 57014 when cancelled.';
revoke all on function openclaw.argon2id_hash(text) from public;

create function openclaw.create_user(email text default null, user_id text default null,
                                     plan_tier text default 'free', password text default null)
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  new_id text := coalesce(create_user.user_id, openclaw.new_id('user'));
begin
  insert into openclaw.users (id, email, plan_tier)
  values (new_id, create_user.email, coalesce(create_user.plan_tier, 'free'));
  -- Apart and last: a row that a constraint refuses is shown whole in the error's detail.
  if create_user.password is not null then
    update openclaw.users as u set password_hash = openclaw.argon2id_hash(create_user.password)
    where u.id = new_id;
  end if;
  perform openclaw.audit('create_user', new_id, new_id);
  return new_id;
end
$$;
comment on function openclaw.create_user(text, text, text, text) is
  'Adds a user and returns the id: the platform''s own (user_id), or a new user_… one. The password is optional; pass it as a bound parameter, never in the query''s text. Errors: 23505 for an id or e-mail (case-insensitive) that exists, 23514 for one that is malformed, 22023 and 54000 for the password.';
revoke all on function openclaw.create_user(text, text, text, text) from public;

create function openclaw.end_tokens_of_user() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  update openclaw.api_tokens as t set revoked_at = now()
  where t.user_id = new.id and t.revoked_at is null;
  update openclaw.grants as g set revoked_at = now()
  where g.user_id = new.id and g.revoked_at is null;
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
  update openclaw.users as u set disabled_at = now()
  where u.id = disable_user.user_id and u.disabled_at is null;
  return found or exists (select from openclaw.users as u where u.id = disable_user.user_id);
end
$$;
comment on function openclaw.disable_user(text) is
  'Ends a user: from this transaction on no token, grant, JWT or client of theirs is good in the database, and gates learn it from the status lists. True also when the user was disabled before, false for an unknown one.';
revoke all on function openclaw.disable_user(text) from public;

-- Locks the user's row until the transaction ends, so that who is being disabled at this moment
-- either gets nothing new or loses it again.
create function openclaw.require_user(user_id text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
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
