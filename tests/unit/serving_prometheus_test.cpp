#include "serving/prometheus.h"

#include <array>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace openclaw {
namespace {

constexpr std::array<std::uint64_t, 3> kBounds{250, 1'000, 2'000'000};
const Buckets kSeconds{kBounds, 1'000'000};

TEST(PrometheusText, DeclaresEachMetricAndLabelsItsSamples) {
  PrometheusText text("openclaw_test_");
  text.metric("requests_total", "counter", "Requests.");
  text.sample({{"route", "token"}, {"status", "200"}}, 3);
  text.sample({{"route", "-"}, {"status", "404"}}, 0);
  text.single("clients", "gauge", "Clients.", 7);
  EXPECT_EQ(text.take(),
            "# HELP openclaw_test_requests_total Requests.\n"
            "# TYPE openclaw_test_requests_total counter\n"
            "openclaw_test_requests_total{route=\"token\",status=\"200\"} 3\n"
            "openclaw_test_requests_total{route=\"-\",status=\"404\"} 0\n"
            "# HELP openclaw_test_clients Clients.\n"
            "# TYPE openclaw_test_clients gauge\n"
            "openclaw_test_clients 7\n");
}

TEST(PrometheusText, WritesHistogramsCumulativelyInTheUnitOfTheMetric) {
  Histogram histogram(kSeconds);
  for (const std::uint64_t value : {0U, 250U, 251U, 1'000U, 2'000'000U, 2'000'001U}) {
    histogram.observe(value);
  }
  PrometheusText text("t_");
  text.metric("seconds", "histogram", "Times.");
  text.sample({{"route", "a"}}, histogram);
  EXPECT_EQ(text.take(),
            "# HELP t_seconds Times.\n"
            "# TYPE t_seconds histogram\n"
            "t_seconds_bucket{route=\"a\",le=\"0.00025\"} 2\n"
            "t_seconds_bucket{route=\"a\",le=\"0.001\"} 4\n"
            "t_seconds_bucket{route=\"a\",le=\"2\"} 5\n"
            "t_seconds_bucket{route=\"a\",le=\"+Inf\"} 6\n"
            "t_seconds_sum{route=\"a\"} 4.001502\n"
            "t_seconds_count{route=\"a\"} 6\n");
}

TEST(Histogram, AddsUp) {
  Histogram all(kSeconds), one(kSeconds), other(kSeconds);
  one.observe(1);
  other.observe(2);
  other.observe(3'000'000);
  all.add(one);
  all.add(other);
  EXPECT_EQ(all.count(0), 2U);
  EXPECT_EQ(all.count(1), 0U);
  EXPECT_EQ(all.count(3), 1U);
  EXPECT_EQ(all.sum(), 3'000'003U);
}

TEST(Counter, Counts) {
  Counter counter;
  counter.add();
  counter.add(4);
  EXPECT_EQ(counter.value(), 5U);
  Gauge gauge;
  gauge.set(9);
  gauge.set(2);
  EXPECT_EQ(gauge.value(), 2U);
}

}  // namespace
}  // namespace openclaw
