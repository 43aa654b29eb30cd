-- What the front serves of our own: connect, verification for proxies, readiness, upkeep.

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

create function openclaw.front_connect(http_authorization text, user_id text, container_id text,
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
comment on function openclaw.front_connect(text, text, text, text) is
  'POST /v1/connect: connect() for a harness. user_id defaults to the harness token''s user, scope to all of its scopes but openclaw:…; times are NumericDates. A container that is unknown or out of reach is 404, one that takes only API keys 400 invalid_target (RFC 8707 section 2); without a key that can sign it is 503.';
revoke all on function openclaw.front_connect(text, text, text, text) from public;

-- An opaque token is good for the container it is bound to, or for its user's containers.
create function openclaw.check_bearer(token text, audience text, scopes text[],
                                      out valid boolean, out reason text, out user_id text,
                                      out container_id text, out granted text[])
  language plpgsql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  jwt openclaw.jwt_verification;
  opaque openclaw.token_verification;
begin
  if strpos(token, '.') > 0 then
    jwt := openclaw.verify_jwt(token, audience, scopes);
    valid := jwt.valid;
    reason := jwt.reason;
    user_id := jwt.user_id;
    container_id := jwt.container_id;
    granted := jwt.scopes;
    return;
  end if;
  opaque := openclaw.verify_token(token, scopes);
  valid := opaque.valid;
  reason := opaque.reason;
  if not valid then
    return;
  end if;
  select c.id into container_id
  from openclaw.containers as c
  where c.user_id = opaque.user_id and c.mcp_endpoint = check_bearer.audience
    and c.disabled_at is null and c.id = coalesce(opaque.container_id, c.id)
    and opaque.issued_for = 'user_direct';
  if not found then
    valid := false;
    reason := 'wrong_audience';
    return;
  end if;
  user_id := opaque.user_id;
  granted := opaque.scopes;
end
$$;
comment on function openclaw.check_bearer(text, text, text[]) is
  'Whether a bearer token, JWT or user_direct opaque, opens the container with this endpoint.';
revoke all on function openclaw.check_bearer(text, text, text[]) from public;

create function openclaw.front_verify(http_authorization text, audience text, scope text)
  returns openclaw.http_answer
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  scopes text[] := openclaw.parse_scopes(coalesce(scope, ''));
  checked record;
begin
  if audience is null or octet_length(audience) > 2048 then
    return openclaw.http_error(400, 'invalid_request',
                               'the parameter audience is missing or too long');
  end if;
  if scopes is null or array_to_string(scopes, ' ') like '%*%' then
    return openclaw.http_error(400, 'invalid_scope', 'scope must be a list of area:action');
  end if;
  checked := openclaw.check_bearer(openclaw.bearer_token(http_authorization), audience, scopes);
  if not checked.valid then
    return openclaw.bearer_refusal(http_authorization, checked.reason, array_to_string(scopes, ' '));
  end if;
  return openclaw.http_json(
    200,
    json_build_object('user_id', checked.user_id, 'container_id', checked.container_id,
                      'scope', array_to_string(checked.granted, ' ')),
    concat_ws(e'\n', 'X-OpenClaw-User-Id: ' || checked.user_id,
              'X-OpenClaw-Container-Id: ' || checked.container_id,
              'X-OpenClaw-Scope: ' || array_to_string(checked.granted, ' ')));
end
$$;
comment on function openclaw.front_verify(text, text, text) is
  '/v1/verify, for a proxy''s subrequest: whether the forwarded bearer token opens the container whose endpoint is audience, with every scope. 200 with X-OpenClaw-User-Id, -Container-Id and -Scope; 401 or 403 with the challenge (RFC 6750 section 3).';
revoke all on function openclaw.front_verify(text, text, text) from public;

create function openclaw.front_maintain() returns openclaw.http_answer
  language sql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select openclaw.http_json(200, coalesce(json_object_agg(m.task, m.done), '{}'))
    from openclaw.maintain() as m
  $$;
comment on function openclaw.front_maintain() is
  'maintain(), which the front calls every so often; no request reaches it.';
revoke all on function openclaw.front_maintain() from public;

create function openclaw.front_ready() returns openclaw.http_answer
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  missing text := case
    when openclaw.setting('issuer') = '' then 'issuer'
    when not exists (select from openclaw.signing_keys as k
                     where k.revoked_at is null and k.activates_at <= clock_timestamp()
                       and (k.retires_at is null or k.retires_at > clock_timestamp()))
      then 'signing key' end;
begin
  if missing is not null then
    return openclaw.http_error(503, 'temporarily_unavailable', 'missing: ' || missing,
                               'Retry-After: 5');
  end if;
  return openclaw.http_json(200, json_build_object(
    'status', 'ready', 'version', openclaw.library_version(), 'standby', pg_is_in_recovery()));
end
$$;
comment on function openclaw.front_ready() is
  'GET /readyz: 200 when the database can decide and sign, else 503 and what is missing.';
revoke all on function openclaw.front_ready() from public;

create function openclaw.wal_position(out cluster bigint, out timeline bigint, out reached bigint,
                                      out standby boolean)
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_wal_position';
comment on function openclaw.wal_position() is
  'Where this server stands, for the front, which bounds by it how far a standby is behind: the system identifier, the timeline, and the byte of the WAL up to which a primary has written (and flushed now) or a standby has replayed.';
revoke all on function openclaw.wal_position() from public;
