#include "gate/jwks_source.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include "tests/unit/gate_certificates.h"
#include "tests/unit/gate_platform_server.h"
#include "tests/unit/jwt_builder.h"

namespace openclaw::gate {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// --- the world ---------------------------------------------------------------------------------

std::string set_of(std::initializer_list<Algorithm> algorithms) {
  std::vector<PublicKey> keys;
  for (const Algorithm algorithm : algorithms) {
    keys.push_back(*PublicKey::from_jwk(signing_key(algorithm).public_key().jwk()));
  }
  return KeySet::of(std::move(keys))->to_json();
}

const std::string& good_set() {
  static const std::string set = set_of({Algorithm::EdDSA});
  return set;
}

constexpr std::string_view kAtOnce = "Cache-Control: max-age=0\r\n";  // is fetched again

CertificateSpec server_spec() {
  return {.common_name = "server",
          .names = {{GEN_DNS, "localhost"}, {GEN_IPADD, std::string("\x7F\0\0\x01", 4)}},
          .extended_key_usage = "serverAuth"};
}

class JwksSourceTest : public testing::Test {
 protected:
  JwksSourceTest() {
    server_.use(make_identity(server_spec(), &ca_));
    config_.jwks_url = "https://127.0.0.1:" + server_.port() + "/jwks.json";
    config_.jwks_ca = files_.write("ca.pem", ca_.certificate_pem());
    server_.reply = [] { return answer(good_set()); };
  }

  void start() {
    source_ = std::make_unique<JwksSource>(
        loop_, config_,
        [this](std::shared_ptr<const KeySet> set) { sets_.push_back(std::move(set)); },
        [this](std::string_view outcome, std::size_t keys) {
          outcomes_.emplace_back(outcome);
          reported_keys_ = keys;
        },
        times_);
    source_->start();
  }

  // Runs the loop until it is so. False when it does not come about.
  template <class Predicate>
  bool until(Predicate is_so) {
    const Clock::time_point give_up = Clock::now() + 30s;
    while (!is_so() && Clock::now() < give_up) {
      loop_.restart();
      loop_.run_one_for(100ms);
    }
    return is_so();
  }
  bool until_outcome(std::string_view outcome) {
    return until([&] { return count(outcome) != 0; });
  }
  std::ptrdiff_t count(std::string_view outcome) const {
    return std::count(outcomes_.begin(), outcomes_.end(), outcome);
  }

  void start_with_good_set(std::string fields) {
    server_.reply = [fields = std::move(fields)] { return answer(good_set(), fields); };
    start();
    ASSERT_TRUE(until_outcome("ok"));
  }

  // Before a server of the test's own goes out of scope.
  void end(PlatformServer& server) {
    server.go();
    ASSERT_TRUE(until([&] { return server.is_over(); }));
  }

  void refetch(std::chrono::milliseconds at_most = 30s, NamedBy who = NamedBy::caller) {
    asio::co_spawn(
        loop_,
        [this, at_most, who]() -> asio::awaitable<void> {
          co_await source_->refetch(at_most, who);
          ++returned_;
        },
        asio::detached);
  }

