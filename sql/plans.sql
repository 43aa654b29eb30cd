-- What a user's plan allows, and how fast. Whoever issues something for a user first takes from that
-- user's token bucket: its row makes issuers of one user wait for one another until they commit, so
-- that what is counted after it is exact, in every isolation level. Issuers hold openclaw.plans in ROW
-- SHARE mode, and whoever takes scopes from a plan holds it in EXCLUSIVE mode: what was issued by the old
-- plan is there to be narrowed, and nothing more of it comes.

create function openclaw.take_tokens(bucket text, cost double precision, capacity double precision,
                                     period interval)
  returns interval
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
#variable_conflict use_variable
declare
  per_second double precision := capacity / date_part('epoch', period);
  taken boolean;
  found_level double precision;
begin
  insert into openclaw.rate_limits as r (bucket, level, at, capacity)
  select bucket, coalesce(capacity - cost, 'infinity'), clock_timestamp(), capacity
  where coalesce(capacity >= cost, true)
  on conflict on constraint rate_limits_pkey do update
  set level = case when capacity is null then 'infinity'
              else least(capacity, r.level + per_second * date_part('epoch', greatest(clock_timestamp() - r.at, '0'))) - cost end,
      at = clock_timestamp(), capacity = take_tokens.capacity
  where capacity is null
     or least(capacity, r.level + per_second * date_part('epoch', greatest(clock_timestamp() - r.at, '0'))) >= cost
  returning true into taken;
  if taken then
    return null;
  end if;
  select least(capacity, r.level + per_second * date_part('epoch', greatest(clock_timestamp() - r.at, '0')))
  into found_level
  from openclaw.rate_limits as r where r.bucket = take_tokens.bucket;
  return case when capacity < cost then period
         else make_interval(secs => greatest((cost - found_level) / per_second, 0.001)) end;
end
$$;
comment on function openclaw.take_tokens(text, double precision, double precision, interval) is
  'Takes cost from a token bucket that holds capacity and fills evenly within period; null when it had as much, else how long until it has. capacity null: no limit. A negative cost gives back. The bucket''s row is held until the transaction ends.';
revoke all on function openclaw.take_tokens(text, double precision, double precision, interval) from public;

create view openclaw.user_plans as
  select u.id as user_id, u.plan_tier,
         case when p.plan_tier is null then 100 else p.max_containers end as max_containers,
         case when p.plan_tier is null then 1000 else p.max_live_tokens end as max_live_tokens,
         p.max_token_lifetime, p.allowed_scopes,
         case when p.plan_tier is null then 600 else p.issues_per_minute end as issues_per_minute
  from openclaw.users as u left join openclaw.plans as p on p.plan_tier = u.plan_tier;
comment on view openclaw.user_plans is
  'Each user''s plan. A tier without a row in openclaw.plans has the built-in limits: 100 containers, 1000 live tokens, no longest lifetime, every scope, 600 issues a minute.';
revoke all on openclaw.user_plans from public;

create function openclaw.plan_of(user_id text) returns openclaw.plans
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  plan openclaw.plans;
begin
  select p.plan_tier, p.max_containers, p.max_live_tokens, p.max_token_lifetime, p.allowed_scopes,
         p.issues_per_minute
  into plan from openclaw.user_plans as p where p.user_id = plan_of.user_id;
  return plan;
end
$$;
comment on function openclaw.plan_of(text) is
  'A user''s plan. Without a row in openclaw.plans: 100 containers, 1000 live tokens, no longest lifetime, every scope, 600 issues a minute. Null for an unknown user.';
revoke all on function openclaw.plan_of(text) from public;

create function openclaw.plan_allows(allowed_scopes text[], scopes text[]) returns boolean
  language plpgsql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  return allowed_scopes is null
    or openclaw.scopes_cover(allowed_scopes, array(select s from unnest(scopes) as s where s not like 'openclaw:%'));
end
$$;
comment on function openclaw.plan_allows(text[], text[]) is
  'Whether a plan''s allowed scopes cover these. openclaw:… are rights at the front, which the platform gives and no plan.';
