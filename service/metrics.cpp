#include "service/metrics.h"

#include <string_view>

#include "serving/prometheus.h"

namespace openclaw::front {
namespace {

constexpr std::array<std::uint64_t, 15> kNanoseconds{
    100'000,     250'000,     500'000,       1'000'000,     2'500'000,
    5'000'000,   10'000'000,  25'000'000,    50'000'000,    100'000'000,
    250'000'000, 500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000};
constexpr Buckets kDurations{kNanoseconds, 1'000'000'000};

constexpr std::array<std::uint64_t, 11> kRequests{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1'024};
constexpr Buckets kBatches{kRequests, 1};

constexpr std::array<std::string_view, kStatementOutcomes> kOutcomeNames{"ok", "failed",
                                                                         "unavailable", "lost"};
constexpr std::array<std::string_view, kSqlStates> kStateNames{"closed", "connecting", "idle",
                                                               "busy"};

std::string_view route_name(std::size_t route) {
  return route < endpoints().size() ? endpoints()[route].name : "-";
}

std::string server_name(std::size_t server) {
  return server == 0 ? "primary" : "standby-" + std::to_string(server);
}

bool is_seen(const Histogram& histogram) {
  for (std::size_t i = 0; i <= histogram.buckets().bounds.size(); ++i) {
    if (histogram.count(i) > 0) return true;
  }
  return false;
}

void write_requests(PrometheusText& text, const Metrics& metrics) {
  text.metric("requests_total", "counter", "Requests by route and status of the answer.");
  for (std::size_t route = 0; route < metrics.routes.size(); ++route) {
    for (std::size_t status = 0; status < Metrics::kStatuses; ++status) {
      const std::uint64_t count = metrics.routes[route].answers[status].value();
      if (count == 0) continue;
      text.sample({{"route", route_name(route)}, {"status", std::to_string(status)}}, count);
    }
  }
  text.metric("request_duration_seconds", "histogram",
              "From a whole request to its answer, by route.");
  for (std::size_t route = 0; route < metrics.routes.size(); ++route) {
    const Histogram& duration = metrics.routes[route].duration;
    if (is_seen(duration)) text.sample({{"route", route_name(route)}}, duration);
  }
}

void write_statements(PrometheusText& text, const Metrics& metrics) {
  text.metric("sql_statements_total", "counter", "Statements by route, server and outcome.");
  for (std::size_t server = 0; server < metrics.servers.size(); ++server) {
    const std::string name = server_name(server);
    for (std::size_t route = 0; route < endpoints().size(); ++route) {
      for (std::size_t outcome = 0; outcome < kStatementOutcomes; ++outcome) {
        const std::uint64_t count = metrics.servers[server].statements[route][outcome].value();
        if (count == 0) continue;
        text.sample(
            {{"route", route_name(route)}, {"server", name}, {"outcome", kOutcomeNames[outcome]}},
            count);
      }
    }
  }
  text.metric("sql_batch_requests", "histogram", "Requests in a statement.");
  text.sample({}, metrics.batch);
}

void write_servers(PrometheusText& text, const Metrics& metrics) {
  text.metric("sql_connections", "gauge", "Connections to Postgres, by server and state.");
  for (std::size_t server = 0; server < metrics.servers.size(); ++server) {
    const std::string name = server_name(server);
    for (std::size_t state = 0; state < kSqlStates; ++state) {
      text.sample({{"server", name}, {"state", kStateNames[state]}},
                  metrics.servers[server].connections[state].value());
    }
  }
  text.metric("standby_within_bound", "gauge",
              "Connections to a standby that is behind by no more than --max-lag.");
  for (std::size_t server = 1; server < metrics.servers.size(); ++server) {
    text.sample({{"server", server_name(server)}}, metrics.servers[server].within_bound.value());
  }
}

}  // namespace

Metrics::Route::Route() : duration(kDurations) {}

Metrics::Metrics(std::size_t standbys)
    : routes(endpoints().size() + 1), servers(1 + standbys), batch(kBatches) {}

void Metrics::count_answer(const Endpoint* endpoint, int status, std::chrono::nanoseconds spent) {
  Route& route = endpoint == nullptr ? routes.back() : routes[index_of(*endpoint)];
  const auto number = static_cast<std::size_t>(status);
  route.answers[number < kStatuses ? number : 0].add();
  route.duration.observe(static_cast<std::uint64_t>(spent.count()));
}

void Metrics::count_statement(const Endpoint& endpoint, std::size_t server,
                              StatementOutcome outcome, std::size_t requests) {
  servers[server].statements[index_of(endpoint)][static_cast<std::size_t>(outcome)].add();
  batch.observe(requests);
}

void Metrics::add(const Metrics& other) {
  const auto add_each = [](auto& to, const auto& from) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i].add(from[i].value());
  };
  for (std::size_t i = 0; i < routes.size(); ++i) {
    add_each(routes[i].answers, other.routes[i].answers);
    routes[i].duration.add(other.routes[i].duration);
  }
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const Server& server = other.servers[i];
    for (std::size_t route = 0; route < server.statements.size(); ++route) {
      add_each(servers[i].statements[route], server.statements[route]);
    }
    add_each(servers[i].connections, server.connections);
    servers[i].within_bound.add(server.within_bound.value());
  }
  batch.add(other.batch);
  sql_waiting.add(other.sql_waiting.value());
  clients_turned_away.add(other.clients_turned_away.value());
}

std::string prometheus_text(const Metrics& metrics, std::uint64_t clients,
                            std::uint64_t log_lines_lost) {
  PrometheusText text("openclaw_front_");
  text.metric("build_info", "gauge", "1, with the version of the program.");
  text.sample({{"version", OPENCLAW_VERSION}}, 1);
  write_requests(text, metrics);
  text.single("clients", "gauge", "Clients that are connected.", clients);
  text.single("clients_turned_away_total", "counter", "Clients beyond --max-clients.",
              metrics.clients_turned_away.value());
  write_statements(text, metrics);
  text.single("sql_waiting", "gauge", "Requests that wait for a connection to Postgres.",
              metrics.sql_waiting.value());
  write_servers(text, metrics);
  text.single("log_lines_lost_total", "counter", "Lines that the log could not write in time.",
              log_lines_lost);
  return text.take();
}

}  // namespace openclaw::front
