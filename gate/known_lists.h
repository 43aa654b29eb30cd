// The Token Status Lists (core/status_list.h) that JWTs refer to, as far as they are known. No I/O,
// no clock: status_lists.h reads them, the authenticator looks at them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/status_list.h"
#include "gate/config.h"
#include "gate/http_url.h"

namespace openclaw::gate {

// Where a list is fetched: where the platform's keys come from. When platform_jwks_url ends in
// /.well-known/jwks.json, what stands before that takes the issuer's place in the uri; otherwise
// it is the uri itself. None when the uri does not lie below the issuer, or is no URL that a
// document would be fetched from (parse_trusted_url).
std::optional<HttpUrl> status_list_url(const Config& config, std::string_view uri);

struct KnownList {
  KnownList(std::string its_uri, HttpUrl its_url)
      : uri(std::move(its_uri)), url(std::move(its_url)) {}

  bool revokes(std::uint32_t index) const { return list && list->is_invalid(index); }

  const std::string uri;           // as tokens name it
  const HttpUrl url;               // where it is fetched
  std::optional<StatusList> list;  // as it was last read; none: it never was
  bool current = false;            // read within status_period, and not expired since
  bool awaited = false;            // a request has waited for it: from then on none does
};

// Those who hold a list keep it known; one that nobody holds is forgotten.
class KnownLists {
 public:
  static constexpr std::size_t kMost = 64;

  // The list, a new one when it is not known. Null when there are too many others.
  std::shared_ptr<KnownList> refer(const std::string& uri, const HttpUrl& url);
  std::size_t size() const;

 private:
  std::map<std::string, std::weak_ptr<KnownList>> lists_;
};

}  // namespace openclaw::gate
