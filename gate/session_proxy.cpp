// The session's way to the upstream and back.
#include <array>
#include <limits>
#include <utility>

#include "gate/session.h"

namespace openclaw::gate {
namespace {

namespace asio = boost::asio;
using boost::beast::error_code;

// Methods that may be sent a second time (RFC 9110 9.2.2).
bool is_idempotent(http::verb method) {
  return method == http::verb::get || method == http::verb::head || method == http::verb::options ||
         method == http::verb::put || method == http::verb::delete_;
}

bool may_have_body(http::verb method) {
  return method == http::verb::post || method == http::verb::put || method == http::verb::patch;
}

// One piece of a body as it is written: the head before it, and its frame. Views of what it is made
// of, which stays until it is written.
class Piece {
 public:
  Piece(std::string_view head, const Framing& framing, std::string_view body, bool last) {
    std::string_view before;
    std::string_view after;
    if (framing.by == Framing::By::chunks) {
      if (!body.empty()) before = chunk_head_ = chunk_head(body.size());
      if (!body.empty()) after = last ? "\r\n0\r\n\r\n" : "\r\n";
      if (body.empty() && last) after = "0\r\n\r\n";
    }
    buffers_ = {bytes(head), bytes(before), bytes(body), bytes(after)};
  }
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;

  std::span<asio::const_buffer> buffers() { return buffers_; }

