// Where a container is reached, in the one canonical form that is stored, compared, and used as a
// token's audience (RFC 8707 2, RFC 3986 6.2).
//
//   hosted    service:port              a Kubernetes service name, lower case, 1..65535
//                                       (`internal-svc:3100`,
//                                       `mcp.tenant-7.svc.cluster.local:3100`)
//   external  https://host[:port][/path]  lower-case host, port 443 left out, no trailing slash on
//                                       an empty path; the path stays as given
//
// Refused, because a request sent there could reach inside or mean two things to two parsers: other
// schemes, userinfo, query, fragment; loopback, private, link-local, CGNAT, documentation,
// benchmark, multicast and reserved addresses of both families, IPv4-mapped, NAT64, 6to4 and Teredo
// addresses; decimal, octal, hex or short IPv4 forms; single-label names, localhost and the
// special-use suffixes (.localhost, .local, .internal, .home.arpa, .test, .invalid, .onion, ...);
// trailing dots; non-ASCII and xn-- hosts (homographs); dot segments, empty segments, backslashes
// and malformed percent escapes in the path. A hosted endpoint is a service name: no IP literal, no
// localhost. Whoever connects must still check the address that the name resolves to.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace openclaw {

inline constexpr std::size_t kMaxEndpoint = 2048;

enum class EndpointType : std::uint8_t { hosted, external };

// The canonical form, or one of the Error::endpoint_* reasons. Canonical text comes back unchanged.
Result<std::string> canonical_endpoint(std::string_view text, EndpointType type);

}  // namespace openclaw
