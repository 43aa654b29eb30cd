#include "gate/remembered_tokens.h"

#include <cstring>
#include <iterator>
#include <map>
#include <string_view>

namespace openclaw::gate {
namespace {

bool is_same_key(const PublicKey* before, const PublicKey* after) {
  return before != nullptr && after != nullptr && before->jwk() == after->jwk();
}

}  // namespace

std::size_t DigestHash::operator()(const Digest& digest) const {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

const RememberedTokens::Entry* RememberedTokens::find(const Digest& token, std::int64_t now) {
  const auto found = entries_.find(token);
  if (found == entries_.end()) return nullptr;
  if (found->second.expires_at <= now) {
    forget(found);
    return nullptr;
  }
  return &found->second;
}

void RememberedTokens::remember(const Digest& token, Entry entry, std::int64_t now) {
  if (const auto known = entries_.find(token); known != entries_.end()) forget(known);
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
    forget(entries_.find(by_expiry_.begin()->second));
  }
  if (entry.expires_at <= now) return;
  const std::int64_t expires_at = entry.expires_at;
  entries_.emplace(token, std::move(entry));
  by_expiry_.emplace(expires_at, token);
  if (entries_.size() > kMost) forget(entries_.find(by_expiry_.begin()->second));
}

void RememberedTokens::keep_only(const KeySet& before, const KeySet& after) {
  std::map<std::string, bool, std::less<>> kept;  // a set has few keys: each is compared once
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const std::string& kid = entry->second.kid;
    auto known = kept.find(kid);
    if (known == kept.end()) {
      known = kept.emplace(kid, is_same_key(before.find(kid), after.find(kid))).first;
    }
    entry = known->second ? std::next(entry) : forget(entry);
  }
}

void RememberedTokens::clear() {
  entries_.clear();
  by_expiry_.clear();
}

RememberedTokens::Entries::iterator RememberedTokens::forget(Entries::iterator entry) {
  by_expiry_.erase({entry->second.expires_at, entry->first});
  return entries_.erase(entry);
}

}  // namespace openclaw::gate
