// What the gate says as an OAuth resource server (MCP authorization specification, RFC 9728,
// RFC 6750): the protected-resource metadata and the challenge of a refusal. Everything in it comes
// from the configuration, nothing from the request.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gate/authenticator.h"
#include "gate/config.h"

namespace openclaw::gate {

// The JSON document of RFC 9728 2: resource, authorization_servers, scopes_supported,
// bearer_methods_supported ["header"]. Only in platform mode.
std::optional<std::string> protected_resource_metadata(const Config& config);

// True for /.well-known/oauth-protected-resource, at the root and with public_url's path behind it.
bool is_metadata_path(const Config& config, std::string_view path);

// The WWW-Authenticate value for a decision that refuses: `Bearer` with resource_metadata (platform
// mode), scope, and error="invalid_token" or "insufficient_scope" where credentials came. Empty in
// modes local and mtls.
std::string challenge(const Config& config, const Decision& decision);

}  // namespace openclaw::gate
