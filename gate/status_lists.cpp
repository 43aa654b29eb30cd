#include "gate/status_lists.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "gate/https_get.h"
#include "gate/landing.h"

namespace openclaw::gate {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::int64_t now() { return std::int64_t{std::time(nullptr)}; }

}  // namespace

// Shared with the coroutines, so that it outlives what they wait for. All on the loop's thread.
struct StatusLists::State : std::enable_shared_from_this<State> {
  // Of one list.
  struct Reader {
    Reader(State& state, std::shared_ptr<KnownList> its_list)
        : list(std::move(its_list)),
          request{.url = list->url,
                  .accept = "application/statuslist+jwt",
                  .most_bytes = kMaxStatusListToken,
                  .max_age = std::chrono::floor<seconds>(state.half)},
          flight(state.loop, state.tls),
          landing(state.loop),
          next_read(state.loop),
          old_age(state.loop),
          backoff(state.first_backoff) {}

    const std::shared_ptr<KnownList> list;  // the one reference that is no token's
    const GetRequest request;
    HttpsGet flight;
    Landing landing;
    asio::steady_timer next_read;
    asio::steady_timer old_age;
    milliseconds backoff;
    std::string_view last_outcome;
    bool has_landed = false;
  };

  State(asio::io_context& its_loop, const Config& config, Callbacks its_callbacks,
        const StatusTimes& times)
      : loop(its_loop.get_executor()),
        tls(config.jwks_ca),
        leeway(config.leeway),
        period(times.period),
        half(times.period / 2),
        at_most(std::min(times.at_most, half)),
        first_backoff(std::min(times.first_backoff, half)),
        shortest_pause(std::min(times.first_backoff, half / 2)),
        callbacks(std::move(its_callbacks)) {}

  void stop();
  void grow_old(const std::shared_ptr<Reader>& reader, Clock::time_point at);
  milliseconds take(const std::shared_ptr<Reader>& reader, StatusListToken token,
                    Clock::time_point began);
  static asio::awaitable<Result<StatusListToken>> verify(std::shared_ptr<State> self,
                                                         std::shared_ptr<Reader> reader,
                                                         std::string body);
  static asio::awaitable<milliseconds> read_once(std::shared_ptr<State> self,
                                                 std::shared_ptr<Reader> reader);
  static asio::awaitable<void> keep_current(std::shared_ptr<State> self,
                                            std::shared_ptr<Reader> reader);
  static asio::awaitable<void> read(std::shared_ptr<State> self, std::shared_ptr<KnownList> list,
                                    milliseconds wait_at_most);

  const asio::any_io_executor loop;
  ClientTls tls;
  const seconds leeway;
  const milliseconds period;
  const milliseconds half;  // of the period
  const milliseconds at_most;
  const milliseconds first_backoff;
  const milliseconds shortest_pause;  // however soon a list expires
  const Callbacks callbacks;

  std::map<const KnownList*, std::shared_ptr<Reader>> readers;
  bool stopped = false;
};

void StatusLists::State::stop() {
  stopped = true;
  for (const auto& [list, reader] : readers) {
    reader->flight.stop();
    reader->next_read.cancel();
    reader->old_age.cancel();
    reader->landing.notify();
    // Who still judges by it must not take it for what the platform says now, nor wait for it.
    reader->list->current = false;
    reader->list->awaited = true;
  }
}

void StatusLists::State::grow_old(const std::shared_ptr<Reader>& reader, Clock::time_point at) {
  reader->old_age.expires_at(at);
  reader->old_age.async_wait([weak = std::weak_ptr(reader)](error_code cancelled) {
    const std::shared_ptr<Reader> old = weak.lock();
    if (!cancelled && old && old->old_age.expiry() <= Clock::now()) old->list->current = false;
  });
}

