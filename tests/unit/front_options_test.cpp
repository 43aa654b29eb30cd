#include "service/options.h"

#include <chrono>
#include <cstdlib>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace openclaw::front {
namespace {

using namespace std::chrono_literals;

std::variant<Options, Exit> parse(std::vector<const char*> flags) {
  flags.insert(flags.begin(), "openclaw-front");
  return parse_options(static_cast<int>(flags.size()), flags.data());
}

Options options(std::vector<const char*> flags) {
  const auto parsed = parse(std::move(flags));
  EXPECT_TRUE(std::holds_alternative<Options>(parsed));
  return std::holds_alternative<Options>(parsed) ? std::get<Options>(parsed) : Options();
}

// The message of a refusal with exit status 2; empty when there is none.
std::string refusal(std::vector<const char*> flags) {
  const auto parsed = parse(std::move(flags));
  const auto* exit = std::get_if<Exit>(&parsed);
  return exit != nullptr && exit->code == 2 ? exit->message : "";
}

// An environment variable for the length of a test.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Environment() { unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
};

TEST(Options, HaveDefaultsThatStart) {
  const Options defaults = options({});
  EXPECT_EQ(defaults.address, "127.0.0.1");
  EXPECT_EQ(defaults.port, 8080);
  EXPECT_EQ(defaults.database, "");
  EXPECT_GE(defaults.threads, 1U);
  EXPECT_LE(defaults.threads, 4U);
  EXPECT_EQ(defaults.max_batch, 128U);
  EXPECT_EQ(defaults.request_timeout, 5s);
  EXPECT_FALSE(defaults.core_dumps);
  EXPECT_EQ(defaults.maintenance_interval, 60s);
  EXPECT_EQ(defaults.token_use_interval, 60s);
  EXPECT_FALSE(defaults.trust_client_certificate);
  EXPECT_EQ(defaults.base_path, "");
}

TEST(Options, ListenOnAnAddressOfEitherFamily) {
  const Options v4 = options({"--listen", "0.0.0.0:0"});
  EXPECT_EQ(v4.address, "0.0.0.0");
  EXPECT_EQ(v4.port, 0);
  const Options v6 = options({"--listen=[::1]:65535"});
  EXPECT_EQ(v6.address, "::1");
  EXPECT_EQ(v6.port, 65535);
}

TEST(Options, ListenOnAUnixSocket) {
  const std::string longest = "/" + std::string(106, 'x');
  EXPECT_EQ(options({"--listen", "unix:/run/openclaw/front.sock"}).socket_path,
            "/run/openclaw/front.sock");
  EXPECT_EQ(options({"--listen", ("unix:" + longest).c_str()}).socket_path, longest);
  EXPECT_NE(refusal({"--listen", ("unix:" + longest + "x").c_str()}), "");
  EXPECT_EQ(options({}).socket_path, "");
}

TEST(Options, HaveMetricsOnLoopbackOnly) {
  EXPECT_FALSE(options({}).metrics);
  const auto v4 = options({"--metrics", "127.0.0.1:9101"}).metrics;
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->address().to_string(), "127.0.0.1");
  EXPECT_EQ(v4->port(), 9101);
  const auto v6 = options({"--metrics=[::1]:0"}).metrics;
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->address().to_string(), "::1");
  for (const char* address : {"0.0.0.0:9101", "[::]:9101", "10.0.0.1:9101", "[::ffff:10.0.0.1]:1",
                              "localhost:9101", "127.0.0.1", ""}) {
    EXPECT_NE(refusal({"--metrics", address}), "") << address;
  }
}

TEST(Options, RefuseWhatIsNoAddressAndPort) {
  for (const char* listen :
       {"unix:", "unix:front.sock", "/run/front.sock", "", "8080", "127.0.0.1",
        "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x", "localhost:80", "::1:80",
        "[::1]", "[127.0.0.1]:80", "1.2.3:80", ":80"}) {
    EXPECT_NE(refusal({"--listen", listen}), "") << listen;
  }
}

TEST(Options, ReadTimesWithTheirUnits) {
  EXPECT_EQ(options({"--request-timeout", "750ms"}).request_timeout, 750ms);
  EXPECT_EQ(options({"--header-timeout", "3"}).header_timeout, 3s);
  EXPECT_EQ(options({"--idle-timeout", "2min"}).idle_timeout, 2min);
  EXPECT_EQ(options({"--drain-timeout", "0s"}).drain_timeout, 0s);
}

TEST(Options, RefuseTimesThatAreNoneOrOutOfRange) {
  for (const char* time : {"", "s", "1h", "1.5s", "-1s", "99ms", "6min", "99999999999"}) {
    EXPECT_NE(refusal({"--request-timeout", time}), "") << time;
  }
}

TEST(Options, RefuseNumbersThatAreNoneOrOutOfRange) {
  EXPECT_NE(refusal({"--threads", "0"}), "");
  EXPECT_NE(refusal({"--threads", "65"}), "");
  EXPECT_NE(refusal({"--max-batch", "many"}), "");
  EXPECT_NE(refusal({"--max-clients", "-1"}), "");
}

