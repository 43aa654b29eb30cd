-- OAuth clients: registration, secrets, and how a client proves who it is (RFC 6749 section 2.3,
-- RFC 7523, RFC 8705).

create function openclaw.canonical_client_jwks(jwks text) returns text
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_canonical_client_jwks';
comment on function openclaw.canonical_client_jwks(text) is
  'A client''s JWK set as it is stored: 1 to 8 public keys of EdDSA, ES256 or RS256, each with a kid. Errors: 22023 with the reason.';
revoke all on function openclaw.canonical_client_jwks(text) from public;

create function openclaw.basic_credentials(
    http_authorization text, out client_id text, out client_secret text)
  language c immutable parallel safe
  as 'MODULE_PATHNAME', 'openclaw_basic_credentials';
comment on function openclaw.basic_credentials(text) is
  'The client and secret of an Authorization header of scheme Basic, each form-decoded (RFC 6749 section 2.3.1); nulls for anything else.';
revoke all on function openclaw.basic_credentials(text) from public;

create function openclaw.claimed_client(client_assertion text) returns text
  language c immutable parallel safe
  as 'MODULE_PATHNAME', 'openclaw_claimed_client';
comment on function openclaw.claimed_client(text) is
  'The client that an assertion says it is from, unverified: to find its keys by. Null when it is malformed.';
revoke all on function openclaw.claimed_client(text) from public;

create function openclaw.verify_client_assertion(
    client_assertion text, client_id text, jwks text,
    out valid boolean, out reason text, out jti_hash bytea, out expires_at timestamptz)
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_verify_client_assertion';
comment on function openclaw.verify_client_assertion(text, text, text) is
  'Whether an assertion is this client''s, for this issuer, and in time (RFC 7523 section 3). Whether it is the first of its jti is the caller''s to find out. Errors: 55000 without issuer.';
revoke all on function openclaw.verify_client_assertion(text, text, text) from public;

create function openclaw.client_certificate(
    field text, out thumbprint text, out subjects text[], out not_before timestamptz,
    out not_after timestamptz)
  language c immutable parallel safe
  as 'MODULE_PATHNAME', 'openclaw_client_certificate';
comment on function openclaw.client_certificate(text) is
  'A client certificate as a proxy passes it on: RFC 9440''s :BASE64:, percent-encoded PEM or PEM. thumbprint is x5t#S256 (RFC 8705 section 3.1); subjects are what tls_subject may name. Nulls for anything else.';
revoke all on function openclaw.client_certificate(text) from public;

create function openclaw.register_client(
    name text, kind text default 'mcp_client', user_id text default null,
    scopes text[] default '{mcp:*}', grant_types text[] default '{client_credentials}',
    auth_method text default 'client_secret', jwks text default null,
    tls_subject text default null, client_id text default null,
    out id text, out client_secret text)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  minted record;
begin
  perform openclaw.require_primary();
  if cardinality(coalesce(grant_types, '{}')) not between 1 and 3 then
    raise exception 'grant_types must be one to three' using errcode = '22023';
  end if;
  if scopes is null or not openclaw.are_grants(scopes) then
    raise exception 'scopes must be 1 to 64 of area:action or area:*' using errcode = '22023';
  end if;
  if register_client.user_id is not null then
    perform openclaw.require_user(register_client.user_id);
  end if;
  id := coalesce(register_client.client_id, openclaw.new_id('client'));
  insert into openclaw.oauth_clients as c
    (id, kind, name, user_id, auth_method, jwks, tls_subject, grant_types, scopes)
  values (id, register_client.kind, register_client.name, register_client.user_id,
          coalesce(register_client.auth_method, 'client_secret'),
          openclaw.canonical_client_jwks(register_client.jwks), register_client.tls_subject,
          register_client.grant_types, register_client.scopes);
  if coalesce(register_client.auth_method, 'client_secret') = 'client_secret' then
    minted := openclaw.mint_token('client_secret');
    client_secret := minted.token;
    insert into openclaw.oauth_client_secrets (secret_hash, client_id)
    values (minted.token_hash, register_client.id);
  end if;
  perform openclaw.audit('register_client', register_client.user_id, id);
end
$$;
comment on function openclaw.register_client(text, text, text, text[], text[], text, text, text, text) is
  'Adds an OAuth client and returns its id and, for auth_method client_secret, its secret (ocs_…), which is shown once. kind is harness (user_id null: for every user) or mcp_client, which needs a user_id. grant_types: client_credentials, refresh_token, urn:ietf:params:oauth:grant-type:token-exchange. auth_method private_key_jwt needs jwks, tls_client_auth a tls_subject such as san_dns:agent.example.com. The scopes openclaw:introspect and openclaw:revoke let it ask for more than its own tokens. Errors: P0002 for an unknown user, 22023, 23505 for an id that exists, 23514.';
