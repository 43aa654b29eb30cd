-- What the token endpoint decides (RFC 6749, RFC 8693, RFC 8707), as functions that a backend calls
-- in its own transaction too. A refusal is an answer, not an exception: the revocation of a family
-- whose token was replayed must outlive the refusal.

create type openclaw.token_grant as (
  error text, description text, access_token text, jti text, issued_at timestamptz,
  expires_at timestamptz, refresh_at timestamptz, scopes text[], refresh_token text,
  user_id text, container_id text
);
comment on type openclaw.token_grant is
  'An access token, when it ends and when to ask for the next one (refresh_at, at 80 % of its lifetime), and a refresh token where there is one; or an error of RFC 6749 section 5.2 or RFC 8707 section 2 (invalid_client, invalid_grant, invalid_scope, invalid_target, invalid_request, unauthorized_client, temporarily_unavailable), or rate_limited, and a sentence.';

-- What every grant asks first. An authentication that failed is a client without an id.
create function openclaw.client_problem(client openclaw.authenticated_client, grant_type text)
  returns openclaw.token_grant
  language plpgsql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if client.error is not null or client.id is null then
    return openclaw.grant_refusal(coalesce(client.error, 'invalid_client'),
                                  coalesce(client.description, 'there is no client'));
  elsif (grant_type = any (client.grant_types)) is not true then
    return openclaw.grant_refusal('unauthorized_client', 'the client may not use this grant_type');
  end if;
  return null;
end
$$;
comment on function openclaw.client_problem(openclaw.authenticated_client, text) is
  'Why a client gets nothing by this grant_type; null when it may ask.';
revoke all on function openclaw.client_problem(openclaw.authenticated_client, text) from public;

create function openclaw.grant_refusal(error text, description text) returns openclaw.token_grant
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
    select row(error, description, null, null, null, null, null, null, null, null, null)
           ::openclaw.token_grant
  $$;
comment on function openclaw.grant_refusal(text, text) is 'A token_grant that is refused.';
revoke all on function openclaw.grant_refusal(text, text) from public;

create function openclaw.audited(answer openclaw.token_grant, action text,
                                 client openclaw.authenticated_client)
  returns openclaw.token_grant
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  if answer.error is not null then
    perform openclaw.audit(action, client.user_id, client.id, 'refused', answer.error);
  end if;
  return answer;
end
$$;
comment on function openclaw.audited(openclaw.token_grant, text, openclaw.authenticated_client) is
  'The answer to a client, after an audit row if it refuses.';
revoke all on function openclaw.audited(openclaw.token_grant, text, openclaw.authenticated_client) from public;

create function openclaw.resource_endpoint(resource text) returns text
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_resource_endpoint';
comment on function openclaw.resource_endpoint(text) is
  'The canonical endpoint of an external container that a resource indicator (RFC 8707 section 2) means; null when it can be none.';
revoke all on function openclaw.resource_endpoint(text) from public;

create function openclaw.find_resource(
    resource text, container_id text, owner text, user_id text,
    out id text, out container_owner text, out matches integer)
  language plpgsql stable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  select min(f.id), min(f.user_id), count(*) into id, container_owner, matches
  from (
    select c.id, c.user_id
    from openclaw.containers as c join openclaw.users as u on u.id = c.user_id
    where (find_resource.resource is null
           or c.mcp_endpoint = openclaw.resource_endpoint(find_resource.resource))
      and (find_resource.container_id is null or c.id = find_resource.container_id)
      and num_nonnulls(find_resource.resource, find_resource.container_id) > 0
      and c.disabled_at is null and u.disabled_at is null
      and c.type = 'external' and c.auth_method = 'platform_token'
      and (find_resource.owner is null or c.user_id = find_resource.owner)
      and (find_resource.user_id is null or c.user_id = find_resource.user_id)
    limit 2
  ) as f;
end
$$;
comment on function openclaw.find_resource(text, text, text, text) is
  'The container that takes access tokens and that a resource, its id, its owner and a user name together; matches is 0, 1, or 2 for several.';
