#include "serving/prometheus.h"

#include <charconv>
#include <iterator>

namespace openclaw {
namespace {

// As short as it can be read back, without an exponent.
std::string decimal(std::uint64_t value, std::uint64_t unit) {
  char digits[64];
  const auto [end, unused] = std::to_chars(std::begin(digits), std::end(digits),
                                           static_cast<double>(value) / static_cast<double>(unit),
                                           std::chars_format::fixed);
  return {digits, end};
}

}  // namespace

void PrometheusText::metric(std::string_view name, std::string_view type, std::string_view help) {
  name_ = prefix_;
  name_ += name;
  text_.append("# HELP ").append(name_).append(" ").append(help).append("\n");
  text_.append("# TYPE ").append(name_).append(" ").append(type).append("\n");
}

void PrometheusText::sample(const Labels& labels, std::uint64_t value) {
  line("", labels, std::to_string(value));
}

void PrometheusText::sample(const Labels& labels, const Histogram& histogram) {
  const auto& [bounds, unit] = histogram.buckets();
  std::uint64_t count = 0;
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    count += histogram.count(i);
    const std::string bound = i < bounds.size() ? decimal(bounds[i], unit) : "+Inf";
    Labels with_bound = labels;
    with_bound.push_back({"le", bound});
    line("_bucket", with_bound, std::to_string(count));
  }
  line("_sum", labels, decimal(histogram.sum(), unit));
  line("_count", labels, std::to_string(count));
}

void PrometheusText::line(std::string_view suffix, const Labels& labels, std::string_view value) {
  text_.append(name_).append(suffix);
  char separator = '{';
  for (const Label& label : labels) {
    text_ += separator;
    text_.append(label.name).append("=\"").append(label.value).append("\"");
    separator = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_.append(" ").append(value).append("\n");
}

}  // namespace openclaw
