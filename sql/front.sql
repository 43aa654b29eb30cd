-- What the HTTP front calls: one function for each endpoint, raw parameters in, the whole answer
-- out. Every decision is made here; the front adds a request id and relays.
--
-- A platform harness authenticates with its och_… token and needs a scope for each endpoint:
--   openclaw:introspect, openclaw:revoke, openclaw:connect
-- By itself such a token reaches its own user; openclaw:any-user lets it act for every user.

create type openclaw.http_answer as (status integer, headers text, body text);
comment on type openclaw.http_answer is
  'An HTTP answer: status, header lines `Name: value` separated by newlines, body (null: none).';

create function openclaw.http_json(status integer, body json, headers text default null)
  returns openclaw.http_answer
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select row(status, concat_ws(e'\n', 'Content-Type: application/json', headers), body::text)
           ::openclaw.http_answer
  $$;
comment on function openclaw.http_json(integer, json, text) is 'An answer with a JSON body.';
revoke all on function openclaw.http_json(integer, json, text) from public;

create function openclaw.http_error(status integer, error text, description text,
                                    headers text default null)
  returns openclaw.http_answer
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select openclaw.http_json(
      status, json_build_object('error', error, 'error_description', description), headers)
  $$;
comment on function openclaw.http_error(integer, text, text, text) is
  'An error as OAuth writes it (RFC 6749 section 5.2).';
revoke all on function openclaw.http_error(integer, text, text, text) from public;

create function openclaw.bearer_token(http_authorization text) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, openclaw, pg_temp
  as $$ select substring(http_authorization from '^[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/=-]+)$') $$;
comment on function openclaw.bearer_token(text) is
  'The token of an Authorization header of scheme Bearer (RFC 6750 section 2.1); null for another.';
revoke all on function openclaw.bearer_token(text) from public;

-- RFC 6750 section 3: a challenge without an error code where no credentials came.
create function openclaw.bearer_refusal(http_authorization text, reason text, scope text)
  returns openclaw.http_answer
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select case
      when http_authorization is null then
        openclaw.http_error(401, 'invalid_token', 'a bearer token is required',
                            'WWW-Authenticate: Bearer')
      when reason = 'insufficient_scope' then
        openclaw.http_error(403, 'insufficient_scope', 'the token lacks a required scope',
          format('WWW-Authenticate: Bearer error="insufficient_scope", scope="%s"', scope))
      else
        openclaw.http_error(401, 'invalid_token', 'the token is not good for this resource',
                            'WWW-Authenticate: Bearer error="invalid_token"')
    end
  $$;
comment on function openclaw.bearer_refusal(text, text, text) is
  'The 401 or 403 for a caller whose bearer token was refused (RFC 6750 section 3.1). scope is ours, never the caller''s text.';
revoke all on function openclaw.bearer_refusal(text, text, text) from public;

create function openclaw.harness(http_authorization text, scope text)
  returns openclaw.token_verification
  language plpgsql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.token_verification :=
    openclaw.verify_token(openclaw.bearer_token(http_authorization), array[scope]);
begin
  if caller.valid and caller.issued_for <> 'platform_harness' then
    return row(false, 'unknown', null, null, null, null, null, null)::openclaw.token_verification;
  end if;
  return caller;
end
$$;
comment on function openclaw.harness(text, text) is
  'The harness that an Authorization header proves, if its och_… token has the scope.';
revoke all on function openclaw.harness(text, text) from public;

create function openclaw.may_reach(caller openclaw.token_verification, user_id text)
  returns boolean
  language sql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select coalesce((caller).user_id = user_id
                    or openclaw.scopes_cover((caller).scopes, array['openclaw:any-user']), false)
  $$;
comment on function openclaw.may_reach(openclaw.token_verification, text) is
  'True when the caller is this user''s harness, or may act for every user.';
revoke all on function openclaw.may_reach(openclaw.token_verification, text) from public;

create function openclaw.front_jwks(if_none_match text) returns openclaw.http_answer
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  keys json := openclaw.jwks();
  etag text := '"' || encode(substring(sha256(convert_to(keys::text, 'UTF8')) for 16), 'hex') || '"';
  headers text := format(e'ETag: %s\nCache-Control: public, max-age=%s', etag,
                         floor(extract(epoch from openclaw.setting('jwks_max_age')::interval)));
begin
  if if_none_match = '*' or strpos(if_none_match, etag) > 0 then
    return row(304, headers, null)::openclaw.http_answer;
  end if;
  return openclaw.http_json(200, keys, headers);
end
$$;
comment on function openclaw.front_jwks(text) is
  'GET /.well-known/jwks.json: the JWK set, with ETag and a max-age of openclaw.jwks_max_age.';
