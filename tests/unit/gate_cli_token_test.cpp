#include "gate/cli_token.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/opaque_token.h"
#include "gate/time_text.h"
#include "tests/unit/fixed_random.h"

namespace openclaw::gate {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;  // 2023-11-14T22:13:20Z

// A folder with a config.yaml, and a console whose words are kept.
class CliToken : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "openclaw-token-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    write("auth:\n  mode: token  # keys\n  scopes: [\"mcp:tools\"]\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return (folder_ / "config.yaml").string(); }
  void write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path()) << text;
    ASSERT_EQ(chmod(path().c_str(), mode), 0);
  }
  std::string text() const {
    std::ifstream file(path());
    return {std::istreambuf_iterator<char>(file), {}};
  }

  int create(const TokenCreate& wanted) {
    clear();
    return token_create(console_, wanted, random_, kNow);
  }
  // The key itself.
  std::string created(TokenCreate wanted) {
    const bool json = std::exchange(console_.json, true);
    EXPECT_EQ(create(wanted), kDone) << err_.str() << out_.str();
    console_.json = json;
    return Json::parse(out_.str()).at("key").get<std::string>();
  }
  int inspect(const std::string& token, std::int64_t now = kNow, bool with_config = true) {
    clear();
    return token_inspect(console_, token, with_config ? path() : "", now);
  }
  Json json() const { return Json::parse(out_.str()); }
  bool said(std::string_view part) const {
    return (out_.str() + err_.str()).find(part) != std::string::npos;
  }
  void clear() {
    out_.str("");
    err_.str("");
  }

  std::filesystem::path folder_;
  std::ostringstream out_;
  std::ostringstream err_;
  Console console_{out_, err_};
  FixedRandom random_;
};

TEST_F(CliToken, CreatePrintsTheKeyOnceAndItsHash) {
  ASSERT_EQ(create({.name = "my-laptop"}), kDone);
  const std::string all = out_.str();
  const std::size_t at = all.find("ocu_");
  ASSERT_NE(at, std::string::npos);
  const std::string key = all.substr(at, kTokenLength);
  EXPECT_TRUE(parse_token(key));
  EXPECT_EQ(all.find(key, at + 1), std::string::npos);
  EXPECT_NE(all.find("hash: \"" + format_token_hash(token_hash(key)) + "\""), std::string::npos);
  EXPECT_EQ(err_.str(), "");
}

TEST_F(CliToken, CreatePrintsOneJsonObjectWithTheKeyOnce) {
  console_.json = true;
  ASSERT_EQ(create({.name = "a \"b\"", .scopes = "mcp:tools data:*", .expires = "90d"}), kDone);
  const Json seen = json();
  const std::string key = seen.at("key");
  EXPECT_EQ(seen.at("name"), "a \"b\"");
  EXPECT_EQ(seen.at("hash"), format_token_hash(token_hash(key)));
  EXPECT_EQ(seen.at("scopes"), (std::vector<std::string>{"mcp:tools", "data:*"}));
  EXPECT_EQ(seen.at("expires_at"), format_timestamp(kNow + 90 * 86400));
  EXPECT_TRUE(seen.at("written_to").is_null());
  EXPECT_EQ(out_.str().find(key), out_.str().rfind(key));
}

TEST_F(CliToken, CreateWritesTheHashButNotTheKeyIntoTheFile) {
  const std::string key = created({.name = "phone", .config = path()});
  EXPECT_EQ(text(),
            "auth:\n  mode: token  # keys\n  scopes: [\"mcp:tools\"]\n  tokens:\n"
            "    - name: \"phone\"\n      hash: \"" +
                format_token_hash(token_hash(key)) + "\"\n");
  EXPECT_EQ(text().find(key), std::string::npos);
  EXPECT_EQ(inspect(key), kDone);
}

TEST_F(CliToken, CreateMakesAnotherKeyEachTime) {
  EXPECT_NE(created({.name = "a"}), created({.name = "a"}));
}

