#include "core/scope.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using namespace std::string_view_literals;
using Scopes = std::vector<std::string_view>;

const std::string kLongestPart(kMaxScopePart, 'a');

struct Row {
  const char* name;
  std::string scope;
};

std::string row_name(const testing::TestParamInfo<Row>& info) { return info.param.name; }

class GoodScope : public testing::TestWithParam<Row> {};

TEST_P(GoodScope, IsAScopeAndAGrantAndCoversItself) {
  const std::string& scope = GetParam().scope;
  EXPECT_EQ(reason(check_scope(scope)), "accepted");
  EXPECT_EQ(reason(check_grant(scope)), "accepted");
  EXPECT_TRUE(covers(scope, scope));
}

const std::vector<Row> kGoodScopes = {{"Plain", "mcp:tools"},
                                      {"OneLetterParts", "a:b"},
                                      {"DigitsAndMarksAfterTheLetter", "a1_-.:b2_-."},
                                      {"LongestParts", kLongestPart + ":" + kLongestPart}};

INSTANTIATE_TEST_SUITE_P(Grammar, GoodScope, testing::ValuesIn(kGoodScopes), row_name);

// Attack 33: what is neither a scope nor a grant is refused at issue, and covers nothing.
class BadScope : public testing::TestWithParam<Row> {};

TEST_P(BadScope, IsRefusedEverywhereAndCoversNothing) {
  const std::string& scope = GetParam().scope;
  EXPECT_EQ(reason(check_scope(scope)), "invalid_scope");
  EXPECT_EQ(reason(check_grant(scope)), "invalid_scope");
  EXPECT_FALSE(covers(scope, scope));
  EXPECT_FALSE(covers(scope, "mcp:tools"));
  EXPECT_FALSE(covers("mcp:*", scope));
  EXPECT_EQ(reason(parse_scope_list("mcp:tools " + scope)), "invalid_scope");
}

const std::vector<Row> kBadScopes = {{"Empty", ""},
                                     {"ColonOnly", ":"},
                                     {"NoColon", "mcp"},
                                     {"NoAction", "mcp:"},
                                     {"NoArea", ":tools"},
                                     {"TwoColons", "mcp:tools:call"},
                                     {"DoubledColon", "mcp::tools"},
                                     {"Star", "*"},
                                     {"StarForBoth", "*:*"},
                                     {"StarForArea", "*:tools"},
                                     {"StarInAction", "mcp:to*"},
                                     {"StarBeforeAction", "mcp:*tools"},
                                     {"TwoStars", "mcp:**"},
                                     {"StarAndMore", "mcp:*:x"},
                                     {"StarInArea", "m*:tools"},
                                     {"UpperCaseArea", "MCP:tools"},
                                     {"UpperCaseAction", "mcp:Tools"},
                                     {"SpaceWithin", "mcp: tools"},
                                     {"SpaceBefore", " mcp:tools"},
                                     {"SpaceAfter", "mcp:tools "},
                                     {"Tab", "mcp:\ttools"},
                                     {"Newline", "mcp:tools\n"},
                                     {"CarriageReturn", "mcp:tools\r"},
                                     {"Nul", std::string("mcp:too\0ls", 10)},
                                     {"NulAtTheEnd", std::string("mcp:tools\0", 10)},
                                     {"Delete", "mcp:tools\x7F"},
                                     {"Quote", "mcp:\"tools\""},
                                     {"Backslash", "mcp:tools\\"},
                                     {"Slash", "mcp:a/b"},
                                     {"Comma", "mcp:a,mcp:b"},
                                     {"NotAscii",
                                      "mcp:t\xC3\xB6"
                                      "ols"},
                                     {"CyrillicLetter", "m\xD1\x81p:tools"},
                                     {"InvalidUtf8", "mcp:\xFF"},
                                     {"AreaStartsWithADigit", "1mcp:tools"},
                                     {"ActionStartsWithADigit", "mcp:1tool"},
                                     {"AreaStartsWithAMark", "-mcp:tools"},
                                     {"ActionStartsWithAMark", "mcp:.tools"},
                                     {"AreaTooLong", kLongestPart + "a:tools"},
                                     {"ActionTooLong", "mcp:" + kLongestPart + "a"},
                                     {"MegabyteOfLetters", std::string(1 << 20, 'a')},
                                     {"MegabyteOfColons", std::string(1 << 20, ':')}};

INSTANTIATE_TEST_SUITE_P(Grammar, BadScope, testing::ValuesIn(kBadScopes), row_name);

TEST(Scope, IsNoWildcard) { EXPECT_EQ(reason(check_scope("mcp:*")), "invalid_scope"); }

TEST(Grant, MayBeAWildcardOverOneArea) {
  EXPECT_EQ(reason(check_grant("mcp:*")), "accepted");
  EXPECT_EQ(reason(check_grant(kLongestPart + ":*")), "accepted");
}

TEST(Covers, AWildcardCoversEveryActionOfItsAreaAndItself) {
  EXPECT_TRUE(covers("mcp:*", "mcp:tools"));
  EXPECT_TRUE(covers("mcp:*", "mcp:resources"));
  EXPECT_TRUE(covers("mcp:*", "mcp:*"));
}

