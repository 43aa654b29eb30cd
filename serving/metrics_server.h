// A second listener, on loopback: GET /metrics for Prometheus and GET /healthz.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>  // before Boost 1.74 awaitable.hpp, which uses std::exchange without it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace openclaw {

class MetricsServer {
 public:
  // Serves from here on. `text` is called for each GET /metrics. Throws
  // boost::system::system_error when the address cannot be had.
  MetricsServer(boost::asio::io_context& loop, const boost::asio::ip::tcp::endpoint& endpoint,
                std::function<std::string()> text);
  // Ends what is under way too.
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // With the port that the kernel chose, if it was asked to.
  boost::asio::ip::tcp::endpoint endpoint() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace openclaw
