#include "gate/config_edit.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "gate/config_file.h"

namespace openclaw::gate {
namespace {

using Problems = std::vector<ConfigProblem>;

const std::string kHashA = "sha256:" + std::string(64, 'a');
const std::string kHashB = "sha256:" + std::string(64, 'b');

// The entry's lines, indented by four.
std::string entry(const std::string& name, const std::string& hash) {
  return "    - name: \"" + name + "\"\n      hash: \"" + hash + "\"\n";
}

const std::string kTwoKeys =
    "# The gate of the laptop.\n"
    "auth:\n"
    "  mode: \"token\"   # API keys\n"
    "  tokens:\n"
    "    # The first is old.\n" +
    entry("a", kHashA) +
    "\n"
    "    # The second is not.\n" +
    entry("b", kHashB) +
    "    # - name: \"c\"\n"
    "\n"
    "  leeway: 5s\n"
    "listen: 127.0.0.1:4000  # home\n";

ApiKey new_key() {
  ApiKey key;
  key.name = "new";
  key.hash.fill(0xCC);
  return key;
}
const std::string kNewHash = "sha256:" + std::string(64, 'c');

std::string added(const std::string& yaml, const ApiKey& key = new_key()) {
  const auto edited = add_api_key(yaml, key);
  const auto* problems = std::get_if<Problems>(&edited);
  return problems == nullptr ? std::get<std::string>(edited)
                             : "refused: " + format_problem("", problems->front());
}

std::string removed(const std::string& yaml, const std::string& name) {
  const auto edited = remove_api_key(yaml, name);
  const auto* problems = std::get_if<Problems>(&edited);
  return problems == nullptr ? std::get<std::string>(edited)
                             : "refused: " + format_problem("", problems->front());
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

bool is_refused(const std::string& result) { return result.starts_with("refused: "); }

TEST(ConfigEdit, AddsAnEntryBehindTheLastAndLeavesTheRestAsItWas) {
  EXPECT_EQ(added(kTwoKeys),
            replaced(kTwoKeys, entry("b", kHashB), entry("b", kHashB) + entry("new", kNewHash)));
}

TEST(ConfigEdit, WritesScopesAndExpiry) {
  ApiKey key = new_key();
  key.scopes = {"mcp:tools", "data:*"};
  key.expires_at = 1896084000;
  EXPECT_NE(added(kTwoKeys, key)
                .find("      scopes: [\"mcp:tools\", \"data:*\"]\n"
                      "      expires_at: \"2030-01-31T10:00:00Z\"\n"),
            std::string::npos);
}

TEST(ConfigEdit, QuotesAnyName) {
  for (const std::string& name : std::vector<std::string>{"it's \"mine\"", "a: b # c", "\\n", "- x",
                                                          "&a", "{}", "caf\u00e9", "null", "12"}) {
    ApiKey key = new_key();
    key.name = name;
    const auto parsed = parse_config(added(kTwoKeys, key), ConfigUse::without_upstream);
    ASSERT_TRUE(std::holds_alternative<Config>(parsed)) << name;
    EXPECT_EQ(std::get<Config>(parsed).api_keys.back().name, name);
  }
}

TEST(ConfigEdit, StartsTheListWhereThereIsNone) {
  const std::string lines = entry("new", kNewHash);
  EXPECT_EQ(added("auth:\n  mode: token\n"), "auth:\n  mode: token\n  tokens:\n" + lines);
  EXPECT_EQ(added("auth:\n  mode: token\n\n# end\nlisten: 127.0.0.1:1\n"),
            "auth:\n  mode: token\n  tokens:\n" + lines + "\n# end\nlisten: 127.0.0.1:1\n");
  EXPECT_EQ(added("auth:\n  tokens:\n  mode: token\n"),
            "auth:\n  tokens:\n" + lines + "  mode: token\n");
  EXPECT_EQ(added("auth:\n  tokens: []  # none yet\n  mode: token\n"),
            "auth:\n  tokens:  # none yet\n" + lines + "  mode: token\n");
  EXPECT_EQ(added("auth:\n  \"tokens\": ~\n  mode: token\n"),
            "auth:\n  \"tokens\":\n" + lines + "  mode: token\n");
}

TEST(ConfigEdit, EndsALastLineThatHasNoEnd) {
  EXPECT_EQ(added("auth:\n  mode: token"),
            "auth:\n  mode: token\n  tokens:\n" + entry("new", kNewHash));
}

TEST(ConfigEdit, KeepsLineEndsOfWindowsAndTheListsIndentation) {
  EXPECT_EQ(
      added("auth:\r\n  mode: token\r\n  tokens:\r\n  - name: a\r\n    hash: " + kHashA + "\r\n"),
      "auth:\r\n  mode: token\r\n  tokens:\r\n  - name: a\r\n    hash: " + kHashA +
          "\r\n  - name: \"new\"\r\n    hash: \"" + kNewHash + "\"\r\n");
}

TEST(ConfigEdit, StartsAListWithLineEndsOfWindows) {
  EXPECT_EQ(added("auth:\r\n  mode: token\r\n  tokens: []\r\n"),
            "auth:\r\n  mode: token\r\n  tokens:\r\n    - name: \"new\"\r\n      hash: \"" +
                kNewHash + "\"\r\n");
}

TEST(ConfigEdit, RefusesANameOrHashThatIsTakenEveryTime) {
  ApiKey same_name = new_key();
  same_name.name = "a";
  ApiKey same_hash = new_key();
  same_hash.hash.fill(0xAA);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(is_refused(added(kTwoKeys, same_name)));
    EXPECT_TRUE(is_refused(added(kTwoKeys, same_hash)));
  }
}

TEST(ConfigEdit, RemovesOneEntryAndLeavesTheRestAsItWas) {
  EXPECT_EQ(removed(kTwoKeys, "a"), replaced(kTwoKeys, entry("a", kHashA), ""));
  EXPECT_EQ(removed(kTwoKeys, "b"), replaced(kTwoKeys, entry("b", kHashB), ""));
}

TEST(ConfigEdit, RemovesTheLastEntryAndTakesANewOneAfterIt) {
  const std::string empty = removed(removed(kTwoKeys, "a"), "b");
  ASSERT_FALSE(is_refused(empty)) << empty;
  EXPECT_FALSE(is_refused(added(empty))) << added(empty);
}

TEST(ConfigEdit, UndoesAnAdditionByteForByte) {
  EXPECT_EQ(removed(added(kTwoKeys), "new"), kTwoKeys);
}

TEST(ConfigEdit, FindsADashThatStandsAboveItsEntry) {
  const std::string yaml =
      "auth:\n  mode: token\n  tokens:\n  -\n    # - not this\n    name: a\n"
      "    hash: " +
      kHashA + "\n  -\n    name: b\n    hash: " + kHashB + "\n";
  EXPECT_EQ(removed(yaml, "a"),
            "auth:\n  mode: token\n  tokens:\n  -\n    name: b\n    hash: " + kHashB + "\n");
  EXPECT_EQ(removed(yaml, "b"), replaced(yaml, "  -\n    name: b\n    hash: " + kHashB + "\n", ""));
}

TEST(ConfigEdit, RefusesWhatItCannotEditByLines) {
  const std::string flow = "{name: a, hash: \"" + kHashA + "\"}";
  for (const std::string& yaml : std::vector<std::string>{
           "auth: {mode: token}\n", "auth:\n  mode: token\n  tokens: [" + flow + "]\n",
           "auth: {mode: token, tokens: [" + flow + "]}\n",
           "{auth: {mode: token, tokens: []}}\n"}) {
    EXPECT_TRUE(is_refused(added(yaml))) << added(yaml);
    EXPECT_TRUE(is_refused(removed(yaml, "a"))) << removed(yaml, "a");
  }
}

TEST(ConfigEdit, TakesEntriesInBracesInAListOfLines) {
  const std::string yaml =
      "auth:\n  mode: token\n  tokens:\n    - {name: a, hash: \"" + kHashA + "\"}\n";
  EXPECT_EQ(added(yaml), yaml + entry("new", kNewHash));
  EXPECT_EQ(removed(added(yaml), "a"),
            replaced(added(yaml), "    - {name: a, hash: \"" + kHashA + "\"}\n", ""));
}

TEST(ConfigEdit, RefusesAFileThatIsWrongAlready) {
  EXPECT_TRUE(is_refused(added(kTwoKeys + "nonsense: 1\n")));
  EXPECT_TRUE(is_refused(removed(kTwoKeys + "nonsense: 1\n", "a")));
}

TEST(ConfigEdit, SaysWhenNoKeyHasTheName) {
  EXPECT_NE(removed(kTwoKeys, "zzz").find(kNoSuchKey), std::string::npos);
}

// ---- on disk

class ConfigFileEdit : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "openclaw-edit-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ / "config.yaml";
    std::ofstream(path_) << "old\n";
    ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_),
                                                  std::filesystem::directory_iterator()));
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

