-- Containers.

create function openclaw.canonical_endpoint(mcp_endpoint text, type text) returns text
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_canonical_endpoint';
comment on function openclaw.canonical_endpoint(text, text) is
  'The one form of an endpoint that is stored and used as audience: service:port (hosted), https://host[:port][/path] (external; RFC 3986 section 6.2). Errors: 22023 with the reason, among them every address that could reach inside.';
revoke all on function openclaw.canonical_endpoint(text, text) from public;

create function openclaw.canonical_fingerprint(public_key_fingerprint text) returns text
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_canonical_fingerprint';
comment on function openclaw.canonical_fingerprint(text) is
  'sha256/BASE64 of the SubjectPublicKeyInfo (RFC 7469 section 2.4), from that form, from sha256:HEX, or from a certificate or public key in PEM. Errors: 22023.';
revoke all on function openclaw.canonical_fingerprint(text) from public;

create function openclaw.register_container(
    user_id text, name text, type text, mcp_endpoint text, auth_method text default null,
    public_key_fingerprint text default null, container_id text default null,
    signing_alg text default 'EdDSA')
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
declare
  new_id text := coalesce(register_container.container_id, openclaw.new_id('ctr'));
  plan openclaw.plans;
begin
  perform openclaw.require_primary();
  perform openclaw.require_user(register_container.user_id);
  plan := openclaw.claim_issue(register_container.user_id, 0);
  if (select count(*) from openclaw.containers as c
      where c.user_id = register_container.user_id and c.disabled_at is null) >= plan.max_containers then
    perform openclaw.refuse_by_plan(
      'plan_containers', format('plan "%s" allows %s containers', plan.plan_tier, plan.max_containers),
      'Remove one, or change the plan.');
  end if;
  insert into openclaw.containers
    (id, user_id, name, type, mcp_endpoint, auth_method, public_key_fingerprint, signing_alg)
  values (
    new_id, register_container.user_id, register_container.name, register_container.type,
    openclaw.canonical_endpoint(register_container.mcp_endpoint, register_container.type),
    coalesce(register_container.auth_method,
             case register_container.type when 'hosted' then 'mtls' else 'platform_token' end),
    openclaw.canonical_fingerprint(register_container.public_key_fingerprint),
    coalesce(register_container.signing_alg, 'EdDSA'));
  perform openclaw.audit('register_container', register_container.user_id, new_id);
  return new_id;
end
$$;
comment on function openclaw.register_container(text, text, text, text, text, text, text, text) is
  'Adds a container of a user and returns its id. type is hosted (auth_method mtls) or external (platform_token, the default, or api_key); a fingerprint pins an external one''s certificate; signing_alg (EdDSA, ES256, RS256) is what its JWTs are signed with. Errors: P0002 for an unknown user, 22023 for an endpoint or fingerprint that is refused, 23505 for a name or endpoint that the user has already, 23514 when type and method do not fit or signing_alg is none of these, 53400 with reason: plan_containers when the plan allows no more.';
revoke all on function openclaw.register_container(text, text, text, text, text, text, text, text) from public;

create function openclaw.end_tokens_of_container() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.refuse_older_snapshot(new.user_id);
  -- Of several rows always in the order of their ids: else two who end the same ones could deadlock.
  perform from openclaw.api_tokens as t
  where t.container_id = new.id and t.revoked_at is null order by t.id for no key update;
  update openclaw.api_tokens as t set revoked_at = now()
  where t.container_id = new.id and t.revoked_at is null;
  perform from openclaw.grants as g
  where g.container_id = new.id and g.revoked_at is null order by g.id for no key update;
  update openclaw.grants as g set revoked_at = now()
  where g.container_id = new.id and g.revoked_at is null;
  perform openclaw.audit('disable_container', new.user_id, new.id);
  return null;
end
$$;
comment on function openclaw.end_tokens_of_container() is
  'Trigger: a container that is disabled leaves no live token and no grant bound to it.';
revoke all on function openclaw.end_tokens_of_container() from public;

create trigger end_tokens after update of disabled_at on openclaw.containers
  for each row when (old.disabled_at is null and new.disabled_at is not null)
  execute function openclaw.end_tokens_of_container();

create function openclaw.update_container(
    user_id text, container_id text, name text default null, mcp_endpoint text default null,
    public_key_fingerprint text default null, signing_alg text default null)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  update openclaw.containers as c
  set name = coalesce(update_container.name, c.name),
      mcp_endpoint = coalesce(openclaw.canonical_endpoint(update_container.mcp_endpoint, c.type),
                              c.mcp_endpoint),
      public_key_fingerprint = case when update_container.public_key_fingerprint = '' then null
        else coalesce(openclaw.canonical_fingerprint(
                        nullif(update_container.public_key_fingerprint, '')),
                      c.public_key_fingerprint) end,
      signing_alg = coalesce(update_container.signing_alg, c.signing_alg)
  where c.id = update_container.container_id and c.user_id = update_container.user_id
    and c.disabled_at is null;
  if found then
    perform openclaw.audit('update_container', update_container.user_id,
                           update_container.container_id);
  end if;
  return found;
end
$$;
comment on function openclaw.update_container(text, text, text, text, text, text) is
  'Changes what is given of a container and leaves the rest; an empty fingerprint takes the pin away. A JWT keeps the audience that it was signed for. False for a container that is unknown, removed or another user''s. Errors: as register_container.';
revoke all on function openclaw.update_container(text, text, text, text, text, text) from public;

create function openclaw.remove_container(user_id text, container_id text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, openclaw, pg_temp
  as $$
begin
  perform openclaw.require_primary();
  perform openclaw.hold_user(remove_container.user_id);
  update openclaw.containers as c set disabled_at = now()
  where c.id = remove_container.container_id and c.user_id = remove_container.user_id
    and c.disabled_at is null;
  return found or exists (
    select from openclaw.containers as c
    where c.id = remove_container.container_id and c.user_id = remove_container.user_id);
end
$$;
comment on function openclaw.remove_container(text, text) is
  'Ends a container: from this transaction on no token, grant or JWT for it is good in the database, and its gate learns it from its status list. Its name and endpoint are free again. True also when it was removed before, false for one that is unknown or another user''s. Errors: 40001 under REPEATABLE READ where the snapshot is older than what was issued since; begin again.';
revoke all on function openclaw.remove_container(text, text) from public;
