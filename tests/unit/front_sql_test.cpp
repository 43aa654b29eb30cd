#include "service/sql_batch.h"
#include "service/sqlstate.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace openclaw::front {
namespace {

using Text = std::optional<std::string>;

std::string array(const std::vector<Text>& elements) {
  std::vector<const Text*> pointers;
  for (const Text& element : elements) pointers.push_back(&element);
  return text_array(pointers);
}

SqlCall call(const char* path, SqlArguments arguments) {
  SqlCall call;
  call.endpoint = find_endpoint(path);
  call.arguments = std::move(arguments);
  return call;
}

TEST(TextArray, QuotesEveryElementAndEscapesWhatWouldEndIt) {
  EXPECT_EQ(array({}), "{}");
  EXPECT_EQ(array({"a", "b,c", "{d}", ""}), R"({"a","b,c","{d}",""})");
  EXPECT_EQ(array({R"(say "x")", R"(back\slash)", R"(\")"}),
            R"({"say \"x\"","back\\slash","\\\""})");
}

TEST(TextArray, TellsNullFromItsName) {
  EXPECT_EQ(array({std::nullopt, "NULL", "null"}), R"({NULL,"NULL","null"})");
}

TEST(SqlBatch, GivesEachCallARowOfItsOwn) {
  SqlCall a = call("/v1/verify", {"Bearer 1", std::nullopt, "x:y"});
  SqlCall b = call("/v1/verify", {"Bearer 1", std::nullopt, "x:y"});
  SqlCall* calls[] = {&a, &b};
  const SqlBatch batch = make_batch(calls);
  EXPECT_EQ(batch.rows, 2U);
  EXPECT_EQ(batch.arrays, (std::vector<std::string>{R"({"Bearer 1","Bearer 1"})", "{NULL,NULL}",
                                                    R"({"x:y","x:y"})"}));
  ASSERT_EQ(batch.waiting.size(), 2U);
  EXPECT_EQ(batch.waiting[0].call, &a);
  EXPECT_EQ(batch.waiting[0].row, 0U);
  EXPECT_EQ(batch.waiting[1].call, &b);
  EXPECT_EQ(batch.waiting[1].row, 1U);
}

TEST(SqlBatch, SharesARowBetweenEqualCallsWhereTheEndpointDoes) {
  SqlCall a = call("/.well-known/jwks.json", {std::nullopt});
  SqlCall b = call("/.well-known/jwks.json", {"\"v1\""});
  SqlCall c = call("/.well-known/jwks.json", {std::nullopt});
  SqlCall d = call("/.well-known/jwks.json", {"\"v1\""});
  SqlCall* calls[] = {&a, &b, &c, &d};
  const SqlBatch batch = make_batch(calls);
  EXPECT_EQ(batch.rows, 2U);
  EXPECT_EQ(batch.arrays, (std::vector<std::string>{R"({NULL,"\"v1\""})"}));
  std::vector<std::size_t> rows;
  for (const auto& waiting : batch.waiting) rows.push_back(waiting.row);
  EXPECT_EQ(rows, (std::vector<std::size_t>{0, 1, 0, 1}));
}

TEST(SqlBatch, OfAFunctionWithoutArgumentsIsOneRowForAll) {
  SqlCall a = call("/readyz", {});
  SqlCall b = call("/readyz", {});
  SqlCall* calls[] = {&a, &b};
  const SqlBatch batch = make_batch(calls);
  EXPECT_EQ(batch.rows, 1U);
  EXPECT_TRUE(batch.arrays.empty());
  EXPECT_EQ(batch.waiting[1].row, 0U);
}

TEST(SqlState, OfAServerThatIsAwayOrOverloadedMeansTryAgain) {
  for (const char* state : {"08000", "08006", "53100", "53200", "53300", "57P01", "57P02", "57P03",
                            "57014", "40001", "40P01", "25006", "55P03"}) {
    EXPECT_EQ(classify(state), SqlFailure::transient) << state;
  }
}

TEST(SqlState, OfALostStatementMeansANewSession) {
  EXPECT_EQ(classify("26000"), SqlFailure::stale);
  EXPECT_EQ(classify("0A000"), SqlFailure::stale);
}

TEST(SqlState, OfAnythingElseIsOurOwnFailure) {
  for (const char* state : {"", "22021", "42501", "42883", "P0001", "XX000", "57P04", "40002"}) {
    EXPECT_EQ(classify(state), SqlFailure::refused) << state;
  }
}

}  // namespace
}  // namespace openclaw::front
