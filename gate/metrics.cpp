#include "gate/metrics.h"

#include <algorithm>
#include <span>

#include "serving/prometheus.h"

namespace openclaw::gate {
namespace {

void add_counter(PrometheusText& text, std::string_view name, std::string_view help,
                 std::span<const std::string_view> labels, const LabelledCounter& counter) {
  text.metric(name, "counter", help);
  for (const auto& [values, count] : counter.counts()) {
    PrometheusText::Labels set;
    for (std::size_t i = 0; i < labels.size(); ++i) set.push_back({labels[i], values[i]});
    text.sample(set, count);
  }
}

}  // namespace

void LabelledCounter::add(const Labels& labels) {
  const auto found = std::find_if(counts_.begin(), counts_.end(),
                                  [&](const auto& each) { return each.first == labels; });
  if (found != counts_.end()) {
    ++found->second;
  } else {
    counts_.emplace_back(labels, 1);
  }
}

void Metrics::count_response(unsigned status) {
  constexpr std::array<std::string_view, 6> kClasses{"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
  responses.add(kClasses[status < 600 ? status / 100 : 0]);
}

std::string prometheus_text(const Metrics& metrics, std::uint64_t log_lines_lost) {
  using Names = std::array<std::string_view, 1>;
  PrometheusText text("openclaw_gate_");
  add_counter(text, "requests_total", "Requests by decision and its reason.",
              std::array<std::string_view, 2>{"decision", "reason"}, metrics.requests);
  add_counter(text, "responses_total", "Answers by class of status.", Names{"class"},
              metrics.responses);
  text.single("connections", "gauge", "Clients that are connected.", metrics.connections);
  text.single("connections_refused_total", "counter", "Clients beyond limits.connections.",
              metrics.connections_refused);
  text.single("tls_handshakes_failed_total", "counter",
              "Clients that did not get through the TLS handshake.", metrics.tls_handshakes_failed);
  text.single("exchanges", "gauge", "Requests under way at the upstream, streams included.",
              metrics.exchanges);
  text.single("upstream_connections_total", "counter", "Connections made to the upstream.",
              metrics.upstream_connections);
  text.single("upstream_failures_total", "counter",
              "Requests that the upstream did not answer or broke off.", metrics.upstream_failures);
  text.single("remembered_tokens", "gauge", "JWTs known from an earlier request.",
              metrics.remembered_tokens);
  text.single("jwks_keys", "gauge", "Keys of the platform that serve.", metrics.jwks_keys);
  add_counter(text, "jwks_fetches_total", "Fetches of the platform's keys by outcome.",
              Names{"outcome"}, metrics.jwks_fetches);
  text.single("status_lists", "gauge", "Token status lists that are kept current.",
              metrics.status_lists);
  add_counter(text, "status_fetches_total", "Fetches of token status lists by outcome.",
              Names{"outcome"}, metrics.status_fetches);
  add_counter(text, "config_reloads_total", "Reloads of the configuration by outcome.",
              Names{"outcome"}, metrics.config_reloads);
  text.single("log_lines_lost_total", "counter", "Lines that the log could not write in time.",
              log_lines_lost);
  return text.take();
}

}  // namespace openclaw::gate