revoke all on function openclaw.find_resource(text, text, text, text) from public;

create function openclaw.distinct_scopes(scopes text[]) returns text[]
  language sql immutable strict
  set search_path = pg_catalog, openclaw, pg_temp
  as $$ select array(select distinct s collate "C" from unnest(scopes) as s order by 1) $$;
comment on function openclaw.distinct_scopes(text[]) is 'Each scope once, sorted by its bytes; null for null.';
revoke all on function openclaw.distinct_scopes(text[]) from public;

create function openclaw.issue_for_grant(
    container_id text, user_id text, scopes text[], client_id text, actor text,
    certificate_thumbprint text, not_after timestamptz)
  returns openclaw.token_grant
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  signed record;
  answer openclaw.token_grant;
begin
  if scopes = '{}' then
    return openclaw.grant_refusal('invalid_scope', 'the user''s plan allows none of these scopes');
  end if;
  begin
    signed := openclaw.issue_access_token(
      container_id, scopes, null, user_id, client_id, null, actor, certificate_thumbprint,
      not_after);
  exception
    when no_data_found then
      return openclaw.grant_refusal('invalid_target', 'there is no such container');
    when program_limit_exceeded then
      return openclaw.grant_refusal('invalid_scope', 'a JWT has no room for so many scopes');
    when configuration_limit_exceeded then
      return openclaw.grant_refusal('invalid_scope', 'the user''s plan does not allow every one of these scopes');
    when object_not_in_prerequisite_state or config_file_error then
      return openclaw.grant_refusal('temporarily_unavailable', 'no key can sign at present');
  end;
  answer.access_token := signed.token;
  answer.jti := signed.jti;
  answer.issued_at := signed.issued_at;
  answer.expires_at := signed.expires_at;
  answer.refresh_at := openclaw.refresh_time(signed.issued_at, signed.expires_at);
  answer.scopes := scopes;
  answer.user_id := user_id;
  answer.container_id := container_id;
  return answer;
end
$$;
comment on function openclaw.issue_for_grant(text, text, text[], text, text, text, timestamptz) is
  'issue_access_token for one of the grants: what it refuses is an answer.';
revoke all on function openclaw.issue_for_grant(text, text, text[], text, text, text, timestamptz) from public;

create function openclaw.decide_client_credentials(
    client openclaw.authenticated_client, resource text, scopes text[], user_id text)
  returns openclaw.token_grant
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  allowed text[] := openclaw.narrowed_scopes(client.scopes, client.scopes);
  granted text[] := coalesce(openclaw.distinct_scopes(scopes), allowed);
  target record;
  problem openclaw.token_grant := openclaw.client_problem(client, 'client_credentials');
begin
  if problem.error is not null then
    return problem;
  elsif resource is null then
    return openclaw.grant_refusal('invalid_target',
                                  'resource is missing: the endpoint of the container');
  end if;
  if (openclaw.are_grants(granted) and openclaw.scopes_cover(allowed, granted)) is not true then
    return openclaw.grant_refusal('invalid_scope', 'the client may not have every one of these scopes');
  end if;
  target := openclaw.find_resource(resource, null, client.user_id, user_id);
  if target.matches = 0 then
    return openclaw.grant_refusal('invalid_target', 'there is no such container');
  elsif target.matches > 1 then
    return openclaw.grant_refusal('invalid_target',
                                  'several users registered this endpoint: name one with user_id');
  end if;
  if scopes is null then
    granted := openclaw.within_plan((openclaw.plan_of(target.container_owner)).allowed_scopes, granted);
  end if;
  return openclaw.issue_for_grant(target.id, target.container_owner, granted, client.id, null,
                                  client.certificate_thumbprint, null);
end
$$;
comment on function openclaw.decide_client_credentials(openclaw.authenticated_client, text, text[], text) is
  'grant_client_credentials, without the audit row of a refusal.';
revoke all on function openclaw.decide_client_credentials(openclaw.authenticated_client, text, text[], text) from public;

