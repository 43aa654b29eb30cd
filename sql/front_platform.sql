-- What the front serves of our own: connect, opaque tokens, verification for proxies, readiness, upkeep.

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

create function openclaw.refuse_tokens(caller openclaw.front_caller, status integer, error text,
                                       description text, headers text default null)
  returns openclaw.http_answer
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.audit_refusal(openclaw.setting('actor'), 'issue_tokens', caller.user_id, caller.client_id, error);
  return openclaw.http_error(status, error, description, headers);
end
$$;
comment on function openclaw.refuse_tokens(openclaw.front_caller, integer, text, text, text) is
  'An error for a caller that asked for tokens, after an audit row.';
revoke all on function openclaw.refuse_tokens(openclaw.front_caller, integer, text, text, text) from public;

create function openclaw.front_order(
    caller openclaw.front_caller, user_id text, scope text, expires_in text, name text,
    container_id text, count text, request_id text,
    out refusal openclaw.http_answer, out wanted openclaw.token_order)
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  scopes text[] := openclaw.parse_scopes(scope);
  for_user text := coalesce(front_order.user_id, caller.user_id);
  container text := coalesce(front_order.container_id, caller.container_id);
begin
  if not caller.whole_user then
    refusal := openclaw.refuse_tokens(caller, 403, 'insufficient_scope', 'the client lacks the scope openclaw:issue');
  elsif for_user is null then
    refusal := openclaw.http_error(400, 'invalid_request', 'the parameter user_id is missing');
  elsif scope is null then
    refusal := openclaw.http_error(400, 'invalid_request', 'the parameter scope is missing');
  elsif expires_in !~ '^[1-9][0-9]{0,8}$' or expires_in::integer > 315360000 then
    refusal := openclaw.http_error(400, 'invalid_request', 'expires_in must be between one second and ten years');
  elsif count !~ '^[1-9][0-9]{0,3}$' or count::integer > 1000 then
    refusal := openclaw.http_error(400, 'invalid_request', 'count must be between 1 and 1000');
  elsif name !~ '^[^[:cntrl:]]{1,128}$' then
    refusal := openclaw.http_error(400, 'invalid_request', 'name must be 1 to 128 characters');
  -- Rights at the front go into no token that is given to another: who got hold of this one could
  -- else make himself others, which outlive it.
  elsif coalesce(cardinality(scopes), 0) = 0 or strpos(' ' || scope, ' openclaw:') > 0
        or not openclaw.scopes_cover(caller.scopes, scopes) then
    refusal := openclaw.refuse_tokens(caller, 400, 'invalid_scope',
                                      'scope must be a list of scopes that the caller''s own cover, without openclaw:…');
  elsif for_user <> caller.user_id then
    refusal := openclaw.refuse_tokens(caller, 404, 'not_found', 'no such user');
  elsif container <> caller.container_id then
    refusal := openclaw.refuse_tokens(caller, 404, 'not_found', 'no such container');
  else
    wanted := row(for_user, scopes, make_interval(secs => expires_in::integer), 'user_direct', name, container,
                  coalesce(count::integer, 1), request_id, openclaw.setting('actor'))::openclaw.token_order;
  end if;
end
$$;
comment on function openclaw.front_order(openclaw.front_caller, text, text, text, text, text, text, text) is
  'What a caller of POST /v1/tokens asks for, or the answer that refuses.';
revoke all on function openclaw.front_order(openclaw.front_caller, text, text, text, text, text, text, text) from public;

create function openclaw.front_issued(orders openclaw.token_order[])
  returns table (place bigint, answer openclaw.http_answer)
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  -- Ids, scopes and tokens hold nothing that JSON would escape.
  return query
  select i.place, row(201, 'Content-Type: application/json', format(
    '{"tokens":[%s],"user_id":"%s","scope":"%s",%s"expires_at":%s,"expires_in":%s}',
    string_agg('{"token":"' || i.token || '","token_id":"' || i.token_id || '"}', ',' order by i.ordinal),
    i.user_id, array_to_string((orders[i.place]).scopes, ' '),
    '"container_id":"' || (orders[i.place]).container_id || '",',
    floor(extract(epoch from min(i.expires_at))),
    round(extract(epoch from min(i.expires_at) - clock_timestamp()))))::openclaw.http_answer
  from openclaw.issue_orders(orders, explain => false) as i group by i.place, i.user_id;