revoke all on function openclaw.front_jwks(text) from public;

create function openclaw.front_metadata() returns openclaw.http_answer
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  issuer text := openclaw.setting('issuer');
  base text := rtrim(issuer, '/');
begin
  if issuer = '' then
    return openclaw.http_error(503, 'temporarily_unavailable', 'the issuer is not configured',
                               'Retry-After: 30');
  end if;
  return openclaw.http_json(200, json_build_object(
    'issuer', issuer,
    'jwks_uri', base || '/.well-known/jwks.json',
    'introspection_endpoint', base || '/oauth/introspect',
    'revocation_endpoint', base || '/oauth/revoke',
    'response_types_supported', json_build_array(),
    'grant_types_supported', json_build_array()),
    'Cache-Control: public, max-age=300');
end
$$;
comment on function openclaw.front_metadata() is
  'GET /.well-known/oauth-authorization-server: what works here (RFC 8414 section 2).';
revoke all on function openclaw.front_metadata() from public;

create function openclaw.front_introspect(http_authorization text, token text, token_type_hint text)
  returns openclaw.http_answer
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.token_verification :=
    openclaw.harness(http_authorization, 'openclaw:introspect');
  answer json;
begin
  if not caller.valid then
    return openclaw.bearer_refusal(http_authorization, caller.reason, 'openclaw:introspect');
  end if;
  if token is null then
    return openclaw.http_error(400, 'invalid_request', 'the parameter token is missing');
  end if;
  answer := openclaw.introspect(token);
  if not openclaw.may_reach(caller, answer->>'user_id') then
    answer := '{"active":false}';
  end if;
  return openclaw.http_json(200, answer);
end
$$;
comment on function openclaw.front_introspect(text, text, text) is
  'POST /oauth/introspect (RFC 7662). A token of a user that the caller may not reach is inactive. token_type_hint is not needed and not used.';
revoke all on function openclaw.front_introspect(text, text, text) from public;

create function openclaw.front_revoke(http_authorization text, token text, token_type_hint text,
                                      request_id text)
  returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.token_verification := openclaw.harness(http_authorization, 'openclaw:revoke');
  target record;
begin
  if not caller.valid then
    return openclaw.bearer_refusal(http_authorization, caller.reason, 'openclaw:revoke');
  end if;
  if token is null then
    return openclaw.http_error(400, 'invalid_request', 'the parameter token is missing');
  end if;
  if strpos(token, '.') > 0 then
    return openclaw.http_error(400, 'unsupported_token_type',
                               'a JWT ends by its expiry; it cannot be revoked here');
  end if;
  select t.id, t.user_id into target
  from openclaw.api_tokens as t where t.token_hash = openclaw.token_hash(front_revoke.token);
  if openclaw.may_reach(caller, target.user_id) then
    perform set_config('openclaw.request_id', coalesce(request_id, ''), true);
    perform openclaw.revoke_token(target.user_id, target.id);
  end if;
  return row(200, null, null)::openclaw.http_answer;
end
$$;
comment on function openclaw.front_revoke(text, text, text, text) is
  'POST /oauth/revoke (RFC 7009). 200 for every token, known or not; only one that the caller may reach is revoked.';
revoke all on function openclaw.front_revoke(text, text, text, text) from public;

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
    return openclaw.bearer_refusal(http_authorization, caller.reason, 'openclaw:connect');
  end if;
  if container_id is null then
    return openclaw.http_error(400, 'invalid_request', 'the parameter container_id is missing');
  end if;
  for_user := coalesce(front_connect.user_id, caller.user_id);
  -- Without a scope parameter: all that the harness holds, less its rights at this front.
  scopes := case when scope is null
    then array(select s from unnest(caller.scopes) as s where s not like 'openclaw:%')
    else openclaw.parse_scopes(scope) end;
  if coalesce(cardinality(scopes), 0) = 0 or not openclaw.scopes_cover(caller.scopes, scopes) then
    return openclaw.http_error(400, 'invalid_scope',
                               'scope must be a list of scopes that the harness''s token covers');
  end if;
  if not openclaw.may_reach(caller, for_user)
     or (caller.container_id is not null and caller.container_id <> front_connect.container_id) then
    return openclaw.http_error(404, 'not_found', 'no such container');
  end if;

  begin
    answer := openclaw.connect(for_user, front_connect.container_id, scopes);
  exception
    when no_data_found then
      return openclaw.http_error(404, 'not_found', 'no such container');
    when feature_not_supported then
      return openclaw.http_error(400, 'invalid_target',
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
