#include "service/sql_pool.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
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
// How often the primary, and then each standby, is asked for its position.
constexpr auto kBetweenPositions = 200ms;
// A standby that has been at a statement for longer keeps no request waiting for it.
constexpr auto kPatience = 1'000ms;

constexpr const char* kPosition =
    "select p.cluster, p.timeline, p.reached, p.standby from openclaw.wal_position() as p";
constexpr const char* kUses = "select openclaw.take_used_tokens()";

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

std::string_view name_of(bool standby) { return standby ? "standby" : "primary"; }

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

std::optional<WalPosition> position_in(const std::vector<PgResult>& results) {
  const PGresult* rows = results.size() == 1 ? results.front().get() : nullptr;
  if (rows == nullptr || PQntuples(rows) != 1 || PQnfields(rows) != 4) return std::nullopt;
  WalPosition here;
  std::int64_t* const numbers[] = {&here.cluster, &here.timeline, &here.position};
  for (int column = 0; column < 3; ++column) {
    const std::string_view text = field(rows, 0, column);
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), *numbers[column]);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  }
  here.standby = field(rows, 0, 3) == "t";
  return here;
}

// Whether the answer would be another one of a server that knows more: an error, or a token that is
// not active. JSON within a string has its quotes escaped, so no token's text can pass for that.
bool refuses(const SqlAnswer& answer) {
  return answer.outcome != SqlAnswer::Outcome::row || answer.status >= 400 ||
         (answer.body && answer.body->find(R"({"active":false})") != std::string::npos);
}

// A structured field (RFC 8941): standby;max-lag=0.213, in seconds.
std::string standby_source(std::chrono::steady_clock::duration lag) {
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(lag).count();
  const std::string thousandths = std::to_string(1'000 + whole % 1'000).substr(1);
  return "standby;max-lag=" + std::to_string(whole / 1'000) + "." + thousandths;
}

void answer(SqlCall& call, const SqlAnswer& with) {
  // The call may go, with its `done`, while `done` runs.
  const auto refusal = std::exchange(call.refusal, std::nullopt);
  const auto done = std::move(call.done);
  done(refusal && with.outcome == SqlAnswer::Outcome::unavailable ? refusal->answer() : with);
}

}  // namespace

SqlPool::SqlPool(boost::asio::io_context& loop, SqlServers& servers, const Settings& settings,
                 Log& log, Metrics& metrics)
    : loop_(loop),
      settings_(settings),
      has_standbys_(!servers.standbys.empty()),
      log_(log),
      metrics_(metrics),
      bound_(settings.max_lag),
      ask_uses_at_(settings.token_use_interval.count() > 0
                       ? Clock::now() + settings.token_use_interval
                       : Clock::time_point::max()),
      look_again_(loop),
      queues_(2 * endpoints().size()) {
  for (const Endpoint& endpoint : endpoints()) {
    statements_.push_back(endpoint.function.empty() ? "" : statement(endpoint));
  }
  const auto add = [this](SqlConnector& server, std::size_t number, Role role) {
    Slot& slot = slots_.emplace_back();
    slot.server = &server;
    slot.number = number;
    slot.role = role;
  };
  for (unsigned i = 0; i < settings.connections; ++i) {
    add(servers.primary, 0, Role::primary);
    std::size_t number = 0;
    for (const auto& standby : servers.standbys) add(*standby, ++number, Role::standby);
  }
  if (has_standbys_) add(servers.primary, 0, Role::watch);
  for (Slot& slot : slots_) open(slot);  // only now that they stay where they are
}

// --- Connections ---------------------------------------------------------------------------------

void SqlPool::open(Slot& slot) {
  slot.state = Slot::State::connecting;
  slot.server->open(loop_, [this, &slot](SqlConnector::Opened result) {
    if (!stopped_) opened(slot, std::move(result));
  });
}

