-- The audit log: one row for each change of state, in its transaction.

create function openclaw.audit(action text, user_id text, target text,
                               outcome text default 'success', reason text default null)
  returns void
  language sql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    insert into openclaw.audit_log (action, user_id, target, outcome, reason, request_id)
    values (action, user_id, target, outcome, reason, nullif(openclaw.setting('request_id'), ''))
  $$;
comment on function openclaw.audit(text, text, text, text, text) is
  'Adds an audit row: action and outcome, whose (user_id), which (target is an id, never a token), and openclaw.request_id of the transaction.';
revoke all on function openclaw.audit(text, text, text, text, text) from public;

create function openclaw.audit_log_is_append_only() returns trigger
  language plpgsql
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  raise exception 'openclaw.audit_log is append-only' using errcode = '42501';
end
$$;
comment on function openclaw.audit_log_is_append_only() is
  'Trigger: refuses UPDATE, DELETE and TRUNCATE of audit rows with 42501.';
revoke all on function openclaw.audit_log_is_append_only() from public;

create trigger append_only before update or delete on openclaw.audit_log
  for each row execute function openclaw.audit_log_is_append_only();
create trigger never_truncated before truncate on openclaw.audit_log
  for each statement execute function openclaw.audit_log_is_append_only();
create trigger never_truncated before truncate on openclaw.audit_log_default
  for each statement execute function openclaw.audit_log_is_append_only();
