#include "service/endpoints.h"

#include <algorithm>

namespace openclaw::front {
namespace {

constexpr Argument kAuthorization{Source::authorization, {}};
constexpr Argument kToken{Source::form, "token"};
constexpr Argument kTokenTypeHint{Source::form, "token_type_hint"};

constexpr Endpoint kEndpoints[] = {
    {.name = "healthz", .path = "/healthz", .get = true, .post = false, .function = ""},
    {.name = "readyz",
     .path = "/readyz",
     .get = true,
     .post = false,
     .function = "openclaw.front_ready",
     .coalescing = Coalescing::share},
    {.name = "introspect",
     .path = "/oauth/introspect",
     .get = false,
     .post = true,
     .function = "openclaw.front_introspect",
     .arguments = {kAuthorization, kToken, kTokenTypeHint}},
    {.name = "revoke",
     .path = "/oauth/revoke",
     .get = false,
     .post = true,
     .function = "openclaw.front_revoke",
     .arguments = {kAuthorization, kToken, kTokenTypeHint, Argument{Source::request_id, {}}},
     .coalescing = Coalescing::single},
    {.name = "connect",
     .path = "/v1/connect",
     .get = false,
     .post = true,
     .function = "openclaw.front_connect",
     .arguments = {kAuthorization, Argument{Source::form, "user_id"},
                   Argument{Source::form, "container_id"}, Argument{Source::form, "scope"}}},
    {.name = "verify",
     .path = "/v1/verify",
     .get = true,
     .post = true,
     .function = "openclaw.front_verify",
     .arguments = {kAuthorization, Argument{Source::query, "audience"},
                   Argument{Source::query, "scope"}}},
    {.name = "jwks",
     .path = "/.well-known/jwks.json",
     .get = true,
     .post = false,
     .function = "openclaw.front_jwks",
     .arguments = {Argument{Source::if_none_match, {}}},
     .coalescing = Coalescing::share},
    {.name = "metadata",
     .path = "/.well-known/oauth-authorization-server",
     .get = true,
     .post = false,
     .function = "openclaw.front_metadata",
     .coalescing = Coalescing::share},
};

}  // namespace

std::span<const Endpoint> endpoints() { return kEndpoints; }

const Endpoint* find_endpoint(std::string_view path) {
  const auto* found = std::find_if(std::begin(kEndpoints), std::end(kEndpoints),
                                   [&](const Endpoint& endpoint) { return endpoint.path == path; });
  return found == std::end(kEndpoints) ? nullptr : found;
}

std::span<const Argument> arguments(const Endpoint& endpoint) {
  const auto end = std::find_if(endpoint.arguments.begin(), endpoint.arguments.end(),
                                [](const Argument& a) { return a.source == Source::none; });
  return {endpoint.arguments.begin(), end};
}

bool takes_form(const Endpoint& endpoint) {
  const auto all = arguments(endpoint);
  return std::any_of(all.begin(), all.end(),
                     [](const Argument& argument) { return argument.source == Source::form; });
}

std::string allowed_methods(const Endpoint& endpoint) {
  if (!endpoint.get) return "POST";
  return endpoint.post ? "GET, HEAD, POST" : "GET, HEAD";
}

std::string statement(const Endpoint& endpoint) {
  const std::string function(endpoint.function);
  const std::size_t count = arguments(endpoint).size();
  if (count == 0) return "select a.status, a.headers, a.body from " + function + "() as a";

  std::string arrays, columns, values;
  for (std::size_t i = 1; i <= count; ++i) {
    const std::string number = std::to_string(i);
    const std::string separator = i == 1 ? "" : ", ";
    arrays += separator + "$" + number + "::text[]";
    columns += "p" + number + ", ";
    values += separator + "r.p" + number;
  }
  return "select a.status, a.headers, a.body from unnest(" + arrays + ") with ordinality as r(" +
         columns + "n) cross join lateral " + function + "(" + values + ") as a order by r.n";
}

}  // namespace openclaw::front
