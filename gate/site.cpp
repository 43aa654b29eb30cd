#include "gate/site.h"

#include <algorithm>

#include "gate/http_url.h"

namespace openclaw::gate {
namespace {

// Of https://HOST[:PORT][/PATH] or SERVICE:PORT.
std::optional<HttpUrl> parse_public_url(const std::string& url) {
  if (url.empty()) return std::nullopt;
  return parse_http_url(url.find("://") == url.npos ? "https://" + url : url);
}

std::string without_last_slash(std::string path) {
  if (path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

Site::Site(const Config& config)
    : loopback_alone_(config.mode == Mode::local),
      upstream_path_(without_last_slash(config.upstream.path)),
      origins_(config.allowed_origins) {
  // Without a public_url the gate's paths are the upstream's.
  path_ = upstream_path_;
  if (const std::optional<HttpUrl> url = parse_public_url(config.public_url)) {
    host_ = url->host;
    path_ = without_last_slash(url->path);
    if (config.public_url.find("://") != config.public_url.npos) origins_.push_back(origin(*url));
  }
}

bool Site::is_host(std::string_view host) {
  if (!known_host_.empty() && host == known_host_) return true;
  if (!judge_host(host)) return false;
  known_host_ = host;
  return true;
}

bool Site::judge_host(std::string_view host) const {
  const std::optional<HttpUrl> url = parse_http_url("http://" + std::string(host));
  if (!url || !url->path.empty()) return false;
  if (is_loopback_host(url->host)) return true;
  if (loopback_alone_) return false;
  return is_ip_address(url->host) || (!host_.empty() && url->host == host_);
}

bool Site::is_origin(std::string_view origin) const {
  return std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

std::optional<std::string> Site::upstream_target(std::string_view target) const {
  if (upstream_path_.empty()) return std::string(target);
  const std::size_t path_end = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(0, path_end);
  if (!path.starts_with(path_)) return std::nullopt;
  path.remove_prefix(path_.size());
  if (!path.empty() && path.front() != '/') return std::nullopt;
  if (path == "/" && path_.empty()) path = {};  // https://HOST and https://HOST/ are one
  std::string mapped = upstream_path_;
  mapped += path;
  mapped += target.substr(path_end);
  return mapped;
}

}  // namespace openclaw::gate
