#include "core/jwks.h"

#include <algorithm>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/json.h"

namespace openclaw {
namespace {

using nlohmann::json;

// Room for kMaxJwksKeys keys with certificate chains (x5c) and members that are not ours.
constexpr JsonLimits kJwksLimits{.bytes = kMaxJwks, .depth = 8, .elements = 8192};

// The array of objects that is the set's `keys`.
Result<json> read_members(std::string_view text, std::size_t max_keys) {
  if (text.size() > kMaxJwks) return Error::too_long;
  Result<json> document = parse_json_object(text, kJwksLimits);
  if (!document) return document.error();
  const auto members = document->find("keys");
  if (members == document->end() || !members->is_array()) return Error::malformed;
  if (members->size() > max_keys) return Error::too_long;
  const bool are_objects = std::all_of(members->begin(), members->end(),
                                       [](const json& member) { return member.is_object(); });
  if (!are_objects) return Error::malformed;
  return std::move(*members);
}

}  // namespace

// By value: the keys move into the set.  NOLINTNEXTLINE(performance-unnecessary-value-param)
Result<KeySet> KeySet::of(std::vector<PublicKey> keys) {
  KeySet set;
  while (!keys.empty()) {
    std::string kid = keys.back().kid();
    const bool added = set.keys_.try_emplace(std::move(kid), std::move(keys.back())).second;
    if (!added) return Error::duplicate_kid;
    keys.pop_back();
  }
  return set;
}

Result<KeySet> KeySet::parse(std::string_view text) {
  const Result<json> members = read_members(text, kMaxJwksKeys);
  if (!members) return members.error();

  std::set<std::string_view> kids;
  std::vector<PublicKey> keys;
  for (const json& member : *members) {
    const auto kid = member.find("kid");
    if (kid == member.end() || !kid->is_string()) continue;
    if (!kids.insert(kid->get_ref<const std::string&>()).second) return Error::duplicate_kid;
    Result<PublicKey> key = PublicKey::from_jwk(member.dump());
    if (key) keys.push_back(std::move(*key));
  }
  return of(std::move(keys));
}

Result<KeySet> KeySet::parse_strictly(std::string_view text, std::size_t max_keys) {
  const Result<json> members = read_members(text, max_keys);
  if (!members) return members.error();
  if (members->empty()) return Error::malformed;

  std::vector<PublicKey> keys;
  for (const json& member : *members) {
    Result<PublicKey> key = PublicKey::from_jwk(member.dump());
    if (!key) return key.error();
    keys.push_back(std::move(*key));
  }
  return of(std::move(keys));
}

const PublicKey* KeySet::find(std::string_view kid) const {
  const auto found = keys_.find(kid);
  return found == keys_.end() ? nullptr : &found->second;
}

std::vector<const PublicKey*> KeySet::with_algorithm(Algorithm algorithm) const {
  std::vector<const PublicKey*> found;
  for (const auto& [kid, key] : keys_) {
    if (key.algorithm() == algorithm) found.push_back(&key);
  }
  return found;
}

std::string KeySet::to_json() const {
  std::string text = "{\"keys\":[";
  for (const auto& [kid, key] : keys_) {
    if (text.back() == '}') text += ',';
    text += key.jwk();
  }
  text += "]}";
  return text;
}

}  // namespace openclaw
