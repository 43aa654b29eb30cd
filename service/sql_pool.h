// An event loop's few connections to Postgres, and the requests that wait for them.
//
// Coalescing: a free connection takes all that waits for one endpoint, up to max_batch, as one
// statement. No timer holds a request back: a lone one goes in the same turn of the loop, and what
// comes while a statement for its endpoint is under way, or in the turn in which it is done, goes
// then. Another connection takes it when the statement takes long, when there is enough for a whole
// batch, or when what comes is for another endpoint. Endpoints take turns.
//
// A batch that Postgres refuses is sent again one by one, once, so that one request cannot fail its
// neighbours. Postgres that cannot be reached is known at once, and tried again by itself.
//
// Standbys, where there are some, answer what only reads, each connection as long as it is known to
// be behind by no more than max_lag (replay_bound.h); while none is, the primary does. A standby
// says yes only: what it refuses, and what it fails at, is put to the primary, which may know more
// by now and keeps the audit row. One connection to the primary does nothing but ask for its
// position.
//
// Which tokens were used stands in the memory of the backends, primary or standby, that found them
// good: each connection that had a statement since is asked every so often (take_used_tokens), and
// what it says goes to the primary (record_token_use), as a call among others. One at a time, and a
// failure is no more than a line of the log: a token is noted again when it is used again.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "serving/log.h"
#include "service/metrics.h"
#include "service/replay_bound.h"
#include "service/sql_batch.h"
#include "service/sql_connection.h"
#include "service/sql_connector.h"

namespace openclaw::front {

class SqlPool {
 public:
  using Clock = std::chrono::steady_clock;

  struct Settings {
    unsigned connections;  // to each server
    unsigned max_batch;
    unsigned max_waiting;
    std::chrono::milliseconds request_timeout;
    std::chrono::milliseconds max_lag;             // of a standby that is asked
    std::chrono::milliseconds token_use_interval;  // 0: last_used_at is left as it is
    bool transaction_pooler;  // stands before the primary: no transaction knows the next
  };

  SqlPool(boost::asio::io_context& loop, SqlServers& servers, const Settings& settings, Log& log,
          Metrics& metrics);
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
  enum class Role : std::uint8_t { primary, standby, watch };

  struct Slot {
    enum class State : std::uint8_t {
      closed,
      connecting,
      preparing,
      idle,
      busy,
      asked_position,
      asked_uses
    };
    SqlConnector* server = nullptr;
    std::size_t number = 0;  // of the server: 0 is the primary, the standbys follow
    Role role = Role::primary;
    State state = State::closed;
    std::shared_ptr<SqlConnection> connection;
    // Set-up of the session: its settings first, then a prepared statement for each endpoint.
    std::size_t prepared = 0;
    SqlBatch batch;
    Clock::time_point sent{};       // the statement under way
    Clock::time_point overdue{};    // when a statement under way is given up
    Clock::time_point open_next{};  // when a closed one is opened again
    unsigned failures = 0;          // attempts in a row
    // Of a standby: this connection's server knows all that the primary had said by then. A server
    // that starts again can be behind where it was, which ends its connections, and this with them.
    Clock::time_point knows_until = Clock::time_point::min();
    bool ask_position = false;
    bool had_statement = false;  // since it was asked for uses, or was to be
    bool ask_uses = false;
    bool within_bound = false;  // as the log has it
  };

  void open(Slot& slot);
  void opened(Slot& slot, SqlConnector::Opened result);
  bool has_session(const Slot& slot) const;
  void prepare_next(Slot& slot);
  void prepared(Slot& slot, const std::vector<PgResult>& results);
  void attempt_failed(Slot& slot, std::string_view step, std::string_view problem);
  void lost(Slot& slot);
  bool primary_is_away() const;

  void send_position_question(Slot& slot);
  void positioned(Slot& slot, const std::vector<PgResult>& results);

  void send_use_question(Slot& slot);
  void told_uses(Slot& slot, const std::vector<PgResult>& results);

  bool is_within_bound(const Slot& slot, Clock::time_point now) const;
  bool a_standby_serves(Clock::time_point now) const;
  void log_bounds(Clock::time_point now);
  void count(const Slot& slot, const SqlBatch& batch, StatementOutcome outcome);
  void show_connections(Clock::time_point now);
  static SqlState state_of(const Slot& slot);

  std::deque<SqlCall*>& queue_of(const SqlCall& call, bool primary);
  bool nobody_answers(bool read, Clock::time_point now) const;
  void dispatch_soon();
  void dispatch();
  std::deque<SqlCall*>* next_queue(const Slot& slot, Clock::time_point now);
  std::optional<Clock::time_point> gathers_until(const Slot& slot,
                                                 const std::deque<SqlCall*>& queue,
                                                 Clock::time_point now) const;
  void look_again_at(Clock::time_point time);
  std::vector<SqlCall*> take(std::deque<SqlCall*>& queue);
  void send(Slot& slot, std::deque<SqlCall*>& queue);
  void answered(Slot& slot, std::vector<PgResult> results);
  void deliver(Slot& slot, SqlBatch& batch, const PGresult* result);
  bool ask_primary(SqlBatch& batch);
  void refused(Slot& slot, SqlBatch& batch, std::string_view sqlstate);
  void send_one_by_one(SqlBatch& batch);
  void answer_all(SqlBatch& batch, SqlAnswer::Outcome outcome);
  void answer_waiting_until(Clock::time_point now, std::size_t queues = SIZE_MAX);
  void answer_hopeless(Clock::time_point now);

  boost::asio::io_context& loop_;
  const Settings settings_;
  const bool has_standbys_;
  Log& log_;
  Metrics& metrics_;
  std::vector<Slot> slots_;
  ReplayBound bound_;
  Clock::time_point ask_position_at_{};
  Clock::time_point ask_uses_at_;
  bool recording_ = false;  // from a question for uses to the end of their record
  std::string used_;        // what is recorded
  SqlCall record_;
  boost::asio::steady_timer look_again_;  // when what gathers goes, done or not
  Clock::time_point look_again_at_ = Clock::time_point::max();  // max(): it is not set
  // Oldest first: one for each of endpoints() for the primary, then one for each for any server.
  std::vector<std::deque<SqlCall*>> queues_;
  std::vector<std::string> statements_;  // one for each of endpoints(), empty without a function
  std::size_t waiting_ = 0;              // calls in the queues
  std::size_t turn_ = 0;                 // the queue that is looked at first
  std::size_t first_slot_ = 0;           // the connection that is looked at first
  bool dispatch_posted_ = false;
  bool stopped_ = false;
};

}  // namespace openclaw::front