TEST_F(CliToken, CreateShowsNoKeyWhenTheFileCannotTakeIt) {
  created({.name = "phone", .config = path()});
  const std::string before = text();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(create({.name = "phone", .config = path()}), kMisused);
    EXPECT_TRUE(said("a key of this name is there already"));
    EXPECT_FALSE(said("ocu_"));
  }
  EXPECT_EQ(text(), before);
  EXPECT_EQ(create({.name = "other", .config = path() + ".missing"}), kUnreachable);
  EXPECT_FALSE(said("ocu_"));
  write(before, 0644);
  EXPECT_EQ(create({.name = "other", .config = path()}), kMisused);
  EXPECT_TRUE(said("chmod o= " + path()));
  EXPECT_FALSE(said("ocu_"));
}

TEST_F(CliToken, CreateRefusesBadNamesScopesAndExpiries) {
  for (const std::string& name : {std::string(), std::string(129, 'x'), std::string("a\nb")}) {
    EXPECT_EQ(create({.name = name}), kMisused);
    EXPECT_TRUE(said("--name"));
  }
  for (const char* scopes : {"*", "mcp", "mcp:tools  data:read", "mcp:tools,data:read"}) {
    EXPECT_EQ(create({.name = "a", .scopes = scopes}), kMisused) << scopes;
    EXPECT_TRUE(said("--scopes"));
  }
  for (const char* expires :
       {"90", "0d", "-1d", "soon", "2020-01-01", "90 d", "99999999d", "2023-11-14T22:13:20Z"}) {
    EXPECT_EQ(create({.name = "a", .expires = expires}), kMisused) << expires;
    EXPECT_TRUE(said("--expires"));
  }
  EXPECT_FALSE(said("ocu_"));
}

TEST_F(CliToken, CreateSaysWhenTheModeDoesNotLookAtKeys) {
  write("auth:\n  mode: local\n");
  EXPECT_EQ(create({.name = "a", .config = path()}), kDone);
  EXPECT_NE(err_.str().find("auth.mode is local"), std::string::npos);
}

TEST_F(CliToken, CreateFailsWhenTheKeyCannotBeShown) {
  out_.setstate(std::ios::badbit);
  EXPECT_EQ(create({.name = "a", .config = path()}), kUnreachable);
  EXPECT_NE(err_.str().find("revoke it"), std::string::npos);
}

TEST_F(CliToken, ListShowsNamesPartsOfHashesScopesAndExpiry) {
  const std::string key = created({.name = "phone", .expires = "1d", .config = path()});
  created({.name = "caf\u00e9", .scopes = "data:*", .config = path()});
  clear();
  EXPECT_EQ(token_list(console_, path(), kNow + 2 * 86400), kDone);
  const std::string hash = format_token_hash(token_hash(key));
  EXPECT_TRUE(said("phone\t" + hash.substr(0, 15) + "..\tmcp:tools\tEXPIRED 1 day ago"));
  EXPECT_TRUE(said("caf\u00e9\t"));
  EXPECT_TRUE(said("data:*\tnever"));
  EXPECT_FALSE(said(hash));

  clear();
  console_.json = true;
  EXPECT_EQ(token_list(console_, path(), kNow), kDone);
  EXPECT_EQ(json().at("keys").size(), 2U);
  EXPECT_EQ(json().at("keys")[0].at("expired"), false);
}

TEST_F(CliToken, RevokeRemovesTheEntryAndRefusesTheSecondTime) {
  const std::string before = text();
  const std::string key = created({.name = "phone", .config = path()});
  EXPECT_EQ(token_revoke(console_, path(), "phone"), kDone);
  EXPECT_EQ(text(), before + "  tokens:\n");
  EXPECT_EQ(inspect(key), kRefused);
  clear();
  EXPECT_EQ(token_revoke(console_, path(), "phone"), kRefused);
  EXPECT_TRUE(said("no key has this name"));
}

