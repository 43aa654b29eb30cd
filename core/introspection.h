// The answer to "what is this token?" (RFC 7662 2.2), as JSON text with its members in a fixed
// order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace openclaw {

// An active token. Empty texts and an empty audience are left out of the JSON.
struct Introspection {
  std::string_view issuer;
  std::string_view user_id;  // written as sub and as user_id
  std::span<const std::string> audience;
  std::vector<std::string_view> scopes;
  std::string_view client_id;
  std::string_view container_id;
  std::string_view issued_for;              // opaque tokens only
  std::string_view id;                      // jti
  std::string_view actor;                   // act.sub (RFC 8693 4.1)
  std::string_view certificate_thumbprint;  // cnf.x5t#S256 (RFC 8705 3.2)
  std::int64_t issued_at = 0;               // iat, NumericDate
  std::int64_t expires_at = 0;              // exp, NumericDate
};

// Precondition: every text is valid UTF-8.
std::string introspection_json(const Introspection& token);

// {"active":false}: all that is ever said of a token that is not good (RFC 7662 2.2).
inline constexpr std::string_view kInactive = R"({"active":false})";

}  // namespace openclaw
