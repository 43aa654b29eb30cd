// Numbers that one thread writes and any may read: relaxed atomics without a locked instruction, so
// that counting costs the writer an addition in its own cache.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace openclaw {

class Counter {
 public:
  void add(std::uint64_t count = 1) { store(value() + count); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 protected:
  void store(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge : public Counter {
 public:
  void set(std::uint64_t value) { store(value); }
};

// What a histogram's values are sorted into.
struct Buckets {
  std::span<const std::uint64_t> bounds;  // the largest value of each, ascending
  std::uint64_t unit;  // what is 1 in the metric's unit: 10^9 for nanoseconds of one in seconds
};

class Histogram {
 public:
  static constexpr std::size_t kMaxBounds = 16;

  explicit Histogram(const Buckets& buckets) : buckets_(buckets) {}

  void observe(std::uint64_t value) {
    const auto bounds = buckets_.bounds;
    const auto bound = std::lower_bound(bounds.begin(), bounds.end(), value);
    counts_.at(static_cast<std::size_t>(bound - bounds.begin())).add();
    sum_.add(value);
  }
  // What another one of the same buckets has observed.
  void add(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i].add(other.counts_[i].value());
    sum_.add(other.sum());
  }

  const Buckets& buckets() const { return buckets_; }
  // How many values a bucket has, those of lower ones apart; the last has what is above all bounds.
  std::uint64_t count(std::size_t bucket) const { return counts_.at(bucket).value(); }
  std::uint64_t sum() const { return sum_.value(); }

 private:
  const Buckets& buckets_;
  std::array<Counter, kMaxBounds + 1> counts_;
  Counter sum_;
};

}  // namespace openclaw
