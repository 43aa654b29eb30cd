#include "gate/cli_verify.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/encoding.h"
#include "core/json.h"
#include "core/opaque_token.h"
#include "core/scope.h"
#include "gate/http_url.h"
#include "gate/time_text.h"

namespace openclaw::gate {
namespace {

std::vector<std::string_view> views_of(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

std::string scope_text(const std::vector<std::string>& scopes) {
  return scopes.empty() ? "none" : format_scope_list(views_of(scopes));
}

// --- what a JWT says of itself, before anything is proven ---------------------------------------

struct Contents {
  nlohmann::json header;
  nlohmann::json payload;
};

std::optional<nlohmann::json> decode(std::string_view segment) {
  const Result<Bytes> bytes = base64url_decode(segment);
  if (!bytes) return std::nullopt;
  if (!parse_json_object(as_text(*bytes), {.bytes = kMaxJwt})) return std::nullopt;
  return nlohmann::json::parse(bytes->begin(), bytes->end());
}

std::string text_of(const nlohmann::json& object, std::string_view member) {
  const auto found = object.find(member);
  if (found == object.end()) return "(absent)";
  return printable(found->is_string() ? found->get<std::string>() : found->dump());
}

std::string header_fault(const nlohmann::json& header) {
  for (const std::string_view member : {"crit", "b64", "jwk", "jku", "x5c", "x5u", "zip"}) {
    if (header.contains(member)) {
      return "the header has `" + std::string(member) + "`, which is never taken";
    }
  }
  for (const std::string_view member : {"alg", "typ", "kid"}) {
    if (!header.contains(member) || !header[member].is_string()) {
      return "the header lacks `" + std::string(member) + "`";
    }
  }
  return {};
}

// The contents, or what is wrong with the form.
std::variant<Contents, std::string> read_contents(std::string_view jwt) {
  if (jwt.size() > kMaxJwt) return "it is longer than 8 KiB";
  if (std::count(jwt.begin(), jwt.end(), '.') != 2) return "it has not three segments";
  const std::size_t first = jwt.find('.');
  const std::size_t second = jwt.find('.', first + 1);
  std::optional<nlohmann::json> header = decode(jwt.substr(0, first));
  if (!header) return "its header is no strict JSON object in base64url";
  std::optional<nlohmann::json> payload = decode(jwt.substr(first + 1, second - first - 1));
  if (!payload) return "its claims are no strict JSON object in base64url";
  if (!base64url_decode(jwt.substr(second + 1))) return "its signature is no base64url";
  if (std::string fault = header_fault(*header); !fault.empty()) return fault;
  return Contents{*std::move(header), *std::move(payload)};
}

// --- the steps of a JWT, in the order in which core takes them ----------------------------------

enum JwtStep : std::size_t {
  kForm,
  kAlgorithm,
  kKey,
  kSignature,
  kType,
  kIssuer,
  kClaims,
  kTimes,
  kAudience,
  kUser,
  kCertificate,
  kScopes,
  kStatus,
  kJwtSteps
};

constexpr std::array<std::string_view, kJwtSteps> kStepNames{
    "form",  "algorithm", "key",  "signature",   "type",   "issuer", "claims",
    "times", "audience",  "user", "certificate", "scopes", "status"};

JwtStep failing_step(Error error, bool form_is_good) {
  switch (error) {
    case Error::unsupported_algorithm:
      return kAlgorithm;
    case Error::unknown_key:
      return kKey;
    case Error::invalid_signature:
      return kSignature;
    case Error::wrong_type:
      return kType;
    case Error::wrong_issuer:
      return kIssuer;
    case Error::expired:
    case Error::not_yet_valid:
      return kTimes;
    case Error::wrong_audience:
      return kAudience;
    case Error::wrong_user:
      return kUser;
    case Error::wrong_certificate:
      return kCertificate;
    case Error::insufficient_scope:
      return kScopes;
    default:
      return form_is_good ? kClaims : kForm;
  }
}

std::string compared(const std::string& is, std::string_view must_be) {
  return is + (is == printable(must_be) ? "" : "; must be " + printable(must_be));
}

std::string key_detail(const Contents& contents, const KeySet& keys) {
  const std::string kid = contents.header["kid"].get<std::string>();
  const std::string set =
      "the set of " + std::to_string(keys.size()) + (keys.size() == 1 ? " key" : " keys");
  if (const PublicKey* key = keys.find(kid)) {
    return printable(kid) + " is in " + set + ", for " + std::string(name(key->algorithm()));
  }
  return printable(kid) + " is not in " + set + ": an old token, or another platform's";
}

std::optional<std::int64_t> date_of(const nlohmann::json& payload, std::string_view claim) {
  constexpr std::uint64_t kLast = 253402300799;  // 9999-12-31T23:59:59Z
  const auto found = payload.find(claim);
  if (found == payload.end() || !found->is_number_unsigned()) return std::nullopt;
  const auto date = found->get<std::uint64_t>();
  if (date > kLast) return std::nullopt;
  return static_cast<std::int64_t>(date);
}

std::string times_detail(const nlohmann::json& payload, std::int64_t now) {
  std::string detail;
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kTimesOf{
      {{"iat", "issued"}, {"nbf", "valid from"}, {"exp", "expires"}}};
  for (const auto& [claim, word] : kTimesOf) {
    const std::optional<std::int64_t> date = date_of(payload, claim);
    if (!date) continue;
    const bool over = claim == "exp" && *date <= now;
    detail += (detail.empty() ? "" : ", ") + std::string(over ? "expired" : word) + ' ' +
              describe_time(*date, now);
  }
  return detail.empty() ? "no iat and exp" : detail;
}

std::string audience_detail(const nlohmann::json& payload, const Demands& demands) {
  const std::string detail = text_of(payload, "aud");
  return demands.audience ? compared(detail, *demands.audience)
                          : detail + "; no demand is known: give --audience";
}

std::string user_detail(const nlohmann::json& payload, const Demands& demands) {
  const std::string user = text_of(payload, "user_id");
  if (const std::string subject = text_of(payload, "sub"); subject != user) {
    return user + ", but sub is " + subject;
  }
  return demands.user_id ? compared(user, *demands.user_id) : user + "; any user is taken";
}

// cnf.x5t#S256, or "".
std::string bound_to(const nlohmann::json& payload) {
  const auto confirmation = payload.find("cnf");
  if (confirmation == payload.end() || !confirmation->is_object()) return {};
  const auto thumbprint = confirmation->find("x5t#S256");
  const bool is_text = thumbprint != confirmation->end() && thumbprint->is_string();
  return is_text ? thumbprint->get<std::string>() : std::string();
}

std::string certificate_detail(const nlohmann::json& payload) {
  const std::string thumbprint = bound_to(payload);
  return thumbprint.empty() ? "bound to none"
                            : "bound to the client certificate with the SHA-256 thumbprint " +
                                  printable(thumbprint) + ", which the TLS connection must show";
}

std::array<std::string, kJwtSteps> details_of(const Contents& contents, const KeySet& keys,
                                              const Demands& demands, std::int64_t now) {
  const nlohmann::json& payload = contents.payload;
  std::array<std::string, kJwtSteps> details;
  details[kForm] = "three segments of strict JSON and base64url";
  details[kAlgorithm] = text_of(contents.header, "alg") + " (EdDSA, ES256 and RS256 are taken)";
  details[kKey] = key_detail(contents, keys);
  details[kSignature] = "by that key, over header and claims";
  details[kType] = compared(text_of(contents.header, "typ"), name(demands.type));
  details[kIssuer] = compared(text_of(payload, "iss"), demands.issuer);
  details[kClaims] = "each of its JSON type; exp and iat there, as whole seconds";
  details[kTimes] = times_detail(payload, now);
  details[kAudience] = audience_detail(payload, demands);
  details[kUser] = user_detail(payload, demands);
  details[kCertificate] = certificate_detail(payload);
  details[kScopes] =
      "grants " + text_of(payload, "scope") + "; needed: " + scope_text(demands.scopes);
  return details;
}

JwtExpectation expectation_of(const Demands& demands, std::span<const std::string_view> scopes,
                              std::string_view thumbprint, std::int64_t now) {
  JwtExpectation expected;
  expected.type = demands.type;
  expected.issuer = demands.issuer;
  if (demands.audience) expected.audience = *demands.audience;
  if (demands.user_id) expected.user_id = *demands.user_id;
  expected.required_scopes = scopes;
  if (!thumbprint.empty()) expected.certificate_thumbprint = thumbprint;
  expected.now = now;
  expected.leeway = demands.leeway;
  return expected;
}

std::string place_of(const StatusReference& reference) {
  return "entry " + std::to_string(reference.index) + " of " + printable(reference.uri);
}

StatusFinding find_status(const std::optional<StatusReference>& reference,
                          const ReadStatus& read_status) {
  if (!reference) return {Outcome::passed, "ok", "has none: it holds until it expires"};
  StatusFinding finding{Outcome::not_asked, "ok", "its list is not read"};
  if (read_status) finding = read_status(*reference);
  finding.detail = place_of(*reference) + ": " + finding.detail;
  return finding;
}

bool is_asked(std::size_t step, const Demands& demands, bool is_bound) {
  return (step != kAudience || demands.audience.has_value()) &&
         (step != kUser || demands.user_id.has_value()) && (step != kCertificate || !is_bound);
}

// --- printing -----------------------------------------------------------------------------------

std::string_view word_for(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      return "passed";
    case Outcome::failed:
      return "failed";
    case Outcome::not_asked:
      return "not asked";
    case Outcome::not_reached:
      return "not reached";
  }
  return {};
}

int print(const Console& console, const Explanation& explanation) {
  if (console.json) {
    Json steps = Json::array();
    for (const Step& step : explanation.steps) {
      steps.push_back(
          {{"step", step.name}, {"outcome", word_for(step.outcome)}, {"detail", step.detail}});
    }
    console.out << to_line(
        {{"good", explanation.good}, {"reason", explanation.reason}, {"steps", std::move(steps)}});
    return explanation.good ? kDone : kRefused;
  }
  constexpr std::size_t kNameWidth = 12;
  constexpr std::size_t kOutcomeWidth = 13;
  std::string text;
  for (const Step& step : explanation.steps) {
    std::string line(step.name);
    line.resize(kNameWidth, ' ');
    line += word_for(step.outcome);
    line.resize(kNameWidth + kOutcomeWidth, ' ');
    text += line + step.detail + '\n';
  }
  text += explanation.good ? "GOOD: the gate lets it in\n"
                           : "REFUSED: " + std::string(explanation.reason) + '\n';
  console.out << text;
  return explanation.good ? kDone : kRefused;
}

// --- where the demands come from ----------------------------------------------------------------

std::variant<Demands, std::string> read_demands(const Config& config, const Verify& wanted) {
  Demands demands;
  demands.type = wanted.user_claim || (!wanted.config.empty() && config.mode == Mode::mtls)
                     ? JwtType::user_claim
                     : JwtType::access_token;
  demands.issuer = !wanted.issuer.empty() ? wanted.issuer : config.issuer;
  const std::string& audience = wanted.audience.empty() ? config.public_url : wanted.audience;
  if (!audience.empty()) demands.audience = audience;
  const std::string& user = wanted.user.empty() ? config.expected_user_id : wanted.user;
  if (!user.empty()) demands.user_id = user;
  Result<std::vector<std::string>> scopes = parse_scope_list(wanted.scopes);
  if (!scopes) return "--scopes: " + std::string(message(scopes.error()));
  demands.scopes = wanted.scopes.empty() ? config.required_scopes : *std::move(scopes);
  demands.leeway = config.leeway.count();
  if (demands.issuer.empty()) return "who must have issued it? Give --issuer, or --config";
  return demands;
}

// A URL for the keys stands for the configuration's, and for its issuer where no other is known.
std::string take_jwks_url(Config& config, const std::string& text) {
  const std::optional<HttpUrl> url = parse_trusted_url(text);
  if (!url) {
    return "--jwks must be a file, or an https URL (http for loopback alone)";
  }
  config.jwks_url = text;
  if (config.issuer.empty()) config.issuer = origin(*url);
  return {};
}

int verify_jwt_token(const Console& console, std::string_view jwt, const Verify& wanted,
                     Config config, std::int64_t now) {
  const bool is_file = !wanted.jwks.empty() && wanted.jwks.find("://") == std::string::npos;
  if (!wanted.jwks.empty() && !is_file) {
    if (const std::string why = take_jwks_url(config, wanted.jwks); !why.empty()) {
      return fail(console, kMisused, why);
    }
  }
  if (!is_file && config.jwks_url.empty()) {
    return fail(console, kMisused,
                "a JWT is checked by the platform's keys: give --jwks, or "
                "--config with auth.platform_jwks_url");
  }
  const std::variant<Demands, std::string> demands = read_demands(config, wanted);
  if (const auto* why = std::get_if<1>(&demands)) return fail(console, kMisused, *why);
  const auto keys = is_file ? read_key_set(wanted.jwks) : fetch_key_set(config);
  if (const auto* why = std::get_if<1>(&keys)) return fail(console, kUnreachable, *why);
  const KeySet& published = *std::get<0>(keys);
  config.issuer = std::get<Demands>(demands).issuer;
  ReadStatus read_status;  // keys from a file are for judging without the platform
  if (!is_file) {
    read_status = [&](const StatusReference& reference) {
      return fetch_status(config, published, reference, now);
    };
  }
  return print(console, explain_jwt(jwt, published, std::get<Demands>(demands), now, read_status));
}

// Why the configuration's gate does not even look at such a token, or "".
std::string unfit_for_mode(Mode mode, bool is_jwt) {
  switch (mode) {
    case Mode::local:
      return "auth.mode is local: the gate asks for no token";
    case Mode::token:
      return is_jwt ? "auth.mode is token: the gate takes API keys, and this is a JWT" : "";
    case Mode::platform:
    case Mode::mtls:
      return is_jwt ? ""
                    : "auth.mode is " + std::string(name(mode)) +
                          ": the gate takes the platform's JWTs, and this is none";
  }
  return {};
}

}  // namespace

Explanation explain_jwt(std::string_view jwt, const KeySet& keys, const Demands& demands,
                        std::int64_t now, const ReadStatus& read_status) {
  const std::vector<std::string_view> scopes = views_of(demands.scopes);
  const std::variant<Contents, std::string> contents = read_contents(jwt);
  const bool form_is_good = contents.index() == 0;
  std::array<std::string, kJwtSteps> details;
  std::string thumbprint;
  if (form_is_good) {
    details = details_of(std::get<Contents>(contents), keys, demands, now);
    thumbprint = bound_to(std::get<Contents>(contents).payload);
  } else {
    details[kForm] = std::get<std::string>(contents);
  }
  const Result<VerifiedJwt> verified =
      verify_jwt(jwt, keys, expectation_of(demands, scopes, thumbprint, now));
  StatusFinding status{Outcome::not_reached, "", ""};
  if (verified) status = find_status(verified->claims.status, read_status);
  details[kStatus] = std::move(status.detail);

  const std::size_t failing =
      verified ? std::size_t{kStatus} : failing_step(verified.error(), form_is_good);
  Explanation explanation{bool(verified) && status.outcome != Outcome::failed,
                          verified ? status.reason : name(verified.error()),
                          {}};
  for (std::size_t step = 0; step < kJwtSteps; ++step) {
    const Outcome outcome = step > failing                                 ? Outcome::not_reached
                            : step == kStatus                              ? status.outcome
                            : step == failing                              ? Outcome::failed
                            : is_asked(step, demands, !thumbprint.empty()) ? Outcome::passed
                                                                           : Outcome::not_asked;
    explanation.steps.push_back({kStepNames[step], outcome, std::move(details[step])});
  }
  return explanation;
}

Explanation explain_api_key(std::string_view key, const Config& config, std::int64_t now) {
  Explanation explanation{false, name(Error::malformed), {}};
  // False, with what follows not reached, when the step fails.
  const auto step = [&](std::string_view step_name, bool passed, Error error, std::string detail) {
    explanation.steps.push_back(
        {step_name, passed ? Outcome::passed : Outcome::failed, std::move(detail)});
    if (!passed) explanation.reason = name(error);
    return passed;
  };
  const Result<TokenPurpose> purpose = parse_token(key);
  if (!step("form", bool(purpose), Error::malformed,
            purpose ? "prefix, length, alphabet and checksum are right"
                    : "ocu_ and 49 letters and digits with their checksum, copied whole")) {
    return explanation;
  }
  const Digest hash = token_hash(key);
  const auto found = std::find_if(config.api_keys.begin(), config.api_keys.end(),
                                  [&](const ApiKey& each) { return each.hash == hash; });
  const bool known = found != config.api_keys.end();
  if (!step("known", known, Error::unknown,
            known ? "auth.tokens has its hash, as \"" + found->name + '"'
                  : "auth.tokens has no key with this hash")) {
    return explanation;
  }
  const bool expired = found->expires_at && *found->expires_at <= now;
  if (!step("times", !expired, Error::expired,
            !found->expires_at
                ? "never expires"
                : (expired ? "expired " : "expires ") + describe_time(*found->expires_at, now))) {
    return explanation;
  }
  const bool covered = covers_all(views_of(found->scopes), views_of(config.required_scopes));
  if (!step("scopes", covered, Error::insufficient_scope,
            "grants " + scope_text(found->scopes) +
                "; needed: " + scope_text(config.required_scopes))) {
    return explanation;
  }
  explanation.good = true;
  explanation.reason = "ok";
  return explanation;
}

int verify(const Console& console, std::string_view token, const Verify& wanted, std::int64_t now) {
  Config config;
  const bool is_jwt = looks_like_jwt(token);
  if (!wanted.config.empty()) {
    std::variant<Config, int> opened =
        open_config(console, wanted.config, ConfigUse::without_upstream);
    if (const int* code = std::get_if<int>(&opened)) return *code;
    config = std::get<Config>(std::move(opened));
    // Keys that are named here are to be used, whatever the gate would do.
    if (wanted.jwks.empty()) {
      if (const std::string why = unfit_for_mode(config.mode, is_jwt); !why.empty()) {
        return fail(console, config.mode == Mode::local ? kMisused : kRefused, why);
      }
    }
  }
  if (is_jwt) return verify_jwt_token(console, token, wanted, std::move(config), now);
  if (wanted.config.empty() || !wanted.jwks.empty()) {
    return fail(console, parse_token(token) ? kMisused : kRefused,
                parse_token(token)
                    ? "an opaque token is known by its hash: give --config with auth.tokens"
                    : "this is neither a JWT nor a token of ours");
  }
  return print(console, explain_api_key(token, config, now));
}

}  // namespace openclaw::gate
