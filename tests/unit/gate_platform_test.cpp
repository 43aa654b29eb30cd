#include "gate/platform.h"

#include <ctime>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include "core/status_list.h"
#include "tests/unit/gate_platform_server.h"
#include "tests/unit/jwt_builder.h"

namespace openclaw::gate {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

std::string set_of(std::initializer_list<Algorithm> algorithms) {
  std::vector<PublicKey> keys;
  for (const Algorithm algorithm : algorithms) {
    keys.push_back(*PublicKey::from_jwk(signing_key(algorithm).public_key().jwk()));
  }
  return KeySet::of(std::move(keys))->to_json();
}

class PlatformTest : public testing::Test {
 protected:
  PlatformTest() {
    config_.mode = Mode::platform;
    config_.jwks_url = "http://127.0.0.1:" + server_.port() + "/.well-known/jwks.json";
    config_.issuer = kIssuer;
    server_.reply = [this] {
      const bool is_keys = server_.requests.back().starts_with("GET /.well-known/");
      return answer(is_keys ? jwks_ : list());
    };
    platform_ = std::make_unique<Platform>(
        loop_, config_,
        Platform::Events{
            .keys_changed = [this](const Platform& changed) { keys_changed_by_ = &changed; },
            .list_read = [this](const Platform&) { ++lists_read_; },
            .keys_revoked = [this](std::size_t left) { left_ = left; },
            .keys_fetched = [](std::string_view, std::size_t) {},
            .list_fetched = [](std::string_view, std::string_view, bool) {}});
  }
  ~PlatformTest() override {
    platform_.reset();
    server_.go();
    EXPECT_TRUE(until([&] { return server_.is_over(); }));
  }

  std::string list() const {
    StatusListToken token;
    token.uri = uri_;
    token.issued_at = std::int64_t{std::time(nullptr)};
    token.expires_at = token.issued_at + 60;
    token.list.invalidate(5);
    token.revoked_keys = revoked_keys_;
    return sign_status_list(signing_key(list_signed_by_), token);
  }

  template <class Predicate>
  bool until(Predicate is_so) {
    const Clock::time_point give_up = Clock::now() + 30s;
    while (!is_so() && Clock::now() < give_up) {
      loop_.restart();
      loop_.run_one_for(100ms);
    }
    return is_so();
  }
  // The list, read and in use.
  std::shared_ptr<KnownList> read(std::string_view path = "/oauth/status/ctr_1/1") {
    uri_ = std::string(kIssuer) + std::string(path);
    std::shared_ptr<KnownList> known =
        platform_->lists()->refer(uri_, *status_list_url(config_, uri_));
    asio::co_spawn(loop_, platform_->read_list(known, 30s), asio::detached);
    EXPECT_TRUE(until([&] { return known->current; }));
    return known;
  }

  asio::io_context loop_;
  PlatformServer server_{loop_, false};
  Config config_{};
  std::string jwks_ = set_of({Algorithm::EdDSA, Algorithm::ES256});
  std::vector<std::string> revoked_keys_;
  std::string uri_;  // of the list that is asked for
  Algorithm list_signed_by_ = Algorithm::ES256;
  const Platform* keys_changed_by_ = nullptr;
  int lists_read_ = 0;
  std::size_t left_ = 99;
  std::unique_ptr<Platform> platform_;
};

TEST_F(PlatformTest, GivesTheKeysThatThePlatformPublishes) {
  EXPECT_FALSE(platform_->was_tried());
  EXPECT_EQ(platform_->keys(), nullptr);
  ASSERT_TRUE(until([&] { return platform_->was_tried(); }));
  EXPECT_EQ(platform_->keys()->to_json(), jwks_);
  EXPECT_EQ(keys_changed_by_, platform_.get());
}

TEST_F(PlatformTest, AKeyThatAListRevokesIsOutAtOnceAndStaysOut) {
  ASSERT_TRUE(until([&] { return platform_->was_tried(); }));
  const std::string& stolen = signing_key(Algorithm::EdDSA).kid();
  revoked_keys_ = {stolen, "of another time"};
  keys_changed_by_ = nullptr;
  const std::shared_ptr<KnownList> known = read();
  EXPECT_EQ(platform_->keys()->to_json(), set_of({Algorithm::ES256}));
  EXPECT_EQ(left_, 1u);
  EXPECT_EQ(keys_changed_by_, platform_.get());
  EXPECT_EQ(lists_read_, 1);

  // A list of a key that the set lacks has the JWKS fetched again.
  jwks_ = set_of({Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256});
  revoked_keys_.clear();
  list_signed_by_ = Algorithm::RS256;
  const std::shared_ptr<KnownList> next = read("/oauth/status/ctr_1/2");
  EXPECT_EQ(platform_->keys()->to_json(), set_of({Algorithm::ES256, Algorithm::RS256}));
  EXPECT_EQ(left_, 1u);
}

TEST_F(PlatformTest, ATokenIsRevokedByItsBitAndByItsKey) {
  ASSERT_TRUE(until([&] { return platform_->was_tried(); }));
  revoked_keys_ = {"stolen"};
  const std::shared_ptr<KnownList> known = read();
  const auto is_revoked = [&](const std::string& kid, std::optional<VerifiedToken::Status> status) {
    return platform_->has_revoked(
        {.user_id = "u", .kid = kid, .expires_at = 0, .status = std::move(status)});
  };
  EXPECT_FALSE(is_revoked("good", {}));
  EXPECT_TRUE(is_revoked("stolen", {}));
  EXPECT_TRUE(is_revoked("good", {{known, 5}}));
  EXPECT_FALSE(is_revoked("good", {{known, 6}}));
  EXPECT_FALSE(is_revoked("good", {{nullptr, 5}}));
}

TEST_F(PlatformTest, IsTheSameForAConfigurationThatTakesNothingFromElsewhere) {
  Config other = config_;
  other.status_outage = StatusOutage::refuse;
  other.required_scopes = {"mcp:tools"};
  EXPECT_TRUE(platform_->is_for(other));
  const std::vector<void (*)(Config&)> changes{
      [](Config& c) { c.jwks_url += "x"; },     [](Config& c) { c.issuer += "/t"; },
      [](Config& c) { c.jwks_ca = "ca.pem"; },  [](Config& c) { c.jwks_outage_limit += 1s; },
      [](Config& c) { c.status_period += 1s; }, [](Config& c) { c.leeway += 1s; },
  };
  for (const auto change : changes) {
    other = config_;
    change(other);
    EXPECT_FALSE(platform_->is_for(other));
  }
}

}  // namespace
}  // namespace openclaw::gate
