-- JWTs: access tokens (mode B and C) and user claims (mode A).

create function openclaw.sign_jwt(
    type text, alg text, user_id text, audience text, scopes text[], client_id text,
    container_id text, lifetime_seconds integer, generation integer default null,
    actor text default null, certificate_thumbprint text default null,
    not_after timestamptz default null,
    out token text, out jti text, out kid text, out issued_at timestamptz,
    out expires_at timestamptz)
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_sign_jwt';
comment on function openclaw.sign_jwt(text, text, text, text, text[], text, text, integer, integer, text, text, timestamptz) is
  'Signs claims with the active key of an algorithm; type is access_token (typ at+jwt, RFC 9068) or user_claim (typ user-claim+jwt). With generation it refers to that generation of the container''s status list; actor is act.sub (RFC 8693 section 4.1), certificate_thumbprint cnf.x5t#S256 (RFC 8705 section 3.1), and exp is not_after at the latest. Decides nothing: issue_access_token and issue_user_claim do. Errors: 22004, 22023, 54000 for a JWT over 8 KiB, 55000 without an active key or issuer, F0000 without the master key.';
revoke all on function openclaw.sign_jwt(text, text, text, text, text[], text, text, integer, integer, text, text, timestamptz) from public;

create type openclaw.jwt_verification as (
  valid boolean, reason text, user_id text, container_id text, client_id text, scopes text[],
  audience text[], jti text, kid text, issued_at timestamptz, expires_at timestamptz
);
comment on type openclaw.jwt_verification is
  'valid, or the reason: malformed, unsupported_algorithm, unknown_key, invalid_signature, wrong_type, wrong_issuer, expired, not_yet_valid, wrong_audience, wrong_user, wrong_certificate, insufficient_scope, revoked. A refusal says nothing else.';

create function openclaw.verify_jwt(
    jwt text, audience text, required_scopes text[] default '{}', user_id text default null,
    type text default 'access_token', certificate_thumbprint text default null)
  returns openclaw.jwt_verification
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_verify_jwt';
comment on function openclaw.verify_jwt(text, text, text[], text, text, text) is
  'Whether a JWT of this type is ours (signature, issuer), meant for this audience, of this user (null: any), not expired, grants every required scope, it was not revoked, and its user and container are live. A token that is bound to a client certificate (cnf, RFC 8705) needs that certificate''s thumbprint. A null or over-long jwt is malformed (RFC 8725). Errors: 22004, 22023, 54000 for the other arguments, 55000 without issuer.';
revoke all on function openclaw.verify_jwt(text, text, text[], text, text, text) from public;

create function openclaw.refresh_time(issued_at timestamptz, expires_at timestamptz)
  returns timestamptz
  language sql immutable
  set search_path = pg_catalog, openclaw, pg_temp
  as $$ select expires_at - (expires_at - issued_at) / 5 $$;
comment on function openclaw.refresh_time(timestamptz, timestamptz) is
  'When to ask for the next token: at 80 % of this one''s lifetime.';
revoke all on function openclaw.refresh_time(timestamptz, timestamptz) from public;

create function openclaw.issue_access_token(
    container_id text, scopes text[], lifetime interval default null, user_id text default null,
    client_id text default null, alg text default null, actor text default null,
    certificate_thumbprint text default null, not_after timestamptz default null,
    out token text, out jti text, out kid text, out issued_at timestamptz,
    out expires_at timestamptz)
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_issue_access_token';
comment on function openclaw.issue_access_token(text, text[], interval, text, text, text, text, text, timestamptz) is
  'Signs an access token (RFC 9068) for an external container: aud is its endpoint, sub and user_id its owner. Writes nothing, so it works on a hot standby. lifetime defaults to openclaw.access_token_lifetime, one hour at the most; not_after ends it earlier; alg defaults to the container''s. actor and certificate_thumbprint become act and cnf. Errors: P0002 for a container that is unknown, disabled or not the named user''s, 55000 for one that takes no access token or without an active key, 22023, 53400 with reason: plan_scopes for what the owner''s plan does not allow. No JWT lives longer than that plan''s tokens.';
revoke all on function openclaw.issue_access_token(text, text[], interval, text, text, text, text, text, timestamptz) from public;

create function openclaw.issue_user_claim(
    user_id text, container_id text, scopes text[] default '{}', lifetime interval default null,
    alg text default null,
    out token text, out jti text, out kid text, out issued_at timestamptz,
    out expires_at timestamptz)
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_issue_user_claim';
comment on function openclaw.issue_user_claim(text, text, text[], interval, text) is
  'Signs a user claim (typ user-claim+jwt) for a hosted container: aud is its endpoint. The harness forwards it beside its client certificate. Writes nothing. lifetime defaults to openclaw.user_claim_lifetime. Errors: as issue_access_token.';
revoke all on function openclaw.issue_user_claim(text, text, text[], interval, text) from public;

create function openclaw.introspect_access_token(token text) returns json
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_introspect_access_token';
comment on function openclaw.introspect_access_token(text) is
  'introspect() for opaque tokens and JWTs. Errors: 55000 for a JWT without issuer.';
revoke all on function openclaw.introspect_access_token(text) from public;
