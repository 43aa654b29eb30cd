-- What the front serves of OAuth: keys, metadata, the token endpoint, introspection, revocation,
-- status lists.

create function openclaw.front_jwks(if_none_match text) returns openclaw.http_answer
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_front_jwks';
comment on function openclaw.front_jwks(text) is
  'GET /.well-known/jwks.json: the JWK set, with ETag and the max-age that rotation counts on (sql/signing_keys.sql); no-cache while there is no key.';
revoke all on function openclaw.front_jwks(text) from public;

create function openclaw.front_metadata(path text) returns openclaw.http_answer
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  issuer text := openclaw.setting('issuer');
  base text := rtrim(issuer, '/');
  mtls text := rtrim(openclaw.setting('mtls_url'), '/');
  algorithms json := '["EdDSA","Ed25519","ES256","RS256"]';
  methods json := case when mtls = ''
    then '["client_secret_basic","client_secret_post","private_key_jwt"]'::json
    else '["client_secret_basic","client_secret_post","private_key_jwt","tls_client_auth"]' end;
begin
  if issuer = '' then
    return openclaw.http_error(503, 'temporarily_unavailable', 'the issuer is not configured',
                               'Retry-After: 30');
  end if;
  -- Whoever knows an issuer with a path asks with that path behind the well-known one
  -- (RFC 8414 section 3.1).
  if coalesce(path, '') not in ('', coalesce(substring(base from '^https?://[^/]+(/.*)$'), '')) then
    return openclaw.http_error(404, 'not_found', 'there is no such issuer here');
  end if;
  return openclaw.http_json(200, json_strip_nulls(json_build_object(
    'issuer', issuer,
    'authorization_endpoint', base || '/oauth/authorize',
    'token_endpoint', base || '/oauth/token',
    'jwks_uri', base || '/.well-known/jwks.json',
    'introspection_endpoint', base || '/oauth/introspect',
    'revocation_endpoint', base || '/oauth/revoke',
    'response_types_supported', json_build_array('code'),
    'grant_types_supported', json_build_array(
      'client_credentials', 'refresh_token', 'urn:ietf:params:oauth:grant-type:token-exchange'),
    'token_endpoint_auth_methods_supported', methods,
    'token_endpoint_auth_signing_alg_values_supported', algorithms,
    'introspection_endpoint_auth_methods_supported', methods,
    'introspection_endpoint_auth_signing_alg_values_supported', algorithms,
    'revocation_endpoint_auth_methods_supported', methods,
    'revocation_endpoint_auth_signing_alg_values_supported', algorithms,
    'tls_client_certificate_bound_access_tokens', case when mtls <> '' then true end,
    'mtls_endpoint_aliases', case when mtls not in ('', base) then json_build_object(
      'token_endpoint', mtls || '/oauth/token',
      'introspection_endpoint', mtls || '/oauth/introspect',
      'revocation_endpoint', mtls || '/oauth/revoke') end)),
    'Cache-Control: public, max-age=300');
end
$$;
comment on function openclaw.front_metadata(text) is
  'GET /.well-known/oauth-authorization-server and /.well-known/openid-configuration, each also with the issuer''s path behind it: what works here (RFC 8414 section 2; RFC 8705 section 5). Another path behind it is 404.';
revoke all on function openclaw.front_metadata(text) from public;

create function openclaw.front_authorize(response_type text) returns openclaw.http_answer
  language sql immutable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select case when response_type is distinct from 'code'
      then openclaw.http_error(400, 'unsupported_response_type', 'response_type is code')
      else openclaw.http_error(400, 'unauthorized_client',
        'no client may use authorization codes: tokens come from the token endpoint, by client_credentials, token exchange or refresh_token') end
  $$;
comment on function openclaw.front_authorize(text) is
  '/oauth/authorize: 400 unauthorized_client, or unsupported_response_type (RFC 6749 section 4.1.2.1). No client has a redirect URI, so none may use authorization codes; MCP''s clients read no metadata without the endpoint.';
revoke all on function openclaw.front_authorize(text) from public;

create function openclaw.front_token(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text, grant_type text, resource text,
    audience text, scope text, user_id text, subject_token text, subject_token_type text,
    actor_token text, requested_token_type text, refresh_token text, request_id text)
  returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  client openclaw.authenticated_client;
  granted openclaw.token_grant;
  scopes text[] := openclaw.parse_scopes(scope);
  access_token_type constant text := 'urn:ietf:params:oauth:token-type:access_token';
  jwt_type constant text := 'urn:ietf:params:oauth:token-type:jwt';
  by_id boolean := strpos(audience, '/') = 0;