revoke all on function openclaw.register_client(text, text, text, text[], text[], text, text, text, text) from public;

create function openclaw.rotate_client_secret(client_id text, overlap interval default '1 day')
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  minted record;
  owner text;
begin
  perform openclaw.require_primary();
  if overlap is null or overlap < interval '0' or overlap > interval '90 days' then
    raise exception 'overlap must be between zero and 90 days' using errcode = '22023';
  end if;
  -- One rotation at a time: of those that run at once, the last one's secret is the one that stays.
  select c.user_id into owner from openclaw.oauth_clients as c
  where c.id = rotate_client_secret.client_id and c.disabled_at is null
    and c.auth_method = 'client_secret'
  for no key update;
  if not found then
    raise exception 'no such client with a secret' using errcode = 'P0002',
      detail = 'reason: unknown_client';
  end if;
  update openclaw.oauth_client_secrets as s
  set expires_at = least(s.expires_at, clock_timestamp() + overlap)
  where s.client_id = rotate_client_secret.client_id;
  minted := openclaw.mint_token('client_secret');
  insert into openclaw.oauth_client_secrets (secret_hash, client_id)
  values (minted.token_hash, rotate_client_secret.client_id);
  perform openclaw.audit('rotate_client_secret', owner, rotate_client_secret.client_id);
  return minted.token;
end
$$;
comment on function openclaw.rotate_client_secret(text, interval) is
  'A new secret for a client, shown once; the older ones are good for overlap from now on (zero: no longer). Errors: P0002 for a client that is unknown, disabled or has no secret, 22023.';
revoke all on function openclaw.rotate_client_secret(text, interval) from public;

create function openclaw.set_client_keys(client_id text, jwks text) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  if jwks is null then
    raise exception 'jwks must not be null' using errcode = '22004';
  end if;
  update openclaw.oauth_clients as c set jwks = openclaw.canonical_client_jwks(set_client_keys.jwks)
  where c.id = set_client_keys.client_id and c.auth_method = 'private_key_jwt'
    and c.disabled_at is null;
  if not found then
    raise exception 'no such client with keys' using errcode = 'P0002',
      detail = 'reason: unknown_client';
  end if;
  perform openclaw.audit('set_client_keys', null, set_client_keys.client_id);
end
$$;
comment on function openclaw.set_client_keys(text, text) is
  'Replaces the public keys of a private_key_jwt client; list the old ones too while both sign. Errors: P0002, 22004, 22023.';
revoke all on function openclaw.set_client_keys(text, text) from public;

