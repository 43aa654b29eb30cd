-- Opaque tokens: issue, verify, revoke.

create function openclaw.mint_token(purpose text, out token text, out token_hash bytea)
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_mint_token';
comment on function openclaw.mint_token(text) is
  'A new token''s text (ocu_… for user_direct, och_… for platform_harness, ocr_… for refresh, ocs_… for client_secret; 256 random bits, checksum) and the SHA-256 of it, which alone is stored.';
revoke all on function openclaw.mint_token(text) from public;

create function openclaw.token_hash(token text) returns bytea
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_token_hash';
comment on function openclaw.token_hash(text) is
  'SHA-256 of a token''s text; null when prefix, length, alphabet or checksum are not a token''s.';
revoke all on function openclaw.token_hash(text) from public;

create type openclaw.token_verification as (
  valid boolean, reason text, token_id text, user_id text, container_id text, scopes text[],
  issued_for text, expires_at timestamptz
);
comment on type openclaw.token_verification is
  'valid, or the reason: malformed, unknown, revoked, expired, insufficient_scope. A refusal says nothing else.';

create function openclaw.mint_tokens(
    purposes text[], counts integer[],
    out place bigint, out ordinal integer, out token text, out token_hash bytea, out token_id text,
    out issued_as text)
  returns setof record
  language c volatile strict rows 1000
  as 'MODULE_PATHNAME', 'openclaw_mint_tokens';
comment on function openclaw.mint_tokens(text[], integer[]) is
  'New tokens, as mint_token makes one, with their ids: for each purpose as many as its count says. place is that of the purpose, ordinal counts its tokens, from 1. issued_as is what the ids of a purpose have in common and an audit row names: of several tokens tok_…_COUNT, each id being that with _1 to _COUNT behind it; of one its id. Errors: 22023, 2202E, 54000 for more than 10000.';
revoke all on function openclaw.mint_tokens(text[], integer[]) from public;

create function openclaw.live_tokens_within(user_id text, most bigint) returns boolean
  language c stable strict
  as 'MODULE_PATHNAME', 'openclaw_live_tokens_within';
comment on function openclaw.live_tokens_within(text, bigint) is
  'Whether no more than so many tokens of a user are neither revoked nor expired.';
revoke all on function openclaw.live_tokens_within(text, bigint) from public;

-- Issuing. Whoever wants tokens says so in orders; all of them are met, or none is. What is looked at
-- and locked is a user's; the rows are stored together, so that a thousand tokens cost little more
-- than their rows.

create type openclaw.token_order as (
  user_id text, scopes text[], lifetime interval, issued_for text, name text, container_id text,
  count integer, request_id text, on_behalf_of text
);
comment on type openclaw.token_order is
  'What issue_orders is to issue: count tokens of one kind for one user, and what their audit row says of the caller.';

create function openclaw.token_order(
    user_id text, scopes text[], lifetime interval, issued_for text, name text, container_id text,
    count integer)
  returns openclaw.token_order
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  -- By where it ends, too: intervals compare months as 30 days.
  if lifetime < interval '1 second' or lifetime > interval '11 years'
     or now() + lifetime > now() + interval '10 years' then
    raise exception 'lifetime must be between one second and ten years' using errcode = '22023';
  end if;
  if scopes is null or not openclaw.are_grants(scopes) then
    raise exception 'scopes must be 1 to 64 of area:action or area:*' using errcode = '22023';
  end if;
  if coalesce(issued_for, 'user_direct') not in ('user_direct', 'platform_harness') then
    raise exception 'unknown issued_for' using errcode = '22023',
      hint = 'Use user_direct or platform_harness.';
  end if;
  return row(user_id, scopes, lifetime, coalesce(issued_for, 'user_direct'), name, container_id, count,
             nullif(openclaw.setting('request_id'), ''),
             coalesce(nullif(openclaw.setting('actor'), ''), openclaw.current_user_id()))::openclaw.token_order;
end
$$;
comment on function openclaw.token_order(text, text[], interval, text, text, text, integer) is
  'An order by its arguments. Errors: 22023 for scopes, lifetime or issued_for.';
