#include "core/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace openclaw {
namespace {

constexpr std::size_t kMaxName = 253;  // RFC 1035 2.3.4, without the root's dot
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t npos = std::string_view::npos;

// ---- characters and labels

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_control_or_space(char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; }
bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Takes what stands before the first `separator`, and the separator, off the front of `rest`.
std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view taken = rest.substr(0, end);
  rest = end == npos ? std::string_view{} : rest.substr(end + 1);
  return taken;
}

std::string_view last_label(std::string_view name) { return name.substr(name.rfind('.') + 1); }

// Letters, digits and inner hyphens (RFC 1123 2.1), lower case.
bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
           return is_lower(c) || is_digit(c) || c == '-';
         });
}

bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxName || name.back() == '.') return false;
  while (!name.empty()) {
    if (!is_label(take_until(name, '.'))) return false;
  }
  return true;
}

// Whether a resolver would try to read the host as an IPv4 address: its last label is a decimal,
// octal or hexadecimal number (WHATWG URL, "ends in a number").
bool ends_in_number(std::string_view host) {
  std::string_view label = last_label(host);
  if (label.starts_with("0x")) {
    label.remove_prefix(2);
    return std::all_of(label.begin(), label.end(), [](char c) { return hex_value(c) >= 0; });
  }
  return !label.empty() && std::all_of(label.begin(), label.end(), is_digit);
}

// A host, lower case, that two parsers could read in two ways.
bool is_ambiguous(std::string_view host) {
  if (!std::all_of(host.begin(), host.end(), is_ascii)) return true;
  if (host.find_first_of("%\\") != npos || host.ends_with('.')) return true;
  return host.starts_with("xn--") || host.find(".xn--") != npos;
}

// ---- addresses

template <std::size_t size>
struct Network {
  std::array<std::uint8_t, size> address;
  unsigned prefix_length;

  bool contains(const std::array<std::uint8_t, size>& other) const {
    const std::size_t whole = prefix_length / 8;
    if (!std::equal(address.begin(), address.begin() + whole, other.begin())) return false;
    const unsigned bits = prefix_length % 8;
    return bits == 0 || (address[whole] ^ other[whole]) >> (8 - bits) == 0;
  }
};

using Address4 = std::array<std::uint8_t, 4>;
using Address6 = std::array<std::uint8_t, 16>;

// The IANA special-purpose registry (RFC 6890), multicast, class E, and one address that the
// registry does not know but that reaches inside.
constexpr std::array<Network<4>, 18> kInternal4{{
    {{0, 0, 0, 0}, 8},         // this network
    {{10, 0, 0, 0}, 8},        // private
    {{100, 64, 0, 0}, 10},     // CGNAT
    {{127, 0, 0, 0}, 8},       // loopback
    {{168, 63, 129, 16}, 32},  // Azure's wire server, the same inside every virtual network
    {{169, 254, 0, 0}, 16},    // link-local, and the clouds' metadata services
    {{172, 16, 0, 0}, 12},     // private
    {{192, 0, 0, 0}, 24},      // IETF protocol assignments
    {{192, 0, 2, 0}, 24},      // documentation
    {{192, 31, 196, 0}, 24},   // AS112
    {{192, 52, 193, 0}, 24},   // AMT relays
    {{192, 88, 99, 0}, 24},    // 6to4 relays
    {{192, 168, 0, 0}, 16},    // private
    {{192, 175, 48, 0}, 24},   // AS112
    {{198, 18, 0, 0}, 15},     // benchmarks
    {{198, 51, 100, 0}, 24},   // documentation
    {{203, 0, 113, 0}, 24},    // documentation
    {{224, 0, 0, 0}, 3},       // multicast, reserved, broadcast
}};

// All that is public lies in here (RFC 4291 2.4); loopback, IPv4-mapped, NAT64, unique local,
// link-local, site-local, discard-only and multicast lie outside.
constexpr Network<16> kGlobalUnicast6{{0x20}, 3};

constexpr std::array<Network<16>, 5> kInternal6{{
    {{0x20, 0x01, 0x00, 0x00}, 23},  // IETF protocol assignments: Teredo, benchmarks, ORCHID
    {{0x20, 0x01, 0x0D, 0xB8}, 32},  // documentation
    {{0x20, 0x02}, 16},              // 6to4
    {{0x3F, 0xFE}, 16},              // 6bone, given back
    {{0x3F, 0xFF, 0x00}, 20},        // documentation
}};

