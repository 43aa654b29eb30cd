// Waits for many sockets at once. Each is registered once, edge-triggered (epoll(7)), so that what
// a socket costs is the calls that move its bytes. asio's own reactor tries each read before it
// waits for it: a call that fails for each message. Stands in asio's loop as one descriptor of it.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <sys/epoll.h>

namespace openclaw::gate {

class Poller {
 public:
  class Socket {
   public:
    // EPOLL... flags. May remove any socket, itself too.
    virtual void ready(std::uint32_t events) = 0;

   protected:
    ~Socket() = default;
  };

  // Awaited before a send that wakes another process: those of one round of events go on together,
  // up to kTogether at a time. One by one, each pays for waking a peer that has just gone to sleep.
  class Turn {
   public:
    explicit Turn(Poller& poller) : poller_(poller) {}
    // Nothing is going to join it.
    bool await_ready() const { return poller_.next_ == poller_.end_ && poller_.gathered_.empty(); }
    void await_suspend(std::coroutine_handle<> waiter) const {
      poller_.gathered_.push_back(waiter);
    }
    void await_resume() const {}

   private:
    Poller& poller_;
  };
  static constexpr std::size_t kTogether = 8;

  explicit Poller(boost::asio::io_context& loop);
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // For reading, writing and the peer's hanging up. The loop's run() goes on as long as there is
  // one. Throws std::system_error. `socket` stays until remove().
  void add(int descriptor, Socket& socket);
  // Nothing is told to `socket` from here on.
  void remove(int descriptor, const Socket& socket);

  // Whoever awaits it stays until then.
  Turn turn() { return Turn(*this); }

  boost::asio::io_context& loop() { return loop_; }

 private:
  void wait();
  void collect();
  std::exception_ptr tell();
  void tell_next();
  void let_go();

  boost::asio::io_context& loop_;
  boost::asio::posix::stream_descriptor epoll_;
  std::array<epoll_event, 256> events_;  // of the last collect(): from next_ on they are to be told
  std::size_t next_ = 0;
  std::size_t end_ = 0;
  std::vector<std::coroutine_handle<>> gathered_;  // empty between two rounds
  std::size_t sockets_ = 0;
  bool waiting_ = false;
};

}  // namespace openclaw::gate
