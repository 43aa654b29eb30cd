#include "gate/platform.h"

#include <algorithm>
#include <utility>

namespace openclaw::gate {
namespace {

using namespace std::chrono_literals;

// How long a status list waits for the set of keys to be fetched again.
constexpr auto kWaitForKeys = 5s;
// The platform names the keys that verifiers may still hold, which are few. Beyond this those are
// dropped that it does not publish any more.
constexpr std::size_t kMostRevokedKeys = 4096;

using Kids = std::set<std::string, std::less<>>;

std::shared_ptr<const KeySet> without(const std::shared_ptr<const KeySet>& keys,
                                      const Kids& revoked) {
  if (!keys) return nullptr;
  const auto is_revoked = [&](const std::string& kid) { return keys->find(kid) != nullptr; };
  if (std::none_of(revoked.begin(), revoked.end(), is_revoked)) return keys;
  std::vector<PublicKey> left;
  for (const Algorithm algorithm : {Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256}) {
    for (const PublicKey* key : keys->with_algorithm(algorithm)) {
      if (revoked.contains(key->kid())) continue;
      // It has been a JWK of a set before, so it is one again.
      if (Result<PublicKey> copy = PublicKey::from_jwk(key->jwk()))
        left.push_back(*std::move(copy));
    }
  }
  Result<KeySet> set = KeySet::of(std::move(left));
  return set ? std::make_shared<const KeySet>(*std::move(set)) : nullptr;
}

}  // namespace

Platform::Platform(boost::asio::io_context& loop, const Config& config, Events events)
    : settings_(settings_of(config)),
      events_(std::move(events)),
      source_(
          loop, config,
          [this](std::shared_ptr<const KeySet> published) { use(std::move(published)); },
          [this](std::string_view outcome, std::size_t) {
            tried_ = true;
            events_.keys_fetched(outcome, keys_ ? keys_->size() : 0);
          }),
      status_lists_(
          loop, config,
          {.keys = [this] { return keys_; },
           .refetch_keys = [this] { return source_.refetch(kWaitForKeys, NamedBy::platform); },
           .read =
               [this](const StatusListToken& token) {
                 take_revoked_keys(token.revoked_keys);
                 events_.list_read(*this);
               },
           .fetched = events_.list_fetched}) {
  source_.start();
}

Platform::Settings Platform::settings_of(const Config& config) {
  return {config.jwks_url,
          config.jwks_ca,
          config.issuer,
          config.jwks_outage_limit,
          config.status_period,
          config.leeway,
          config.jwks_ca.empty() ? FileStamp{} : stamp_of(config.jwks_ca)};
}

bool Platform::has_revoked(const VerifiedToken& token) const {
  return token.is_revoked() || revoked_.contains(token.kid);
}

boost::asio::awaitable<void> Platform::refetch_keys(std::chrono::milliseconds at_most) {
  return source_.refetch(at_most);
}

boost::asio::awaitable<void> Platform::read_list(std::shared_ptr<KnownList> list,
                                                 std::chrono::milliseconds at_most) {
  return status_lists_.read(std::move(list), at_most);
}

void Platform::use(std::shared_ptr<const KeySet> published) {
  published_ = std::move(published);
  keys_ = without(published_, revoked_);
  events_.keys_changed(*this);
}

void Platform::take_revoked_keys(const std::vector<std::string>& kids) {
  if (revoked_.size() > kMostRevokedKeys) {
    std::erase_if(revoked_, [this](const std::string& kid) {
      return !published_ || published_->find(kid) == nullptr;
    });
  }
  const std::size_t before = keys_ ? keys_->size() : 0;
  revoked_.insert(kids.begin(), kids.end());
  std::shared_ptr<const KeySet> left = without(published_, revoked_);
  const std::size_t after = left ? left->size() : 0;
  if (after == before) return;
  keys_ = std::move(left);
  events_.keys_revoked(after);
  events_.keys_changed(*this);
}

}  // namespace openclaw::gate
