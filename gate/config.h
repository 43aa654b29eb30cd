// The gate's configuration, `config.yaml`. One declared schema (config.cpp) says which keys there
// are, of what type, and what they mean; whatever does not fit it is refused with its line and
// column.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/bytes.h"

namespace openclaw::gate {

inline constexpr std::size_t kMaxConfigFile = std::size_t{64} * 1024 * 1024;  // 100,000 keys fit

// What proves a caller. One at a time; settings of the other modes may stand in the file, and are
// checked for form, but decide nothing.
enum class Mode : std::uint8_t {
  local,     // nothing: stdio, or a loopback address
  token,     // an API key of `auth.tokens`
  platform,  // the platform's access token (JWT)
  mtls,      // a client certificate, and the platform's user claim (JWT) beside it
};

// "local", "token", "platform", "mtls".
std::string_view name(Mode mode);

struct ApiKey {
  std::string name;
  Digest hash{};                    // `sha256:` and 64 hex digits in the file
  std::vector<std::string> scopes;  // granted; without any in the file: all that auth.scopes needs
  std::optional<std::int64_t> expires_at;  // NumericDate

  bool operator==(const ApiKey&) const = default;
};

// 1 to 128 bytes without control characters.
bool is_api_key_name(std::string_view name);

struct Address {
  std::string host;  // a literal IP address
  std::uint16_t port = 0;

  bool operator==(const Address&) const = default;
};

struct Upstream {
  std::string host;  // a name or a literal IP address; "" for none
  std::uint16_t port = 0;
  std::string path;  // what public_url's path becomes there; "" keeps the request's own

  bool operator==(const Upstream&) const = default;
};

struct TlsFiles {
  std::string certificate;  // PEM, the leaf first
  std::string key;          // PEM, not open to group or others

  bool operator==(const TlsFiles&) const = default;
};

// Mode A: whose client certificates are taken.
struct ClientCertificates {
  std::string ca;            // PEM file
  std::string trust_domain;  // of spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/NAME
  std::string platform_namespace;
  std::vector<std::string> allowed_dns_names;  // exact DNS SANs taken beside the SPIFFE ID

  bool operator==(const ClientCertificates&) const = default;
};

// What becomes of a token whose status list could not be read within the period.
enum class StatusOutage : std::uint8_t { accept, refuse };

struct Config {
  Mode mode = Mode::local;
  Address listen{"127.0.0.1", 3100};
  std::optional<Address> metrics;  // loopback only
  Upstream upstream;
  std::string public_url;  // canonical (core/endpoint.h); the audience of tokens
  std::vector<std::string> required_scopes;
  std::vector<ApiKey> api_keys;
  std::string jwks_url;
  std::string jwks_ca;  // PEM file for the JWKS's server; "": the system's
  std::string expected_user_id;
  std::string issuer;                            // by default the origin of jwks_url
  std::chrono::seconds jwks_outage_limit{3600};  // how long the last good set serves
  std::chrono::seconds status_period{10};        // within which a revoked token is refused
  StatusOutage status_outage = StatusOutage::accept;
  std::chrono::seconds leeway{30};
  std::optional<TlsFiles> tls;
  ClientCertificates client_certificates;
  std::vector<std::string> allowed_origins;  // beside public_url's own
  std::uint32_t max_connections = 10000;
  std::uint64_t max_body = std::uint64_t{4} * 1024 * 1024;

  bool operator==(const Config&) const = default;
};

// Where the file is wrong, and how to mend it. Lines and columns count from 1; 0 is the whole file.
struct ConfigProblem {
  int line;
  int column;
  std::string message;
};

// What the configuration is read for. `openclaw run` and the commands that edit keys need no
// upstream.
enum class ConfigUse : std::uint8_t { gate, without_upstream };

// Never throws for what the text holds. All problems that can be told apart are reported at once,
// kMaxConfigProblems at the most, and none repeats a value of the file.
inline constexpr std::size_t kMaxConfigProblems = 50;
std::variant<Config, std::vector<ConfigProblem>> parse_config(std::string_view yaml,
                                                              ConfigUse use = ConfigUse::gate);

// Reads and parses. A file that is open to others (world-readable) is a problem. Files that the
// configuration names are relative to its own folder, and absolute in the result.
std::variant<Config, std::vector<ConfigProblem>> load_config(const std::string& path,
                                                             ConfigUse use = ConfigUse::gate);

// FILE:LINE:COLUMN: MESSAGE, as compilers write it; without the place for the whole file.
std::string format_problem(const std::string& path, const ConfigProblem& problem);

// The schema for people, in the file's order: what `openclaw config check --schema` prints.
struct ConfigKey {
  std::string path;  // auth.tokens[].hash
  std::string_view type;
  std::string_view fallback;  // what holds without it, "" when nothing does
  std::string_view meaning;
};
std::vector<ConfigKey> config_schema();

}  // namespace openclaw::gate
