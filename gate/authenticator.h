// Who may call: the one decision, for the proxy and for forward-auth alike. What is known of the
// request comes in, with the time; keys and status lists are given. No I/O, no clock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/bytes.h"
#include "core/jwks.h"
#include "core/result.h"
#include "gate/config.h"
#include "gate/known_lists.h"
#include "gate/remembered_tokens.h"

namespace openclaw::gate {

// What a request brings: views into its header. A header that came more than once refuses.
struct Credentials {
  std::optional<std::string_view> authorization;
  bool authorization_repeated = false;
  std::optional<std::string_view> user_claim;  // X-OpenClaw-User-Claim
  bool user_claim_repeated = false;
  bool client_certificate = false;  // TLS proved one of an allowed workload
  // SHA-256 of the client certificate that TLS proved, whoever vouches for it, as in cnf.x5t#S256.
  std::optional<std::string_view> certificate_thumbprint;
};

enum class Verdict : std::uint8_t {
  allowed,
  unauthenticated,     // 401 with a challenge
  insufficient_scope,  // 403 (RFC 6750 3.1)
  unknown_key,         // the JWT names a kid that the set lacks: fetch once, judge again, else 401
  unread_status,       // the token's status list was never read: read it, judge again, else 503
  unavailable,         // 503: no key set to judge by, or no status list, and those are demanded
};

struct Decision {
  Verdict verdict;
  // Why, for the log and the metrics: "ok", a name of core's Error, or no_credentials,
  // no_client_certificate, repeated_header, wrong_scheme, no_keys, status_unknown. Never a byte of
  // a token.
  std::string_view reason;
  bool presented = false;  // credentials came: without them a challenge carries no error code
  std::string_view user_id = {};   // when allowed by platform or mtls; lives as long as `token`
  std::string_view key_name = {};  // when allowed by an API key; lives as long as the configuration
  std::shared_ptr<const VerifiedToken> token = {};  // when allowed by a JWT, and for unread_status
};

class Authenticator {
 public:
  // `config` outlives the authenticator; a reload makes a new one.
  explicit Authenticator(const Config& config);

  // A JWT that was verified before is known by its SHA-256 until it expires: what remains to judge
  // is whether it is bound to another certificate, and its bit in its status list. now:
  // NumericDate.
  Decision decide(const Credentials& credentials, std::int64_t now);
  // keys: the published set, or null while there is none (or it is older than the outage limit).
  // Forgets the JWTs whose key has left the set.
  void set_keys(std::shared_ptr<const KeySet> keys);
  // Where the lists of JWTs are found; null while there are none: each is as one that nobody reads.
  void set_status_lists(std::shared_ptr<KnownLists> lists) { lists_ = std::move(lists); }
  // An expired token is refused in any case; this lets go of what is kept for it.
  void forget_expired(std::int64_t now) { remembered_.forget_expired(now); }
  std::size_t remembered_tokens() const { return remembered_.size(); }

 private:
  struct KnownApiKey {
    const ApiKey* key;
    bool covers_required;  // its scopes grant all that the configuration requires
  };

  Decision decide_bearer(const Credentials& credentials, std::int64_t now);
  Decision decide_user_claim(const Credentials& credentials, std::int64_t now);
  Decision decide_api_key(std::string_view token, std::int64_t now) const;
  Decision decide_jwt(std::string_view jwt, const Credentials& credentials, std::int64_t now);
  std::variant<std::shared_ptr<const VerifiedToken>, Decision> verify(
      std::string_view jwt, const Credentials& credentials, std::int64_t now) const;
  Decision judge_status(std::shared_ptr<const VerifiedToken> token) const;
  Decision refused_jwt(Error error) const;

  const Config& config_;
  std::vector<std::string_view> required_scopes_;
  std::unordered_map<Digest, KnownApiKey, DigestHash, DigestEqual> api_keys_;
  std::shared_ptr<const KeySet> keys_;
  std::shared_ptr<KnownLists> lists_;
  RememberedTokens remembered_;
};

}  // namespace openclaw::gate
