-- Opaque tokens: issue, verify, revoke.

create function openclaw.mint_token(purpose text, out token text, out token_hash bytea)
  language c volatile strict
  as 'MODULE_PATHNAME', 'openclaw_mint_token';
comment on function openclaw.mint_token(text) is
  'A new token''s text (ocu_… for user_direct, och_… for platform_harness, ocr_… for refresh, ocs_… for client_secret; 256 random bits, checksum) and the SHA-256 of it, which alone is stored.';
revoke all on function openclaw.mint_token(text) from public;

create function openclaw.token_hash(token text) returns bytea
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_token_hash';
comment on function openclaw.token_hash(text) is
  'SHA-256 of a token''s text; null when prefix, length, alphabet or checksum are not a token''s.';
revoke all on function openclaw.token_hash(text) from public;

create type openclaw.token_verification as (
  valid boolean, reason text, token_id text, user_id text, container_id text, scopes text[],
  issued_for text, expires_at timestamptz
);
comment on type openclaw.token_verification is
  'valid, or the reason: malformed, unknown, revoked, expired, insufficient_scope. A refusal says nothing else.';

create function openclaw.issue_token(
    user_id text, scopes text[], lifetime interval default null,
    issued_for text default 'user_direct', name text default null, container_id text default null,
    out token text, out token_id text, out expires_at timestamptz)
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  minted record;
  plan openclaw.plans;
begin
  perform openclaw.require_primary();
  -- By where it ends, too: intervals compare months as 30 days.
  if lifetime < interval '1 second' or lifetime > interval '11 years'
     or now() + lifetime > now() + interval '10 years' then
    raise exception 'lifetime must be between one second and ten years' using errcode = '22023';
  end if;
  if scopes is null or not openclaw.are_grants(scopes) then
    raise exception 'scopes must be 1 to 64 of area:action or area:*' using errcode = '22023';
  end if;
  perform openclaw.require_user(issue_token.user_id);
  if issue_token.container_id is not null then
    perform openclaw.require_container(issue_token.user_id, issue_token.container_id);
  end if;
  if coalesce(issued_for, 'user_direct') not in ('user_direct', 'platform_harness') then
    raise exception 'unknown issued_for' using errcode = '22023',
      hint = 'Use user_direct or platform_harness.';
  end if;
  plan := openclaw.claim_issue(issue_token.user_id);
  perform openclaw.require_plan_scopes(plan, scopes);
  lifetime := openclaw.plan_lifetime(plan, lifetime, interval '90 days');
  if plan.max_live_tokens is not null then
    if (select count(*) from (
          select from openclaw.api_tokens as t
          where t.user_id = issue_token.user_id and t.revoked_at is null and t.expires_at > now()
          limit plan.max_live_tokens) as live) >= plan.max_live_tokens then
      perform openclaw.refuse_by_plan(
        'plan_tokens', format('plan "%s" allows %s live tokens', plan.plan_tier, plan.max_live_tokens),
        'Revoke one, or change the plan.');
    end if;
  end if;
  minted := openclaw.mint_token(coalesce(issued_for, 'user_direct'));
  token := minted.token;
  insert into openclaw.api_tokens as t
    (id, user_id, name, token_hash, scopes, expires_at, issued_for, container_id)
  values (openclaw.new_id('tok'), issue_token.user_id, issue_token.name, minted.token_hash,
          issue_token.scopes, clock_timestamp() + lifetime,
          coalesce(issue_token.issued_for, 'user_direct'), issue_token.container_id)
  returning t.id, t.expires_at into issue_token.token_id, issue_token.expires_at;
  perform openclaw.audit('issue_token', issue_token.user_id, issue_token.token_id);
end
$$;
comment on function openclaw.issue_token(text, text[], interval, text, text, text) is
  'Issues an opaque token: its text is returned once and never stored. issued_for is user_direct or platform_harness; with container_id it is good for that container alone. lifetime defaults to 90 days, or to the plan''s longest if that is shorter. Errors: P0002 for an unknown user or container, 22023 for scopes, lifetime or issued_for, 53400 for what the plan does not allow, with reason: plan_tokens, plan_lifetime, plan_scopes or rate_limited.';
revoke all on function openclaw.issue_token(text, text[], interval, text, text, text) from public;

create function openclaw.require_container(user_id text, container_id text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform from openclaw.containers as c
  where c.id = require_container.container_id and c.user_id = require_container.user_id
    and c.disabled_at is null
  for share;
  if not found then
    raise exception 'no such container' using errcode = 'P0002', detail = 'reason: unknown_container';
  end if;
end
$$;
comment on function openclaw.require_container(text, text) is
  'Raises P0002 unless the container exists, is the user''s and is not disabled; another user''s answers the same. Holds the row until the transaction ends.';
revoke all on function openclaw.require_container(text, text) from public;

create function openclaw.verify_token(token text, required_scopes text[] default '{}')
  returns openclaw.token_verification
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_verify_token';
comment on function openclaw.verify_token(text, text[]) is
  'Whether an opaque token is live and grants every required scope; one index look-up, no write. A null or over-long token is malformed. Errors: 22004 and 22023 for required_scopes.';
revoke all on function openclaw.verify_token(text, text[]) from public;

create function openclaw.verify_tokens(tokens text[], required_scopes text[] default '{}')
  returns table (ordinal bigint, valid boolean, reason text, token_id text, user_id text,
                 container_id text, scopes text[], issued_for text, expires_at timestamptz)
  language c stable
  as 'MODULE_PATHNAME', 'openclaw_verify_tokens';
comment on function openclaw.verify_tokens(text[], text[]) is
  'verify_token for up to 65536 tokens in one call: one row each, in their order, ordinal from 1. A bad token is a row with its reason and never fails the call. Errors: 22004, 22023, 54000.';
revoke all on function openclaw.verify_tokens(text[], text[]) from public;

create function openclaw.revoke_token(user_id text, token_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  update openclaw.api_tokens as t set revoked_at = now()
  where t.id = revoke_token.token_id and t.user_id = revoke_token.user_id
    and t.revoked_at is null;
  if found then
    perform openclaw.revoke_grants(array(
      select g.id from openclaw.grants as g where g.subject_token_id = revoke_token.token_id));
    perform openclaw.audit('revoke_token', revoke_token.user_id, revoke_token.token_id);
    return true;
  end if;
  return exists (select from openclaw.api_tokens as t
                 where t.id = revoke_token.token_id and t.user_id = revoke_token.user_id);
end
$$;
comment on function openclaw.revoke_token(text, text) is
  'Revokes a token of a user by its id, and the grants that it was exchanged for; effective at once for every check in the database. True also when it was revoked before; false when the user has no such token, whoever else may.';
revoke all on function openclaw.revoke_token(text, text) from public;

create function openclaw.revoke_token(token text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  stored record;
begin
  perform openclaw.require_primary();
  select t.id, t.user_id into stored
  from openclaw.api_tokens as t where t.token_hash = openclaw.token_hash(revoke_token.token);
  return coalesce(openclaw.revoke_token(stored.user_id, stored.id), false);
end
$$;
comment on function openclaw.revoke_token(text) is
  'Revokes an opaque token by its text (RFC 7009). True also when it was revoked before; false when there is no such token.';
revoke all on function openclaw.revoke_token(text) from public;
