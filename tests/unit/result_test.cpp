#include "core/result.h"

#include <memory>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace openclaw {
namespace {

constexpr Error kLastError = Error::invalid_password_cost;

Error nth(int n) { return static_cast<Error>(n); }

TEST(Error, EveryOneUpToTheLastHasItsOwnNameInSnakeCase) {
  std::set<std::string_view> names;
  for (int n = 0; n <= static_cast<int>(kLastError); ++n) {
    const std::string_view text = name(nth(n));
    EXPECT_FALSE(text.empty()) << n;
    EXPECT_EQ(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos)
        << text;
    EXPECT_TRUE(names.insert(text).second) << text << " names two errors";
  }
}

TEST(Error, EveryOneHasItsOwnMessageThatIsASentence) {
  std::set<std::string_view> messages;
  for (int n = 0; n <= static_cast<int>(kLastError); ++n) {
    const std::string_view text = message(nth(n));
    ASSERT_FALSE(text.empty()) << name(nth(n));
    EXPECT_EQ(text.back(), '.') << text;
    EXPECT_TRUE(text.front() >= 'A' && text.front() <= 'Z') << text;
    EXPECT_EQ(text.find('\n'), std::string_view::npos) << text;
    EXPECT_TRUE(messages.insert(text).second) << text << " stands for two errors";
  }
}

TEST(Error, NoneFollowsTheLast) {
  EXPECT_EQ(name(nth(static_cast<int>(kLastError) + 1)), "");
  EXPECT_EQ(message(nth(static_cast<int>(kLastError) + 1)), "");
}

TEST(Error, NamesAreTheEnumeratorsOfTheInterface) {
  EXPECT_EQ(name(Error::malformed), "malformed");
  EXPECT_EQ(name(Error::insufficient_scope), "insufficient_scope");
  EXPECT_EQ(name(Error::endpoint_internal_host), "endpoint_internal_host");
  EXPECT_EQ(name(kLastError), "invalid_password_cost");
}

TEST(Result, HoldsAValueOrAnError) {
  const Result<int> value = 7;
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, 7);

  const Result<int> error = Error::expired;
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error(), Error::expired);
}

TEST(Result, GivesAccessToTheMembersOfItsValue) {
  Result<std::string> text = std::string("abc");
  text->push_back('d');
  EXPECT_EQ(*text, "abcd");
  const Result<std::string>& constant = text;
  EXPECT_EQ(constant->size(), 4u);
}

TEST(Result, HandsOutAValueThatOnlyMoves) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 7);
}

TEST(Result, ThrowsWhenTheSideThatIsNotThereIsAskedFor) {
  const Result<int> value = 7;
  EXPECT_THROW(static_cast<void>(value.error()), std::bad_variant_access);
  const Result<int> error = Error::expired;
  EXPECT_THROW(static_cast<void>(*error), std::bad_variant_access);
}

TEST(Result, OfVoidIsSuccessUntilAnErrorIsGiven) {
  EXPECT_TRUE(Result<void>());
  const Result<void> error = Error::invalid_scope;
  EXPECT_FALSE(error);
  EXPECT_EQ(error.error(), Error::invalid_scope);
  EXPECT_THROW(static_cast<void>(Result<void>().error()), std::bad_optional_access);
}

}  // namespace
}  // namespace openclaw
