#include "gate/session.h"

#include <ctime>
#include <utility>

#include "gate/challenge.h"
#include "gate/server_tls.h"

namespace openclaw::gate {
namespace {

namespace asio = boost::asio;
using boost::beast::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kForwardAuth = "/.openclaw/forward-auth";
constexpr std::string_view kOwnPaths = "/.openclaw/";
constexpr std::string_view kNoStore = "Cache-Control: no-store\r\n";
// How often a connection's client certificate is looked at again: it may expire meanwhile.
constexpr auto kCertificateRecheck = std::chrono::seconds(60);

std::int64_t now() { return std::int64_t{std::time(nullptr)}; }

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::allowed:
      return "allowed";
    case Verdict::unauthenticated:
    case Verdict::unknown_key:
      return "unauthenticated";
    case Verdict::insufficient_scope:
      return "insufficient_scope";
    case Verdict::unread_status:
    case Verdict::unavailable:
      return "unavailable";
  }
  return "unauthenticated";
}

std::optional<std::string_view> field(const RequestParser::value_type& request, http::field name) {
  const auto found = request.find(name);
  return found == request.end() ? std::nullopt : std::optional(view(found->value()));
}

}  // namespace

Session::Session(Server& server, asio::ip::tcp::socket socket)
    : server_(server),
      door_(server.door()),
      tls_(server.policy()->tls),
      channel_(tls_ ? std::make_shared<Channel>(server.poller(), std::move(socket), tls_)
                    : std::make_shared<Channel>(server.poller(), std::move(socket))) {}

void Session::start() {
  client_ = server_.add(shared_from_this());
  spawn(run(), [self = shared_from_this()](const std::exception_ptr& problem) {
    self->response_ended_ = true;
    self->channel_->close();
    self->server_.remove(self->client_);
    // What nobody expects, such as memory that ran out, ends this client and no other.
    if (problem) self->server_.log().write(LogLevel::error, "session_failed", {});
  });
}

void Session::expired() {
  timed_out_ = true;
  if (limit_ == Limit::head || limit_ == Limit::body) {
    channel_->stop_reading();  // who waits for more answers 408
  } else {
    close();
  }
}

void Session::drain() {
  if (idle_) close();
}

void Session::close() { channel_->close(); }

// What has begun to go to the client must not pass for the whole; before that it is told why.
void Session::end_if_revoked(const Platform& platform) {
  if (!current_.token || !platform.has_revoked(*current_.token)) return;
  current_.token.reset();
  current_.decision = name(Verdict::unauthenticated);
  current_.reason = openclaw::name(Error::revoked);
  revoked_ = true;
  if (const std::shared_ptr<Channel> upstream = upstream_.lock()) upstream->close();
  if (relaying_) channel_->abort();
}

Task<> Session::run() {
  const bool opened = co_await open();
  if (!opened) co_return;
  while (keep_alive_ && is_welcome()) {
    const bool came = co_await read_request();
    if (!came) break;
    co_await answer();
    end_request();
  }
  co_await say_goodbye();
}

// Whether the connection may have a further request.
bool Session::is_welcome() const { return !server_.draining() && door_ == server_.door(); }

Task<bool> Session::open() {
  if (!tls_) co_return true;
  limit(Limit::head);
  const error_code error = co_await channel_->handshake();
  lift_limit();
  if (!error && !timed_out_) co_return true;
  ++server_.metrics().tls_handshakes_failed;
  server_.log().write(LogLevel::info, "tls_handshake_failed",
                      {{"problem", timed_out_ ? "timeout" : error.message()}});
  co_return false;
}

// --- taking a request in ------------------------------------------------------------------------

void Session::begin_request() {
  idle_ = false;
  current_ = Current{};
  current_.policy = server_.policy();
  current_.began = Clock::now();
  body_refusal_.reset();
  body_relay_ = BodyRelay::none;
  response_ended_ = false;
  relaying_ = false;
  revoked_ = false;
  upstream_.reset();
  request_.emplace();
  request_->header_limit(kMaxRequestHead);
  request_->body_limit(current_.policy->config.max_body);
  request_->eager(true);
}