revoke all on function openclaw.plan_allows(text[], text[]) from public;

create function openclaw.within_plan(allowed_scopes text[], scopes text[]) returns text[]
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select case when openclaw.plan_allows(allowed_scopes, scopes) then scopes
           else (openclaw.narrowed_scopes(scopes, allowed_scopes))[1:64 - cardinality(o.own)] || o.own end
    from (select array(select s from unnest(scopes) as s where s like 'openclaw:%') as own) as o
  $$;
comment on function openclaw.within_plan(text[], text[]) is
  'What a plan''s allowed scopes leave of these, 64 at the most.';
revoke all on function openclaw.within_plan(text[], text[]) from public;

create function openclaw.refuse_by_plan(reason text, message text, hint text) returns void
  language plpgsql
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  raise exception '%', message using errcode = '53400', detail = 'reason: ' || reason, hint = hint;
end
$$;
comment on function openclaw.refuse_by_plan(text, text, text) is 'Raises 53400 with its reason.';
revoke all on function openclaw.refuse_by_plan(text, text, text) from public;

create function openclaw.take_issue(plan openclaw.plans, user_id text, cost integer default 1)
  returns interval
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  return openclaw.take_tokens('issues ' || user_id, cost, plan.issues_per_minute, '1 minute');
end
$$;
comment on function openclaw.take_issue(openclaw.plans, text, integer) is
  'Takes from a user''s issues a minute, and holds back whoever else issues for the user; null, or how long to wait.';
revoke all on function openclaw.take_issue(openclaw.plans, text, integer) from public;

create function openclaw.plan_for_issue(user_id text) returns openclaw.plans
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  plan openclaw.plans;
begin
  lock table openclaw.plans in row share mode; -- already there where require_user was asked
  plan := openclaw.plan_of(user_id);
  -- An older snapshot does not see that the plan has changed: then this raises 40001.
  if current_setting('transaction_isolation') <> 'read committed' then
    perform from openclaw.plans as p where p.plan_tier = plan.plan_tier for share;
  end if;
  return plan;
end
$$;
comment on function openclaw.plan_for_issue(text) is
  'plan_of, which keeps its scopes until the transaction ends. Errors: 40001 where it changed after the snapshot.';
revoke all on function openclaw.plan_for_issue(text) from public;

create function openclaw.refuse_issue(plan_tier text, issues_per_minute integer, wait interval) returns void
  language plpgsql
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.refuse_by_plan(
    'rate_limited', format('plan "%s" allows %s issues a minute', plan_tier, issues_per_minute),
    format('Try again in %s s.', ceil(extract(epoch from wait))));
end
$$;
comment on function openclaw.refuse_issue(text, integer, interval) is
  'Raises 53400 with reason: rate_limited.';
revoke all on function openclaw.refuse_issue(text, integer, interval) from public;

create function openclaw.claim_issue(user_id text, cost integer default 1) returns openclaw.plans
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  plan openclaw.plans := openclaw.plan_for_issue(user_id);
  wait interval := openclaw.take_issue(plan, user_id, cost);
begin
  if wait is not null then
    perform openclaw.refuse_issue(plan.plan_tier, plan.issues_per_minute, wait);
  end if;
  return plan;
end
$$;
comment on function openclaw.claim_issue(text, integer) is
  'take_issue, and the user''s plan. The user''s row must be held (require_user), so that a change of plan comes before or after. Errors: 53400 with reason: rate_limited.';
revoke all on function openclaw.claim_issue(text, integer) from public;

create function openclaw.require_plan_scopes(plan openclaw.plans, scopes text[]) returns void
  language plpgsql
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if not openclaw.plan_allows(plan.allowed_scopes, scopes) then
    perform openclaw.refuse_by_plan(
      'plan_scopes', format('plan "%s" does not allow every one of these scopes', plan.plan_tier),
      'Ask for scopes within ' || array_to_string(plan.allowed_scopes, ' ') || '.');
  end if;