void SqlPool::opened(Slot& slot, SqlConnector::Opened result) {
  if (!result.connection) return attempt_failed(slot, "connect", result.problem);
  slot.connection = std::make_shared<SqlConnection>(
      loop_, std::move(result.connection),
      SqlConnection::Events{[this, &slot](std::vector<PgResult> results) {
                              if (slot.state == Slot::State::preparing) {
                                prepared(slot, results);
                              } else if (slot.state == Slot::State::asked_position) {
                                positioned(slot, results);
                              } else if (slot.state == Slot::State::asked_uses) {
                                told_uses(slot, results);
                              } else {
                                answered(slot, std::move(results));
                              }
                            },
                            [this, &slot] { lost(slot); }});
  slot.connection->start();
  slot.state = Slot::State::preparing;
  slot.prepared = has_session(slot) ? 0 : endpoints().size() + 1;
  slot.overdue = Clock::now() + settings_.request_timeout + kGrace;
  prepare_next(slot);
}

// Whether one statement's server process is that of the next, which knows settings and statements
// then.
bool SqlPool::has_session(const Slot& slot) const {
  return slot.role == Role::standby || !settings_.transaction_pooler;
}

void SqlPool::prepare_next(Slot& slot) {
  const auto all = endpoints();
  if (slot.prepared > 0) {
    while (slot.prepared <= all.size() && statements_[slot.prepared - 1].empty()) ++slot.prepared;
  }
  if (slot.prepared > all.size()) {
    slot.state = Slot::State::idle;
    slot.failures = 0;
    slot.ask_position = slot.role != Role::primary;
    log_.write(LogLevel::info, "sql_connected", {{"server", name_of(slot.role == Role::standby)}});
    return dispatch_soon();
  }
  const Endpoint* endpoint = slot.prepared == 0 ? nullptr : &all[slot.prepared - 1];
  const bool sent = endpoint == nullptr
                        ? slot.connection->send(session_settings(settings_.request_timeout))
                        : slot.connection->send_prepare(std::string(endpoint->name),
                                                        statements_[slot.prepared - 1]);
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
  slot.knows_until = Clock::time_point::min();
  const auto pause =
      std::min<Clock::duration>(kFirstPause * (1U << std::min(slot.failures, 8U)), kLongestPause);
  slot.open_next = Clock::now() + pause;
  ++slot.failures;
  // An outage is one line for each connection, not one for each attempt.
  log_.write(
      slot.failures == 1 ? LogLevel::warning : LogLevel::debug, "sql_unavailable",
      {{"server", name_of(slot.role == Role::standby)}, {"step", step}, {"problem", problem}});
  answer_hopeless(Clock::now());
}

void SqlPool::lost(Slot& slot) {
  if (slot.state == Slot::State::preparing) {
    return attempt_failed(slot, "prepare", "the connection was lost");
  }
  log_.write(LogLevel::warning, "sql_connection_lost",
             {{"server", name_of(slot.role == Role::standby)}});
  slot.connection.reset();
  slot.knows_until = Clock::time_point::min();
  if (slot.state == Slot::State::asked_uses) recording_ = false;
  slot.had_statement = slot.ask_uses = false;  // its backend's memory went with it
  SqlBatch batch = std::exchange(slot.batch, {});
  if (batch.endpoint != nullptr) count(slot, batch, StatementOutcome::lost);
  open(slot);
  if (slot.role == Role::standby && ask_primary(batch)) return;
  answer_all(batch, SqlAnswer::Outcome::unavailable);
}

// True when every connection to it is closed and the last attempt to open it failed.
bool SqlPool::primary_is_away() const {
  return std::all_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.role != Role::primary || (slot.failures > 0 && slot.state != Slot::State::idle &&
                                          slot.state != Slot::State::busy);
  });
}

// --- Standbys ------------------------------------------------------------------------------------

void SqlPool::send_position_question(Slot& slot) {
  slot.ask_position = false;
  slot.state = Slot::State::asked_position;
  slot.sent = Clock::now();
  slot.overdue = slot.sent + settings_.request_timeout + kGrace;
  if (!slot.connection->send(kPosition)) lost(slot);
}

