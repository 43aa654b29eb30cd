#include "gate/http_url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace openclaw::gate {
namespace {

constexpr std::size_t kMaxUrl = 2048;
constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::uint16_t default_port(bool tls) { return tls ? 443 : 80; }

// Decimal without a sign or leading zeros.
std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return port;
}

// pchar and "/" (RFC 3986 3.3), percent escapes whole.
bool is_path(std::string_view path) {
  constexpr std::string_view kMarks = "/-._~!$&'()*+,;=:@";
  const auto is_hex = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%') {
      if (path.size() - i < 3 || !is_hex(path[i + 1]) || !is_hex(path[i + 2])) return false;
      i += 2;
    } else if (!is_digit(path[i]) && !is_letter(path[i]) && kMarks.find(path[i]) == kMarks.npos) {
      return false;
    }
  }
  return true;
}

bool parse_address(int family, std::string_view host, void* out) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (host.empty() || host.size() >= text.size()) return false;
  std::copy(host.begin(), host.end(), text.begin());
  return inet_pton(family, text.data(), out) == 1;
}

bool is_ipv4(std::string_view host) {
  in_addr address{};
  return parse_address(AF_INET, host, &address);
}

bool is_ipv6(std::string_view host) {
  in6_addr address{};
  return parse_address(AF_INET6, host, &address);
}

struct HostAndPort {
  std::string_view host;  // without brackets
  std::optional<std::string_view> port;
  bool brackets;
};

std::optional<HostAndPort> split(std::string_view authority) {
  HostAndPort parts{authority, std::nullopt, authority.starts_with('[')};
  std::string_view rest;
  if (parts.brackets) {
    const std::size_t end = authority.find(']');
    if (end == authority.npos) return std::nullopt;
    parts.host = authority.substr(1, end - 1);
    rest = authority.substr(end + 1);
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    parts.host = authority.substr(0, colon);
    rest = authority.substr(colon);
  }
  if (rest.empty()) return parts;
  if (rest.front() != ':') return std::nullopt;
  parts.port = rest.substr(1);
  return parts;
}

// Whether a resolver would read the last label as a number, and the host as an address.
bool ends_in_number(std::string_view host) { return is_digit(host[host.rfind('.') + 1]); }

}  // namespace

bool is_ip_address(std::string_view host) { return is_ipv4(host) || is_ipv6(host); }

bool is_loopback_address(std::string_view host) {
  in_addr v4{};
  if (parse_address(AF_INET, host, &v4)) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return parse_address(AF_INET6, host, &v6) && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > kMaxName || host.back() == '.') return false;
  while (!host.empty()) {
    const std::size_t end = std::min(host.find('.'), host.size());
    const std::string_view label = host.substr(0, end);
    const auto is_inner = [](char c) {
      return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
    };
    if (label.empty() || label.size() > kMaxLabel || label.front() == '-' || label.back() == '-' ||
        !std::all_of(label.begin(), label.end(), is_inner)) {
      return false;
    }
    host.remove_prefix(std::min(end + 1, host.size()));
  }
  return true;
}

std::optional<HttpUrl> parse_http_url(std::string_view text) {
  if (text.size() > kMaxUrl) return std::nullopt;
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == text.npos) return std::nullopt;
  const std::string scheme = lower_case(text.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") return std::nullopt;
  text.remove_prefix(scheme_end + 3);
  const std::size_t path_start = std::min(text.find('/'), text.size());
  const std::string_view path = text.substr(path_start);
  const std::optional<HostAndPort> authority = split(text.substr(0, path_start));
  if (!authority || !is_path(path)) return std::nullopt;

  HttpUrl url{scheme == "https", lower_case(authority->host), 0, std::string(path)};
  const bool is_host = authority->brackets ? is_ipv6(url.host)
                                           : is_ipv4(url.host) || (is_host_name(url.host) &&
                                                                   !ends_in_number(url.host));
  if (!is_host) return std::nullopt;
  const std::optional<std::uint16_t> port =
      authority->port ? parse_port(*authority->port) : default_port(url.tls);
  if (!port || *port == 0) return std::nullopt;
  url.port = *port;
  return url;
}

std::optional<HttpUrl> parse_trusted_url(std::string_view text) {
  std::optional<HttpUrl> url = parse_http_url(text);
  if (url && !url->tls && !is_loopback_host(url->host)) return std::nullopt;
  return url;
}

std::string origin(const HttpUrl& url) {
  const bool brackets = url.host.find(':') != url.host.npos;
  std::string text = url.tls ? "https://" : "http://";
  text += brackets ? '[' + url.host + ']' : url.host;
  if (url.port != default_port(url.tls)) text += ':' + std::to_string(url.port);
  return text;
}

std::optional<IpAndPort> parse_ip_and_port(std::string_view text) {
  const std::optional<HostAndPort> parts = split(text);
  if (!parts || !parts->port) return std::nullopt;
  if (!(parts->brackets ? is_ipv6(parts->host) : is_ipv4(parts->host))) return std::nullopt;
  const std::optional<std::uint16_t> port = parse_port(*parts->port);
  if (!port) return std::nullopt;
  return IpAndPort{std::string(parts->host), *port};
}

}  // namespace openclaw::gate