// Four decimal numbers without leading zeros, as every parser reads them.
std::optional<Address4> parse_ipv4(std::string_view host) {
  if (std::count(host.begin(), host.end(), '.') != 3) return std::nullopt;
  Address4 address{};
  for (std::uint8_t& byte : address) {
    const std::string_view part = take_until(host, '.');
    if (part.size() > 1 && part.front() == '0') return std::nullopt;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), byte);
    if (error != std::errc{} || end != part.data() + part.size()) return std::nullopt;
  }
  return address;
}

Result<std::string> canonical_ipv4(std::string_view host) {
  const std::optional<Address4> address = parse_ipv4(host);
  if (!address) return Error::endpoint_ambiguous_host;
  for (const Network<4>& network : kInternal4) {
    if (network.contains(*address)) return Error::endpoint_internal_host;
  }
  return std::string(host);
}

// `literal` is what stands between the brackets; the result has them, in the form of RFC 5952.
Result<std::string> canonical_ipv6(std::string_view literal) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (literal.size() >= text.size()) return Error::endpoint_bad_host;
  std::copy(literal.begin(), literal.end(), text.begin());
  Address6 address{};
  if (inet_pton(AF_INET6, text.data(), address.data()) != 1) return Error::endpoint_bad_host;

  if (!kGlobalUnicast6.contains(address)) return Error::endpoint_internal_host;
  for (const Network<16>& network : kInternal6) {
    if (network.contains(address)) return Error::endpoint_internal_host;
  }
  inet_ntop(AF_INET6, address.data(), text.data(), static_cast<socklen_t>(text.size()));
  return '[' + std::string(text.data()) + ']';
}

// ---- names

// Top-level names that are resolved inside or not at all: special use (RFC 6761 and the IANA
// registry), those that ICANN keeps from delegation because private networks use them, and those
// that a cluster's search list completes to a service.
constexpr std::array<std::string_view, 17> kInternalSuffixes{
    "alt",      "arpa",    "corp",    "default", "home",        "internal",
    "intranet", "invalid", "lan",     "local",   "localdomain", "localhost",
    "mail",     "onion",   "private", "svc",     "test"};

Result<std::string> canonical_public_name(std::string_view host) {
  if (!is_dns_name(host)) return Error::endpoint_bad_host;
  const std::string_view top = last_label(host);
  if (top.size() == host.size() || std::find(kInternalSuffixes.begin(), kInternalSuffixes.end(),
                                             top) != kInternalSuffixes.end()) {
    return Error::endpoint_internal_host;
  }
  return std::string(host);
}

Result<std::string> canonical_public_host(std::string_view host) {
  if (is_ambiguous(host)) return Error::endpoint_ambiguous_host;
  if (host.starts_with('[')) return canonical_ipv6(host.substr(1, host.size() - 2));
  if (ends_in_number(host)) return canonical_ipv4(host);
  return canonical_public_name(host);
}

// service, service.namespace, or service.namespace.svc and the cluster's domain. A service's name
// starts with a letter (RFC 1035), which keeps IP literals out.
Result<void> check_service_name(std::string_view host) {
  if (is_ambiguous(host)) return Error::endpoint_ambiguous_host;
  if (!is_dns_name(host) || !is_lower(host.front()) || ends_in_number(host)) {
    return Error::endpoint_not_service_name;
  }
  if (last_label(host) == "localhost" || last_label(host) == "localdomain") {
    return Error::endpoint_internal_host;
  }
  std::string_view rest = host;
  take_until(rest, '.');
  take_until(rest, '.');
  if (!rest.empty() && take_until(rest, '.') != "svc") return Error::endpoint_not_service_name;
  return {};
}

// ---- ports and paths

// 1..65535 without leading zeros; anything else is 0.
std::uint16_t parse_port(std::string_view text) {
  std::uint16_t port = 0;
  if (text.starts_with('0')) return 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return 0;
  return port;
}

// unreserved, sub-delims, ":" and "@" (RFC 3986 3.3).
bool is_path_character(char c) {
  constexpr std::string_view kMarks = "-._~!$&'()*+,;=:@";
  return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z') || kMarks.find(c) != npos;
}