end
$$;
comment on function openclaw.require_plan_scopes(openclaw.plans, text[]) is
  'Raises 53400 with reason: plan_scopes unless the plan allows these.';
revoke all on function openclaw.require_plan_scopes(openclaw.plans, text[]) from public;

create function openclaw.plan_lifetime(plan openclaw.plans, lifetime interval, fallback interval)
  returns interval
  language plpgsql
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  -- No caller asks for more than ten years; what is beyond the calendar must not fail.
  longest interval := least(plan.max_token_lifetime, interval '20 years');
begin
  -- By where they end: intervals compare months as 30 days.
  if now() + lifetime > now() + longest then
    perform openclaw.refuse_by_plan(
      'plan_lifetime', format('plan "%s" allows no lifetime over %s', plan.plan_tier, plan.max_token_lifetime),
      'Ask for a shorter one, or for none: then it is the longest that is allowed.');
  end if;
  return coalesce(lifetime, case when now() + fallback > now() + longest then longest else fallback end);
end
$$;
comment on function openclaw.plan_lifetime(openclaw.plans, interval, interval) is
  'The lifetime that was asked for; for null the fallback or the plan''s longest, whichever is shorter. Errors: 53400 with reason: plan_lifetime.';
revoke all on function openclaw.plan_lifetime(openclaw.plans, interval, interval) from public;

-- Changing plans. What is live never reaches beyond the plan: wider tokens are narrowed.

create function openclaw.narrow_tokens(plan_tier text, user_id text default null) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  allowed text[] := (select p.allowed_scopes from openclaw.plans as p
                     where p.plan_tier = narrow_tokens.plan_tier);
  wide record;
begin
  if allowed is null then
    return;
  end if;
  -- Before their tokens, as whatever else ends several things of a user does (hold_user).
  perform from openclaw.users as u
  where u.plan_tier = narrow_tokens.plan_tier and u.id = coalesce(narrow_tokens.user_id, u.id)
    and exists (select from openclaw.api_tokens as t
                where t.user_id = u.id and t.revoked_at is null and t.expires_at > now()
                  and not openclaw.plan_allows(allowed, t.scopes))
  order by u.id for no key update;
  for wide in
    select t.id, t.user_id, openclaw.within_plan(allowed, t.scopes) as scopes
    from openclaw.users as u join openclaw.api_tokens as t on t.user_id = u.id
    where u.plan_tier = narrow_tokens.plan_tier and u.id = coalesce(narrow_tokens.user_id, u.id)
      and t.revoked_at is null and t.expires_at > now() and not openclaw.plan_allows(allowed, t.scopes)
    order by t.id
  loop
    if wide.scopes = '{}' then
      perform openclaw.revoke_token(wide.user_id, wide.id);
    else
      update openclaw.api_tokens as t set scopes = wide.scopes where t.id = wide.id;
      perform openclaw.audit('narrow_token', wide.user_id, wide.id, reason => 'plan');
    end if;
  end loop;
end
$$;
comment on function openclaw.narrow_tokens(text, text) is
  'Takes from the live tokens of a plan''s users, or of one of them, the scopes that the plan does not allow; a token that keeps none is revoked.';
revoke all on function openclaw.narrow_tokens(text, text) from public;

create function openclaw.plan_of_user_changed() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  -- Who is issuing for the user now has held the row, so that this comes after it; where the snapshot
  -- is older than what was issued, the bucket raises 40001.
  perform openclaw.claim_issue(new.id, 0);
  perform openclaw.audit('change_plan', new.id, new.plan_tier);
  perform openclaw.narrow_tokens(new.plan_tier, new.id);
  return null;
end
$$;
comment on function openclaw.plan_of_user_changed() is
  'Trigger: a user''s new plan counts at once, for what is live too.';
revoke all on function openclaw.plan_of_user_changed() from public;

create trigger plan_changed after update of plan_tier on openclaw.users
  for each row when (old.plan_tier <> new.plan_tier)
  execute function openclaw.plan_of_user_changed();

