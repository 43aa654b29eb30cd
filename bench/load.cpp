// A load generator for one prepared statement: N connections, each with one call in flight on a
// thread of its own, for a time. Prints calls per second.
//
//   load CONNECTIONS SECONDS ROWS PARAMETERS STATEMENT
//
// PARAMETERS is a query; the values of its first column are the $1 of one call after another, sent
// in binary as they came. STATEMENT must return ROWS rows every time, and where these have a column
// `valid`, it must be true: a load of refusals or of misses is no measurement.
#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
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

class Client {
 public:
  Client(const Load& load, int first) : load_(load), connection_(connect()), next_(first) {
    const Oid type = load.type();
    checked(connection_.get(), PQprepare(connection_.get(), "", load.statement.c_str(), 1, &type));
  }

  // The calls made in `time`.
  long run(Seconds time) {
    const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(time);
    long calls = 0;
    while (Clock::now() < end) {
      call();
      ++calls;
    }
    return calls;
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
};

double calls_a_second(const Load& load, int connections) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < connections; ++i) {
    clients.push_back(std::make_unique<Client>(load, i * load.size() / connections));
  }
  std::atomic<long> calls = 0;
  std::latch warm(connections);
  std::vector<std::thread> threads;
  for (const auto& client : clients) {
    threads.emplace_back([&, client = client.get()] {
      try {
        client->run(kWarmUp);
        warm.arrive_and_wait();
        calls += client->run(load.time);
      } catch (const std::exception& error) {
        std::cerr << "load: " << error.what() << "\n";
        std::_Exit(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return static_cast<double>(calls) / load.time.count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: load CONNECTIONS SECONDS ROWS PARAMETERS STATEMENT\n";
    return 2;
  }
  try {
    std::cout << calls_a_second(read_load(argv), std::stoi(argv[1])) << "\n";
  } catch (const std::exception& error) {
    std::cerr << "load: " << error.what() << "\n";
    return 1;
  }
}