revoke all on function openclaw.token_order(text, text[], interval, text, text, text, integer) from public;

create function openclaw.claim_order(wanted openclaw.token_order, claimed bigint) returns interval
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  plan record;
  wait interval;
begin
  lock table openclaw.plans in row share mode; -- as require_user
  perform from openclaw.users as u where u.id = wanted.user_id and u.disabled_at is null for share;
  if not found then
    perform openclaw.require_user(wanted.user_id);
  end if;
  if wanted.container_id is not null then
    perform openclaw.require_container(wanted.user_id, wanted.container_id);
  end if;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform openclaw.plan_for_issue(wanted.user_id);
  end if;
  select p.plan_tier, p.max_live_tokens, p.max_token_lifetime, p.allowed_scopes, p.issues_per_minute
  into plan from openclaw.user_plans as p where p.user_id = wanted.user_id;
  wait := openclaw.take_tokens('issues ' || wanted.user_id, wanted.count, plan.issues_per_minute, '1 minute');
  if wait is not null then
    perform openclaw.refuse_issue(plan.plan_tier, plan.issues_per_minute, wait);
  end if;
  if plan.allowed_scopes is not null then
    perform openclaw.require_plan_scopes(openclaw.plan_of(wanted.user_id), wanted.scopes);
  end if;
  -- What is counted after the bucket is exact.
  if plan.max_live_tokens is not null then
    if not openclaw.live_tokens_within(wanted.user_id, plan.max_live_tokens - claimed - wanted.count) then
      perform openclaw.refuse_by_plan(
        'plan_tokens', format('plan "%s" allows %s live tokens', plan.plan_tier, plan.max_live_tokens),
        'Revoke one, or change the plan.');
    end if;
  end if;
  if plan.max_token_lifetime is null then
    return coalesce(wanted.lifetime, interval '90 days');
  end if;
  return openclaw.plan_lifetime(openclaw.plan_of(wanted.user_id), wanted.lifetime, interval '90 days');
end
$$;
comment on function openclaw.claim_order(openclaw.token_order, bigint) is
  'Holds what an order depends on, takes it from its user''s issues a minute, and returns the lifetime of its tokens; claimed is how many live tokens the same user is about to have. Errors: P0002, 53400.';
revoke all on function openclaw.claim_order(openclaw.token_order, bigint) from public;

-- The same for many orders, in as many statements as for two. It need not say which of them is refused,
-- and why: claim_orders then asks for each.
create function openclaw.claim_together(orders openclaw.token_order[]) returns interval[]
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  set plan_cache_mode = force_generic_plan
  as $$
declare
  user_ids constant text[] := array(
    select distinct o.user_id collate "C" as id from unnest(orders) as o order by id);
  held text[];
  taken bigint;
  lifetimes interval[];
  all_allowed boolean;
