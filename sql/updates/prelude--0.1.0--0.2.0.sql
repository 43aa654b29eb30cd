-- What 0.2.0 changes in tables that 0.1.0 made. tools/update-script puts this before the rest.

-- Made anew with expires_at: plans count the live tokens of a user.
drop index openclaw.api_tokens_user_id_idx;

alter table openclaw.users add column erased_at timestamptz;
alter table openclaw.users add check (erased_at is null
  or (disabled_at is not null and email is null and password_hash is null));

alter table openclaw.audit_log add column on_behalf_of text, add column source inet,
  add column left_out integer;
-- Each partition has indexes of its own now; the default one gets its primary key again below.
alter table openclaw.audit_log drop constraint audit_log_pkey;

-- The generated column was the key, which logical replication does not send.
alter table openclaw.revoked_jwts drop constraint revoked_jwts_pkey;
alter table openclaw.revoked_jwts add primary key (container_id, jti);

-- What a caller may hand on: POST /v1/tokens.
alter type openclaw.front_caller add attribute scopes text[];
