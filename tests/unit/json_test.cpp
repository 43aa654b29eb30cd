#include "core/json.h"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using namespace std::string_view_literals;
using nlohmann::json;

std::string_view verdict(std::string_view text, const JsonLimits& limits = {}) {
  return reason(parse_json_object(text, limits));
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

// An object of `depth` levels, the innermost empty.
std::string nested_objects(std::size_t depth) {
  return repeated(R"({"a":)", depth - 1) + "{}" + repeated("}", depth - 1);
}

// An object of `depth` levels, all but the outermost arrays.
std::string nested_arrays(std::size_t depth) {
  return R"({"a":)" + repeated("[", depth - 1) + repeated("]", depth - 1) + "}";
}

TEST(Json, ReadsAnObjectWithEveryKindOfValue) {
  const auto parsed = parse_json_object(
      " \t\r\n{\"n\":null,\"t\":true,\"f\":false,\"i\":-7,\"u\":18446744073709551615,\"d\":2.5,"
      "\"s\":\"\\u00e9\\ud83d\\ude00\\n\",\"o\":{\"a\":[]},\"a\":[1,[2,{\"x\":3}],\"\"],\"\":0} ");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, (json{{"n", nullptr},
                           {"t", true},
                           {"f", false},
                           {"i", -7},
                           {"u", 18446744073709551615u},
                           {"d", 2.5},
                           {"s", "\xC3\xA9\xF0\x9F\x98\x80\n"},
                           {"o", {{"a", json::array()}}},
                           {"a", {1, {2, {{"x", 3}}}, ""}},
                           {"", 0}}));
}

TEST(Json, ReadsTheEmptyObject) {
  const auto parsed = parse_json_object("{}");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, json::object());
}

TEST(Json, TheSameNameInTwoObjectsIsNoDuplicate) {
  EXPECT_EQ(verdict(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})"), "accepted");
}

struct Row {
  const char* name;
  std::string text;
};

class BadJson : public testing::TestWithParam<Row> {};

TEST_P(BadJson, IsMalformed) { EXPECT_EQ(verdict(GetParam().text), "malformed"); }

std::string row_name(const testing::TestParamInfo<Row>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    NotOneObject, BadJson,
    testing::Values(Row{"Empty", ""}, Row{"WhiteSpace", " \n"}, Row{"Array", "[]"},
                    Row{"String", R"("{}")"}, Row{"Number", "1"}, Row{"Null", "null"},
                    Row{"TwoObjects", "{}{}"}, Row{"TextAfterIt", R"({"a":1}x)"},
                    Row{"NulAfterIt", std::string("{\"a\":1}\0", 8)},
                    Row{"NulAndMoreAfterIt", std::string("{\"a\":1}\0{\"a\":2}", 15)},
                    Row{"ByteOrderMarkBeforeIt", "\xEF\xBB\xBF{}"},
                    Row{"Utf16", std::string("{\0}\0", 4)}, Row{"NotClosed", R"({"a":1)"},
                    Row{"ClosedTwice", "{}}"}, Row{"ClosedByBracket", R"({"a":1])"},
                    Row{"TrailingComma", R"({"a":1,})"}, Row{"MissingColon", R"({"a" 1})"},
                    Row{"BareName", "{a:1}"}, Row{"SingleQuotes", "{'a':1}"},
                    Row{"LineComment", "{} // x"}, Row{"BlockComment", "{/**/}"},
                    Row{"NoName", "{:1}"}, Row{"NumberAsName", "{1:1}"}),
    row_name);

// Attack 14.
INSTANTIATE_TEST_SUITE_P(DuplicateMembers, BadJson,
                         testing::Values(Row{"AtTheTop", R"({"a":1,"b":2,"a":1})"},
                                         Row{"Inside", R"({"o":{"a":1,"a":1}})"},
                                         Row{"InsideAnArray", R"({"o":[0,{"a":1,"a":1}]})"},
                                         Row{"AfterAContainer", R"({"a":{"b":1},"a":1})"},
                                         Row{"OneWithAnEscape", R"({"kid":1,"\u006bid":1})"},
                                         Row{"EmptyNames", R"({"":1,"":1})"}),
                         row_name);