// The head of the next request, in request_. False: there is none, or it has been refused.
Task<bool> Session::read_request() {
  constexpr std::string_view kEnd = "\r\n\r\n";
  idle_ = true;
  channel_->shrink();
  limit(Limit::idle);
  std::size_t scanned = 0;
  std::size_t head_size = std::string_view::npos;
  for (;;) {
    const std::string_view input = channel_->input();
    if (idle_ && !input.empty()) {
      begin_request();
      limit(Limit::head);
    }
    const std::size_t end = input.find(kEnd, scanned);
    if (end != input.npos) head_size = end + kEnd.size();
    const std::string_view head = input.substr(0, head_size);
    std::optional<Refusal> refusal;
    if (head.size() > kMaxRequestHead) refusal = refusal_of(http::error::header_limit);
    if (!refusal) refusal = check_head(head);
    if (refusal) {
      co_await refuse_head(*refusal);
      co_return false;
    }
    if (head_size != input.npos) break;
    scanned = input.size() < kEnd.size() ? 0 : input.size() - kEnd.size() + 1;
    const bool came = co_await channel_->more();
    if (came) continue;
    if (!idle_ && timed_out_) {
      co_await refuse_head({408, "invalid_request", "The header did not come in time."});
    }
    co_return false;
  }
  lift_limit();

  error_code error;
  channel_->consume(request_->put(bytes(channel_->input().substr(0, head_size)), error));
  std::optional<Refusal> refusal;
  if (error && error != http::error::need_more) refusal = refusal_of(error);
  if (!refusal) refusal = check_request(*request_);
  if (!refusal) co_return true;
  co_await refuse_head(*refusal);
  co_return false;
}

// Where the next request begins is lost.
Task<> Session::refuse_head(Refusal refusal) {
  lift_limit();
  keep_alive_ = false;
  co_await refuse(refusal);
  end_request();
}

void Session::end_request() {
  Metrics& metrics = server_.metrics();
  metrics.requests.add({current_.decision, current_.reason});
  metrics.count_response(current_.status);
  if (current_.upstream_failed) ++metrics.upstream_failures;
  request_.reset();
  response_.reset();
  current_.token.reset();
  out_.clear();
  if (out_.capacity() > Channel::kLeastBuffer) out_.shrink_to_fit();
  if (!server_.log().writes(LogLevel::info)) return;
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - current_.began);
  server_.log().write(LogLevel::info, "request",
                      {{"request_id", current_.request_id},
                       {"method", current_.method},
                       {"status", std::int64_t{current_.status}},
                       {"decision", current_.decision},
                       {"reason", current_.reason},
                       {"user_id", current_.user_id},
                       {"key", current_.key_name},
                       {"bytes", static_cast<std::int64_t>(current_.bytes)},
                       {"duration_us", std::int64_t{took.count()}}});
}

// --- judging it ---------------------------------------------------------------------------------

Task<> Session::answer() {
  const RequestParser::value_type& request = request_->get();
  const std::string_view path = path_of(view(request.target()));
  current_.version = request.version();
  const auto method = http::to_string(request.method());  // a constant
  current_.method = view(method);
  current_.request_id = server_.request_ids().next(
      request.count("X-Request-Id") == 1 ? std::optional(view(request["X-Request-Id"]))
                                         : std::nullopt);
  keep_alive_ = request_->keep_alive() && is_welcome();

  const Config& config = current_.policy->config;
  if (is_metadata_path(config, path)) {
    co_await answer_own_path(path);
    co_return;
  }
  if (!current_.policy->site.is_host(view(request[http::field::host]))) {
    co_await refuse({403, "forbidden_host",
                     "This gate does not go by the name in Host: it takes IP addresses, localhost "
                     "and the host of public_url."});
    co_return;
  }
  if (const auto origin = field(request, http::field::origin)) {
    if (!current_.policy->site.is_origin(*origin)) {
      co_await refuse({403, "forbidden_origin",
                       "Pages of this origin may not call: see "
                       "allowed_origins."});
      co_return;
    }
    current_.origin = *origin;
  }
  const bool is_own = path.starts_with(kOwnPaths);
  // A question whether somebody may call is none of the page's.
  if (!is_own && is_preflight()) {
    current_.decision = "preflight";
    co_await respond(204,
                     "Access-Control-Allow-Methods: GET, POST, DELETE\r\n"
                     "Access-Control-Allow-Headers: Authorization, *\r\n"
                     "Access-Control-Max-Age: 7200\r\n",
                     {});
    co_return;
  }
  const AskedBy who = is_own ? AskedBy::proxy : AskedBy::caller;
  Decision decision = judge(who);
  if (decision.verdict == Verdict::unknown_key || decision.verdict == Verdict::unread_status) {
    decision = co_await judge_by_news(who, std::move(decision));
  }
  const Verdict verdict = decision.verdict;
  keep(who, std::move(decision));
  if (verdict != Verdict::allowed) {
    co_await answer_verdict(verdict);
  } else if (is_own) {
    co_await answer_own_path(path);
  } else {
    co_await proxy();
  }
}

