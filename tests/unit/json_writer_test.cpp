#include "core/json_writer.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace openclaw {
namespace {

TEST(ObjectWriter, WithoutMembersWritesAnEmptyObject) {
  ObjectWriter writer;
  EXPECT_EQ(writer.finish(), "{}");
}

TEST(ObjectWriter, KeepsTheOrderInWhichMembersArePut) {
  ObjectWriter writer;
  writer.text("b", "x");
  writer.number("a", 1);
  writer.text_unless_empty("c", "");
  writer.text_unless_empty("d", "y");
  EXPECT_EQ(writer.finish(), R"({"b":"x","a":1,"d":"y"})");
}

TEST(ObjectWriter, EscapesTexts) {
  ObjectWriter writer;
  writer.text("a", "\"\\\n");
  writer.list("b", std::vector<std::string>{"\""});
  EXPECT_EQ(writer.finish(), R"({"a":"\"\\\u000a","b":["\""]})");
}

TEST(ObjectWriter, WritesEveryNumber) {
  ObjectWriter writer;
  writer.number("least", std::numeric_limits<std::int64_t>::min());
  writer.number("most", std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(writer.finish(), R"({"least":-9223372036854775808,"most":9223372036854775807})");
}

TEST(ObjectWriter, WritesASingleValueAsATextOnlyWhereThatIsAllowed) {
  const std::vector<std::string> none;
  const std::vector<std::string> one{"x"};
  const std::vector<std::string> two{"x", "y"};
  ObjectWriter writer;
  writer.list("a", none);
  writer.list("b", one);
  writer.list("c", two);
  writer.text_or_list("d", none);
  writer.text_or_list("e", one);
  writer.text_or_list("f", two);
  EXPECT_EQ(writer.finish(), R"({"a":[],"b":["x"],"c":["x","y"],"d":[],"e":"x","f":["x","y"]})");
}

TEST(ObjectWriter, NestsObjects) {
  ObjectWriter inner;
  inner.number("c", 1);
  ObjectWriter middle;
  middle.object("b", std::move(inner));
  ObjectWriter outer;
  outer.object("a", std::move(middle));
  outer.object("d", ObjectWriter());
  EXPECT_EQ(outer.finish(), R"({"a":{"b":{"c":1}},"d":{}})");
}

}  // namespace
}  // namespace openclaw