INSTANTIATE_TEST_SUITE_P(
    Text, BadJson,
    testing::Values(
        Row{"EscapedNulInAString", R"({"a":"x\u0000y"})"},
        Row{"EscapedNulInAName", R"({"x\u0000y":1})"},
        Row{"EscapedNulInAnArray", R"({"a":["\u0000"]})"},
        Row{"RawNulInAString", std::string("{\"a\":\"\0\"}", 9)},
        Row{"RawControlCharacter", "{\"a\":\"\x1f\"}"}, Row{"RawNewline", "{\"a\":\"\n\"}"},
        Row{"LoneHighSurrogate", R"({"a":"\ud800"})"}, Row{"LoneLowSurrogate", R"({"a":"\udc00"})"},
        Row{"UnknownEscape", R"({"a":"\x41"})"}, Row{"ShortEscape", R"({"a":"\u41"})"},
        Row{"ContinuationByteAlone", "{\"a\":\"\x80\"}"},
        Row{"OverlongSlash", "{\"a\":\"\xC0\xAF\"}"}, Row{"OverlongNul", "{\"a\":\"\xC0\x80\"}"},
        Row{"Utf8Surrogate", "{\"a\":\"\xED\xA0\x80\"}"},
        Row{"BeyondUnicode", "{\"a\":\"\xF4\x90\x80\x80\"}"}, Row{"ByteFF", "{\"a\":\"\xFF\"}"},
        Row{"CutShort", "{\"a\":\"\xC3\"}"}, Row{"InvalidInAName", "{\"\xC3\":1}"}),
    row_name);

INSTANTIATE_TEST_SUITE_P(
    Numbers, BadJson,
    testing::Values(Row{"TooLarge", R"({"a":1e400})"}, Row{"TooSmall", R"({"a":-1e400})"},
                    Row{"TooManyDigits", R"({"a":)" + std::string(400, '9') + "}"},
                    Row{"NaN", R"({"a":NaN})"}, Row{"Infinity", R"({"a":Infinity})"},
                    Row{"LeadingZero", R"({"a":01})"}, Row{"Plus", R"({"a":+1})"},
                    Row{"Hexadecimal", R"({"a":0x10})"}, Row{"NoFraction", R"({"a":1.})"},
                    Row{"NoInteger", R"({"a":.5})"}, Row{"NoExponent", R"({"a":1e})"},
                    Row{"MinusAlone", R"({"a":-})"}),
    row_name);

// Attack 15.
TEST(JsonLimit, DepthIsCountedFromTheOutermostObject) {
  const JsonLimits limits;
  EXPECT_EQ(verdict(nested_objects(limits.depth)), "accepted");
  EXPECT_EQ(verdict(nested_objects(limits.depth + 1)), "malformed");
  EXPECT_EQ(verdict(nested_arrays(limits.depth)), "accepted");
  EXPECT_EQ(verdict(nested_arrays(limits.depth + 1)), "malformed");
}

TEST(JsonLimit, BytesAreCountedBeforeAnythingIsParsed) {
  const JsonLimits limits;
  const std::string object = R"({"a":1})";
  EXPECT_EQ(verdict(object + std::string(limits.bytes - object.size(), ' ')), "accepted");
  EXPECT_EQ(verdict(object + std::string(limits.bytes + 1 - object.size(), ' ')), "malformed");
  EXPECT_EQ(verdict(std::string(8'000'000, '[')), "malformed");
}

TEST(JsonLimit, ElementsAreMembersAndItemsOfAllLevelsTogether) {
  const JsonLimits limits{.elements = 6};
  EXPECT_EQ(verdict(R"({"a":[1,2],"b":{"c":3}})", limits), "accepted");
  EXPECT_EQ(verdict(R"({"a":[1,2],"b":{"c":3},"d":[]})", limits), "accepted");
  EXPECT_EQ(verdict(R"({"a":[1,2],"b":{"c":3},"d":[4]})", limits), "malformed");
  EXPECT_EQ(verdict(R"({"a":[1,2],"b":{"c":3},"d":{},"e":{}})", limits), "malformed");
}

TEST(JsonLimit, DepthCostsNoCallDepthWhenTheLimitIsHigh) {
  const JsonLimits limits{.bytes = 4'000'000, .depth = 500'000, .elements = 500'000};
  EXPECT_EQ(verdict(nested_arrays(500'000), limits), "accepted");
  EXPECT_EQ(verdict(nested_objects(500'000), limits), "accepted");
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonString, EscapesOnlyWhatRfc8259Section7Demands) {
  EXPECT_EQ(json_string(""), R"("")");
  EXPECT_EQ(json_string("https://a.example/b?c=d"), R"("https://a.example/b?c=d")");
  EXPECT_EQ(json_string("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json_string("\"\"\\"), R"("\"\"\\")");
  EXPECT_EQ(json_string("\x01\n\x1f\x7f"), "\"\\u0001\\u000a\\u001f\x7f\"");
  EXPECT_EQ(json_string("\0"sv), R"("\u0000")");
  EXPECT_EQ(json_string("\xC3\xA9\xF0\x9F\x98\x80"), "\"\xC3\xA9\xF0\x9F\x98\x80\"");
}

TEST(JsonString, IsAppended) {
  std::string out = "{";
  append_json_string(out, "a");
  EXPECT_EQ(out, R"({"a")");
}

TEST(JsonString, ReadsBackAsItWas) {
  std::string every;
  for (int c = 1; c < 0x80; ++c) every += static_cast<char>(c);
  const auto parsed = parse_json_object("{\"s\":" + json_string(every) + "}");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->at("s"), every);
}

}  // namespace
}  // namespace openclaw