create function openclaw.grant_client_credentials(
    client openclaw.authenticated_client, resource text, scopes text[] default null,
    user_id text default null)
  returns openclaw.token_grant
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  return openclaw.audited(openclaw.decide_client_credentials(client, resource, scopes, user_id),
                          'grant_client_credentials', client);
end
$$;
comment on function openclaw.grant_client_credentials(openclaw.authenticated_client, text, text[], text) is
  'An access token for a client by itself (RFC 6749 section 4.4): aud is the resource (RFC 8707), user_id the owner of that container. scopes default to all of the client''s.';
revoke all on function openclaw.grant_client_credentials(openclaw.authenticated_client, text, text[], text) from public;

-- Grants that can be refreshed.

create view openclaw.live_grants as
  select g.*
  from openclaw.grants as g
  join openclaw.oauth_clients as o on o.id = g.client_id
  join openclaw.users as u on u.id = g.user_id
  join openclaw.containers as c on c.id = g.container_id
  left join openclaw.api_tokens as t on t.id = g.subject_token_id
  where g.revoked_at is null and g.expires_at > clock_timestamp() and o.disabled_at is null
    and u.disabled_at is null and c.disabled_at is null and t.revoked_at is null;
comment on view openclaw.live_grants is
  'Grants that give tokens now: they and all that they stand on have not ended.';
revoke all on openclaw.live_grants from public;

create function openclaw.add_refresh_token(grant_id text) returns text
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  minted record := openclaw.mint_token('refresh');
begin
  insert into openclaw.refresh_tokens (token_hash, grant_id, successor_key)
  values (minted.token_hash, add_refresh_token.grant_id, openclaw.random_key());
  return minted.token;
end
$$;
comment on function openclaw.add_refresh_token(text) is 'The first refresh token of a grant.';
revoke all on function openclaw.add_refresh_token(text) from public;

create function openclaw.random_key() returns bytea
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_random_key';
comment on function openclaw.random_key() is '32 random bytes.';
revoke all on function openclaw.random_key() from public;

create function openclaw.mint_successor(token text, successor_key bytea,
                                        out successor text, out successor_hash bytea)
  language c immutable strict
  as 'MODULE_PATHNAME', 'openclaw_mint_successor';
comment on function openclaw.mint_successor(text, bytea) is
  'The refresh token that follows another one: the same each time, and stored nowhere.';
revoke all on function openclaw.mint_successor(text, bytea) from public;

create function openclaw.create_grant(
    client_id text, container_id text, scopes text[], lifetime interval default null,
    user_id text default null, out grant_id text, out refresh_token text,
    out expires_at timestamptz)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  owner text;
  plan openclaw.plans;
begin
  perform openclaw.require_primary();
  if lifetime < interval '1 minute' or lifetime > interval '11 years'
     or now() + lifetime > now() + interval '10 years' then
    raise exception 'lifetime must be between one minute and ten years' using errcode = '22023';
  end if;
  owner := (openclaw.find_resource(null, create_grant.container_id, null, create_grant.user_id)).container_owner;
  if owner is null then
    raise exception 'no such container that takes access tokens' using errcode = 'P0002',
      detail = 'reason: unknown_container';
  end if;
  perform openclaw.require_user(owner);
  perform openclaw.require_container(owner, create_grant.container_id);
  perform from openclaw.oauth_clients as c
  where c.id = create_grant.client_id and c.disabled_at is null
    and (c.user_id is null or c.user_id = owner)
    and 'refresh_token' = any (c.grant_types) and openclaw.scopes_cover(openclaw.narrowed_scopes(c.scopes, c.scopes), create_grant.scopes)
  for share;
  if not found then
    raise exception 'no such client that may refresh tokens of this user with these scopes'
      using errcode = 'P0002', detail = 'reason: unknown_client';
  end if;
  plan := openclaw.claim_issue(owner);
  perform openclaw.require_plan_scopes(plan, create_grant.scopes);
  lifetime := openclaw.plan_lifetime(plan, lifetime, openclaw.setting('refresh_token_lifetime')::interval);
  insert into openclaw.grants as g (id, client_id, user_id, container_id, scopes, expires_at)
  values (openclaw.new_id('grant'), create_grant.client_id, owner, create_grant.container_id,
          create_grant.scopes, clock_timestamp() + lifetime)
  returning g.id, g.expires_at into grant_id, create_grant.expires_at;
  refresh_token := openclaw.add_refresh_token(grant_id);
  perform openclaw.audit('create_grant', owner, grant_id);
