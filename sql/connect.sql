-- All that the harness needs for one call.

create function openclaw.connect(
    user_id text, container_id text, scopes text[],
    out mcp_endpoint text, out type text, out auth_method text, out headers json,
    out client_certificate boolean, out public_key_fingerprint text, out expires_at timestamptz,
    out refresh_at timestamptz)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  container record;
  signed record;
begin
  select c.mcp_endpoint, c.type, c.auth_method, c.public_key_fingerprint into container
  from openclaw.containers as c
  where c.id = connect.container_id and c.user_id = connect.user_id and c.disabled_at is null;
  if not found then
    raise exception 'no such container' using errcode = 'P0002', detail = 'reason: unknown_container';
  end if;
  if container.auth_method = 'api_key' then
    raise exception 'this container takes only API keys, which its owner manages'
      using errcode = '0A000', hint = 'Register it with auth_method platform_token.';
  end if;

  if container.type = 'hosted' then
    signed := openclaw.issue_user_claim(connect.user_id, connect.container_id, connect.scopes);
    headers := json_build_object('X-OpenClaw-User-Claim', signed.token);
  else
    signed := openclaw.issue_access_token(connect.container_id, connect.scopes,
                                          user_id => connect.user_id);
    headers := json_build_object('Authorization', 'Bearer ' || signed.token);
  end if;
  mcp_endpoint := container.mcp_endpoint;
  type := container.type;
  auth_method := container.auth_method;
  client_certificate := container.type = 'hosted';
  public_key_fingerprint := container.public_key_fingerprint;
  expires_at := signed.expires_at;
  refresh_at := openclaw.refresh_time(signed.issued_at, signed.expires_at);
end
$$;
comment on function openclaw.connect(text, text, text[]) is
  'One call to a container: its endpoint, the headers to send (an access token or a user claim), whether TLS must show a client certificate, the pin of the server''s key, and when to ask again (refresh_at, at 80 % of the lifetime). Writes nothing. Errors: P0002 for a container that is unknown, disabled or another user''s, 0A000 for one that takes only API keys, 55000 and F0000 when no key can sign, 22023 for scopes, 53400 for those that the user''s plan does not allow.';
revoke all on function openclaw.connect(text, text, text[]) from public;
