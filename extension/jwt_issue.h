// JWTs as they are issued: for a container, within what its owner's plan allows, signed by the
// active key. Nothing is written, so all of it works on a hot standby.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/jwt.h"
#include "extension/call.h"
#include "extension/targets.h"

namespace openclaw::extension {

// What is to be signed; views live in the caller's memory context.
struct JwtOrder {
  JwtType type;
  std::string_view algorithm;
  std::string_view user_id;
  std::string_view audience;
  std::span<const std::string_view> scopes;
  std::string_view client_id;               // left out when empty
  std::string_view container_id;            // left out when empty
  std::string_view actor;                   // left out when empty
  std::string_view certificate_thumbprint;  // left out when empty
  std::int64_t lifetime;                    // seconds
  std::optional<std::int32_t> generation;   // of the container's status list
  std::optional<TimestampTz> not_after;
};

struct SignedJwt {
  std::string text;
  std::string id;          // jti
  std::string_view kid;    // valid until the next key is asked for
  std::int64_t issued_at;  // NumericDates
  std::int64_t expires_at;
};

// Raises 22023 for an unknown algorithm, a scope that is no grant and a not_after that has passed,
// 54000 for a JWT over kMaxJwt, 55000 without issuer or active key, F0000 without the master key.
SignedJwt sign(const JwtOrder& order);

// The order of such a JWT for this container: with the container's own algorithm, and with the
// lifetime of the settings or the plan's longest, whichever is shorter. Valid as long as the
// target.
JwtOrder order_for(JwtType type, const Target& target, std::span<const std::string_view> scopes);

// Whether the plan of the container's owner allows these. openclaw:... are rights at the front,
// which the platform gives and no plan.
bool plan_allows(const Target& target, std::span<const std::string_view> scopes);

}  // namespace openclaw::extension
