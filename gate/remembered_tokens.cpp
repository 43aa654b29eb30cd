#include "gate/remembered_tokens.h"

#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

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

std::shared_ptr<const VerifiedToken> RememberedTokens::find(const Digest& token, std::int64_t now) {
  const auto found = entries_.find(token);
  if (found == entries_.end()) return nullptr;
  if (found->second.verified->expires_at <= now) {
    forget(found);
    return nullptr;
  }
  return found->second.verified;
}

void RememberedTokens::remember(const Digest& token, std::shared_ptr<const VerifiedToken> verified,
                                std::int64_t now) {
  if (const auto known = entries_.find(token); known != entries_.end()) forget(known);
  forget_expired(now);
  if (verified->expires_at <= now) return;
  const auto place = by_expiry_.emplace(verified->expires_at, token);
  entries_.emplace(token, Known{std::move(verified), place});
  if (entries_.size() > kMost) forget_first();
}

void RememberedTokens::forget_expired(std::int64_t now) {
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) forget_first();
}

void RememberedTokens::keep_only(const KeySet& before, const KeySet& after) {
  std::map<std::string, bool, std::less<>> kept;  // a set has few keys: each is compared once
  for (auto known = entries_.begin(); known != entries_.end();) {
    const std::string& kid = known->second.verified->kid;
    auto same = kept.find(kid);
    if (same == kept.end()) {
      same = kept.emplace(kid, is_same_key(before.find(kid), after.find(kid))).first;
    }
    known = same->second ? std::next(known) : forget(known);
  }
}

void RememberedTokens::clear() {
  entries_.clear();
  by_expiry_.clear();
}

void RememberedTokens::forget_first() { forget(entries_.find(by_expiry_.begin()->second)); }

RememberedTokens::Entries::iterator RememberedTokens::forget(Entries::iterator known) {
  by_expiry_.erase(known->second.place);
  return entries_.erase(known);
}

}  // namespace openclaw::gate