  asio::io_context loop_;
  const TestDirectory files_;
  const Identity ca_ = make_identity({.common_name = "CA", .ca = true});
  PlatformServer server_{loop_, true};
  Config config_{};
  JwksTimes times_{.at_most = 20s,
                   .first_backoff = 1ms,
                   .longest_backoff = 4ms,
                   .between_refetches = 0ms,
                   .shortest_kept = 1ms};
  std::vector<std::shared_ptr<const KeySet>> sets_;
  std::vector<std::string> outcomes_;
  std::size_t reported_keys_ = 99;
  int returned_ = 0;
  std::unique_ptr<JwksSource> source_;
};

// --- good answers ------------------------------------------------------------------------------

TEST_F(JwksSourceTest, GivesTheSetThatThePlatformPublishes) {
  start();
  ASSERT_TRUE(until_outcome("ok"));
  ASSERT_EQ(sets_.size(), 1u);
  EXPECT_EQ(sets_[0]->to_json(), good_set());
  EXPECT_EQ(reported_keys_, 1u);
}

TEST_F(JwksSourceTest, AsksForTheUrlsPathAtTheUrlsHost) {
  start();
  ASSERT_TRUE(until_outcome("ok"));
  EXPECT_TRUE(server_.requests[0].starts_with(
      "GET /jwks.json HTTP/1.1\r\nHost: 127.0.0.1:" + server_.port() + "\r\n"))
      << server_.requests[0];
  EXPECT_EQ(server_.requests[0].find("If-None-Match"), std::string::npos);
}

TEST_F(JwksSourceTest, NamesTheHostInTlsUnlessItIsAnAddress) {
  start();
  ASSERT_TRUE(until_outcome("ok"));
  outcomes_.clear();
  config_.jwks_url = "https://localhost:" + server_.port();
  start();
  ASSERT_TRUE(until_outcome("ok"));
  EXPECT_EQ(server_.server_names, (std::vector<std::string>{"", "localhost"}));
  EXPECT_TRUE(server_.requests[1].starts_with("GET / HTTP/1.1\r\n"));
}

TEST_F(JwksSourceTest, FetchesAgainWhenTheSetGetsOldAndTakesTheNewOne) {
  start_with_good_set(std::string(kAtOnce));
  server_.reply = [] { return answer(set_of({Algorithm::EdDSA, Algorithm::ES256}), kAtOnce); };
  ASSERT_TRUE(until([&] { return sets_.back()->size() == 2; }));
  EXPECT_EQ(reported_keys_, 2u);
}

TEST_F(JwksSourceTest, ASetThatIsKeptIsNotFetchedAgain) {
  start_with_good_set("Cache-Control: max-age=3600\r\n");
  const std::unique_ptr<JwksSource> keeps = std::move(source_);
  PlatformServer busy(loop_, true);
  busy.use(make_identity(server_spec(), &ca_));
  busy.reply = [] { return answer(good_set(), kAtOnce); };
  config_.jwks_url = "https://127.0.0.1:" + busy.port();
  start();
  ASSERT_TRUE(until([&] { return busy.requests.size() >= 10; }));
  EXPECT_EQ(server_.requests.size(), 1u);
  source_.reset();
  end(busy);
}

TEST_F(JwksSourceTest, TakesAnEmptySetForWhatItSays) {
  start_with_good_set(std::string(kAtOnce));
  server_.reply = [] { return answer(R"({"keys":[]})", kAtOnce); };
  ASSERT_TRUE(until([&] { return sets_.back()->size() == 0; }));
  EXPECT_EQ(reported_keys_, 0u);
}

TEST_F(JwksSourceTest, AsksWithTheEtagAndKeepsTheSetWhenItIsNotModified) {
  start_with_good_set("ETag: W/\"v1\"\r\nCache-Control: max-age=0\r\n");
  server_.reply = [] { return answer("", "", "304 Not Modified"); };
  ASSERT_TRUE(until([&] { return count("not_modified") >= 2; }));  // goes on without Cache-Control
  EXPECT_NE(server_.requests[1].find("\r\nIf-None-Match: W/\"v1\"\r\n"), std::string::npos);
  EXPECT_EQ(sets_.size(), 1u);
  EXPECT_EQ(reported_keys_, 1u);
}

TEST_F(JwksSourceTest, SendsBackNoEtagThatIsNone) {
  for (const std::string& etag : {std::string("v1"), std::string("\"v1"), std::string("\"a\"b\""),
                                  std::string("\"a b\""), '"' + std::string(300, 'a') + '"'}) {
    outcomes_.clear();
    server_.requests.clear();
    start_with_good_set("ETag: " + etag + "\r\nCache-Control: max-age=0\r\n");
    ASSERT_TRUE(until([&] { return server_.requests.size() >= 2; }));
    EXPECT_EQ(server_.requests[1].find("If-None-Match"), std::string::npos) << etag;
    source_.reset();
  }
}

TEST_F(JwksSourceTest, HttpServesOnALoopbackHost) {
  PlatformServer plain(loop_, false);
  plain.reply = [] { return answer(good_set()); };
  config_.jwks_url = "http://localhost:" + plain.port() + "/";
  start();
  ASSERT_TRUE(until_outcome("ok"));
  EXPECT_EQ(plain.requests.size(), 1u);
  source_.reset();
  end(plain);
}

// --- bad answers -------------------------------------------------------------------------------

TEST_F(JwksSourceTest, ABadAnswerLeavesTheLastGoodSetAndAGoodOneReplacesIt) {
  const std::string set = good_set();
  const std::string jwk = signing_key().public_key().jwk();
  const struct {
    std::string_view outcome;
    Reply reply;
  } cases[] = {
      {"http_status", answer(set, "", "500 Internal Server Error")},
      {"http_status", answer(set, "", "404 Not Found")},
      {"http_status", answer(set, "", "203 Non-Authoritative Information")},
      {"http_status", answer("", "Location: /elsewhere\r\n", "302 Found")},
      {"http_status", answer("", "Location: /elsewhere\r\n", "308 Permanent Redirect")},
      {"http_status", answer("", "", "304 Not Modified")},  // without having been asked
      {"not_a_key_set",
       answer("<!doctype html><title>Sign in</title>", "Content-Type: text/html\r\n")},
      {"not_a_key_set", answer("")},
      {"not_a_key_set", answer("{}")},
      {"not_a_key_set", answer(set.substr(0, set.size() - 1))},
      {"not_a_key_set", answer("{\"keys\":[" + jwk + "," + jwk + "]}")},  // one kid twice
      {"connect", {"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + set}},
      {"connect", {"HTTP/1.1 200 OK\r\n\r\n" + set}},  // cut off, for all that TLS says
      {"connect", {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"key"}},
      {"connect", {""}},
      {"connect", {"SSH-2.0-x\r\n\r\n"}},
      {"too_large", {"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n", Reply::Then::flood}},
      {"too_large",
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6400000\r\n", Reply::Then::flood}},
      {"too_large", {"HTTP/1.1 200 OK\r\n\r\n", Reply::Then::flood}},
      {"too_large", {"HTTP/1.1 200 OK\r\nX: ", Reply::Then::flood}},
  };
  start_with_good_set(std::string(kAtOnce));
  for (const auto& each : cases) {
    outcomes_.clear();
    sets_.clear();
    server_.reply = [reply = each.reply] { return reply; };
    // The fetch under way may still get the good set.
    ASSERT_TRUE(until_outcome(each.outcome)) << each.reply.bytes.substr(0, 200);
    EXPECT_TRUE(std::all_of(sets_.begin(), sets_.end(), [](const auto& kept) { return kept; }));
    EXPECT_EQ(reported_keys_, 1u);
    outcomes_.clear();
    sets_.clear();
    server_.reply = [] { return answer(good_set(), kAtOnce); };
    ASSERT_TRUE(until_outcome("ok"));
    EXPECT_FALSE(sets_.empty());
  }
  const auto is_ours = [](const std::string& r) { return r.starts_with("GET /jwks.json "); };
  EXPECT_TRUE(std::all_of(server_.requests.begin(), server_.requests.end(), is_ours));
}

TEST_F(JwksSourceTest, StopsReadingAHugeAnswerEarly) {
  server_.reply = [] { return Reply{"HTTP/1.1 200 OK\r\n\r\n", Reply::Then::flood}; };
  times_.first_backoff = times_.longest_backoff = 1h;
  start();
  ASSERT_TRUE(until_outcome("too_large"));
  ASSERT_TRUE(until([&] { return server_.ended == 1; }));
  EXPECT_LT(server_.flooded, 16u * 1024 * 1024);  // what the sockets' buffers took
}

TEST_F(JwksSourceTest, ASlowAnswerIsATimeout) {
  times_.at_most = 250ms;
  for (const Reply& reply :
       {Reply{"", Reply::Then::hold},
        Reply{"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", Reply::Then::drip}}) {
    outcomes_.clear();
    sets_.clear();
    server_.reply = [reply] { return reply; };
    start();
    ASSERT_TRUE(until_outcome("timeout"));
    EXPECT_TRUE(sets_.empty());
    EXPECT_EQ(reported_keys_, 0u);
    source_.reset();
  }
}

TEST_F(JwksSourceTest, AServerThatIsGoneLeavesTheLastGoodSet) {
  start_with_good_set(std::string(kAtOnce));
  server_.go();
  ASSERT_TRUE(until_outcome("connect"));
  EXPECT_TRUE(std::all_of(sets_.begin(), sets_.end(), [](const auto& set) { return set; }));
  EXPECT_EQ(reported_keys_, 1u);
}

TEST_F(JwksSourceTest, RefusesAServerWhoseCertificateIsNotTheHosts) {
  const Identity other_ca = make_identity({.common_name = "CA", .ca = true});
  CertificateSpec expired = server_spec();
  expired.valid_until = -60;
  CertificateSpec for_clients = server_spec();
  for_clients.extended_key_usage = "clientAuth";
  CertificateSpec other_name = server_spec();
  other_name.names = {{GEN_DNS, "localhost.example"}, {GEN_DNS, "127.0.0.1"}};
  CertificateSpec common_name_only = server_spec();
  common_name_only.common_name = "localhost";
  common_name_only.names.clear();

  std::vector<Identity> identities;
  identities.push_back(make_identity(server_spec(), &other_ca));
  identities.push_back(make_identity(server_spec()));
  for (const CertificateSpec& spec : {expired, for_clients, other_name, common_name_only}) {
    identities.push_back(make_identity(spec, &ca_));
  }
  for (const Identity& identity : identities) {
    PlatformServer server(loop_, true);
    server.use(identity);
    for (const char* host : {"localhost", "127.0.0.1"}) {
      outcomes_.clear();
      config_.jwks_url = "https://" + std::string(host) + ":" + server.port() + "/";
      start();
      ASSERT_TRUE(until([&] { return !outcomes_.empty(); }));
      EXPECT_EQ(outcomes_[0], "tls");
      source_.reset();
    }
    EXPECT_TRUE(server.requests.empty());
    end(server);
  }
  EXPECT_TRUE(sets_.empty());
}

TEST_F(JwksSourceTest, WithoutACaFileTheSystemsCasCount) {
  config_.jwks_ca.clear();
  start();
  ASSERT_TRUE(until([&] { return !outcomes_.empty(); }));
  EXPECT_EQ(outcomes_[0], "tls");
}

TEST_F(JwksSourceTest, WaitsLongerAfterEachFailureUpToALimit) {
  times_.first_backoff = 20ms;
  times_.longest_backoff = 40ms;
  server_.reply = [] { return answer("", "", "500 Internal Server Error"); };
  start();
  ASSERT_TRUE(until([&] { return server_.arrivals.size() >= 4; }));
  EXPECT_GE(server_.arrivals[1] - server_.arrivals[0], 20ms);
  EXPECT_GE(server_.arrivals[2] - server_.arrivals[1], 40ms);
  EXPECT_GE(server_.arrivals[3] - server_.arrivals[2], 40ms);
}

TEST_F(JwksSourceTest, AfterTheOutageLimitThereIsNoSetUntilThePlatformIsBack) {
  config_.jwks_outage_limit = 1s;
  start_with_good_set("ETag: \"v1\"\r\n");
  const Clock::time_point last_success = Clock::now();
  server_.reply = [] { return answer("", "", "500 Internal Server Error"); };
  ASSERT_TRUE(until_outcome("http_status"));
  EXPECT_NE(sets_.back(), nullptr);
  ASSERT_TRUE(until([&] { return sets_.back() == nullptr; }));
  EXPECT_GE(Clock::now() - last_success, 900ms);
  ASSERT_TRUE(until([&] { return reported_keys_ == 0; }));
  // The set that the ETag named is gone, so it is asked for in full.
  const std::size_t asked = server_.requests.size();
  ASSERT_TRUE(until([&] { return server_.requests.size() > asked; }));
  EXPECT_EQ(server_.requests.back().find("If-None-Match"), std::string::npos);
  server_.reply = [] { return answer(good_set()); };
  ASSERT_TRUE(until([&] { return sets_.back() != nullptr; }));
}

// --- unknown kids ------------------------------------------------------------------------------

TEST_F(JwksSourceTest, AHundredRefetchesAtOnceAreOneFlight) {
  start_with_good_set("");
  server_.shut();
  for (int i = 0; i < 50; ++i) refetch();
  ASSERT_TRUE(until([&] { return server_.requests.size() == 2; }));
  for (int i = 0; i < 50; ++i) refetch();
  loop_.restart();
  while (loop_.poll_one() != 0) {
  }
  EXPECT_EQ(returned_, 0);
  server_.reply = [] { return answer(set_of({Algorithm::EdDSA, Algorithm::ES256})); };
  server_.open();
  ASSERT_TRUE(until([&] { return returned_ == 100; }));
  EXPECT_EQ(server_.requests.size(), 2u);
  EXPECT_EQ(sets_.back()->size(), 2u);
}

TEST_F(JwksSourceTest, ARefetchJoinsTheFirstFlight) {
  server_.shut();
  start();
  refetch();
  ASSERT_TRUE(until([&] { return server_.requests.size() == 1; }));
  server_.open();
  ASSERT_TRUE(until([&] { return returned_ == 1; }));
  EXPECT_EQ(sets_.size(), 1u);
  EXPECT_EQ(server_.requests.size(), 1u);
}

TEST_F(JwksSourceTest, AFloodOfRefetchesBeginsNoFlightSoonAfterTheLast) {
  times_.between_refetches = 1h;
  start_with_good_set("");
  for (int i = 0; i < 1000; ++i) refetch();
  ASSERT_TRUE(until([&] { return returned_ == 1000; }));
  EXPECT_EQ(server_.requests.size(), 1u);
}

TEST_F(JwksSourceTest, ForAKidThatThePlatformNamesAFlightBeginsThoughTheLastWasJustNow) {
  times_.between_refetches = 1h;
  start_with_good_set("");
  refetch(30s, NamedBy::platform);
  ASSERT_TRUE(until([&] { return returned_ == 1; }));
  EXPECT_EQ(server_.requests.size(), 2u);
}

TEST_F(JwksSourceTest, EachRefetchAfterTheIntervalBeginsAFlight) {
  start_with_good_set("");
  for (int i = 1; i <= 3; ++i) {
    refetch();
    ASSERT_TRUE(until([&] { return returned_ == i; }));
    EXPECT_EQ(server_.requests.size(), static_cast<std::size_t>(i) + 1);
  }
}

TEST_F(JwksSourceTest, ARefetchDoesNotWaitLongerThanItIsAllowed) {
  start_with_good_set("");
  server_.shut();
  refetch(1ms);
  ASSERT_TRUE(until([&] { return returned_ == 1; }));
  EXPECT_EQ(count("ok"), 1);
  refetch();  // the flight is still there to be joined
  server_.open();
  ASSERT_TRUE(until([&] { return returned_ == 2; }));
  EXPECT_EQ(server_.requests.size(), 2u);
}

// --- the end -----------------------------------------------------------------------------------

TEST_F(JwksSourceTest, DestroyedInMidFlightItClosesItsConnectionAndSaysNothing) {
  server_.reply = [] {
    return Reply{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", Reply::Then::hold};
  };
  start();
  refetch();
  ASSERT_TRUE(until([&] { return server_.requests.size() == 1; }));
  source_.reset();
  ASSERT_TRUE(until([&] { return server_.ended == 1 && returned_ == 1; }));
  EXPECT_TRUE(outcomes_.empty());
  EXPECT_TRUE(sets_.empty());
}

TEST_F(JwksSourceTest, MayBeDestroyedByWhatItCalls) {
  int changes = 0;
  int reports = 0;
  source_ = std::make_unique<JwksSource>(
      loop_, config_,
      [&](const std::shared_ptr<const KeySet>&) {
        ++changes;
        source_.reset();
      },
      [&](std::string_view, std::size_t) { ++reports; }, times_);
  source_->start();
  ASSERT_TRUE(until([&] { return changes == 1; }));
  server_.go();
  loop_.restart();
  loop_.run();  // ends: nothing of the source is left to wait for
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(reports, 0);
}

TEST_F(JwksSourceTest, DestroyedBeforeTheLoopRunsItFetchesNothing) {
  start();
  source_.reset();
  server_.go();
  loop_.run();
  EXPECT_TRUE(server_.requests.empty());
  EXPECT_TRUE(outcomes_.empty());
}

TEST_F(JwksSourceTest, TakesOnlyHttpsAndHttpOnALoopbackHost) {
  const auto make = [this](const std::string& url) {
    config_.jwks_url = url;
    JwksSource(
        loop_, config_, [](const auto&) {}, [](std::string_view, std::size_t) {});
  };
  for (const char* url :
       {"", "api.openclaw.example", "http://api.openclaw.example/jwks", "http://10.0.0.1/",
        "http://localhost.example/", "ftp://127.0.0.1/", "https://user@api.openclaw.example/",
        "https://", "https://h:99999/", "https://h/\r\nX: 1", "https://h/#x"}) {
    EXPECT_THROW(make(url), std::invalid_argument) << url;
  }
  for (const char* url : {"https://api.openclaw.example/jwks", "http://127.0.0.1:8080/",
                          "http://[::1]:8080/", "http://localhost/"}) {
    EXPECT_NO_THROW(make(url)) << url;
  }
}

// They take long to read, and a gate whose platform is on loopback has no use for them.
TEST_F(JwksSourceTest, ReadsTheSystemsAuthoritiesAtTheFirstConnectionWithTls) {
  constexpr const char* kSystems = "SSL_CERT_FILE";  // OpenSSL's name for where they are
  const char* const set = std::getenv(kSystems);
  const std::optional<std::string> before =
      set == nullptr ? std::nullopt : std::optional<std::string>(set);
  const std::string ca = config_.jwks_ca;
  config_.jwks_ca.clear();
  setenv(kSystems, files_.path("missing.pem").c_str(), 1);
  start();
  setenv(kSystems, ca.c_str(), 1);
  EXPECT_TRUE(until_outcome("ok"));
  before ? setenv(kSystems, before->c_str(), 1) : unsetenv(kSystems);
}

TEST_F(JwksSourceTest, NamesTheCaFileThatItCannotRead) {
  for (const std::string& ca : {files_.path("missing.pem"), files_.write("bad.pem", "no CA")}) {
    config_.jwks_ca = ca;
    try {
      start();
      ADD_FAILURE() << "accepted " << ca;
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()), ca + ": cannot be read as PEM certificates");
    }
  }
}

// --- Cache-Control -----------------------------------------------------------------------------

TEST(JwksRefresh, IsAt80PercentOfWhatCacheControlSaysWithinTheLimits) {
  constexpr std::chrono::hours kLongOutage{24 * 365};
  const std::pair<const char*, std::chrono::milliseconds> cases[] = {
      {"", 240s},  // 5 minutes without it
      {"public", 240s},
      {"max-age=100", 80s},
      {"public, max-age=100, must-revalidate", 80s},
      {"MAX-AGE=100", 80s},
      {" max-age=100\t", 80s},
      {"max-age=\"100\"", 80s},
      {"max-age=100,max-age=50", 40s},
      {"s-maxage=7, max-age=100", 80s},
      {"x-max-age=7", 240s},
      {"max-age", 240s},
      {"max-age=", 240s},
      {"max-age=\"", 240s},
      {"max-age=-1", 240s},
      {"max-age=1.5", 240s},
      {"max-age= 100", 240s},
      {"max-age=100s", 240s},
      {"max-age=0x64", 240s},
      {",,,", 240s},
      {"max-age=9", 8s},  // 10 seconds at least
      {"max-age=0", 8s},
      {"no-store", 8s},
      {"No-Cache", 8s},
      {"max-age=100, no-cache", 8s},
      {"max-age=86400", 69120s},
      {"max-age=86401", 69120s},  // a day at most
      {"max-age=4294967295", 69120s},
      {"max-age=99999999999999999999999999", 69120s},
  };
  for (const auto& [cache_control, after] : cases) {
    EXPECT_EQ(refresh_after(cache_control, kLongOutage), after) << cache_control;
  }
}

TEST(JwksRefresh, LeavesHalfOfTheOutageLimitForAnOutage) {
  EXPECT_EQ(refresh_after("max-age=86400", 3600s), 1800s);
  EXPECT_EQ(refresh_after("max-age=100", 3600s), 80s);
}

TEST(JwksRefresh, IsNeverWithoutAPause) { EXPECT_EQ(refresh_after("max-age=0", 0s), 1s); }

}  // namespace
}  // namespace openclaw::gate
