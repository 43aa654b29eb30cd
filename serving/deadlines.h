// Deadlines of many owners, where every deadline of one kind lies equally far ahead: each kind is
// then a queue in the order of time, and setting, moving and expiring one costs the same with one
// owner and with ten thousand.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <list>
#include <utility>

namespace openclaw {

template <class Owner, std::size_t kKinds>
class Deadlines {
 public:
  using Clock = std::chrono::steady_clock;

 private:
  struct Entry {
    Owner owner;
    Clock::time_point at;
    std::size_t queue;
  };
  using Queue = std::list<Entry>;

 public:
  using Handle = typename Queue::iterator;

  explicit Deadlines(const std::array<std::chrono::milliseconds, kKinds>& lengths)
      : lengths_(lengths) {}

  // Without a deadline at first.
  Handle add(Owner owner) {
    queues_[kNone].push_back({std::move(owner), Clock::time_point::max(), kNone});
    return std::prev(queues_[kNone].end());
  }
  void remove(Handle entry) { queues_[entry->queue].erase(entry); }

  void set(Handle entry, std::size_t kind, Clock::time_point now) {
    move(entry, kind, now + lengths_[kind]);
  }
  void clear(Handle entry) { move(entry, kNone, Clock::time_point::max()); }

  // Calls `expired` with each owner whose deadline is `now` or before, and clears that deadline.
  // `expired` may add, set and remove.
  template <class Expired>
  void expire(Clock::time_point now, Expired expired) {
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      while (!queues_[kind].empty() && queues_[kind].front().at <= now) {
        const Owner owner = queues_[kind].front().owner;
        clear(queues_[kind].begin());
        expired(owner);
      }
    }
  }

  std::size_t size() const {
    std::size_t all = 0;
    for (const Queue& queue : queues_) all += queue.size();
    return all;
  }

  // All owners, whatever their deadline.
  std::list<Owner> owners() const {
    std::list<Owner> all;
    for (const Queue& queue : queues_) {
      for (const Entry& entry : queue) all.push_back(entry.owner);
    }
    return all;
  }

 private:
  static constexpr std::size_t kNone = kKinds;

  void move(Handle entry, std::size_t queue, Clock::time_point at) {
    Queue& from = queues_[entry->queue];
    entry->at = at;
    entry->queue = queue;
    queues_[queue].splice(queues_[queue].end(), from, entry);
  }

  std::array<std::chrono::milliseconds, kKinds> lengths_;
  std::array<Queue, kKinds + 1> queues_;
};

}  // namespace openclaw
