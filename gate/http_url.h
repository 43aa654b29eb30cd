// http and https URLs as the gate and the CLI take them: strict, in one reading (RFC 3986 3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace openclaw::gate {

struct HttpUrl {
  bool tls;
  std::string host;  // lower case; an IPv6 literal without its brackets
  std::uint16_t port;
  std::string path;  // "" or with its leading slash
};

// scheme://host[:port][/path]. None for anything else: userinfo, query, fragment, a host that is
// neither a DNS name nor a literal IP address, characters that no URL has.
std::optional<HttpUrl> parse_http_url(std::string_view text);

// The same, and nobody can stand between: https, or http with a loopback host.
std::optional<HttpUrl> parse_trusted_url(std::string_view text);

// scheme://host[:port], the port left out when it is the scheme's own (RFC 6454 6.1).
std::string origin(const HttpUrl& url);

// Either family's literal, as every parser reads it.
bool is_ip_address(std::string_view host);

// 127.0.0.0/8, ::1, and for URLs the name localhost (RFC 6761 6.3).
bool is_loopback_address(std::string_view host);
inline bool is_loopback_host(std::string_view host) {
  return host == "localhost" || is_loopback_address(host);
}

// Lower-case labels of letters, digits and inner hyphens (RFC 1123 2.1), also with underscores,
// which Docker's service names have.
bool is_host_name(std::string_view host);

// host:port with a literal IP address, IPv6 in brackets. Port 0 is taken.
struct IpAndPort {
  std::string host;
  std::uint16_t port;
};
std::optional<IpAndPort> parse_ip_and_port(std::string_view text);

}  // namespace openclaw::gate
