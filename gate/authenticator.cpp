#include "gate/authenticator.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/jwt.h"
#include "core/scope.h"
#include "core/sha256.h"

namespace openclaw::gate {
namespace {

constexpr std::string_view kStatusUnknown = "status_unknown";

// API keys are far shorter; nothing that is longer is worth a hash.
constexpr std::size_t kMaxCredential = kMaxJwt;

std::vector<std::string_view> views_of(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

Decision refused(std::string_view reason, bool presented) {
  return {.verdict = Verdict::unauthenticated, .reason = reason, .presented = presented};
}

Decision refused(Error error) {
  const bool lacks_scope = error == Error::insufficient_scope;
  return {.verdict = lacks_scope ? Verdict::insufficient_scope : Verdict::unauthenticated,
          .reason = name(error),
          .presented = true};
}

Decision allowed() { return {.verdict = Verdict::allowed, .reason = "ok", .presented = true}; }

constexpr std::array<bool, 256> kToken68 = [] {
  std::array<bool, 256> is{};
  constexpr std::string_view kAll =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
  for (const char c : kAll) is[static_cast<unsigned char>(c)] = true;
  return is;
}();

// token68 (RFC 9110 11.2), which is b64token (RFC 6750 2.1).
bool is_token68(std::string_view text) {
  const std::size_t end = text.find_last_not_of('=') + 1;  // npos + 1 is 0
  return end != 0 && std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end),
                                 [](char c) { return kToken68[static_cast<unsigned char>(c)]; });
}

bool is_bearer(std::string_view scheme) {
  constexpr std::string_view kBearer = "bearer";
  return std::equal(scheme.begin(), scheme.end(), kBearer.begin(), kBearer.end(),
                    [](char given, char wanted) {
                      return (given >= 'A' && given <= 'Z' ? given - 'A' + 'a' : given) == wanted;
                    });
}

// The token of `Authorization: Bearer TOKEN` (RFC 6750 2.1), or why there is none. Another scheme
// counts as no credentials: RFC 6750 3 asks for a challenge without an error code then. What the
// token is made of, its reader judges.
std::variant<std::string_view, Decision> bearer_token(const Credentials& credentials) {
  if (credentials.authorization_repeated) return refused("repeated_header", true);
  if (!credentials.authorization) return refused("no_credentials", false);
  const std::string_view text = *credentials.authorization;
  const std::string_view scheme = text.substr(0, text.find(' '));
  if (!is_bearer(scheme)) return refused("wrong_scheme", false);
  const std::size_t start = text.find_first_not_of(' ', scheme.size());
  if (start == text.npos) return refused(Error::malformed);
  const std::string_view token = text.substr(start);
  if (token.size() > kMaxCredential) return refused(Error::malformed);
  return token;
}

// The user goes upstream in a header: nothing in it may end that header or read as two values.
bool is_header_safe(std::string_view user_id) {
  return std::all_of(user_id.begin(), user_id.end(),
                     [](char c) { return c > 0x20 && c < 0x7F && c != ','; });
}

}  // namespace

Authenticator::Authenticator(const Config& config)
    : config_(config), required_scopes_(views_of(config.required_scopes)) {
  api_keys_.reserve(config.api_keys.size());
  for (const ApiKey& key : config.api_keys) {
    api_keys_.try_emplace(key.hash,
                          KnownApiKey{&key, covers_all(views_of(key.scopes), required_scopes_)});
  }
}

Decision Authenticator::decide(const Credentials& credentials, std::int64_t now) {
  switch (config_.mode) {
    case Mode::local:
      return {.verdict = Verdict::allowed, .reason = "ok"};
    case Mode::token:
    case Mode::platform:
      return decide_bearer(credentials, now);
    case Mode::mtls:
      return decide_user_claim(credentials, now);
  }
  return refused("no_credentials", false);
}

void Authenticator::set_keys(std::shared_ptr<const KeySet> keys) {
  if (keys_ && keys) {
    remembered_.keep_only(*keys_, *keys);
  } else {
    remembered_.clear();
  }
  keys_ = std::move(keys);
}

Decision Authenticator::decide_bearer(const Credentials& credentials, std::int64_t now) {
  const std::variant<std::string_view, Decision> token = bearer_token(credentials);
  if (const Decision* refusal = std::get_if<Decision>(&token)) return *refusal;
  const std::string_view text = std::get<std::string_view>(token);
  return config_.mode == Mode::token ? decide_api_key(text, now)
                                     : decide_jwt(text, credentials, now);
}

// Both are needed: the certificate says that the platform calls, the claim says for whom.
Decision Authenticator::decide_user_claim(const Credentials& credentials, std::int64_t now) {
  const bool presented = credentials.user_claim.has_value() || credentials.user_claim_repeated;
  if (!credentials.client_certificate) return refused("no_client_certificate", presented);
  if (credentials.user_claim_repeated) return refused("repeated_header", true);
  if (!credentials.user_claim) return refused("no_credentials", false);
  return decide_jwt(*credentials.user_claim, credentials, now);
}

