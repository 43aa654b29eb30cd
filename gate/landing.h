// Where coroutines wait, each at most so long, for what is on its way to land. One thread.
#pragma once

#include <chrono>
#include <set>
#include <utility>  // before Boost 1.74 awaitable.hpp, which uses std::exchange without it

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

namespace openclaw::gate {

class Landing {
 public:
  explicit Landing(boost::asio::any_io_executor loop) : loop_(std::move(loop)) {}
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;

  // Until the next notify(), or until the time is over. This outlives it.
  boost::asio::awaitable<void> wait(std::chrono::milliseconds at_most) {
    Waiter waiter(*this, at_most);
    boost::system::error_code landed;
    co_await waiter.timer.async_wait(
        boost::asio::redirect_error(boost::asio::use_awaitable, landed));
  }

  // All who wait go on from the event loop, not within this call.
  void notify() {
    for (boost::asio::steady_timer* waiter : waiting_) waiter->cancel();
  }

 private:
  // Leaves the set of those who wait also when the loop ends and the coroutine with it.
  struct Waiter {
    Waiter(Landing& its_landing, std::chrono::milliseconds at_most)
        : landing(its_landing), timer(landing.loop_, at_most) {
      landing.waiting_.insert(&timer);
    }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() { landing.waiting_.erase(&timer); }

    Landing& landing;
    boost::asio::steady_timer timer;
  };

  boost::asio::any_io_executor loop_;
  std::set<boost::asio::steady_timer*> waiting_;
};

}  // namespace openclaw::gate
