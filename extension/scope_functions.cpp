// The scope grammar in SQL.
#include "core/scope.h"
#include "extension/call.h"

namespace openclaw::extension {

namespace {

constexpr std::size_t kMaxScopesBytes = 64 * 1024;
constexpr std::size_t kMaxScopeText = 2 * kMaxScopePart + 1;

// A null element stands as empty text, which no grammar accepts.
std::vector<std::string_view> elements(const TextArray& array) {
  std::vector<std::string_view> views;
  for (const auto& element : array) views.push_back(element.value_or(std::string_view{}));
  return views;
}

}  // namespace

OPENCLAW_FUNCTION(openclaw_is_grant) {
  auto grant = Call(fcinfo).text(0, kMaxScopeText);
  return Call::boolean(grant && check_grant(*grant));
}

OPENCLAW_FUNCTION(openclaw_are_grants) {
  TextArray array = Call(fcinfo).required_text_array(0, 65536, 16 * 1024 * 1024, "scopes");
  if (array.empty() || array.size() > kMaxScopes) return Call::boolean(false);
  for (std::string_view grant : elements(array)) {
    if (!check_grant(grant)) return Call::boolean(false);
  }
  return Call::boolean(true);
}

OPENCLAW_FUNCTION(openclaw_scopes_cover) {
  Call call(fcinfo);
  TextArray granted = call.required_text_array(0, kMaxScopes, kMaxScopesBytes, "granted");
  TextArray required = call.required_text_array(1, kMaxScopes, kMaxScopesBytes, "required");
  return Call::boolean(covers_all(elements(granted), elements(required)));
}

OPENCLAW_FUNCTION(openclaw_narrowed_scopes) {
  Call call(fcinfo);
  TextArray wide = call.required_text_array(0, kMaxScopes, kMaxScopesBytes, "wide");
  TextArray other = call.required_text_array(1, kMaxScopes, kMaxScopesBytes, "other");
  return Call::text_array(narrowed_grants(elements(wide), elements(other)));
}

// Null for a list that is none, so that the caller says which parameter it was.
OPENCLAW_FUNCTION(openclaw_parse_scopes) {
  Call call(fcinfo);
  auto list = call.text(0, kMaxScopes * (kMaxScopeText + 1));
  if (!list) return call.null();
  auto scopes = parse_scope_list(*list);
  if (!scopes) return call.null();
  std::vector<std::string_view> views(scopes->begin(), scopes->end());
  return Call::text_array(views);
}

}  // namespace openclaw::extension