end
$$;
comment on function openclaw.front_issued(openclaw.token_order[]) is
  'issue_orders, with the answer to each order. Of several it does not say whose the refusal is: each is asked for by itself then.';
revoke all on function openclaw.front_issued(openclaw.token_order[]) from public;

create function openclaw.front_issue(caller openclaw.front_caller, wanted openclaw.token_order)
  returns openclaw.http_answer
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  given openclaw.http_answer;
  reason text;
  advice text;
begin
  select (i.answer).* into given from openclaw.front_issued(array[wanted]) as i;
  return given;
exception
  when no_data_found then
    get stacked diagnostics reason = pg_exception_detail;
    return openclaw.refuse_tokens(caller, 404, 'not_found', case reason
      when 'reason: unknown_container' then 'no such container' else 'no such user' end);
  when configuration_limit_exceeded then
    get stacked diagnostics reason = pg_exception_detail, advice = pg_exception_hint;
    return case reason
      when 'reason: rate_limited' then openclaw.refuse_tokens(
        caller, 429, 'temporarily_unavailable', 'the user''s plan allows no more tokens at the moment',
        'Retry-After: ' || substring(advice from '[0-9]+'))
      when 'reason: plan_tokens' then openclaw.refuse_tokens(
        caller, 403, 'access_denied', 'the user''s plan allows no more live tokens')
      when 'reason: plan_scopes' then openclaw.refuse_tokens(
        caller, 400, 'invalid_scope', 'the user''s plan does not allow every one of these scopes')
      else openclaw.refuse_tokens(
        caller, 400, 'invalid_request', 'the user''s plan does not allow so long a lifetime') end;
  when lock_not_available then
    return openclaw.http_error(503, 'temporarily_unavailable', 'the user is being changed', 'Retry-After: 1');
end
$$;
comment on function openclaw.front_issue(openclaw.front_caller, openclaw.token_order) is
  'The answer to one order, by itself: the tokens, or what is wrong with it.';
revoke all on function openclaw.front_issue(openclaw.front_caller, openclaw.token_order) from public;

create function openclaw.front_issues(
    http_authorization text[], client_certificate text[], client_id text[], client_secret text[],
    client_assertion_type text[], client_assertion text[], user_id text[], scope text[],
    expires_in text[], name text[], container_id text[], count text[], request_id text[])
  returns setof openclaw.http_answer
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  request record;
  brought text;
  proven text[] := '{}';
  callers openclaw.front_caller[];
  actors text[];
  known integer;
  ignored text;
  asked record;
  answers openclaw.http_answer[];
  orders openclaw.token_order[] := '{}';
  places bigint[] := '{}';
  owners integer[] := '{}';
  waits text := current_setting('lock_timeout');
  issued record;
  all_issued boolean := false;
