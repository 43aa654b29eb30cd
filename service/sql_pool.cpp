#include "service/sql_pool.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <boost/asio/post.hpp>

#include "service/sqlstate.h"

namespace openclaw::front {
namespace {

using namespace std::chrono_literals;

// The server's own statement_timeout comes first and leaves the connection whole; this is for a
// server that does not answer at all.
constexpr auto kGrace = 500ms;
constexpr auto kFirstPause = 100ms;
constexpr auto kLongestPause = 1'000ms;

std::string session_settings(std::chrono::milliseconds statement_timeout) {
  return "set statement_timeout = " + std::to_string(statement_timeout.count()) +
         "; set search_path = pg_catalog; set client_min_messages = error";
}

std::string_view sqlstate_of(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  // libpq makes results of its own, without a state, for a connection that broke.
  return state == nullptr ? "08006" : state;
}

// The SQLSTATE of the first result that is an error, or nothing.
std::string_view error_in(const std::vector<PgResult>& results) {
  for (const PgResult& result : results) {
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) return sqlstate_of(result.get());
  }
  return {};
}

std::string_view field(const PGresult* result, int row, int column) {
  return {PQgetvalue(result, row, column),
          static_cast<std::size_t>(PQgetlength(result, row, column))};
}

SqlAnswer answer_in(const PGresult* result, std::size_t row_number) {
  const int row = static_cast<int>(row_number);
  SqlAnswer answer;
  const std::string_view status = field(result, row, 0);
  const auto [end, error] =
      std::from_chars(status.data(), status.data() + status.size(), answer.status);
  const bool valid = error == std::errc() && end == status.data() + status.size() &&
                     answer.status >= 200 && answer.status <= 599;
  answer.outcome = valid ? SqlAnswer::Outcome::row : SqlAnswer::Outcome::failed;
  answer.headers = field(result, row, 1);
  if (PQgetisnull(result, row, 2) == 0) answer.body = field(result, row, 2);
  return answer;
}

void answer(SqlCall& call, SqlAnswer with) {
  // The call may go, with its `done`, while `done` runs.
  const auto done = std::move(call.done);
  done(std::move(with));
}

}  // namespace

SqlPool::SqlPool(boost::asio::io_context& loop, SqlConnector& connector, const Settings& settings,
                 Log& log)
    : loop_(loop),
      connector_(connector),
      settings_(settings),
      log_(log),
      slots_(settings.connections),
      queues_(endpoints().size()) {
  for (Slot& slot : slots_) open(slot);
}

// --- Connections ---------------------------------------------------------------------------------

void SqlPool::open(Slot& slot) {
  slot.state = Slot::State::connecting;
  connector_.open(loop_, [this, &slot](SqlConnector::Opened result) {
    if (!stopped_) opened(slot, std::move(result));
  });
}

void SqlPool::opened(Slot& slot, SqlConnector::Opened result) {
  if (!result.connection) return attempt_failed(slot, "connect", result.problem);
  slot.connection = std::make_shared<SqlConnection>(
      loop_, std::move(result.connection),
      SqlConnection::Events{[this, &slot](std::vector<PgResult> results) {
                              slot.state == Slot::State::preparing
                                  ? prepared(slot, results)
                                  : answered(slot, std::move(results));
                            },
                            [this, &slot] { lost(slot); }});
  slot.connection->start();
  slot.state = Slot::State::preparing;
  slot.prepared = 0;
  slot.overdue = Clock::now() + settings_.request_timeout + kGrace;
  prepare_next(slot);
}

void SqlPool::prepare_next(Slot& slot) {
  const auto all = endpoints();
  if (slot.prepared > 0) {
    while (slot.prepared <= all.size() && all[slot.prepared - 1].function.empty()) ++slot.prepared;
  }
  if (slot.prepared > all.size()) {
    slot.state = Slot::State::idle;
    slot.failures = 0;
    log_.write(LogLevel::info, "sql_connected", {});
    return dispatch_soon();
  }
  const Endpoint* endpoint = slot.prepared == 0 ? nullptr : &all[slot.prepared - 1];
  const bool sent =
      endpoint == nullptr
          ? slot.connection->send(session_settings(settings_.request_timeout))
          : slot.connection->send_prepare(std::string(endpoint->name), statement(*endpoint));
  if (!sent) attempt_failed(slot, "prepare", "the connection was lost");
}

