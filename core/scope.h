// Scopes: what a token may do (RFC 6749 3.3, narrowed).
//
//   scope    = area ":" action
//   grant    = scope / area ":*"
//   area     = part
//   action   = part
//   part     = 1*64( a-z / 0-9 / "_" / "-" / "." ), starting with a letter
//
// A requirement is a scope; a grant may be a wildcard over one area. `mcp:*` covers every action of
// `mcp` and nothing of `mcp2`; `data:write` does not cover `data:read`; nothing covers every area.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace openclaw {

inline constexpr std::size_t kMaxScopes = 64;
inline constexpr std::size_t kMaxScopePart = 64;

// Error::invalid_scope.
Result<void> check_scope(std::string_view scope);
Result<void> check_grant(std::string_view grant);

// True when `granted` is a valid grant, `required` a valid grant, and the first takes in the
// second. `required` may be a wildcard when a child's scopes are checked against its parent's:
// only the same wildcard covers it. Anything invalid is false.
bool covers(std::string_view granted, std::string_view required);

// True when each of `required` is covered by at least one of `granted`. An empty `required` is
// covered by anything.
bool covers_all(std::span<const std::string_view> granted,
                std::span<const std::string_view> required);

// What both lists of grants cover, sorted, each once: of a wildcard and a scope in it the scope.
std::vector<std::string_view> common_grants(std::span<const std::string_view> a,
                                            std::span<const std::string_view> b);

// The same less the rights at the front itself, openclaw:...: those are a caller's own, and go into
// no token that is given to another.
std::vector<std::string_view> narrowed_grants(std::span<const std::string_view> a,
                                              std::span<const std::string_view> b);
inline constexpr std::string_view kFrontArea = "openclaw:";

// Space-separated scopes, as the `scope` claim and form parameter carry them (RFC 6749 3.3).
// Error::invalid_scope for an empty item (leading, trailing or doubled space) or one that is no
// grant; Error::too_many_scopes. Empty text is an empty list.
Result<std::vector<std::string>> parse_scope_list(std::string_view text);
std::string format_scope_list(std::span<const std::string_view> scopes);

}  // namespace openclaw
