#include "gate/jwks_source.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>
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

// --- where --------------------------------------------------------------------------------------

HttpUrl required_url(const std::string& text) {
  if (std::optional<HttpUrl> url = parse_trusted_url(text)) return std::move(*url);
  throw std::invalid_argument("the JWKS URL is not https://, nor http:// with a loopback host");
}

// --- how long -----------------------------------------------------------------------------------

char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

std::optional<milliseconds> read_max_age(std::string_view text, milliseconds longest) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  const bool is_number = !text.empty() && std::all_of(text.begin(), text.end(),
                                                      [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return std::nullopt;
  std::uint32_t seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (read.ec != std::errc{}) return longest;  // beyond what is counted (RFC 9111 1.2.2)
  return std::min<milliseconds>(std::chrono::seconds(seconds), longest);
}

std::optional<milliseconds> read_directive(std::string_view directive, milliseconds longest) {
  std::string lower(trimmed(directive));
  std::transform(lower.begin(), lower.end(), lower.begin(), ascii_lower);
  constexpr std::string_view kMaxAge = "max-age=";
  if (lower == "no-store" || lower == "no-cache") return milliseconds(0);
  if (!lower.starts_with(kMaxAge)) return std::nullopt;
  return read_max_age(std::string_view(lower).substr(kMaxAge.size()), longest);
}

}  // namespace

milliseconds refresh_after(std::string_view cache_control, std::chrono::seconds outage_limit,
                           const JwksTimes& times) {
  std::optional<milliseconds> said;
  while (!cache_control.empty()) {
    const std::size_t comma = std::min(cache_control.find(','), cache_control.size());
    const auto kept = read_directive(cache_control.substr(0, comma), times.longest_kept);
    if (kept) said = std::min(*kept, said.value_or(*kept));
    cache_control.remove_prefix(std::min(comma + 1, cache_control.size()));
  }
  const milliseconds kept =
      std::clamp(said.value_or(times.kept_unsaid), times.shortest_kept, times.longest_kept);
  return std::max(std::min(kept * 4 / 5, milliseconds(outage_limit) / 2), times.first_backoff);
}

// --- the source ---------------------------------------------------------------------------------

// Shared with the coroutines, so that it outlives what they wait for. All on the loop's thread.
struct JwksSource::State : std::enable_shared_from_this<State> {
  State(asio::io_context& loop, const Config& config, Changed on_changed, Fetched on_fetched,
        const JwksTimes& with_times)
      : request{.url = required_url(config.jwks_url),
                .accept = "application/jwk-set+json, application/json",
                .most_bytes = kMaxJwks},
        tls(config.jwks_ca),
        outage_limit(config.jwks_outage_limit),
        times(with_times),
        changed(std::move(on_changed)),
        fetched(std::move(on_fetched)),
        flight(loop.get_executor(), tls),
        landing(loop.get_executor()),
        next_fetch(loop),
        outage(loop),
        backoff(times.first_backoff),
        refresh(times.first_backoff) {}

  void stop();
  bool begin_refetch(NamedBy who);
  void watch_for_outage();
  milliseconds take(const GetAnswer& answer);
  std::string_view take_set(const GetAnswer& answer);
  static asio::awaitable<void> keep_fresh(std::shared_ptr<State> self);
  static asio::awaitable<void> wait_for_landing(std::shared_ptr<State> self, milliseconds at_most,
                                                NamedBy who);

  GetRequest request;  // with the etag of keys
  ClientTls tls;
  const std::chrono::seconds outage_limit;
  const JwksTimes times;
  const Changed changed;
  const Fetched fetched;

  HttpsGet flight;
  Landing landing;
  asio::steady_timer next_fetch;
  asio::steady_timer outage;

  std::shared_ptr<const KeySet> keys;
  milliseconds backoff;
  milliseconds refresh;  // the time after a success that the last answer asked for
  Clock::time_point last_began{};
  bool in_flight = false;  // or about to begin
  bool started = false;
  bool stopped = false;
};

void JwksSource::State::stop() {
  stopped = true;
  flight.stop();
  next_fetch.cancel();
  outage.cancel();
  landing.notify();
}

// True when there is a flight to wait for.
bool JwksSource::State::begin_refetch(NamedBy who) {
  if (stopped || !started) return false;
  if (in_flight) return true;
  const bool is_soon = Clock::now() - last_began < times.between_refetches;
  if (is_soon && who == NamedBy::caller) return false;
  in_flight = true;
  next_fetch.cancel();
  return true;
}

void JwksSource::State::watch_for_outage() {
  if (stopped) return;
  outage.expires_after(outage_limit);
  outage.async_wait([weak = weak_from_this()](error_code cancelled) {
    const std::shared_ptr<State> self = weak.lock();
    if (cancelled || !self || self->stopped || self->outage.expiry() > Clock::now()) return;
    self->keys.reset();
    self->request.etag.clear();
    self->changed(nullptr);
  });
}

// "ok" when the body is a key set, which serves from now on.
std::string_view JwksSource::State::take_set(const GetAnswer& answer) {
  Result<KeySet> set = KeySet::parse(answer.body);
  if (!set) return "not_a_key_set";
  keys = std::make_shared<const KeySet>(std::move(*set));
  request.etag = answer.etag;
  changed(keys);
  return "ok";
}

// Gives the time until the next flight.
milliseconds JwksSource::State::take(const GetAnswer& answer) {
  std::string_view outcome = answer.outcome;
  // The set can have grown too old while it was being asked after.
  if (outcome == "not_modified" && !keys) outcome = "http_status";
  if (outcome == "ok") outcome = take_set(answer);
  if (!stopped) fetched(outcome, keys ? keys->size() : 0);  // `changed` may have ended the source
  if (outcome == "ok" || outcome == "not_modified") {
    // A 304 need not repeat the header (RFC 9110 15.4.5).
    if (outcome == "ok" || !answer.cache_control.empty()) {
      refresh = refresh_after(answer.cache_control, outage_limit, times);
    }
    backoff = times.first_backoff;
    watch_for_outage();
    return refresh;
  }
  return std::exchange(backoff, std::min(backoff * 2, times.longest_backoff));
}

asio::awaitable<void> JwksSource::State::keep_fresh(std::shared_ptr<State> self) {
  while (!self->stopped) {
    self->in_flight = true;
    self->last_began = Clock::now();
    const GetAnswer answer =
        co_await self->flight.get(self->request, self->last_began + self->times.at_most);
    if (self->stopped) co_return;
    self->next_fetch.expires_after(self->take(answer));
    self->in_flight = false;
    self->landing.notify();
    if (self->stopped) co_return;
    error_code woken;
    co_await self->next_fetch.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

asio::awaitable<void> JwksSource::State::wait_for_landing(std::shared_ptr<State> self,
                                                          milliseconds at_most, NamedBy who) {
  if (self->begin_refetch(who)) co_await self->landing.wait(at_most);
}

JwksSource::JwksSource(asio::io_context& loop, const Config& config, Changed changed,
                       Fetched fetched, const JwksTimes& times)
    : state_(std::make_shared<State>(loop, config, std::move(changed), std::move(fetched), times)) {
}

JwksSource::~JwksSource() { state_->stop(); }

void JwksSource::start() {
  if (std::exchange(state_->started, true)) return;
  state_->in_flight = true;
  asio::co_spawn(state_->next_fetch.get_executor(), State::keep_fresh(state_), asio::detached);
}

asio::awaitable<void> JwksSource::refetch(milliseconds at_most, NamedBy who) {
  return State::wait_for_landing(state_, at_most, who);
}

}  // namespace openclaw::gate
