#include "gate/gate.h"

#include <csignal>
#include <iostream>
#include <stdexcept>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "gate/cli.h"
#include "gate/config.h"
#include "gate/file_watch.h"
#include "gate/server.h"

namespace openclaw::gate {
namespace {

namespace asio = boost::asio;

class Signals {
 public:
  Signals(asio::io_context& loop, Server& server)
      : server_(server), end_(loop, SIGTERM, SIGINT), hang_up_(loop, SIGHUP) {
    end_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      end_.clear();  // the next one has its usual effect
      hang_up_.cancel();
      server_.drain();
    });
    await_hang_up();
  }

 private:
  void await_hang_up() {
    hang_up_.async_wait([this](const boost::system::error_code& error, int) {
      if (error || server_.draining()) return;
      server_.reload();
      await_hang_up();
    });
  }

  Server& server_;
  asio::signal_set end_;
  asio::signal_set hang_up_;
};

// One handler that fails, for want of memory, is no reason to fail all.
void run(asio::io_context& loop, Log& log) {
  for (;;) {
    try {
      loop.run();
      return;
    } catch (const std::exception&) {
      log.write(LogLevel::error, "handler_failed", {});
    }
  }
}

}  // namespace

int run_gate(const std::string& config_path, LogLevel log_level) {
  const Console console{std::cerr, std::cerr};
  const FileStamp read_at = stamp_of(config_path);
  auto opened = open_config(console, config_path, ConfigUse::gate);
  if (const int* code = std::get_if<int>(&opened)) return *code;
  Config& config = std::get<Config>(opened);
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
    return fail(console, kUnreachable, "cannot ignore SIGPIPE");
  }
  asio::io_context loop{1};
  Log log(log_level);
  try {
    Server server(loop, config_path, std::move(config), log);
    const Signals signals(loop, server);
    server.start();
    // A large file takes a while to read, and may have changed before anybody watched it.
    if (stamp_of(config_path) != read_at) server.reload();
    run(loop, log);
  } catch (const std::runtime_error& error) {
    return fail(console, kMisused, error.what());
  }
  log.write(LogLevel::info, "stopped", {{"log_lines_lost", static_cast<std::int64_t>(log.lost())}});
  return kDone;
}

}  // namespace openclaw::gate