end
$$;
comment on function openclaw.create_grant(text, text, text[], interval, text) is
  'Lets a client have access tokens for one container, with refresh tokens (ocr_…), for instance after the user said yes on the platform''s own page. The first refresh token is returned once. lifetime defaults to openclaw.refresh_token_lifetime. Errors: P0002 for a container or client that is unknown, disabled or does not fit, 22023, 23514 for scopes, 53400 as issue_token.';
revoke all on function openclaw.create_grant(text, text, text[], interval, text) from public;

create function openclaw.decide_exchange(
    client openclaw.authenticated_client, subject_token text, resource text, container_id text,
    scopes text[])
  returns openclaw.token_grant
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  subject openclaw.token_verification := openclaw.verify_token(subject_token);
  shared text[];
  granted text[];
  target record;
  answer openclaw.token_grant;
  new_grant text;
  problem openclaw.token_grant := openclaw.client_problem(
    client, 'urn:ietf:params:oauth:grant-type:token-exchange');
begin
  if problem.error is not null then
    return problem;
  elsif not subject.valid or subject.issued_for <> 'user_direct'
     or subject.user_id <> coalesce(client.user_id, subject.user_id) then
    return openclaw.grant_refusal('invalid_request', 'the subject_token is not good here');
  end if;
  if 'refresh_token' = any (client.grant_types) then
    perform openclaw.require_primary();
    -- Before the token's row, as a plan that is narrowed takes them.
    lock table openclaw.plans in row share mode;
  end if;
  -- Whoever revokes the subject either has its row already, and this gives nothing, or waits and finds
  -- what this gives. A standby cannot lock, and has no revocation under way.
  if not current_setting('transaction_read_only')::boolean then
    perform from openclaw.api_tokens as t
    where t.id = subject.token_id and t.revoked_at is null for share skip locked;
    if not found then
      return openclaw.grant_refusal('invalid_request', 'the subject_token is not good here');
    end if;
  end if;
  shared := openclaw.narrowed_scopes(subject.scopes, client.scopes);
  granted := coalesce(openclaw.distinct_scopes(scopes), shared);
  if (openclaw.are_grants(granted) and openclaw.scopes_cover(shared, granted)) is not true then
    return openclaw.grant_refusal('invalid_scope',
                                  'the subject_token and the client do not both cover these scopes');
  end if;
  if num_nonnulls(resource, container_id) = 0 then
    container_id := subject.container_id;
  end if;
  target := openclaw.find_resource(resource, container_id, subject.user_id, null);
  if target.matches <> 1 or target.id <> coalesce(subject.container_id, target.id) then
    return openclaw.grant_refusal(
      'invalid_target', 'resource or audience must name a container that the subject_token reaches');
  end if;
  if scopes is null then
    granted := openclaw.within_plan((openclaw.plan_of(subject.user_id)).allowed_scopes, granted);
  end if;
  answer := openclaw.issue_for_grant(target.id, subject.user_id, granted, client.id, client.id,
                                     client.certificate_thumbprint, subject.expires_at);
  -- Whatever has to be ended with the subject stays small enough to be ended in time: a client that
  -- exchanges again and again, and never refreshes, gets no more refresh tokens.
  if answer.error is null and 'refresh_token' = any (client.grant_types)
     and (select count(*) from (
            select from openclaw.grants as g
            where g.subject_token_id = subject.token_id and g.revoked_at is null limit 1000) as live) < 1000 then
    if openclaw.take_issue(openclaw.plan_for_issue(subject.user_id), subject.user_id) is not null then
      return openclaw.grant_refusal('rate_limited', 'the user''s plan allows no more at the moment');
    end if;
    insert into openclaw.grants as g
      (id, client_id, user_id, container_id, scopes, subject_token_id, expires_at)
    values (openclaw.new_id('grant'), client.id, subject.user_id, target.id, granted,
            subject.token_id,
            least(subject.expires_at,
                  clock_timestamp() + openclaw.setting('refresh_token_lifetime')::interval))
    returning g.id into new_grant;
    insert into openclaw.grant_jwts (jti, grant_id, expires_at)
    values (answer.jti, new_grant, answer.expires_at);
    answer.refresh_token := openclaw.add_refresh_token(new_grant);
    perform openclaw.audit('create_grant', subject.user_id, new_grant);
  end if;
  return answer;