create function openclaw.disable_client(client_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  owner text;
begin
  perform openclaw.require_primary();
  update openclaw.oauth_clients as c set disabled_at = now()
  where c.id = disable_client.client_id and c.disabled_at is null
  returning c.user_id into owner;
  if found then
    perform openclaw.revoke_grants(array(
      select g.id from openclaw.grants as g where g.client_id = disable_client.client_id));
    perform openclaw.audit('disable_client', owner, disable_client.client_id);
    return true;
  end if;
  return exists (select from openclaw.oauth_clients as c where c.id = disable_client.client_id);
end
$$;
comment on function openclaw.disable_client(text) is
  'Ends a client: it authenticates no more, its grants and what they gave are revoked. JWTs from client_credentials run out by themselves. True also when it was disabled before, false for no such client.';
revoke all on function openclaw.disable_client(text) from public;

create type openclaw.authenticated_client as (
  error text, description text, id text, kind text, user_id text, scopes text[],
  grant_types text[], certificate_thumbprint text
);
comment on type openclaw.authenticated_client is
  'A client that proved who it is, or error invalid_client or invalid_request (RFC 6749 section 5.2). user_id null: it may act for every user.';

create function openclaw.trusted_client(client_id text) returns openclaw.authenticated_client
  language plpgsql stable security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  answer openclaw.authenticated_client;
begin
  select c.id, c.kind, c.user_id, c.scopes, c.grant_types
  into answer.id, answer.kind, answer.user_id, answer.scopes, answer.grant_types
  from openclaw.oauth_clients as c left join openclaw.users as u on u.id = c.user_id
  where c.id = trusted_client.client_id and c.disabled_at is null and u.disabled_at is null;
  if not found then
    raise exception 'no such client' using errcode = 'P0002', detail = 'reason: unknown_client';
  end if;
  return answer;
end
$$;
comment on function openclaw.trusted_client(text) is
  'A client that the calling backend vouches for, for the functions that take an authenticated_client. Errors: P0002.';
revoke all on function openclaw.trusted_client(text) from public;

create function openclaw.accept_assertion(client_id text, jti_hash bytea, expires_at timestamptz)
  returns boolean
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  insert into openclaw.client_assertions (client_id, jti_hash, expires_at)
  values (client_id, jti_hash, expires_at)
  on conflict on constraint client_assertions_pkey do nothing;
  return found;
end
$$;
comment on function openclaw.accept_assertion(text, bytea, timestamptz) is
  'True for the first assertion of a client with this jti (RFC 7523 section 3, item 7), also among those that come at once.';
revoke all on function openclaw.accept_assertion(text, bytea, timestamptz) from public;

create function openclaw.prove_client(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text)
  returns openclaw.authenticated_client
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  answer openclaw.authenticated_client;
  basic record;
  stored openclaw.oauth_clients;
  certificate record;
  assertion record;
  claimed text := client_id;
  proven boolean := false;
begin
  -- One method a request (RFC 6749 section 2.3).
  if num_nonnulls(http_authorization, client_secret,
                  coalesce(client_assertion, client_assertion_type)) > 1 then
    answer.error := 'invalid_request';
    answer.description := 'a client authenticates in one way';
    return answer;
  end if;
  answer.error := 'invalid_client';
  answer.description := 'the client is unknown or did not prove who it is';

  if http_authorization is not null then
    basic := openclaw.basic_credentials(http_authorization);
    if basic.client_id is null or basic.client_id <> client_id then
      return answer;
    end if;
    claimed := basic.client_id;
    client_secret := basic.client_secret;
  elsif coalesce(client_assertion, client_assertion_type) is not null then
    if client_assertion is null or client_assertion_type is distinct from
       'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' then
      answer.error := 'invalid_request';
      answer.description := 'client_assertion and client_assertion_type urn:ietf:params:oauth:client-assertion-type:jwt-bearer belong together';
      return answer;
    end if;
    claimed := openclaw.claimed_client(client_assertion);
    if claimed is null or claimed <> client_id then
      return answer;
    end if;
  end if;

  select c.* into stored
  from openclaw.oauth_clients as c left join openclaw.users as u on u.id = c.user_id
  where c.id = claimed and c.disabled_at is null and u.disabled_at is null;
  if not found then
    return answer;
  end if;

  if stored.auth_method = 'client_secret' and client_secret is not null then
    proven := exists (
      select from openclaw.oauth_client_secrets as s
      where s.client_id = stored.id and s.secret_hash = openclaw.token_hash(prove_client.client_secret)
        and (s.expires_at is null or s.expires_at > clock_timestamp()));
  elsif stored.auth_method = 'private_key_jwt' and client_assertion is not null then
    assertion := openclaw.verify_client_assertion(client_assertion, stored.id, stored.jwks);
    proven := assertion.valid
      and openclaw.accept_assertion(stored.id, assertion.jti_hash, assertion.expires_at);
  elsif stored.auth_method = 'tls_client_auth' and client_certificate is not null
        and num_nonnulls(client_secret, client_assertion) = 0
        and openclaw.setting('mtls_url') <> '' then
    certificate := openclaw.client_certificate(client_certificate);
    proven := coalesce(stored.tls_subject = any (certificate.subjects)
                       and clock_timestamp() between certificate.not_before and certificate.not_after,
                       false);
    answer.certificate_thumbprint := certificate.thumbprint;
  end if;
  if not proven then
    answer.certificate_thumbprint := null;
    return answer;
  end if;
  return row(null, null, stored.id, stored.kind, stored.user_id, stored.scopes, stored.grant_types,
             answer.certificate_thumbprint)::openclaw.authenticated_client;
end
$$;
comment on function openclaw.prove_client(text, text, text, text, text, text) is
  'authenticate_client, without the audit row of a refusal.';
revoke all on function openclaw.prove_client(text, text, text, text, text, text) from public;

create function openclaw.authenticate_client(
    http_authorization text, client_certificate text, client_id text, client_secret text,
    client_assertion_type text, client_assertion text)
  returns openclaw.authenticated_client
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  answer openclaw.authenticated_client := openclaw.prove_client(
    http_authorization, client_certificate, client_id, client_secret, client_assertion_type,
    client_assertion);
  claimed record;
begin
  if answer.error is not null then
    -- An id that is no client's could be anything, a secret too: the row has none.
    select c.id, c.user_id into claimed from openclaw.oauth_clients as c
    where c.id = coalesce((openclaw.basic_credentials(http_authorization)).client_id,
                          openclaw.claimed_client(client_assertion),
                          authenticate_client.client_id);
    perform openclaw.audit_refusal(coalesce('client ' || claimed.id, 'nobody'), 'authenticate_client',
                                   claimed.user_id, claimed.id, answer.error);
  end if;
  return answer;
end
$$;
comment on function openclaw.authenticate_client(text, text, text, text, text, text) is
  'Who a client is, by client_secret_basic, client_secret_post, private_key_jwt or tls_client_auth. client_certificate is the certificate that the TLS of this very connection proved, never one that a client may send by itself; it counts only where openclaw.mtls_url says that there is such TLS. An unknown client, a disabled one and a wrong proof answer alike.';
revoke all on function openclaw.authenticate_client(text, text, text, text, text, text) from public;
