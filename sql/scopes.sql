-- The scope grammar: area:action, and area:* as a grant (core/scope.h has the rule).

create function openclaw.is_grant(scope text) returns boolean
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_is_grant';
comment on function openclaw.is_grant(text) is
  'True for area:action and area:*; a part is 1 to 64 of a-z 0-9 _ - . and starts with a letter.';
revoke all on function openclaw.is_grant(text) from public;

create function openclaw.are_grants(scopes text[]) returns boolean
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_are_grants';
comment on function openclaw.are_grants(text[]) is
  'True for 1 to 64 grants, none of them null.';
revoke all on function openclaw.are_grants(text[]) from public;

create function openclaw.scopes_cover(granted text[], required text[]) returns boolean
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_scopes_cover';
comment on function openclaw.scopes_cover(text[], text[]) is
  'True when every required scope is covered by a granted one. A required wildcard is covered by the same wildcard alone. Errors: 54000 over 64 elements.';
revoke all on function openclaw.scopes_cover(text[], text[]) from public;

create function openclaw.parse_scopes(list text) returns text[]
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_parse_scopes';
comment on function openclaw.parse_scopes(text) is
  'Space-separated scopes as an array (RFC 6749 section 3.3); null when the text is no such list.';
revoke all on function openclaw.parse_scopes(text) from public;

create function openclaw.narrowed_scopes(wide text[], other text[]) returns text[]
  language c immutable strict parallel safe
  as 'MODULE_PATHNAME', 'openclaw_narrowed_scopes';
comment on function openclaw.narrowed_scopes(text[], text[]) is
  'What two lists of grants both cover, sorted, less rights at the front itself (openclaw:…), which go into no token that is given to another. Errors: 54000 over 64 elements.';
revoke all on function openclaw.narrowed_scopes(text[], text[]) from public;