begin
  lock table openclaw.plans in row share mode; -- as require_user
  held := array(select u.id from openclaw.users as u
                where u.id = any (user_ids) and u.disabled_at is null order by u.id for share);
  if held <> user_ids then
    raise exception 'one of the orders is refused' using errcode = '53400';
  end if;
  if exists (select from unnest(orders) as o where o.container_id is not null) then
    perform openclaw.require_container(o.user_id, o.container_id)
    from (select distinct x.container_id collate "C" as container_id, x.user_id
          from unnest(orders) as x where x.container_id is not null order by 1) as o;
  end if;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform openclaw.plan_for_issue(u.id) from unnest(user_ids) as u(id);
  end if;
  -- As take_tokens, of all their buckets in one order.
  insert into openclaw.rate_limits as r (bucket, level, at, capacity)
  select 'issues ' || p.user_id, coalesce(p.issues_per_minute - o.cost, 'infinity'), clock_timestamp(),
         p.issues_per_minute
  from (select x.user_id, sum(x.count)::double precision as cost
        from unnest(orders) as x group by x.user_id) as o
  join openclaw.user_plans as p on p.user_id = o.user_id
  where coalesce(p.issues_per_minute >= o.cost, true)
  order by p.user_id
  on conflict on constraint rate_limits_pkey do update
  set level = case when excluded.capacity is null then 'infinity'
              else least(excluded.capacity, r.level + excluded.capacity / 60
                         * date_part('epoch', greatest(clock_timestamp() - r.at, '0')))
                   - (excluded.capacity - excluded.level) end,
      at = clock_timestamp(), capacity = excluded.capacity
  where excluded.capacity is null
     or least(excluded.capacity, r.level + excluded.capacity / 60
              * date_part('epoch', greatest(clock_timestamp() - r.at, '0')))
        >= excluded.capacity - excluded.level;
  get diagnostics taken = row_count;
  if taken < cardinality(user_ids) then
    raise exception 'one of the orders is refused' using errcode = '53400';
  end if;
  -- What is counted after the buckets is exact.
  select bool_and((o.allowed_scopes is null or openclaw.plan_allows(o.allowed_scopes, o.scopes))
                  and (o.max_live_tokens is null
                       or openclaw.live_tokens_within(o.user_id, o.max_live_tokens - o.claimed))),
         array_agg(case when o.max_token_lifetime is null then coalesce(o.lifetime, '90 days')
                   else openclaw.plan_lifetime(openclaw.plan_of(o.user_id), o.lifetime, '90 days') end
                   order by o.place)
  into all_allowed, lifetimes
  from (select x.place, x.lifetime, x.scopes, sum(x.count) over (partition by x.user_id) as claimed, p.*
        from unnest(orders) with ordinality
          as x(user_id, scopes, lifetime, issued_for, name, container_id, count, request_id, on_behalf_of, place)
        join openclaw.user_plans as p on p.user_id = x.user_id) as o;
  if not all_allowed then
    raise exception 'one of the orders is refused' using errcode = '53400';
  end if;
  return lifetimes;
end
$$;
comment on function openclaw.claim_together(openclaw.token_order[]) is
  'What claim_order does, for all of these in a few statements, and the lifetimes of their tokens. Errors: P0002 or 53400 when any of them is refused, without saying which, and why.';
revoke all on function openclaw.claim_together(openclaw.token_order[]) from public;

create function openclaw.claim_orders(orders openclaw.token_order[], explain boolean) returns interval[]
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  wanted openclaw.token_order;
  place integer := 0;
  holder text := '';
  claimed bigint := 0;
  lifetimes interval[];
  state text;
  said text;
  reason text;
  advice text;
begin
  if cardinality(orders) > 1 then
    begin
      return openclaw.claim_together(orders);
    exception when no_data_found or configuration_limit_exceeded then
      if not explain then
        raise;
      end if; -- one by one: whose it is, and why
    end;
  end if;
  begin
    foreach wanted in array orders loop
      place := place + 1;
      -- Two that issue for the same users must not wait for one another.
      if wanted.user_id collate "C" < holder collate "C" then
        raise exception 'the orders are not sorted by user_id' using errcode = '22023';
      end if;
      claimed := case when wanted.user_id = holder then claimed else 0 end;
      lifetimes[place] := openclaw.claim_order(wanted, claimed);
      claimed := claimed + wanted.count;
      holder := wanted.user_id;
    end loop;
  exception when no_data_found or configuration_limit_exceeded then
    get stacked diagnostics state = returned_sqlstate, said = message_text,
      reason = pg_exception_detail, advice = pg_exception_hint;
    raise exception '% (user %)', said, left(wanted.user_id, 128)
      using errcode = state, detail = reason, hint = concat_ws(' ', nullif(advice, ''), 'Nothing was issued.');
  end;
  return lifetimes;
end
$$;
comment on function openclaw.claim_orders(openclaw.token_order[], boolean) is
  'What claim_order does, for each of these, which are sorted by user_id (in collation "C"); a refusal says whose and why if it is to be explained, which takes a second look at each of several. Errors: as claim_order, 22023.';
revoke all on function openclaw.claim_orders(openclaw.token_order[], boolean) from public;

