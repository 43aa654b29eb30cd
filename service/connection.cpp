#include "service/connection.h"

#include <utility>

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

namespace openclaw::front {
namespace {

using boost::system::error_code;

// A buffer larger than this is given back between requests.
constexpr std::size_t kKeptInput = 4 * 1024;
// What a refused client may still send before it is cut off, and its answer with it: most clients
// read nothing until they have sent all. Memory holds none of it, and the linger's deadline ends it
// too.
constexpr std::size_t kMostDiscarded = 16 * 1024 * 1024;

std::string client_of(const ClientSocket& socket) {
  error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  return error ? "-" : text_of(endpoint);
}

// Not that of a Unix socket, which delays nothing.
error_code forbid_delays(ClientSocket& socket) {
  error_code error;
  const bool tcp = socket.local_endpoint(error).protocol().family() != AF_UNIX;
  if (!error && tcp) socket.set_option(boost::asio::ip::tcp::no_delay(true), error);
  return error;
}

bool would_block(const error_code& error) {
  return error == boost::asio::error::would_block || error == boost::asio::error::try_again;
}

}  // namespace

Connection::Connection(Loop& loop, ClientSocket socket)
    : loop_(loop), socket_(std::move(socket)), address_(client_of(socket_)) {}

void Connection::start() {
  client_ = loop_.add(shared_from_this());
  error_code error;
  socket_.non_blocking(true, error);
  if (!error) error = forbid_delays(socket_);
  if (error) return close();
  loop_.limit(client_, Limit::idle);
  loop_.draining() ? drain() : wait_readable();
}

void Connection::enter(Phase phase) {
  if (phase_ == phase) return;  // a deadline counts from the phase's beginning
  phase_ = phase;
  switch (phase) {
    case Phase::idle:
      return loop_.limit(client_, Limit::idle);
    case Phase::head:
      return loop_.limit(client_, Limit::head);
    case Phase::body:
      return loop_.limit(client_, Limit::body);
    case Phase::writing:
      return loop_.limit(client_, Limit::write);
    case Phase::lingering:
      return loop_.limit(client_, Limit::linger);
    case Phase::answering:  // SQL has its own deadline
    case Phase::closed:
      return loop_.lift_limit(client_);
  }
}

void Connection::close() {
  if (phase_ == Phase::closed) return;
  const auto self = shared_from_this();
  enter(Phase::closed);
  error_code ignored;
  socket_.close(ignored);
  loop_.remove(client_);
}

// --- Reading -------------------------------------------------------------------------------------

// A read that is waited for needs no system call before the bytes are there, and one then; waiting
// for the socket to be readable would arm it anew each time (Asio's reactor is edge-triggered).
void Connection::wait_readable() {
  if (std::exchange(read_waits_, true)) return;
  socket_.async_read_some(boost::asio::buffer(first_read_),
                          [self = shared_from_this()](const error_code& error, std::size_t count) {
                            self->read_waits_ = false;
                            self->arrived(error, count);
                          });
}

void Connection::arrived(error_code error, std::size_t count) {
  // A timeout's answer is on its way; lingering reads on.
  if (phase_ == Phase::answering || phase_ == Phase::writing) return;
  if (error || phase_ == Phase::closed) return close();
  if (phase_ == Phase::lingering) return discard(count);
  input_.append(first_read_.data(), count);
  if (count == first_read_.size()) {
    auto& scratch = loop_.scratch();
    // An end or an error is met again by the next read.
    input_.append(scratch.data(), socket_.read_some(boost::asio::buffer(scratch), error));
  }
  advance();
}

void Connection::discard(std::size_t count) {
  error_code error;
  discarded_ += count + socket_.read_some(boost::asio::buffer(loop_.scratch()), error);
  const bool open = !error || would_block(error);
  open&& discarded_ <= kMostDiscarded ? wait_readable() : close();
}

// Looks for the next request in what has arrived.
void Connection::advance() {
  const std::string_view rest = std::string_view(input_).substr(consumed_);
  if (rest.empty()) {
    trim_input();
    enter(Phase::idle);
    return loop_.draining() ? close() : wait_readable();
  }
  switch (framer_.feed(rest)) {
    case RequestFramer::State::head:
      enter(Phase::head);
      break;
    case RequestFramer::State::body:
      enter(Phase::body);
      break;
    case RequestFramer::State::complete:
      return answer(std::nullopt);
    case RequestFramer::State::refused:
      return answer(framer_.refusal());
  }
  trim_input();
  wait_readable();
}

void Connection::trim_input() {
  input_.erase(0, std::exchange(consumed_, 0));
  if (input_.empty() && input_.capacity() > kKeptInput) std::string().swap(input_);
}

void Connection::expired() {
  switch (phase_) {
    case Phase::head:
      return answer(FrameRefusal{408, "The head of the request took too long."});
    case Phase::body:
      return answer(FrameRefusal{408, "The body of the request took too long."});
    default:
      return close();
  }
}

void Connection::drain() {
  if (phase_ == Phase::answering && exchange_) exchange_->close = true;
  if (phase_ != Phase::idle || consumed_ < input_.size()) return;
  // A request may have arrived just now, or been read already: that comes first. Otherwise this
  // closes, at the latest when advance() finds nothing left.
  wait_readable();
  boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
    error_code error;
    const bool idle = self->phase_ == Phase::idle && self->consumed_ == self->input_.size();
    if (idle && (self->socket_.available(error) == 0 || error)) self->close();
  });
}

