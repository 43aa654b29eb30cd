// Row-level security by token: whose rows a transaction sees.
//
// begin_session puts a verified token's digest and ids on a stack that belongs to the transaction;
// its subtransactions' ends move or drop what was put there within them, and the transaction's end
// drops all. Nothing of it is a setting, a table or a parameter, so that no SQL can forge it, and
// no pooled connection hands it on.
//
// The token's row is looked at again for each statement, as it is then: a revocation, an expiry or
// a narrowed scope counts from the next one on, in what a cursor of before goes on to fetch too.
#include "extension/session.h"

#include <ctime>
#include <string>
#include <vector>

#include "core/opaque_token.h"
#include "core/scope.h"
#include "extension/verification.h"

namespace openclaw::extension {

namespace {

// What a statement sees. Two views are equal when no transaction that one shows as running has
// ended in the other (at one xmax, transactions only leave the list of those that run), this
// transaction has changed nothing in between, and both are of one message of the client. Where a
// snapshot lasts for the whole transaction, what others have ended is counted instead.
struct View {
  TransactionId xmin;
  TransactionId xmax;
  uint32 running;
  int32 running_subtransactions;
  CommandId command;
  TimestampTz statement;
  uint64 ended;
};

View present_view() {
  const SnapshotData& snapshot = *GetActiveSnapshot();
  return {snapshot.xmin,
          snapshot.xmax,
          snapshot.xcnt,
          snapshot.subxcnt,
          snapshot.curcid,
          GetCurrentStatementStartTimestamp(),
          IsolationUsesXactSnapshot() ? ended_transactions() : 0};
}

// Whether it is still the present one. Asked for every row.
bool is_present(const View& view) {
  const SnapshotData& snapshot = *GetActiveSnapshot();
  return view.xmax == snapshot.xmax && view.command == snapshot.curcid &&
         view.running == snapshot.xcnt && view.xmin == snapshot.xmin &&
         view.running_subtransactions == snapshot.subxcnt &&
         view.statement == GetCurrentStatementStartTimestamp() &&
         (!IsolationUsesXactSnapshot() || view.ended == ended_transactions());
}

struct Session {
  std::uint64_t number;  // no two of a backend share one
  SubTransactionId level;
  bool open;  // false: end_session() was called here
  Digest token_hash;
  std::string user_id;
  std::string token_id;
  // What the row said last.
  View seen;
  bool live;
  std::int64_t expires_at;  // a NumericDate
  std::uint32_t asked;
  std::vector<std::string> scopes;
};

// Through a plain pointer: no constructor runs when the module is loaded.
std::vector<Session>* sessions = nullptr;

void on_transaction_event(XactEvent event, void*) {
  if (sessions == nullptr) return;
  switch (event) {
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE:
    case XACT_EVENT_PARALLEL_COMMIT:
    case XACT_EVENT_PARALLEL_ABORT:
      sessions->clear();
      break;
    default:
      break;
  }
}

// Puts what was put within a subtransaction into its parent's care: of one level, the last one
// counts.
void hand_on(SubTransactionId its, SubTransactionId parent) {
  for (Session& session : *sessions) {
    if (session.level == its) session.level = parent;
  }
  while (sessions->size() > 1 && (sessions->end() - 2)->level == sessions->back().level) {
    sessions->erase(sessions->end() - 2);
  }
}

void on_subtransaction_event(SubXactEvent event, SubTransactionId its, SubTransactionId parent,
                             void*) {
  if (sessions == nullptr) return;
  if (event == SUBXACT_EVENT_ABORT_SUB) {
    while (!sessions->empty() && sessions->back().level == its) sessions->pop_back();
  } else if (event == SUBXACT_EVENT_COMMIT_SUB) {
    hand_on(its, parent);
  }
}

void put(Session session) {
  if (sessions == nullptr) sessions = new std::vector<Session>();
  static std::uint64_t last = 0;
  session.number = ++last;
  session.level = GetCurrentSubTransactionId();
  if (!sessions->empty() && sessions->back().level == session.level) sessions->pop_back();
  sessions->push_back(std::move(session));
}

void remember(Session& session, const TokenRow& row) {
  session.expires_at = numeric_date(row.expires_at);
  for (std::string_view scope : granted_scopes(row)) session.scopes.emplace_back(scope);
}

// Apart from what every row runs, whose frame it would make large.
[[gnu::noinline]] void look_again(Session& session) {
  const View now = present_view();
  TokenRow row{};
  find_tokens({&session.token_hash, 1}, {&row, 1}, Sight::latest);
  session.live = static_cast<bool>(check_token(row, {}, GetCurrentTimestamp()));
  session.scopes.clear();
  if (session.live) remember(session, row);
  session.seen = now;
}

// The session that is good for this statement, or null.
const Session* present_session() {
  if (sessions == nullptr || sessions->empty()) return nullptr;
  Session& session = sessions->back();
  if (!session.open) return nullptr;
  if (!is_present(session.seen)) look_again(session);
  // A statement may run for longer than its token is good; a clock asked for every row would cost a
  // tenth of it.
  if (++session.asked % 64 == 0 && std::time(nullptr) > session.expires_at) session.live = false;
  return session.live ? &session : nullptr;
}

// A text of the session, made once for each place of a query that asks: a policy asks for every
// row. It lives as long as the query, whatever becomes of the session.
Datum text_of_session(FunctionCallInfo fcinfo, const Session& session, std::string_view text) {
  struct Made {
    std::uint64_t session;
    Datum text;
  };
  auto* made = static_cast<Made*>(fcinfo->flinfo->fn_extra);
  if (made == nullptr || made->session != session.number) {
    made = guarded([&] {
      MemoryContext former = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
      auto* fresh = static_cast<Made*>(palloc(sizeof(Made)));
      *fresh = {session.number, PointerGetDatum(cstring_to_text_with_len(
                                    text.data(), static_cast<int>(text.size())))};
      MemoryContextSwitchTo(former);
      return fresh;
    });
    fcinfo->flinfo->fn_extra = made;
  }
  return made->text;
}

[[noreturn]] void refuse(Error reason) {
  const bool scopes = reason == Error::insufficient_scope;
  throw SqlError{
      scopes ? ERRCODE_INSUFFICIENT_PRIVILEGE : ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
      scopes ? "the token does not grant every required scope" : "the token begins no session",
      "reason: " + std::string(name(reason)), std::string(message(reason))};
}

Datum begin_session(const Call& call) {
  TextArray scopes = call.required_text_array(1, kMaxScopes, 64 * 1024, "required_scopes");
  const std::vector<std::string_view> required = required_scopes(scopes);
  const auto container = call.text(2, 256);
  const auto token = call.text(0, kTokenLength);
  const auto verified = check_token(token, required, GetCurrentTimestamp(), Sight::latest);
  if (!verified) refuse(verified.error());
  if (verified->has_container && container != text_of(verified->container_id)) {
    refuse(Error::wrong_audience);
  }
  Session session{};
  session.open = true;
  session.token_hash = token_hash(*token);
  session.user_id = text_of(verified->user_id);
  session.token_id = text_of(verified->id);
  session.seen = present_view();
  session.live = true;
  remember(session, *verified);
  put(std::move(session));
  return verified->user_id;
}

}  // namespace

void register_session_callbacks() {
  RegisterXactCallback(on_transaction_event, nullptr);
  RegisterSubXactCallback(on_subtransaction_event, nullptr);
}

// (token, required_scopes, container_id) -> user_id
OPENCLAW_FUNCTION(openclaw_begin_session) {
  try {
    return begin_session(Call(fcinfo));
  } catch (...) {
    // Whatever session there was ends as well, beyond a rollback to a savepoint too: who goes on
    // after a refusal does so as nobody.
    if (sessions != nullptr) {
      for (Session& session : *sessions) session.open = false;
    }
    throw;
  }
}

OPENCLAW_FUNCTION(openclaw_end_session) {
  static_cast<void>(fcinfo);
  put(Session{});
  return Datum{0};
}

OPENCLAW_FUNCTION(openclaw_current_user_id) {
  const Session* session = present_session();
  return session == nullptr ? Call(fcinfo).null()
                            : text_of_session(fcinfo, *session, session->user_id);
}

OPENCLAW_FUNCTION(openclaw_current_token_id) {
  const Session* session = present_session();
  return session == nullptr ? Call(fcinfo).null()
                            : text_of_session(fcinfo, *session, session->token_id);
}

OPENCLAW_FUNCTION(openclaw_has_scope) {
  Call call(fcinfo);
  const auto scope = call.text(0, 256);
  const Session* session = present_session();
  if (session == nullptr || !scope) return Call::boolean(false);
  for (const std::string& granted : session->scopes) {
    if (covers(granted, *scope)) return Call::boolean(true);
  }
  return Call::boolean(false);
}

}  // namespace openclaw::extension
