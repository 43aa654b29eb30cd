#include "core/json.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using namespace std::string_view_literals;

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
  const JsonObject object = parsed->object();
  EXPECT_EQ(object.size(), 10);
  for (const char* member : {"n", "t", "f", "i", "d"}) {
    const auto value = object.find(member);
    ASSERT_TRUE(value) << member;
    EXPECT_FALSE(value->text() || value->number() || value->object() || value->list()) << member;
  }
  EXPECT_EQ(object.find("u")->number(), 18446744073709551615u);
  EXPECT_EQ(object.find("s")->text(), "\xC3\xA9\xF0\x9F\x98\x80\n");
  EXPECT_EQ(object.find("o")->object()->find("a")->list()->size(), 0);
  const auto items = object.find("a")->list();
  ASSERT_EQ(items->size(), 3);
  EXPECT_EQ(items->at(0).number(), 1u);
  EXPECT_EQ(items->at(1).list()->at(1).object()->find("x")->number(), 3u);
  EXPECT_EQ(items->at(2).text(), "");
  EXPECT_EQ(object.find("")->number(), 0u);
  EXPECT_FALSE(object.find("x"));
  EXPECT_FALSE(object.contains("x"));
}

TEST(Json, ReadsTheEmptyObject) {
  const auto parsed = parse_json_object("{}");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->object().size(), 0);
}

TEST(Json, OutlivesItsTextAndTheNextOne) {
  auto parsed = parse_json_object(std::string(R"({"a":"first"})"));
  ASSERT_TRUE(parsed);
  ASSERT_TRUE(parse_json_object(R"({"b":"a second and longer one"})"));
  const JsonDocument moved = std::move(*parsed);
  EXPECT_EQ(moved.object().find("a")->text(), "first");
}

TEST(Json, FindsEachOfManyMembersAndOneTwin) {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) text += '"' + std::to_string(i) + "\":" + std::to_string(i) + ',';
  const auto parsed = parse_json_object(text + "\"last\":1}", {.bytes = 64 * 1024});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->object().find("999")->number(), 999u);
  EXPECT_EQ(verdict(text + "\"0\":1}", {.bytes = 64 * 1024}), "malformed");
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

TEST(JsonLimit, AThousandLevelsAreTheMost) {
  const JsonLimits limits{.bytes = 4'000'000, .depth = 1000, .elements = 500'000};
  EXPECT_EQ(verdict(nested_arrays(1000), limits), "accepted");
  EXPECT_EQ(verdict(nested_objects(1000), limits), "accepted");
  EXPECT_EQ(verdict(nested_objects(500'000), {4'000'000, 500'000, 500'000}), "malformed");
}

std::string texts(std::string_view text, std::size_t longest = 3) {
  const auto parsed = parse_json_texts(text, longest);
  if (!parsed) return std::string(reason(parsed));
  std::string all;
  for (const std::string& each : *parsed) all += each + '|';
  return all;
}

TEST(JsonTexts, AreAnArrayOfStringsAndNothingElse) {
  EXPECT_EQ(texts("[]"), "");
  EXPECT_EQ(texts(R"( ["a","\u00e9",""] )"), "a|\xC3\xA9||");
  EXPECT_EQ(texts(R"(["a","b","c","d"])"), "too_long");
  for (const char* text :
       {"", "[", "null", "{}", R"("a")", "[1]", "[null]", R"([["a"]])", R"(["a",])", R"(["a"]x)",
        R"(["\u0000"])", R"(["\ud800"])", "[\"\xFF\"]", "\xEF\xBB\xBF[]"}) {
    EXPECT_EQ(texts(text), "malformed") << text;
  }
  EXPECT_EQ(texts(std::string("[]\0", 3)), "malformed");
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
  EXPECT_EQ(parsed->object().find("s")->text(), every);
}

}  // namespace
}  // namespace openclaw
