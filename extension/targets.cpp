#include "extension/targets.h"

#include <algorithm>
#include <map>

#include "core/scope.h"
#include "extension/call.h"
#include "extension/tables.h"

namespace openclaw::extension {
namespace {

constexpr std::size_t kMaxRemembered = 1024;

struct Remembered {
  std::map<std::string, Target, std::less<>> targets;  // by what they were looked up by
  uint64 ended;                                        // ended_transactions() before they were read
};

// Through a plain pointer: no constructor runs when the module is loaded.
Remembered* remembered = nullptr;

// Emptied where a row could say something else by now. A transaction that has written sees what it
// wrote itself, which no count shows.
std::map<std::string, Target, std::less<>>& unchanged_targets() {
  if (remembered == nullptr) remembered = new Remembered{{}, 0};
  const uint64 ended = ended_transactions();
  if (remembered->ended != ended || remembered->targets.size() >= kMaxRemembered ||
      TransactionIdIsValid(GetTopTransactionIdIfAny())) {
    remembered->targets.clear();
    remembered->ended = ended;
  }
  return remembered->targets;
}

std::string copy(Datum text) { return std::string(text_of(text)); }

std::vector<std::string> copies(Datum scopes) {
  const Views all = views_of(text_array_of(scopes, kMaxScopes, kMaxScopesBytes, "allowed_scopes"));
  return {all.begin(), all.end()};
}

Target target_of(const TargetRow& row) {
  Target target{
      copy(row.id),          copy(row.user_id),     copy(row.type),     copy(row.mcp_endpoint),
      copy(row.auth_method), copy(row.signing_alg), row.jwt_generation, copy(row.plan_tier),
      std::nullopt,          std::nullopt};
  if (row.allowed_scopes != 0) target.allowed_scopes = copies(row.allowed_scopes);
  if (row.limits_lifetime) {
    target.longest = microseconds(row.max_token_lifetime) / USECS_PER_SEC;
  }
  return target;
}

}  // namespace

const Target* find_target(std::string_view container_id) {
  auto& targets = unchanged_targets();
  std::string key = std::string("=").append(container_id);
  if (const auto known = targets.find(key); known != targets.end()) return &known->second;
  const TargetRow row = read_target(container_id);
  return row.found ? &targets.emplace(std::move(key), target_of(row)).first->second : nullptr;
}

const Target* find_only_target(std::string_view mcp_endpoint,
                               std::optional<std::string_view> user_id) {
  auto& targets = unchanged_targets();
  std::string key = std::string("@").append(mcp_endpoint);
  if (user_id) key.append(" ").append(*user_id);
  if (const auto known = targets.find(key); known != targets.end()) return &known->second;
  const TargetRows rows = read_targets(mcp_endpoint, user_id);
  return rows.matches == 1 ? &targets.emplace(std::move(key), target_of(rows.first)).first->second
                           : nullptr;
}

std::int64_t microseconds(const Interval& interval) {
  constexpr std::int64_t kYear = 366;
  std::int64_t days = std::int64_t{interval.month} * DAYS_PER_MONTH + interval.day;
  days = std::clamp(days + interval.time / USECS_PER_DAY, -kYear, kYear);
  return days * USECS_PER_DAY + interval.time % USECS_PER_DAY;
}

}  // namespace openclaw::extension