TEST(Covers, AWildcardCoversNothingOfAnotherArea) {
  for (const std::string_view other :
       {"mcp2:tools", "mc:tools", "mcp.x:tools", "data:read", "mcp2:*", "m:*"}) {
    EXPECT_FALSE(covers("mcp:*", other)) << other;
    EXPECT_FALSE(covers(other, "mcp:*")) << other;
  }
}

TEST(Covers, AScopeCoversOnlyItself) {
  for (const std::string_view other :
       {"mcp:tool", "mcp:toolsx", "mcp:tools.call", "mcp:resources", "data:tools", "mcp:*"}) {
    EXPECT_FALSE(covers("mcp:tools", other)) << other;
  }
}

TEST(Covers, WriteDoesNotTakeInRead) {
  EXPECT_FALSE(covers("data:write", "data:read"));
  EXPECT_FALSE(covers("data:read", "data:write"));
}

// Attack 33: a child as wide as its parent is fine, a wider one is not.
TEST(CoversAll, HoldsAChildAgainstItsParent) {
  EXPECT_TRUE(covers_all(Scopes{"mcp:*", "data:read"}, Scopes{"data:read", "mcp:tools", "mcp:*"}));
  EXPECT_FALSE(covers_all(Scopes{"mcp:tools", "mcp:resources"}, Scopes{"mcp:*"}));
  EXPECT_FALSE(covers_all(Scopes{"mcp:tools"}, Scopes{"mcp:tools", "mcp:resources"}));
}

TEST(CoversAll, AsksNothingWhenNothingIsRequired) {
  EXPECT_TRUE(covers_all(Scopes{"mcp:tools"}, Scopes{}));
  EXPECT_TRUE(covers_all(Scopes{}, Scopes{}));
}

TEST(CoversAll, GrantsNothingWhenNothingIsGranted) {
  EXPECT_FALSE(covers_all(Scopes{}, Scopes{"mcp:tools"}));
}

TEST(CoversAll, IsFalseForAnInvalidRequirementAndIgnoresAnInvalidGrant) {
  EXPECT_FALSE(covers_all(Scopes{"mcp:*"}, Scopes{"mcp:tools", ""}));
  EXPECT_FALSE(covers_all(Scopes{"*:*", "*", ""}, Scopes{"mcp:tools"}));
  EXPECT_TRUE(covers_all(Scopes{"*:*", "mcp:tools"}, Scopes{"mcp:tools"}));
}

TEST(ScopeList, RoundTrips) {
  for (const std::string_view text : {"mcp:tools", "mcp:tools mcp:resources data:*", ""}) {
    const Result<std::vector<std::string>> scopes = parse_scope_list(text);
    ASSERT_TRUE(scopes) << text;
    EXPECT_EQ(format_scope_list(Scopes(scopes->begin(), scopes->end())), text);
  }
}

TEST(ScopeList, KeepsTheOrder) {
  EXPECT_EQ(*parse_scope_list("b:b a:* a:a"), (std::vector<std::string>{"b:b", "a:*", "a:a"}));
}

TEST(CommonGrants, AreWhatBothListsCover) {
  using Grants = std::vector<std::string_view>;
  const auto common = [](const Grants& a, const Grants& b) {
    EXPECT_EQ(common_grants(a, b), common_grants(b, a));
    return common_grants(a, b);
  };
  EXPECT_EQ(common({"mcp:tools", "data:read"}, {"data:read", "x:y"}), Grants{"data:read"});
  EXPECT_EQ(common({"mcp:*"}, {"mcp:tools", "mcp:resources", "data:read"}),
            (Grants{"mcp:resources", "mcp:tools"}));
  EXPECT_EQ(common({"mcp:*"}, {"mcp:*", "mcp:tools"}), (Grants{"mcp:*", "mcp:tools"}));
  EXPECT_EQ(common({"a:b", "a:b"}, {"a:b"}), Grants{"a:b"});
  EXPECT_EQ(common({"a:b"}, {"b:a"}), Grants{});
  EXPECT_EQ(common({"a:b"}, {}), Grants{});
  EXPECT_EQ(common({"nonsense"}, {"nonsense"}), Grants{});
}

TEST(ScopeList, OfNothingIsEmpty) { EXPECT_TRUE(parse_scope_list("")->empty()); }

TEST(ScopeList, RefusesEmptyItemsAndOtherSeparators) {
  for (const std::string_view text :
       {" "sv, "  "sv, " mcp:tools"sv, "mcp:tools "sv, "mcp:tools  data:read"sv,
        "mcp:tools\tdata:read"sv, "mcp:tools\ndata:read"sv, "mcp:tools,data:read"sv,
        "mcp:tools\0data:read"sv, "mcp:tools nonsense"sv, "nonsense mcp:tools"sv}) {
    EXPECT_EQ(reason(parse_scope_list(text)), "invalid_scope") << text;
  }
}

TEST(ScopeList, HoldsSixtyFourAtMost) {
  std::string text = "a:b";
  for (std::size_t i = 1; i < kMaxScopes; ++i) text += " a:b";
  ASSERT_TRUE(parse_scope_list(text));
  EXPECT_EQ(parse_scope_list(text)->size(), kMaxScopes);
  EXPECT_EQ(reason(parse_scope_list(text + " a:b")), "too_many_scopes");
  EXPECT_EQ(reason(parse_scope_list(text + " ")), "too_many_scopes");
}

}  // namespace
}  // namespace openclaw
