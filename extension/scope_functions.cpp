// The scope grammar in SQL.
#include "core/scope.h"
#include "extension/call.h"

namespace openclaw::extension {

namespace {

constexpr std::size_t kMaxScopeText = 2 * kMaxScopePart + 1;

}  // namespace

OPENCLAW_FUNCTION(openclaw_is_grant) {
  auto grant = Call(fcinfo).text(0, kMaxScopeText);
  return Call::boolean(grant && check_grant(*grant));
}

OPENCLAW_FUNCTION(openclaw_are_grants) {
  TextArray array = Call(fcinfo).required_text_array(0, 65536, 16 * 1024 * 1024, "scopes");
  if (array.empty() || array.size() > kMaxScopes) return Call::boolean(false);
  for (std::string_view grant : views_of(array)) {
    if (!check_grant(grant)) return Call::boolean(false);
  }
  return Call::boolean(true);
}

OPENCLAW_FUNCTION(openclaw_scopes_cover) {
  Call call(fcinfo);
  TextArray granted = call.required_text_array(0, kMaxScopes, kMaxScopesBytes, "granted");
  TextArray required = call.required_text_array(1, kMaxScopes, kMaxScopesBytes, "required");
  return Call::boolean(covers_all(views_of(granted), views_of(required)));
}

OPENCLAW_FUNCTION(openclaw_narrowed_scopes) {
  Call call(fcinfo);
  TextArray wide = call.required_text_array(0, kMaxScopes, kMaxScopesBytes, "wide");
  TextArray other = call.required_text_array(1, kMaxScopes, kMaxScopesBytes, "other");
  return Call::text_array(narrowed_grants(views_of(wide), views_of(other)));
}

// Null for a list that is none, so that the caller says which parameter it was.
OPENCLAW_FUNCTION(openclaw_parse_scopes) {
  Call call(fcinfo);
  auto list = call.text(0, kMaxScopes * (kMaxScopeText + 1));
  if (!list) return call.null();
  auto scopes = parse_scope_list(*list);
  if (!scopes) return call.null();
  return Call::text_array(views_of(*scopes));
}

}  // namespace openclaw::extension