end
$$;
comment on function openclaw.decide_exchange(openclaw.authenticated_client, text, text, text, text[]) is
  'exchange_token, without the audit row of a refusal.';
revoke all on function openclaw.decide_exchange(openclaw.authenticated_client, text, text, text, text[]) from public;

create function openclaw.exchange_token(
    client openclaw.authenticated_client, subject_token text, resource text default null,
    container_id text default null, scopes text[] default null)
  returns openclaw.token_grant
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  return openclaw.audited(openclaw.decide_exchange(client, subject_token, resource, container_id, scopes),
                          'exchange_token', client);
end
$$;
comment on function openclaw.exchange_token(openclaw.authenticated_client, text, text, text, text[]) is
  'An access token for one container from a user''s opaque token (RFC 8693): never wider than that in scopes, container or time, nor wider than the client; act names the client. A client that may refresh gets a refresh token too, unless a thousand of the subject''s grants are live; its grant and the access tokens of that end with the subject token. The JWT of another client runs out by itself.';
revoke all on function openclaw.exchange_token(openclaw.authenticated_client, text, text, text, text[]) from public;

create function openclaw.decide_refresh(
    client openclaw.authenticated_client, refresh_token text, resource text, scopes text[])
  returns openclaw.token_grant
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  hash bytea := openclaw.token_hash(refresh_token);
  used record;
  family record;
  minted record;
  answer openclaw.token_grant;
  refusal openclaw.token_grant := openclaw.grant_refusal(
    'invalid_grant', 'the refresh token is unknown, expired, revoked, used up or another client''s');
  grace interval := openclaw.setting('refresh_token_grace')::interval;
  problem openclaw.token_grant := openclaw.client_problem(client, 'refresh_token');
begin
  if problem.error is not null then
    return problem;
  end if;
  select g.* into family
  from openclaw.refresh_tokens as r join openclaw.live_grants as g on g.id = r.grant_id
  where r.token_hash = hash and g.client_id = client.id;
  if not found then
    return refusal;
  end if;
  -- What the request lacks, or the keys, is refused before the token is used up.
  if resource is not null and not exists (
       select from openclaw.containers as c
       where c.id = family.container_id and c.mcp_endpoint = openclaw.resource_endpoint(resource)) then
    return openclaw.grant_refusal('invalid_target', 'the grant is for another resource');
  end if;
  scopes := coalesce(openclaw.distinct_scopes(scopes),
                     openclaw.within_plan((openclaw.plan_of(family.user_id)).allowed_scopes, family.scopes));
  if (openclaw.are_grants(scopes) and openclaw.scopes_cover(family.scopes, scopes)) is not true then
    return openclaw.grant_refusal('invalid_scope', 'the grant does not cover every one of these scopes');
  end if;
  answer := openclaw.issue_for_grant(family.container_id, family.user_id, scopes, client.id,
                                     case when family.subject_token_id is not null then client.id end,
                                     client.certificate_thumbprint, family.expires_at);
  if answer.error is not null then
    return answer;
  end if;

  -- Of those who send the same token at once, the first one's time counts for all.
  update openclaw.refresh_tokens as r set replaced_at = coalesce(r.replaced_at, clock_timestamp())
  where r.token_hash = hash and r.successor_key is not null
    and (r.replaced_at is null or r.replaced_at > clock_timestamp() - grace)
  returning r.successor_key into used;
  if not found then
    perform openclaw.revoke_grants(array[family.id], 'refresh token replayed');
    return refusal;
  end if;
  -- The family may have been revoked while this waited for its turn.
  perform from openclaw.grants as g where g.id = family.id and g.revoked_at is null for share;
  if not found then
    return refusal;
  end if;

  minted := openclaw.mint_successor(refresh_token, used.successor_key);
  insert into openclaw.refresh_tokens (token_hash, grant_id, successor_key)
  values (minted.successor_hash, family.id, openclaw.random_key())
  on conflict (token_hash) do nothing;
  insert into openclaw.grant_jwts (jti, grant_id, expires_at)
  values (answer.jti, family.id, answer.expires_at);
  update openclaw.refresh_tokens as r set successor_key = null
  where r.grant_id = family.id and r.successor_key is not null
    and r.replaced_at <= clock_timestamp() - grace;
  answer.refresh_token := minted.successor;
  perform openclaw.audit('refresh_access_token', family.user_id, family.id);
  return answer;