TEST(Options, RefuseFlagsThatAreUnknownOrAloneAndStrayWords) {
  EXPECT_NE(refusal({"--speed"}), "");
  EXPECT_NE(refusal({"--threads"}), "");
  EXPECT_NE(refusal({"start"}), "");
  EXPECT_NE(refusal({"--log-level", "loud"}), "");
}

TEST(Options, TakeThePathOfAnIssuerAndNothingElseForOne) {
  EXPECT_EQ(options({"--base-path", "/auth/v2"}).base_path, "/auth/v2");
  for (const char* path : {"auth", "/auth/", "/", "/a//b", "/a b", "/a?b", "https://x"}) {
    EXPECT_NE(refusal({"--base-path", path}).find("--base-path"), std::string::npos) << path;
  }
}

TEST(Options, TrustAClientCertificateFieldOnlyWhenToldTo) {
  EXPECT_TRUE(options({"--trust-client-cert"}).trust_client_certificate);
}

TEST(Options, LeaveMaintenanceToOthersWhenToldTo) {
  EXPECT_EQ(options({"--maintenance-interval", "0s"}).maintenance_interval, 0s);
}

TEST(Options, LeaveUsesOfTokensUnrecordedWhenToldTo) {
  EXPECT_EQ(options({"--token-use-interval", "0s"}).token_use_interval, 0s);
}

TEST(Options, TakeADatabaseWithoutAPassword) {
  EXPECT_EQ(options({"--database", "host=/run/postgresql dbname=app"}).database,
            "host=/run/postgresql dbname=app");
  EXPECT_EQ(options({"--database", "postgresql://front@db/app?sslmode=verify-full"}).database,
            "postgresql://front@db/app?sslmode=verify-full");
}

TEST(Options, RefuseAPasswordInTheDatabaseAndDoNotRepeatIt) {
  for (const char* database :
       {"host=db password=hunter2", "postgresql://front:hunter2@db/app",
        "postgresql://db/app?password=hunter2", "host=db sslpassword=hunter2"}) {
    const std::string message = refusal({"--database", database});
    EXPECT_NE(message.find("PGPASSFILE"), std::string::npos) << database;
    EXPECT_EQ(message.find("hunter2"), std::string::npos) << database;
  }
}

TEST(Options, RefuseADatabaseThatIsNoConnectionStringAndDoNotRepeatIt) {
  for (const char* database : {"hunter2", "host=db hunter2", "postgresql://[db/hunter2"}) {
    const std::string message = refusal({"--database", database});
    EXPECT_NE(message, "") << database;
    EXPECT_EQ(message.find("hunter2"), std::string::npos) << database;
  }
}

TEST(Options, KnowWhetherAPoolerIsBeforeTheDatabase) {
  EXPECT_FALSE(options({}).transaction_pooler);
  EXPECT_FALSE(options({"--pooler", "none"}).transaction_pooler);
  EXPECT_TRUE(options({"--pooler", "transaction"}).transaction_pooler);
  EXPECT_NE(refusal({"--pooler", "session"}), "");
}

TEST(Options, TakeAStandbyForEachFlagOrLine) {
  EXPECT_TRUE(options({}).standbys.empty());
  EXPECT_EQ(options({}).max_lag, 5s);
  const Options two =
      options({"--standby", "host=a user=x", "--standby", "host=b", "--max-lag", "1s"});
  EXPECT_EQ(two.standbys, (std::vector<std::string>{"host=a user=x", "host=b"}));
  EXPECT_EQ(two.max_lag, 1s);
  const Environment standbys("OPENCLAW_STANDBY", "host=a user=x\nhost=b");
  EXPECT_EQ(options({}).standbys, two.standbys);
}

TEST(Options, RefuseAStandbyWithAPassword) {
  const std::string message =
      refusal({"--standby", "host=a", "--standby", "host=b password=hunter2"});
  EXPECT_NE(message.find("--standby"), std::string::npos);
  EXPECT_EQ(message.find("hunter2"), std::string::npos);
}

TEST(Options, ComeFromTheEnvironmentAndFlagsGoFirst) {
  const Environment batch("OPENCLAW_MAX_BATCH", "7");
  const Environment level("OPENCLAW_LOG_LEVEL", "warning");
  EXPECT_EQ(options({}).max_batch, 7U);
  EXPECT_EQ(options({}).log_level, LogLevel::warning);
  EXPECT_EQ(options({"--max-batch", "9"}).max_batch, 9U);
}

TEST(Options, FromTheEnvironmentAreCheckedLikeFlags) {
  const Environment batch("OPENCLAW_MAX_BATCH", "none");
  EXPECT_NE(refusal({}), "");
}

TEST(Options, ExplainThemselves) {
  const auto parsed = parse({"--help"});
  ASSERT_TRUE(std::holds_alternative<Exit>(parsed));
  EXPECT_EQ(std::get<Exit>(parsed).code, 0);
  EXPECT_NE(std::get<Exit>(parsed).message.find("OPENCLAW_DATABASE"), std::string::npos);
}

}  // namespace
}  // namespace openclaw::front