void SqlPool::prepared(Slot& slot, const std::vector<PgResult>& results) {
  const std::string_view sqlstate = error_in(results);
  if (!sqlstate.empty()) {
    const std::string_view step =
        slot.prepared == 0 ? "settings" : endpoints()[slot.prepared - 1].name;
    return attempt_failed(slot, step, sqlstate);
  }
  ++slot.prepared;
  prepare_next(slot);
}

void SqlPool::attempt_failed(Slot& slot, std::string_view step, std::string_view problem) {
  if (slot.connection) slot.connection->close();
  slot.connection.reset();
  slot.state = Slot::State::closed;
  const auto pause =
      std::min<Clock::duration>(kFirstPause * (1U << std::min(slot.failures, 8U)), kLongestPause);
  slot.open_next = Clock::now() + pause;
  ++slot.failures;
  // An outage is one line for each connection, not one for each attempt.
  log_.write(slot.failures == 1 ? LogLevel::warning : LogLevel::debug, "sql_unavailable",
             {{"step", step}, {"problem", problem}});
  if (away()) answer_waiting_until(Clock::time_point::max());
}

void SqlPool::lost(Slot& slot) {
  if (slot.state == Slot::State::preparing) {
    return attempt_failed(slot, "prepare", "the connection was lost");
  }
  log_.write(LogLevel::warning, "sql_connection_lost", {});
  slot.connection.reset();
  SqlBatch batch = std::exchange(slot.batch, {});
  open(slot);
  answer_all(batch, SqlAnswer::Outcome::unavailable);
}

// True when every connection is closed and the last attempt to open it failed.
bool SqlPool::away() const {
  return std::all_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.failures > 0 && slot.state != Slot::State::idle && slot.state != Slot::State::busy;
  });
}

// --- Calls ---------------------------------------------------------------------------------------

bool SqlPool::submit(SqlCall& call) {
  if (stopped_ || waiting_ >= settings_.max_waiting || away()) return false;
  call.deadline = Clock::now() + settings_.request_timeout;
  queues_[static_cast<std::size_t>(call.endpoint - endpoints().data())].push_back(&call);
  ++waiting_;
  dispatch_soon();
  return true;
}

// After the loop's present turn, so that all requests which arrived in it go together.
void SqlPool::dispatch_soon() {
  if (std::exchange(dispatch_posted_, true)) return;
  boost::asio::post(loop_, [this] {
    dispatch_posted_ = false;
    dispatch();
  });
}

void SqlPool::dispatch() {
  for (Slot& slot : slots_) {
    if (waiting_ == 0) return;
    if (slot.state == Slot::State::idle) send(slot);
  }
}

std::vector<SqlCall*> SqlPool::take() {
  std::vector<SqlCall*> calls;
  while (queues_[turn_].empty()) turn_ = (turn_ + 1) % queues_.size();
  std::deque<SqlCall*>& queue = queues_[turn_];
  turn_ = (turn_ + 1) % queues_.size();
  const bool one =
      queue.front()->alone || queue.front()->endpoint->coalescing == Coalescing::single;
  const std::size_t most = one ? 1 : settings_.max_batch;
  while (!queue.empty() && calls.size() < most && (calls.empty() || !queue.front()->alone)) {
    calls.push_back(queue.front());
    queue.pop_front();
    --waiting_;
  }
  return calls;
}

void SqlPool::send(Slot& slot) {
  slot.batch = make_batch(take());
  slot.state = Slot::State::busy;
  slot.overdue = Clock::now() + settings_.request_timeout + kGrace;
  const std::string name(slot.batch.endpoint->name);
  const bool sent = slot.connection->send_prepared(name, slot.batch.arrays);
  slot.batch.arrays.clear();
  if (!sent) lost(slot);
}

