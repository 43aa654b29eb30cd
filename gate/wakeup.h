// Where a coroutine waits until another part of the same thread has something for it. Costs no
// system call and no trip through the event loop's queue.
#pragma once

#include <memory>
#include <utility>  // before Boost 1.74 awaitable.hpp, which uses std::exchange without it

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace openclaw::gate {

class Wakeup {
 public:
  // One waiter at a time. Destroying this destroys the waiter's coroutine, not resumes it.
  boost::asio::awaitable<void> wait() {
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        [this](auto handler) {
          waiter_ = std::make_unique<Handler<decltype(handler)>>(std::move(handler));
        },
        boost::asio::use_awaitable);
  }

  // The waiter, if there is one, runs before this returns: a caller's last act.
  void notify() {
    if (const std::unique_ptr<Waiter> waiter = std::move(waiter_)) waiter->resume();
  }

 private:
  struct Waiter {
    virtual ~Waiter() = default;
    virtual void resume() = 0;
  };

  template <class Resume>
  struct Handler final : Waiter {
    explicit Handler(Resume handler) : handler_(std::move(handler)) {}
    void resume() override { handler_(); }
    Resume handler_;
  };

  std::unique_ptr<Waiter> waiter_;
};

}  // namespace openclaw::gate