create function openclaw.issue_order(
    wanted openclaw.token_order, out token text, out token_id text, out expires_at timestamptz)
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  minted record;
begin
  expires_at := openclaw.claim_order(wanted, 0) + clock_timestamp();
  minted := openclaw.mint_token(wanted.issued_for);
  token := minted.token;
  token_id := openclaw.new_id('tok');
  insert into openclaw.api_tokens (id, user_id, name, token_hash, scopes, expires_at, issued_for, container_id)
  values (issue_order.token_id, wanted.user_id, wanted.name, minted.token_hash, wanted.scopes,
          issue_order.expires_at, wanted.issued_for, wanted.container_id);
  insert into openclaw.audit_log (at, action, user_id, target, outcome, request_id, on_behalf_of)
  values (openclaw.audit_time(), 'issue_token', wanted.user_id, issue_order.token_id, 'success',
          wanted.request_id, wanted.on_behalf_of);
end
$$;
comment on function openclaw.issue_order(openclaw.token_order) is
  'Issues the one token that an order asks for. Errors: P0002, 53400.';
revoke all on function openclaw.issue_order(openclaw.token_order) from public;

create function openclaw.issue_orders(orders openclaw.token_order[], explain boolean default true)
  returns table (place bigint, ordinal integer, user_id text, token text, token_id text, expires_at timestamptz)
  language plpgsql volatile rows 100
  set search_path = pg_catalog, openclaw, pg_temp
  set work_mem = '64MB'  -- room for 10,000 tokens: none is written to a temporary file
  set plan_cache_mode = force_generic_plan -- not planned anew for each number of orders
  as $$
#variable_conflict use_column
declare
  wanted openclaw.token_order := orders[1];
  issued record;
  lifetimes interval[];
begin
  if cardinality(orders) = 1 and wanted.count = 1 then
    issued := openclaw.issue_order(wanted);
    place := 1;
    ordinal := 1;
    user_id := wanted.user_id;
    token := issued.token;
    token_id := issued.token_id;
    expires_at := issued.expires_at;
    return next;
    return;
  end if;
  lifetimes := openclaw.claim_orders(orders, explain);
  return query
  with minted as materialized (
    select o.*, m.ordinal, m.token, m.token_hash, m.token_id, m.issued_as,
           clock_timestamp() + lifetimes[o.place] as expires_at
    from unnest(orders) with ordinality
      as o(user_id, scopes, lifetime, issued_for, name, container_id, count, request_id, on_behalf_of, place)
    join openclaw.mint_tokens(array(select x.issued_for from unnest(orders) as x),
                              array(select x.count from unnest(orders) as x)) as m on m.place = o.place
  ), stored as (
    insert into openclaw.api_tokens (id, user_id, name, token_hash, scopes, expires_at, issued_for, container_id)
    select m.token_id, m.user_id, m.name, m.token_hash, m.scopes, m.expires_at, m.issued_for, m.container_id
    from minted as m
  ), audited as (
    insert into openclaw.audit_log (at, action, user_id, target, outcome, request_id, on_behalf_of)
    select openclaw.audit_time(), case m.count when 1 then 'issue_token' else 'issue_tokens' end, m.user_id,
           m.issued_as, 'success', m.request_id, m.on_behalf_of
    from minted as m where m.ordinal = 1
  )
  select m.place, m.ordinal, m.user_id, m.token, m.token_id, m.expires_at from minted as m;
end
$$;
comment on function openclaw.issue_orders(openclaw.token_order[], boolean) is
  'Issues what all of these orders, sorted by user_id, ask for, and returns the tokens in the same order; or raises the first refusal (of several orders without who and why, unless it is to be explained), and issues nothing. One audit row for each order. Errors: P0002, 53400.';
revoke all on function openclaw.issue_orders(openclaw.token_order[], boolean) from public;

create function openclaw.issue_token(
    user_id text, scopes text[], lifetime interval default null,
    issued_for text default 'user_direct', name text default null, container_id text default null,
    out token text, out token_id text, out expires_at timestamptz)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  issued record;
