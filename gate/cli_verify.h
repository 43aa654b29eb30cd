// `openclaw verify TOKEN`: why a token is good or not, step by step. The verdict is that of the
// gate (core's verify_jwt, or the key's hash in the configuration); the explanation only tells it.
// What it says of a token is what anyone who holds it can read: never its signature, nor an opaque
// token's text.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/jwks.h"
#include "core/jwt.h"
#include "gate/cli.h"
#include "gate/config.h"

namespace openclaw::gate {

enum class Outcome : std::uint8_t { passed, failed, not_asked, not_reached };

struct Step {
  std::string_view name;
  Outcome outcome;
  std::string detail;
};

struct Explanation {
  bool good;
  std::string_view reason;  // "ok", or the name of core's Error
  std::vector<Step> steps;
};

// What a JWT must be: from the configuration, or from the command's options.
struct Demands {
  JwtType type = JwtType::access_token;
  std::string issuer;
  std::optional<std::string> audience;  // none: any
  std::optional<std::string> user_id;   // none: any
  std::vector<std::string> scopes;
  std::int64_t leeway = kDefaultLeeway;
};

// What a token's status list says of it: passed, failed with the reason ("revoked", or why the gate
// refuses), or not_asked when it is not read.
struct StatusFinding {
  Outcome outcome;
  std::string_view reason;
  std::string detail;
};
using ReadStatus = std::function<StatusFinding(const StatusReference&)>;

// A token's certificate is not asked for, since only a TLS connection can show it, and its status
// only of `read_status`, where one is given.
Explanation explain_jwt(std::string_view jwt, const KeySet& keys, const Demands& demands,
                        std::int64_t now, const ReadStatus& read_status = {});
Explanation explain_api_key(std::string_view key, const Config& config, std::int64_t now);

struct Verify {
  std::string config = {};  // "": none
  std::string jwks = {};    // a file or a URL; "": that of the configuration
  std::string issuer = {};  // these four over the configuration's; "": not given
  std::string audience = {};
  std::string user = {};
  std::string scopes = {};
  bool user_claim = false;
};

// kDone when the token is good, kRefused when it is not.
int verify(const Console& console, std::string_view token, const Verify& wanted, std::int64_t now);

// Keys from a file, or fetched once from the configuration's jwks_url; or why there are none.
std::variant<std::shared_ptr<const KeySet>, std::string> read_key_set(const std::string& path);
std::variant<std::shared_ptr<const KeySet>, std::string> fetch_key_set(const Config& config);
// From the list, fetched once as the configuration's gate would.
StatusFinding fetch_status(const Config& config, const KeySet& keys,
                           const StatusReference& reference, std::int64_t now);

}  // namespace openclaw::gate
