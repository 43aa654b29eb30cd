#include "service/endpoints.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace openclaw::front {
namespace {

const Endpoint& at(std::string_view path) {
  const Endpoint* endpoint = find_endpoint(path);
  EXPECT_NE(endpoint, nullptr) << path;
  return *endpoint;
}

TEST(Endpoints, AreAllServedUnderTheirPaths) {
  std::set<std::string_view> paths;
  for (const Endpoint& endpoint : endpoints()) paths.insert(endpoint.path);
  EXPECT_EQ(paths,
            (std::set<std::string_view>{
                "/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/healthz",
                "/oauth/introspect", "/oauth/revoke", "/readyz", "/v1/connect", "/v1/verify"}));
  EXPECT_EQ(paths.size(), endpoints().size());
}

TEST(Endpoints, AreFoundByTheExactPathOnly) {
  for (const char* path : {"", "/", "/healthz/", "/Healthz", "/healthz?", "//healthz"}) {
    EXPECT_EQ(find_endpoint(path), nullptr) << path;
  }
}

TEST(Endpoints, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const Endpoint& endpoint : endpoints()) names.insert(endpoint.name);
  EXPECT_EQ(names.size(), endpoints().size());
}

TEST(Endpoints, SayWhichMethodsTheyAllow) {
  EXPECT_EQ(allowed_methods(at("/healthz")), "GET, HEAD");
  EXPECT_EQ(allowed_methods(at("/oauth/revoke")), "POST");
  EXPECT_EQ(allowed_methods(at("/v1/verify")), "GET, HEAD, POST");
}

TEST(Endpoints, TakeFormsWhereAParameterComesFromTheBody) {
  EXPECT_TRUE(takes_form(at("/oauth/introspect")));
  EXPECT_TRUE(takes_form(at("/v1/connect")));
  EXPECT_FALSE(takes_form(at("/v1/verify")));
  EXPECT_FALSE(takes_form(at("/.well-known/jwks.json")));
}

TEST(Endpoints, WriteByOneRequestAStatementOnly) {
  for (const Endpoint& endpoint : endpoints()) {
    EXPECT_EQ(endpoint.coalescing == Coalescing::single, endpoint.name == "revoke")
        << endpoint.name;
  }
}

TEST(Endpoints, ShareRowsOnlyWhereNoCredentialGoesIn) {
  for (const Endpoint& endpoint : endpoints()) {
    if (endpoint.coalescing != Coalescing::share) continue;
    for (const Argument& argument : arguments(endpoint)) {
      EXPECT_EQ(argument.source, Source::if_none_match) << endpoint.name;
    }
  }
}

TEST(Endpoints, CallAFunctionOnceForEachElementAndKeepTheOrder) {
  EXPECT_EQ(statement(at("/v1/verify")),
            "select a.status, a.headers, a.body "
            "from unnest($1::text[], $2::text[], $3::text[]) with ordinality as r(p1, p2, p3, n) "
            "cross join lateral openclaw.front_verify(r.p1, r.p2, r.p3) as a order by r.n");
  EXPECT_EQ(statement(at("/.well-known/jwks.json")),
            "select a.status, a.headers, a.body "
            "from unnest($1::text[]) with ordinality as r(p1, n) "
            "cross join lateral openclaw.front_jwks(r.p1) as a order by r.n");
}

TEST(Endpoints, CallAFunctionWithoutArgumentsPlainly) {
  EXPECT_EQ(statement(at("/readyz")),
            "select a.status, a.headers, a.body from openclaw.front_ready() as a");
}

}  // namespace
}  // namespace openclaw::front