 private:
  std::string chunk_head_;
  std::array<asio::const_buffer, 4> buffers_;
};

// Counts an exchange for as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace

Task<> Session::proxy() {
  const std::shared_ptr<UpstreamPool> pool = current_.policy->pool;
  const std::optional<std::string> target =
      pool ? current_.policy->site.upstream_target(view(request_->get().target())) : std::nullopt;
  if (!target) {
    co_await refuse({404, "not_found", "There is nothing here."});
    co_return;
  }
  // Before the body, whose trailers the parser puts among the fields that were checked.
  out_.clear();
  append_upstream_head(out_, request_->get(),
                       {.target = *target,
                        .host = pool->authority(),
                        .user_id = current_.user_id,
                        .request_id = current_.request_id});
  if (const std::optional<Refusal> refusal = decode_request_body()) {
    co_await refuse(*refusal);
    co_return;
  }
  const Counted exchange(server_.metrics().exchanges);
  request_framing_ = request_framing();
  append_framing(out_, request_framing_);

  const std::shared_ptr<Channel> upstream = co_await exchange_heads(*pool);
  bool reusable = false;
  if (upstream) {
    reusable = co_await relay_response(*upstream);
  } else {
    co_await answer_failure();
  }
  channel_->when_ended_close(nullptr);
  response_ended_ = true;
  if (body_relay_ == BodyRelay::running) co_await discard_rest_of_body(upstream.get());
  if (reusable && upstream->is_open() && upstream->input().empty()) {
    pool->give_back(upstream);
  } else if (upstream) {
    upstream->close();
  }
}

// --- the request --------------------------------------------------------------------------------

// Decodes what has arrived of the body.
std::optional<Refusal> Session::decode_request_body() {
  while (!request_->is_done() && !channel_->input().empty()) {
    error_code error;
    const std::size_t taken = request_->put(bytes(channel_->input()), error);
    channel_->consume(taken);
    if (error && error != http::error::need_more) return refusal_of(error);
    if (taken == 0) break;
  }
  return std::nullopt;
}

Framing Session::request_framing() const {
  const RequestParser::value_type& request = request_->get();
  if (!request_->is_done()) {
    if (request_->chunked()) return {Framing::By::chunks};
    return {Framing::By::content_length, request_->content_length().value_or(0)};
  }
  const bool has_body = may_have_body(request.method()) || !request.body().empty();
  if (!has_body) return {};
  return {Framing::By::content_length, request.body().size()};
}

// Sends the request and reads the response's head. Null when the upstream gives none.
Task<std::shared_ptr<Channel>> Session::exchange_heads(UpstreamPool& pool) {
  const bool whole = request_->is_done();
  const bool repeatable = whole && is_idempotent(request_->get().method());
  co_await server_.poller().turn();
  for (bool fresh = false;; fresh = true) {
    std::shared_ptr<Channel> upstream = fresh ? nullptr : pool.take_idle();
    const bool reused = upstream != nullptr;
    if (!upstream) {
      upstream = co_await Awaited(server_.loop(), pool.connect());
      if (!upstream) break;
      ++server_.metrics().upstream_connections;
    }
    if (channel_->ended() || revoked_) {
      upstream->close();
      break;
    }
    upstream_ = upstream;
    channel_->when_ended_close(upstream);
    if (whole) channel_->read_ahead();
    Piece piece(out_, request_framing_, request_->get().body(), false);
    bool sent = upstream->try_write(piece.buffers());
    if (!sent || !whole) sent = co_await send_rest_of_request(*upstream, piece.buffers());
    if (sent && !whole) start_body_relay(upstream);
    // Even when it was not taken whole: the answer that says why may lie there.
    expect_response();
    response_began_ = false;
    Head head = Head::incomplete;
    for (bool came = true; head == Head::incomplete && came;) {
      head = read_response_head(*upstream);
      if (head == Head::incomplete) came = co_await upstream->more();
    }
    if (head == Head::good && !revoked_) co_return upstream;
    upstream->close();
    // An idle connection may be closed by the upstream in the moment in which it is used.
    const bool in_vain = channel_->ended() || revoked_;
    if (!reused || !repeatable || response_began_ || in_vain) break;
  }
  co_return nullptr;
}

// What try_write() has left, if anything. A client that waits for it is asked for the body.
Task<bool> Session::send_rest_of_request(Channel& upstream, Buffers buffers) {
  const bool sent = co_await upstream.write_rest(buffers);
  if (!sent) co_return false;
  if (request_->is_done()) co_return true;
  request_->get().body().clear();
  // HTTP/1.0 knows no interim answers (RFC 9110 10.1.1).
  if (current_.version >= 11 && request_->get().count(http::field::expect) > 0) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    std::array<asio::const_buffer, 1> go_on{bytes(kContinue)};
    if (!channel_->try_write(go_on)) co_return co_await send_rest(go_on);
  }
  co_return true;
}

// Beside the response, which may come before the body has gone.
void Session::start_body_relay(const std::shared_ptr<Channel>& upstream) {
  body_relay_ = BodyRelay::running;
  spawn(relay_request_body(upstream),
        [self = shared_from_this(), upstream](const std::exception_ptr& problem) {
          if (problem) upstream->close();
          self->body_relay_ = BodyRelay::ended;
          self->body_relay_ended_.notify();
        });
}

Task<> Session::relay_request_body(std::shared_ptr<Channel> upstream) {
  bool taken = true;
  while (!request_->is_done()) {
    // What had come before is decoded, all but the beginning of a chunk's head.
    if (!response_ended_) limit(Limit::body);
    const bool came = co_await channel_->more();
    if (!response_ended_ && limit_ == Limit::body) lift_limit();
    if (!came) {
      if (!timed_out_ && !channel_->ended()) {
        body_refusal_ = Refusal{400, "invalid_request", "The head of a chunk is too long."};
      }
      upstream->close();
      co_return;
    }
    if (response_ended_) {
      // Nobody waits for the rest, but whoever sends it must be able to read the answer.
      channel_->consume(channel_->input().size());
      continue;
    }
    body_refusal_ = decode_request_body();
    if (body_refusal_) {
      upstream->close();
      co_return;
    }
    Piece piece({}, request_framing_, request_->get().body(), request_->is_done());
    if (taken) taken = upstream->try_write(piece.buffers());
    if (!taken) taken = co_await upstream->write_rest(piece.buffers());
    request_->get().body().clear();
  }
  channel_->read_ahead();
}

// Once the answer is out. A body that is still on its way is read and thrown away for a while.
Task<> Session::discard_rest_of_body(Channel* upstream) {
  keep_alive_ = false;
  if (upstream != nullptr) upstream->close();
  limit(Limit::linger);
  co_await channel_->finish_writing();
  while (body_relay_ == BodyRelay::running) co_await body_relay_ended_.wait();
}

// --- the response -------------------------------------------------------------------------------

void Session::expect_response() {
  response_.emplace();
  response_->header_limit(kMaxResponseHead);
  // Not boost::none, which Beast 1.74 takes for less than any Content-Length.
  response_->body_limit(std::numeric_limits<std::uint64_t>::max());
  response_->skip(current_.method == "HEAD");
}

// From what has arrived. Final responses only: interim ones (RFC 9110 15.2) are for the gate.
Session::Head Session::read_response_head(Channel& upstream) {
  while (!upstream.input().empty()) {
    response_began_ = true;
    error_code error;
    upstream.consume(response_->put(bytes(upstream.input()), error));
    if (error && error != http::error::need_more) return Head::bad;
    if (!response_->is_header_done()) break;
    const unsigned status = response_->get().result_int();
    if (status >= 200) return is_relayable(*response_) ? Head::good : Head::bad;
    // No upgrade was asked for.
    if (status < 100 || status == 101) return Head::bad;
    expect_response();
  }
  return Head::incomplete;
}

Framing Session::response_framing() const {
  const ResponseParser::value_type& response = response_->get();
  const boost::optional<std::uint64_t> length = response_->content_length();
  const unsigned status = response.result_int();
  if (status == 204) return {};
  if (status == 304 || current_.method == "HEAD") {
    return length ? Framing{Framing::By::content_length, *length} : Framing{};
  }
  if (response_->is_done()) return {Framing::By::content_length, response.body().size()};
  if (length) return {Framing::By::content_length, *length};
  return {current_.version >= 11 ? Framing::By::chunks : Framing::By::close};
}

// True when the upstream's connection can be used again.
Task<bool> Session::relay_response(Channel& upstream) {
  const ResponseParser::value_type& response = response_->get();
  current_.status = response.result_int();
  relaying_ = true;
  // Before the body, whose trailers the parser puts among the fields.
  out_.clear();
  append_client_head(out_, response, current_.origin);
  bool intact = decode_response_body(upstream);
  const Framing framing = response_framing();
  // Where the next request begins is known only when all of this one has been read.
  if (framing.by == Framing::By::close || !is_welcome() || !request_->is_done()) {
    keep_alive_ = false;
  }
  append_client_framing(out_, {.request_id = current_.request_id,
                               .framing = framing,
                               .keep_alive = keep_alive_,
                               .client_version = current_.version});
  // All that comes with the head goes with the head.
  bool sent = false;
  {
    co_await server_.poller().turn();
    Piece piece(out_, framing, response.body(), response_->is_done());
    sent = channel_->try_write(piece.buffers());
    if (!sent) sent = co_await send_rest(piece.buffers());
    forget_piece();
  }
  if (!response_->is_done()) {
    // A stream may last for hours: nothing is kept for it that it does not need.
    out_ = {};
    if (body_relay_ == BodyRelay::none) request_.reset();
    response_->get().base().clear();
    current_.policy.reset();
  }
  while (sent && !response_->is_done()) {
    if (intact) intact = co_await read_response_piece(upstream);
    if (!intact) {
      const bool ours = channel_->ended() || timed_out_ || body_refusal_;
      current_.upstream_failed = !ours;
      channel_->abort();  // the client must not take what it has for the whole
      co_return false;
    }
    Piece piece({}, framing, response.body(), response_->is_done());
    sent = channel_->try_write(piece.buffers());
    if (!sent) sent = co_await send_rest(piece.buffers());
    forget_piece();
  }
  if (!sent) {
    channel_->close();
    co_return false;
  }
  co_return response_->keep_alive();
}

// What comes next, up to the end of the message. False when it breaks off.
Task<bool> Session::read_response_piece(Channel& upstream) {
  const bool came = co_await upstream.more();
  if (came) co_return decode_response_body(upstream);
  if (channel_->ended() || !upstream.hung_up()) co_return false;
  error_code error;
  response_->put_eof(error);
  co_return !error && response_->is_done();
}

// What has arrived of it. False when it is malformed.
bool Session::decode_response_body(Channel& upstream) {
  if (response_->is_done() || upstream.input().empty()) return true;
  error_code error;
  response_->eager(true);
  upstream.consume(response_->put(bytes(upstream.input()), error));
  return !error || error == http::error::need_more;
}

// Which has been sent.
void Session::forget_piece() {
  auto& body = response_->get().body();
  current_.bytes += body.size();
  body.clear();
  if (body.capacity() > Channel::kLeastBuffer) body.shrink_to_fit();
  out_.clear();
}

Task<> Session::answer_failure() {
  if (revoked_) {
    co_await answer_verdict(Verdict::unauthenticated);
  } else if (body_refusal_) {
    co_await refuse(*body_refusal_);
  } else if (timed_out_) {
    co_await refuse({408, "invalid_request", "The body did not come in time."});
  } else if (channel_->ended()) {
    current_.status = kClientLeft;
  } else {
    current_.upstream_failed = true;
    co_await refuse({502, "bad_gateway", "The MCP server behind this gate does not answer."});
  }
}

}  // namespace openclaw::gate
