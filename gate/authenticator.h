// Who may call: the one decision, for the proxy and for forward-auth alike. What is known of the
// request comes in, with the time; keys are given. No I/O, no clock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/bytes.h"
#include "core/jwks.h"
#include "core/result.h"
#include "gate/config.h"
#include "gate/remembered_tokens.h"

namespace openclaw::gate {

// What a request brings: views into its header. A header that came more than once refuses.
struct Credentials {
  std::optional<std::string_view> authorization;
  bool authorization_repeated = false;
  std::optional<std::string_view> user_claim;  // X-OpenClaw-User-Claim
  bool user_claim_repeated = false;
  bool client_certificate = false;  // TLS proved one of an allowed workload
};

enum class Verdict : std::uint8_t {
  allowed,
  unauthenticated,     // 401 with a challenge
  insufficient_scope,  // 403 (RFC 6750 3.1)
  unknown_key,         // the JWT names a kid that the set lacks: fetch once, judge again, else 401
  unavailable,         // 503: no key set to judge by
};

struct Decision {
  Verdict verdict;
  // Why, for the log and the metrics: "ok", a name of core's Error, or no_credentials,
  // no_client_certificate, repeated_header, wrong_scheme, no_keys. Never a byte of a token.
  std::string_view reason;
  bool presented = false;  // credentials came: without them a challenge carries no error code
  std::string_view user_id = {};  // when allowed by platform or mtls; lives until the next decide()
  std::string_view key_name = {};  // when allowed by an API key; lives as long as the configuration
};

class Authenticator {
 public:
  // `config` outlives the authenticator; a reload makes a new one.
  explicit Authenticator(const Config& config);

  // keys: the published set, or null while there is none (or it is older than the outage limit).
  // A JWT that was verified before is known by its SHA-256 until it expires; set_keys() forgets
  // those whose key has left the set. now: NumericDate.
  Decision decide(const Credentials& credentials, std::int64_t now);
  void set_keys(std::shared_ptr<const KeySet> keys);
  std::size_t remembered_tokens() const { return remembered_.size(); }

 private:
  struct KnownApiKey {
    const ApiKey* key;
    bool covers_required;  // its scopes grant all that the configuration requires
  };

  Decision decide_bearer(const Credentials& credentials, std::int64_t now);
  Decision decide_user_claim(const Credentials& credentials, std::int64_t now);
  Decision decide_api_key(std::string_view token, std::int64_t now) const;
  Decision decide_jwt(std::string_view jwt, std::int64_t now);
  Decision refused_jwt(Error error) const;
  Decision allowed_user(std::string_view user_id);

  const Config& config_;
  std::vector<std::string_view> required_scopes_;
  std::unordered_map<Digest, KnownApiKey, DigestHash, DigestEqual> api_keys_;
  std::shared_ptr<const KeySet> keys_;
  RememberedTokens remembered_;
  std::string user_id_;  // what the last decision's user_id points at
};

}  // namespace openclaw::gate
