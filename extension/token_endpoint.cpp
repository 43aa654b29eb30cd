// POST /oauth/token of many requests in one call. What most of them are, client_credentials by a
// client with a secret, is decided here when it succeeds; whatever else comes is
// openclaw.front_token's, which is the whole decision, request by request.
#include <algorithm>
#include <map>

#include "core/endpoint.h"
#include "core/json_writer.h"
#include "core/scope.h"
#include "extension/clients.h"
#include "extension/front_batch.h"
#include "extension/jwt_issue.h"
#include "extension/targets.h"

namespace openclaw::extension {
namespace {

// openclaw.front_token's parameters.
enum Parameter : std::size_t {
  authorization = 0,
  client_id = 2,
  client_secret = 3,
  client_assertion_type = 4,
  client_assertion = 5,
  grant_type = 6,
  resource = 7,
  scope = 9,
  user_id = 10,
  parameters = 17,
};

constexpr std::string_view kGrantType = "client_credentials";

// The clients of one statement: who has proven itself need not do so again for the next request.
class Clients {
 public:
  explicit Clients(const FrontBatch& batch) : batch_(batch) {}

  // Null for whoever does not prove itself by a secret alone.
  const Client* prove(std::size_t request) {
    if (batch_.argument(request, client_assertion) ||
        batch_.argument(request, client_assertion_type)) {
      return nullptr;
    }
    const Argument proof[] = {batch_.argument(request, authorization),
                              batch_.argument(request, client_id),
                              batch_.argument(request, client_secret)};
    const Digest digest = digest_of(proof);
    if (const auto known = known_.find(digest); known != known_.end()) return &known->second;
    const auto credentials = credentials_of(proof[0], proof[1], proof[2]);
    auto client = credentials ? prove_client(*credentials, GetCurrentTimestamp()) : std::nullopt;
    if (!client) return nullptr;
    return &known_.emplace(digest, std::move(*client)).first->second;
  }

 private:
  // In one way (RFC 6749 2.3).
  static std::optional<Credentials> credentials_of(const Argument& header, const Argument& id,
                                                   const Argument& secret) {
    if (header) {
      if (secret || header->size() > kMaxAuthorization) return std::nullopt;
      auto basic = basic_credentials(*header);
      if (basic && id && *id != basic->client_id) return std::nullopt;
      return basic;
    }
    if (!id || !secret) return std::nullopt;
    return Credentials{std::string(*id), std::string(*secret)};
  }

  const FrontBatch& batch_;
  std::map<Digest, Client> known_;
};

// The owner that a resource must have. Outer nothing: it can have none.
std::optional<Argument> owner_of(const Client& client, const Argument& user) {
  if (client.user_id && user && *client.user_id != *user) return std::nullopt;
  return client.user_id ? Argument(*client.user_id) : user;
}

const Target* target_of(const Client& client, const Argument& named, const Argument& user) {
  const auto owner = owner_of(client, user);
  if (!owner || !named || named->size() > kMaxEndpoint) return nullptr;
  if (*owner && (*owner)->size() > kMaxId) return nullptr;
  const auto endpoint = canonical_endpoint(*named, EndpointType::external);
  return endpoint ? find_only_target(*endpoint, *owner) : nullptr;
}

// What is granted of the scopes that were asked for, sorted, each once. Empty: not all of them, or
// none.
Views granted_of(const Client& client, const Target& target,
                 const std::vector<std::string>& asked) {
  const Views allowed = views_of(client.scopes);
  Views granted = views_of(asked);
  std::sort(granted.begin(), granted.end());
  granted.erase(std::unique(granted.begin(), granted.end()), granted.end());
  if (!covers_all(allowed, granted) || !plan_allows(target, granted)) return {};
  return granted;
}

// The same where none were asked for: all of the client's that the plan allows.
Views granted_of(const Client& client, const Target& target) {
  const Views allowed = views_of(client.scopes);
  if (plan_allows(target, allowed)) return allowed;
  const Views planned = views_of(*target.allowed_scopes);
  Views granted = narrowed_grants(allowed, planned);
  granted.resize(std::min(granted.size(), kMaxScopes));
  return granted;
}

std::string token_json(const SignedJwt& jwt, const Views& scopes) {
  constexpr std::size_t kOthers = 128;
  const std::int64_t seconds = jwt.expires_at - jwt.issued_at;
  const std::string list = format_scope_list(scopes);
  ObjectWriter json(jwt.text.size() + list.size() + kOthers);
  json.text("access_token", jwt.text);
  json.text("token_type", "Bearer");
  json.number("expires_in", seconds);
  json.number("refresh_in",
              (8 * seconds + 5) / 10);  // openclaw.refresh_time, to the nearest second
  json.text("scope", list);
  return std::string(json.finish());
}

// The body of a 200, or nothing for what is openclaw.front_token's to answer.
std::optional<std::string> issued(const FrontBatch& batch, std::size_t request, Clients& clients) {
  if (batch.argument(request, grant_type) != kGrantType) return std::nullopt;
  std::vector<std::string> asked;
  if (const Argument list = batch.argument(request, scope)) {
    auto parsed = parse_scope_list(*list);
    if (!parsed || parsed->empty()) return std::nullopt;
    asked = std::move(*parsed);
  }
  const Client* client = clients.prove(request);
  if (client == nullptr || std::find(client->grant_types.begin(), client->grant_types.end(),
                                     kGrantType) == client->grant_types.end()) {
    return std::nullopt;
  }
  const Target* target =
      target_of(*client, batch.argument(request, resource), batch.argument(request, user_id));
  if (target == nullptr) return std::nullopt;
  const Views scopes =
      asked.empty() ? granted_of(*client, *target) : granted_of(*client, *target, asked);
  if (scopes.empty()) return std::nullopt;
  JwtOrder order = order_for(JwtType::access_token, *target, scopes);
  order.client_id = client->id;
  return token_json(sign(order), scopes);
}

std::optional<std::string> issued_or_nothing(const FrontBatch& batch, std::size_t request,
                                             Clients& clients) {
  try {
    return issued(batch, request, clients);
  } catch (const SqlError&) {
    return std::nullopt;  // no key that signs, a JWT that is too long: an answer, too
  }
}

}  // namespace

OPENCLAW_FUNCTION(openclaw_front_tokens) {
  FrontBatch batch(fcinfo, parameters);
  Clients clients(batch);
  for (std::size_t request = 0; request < batch.size(); request++) {
    guarded([] { CHECK_FOR_INTERRUPTS(); });
    if (const auto body = issued_or_nothing(batch, request, clients)) {
      batch.put_json(200, *body);
    } else {
      batch.put(call_openclaw("front_token", batch.arguments(request)));
    }
  }
  return Call(fcinfo).null();
}

}  // namespace openclaw::extension
