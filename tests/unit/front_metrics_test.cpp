#include "service/metrics.h"

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace openclaw::front {
namespace {

using namespace std::chrono_literals;

const Endpoint& endpoint(std::string_view path) { return *find_endpoint(path); }

void expect_lines(const std::string& text, std::initializer_list<std::string> lines) {
  for (const std::string& line : lines) {
    EXPECT_NE(text.find("\nopenclaw_front_" + line + "\n"), std::string::npos) << line << text;
  }
}

TEST(FrontMetrics, AddUpWhatEachLoopCounted) {
  Metrics one(1), other(1), all(1);
  one.count_answer(&endpoint("/oauth/token"), 200, 300us);
  one.count_statement(endpoint("/oauth/token"), 0, StatementOutcome::ok, 3);
  one.sql_waiting.set(2);
  one.servers[1].within_bound.set(1);
  one.servers[0].connections[static_cast<std::size_t>(SqlState::busy)].set(1);
  one.clients_turned_away.add();
  other.count_answer(&endpoint("/oauth/token"), 200, 3ms);
  other.count_answer(&endpoint("/oauth/token"), 401, 3ms);
  other.count_statement(endpoint("/oauth/token"), 1, StatementOutcome::lost, 1);
  other.sql_waiting.set(5);
  other.servers[1].within_bound.set(2);
  other.servers[0].connections[static_cast<std::size_t>(SqlState::busy)].set(2);
  all.add(one);
  all.add(other);
  expect_lines(prometheus_text(all, 7, 8),
               {R"(requests_total{route="token",status="200"} 2)",
                R"(requests_total{route="token",status="401"} 1)",
                R"(request_duration_seconds_bucket{route="token",le="0.0005"} 1)",
                R"(request_duration_seconds_bucket{route="token",le="0.005"} 3)",
                R"(request_duration_seconds_sum{route="token"} 0.0063)",
                R"(sql_statements_total{route="token",server="primary",outcome="ok"} 1)",
                R"(sql_statements_total{route="token",server="standby-1",outcome="lost"} 1)",
                "sql_batch_requests_sum 4", "sql_batch_requests_count 2", "sql_waiting 7",
                R"(standby_within_bound{server="standby-1"} 3)",
                R"(sql_connections{server="primary",state="busy"} 3)", "clients 7",
                "clients_turned_away_total 1", "log_lines_lost_total 8"});
}

TEST(FrontMetrics, HaveARouteAndAStatusForWhatHasNone) {
  Metrics metrics(0);
  metrics.count_answer(nullptr, 404, 1us);
  for (const int status : {0, -1, 600, 1'000'000}) metrics.count_answer(nullptr, status, 1us);
  const std::string text = prometheus_text(metrics, 0, 0);
  expect_lines(text, {R"(requests_total{route="-",status="404"} 1)",
                      R"(requests_total{route="-",status="0"} 4)",
                      R"(request_duration_seconds_count{route="-"} 5)"});
  EXPECT_EQ(text.find("standby-"), std::string::npos);
}

}  // namespace
}  // namespace openclaw::front
