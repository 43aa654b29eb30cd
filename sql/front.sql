-- What the functions that the HTTP front calls have in common (front_oauth.sql, front_platform.sql):
-- raw parameters in, the whole answer out. Every decision is made there; the front adds a request id
-- and relays.
--
-- Two kinds of callers, each with a scope for each endpoint (openclaw:introspect, openclaw:revoke,
-- openclaw:connect, openclaw:issue):
--   a platform harness by its och_… token, which reaches its own user or, with openclaw:any-user,
--   every user;
--   an OAuth client, which without that scope reaches the tokens that it was given itself.

create type openclaw.http_answer as (status integer, headers text, body text);
comment on type openclaw.http_answer is
  'An HTTP answer: status, header lines `Name: value` separated by newlines, body (null: none).';

-- PL/pgSQL keeps its plan for the session: a function in SQL is parsed again in each transaction.
create function openclaw.http_json(status integer, body json, headers text default null)
  returns openclaw.http_answer
  language plpgsql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  return row(status, concat_ws(e'\n', 'Content-Type: application/json', headers), body::text)
         ::openclaw.http_answer;
end
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
  language c immutable parallel safe
  as 'MODULE_PATHNAME', 'openclaw_bearer_token';
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

create function openclaw.refuse_harness(http_authorization text, reason text, scope text)
  returns openclaw.http_answer
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  known record;
begin
  select t.id, t.user_id into known from openclaw.api_tokens as t
  where t.token_hash = openclaw.token_hash(openclaw.bearer_token(http_authorization));
  perform openclaw.audit_refusal(coalesce('token ' || known.id, 'nobody'), 'authenticate_harness',
                                 known.user_id, known.id, reason);
  return openclaw.bearer_refusal(http_authorization, reason, scope);
end
$$;
comment on function openclaw.refuse_harness(text, text, text) is
  'bearer_refusal to who comes as a harness, after an audit row.';
revoke all on function openclaw.refuse_harness(text, text, text) from public;

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

create type openclaw.front_caller as (
  refusal openclaw.http_answer, client_id text, whole_user boolean, user_id text,
  container_id text, scopes text[]
);
comment on type openclaw.front_caller is
  'Who calls an endpoint, or the answer that refuses. It sees the tokens of client_id and, with whole_user, all of user_id (null: of every user) and container_id (null: of every container and of none). scopes are its own.';

create function openclaw.client_refusal(error text, description text)
  returns openclaw.http_answer
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select case error
      when 'invalid_client' then
        openclaw.http_error(401, error, description, 'WWW-Authenticate: Basic realm="openclaw"')
      when 'temporarily_unavailable' then
        openclaw.http_error(503, error, description, 'Retry-After: 30')
      when 'rate_limited' then
        openclaw.http_error(429, 'temporarily_unavailable', description, 'Retry-After: 10')
      else openclaw.http_error(400, error, description) end
  $$;
comment on function openclaw.client_refusal(text, text) is
  'An error for an OAuth client with its status (RFC 6749 section 5.2).';
revoke all on function openclaw.client_refusal(text, text) from public;

create function openclaw.front_caller(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text, scope text)
  returns openclaw.front_caller
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  caller openclaw.front_caller;
  harness openclaw.token_verification;
  client openclaw.authenticated_client;
begin
  -- Several requests may share this transaction.
  perform set_config('openclaw.actor', '', true);
  if http_authorization ~* '^basic ' or http_authorization is null
     and num_nonnulls(client_id, client_secret, client_assertion_type, client_assertion) > 0 then
    client := openclaw.authenticate_client(http_authorization, client_certificate, client_id,
                                           client_secret, client_assertion_type, client_assertion);
    if client.error is not null then
      caller.refusal := openclaw.client_refusal(client.error, client.description);
      return caller;
    end if;
    perform set_config('openclaw.actor', 'client ' || client.id, true);
    caller.client_id := client.id;
    caller.whole_user := openclaw.scopes_cover(client.scopes, array[scope]);
    caller.user_id := client.user_id;
    caller.scopes := client.scopes;
    return caller;
  end if;
  harness := openclaw.harness(http_authorization, scope);
  if not harness.valid then
    caller.refusal := openclaw.refuse_harness(http_authorization, harness.reason, scope);
    return caller;
  end if;
  perform set_config('openclaw.actor', 'harness ' || harness.token_id, true);
  caller.whole_user := true;
  caller.user_id := case when not openclaw.scopes_cover(harness.scopes, array['openclaw:any-user'])
                    then harness.user_id end;
  caller.container_id := harness.container_id;
  caller.scopes := harness.scopes;
  return caller;
end
$$;
comment on function openclaw.front_caller(text, text, text, text, text, text, text) is
  'Who calls: an OAuth client by one of its ways to authenticate, or a harness by its bearer token, which needs the scope.';
revoke all on function openclaw.front_caller(text, text, text, text, text, text, text) from public;

create function openclaw.sees(caller openclaw.front_caller, token json) returns boolean
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select coalesce((caller).client_id = token->>'client_id', false)
        or (caller).whole_user
           and coalesce((caller).user_id is null or (caller).user_id = token->>'user_id', false)
           and coalesce((caller).container_id is null
                        or (caller).container_id = token->>'container_id', false)
  $$;
comment on function openclaw.sees(openclaw.front_caller, json) is
  'Whether a caller may learn of, or end, a token by its introspection.';
revoke all on function openclaw.sees(openclaw.front_caller, json) from public;
