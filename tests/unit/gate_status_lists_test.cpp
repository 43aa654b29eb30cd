#include "gate/status_lists.h"

#include <algorithm>
#include <ctime>
#include <stdexcept>
#include <utility>
#include <vector>

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

const std::string kUri = std::string(kIssuer) + "/oauth/status/ctr_1/1";

std::int64_t now() { return std::int64_t{std::time(nullptr)}; }

std::shared_ptr<const KeySet> published(Algorithm algorithm) {
  std::vector<PublicKey> keys;
  keys.push_back(*PublicKey::from_jwk(signing_key(algorithm).public_key().jwk()));
  return std::make_shared<const KeySet>(*KeySet::of(std::move(keys)));
}

StatusListToken list_of(std::initializer_list<std::uint32_t> revoked,
                        const std::string& uri = kUri) {
  StatusListToken token;
  token.uri = uri;
  token.issued_at = now();
  token.expires_at = now() + 3600;
  token.time_to_live = 5;
  for (const std::uint32_t index : revoked) token.list.invalidate(index);
  return token;
}

Reply answer(const StatusListToken& token, Algorithm algorithm = Algorithm::EdDSA) {
  return gate::answer(sign_status_list(signing_key(algorithm), token));
}

class StatusListsTest : public testing::Test {
 protected:
  struct Fetch {
    std::string uri;
    std::string outcome;
    bool changed;
    bool operator==(const Fetch&) const = default;
  };

  StatusListsTest() {
    config_.jwks_url = "http://127.0.0.1:" + server_.port() + "/.well-known/jwks.json";
    config_.issuer = kIssuer;
    server_.reply = [] { return answer(list_of({5})); };
    start();
  }
  ~StatusListsTest() override {
    lists_.reset();
    server_.go();
    EXPECT_TRUE(until([&] { return server_.is_over(); }));
  }

  void start() {
    lists_ = std::make_unique<StatusLists>(
        loop_, config_,
        StatusLists::Callbacks{
            .keys = [this] { return keys_; },
            .refetch_keys = [this]() -> asio::awaitable<void> {
              ++refetches_;
              keys_ = next_keys_;
              co_return;
            },
            .read = [this](const StatusListToken& token) { revoked_keys_ = token.revoked_keys; },
            .fetched =
                [this](std::string_view uri, std::string_view outcome, bool changed) {
                  fetches_.push_back({std::string(uri), std::string(outcome), changed});
                }},
        times_);
  }

