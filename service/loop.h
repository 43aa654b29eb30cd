// One event loop on its thread: its share of the clients, its router, its connections to Postgres.
// Nothing in it is shared with another loop but the log; its metrics are read by another thread.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "serving/deadlines.h"
#include "serving/log.h"
#include "service/listener.h"
#include "service/metrics.h"
#include "service/options.h"
#include "service/router.h"
#include "service/sql_connector.h"
#include "service/sql_pool.h"

namespace openclaw::front {

class Connection;

// Kinds of a client's deadline.
enum class Limit : std::uint8_t { idle, head, body, write, linger };
inline constexpr std::size_t kLimits = 5;

class Loop {
 public:
  using Clients = Deadlines<std::shared_ptr<Connection>, kLimits>;

  // `maintains`: one of the loops calls maintain() every so often.
  Loop(const Options& options, SqlServers& servers, Log& log, std::atomic<unsigned>& clients,
       bool maintains);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  boost::asio::io_context& context() { return context_; }
  // Returns after drain() has done its work.
  void run() { context_.run(); }

  // From any thread. The client counts in `clients` already; it no longer does once it is gone.
  void adopt(ClientSocket socket);
  // From any thread: idle clients go at once, the others with their answer, at the latest when
  // drain_timeout is over.
  void drain();

  // For connections, on the loop's thread.
  Clients::Handle add(std::shared_ptr<Connection> connection);
  void remove(Clients::Handle client);
  void limit(Clients::Handle client, Limit kind);
  void lift_limit(Clients::Handle client) { clients_here_.clear(client); }
  // Its answer is there. All answers of one turn of the loop are sent one after the other, with
  // nothing between, so that a client of many connections is woken once for them.
  void send_soon(std::shared_ptr<Connection> client);
  Router& router() { return router_; }
  Log& log() { return log_; }
  Metrics& metrics() { return metrics_; }
  bool draining() const { return draining_; }
  std::array<char, 16 * 1024>& scratch() { return scratch_; }

 private:
  void tick();
  void send_answers();
  void maintain(std::chrono::steady_clock::time_point now);
  void begin_drain();
  void cut_off();
  void end_if_drained();

  const std::chrono::milliseconds drain_timeout_;
  Log& log_;
  std::atomic<unsigned>& clients_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> more_work_;
  boost::asio::steady_timer ticker_;
  Metrics metrics_;
  SqlPool sql_;
  SqlCall maintenance_;
  bool maintaining_ = false;
  std::chrono::steady_clock::time_point maintain_at_;  // max(): never
  const std::chrono::milliseconds maintenance_interval_;
  Router router_;
  Clients clients_here_;
  std::vector<std::shared_ptr<Connection>> answered_;  // answers to be sent
  std::array<char, 16 * 1024> scratch_;
  std::chrono::steady_clock::time_point cut_off_at_ = std::chrono::steady_clock::time_point::max();
  bool draining_ = false;
  bool ended_ = false;
};

}  // namespace openclaw::front
