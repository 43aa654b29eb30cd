// Prometheus's text exposition format 0.0.4.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serving/counters.h"

namespace openclaw {

class PrometheusText {
 public:
  // Values are constants of ours, which need no escape.
  struct Label {
    std::string_view name, value;
  };
  using Labels = std::vector<Label>;

  // What every name begins with: "openclaw_gate_".
  explicit PrometheusText(std::string_view prefix) : prefix_(prefix) {}

  // Begins a metric, whose samples follow. The type is counter, gauge or histogram.
  void metric(std::string_view name, std::string_view type, std::string_view help);
  void sample(const Labels& labels, std::uint64_t value);
  void sample(const Labels& labels, const Histogram& histogram);

  // A metric with one sample.
  void single(std::string_view name, std::string_view type, std::string_view help,
              std::uint64_t value) {
    metric(name, type, help);
    sample({}, value);
  }

  std::string take() { return std::move(text_); }

 private:
  void line(std::string_view suffix, const Labels& labels, std::string_view value);

  const std::string prefix_;
  std::string name_;  // of the metric that was begun, with the prefix
  std::string text_;
};

}  // namespace openclaw