EditedText to_new(std::string_view old) { return std::string(old) + "new\n"; }

TEST_F(ConfigFileEdit, KeepsModeAndOwnerAndLeavesNoOtherFile) {
  struct stat before {};
  ASSERT_EQ(stat(path_.c_str(), &before), 0);
  EXPECT_EQ(edit_config_file(path_.string(), to_new).index(), 0U);
  struct stat after {};
  ASSERT_EQ(stat(path_.c_str(), &after), 0);
  EXPECT_EQ(text(), "old\nnew\n");
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_uid, before.st_uid);
  EXPECT_EQ(after.st_gid, before.st_gid);
  EXPECT_NE(after.st_ino, before.st_ino);  // replaced, not written over
  EXPECT_EQ(files(), 1U);
}

TEST_F(ConfigFileEdit, KeepsAnOwnerThatIsNotOurs) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(chown(path_.c_str(), 12345, 23456), 0);
  EXPECT_EQ(edit_config_file(path_.string(), to_new).index(), 0U);
  struct stat after {};
  ASSERT_EQ(stat(path_.c_str(), &after), 0);
  EXPECT_EQ(after.st_uid, 12345U);
  EXPECT_EQ(after.st_gid, 23456U);
  EXPECT_EQ(after.st_mode & 07777, 0640U);
}