TEST_F(CliToken, InspectTellsKindChecksumHashAndWhetherTheFileHasIt) {
  const std::string key = created({.name = "phone", .expires = "1d", .config = path()});
  console_.json = true;
  EXPECT_EQ(inspect(key), kDone);
  EXPECT_EQ(json().at("kind"), "a user's key (ocu_)");
  EXPECT_EQ(json().at("checksum"), "ok");
  EXPECT_EQ(json().at("hash"), format_token_hash(token_hash(key)));
  EXPECT_EQ(json().at("key").at("name"), "phone");
  EXPECT_EQ(inspect(key, kNow + 86400), kRefused);
  EXPECT_EQ(json().at("key").at("expired"), true);
  EXPECT_EQ(inspect(created({.name = "stranger"})), kRefused);
  EXPECT_TRUE(json().at("key").is_null());
}

TEST_F(CliToken, InspectKnowsTheOtherKindsOfToken) {
  const MintedToken harness = mint_token(TokenPurpose::platform_harness, random_);
  EXPECT_EQ(inspect(std::string(harness.text.text()), kNow, false), kDone);
  EXPECT_TRUE(said("och_"));
  const MintedToken refresh = mint_token(TokenPurpose::refresh, random_);
  EXPECT_EQ(inspect(std::string(refresh.text.text()), kNow, false), kDone);
  EXPECT_TRUE(said("ocr_"));
  const MintedToken secret = mint_token(TokenPurpose::client_secret, random_);
  EXPECT_EQ(inspect(std::string(secret.text.text()), kNow, false), kDone);
  EXPECT_TRUE(said("ocs_"));
}

TEST_F(CliToken, InspectTellsASlipOfTheKeyboardFromAnotherThing) {
  std::string key = created({.name = "a"});
  key.back() = key.back() == 'a' ? 'b' : 'a';
  EXPECT_EQ(inspect(key), kRefused);
  EXPECT_TRUE(said("the checksum is wrong"));
  EXPECT_EQ(inspect("hunter2"), kRefused);
  EXPECT_TRUE(said("no token of ours"));
  EXPECT_EQ(inspect("eyJhbGciOiJub25lIn0.e30.x"), kRefused);
  EXPECT_TRUE(said("openclaw verify"));
  EXPECT_EQ(inspect(""), kRefused);
}

TEST_F(CliToken, NoCommandRepeatsATokenThatItWasGiven) {
  std::string key = created({.name = "phone", .config = path()});
  for (const bool json : {false, true}) {
    console_.json = json;
    inspect(key);
    EXPECT_FALSE(said(key.substr(4, 10)));
    key.back() = key.back() == 'a' ? 'b' : 'a';
    inspect(key);
    EXPECT_FALSE(said(key.substr(4, 10)));
    inspect("hunter2-secret");
    EXPECT_FALSE(said("hunter2"));
  }
}

TEST_F(CliToken, FailuresOfTheFileComeAsJsonToo) {
  console_.json = true;
  write("auth: {mode: magic}\n");
  EXPECT_EQ(token_list(console_, path(), kNow), kMisused);
  EXPECT_EQ(json().at("problems")[0].at("line"), 1);
  EXPECT_EQ(json().at("problems")[0].at("column"), 14);
  EXPECT_EQ(err_.str(), "");
  clear();
  EXPECT_EQ(token_list(console_, path() + ".missing", kNow), kUnreachable);
  EXPECT_TRUE(json().contains("error"));
}

// ---- a token on standard input