bool Session::is_preflight() const {
  const RequestParser::value_type& request = request_->get();
  return request.method() == http::verb::options && !current_.origin.empty() &&
         request.count(http::field::access_control_request_method) > 0;
}

Credentials Session::credentials(AskedBy who) {
  constexpr boost::beast::string_view kUserClaim = "X-OpenClaw-User-Claim";
  const RequestParser::value_type& request = request_->get();
  Credentials given;
  given.authorization = field(request, http::field::authorization);
  given.authorization_repeated = request.count(http::field::authorization) > 1;
  if (who == AskedBy::caller) given.certificate_thumbprint = certificate_thumbprint();
  if (current_.policy->config.mode == Mode::mtls) {
    const auto claim = request.find(kUserClaim);
    if (claim != request.end()) given.user_claim = view(claim->value());
    given.user_claim_repeated = request.count(kUserClaim) > 1;
    given.client_certificate = has_allowed_certificate();
  }
  return given;
}

bool Session::has_allowed_certificate() {
  const std::shared_ptr<Policy>& policy = current_.policy;
  if (channel_->tls() == nullptr || !policy->tls) return false;
  if (certificate_judged_by_.lock() != policy || certificate_recheck_at_ <= current_.began) {
    certificate_judged_by_ = policy;
    certificate_recheck_at_ = current_.began + kCertificateRecheck;
    certificate_allowed_ = gate::has_allowed_certificate(channel_->tls(), *policy->tls,
                                                         policy->config.client_certificates);
  }
  return certificate_allowed_;
}

// None for a connection without a certificate.
std::optional<std::string_view> Session::certificate_thumbprint() {
  if (channel_->tls() == nullptr) return std::nullopt;
  if (!certificate_thumbprint_) {
    certificate_thumbprint_ = client_certificate_thumbprint(channel_->tls());
  }
  return certificate_thumbprint_->empty()
             ? std::nullopt
             : std::optional<std::string_view>(*certificate_thumbprint_);
}

Decision Session::judge(AskedBy who) {
  return current_.policy->authenticator.decide(credentials(who), now());
}

// By what has come in meanwhile, also with a reload; but a configuration that came with another
// listener does not speak of this connection.
Task<Decision> Session::judge_by_news(AskedBy who, Decision decision) {
  const auto judge_again = [&] {
    if (door_ == server_.door()) current_.policy = server_.policy();
    return judge(who);
  };
  if (decision.verdict == Verdict::unknown_key) {
    co_await Awaited(server_.loop(), server_.refetch_keys());
    decision = judge_again();
  }
  if (decision.verdict == Verdict::unread_status) {
    co_await Awaited(server_.loop(), server_.read_status_list(decision.token->status->list));
    decision = judge_again();
  }
  co_return decision;
}

void Session::keep(AskedBy who, Decision decision) {
  current_.decision = name(decision.verdict);
  current_.reason = decision.reason;
  current_.user_id = decision.user_id;
  current_.key_name = decision.key_name;
  presented_ = decision.presented;
  if (decision.verdict == Verdict::allowed && who == AskedBy::caller) {
    current_.token = std::move(decision.token);
  }
}

Task<> Session::answer_verdict(Verdict verdict) {
  if (verdict == Verdict::unavailable || verdict == Verdict::unread_status) {
    co_await refuse({503, "temporarily_unavailable",
                     "What the platform says of keys and tokens cannot be had at the moment."},
                    "Retry-After: 5\r\n");
    co_return;
  }
  const Decision decision{.verdict = verdict, .reason = current_.reason, .presented = presented_};
  std::string fields;
  if (const std::string value = challenge(current_.policy->config, decision); !value.empty()) {
    fields = "WWW-Authenticate: " + value + "\r\n";
  }
  if (verdict == Verdict::insufficient_scope) {
    co_await refuse({403, "insufficient_scope", "The token lacks a scope that is needed here."},
                    fields);
  } else if (!presented_) {
    co_await refuse({401, "unauthorized", "A credential is needed."}, fields);
  } else {
    co_await refuse({401, "invalid_token",
                     "The credential is malformed, expired, revoked, or not meant for here."},
                    fields);
  }
}

