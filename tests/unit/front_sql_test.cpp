#include "service/sql_batch.h"
#include "service/sqlstate.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace openclaw::front {
namespace {

using namespace std::string_literals;

using Arrays = std::vector<std::optional<std::string>>;

SqlCall call(const char* path, SqlArguments arguments) {
  SqlCall call;
  call.endpoint = find_endpoint(path);
  call.arguments = std::move(arguments);
  return call;
}

TEST(TextArray, IsWhatPostgresReadsAsABinaryArrayOfText) {
  EXPECT_EQ(text_array(SqlArguments{"a", "", "b,\"c\\"}),
            "\0\0\0\1"
            "\0\0\0\0"
            "\0\0\0\x19"
            "\0\0\0\3"
            "\0\0\0\1"
            "\0\0\0\1"
            "a"
            "\0\0\0\0"
            "\0\0\0\5"
            "b,\"c\\"s);
  const std::string longer = text_array(SqlArguments{std::string(0x12345, 'x')});
  EXPECT_EQ(longer.substr(20, 5), "\0\1\x23\x45x"s);
}

TEST(TextArray, TellsNullFromItsName) {
  EXPECT_EQ(text_array(SqlArguments{std::nullopt, "NULL"}),
            "\0\0\0\1"
            "\0\0\0\1"
            "\0\0\0\x19"
            "\0\0\0\2"
            "\0\0\0\1"
            "\xff\xff\xff\xff"
            "\0\0\0\4"
            "NULL"s);
}

TEST(SqlBatch, GivesEachCallARowOfItsOwn) {
  SqlCall a = call("/v1/verify", {"Bearer 1", std::nullopt, "x:y"});
  SqlCall b = call("/v1/verify", {"Bearer 1", std::nullopt, "x:y"});
  SqlCall* calls[] = {&a, &b};
  const SqlBatch batch = make_batch(calls);
  EXPECT_EQ(batch.rows, 2U);
  EXPECT_EQ(batch.arrays, (Arrays{text_array(SqlArguments{"Bearer 1", "Bearer 1"}), std::nullopt,
                                  text_array(SqlArguments{"x:y", "x:y"})}));
  ASSERT_EQ(batch.waiting.size(), 2U);
  EXPECT_EQ(batch.waiting[0].call, &a);
  EXPECT_EQ(batch.waiting[0].row, 0U);
  EXPECT_EQ(batch.waiting[1].call, &b);
  EXPECT_EQ(batch.waiting[1].row, 1U);
}

TEST(SqlBatch, SaysByItsFirstArrayHowManyRowsThereAre) {
  SqlCall a = call("/v1/verify", {std::nullopt, std::nullopt, std::nullopt});
  SqlCall b = a;
  SqlCall* calls[] = {&a, &b};
  EXPECT_EQ(make_batch(calls).arrays, (Arrays{text_array(SqlArguments{std::nullopt, std::nullopt}),
                                              std::nullopt, std::nullopt}));
}

TEST(SqlBatch, SharesARowBetweenEqualCallsWhereTheEndpointDoes) {
  SqlCall a = call("/.well-known/jwks.json", {std::nullopt});
  SqlCall b = call("/.well-known/jwks.json", {"\"v1\""});
  SqlCall c = call("/.well-known/jwks.json", {std::nullopt});
  SqlCall d = call("/.well-known/jwks.json", {"\"v1\""});
  SqlCall* calls[] = {&a, &b, &c, &d};
  const SqlBatch batch = make_batch(calls);
  EXPECT_EQ(batch.rows, 2U);
  EXPECT_EQ(batch.arrays, (Arrays{text_array(SqlArguments{std::nullopt, "\"v1\""})}));
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