begin
  perform openclaw.require_primary();
  issued := openclaw.issue_order(
    openclaw.token_order(user_id, scopes, lifetime, issued_for, name, container_id, 1));
  token := issued.token;
  token_id := issued.token_id;
  expires_at := issued.expires_at;
end
$$;
comment on function openclaw.issue_token(text, text[], interval, text, text, text) is
  'Issues an opaque token: its text is returned once and never stored. issued_for is user_direct or platform_harness; with container_id it is good for that container alone. lifetime defaults to 90 days, or to the plan''s longest if that is shorter. Errors: P0002 for an unknown user or container, 22023 for scopes, lifetime or issued_for, 53400 for what the plan does not allow, with reason: plan_tokens, plan_lifetime, plan_scopes or rate_limited.';
revoke all on function openclaw.issue_token(text, text[], interval, text, text, text) from public;

create function openclaw.issue_tokens(
    user_ids text[], scopes text[], lifetime interval default null,
    issued_for text default 'user_direct', name text default null, container_id text default null,
    count integer default 1)
  returns table (ordinal bigint, token text, token_id text, user_id text, expires_at timestamptz)
  language plpgsql volatile security definer rows 1000
  set search_path = pg_catalog, openclaw, pg_temp
  set work_mem = '64MB'  -- room for 10,000 tokens: none is written to a temporary file
  as $$
declare
  common openclaw.token_order;
  places bigint[];
begin
  perform openclaw.require_primary();
  if user_ids is null or issue_tokens.count is null then
    raise exception 'user_ids and count must not be null' using errcode = '22004';
  elsif array_ndims(user_ids) > 1 then
    raise exception 'user_ids must have one dimension' using errcode = '2202E';
  elsif issue_tokens.count < 1 then
    raise exception 'count must be at least 1' using errcode = '22023';
  elsif cardinality(user_ids)::bigint * issue_tokens.count > 10000 then
    raise exception 'too many tokens' using errcode = '54000', hint = 'At most 10000 are issued in one call.';
  end if;
  common := openclaw.token_order(null, scopes, lifetime, issued_for, name, container_id, issue_tokens.count);
  -- In the order of the locks, and back to that of the caller.
  places := array(select u.n from unnest(user_ids) with ordinality as u(id, n) order by u.id collate "C", u.n);
  return query
  select (places[i.place] - 1) * issue_tokens.count + i.ordinal, i.token, i.token_id, i.user_id, i.expires_at
  from openclaw.issue_orders(array(
    select row(u.id, common.scopes, common.lifetime, common.issued_for, common.name, common.container_id,
               common.count, common.request_id, common.on_behalf_of)::openclaw.token_order
    from unnest(user_ids) as u(id) order by u.id collate "C")) as i
  order by 1;
end
$$;
comment on function openclaw.issue_tokens(text[], text[], interval, text, text, text, integer) is
  'Issues count opaque tokens for each of these users, up to 10000 in all, as issue_token does one: all of them, or none. One row each, ordinal from 1: the first user''s first. One audit row a user: of several tokens its action is issue_tokens, and its target what their ids begin with, tok_…_COUNT. Errors: as issue_token''s, the message naming the user; 22004, 2202E, 22023 for count, 54000 for more.';
revoke all on function openclaw.issue_tokens(text[], text[], interval, text, text, text, integer) from public;

