#include "service/form.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace openclaw::front {
namespace {

Form parsed(std::string_view text) {
  auto result = Form::parse(text);
  EXPECT_TRUE(std::holds_alternative<Form>(result)) << text;
  return std::holds_alternative<Form>(result) ? std::move(std::get<Form>(result)) : Form();
}

bool refused(std::string_view text) { return std::holds_alternative<FormError>(Form::parse(text)); }

TEST(Form, DecodesPlusAndPercentInNamesAndValues) {
  const Form form = parsed("a+b=c%2Bd+e&%66=%C3%A9");
  EXPECT_EQ(form.value("a b"), "c+d e");
  EXPECT_EQ(form.value("f"), "\xC3\xA9");
}

TEST(Form, SplitsAtTheFirstEqualsSignOnly) { EXPECT_EQ(parsed("a=b=c=").value("a"), "b=c="); }

TEST(Form, DoesNotKnowTheEscapesOfJavaScript) { EXPECT_TRUE(refused("a=%u0041")); }

TEST(Form, CountsAParameterWithoutValueAsLeftOut) {
  const Form form = parsed("a=&b&=c&&d=e&");
  EXPECT_EQ(form.value("a"), std::nullopt);
  EXPECT_EQ(form.value("b"), std::nullopt);
  EXPECT_EQ(form.value("absent"), std::nullopt);
  EXPECT_EQ(form.value("d"), "e");
}

TEST(Form, RefusesANameGivenTwiceInAnyWriting) {
  EXPECT_TRUE(refused("token=a&token=b"));
  EXPECT_TRUE(refused("token=a&token=a"));
  EXPECT_TRUE(refused("token=a&t%6Fken=b"));
  EXPECT_TRUE(refused("token=&token=b"));
  EXPECT_TRUE(refused("token&token"));
  EXPECT_FALSE(refused("token=a&Token=b"));
}

TEST(Form, RefusesMalformedEscapes) {
  for (const std::string text : {"a=%", "a=%4", "a=%4g", "a=%g4", "%=a", "a=%%41"}) {
    EXPECT_TRUE(refused(text)) << text;
  }
}

TEST(Form, RefusesNulAndWhatIsNotUtf8) {
  EXPECT_TRUE(refused("a=%00"));
  EXPECT_TRUE(refused("a=b%00c"));
  EXPECT_TRUE(refused("%00=b"));
  EXPECT_TRUE(refused("a=%FF"));
  EXPECT_TRUE(refused("a=\xFF"));
}

TEST(Form, Takes64ParametersAndNoMore) {
  std::string text;
  for (std::size_t i = 0; i < kMaxParameters; ++i) text += "p" + std::to_string(i) + "=a&";
  EXPECT_FALSE(refused(text));
  EXPECT_TRUE(refused(text + "last=a"));
}

// RFC 3629 3 and 4, and the table of well-formed byte sequences in Unicode 15, table 3-7.
TEST(Form, TellsWellFormedUtf8) {
  const std::vector<std::string> good{"",
                                      "a\x7F\x01",
                                      "\xC2\x80",
                                      "\xDF\xBF",
                                      "\xE0\xA0\x80",
                                      "\xED\x9F\xBF",
                                      "\xEE\x80\x80",
                                      "\xEF\xBF\xBF",
                                      "\xF0\x90\x80\x80",
                                      "\xF4\x8F\xBF\xBF"};
  for (const std::string& text : good) EXPECT_TRUE(is_sql_text(text)) << text;
  const std::vector<std::string> bad{std::string(1, '\0'),
                                     "\x80",
                                     "\xBF",
                                     "\xC0\x80",
                                     "\xC1\xBF",
                                     "\xC2",
                                     "\xC2\x7F",
                                     "\xE0\x9F\xBF",
                                     "\xE1\x80",
                                     "\xED\xA0\x80",
                                     "\xF0\x8F\xBF\xBF",
                                     "\xF4\x90\x80\x80",
                                     "\xF1\x80\x80",
                                     "\xF5\x80\x80\x80",
                                     "\xFF"};
  for (const std::string& text : bad) EXPECT_FALSE(is_sql_text("a" + text)) << text;
}

TEST(Form, KnowsItsMediaType) {
  EXPECT_TRUE(is_form_type("application/x-www-form-urlencoded"));
  EXPECT_TRUE(is_form_type("Application/X-WWW-Form-URLencoded ; charset=UTF-8"));
  EXPECT_TRUE(is_form_type("application/x-www-form-urlencoded;charset=\"utf-8\""));
  EXPECT_FALSE(is_form_type(""));
  EXPECT_FALSE(is_form_type("application/json"));
  EXPECT_FALSE(is_form_type("application/x-www-form-urlencoded2"));
  EXPECT_FALSE(is_form_type("multipart/form-data; boundary=a"));
  EXPECT_FALSE(is_form_type("application/x-www-form-urlencoded; charset=utf-16"));
}

}  // namespace
}  // namespace openclaw::front
