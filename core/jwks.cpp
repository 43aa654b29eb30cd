#include "core/jwks.h"

#include <set>
#include <utility>

#include "core/json.h"

namespace openclaw {
namespace {

// Room for kMaxJwksKeys keys with certificate chains (x5c) and members that are not ours.
constexpr JsonLimits kJwksLimits{.bytes = kMaxJwks, .depth = 8, .elements = 8192};

// A set's `keys`.
struct Members {
  JsonDocument document;
  std::vector<JsonObject> objects;
};

Result<Members> read_members(std::string_view text, std::size_t max_keys) {
  if (text.size() > kMaxJwks) return Error::too_long;
  Result<JsonDocument> document = parse_json_object(text, kJwksLimits);
  if (!document) return document.error();
  const std::optional<JsonValue> keys = document->object().find("keys");
  const auto members = keys ? keys->list() : std::nullopt;
  if (!members) return Error::malformed;
  if (members->size() > max_keys) return Error::too_long;
  std::vector<JsonObject> objects;
  for (const JsonValue& member : *members) {
    const auto object = member.object();
    if (!object) return Error::malformed;
    objects.push_back(*object);
  }
  return Members{std::move(*document), std::move(objects)};
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
  const Result<Members> members = read_members(text, kMaxJwksKeys);
  if (!members) return members.error();

  std::set<std::string_view> kids;
  std::vector<PublicKey> keys;
  for (const JsonObject& member : members->objects) {
    const std::optional<JsonValue> kid = member.find("kid");
    const auto text_of_kid = kid ? kid->text() : std::nullopt;
    if (!text_of_kid) continue;
    if (!kids.insert(*text_of_kid).second) return Error::duplicate_kid;
    Result<PublicKey> key = PublicKey::from_jwk(member);
    if (key) keys.push_back(std::move(*key));
  }
  return of(std::move(keys));
}

Result<KeySet> KeySet::parse_strictly(std::string_view text, std::size_t max_keys) {
  const Result<Members> members = read_members(text, max_keys);
  if (!members) return members.error();
  if (members->objects.empty()) return Error::malformed;

  std::vector<PublicKey> keys;
  for (const JsonObject& member : members->objects) {
    Result<PublicKey> key = PublicKey::from_jwk(member);
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
