#include "gate/metrics.h"

#include <gtest/gtest.h>

namespace openclaw::gate {
namespace {

TEST(GateMetrics, CountsByLabels) {
  Metrics metrics;
  metrics.requests.add(LabelledCounter::Labels{"allowed", "ok"});
  metrics.requests.add(LabelledCounter::Labels{"allowed", "ok"});
  metrics.requests.add(LabelledCounter::Labels{"unauthenticated", "expired"});
  metrics.jwks_fetches.add("ok");
  metrics.status_fetches.add("expired");
  metrics.status_lists = 2;
  const std::string text = prometheus_text(metrics, 3);
  for (const char* line :
       {"openclaw_gate_requests_total{decision=\"allowed\",reason=\"ok\"} 2\n",
        "openclaw_gate_requests_total{decision=\"unauthenticated\",reason=\"expired\"} 1\n",
        "openclaw_gate_jwks_fetches_total{outcome=\"ok\"} 1\n",
        "openclaw_gate_status_fetches_total{outcome=\"expired\"} 1\n",
        "openclaw_gate_status_lists 2\n", "# TYPE openclaw_gate_status_lists gauge\n",
        "openclaw_gate_log_lines_lost_total 3\n", "# TYPE openclaw_gate_requests_total counter\n",
        "# TYPE openclaw_gate_connections gauge\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(GateMetrics, PutsStatusesInClasses) {
  Metrics metrics;
  for (const unsigned status : {200U, 204U, 401U, 499U, 502U, 0U, 999U}) {
    metrics.count_response(status);
  }
  const std::string text = prometheus_text(metrics, 0);
  for (const char* line : {"{class=\"2xx\"} 2\n", "{class=\"4xx\"} 2\n", "{class=\"5xx\"} 1\n",
                           "{class=\"other\"} 2\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

}  // namespace
}  // namespace openclaw::gate
