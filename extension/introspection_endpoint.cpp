// /oauth/introspect and /v1/introspect of many requests in one call.
#include <map>

#include "core/introspection.h"
#include "core/json.h"
#include "core/opaque_token.h"
#include "core/scope.h"
#include "core/secret.h"
#include "extension/authorization.h"
#include "extension/front_batch.h"
#include "extension/introspection.h"
#include "extension/verification.h"

namespace openclaw::extension {

namespace {

constexpr std::size_t kMaxTokensPerRequest = 1000;

// openclaw.front_caller's parameters, the scope aside.
constexpr std::size_t kCallerParameters = 6;
constexpr std::size_t kClientAssertion = 5;

constexpr std::string_view kTokenMissing =
    R"({"error" : "invalid_request", "error_description" : "the parameter token is missing"})";
constexpr std::string_view kBodyInvalid =
    R"({"error" : "invalid_request", "error_description" : "the body must be a JSON array of tokens, each a string"})";
constexpr std::string_view kTooManyTokens =
    R"({"error" : "invalid_request", "error_description" : "one request takes at most 1000 tokens"})";

// Who calls, as openclaw.front_caller is.
struct Caller {
  std::string client_id;  // empty: a harness
  bool whole_user;
  std::optional<std::string> user_id;
  std::optional<std::string> container_id;

  // openclaw.sees
  bool sees(const Introspected& token) const {
    if (!client_id.empty() && client_id == token.client_id) return true;
    return whole_user && (!user_id || (!token.user_id.empty() && *user_id == token.user_id)) &&
           (!container_id || (!token.container_id.empty() && *container_id == token.container_id));
  }
};

// Who calls, or the answer that refuses.
struct Proof {
  const Caller* caller;
  Datum refusal;  // an openclaw.http_answer, without a caller
};

std::optional<std::string> optional_text(std::optional<Datum> value) {
  return value ? std::optional(std::string(text_of(*value))) : std::nullopt;
}

// The callers of one statement. Who has proven himself once need not do so again for the next
// request; what proves him is remembered as its SHA-256, and compared in constant time where it is
// not. Whoever is refused is refused, and audited, for each request.
class Callers {
 public:
  explicit Callers(std::string_view scope) : scope_(scope) {}

  // The first `parameters` of the request are those of openclaw.front_caller, the others of which
  // are null.
  Proof prove(const FrontBatch& batch, std::size_t request,
              std::size_t parameters = kCallerParameters) {
    const Argument token = credentials_of(batch.argument(request, 0), "bearer");
    // Mostly one harness sends them all.
    if (token && last_ != nullptr && constant_time_equal(as_bytes(*token), as_bytes(last_token_))) {
      return {last_, 0};
    }
    if (token && parse_token(*token)) {
      const Digest hash = token_hash(*token);
      auto known = proven_.find(hash);
      if (known == proven_.end()) {
        if (auto harness = harness_of(hash))
          known = proven_.emplace(hash, std::move(*harness)).first;
      }
      if (known != proven_.end()) {
        last_token_ = *token;
        last_ = &known->second;
        return {last_, 0};
      }
    }
    return ask(batch, request, parameters);
  }

 private:
  std::optional<Caller> harness_of(const Digest& hash) const {
    TokenRow row{};
    find_tokens({&hash, 1}, {&row, 1});
    if (!check_token(row, {&scope_, 1}, GetCurrentTimestamp()) ||
        text_of(row.issued_for) != "platform_harness") {
      return std::nullopt;
    }
    constexpr std::string_view kAnyUser = "openclaw:any-user";
    Caller caller{{}, true, std::nullopt, std::nullopt};
    if (!covers_all(granted_scopes(row), {&kAnyUser, 1})) {
      caller.user_id = std::string(text_of(row.user_id));
    }
    if (row.has_container) caller.container_id = std::string(text_of(row.container_id));
    return caller;
  }

  // By openclaw.front_caller, which knows every way.
  Proof ask(const FrontBatch& batch, std::size_t request, std::size_t parameters) {
    std::vector<Argument> arguments = batch.arguments(request);
    arguments.resize(parameters);
    arguments.resize(kCallerParameters);
    const bool once = arguments[kClientAssertion].has_value();  // it is good for one request
    const Digest key = digest_of(arguments);
    if (!once) {
      if (const auto known = proven_.find(key); known != proven_.end()) return {&known->second, 0};
    }
    arguments.emplace_back(scope_);
    const Datum row = call_openclaw("front_caller", arguments);
    if (const auto refusal = attribute(row, 1); refusal && attribute(*refusal, 1)) {
      return {nullptr, *refusal};
    }
    const auto whole_user = attribute(row, 3);
    Caller caller{optional_text(attribute(row, 2)).value_or(""),
                  whole_user && DatumGetBool(*whole_user), optional_text(attribute(row, 4)),
                  optional_text(attribute(row, 5))};
    return {&proven_.insert_or_assign(key, std::move(caller)).first->second, 0};
  }

  std::string_view scope_;
  std::map<Digest, Caller> proven_;
  std::string_view last_token_;  // of the harness that was proven last
  const Caller* last_ = nullptr;
};

std::string_view seen(const Caller& caller, const Introspected& token) {
  return caller.sees(token) ? std::string_view(token.json) : kInactive;
}

}  // namespace

// (http_authorization[], client_certificate[], client_id[], client_secret[],
//  client_assertion_type[], client_assertion[], token[], token_type_hint[])
OPENCLAW_FUNCTION(openclaw_front_introspections) {
  constexpr std::size_t kToken = kCallerParameters;
  FrontBatch batch(fcinfo, kCallerParameters + 2);
  Callers callers("openclaw:introspect");
  std::vector<Proof> proofs;
  std::vector<Argument> tokens;  // of those who were proven: a stranger's costs no signature check
  for (std::size_t i = 0; i < batch.size(); i++) {
    proofs.push_back(callers.prove(batch, i));
    tokens.push_back(proofs[i].caller != nullptr ? batch.argument(i, kToken) : std::nullopt);
  }
  const std::vector<Introspected> answers = introspect(tokens);
  for (std::size_t i = 0; i < batch.size(); i++) {
    if (proofs[i].caller == nullptr) {
      batch.put(proofs[i].refusal);
    } else if (!tokens[i]) {
      batch.put_json(400, kTokenMissing);
    } else {
      batch.put_json(200, seen(*proofs[i].caller, answers[i]));
    }
  }
  return 0;
}

// (http_authorization[], body[])
OPENCLAW_FUNCTION(openclaw_front_introspection_lists) {
  FrontBatch batch(fcinfo, 2);
  Callers callers("openclaw:introspect");
  for (std::size_t i = 0; i < batch.size(); i++) {
    const auto [caller, refusal] = callers.prove(batch, i, 1);
    if (caller == nullptr) {
      batch.put(refusal);
      continue;
    }
    const auto tokens = parse_json_texts(batch.argument(i, 1).value_or(""), kMaxTokensPerRequest);
    if (!tokens) {
      batch.put_json(400, tokens.error() == Error::too_long ? kTooManyTokens : kBodyInvalid);
      continue;
    }
    std::string list = "[";
    for (const Introspected& answer :
         introspect(std::vector<Argument>(tokens->begin(), tokens->end()))) {
      if (list.size() > 1) list += ',';
      list += seen(*caller, answer);
    }
    batch.put_json(200, list += ']');
  }
  return 0;
}

}  // namespace openclaw::extension