begin
  perform openclaw.require_primary();
  for request in
    select r.* from unnest(http_authorization, client_certificate, client_id, client_secret, client_assertion_type,
                           client_assertion, user_id, scope, expires_in, name, container_id, count, request_id)
      with ordinality as r(http_authorization, client_certificate, client_id, client_secret, client_assertion_type,
                           client_assertion, user_id, scope, expires_in, name, container_id, count, request_id, n)
  loop
    ignored := set_config('openclaw.request_id', coalesce(request.request_id, ''), true);
    -- Who is proven once need not be for the next request of the statement; an assertion is used up.
    brought := row(request.http_authorization, request.client_certificate, request.client_id, request.client_secret,
                   request.client_assertion_type, request.client_assertion)::text;
    known := array_position(proven, brought);
    if known is null then
      known := cardinality(proven) + 1;
      callers[known] := openclaw.front_caller(
        request.http_authorization, request.client_certificate, request.client_id, request.client_secret,
        request.client_assertion_type, request.client_assertion, 'openclaw:issue');
      if ((callers[known]).refusal).status is not null then
        answers[request.n] := (callers[known]).refusal;
        continue;
      end if;
      actors[known] := openclaw.setting('actor');
      proven[known] := case when request.client_assertion is null then brought else '' end;
    else
      ignored := set_config('openclaw.actor', actors[known], true);
    end if;
    asked := openclaw.front_order(callers[known], request.user_id, request.scope, request.expires_in, request.name,
                                  request.container_id, request.count, request.request_id);
    if (asked.refusal).status is not null then
      answers[request.n] := asked.refusal;
    else
      orders := orders || asked.wanted;
      places := places || request.n;
      owners := owners || known;
    end if;
  end loop;

  -- All together; where one is refused, each by itself.
  if cardinality(orders) > 1 then
    select array_agg(orders[i] order by (orders[i]).user_id collate "C", i),
           array_agg(places[i] order by (orders[i]).user_id collate "C", i),
           array_agg(owners[i] order by (orders[i]).user_id collate "C", i)
    into orders, places, owners from generate_subscripts(places, 1) as i;
    -- Nobody waits for long where it is a neighbour's user that somebody else's transaction holds.
    ignored := set_config('lock_timeout', '250ms', true);
    begin
      for issued in select i.place, i.answer from openclaw.front_issued(orders) as i loop
        answers[places[issued.place]] := issued.answer;
      end loop;
      all_issued := true;
    exception when no_data_found or configuration_limit_exceeded or lock_not_available then
      null;
    end;
  end if;
  if not all_issued then
    for i in 1..cardinality(orders) loop
      ignored := set_config('openclaw.request_id', coalesce((orders[i]).request_id, ''), true);
      ignored := set_config('openclaw.actor', actors[owners[i]], true);
      answers[places[i]] := openclaw.front_issue(callers[owners[i]], orders[i]);
    end loop;
  end if;
  ignored := set_config('openclaw.request_id', '', true);
  ignored := set_config('openclaw.actor', '', true);
  ignored := set_config('lock_timeout', waits, true);
  return query select a.status, a.headers, a.body from unnest(answers) as a;
end
$$;
comment on function openclaw.front_issues(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[]) is
  'POST /v1/tokens of many requests, one element and one answer each, in order; an array that is null as a whole, but the first, is null for each. Each issues count (default 1, up to 1000) opaque tokens of one user, with scope, expires_in (seconds), name and container_id, to an OAuth client or a harness that has openclaw:issue and reaches the user; scope lies within the caller''s own and holds no openclaw:…. 201 with the tokens, or 400, 403, 404, 429 or 503 as OAuth writes errors. A refusal concerns its request alone; the others are issued in one transaction. Errors: 25006.';
revoke all on function openclaw.front_issues(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[]) from public;

-- An opaque token is good for the container it is bound to, or for its user's containers.
create function openclaw.front_verifications(http_authorization text[], audience text[], scope text[])
  returns setof openclaw.http_answer
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_front_verifications';
comment on function openclaw.front_verifications(text[], text[], text[]) is
  '/v1/verify of many requests, one element and one answer each, in order, for a proxy''s subrequests: whether the forwarded bearer token, a JWT or a user_direct opaque one, opens the container whose endpoint is audience, with every scope. 200 with X-OpenClaw-User-Id, -Container-Id and -Scope; 401 or 403 with the challenge (RFC 6750 section 3). Errors: 2202E, 54000 for more than 1024 requests.';
revoke all on function openclaw.front_verifications(text[], text[], text[]) from public;

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

create function openclaw.front_record_token_use(token_ids text) returns openclaw.http_answer
  language sql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select openclaw.http_json(200, json_build_object('recorded', openclaw.record_token_use(token_ids::text[])))
  $$;
comment on function openclaw.front_record_token_use(text) is
  'record_token_use() of what take_used_tokens() gave the front, as the text of that array; no request reaches it. Errors: 22P02, 25006, 54000.';
revoke all on function openclaw.front_record_token_use(text) from public;

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
