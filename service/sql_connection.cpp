#include "service/sql_connection.h"

#include <array>
#include <utility>

#include "service/endpoints.h"

namespace openclaw::front {

using boost::asio::posix::stream_descriptor;

namespace {

// As libpq takes them.
struct BinaryParameters {
  explicit BinaryParameters(SqlConnection::Parameters parameters)
      : count(static_cast<int>(parameters.size())) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      formats.at(i) = 1;
      if (!parameters[i]) continue;
      values.at(i) = parameters[i]->data();
      lengths.at(i) = static_cast<int>(parameters[i]->size());
    }
  }

  int count;
  std::array<const char*, kMaxArguments> values{};
  std::array<int, kMaxArguments> lengths{};
  std::array<int, kMaxArguments> formats{};
};

}  // namespace

SqlConnection::SqlConnection(boost::asio::io_context& loop, PgConnection connection, Events events)
    : connection_(std::move(connection)),
      socket_(loop, PQsocket(connection_.get())),
      events_(std::move(events)) {
  PQsetnonblocking(connection_.get(), 1);
}

void SqlConnection::start() { wait_readable(); }

bool SqlConnection::send(const std::string& sql) {
  return sent(PQsendQuery(connection_.get(), sql.c_str()));
}

bool SqlConnection::send_prepare(const std::string& name, const std::string& sql) {
  return sent(PQsendPrepare(connection_.get(), name.c_str(), sql.c_str(), 0, nullptr));
}

bool SqlConnection::send_prepared(const std::string& name, Parameters parameters) {
  const BinaryParameters all(parameters);
  return sent(PQsendQueryPrepared(connection_.get(), name.c_str(), all.count, all.values.data(),
                                  all.lengths.data(), all.formats.data(), 0));
}

bool SqlConnection::send_unprepared(const std::string& sql, Parameters parameters) {
  const BinaryParameters all(parameters);
  return sent(PQsendQueryParams(connection_.get(), sql.c_str(), all.count, nullptr,
                                all.values.data(), all.lengths.data(), all.formats.data(), 0));
}

bool SqlConnection::sent(int accepted) {
  busy_ = true;
  if (accepted == 1 && flush()) return true;
  close();
  return false;
}

void SqlConnection::close() {
  if (!connection_) return;
  socket_.release();  // the descriptor is libpq's to close
  connection_.reset();
  results_.clear();
}

void SqlConnection::lose() {
  close();
  const auto lost = std::move(events_.lost);
  lost();
}

void SqlConnection::wait_readable() {
  socket_.async_wait(stream_descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error && self->connection_) self->readable();
                     });
}

// Also while nothing is under way: that is how a server's farewell is noticed.
void SqlConnection::readable() {
  if (PQconsumeInput(connection_.get()) != 1) return lose();
  collect();
  if (!connection_) return;
  if (PQstatus(connection_.get()) != CONNECTION_OK || !flush()) return lose();
  wait_readable();
}

void SqlConnection::collect() {
  // `answered` may send the next statement, or close.
  while (connection_ && PQisBusy(connection_.get()) == 0 && busy_) {
    PgResult result(PQgetResult(connection_.get()));
    if (result) {
      results_.push_back(std::move(result));
      continue;
    }
    busy_ = false;
    events_.answered(std::exchange(results_, {}));
  }
}

bool SqlConnection::flush() {
  const int left = PQflush(connection_.get());
  if (left == 1 && !flushing_) {
    flushing_ = true;
    socket_.async_wait(stream_descriptor::wait_write,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                         self->flushing_ = false;
                         if (!error && self->connection_ && !self->flush()) self->lose();
                       });
  }
  return left >= 0;
}

}  // namespace openclaw::front