void SqlPool::positioned(Slot& slot, const std::vector<PgResult>& results) {
  slot.state = Slot::State::idle;
  const std::optional<WalPosition> here =
      error_in(results).empty() ? position_in(results) : std::nullopt;
  if (!here) {
    log_.write(LogLevel::warning, "sql_error",
               {{"route", "position"}, {"sqlstate", error_in(results)}});
  } else if (slot.role == Role::watch) {
    bound_.primary_is_at(*here, slot.sent);
    for (Slot& other : slots_) {
      if (other.role == Role::standby) other.ask_position = true;
    }
  } else if (here->standby) {
    slot.knows_until = bound_.knows_all_until(*here).value_or(slot.knows_until);
  } else {  // promoted: another attempt finds a standby, or fails
    slot.connection->close();
    return lost(slot);
  }
  dispatch_soon();
}

bool SqlPool::is_within_bound(const Slot& slot, Clock::time_point now) const {
  // Not now - knows_until: that is min() where nothing is known.
  return slot.role == Role::standby && slot.knows_until >= now - settings_.max_lag;
}

// Whether what only reads waits for a standby: one is free, or will be shortly.
bool SqlPool::a_standby_serves(Clock::time_point now) const {
  return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    const bool free = slot.state == Slot::State::idle;
    const bool at_work = slot.state == Slot::State::busy ||
                         slot.state == Slot::State::asked_position ||
                         slot.state == Slot::State::asked_uses;
    return is_within_bound(slot, now) && (free || (at_work && now < slot.sent + kPatience));
  });
}

void SqlPool::log_bounds(Clock::time_point now) {
  for (Slot& slot : slots_) {
    const bool within = is_within_bound(slot, now);
    if (slot.role != Role::standby || within == slot.within_bound) continue;
    slot.within_bound = within;
    log_.write(within ? LogLevel::info : LogLevel::warning,
               within ? "standby_within_bound" : "standby_behind", {});
  }
}

// --- Uses of tokens ------------------------------------------------------------------------------

void SqlPool::send_use_question(Slot& slot) {
  slot.ask_uses = false;
  recording_ = true;
  slot.state = Slot::State::asked_uses;
  slot.sent = Clock::now();
  slot.overdue = slot.sent + settings_.request_timeout + kGrace;
  if (!slot.connection->send(kUses)) lost(slot);
}

void SqlPool::told_uses(Slot& slot, const std::vector<PgResult>& results) {
  slot.state = Slot::State::idle;
  recording_ = false;
  dispatch_soon();
  const std::string_view sqlstate = error_in(results);
  if (!sqlstate.empty()) {
    return log_.write(LogLevel::warning, "sql_error",
                      {{"route", "token_uses"}, {"sqlstate", sqlstate}});
  }
  const PGresult* rows = results.size() == 1 ? results.front().get() : nullptr;
  if (rows == nullptr || PQntuples(rows) != 1 || PQnfields(rows) != 1) return;
  used_ = field(rows, 0, 0);
  if (used_ == "{}") return;
  record_.endpoint = &use_record();
  record_.arguments = {used_};
  record_.done = [this](const SqlAnswer&) { recording_ = false; };
  recording_ = submit(record_);
}

// --- Calls ---------------------------------------------------------------------------------------

std::deque<SqlCall*>& SqlPool::queue_of(const SqlCall& call, bool primary) {
  const std::size_t endpoint = index_of(*call.endpoint);
  return queues_[primary ? endpoint : endpoints().size() + endpoint];
}

bool SqlPool::nobody_answers(bool read, Clock::time_point now) const {
  return primary_is_away() && !(read && a_standby_serves(now));
}

