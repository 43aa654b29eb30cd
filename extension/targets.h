// The containers that JWTs are issued for, and what their owners' plans say of them, as they are
// now in every isolation level.
//
// What the rows said is remembered for as long as no transaction that could have written has ended
// since, by the count by which Postgres itself takes a snapshot for unchanged (decision 0019).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extension/pg.h"

namespace openclaw::extension {

// It exists, and neither it nor its owner is disabled.
struct Target {
  std::string container_id;
  std::string user_id;
  std::string type;
  std::string mcp_endpoint;
  std::string auth_method;
  std::string signing_alg;
  std::int32_t jwt_generation;
  std::string plan_tier;
  std::optional<std::vector<std::string>> allowed_scopes;  // none: every scope
  std::optional<std::int64_t> longest;                     // seconds; none: no limit
};

// Null when there is none. Valid until the next call of these two.
const Target* find_target(std::string_view container_id);

// The one that takes access tokens and has this canonical endpoint and, where it is given, this
// owner; null for none and for several.
const Target* find_only_target(std::string_view mcp_endpoint,
                               std::optional<std::string_view> user_id);

// A month is 30 days, as where intervals are compared. What is beyond a year comes as about a year:
// no lifetime of a JWT is near it.
std::int64_t microseconds(const Interval& interval);

}  // namespace openclaw::extension