create function openclaw.plan_changed() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  -- A plan that is inserted may come from a restore: define_plan says that it is new.
  if tg_op = 'DELETE' then
    perform openclaw.audit('delete_plan', null, old.plan_tier);
    return null;
  elsif tg_op = 'UPDATE' then
    perform openclaw.audit('define_plan', null, new.plan_tier);
    if new.plan_tier = old.plan_tier and new.allowed_scopes is not distinct from old.allowed_scopes then
      return null;
    end if;
  end if;
  if new.allowed_scopes is not null then
    if current_setting('transaction_isolation') <> 'read committed' then
      raise exception 'a plan takes scopes away under READ COMMITTED only' using errcode = '25001',
        hint = 'An older snapshot would miss tokens that are to be narrowed: begin isolation level read committed.';
    end if;
    lock table openclaw.plans in exclusive mode;
    perform openclaw.narrow_tokens(new.plan_tier);
  end if;
  return null;
end
$$;
comment on function openclaw.plan_changed() is
  'Trigger: a plan''s new limits count at once, for what is live too.';
revoke all on function openclaw.plan_changed() from public;

create trigger plan_changed after insert or update or delete on openclaw.plans
  for each row execute function openclaw.plan_changed();

create function openclaw.define_plan(
    plan_tier text, max_containers integer default null, max_live_tokens integer default null,
    max_token_lifetime interval default null, allowed_scopes text[] default null,
    issues_per_minute integer default null)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  set lock_timeout = '2s'
  -- Of two that wait for one another this one gives way, and not an application's transaction.
  set deadlock_timeout = '200ms'
  as $$
begin
  perform openclaw.require_primary();
  -- As plan_changed will, before the row is held that issuers wait for.
  if allowed_scopes is not null and not exists (
       select from openclaw.plans as p
       where p.plan_tier = define_plan.plan_tier and p.allowed_scopes = define_plan.allowed_scopes) then
    lock table openclaw.plans in exclusive mode;
  else
    lock table openclaw.plans in share row exclusive mode;
  end if;
  update openclaw.plans as p
  set (max_containers, max_live_tokens, max_token_lifetime, allowed_scopes, issues_per_minute)
    = (define_plan.max_containers, define_plan.max_live_tokens, define_plan.max_token_lifetime,
       define_plan.allowed_scopes, define_plan.issues_per_minute)
  where p.plan_tier = define_plan.plan_tier;
  if not found then
    insert into openclaw.plans
    values (plan_tier, max_containers, max_live_tokens, max_token_lifetime, allowed_scopes,
            issues_per_minute);
    perform openclaw.audit('define_plan', null, plan_tier);
  end if;
end
$$;
comment on function openclaw.define_plan(text, integer, integer, interval, text[], integer) is
  'Makes a plan, or gives it new limits; null is no limit. Counts at once: what is issued from now on keeps to it, and live tokens lose the scopes that it does not allow. What is over its numbers already stays. Where it takes scopes away it waits for every transaction that has issued something, and issuers wait for it: run it in a transaction of its own. Errors: 23514; 55P03 and 40P01 when it had to wait for too long, then nothing has changed: repeat it; 25001 for fewer scopes in another isolation level than READ COMMITTED.';
revoke all on function openclaw.define_plan(text, integer, integer, interval, text[], integer) from public;

create function openclaw.change_plan(user_id text, plan_tier text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  -- Before a constraint does, whose error would show the user's whole row.
  if plan_tier is null or plan_tier !~ '^[a-z][a-z0-9_-]{0,31}$' then
    raise exception 'plan_tier must be a name of a-z, 0-9, _ and -' using errcode = '22023';
  end if;
  -- Before the user's row, as issuers do (require_user).
  lock table openclaw.plans in row share mode;
  update openclaw.users as u set plan_tier = change_plan.plan_tier where u.id = change_plan.user_id;
  return found;
end
$$;
comment on function openclaw.change_plan(text, text) is
  'Puts a user on another plan; counts at once, as define_plan does. False for an unknown user. Errors: 22023.';
revoke all on function openclaw.change_plan(text, text) from public;
