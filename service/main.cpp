// The front: HTTP in, one SQL call, HTTP out.
#include <atomic>
#include <csignal>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include "service/door.h"
#include "service/loop.h"
#include "service/metrics.h"
#include "service/options.h"
#include "service/sql_connector.h"
#include "serving/log.h"
#include "serving/metrics_server.h"
#include "serving/process.h"

namespace {

using namespace openclaw;
using namespace openclaw::front;
using boost::asio::ip::tcp;

// Descriptors beside those of the clients: epoll, timers, the listeners, who asks for metrics,
// stderr, resolver.
constexpr std::uint64_t kOtherDescriptors = 64;

// Empty, or why max_clients cannot be had.
std::string raise_descriptor_limit_for(const Options& options) {
  const std::uint64_t servers = 1 + options.standbys.size();
  const std::uint64_t needed = options.max_clients + kOtherDescriptors +
                               options.threads * (servers * options.connections + 5);
  const std::uint64_t limit = raise_descriptor_limit(needed);
  if (limit >= needed) return {};
  return "--max-clients " + std::to_string(options.max_clients) + " needs " +
         std::to_string(needed) + " open files, and the limit (ulimit -Hn) is " +
         std::to_string(limit) + ": raise it, or lower --max-clients";
}

int refuse(const std::string& why) {
  std::cerr << "openclaw-front: " << why << "\n";
  return 2;
}

std::string address_and_port(const std::string& address, std::uint16_t port) {
  return address + " port " + std::to_string(port);
}

using Loops = std::vector<std::unique_ptr<Loop>>;

// The metrics' listener on a thread of its own: a scrape takes no time of an event loop's, and
// comes through while they drain.
class MetricsThread {
 public:
  // Throws boost::system::system_error when the address cannot be had.
  MetricsThread(const tcp::endpoint& endpoint, std::function<std::string()> text)
      : server_(std::in_place, context_, endpoint, std::move(text)),
        thread_([this] { context_.run(); }) {}
  ~MetricsThread() {
    boost::asio::post(context_, [this] { server_.reset(); });
    thread_.join();
  }
  MetricsThread(const MetricsThread&) = delete;
  MetricsThread& operator=(const MetricsThread&) = delete;

  tcp::endpoint endpoint() const { return endpoint_; }

 private:
  boost::asio::io_context context_{1};
  std::optional<MetricsServer> server_;
  const tcp::endpoint endpoint_ = server_->endpoint();
  std::thread thread_;
};

void serve(Loops& loops, Door& door, Log& log) {
  boost::asio::signal_set signals(loops.front()->context(), SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    signals.clear();  // the next one has its usual effect
    log.write(LogLevel::info, "draining", {});
    door.close();
    for (const auto& loop : loops) loop->drain();
  });
  door.open();
  log.write(LogLevel::info, "listening", {{"address", door.address()}});

  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < loops.size(); ++i) {
    threads.emplace_back([&loop = *loops[i]] { loop.run(); });
  }
  loops.front()->run();
  for (std::thread& thread : threads) thread.join();
}

// The exit status.
int listen_and_serve(const Options& options, SqlServers& servers, Log& log) {
  std::atomic<unsigned> clients{0};
  Loops loops;
  for (unsigned i = 0; i < options.threads; ++i) {
    loops.push_back(std::make_unique<Loop>(options, servers, log, clients, i == 0));
  }
  std::optional<Door> door;
  std::optional<MetricsThread> metrics;
  std::string where = options.socket_path.empty() ? address_and_port(options.address, options.port)
                                                  : options.socket_path;
  try {
    door.emplace(options, loops, log, clients);
    if (options.metrics) {
      where = address_and_port(options.metrics->address().to_string(), options.metrics->port());
      metrics.emplace(*options.metrics, [&] {
        Metrics all(options.standbys.size());
        for (const auto& loop : loops) all.add(loop->metrics());
        return prometheus_text(all, clients, log.lost());
      });
      log.write(LogLevel::info, "metrics_listening", {{"address", text_of(metrics->endpoint())}});
    }
  } catch (const boost::system::system_error& error) {
    servers.stop();
    return refuse("cannot listen on " + where + ": " + error.code().message());
  }
  serve(loops, *door, log);
  metrics.reset();
  servers.stop();
  log.write(LogLevel::info, "stopped", {{"log_lines_lost", static_cast<std::int64_t>(log.lost())}});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = parse_options(argc, argv);
  if (const auto* end = std::get_if<Exit>(&parsed)) {
    (end->code == 0 ? std::cout : std::cerr) << end->message;
    return end->code;
  }
  const Options& options = std::get<Options>(parsed);
  if (const std::string why = raise_descriptor_limit_for(options); !why.empty()) return refuse(why);
  if (!options.core_dumps) forbid_dumps();
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return refuse("cannot ignore SIGPIPE");

  Log log(options.log_level);
  const bool watched = !options.standbys.empty();
  SqlServers servers{SqlConnector(options.database, watched ? "primary" : ""), {}};
  for (const std::string& standby : options.standbys) {
    servers.standbys.push_back(std::make_unique<SqlConnector>(standby, "standby"));
  }
  return listen_and_serve(options, servers, log);
}
