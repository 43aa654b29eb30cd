// A load generator for one prepared statement: N connections, each with one call in flight on a
// thread of its own, for a time. Prints JSON: rate (calls a second), p50 and p99 (microseconds),
// backend and client (microseconds of processor time a call).
//
//   load CONNECTIONS SECONDS ROWS PARAMETERS STATEMENT
//
// PARAMETERS is a query; the values of its first column are the $1 of one call after another, sent
// in binary as they came. STATEMENT must return ROWS rows every time, and where these have a column
// `valid`, it must be true: a load of refusals or of misses is no measurement.
#include <libpq-fe.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr Seconds kWarmUp{0.2};

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Finish>;
using Rows = std::unique_ptr<PGresult, Finish>;

Connection connect() {
  Connection connection(PQconnectdb(""));
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    throw std::runtime_error(PQerrorMessage(connection.get()));
  }
  return connection;
}

Rows checked(PGconn* connection, PGresult* result) {
  Rows rows(result);
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    throw std::runtime_error(PQerrorMessage(connection));
  }
  return rows;
}

struct Load {
  std::string statement;
  Rows parameters;
  int rows_a_call;
  Seconds time;

  Oid type() const { return PQftype(parameters.get(), 0); }
  int size() const { return PQntuples(parameters.get()); }
};

Load read_load(const char* const* argv) {
  const Connection connection = connect();
  Rows parameters = checked(connection.get(), PQexecParams(connection.get(), argv[4], 0, nullptr,
                                                           nullptr, nullptr, nullptr, 1));
  if (PQntuples(parameters.get()) == 0) throw std::runtime_error("PARAMETERS gives no row");
  return {argv[5], std::move(parameters), std::stoi(argv[3]), Seconds(std::stod(argv[2]))};
}

void check(const PGresult* rows, const Load& load) {
  if (PQntuples(rows) != load.rows_a_call) {
    throw std::runtime_error("a call returned " + std::to_string(PQntuples(rows)) + " rows");
  }
  const int valid = PQfnumber(rows, "valid");
  for (int row = 0; valid >= 0 && row < PQntuples(rows); ++row) {
    if (*PQgetvalue(rows, row, valid) != 't') throw std::runtime_error("a token is not valid");
  }
}

double own_processor_microseconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

class Client {
 public:
  Client(const Load& load, int first) : load_(load), connection_(connect()), next_(first) {
    const Oid type = load.type();
    checked(connection_.get(), PQprepare(connection_.get(), "", load.statement.c_str(), 1, &type));
  }

  void run(Seconds time) {
    latencies_.clear();
    Clock::time_point now = Clock::now();
    const Clock::time_point end = now + std::chrono::duration_cast<Clock::duration>(time);
    while (now < end) {
      const Clock::time_point started = now;
      call();
      now = Clock::now();
      latencies_.push_back(std::chrono::duration<double, std::micro>(now - started).count());
    }
  }

  // Of the calls of the last run.
  const std::vector<double>& latencies() const { return latencies_; }

  // The first number of schedstat, which has no ticks: nanoseconds on a processor.
  double backend_microseconds() const {
    std::ifstream file("/proc/" + std::to_string(PQbackendPID(connection_.get())) + "/schedstat");
    double nanoseconds = 0;
    file >> nanoseconds;
    return nanoseconds / 1e3;
  }

 private:
  void call() {
    const PGresult* parameters = load_.parameters.get();
    const char* value = PQgetvalue(parameters, next_, 0);
    const int length = PQgetlength(parameters, next_, 0);
    const int binary = 1;
    next_ = (next_ + 1) % load_.size();
    const Rows rows = checked(
        connection_.get(), PQexecPrepared(connection_.get(), "", 1, &value, &length, &binary, 0));
    check(rows.get(), load_);
  }

  const Load& load_;
  Connection connection_;
  int next_;
  std::vector<double> latencies_;
};

using Clients = std::vector<std::unique_ptr<Client>>;

void run_all(const Clients& clients, Seconds time) {
  std::latch ready(static_cast<std::ptrdiff_t>(clients.size()));
  std::vector<std::thread> threads;
  for (const auto& client : clients) {
    threads.emplace_back([&, client = client.get()] {
      try {
        ready.arrive_and_wait();
        client->run(time);
      } catch (const std::exception& error) {
        std::cerr << "load: " << error.what() << "\n";
        std::_Exit(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

double backends(const Clients& clients) {
  double sum = 0;
  for (const auto& client : clients) sum += client->backend_microseconds();
  return sum;
}

void measure(const Load& load, int connections) {
  Clients clients;
  for (int i = 0; i < connections; ++i) {
    clients.push_back(std::make_unique<Client>(load, i * load.size() / connections));
  }
  run_all(clients, kWarmUp);
  const double client = own_processor_microseconds();
  const double backend = backends(clients);
  run_all(clients, load.time);
  const double client_time = own_processor_microseconds() - client;
  const double backend_time = backends(clients) - backend;

  std::vector<double> all;
  for (const auto& each : clients) {
    all.insert(all.end(), each->latencies().begin(), each->latencies().end());
  }
  std::sort(all.begin(), all.end());
  const auto calls = static_cast<double>(all.size());
  const auto at = [&](double share) { return all[static_cast<std::size_t>(share * (calls - 1))]; };
  std::cout << "{\"rate\":" << calls / load.time.count() << ",\"p50\":" << at(0.5)
            << ",\"p99\":" << at(0.99) << ",\"backend\":" << backend_time / calls
            << ",\"client\":" << client_time / calls << "}\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: load CONNECTIONS SECONDS ROWS PARAMETERS STATEMENT\n";
    return 2;
  }
  try {
    measure(read_load(argv), std::stoi(argv[1]));
  } catch (const std::exception& error) {
    std::cerr << "load: " << error.what() << "\n";
    return 1;
  }
}
