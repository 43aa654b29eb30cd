// What the front counts, and Prometheus's text of it. Each event loop has its own, which only the
// loop's thread writes: counting costs a request a few additions. All of them are added up where
// they are asked for. Labels are constants of ours: the endpoint table's names, statuses, servers.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "serving/counters.h"
#include "service/endpoints.h"

namespace openclaw::front {

// What became of a statement for requests.
enum class StatementOutcome : std::uint8_t {
  ok,           // its rows came
  failed,       // Postgres refused it, or its rows make no sense
  unavailable,  // Postgres was going, coming, full or too slow
  lost,         // the connection ended first, or was given up
};
inline constexpr std::size_t kStatementOutcomes = 4;

enum class SqlState : std::uint8_t { closed, connecting, idle, busy };
inline constexpr std::size_t kSqlStates = 4;

struct Metrics {
  static constexpr std::size_t kStatuses = 600;

  struct Route {
    Route();
    std::array<Counter, kStatuses> answers;  // by status; 0: the connection ended without one
    Histogram duration;                      // in nanoseconds
  };
  struct Server {
    // For each of endpoints(), by outcome.
    std::vector<std::array<Counter, kStatementOutcomes>> statements =
        std::vector<std::array<Counter, kStatementOutcomes>>(endpoints().size());
    std::array<Gauge, kSqlStates> connections;
    Gauge within_bound;  // connections to a standby that may be asked
  };

  explicit Metrics(std::size_t standbys);

  // `endpoint` is null where the request has none.
  void count_answer(const Endpoint* endpoint, int status, std::chrono::nanoseconds spent);
  // `server`: 0 is the primary, the standbys follow.
  void count_statement(const Endpoint& endpoint, std::size_t server, StatementOutcome outcome,
                       std::size_t requests);
  void add(const Metrics& other);

  std::vector<Route> routes;    // as endpoints(), then one for requests that have none
  std::vector<Server> servers;  // the primary, then the standbys
  Histogram batch;              // requests in a statement
  Gauge sql_waiting;
  Counter clients_turned_away;
};

// Of all loops together.
std::string prometheus_text(const Metrics& metrics, std::uint64_t clients,
                            std::uint64_t log_lines_lost);

}  // namespace openclaw::front