end
$$;
comment on function openclaw.decide_refresh(openclaw.authenticated_client, text, text, text[]) is
  'refresh_access_token, without the audit row of a refusal.';
revoke all on function openclaw.decide_refresh(openclaw.authenticated_client, text, text, text[]) from public;

create function openclaw.refresh_access_token(
    client openclaw.authenticated_client, refresh_token text, resource text default null,
    scopes text[] default null)
  returns openclaw.token_grant
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  return openclaw.audited(openclaw.decide_refresh(client, refresh_token, resource, scopes),
                          'refresh_access_token', client);
end
$$;
comment on function openclaw.refresh_access_token(openclaw.authenticated_client, text, text, text[]) is
  'A new access token and the next refresh token of the family (RFC 6749 section 6, with rotation as OAuth 2.1 section 4.3.1 asks). Within openclaw.refresh_token_grace of its first use a token gets the same successor again; a use after that revokes the family and the access tokens it gave. scopes may be fewer than the grant''s, for this access token.';
revoke all on function openclaw.refresh_access_token(openclaw.authenticated_client, text, text, text[]) from public;

create type openclaw.introspected as (answer json, user_id text, container_id text, client_id text);
comment on type openclaw.introspected is
  'What a token is (RFC 7662 section 2.2), and whose.';

create function openclaw.introspect_refresh_token(token text) returns openclaw.introspected
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  found openclaw.introspected;
begin
  select json_build_object(
    'active', true, 'token_type', 'refresh_token', 'scope', array_to_string(g.scopes, ' '),
    'sub', g.user_id, 'user_id', g.user_id, 'client_id', g.client_id,
    'container_id', g.container_id, 'iat', floor(extract(epoch from r.created_at)),
    'exp', floor(extract(epoch from g.expires_at))), g.user_id, g.container_id, g.client_id
  into found
  from openclaw.refresh_tokens as r join openclaw.live_grants as g on g.id = r.grant_id
  where r.token_hash = openclaw.token_hash(introspect_refresh_token.token) and r.replaced_at is null;
  found.answer := coalesce(found.answer, '{"active":false}');
  return found;
end
$$;
comment on function openclaw.introspect_refresh_token(text) is
  'introspect() of a refresh token, which calls it.';
revoke all on function openclaw.introspect_refresh_token(text) from public;

create function openclaw.introspect(token text) returns json
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_introspect';
comment on function openclaw.introspect(text) is
  'What a token is (RFC 7662 section 2.2), opaque, access token JWT or refresh token; {"active":false} for anything that is not good, whatever the reason. A user claim is no token and inactive, and so is a client secret. Errors: 55000 for a JWT without issuer.';
revoke all on function openclaw.introspect(text) from public;