// Undoes the percent escapes. None when one is broken, or hides a character that changes what the
// path means to whoever decodes it (again): '/', '\', '%', a control character.
std::optional<std::string> unescape(std::string_view segment) {
  std::string plain;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '%') {
      if (!is_path_character(segment[i])) return std::nullopt;
      plain += segment[i];
      continue;
    }
    if (segment.size() - i < 3) return std::nullopt;
    const int high = hex_value(segment[i + 1]);
    const int low = hex_value(segment[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    const char byte = static_cast<char>(high * 16 + low);
    if ((is_control_or_space(byte) && byte != ' ') || byte == '/' || byte == '\\' || byte == '%') {
      return std::nullopt;
    }
    plain += byte;
    i += 2;
  }
  return plain;
}

// A segment with parameters counts as what stands before them: some servers drop `;...` first and
// resolve `..;x` as `..`.
bool is_plain_segment(std::string_view segment) {
  const std::optional<std::string> plain = unescape(segment);
  if (!plain) return false;
  const std::string_view name = std::string_view(*plain).substr(0, plain->find(';'));
  return name != "." && name != "..";
}

// `path` is empty or starts with a slash. Only the last segment may be empty.
bool is_plain_path(std::string_view path) {
  if (path.find("//") != npos) return false;
  while (!path.empty()) {
    if (!is_plain_segment(take_until(path, '/'))) return false;
  }
  return true;
}

// ---- the two kinds

Result<std::string> canonical_hosted(std::string_view text) {
  if (text.find('@') != npos) return Error::endpoint_has_userinfo;
  const std::size_t colon = text.find(':');
  if (colon == npos) return Error::endpoint_not_service_name;
  const std::string host = lower_case(text.substr(0, colon));
  const std::string_view port_text = text.substr(colon + 1);
  if (const Result<void> checked = check_service_name(host); !checked) return checked.error();
  if (port_text.find_first_of(":/") != npos) return Error::endpoint_not_service_name;
  const std::uint16_t port = parse_port(port_text);
  if (port == 0) return Error::endpoint_malformed;
  return host + ':' + std::to_string(port);
}

struct Authority {
  std::string_view host;                 // with its brackets
  std::optional<std::string_view> port;  // what follows the colon
};

std::optional<Authority> split_authority(std::string_view authority) {
  const std::size_t host_end =
      authority.starts_with('[') ? authority.find(']') + 1 : authority.find(':');
  if (host_end == 0) return std::nullopt;
  if (host_end == npos || host_end == authority.size()) return Authority{authority, std::nullopt};
  if (authority[host_end] != ':') return std::nullopt;
  const std::string_view port = authority.substr(host_end + 1);
  if (port.find(':') != npos) return std::nullopt;
  return Authority{authority.substr(0, host_end), port};
}

Result<std::string> canonical_external(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  constexpr std::uint16_t kDefaultPort = 443;
  if (lower_case(text.substr(0, kScheme.size())) != kScheme) return Error::endpoint_not_https;
  text.remove_prefix(kScheme.size());
  const std::size_t path_start = std::min(text.find('/'), text.size());
  const std::string_view path = text.substr(path_start);
  text = text.substr(0, path_start);

  if (text.find('@') != npos) return Error::endpoint_has_userinfo;
  const std::optional<Authority> authority = split_authority(text);
  if (!authority) return Error::endpoint_bad_host;
  const Result<std::string> host = canonical_public_host(lower_case(authority->host));
  if (!host) return host.error();
  std::string canonical = std::string(kScheme) + *host;
  if (authority->port) {
    const std::uint16_t port = parse_port(*authority->port);
    if (port == 0) return Error::endpoint_malformed;
    if (port != kDefaultPort) canonical += ':' + std::to_string(port);
  }
  if (!is_plain_path(path)) return Error::endpoint_ambiguous_path;
  if (path != "/") canonical += path;
  return canonical;
}

}  // namespace

Result<std::string> canonical_endpoint(std::string_view text, EndpointType type) {
  if (text.empty() || text.size() > kMaxEndpoint) return Error::endpoint_malformed;
  if (std::any_of(text.begin(), text.end(), is_control_or_space)) return Error::endpoint_malformed;
  if (text.find('#') != npos) return Error::endpoint_has_fragment;
  if (text.find('?') != npos) return Error::endpoint_has_query;
  Result<std::string> canonical =
      type == EndpointType::hosted ? canonical_hosted(text) : canonical_external(text);
  // Spelling out an IPv6 address's one-group `::` adds a character.
  if (canonical && canonical->size() > kMaxEndpoint) return Error::endpoint_malformed;
  return canonical;
}

}  // namespace openclaw