bool SqlPool::submit(SqlCall& call) {
  const auto now = Clock::now();
  const bool read = has_standbys_ && call.endpoint->reads && !call.alone;
  if (stopped_ || waiting_ >= settings_.max_waiting || nobody_answers(read, now)) return false;
  call.deadline = now + settings_.request_timeout;
  queue_of(call, !read).push_back(&call);
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
  const auto now = Clock::now();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const std::size_t place = (first_slot_ + i) % slots_.size();
    Slot& slot = slots_[place];
    if (slot.state != Slot::State::idle) continue;
    if (slot.ask_position) {
      send_position_question(slot);
    } else if (slot.ask_uses && !recording_) {
      send_use_question(slot);
    } else if (std::deque<SqlCall*>* queue = next_queue(slot, now)) {
      send(slot, *queue);
      // Servers take turns. Of one server's connections the first that is free is taken: its
      // backend has just done the like, and finds its memory in the processor's caches.
      if (has_standbys_) first_slot_ = place + 1;
    }
  }
}

// What waits for a connection like this, endpoints in turn; null when nothing does.
std::deque<SqlCall*>* SqlPool::next_queue(const Slot& slot, Clock::time_point now) {
  if (waiting_ == 0 || slot.role == Role::watch) return nullptr;
  const bool primary = slot.role == Role::primary;
  const bool reads =
      primary ? !has_standbys_ || !a_standby_serves(now) : is_within_bound(slot, now);
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    const std::size_t place = (turn_ + i) % queues_.size();
    const bool allowed = place < endpoints().size() ? primary : reads;
    if (!allowed || queues_[place].empty()) continue;
    if (const auto until = gathers_until(slot, queues_[place], now)) {
      look_again_at(*until);
      continue;
    }
    turn_ = place + 1;
    return &queues_[place];
  }
  return nullptr;
}

// How long one statement for all of the queue, once the one under way is done, is better than one
// more beside it: Postgres and the front work less for the same answers. None: not any longer.
std::optional<SqlPool::Clock::time_point> SqlPool::gathers_until(const Slot& slot,
                                                                 const std::deque<SqlCall*>& queue,
                                                                 Clock::time_point now) const {
  const SqlCall& first = *queue.front();
  if (first.alone || first.endpoint->coalescing == Coalescing::single ||
      queue.size() >= settings_.max_batch) {
    return std::nullopt;
  }
  std::optional<Clock::time_point> until;
  for (const Slot& other : slots_) {
    const bool alike = other.server == slot.server && other.state == Slot::State::busy &&
                       other.batch.endpoint == first.endpoint;
    const auto end = other.sent + first.endpoint->gathering;
    if (alike && now < end) until = std::max(until.value_or(end), end);
  }
  return until;
}

void SqlPool::look_again_at(Clock::time_point time) {
  if (look_again_at_ <= time) return;
  look_again_at_ = time;
  look_again_.expires_at(time);
  look_again_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    look_again_at_ = Clock::time_point::max();
    dispatch();
  });
}

