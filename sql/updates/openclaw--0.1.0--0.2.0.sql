-- From 0.1.0 to 0.2.0. Written by tools/update-script: change sql/updates/prelude--0.1.0--0.2.0.sql or sql/, and run it again.
\echo Use "ALTER EXTENSION openclaw UPDATE" to load this file. \quit

-- What roles were given, to be given again at the end: what is dropped below takes its grants along, and
-- a capability may have got functions. A setting, since a table made here would belong to the extension.
do $$
begin
  perform set_config('openclaw_update.capabilities', coalesce((
    select json_agg(json_build_object('role', r.oid::regrole, 'capability', c.name))::text
    from (values ('verifier'), ('issuer'), ('admin'), ('front'), ('session')) as c(name), pg_roles as r
    where exists (select from openclaw.capability_routines(c.name))
      and not exists (select from openclaw.capability_routines(c.name) as f
                      where not exists (select from pg_proc as p, aclexplode(p.proacl) as a
                                        where p.oid = f and a.grantee = r.oid and a.privilege_type = 'EXECUTE'
                                          and a.grantee <> p.proowner))), '[]'), true);
  perform set_config('openclaw_update.grants', coalesce((
    select json_agg(json_build_object('object', g.object, 'role', g.grantee::regrole, 'privilege', g.privilege_type,
                                      'option', g.is_grantable))::text
    from (select 'function ' || p.oid::regprocedure as object, p.proowner as owner, a.*
          from pg_proc as p, aclexplode(p.proacl) as a where p.pronamespace = 'openclaw'::regnamespace
          union all
          select 'table ' || c.oid::regclass, c.relowner, a.*
          from pg_class as c, aclexplode(c.relacl) as a
          where c.relnamespace = 'openclaw'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')) as g
    where g.grantee <> 0 and g.grantee <> g.owner), '[]'), true);
end
$$;

-- What 0.2.0 changes in tables that 0.1.0 made. tools/update-script puts this before the rest.

-- Made anew with expires_at: plans count the live tokens of a user.
drop index openclaw.api_tokens_user_id_idx;

alter table openclaw.users add column erased_at timestamptz;
alter table openclaw.users add check (erased_at is null
  or (disabled_at is not null and email is null and password_hash is null));

alter table openclaw.audit_log add column on_behalf_of text, add column source inet,
  add column left_out integer;
-- Each partition has indexes of its own now; the default one gets its primary key again below.
alter table openclaw.audit_log drop constraint audit_log_pkey;

-- The generated column was the key, which logical replication does not send.
alter table openclaw.revoked_jwts drop constraint revoked_jwts_pkey;
alter table openclaw.revoked_jwts add primary key (container_id, jti);

-- What a caller may hand on: POST /v1/tokens.
alter type openclaw.front_caller add attribute scopes text[];

drop function openclaw.audit(text, text, text, text, text);
drop function openclaw.check_bearer(text, text, text[]);
drop function openclaw.front_introspect(text, text, text, text, text, text, text, text);
drop function openclaw.front_introspect_many(text, text);
drop function openclaw.front_verify(text, text, text);
drop function openclaw.jwt_seconds(interval, text);

create function openclaw.require_primary() returns void
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_require_primary';

comment on function openclaw.require_primary() is
  'Raises 25006 with what to do where nothing can be written. The first act of whatever writes.';

revoke all on function openclaw.require_primary() from public;

comment on table openclaw.plans is
  'Limits by plan tier; null is no limit. A tier without a row has the built-in limits (sql/plans.sql).';

comment on table openclaw.users is
  'People whose containers and tokens these are. password_hash is Argon2id, as a PHC string. Of a user that was erased (erased_at) the id stays, disabled for good.';

comment on column openclaw.api_tokens.last_used_at is
  'When the token was found good, coarsely: verification writes nothing, and record_token_use() sets this afterwards, at most once an hour. Null while nobody recorded a use. It has no index, so that setting it leaves the others alone.';

create index api_tokens_user_id_idx on openclaw.api_tokens (user_id, expires_at);

create index api_tokens_expires_at_idx on openclaw.api_tokens (expires_at);

create unique index revoked_jwts_id_key on openclaw.revoked_jwts (id);

comment on table openclaw.audit_log is
  'Who did what to which, in the same transaction as the change; append-only. Never a secret. actor is the database role, on_behalf_of whom it says to act for; left_out counts refusals of the same kind before it that have no row.';

alter table openclaw.audit_log_default add primary key (at, id);

create index audit_log_default_user_id_idx on openclaw.audit_log_default (user_id, at);

create table openclaw.audit_blocks (
  block bigint primary key check (block > 0),
  lower timestamptz not null,
  upper timestamptz not null check (upper > lower),
  rows integer not null check (rows > 0),
  ids uuid[],
  hashes bytea,
  leaves_hash bytea not null check (octet_length(leaves_hash) = 32),
  previous bytea not null,
  hash bytea not null check (octet_length(hash) = 32),
  sealed_at timestamptz not null default clock_timestamp(),
  pruned_at timestamptz,
  check ((ids is null) = (hashes is null) and (ids is null) = (pruned_at is not null)),
  check (ids is null or cardinality(ids) = rows and octet_length(hashes) = 32 * rows)
);

comment on table openclaw.audit_blocks is
  'The audit rows from lower until before upper, by id with the SHA-256 of each; hash covers them and the block before, so that none can change without all that follow. Retention takes ids and hashes away and leaves the chain.';

-- These two hold nothing that is worth a dump, and nothing that fits another server's clock and
-- transaction ids.
create table openclaw.audit_marks (
  only_one boolean primary key default true check (only_one),
  upper timestamptz not null,
  xid xid8 not null
);

comment on table openclaw.audit_marks is
  'Until when the next blocks go, once every transaction before xid has ended.';

create unlogged table openclaw.rate_limits (
  bucket text collate "C" primary key,
  level double precision not null,
  at timestamptz not null,
  capacity double precision
) with (fillfactor = 50);

comment on table openclaw.rate_limits is
  'Token buckets: how full each was, when, and how much it held then (null: no limit). A crash empties the table, which fills every bucket.';

revoke all on openclaw.audit_blocks, openclaw.audit_marks, openclaw.rate_limits from public;

select pg_catalog.pg_extension_config_dump('openclaw.audit_blocks', '');

-- The audit log: one row for each change of state and each refused sign-in or grant, in its
-- transaction.
--
-- Blocks chain the rows by SHA-256 without making writers wait for one another. A row belongs to the
-- block whose span its time lies in, so a block may be sealed only when no transaction can add an
-- earlier row. maintain() therefore works in two runs: one leaves a mark (its own start, and its
-- transaction id), a later one seals up to the mark when no older transaction holds the log any more. A
-- writer has its transaction id and its lock on the log before it looks at the clock: whoever wrote
-- before the mark is older, and holds the lock until its rows can be seen.

create function openclaw.audit_time() returns timestamptz
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_audit_time';

comment on function openclaw.audit_time() is
  'The time for an audit row of this transaction, which gets its id before the clock is looked at. Where the clock was set back, still none before what is sealed or marked.';

revoke all on function openclaw.audit_time() from public;

create function openclaw.audit(action text, user_id text, target text,
                               outcome text default 'success', reason text default null,
                               source inet default null, left_out integer default null)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  -- A standby cannot keep what it refuses.
  if outcome = 'refused' and current_setting('transaction_read_only')::boolean then
    return;
  end if;
  insert into openclaw.audit_log
    (at, action, user_id, target, outcome, reason, request_id, on_behalf_of, source, left_out)
  values (openclaw.audit_time(), action, user_id, target, outcome, reason,
          nullif(openclaw.setting('request_id'), ''),
          coalesce(nullif(openclaw.setting('actor'), ''), openclaw.current_user_id()), source,
          nullif(left_out, 0));
end
$$;

comment on function openclaw.audit(text, text, text, text, text, inet, integer) is
  'Adds an audit row: action and outcome, whose (user_id), which (target is an id, never a token), where from, openclaw.request_id of the transaction, and on whose behalf: openclaw.actor, or the user of begin_session.';

revoke all on function openclaw.audit(text, text, text, text, text, inet, integer) from public;

create function openclaw.refusals_left_out(kind text) returns integer
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_refusals_left_out';

comment on function openclaw.refusals_left_out(text) is
  'Whether one more refusal of a stranger gets an audit row: null, or how many of its kind had none since the last that had. 60 at once in each backend, one a second after that.';

revoke all on function openclaw.refusals_left_out(text) from public;

create function openclaw.audit_refusal(kind text, action text, user_id text, target text, reason text,
                                       source inet default null)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  left_out integer := openclaw.refusals_left_out(kind);
begin
  if left_out is not null then
    perform openclaw.audit(action, user_id, target, 'refused', reason, source, left_out);
  end if;
end
$$;

comment on function openclaw.audit_refusal(text, text, text, text, text, inet) is
  'The audit row of a refusal that costs a stranger nothing: beyond refusals_left_out() they are counted in the next row of their kind (left_out) instead.';

revoke all on function openclaw.audit_refusal(text, text, text, text, text, inet) from public;

-- What can be sealed is never changed; what retention may delete is at least 30 days old.
create or replace function openclaw.audit_log_is_append_only() returns trigger
  language plpgsql
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if tg_op = 'DELETE' and openclaw.setting('retiring_audit_rows')::boolean then
    if old.at < now() - interval '30 days' then
      return old;
    end if;
  end if;
  raise exception 'openclaw.audit_log is append-only' using errcode = '42501';
end
$$;

comment on function openclaw.audit_log_is_append_only() is
  'Trigger: refuses UPDATE, DELETE and TRUNCATE of audit rows with 42501, but for retention.';

create function openclaw.audit_blocks_are_append_only() returns trigger
  language plpgsql
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if tg_op = 'UPDATE' and openclaw.setting('retiring_audit_rows')::boolean then
    if old.upper < now() - interval '30 days'
       and (new.block, new.lower, new.upper, new.rows, new.leaves_hash, new.previous, new.hash)
           = (old.block, old.lower, old.upper, old.rows, old.leaves_hash, old.previous, old.hash) then
      return new;
    end if;
  end if;
  raise exception 'openclaw.audit_blocks is append-only' using errcode = '42501';
end
$$;

comment on function openclaw.audit_blocks_are_append_only() is
  'Trigger: refuses UPDATE, DELETE and TRUNCATE of blocks with 42501, but for retention.';

revoke all on function openclaw.audit_blocks_are_append_only() from public;

create trigger append_only before update or delete on openclaw.audit_blocks
  for each row execute function openclaw.audit_blocks_are_append_only();

create trigger never_truncated before truncate on openclaw.audit_blocks
  for each statement execute function openclaw.audit_blocks_are_append_only();

-- Partitions, one for each month of UTC.

create function openclaw.audit_months()
  returns table (partition regclass, lower timestamptz, upper timestamptz)
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select i.inhrelid::regclass, m.lower at time zone 'UTC',
           (m.lower + interval '1 month') at time zone 'UTC'
    from pg_inherits as i join pg_class as c on c.oid = i.inhrelid,
         lateral (select to_date(substring(c.relname from '^audit_log_(\d{4}_\d{2})$'), 'YYYY_MM')::timestamp) as m(lower)
    where i.inhparent = 'openclaw.audit_log'::regclass and m.lower is not null
  $$;

comment on function openclaw.audit_months() is
  'The dated partitions of the audit log and the months that they hold.';

revoke all on function openclaw.audit_months() from public;

create function openclaw.make_audit_partition(month timestamptz) returns boolean
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  set lock_timeout = '100ms'
  set timezone = 'UTC'
  set datestyle = 'ISO'
  as $$
declare
  name text := to_char(month at time zone 'UTC', '"audit_log_"YYYY_MM');
  upper timestamptz := (month at time zone 'UTC' + interval '1 month') at time zone 'UTC';
begin
  -- Rows of this month that lie in the default partition stay there, and the month with them.
  if to_regclass('openclaw.' || name) is not null
     or exists (select from openclaw.audit_log_default as d where d.at >= month and d.at < upper) then
    return false;
  end if;
  execute format('create table openclaw.%I (like openclaw.audit_log including defaults including constraints)', name);
  execute format('alter table openclaw.%I add primary key (at, id)', name);
  execute format('create index on openclaw.%I (user_id, at)', name);
  execute format('revoke all on openclaw.%I from public', name);
  execute format('alter table openclaw.%I enable row level security', name);
  execute format('comment on table openclaw.%I is %L', name,
                 to_char(month at time zone 'UTC', '"Audit rows of "YYYY-MM "(UTC)."'));
  execute format('create trigger never_truncated before truncate on openclaw.%I for each statement
                  execute function openclaw.audit_log_is_append_only()', name);
  execute format('alter table openclaw.audit_log attach partition openclaw.%I for values from (%L) to (%L)',
                 name, month, upper);
  return true;
exception when lock_not_available then
  return false; -- a writer of the default partition is at it: the next run tries again
end
$$;

comment on function openclaw.make_audit_partition(timestamptz) is
  'Makes the partition of a month that begins at this time; false when it is there, or cannot be at the moment.';

revoke all on function openclaw.make_audit_partition(timestamptz) from public;

create function openclaw.make_audit_partitions() returns bigint
  language sql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select count(*) filter (where openclaw.make_audit_partition(
      (date_trunc('month', now() at time zone 'UTC') + n * interval '1 month') at time zone 'UTC'))
    from generate_series(0, 2) as n
  $$;

comment on function openclaw.make_audit_partitions() is
  'Makes the partitions of this month and the two that follow; returns how many were missing.';

revoke all on function openclaw.make_audit_partitions() from public;

-- Blocks.

create function openclaw.audit_row_hash(a openclaw.audit_log) returns bytea
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select sha256(convert_to(json_build_array(
      a.id, extract(epoch from a.at), a.actor, a.action, a.user_id, a.target, a.outcome, a.reason,
      a.request_id, a.on_behalf_of, text(a.source), a.left_out)::text, 'UTF8'))
  $$;

comment on function openclaw.audit_row_hash(openclaw.audit_log) is
  'SHA-256 of an audit row: of the JSON array of its columns in UTF-8, its time in seconds since 1970.';

revoke all on function openclaw.audit_row_hash(openclaw.audit_log) from public;

create function openclaw.audit_leaves_hash(ids uuid[], hashes bytea) returns bytea
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$ select sha256(convert_to(ids::text, 'UTF8') || hashes) $$;

comment on function openclaw.audit_leaves_hash(uuid[], bytea) is
  'SHA-256 over a block''s row ids and their hashes.';

revoke all on function openclaw.audit_leaves_hash(uuid[], bytea) from public;

create function openclaw.audit_block_hash(b openclaw.audit_blocks) returns bytea
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select sha256(b.previous || b.leaves_hash || convert_to(json_build_array(
      b.block, extract(epoch from b.lower)::text, extract(epoch from b.upper)::text, b.rows)::text,
      'UTF8'))
  $$;

comment on function openclaw.audit_block_hash(openclaw.audit_blocks) is
  'SHA-256 over the hash of the block before, the rows'' and the block''s own number, span and count.';

revoke all on function openclaw.audit_block_hash(openclaw.audit_blocks) from public;

create function openclaw.seal_audit_block(mark timestamptz) returns integer
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  most constant integer := 5000;
  last openclaw.audit_blocks;
  fresh openclaw.audit_blocks;
  first_at timestamptz;
begin
  select b.* into last from openclaw.audit_blocks as b order by b.block desc limit 1;
  fresh.block := coalesce(last.block, 0) + 1;
  fresh.lower := coalesce(last.upper, '-infinity');
  fresh.previous := coalesce(last.hash, '');
  select min(a.at) into first_at
  from openclaw.audit_log as a where a.at >= fresh.lower and a.at < mark;
  if first_at is null then
    return 0;
  end if;
  -- Up to so many rows, those of one time together, and none of another month.
  fresh.upper := least(
    mark,
    (date_trunc('month', first_at at time zone 'UTC') + interval '1 month') at time zone 'UTC',
    (select min(next.at)
     from (select a.at from openclaw.audit_log as a
           where a.at >= first_at and a.at < mark order by a.at offset most limit 1) as nth,
          lateral (select a.at from openclaw.audit_log as a
                   where a.at >= nth.at and a.at > first_at and a.at < mark order by a.at limit 1) as next));
  select count(*), array_agg(a.id order by a.at, a.id),
         string_agg(openclaw.audit_row_hash(a), '' order by a.at, a.id)
  into fresh.rows, fresh.ids, fresh.hashes
  from openclaw.audit_log as a where a.at >= fresh.lower and a.at < fresh.upper;
  fresh.leaves_hash := openclaw.audit_leaves_hash(fresh.ids, fresh.hashes);
  fresh.hash := openclaw.audit_block_hash(fresh);
  fresh.sealed_at := clock_timestamp();
  insert into openclaw.audit_blocks values (fresh.*);
  return fresh.rows;
end
$$;

comment on function openclaw.seal_audit_block(timestamptz) is
  'Seals one more block of rows that are older than the mark; returns how many rows.';

revoke all on function openclaw.seal_audit_block(timestamptz) from public;

create function openclaw.older_writer_of_audit_log(mark openclaw.audit_marks) returns boolean
  language sql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select exists (
      select from pg_locks as writer join pg_locks as its using (virtualtransaction)
      where writer.locktype = 'relation' and writer.mode = 'RowExclusiveLock'
        and writer.relation = 'openclaw.audit_log'::regclass
        and writer.database = (select d.oid from pg_database as d where d.datname = current_database())
        and its.locktype = 'transactionid' and its.mode = 'ExclusiveLock'
        and age(its.transactionid) > age(mark.xid::xid))
  $$;

comment on function openclaw.older_writer_of_audit_log(openclaw.audit_marks) is
  'Whether a transaction that is older than the mark, also a prepared one, has written audit rows and not ended.';

revoke all on function openclaw.older_writer_of_audit_log(openclaw.audit_marks) from public;

create function openclaw.seal_audit_log() returns bigint
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  enough constant timestamptz := clock_timestamp() + interval '2 seconds';
  mark openclaw.audit_marks;
  rows integer;
  sealed bigint := 0;
begin
  -- What is sealed must be seen by snapshots that are taken after the look at who writes.
  if current_setting('transaction_isolation') <> 'read committed' then
    return 0;
  end if;
  select m.* into mark from openclaw.audit_marks as m;
  if found then
    if openclaw.older_writer_of_audit_log(mark) then
      return 0;
    end if;
    loop
      rows := openclaw.seal_audit_block(mark.upper);
      sealed := sealed + rows;
      if rows = 0 then
        delete from openclaw.audit_marks;
        exit;
      end if;
      exit when clock_timestamp() > enough;
    end loop;
  end if;
  -- What came since.
  insert into openclaw.audit_marks (upper, xid)
  select now(), pg_current_xact_id()
  where exists (
    select from openclaw.audit_log as a
    where a.at >= coalesce((select b.upper from openclaw.audit_blocks as b
                            order by b.block desc limit 1), '-infinity'))
  on conflict do nothing;
  return sealed;
end
$$;

comment on function openclaw.seal_audit_log() is
  'Seals the rows that the last mark found, and marks those that came since; returns how many were sealed in two seconds or little more. Only under READ COMMITTED.';

revoke all on function openclaw.seal_audit_log() from public;

create function openclaw.audit_head(out block bigint, out hash bytea, out upper timestamptz)
  language sql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select b.block, b.hash, b.upper from openclaw.audit_blocks as b order by b.block desc limit 1
  $$;

comment on function openclaw.audit_head() is
  'The last block of the audit log, its hash, and until when it goes; nulls when there is none. Kept elsewhere and given to audit_verify(), it shows whether the chain was cut or made anew.';

revoke all on function openclaw.audit_head() from public;

create function openclaw.audit_verify(known_block bigint default null, known_hash bytea default null)
  returns table (block bigint, problem text, audit_id uuid, at timestamptz, detail text)
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  b openclaw.audit_blocks;
  next_block bigint := 1;
  previous bytea := '';
  lower timestamptz := '-infinity';
  -- What retention may take at any moment, also between this snapshot and the look at a partition.
  kept_from timestamptz := date_trunc('month', (now() - openclaw.setting('audit_retention')::interval)
                                               at time zone 'UTC') at time zone 'UTC';
begin
  if (known_block is null) <> (known_hash is null) then
    raise exception 'known_block and known_hash belong together' using errcode = '22004';
  end if;
  for b in select stored.* from openclaw.audit_blocks as stored order by stored.block loop
    if b.block > next_block then
      return query select next_block, 'block_missing', null::uuid, null::timestamptz,
                          format('blocks %s to %s are gone', next_block, b.block - 1);
    elsif b.previous <> previous or b.lower <> lower then
      return query select b.block, 'block_edited', null::uuid, null::timestamptz,
                          'it does not follow the block before it'::text;
    end if;
    if b.hash <> openclaw.audit_block_hash(b)
       or b.leaves_hash <> coalesce(openclaw.audit_leaves_hash(b.ids, b.hashes), b.leaves_hash) then
      return query select b.block, 'block_edited', null::uuid, null::timestamptz,
                          'its hash is not that of what it says'::text;
    elsif b.pruned_at is not null and b.upper > least(b.pruned_at, now()) - interval '30 days' then
      return query select b.block, 'block_edited', null::uuid, null::timestamptz,
                          'its rows were taken away before any retention could'::text;
    end if;
    if b.block = known_block and b.hash <> known_hash then
      return query select b.block, 'block_rewritten', null::uuid, null::timestamptz,
                          'its hash is not the one that was known'::text;
    end if;
    if b.ids is not null then
      return query
        select b.block,
               case when a.id is null then 'row_removed' when leaf.id is null then 'row_inserted'
                    else 'row_edited' end,
               coalesce(a.id, leaf.id), a.at,
               concat_ws(' ', a.action, a.user_id, a.target)
        from (select l.id, substring(b.hashes from (l.n::integer - 1) * 32 + 1 for 32) as hash
              from unnest(b.ids) with ordinality as l(id, n)) as leaf
        full join (select x.*, openclaw.audit_row_hash(x) as hash from openclaw.audit_log as x
                   where x.at >= b.lower and x.at < b.upper) as a on a.id = leaf.id
        where a.hash is distinct from leaf.hash and (b.upper > kept_from or a.id is not null);
    end if;
    next_block := b.block + 1;
    previous := b.hash;
    lower := b.upper;
  end loop;
  if known_block >= next_block then
    return query select known_block, 'block_missing', null::uuid, null::timestamptz,
                        format('blocks %s to %s are gone', next_block, known_block);
  end if;
end
$$;

comment on function openclaw.audit_verify(bigint, bytea) is
  'Compares the audit log with its blocks; no row means that nothing was changed. problem: row_edited, row_removed or row_inserted (audit_id names the row, detail says what it is now), block_edited, block_missing; with a head that was kept elsewhere (audit_head()) also block_rewritten. Rows that are not sealed yet, about those of the last two minutes, and those that retention took (30 days old at the least) are not looked at; of those that it may take now, none is called removed. Errors: 22004 for one argument without the other.';

revoke all on function openclaw.audit_verify(bigint, bytea) from public;

-- Retention, by whole months.

create function openclaw.drop_audit_partition(month timestamptz) returns boolean
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  set lock_timeout = '100ms'
  as $$
begin
  execute format('drop table openclaw.%I', to_char(month at time zone 'UTC', '"audit_log_"YYYY_MM'));
  perform openclaw.audit('drop_audit_partition', null, to_char(month at time zone 'UTC', 'YYYY-MM'));
  return true;
exception when lock_not_available then
  return false; -- a long reader or writer is at the log: the next run tries again
end
$$;

comment on function openclaw.drop_audit_partition(timestamptz) is
  'Drops the partition of a month that begins at this time; false when it cannot be at the moment.';

revoke all on function openclaw.drop_audit_partition(timestamptz) from public;

create function openclaw.apply_audit_retention(step integer) returns bigint
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  cutoff timestamptz := date_trunc('month', (now() - openclaw.setting('audit_retention')::interval)
                                            at time zone 'UTC') at time zone 'UTC';
  gone bigint := 0;
begin
  -- What is not sealed is not old.
  if coalesce((openclaw.audit_head()).upper, '-infinity') < cutoff then
    return 0;
  end if;
  perform set_config('openclaw.retiring_audit_rows', 'on', true);
  update openclaw.audit_blocks as b set ids = null, hashes = null, pruned_at = clock_timestamp()
  where b.upper <= cutoff and b.pruned_at is null;
  delete from openclaw.audit_log_default as d where (d.at, d.id) in (
    select x.at, x.id from openclaw.audit_log_default as x where x.at < cutoff limit step);
  get diagnostics gone = row_count;
  perform set_config('openclaw.retiring_audit_rows', 'off', true);
  return gone + (
    select count(*) filter (where openclaw.drop_audit_partition(oldest.lower))
    from (select m.lower from openclaw.audit_months() as m
          where m.upper <= cutoff order by m.lower limit 1) as oldest);
end
$$;

comment on function openclaw.apply_audit_retention(integer) is
  'Ends what lies whole months beyond openclaw.audit_retention: a dated partition a run, and so many rows of the default one. Returns how many partitions and rows went.';

revoke all on function openclaw.apply_audit_retention(integer) from public;

-- Row-level security by token: whose rows a transaction sees. The state lives in the backend
-- (extension/session.cpp), set by a verified token alone; docs/how-to/row-level-security.md shows
-- it at work.

create function openclaw.begin_session(token text, required_scopes text[] default '{}',
                                       container_id text default null)
  returns text
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_begin_session';

comment on function openclaw.begin_session(text, text[], text) is
  'Has the rest of the transaction see as the user of this opaque token, and returns the user''s id. Gone with the transaction; a rollback to a savepoint brings back what was before it. A refusal ends the session that was there. A token that is bound to a container needs that container_id. Works on a standby. Errors: 28000 with DETAIL reason: malformed, unknown, revoked, expired or wrong_audience, 42501 with reason: insufficient_scope, 22004 and 22023 for required_scopes.';

revoke all on function openclaw.begin_session(text, text[], text) from public;

create function openclaw.end_session() returns void
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_end_session';

comment on function openclaw.end_session() is
  'Ends what begin_session began, before the transaction does.';

revoke all on function openclaw.end_session() from public;

create function openclaw.current_user_id() returns text
  language c stable parallel restricted
  as 'MODULE_PATHNAME', 'openclaw_current_user_id';

comment on function openclaw.current_user_id() is
  'The user of begin_session; null without one, and from the next statement on when its token was revoked or has expired. For policies: using (owner = openclaw.current_user_id()).';

revoke all on function openclaw.current_user_id() from public;

create function openclaw.current_token_id() returns text
  language c stable parallel restricted
  as 'MODULE_PATHNAME', 'openclaw_current_token_id';

comment on function openclaw.current_token_id() is
  'The id of the token of begin_session; null as current_user_id() is.';

revoke all on function openclaw.current_token_id() from public;

create function openclaw.has_scope(scope text) returns boolean
  language c stable parallel restricted
  as 'MODULE_PATHNAME', 'openclaw_has_scope';

comment on function openclaw.has_scope(text) is
  'Whether the token of begin_session grants this scope; false without one.';

revoke all on function openclaw.has_scope(text) from public;

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

create or replace function openclaw.create_user(email text default null, user_id text default null,
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

create or replace function openclaw.end_tokens_of_user() returns trigger
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

create or replace function openclaw.disable_user(user_id text) returns boolean
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
create or replace function openclaw.require_user(user_id text) returns void
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

create or replace function openclaw.register_container(
    user_id text, name text, type text, mcp_endpoint text, auth_method text default null,
    public_key_fingerprint text default null, container_id text default null,
    signing_alg text default 'EdDSA')
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  new_id text := coalesce(register_container.container_id, openclaw.new_id('ctr'));
  plan openclaw.plans;
begin
  perform openclaw.require_primary();
  perform openclaw.require_user(register_container.user_id);
  plan := openclaw.claim_issue(register_container.user_id, 0);
  if (select count(*) from openclaw.containers as c
      where c.user_id = register_container.user_id and c.disabled_at is null) >= plan.max_containers then
    perform openclaw.refuse_by_plan(
      'plan_containers', format('plan "%s" allows %s containers', plan.plan_tier, plan.max_containers),
      'Remove one, or change the plan.');
  end if;
  insert into openclaw.containers
    (id, user_id, name, type, mcp_endpoint, auth_method, public_key_fingerprint, signing_alg)
  values (
    new_id, register_container.user_id, register_container.name, register_container.type,
    openclaw.canonical_endpoint(register_container.mcp_endpoint, register_container.type),
    coalesce(register_container.auth_method,
             case register_container.type when 'hosted' then 'mtls' else 'platform_token' end),
    openclaw.canonical_fingerprint(register_container.public_key_fingerprint),
    coalesce(register_container.signing_alg, 'EdDSA'));
  perform openclaw.audit('register_container', register_container.user_id, new_id);
  return new_id;
end
$$;

comment on function openclaw.register_container(text, text, text, text, text, text, text, text) is
  'Adds a container of a user and returns its id. type is hosted (auth_method mtls) or external (platform_token, the default, or api_key); a fingerprint pins an external one''s certificate; signing_alg (EdDSA, ES256, RS256) is what its JWTs are signed with. Errors: P0002 for an unknown user, 22023 for an endpoint or fingerprint that is refused, 23505 for a name or endpoint that the user has already, 23514 when type and method do not fit or signing_alg is none of these, 53400 with reason: plan_containers when the plan allows no more.';

create or replace function openclaw.end_tokens_of_container() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.refuse_older_snapshot(new.user_id);
  -- Of several rows always in the order of their ids: else two who end the same ones could deadlock.
  perform from openclaw.api_tokens as t
  where t.container_id = new.id and t.revoked_at is null order by t.id for no key update;
  update openclaw.api_tokens as t set revoked_at = now()
  where t.container_id = new.id and t.revoked_at is null;
  perform from openclaw.grants as g
  where g.container_id = new.id and g.revoked_at is null order by g.id for no key update;
  update openclaw.grants as g set revoked_at = now()
  where g.container_id = new.id and g.revoked_at is null;
  perform openclaw.audit('disable_container', new.user_id, new.id);
  return null;
end
$$;

create or replace function openclaw.update_container(
    user_id text, container_id text, name text default null, mcp_endpoint text default null,
    public_key_fingerprint text default null, signing_alg text default null)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  update openclaw.containers as c
  set name = coalesce(update_container.name, c.name),
      mcp_endpoint = coalesce(openclaw.canonical_endpoint(update_container.mcp_endpoint, c.type),
                              c.mcp_endpoint),
      public_key_fingerprint = case when update_container.public_key_fingerprint = '' then null
        else coalesce(openclaw.canonical_fingerprint(
                        nullif(update_container.public_key_fingerprint, '')),
                      c.public_key_fingerprint) end,
      signing_alg = coalesce(update_container.signing_alg, c.signing_alg)
  where c.id = update_container.container_id and c.user_id = update_container.user_id
    and c.disabled_at is null;
  if found then
    perform openclaw.audit('update_container', update_container.user_id,
                           update_container.container_id);
  end if;
  return found;
end
$$;

create or replace function openclaw.remove_container(user_id text, container_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  perform openclaw.hold_user(remove_container.user_id);
  update openclaw.containers as c set disabled_at = now()
  where c.id = remove_container.container_id and c.user_id = remove_container.user_id
    and c.disabled_at is null;
  return found or exists (
    select from openclaw.containers as c
    where c.id = remove_container.container_id and c.user_id = remove_container.user_id);
end
$$;

comment on function openclaw.remove_container(text, text) is
  'Ends a container: from this transaction on no token, grant or JWT for it is good in the database, and its gate learns it from its status list. Its name and endpoint are free again. True also when it was removed before, false for one that is unknown or another user''s. Errors: 40001 under REPEATABLE READ where the snapshot is older than what was issued since; begin again.';

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

create or replace function openclaw.issue_token(
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

create or replace function openclaw.revoke_token(user_id text, token_id text) returns boolean
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

create or replace function openclaw.revoke_token(token text) returns boolean
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

-- The master key.

create function openclaw.make_master_key_file() returns text
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_create_master_key';

comment on function openclaw.make_master_key_file() is
  'Makes the file openclaw.master_key_file with a new master key, and returns its id.';

revoke all on function openclaw.make_master_key_file() from public;

create or replace function openclaw.create_master_key() returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  id text;
begin
  perform openclaw.require_primary();
  id := openclaw.make_master_key_file();
  perform openclaw.audit('create_master_key', null, id);
  return id;
end
$$;

create or replace function openclaw.rotate_master_key() returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  id text;
begin
  perform openclaw.require_primary();
  lock table openclaw.signing_keys in share row exclusive mode;
  id := openclaw.add_master_key();
  perform openclaw.audit('rotate_master_key', null, id);
  return id;
end
$$;

create or replace function openclaw.rewrap_signing_keys() returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  ids text[];
  rewrapped integer;
begin
  perform openclaw.require_primary();
  lock table openclaw.signing_keys in share row exclusive mode;
  ids := openclaw.master_key_ids();
  update openclaw.signing_keys as k
  set sealed_private_key = r.sealed_again, master_key_id = r.sealed_under
  from openclaw.signing_keys as old,
       lateral openclaw.rewrap_key(old.kid, old.alg, old.sealed_private_key, old.master_key_id) as r
  where old.kid = k.kid and old.master_key_id <> ids[1] and old.master_key_id = any (ids);
  get diagnostics rewrapped = row_count;
  if rewrapped > 0 then
    perform openclaw.audit('rewrap_signing_keys', null, ids[1]);
  end if;
  return rewrapped;
end
$$;

create or replace function openclaw.retire_master_keys() returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  retired integer;
begin
  perform openclaw.require_primary();
  -- Nobody may seal or rewrap between the look and the write, and what this transaction itself sealed
  -- again could still be rolled back.
  lock table openclaw.signing_keys in share row exclusive mode;
  perform pg_current_xact_id();
  if exists (select from openclaw.signing_keys as k where age(k.xmin) <= 0) then
    raise exception 'this transaction has changed signing keys' using errcode = '55000',
      hint = 'Commit rewrap_signing_keys() first: a roll-back would need the old master keys.';
  end if;
  retired := openclaw.keep_master_keys(
    array(select distinct k.master_key_id from openclaw.signing_keys as k));
  if retired > 0 then
    perform openclaw.audit('retire_master_keys', null, openclaw.master_key_id());
  end if;
  return retired;
end
$$;

-- PL/pgSQL keeps its plan for the session; in SQL this was half of what a JWKS costs.
create or replace function openclaw.jwks_max_age_at(at timestamptz) returns interval
  language plpgsql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  return coalesce(
    (select k.jwks_max_age from openclaw.signing_keys as k
     where exists (select from openclaw.signing_keys as p
                   where least(p.revoked_at, p.expires_at) is null
                      or least(p.revoked_at, p.expires_at) > at - interval '1 day')
     order by k.created_at desc, k.kid limit 1), interval '0');
end
$$;

create or replace function openclaw.add_signing_key(alg text, activates_at timestamptz, at timestamptz)
  returns text
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  propagated timestamptz := openclaw.propagated_at(at);
  fresh record;
begin
  if (select count(*) from openclaw.signing_keys as k
      where k.revoked_at is null and (k.expires_at is null or k.expires_at > at)) >= 60 then
    raise exception 'there are 60 published signing keys' using errcode = '54000',
      hint = 'Verifiers read a JWK set of at most 64; wait until retiring ones have expired.';
  end if;
  fresh := openclaw.generate_signing_key(alg);
  insert into openclaw.signing_keys
    (kid, alg, public_jwk, sealed_private_key, master_key_id, created_at, activates_at,
     jwks_max_age, propagated_at)
  values (fresh.kid, add_signing_key.alg, fresh.public_jwk, fresh.sealed_private_key,
          fresh.master_key_id, at, coalesce(add_signing_key.activates_at, propagated),
          openclaw.setting('jwks_max_age')::interval, propagated);
  perform openclaw.audit('add_signing_key', null, fresh.kid);
  return fresh.kid;
end
$$;

create or replace function openclaw.rotate_signing_key(alg text default 'EdDSA',
                                            activate_after interval default null)
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  -- The time counts from when nobody else is at it.
  lock table openclaw.signing_keys in share row exclusive mode;
  return openclaw.rotate_signing_key_at(alg, activate_after, clock_timestamp());
end
$$;

create or replace function openclaw.revoke_signing_key(kid text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  lock table openclaw.signing_keys in share row exclusive mode;
  return openclaw.revoke_signing_key_at(kid, clock_timestamp());
end
$$;

create or replace function openclaw.issue_access_token(
    container_id text, scopes text[], lifetime interval default null, user_id text default null,
    client_id text default null, alg text default null, actor text default null,
    certificate_thumbprint text default null, not_after timestamptz default null,
    out token text, out jti text, out kid text, out issued_at timestamptz,
    out expires_at timestamptz)
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_issue_access_token';

comment on function openclaw.issue_access_token(text, text[], interval, text, text, text, text, text, timestamptz) is
  'Signs an access token (RFC 9068) for an external container: aud is its endpoint, sub and user_id its owner. Writes nothing, so it works on a hot standby. lifetime defaults to openclaw.access_token_lifetime, one hour at the most; not_after ends it earlier; alg defaults to the container''s. actor and certificate_thumbprint become act and cnf. Errors: P0002 for a container that is unknown, disabled or not the named user''s, 55000 for one that takes no access token or without an active key, 22023, 53400 with reason: plan_scopes for what the owner''s plan does not allow. No JWT lives longer than that plan''s tokens.';

create or replace function openclaw.issue_user_claim(
    user_id text, container_id text, scopes text[] default '{}', lifetime interval default null,
    alg text default null,
    out token text, out jti text, out kid text, out issued_at timestamptz,
    out expires_at timestamptz)
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_issue_user_claim';

create or replace function openclaw.introspect_access_token(token text) returns json
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_introspect_access_token';

comment on function openclaw.connect(text, text, text[]) is
  'One call to a container: its endpoint, the headers to send (an access token or a user claim), whether TLS must show a client certificate, the pin of the server''s key, and when to ask again (refresh_at, at 80 % of the lifetime). Writes nothing. Errors: P0002 for a container that is unknown, disabled or another user''s, 0A000 for one that takes only API keys, 55000 and F0000 when no key can sign, 22023 for scopes, 53400 for those that the user''s plan does not allow.';

create or replace function openclaw.register_client(
    name text, kind text default 'mcp_client', user_id text default null,
    scopes text[] default '{mcp:*}', grant_types text[] default '{client_credentials}',
    auth_method text default 'client_secret', jwks text default null,
    tls_subject text default null, client_id text default null,
    out id text, out client_secret text)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  minted record;
begin
  perform openclaw.require_primary();
  if cardinality(coalesce(grant_types, '{}')) not between 1 and 3 then
    raise exception 'grant_types must be one to three' using errcode = '22023';
  end if;
  if scopes is null or not openclaw.are_grants(scopes) then
    raise exception 'scopes must be 1 to 64 of area:action or area:*' using errcode = '22023';
  end if;
  if register_client.user_id is not null then
    perform openclaw.require_user(register_client.user_id);
  end if;
  id := coalesce(register_client.client_id, openclaw.new_id('client'));
  insert into openclaw.oauth_clients as c
    (id, kind, name, user_id, auth_method, jwks, tls_subject, grant_types, scopes)
  values (id, register_client.kind, register_client.name, register_client.user_id,
          coalesce(register_client.auth_method, 'client_secret'),
          openclaw.canonical_client_jwks(register_client.jwks), register_client.tls_subject,
          register_client.grant_types, register_client.scopes);
  if coalesce(register_client.auth_method, 'client_secret') = 'client_secret' then
    minted := openclaw.mint_token('client_secret');
    client_secret := minted.token;
    insert into openclaw.oauth_client_secrets (secret_hash, client_id)
    values (minted.token_hash, register_client.id);
  end if;
  perform openclaw.audit('register_client', register_client.user_id, id);
end
$$;

create or replace function openclaw.rotate_client_secret(client_id text, overlap interval default '1 day')
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  minted record;
  owner text;
begin
  perform openclaw.require_primary();
  if overlap is null or overlap < interval '0' or overlap > interval '90 days' then
    raise exception 'overlap must be between zero and 90 days' using errcode = '22023';
  end if;
  -- One rotation at a time: of those that run at once, the last one's secret is the one that stays.
  select c.user_id into owner from openclaw.oauth_clients as c
  where c.id = rotate_client_secret.client_id and c.disabled_at is null
    and c.auth_method = 'client_secret'
  for no key update;
  if not found then
    raise exception 'no such client with a secret' using errcode = 'P0002',
      detail = 'reason: unknown_client';
  end if;
  update openclaw.oauth_client_secrets as s
  set expires_at = least(s.expires_at, clock_timestamp() + overlap)
  where s.client_id = rotate_client_secret.client_id;
  minted := openclaw.mint_token('client_secret');
  insert into openclaw.oauth_client_secrets (secret_hash, client_id)
  values (minted.token_hash, rotate_client_secret.client_id);
  perform openclaw.audit('rotate_client_secret', owner, rotate_client_secret.client_id);
  return minted.token;
end
$$;

create or replace function openclaw.set_client_keys(client_id text, jwks text) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  if jwks is null then
    raise exception 'jwks must not be null' using errcode = '22004';
  end if;
  update openclaw.oauth_clients as c set jwks = openclaw.canonical_client_jwks(set_client_keys.jwks)
  where c.id = set_client_keys.client_id and c.auth_method = 'private_key_jwt'
    and c.disabled_at is null;
  if not found then
    raise exception 'no such client with keys' using errcode = 'P0002',
      detail = 'reason: unknown_client';
  end if;
  perform openclaw.audit('set_client_keys', null, set_client_keys.client_id);
end
$$;

create or replace function openclaw.disable_client(client_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  owner text;
begin
  perform openclaw.require_primary();
  update openclaw.oauth_clients as c set disabled_at = now()
  where c.id = disable_client.client_id and c.disabled_at is null
  returning c.user_id into owner;
  if found then
    perform openclaw.revoke_grants(array(
      select g.id from openclaw.grants as g where g.client_id = disable_client.client_id));
    perform openclaw.audit('disable_client', owner, disable_client.client_id);
    return true;
  end if;
  return exists (select from openclaw.oauth_clients as c where c.id = disable_client.client_id);
end
$$;

create or replace function openclaw.accept_assertion(client_id text, jti_hash bytea, expires_at timestamptz)
  returns boolean
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  insert into openclaw.client_assertions (client_id, jti_hash, expires_at)
  values (client_id, jti_hash, expires_at)
  on conflict on constraint client_assertions_pkey do nothing;
  return found;
end
$$;

create function openclaw.prove_client(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text)
  returns openclaw.authenticated_client
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  answer openclaw.authenticated_client;
  basic record;
  stored openclaw.oauth_clients;
  certificate record;
  assertion record;
  claimed text := client_id;
  proven boolean := false;
begin
  -- One method a request (RFC 6749 section 2.3).
  if num_nonnulls(http_authorization, client_secret,
                  coalesce(client_assertion, client_assertion_type)) > 1 then
    answer.error := 'invalid_request';
    answer.description := 'a client authenticates in one way';
    return answer;
  end if;
  answer.error := 'invalid_client';
  answer.description := 'the client is unknown or did not prove who it is';

  if http_authorization is not null then
    basic := openclaw.basic_credentials(http_authorization);
    if basic.client_id is null or basic.client_id <> client_id then
      return answer;
    end if;
    claimed := basic.client_id;
    client_secret := basic.client_secret;
  elsif coalesce(client_assertion, client_assertion_type) is not null then
    if client_assertion is null or client_assertion_type is distinct from
       'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' then
      answer.error := 'invalid_request';
      answer.description := 'client_assertion and client_assertion_type urn:ietf:params:oauth:client-assertion-type:jwt-bearer belong together';
      return answer;
    end if;
    claimed := openclaw.claimed_client(client_assertion);
    if claimed is null or claimed <> client_id then
      return answer;
    end if;
  end if;

  select c.* into stored
  from openclaw.oauth_clients as c left join openclaw.users as u on u.id = c.user_id
  where c.id = claimed and c.disabled_at is null and u.disabled_at is null;
  if not found then
    return answer;
  end if;

  if stored.auth_method = 'client_secret' and client_secret is not null then
    proven := exists (
      select from openclaw.oauth_client_secrets as s
      where s.client_id = stored.id and s.secret_hash = openclaw.token_hash(prove_client.client_secret)
        and (s.expires_at is null or s.expires_at > clock_timestamp()));
  elsif stored.auth_method = 'private_key_jwt' and client_assertion is not null then
    assertion := openclaw.verify_client_assertion(client_assertion, stored.id, stored.jwks);
    proven := assertion.valid
      and openclaw.accept_assertion(stored.id, assertion.jti_hash, assertion.expires_at);
  elsif stored.auth_method = 'tls_client_auth' and client_certificate is not null
        and num_nonnulls(client_secret, client_assertion) = 0
        and openclaw.setting('mtls_url') <> '' then
    certificate := openclaw.client_certificate(client_certificate);
    proven := coalesce(stored.tls_subject = any (certificate.subjects)
                       and clock_timestamp() between certificate.not_before and certificate.not_after,
                       false);
    answer.certificate_thumbprint := certificate.thumbprint;
  end if;
  if not proven then
    answer.certificate_thumbprint := null;
    return answer;
  end if;
  return row(null, null, stored.id, stored.kind, stored.user_id, stored.scopes, stored.grant_types,
             answer.certificate_thumbprint)::openclaw.authenticated_client;
end
$$;

comment on function openclaw.prove_client(text, text, text, text, text, text) is
  'authenticate_client, without the audit row of a refusal.';

revoke all on function openclaw.prove_client(text, text, text, text, text, text) from public;

create or replace function openclaw.authenticate_client(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text)
  returns openclaw.authenticated_client
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  answer openclaw.authenticated_client := openclaw.prove_client(
    http_authorization, client_certificate, client_id, client_secret, client_assertion_type,
    client_assertion);
  claimed record;
begin
  if answer.error is not null then
    -- An id that is no client's could be anything, a secret too: the row has none.
    select c.id, c.user_id into claimed from openclaw.oauth_clients as c
    where c.id = coalesce((openclaw.basic_credentials(http_authorization)).client_id,
                          openclaw.claimed_client(client_assertion),
                          authenticate_client.client_id);
    perform openclaw.audit_refusal(coalesce('client ' || claimed.id, 'nobody'), 'authenticate_client',
                                   claimed.user_id, claimed.id, answer.error);
  end if;
  return answer;
end
$$;

comment on type openclaw.token_grant is
  'An access token, when it ends and when to ask for the next one (refresh_at, at 80 % of its lifetime), and a refresh token where there is one; or an error of RFC 6749 section 5.2 or RFC 8707 section 2 (invalid_client, invalid_grant, invalid_scope, invalid_target, invalid_request, unauthorized_client, temporarily_unavailable), or rate_limited, and a sentence.';

create function openclaw.audited(answer openclaw.token_grant, action text,
                                 client openclaw.authenticated_client)
  returns openclaw.token_grant
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if answer.error is not null then
    perform openclaw.audit(action, client.user_id, client.id, 'refused', answer.error);
  end if;
  return answer;
end
$$;

comment on function openclaw.audited(openclaw.token_grant, text, openclaw.authenticated_client) is
  'The answer to a client, after an audit row if it refuses.';

revoke all on function openclaw.audited(openclaw.token_grant, text, openclaw.authenticated_client) from public;

create or replace function openclaw.distinct_scopes(scopes text[]) returns text[]
  language sql immutable strict
  set search_path = pg_catalog, openclaw, pg_temp
  as $$ select array(select distinct s collate "C" from unnest(scopes) as s order by 1) $$;

comment on function openclaw.distinct_scopes(text[]) is 'Each scope once, sorted by its bytes; null for null.';

create or replace function openclaw.issue_for_grant(
    container_id text, user_id text, scopes text[], client_id text, actor text,
    certificate_thumbprint text, not_after timestamptz)
  returns openclaw.token_grant
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  signed record;
  answer openclaw.token_grant;
begin
  if scopes = '{}' then
    return openclaw.grant_refusal('invalid_scope', 'the user''s plan allows none of these scopes');
  end if;
  begin
    signed := openclaw.issue_access_token(
      container_id, scopes, null, user_id, client_id, null, actor, certificate_thumbprint,
      not_after);
  exception
    when no_data_found then
      return openclaw.grant_refusal('invalid_target', 'there is no such container');
    when program_limit_exceeded then
      return openclaw.grant_refusal('invalid_scope', 'a JWT has no room for so many scopes');
    when configuration_limit_exceeded then
      return openclaw.grant_refusal('invalid_scope', 'the user''s plan does not allow every one of these scopes');
    when object_not_in_prerequisite_state or config_file_error then
      return openclaw.grant_refusal('temporarily_unavailable', 'no key can sign at present');
  end;
  answer.access_token := signed.token;
  answer.jti := signed.jti;
  answer.issued_at := signed.issued_at;
  answer.expires_at := signed.expires_at;
  answer.refresh_at := openclaw.refresh_time(signed.issued_at, signed.expires_at);
  answer.scopes := scopes;
  answer.user_id := user_id;
  answer.container_id := container_id;
  return answer;
end
$$;

create function openclaw.decide_client_credentials(
    client openclaw.authenticated_client, resource text, scopes text[], user_id text)
  returns openclaw.token_grant
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  allowed text[] := openclaw.narrowed_scopes(client.scopes, client.scopes);
  granted text[] := coalesce(openclaw.distinct_scopes(scopes), allowed);
  target record;
  problem openclaw.token_grant := openclaw.client_problem(client, 'client_credentials');
begin
  if problem.error is not null then
    return problem;
  elsif resource is null then
    return openclaw.grant_refusal('invalid_target',
                                  'resource is missing: the endpoint of the container');
  end if;
  if (openclaw.are_grants(granted) and openclaw.scopes_cover(allowed, granted)) is not true then
    return openclaw.grant_refusal('invalid_scope', 'the client may not have every one of these scopes');
  end if;
  target := openclaw.find_resource(resource, null, client.user_id, user_id);
  if target.matches = 0 then
    return openclaw.grant_refusal('invalid_target', 'there is no such container');
  elsif target.matches > 1 then
    return openclaw.grant_refusal('invalid_target',
                                  'several users registered this endpoint: name one with user_id');
  end if;
  if scopes is null then
    granted := openclaw.within_plan((openclaw.plan_of(target.container_owner)).allowed_scopes, granted);
  end if;
  return openclaw.issue_for_grant(target.id, target.container_owner, granted, client.id, null,
                                  client.certificate_thumbprint, null);
end
$$;

comment on function openclaw.decide_client_credentials(openclaw.authenticated_client, text, text[], text) is
  'grant_client_credentials, without the audit row of a refusal.';

revoke all on function openclaw.decide_client_credentials(openclaw.authenticated_client, text, text[], text) from public;

create or replace function openclaw.grant_client_credentials(
    client openclaw.authenticated_client, resource text, scopes text[] default null,
    user_id text default null)
  returns openclaw.token_grant
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  return openclaw.audited(openclaw.decide_client_credentials(client, resource, scopes, user_id),
                          'grant_client_credentials', client);
end
$$;

create or replace function openclaw.create_grant(
    client_id text, container_id text, scopes text[], lifetime interval default null,
    user_id text default null, out grant_id text, out refresh_token text,
    out expires_at timestamptz)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  owner text;
  plan openclaw.plans;
begin
  perform openclaw.require_primary();
  if lifetime < interval '1 minute' or lifetime > interval '11 years'
     or now() + lifetime > now() + interval '10 years' then
    raise exception 'lifetime must be between one minute and ten years' using errcode = '22023';
  end if;
  owner := (openclaw.find_resource(null, create_grant.container_id, null, create_grant.user_id)).container_owner;
  if owner is null then
    raise exception 'no such container that takes access tokens' using errcode = 'P0002',
      detail = 'reason: unknown_container';
  end if;
  perform openclaw.require_user(owner);
  perform openclaw.require_container(owner, create_grant.container_id);
  perform from openclaw.oauth_clients as c
  where c.id = create_grant.client_id and c.disabled_at is null
    and (c.user_id is null or c.user_id = owner)
    and 'refresh_token' = any (c.grant_types) and openclaw.scopes_cover(openclaw.narrowed_scopes(c.scopes, c.scopes), create_grant.scopes)
  for share;
  if not found then
    raise exception 'no such client that may refresh tokens of this user with these scopes'
      using errcode = 'P0002', detail = 'reason: unknown_client';
  end if;
  plan := openclaw.claim_issue(owner);
  perform openclaw.require_plan_scopes(plan, create_grant.scopes);
  lifetime := openclaw.plan_lifetime(plan, lifetime, openclaw.setting('refresh_token_lifetime')::interval);
  insert into openclaw.grants as g (id, client_id, user_id, container_id, scopes, expires_at)
  values (openclaw.new_id('grant'), create_grant.client_id, owner, create_grant.container_id,
          create_grant.scopes, clock_timestamp() + lifetime)
  returning g.id, g.expires_at into grant_id, create_grant.expires_at;
  refresh_token := openclaw.add_refresh_token(grant_id);
  perform openclaw.audit('create_grant', owner, grant_id);
end
$$;

comment on function openclaw.create_grant(text, text, text[], interval, text) is
  'Lets a client have access tokens for one container, with refresh tokens (ocr_…), for instance after the user said yes on the platform''s own page. The first refresh token is returned once. lifetime defaults to openclaw.refresh_token_lifetime. Errors: P0002 for a container or client that is unknown, disabled or does not fit, 22023, 23514 for scopes, 53400 as issue_token.';

create function openclaw.decide_exchange(
    client openclaw.authenticated_client, subject_token text, resource text, container_id text,
    scopes text[])
  returns openclaw.token_grant
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  subject openclaw.token_verification := openclaw.verify_token(subject_token);
  shared text[];
  granted text[];
  target record;
  answer openclaw.token_grant;
  new_grant text;
  problem openclaw.token_grant := openclaw.client_problem(
    client, 'urn:ietf:params:oauth:grant-type:token-exchange');
begin
  if problem.error is not null then
    return problem;
  elsif not subject.valid or subject.issued_for <> 'user_direct'
     or subject.user_id <> coalesce(client.user_id, subject.user_id) then
    return openclaw.grant_refusal('invalid_request', 'the subject_token is not good here');
  end if;
  if 'refresh_token' = any (client.grant_types) then
    perform openclaw.require_primary();
    -- Before the token's row, as a plan that is narrowed takes them.
    lock table openclaw.plans in row share mode;
  end if;
  -- Whoever revokes the subject either has its row already, and this gives nothing, or waits and finds
  -- what this gives. A standby cannot lock, and has no revocation under way.
  if not current_setting('transaction_read_only')::boolean then
    perform from openclaw.api_tokens as t
    where t.id = subject.token_id and t.revoked_at is null for share skip locked;
    if not found then
      return openclaw.grant_refusal('invalid_request', 'the subject_token is not good here');
    end if;
  end if;
  shared := openclaw.narrowed_scopes(subject.scopes, client.scopes);
  granted := coalesce(openclaw.distinct_scopes(scopes), shared);
  if (openclaw.are_grants(granted) and openclaw.scopes_cover(shared, granted)) is not true then
    return openclaw.grant_refusal('invalid_scope',
                                  'the subject_token and the client do not both cover these scopes');
  end if;
  if num_nonnulls(resource, container_id) = 0 then
    container_id := subject.container_id;
  end if;
  target := openclaw.find_resource(resource, container_id, subject.user_id, null);
  if target.matches <> 1 or target.id <> coalesce(subject.container_id, target.id) then
    return openclaw.grant_refusal(
      'invalid_target', 'resource or audience must name a container that the subject_token reaches');
  end if;
  if scopes is null then
    granted := openclaw.within_plan((openclaw.plan_of(subject.user_id)).allowed_scopes, granted);
  end if;
  answer := openclaw.issue_for_grant(target.id, subject.user_id, granted, client.id, client.id,
                                     client.certificate_thumbprint, subject.expires_at);
  -- Whatever has to be ended with the subject stays small enough to be ended in time: a client that
  -- exchanges again and again, and never refreshes, gets no more refresh tokens.
  if answer.error is null and 'refresh_token' = any (client.grant_types)
     and (select count(*) from (
            select from openclaw.grants as g
            where g.subject_token_id = subject.token_id and g.revoked_at is null limit 1000) as live) < 1000 then
    if openclaw.take_issue(openclaw.plan_for_issue(subject.user_id), subject.user_id) is not null then
      return openclaw.grant_refusal('rate_limited', 'the user''s plan allows no more at the moment');
    end if;
    insert into openclaw.grants as g
      (id, client_id, user_id, container_id, scopes, subject_token_id, expires_at)
    values (openclaw.new_id('grant'), client.id, subject.user_id, target.id, granted,
            subject.token_id,
            least(subject.expires_at,
                  clock_timestamp() + openclaw.setting('refresh_token_lifetime')::interval))
    returning g.id into new_grant;
    insert into openclaw.grant_jwts (jti, grant_id, expires_at)
    values (answer.jti, new_grant, answer.expires_at);
    answer.refresh_token := openclaw.add_refresh_token(new_grant);
    perform openclaw.audit('create_grant', subject.user_id, new_grant);
  end if;
  return answer;
end
$$;

comment on function openclaw.decide_exchange(openclaw.authenticated_client, text, text, text, text[]) is
  'exchange_token, without the audit row of a refusal.';

revoke all on function openclaw.decide_exchange(openclaw.authenticated_client, text, text, text, text[]) from public;

create or replace function openclaw.exchange_token(
    client openclaw.authenticated_client, subject_token text, resource text default null,
    container_id text default null, scopes text[] default null)
  returns openclaw.token_grant
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  return openclaw.audited(openclaw.decide_exchange(client, subject_token, resource, container_id, scopes),
                          'exchange_token', client);
end
$$;

create function openclaw.decide_refresh(
    client openclaw.authenticated_client, refresh_token text, resource text, scopes text[])
  returns openclaw.token_grant
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  hash bytea := openclaw.token_hash(refresh_token);
  used record;
  family record;
  minted record;
  answer openclaw.token_grant;
  refusal openclaw.token_grant := openclaw.grant_refusal(
    'invalid_grant', 'the refresh token is unknown, expired, revoked, used up or another client''s');
  grace interval := openclaw.setting('refresh_token_grace')::interval;
  problem openclaw.token_grant := openclaw.client_problem(client, 'refresh_token');
begin
  if problem.error is not null then
    return problem;
  end if;
  select g.* into family
  from openclaw.refresh_tokens as r join openclaw.live_grants as g on g.id = r.grant_id
  where r.token_hash = hash and g.client_id = client.id;
  if not found then
    return refusal;
  end if;
  -- What the request lacks, or the keys, is refused before the token is used up.
  if resource is not null and not exists (
       select from openclaw.containers as c
       where c.id = family.container_id and c.mcp_endpoint = openclaw.resource_endpoint(resource)) then
    return openclaw.grant_refusal('invalid_target', 'the grant is for another resource');
  end if;
  scopes := coalesce(openclaw.distinct_scopes(scopes),
                     openclaw.within_plan((openclaw.plan_of(family.user_id)).allowed_scopes, family.scopes));
  if (openclaw.are_grants(scopes) and openclaw.scopes_cover(family.scopes, scopes)) is not true then
    return openclaw.grant_refusal('invalid_scope', 'the grant does not cover every one of these scopes');
  end if;
  answer := openclaw.issue_for_grant(family.container_id, family.user_id, scopes, client.id,
                                     case when family.subject_token_id is not null then client.id end,
                                     client.certificate_thumbprint, family.expires_at);
  if answer.error is not null then
    return answer;
  end if;

  -- Of those who send the same token at once, the first one's time counts for all.
  update openclaw.refresh_tokens as r set replaced_at = coalesce(r.replaced_at, clock_timestamp())
  where r.token_hash = hash and r.successor_key is not null
    and (r.replaced_at is null or r.replaced_at > clock_timestamp() - grace)
  returning r.successor_key into used;
  if not found then
    perform openclaw.revoke_grants(array[family.id], 'refresh token replayed');
    return refusal;
  end if;
  -- The family may have been revoked while this waited for its turn.
  perform from openclaw.grants as g where g.id = family.id and g.revoked_at is null for share;
  if not found then
    return refusal;
  end if;

  minted := openclaw.mint_successor(refresh_token, used.successor_key);
  insert into openclaw.refresh_tokens (token_hash, grant_id, successor_key)
  values (minted.successor_hash, family.id, openclaw.random_key())
  on conflict (token_hash) do nothing;
  insert into openclaw.grant_jwts (jti, grant_id, expires_at)
  values (answer.jti, family.id, answer.expires_at);
  update openclaw.refresh_tokens as r set successor_key = null
  where r.grant_id = family.id and r.successor_key is not null
    and r.replaced_at <= clock_timestamp() - grace;
  answer.refresh_token := minted.successor;
  perform openclaw.audit('refresh_access_token', family.user_id, family.id);
  return answer;
end
$$;

comment on function openclaw.decide_refresh(openclaw.authenticated_client, text, text, text[]) is
  'refresh_access_token, without the audit row of a refusal.';

revoke all on function openclaw.decide_refresh(openclaw.authenticated_client, text, text, text[]) from public;

create or replace function openclaw.refresh_access_token(
    client openclaw.authenticated_client, refresh_token text, resource text default null,
    scopes text[] default null)
  returns openclaw.token_grant
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  return openclaw.audited(openclaw.decide_refresh(client, refresh_token, resource, scopes),
                          'refresh_access_token', client);
end
$$;

create type openclaw.introspected as (answer json, user_id text, container_id text, client_id text);

comment on type openclaw.introspected is
  'What a token is (RFC 7662 section 2.2), and whose.';

create function openclaw.introspect_refresh_token(token text) returns openclaw.introspected
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  found openclaw.introspected;
begin
  select json_build_object(
    'active', true, 'token_type', 'refresh_token', 'scope', array_to_string(g.scopes, ' '),
    'sub', g.user_id, 'user_id', g.user_id, 'client_id', g.client_id,
    'container_id', g.container_id, 'iat', floor(extract(epoch from r.created_at)),
    'exp', floor(extract(epoch from g.expires_at))), g.user_id, g.container_id, g.client_id
  into found
  from openclaw.refresh_tokens as r join openclaw.live_grants as g on g.id = r.grant_id
  where r.token_hash = openclaw.token_hash(introspect_refresh_token.token) and r.replaced_at is null;
  found.answer := coalesce(found.answer, '{"active":false}');
  return found;
end
$$;

comment on function openclaw.introspect_refresh_token(text) is
  'introspect() of a refresh token, which calls it.';

revoke all on function openclaw.introspect_refresh_token(text) from public;

create or replace function openclaw.introspect(token text) returns json
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_introspect';

create or replace function openclaw.revoke_grant(user_id text, grant_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  perform from openclaw.grants as g
  where g.id = revoke_grant.grant_id and g.user_id = revoke_grant.user_id;
  if not found then
    return false;
  end if;
  perform openclaw.revoke_grants(array[revoke_grant.grant_id]);
  return true;
end
$$;

create or replace function openclaw.revoke_jwt(container_id text, jti text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  owner text;
begin
  perform openclaw.require_primary();
  if jti is null or octet_length(jti) not between 1 and 256 then
    raise exception 'jti must have 1 to 256 bytes' using errcode = '22023';
  end if;
  select c.user_id into owner from openclaw.containers as c
  where c.id = revoke_jwt.container_id;
  if not found then
    return false;
  end if;
  insert into openclaw.revoked_jwts (jti, container_id, place, expires_at)
  values (revoke_jwt.jti, revoke_jwt.container_id, openclaw.status_list_place(revoke_jwt.jti),
          clock_timestamp() + openclaw.max_jwt_lifetime() + interval '1 minute')
  on conflict on constraint revoked_jwts_pkey do nothing;
  if found then
    perform openclaw.audit('revoke_jwt', owner, revoke_jwt.jti);
  end if;
  return true;
end
$$;

create or replace function openclaw.revoke_jwts_of(user_id text, container_id text default null)
  returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  ended integer;
begin
  perform openclaw.require_primary();
  perform openclaw.hold_user(revoke_jwts_of.user_id);
  -- Signing reads the row: a JWT that is being signed now belongs to the generation that ends here
  -- or to the next one, never to both.
  update openclaw.containers as c set jwt_generation = c.jwt_generation + 1
  where c.user_id = revoke_jwts_of.user_id
    and c.id = coalesce(revoke_jwts_of.container_id, c.id);
  get diagnostics ended = row_count;
  if ended > 0 then
    perform openclaw.audit('revoke_jwts', revoke_jwts_of.user_id,
                           coalesce(revoke_jwts_of.container_id, revoke_jwts_of.user_id));
  end if;
  return ended;
end
$$;

create or replace function openclaw.revoke_container_tokens(user_id text, container_id text)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  if openclaw.revoke_jwts_of(user_id, container_id) = 0 then
    return false;
  end if;
  perform openclaw.revoke_token(t.user_id, t.id)
  from (select x.user_id, x.id from openclaw.api_tokens as x
        where x.container_id = revoke_container_tokens.container_id and x.revoked_at is null
        order by x.id) as t;
  perform openclaw.revoke_grants(array(
    select g.id from openclaw.grants as g
    where g.container_id = revoke_container_tokens.container_id and g.revoked_at is null));
  return true;
end
$$;

comment on function openclaw.revoke_container_tokens(text, text) is
  'Revokes all that is good for one container alone: its JWTs, the opaque tokens bound to it, its grants. Opaque tokens that reach every container of the user stay. False for a container that is unknown or another user''s. Errors: 40001 under REPEATABLE READ where the snapshot is older than what was issued since; begin again.';

create or replace function openclaw.revoke_user_tokens(user_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  perform openclaw.hold_user(revoke_user_tokens.user_id);
  if not exists (select from openclaw.users as u where u.id = revoke_user_tokens.user_id) then
    return false;
  end if;
  perform openclaw.revoke_token(t.user_id, t.id)
  from (select x.user_id, x.id from openclaw.api_tokens as x
        where x.user_id = revoke_user_tokens.user_id and x.revoked_at is null
        order by x.id) as t;
  perform openclaw.revoke_grants(array(
    select g.id from openclaw.grants as g
    where g.user_id = revoke_user_tokens.user_id and g.revoked_at is null));
  perform openclaw.revoke_jwts_of(user_id);
  return true;
end
$$;

comment on function openclaw.revoke_user_tokens(text) is
  'Revokes all that a user has: opaque tokens, grants with their refresh tokens, JWTs. The user stays, and may have new ones. False for an unknown user. Errors: 40001 under REPEATABLE READ where the snapshot is older than what was issued since; begin again.';

-- What has to be done every so often. The front does it, or pg_cron, or a DBA; any of them at any
-- time, also at once.

create function openclaw.maintain_task(task text, step integer) returns bigint
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  done bigint := 0;
begin
  case task
    when 'prepare signing keys' then
      if exists (select from openclaw.algorithms_without_successor(clock_timestamp())) then
        lock table openclaw.signing_keys in share row exclusive mode;
        done := openclaw.maintain_signing_keys_at(clock_timestamp());
      end if;
      return done;
    when 'make audit partitions' then
      return openclaw.make_audit_partitions();
    when 'seal audit log' then
      return openclaw.seal_audit_log();
    when 'apply audit retention' then
      return openclaw.apply_audit_retention(step);
    when 'clear revoked JWTs' then
      delete from openclaw.revoked_jwts as r where r.id in (
        select x.id from openclaw.revoked_jwts as x where x.expires_at <= clock_timestamp()
        limit step for update skip locked);
    when 'clear client assertions' then
      delete from openclaw.client_assertions as a where (a.client_id, a.jti_hash) in (
        select x.client_id, x.jti_hash from openclaw.client_assertions as x
        where x.expires_at <= clock_timestamp() limit step for update skip locked);
    when 'clear client secrets' then
      delete from openclaw.oauth_client_secrets as s where s.secret_hash in (
        select x.secret_hash from openclaw.oauth_client_secrets as x
        where x.expires_at <= clock_timestamp() limit step for update skip locked);
    when 'clear access tokens of grants' then
      delete from openclaw.grant_jwts as j where j.jti in (
        select x.jti from openclaw.grant_jwts as x where x.expires_at <= clock_timestamp()
        limit step for update skip locked);
    when 'clear refresh tokens' then
      delete from openclaw.refresh_tokens as r where r.token_hash in (
        select x.token_hash
        from openclaw.grants as g join openclaw.refresh_tokens as x on x.grant_id = g.id
        where g.expires_at <= clock_timestamp() limit step for update of x skip locked);
    when 'clear grants' then
      delete from openclaw.grants as g where g.id in (
        select x.id from openclaw.grants as x
        where x.expires_at <= clock_timestamp()
          and not exists (select from openclaw.refresh_tokens as r where r.grant_id = x.id)
          and not exists (select from openclaw.grant_jwts as j where j.grant_id = x.id)
        limit step for update skip locked);
    when 'clear tokens' then
      delete from openclaw.api_tokens as t where t.id in (
        select x.id from openclaw.api_tokens as x
        where x.expires_at <= now() - openclaw.setting('token_retention')::interval
          and not exists (select from openclaw.grants as g where g.subject_token_id = x.id)
        order by x.expires_at limit step for update skip locked);
    when 'clear rate limits' then
      -- A bucket that nobody took from for an hour is full. One that an open transaction's snapshot could
      -- still see changed stays, since it is what makes that transaction count anew.
      delete from openclaw.rate_limits as l where l.bucket in (
        select x.bucket from openclaw.rate_limits as x
        where x.at < least(now() - interval '1 hour', (select min(s.xact_start) from pg_stat_activity as s))
        limit step for update skip locked);
  end case;
  get diagnostics done = row_count;
  return done;
end
$$;

comment on function openclaw.maintain_task(text, integer) is
  'One of maintain()''s tasks, of so many rows at the most, and how much of it was done.';

revoke all on function openclaw.maintain_task(text, integer) from public;

create or replace function openclaw.maintain() returns table (task text, done bigint)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  -- A run must end, and commit, within any statement_timeout that is sane: rows are deleted in steps,
  -- small ones after the first second, and the next run goes on. What a grant's deletion would take
  -- along is deleted before it, so that nothing is unbounded.
  hurry constant timestamptz := clock_timestamp() + interval '1 second';
begin
  if pg_is_in_recovery() then
    return;
  end if;
  perform openclaw.require_primary();
  -- One at a time. A table's lock, since any role could hold an advisory one.
  begin
    lock table openclaw.oauth_client_secrets in share update exclusive mode nowait;
  exception when lock_not_available then
    return;
  end;
  -- The last two lock parts of the audit log until the end: they come when nothing is left to do.
  foreach task in array array[
      'prepare signing keys', 'clear revoked JWTs', 'clear client assertions', 'clear client secrets',
      'clear access tokens of grants', 'clear refresh tokens', 'clear grants', 'clear tokens',
      'clear rate limits', 'seal audit log', 'make audit partitions', 'apply audit retention'] loop
    -- What fails takes nothing else along.
    begin
      done := openclaw.maintain_task(task, case when clock_timestamp() < hurry then 10000 else 500 end);
    exception when others then
      done := null;
      raise warning 'openclaw.maintain(): "%" failed: %', task, sqlerrm
        using errcode = sqlstate, hint = 'openclaw.doctor() says what is to be mended; the other tasks are done.';
    end;
    return next;
  end loop;
end
$$;

comment on function openclaw.maintain() is
  'What has to be done every so often: successors of signing keys, partitions, blocks and retention of the audit log, and clearing what has expired, in bounded steps. One row for each task and how much of it was done; null, and a warning, where it failed. Cheap, idempotent; of several at once one works and the others return at once with no row, as on a standby.';

-- What one reads in psql, and a settings page too: views over the rows that the reader may see. A
-- role with the capability admin sees every row, any other one those of its session's user
-- (begin_session), and none without a session. Each view asks for both apart, so that the second goes
-- by the index on user_id.

create function openclaw.sees_every_row() returns boolean
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$ select has_function_privilege('openclaw.doctor()', 'execute') $$;

comment on function openclaw.sees_every_row() is
  'Whether the present role has the capability admin: then the views show every user''s rows.';

revoke all on function openclaw.sees_every_row() from public;

-- The same rule on the tables themselves, should anybody be given a right on one of them.
do $$
declare
  t text;
begin
  foreach t in array array['api_tokens', 'containers', 'oauth_clients', 'grants', 'audit_log'] loop
    execute format('alter table openclaw.%I enable row level security', t);
    execute format('create policy own_rows on openclaw.%I for select using
      ((select openclaw.sees_every_row()) or user_id = openclaw.current_user_id())', t);
  end loop;
  execute 'alter table openclaw.users enable row level security';
  execute 'create policy own_rows on openclaw.users for select using
    ((select openclaw.sees_every_row()) or id = openclaw.current_user_id())';
  -- No row of these is anybody's own.
  foreach t in array array['plans', 'signing_keys', 'oauth_client_secrets', 'client_assertions',
                           'refresh_tokens', 'grant_jwts', 'revoked_jwts', 'audit_log_default',
                           'audit_blocks', 'audit_marks', 'rate_limits'] loop
    execute format('alter table openclaw.%I enable row level security', t);
  end loop;
end
$$;

create view openclaw.user_overview with (security_barrier) as
  select u.id as user_id, u.email, u.plan_tier,
         case when u.erased_at is not null then 'erased'
              when u.disabled_at is not null then 'disabled' else 'live' end as state,
         u.password_hash is not null as has_password,
         (select count(*) from openclaw.containers as c
          where c.user_id = u.id and c.disabled_at is null) as live_containers,
         (select count(*) from openclaw.api_tokens as t
          where t.user_id = u.id and t.revoked_at is null and t.expires_at > now()) as live_tokens,
         (select count(*) from openclaw.grants as g
          where g.user_id = u.id and g.revoked_at is null and g.expires_at > now()) as live_grants,
         date_trunc('second', u.created_at) as created_at
  from (select * from openclaw.users as every where (select openclaw.sees_every_row())
        union all
        select * from openclaw.users as own
        where not (select openclaw.sees_every_row()) and own.id = (select openclaw.current_user_id())) as u;

comment on view openclaw.user_overview is
  'Users, their state (live, disabled, erased) and how much they have; whether there is a password, never its hash. A role without the capability admin sees its session''s user.';

revoke all on openclaw.user_overview from public;

create view openclaw.token_overview with (security_barrier) as
  select t.id as token_id, t.user_id, t.name, t.issued_for,
         case when t.revoked_at is not null then 'revoked'
              when t.expires_at <= clock_timestamp() then 'expired' else 'live' end as state,
         array_to_string(t.scopes, ' ') as scopes, c.name as container, t.container_id,
         date_trunc('second', t.created_at) as created_at,
         date_trunc('second', t.expires_at) as expires_at,
         date_trunc('second', t.revoked_at) as revoked_at,
         date_trunc('minute', t.last_used_at) as last_used_at
  from (select * from openclaw.api_tokens as every where (select openclaw.sees_every_row())
        union all
        select * from openclaw.api_tokens as own
        where not (select openclaw.sees_every_row()) and own.user_id = (select openclaw.current_user_id())) as t
  left join openclaw.containers as c on c.id = t.container_id;

comment on view openclaw.token_overview is
  'Opaque tokens and their state (live, expired, revoked); never a hash. last_used_at is a minute in which the token was known to be in use: it is recorded up to a minute after the use, and then no use within an hour; null while none was recorded. A role without the capability admin sees those of its session''s user.';

revoke all on openclaw.token_overview from public;

create view openclaw.container_overview with (security_barrier) as
  select c.id as container_id, c.user_id, c.name, c.type, c.mcp_endpoint, c.auth_method,
         case when c.disabled_at is null then 'live' else 'removed' end as state,
         c.signing_alg, c.public_key_fingerprint is not null as pinned,
         (select count(*) from openclaw.api_tokens as t
          where t.container_id = c.id and t.revoked_at is null and t.expires_at > now()) as bound_tokens,
         (select count(*) from openclaw.grants as g
          where g.container_id = c.id and g.revoked_at is null and g.expires_at > now()) as live_grants,
         c.jwt_generation, date_trunc('second', c.created_at) as created_at
  from (select * from openclaw.containers as every where (select openclaw.sees_every_row())
        union all
        select * from openclaw.containers as own
        where not (select openclaw.sees_every_row()) and own.user_id = (select openclaw.current_user_id())) as c;

comment on view openclaw.container_overview is
  'Containers, how they are reached, and what is bound to them. A role without the capability admin sees those of its session''s user.';

revoke all on openclaw.container_overview from public;

create view openclaw.client_overview with (security_barrier) as
  select o.id as client_id, o.kind, o.name, o.user_id, o.auth_method,
         array_to_string(o.grant_types, ' ') as grant_types,
         array_to_string(o.scopes, ' ') as scopes,
         case when o.disabled_at is null then 'live' else 'disabled' end as state,
         s.live_secrets, date_trunc('second', s.next_expiry) as next_secret_expires_at,
         date_trunc('second', o.created_at) as created_at
  from (select * from openclaw.oauth_clients as every where (select openclaw.sees_every_row())
        union all
        select * from openclaw.oauth_clients as own
        where not (select openclaw.sees_every_row()) and own.user_id = (select openclaw.current_user_id())) as o,
       lateral (select count(*) as live_secrets, min(x.expires_at) as next_expiry
                from openclaw.oauth_client_secrets as x
                where x.client_id = o.id and (x.expires_at is null or x.expires_at > clock_timestamp())) as s;

comment on view openclaw.client_overview is
  'OAuth clients, and how many secrets are good for each and when the next of them ends (null: none does); never a secret or its hash. A role without the capability admin sees those of its session''s user.';

revoke all on openclaw.client_overview from public;

create view openclaw.grant_overview with (security_barrier) as
  select g.id as grant_id, g.user_id, o.name as client, g.client_id, c.name as container,
         g.container_id, array_to_string(g.scopes, ' ') as scopes,
         case when g.revoked_at is not null then 'revoked'
              when g.expires_at <= clock_timestamp() then 'expired' else 'live' end as state,
         date_trunc('second', g.created_at) as created_at,
         date_trunc('second', g.expires_at) as expires_at
  from (select * from openclaw.grants as every where (select openclaw.sees_every_row())
        union all
        select * from openclaw.grants as own
        where not (select openclaw.sees_every_row()) and own.user_id = (select openclaw.current_user_id())) as g
  join openclaw.oauth_clients as o on o.id = g.client_id
  join openclaw.containers as c on c.id = g.container_id;

comment on view openclaw.grant_overview is
  'What clients may get again with refresh tokens. A role without the capability admin sees the grants of its session''s user.';

revoke all on openclaw.grant_overview from public;

create view openclaw.audit_recent with (security_barrier) as
  select date_trunc('second', a.at) as at, a.actor, a.on_behalf_of, a.action, a.user_id, a.target,
         a.outcome, a.reason, a.left_out, a.source, a.request_id
  from (select * from openclaw.audit_log as every where (select openclaw.sees_every_row()) and every.at > now() - interval '7 days'
        union all
        select * from openclaw.audit_log as own
        where not (select openclaw.sees_every_row()) and own.user_id = (select openclaw.current_user_id()) and own.at > now() - interval '7 days') as a
  order by a.at desc;

comment on view openclaw.audit_recent is
  'The audit log of the last seven days, the newest row first. A role without the capability admin sees what concerns its session''s user.';

revoke all on openclaw.audit_recent from public;

create view openclaw.stats with (security_barrier) as
  select s.name, s.value
  from (values
    (1, 'users', (select count(*) from openclaw.users)),
    (2, 'users disabled', (select count(*) from openclaw.users as u where u.disabled_at is not null)),
    (3, 'containers live', (select count(*) from openclaw.containers as c where c.disabled_at is null)),
    (4, 'tokens live', (select count(*) from openclaw.api_tokens as t
                        where t.expires_at > now() and t.revoked_at is null)),
    (5, 'tokens stored', (select count(*) from openclaw.api_tokens)),
    (6, 'clients live', (select count(*) from openclaw.oauth_clients as c where c.disabled_at is null)),
    (7, 'grants live', (select count(*) from openclaw.grants as g
                        where g.expires_at > now() and g.revoked_at is null)),
    (8, 'signing keys published', (select count(*) from openclaw.signing_keys as k
                                   where k.revoked_at is null and coalesce(k.expires_at > now(), true))),
    (9, 'JWTs revoked one by one', (select count(*) from openclaw.revoked_jwts)),
    (10, 'refusals in the last hour', (select count(*) from openclaw.audit_log as a
                                       where a.at > now() - interval '1 hour' and a.outcome = 'refused')),
    (11, 'audit rows not sealed', (select count(*) from openclaw.audit_log as a
                                   where a.at >= coalesce((openclaw.audit_head()).upper, '-infinity'))),
    (12, 'audit blocks', (select count(*) from openclaw.audit_blocks))
  ) as s(place, name, value)
  order by s.place;

comment on view openclaw.stats is
  'How much of everything there is. Counts rows: of millions it takes seconds.';

revoke all on openclaw.stats from public;

-- PL/pgSQL keeps its plan for the session: a function in SQL is parsed again in each transaction.
create or replace function openclaw.http_json(status integer, body json, headers text default null)
  returns openclaw.http_answer
  language plpgsql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  return row(status, concat_ws(e'\n', 'Content-Type: application/json', headers), body::text)
         ::openclaw.http_answer;
end
$$;

create or replace function openclaw.bearer_token(http_authorization text) returns text
  language c immutable parallel safe
  as 'MODULE_PATHNAME', 'openclaw_bearer_token';

create function openclaw.refuse_harness(http_authorization text, reason text, scope text)
  returns openclaw.http_answer
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  known record;
begin
  select t.id, t.user_id into known from openclaw.api_tokens as t
  where t.token_hash = openclaw.token_hash(openclaw.bearer_token(http_authorization));
  perform openclaw.audit_refusal(coalesce('token ' || known.id, 'nobody'), 'authenticate_harness',
                                 known.user_id, known.id, reason);
  return openclaw.bearer_refusal(http_authorization, reason, scope);
end
$$;

comment on function openclaw.refuse_harness(text, text, text) is
  'bearer_refusal to who comes as a harness, after an audit row.';

revoke all on function openclaw.refuse_harness(text, text, text) from public;

comment on type openclaw.front_caller is
  'Who calls an endpoint, or the answer that refuses. It sees the tokens of client_id and, with whole_user, all of user_id (null: of every user) and container_id (null: of every container and of none). scopes are its own.';

create or replace function openclaw.client_refusal(error text, description text)
  returns openclaw.http_answer
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select case error
      when 'invalid_client' then
        openclaw.http_error(401, error, description, 'WWW-Authenticate: Basic realm="openclaw"')
      when 'temporarily_unavailable' then
        openclaw.http_error(503, error, description, 'Retry-After: 30')
      when 'rate_limited' then
        openclaw.http_error(429, 'temporarily_unavailable', description, 'Retry-After: 10')
      else openclaw.http_error(400, error, description) end
  $$;

create or replace function openclaw.front_caller(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text, scope text)
  returns openclaw.front_caller
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.front_caller;
  harness openclaw.token_verification;
  client openclaw.authenticated_client;
begin
  -- Several requests may share this transaction.
  perform set_config('openclaw.actor', '', true);
  if http_authorization ~* '^basic ' or http_authorization is null
     and num_nonnulls(client_id, client_secret, client_assertion_type, client_assertion) > 0 then
    client := openclaw.authenticate_client(http_authorization, client_certificate, client_id,
                                           client_secret, client_assertion_type, client_assertion);
    if client.error is not null then
      caller.refusal := openclaw.client_refusal(client.error, client.description);
      return caller;
    end if;
    perform set_config('openclaw.actor', 'client ' || client.id, true);
    caller.client_id := client.id;
    caller.whole_user := openclaw.scopes_cover(client.scopes, array[scope]);
    caller.user_id := client.user_id;
    caller.scopes := client.scopes;
    return caller;
  end if;
  harness := openclaw.harness(http_authorization, scope);
  if not harness.valid then
    caller.refusal := openclaw.refuse_harness(http_authorization, harness.reason, scope);
    return caller;
  end if;
  perform set_config('openclaw.actor', 'harness ' || harness.token_id, true);
  caller.whole_user := true;
  caller.user_id := case when not openclaw.scopes_cover(harness.scopes, array['openclaw:any-user'])
                    then harness.user_id end;
  caller.container_id := harness.container_id;
  caller.scopes := harness.scopes;
  return caller;
end
$$;

-- What the front serves of OAuth: keys, metadata, the token endpoint, introspection, revocation,
-- status lists.

create or replace function openclaw.front_jwks(if_none_match text) returns openclaw.http_answer
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_front_jwks';

create or replace function openclaw.front_token(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text, grant_type text, resource text,
    audience text, scope text, user_id text, subject_token text, subject_token_type text,
    actor_token text, requested_token_type text, refresh_token text, request_id text)
  returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  client openclaw.authenticated_client;
  granted openclaw.token_grant;
  scopes text[] := openclaw.parse_scopes(scope);
  access_token_type constant text := 'urn:ietf:params:oauth:token-type:access_token';
  jwt_type constant text := 'urn:ietf:params:oauth:token-type:jwt';
  by_id boolean := strpos(audience, '/') = 0;
begin
  perform set_config('openclaw.request_id', coalesce(request_id, ''), true),
          set_config('openclaw.actor', '', true);
  client := openclaw.authenticate_client(http_authorization, client_certificate, client_id,
                                         client_secret, client_assertion_type, client_assertion);
  if client.error is not null then
    return openclaw.client_refusal(client.error, client.description);
  end if;
  perform set_config('openclaw.actor', 'client ' || client.id, true);

  if grant_type is null then
    return openclaw.http_error(400, 'invalid_request', 'the parameter grant_type is missing');
  elsif grant_type not in ('client_credentials', 'refresh_token',
                           'urn:ietf:params:oauth:grant-type:token-exchange') then
    return openclaw.http_error(400, 'unsupported_grant_type', 'grant_type is client_credentials, refresh_token or urn:ietf:params:oauth:grant-type:token-exchange');
  end if;
  granted := openclaw.audited(openclaw.client_problem(client, grant_type), 'front_token', client);
  if granted.error is not null then
    return openclaw.client_refusal(granted.error, granted.description);
  elsif scope is not null and scopes is null then
    return openclaw.http_error(400, 'invalid_scope', 'scope must be a list of area:action or area:*');
  end if;

  if grant_type = 'client_credentials' then
    granted := openclaw.grant_client_credentials(client, resource, scopes, user_id);
  elsif grant_type = 'refresh_token' then
    if refresh_token is null then
      return openclaw.http_error(400, 'invalid_request', 'the parameter refresh_token is missing');
    end if;
    granted := openclaw.refresh_access_token(client, refresh_token, resource, scopes);
  else
    if subject_token is null or subject_token_type is distinct from access_token_type then
      return openclaw.http_error(400, 'invalid_request', 'subject_token and subject_token_type urn:ietf:params:oauth:token-type:access_token are needed');
    elsif actor_token is not null then
      return openclaw.http_error(400, 'invalid_request', 'actor_token is not taken: the client itself is the actor');
    elsif coalesce(requested_token_type, access_token_type) not in (access_token_type, jwt_type) then
      return openclaw.http_error(400, 'invalid_request', 'requested_token_type is urn:ietf:params:oauth:token-type:access_token or …:jwt');
    elsif not by_id and resource is not null
          and openclaw.resource_endpoint(audience) is distinct from openclaw.resource_endpoint(resource) then
      return openclaw.http_error(400, 'invalid_target', 'resource and audience name two containers');
    end if;
    granted := openclaw.exchange_token(
      client, subject_token, coalesce(resource, case when not by_id then audience end),
      case when by_id then audience end, scopes);
  end if;

  if granted.error is not null then
    return openclaw.client_refusal(granted.error, granted.description);
  end if;
  return openclaw.http_json(200, json_strip_nulls(json_build_object(
    'access_token', granted.access_token,
    'issued_token_type', case when grant_type like '%:token-exchange'
      then coalesce(requested_token_type, access_token_type) end,
    'token_type', 'Bearer',
    'expires_in', extract(epoch from granted.expires_at - granted.issued_at)::integer,
    'refresh_in', extract(epoch from granted.refresh_at - granted.issued_at)::integer,
    'refresh_token', granted.refresh_token,
    'scope', array_to_string(granted.scopes, ' '))));
end
$$;

create function openclaw.front_tokens(
    http_authorization text[], client_certificate text[], client_id text[], client_secret text[],
    client_assertion_type text[], client_assertion text[], grant_type text[], resource text[],
    audience text[], scope text[], user_id text[], subject_token text[], subject_token_type text[],
    actor_token text[], requested_token_type text[], refresh_token text[], request_id text[])
  returns setof openclaw.http_answer
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_front_tokens';

comment on function openclaw.front_tokens(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[]) is
  'front_token of many requests, one element and one answer each, in order; an array that is null as a whole, but the first, is null for each. A client is proven once for all requests that bring the same secret. Errors: 2202E, 54000 for more than 1024 requests.';

revoke all on function openclaw.front_tokens(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[]) from public;

create function openclaw.front_introspections(
    http_authorization text[], client_certificate text[], client_id text[], client_secret text[],
    client_assertion_type text[], client_assertion text[], token text[], token_type_hint text[])
  returns setof openclaw.http_answer
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_front_introspections';

comment on function openclaw.front_introspections(text[], text[], text[], text[], text[], text[], text[], text[]) is
  'POST /oauth/introspect (RFC 7662) of many requests, one element and one answer each, in order; an array that is null as a whole, but the first, is null for each. A token that the caller may not see is inactive. token_type_hint is not needed and not used. A caller is proven once for all requests that bring the same credentials, but for client_assertion. Errors: 2202E, 54000 for more than 1024 requests.';

revoke all on function openclaw.front_introspections(text[], text[], text[], text[], text[], text[], text[], text[]) from public;

create function openclaw.front_introspection_lists(http_authorization text[], body text[])
  returns setof openclaw.http_answer
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_front_introspection_lists';

comment on function openclaw.front_introspection_lists(text[], text[]) is
  'POST /v1/introspect of many requests, as front_introspections: introspection of up to 1000 tokens, a JSON array of strings, answered by an array in the same order. A client authenticates with client_secret_basic, a harness with its bearer token.';

revoke all on function openclaw.front_introspection_lists(text[], text[]) from public;

create or replace function openclaw.front_revoke(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text, token text, token_type_hint text,
    request_id text)
  returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.front_caller;
  target json;
begin
  perform set_config('openclaw.request_id', coalesce(request_id, ''), true);
  caller := openclaw.front_caller(
    http_authorization, client_certificate, client_id, client_secret, client_assertion_type,
    client_assertion, 'openclaw:revoke');
  if (caller.refusal).status is not null then
    return caller.refusal;
  end if;
  if token is null then
    return openclaw.http_error(400, 'invalid_request', 'the parameter token is missing');
  end if;

  -- A refresh token ends its family even after it was used up: whoever revokes an old one means it.
  if token like 'ocr\_%' then
    select json_build_object('client_id', g.client_id, 'user_id', g.user_id,
                             'container_id', g.container_id, 'grant_id', g.id)
    into target
    from openclaw.refresh_tokens as r join openclaw.grants as g on g.id = r.grant_id
    where r.token_hash = openclaw.token_hash(front_revoke.token);
  elsif strpos(token, '.') > 0 then
    target := openclaw.introspect(token);
    target := case when (target->>'active')::boolean then target end;
  else
    select json_build_object('user_id', t.user_id, 'container_id', t.container_id,
                             'token_id', t.id) into target
    from openclaw.api_tokens as t where t.token_hash = openclaw.token_hash(front_revoke.token);
  end if;

  if target is null then
    return row(200, null, null)::openclaw.http_answer;
  elsif not openclaw.sees(caller, target) then
    -- RFC 7009 section 2.1 has a client told that a token is another's; to a harness, what it may
    -- not reach does not exist.
    if caller.client_id is null then
      return row(200, null, null)::openclaw.http_answer;
    end if;
    return openclaw.http_error(400, 'unauthorized_client', 'the token was not issued to this client');
  end if;
  if target->>'grant_id' is not null then
    perform openclaw.revoke_grants(array[target->>'grant_id']);
  elsif target->>'token_id' is not null then
    perform openclaw.revoke_token(target->>'user_id', target->>'token_id');
  else
    perform openclaw.revoke_jwt(target->>'container_id', target->>'jti');
  end if;
  return row(200, null, null)::openclaw.http_answer;
end
$$;

-- What the front serves of our own: connect, opaque tokens, verification for proxies, readiness, upkeep.

create function openclaw.refuse_connect(caller openclaw.token_verification, container_id text,
                                        status integer, error text, description text)
  returns openclaw.http_answer
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform set_config('openclaw.actor', 'harness ' || caller.token_id, true);
  -- What is no container's id could be anything: the row has none.
  perform openclaw.audit_refusal(
    'token ' || caller.token_id, 'connect', caller.user_id,
    (select c.id from openclaw.containers as c where c.id = refuse_connect.container_id), error);
  perform set_config('openclaw.actor', '', true); -- another request may share this transaction
  return openclaw.http_error(status, error, description);
end
$$;

comment on function openclaw.refuse_connect(openclaw.token_verification, text, integer, text, text) is
  'An error for a harness that asked to connect, after an audit row.';

revoke all on function openclaw.refuse_connect(openclaw.token_verification, text, integer, text, text) from public;

create or replace function openclaw.front_connect(http_authorization text, user_id text, container_id text,
                                       scope text)
  returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.token_verification := openclaw.harness(http_authorization, 'openclaw:connect');
  for_user text;
  scopes text[];
  answer record;
begin
  if not caller.valid then
    return openclaw.refuse_harness(http_authorization, caller.reason, 'openclaw:connect');
  end if;
  if container_id is null then
    return openclaw.http_error(400, 'invalid_request', 'the parameter container_id is missing');
  end if;
  for_user := coalesce(front_connect.user_id, caller.user_id);
  -- Without a scope parameter: all that the harness holds and the user's plan allows, less its rights
  -- at this front.
  scopes := case when scope is null
    then openclaw.within_plan((openclaw.plan_of(for_user)).allowed_scopes,
                              array(select s from unnest(caller.scopes) as s where s not like 'openclaw:%'))
    else openclaw.parse_scopes(scope) end;
  if coalesce(cardinality(scopes), 0) = 0 or not openclaw.scopes_cover(caller.scopes, scopes) then
    return openclaw.refuse_connect(caller, container_id, 400, 'invalid_scope',
                                   'scope must be a list of scopes that the harness''s token covers');
  end if;
  if not openclaw.may_reach(caller, for_user)
     or (caller.container_id is not null and caller.container_id <> front_connect.container_id) then
    return openclaw.refuse_connect(caller, container_id, 404, 'not_found', 'no such container');
  end if;

  begin
    answer := openclaw.connect(for_user, front_connect.container_id, scopes);
  exception
    when no_data_found then
      return openclaw.refuse_connect(caller, container_id, 404, 'not_found', 'no such container');
    when configuration_limit_exceeded then
      return openclaw.refuse_connect(caller, container_id, 400, 'invalid_scope',
                                     'the user''s plan does not allow every one of these scopes');
    when program_limit_exceeded then
      return openclaw.refuse_connect(caller, container_id, 400, 'invalid_scope',
                                     'a JWT has no room for so many scopes');
    when feature_not_supported then
      return openclaw.refuse_connect(caller, container_id, 400, 'invalid_target',
                                     'this container takes only API keys, which its owner manages');
    when object_not_in_prerequisite_state or config_file_error then
      return openclaw.http_error(503, 'temporarily_unavailable', 'no key can sign at present',
                                 'Retry-After: 30');
  end;
  return openclaw.http_json(200, json_build_object(
    'mcp_endpoint', answer.mcp_endpoint,
    'type', answer.type,
    'auth_method', answer.auth_method,
    'headers', answer.headers,
    'tls', json_build_object('client_certificate', answer.client_certificate,
                             'public_key_fingerprint', answer.public_key_fingerprint),
    'expires_at', floor(extract(epoch from answer.expires_at)),
    'refresh_at', floor(extract(epoch from answer.refresh_at))));
end
$$;

create function openclaw.refuse_tokens(caller openclaw.front_caller, status integer, error text,
                                       description text, headers text default null)
  returns openclaw.http_answer
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.audit_refusal(openclaw.setting('actor'), 'issue_tokens', caller.user_id, caller.client_id, error);
  return openclaw.http_error(status, error, description, headers);
end
$$;

comment on function openclaw.refuse_tokens(openclaw.front_caller, integer, text, text, text) is
  'An error for a caller that asked for tokens, after an audit row.';

revoke all on function openclaw.refuse_tokens(openclaw.front_caller, integer, text, text, text) from public;

create function openclaw.front_order(
    caller openclaw.front_caller, user_id text, scope text, expires_in text, name text,
    container_id text, count text, request_id text,
    out refusal openclaw.http_answer, out wanted openclaw.token_order)
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  scopes text[] := openclaw.parse_scopes(scope);
  for_user text := coalesce(front_order.user_id, caller.user_id);
  container text := coalesce(front_order.container_id, caller.container_id);
begin
  if not caller.whole_user then
    refusal := openclaw.refuse_tokens(caller, 403, 'insufficient_scope', 'the client lacks the scope openclaw:issue');
  elsif for_user is null then
    refusal := openclaw.http_error(400, 'invalid_request', 'the parameter user_id is missing');
  elsif scope is null then
    refusal := openclaw.http_error(400, 'invalid_request', 'the parameter scope is missing');
  elsif expires_in !~ '^[1-9][0-9]{0,8}$' or expires_in::integer > 315360000 then
    refusal := openclaw.http_error(400, 'invalid_request', 'expires_in must be between one second and ten years');
  elsif count !~ '^[1-9][0-9]{0,3}$' or count::integer > 1000 then
    refusal := openclaw.http_error(400, 'invalid_request', 'count must be between 1 and 1000');
  elsif name !~ '^[^[:cntrl:]]{1,128}$' then
    refusal := openclaw.http_error(400, 'invalid_request', 'name must be 1 to 128 characters');
  -- Rights at the front go into no token that is given to another: who got hold of this one could
  -- else make himself others, which outlive it.
  elsif coalesce(cardinality(scopes), 0) = 0 or strpos(' ' || scope, ' openclaw:') > 0
        or not openclaw.scopes_cover(caller.scopes, scopes) then
    refusal := openclaw.refuse_tokens(caller, 400, 'invalid_scope',
                                      'scope must be a list of scopes that the caller''s own cover, without openclaw:…');
  elsif for_user <> caller.user_id then
    refusal := openclaw.refuse_tokens(caller, 404, 'not_found', 'no such user');
  elsif container <> caller.container_id then
    refusal := openclaw.refuse_tokens(caller, 404, 'not_found', 'no such container');
  else
    wanted := row(for_user, scopes, make_interval(secs => expires_in::integer), 'user_direct', name, container,
                  coalesce(count::integer, 1), request_id, openclaw.setting('actor'))::openclaw.token_order;
  end if;
end
$$;

comment on function openclaw.front_order(openclaw.front_caller, text, text, text, text, text, text, text) is
  'What a caller of POST /v1/tokens asks for, or the answer that refuses.';

revoke all on function openclaw.front_order(openclaw.front_caller, text, text, text, text, text, text, text) from public;

create function openclaw.front_issued(orders openclaw.token_order[])
  returns table (place bigint, answer openclaw.http_answer)
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  -- Ids, scopes and tokens hold nothing that JSON would escape.
  return query
  select i.place, row(201, 'Content-Type: application/json', format(
    '{"tokens":[%s],"user_id":"%s","scope":"%s",%s"expires_at":%s,"expires_in":%s}',
    string_agg('{"token":"' || i.token || '","token_id":"' || i.token_id || '"}', ',' order by i.ordinal),
    i.user_id, array_to_string((orders[i.place]).scopes, ' '),
    '"container_id":"' || (orders[i.place]).container_id || '",',
    floor(extract(epoch from min(i.expires_at))),
    round(extract(epoch from min(i.expires_at) - clock_timestamp()))))::openclaw.http_answer
  from openclaw.issue_orders(orders, explain => false) as i group by i.place, i.user_id;
end
$$;

comment on function openclaw.front_issued(openclaw.token_order[]) is
  'issue_orders, with the answer to each order. Of several it does not say whose the refusal is: each is asked for by itself then.';

revoke all on function openclaw.front_issued(openclaw.token_order[]) from public;

create function openclaw.front_issue(caller openclaw.front_caller, wanted openclaw.token_order)
  returns openclaw.http_answer
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  given openclaw.http_answer;
  reason text;
  advice text;
begin
  select (i.answer).* into given from openclaw.front_issued(array[wanted]) as i;
  return given;
exception
  when no_data_found then
    get stacked diagnostics reason = pg_exception_detail;
    return openclaw.refuse_tokens(caller, 404, 'not_found', case reason
      when 'reason: unknown_container' then 'no such container' else 'no such user' end);
  when configuration_limit_exceeded then
    get stacked diagnostics reason = pg_exception_detail, advice = pg_exception_hint;
    return case reason
      when 'reason: rate_limited' then openclaw.refuse_tokens(
        caller, 429, 'temporarily_unavailable', 'the user''s plan allows no more tokens at the moment',
        'Retry-After: ' || substring(advice from '[0-9]+'))
      when 'reason: plan_tokens' then openclaw.refuse_tokens(
        caller, 403, 'access_denied', 'the user''s plan allows no more live tokens')
      when 'reason: plan_scopes' then openclaw.refuse_tokens(
        caller, 400, 'invalid_scope', 'the user''s plan does not allow every one of these scopes')
      else openclaw.refuse_tokens(
        caller, 400, 'invalid_request', 'the user''s plan does not allow so long a lifetime') end;
  when lock_not_available then
    return openclaw.http_error(503, 'temporarily_unavailable', 'the user is being changed', 'Retry-After: 1');
end
$$;

comment on function openclaw.front_issue(openclaw.front_caller, openclaw.token_order) is
  'The answer to one order, by itself: the tokens, or what is wrong with it.';

revoke all on function openclaw.front_issue(openclaw.front_caller, openclaw.token_order) from public;

create function openclaw.front_issues(
    http_authorization text[], client_certificate text[], client_id text[], client_secret text[],
    client_assertion_type text[], client_assertion text[], user_id text[], scope text[],
    expires_in text[], name text[], container_id text[], count text[], request_id text[])
  returns setof openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  request record;
  brought text;
  proven text[] := '{}';
  callers openclaw.front_caller[];
  actors text[];
  known integer;
  ignored text;
  asked record;
  answers openclaw.http_answer[];
  orders openclaw.token_order[] := '{}';
  places bigint[] := '{}';
  owners integer[] := '{}';
  waits text := current_setting('lock_timeout');
  issued record;
  all_issued boolean := false;
begin
  perform openclaw.require_primary();
  for request in
    select r.* from unnest(http_authorization, client_certificate, client_id, client_secret, client_assertion_type,
                           client_assertion, user_id, scope, expires_in, name, container_id, count, request_id)
      with ordinality as r(http_authorization, client_certificate, client_id, client_secret, client_assertion_type,
                           client_assertion, user_id, scope, expires_in, name, container_id, count, request_id, n)
  loop
    ignored := set_config('openclaw.request_id', coalesce(request.request_id, ''), true);
    -- Who is proven once need not be for the next request of the statement; an assertion is used up.
    brought := row(request.http_authorization, request.client_certificate, request.client_id, request.client_secret,
                   request.client_assertion_type, request.client_assertion)::text;
    known := array_position(proven, brought);
    if known is null then
      known := cardinality(proven) + 1;
      callers[known] := openclaw.front_caller(
        request.http_authorization, request.client_certificate, request.client_id, request.client_secret,
        request.client_assertion_type, request.client_assertion, 'openclaw:issue');
      if ((callers[known]).refusal).status is not null then
        answers[request.n] := (callers[known]).refusal;
        continue;
      end if;
      actors[known] := openclaw.setting('actor');
      proven[known] := case when request.client_assertion is null then brought else '' end;
    else
      ignored := set_config('openclaw.actor', actors[known], true);
    end if;
    asked := openclaw.front_order(callers[known], request.user_id, request.scope, request.expires_in, request.name,
                                  request.container_id, request.count, request.request_id);
    if (asked.refusal).status is not null then
      answers[request.n] := asked.refusal;
    else
      orders := orders || asked.wanted;
      places := places || request.n;
      owners := owners || known;
    end if;
  end loop;

  -- All together; where one is refused, each by itself.
  if cardinality(orders) > 1 then
    select array_agg(orders[i] order by (orders[i]).user_id collate "C", i),
           array_agg(places[i] order by (orders[i]).user_id collate "C", i),
           array_agg(owners[i] order by (orders[i]).user_id collate "C", i)
    into orders, places, owners from generate_subscripts(places, 1) as i;
    -- Nobody waits for long where it is a neighbour's user that somebody else's transaction holds.
    ignored := set_config('lock_timeout', '250ms', true);
    begin
      for issued in select i.place, i.answer from openclaw.front_issued(orders) as i loop
        answers[places[issued.place]] := issued.answer;
      end loop;
      all_issued := true;
    exception when no_data_found or configuration_limit_exceeded or lock_not_available then
      null;
    end;
  end if;
  if not all_issued then
    for i in 1..cardinality(orders) loop
      ignored := set_config('openclaw.request_id', coalesce((orders[i]).request_id, ''), true);
      ignored := set_config('openclaw.actor', actors[owners[i]], true);
      answers[places[i]] := openclaw.front_issue(callers[owners[i]], orders[i]);
    end loop;
  end if;
  ignored := set_config('openclaw.request_id', '', true);
  ignored := set_config('openclaw.actor', '', true);
  ignored := set_config('lock_timeout', waits, true);
  return query select a.status, a.headers, a.body from unnest(answers) as a;
end
$$;

comment on function openclaw.front_issues(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[]) is
  'POST /v1/tokens of many requests, one element and one answer each, in order; an array that is null as a whole, but the first, is null for each. Each issues count (default 1, up to 1000) opaque tokens of one user, with scope, expires_in (seconds), name and container_id, to an OAuth client or a harness that has openclaw:issue and reaches the user; scope lies within the caller''s own and holds no openclaw:…. 201 with the tokens, or 400, 403, 404, 429 or 503 as OAuth writes errors. A refusal concerns its request alone; the others are issued in one transaction. Errors: 25006.';

revoke all on function openclaw.front_issues(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[]) from public;

-- An opaque token is good for the container it is bound to, or for its user's containers.
create function openclaw.front_verifications(http_authorization text[], audience text[], scope text[])
  returns setof openclaw.http_answer
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_front_verifications';

comment on function openclaw.front_verifications(text[], text[], text[]) is
  '/v1/verify of many requests, one element and one answer each, in order, for a proxy''s subrequests: whether the forwarded bearer token, a JWT or a user_direct opaque one, opens the container whose endpoint is audience, with every scope. 200 with X-OpenClaw-User-Id, -Container-Id and -Scope; 401 or 403 with the challenge (RFC 6750 section 3). Errors: 2202E, 54000 for more than 1024 requests.';

revoke all on function openclaw.front_verifications(text[], text[], text[]) from public;

create function openclaw.front_record_token_use(token_ids text) returns openclaw.http_answer
  language sql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select openclaw.http_json(200, json_build_object('recorded', openclaw.record_token_use(token_ids::text[])))
  $$;

comment on function openclaw.front_record_token_use(text) is
  'record_token_use() of what take_used_tokens() gave the front, as the text of that array; no request reaches it. Errors: 22P02, 25006, 54000.';

revoke all on function openclaw.front_record_token_use(text) from public;

create function openclaw.wal_position(out cluster bigint, out timeline bigint, out reached bigint,
                                      out standby boolean)
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_wal_position';

comment on function openclaw.wal_position() is
  'Where this server stands, for the front, which bounds by it how far a standby is behind: the system identifier, the timeline, and the byte of the WAL up to which a primary has written (and flushed now) or a standby has replayed.';

revoke all on function openclaw.wal_position() from public;

-- Who may call what: capabilities, granted to roles.

create or replace function openclaw.capability_routines(capability text) returns setof regprocedure
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select p.oid::regprocedure
    from pg_proc as p
    join (values
      ('verifier', '{verify_token,verify_tokens,verify_jwt,introspect,introspect_access_token,jwks,
                    status_list,take_used_tokens}'::name[]),
      ('session', '{begin_session,end_session,current_user_id,current_token_id,has_scope,sees_every_row}'),
      ('issuer', '{create_user,disable_user,enable_user,erase_user,set_email,set_password,check_password,change_plan,plan_of,register_container,update_container,remove_container,issue_token,issue_tokens,
                  revoke_token,issue_access_token,issue_user_claim,connect,register_client,
                  rotate_client_secret,set_client_keys,disable_client,authenticate_client,
                  trusted_client,grant_client_credentials,exchange_token,refresh_access_token,
                  create_grant,revoke_grant,revoke_jwt,revoke_jwts_of,revoke_container_tokens,
                  revoke_user_tokens,record_token_use}'),
      ('admin', '{capability_routines,rotate_signing_key,revoke_signing_key,create_master_key,master_key_id,master_key_ids,
                 rotate_master_key,rewrap_signing_keys,retire_master_keys,maintain,doctor,define_plan,
                 change_plan,plan_of,revoke_token,revoke_jwt,revoke_jwts_of,revoke_grant,
                 revoke_container_tokens,revoke_user_tokens,disable_user,enable_user,erase_user,disable_client,
                 audit_verify,audit_head,current_user_id,sees_every_row}'),
      ('front', '{front_jwks,front_metadata,front_authorize,front_token,front_tokens,front_introspections,
                 front_introspection_lists,front_revoke,front_status_list,front_connect,front_issues,front_verifications,
                 front_maintain,front_ready,wal_position,take_used_tokens,front_record_token_use}')
    ) as c(name, routines) on p.proname = any (c.routines)
    where p.pronamespace = 'openclaw'::regnamespace and c.name = capability
  $$;

comment on function openclaw.capability_routines(text) is
  'The functions that a capability (verifier, session, issuer, admin, front) may call; none for an unknown one.';

create function openclaw.capability_views(capability text) returns setof regclass
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select c.oid::regclass
    from pg_class as c
    join (values
      ('session', '{user_overview,token_overview,container_overview,client_overview,grant_overview,
                    audit_recent}'::name[]),
      ('admin', '{user_overview,token_overview,container_overview,client_overview,grant_overview,
                  audit_recent,key_status,stats,capabilities}')
    ) as v(name, views) on c.relname = any (v.views)
    where c.relnamespace = 'openclaw'::regnamespace and v.name = capability
  $$;

comment on function openclaw.capability_views(text) is
  'The views that a capability may read.';

revoke all on function openclaw.capability_views(text) from public;

create view openclaw.capabilities with (security_barrier) as
  select r.oid::regrole as role, n.name as capability
  from pg_roles as r, unnest(array['verifier', 'session', 'issuer', 'admin', 'front']) as n(name)
  where not r.rolsuper and has_schema_privilege(r.oid, 'openclaw', 'usage')
    and not exists (select from openclaw.capability_routines(n.name) as c(routine)
                    where not has_function_privilege(r.oid, c.routine, 'execute'))
  order by 1, 2;

comment on view openclaw.capabilities is
  'Which role has which capability, by itself or through a role that it is a member of. Superusers, who may do everything, are left out.';

revoke all on openclaw.capabilities from public;

create function openclaw.require_capability(capability text) returns void
  language plpgsql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if not exists (select from openclaw.capability_routines(capability)) then
    raise exception 'unknown capability' using errcode = '22023',
      hint = 'Use verifier, session, issuer, admin or front.';
  end if;
end
$$;

comment on function openclaw.require_capability(text) is 'Raises 22023 for an unknown capability.';

revoke all on function openclaw.require_capability(text) from public;

create or replace function openclaw.grant_access(role regrole, capability text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  routine regprocedure;
  opened regclass;
begin
  perform openclaw.require_primary();
  perform openclaw.require_capability(capability);
  execute format('grant usage on schema openclaw to %s', role);
  for opened in select openclaw.capability_views(capability) loop
    execute format('grant select on %s to %s', opened, role);
  end loop;
  for routine in select openclaw.capability_routines(capability) loop
    execute format('grant execute on function %s to %s', routine, role);
  end loop;
  -- Tokens and passwords come as parameters: a logged statement must not show them.
  execute format('alter role %s set log_parameter_max_length = 0', role);
  execute format('alter role %s set log_parameter_max_length_on_error = 0', role);
  perform openclaw.audit('grant_access', null, role::text || ' ' || capability);
end
$$;

comment on function openclaw.grant_access(regrole, text) is
  'Gives a role one capability: verifier (checks tokens), session (row-level security by token, and the views with the user''s own rows), issuer (users, sign-in, containers, tokens), admin (keys, plans, endings of every kind, audit, doctor, every row of the views; it issues nothing), front (what the HTTP front calls). Keeps the role''s parameters out of the server''s log. Run it as a superuser. Errors: 22023 for an unknown capability, 42501 without the right to grant.';

create function openclaw.revoke_access(role regrole, capability text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  -- What the role has by itself: what comes through another one needs no grant of its own.
  former text[] := array(
    select n.name from unnest(array['verifier', 'session', 'issuer', 'admin', 'front']) as n(name)
    where n.name <> capability and not exists (
      select from openclaw.capability_routines(n.name) as c(routine) join pg_proc as p on p.oid = c.routine
      where not exists (select from aclexplode(p.proacl) as a
                        where a.grantee = revoke_access.role and a.privilege_type = 'EXECUTE')));
  routine regprocedure;
  opened regclass;
begin
  perform openclaw.require_primary();
  perform openclaw.require_capability(capability);
  -- What another capability of the role opens too, it keeps.
  for routine in select openclaw.capability_routines(capability)
                 except select openclaw.capability_routines(f) from unnest(former) as f loop
    execute format('revoke execute on function %s from %s', routine, role);
  end loop;
  for opened in select openclaw.capability_views(capability)
                except select openclaw.capability_views(f) from unnest(former) as f loop
    execute format('revoke select on %s from %s', opened, role);
  end loop;
  if not exists (select from pg_proc as p, aclexplode(p.proacl) as a
                 where p.pronamespace = 'openclaw'::regnamespace and a.grantee = revoke_access.role) then
    execute format('revoke usage on schema openclaw from %s', role);
  end if;
  perform openclaw.audit('revoke_access', null, role::text || ' ' || capability);
end
$$;

comment on function openclaw.revoke_access(regrole, text) is
  'Takes from a role what grant_access gave it, but for what another of its capabilities opens too. What it has through other roles stays. Run it as a superuser. Errors: 22023 for an unknown capability.';

revoke all on function openclaw.revoke_access(regrole, text) from public;

create function openclaw.excess_privileges() returns text
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    with granted as (
      select a.grantee, 'openclaw.' || c.relname as what, a.privilege_type,
             a.privilege_type = 'SELECT' and exists (
               select from unnest(array['session', 'admin']) as n
               where c.oid in (select openclaw.capability_views(n))) as usual
      from pg_class as c, aclexplode(c.relacl) as a
      where c.relnamespace = 'openclaw'::regnamespace and a.grantee <> c.relowner
      union all
      select a.grantee, format('openclaw.%s.%s', c.relname, t.attname), a.privilege_type, false
      from pg_attribute as t join pg_class as c on c.oid = t.attrelid, aclexplode(t.attacl) as a
      where c.relnamespace = 'openclaw'::regnamespace and a.grantee <> c.relowner
      union all
      select a.grantee, format('openclaw.%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), a.privilege_type,
             not a.is_grantable and exists (
               select from unnest(array['verifier', 'session', 'issuer', 'admin', 'front']) as n
               where p.oid in (select openclaw.capability_routines(n)))
      from pg_proc as p, aclexplode(p.proacl) as a
      where p.pronamespace = 'openclaw'::regnamespace and a.grantee <> p.proowner and a.grantee <> 0
      union all
      select a.grantee, 'schema openclaw', a.privilege_type, a.privilege_type = 'USAGE' and not a.is_grantable
      from pg_namespace as n, aclexplode(n.nspacl) as a
      where n.oid = 'openclaw'::regnamespace and a.grantee <> n.nspowner
    ), said as (
      select format('%s has %s on %s', case g.grantee when 0 then 'PUBLIC' else g.grantee::regrole::text end,
                    g.privilege_type, g.what) as problem
      from granted as g where not g.usual
      union all
      select format('%s has capability session and passes row-level security by (BYPASSRLS)', c.role)
      from openclaw.capabilities as c join pg_roles as r on r.oid = c.role
      where c.capability = 'session' and r.rolbypassrls
      union all
      select format('%s has capability front and %s', c.role, string_agg(o.capability, ', '))
      from openclaw.capabilities as c join openclaw.capabilities as o on o.role = c.role and o.capability <> 'front'
      where c.capability = 'front' group by c.role
    )
    select string_agg(s.problem, '; ' order by s.problem) from said as s
  $$;

comment on function openclaw.excess_privileges() is
  'One of doctor()''s checks: rights that no capability gives, and capabilities that do not go together. Null when there is none.';

revoke all on function openclaw.excess_privileges() from public;

create or replace function openclaw.doctor()
  returns table (check_name text, ok boolean, detail text, remedy text)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  installed text := (select e.extversion from pg_extension as e where e.extname = 'openclaw');
  master record := openclaw.check_master_key();
  logging_roles text := (
    select string_agg(r.rolname, ', ' order by r.rolname)
    from pg_roles as r
    where current_setting('log_parameter_max_length') <> '0' and r.rolcanlogin and not r.rolsuper
      and exists (select from pg_proc as p
                  where p.pronamespace = 'openclaw'::regnamespace
                    and has_schema_privilege(r.oid, 'openclaw', 'usage')
                    and has_function_privilege(r.oid, p.oid, 'execute'))
      and not coalesce(r.rolconfig @> array['log_parameter_max_length=0'], false));
  without_successor text := (
    select string_agg(a.alg, ', ') from openclaw.algorithms_without_successor(clock_timestamp()) as a(alg));
  public_routines text := (
    select string_agg(p.oid::regprocedure::text, ', ')
    from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
    where p.pronamespace = 'openclaw'::regnamespace and a.grantee = 0);
  -- What the install script lays down, for each table; a partition's triggers are its parent's.
  open_tables text := (
    select string_agg(c.relname, ', ' order by c.relname)
    from pg_class as c
    where c.relnamespace = 'openclaw'::regnamespace and c.relkind in ('r', 'p') and not c.relrowsecurity);
  missing_policies text := (
    select string_agg(w.relation, ', ')
    from unnest(array['users', 'containers', 'api_tokens', 'oauth_clients', 'grants', 'audit_log']) as w(relation)
    where not exists (select from pg_policy as p
                      where p.polname = 'own_rows' and p.polrelid = to_regclass('openclaw.' || w.relation)));
  too_much text := openclaw.excess_privileges();
  this_month timestamptz := date_trunc('month', now() at time zone 'UTC') at time zone 'UTC';
  -- Before maintain() ever ran there is none; the month of installation needs none.
  month_without_partition boolean := not exists (
      select from openclaw.audit_months() as m where m.lower > this_month)
    and (exists (select from openclaw.audit_months())
         or exists (select from openclaw.audit_log_default as d where d.at < this_month));
  -- Where the clock was ahead once, rows get that time until it is reached.
  ahead timestamptz := (
    select greatest((openclaw.audit_head()).upper, (select m.upper from openclaw.audit_marks as m)));
  not_sealed timestamptz := (
    select min(a.at) from openclaw.audit_log as a
    where a.at >= coalesce((openclaw.audit_head()).upper, '-infinity'));
  on_primary text := case when pg_is_in_recovery() then 'On the primary: ' else '' end;
  missing_triggers text := (
    select string_agg(w.name || ' on ' || w.relation, ', ')
    from (values ('append_only', 'audit_log'), ('append_only', 'audit_log_default'),
                 ('never_truncated', 'audit_log'), ('never_truncated', 'audit_log_default'),
                 ('append_only', 'audit_blocks'), ('never_truncated', 'audit_blocks'),
                 ('plan_changed', 'users'), ('plan_changed', 'plans'),
                 ('end_tokens', 'users'), ('end_tokens', 'containers'),
                 ('invalidate_caches', 'signing_keys')) as w(name, relation)
    where not exists (select from pg_trigger as t
                      where t.tgname = w.name and t.tgenabled in ('O', 'A')
                        and t.tgrelid = to_regclass('openclaw.' || w.relation)));
begin
  return query
  with checks(check_name, ok, detail, remedy) as (
    values
      ('versions', installed = openclaw.library_version(),
       format('SQL objects %s, loaded module %s', installed, openclaw.library_version()),
       'alter extension openclaw update; then reconnect, so that the new module is loaded.'),
      ('issuer', openclaw.setting('issuer') <> '',
       case openclaw.setting('issuer') when '' then 'openclaw.issuer is not set'
       else openclaw.setting('issuer') end,
       'alter system set openclaw.issuer = ''https://…''; select pg_reload_conf();'),
      ('master_key', master.ok, master.detail,
       'Restore the master key''s file from its backup (mode 0600, owned by the server''s user); if it is lost for good, move the file away, make a new one with openclaw.create_master_key(), and call openclaw.rotate_signing_key() for each algorithm: what was signed stays good, and the new keys sign once every verifier can have them (with activate_after => ''0'' at once).'),
      ('signing_key',
       exists (select from openclaw.signing_keys as k
               where k.alg = 'EdDSA' and k.revoked_at is null
                 and k.activates_at <= clock_timestamp()
                 and (k.retires_at is null or k.retires_at > clock_timestamp())),
       (select format('%s active, %s published',
                      count(*) filter (where k.activates_at <= clock_timestamp()
                                         and (k.retires_at is null or k.retires_at > clock_timestamp())),
                      count(*))
        from openclaw.signing_keys as k
        where k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())),
       on_primary || 'select openclaw.rotate_signing_key(''EdDSA'');'),
      ('key_successors', without_successor is null,
       coalesce('no pending key for ' || without_successor, 'every algorithm in use has its next key'),
       on_primary || 'select openclaw.maintain(); see to it that openclaw-front or pg_cron calls it every minute.'),
      ('logged_parameters', logging_roles is null,
       coalesce('a logged statement would show the tokens that these roles pass: ' || logging_roles,
                'no role''s token parameters reach the log'),
       'alter system set log_parameter_max_length = 0; or give roles their rights with openclaw.grant_access(), which sets it for them.'),
      ('public_access', public_routines is null,
       coalesce('PUBLIC may call ' || public_routines, 'PUBLIC may call nothing'),
       on_primary || 'revoke execute on all functions in schema openclaw from public;'),
      ('excess_privileges', too_much is null,
       coalesce(too_much, 'no role has more than grant_access gives'),
       on_primary || 'revoke what is listed; openclaw.grant_access() gives a role what it needs, openclaw.revoke_access() takes it back.'),
      ('row_security', open_tables is null and missing_policies is null,
       coalesce('row-level security is off for ' || open_tables, 'no policy own_rows on ' || missing_policies,
                'every table is under row-level security'),
       on_primary || 'alter table … enable row level security; a dropped policy stands in the extension''s script.'),
      ('audit_partitions', not month_without_partition,
       case when month_without_partition then 'the audit log has no partition for the month that comes'
            else 'the months that come have their partitions' end,
       on_primary || 'select openclaw.maintain(); see to it that openclaw-front or pg_cron calls it every minute: it makes partitions two months ahead.'),
      ('audit_sealing', coalesce(not_sealed > now() - interval '1 hour', true)
                        and coalesce(ahead <= clock_timestamp() + interval '1 minute', true),
       case when ahead > clock_timestamp() + interval '1 minute'
         then to_char(ahead at time zone 'UTC', '"the clock was ahead: audit rows get the time "YYYY-MM-DD HH24:MI" UTC until then"')
         else coalesce(to_char(not_sealed at time zone 'UTC', '"audit rows are not sealed since "YYYY-MM-DD HH24:MI" UTC"'),
                       'every audit row is sealed') end,
       on_primary || 'see to it that openclaw-front or pg_cron calls openclaw.maintain() every minute, and look for a transaction, a prepared one too, that wrote an audit row and was never ended: select pid, virtualtransaction from pg_locks where relation = ''openclaw.audit_log''::regclass; table pg_prepared_xacts; A clock that was ahead mends itself with time.'),
      ('triggers', missing_triggers is null,
       coalesce('missing or disabled: ' || missing_triggers, 'every trigger stands'),
       on_primary || 'alter table … enable trigger …; a dropped one stands in the extension''s script; without them the audit log is not append-only, ended users keep tokens, and sessions keep revoked keys.')
  )
  select c.check_name, coalesce(c.ok, false), c.detail, case when c.ok then '' else c.remedy end
  from checks as c;
end
$$;

-- Grants again.
do $$
declare
  given record;
begin
  for given in select * from json_to_recordset(current_setting('openclaw_update.grants')::json)
                        as g(object text, role text, privilege text, option boolean) loop
    continue when case when given.object like 'function %' then to_regprocedure(substr(given.object, 10))::oid
                  else to_regclass(substr(given.object, 7))::oid end is null;
    execute format('grant %s on %s to %s%s', given.privilege, given.object, given.role,
                   case when given.option then ' with grant option' else '' end);
  end loop;
  perform openclaw.grant_access(g.role::regrole, g.capability)
  from json_to_recordset(current_setting('openclaw_update.capabilities')::json) as g(role text, capability text);
end
$$;

-- What is granted while an extension's script runs counts as granted by the extension itself, which
-- pg_dump leaves out: after a restore these roles would have nothing. So that is taken back, and in
-- Postgres 17 and later that these privileges depend on the roles, too.
do $$
begin
  delete from pg_shdepend as s
  using pg_init_privs as i
  where s.dbid = (select d.oid from pg_database as d where d.datname = current_database())
    and s.deptype = 'i' and s.classid = i.classoid and s.objid = i.objoid
    and exists (select from pg_depend as d join pg_extension as e on e.oid = d.refobjid
                where d.classid = i.classoid and d.objid = i.objoid and d.deptype = 'e'
                  and e.extname = 'openclaw' and s.refobjid <> e.extowner);
  update pg_init_privs as i
  set initprivs = array(
    select x.item from unnest(i.initprivs) as x(item)
    where (select a.grantee from aclexplode(array[x.item]) as a limit 1) in (0, e.extowner))
  from pg_depend as d join pg_extension as e on e.oid = d.refobjid
  where d.classid = i.classoid and d.objid = i.objoid and d.deptype = 'e' and e.extname = 'openclaw'
    and exists (select from aclexplode(i.initprivs) as a where a.grantee not in (0, e.extowner));
  delete from pg_init_privs as i using pg_namespace as n
  where i.classoid = 'pg_namespace'::regclass and i.objoid = n.oid and n.nspname = 'openclaw'
    and i.initprivs = acldefault('n', n.nspowner);
end
$$;