// --- Answering -----------------------------------------------------------------------------------

void Connection::answer(std::optional<FrameRefusal> refusal) {
  enter(Phase::answering);
  began_ = std::chrono::steady_clock::now();
  exchange_ = std::make_unique<Exchange>();
  exchange_->refusal = refusal;
  if (!refusal) exchange_->frame = framer_.frame(std::string_view(input_).substr(consumed_));
  exchange_->close = refusal || !exchange_->frame.keep_alive || loop_.draining();
  exchange_->finished = [self = shared_from_this()] { self->loop_.send_soon(self); };
  if (loop_.router().start(*exchange_)) loop_.send_soon(shared_from_this());
}

// Mostly the client takes all of it at once.
void Connection::send() {
  if (phase_ == Phase::closed) return;
  const std::string& output = exchange_->output;
  if (output.empty()) return close();
  error_code error;
  written_ = socket_.write_some(boost::asio::buffer(output), error);
  if (error && !would_block(error)) close();
}

void Connection::sent() {
  exchange_->finished = nullptr;
  record_request();
  if (phase_ == Phase::closed) return;
  if (written_ == exchange_->output.size()) return written();
  enter(Phase::writing);
  write_rest();
}

void Connection::write_rest() {
  socket_.async_wait(
      ClientSocket::wait_write,
      [self = shared_from_this()](const error_code& error) { self->writable(error); });
}

void Connection::writable(error_code error) {
  if (error || phase_ != Phase::writing) return close();
  const std::string& output = exchange_->output;
  written_ += socket_.write_some(boost::asio::buffer(output) + written_, error);
  if (error && !would_block(error)) return close();
  written_ < output.size() ? write_rest() : written();
}

void Connection::written() {
  const bool refused = exchange_->refusal.has_value();
  const bool close_now = exchange_->close;
  consumed_ += exchange_->frame.size;
  loop_.router().reuse(std::move(exchange_->output));
  exchange_.reset();
  framer_ = RequestFramer();
  if (refused) return linger();
  if (close_now) return consumed_ < input_.size() ? linger() : close();
  if (consumed_ == input_.size()) return advance();
  // The next of several requests that came together waits its turn among the other clients.
  phase_ = Phase::idle;
  boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->phase_ == Phase::idle) self->advance();
  });
}

// To close while the client still sends would reset the connection, and could take the answer from
// it: this side ends its stream, reads on for a while, and closes then.
void Connection::linger() {
  error_code error;
  socket_.shutdown(ClientSocket::shutdown_send, error);
  if (error) return close();
  enter(Phase::lingering);
  wait_readable();
}

void Connection::record_request() const {
  const auto spent = std::chrono::steady_clock::now() - began_;
  loop_.metrics().count_answer(exchange_->endpoint, exchange_->status, spent);
  Log& log = loop_.log();
  if (!log.writes(LogLevel::info)) return;
  const std::int64_t spent_us =
      std::chrono::duration_cast<std::chrono::microseconds>(spent).count();
  // A method that reached a frame is one of a known few.
  const std::string_view method = exchange_->refusal ? "-" : exchange_->frame.method;
  log.write(LogLevel::info, "request",
            {{"request_id", exchange_->request_id},
             {"method", method},
             {"route", exchange_->route()},
             {"status", std::int64_t{exchange_->status}},
             {"duration_us", spent_us},
             {"bytes", static_cast<std::int64_t>(exchange_->output.size())},
             {"client", address_}});
}

}  // namespace openclaw::front
