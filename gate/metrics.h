// What the gate counts, and Prometheus's text of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace openclaw::gate {

// Counters by labels whose values are constants of ours, so their number is small.
class LabelledCounter {
 public:
  using Labels = std::array<std::string_view, 2>;

  void add(const Labels& labels);
  void add(std::string_view label) { add({label, {}}); }
  const std::vector<std::pair<Labels, std::uint64_t>>& counts() const { return counts_; }

 private:
  std::vector<std::pair<Labels, std::uint64_t>> counts_;
};

struct Metrics {
  LabelledCounter requests;        // decision, reason
  LabelledCounter responses;       // class: 2xx, 4xx, ...
  LabelledCounter jwks_fetches;    // outcome
  LabelledCounter status_fetches;  // outcome
  LabelledCounter config_reloads;  // outcome
  std::uint64_t upstream_connections = 0;
  std::uint64_t upstream_failures = 0;
  std::uint64_t connections_refused = 0;
  std::uint64_t tls_handshakes_failed = 0;
  std::size_t connections = 0;  // now
  std::size_t exchanges = 0;    // now: requests that wait for the upstream or stream
  std::size_t jwks_keys = 0;
  std::size_t status_lists = 0;
  std::size_t remembered_tokens = 0;

  void count_response(unsigned status);
};

// Prometheus's text exposition format 0.0.4.
std::string prometheus_text(const Metrics& metrics, std::uint64_t log_lines_lost);

}  // namespace openclaw::gate