begin
  perform set_config('openclaw.request_id', coalesce(request_id, ''), true),
          set_config('openclaw.actor', '', true);
  client := openclaw.authenticate_client(http_authorization, client_certificate, client_id,
                                         client_secret, client_assertion_type, client_assertion);
  if client.error is not null then
    return openclaw.client_refusal(client.error, client.description);
  end if;
  perform set_config('openclaw.actor', 'client ' || client.id, true);

  if grant_type is null then
    return openclaw.http_error(400, 'invalid_request', 'the parameter grant_type is missing');
  elsif grant_type not in ('client_credentials', 'refresh_token',
                           'urn:ietf:params:oauth:grant-type:token-exchange') then
    return openclaw.http_error(400, 'unsupported_grant_type', 'grant_type is client_credentials, refresh_token or urn:ietf:params:oauth:grant-type:token-exchange');
  end if;
  granted := openclaw.audited(openclaw.client_problem(client, grant_type), 'front_token', client);
  if granted.error is not null then
    return openclaw.client_refusal(granted.error, granted.description);
  elsif scope is not null and scopes is null then
    return openclaw.http_error(400, 'invalid_scope', 'scope must be a list of area:action or area:*');
  end if;

  if grant_type = 'client_credentials' then
    granted := openclaw.grant_client_credentials(client, resource, scopes, user_id);
  elsif grant_type = 'refresh_token' then
    if refresh_token is null then
      return openclaw.http_error(400, 'invalid_request', 'the parameter refresh_token is missing');
    end if;
    granted := openclaw.refresh_access_token(client, refresh_token, resource, scopes);
  else
    if subject_token is null or subject_token_type is distinct from access_token_type then
      return openclaw.http_error(400, 'invalid_request', 'subject_token and subject_token_type urn:ietf:params:oauth:token-type:access_token are needed');
    elsif actor_token is not null then
      return openclaw.http_error(400, 'invalid_request', 'actor_token is not taken: the client itself is the actor');
    elsif coalesce(requested_token_type, access_token_type) not in (access_token_type, jwt_type) then
      return openclaw.http_error(400, 'invalid_request', 'requested_token_type is urn:ietf:params:oauth:token-type:access_token or …:jwt');
    elsif not by_id and resource is not null
          and openclaw.resource_endpoint(audience) is distinct from openclaw.resource_endpoint(resource) then
      return openclaw.http_error(400, 'invalid_target', 'resource and audience name two containers');
    end if;
    granted := openclaw.exchange_token(
      client, subject_token, coalesce(resource, case when not by_id then audience end),
      case when by_id then audience end, scopes);
  end if;

  if granted.error is not null then
    return openclaw.client_refusal(granted.error, granted.description);
  end if;
  return openclaw.http_json(200, json_strip_nulls(json_build_object(
    'access_token', granted.access_token,
    'issued_token_type', case when grant_type like '%:token-exchange'
      then coalesce(requested_token_type, access_token_type) end,
    'token_type', 'Bearer',
    'expires_in', extract(epoch from granted.expires_at - granted.issued_at)::integer,
    'refresh_in', extract(epoch from granted.refresh_at - granted.issued_at)::integer,
    'refresh_token', granted.refresh_token,
    'scope', array_to_string(granted.scopes, ' '))));
end
$$;
comment on function openclaw.front_token(text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text) is
  'POST /oauth/token: client_credentials (RFC 6749 section 4.4), refresh_token (section 6), token exchange (RFC 8693), with resource (RFC 8707). audience of an exchange is a container''s endpoint or its id. user_id chooses among the users who registered one endpoint. Answers as RFC 6749 section 5.1, with refresh_in (seconds until a new one should be asked for), or an error of section 5.2.';
revoke all on function openclaw.front_token(text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text) from public;

create function openclaw.front_tokens(
    http_authorization text[], client_certificate text[], client_id text[], client_secret text[],
    client_assertion_type text[], client_assertion text[], grant_type text[], resource text[],
    audience text[], scope text[], user_id text[], subject_token text[], subject_token_type text[],
    actor_token text[], requested_token_type text[], refresh_token text[], request_id text[])
  returns setof openclaw.http_answer
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_front_tokens';
comment on function openclaw.front_tokens(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[]) is
  'front_token of many requests, one element and one answer each, in order; an array that is null as a whole, but the first, is null for each. A client is proven once for all requests that bring the same secret. Errors: 2202E, 54000 for more than 1024 requests.';
revoke all on function openclaw.front_tokens(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[]) from public;

