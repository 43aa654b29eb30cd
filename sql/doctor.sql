-- The doctor: what is wrong with this installation, and how to mend it.

create function openclaw.check_master_key(out ok boolean, out detail text)
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  ids text[];
  foreign_keys bigint;
begin
  ids := openclaw.master_key_ids();
  select count(*) into foreign_keys from openclaw.signing_keys as k
  where k.master_key_id <> all (ids) and k.revoked_at is null
    and (k.retires_at is null or k.retires_at > clock_timestamp());
  perform openclaw.rewrap_key(k.kid, k.alg, k.sealed_private_key, k.master_key_id)
  from openclaw.signing_keys as k
  where k.master_key_id = any (ids) and k.revoked_at is null
    and (k.retires_at is null or k.retires_at > clock_timestamp());
  ok := foreign_keys = 0;
  detail := case when ok then 'master key ' || array_to_string(ids, ', ') || ' opens every key in use'
            else foreign_keys || ' signing keys in use are sealed under a master key that the file does not hold; it holds '
                 || array_to_string(ids, ', ') end;
exception when sqlstate 'F0000' or sqlstate '55000' then
  ok := false;
  detail := sqlerrm;
end
$$;
comment on function openclaw.check_master_key() is
  'One of doctor()''s checks: the master key can be read and opens every key that signs.';
revoke all on function openclaw.check_master_key() from public;

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

create function openclaw.doctor()
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
comment on function openclaw.doctor() is
  'One row for each check of the installation: whether it holds, what was seen, and the mend where it does not. Changes nothing.';
revoke all on function openclaw.doctor() from public;
