-- The doctor: what is wrong with this installation, and how to mend it.

create function openclaw.check_master_key(out ok boolean, out detail text)
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  id text;
  foreign_keys bigint;
begin
  id := openclaw.master_key_id();
  select count(*) into foreign_keys from openclaw.signing_keys as k
  where k.master_key_id <> id and k.revoked_at is null
    and (k.retires_at is null or k.retires_at > clock_timestamp());
  ok := foreign_keys = 0;
  detail := case when ok then 'master key ' || id || ' opens every key in use'
            else foreign_keys || ' signing keys in use are sealed under another master key than '
                 || id end;
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
       'Restore the master key''s file from its backup (mode 0600, owned by the server''s user); if it is lost for good, make a new one with openclaw.create_master_key() and rotate every signing key.'),
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
      ('logged_parameters',
       not exists (
         select from pg_roles as r
         where not r.rolsuper
           and has_function_privilege(r.oid, 'openclaw.verify_token(text, text[])', 'execute')
           and not coalesce(r.rolconfig @> array['log_parameter_max_length=0'], false))
         or current_setting('log_parameter_max_length') = '0',
       'log_parameter_max_length is ' || current_setting('log_parameter_max_length')
         || ' for roles that pass tokens as parameters: a logged statement would show them',
       'alter system set log_parameter_max_length = 0; or give roles their rights with openclaw.grant_access(), which sets it for them.'),
      ('public_access',
       not exists (
         select from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
         where p.pronamespace = 'openclaw'::regnamespace and a.grantee = 0),
       'whether PUBLIC may call any function of the extension',
       'revoke execute on all functions in schema openclaw from public;'),
      ('append_only',
       (select count(*) >= 3 from pg_trigger as t
        where t.tgname in ('append_only', 'never_truncated') and not t.tgisinternal
          and t.tgenabled in ('O', 'A')
          and t.tgrelid in ('openclaw.audit_log'::regclass, 'openclaw.audit_log_default'::regclass)),
       'whether the triggers that keep the audit log append-only stand',
       'alter table openclaw.audit_log enable trigger all; and the same for its partitions.'),
      ('cache_invalidation',
       exists (select from pg_trigger as t
               where t.tgrelid = 'openclaw.signing_keys'::regclass
                 and t.tgname = 'invalidate_caches' and t.tgenabled in ('O', 'A')),
       'whether a change of signing_keys reaches the keys that sessions hold',
       'alter table openclaw.signing_keys enable trigger invalidate_caches;')
  )
  select c.check_name, coalesce(c.ok, false), c.detail, case when c.ok then '' else c.remedy end
  from checks as c;
end
$$;
comment on function openclaw.doctor() is
  'One row for each check of the installation: whether it holds, what was seen, and the mend where it does not. Changes nothing.';
revoke all on function openclaw.doctor() from public;
