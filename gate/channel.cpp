#include "gate/channel.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <openssl/ssl.h>

namespace openclaw::gate {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// What is left of `buffers` after the first `bytes` of them.
std::span<asio::const_buffer> drop(std::span<asio::const_buffer> buffers, std::size_t bytes) {
  while (!buffers.empty() && bytes >= buffers.front().size()) {
    bytes -= buffers.front().size();
    buffers.front() = {};
    buffers = buffers.subspan(1);
  }
  if (!buffers.empty()) buffers.front() += bytes;
  return buffers;
}

void set_options(tcp::socket& socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
  // A stream may be silent for hours: this is what notices a peer that vanished.
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
}

}  // namespace

Channel::Channel(tcp::socket socket) : socket_(std::move(socket)) { set_options(socket_); }

Channel::Channel(tcp::socket socket, std::shared_ptr<asio::ssl::context> tls)
    : socket_(std::move(socket)), context_(std::move(tls)) {
  set_options(socket_);
  tls_.emplace(socket_, *context_);
}

asio::awaitable<error_code> Channel::handshake() {
  error_code error;
  if (tls_) {
    co_await tls_->async_handshake(asio::ssl::stream_base::server,
                                   asio::redirect_error(asio::use_awaitable, error));
  }
  co_return error;
}

void Channel::consume(std::size_t bytes) {
  begin_ += bytes;
  if (begin_ == end_ && !reading_) begin_ = end_ = 0;
}

void Channel::resize(std::size_t capacity) {
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  if (end_ > begin_) std::memcpy(larger.get(), buffer_.get() + begin_, end_ - begin_);
  buffer_ = std::move(larger);
  capacity_ = capacity;
  end_ -= begin_;
  begin_ = 0;
}

// A quarter of the buffer at least, so that one read is worth its system call.
bool Channel::make_room() {
  if (capacity_ == 0) resize(kLeastBuffer);
  if (capacity_ - end_ >= capacity_ / 4) return true;
  if (begin_ > 0) resize(capacity_);
  if (capacity_ - end_ < capacity_ / 4 && capacity_ < kMostBuffer) resize(capacity_ * 2);
  return end_ < capacity_;
}

void Channel::shrink() {
  if (!reading_ && capacity_ > kLeastBuffer && end_ - begin_ <= kLeastBuffer) resize(kLeastBuffer);
}

void Channel::read_ahead() {
  if (reading_ || ended_ || stopped_ || !make_room()) return;
  reading_ = true;
  const asio::mutable_buffer room(buffer_.get() + end_, capacity_ - end_);
  auto done = [self = shared_from_this()](const error_code& error, std::size_t bytes) {
    self->on_read(error, bytes);
  };
  if (tls_) {
    tls_->async_read_some(room, std::move(done));
  } else {
    socket_.async_read_some(room, std::move(done));
  }
}

void Channel::on_read(const error_code& error, std::size_t bytes) {
  reading_ = false;
  end_ += bytes;
  fresh_ = fresh_ || bytes > 0;
  if (error && !stopped_) {
    ended_ = true;
    hung_up_ = error == asio::error::eof;
    close_bound();
  }
  // In the middle of a call the next request may come early; the end must be seen behind it.
  if (bound_) read_ahead();
  readable_.notify();
}

asio::awaitable<bool> Channel::more() {
  if (!fresh_) read_ahead();
  while (!fresh_ && reading_) co_await readable_.wait();
  co_return std::exchange(fresh_, false);
}

void Channel::stop_reading() {
  stopped_ = true;
  error_code ignored;
  socket_.cancel(ignored);
}

bool Channel::try_write(std::span<asio::const_buffer> buffers) {
  // A TLS stream must be waited for: a record that is half written cannot be left.
  if (tls_) return false;
  for (std::span<asio::const_buffer> left = buffers; !left.empty();) {
    std::array<asio::const_buffer, 4> several{};
    std::copy_n(left.begin(), std::min(left.size(), several.size()), several.begin());
    error_code error;
    const std::size_t written = socket_.write_some(several, error);
    if (error) return false;
    left = drop(left, written);
  }
  return true;
}

asio::awaitable<bool> Channel::write_rest(std::span<asio::const_buffer> buffers) {
  const std::shared_ptr<Channel> self = shared_from_this();
  error_code error;
  for (const asio::const_buffer& buffer : buffers) {
    if (buffer.size() == 0) continue;
    if (tls_) {
      co_await asio::async_write(*tls_, buffer, asio::redirect_error(asio::use_awaitable, error));
    } else {
      co_await asio::async_write(socket_, buffer, asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) co_return false;
  }
  co_return true;
}

asio::awaitable<void> Channel::finish_writing() {
  if (std::exchange(finished_, true)) co_return;
  const std::shared_ptr<Channel> self = shared_from_this();
  error_code ignored;
  if (tls_) {
    // Sends our close_notify and does not wait for the peer's, which may have much to send yet:
    // that is read, and thrown away, by whoever goes on reading.
    SSL* const ssl = tls_->native_handle();
    SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
    co_await tls_->async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
  }
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

void Channel::close() {
  ended_ = true;
  hung_up_ = false;
  error_code ignored;
  socket_.close(ignored);
  close_bound();
}

void Channel::close_bound() {
  if (const std::shared_ptr<Channel> bound = std::move(bound_)) bound->close();
}

void Channel::abort() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

}  // namespace openclaw::gate
