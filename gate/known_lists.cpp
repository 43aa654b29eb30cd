#include "gate/known_lists.h"

#include <algorithm>

namespace openclaw::gate {

std::optional<HttpUrl> status_list_url(const Config& config, std::string_view uri) {
  constexpr std::string_view kJwks = "/.well-known/jwks.json";
  std::string_view issuer = config.issuer;
  issuer = issuer.substr(0, issuer.find_last_not_of('/') + 1);
  if (!uri.starts_with(issuer) || !uri.substr(issuer.size()).starts_with('/')) return std::nullopt;
  if (!parse_trusted_url(uri)) return std::nullopt;
  std::string_view base = config.jwks_url;
  if (!base.ends_with(kJwks)) return parse_trusted_url(uri);
  base.remove_suffix(kJwks.size());
  return parse_trusted_url(std::string(base) + std::string(uri.substr(issuer.size())));
}

std::shared_ptr<KnownList> KnownLists::refer(const std::string& uri, const HttpUrl& url) {
  if (const auto known = lists_.find(uri); known != lists_.end()) {
    if (std::shared_ptr<KnownList> list = known->second.lock()) return list;
  }
  std::erase_if(lists_, [](const auto& each) { return each.second.expired(); });
  if (lists_.size() >= kMost) return nullptr;
  auto list = std::make_shared<KnownList>(uri, url);
  lists_.insert_or_assign(uri, list);
  return list;
}

std::size_t KnownLists::size() const {
  return static_cast<std::size_t>(std::count_if(
      lists_.begin(), lists_.end(), [](const auto& each) { return !each.second.expired(); }));
}

}  // namespace openclaw::gate
