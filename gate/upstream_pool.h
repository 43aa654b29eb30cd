// Connections to the upstream, kept alive between requests.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>  // before Boost 1.74 awaitable.hpp, which uses std::exchange without it

#include <boost/asio/awaitable.hpp>

#include "gate/channel.h"
#include "gate/config.h"
#include "gate/poller.h"

namespace openclaw::gate {

class UpstreamPool {
 public:
  using Clock = std::chrono::steady_clock;

  // Node closes a connection that was idle for 5 s, uvicorn too: one that is about to be closed
  // must not be given a request that cannot be repeated.
  static constexpr std::chrono::seconds kIdle{4};
  static constexpr std::chrono::seconds kConnect{5};

  UpstreamPool(Poller& poller, Upstream upstream);

  const Upstream& upstream() const { return upstream_; }
  // For the Host field: host:port, as the upstream knows itself.
  const std::string& authority() const { return authority_; }

  // Null when none is idle.
  std::shared_ptr<Channel> take_idle();
  // Null when the upstream cannot be reached within kConnect. A name is resolved each time; a
  // look-up that hangs is not interrupted, since the system's resolver cannot be.
  boost::asio::awaitable<std::shared_ptr<Channel>> connect();
  // For a connection whose last response was read whole.
  void give_back(std::shared_ptr<Channel> channel);

  // Closes what has been idle for too long.
  void expire(Clock::time_point now);
  // Nothing is kept from here on.
  void close();

 private:
  struct Idle {
    std::shared_ptr<Channel> channel;
    Clock::time_point since;
  };

  Poller& poller_;
  Upstream upstream_;
  std::string authority_;
  bool closed_ = false;
  std::deque<Idle> idle_;  // the longest idle first
};

}  // namespace openclaw::gate
