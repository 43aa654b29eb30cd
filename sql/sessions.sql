-- Row-level security by token: whose rows a transaction sees. The state lives in the backend
-- (extension/session.cpp), set by a verified token alone; docs/how-to/row-level-security.md shows
-- it at work.

create function openclaw.begin_session(token text, required_scopes text[] default '{}',
                                       container_id text default null)
  returns text
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_begin_session';
comment on function openclaw.begin_session(text, text[], text) is
  'Has the rest of the transaction see as the user of this opaque token, and returns the user''s id. Gone with the transaction; a rollback to a savepoint brings back what was before it. A refusal ends the session that was there. A token that is bound to a container needs that container_id. Works on a standby. Errors: 28000 with DETAIL reason: malformed, unknown, revoked, expired or wrong_audience, 42501 with reason: insufficient_scope, 22004 and 22023 for required_scopes.';
revoke all on function openclaw.begin_session(text, text[], text) from public;

create function openclaw.end_session() returns void
  language c volatile
  as 'MODULE_PATHNAME', 'openclaw_end_session';
comment on function openclaw.end_session() is
  'Ends what begin_session began, before the transaction does.';
revoke all on function openclaw.end_session() from public;

create function openclaw.current_user_id() returns text
  language c stable parallel restricted
  as 'MODULE_PATHNAME', 'openclaw_current_user_id';
comment on function openclaw.current_user_id() is
  'The user of begin_session; null without one, and from the next statement on when its token was revoked or has expired. For policies: using (owner = openclaw.current_user_id()).';
revoke all on function openclaw.current_user_id() from public;

create function openclaw.current_token_id() returns text
  language c stable parallel restricted
  as 'MODULE_PATHNAME', 'openclaw_current_token_id';
comment on function openclaw.current_token_id() is
  'The id of the token of begin_session; null as current_user_id() is.';
revoke all on function openclaw.current_token_id() from public;

create function openclaw.has_scope(scope text) returns boolean
  language c stable parallel restricted
  as 'MODULE_PATHNAME', 'openclaw_has_scope';
comment on function openclaw.has_scope(text) is
  'Whether the token of begin_session grants this scope; false without one.';
revoke all on function openclaw.has_scope(text) from public;
