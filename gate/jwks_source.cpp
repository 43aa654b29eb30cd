#include "gate/jwks_source.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "gate/http_url.h"

namespace openclaw::gate {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint32_t kMaxHead = 16 * 1024;
constexpr std::size_t kMaxEtag = 256;

// --- where --------------------------------------------------------------------------------------

HttpUrl required_url(const std::string& text) {
  std::optional<HttpUrl> url = parse_http_url(text);
  if (url && (url->tls || is_loopback_host(url->host))) return std::move(*url);
  throw std::invalid_argument("the JWKS URL is not https://, nor http:// with a loopback host");
}

// The Host header's value (RFC 9110 7.2).
std::string authority(const HttpUrl& url) {
  const std::string whole = origin(url);
  return whole.substr(whole.find("://") + 3);
}

asio::ssl::context client_tls(const std::string& ca) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  context.set_verify_mode(asio::ssl::verify_peer);
  error_code failed;
  if (ca.empty()) {
    context.set_default_verify_paths(failed);
  } else {
    context.load_verify_file(ca, failed);
  }
  ERR_clear_error();
  if (!failed) return context;
  throw std::runtime_error((ca.empty() ? "the system's CA certificates" : ca) +
                           ": cannot be read as PEM certificates");
}

// The certificate must name the host, in a SAN: a common name is no host name (RFC 9525 2), which
// Asio's host_name_verification takes for one.
bool expect_host(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* expected = SSL_get0_param(ssl);
  if (is_ip_address(host)) return X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(
      expected, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(expected, host.data(), host.size()) == 1 &&
         SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                  const_cast<char*>(host.c_str())) == 1;
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

// --- one flight ---------------------------------------------------------------------------------

struct Answer {
  std::string_view outcome;
  std::string body = {};
  std::string etag = {};
  std::string cache_control = {};
};

// What one flight needs, and what ends it from outside.
struct Flight {
  const HttpUrl& url;
  asio::ssl::context& tls;
  std::string etag;
  Clock::time_point deadline;
  beast::tcp_stream* connection = nullptr;
  bool ended = false;
};

std::string_view outcome_of(error_code failure, std::string_view otherwise) {
  if (failure == beast::error::timeout) return "timeout";
  if (failure == http::error::body_limit || failure == http::error::header_limit ||
      failure == http::error::buffer_overflow) {
    return "too_large";
  }
  return otherwise;
}

http::request<http::empty_body> request_for(const Flight& flight) {
  const std::string target = flight.url.path.empty() ? "/" : flight.url.path;
  http::request<http::empty_body> request(http::verb::get, target, 11);
  request.set(http::field::host, authority(flight.url));
  request.set(http::field::accept, "application/jwk-set+json, application/json");
  request.set(http::field::accept_encoding, "identity");
  request.set(http::field::user_agent, "openclaw-gate");
  request.set(http::field::connection, "close");
  if (!flight.etag.empty()) request.set(http::field::if_none_match, flight.etag);
  return request;
}

// Sent back as it came, so it has to be an entity-tag (RFC 9110 8.8.3) of a sane size.
std::string etag_of(const http::fields& head) {
  const auto given = head[http::field::etag];
  const std::string_view etag(given.data(), given.size());
  const std::string_view quoted = etag.starts_with("W/") ? etag.substr(2) : etag;
  const bool is_etag =
      quoted.size() >= 2 && etag.size() <= kMaxEtag && quoted.front() == '"' &&
      quoted.find('"', 1) == quoted.size() - 1 &&
      std::all_of(quoted.begin(), quoted.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  return is_etag ? std::string(etag) : std::string();
}

std::string cache_control_of(const http::fields& head) {
  std::string all;
  const auto [first, last] = head.equal_range(http::field::cache_control);
  for (auto field = first; field != last; ++field) {
    if (!all.empty()) all += ',';
    all.append(field->value().data(), field->value().size());
  }
  return all;
}

// The head is judged before a byte of the body is taken, the body while it comes.
template <class Stream>
asio::awaitable<Answer> ask(Stream& stream, const Flight& flight) {
  error_code failure;
  const http::request<http::empty_body> request = request_for(flight);
  co_await http::async_write(stream, request, asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return Answer{outcome_of(failure, "connect")};

  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.header_limit(kMaxHead);
  parser.body_limit(kMaxJwks);
  co_await http::async_read_header(stream, buffer, parser,
                                   asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return Answer{outcome_of(failure, "connect")};

  const http::response<http::string_body>& head = parser.get();
  if (head.result() == http::status::not_modified && !flight.etag.empty()) {
    co_return Answer{"not_modified", {}, {}, cache_control_of(head)};
  }
  if (head.result() != http::status::ok) co_return Answer{"http_status"};

  co_await http::async_read(stream, buffer, parser,
                            asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return Answer{outcome_of(failure, "connect")};
  Answer answer{"ok", {}, etag_of(head), cache_control_of(head)};
  answer.body = std::move(parser.get().body());
  co_return answer;
}

bool all_loopback(const tcp::resolver::results_type& found) {
  return std::all_of(found.begin(), found.end(),
                     [](const auto& entry) { return entry.endpoint().address().is_loopback(); });
}

// Lets the connection be closed from outside for as long as it lives.
class Closable {
 public:
  Closable(Flight& flight, beast::tcp_stream& connection) : flight_(flight) {
    flight_.connection = &connection;
  }
  Closable(const Closable&) = delete;
  Closable& operator=(const Closable&) = delete;
  ~Closable() { flight_.connection = nullptr; }

 private:
  Flight& flight_;
};

// One deadline for all that follows on the connection.
asio::awaitable<error_code> connect(beast::tcp_stream& connection, const Flight& flight,
                                    const tcp::resolver::results_type& found) {
  error_code failure;
  connection.expires_at(flight.deadline);
  co_await connection.async_connect(found, asio::redirect_error(asio::use_awaitable, failure));
  co_return failure;
}

asio::awaitable<Answer> fly_plain(Flight& flight, asio::any_io_executor loop,
                                  const tcp::resolver::results_type& found) {
  // "localhost" is a name: without TLS only the address can vouch for it.
  if (!all_loopback(found)) co_return Answer{"connect"};
  beast::tcp_stream connection(loop);
  const Closable closable(flight, connection);
  const error_code failure = co_await connect(connection, flight, found);
  if (failure) co_return Answer{outcome_of(failure, "connect")};
  co_return co_await ask(connection, flight);
}

asio::awaitable<Answer> fly_over_tls(Flight& flight, asio::any_io_executor loop,
                                     const tcp::resolver::results_type& found) {
  asio::ssl::stream<beast::tcp_stream> stream(loop, flight.tls);
  const Closable closable(flight, stream.next_layer());
  if (!expect_host(stream.native_handle(), flight.url.host)) co_return Answer{"tls"};
  error_code failure = co_await connect(stream.next_layer(), flight, found);
  if (failure) co_return Answer{outcome_of(failure, "connect")};
  co_await stream.async_handshake(asio::ssl::stream_base::client,
                                  asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return Answer{outcome_of(failure, "tls")};
  co_return co_await ask(stream, flight);
}

// The name is resolved on a thread of Asio's, where only the system's own limits end it; its time
// counts towards the deadline.
asio::awaitable<Answer> fly(tcp::resolver& resolver, Flight& flight) {
  error_code failure;
  const tcp::resolver::results_type found =
      co_await resolver.async_resolve(flight.url.host, std::to_string(flight.url.port),
                                      asio::redirect_error(asio::use_awaitable, failure));
  if (failure || flight.ended) co_return Answer{"connect"};
  if (!flight.url.tls) co_return co_await fly_plain(flight, resolver.get_executor(), found);
  Answer answer = co_await fly_over_tls(flight, resolver.get_executor(), found);
  ERR_clear_error();
  co_return answer;
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
      : url(required_url(config.jwks_url)),
        tls(client_tls(config.jwks_ca)),
        outage_limit(config.jwks_outage_limit),
        times(with_times),
        changed(std::move(on_changed)),
        fetched(std::move(on_fetched)),
        resolver(loop),
        next_fetch(loop),
        outage(loop),
        backoff(times.first_backoff),
        refresh(times.first_backoff) {}

  struct Waiter;

  void stop();
  bool begin_refetch();
  void watch_for_outage();
  milliseconds take(const Answer& answer);
  std::string_view take_set(const Answer& answer);
  static asio::awaitable<void> keep_fresh(std::shared_ptr<State> self);
  static asio::awaitable<void> wait_for_landing(std::shared_ptr<State> self, milliseconds at_most);

  const HttpUrl url;
  asio::ssl::context tls;
  const std::chrono::seconds outage_limit;
  const JwksTimes times;
  const Changed changed;
  const Fetched fetched;

  tcp::resolver resolver;
  asio::steady_timer next_fetch;
  asio::steady_timer outage;
  std::set<asio::steady_timer*> waiting;  // those who wait for the flight to land

  std::shared_ptr<const KeySet> keys;
  std::string etag;  // of keys
  milliseconds backoff;
  milliseconds refresh;  // the time after a success that the last answer asked for
  Clock::time_point last_began{};
  std::optional<Flight> flight;
  bool in_flight = false;  // or about to begin
  bool started = false;
  bool stopped = false;
};

void JwksSource::State::stop() {
  stopped = true;
  resolver.cancel();
  next_fetch.cancel();
  outage.cancel();
  for (asio::steady_timer* waiter : waiting) waiter->cancel();
  if (!flight) return;
  flight->ended = true;
  if (flight->connection != nullptr) flight->connection->close();
}

// True when there is a flight to wait for.
bool JwksSource::State::begin_refetch() {
  if (stopped || !started) return false;
  if (in_flight) return true;
  if (Clock::now() - last_began < times.between_refetches) return false;
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
    self->etag.clear();
    self->changed(nullptr);
  });
}

// "ok" when the body is a key set, which serves from now on.
std::string_view JwksSource::State::take_set(const Answer& answer) {
  Result<KeySet> set = KeySet::parse(answer.body);
  if (!set) return "not_a_key_set";
  keys = std::make_shared<const KeySet>(std::move(*set));
  etag = answer.etag;
  changed(keys);
  return "ok";
}

// Gives the time until the next flight.
milliseconds JwksSource::State::take(const Answer& answer) {
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
    self->flight.emplace(
        Flight{self->url, self->tls, self->etag, self->last_began + self->times.at_most});
    const Answer answer = co_await fly(self->resolver, *self->flight);
    self->flight.reset();
    if (self->stopped) co_return;
    self->next_fetch.expires_after(self->take(answer));
    self->in_flight = false;
    for (asio::steady_timer* waiter : self->waiting) waiter->cancel();
    if (self->stopped) co_return;
    error_code woken;
    co_await self->next_fetch.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

// Leaves the set of those who wait also when the loop ends and the coroutine with it.
struct JwksSource::State::Waiter {
  Waiter(State& its_state, milliseconds at_most)
      : state(its_state), timer(its_state.next_fetch.get_executor(), at_most) {
    state.waiting.insert(&timer);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { state.waiting.erase(&timer); }

  State& state;
  asio::steady_timer timer;
};

asio::awaitable<void> JwksSource::State::wait_for_landing(std::shared_ptr<State> self,
                                                          milliseconds at_most) {
  if (!self->begin_refetch()) co_return;
  Waiter waiter(*self, at_most);
  error_code landed;
  co_await waiter.timer.async_wait(asio::redirect_error(asio::use_awaitable, landed));
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

asio::awaitable<void> JwksSource::refetch(milliseconds at_most) {
  return State::wait_for_landing(state_, at_most);
}

}  // namespace openclaw::gate
