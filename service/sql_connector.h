// Opens connections to Postgres on a thread of its own: libpq looks up names and shakes hands
// (TLS, SCRAM) blocking, and only its blocking connect goes on to the next of several hosts.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "service/pg_handles.h"

namespace openclaw::front {

class SqlConnector {
 public:
  struct Opened {
    PgConnection connection;  // null when it failed
    std::string problem;      // libpq's message; it names hosts, users and databases, no secret
  };

  // `conninfo` as for PQconnectdb. `session`: its target_session_attrs, where it does not say;
  // empty leaves that to libpq.
  explicit SqlConnector(std::string conninfo, std::string session = {});
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

// Where Postgres is, for all loops. Each server has a thread that connects, so that one which keeps
// silent holds up nobody's way to another.
struct SqlServers {
  SqlConnector primary;
  std::vector<std::unique_ptr<SqlConnector>> standbys;

  void stop() {
    primary.stop();
    for (const auto& standby : standbys) standby->stop();
  }
};

}  // namespace openclaw::front