// The map is keyed by the token's SHA-256: how long a look-up takes tells of the bucket that a
// uniform digest falls into, and whoever could aim at one would have to invert SHA-256 first. The
// digest that is found is compared in constant time (DigestEqual) all the same.
Decision Authenticator::decide_api_key(std::string_view token, std::int64_t now) const {
  if (!is_token68(token)) return refused(Error::malformed);
  const auto found = api_keys_.find(sha256(as_bytes(token)));
  if (found == api_keys_.end()) return refused(Error::unknown);
  const auto& [key, covers_required] = found->second;
  if (key->expires_at && *key->expires_at <= now) return refused(Error::expired);
  if (!covers_required) return refused(Error::insufficient_scope);
  Decision decision = allowed();
  decision.key_name = key->name;
  return decision;
}

// Only what was verified is remembered: a refusal may be right today and wrong tomorrow (a new key,
// a time that comes), and remembering refusals would let strangers fill the memory.
Decision Authenticator::decide_jwt(std::string_view jwt, const Credentials& credentials,
                                   std::int64_t now) {
  if (jwt.size() > kMaxJwt) return refused(Error::malformed);
  const Digest digest = sha256(as_bytes(jwt));
  std::shared_ptr<const VerifiedToken> token = remembered_.find(digest, now);
  if (!token) {
    auto verified = verify(jwt, credentials, now);
    if (Decision* refusal = std::get_if<Decision>(&verified)) return std::move(*refusal);
    token = std::get<std::shared_ptr<const VerifiedToken>>(std::move(verified));
    // One whose list has no place finds it later only when it is asked again.
    if (!token->status || token->status->list) remembered_.remember(digest, token, now);
  } else if (!token->certificate_thumbprint.empty() &&
             token->certificate_thumbprint != credentials.certificate_thumbprint) {
    return refused(Error::wrong_certificate);
  }
  return judge_status(std::move(token));
}

// All of it but its status.
std::variant<std::shared_ptr<const VerifiedToken>, Decision> Authenticator::verify(
    std::string_view jwt, const Credentials& credentials, std::int64_t now) const {
  JwtExpectation expected;
  expected.type = config_.mode == Mode::mtls ? JwtType::user_claim : JwtType::access_token;
  expected.issuer = config_.issuer;
  expected.audience = config_.public_url;
  // In platform mode there is one user always: an empty setting then allows nobody.
  if (config_.mode == Mode::platform || !config_.expected_user_id.empty()) {
    expected.user_id = config_.expected_user_id;
  }
  expected.required_scopes = required_scopes_;
  expected.certificate_thumbprint = credentials.certificate_thumbprint;
  expected.now = now;
  expected.leeway = config_.leeway.count();

  static const KeySet none{};
  Result<VerifiedJwt> verified = verify_jwt(jwt, keys_ ? *keys_ : none, expected);
  if (!verified) return refused_jwt(verified.error());
  Claims& claims = verified->claims;
  if (!is_header_safe(claims.user_id)) return refused(Error::wrong_user);
  auto token = std::make_shared<VerifiedToken>();
  if (claims.status) {
    const std::optional<HttpUrl> url = status_list_url(config_, claims.status->uri);
    if (!url) return refused(Error::malformed);
    token->status = {lists_ ? lists_->refer(claims.status->uri, *url) : nullptr,
                     claims.status->index};
  }
  token->user_id = std::move(claims.user_id);
  token->kid = std::move(verified->kid);
  token->expires_at = claims.expires_at;
  token->certificate_thumbprint = std::move(claims.certificate_thumbprint);
  return token;
}

Decision Authenticator::judge_status(std::shared_ptr<const VerifiedToken> token) const {
  if (token->is_revoked()) return refused(Error::revoked);
  const KnownList* const list = token->status ? token->status->list.get() : nullptr;
  if (list != nullptr && !list->current && !list->awaited) {
    return {.verdict = Verdict::unread_status,
            .reason = kStatusUnknown,
            .presented = true,
            .token = std::move(token)};
  }
  const bool is_known = !token->status || (list != nullptr && list->current);
  if (!is_known && config_.status_outage == StatusOutage::refuse) {
    return {.verdict = Verdict::unavailable, .reason = kStatusUnknown, .presented = true};
  }
  Decision decision = allowed();
  decision.user_id = token->user_id;
  decision.token = std::move(token);
  return decision;
}

// verify_jwt looks the key up only when all of the token's form is right, so whatever is malformed
// is refused as such even while there are no keys.
Decision Authenticator::refused_jwt(Error error) const {
  if (error != Error::unknown_key) return refused(error);
  if (!keys_) return {.verdict = Verdict::unavailable, .reason = "no_keys", .presented = true};
  return {.verdict = Verdict::unknown_key, .reason = name(error), .presented = true};
}

}  // namespace openclaw::gate
