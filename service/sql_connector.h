// Opens connections to Postgres on a thread of its own: libpq looks up names and shakes hands
// (TLS, SCRAM) blocking, and only its blocking connect goes on to the next of several hosts.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/io_context.hpp>

#include "service/pg_handles.h"

namespace openclaw::front {

class SqlConnector {
 public:
  struct Opened {
    PgConnection connection;  // null when it failed
    std::string problem;      // libpq's message; it names hosts, users and databases, no secret
  };

  // `conninfo` as for PQconnectdb.
  explicit SqlConnector(std::string conninfo);
  ~SqlConnector() { stop(); }
  SqlConnector(const SqlConnector&) = delete;
  SqlConnector& operator=(const SqlConnector&) = delete;

  // `done` runs in `loop`.
  void open(boost::asio::io_context& loop, std::function<void(Opened)> done);

  // No further attempt begins and no further `done` is posted: the loops may go after this. An
  // attempt under way is waited for, up to a second; one that hangs longer (a name server or host
  // that keeps silent cannot be interrupted) is left behind with all that it uses.
  void stop();

 private:
  struct Shared;

  std::shared_ptr<Shared> shared_;
  std::future<void> ended_;
  std::thread thread_;
};

}  // namespace openclaw::front
