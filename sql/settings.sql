-- Settings, ids and randomness from the C++ module.

create function openclaw.setting(name text) returns text
  language c stable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_setting';
comment on function openclaw.setting(text) is
  'The value of openclaw.NAME with its unit, as SHOW gives it; loads the module, so that its defaults are known. Errors: 42704 for an unknown name.';
revoke all on function openclaw.setting(text) from public;

create function openclaw.library_version() returns text
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_library_version';
comment on function openclaw.library_version() is
  'The version of the loaded module. doctor() compares it with the version of the SQL objects.';
revoke all on function openclaw.library_version() from public;

create function openclaw.new_id(prefix text) returns text
  language c volatile strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_new_id';
comment on function openclaw.new_id(text) is
  'PREFIX_ and 128 random bits in 22 characters of base62.';
revoke all on function openclaw.new_id(text) from public;

create function openclaw.max_jwt_lifetime() returns interval
  language sql immutable parallel safe
  set search_path = pg_catalog, openclaw, pg_temp
  as $$ select interval '1 hour' $$;
comment on function openclaw.max_jwt_lifetime() is
  'The longest lifetime of any JWT. A key stays published for this long after it stopped signing.';
revoke all on function openclaw.max_jwt_lifetime() from public;

create function openclaw.require_primary() returns void
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_require_primary';
comment on function openclaw.require_primary() is
  'Raises 25006 with what to do where nothing can be written. The first act of whatever writes.';
revoke all on function openclaw.require_primary() from public;
