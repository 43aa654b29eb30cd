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

create function openclaw.maintain() returns table (task text, done bigint)
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
revoke all on function openclaw.maintain() from public;
