#include "gate/challenge.h"

#include <vector>

#include "core/json.h"
#include "core/scope.h"

namespace openclaw::gate {
namespace {

constexpr std::string_view kWellKnown = "/.well-known/oauth-protected-resource";

struct ResourceUrl {
  std::string_view origin;
  std::string_view path;  // empty for "/" (RFC 9728 3.1)
};

// None for what is no URL: a hosted container's service:port.
std::optional<ResourceUrl> split(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == url.npos) return std::nullopt;
  const std::size_t slash = url.find('/', scheme + 3);
  if (slash == url.npos) return ResourceUrl{url, {}};
  const std::string_view path = url.substr(slash);
  return ResourceUrl{url.substr(0, slash), path == "/" ? std::string_view{} : path};
}

// quoted-string (RFC 9110 5.6.4). What no quoted-string can hold is left out: in particular,
// nothing ends the header's line.
void append_parameter(std::string& out, std::string_view parameter, std::string_view value) {
  out += out.empty() ? "Bearer " : ", ";
  out += parameter;
  out += "=\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7F) continue;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

std::string_view error_code(const Decision& decision) {
  if (decision.verdict == Verdict::insufficient_scope) return "insufficient_scope";
  return decision.presented ? "invalid_token" : std::string_view{};
}

void append_list(std::string& json, std::string_view member,
                 const std::vector<std::string>& values) {
  json += ",\"";
  json += member;
  json += "\":[";
  for (const std::string& value : values) {
    if (json.back() != '[') json += ',';
    append_json_string(json, value);
  }
  json += ']';
}

}  // namespace

std::optional<std::string> protected_resource_metadata(const Config& config) {
  if (config.mode != Mode::platform || !split(config.public_url)) return std::nullopt;
  std::string json = R"({"resource":)";
  append_json_string(json, config.public_url);
  append_list(json, "authorization_servers", {config.issuer});
  // An empty list is left out (RFC 9728 3.2).
  if (!config.required_scopes.empty()) {
    append_list(json, "scopes_supported", config.required_scopes);
  }
  append_list(json, "bearer_methods_supported", {"header"});
  json += '}';
  return json;
}

bool is_metadata_path(const Config& config, std::string_view path) {
  if (!path.starts_with(kWellKnown)) return false;
  path.remove_prefix(kWellKnown.size());
  const std::optional<ResourceUrl> url = split(config.public_url);
  return path.empty() || (url && path == url->path);
}

std::string challenge(const Config& config, const Decision& decision) {
  const bool takes_bearer = config.mode == Mode::platform || config.mode == Mode::token;
  const bool refuses =
      decision.verdict != Verdict::allowed && decision.verdict != Verdict::unavailable;
  if (!takes_bearer || !refuses) return {};

  std::string value;
  if (const std::string_view error = error_code(decision); !error.empty()) {
    append_parameter(value, "error", error);
  }
  if (!config.required_scopes.empty()) {
    const std::vector<std::string_view> scopes(config.required_scopes.begin(),
                                               config.required_scopes.end());
    append_parameter(value, "scope", format_scope_list(scopes));
  }
  const std::optional<ResourceUrl> url = split(config.public_url);
  if (config.mode == Mode::platform && url) {
    std::string metadata(url->origin);
    metadata += kWellKnown;
    metadata += url->path;
    append_parameter(value, "resource_metadata", metadata);
  }
  // A challenge has at least one parameter (RFC 6750 3).
  if (value.empty()) append_parameter(value, "realm", "openclaw");
  return value;
}

}  // namespace openclaw::gate