// The reading end of a pipe that holds `text`.
class Pipe {
 public:
  explicit Pipe(const std::string& text) {
    EXPECT_EQ(pipe2(ends_, O_CLOEXEC), 0);
    EXPECT_EQ(write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(ends_[1]);
  }
  ~Pipe() { close(ends_[0]); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int reading_end() const { return ends_[0]; }

 private:
  int ends_[2];
};

std::string read_from(const std::string& text) {
  const Pipe pipe(text);
  std::ostringstream prompt;
  const std::optional<Secret> token = read_token(pipe.reading_end(), prompt);
  EXPECT_EQ(prompt.str(), "");
  return token ? std::string(token->text()) : "(none)";
}

TEST(ReadToken, DropsWhiteSpaceAroundIt) {
  EXPECT_EQ(read_from("ocu_x\n"), "ocu_x");
  EXPECT_EQ(read_from(" \t ocu_x \r\n\n"), "ocu_x");
  EXPECT_EQ(read_from(""), "");
  EXPECT_EQ(read_from("\n"), "");
}

TEST(ReadToken, IsBounded) {
  EXPECT_EQ(read_from(std::string(kMaxTokenInput, 'x')).size(), kMaxTokenInput);
  EXPECT_EQ(read_from(std::string(kMaxTokenInput + 1, 'x')), "(none)");
}

TEST(ReadToken, GivesNothingWhenItCannotRead) {
  std::ostringstream prompt;
  EXPECT_FALSE(read_token(-1, prompt));
}

// ---- times as text

TEST(TimeText, ReadsDurationsWithTheirUnit) {
  EXPECT_EQ(parse_duration("90s"), std::chrono::seconds{90});
  EXPECT_EQ(parse_duration("5m"), std::chrono::minutes{5});
  EXPECT_EQ(parse_duration("1h"), std::chrono::hours{1});
  EXPECT_EQ(parse_duration("36500d"), std::chrono::hours{24 * 36500});
  for (const char* bad : {"", "s", "5", "5x", "-5s", "+5s", " 5s", "5 s", "1.5h", "36501d",
                          "99999999999s", "5ms", "0x5s"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(TimeText, ReadsDatesAndTimesOfRfc3339) {
  EXPECT_EQ(parse_timestamp("1970-01-01"), 0);
  EXPECT_EQ(parse_timestamp("2024-02-29"), 1709164800);
  EXPECT_EQ(parse_timestamp("2023-11-14T22:13:20Z"), kNow);
  EXPECT_EQ(parse_timestamp("2023-11-14t22:13:20.999z"), kNow);
  EXPECT_EQ(parse_timestamp("2023-11-15T03:43:20+05:30"), kNow);
  EXPECT_EQ(parse_timestamp("2023-11-14T14:13:20-08:00"), kNow);
  EXPECT_EQ(parse_timestamp("9999-12-31T23:59:59Z"), 253402300799);
  for (const char* bad : {"",
                          "2023",
                          "2023-11",
                          "2023-11-31",
                          "2023-02-29",
                          "2023-13-01",
                          "2023-00-01",
                          "2023-1-1",
                          "2023-11-14T22:13:20",
                          "2023-11-14 22:13:20Z",
                          "2023-11-14T24:00:00Z",
                          "2023-11-14T22:60:00Z",
                          "2023-11-14T22:13:60Z",
                          "2023-11-14T22:13Z",
                          "2023-11-14T22:13:20.Z",
                          "2023-11-14T22:13:20+5:30",
                          "2023-11-14T22:13:20Zx",
                          "1969-12-31",
                          "10000-01-01",
                          "9999-12-31T23:59:59-01:00",
                          "2023-11-14x"}) {
    EXPECT_FALSE(parse_timestamp(bad)) << bad;
  }
}

TEST(TimeText, WritesWhatItReads) {
  for (const std::int64_t time : {std::int64_t{0}, kNow, std::int64_t{253402300799}}) {
    EXPECT_EQ(parse_timestamp(format_timestamp(time)), time);
  }
}

TEST(TimeText, TellsTheTwoLargestUnits) {
  using std::chrono::seconds;
  EXPECT_EQ(format_duration(seconds{0}), "0 seconds");
  EXPECT_EQ(format_duration(seconds{1}), "1 second");
  EXPECT_EQ(format_duration(seconds{290}), "4 minutes 50 seconds");
  EXPECT_EQ(format_duration(seconds{3600}), "1 hour");
  EXPECT_EQ(format_duration(seconds{86400 + 3600 + 59}), "1 day 1 hour");
  EXPECT_EQ(format_duration(seconds{-61}), "1 minute 1 second");
}

}  // namespace
}  // namespace openclaw::gate