  std::shared_ptr<KnownList> list(const std::string& uri = kUri) {
    return known_.refer(uri, *status_list_url(config_, uri));
  }
  void read(std::shared_ptr<KnownList> wanted, std::chrono::milliseconds at_most = 30s) {
    asio::co_spawn(
        loop_,
        [this, wanted = std::move(wanted), at_most]() -> asio::awaitable<void> {
          co_await lists_->read(wanted, at_most);
          ++returned_;
        },
        asio::detached);
  }
  void read_and_wait(const std::shared_ptr<KnownList>& wanted) {
    const int before = returned_;
    read(wanted);
    ASSERT_TRUE(until([&] { return returned_ > before; }));
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
  std::ptrdiff_t count(std::string_view outcome) const {
    return std::count_if(fetches_.begin(), fetches_.end(),
                         [&](const Fetch& fetch) { return fetch.outcome == outcome; });
  }

  asio::io_context loop_;
  PlatformServer server_{loop_, false};
  Config config_{};
  StatusTimes times_{.period = 1h, .at_most = 20s, .first_backoff = 1ms};
  KnownLists known_;
  std::shared_ptr<const KeySet> keys_ = published(Algorithm::EdDSA);
  std::shared_ptr<const KeySet> next_keys_ = keys_;
  std::vector<Fetch> fetches_;
  std::vector<std::string> revoked_keys_;
  int refetches_ = 0;
  int returned_ = 0;
  std::unique_ptr<StatusLists> lists_;
};

// --- good lists --------------------------------------------------------------------------------

TEST_F(StatusListsTest, ReadsAListAndTellsOfIt) {
  const std::shared_ptr<KnownList> known = list();
  server_.reply = [] {
    StatusListToken token = list_of({5});
    token.revoked_keys = {"k1", "k2"};
    return answer(token);
  };
  read_and_wait(known);
  EXPECT_TRUE(known->current);
  EXPECT_TRUE(known->awaited);
  EXPECT_TRUE(known->revokes(5));
  EXPECT_FALSE(known->revokes(6));
  EXPECT_EQ(fetches_, (std::vector<Fetch>{{kUri, "ok", true}}));
  EXPECT_EQ(revoked_keys_, (std::vector<std::string>{"k1", "k2"}));
}

TEST_F(StatusListsTest, AsksForItBelowWhereTheKeysComeFrom) {
  read_and_wait(list());
  const std::string& request = server_.requests.at(0);
  EXPECT_TRUE(request.starts_with(
      "GET /oauth/status/ctr_1/1 HTTP/1.1\r\nHost: 127.0.0.1:" + server_.port() + "\r\n"))
      << request;
  EXPECT_NE(request.find("\r\nAccept: application/statuslist+jwt\r\n"), std::string::npos);
  EXPECT_NE(request.find("\r\nCache-Control: max-age=1800\r\n"), std::string::npos);
}

TEST_F(StatusListsTest, AHundredReadsAtOnceAreOneFlight) {
  const std::shared_ptr<KnownList> known = list();
  server_.shut();
  for (int i = 0; i < 50; ++i) read(known);
  ASSERT_TRUE(until([&] { return server_.requests.size() == 1; }));
  for (int i = 0; i < 50; ++i) read(known);
  loop_.restart();
  while (loop_.poll_one() != 0) {
  }
  EXPECT_EQ(returned_, 0);
  EXPECT_FALSE(known->awaited);
  server_.open();
  ASSERT_TRUE(until([&] { return returned_ == 100; }));
  EXPECT_EQ(server_.requests.size(), 1u);
}

TEST_F(StatusListsTest, OneThatWasReadIsNotWaitedForAgain) {
  const std::shared_ptr<KnownList> known = list();
  read_and_wait(known);
  server_.shut();
  for (int i = 0; i < 10; ++i) read_and_wait(known);
  EXPECT_EQ(server_.requests.size(), 1u);
}

TEST_F(StatusListsTest, ListsAreReadBesideEachOther) {
  const std::shared_ptr<KnownList> first = list();
  const std::shared_ptr<KnownList> second = list(kUri + "2");
  server_.reply = [this] {
    const bool is_second = server_.requests.back().starts_with("GET /oauth/status/ctr_1/12 ");
    return is_second ? answer(list_of({6}, kUri + "2")) : answer(list_of({5}));
  };
  server_.shut();
  read(first);
  read(second);
  ASSERT_TRUE(until([&] { return server_.requests.size() == 2; }));
  server_.reply = [] { return answer(list_of({6}, kUri + "2")); };
  server_.open();
  ASSERT_TRUE(until([&] { return returned_ == 2; }));
  EXPECT_TRUE(second->revokes(6));
  EXPECT_FALSE(first->current);  // it was given the other one
  EXPECT_EQ(count("wrong_audience"), 1);
}

TEST_F(StatusListsTest, IsReadAgainInTheBackgroundAndTakesWhatIsNew) {
  times_.period = 40ms;
  start();
  const std::shared_ptr<KnownList> known = list();
  read_and_wait(known);
  server_.reply = [] { return answer(list_of({5, 6})); };
  ASSERT_TRUE(until([&] { return known->revokes(6); }));
  EXPECT_TRUE(known->current);
  EXPECT_EQ(fetches_.back(), (Fetch{kUri, "ok", false}));
}

TEST_F(StatusListsTest, IsNotReadAgainBeforeHalfThePeriodIsOver) {
  times_.period = 200ms;
  start();
  const std::shared_ptr<KnownList> known = list();
  read_and_wait(known);
  ASSERT_TRUE(until([&] { return server_.arrivals.size() >= 3; }));
  EXPECT_GE(server_.arrivals[1] - server_.arrivals[0], 90ms);
  EXPECT_GE(server_.arrivals[2] - server_.arrivals[1], 90ms);
}

TEST_F(StatusListsTest, IsReadAgainBeforeItExpiresHoweverLongThePeriodIs) {
  const std::shared_ptr<KnownList> known = list();
  server_.reply = [] {
    StatusListToken token = list_of({});
    token.expires_at = now() + 2;
    return answer(token);
  };
  read_and_wait(known);
  ASSERT_TRUE(until([&] { return server_.requests.size() >= 3; }));
}

TEST_F(StatusListsTest, OneThatNoTokenRefersToIsForgotten) {
  times_.period = 40ms;
  start();
  std::shared_ptr<KnownList> unused = list();
  const std::weak_ptr<KnownList> seen = unused;
  read_and_wait(unused);
  unused.reset();
  ASSERT_TRUE(until([&] { return seen.expired(); }));
  EXPECT_EQ(known_.size(), 0u);
  // Nothing of it is left to wait for.
  server_.go();
  loop_.restart();
  loop_.run();
  const std::size_t asked = server_.requests.size();
  EXPECT_EQ(asked, fetches_.size());
}

// --- keys --------------------------------------------------------------------------------------

TEST_F(StatusListsTest, ForAKidThatTheSetLacksTheKeysAreFetchedOnce) {
  server_.reply = [] { return answer(list_of({5}), Algorithm::ES256); };
  next_keys_ = published(Algorithm::ES256);
  const std::shared_ptr<KnownList> known = list();
  read_and_wait(known);
  EXPECT_EQ(refetches_, 1);
  EXPECT_TRUE(known->current);
  EXPECT_EQ(fetches_, (std::vector<Fetch>{{kUri, "ok", true}}));
}

TEST_F(StatusListsTest, WithoutKeysNothingIsRead) {
  keys_ = next_keys_ = nullptr;
  const std::shared_ptr<KnownList> known = list();
  read_and_wait(known);
  EXPECT_FALSE(known->list);
  EXPECT_GE(refetches_, 1);
  EXPECT_EQ(fetches_[0], (Fetch{kUri, "unknown_key", true}));
  next_keys_ = published(Algorithm::EdDSA);
  ASSERT_TRUE(until([&] { return known->current; }));
}

// --- bad lists ---------------------------------------------------------------------------------

TEST_F(StatusListsTest, ABadListLeavesTheLastGoodOneAndAGoodOneReplacesIt) {
  const std::string good = sign_status_list(signing_key(), list_of({}));
  StatusListToken expired = list_of({});
  expired.expires_at = now();
  StatusListToken early = list_of({});
  early.issued_at = now() + 3600;
  std::string tampered = good;
  tampered[good.size() - 10] = good[good.size() - 10] == 'A' ? 'B' : 'A';
  const struct {
    std::string_view outcome;
    Reply reply;
  } cases[] = {
      {"wrong_audience", answer(list_of({}, kUri + "/"))},
      {"expired", answer(expired)},
      {"not_yet_valid", answer(early)},
      {"invalid_signature", gate::answer(tampered)},
      {"unknown_key", answer(list_of({}), Algorithm::RS256)},
      {"wrong_type", gate::answer(sign_jwt(signing_key(), JwtType::access_token, good_claims()))},
      {"malformed", gate::answer("")},
      {"malformed", gate::answer("<!doctype html>")},
      {"malformed", gate::answer(good + "\n")},
      {"http_status", gate::answer(good, "", "500 Internal Server Error")},
      {"http_status", gate::answer(good, "", "304 Not Modified")},
      {"http_status", gate::answer("", "Location: /elsewhere\r\n", "302 Found")},
      {"too_large", {"HTTP/1.1 200 OK\r\nContent-Length: 2097153\r\n\r\n", Reply::Then::hold}},
      {"too_large", {"HTTP/1.1 200 OK\r\n\r\n", Reply::Then::flood}},
      {"connect", {"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + good}},
      {"connect", {""}},
  };
  times_.period = 20ms;
  times_.at_most = 20s;
  start();
  const std::shared_ptr<KnownList> known = list();
  read_and_wait(known);
  for (const auto& each : cases) {
    fetches_.clear();
    server_.reply = [reply = each.reply] { return reply; };
    // The fetch under way may still get the good one.
    ASSERT_TRUE(until([&] { return count(each.outcome) >= 1; })) << each.outcome;
    EXPECT_TRUE(known->revokes(5));
    EXPECT_EQ(count(each.outcome) + count("ok") + count("timeout"), std::ssize(fetches_));
    fetches_.clear();
    server_.reply = [] { return answer(list_of({5})); };
    ASSERT_TRUE(until([&] { return count("ok") >= 1; }));
  }
}

TEST_F(StatusListsTest, WhatIsNotReadAgainGrowsOldAndIsCurrentOnceItIsRead) {
  times_.period = 100ms;
  start();
  const std::shared_ptr<KnownList> known = list();
  read_and_wait(known);
  server_.reply = [] { return gate::answer("", "", "503 Service Unavailable"); };
  ASSERT_TRUE(until([&] { return !known->current; }));
  EXPECT_TRUE(known->revokes(5));
  EXPECT_GE(count("http_status"), 1);
  server_.reply = [] { return answer(list_of({})); };
  ASSERT_TRUE(until([&] { return known->current; }));
  EXPECT_FALSE(known->revokes(5));
}

TEST_F(StatusListsTest, AListIsCurrentNoLongerThanUntilItExpires) {
  const std::shared_ptr<KnownList> known = list();
  bool first = true;
  server_.reply = [&first] {
    if (!std::exchange(first, false)) return gate::answer("", "", "503 Service Unavailable");
    StatusListToken token = list_of({});
    token.expires_at = now() + 2;
    return answer(token);
  };
  read_and_wait(known);
  EXPECT_TRUE(known->current);
  ASSERT_TRUE(until([&] { return !known->current; }));
}

TEST_F(StatusListsTest, WaitsLongerAfterEachFailureUpToHalfThePeriod) {
  times_.period = 80ms;
  times_.first_backoff = 20ms;
  start();
  server_.reply = [] { return gate::answer("", "", "500 Internal Server Error"); };
  const std::shared_ptr<KnownList> known = list();
  read_and_wait(known);
  ASSERT_TRUE(until([&] { return server_.arrivals.size() >= 4; }));
  EXPECT_GE(server_.arrivals[1] - server_.arrivals[0], 20ms);
  EXPECT_GE(server_.arrivals[2] - server_.arrivals[1], 40ms);
  EXPECT_GE(server_.arrivals[3] - server_.arrivals[2], 40ms);
}

TEST_F(StatusListsTest, ASlowAnswerIsATimeout) {
  times_.at_most = 100ms;
  start();
  server_.reply = [] { return Reply{"", Reply::Then::hold}; };
  const std::shared_ptr<KnownList> known = list();
  read_and_wait(known);
  EXPECT_EQ(fetches_.at(0).outcome, "timeout");
  EXPECT_TRUE(known->awaited);
  EXPECT_FALSE(known->current);
}

TEST_F(StatusListsTest, ARequestWaitsNoLongerThanItIsAllowedAndNoneWaitsAfterIt) {
  const std::shared_ptr<KnownList> known = list();
  server_.shut();
  read(known, 1ms);
  ASSERT_TRUE(until([&] { return returned_ == 1; }));
  EXPECT_TRUE(known->awaited);
  EXPECT_FALSE(known->current);
  server_.open();
  ASSERT_TRUE(until([&] { return known->current; }));  // the flight went on
  EXPECT_EQ(server_.requests.size(), 1u);
}

// --- the end -----------------------------------------------------------------------------------

TEST_F(StatusListsTest, DestroyedInMidFlightItSaysNothingAndNoListIsCurrent) {
  const std::shared_ptr<KnownList> read_before = list(kUri + "2");
  server_.reply = [] { return answer(list_of({}, kUri + "2")); };
  read_and_wait(read_before);
  EXPECT_TRUE(read_before->current);
  fetches_.clear();
  server_.reply = [] {
    return Reply{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", Reply::Then::hold};
  };
  const std::shared_ptr<KnownList> known = list();
  read(known);
  ASSERT_TRUE(until([&] { return server_.requests.size() == 2; }));
  lists_.reset();
  ASSERT_TRUE(until([&] { return server_.ended == 2 && returned_ == 2; }));
  EXPECT_TRUE(fetches_.empty());
  for (const auto& each : {known, read_before}) {
    EXPECT_FALSE(each->current);
    EXPECT_TRUE(each->awaited);
  }
}

TEST_F(StatusListsTest, MayBeDestroyedByWhatItCalls) {
  int reports = 0;
  lists_ = std::make_unique<StatusLists>(
      loop_, config_,
      StatusLists::Callbacks{.keys = [this] { return keys_; },
                             .refetch_keys = []() -> asio::awaitable<void> { co_return; },
                             .read = [&](const StatusListToken&) { ++reports; },
                             .fetched =
                                 [&](std::string_view, std::string_view, bool) {
                                   ++reports;
                                   lists_.reset();
                                 }},
      times_);
  const std::shared_ptr<KnownList> known = list();
  read_and_wait(known);
  EXPECT_EQ(reports, 1);
  EXPECT_FALSE(known->current);
  server_.go();
  loop_.restart();
  loop_.run();  // ends: nothing of it is left to wait for
}

TEST_F(StatusListsTest, NamesTheCaFileThatItCannotRead) {
  config_.jwks_ca = "/nowhere/ca.pem";
  try {
    start();
    ADD_FAILURE() << "accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()), "/nowhere/ca.pem: cannot be read as PEM certificates");
  }
}

}  // namespace
}  // namespace openclaw::gate