create function openclaw.require_container(user_id text, container_id text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform from openclaw.containers as c
  where c.id = require_container.container_id and c.user_id = require_container.user_id
    and c.disabled_at is null
  for share;
  if not found then
    raise exception 'no such container' using errcode = 'P0002', detail = 'reason: unknown_container';
  end if;
end
$$;
comment on function openclaw.require_container(text, text) is
  'Raises P0002 unless the container exists, is the user''s and is not disabled; another user''s answers the same. Holds the row until the transaction ends.';
revoke all on function openclaw.require_container(text, text) from public;

create function openclaw.verify_token(token text, required_scopes text[] default '{}')
  returns openclaw.token_verification
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_verify_token';
comment on function openclaw.verify_token(text, text[]) is
  'Whether an opaque token is live and grants every required scope; one index look-up, no write. A null or over-long token is malformed. Errors: 22004 and 22023 for required_scopes.';
revoke all on function openclaw.verify_token(text, text[]) from public;

create function openclaw.verify_tokens(tokens text[], required_scopes text[] default '{}')
  returns table (ordinal bigint, valid boolean, reason text, token_id text, user_id text,
                 container_id text, scopes text[], issued_for text, expires_at timestamptz)
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_verify_tokens';
comment on function openclaw.verify_tokens(text[], text[]) is
  'verify_token for up to 65536 tokens in one call: one row each, in their order, ordinal from 1. A bad token is a row with its reason and never fails the call. Errors: 22004, 22023, 54000.';
revoke all on function openclaw.verify_tokens(text[], text[]) from public;

-- When a token was used last. Verification notes it in its backend's memory, a primary or a standby, and
-- whoever asked for it has it recorded.
create function openclaw.take_used_tokens() returns text[]
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_take_used_tokens';
comment on function openclaw.take_used_tokens() is
  'The ids of the opaque tokens that this session''s backend found good since the last call, in any order, each once, and forgets them; up to 4096, further ones are noted after this call. Only those whose last_used_at is null or an hour old. Reads and writes no table, so that it works on a standby: hand its answer to record_token_use() on the primary.';
revoke all on function openclaw.take_used_tokens() from public;

create function openclaw.record_token_use(token_ids text[]) returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  recorded integer;
begin
  perform openclaw.require_primary();
  if cardinality(token_ids) > 4096 then
    raise exception 'too many token ids' using errcode = '54000',
      hint = 'At most 4096 are taken in one call, as take_used_tokens() gives them.';
  end if;
  -- Waits for nobody: who holds a row is about to end the token, mostly, or records it.
  update openclaw.api_tokens as t set last_used_at = now()
  where t.id in (
    select x.id from openclaw.api_tokens as x
    where x.id = any (record_token_use.token_ids)
      and coalesce(x.last_used_at <= now() - interval '1 hour', true)
    order by x.id for no key update skip locked);
  get diagnostics recorded = row_count;
  return recorded;
end
$$;
comment on function openclaw.record_token_use(text[]) is
  'Sets last_used_at to now for those of these tokens where it is null or an hour old; returns for how many. Leaves out what is unknown and rows that others hold at the moment, and waits for none; its own rows are held until the transaction ends, so that it should end soon. No audit row. Errors: 25006, 54000 for more than 4096 ids.';
revoke all on function openclaw.record_token_use(text[]) from public;

create function openclaw.revoke_token(user_id text, token_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  update openclaw.api_tokens as t set revoked_at = now()
  where t.id = revoke_token.token_id and t.user_id = revoke_token.user_id
    and t.revoked_at is null;
  if found then
    perform openclaw.revoke_grants(array(
      select g.id from openclaw.grants as g where g.subject_token_id = revoke_token.token_id));
    perform openclaw.audit('revoke_token', revoke_token.user_id, revoke_token.token_id);
    return true;
  end if;
  return exists (select from openclaw.api_tokens as t
                 where t.id = revoke_token.token_id and t.user_id = revoke_token.user_id);
end
$$;
comment on function openclaw.revoke_token(text, text) is
  'Revokes a token of a user by its id, and the grants that it was exchanged for; effective at once for every check in the database. True also when it was revoked before; false when the user has no such token, whoever else may.';
revoke all on function openclaw.revoke_token(text, text) from public;

create function openclaw.revoke_token(token text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  stored record;
begin
  perform openclaw.require_primary();
  select t.id, t.user_id into stored
  from openclaw.api_tokens as t where t.token_hash = openclaw.token_hash(revoke_token.token);
  return coalesce(openclaw.revoke_token(stored.user_id, stored.id), false);
end
$$;
comment on function openclaw.revoke_token(text) is
  'Revokes an opaque token by its text (RFC 7009). True also when it was revoked before; false when there is no such token.';
revoke all on function openclaw.revoke_token(text) from public;