TEST_F(ConfigFileEdit, ThatIsRefusedChangesNothing) {
  const auto refuse = [](std::string_view) -> EditedText { return Problems{{1, 1, "no"}}; };
  EXPECT_EQ(edit_config_file(path_.string(), refuse).index(), 2U);
  EXPECT_EQ(text(), "old\n");
  EXPECT_EQ(files(), 1U);
}

TEST_F(ConfigFileEdit, ThatThrowsChangesNothing) {
  const auto fail = [](std::string_view) -> EditedText { throw std::bad_alloc(); };
  EXPECT_THROW(edit_config_file(path_.string(), fail), std::bad_alloc);
  EXPECT_EQ(text(), "old\n");
  EXPECT_EQ(files(), 1U);
}

TEST_F(ConfigFileEdit, ThroughASymbolicLinkChangesTheFileItself) {
  const std::filesystem::path link = folder_ / "link.yaml";
  std::filesystem::create_symlink("config.yaml", link);
  EXPECT_EQ(edit_config_file(link.string(), to_new).index(), 0U);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(text(), "old\nnew\n");
}

TEST_F(ConfigFileEdit, LosesNoneOfManyAtOnce) {
  constexpr int kWriters = 8;
  {
    std::vector<std::jthread> writers;
    for (int i = 0; i < kWriters; ++i) {
      writers.emplace_back([&] { edit_config_file(path_.string(), to_new); });
    }
  }
  EXPECT_EQ(text().size(), 4U + 4U * kWriters);
}

TEST_F(ConfigFileEdit, ThatIsMissingOrOpenToOthersIsAProblemOfTheFile) {
  chmod(path_.c_str(), 0644);
  const auto open = edit_config_file(path_.string(), to_new);
  ASSERT_EQ(open.index(), 1U);
  EXPECT_FALSE(std::get<FileProblem>(open).cannot_reach);
  std::filesystem::remove(path_);
  const auto missing = edit_config_file(path_.string(), to_new);
  ASSERT_EQ(missing.index(), 1U);
  EXPECT_TRUE(std::get<FileProblem>(missing).cannot_reach);
}

}  // namespace
}  // namespace openclaw::gate