std::vector<SqlCall*> SqlPool::take(std::deque<SqlCall*>& queue) {
  std::vector<SqlCall*> calls;
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

void SqlPool::send(Slot& slot, std::deque<SqlCall*>& queue) {
  slot.batch = make_batch(take(queue));
  slot.state = Slot::State::busy;
  slot.had_statement = true;
  slot.sent = Clock::now();
  slot.overdue = slot.sent + settings_.request_timeout + kGrace;
  if (slot.role == Role::standby) {
    slot.batch.source = standby_source(slot.sent - slot.knows_until);
  } else if (has_standbys_) {
    slot.batch.source = "primary";
  }
  const std::size_t place = index_of(*slot.batch.endpoint);
  const bool sent = has_session(slot)
                        ? slot.connection->send_prepared(std::string(slot.batch.endpoint->name),
                                                         slot.batch.arrays)
                        : slot.connection->send_unprepared(statements_[place], slot.batch.arrays);
  slot.batch.arrays.clear();
  if (!sent) lost(slot);
}

void SqlPool::answered(Slot& slot, std::vector<PgResult> results) {
  SqlBatch batch = std::exchange(slot.batch, {});
  slot.state = Slot::State::idle;
  const std::string_view sqlstate = error_in(results);
  if (!sqlstate.empty()) {
    dispatch_soon();
    return refused(slot, batch, sqlstate);
  }
  dispatch_soon();  // before the answers are sent: Postgres works meanwhile

  const PGresult* rows = results.size() == 1 ? results.front().get() : nullptr;
  if (rows == nullptr || PQnfields(rows) != 3 ||
      static_cast<std::size_t>(PQntuples(rows)) != batch.rows) {
    log_.write(LogLevel::error, "sql_answer_invalid", {{"route", batch.endpoint->name}});
    count(slot, batch, StatementOutcome::failed);
    return answer_all(batch, SqlAnswer::Outcome::failed);
  }
  count(slot, batch, StatementOutcome::ok);
  deliver(slot, batch, rows);
}

void SqlPool::deliver(Slot& slot, SqlBatch& batch, const PGresult* result) {
  SqlBatch refusals;
  for (SqlBatch::Waiting& waiting : batch.waiting) {
    if (waiting.call == nullptr) continue;
    SqlAnswer row = answer_in(result, waiting.row);
    row.source = batch.source;
    if (row.outcome == SqlAnswer::Outcome::failed) {
      log_.write(LogLevel::error, "sql_answer_invalid", {{"route", batch.endpoint->name}});
    }
    if (slot.role == Role::standby && refuses(row) && !primary_is_away()) {
      waiting.call->refusal.emplace(row);
      refusals.waiting.push_back(waiting);
      continue;
    }
    answer(*waiting.call, row);
  }
  ask_primary(refusals);
}

// False, and nothing done, when it is away: nobody else can be asked.
bool SqlPool::ask_primary(SqlBatch& batch) {
  if (primary_is_away()) return false;
  // To the front, where the oldest stand, in their order.
  for (auto waiting = batch.waiting.rbegin(); waiting != batch.waiting.rend(); ++waiting) {
    if (waiting->call == nullptr) continue;
    queue_of(*waiting->call, true).push_front(std::exchange(waiting->call, nullptr));
    ++waiting_;
  }
  dispatch_soon();
  return true;
}

void SqlPool::refused(Slot& slot, SqlBatch& batch, std::string_view sqlstate) {
  const SqlFailure failure = classify(sqlstate);
  count(slot, batch,
        failure == SqlFailure::refused ? StatementOutcome::failed : StatementOutcome::unavailable);
  log_.write(failure == SqlFailure::refused ? LogLevel::error : LogLevel::warning, "sql_error",
             {{"route", batch.endpoint->name},
              {"sqlstate", sqlstate},
              {"calls", static_cast<std::int64_t>(batch.waiting.size())}});
  if (failure == SqlFailure::stale) {
    slot.connection->close();
    slot.connection.reset();
    slot.knows_until = Clock::time_point::min();
    open(slot);
  }
  if (slot.role == Role::standby && ask_primary(batch)) return;
  if (failure != SqlFailure::refused) return answer_all(batch, SqlAnswer::Outcome::unavailable);
  if (batch.waiting.size() == 1) return answer_all(batch, SqlAnswer::Outcome::failed);
  send_one_by_one(batch);
}

void SqlPool::send_one_by_one(SqlBatch& batch) {
  for (SqlBatch::Waiting& waiting : batch.waiting) {
    if (waiting.call != nullptr) waiting.call->alone = true;
  }
  if (!ask_primary(batch)) answer_all(batch, SqlAnswer::Outcome::unavailable);
}

void SqlPool::answer_all(SqlBatch& batch, SqlAnswer::Outcome outcome) {
  for (SqlBatch::Waiting& waiting : batch.waiting) {
    SqlAnswer with;
    with.outcome = outcome;
    if (waiting.call != nullptr) answer(*waiting.call, with);
  }
}

// Those in the first so many queues whose time is over.
void SqlPool::answer_waiting_until(Clock::time_point now, std::size_t queues) {
  for (std::size_t i = 0; i < std::min(queues, queues_.size()); ++i) {
    std::deque<SqlCall*>& queue = queues_[i];
    while (!queue.empty() && queue.front()->deadline <= now) {
      SqlCall& call = *queue.front();
      queue.pop_front();
      --waiting_;
      answer(call, {});
    }
  }
}

// What nobody could answer any more is answered at once.
void SqlPool::answer_hopeless(Clock::time_point now) {
  if (!primary_is_away()) return;
  if (!a_standby_serves(now)) return answer_waiting_until(Clock::time_point::max());
  answer_waiting_until(Clock::time_point::max(), endpoints().size());
}

// --- Time ----------------------------------------------------------------------------------------

void SqlPool::tick(Clock::time_point now) {
  if (stopped_) return;
  answer_waiting_until(now);
  if (ask_uses_at_ <= now) {
    for (Slot& slot : slots_) slot.ask_uses |= std::exchange(slot.had_statement, false);
    ask_uses_at_ = now + settings_.token_use_interval;
  }
  for (Slot& slot : slots_) {
    if (slot.role == Role::watch && ask_position_at_ <= now) {
      slot.ask_position = true;
      ask_position_at_ = now + kBetweenPositions;
    }
    for (SqlBatch::Waiting& waiting : slot.batch.waiting) {
      if (waiting.call != nullptr && waiting.call->deadline <= now) {
        answer(*std::exchange(waiting.call, nullptr), {});
      }
    }
    const bool hangs = slot.role == Role::standby && slot.sent + kPatience <= now;
    if (hangs) ask_primary(slot.batch);
    const bool under_way =
        slot.state == Slot::State::preparing || slot.state == Slot::State::busy ||
        slot.state == Slot::State::asked_position || slot.state == Slot::State::asked_uses;
    if (under_way && slot.overdue <= now) {
      log_.write(LogLevel::warning, "sql_overdue", {});
      slot.connection->close();
      lost(slot);
    }
    if (slot.state == Slot::State::closed && slot.open_next <= now) open(slot);
  }
  // Positions are due, and what waited for a standby that hangs goes elsewhere.
  dispatch_soon();
  show_connections(now);
  if (!has_standbys_) return;
  log_bounds(now);
  answer_hopeless(now);
}

void SqlPool::stop() {
  stopped_ = true;
  look_again_.cancel();
  answer_waiting_until(Clock::time_point::max());
  for (Slot& slot : slots_) {
    SqlBatch batch = std::exchange(slot.batch, {});
    if (slot.connection) slot.connection->close();
    slot.state = Slot::State::closed;
    answer_all(batch, SqlAnswer::Outcome::unavailable);
  }
  show_connections(Clock::now());
}

// --- Metrics -------------------------------------------------------------------------------------

void SqlPool::count(const Slot& slot, const SqlBatch& batch, StatementOutcome outcome) {
  metrics_.count_statement(*batch.endpoint, slot.number, outcome, batch.waiting.size());
}

void SqlPool::show_connections(Clock::time_point now) {
  metrics_.sql_waiting.set(waiting_);
  for (std::size_t number = 0; number < metrics_.servers.size(); ++number) {
    std::array<std::uint64_t, kSqlStates> states{};
    std::uint64_t within_bound = 0;
    for (const Slot& slot : slots_) {
      if (slot.number != number) continue;
      ++states.at(static_cast<std::size_t>(state_of(slot)));
      within_bound += is_within_bound(slot, now) ? 1 : 0;
    }
    Metrics::Server& server = metrics_.servers[number];
    for (std::size_t i = 0; i < states.size(); ++i) server.connections[i].set(states[i]);
    server.within_bound.set(within_bound);
  }
}

SqlState SqlPool::state_of(const Slot& slot) {
  switch (slot.state) {
    case Slot::State::closed:
      return SqlState::closed;
    case Slot::State::connecting:
    case Slot::State::preparing:
      return SqlState::connecting;
    case Slot::State::idle:
      return SqlState::idle;
    case Slot::State::busy:
    case Slot::State::asked_position:
    case Slot::State::asked_uses:
      return SqlState::busy;
  }
  return SqlState::closed;
}

}  // namespace openclaw::front
