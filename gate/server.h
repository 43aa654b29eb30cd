// The gate at work on its one thread: who listens, the configuration in force, the clients, and
// what they share. Loop, log and time limits live here; what a request meets lies in session.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>  // before Boost 1.74 awaitable.hpp, which uses std::exchange without it
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "gate/config.h"
#include "gate/file_watch.h"
#include "gate/metrics.h"
#include "gate/platform.h"
#include "gate/policy.h"
#include "gate/poller.h"
#include "serving/deadlines.h"
#include "serving/log.h"
#include "serving/metrics_server.h"
#include "serving/request_id.h"

namespace openclaw::gate {

class Session;

// Kinds of a client's time limit.
enum class Limit : std::uint8_t { idle, head, body, write, linger };
inline constexpr std::size_t kLimits = 5;

class Server {
 public:
  using Clients = Deadlines<std::shared_ptr<Session>, kLimits>;

  // Listens from here on. Throws std::runtime_error with a sentence that says what of the
  // configuration cannot be had (an address, a TLS file).
  Server(boost::asio::io_context& loop, std::string config_path, Config config, Log& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes clients in. The loop's run() returns once drain() has done its work.
  void start();
  // Reads the configuration and its files again, off this thread. A bad one changes nothing.
  void reload();
  // No new clients; idle ones go at once, the others with their answer, at the latest after 10 s.
  void drain();

  // For sessions.
  std::shared_ptr<Policy> policy() const { return policy_; }
  boost::asio::awaitable<void> refetch_keys();
  boost::asio::awaitable<void> read_status_list(std::shared_ptr<KnownList> list);
  Clients::Handle add(std::shared_ptr<Session> session);
  void remove(Clients::Handle client);
  void limit(Clients::Handle client, Limit kind);
  void lift_limit(Clients::Handle client) { clients_.clear(client); }
  bool draining() const { return draining_; }
  // Another number once clients come through another listener, or with TLS where there was none:
  // what a connection was let in by no longer holds then, and it ends.
  std::uint64_t door() const { return door_; }
  Log& log() { return log_; }
  Metrics& metrics() { return metrics_; }
  RequestIds& request_ids() { return request_ids_; }
  boost::asio::io_context& loop() { return loop_; }
  Poller& poller() { return poller_; }

 private:
  using Clock = std::chrono::steady_clock;

  // All that a configuration puts to work. Making it can fail; putting it in force cannot.
  struct Works {
    std::shared_ptr<Policy> policy;
    std::shared_ptr<Platform> platform;  // null in modes without
    std::optional<boost::asio::ip::tcp::acceptor> acceptor;
    std::unique_ptr<MetricsServer> metrics_server;
    std::unique_ptr<FileWatch> watch;
  };
  using Read = std::variant<Config, std::vector<ConfigProblem>>;

  Works make_works(Config config);
  std::shared_ptr<Platform> make_platform(const Config& config);
  void put_in_force(Works works);
  void use_keys();
  void end_revoked();
  boost::asio::awaitable<void> begin();
  boost::asio::awaitable<void> apply(Read read);
  boost::asio::awaitable<void> wait_for_keys(std::shared_ptr<Platform> platform);
  void reload_refused(const std::string& problem);
  void accept();
  void accepted(boost::asio::ip::tcp::socket socket);
  void turn_away(boost::asio::ip::tcp::socket socket);
  void tick();
  void cut_off();
  void end_if_drained();

  boost::asio::io_context& loop_;
  Poller poller_;
  const std::string config_path_;
  Log& log_;
  Metrics metrics_;
  RequestIds request_ids_;
  std::shared_ptr<Policy> policy_;
  std::shared_ptr<Platform> platform_;
  Clients clients_;
  std::size_t most_clients_ = 0;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::unique_ptr<MetricsServer> metrics_server_;
  std::unique_ptr<FileWatch> watch_;
  boost::asio::steady_timer accept_pause_;
  boost::asio::steady_timer ticker_;
  boost::asio::steady_timer reload_later_;
  boost::asio::thread_pool reader_{1};  // parses configurations: a large one takes seconds
  std::uint64_t door_ = 0;
  bool accepting_ = false;
  bool reloading_ = false;
  bool reload_again_ = false;
  bool draining_ = false;
  bool ended_ = false;
  Clock::time_point cut_off_at_ = Clock::time_point::max();
};

}  // namespace openclaw::gate
