// Endpoints and pins in SQL: one canonical form, or a refusal that says what was wrong.
#include "core/endpoint.h"
#include "core/fingerprint.h"
#include "extension/call.h"

namespace openclaw::extension {

namespace {

EndpointType endpoint_type(std::string_view type) {
  if (type == "hosted") return EndpointType::hosted;
  if (type == "external") return EndpointType::external;
  throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "unknown container type", "",
                 "Use 'hosted' or 'external'."};
}

[[noreturn]] void refuse(const char* what, Error error) {
  throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, std::string("invalid ") + what,
                 std::string(message(error)), std::string("Reason: ") + std::string(name(error))};
}

}  // namespace

OPENCLAW_FUNCTION(openclaw_canonical_endpoint) {
  Call call(fcinfo);
  auto endpoint = canonical_endpoint(call.required_text(0, kMaxEndpoint, "mcp_endpoint"),
                                     endpoint_type(call.required_text(1, 16, "type")));
  if (!endpoint) refuse("mcp_endpoint", endpoint.error());
  return Call::text(*endpoint);
}

OPENCLAW_FUNCTION(openclaw_canonical_fingerprint) {
  Call call(fcinfo);
  auto spki = parse_fingerprint(call.required_text(0, kMaxCertificate, "public_key_fingerprint"));
  if (!spki) refuse("public_key_fingerprint", spki.error());
  return Call::text(format_fingerprint(*spki));
}

}  // namespace openclaw::extension
