#include "service/endpoints.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "service/router.h"

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
  EXPECT_EQ(paths, (std::set<std::string_view>{
                       "", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server",
                       "/.well-known/openid-configuration", "/healthz", "/oauth/authorize",
                       "/oauth/introspect", "/oauth/revoke", "/oauth/status", "/oauth/token",
                       "/readyz", "/v1/connect", "/v1/introspect", "/v1/tokens", "/v1/verify"}));
  EXPECT_EQ(paths.size() + 1, endpoints().size());  // two are the front's own
}

TEST(Endpoints, LetNoRequestReachWhatTheFrontCallsByItself) {
  EXPECT_EQ(maintenance().name, "maintain");
  EXPECT_EQ(maintenance().path, "");
  EXPECT_EQ(use_record().name, "record_token_use");
  EXPECT_EQ(use_record().path, "");
  EXPECT_EQ(find_endpoint(""), nullptr);
  EXPECT_EQ(find_endpoint("/maintain"), nullptr);
}

TEST(Endpoints, AreFoundByTheExactPathOnly) {
  for (const char* path : {"", "/", "/healthz/", "/Healthz", "/healthz?", "//healthz",
                           "/oauth/token/", "/oauth/statuses", "/oauth/statu"}) {
    EXPECT_EQ(find_endpoint(path), nullptr) << path;
  }
}

TEST(Endpoints, AreFoundBelowTheirPathWhereTheySaySo) {
  for (const char* path : {"/oauth/status", "/oauth/status/", "/oauth/status/ctr_1/0"}) {
    EXPECT_EQ(find_endpoint(path), find_endpoint("/oauth/status")) << path;
  }
  EXPECT_EQ(at("/.well-known/oauth-authorization-server/tenant").name, "metadata");
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
  EXPECT_TRUE(takes(at("/oauth/introspect"), Source::form));
  EXPECT_TRUE(takes(at("/v1/connect"), Source::form));
  EXPECT_TRUE(takes(at("/v1/introspect"), Source::body));
  EXPECT_FALSE(takes(at("/v1/verify"), Source::form));
  EXPECT_FALSE(takes(at("/.well-known/jwks.json"), Source::form));
  EXPECT_FALSE(takes(at("/v1/introspect"), Source::form));
}

TEST(Endpoints, WriteByOneRequestAStatementOnly) {
  for (const Endpoint& endpoint : endpoints()) {
    EXPECT_EQ(endpoint.coalescing == Coalescing::single, endpoint.name == "revoke" ||
                                                             endpoint.name == "maintain" ||
                                                             endpoint.name == "record_token_use")
        << endpoint.name;
  }
}

TEST(Endpoints, ShareRowsOnlyWhereNoCredentialGoesIn) {
  for (const Endpoint& endpoint : endpoints()) {
    if (endpoint.coalescing != Coalescing::share) continue;
    for (const Argument& argument : arguments(endpoint)) {
      EXPECT_TRUE(argument.source == Source::if_none_match || argument.source == Source::path)
          << endpoint.name;
    }
  }
}

TEST(Endpoints, CallAFunctionOnceForEachElementAndKeepTheOrder) {
  EXPECT_EQ(statement(at("/v1/connect")),
            "select a.status, a.headers, a.body "
            "from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality "
            "as r(p1, p2, p3, p4, n) "
            "cross join lateral openclaw.front_connect(r.p1, r.p2, r.p3, r.p4) as a order by r.n");
  EXPECT_EQ(statement(at("/.well-known/jwks.json")),
            "select a.status, a.headers, a.body "
            "from pg_catalog.unnest($1::text[]) with ordinality as r(p1, n) "
            "cross join lateral openclaw.front_jwks(r.p1) as a order by r.n");
}

TEST(Endpoints, HandTheArraysToAFunctionThatTakesMany) {
  EXPECT_EQ(statement(at("/v1/introspect")),
            "select a.status, a.headers, a.body "
            "from openclaw.front_introspection_lists($1::text[], $2::text[]) as a");
}

TEST(Endpoints, GiveARequestThatWritesWhatAnotherMayWantATransactionOfItsOwn) {
  const Endpoint& token = at("/oauth/token");
  SqlArguments values(arguments(token).size());
  EXPECT_FALSE(goes_alone(token, values));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string_view name = arguments(token)[i].name;
    SqlArguments one(values.size());
    one[i] = "x";
    EXPECT_EQ(goes_alone(token, one),
              name == "refresh_token" || name == "client_assertion" || name == "subject_token")
        << name;
  }
  EXPECT_FALSE(goes_alone(at("/v1/verify"), SqlArguments(3, "x")));
}

TEST(Endpoints, KeepNoRequestForATokenWaitingForWhoeverWantsAThousand) {
  const Endpoint& issue = at("/v1/tokens");
  for (std::size_t i = 0; i < arguments(issue).size(); ++i) {
    const std::string_view name = arguments(issue)[i].name;
    SqlArguments one(arguments(issue).size());
    one[i] = "x";
    EXPECT_EQ(goes_alone(issue, one), name == "client_assertion" || name == "count") << name;
  }
}

TEST(Endpoints, LetAStandbyAnswerWhatOnlyReads) {
  std::set<std::string_view> writing;
  for (const Endpoint& endpoint : endpoints()) {
    if (!endpoint.reads) writing.insert(endpoint.name);
    EXPECT_FALSE(endpoint.reads && endpoint.coalescing == Coalescing::single) << endpoint.name;
  }
  EXPECT_EQ(writing, (std::set<std::string_view>{"authorize", "healthz", "issue", "maintain",
                                                 "record_token_use", "revoke"}));
}

TEST(Endpoints, CallAFunctionWithoutArgumentsPlainly) {
  EXPECT_EQ(statement(at("/readyz")),
            "select a.status, a.headers, a.body from openclaw.front_ready() as a");
}

}  // namespace
}  // namespace openclaw::front
