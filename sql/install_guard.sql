-- The schema is made here and nowhere else: if anybody made one before, objects in it could shadow
-- ours, and the install stops with "schema already exists".
do $$
begin
  if pg_catalog.current_setting('server_encoding') <> 'UTF8' then
    raise exception 'openclaw needs a database with encoding UTF8, this one has %',
      pg_catalog.current_setting('server_encoding')
      using errcode = '0A000',
            hint = 'create database … encoding ''UTF8'' template template0';
  end if;
end
$$;

create schema openclaw;
comment on schema openclaw is
  'OpenClaw: tokens, scopes, expiry and JWTs for access to MCP servers in containers.';
