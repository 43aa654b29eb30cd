// `openclaw pin https://HOST[:PORT]`: the fingerprint for register_container, as the server shows
// it now. Its certificate is not verified, on purpose: the pin takes the place of that. Whoever
// stands between here and the server would be pinned instead, so compare it with what the server
// itself says.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/bytes.h"
#include "gate/cli.h"

namespace openclaw::gate {

// The server's certificate as DER, or why there is none.
std::variant<Bytes, std::string> fetch_certificate(const std::string& host, std::uint16_t port,
                                                   std::chrono::milliseconds at_most);

// What the certificate says: fingerprint, subject, names, not_before, not_after, expired. Text of
// the certificate's is fit for a terminal.
std::optional<Json> describe_certificate(const Bytes& der, std::int64_t now);

// kUnreachable when no certificate comes within 10 s.
int pin(const Console& console, const std::string& url, std::int64_t now);

}  // namespace openclaw::gate
