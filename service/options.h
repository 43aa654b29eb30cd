// The front's settings: flags, each also an environment variable (--max-batch, OPENCLAW_MAX_BATCH).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "serving/log.h"

namespace openclaw::front {

struct Options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;                              // 0: the kernel chooses one
  std::string socket_path;                                // of a Unix socket, in place of both
  std::optional<boost::asio::ip::tcp::endpoint> metrics;  // a loopback address
  std::string database;  // a libpq connection string without a password; empty: PG* variables
  std::vector<std::string> standbys;  // the same, for each standby
  std::chrono::milliseconds max_lag{5'000};
  bool transaction_pooler = false;  // database is one: no session, no prepared statement
  unsigned threads = 1;
  unsigned connections = 2;  // to each server, for each thread
  unsigned max_batch = 128;
  unsigned max_clients = 10'000;
  unsigned max_waiting = 1'024;  // requests that wait for SQL, for each thread
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{10'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds request_timeout{5'000};
  std::chrono::milliseconds drain_timeout{10'000};
  std::chrono::milliseconds maintenance_interval{60'000};  // 0: others see to it
  std::chrono::milliseconds token_use_interval{60'000};    // 0: never
  bool trust_client_certificate = false;
  std::string base_path;
  LogLevel log_level = LogLevel::info;
  bool core_dumps = false;
};

// Why the program ends instead of starting: 0 after --help or --version, 2 for a bad setting.
struct Exit {
  int code = 0;
  std::string message;
};

std::variant<Options, Exit> parse_options(int argc, const char* const* argv);

}  // namespace openclaw::front