// Gives the time until the next flight. What the list says holds of the moment in which it was
// asked for.
milliseconds StatusLists::State::take(const std::shared_ptr<Reader>& reader, StatusListToken token,
                                      Clock::time_point began) {
  const milliseconds kept = std::min<milliseconds>(period, seconds(token.expires_at - now()));
  reader->list->list = std::move(token.list);
  reader->list->current = true;
  grow_old(reader, began + kept);
  reader->backoff = first_backoff;
  callbacks.read(token);
  const auto left = std::chrono::ceil<milliseconds>(began + kept / 2 - Clock::now());
  return std::max(left, shortest_pause);
}

asio::awaitable<Result<StatusListToken>> StatusLists::State::verify(std::shared_ptr<State> self,
                                                                    std::shared_ptr<Reader> reader,
                                                                    std::string body) {
  const auto verified = [&] {
    static const KeySet none{};
    const std::shared_ptr<const KeySet> keys = self->callbacks.keys();
    return verify_status_list(body, keys ? *keys : none, reader->list->uri, now(),
                              self->leeway.count());
  };
  Result<StatusListToken> token = verified();
  if (!token && token.error() == Error::unknown_key) {
    co_await self->callbacks.refetch_keys();
    if (!self->stopped) token = verified();
  }
  co_return token;
}

asio::awaitable<milliseconds> StatusLists::State::read_once(std::shared_ptr<State> self,
                                                            std::shared_ptr<Reader> reader) {
  const Clock::time_point began = Clock::now();
  GetAnswer answer = co_await reader->flight.get(reader->request, began + self->at_most);
  std::string_view outcome = answer.outcome;
  std::optional<StatusListToken> token;
  if (outcome == "ok" && !self->stopped) {
    Result<StatusListToken> verified = co_await verify(self, reader, std::move(answer.body));
    if (verified) {
      token = std::move(*verified);
    } else {
      outcome = name(verified.error());
    }
  }
  if (self->stopped) co_return milliseconds(0);
  reader->has_landed = true;
  const bool changed = std::exchange(reader->last_outcome, outcome) != outcome;
  self->callbacks.fetched(reader->list->uri, outcome, changed);
  if (token && !self->stopped) co_return self->take(reader, *std::move(token), began);
  co_return std::exchange(reader->backoff, std::min(reader->backoff * 2, self->half));
}

asio::awaitable<void> StatusLists::State::keep_current(std::shared_ptr<State> self,
                                                       std::shared_ptr<Reader> reader) {
  // A token that refers to the list holds it too.
  while (!self->stopped && reader->list.use_count() > 1) {
    const milliseconds pause = co_await read_once(self, reader);
    reader->landing.notify();
    if (self->stopped) co_return;
    reader->next_read.expires_after(pause);
    error_code woken;
    co_await reader->next_read.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  if (!self->stopped) self->readers.erase(reader->list.get());
}

asio::awaitable<void> StatusLists::State::read(std::shared_ptr<State> self,
                                               std::shared_ptr<KnownList> list,
                                               milliseconds wait_at_most) {
  if (self->stopped) co_return;
  const auto known = self->readers.find(list.get());
  std::shared_ptr<Reader> reader = known == self->readers.end() ? nullptr : known->second;
  if (!reader) {
    reader = std::make_shared<Reader>(*self, list);
    self->readers.emplace(list.get(), reader);
    asio::co_spawn(self->loop, keep_current(self, reader), asio::detached);
  }
  if (!reader->has_landed) co_await reader->landing.wait(wait_at_most);
  list->awaited = true;
}

StatusLists::StatusLists(asio::io_context& loop, const Config& config, Callbacks callbacks)
    : StatusLists(loop, config, std::move(callbacks), {.period = config.status_period}) {}

StatusLists::StatusLists(asio::io_context& loop, const Config& config, Callbacks callbacks,
                         const StatusTimes& times)
    : state_(std::make_shared<State>(loop, config, std::move(callbacks), times)) {}

StatusLists::~StatusLists() { state_->stop(); }

asio::awaitable<void> StatusLists::read(std::shared_ptr<KnownList> list, milliseconds at_most) {
  return State::read(state_, std::move(list), at_most);
}

}  // namespace openclaw::gate