void SqlPool::answered(Slot& slot, std::vector<PgResult> results) {
  SqlBatch batch = std::exchange(slot.batch, {});
  slot.state = Slot::State::idle;
  dispatch_soon();
  const std::string_view sqlstate = error_in(results);
  if (!sqlstate.empty()) return refused(slot, batch, sqlstate);

  const PGresult* rows = results.size() == 1 ? results.front().get() : nullptr;
  if (rows == nullptr || PQnfields(rows) != 3 ||
      static_cast<std::size_t>(PQntuples(rows)) != batch.rows) {
    log_.write(LogLevel::error, "sql_answer_invalid", {{"route", batch.endpoint->name}});
    return answer_all(batch, SqlAnswer::Outcome::failed);
  }
  deliver(batch, rows);
}

void SqlPool::deliver(SqlBatch& batch, const PGresult* result) {
  for (SqlBatch::Waiting& waiting : batch.waiting) {
    if (waiting.call == nullptr) continue;
    SqlAnswer row = answer_in(result, waiting.row);
    if (row.outcome == SqlAnswer::Outcome::failed) {
      log_.write(LogLevel::error, "sql_answer_invalid", {{"route", batch.endpoint->name}});
    }
    answer(*waiting.call, std::move(row));
  }
}

void SqlPool::refused(Slot& slot, SqlBatch& batch, std::string_view sqlstate) {
  const SqlFailure failure = classify(sqlstate);
  log_.write(failure == SqlFailure::refused ? LogLevel::error : LogLevel::warning, "sql_error",
             {{"route", batch.endpoint->name},
              {"sqlstate", sqlstate},
              {"calls", static_cast<std::int64_t>(batch.waiting.size())}});
  if (failure == SqlFailure::stale) {
    slot.connection->close();
    slot.connection.reset();
    open(slot);
  }
  if (failure != SqlFailure::refused) return answer_all(batch, SqlAnswer::Outcome::unavailable);
  if (batch.waiting.size() == 1) return answer_all(batch, SqlAnswer::Outcome::failed);
  send_one_by_one(batch);
}

void SqlPool::send_one_by_one(SqlBatch& batch) {
  std::deque<SqlCall*>& queue =
      queues_[static_cast<std::size_t>(batch.endpoint - endpoints().data())];
  // To the front, where the oldest stand, in their order.
  for (auto waiting = batch.waiting.rbegin(); waiting != batch.waiting.rend(); ++waiting) {
    if (waiting->call == nullptr) continue;
    waiting->call->alone = true;
    queue.push_front(waiting->call);
    ++waiting_;
  }
}

void SqlPool::answer_all(SqlBatch& batch, SqlAnswer::Outcome outcome) {
  for (SqlBatch::Waiting& waiting : batch.waiting) {
    SqlAnswer with;
    with.outcome = outcome;
    if (waiting.call != nullptr) answer(*waiting.call, std::move(with));
  }
}

void SqlPool::answer_waiting_until(Clock::time_point now) {
  for (std::deque<SqlCall*>& queue : queues_) {
    while (!queue.empty() && queue.front()->deadline <= now) {
      SqlCall& call = *queue.front();
      queue.pop_front();
      --waiting_;
      answer(call, {});
    }
  }
}

// --- Time ----------------------------------------------------------------------------------------

void SqlPool::tick(Clock::time_point now) {
  if (stopped_) return;
  answer_waiting_until(now);
  for (Slot& slot : slots_) {
    for (SqlBatch::Waiting& waiting : slot.batch.waiting) {
      if (waiting.call != nullptr && waiting.call->deadline <= now) {
        answer(*std::exchange(waiting.call, nullptr), {});
      }
    }
    const bool under_way = slot.state == Slot::State::preparing || slot.state == Slot::State::busy;
    if (under_way && slot.overdue <= now) {
      log_.write(LogLevel::warning, "sql_overdue", {});
      slot.connection->close();
      lost(slot);
    }
    if (slot.state == Slot::State::closed && slot.open_next <= now) open(slot);
  }
}

void SqlPool::stop() {
  stopped_ = true;
  answer_waiting_until(Clock::time_point::max());
  for (Slot& slot : slots_) {
    SqlBatch batch = std::exchange(slot.batch, {});
    if (slot.connection) slot.connection->close();
    slot.state = Slot::State::closed;
    answer_all(batch, SqlAnswer::Outcome::unavailable);
  }
}

}  // namespace openclaw::front
