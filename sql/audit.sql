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
create function openclaw.audit_log_is_append_only() returns trigger
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
revoke all on function openclaw.audit_log_is_append_only() from public;

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

create trigger append_only before update or delete on openclaw.audit_log
  for each row execute function openclaw.audit_log_is_append_only();
create trigger never_truncated before truncate on openclaw.audit_log
  for each statement execute function openclaw.audit_log_is_append_only();
create trigger never_truncated before truncate on openclaw.audit_log_default
  for each statement execute function openclaw.audit_log_is_append_only();
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
