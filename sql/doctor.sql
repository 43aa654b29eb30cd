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
  missing_triggers text := (
    select string_agg(w.name || ' on ' || w.relation, ', ')
    from (values ('append_only', 'audit_log'), ('append_only', 'audit_log_default'),
                 ('never_truncated', 'audit_log'), ('never_truncated', 'audit_log_default'),
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
       'select openclaw.rotate_signing_key(''EdDSA'');'),
      ('key_successors', without_successor is null,
       coalesce('no pending key for ' || without_successor, 'every algorithm in use has its next key'),
       'select openclaw.maintain(); see to it that openclaw-front or pg_cron calls it every minute.'),
      ('logged_parameters', logging_roles is null,
       coalesce('a logged statement would show the tokens that these roles pass: ' || logging_roles,
                'no role''s token parameters reach the log'),
       'alter system set log_parameter_max_length = 0; or give roles their rights with openclaw.grant_access(), which sets it for them.'),
      ('public_access', public_routines is null,
       coalesce('PUBLIC may call ' || public_routines, 'PUBLIC may call nothing'),
       'revoke execute on all functions in schema openclaw from public;'),
      ('triggers', missing_triggers is null,
       coalesce('missing or disabled: ' || missing_triggers, 'every trigger stands'),
       'alter table … enable trigger …; a dropped one stands in the extension''s script; without them the audit log is not append-only, ended users keep tokens, and sessions keep revoked keys.')
  )
  select c.check_name, coalesce(c.ok, false), c.detail, case when c.ok then '' else c.remedy end
  from checks as c;
end
$$;
comment on function openclaw.doctor() is
  'One row for each check of the installation: whether it holds, what was seen, and the mend where it does not. Changes nothing.';
revoke all on function openclaw.doctor() from public;
