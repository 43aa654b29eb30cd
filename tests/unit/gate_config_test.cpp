#include "gate/config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "core/opaque_token.h"
#include "core/sha256.h"
#include "gate/yaml_tree.h"
#include "tests/unit/fixed_random.h"

namespace openclaw::gate {
namespace {

using Problems = std::vector<ConfigProblem>;

const std::string kHash = "sha256:" + std::string(64, 'a');

// The mission's file, with 64 digits in the place of its ellipsis.
const std::string kMission =
    "auth:\n"
    "  mode: \"local\"      # stdio or loopback, no network auth\n"
    "  # mode: \"token\"    # API keys\n"
    "  tokens:\n"
    "    - name: \"my-laptop\"\n"
    "      hash: \"" +
    kHash +
    "\"          # from `openclaw token create`\n"
    "  # mode: \"platform\"\n"
    "  platform_jwks_url: \"https://api.openclaw.io/.well-known/jwks.json\"\n"
    "  expected_user_id: \"user_abc123\"\n"
    "  # mode: \"mtls\"     # hosted containers (mode A)\n";

const std::string kUpstream = "upstream: http://127.0.0.1:3000\n";
const std::string kLocal = kUpstream + "auth:\n  mode: local\n";
const std::string kToken = kUpstream + "auth:\n  mode: token\n";
const std::string kPlatform = kUpstream +
                              "public_url: https://mcp.example.com/mcp\n"
                              "auth:\n"
                              "  mode: platform\n"
                              "  platform_jwks_url: https://api.openclaw.io/.well-known/jwks.json\n"
                              "  expected_user_id: user_abc123\n";
const std::string kMtls = kUpstream +
                          "public_url: internal-svc:3100\n"
                          "tls: {certificate: tls.pem, key: tls.key}\n"
                          "auth:\n"
                          "  mode: mtls\n"
                          "  platform_jwks_url: https://api.openclaw.io/.well-known/jwks.json\n"
                          "  client_ca: ca.pem\n"
                          "  trust_domain: openclaw.io\n"
                          "  platform_namespace: platform\n";

std::string without_line(std::string text, const std::string& start) {
  const std::size_t begin = text.find(start);
  EXPECT_NE(begin, std::string::npos) << start;
  return text.erase(begin, text.find('\n', begin) + 1 - begin);
}

Config good(const std::string& yaml, ConfigUse use = ConfigUse::gate) {
  const auto parsed = parse_config(yaml, use);
  const auto* problems = std::get_if<Problems>(&parsed);
  if (problems == nullptr) return std::get<Config>(parsed);
  for (const ConfigProblem& problem : *problems) ADD_FAILURE() << format_problem("yaml", problem);
  return {};
}

Problems problems(const std::string& yaml) {
  const auto parsed = parse_config(yaml);
  const auto* found = std::get_if<Problems>(&parsed);
  EXPECT_NE(found, nullptr) << "accepted: " << yaml;
  return found == nullptr ? Problems{} : *found;
}

// The one problem, as LINE:COLUMN: MESSAGE.
std::string problem(const std::string& yaml) {
  const Problems found = problems(yaml);
  EXPECT_EQ(found.size(), 1U) << yaml;
  return found.empty() ? "" : format_problem("", found.front()).substr(1);
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// ---- what is taken

TEST(Config, TakesTheMissionsOwnFileWordForWord) {
  const Config config = good(kMission, ConfigUse::without_upstream);
  EXPECT_EQ(config.mode, Mode::local);
  ASSERT_EQ(config.api_keys.size(), 1U);
  EXPECT_EQ(config.api_keys[0].name, "my-laptop");
  EXPECT_EQ(format_token_hash(config.api_keys[0].hash), kHash);
  EXPECT_EQ(config.jwks_url, "https://api.openclaw.io/.well-known/jwks.json");
  EXPECT_EQ(config.expected_user_id, "user_abc123");
}

TEST(Config, TakesTheMissionsFileInModeTokenAndPlatformWithWhatTheGateNeedsBesides) {
  std::string token = kMission + kUpstream;
  token.replace(token.find("\"local\""), 7, "\"token\"");
  EXPECT_EQ(good(token).mode, Mode::token);
  std::string platform = kMission + kUpstream + "public_url: https://mcp.example.com\n";
  platform.replace(platform.find("\"local\""), 7, "\"platform\"");
  EXPECT_EQ(good(platform).mode, Mode::platform);
}

TEST(Config, HasDefaultsForAllThatModeLocalNeeds) {
  const Config config = good(kLocal);
  EXPECT_EQ(config.listen, (Address{"127.0.0.1", 3100}));
  EXPECT_EQ(config.upstream, (Upstream{"127.0.0.1", 3000, ""}));
  EXPECT_EQ(config.jwks_outage_limit, std::chrono::hours{1});
  EXPECT_EQ(config.status_period, std::chrono::seconds{10});
  EXPECT_EQ(config.status_outage, StatusOutage::accept);
  EXPECT_EQ(config.leeway, std::chrono::seconds{30});
  EXPECT_EQ(config.max_connections, 10000U);
  EXPECT_EQ(config.max_body, 4U << 20);
  EXPECT_FALSE(config.metrics);
  EXPECT_FALSE(config.tls);
  EXPECT_TRUE(config.required_scopes.empty());
}

TEST(Config, ReadsEveryKeyOfModesPlatformAndToken) {
  const Config config = good(
      "listen: \"[::1]:8443\"\n"
      "upstream: http://mcp_server:3000/mcp\n"
      "public_url: https://MCP.example.com:443/mcp\n"
      "metrics: 127.0.0.1:9100\n"
      "allowed_origins: [\"https://claude.ai\", \"http://localhost:6274\"]\n"
      "tls:\n  certificate: /etc/tls.pem\n  key: /etc/tls.key\n"
      "limits:\n  connections: 50\n  body: 64KiB\n"
      "auth:\n"
      "  mode: platform\n"
      "  scopes: [mcp:tools, \"mcp:resources\"]\n"
      "  platform_jwks_url: https://keys.example/jwks\n"
      "  issuer: https://issuer.example/tenant\n"
      "  expected_user_id: user_1\n"
      "  jwks_ca: /etc/ca.pem\n"
      "  jwks_outage_limit: 30d\n"
      "  status_period: 2s\n"
      "  status_outage: refuse\n"
      "  leeway: 5s\n"
      "  tokens:\n"
      "    - name: phone\n      hash: " +
      kHash + "\n      scopes: [\"mcp:*\"]\n      expires_at: 2030-01-31T12:00:00+02:00\n");
  EXPECT_EQ(config.listen, (Address{"::1", 8443}));
  EXPECT_EQ(config.upstream, (Upstream{"mcp_server", 3000, "/mcp"}));
  EXPECT_EQ(config.public_url, "https://mcp.example.com/mcp");
  EXPECT_EQ(config.metrics, (Address{"127.0.0.1", 9100}));
  EXPECT_EQ(config.allowed_origins,
            (std::vector<std::string>{"https://claude.ai", "http://localhost:6274"}));
  EXPECT_EQ(config.tls, (TlsFiles{"/etc/tls.pem", "/etc/tls.key"}));
  EXPECT_EQ(config.max_connections, 50U);
  EXPECT_EQ(config.max_body, 64U << 10);
  EXPECT_EQ(config.required_scopes, (std::vector<std::string>{"mcp:tools", "mcp:resources"}));
  EXPECT_EQ(config.issuer, "https://issuer.example/tenant");
  EXPECT_EQ(config.jwks_ca, "/etc/ca.pem");
  EXPECT_EQ(config.jwks_outage_limit, std::chrono::hours{24 * 30});
  EXPECT_EQ(config.status_period, std::chrono::seconds{2});
  EXPECT_EQ(config.status_outage, StatusOutage::refuse);
  EXPECT_EQ(config.leeway, std::chrono::seconds{5});
  ASSERT_EQ(config.api_keys.size(), 1U);
  EXPECT_EQ(config.api_keys[0].scopes, std::vector<std::string>{"mcp:*"});
  EXPECT_EQ(config.api_keys[0].expires_at, 1896084000);
}

TEST(Config, ReadsEveryKeyOfModeMtls) {
  const Config config = good(kMtls + "  allowed_dns_names: [harness.platform.svc]\n");
  EXPECT_EQ(config.mode, Mode::mtls);
  EXPECT_EQ(config.public_url, "internal-svc:3100");
  EXPECT_EQ(config.client_certificates,
            (ClientCertificates{"ca.pem", "openclaw.io", "platform", {"harness.platform.svc"}}));
}

TEST(Config, TakesTheOriginOfTheJwksUrlForTheIssuer) {
  EXPECT_EQ(good(kPlatform).issuer, "https://api.openclaw.io");
}

TEST(Config, GrantsAKeyWithoutScopesWhatIsNeeded) {
  const Config config = good(kToken + "  tokens:\n    - {name: a, hash: \"" + kHash +
                             "\"}\n  scopes: [\"mcp:tools\"]\n");
  EXPECT_EQ(config.api_keys.at(0).scopes, std::vector<std::string>{"mcp:tools"});
}

TEST(Config, TakesATokensListThatIsEmpty) {
  EXPECT_TRUE(good(kToken + "  tokens:\n").api_keys.empty());
  EXPECT_TRUE(good(kToken + "  tokens: []\n").api_keys.empty());
}

TEST(Config, LoadsAHundredThousandKeys) {
  constexpr int kKeys = 100'000;
  std::string yaml = kToken + "  tokens:\n";
  for (int i = 0; i < kKeys; ++i) {
    const std::string name = "key-" + std::to_string(i);
    yaml += "    - name: \"" + name + "\"\n      hash: \"" +
            format_token_hash(sha256(as_bytes(name))) + "\"\n";
  }
  const Config config = good(yaml);
  ASSERT_EQ(config.api_keys.size(), std::size_t{kKeys});
  EXPECT_EQ(config.api_keys.back().hash, sha256(as_bytes("key-99999")));
}

// ---- places and hints

TEST(Config, SaysWhereAnUnknownKeyStandsAndWhatWasMeant) {
  EXPECT_EQ(problem(kLocal + "  tokns: []\n"), "4:3: unknown key `tokns`: did you mean `tokens`?");
  EXPECT_EQ(problem(kLocal + "lisetn: 127.0.0.1:1\n"),
            "4:1: unknown key `lisetn`: did you mean `listen`?");
  EXPECT_EQ(
      problem(kLocal + "expected_user_id: u\n"),
      "4:1: unknown key `expected_user_id`: it belongs elsewhere, as `auth.expected_user_id`");
  EXPECT_TRUE(has(problem(kLocal + "zzz: 1\n"), "known here: auth, listen, upstream"));
}

TEST(Config, CountsColumnsInBytesAndLinesFromOne) {
  EXPECT_EQ(problem("auth: {mode: local, \"\u00e9\": 1}\n" + kUpstream).substr(0, 5), "1:21:");
}

TEST(Config, ReportsAllProblemsAtOnceInTheFilesOrder) {
  const Problems found = problems(
      "listen: nowhere\n"
      "auth:\n"
      "  mode: magic\n"
      "  leeway: 5\n"
      "  tokens:\n"
      "    - name: a\n"
      "      hash: short\n" +
      kUpstream + "limits: {connections: 0, body: 1TiB}\n");
  std::vector<int> lines;
  for (const ConfigProblem& each : found) lines.push_back(each.line);
  EXPECT_EQ(lines, (std::vector<int>{1, 3, 4, 7, 9, 9}));
}

TEST(Config, StopsCollectingProblemsAtItsLimit) {
  std::string yaml = kToken + "  tokens:\n";
  for (int i = 0; i < 10'000; ++i) yaml += "    - hash: no\n";
  EXPECT_EQ(problems(yaml).size(), kMaxConfigProblems);
}

// ---- two of a kind

TEST(Config, RefusesTwoModes) {
  EXPECT_EQ(problem(kLocal + "  mode: token\n"),
            "4:3: auth.mode stands here a second time (first in line 3): keep one");
  EXPECT_TRUE(has(problem(kUpstream + "auth:\n  mode: [token, platform]\n"), "3:9: auth.mode"));
  EXPECT_TRUE(has(problem(kUpstream + "auth:\n  mode: token, platform\n"), "3:9: auth.mode"));
}

TEST(Config, RefusesARepeatedKeyAtEveryLevel) {
  for (const std::string& repeated : std::vector<std::string>{
           kLocal + kUpstream, kLocal + "auth: {mode: local}\n",
           kLocal + "limits: {body: 4MiB, body: 5MiB}\n",
           kLocal + "  tokens:\n    - {name: a, name: b, hash: \"" + kHash + "\"}\n"}) {
    EXPECT_TRUE(has(problem(repeated), "a second time")) << repeated;
  }
}

TEST(Config, RefusesTwoKeysOfOneNameOrOneHash) {
  const std::string other = "sha256:" + std::string(64, 'B');
  const std::string first = kToken + "  tokens:\n    - {name: a, hash: \"" + kHash + "\"}\n";
  EXPECT_TRUE(has(problem(first + "    - {name: a, hash: \"" + other + "\"}\n"),
                  "6:8: another key has this name (line 5)"));
  const std::string upper = "sha256:" + std::string(64, 'A');
  EXPECT_TRUE(has(problem(first + "    - {name: b, hash: \"" + upper + "\"}\n"),
                  "another key has this hash (line 5)"));
}

// ---- YAML that means more than it says (attack 50)

TEST(Config, RefusesAnchorsBeforeAnythingGrows) {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    const std::string last = "*" + std::string(1, static_cast<char>(c - 1));
    bomb += std::string(1, c) + ": &" + c + " [" + last;
    for (int i = 0; i < 8; ++i) bomb += "," + last;
    bomb += "]\n";
  }
  EXPECT_TRUE(has(problem(bomb), "1:4: anchors (&) and aliases (*) are not taken"));
}

TEST(Config, RefusesAliasesTagsMergeKeysAndSecondDocuments) {
  EXPECT_TRUE(has(problem("auth: &x {mode: local}\n"), "anchors"));
  EXPECT_TRUE(has(problem("auth:\n  &x mode: local\n"), "anchors"));
  EXPECT_FALSE(problems("auth:\n  mode: *x\n").empty());
  EXPECT_TRUE(has(problem("auth: {mode: !!str local}\n"), "tags (!) are not taken"));
  EXPECT_TRUE(has(problem("auth: {mode: !custom local}\n"), "tags (!) are not taken"));
  EXPECT_TRUE(has(problem(kLocal + "  <<: {mode: token}\n"), "merge keys (<<) are not taken"));
  EXPECT_TRUE(has(problem(kLocal + "---\nauth: {mode: token}\n"), "a second document begins here"));
}

TEST(Config, TakesADocumentMarkAndAnEndMark) {
  EXPECT_EQ(good("---\n" + kLocal + "...\n").mode, Mode::local);
}

TEST(Config, RefusesWhatIsNoYamlWithItsPlace) {
  for (const std::string& broken : std::vector<std::string>{
           "auth: [", "auth: {mode: local", "auth:\n  mode: \"local\n", "a: b: c\n",
           "auth:\n\tmode: x\n", "- a\n- b\n", "just text", "\"\\q\"", "%YAML 9.9\n---\na: b\n"}) {
    const Problems found = problems(broken);
    EXPECT_FALSE(found.empty());
    EXPECT_GT(found.front().line, 0) << broken;
  }
}

TEST(Config, RefusesAKeyThatIsNoText) {
  EXPECT_EQ(problem(kLocal + "? [a]\n: b\n").substr(0, 16), "4:3: unknown key");
}

TEST(Config, RefusesOtherEncodingsAndControlCharacters) {
  EXPECT_TRUE(has(problem("\xEF\xBB\xBF" + kLocal), "byte order mark"));
  EXPECT_TRUE(has(problem(kLocal + "# \xFF\n"), "4:3: is not UTF-8"));
  EXPECT_TRUE(has(problem(kLocal + "# \xC0\x80\n"), "is not UTF-8"));
  EXPECT_TRUE(has(problem(kLocal + "# \xED\xA0\x80\n"), "is not UTF-8"));
  EXPECT_TRUE(has(problem(kLocal + "# \xE2\x82\n"), "is not UTF-8"));
  EXPECT_TRUE(has(problem(kLocal + std::string("# \0\n", 4)), "4:3: holds a control character"));
  EXPECT_TRUE(has(problem(kLocal + "# \x1B[2J\n"), "control character"));
  EXPECT_TRUE(has(problem(kLocal + "# a\rb\n"), "control character"));
}

TEST(Config, TakesLineEndsOfWindows) {
  std::string yaml = kLocal;
  for (std::size_t i = 0; (i = yaml.find('\n', i)) != yaml.npos; i += 2) yaml.insert(i, 1, '\r');
  EXPECT_EQ(good(yaml).mode, Mode::local);
}

TEST(Config, RefusesDepthWithoutFollowingIt) {
  EXPECT_TRUE(has(problem(kLocal + "x: " + std::string(9, '[') + std::string(9, ']') + "\n"),
                  "nested too deep"));
  EXPECT_FALSE(problems(kLocal + "x: " + std::string(100'000, '[')).empty());
}

TEST(Config, RefusesTextsOverItsBoundUnread) {
  EXPECT_TRUE(has(problems(std::string(kMaxConfigFile + 1, '\n')).front().message, "64 MiB"));
}

TEST(YamlTree, RefusesMoreNodesThanItsBound) {
  const std::string yaml = "[a, b, c]";
  EXPECT_TRUE(std::holds_alternative<YamlNode>(read_yaml(yaml, 4)));
  const auto read = read_yaml(yaml, 3);
  ASSERT_TRUE(std::holds_alternative<YamlError>(read));
  EXPECT_EQ(std::get<YamlError>(read).column, 8);
}

TEST(Config, RefusesAnEmptyFile) {
  EXPECT_TRUE(has(problems("").front().message, "auth is missing"));
  EXPECT_TRUE(has(problems("# only a comment\n").front().message, "auth is missing"));
}

// ---- types and values

struct BadValue {
  std::string yaml;  // goes behind the mode
  std::string_view part;
};

void expect_refused(const std::vector<BadValue>& values) {
  for (const BadValue& value : values) {
    const std::string all = problem(kToken + value.yaml);
    EXPECT_TRUE(has(all, value.part)) << value.yaml << " got " << all;
    EXPECT_TRUE(all.starts_with("4:")) << all;
  }
}

TEST(Config, RefusesTheWrongType) {
  expect_refused({
      {"  scopes: mcp:tools\n", "auth.scopes must be a list of scopes"},
      {"  scopes: {a: b}\n", "must be a list of scopes"},
      {"  scopes: [[a]]\n", "this item is no text"},
      {"  scopes: [1]\n", "this item is no text"},
      {"  tokens: {name: a}\n", "must be a list of keys"},
      {"  tokens: none\n", "must be a list of keys"},
      {"  tokens: [a]\n", "must be a section with name and hash"},
      {"  expected_user_id: 12345\n", "put quotes around it"},
      {"  expected_user_id: yes\n", "put quotes around it"},
      {"  expected_user_id: 1e5\n", "put quotes around it"},
      {"  expected_user_id: 0x1F\n", "put quotes around it"},
      {"  expected_user_id: [a]\n", "must be a user id"},
      {"  expected_user_id:\n", "has no value"},
      {"  expected_user_id: ~\n", "has no value"},
      {"  leeway: 30\n", "must be a duration"},
      {"tls: yes\n", "tls must be a section"},
      {"limits: {connections: \"5\"}\n", "must be a number"},
      {"limits: {connections: many}\n", "must be a number"},
      {"limits: {connections: 1.5}\n", "must be a number"},
      {"limits: {connections: -1}\n", "must be a number"},
      {"allowed_origins: https://a.example\n", "must be a list of origins"},
  });
}

TEST(Config, TakesAQuotedTextThatLooksLikeANumber) {
  EXPECT_EQ(good(kToken + "  expected_user_id: \"12345\"\n").expected_user_id, "12345");
}

TEST(Config, RefusesAMalformedHash) {
  for (const std::string& hash : std::vector<std::string>{
           "", "sha256:", "sha256:" + std::string(63, 'a'), "sha256:" + std::string(65, 'a'),
           "sha256:" + std::string(63, 'a') + "g", std::string(64, 'a'),
           "sha512:" + std::string(64, 'a'), "SHA256:" + std::string(64, 'a'), " " + kHash,
           kHash + " ", "sha256:\u2026"}) {
    expect_refused({{"  tokens: [{name: a, hash: \"" + hash + "\"}]\n",
                     "auth.tokens[].hash must be `sha256:` and 64 hex digits"}});
  }
}

TEST(Config, RefusesAKeyInThePlaceOfItsHashAndDoesNotRepeatIt) {
  FixedRandom random;
  const MintedToken key = mint_token(TokenPurpose::user_direct, random);
  const std::string text(key.text.text());
  for (const std::string& yaml : std::vector<std::string>{
           "  tokens: [{name: a, hash: " + text + "}]\n", "  " + text + ": a\n",
           "  mode: " + text + "\n", "  tokens: [" + text + "]\n",
           "  expected_user_id: [" + text + "]\n", "  issuer: " + text + "\n",
           "  scopes: [" + text + "]\n", "  a: *" + text + "\n"}) {
    for (const ConfigProblem& each : problems(kToken + yaml)) {
      EXPECT_FALSE(has(each.message, text.substr(4, 8))) << yaml;
    }
  }
  expect_refused({{"  tokens: [{name: a, hash: " + text + "}]\n", "this is a key itself"}});
}

TEST(Config, RefusesAKeyWithoutNameOrHash) {
  expect_refused({{"  tokens: [{hash: \"" + kHash + "\"}]\n", "needs `name`"},
                  {"  tokens: [{name: a}]\n", "needs `hash`"}});
}

TEST(Config, RefusesBadKeyNamesScopesAndExpiries) {
  const std::string start = "  tokens: [{hash: \"" + kHash + "\", name: ";
  expect_refused({
      {start + "\"\"}]\n", "must be a name of 1 to 128 bytes"},
      {start + "\"" + std::string(129, 'x') + "\"}]\n", "must be a name of 1 to 128 bytes"},
      {start + "\"a\\nb\"}]\n", "must be a name of 1 to 128 bytes"},
      {start + "\"a\\e[2J\"}]\n", "must be a name of 1 to 128 bytes"},
      {start + "\"a\\x85\"}]\n", "must be a name of 1 to 128 bytes"},
      {start + "a, scopes: []}]\n", "must be a list of scopes, not empty"},
      {start + "a, scopes: [\"*\"]}]\n", "auth.tokens[].scopes: "},
      {start + "a, scopes: [\"mcp tools\"]}]\n", "auth.tokens[].scopes: "},
      {start + "a, expires_at: soon}]\n", "must be YYYY-MM-DD"},
      {start + "a, expires_at: 2030-02-30}]\n", "must be YYYY-MM-DD"},
      {start + "a, expires_at: \"2030-01-01T00:00:00\"}]\n", "must be YYYY-MM-DD"},
      {start + "a, expires_at: \"2030-01-01T24:00:00Z\"}]\n", "must be YYYY-MM-DD"},
      {start + "a, expires_at: 1896084000}]\n", "must be YYYY-MM-DD"},
  });
}

TEST(Config, RefusesWildcardsInWhatIsNeeded) {
  expect_refused({{"  scopes: [\"mcp:*\"]\n", "auth.scopes: "}});
}

TEST(Config, RefusesBadValuesOfEveryKind) {
  expect_refused({
      {"  platform_jwks_url: http://api.openclaw.io/jwks\n", "an https URL"},
      {"  platform_jwks_url: https://user@api.openclaw.io/jwks\n", "an https URL"},
      {"  platform_jwks_url: \"https://api.openclaw.io/jwks?a#b\"\n", "an https URL"},
      {"  platform_jwks_url: file:///etc/passwd\n", "an https URL"},
      {"  platform_jwks_url: https://0x7f.1/jwks\n", "an https URL"},
      {"  issuer: api.openclaw.io\n", "an https URL"},
      {"  expected_user_id: \"a b\"\n", "must be a user id"},
      {"  jwks_outage_limit: 31d\n", "a duration from 1s to 30d"},
      {"  jwks_outage_limit: 0s\n", "a duration from 1s to 30d"},
      {"  status_period: 1s\n", "a duration from 2s to 1h"},
      {"  status_period: 61m\n", "a duration from 2s to 1h"},
      {"  status_outage: Refuse\n", "must be accept or refuse"},
      {"  status_outage: \"\"\n", "must be accept or refuse"},
      {"  leeway: 61s\n", "a duration from 0s to 60s"},
      {"  leeway: -1s\n", "a duration from 0s to 60s"},
      {"  jwks_ca: \"\"\n", "the path of a PEM file"},
      {"  trust_domain: spiffe://openclaw.io\n", "a SPIFFE trust domain"},
      {"  trust_domain: Openclaw.io\n", "a SPIFFE trust domain"},
      {"  platform_namespace: a/b\n", "a Kubernetes namespace"},
      {"  platform_namespace: a.b\n", "a Kubernetes namespace"},
      {"  allowed_dns_names: [\"*.platform.svc\"]\n", "a list of DNS names"},
      {"  allowed_dns_names: [10.0.0.1]\n", "a list of DNS names"},
      {"listen: localhost:3100\n", "listen must be IP:PORT"},
      {"listen: 127.0.0.1\n", "listen must be IP:PORT"},
      {"listen: 127.0.0.1:65536\n", "listen must be IP:PORT"},
      {"listen: \"::1:3100\"\n", "listen must be IP:PORT"},
      {"listen: 3100\n", "listen must be IP:PORT"},
      {"public_url: http://mcp.example.com\n", "public_url must be https"},
      {"public_url: https://10.0.0.1/mcp\n", "public_url must be https"},
      {"allowed_origins: [\"*\"]\n", "a list of origins"},
      {"allowed_origins: [\"null\"]\n", "a list of origins"},
      {"allowed_origins: [\"https://claude.ai/\"]\n", "a list of origins"},
      {"metrics: 0.0.0.0:9100\n", "a loopback address"},
      {"metrics: \"[::ffff:127.0.0.1]:9100\"\n", "a loopback address"},
      {"metrics: 127.0.0.1:3100\n", "the same address"},
      {"limits: {connections: 0}\n", "a number from 1 to 1000000"},
      {"limits: {connections: 99999999999999999999}\n", "a number from 1 to 1000000"},
      {"limits: {body: 1023}\n", "a size from 1KiB"},
      {"limits: {body: 2GiB}\n", "a size from 1KiB"},
      {"limits: {body: 4MB}\n", "a size from 1KiB"},
      {"limits: {body: 99999999999GiB}\n", "a size from 1KiB"},
  });
}

TEST(Config, RefusesBadUpstreams) {
  for (const std::string& upstream : std::vector<std::string>{
           "https://127.0.0.1:3000", "127.0.0.1:3000", "http://", "http://a b", "http://h:0",
           "http://h:70000", "http://h:080", "http://u@h", "http://h/?q", "http://h/%zz",
           "unix:/run/mcp.sock", "http://[::1", "http://-h", "http://h..x"}) {
    EXPECT_TRUE(has(problem("auth: {mode: token}\nupstream: \"" + upstream + "\"\n"),
                    "2:11: upstream must be http://HOST[:PORT][/PATH]"))
        << upstream;
  }
}

// ---- what must fit together

TEST(Config, NeedsAnUpstreamForTheGateAlone) {
  EXPECT_TRUE(has(problem("auth:\n  mode: token\n"), "2:3: upstream is missing"));
  EXPECT_EQ(good("auth:\n  mode: token\n", ConfigUse::without_upstream).upstream.host, "");
}

TEST(Config, NeedsAuthAndItsMode) {
  EXPECT_TRUE(has(problem(kUpstream + "auth: {}\n"), "auth.mode is missing"));
  EXPECT_TRUE(has(problem(kUpstream), "auth is missing"));
}

TEST(Config, RefusesModeLocalBeyondLoopback) {
  for (const std::string& listen : std::vector<std::string>{
           "0.0.0.0:3100", "\"[::]:3100\"", "192.168.1.2:3100", "\"[::ffff:127.0.0.1]:3100\""}) {
    EXPECT_TRUE(has(problem(kLocal + "listen: " + listen + "\n"),
                    "4:1: in mode local nothing proves a caller"))
        << listen;
  }
  EXPECT_EQ(good(kLocal + "listen: 127.9.9.9:1\n").listen.host, "127.9.9.9");
  EXPECT_EQ(good(kToken + "listen: 0.0.0.0:1\n").listen.host, "0.0.0.0");
}

TEST(Config, RefusesModePlatformWithoutWhatItChecksAgainst) {
  good(kPlatform);
  EXPECT_TRUE(has(problem(without_line(kPlatform, "public_url")),
                  "public_url is missing: mode platform must know the audience"));
  EXPECT_TRUE(has(problem(without_line(kPlatform, "  platform_jwks_url")),
                  "auth.platform_jwks_url is missing"));
  EXPECT_TRUE(has(problem(without_line(kPlatform, "  expected_user_id")),
                  "auth.expected_user_id is missing"));
  EXPECT_TRUE(
      has(problem(without_line(kPlatform, "public_url") + "public_url: internal-svc:3100\n"),
          "mode platform serves an external container"));
}

TEST(Config, RefusesModeMtlsWithoutCertificatesAuthorityAndNames) {
  good(kMtls);
  for (const std::string& line :
       std::vector<std::string>{"tls", "public_url", "  client_ca", "  trust_domain",
                                "  platform_namespace", "  platform_jwks_url"}) {
    EXPECT_TRUE(has(problem(without_line(kMtls, line)), " is missing: mode mtls")) << line;
  }
  EXPECT_TRUE(
      has(problem(without_line(kMtls, "public_url") + "public_url: https://mcp.example.com\n"),
          "mode mtls serves a hosted container"));
}

TEST(Config, RefusesHalfOfTls) {
  EXPECT_TRUE(has(problem(kToken + "tls: {certificate: a}\n"), "4:1: tls.key is missing"));
  EXPECT_TRUE(has(problem(kToken + "tls: {key: a}\n"), "tls.certificate is missing"));
}

// ---- the schema

TEST(ConfigSchema, DescribesEveryKeyOnce) {
  std::set<std::string> paths;
  for (const ConfigKey& key : config_schema()) {
    EXPECT_TRUE(paths.insert(key.path).second) << key.path;
    EXPECT_FALSE(key.type.empty()) << key.path;
    EXPECT_TRUE(key.meaning.ends_with('.')) << key.path;
  }
  for (const char* path : {"auth.mode", "auth.tokens[].hash", "auth.platform_jwks_url",
                           "auth.expected_user_id", "listen", "tls.key", "limits.body"}) {
    EXPECT_TRUE(paths.contains(path)) << path;
  }
}

// ---- the file

class ConfigFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "openclaw-config-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ / "config.yaml";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& text, mode_t mode) {
    std::ofstream(path_) << text;
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
  }
  std::string refusal() {
    const auto loaded = load_config(path_.string());
    const auto* found = std::get_if<Problems>(&loaded);
    return found == nullptr ? "" : found->front().message;
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(ConfigFile, OpenToOthersIsRefusedWithTheRemedy) {
  for (const mode_t mode : {0644, 0604, 0602, 0601, 0666}) {
    write(kLocal, mode);
    EXPECT_TRUE(has(refusal(), "run chmod o= " + path_.string())) << std::oct << mode;
  }
  write(kLocal, 0660);
  EXPECT_TRUE(has(refusal(), "run chmod g-w " + path_.string()));
  for (const mode_t mode : {0600, 0640, 0400}) {
    write(kLocal, mode);
    EXPECT_EQ(refusal(), "") << std::oct << mode;
    chmod(path_.c_str(), 0600);
  }
}

TEST_F(ConfigFile, ThatIsMissingAFolderOrAPipeIsRefusedAtOnce) {
  EXPECT_TRUE(has(refusal(), "cannot open the file"));
  std::filesystem::create_directory(path_);
  EXPECT_TRUE(has(refusal(), "is not a regular file"));
  std::filesystem::remove(path_);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_TRUE(has(refusal(), "is not a regular file"));
}

TEST_F(ConfigFile, NamesOtherFilesFromItsOwnFolder) {
  write(kMtls + "  jwks_ca: /abs/ca.pem\n", 0600);
  const auto loaded = load_config(path_.string());
  const auto* config = std::get_if<Config>(&loaded);
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->tls->key, (folder_ / "tls.key").string());
  EXPECT_EQ(config->client_certificates.ca, (folder_ / "ca.pem").string());
  EXPECT_EQ(config->jwks_ca, "/abs/ca.pem");
}

}  // namespace
}  // namespace openclaw::gate