create function openclaw.front_introspections(
    http_authorization text[], client_certificate text[], client_id text[], client_secret text[],
    client_assertion_type text[], client_assertion text[], token text[], token_type_hint text[])
  returns setof openclaw.http_answer
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_front_introspections';
comment on function openclaw.front_introspections(text[], text[], text[], text[], text[], text[], text[], text[]) is
  'POST /oauth/introspect (RFC 7662) of many requests, one element and one answer each, in order; an array that is null as a whole, but the first, is null for each. A token that the caller may not see is inactive. token_type_hint is not needed and not used. A caller is proven once for all requests that bring the same credentials, but for client_assertion. Errors: 2202E, 54000 for more than 1024 requests.';
revoke all on function openclaw.front_introspections(text[], text[], text[], text[], text[], text[], text[], text[]) from public;

create function openclaw.front_introspection_lists(http_authorization text[], body text[])
  returns setof openclaw.http_answer
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_front_introspection_lists';
comment on function openclaw.front_introspection_lists(text[], text[]) is
  'POST /v1/introspect of many requests, as front_introspections: introspection of up to 1000 tokens, a JSON array of strings, answered by an array in the same order. A client authenticates with client_secret_basic, a harness with its bearer token.';
revoke all on function openclaw.front_introspection_lists(text[], text[]) from public;

create function openclaw.front_revoke(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text, token text, token_type_hint text,
    request_id text)
  returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.front_caller;
  target json;
begin
  perform set_config('openclaw.request_id', coalesce(request_id, ''), true);
  caller := openclaw.front_caller(
    http_authorization, client_certificate, client_id, client_secret, client_assertion_type,
    client_assertion, 'openclaw:revoke');
  if (caller.refusal).status is not null then
    return caller.refusal;
  end if;
  if token is null then
    return openclaw.http_error(400, 'invalid_request', 'the parameter token is missing');
  end if;

  -- A refresh token ends its family even after it was used up: whoever revokes an old one means it.
  if token like 'ocr\_%' then
    select json_build_object('client_id', g.client_id, 'user_id', g.user_id,
                             'container_id', g.container_id, 'grant_id', g.id)
    into target
    from openclaw.refresh_tokens as r join openclaw.grants as g on g.id = r.grant_id
    where r.token_hash = openclaw.token_hash(front_revoke.token);
  elsif strpos(token, '.') > 0 then
    target := openclaw.introspect(token);
    target := case when (target->>'active')::boolean then target end;
  else
    select json_build_object('user_id', t.user_id, 'container_id', t.container_id,
                             'token_id', t.id) into target
    from openclaw.api_tokens as t where t.token_hash = openclaw.token_hash(front_revoke.token);
  end if;

  if target is null then
    return row(200, null, null)::openclaw.http_answer;
  elsif not openclaw.sees(caller, target) then
    -- RFC 7009 section 2.1 has a client told that a token is another's; to a harness, what it may
    -- not reach does not exist.
    if caller.client_id is null then
      return row(200, null, null)::openclaw.http_answer;
    end if;
    return openclaw.http_error(400, 'unauthorized_client', 'the token was not issued to this client');
  end if;
  if target->>'grant_id' is not null then
    perform openclaw.revoke_grants(array[target->>'grant_id']);
  elsif target->>'token_id' is not null then
    perform openclaw.revoke_token(target->>'user_id', target->>'token_id');
  else
    perform openclaw.revoke_jwt(target->>'container_id', target->>'jti');
  end if;
  return row(200, null, null)::openclaw.http_answer;
end
$$;
comment on function openclaw.front_revoke(text, text, text, text, text, text, text, text, text) is
  'POST /oauth/revoke (RFC 7009), of opaque tokens, JWTs and refresh tokens with their family. 200 also for a token that is unknown or no longer good; 400 unauthorized_client for one that was issued to another client.';
revoke all on function openclaw.front_revoke(text, text, text, text, text, text, text, text, text) from public;

create function openclaw.front_status_list(path text) returns openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  named text[] := regexp_match(
    path, '^/([A-Za-z0-9][A-Za-z0-9_.:-]{0,127})/(0|[1-9][0-9]{0,8})$');
  list text;
begin
  if named is null then
    return openclaw.http_error(404, 'not_found', 'there is no such status list');
  end if;
  begin
    list := openclaw.status_list(named[1], named[2]);
  exception when object_not_in_prerequisite_state or config_file_error then
    return openclaw.http_error(503, 'temporarily_unavailable', 'no key can sign at present',
                               'Retry-After: 5');
  end;
  return row(200, format(e'Content-Type: application/statuslist+jwt\nCache-Control: public, max-age=%s',
                         floor(extract(epoch from openclaw.setting('status_list_max_age')::interval))),
             list)::openclaw.http_answer;
end
$$;
comment on function openclaw.front_status_list(text) is
  'GET /oauth/status/CONTAINER/GENERATION: a Status List Token (IETF draft-ietf-oauth-status-list). 503 while no key can sign.';
revoke all on function openclaw.front_status_list(text) from public;
