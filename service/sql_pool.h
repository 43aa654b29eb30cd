// An event loop's few connections to Postgres, and the requests that wait for them.
//
// Coalescing: a free connection takes all that waits for one endpoint, up to max_batch, as one
// statement. No timer holds a request back: a lone one goes in the same turn of the loop, and what
// comes while the connections are busy goes with the next free one. Endpoints take turns.
//
// A batch that Postgres refuses is sent again one by one, once, so that one request cannot fail its
// neighbours. Postgres that cannot be reached is known at once, and tried again by itself.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "serving/log.h"
#include "service/sql_batch.h"
#include "service/sql_connection.h"
#include "service/sql_connector.h"

namespace openclaw::front {

class SqlPool {
 public:
  using Clock = std::chrono::steady_clock;

  struct Settings {
    unsigned connections;
    unsigned max_batch;
    unsigned max_waiting;
    std::chrono::milliseconds request_timeout;
  };

  SqlPool(boost::asio::io_context& loop, SqlConnector& connector, const Settings& settings,
          Log& log);
  SqlPool(const SqlPool&) = delete;
  SqlPool& operator=(const SqlPool&) = delete;

  // False at once, and no `done`, when too many wait already or Postgres is known to be away.
  // Otherwise `done` is called within request_timeout (to the next tick), never from in here.
  bool submit(SqlCall& call);

  // To be called every so often: calls and statements that are overdue, connections to open again.
  void tick(Clock::time_point now);

  // Answers all that waits with `unavailable` and closes the connections, for good.
  void stop();

 private:
  struct Slot {
    enum class State : std::uint8_t { closed, connecting, preparing, idle, busy };
    State state = State::closed;
    std::shared_ptr<SqlConnection> connection;
    // Set-up of the session: its settings first, then a prepared statement for each endpoint.
    std::size_t prepared = 0;
    SqlBatch batch;
    Clock::time_point overdue{};    // when a statement under way is given up
    Clock::time_point open_next{};  // when a closed one is opened again
    unsigned failures = 0;          // attempts in a row
  };

  void open(Slot& slot);
  void opened(Slot& slot, SqlConnector::Opened result);
  void prepare_next(Slot& slot);
  void prepared(Slot& slot, const std::vector<PgResult>& results);
  void attempt_failed(Slot& slot, std::string_view step, std::string_view problem);
  void lost(Slot& slot);
  bool away() const;

  void dispatch_soon();
  void dispatch();
  std::vector<SqlCall*> take();
  void send(Slot& slot);
  void answered(Slot& slot, std::vector<PgResult> results);
  void deliver(SqlBatch& batch, const PGresult* result);
  void refused(Slot& slot, SqlBatch& batch, std::string_view sqlstate);
  void send_one_by_one(SqlBatch& batch);
  void answer_all(SqlBatch& batch, SqlAnswer::Outcome outcome);
  void answer_waiting_until(Clock::time_point now);

  boost::asio::io_context& loop_;
  SqlConnector& connector_;
  const Settings settings_;
  Log& log_;
  std::vector<Slot> slots_;
  std::vector<std::deque<SqlCall*>> queues_;  // one for each of endpoints(), oldest first
  std::size_t waiting_ = 0;                   // calls in the queues
  std::size_t turn_ = 0;                      // the queue that is looked at first
  bool dispatch_posted_ = false;
  bool stopped_ = false;
};

}  // namespace openclaw::front
