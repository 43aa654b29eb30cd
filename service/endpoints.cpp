#include "service/endpoints.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

namespace openclaw::front {
namespace {

constexpr Argument kAuthorization{Source::authorization, {}};
constexpr Argument kRequestId{Source::request_id, {}};
constexpr Argument kPath{Source::path, {}};
constexpr Argument kToken{Source::form, "token"};
constexpr Argument kTokenTypeHint{Source::form, "token_type_hint"};

// What an OAuth client proves itself with (RFC 6749 2.3, RFC 7521 4.2, RFC 8705 2), then the
// endpoint's own.
constexpr Arguments with_client(std::initializer_list<Argument> own) {
  Arguments all{kAuthorization,
                Argument{Source::client_certificate, {}},
                Argument{Source::form, "client_id"},
                Argument{Source::form, "client_secret"},
                Argument{Source::form, "client_assertion_type"},
                Argument{Source::form, "client_assertion"}};
  std::size_t next = 6;
  for (const Argument& argument : own) all.at(next++) = argument;
  return all;
}

constexpr Endpoint kEndpoints[] = {
    {.name = "healthz", .path = "/healthz", .get = true},
    {.name = "readyz",
     .path = "/readyz",
     .get = true,
     .function = "openclaw.front_ready",
     .coalescing = Coalescing::share,
     .reads = true},
    {.name = "authorize",
     .path = "/oauth/authorize",
     .get = true,
     .post = true,
     .function = "openclaw.front_authorize",
     .arguments = {Argument{Source::query, "response_type"}}},
    {.name = "token",
     .path = "/oauth/token",
     .post = true,
     .function = "openclaw.front_tokens",
     .arguments = with_client(
         {Argument{Source::form, "grant_type"}, Argument{Source::form, "resource"},
          Argument{Source::form, "audience"}, Argument{Source::form, "scope"},
          Argument{Source::form, "user_id"}, Argument{Source::form, "subject_token"},
          Argument{Source::form, "subject_token_type"}, Argument{Source::form, "actor_token"},
          Argument{Source::form, "requested_token_type"}, Argument{Source::form, "refresh_token"},
          kRequestId}),
     .alone_with = {"refresh_token", "client_assertion", "subject_token"},
     .reads = true,
     .many = true},
    {.name = "introspect",
     .path = "/oauth/introspect",
     .post = true,
     .function = "openclaw.front_introspections",
     .arguments = with_client({kToken, kTokenTypeHint}),
     .alone_with = {"client_assertion"},
     .reads = true,
     .many = true},
    {.name = "introspect_many",
     .path = "/v1/introspect",
     .post = true,
     .function = "openclaw.front_introspection_lists",
     .arguments = {kAuthorization, Argument{Source::body, {}}},
     .reads = true,
     .many = true},
    {.name = "revoke",
     .path = "/oauth/revoke",
     .post = true,
     .function = "openclaw.front_revoke",
     .arguments = with_client({kToken, kTokenTypeHint, kRequestId}),
     .coalescing = Coalescing::single},
    {.name = "status_list",
     .path = "/oauth/status",
     .get = true,
     .function = "openclaw.front_status_list",
     .arguments = {kPath},
     .coalescing = Coalescing::share,
     .prefix = true,
     .reads = true},
    {.name = "connect",
     .path = "/v1/connect",
     .post = true,
     .function = "openclaw.front_connect",
     .arguments = {kAuthorization, Argument{Source::form, "user_id"},
                   Argument{Source::form, "container_id"}, Argument{Source::form, "scope"}},
     .reads = true},
    {.name = "issue",
     .path = "/v1/tokens",
     .post = true,
     .function = "openclaw.front_issues",
     .arguments = with_client({Argument{Source::form, "user_id"}, Argument{Source::form, "scope"},
                               Argument{Source::form, "expires_in"}, Argument{Source::form, "name"},
                               Argument{Source::form, "container_id"},
                               Argument{Source::form, "count"}, kRequestId}),
     .alone_with = {"client_assertion", "count"},
     .many = true,
     .gathering = std::chrono::milliseconds(20)},  // their flush to disk is one
    {.name = "verify",
     .path = "/v1/verify",
     .get = true,
     .post = true,
     .function = "openclaw.front_verifications",
     .arguments = {kAuthorization, Argument{Source::query, "audience"},
                   Argument{Source::query, "scope"}},
     .reads = true,
     .many = true},
    {.name = "jwks",
     .path = "/.well-known/jwks.json",
     .get = true,
     .function = "openclaw.front_jwks",
     .arguments = {Argument{Source::if_none_match, {}}},
     .coalescing = Coalescing::share,
     .reads = true,
     .fresh_for = std::chrono::milliseconds(100)},
    {.name = "metadata",
     .path = "/.well-known/oauth-authorization-server",
     .get = true,
     .function = "openclaw.front_metadata",
     .arguments = {kPath},
     .coalescing = Coalescing::share,
     .prefix = true,
     .reads = true},
    {.name = "openid_configuration",
     .path = "/.well-known/openid-configuration",
     .get = true,
     .function = "openclaw.front_metadata",
     .arguments = {kPath},
     .coalescing = Coalescing::share,
     .prefix = true,
     .reads = true},
    {.name = "record_token_use",
     .path = {},
     .function = "openclaw.front_record_token_use",
     .arguments = {Argument{Source::front, {}}},
     .coalescing = Coalescing::single},
    {.name = "maintain",
     .path = {},
     .function = "openclaw.front_maintain",
     .coalescing = Coalescing::single},
};
constexpr const Endpoint& kMaintenance = kEndpoints[std::size(kEndpoints) - 1];
constexpr const Endpoint& kUseRecord = kEndpoints[std::size(kEndpoints) - 2];
static_assert(kMaintenance.name == "maintain" && kUseRecord.name == "record_token_use");

bool matches(const Endpoint& endpoint, std::string_view path) {
  if (endpoint.path.empty() || !path.starts_with(endpoint.path)) return false;
  path.remove_prefix(endpoint.path.size());
  return path.empty() || (endpoint.prefix && path.front() == '/');
}

}  // namespace

std::span<const Endpoint> endpoints() { return kEndpoints; }

const Endpoint& maintenance() { return kMaintenance; }

const Endpoint& use_record() { return kUseRecord; }

const Endpoint* find_endpoint(std::string_view path) {
  const auto* found =
      std::find_if(std::begin(kEndpoints), std::end(kEndpoints),
                   [&](const Endpoint& endpoint) { return matches(endpoint, path); });
  return found == std::end(kEndpoints) ? nullptr : found;
}

std::span<const Argument> arguments(const Endpoint& endpoint) {
  const auto end = std::find_if(endpoint.arguments.begin(), endpoint.arguments.end(),
                                [](const Argument& a) { return a.source == Source::none; });
  return {endpoint.arguments.begin(), end};
}

bool takes(const Endpoint& endpoint, Source source) {
  const auto all = arguments(endpoint);
  return std::any_of(all.begin(), all.end(),
                     [source](const Argument& argument) { return argument.source == source; });
}

bool allows(const Endpoint& endpoint, std::string_view method) {
  if (method == "GET" || method == "HEAD") return endpoint.get;
  return method == "POST" && endpoint.post;
}

std::string_view allowed_methods(const Endpoint& endpoint) {
  if (!endpoint.get) return "POST";
  return endpoint.post ? "GET, HEAD, POST" : "GET, HEAD";
}

std::string statement(const Endpoint& endpoint) {
  const std::string function(endpoint.function);
  const std::size_t count = arguments(endpoint).size();
  std::string arrays, columns, values;
  for (std::size_t i = 1; i <= count; ++i) {
    const std::string number = std::to_string(i);
    const std::string separator = i == 1 ? "" : ", ";
    arrays += separator + "$" + number + "::text[]";
    columns += "p" + number + ", ";
    values += separator + "r.p" + number;
  }
  if (count == 0 || endpoint.many) {
    return "select a.status, a.headers, a.body from " + function + "(" + arrays + ") as a";
  }
  // Of several arrays the grammar itself makes pg_catalog's; a function of that name for one array
  // would be looked for in the role's search_path, which a pooler's sessions leave as it is.
  const std::string unnest = count == 1 ? "pg_catalog.unnest(" : "unnest(";
  return "select a.status, a.headers, a.body from " + unnest + arrays + ") with ordinality as r(" +
         columns + "n) cross join lateral " + function + "(" + values + ") as a order by r.n";
}

}  // namespace openclaw::front