// The metadata and forward-auth, which are answered here and not by the upstream.
Task<> Session::answer_own_path(std::string_view path) {
  const Policy& policy = *current_.policy;
  if (path == kForwardAuth || path.starts_with(std::string(kForwardAuth) + "/")) {
    std::string fields(kNoStore);
    if (!current_.user_id.empty()) fields += "X-OpenClaw-User-Id: " + current_.user_id + "\r\n";
    co_await respond(200, fields, {});
    co_return;
  }
  const http::verb method = request_->get().method();
  if (!is_metadata_path(policy.config, path) || !policy.metadata) {
    co_await refuse({404, "not_found", "There is nothing here."});
  } else if (method == http::verb::options) {
    current_.decision = "metadata";
    co_await respond(204,
                     "Access-Control-Allow-Origin: *\r\n"
                     "Access-Control-Allow-Methods: GET\r\n"
                     "Access-Control-Allow-Headers: *\r\n",
                     {});
  } else if (method != http::verb::get && method != http::verb::head) {
    co_await refuse({405, "invalid_request", "The metadata can be read."},
                    "Allow: GET, HEAD, OPTIONS\r\n");
  } else {
    current_.decision = "metadata";
    co_await respond(200,
                     "Content-Type: application/json\r\n"
                     "Cache-Control: max-age=300\r\n"
                     "Access-Control-Allow-Origin: *\r\n",
                     *policy.metadata);
  }
}

// --- answers of the gate's own ------------------------------------------------------------------

Task<> Session::refuse(Refusal refusal, std::string_view fields) {
  if (current_.decision == "refused" || current_.decision == "allowed") {
    current_.decision = "refused";
    current_.reason = refusal.error;
  }
  if (current_.request_id.empty()) {
    current_.request_id = server_.request_ids().next(std::nullopt);
  }
  std::string all(kRefusalFields);
  all += fields;
  co_await respond(refusal.status, all, error_body(refusal.error, refusal.description));
}

Task<> Session::respond(int status, std::string_view fields, std::string_view body) {
  current_.status = static_cast<unsigned>(status);
  // The next request begins behind this one's body.
  if (!request_ || !request_->is_header_done() || body_relay_ == BodyRelay::running ||
      decode_request_body() || !request_->is_done()) {
    keep_alive_ = false;
  }
  const bool is_head = request_ && request_->get().method() == http::verb::head;
  ClientHead head;
  head.request_id = current_.request_id;
  if (status != 204) head.framing = {Framing::By::content_length, body.size()};
  head.keep_alive = keep_alive_;
  head.client_version = current_.version;
  out_.clear();
  append_own_answer(out_, status, fields, is_head ? std::string_view() : body, current_.origin,
                    head);
  current_.bytes = is_head ? 0 : body.size();
  std::array<asio::const_buffer, 1> buffers{bytes(out_)};
  bool sent = channel_->try_write(buffers);
  if (!sent) sent = co_await send_rest(buffers);
  if (!sent) keep_alive_ = false;
}

// What try_write() has left.
Task<bool> Session::send_rest(Buffers buffers) {
  limit(Limit::write);
  const bool sent = co_await channel_->write_rest(buffers);
  lift_write_limit();
  co_return sent;
}

// The limit of a body that is on its way beside the answer goes on.
void Session::lift_write_limit() {
  if (body_relay_ == BodyRelay::running && !response_ended_) {
    limit(Limit::body);
  } else {
    lift_limit();
  }
}

// Whoever still sends must be able to read the answer first: a connection that is closed with
// input unread is reset.
Task<> Session::say_goodbye() {
  if (!channel_->is_open() || channel_->ended()) co_return;
  limit(Limit::linger);
  co_await channel_->finish_writing();
  for (bool more = true; more;) {
    channel_->consume(channel_->input().size());
    more = co_await channel_->more();
  }
}

}  // namespace openclaw::gate
