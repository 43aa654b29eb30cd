// Where a coroutine waits until another part of the same thread has something for it. Costs no
// system call and no trip through the event loop's queue.
#pragma once

#include <coroutine>
#include <utility>

namespace openclaw::gate {

class Wakeup {
 public:
  class Wait {
   public:
    explicit Wait(Wakeup& wakeup) : wakeup_(wakeup) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) const noexcept { wakeup_.waiter_ = waiter; }
    void await_resume() const noexcept {}

   private:
    Wakeup& wakeup_;
  };

  // One waiter at a time, which this outlives.
  Wait wait() { return Wait(*this); }
  bool has_waiter() const { return waiter_ != nullptr; }

  // The waiter, if there is one, runs before this returns: a caller's last act.
  void notify() {
    if (const std::coroutine_handle<> waiter = std::exchange(waiter_, nullptr)) waiter.resume();
  }

 private:
  std::coroutine_handle<> waiter_;
};

}  // namespace openclaw::gate
