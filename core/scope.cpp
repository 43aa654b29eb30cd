#include "core/scope.h"

#include <algorithm>
#include <iterator>

namespace openclaw {
namespace {

constexpr std::string_view kAnyAction = "*";

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

bool is_part(std::string_view text) {
  return !text.empty() && text.size() <= kMaxScopePart && is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
         });
}

// The two sides of the first colon. A second colon lands in the action, where it is no character
// of a part.
struct Split {
  std::string_view area;
  std::string_view action;
};

Split split(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

bool is_grant(std::string_view text) {
  const auto [area, action] = split(text);
  return is_part(area) && (action == kAnyAction || is_part(action));
}

}  // namespace

Result<void> check_scope(std::string_view scope) {
  const auto [area, action] = split(scope);
  if (!is_part(area) || !is_part(action)) return Error::invalid_scope;
  return {};
}

Result<void> check_grant(std::string_view grant) {
  if (!is_grant(grant)) return Error::invalid_scope;
  return {};
}

bool covers(std::string_view granted, std::string_view required) {
  if (!is_grant(granted) || !is_grant(required)) return false;
  const Split grant = split(granted);
  return granted == required || (grant.action == kAnyAction && grant.area == split(required).area);
}

bool covers_all(std::span<const std::string_view> granted,
                std::span<const std::string_view> required) {
  return std::all_of(required.begin(), required.end(), [granted](std::string_view scope) {
    return std::any_of(granted.begin(), granted.end(),
                       [scope](std::string_view grant) { return covers(grant, scope); });
  });
}

std::vector<std::string_view> common_grants(std::span<const std::string_view> a,
                                            std::span<const std::string_view> b) {
  std::vector<std::string_view> common;
  const auto add = [&common](std::span<const std::string_view> from,
                             std::span<const std::string_view> other) {
    std::copy_if(from.begin(), from.end(), std::back_inserter(common),
                 [other](std::string_view grant) {
                   return covers_all(other, {&grant, 1});
                 });
  };
  add(a, b);
  add(b, a);
  std::sort(common.begin(), common.end());
  common.erase(std::unique(common.begin(), common.end()), common.end());
  return common;
}

std::vector<std::string_view> narrowed_grants(std::span<const std::string_view> a,
                                              std::span<const std::string_view> b) {
  std::vector<std::string_view> common = common_grants(a, b);
  std::erase_if(common, [](std::string_view grant) { return grant.starts_with(kFrontArea); });
  return common;
}

Result<std::vector<std::string>> parse_scope_list(std::string_view text) {
  std::vector<std::string> scopes;
  if (text.empty()) return scopes;
  for (bool last = false; !last;) {
    if (scopes.size() == kMaxScopes) return Error::too_many_scopes;
    const std::size_t space = text.find(' ');
    last = space == std::string_view::npos;
    const std::string_view scope = text.substr(0, space);
    if (!is_grant(scope)) return Error::invalid_scope;
    scopes.emplace_back(scope);
    if (!last) text.remove_prefix(space + 1);
  }
  return scopes;
}

std::string format_scope_list(std::span<const std::string_view> scopes) {
  std::size_t size = 0;
  for (const std::string_view scope : scopes) size += scope.size() + 1;
  std::string text;
  text.reserve(size);
  for (const std::string_view scope : scopes) {
    if (!text.empty()) text += ' ';
    text += scope;
  }
  return text;
}

}  // namespace openclaw
