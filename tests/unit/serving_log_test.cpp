#include "serving/log.h"

#include <string>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

namespace openclaw {
namespace {

TEST(Log, WritesFieldsAsJson) {
  EXPECT_EQ(format_event("request", {{"route", "introspect"}, {"status", std::int64_t{200}}}),
            R"("event":"request","route":"introspect","status":200)");
}

TEST(Log, KeepsALineOneLineAndAFieldOneField) {
  const std::string hostile = "a\"},{\"event\":\"forged\"}\r\n\t\\ \x01\x7F\xC3\xA9\x1b[2J";
  const std::string line = "{" + format_event("e", {{"problem", hostile}}) + "}";
  for (char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7F);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json.size(), 2U);
  EXPECT_EQ(json.at("event"), "e");
  EXPECT_EQ(json.at("problem").get<std::string>().substr(0, 24), hostile.substr(0, 24));
}

TEST(Log, WritesOnlyWhatItsLevelAsksFor) {
  const Log log(LogLevel::warning);
  EXPECT_FALSE(log.writes(LogLevel::debug));
  EXPECT_FALSE(log.writes(LogLevel::info));
  EXPECT_TRUE(log.writes(LogLevel::warning));
  EXPECT_TRUE(log.writes(LogLevel::error));
}

TEST(Log, WritesWholeLinesBeforeItGoes) {
  testing::internal::CaptureStderr();
  {
    Log log(LogLevel::info);
    for (std::int64_t i = 0; i < 100; ++i) log.write(LogLevel::info, "e", {{"i", i}});
    log.write(LogLevel::debug, "hidden", {});
  }
  const std::string text = testing::internal::GetCapturedStderr();
  std::size_t begin = 0;
  for (int i = 0; i < 100; ++i) {
    const std::size_t end = text.find('\n', begin);
    ASSERT_NE(end, std::string::npos);
    const auto line = nlohmann::json::parse(text.substr(begin, end - begin));
    EXPECT_EQ(line.at("i"), i);
    EXPECT_EQ(line.at("level"), "info");
    EXPECT_EQ(line.at("time").get<std::string>().size(), 27U);
    begin = end + 1;
  }
  EXPECT_EQ(begin, text.size());
}

}  // namespace
}  // namespace openclaw
