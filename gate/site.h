// Which Host and Origin a request may name, and where its path lies at the upstream. DNS rebinding
// makes a browser send requests here under a name of the attacker's: such a name is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gate/config.h"

namespace openclaw::gate {

class Site {
 public:
  explicit Site(const Config& config);

  // A literal IP address, localhost, or the host of public_url, each with any port; in mode local
  // loopback alone.
  bool is_host(std::string_view host);
  // That of public_url, or one of allowed_origins, byte for byte as browsers write it (RFC 6454 6).
  bool is_origin(std::string_view origin) const;

  // The target for the upstream: with a path in `upstream`, the path of public_url becomes that
  // one. None for what lies elsewhere.
  std::optional<std::string> upstream_target(std::string_view target) const;

 private:
  bool judge_host(std::string_view host) const;

  bool loopback_alone_;
  std::string host_;           // of public_url, or ""
  std::string path_;           // what becomes upstream_path_
  std::string upstream_path_;  // "" keeps the request's own
  std::vector<std::string> origins_;
  std::string known_host_;  // judged before: most requests name the same
};

}  // namespace openclaw::gate
