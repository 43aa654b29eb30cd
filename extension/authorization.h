// The Authorization field of a request (RFC 9110 11.6.2).
#pragma once

#include <optional>
#include <string_view>

namespace openclaw::extension {

// What follows the scheme, given in lower case, which the field has in any case, and one space or
// more; nothing of another scheme, or of no field. What that is made of, whoever reads it judges.
std::optional<std::string_view> credentials_of(std::optional<std::string_view> authorization,
                                               std::string_view scheme);

}  // namespace openclaw::extension
