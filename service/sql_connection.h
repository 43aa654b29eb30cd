// One open connection to Postgres, driven by an event loop: one statement at a time, never
// blocking.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "service/pg_handles.h"

namespace openclaw::front {

class SqlConnection : public std::enable_shared_from_this<SqlConnection> {
 public:
  // In binary format; one that is absent is NULL.
  using Parameters = std::span<const std::optional<std::string>>;

  struct Events {
    // All results of the statement, after the server is ready for the next one. That order counts:
    // a commit can still fail after the statement's rows have arrived.
    std::function<void(std::vector<PgResult>)> answered;
    // The connection is gone; nothing else is called after this.
    std::function<void()> lost;
  };

  SqlConnection(boost::asio::io_context& loop, PgConnection connection, Events events);
  void start();

  // Precondition: none is under way. False when the connection is gone; `lost` is not called then.
  bool send(const std::string& sql);
  bool send_prepare(const std::string& name, const std::string& sql);
  bool send_prepared(const std::string& name, Parameters parameters);
  bool send_unprepared(const std::string& sql, Parameters parameters);

  // Drops the connection, and with it a statement under way. No event follows.
  void close();

 private:
  bool sent(int accepted);
  void wait_readable();
  void readable();
  void collect();
  bool flush();
  void lose();

  PgConnection connection_;
  boost::asio::posix::stream_descriptor socket_;
  Events events_;
  std::vector<PgResult> results_;
  bool busy_ = false;
  bool flushing_ = false;
};

}  // namespace openclaw::front
