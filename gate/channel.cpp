#include "gate/channel.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gate/recycled.h"

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

// A head and a short body are put together first: the kernel takes one piece for less than two.
ssize_t send_parts(int descriptor, std::span<iovec> parts) {
  std::array<char, 1024> whole;
  std::size_t size = 0;
  for (const iovec& part : parts) size += part.iov_len;
  if (parts.size() > 1 && size <= whole.size()) {
    char* end = whole.data();
    for (const iovec& part : parts) {
      std::memcpy(end, part.iov_base, part.iov_len);
      end += part.iov_len;
    }
    return send(descriptor, whole.data(), size, MSG_NOSIGNAL);
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return sendmsg(descriptor, &message, MSG_NOSIGNAL);
}

void set_options(tcp::socket& socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
  // A stream may be silent for hours: this is what notices a peer that vanished.
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
}

}  // namespace

Channel::Channel(Poller& poller, tcp::socket socket) : poller_(poller) {
  set_options(socket);
  poller_.add(socket.native_handle(), *this);
  descriptor_ = socket.release();
}

Channel::Channel(Poller& poller, tcp::socket socket, std::shared_ptr<asio::ssl::context> tls)
    : poller_(poller) {
  set_options(socket);
  tls_ = std::make_unique<Tls>(std::move(socket), std::move(tls));
}

Channel::~Channel() {
  if (descriptor_ >= 0) {
    poller_.remove(descriptor_, *this);
    ::close(descriptor_);
  }
  if (buffer_ != nullptr) give_memory(buffer_, capacity_);
}

Task<error_code> Channel::handshake() {
  if (!tls_) co_return error_code();
  co_return co_await Completion([this](auto done) {
    tls_->stream.async_handshake(asio::ssl::stream_base::server, std::move(done));
  });
}

// --- reading ------------------------------------------------------------------------------------

void Channel::consume(std::size_t bytes) {
  begin_ += bytes;
  // The records' reader has been given a place in the buffer.
  if (begin_ == end_ && !(tls_ && reading_)) begin_ = end_ = 0;
}

void Channel::resize(std::size_t capacity) {
  char* const other = capacity > 0 ? static_cast<char*>(take_memory(capacity)) : nullptr;
  if (end_ > begin_) std::memcpy(other, buffer_ + begin_, end_ - begin_);
  if (buffer_ != nullptr) give_memory(buffer_, capacity_);
  buffer_ = other;
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
  if (tls_ && reading_) return;
  if (capacity_ > kLeastBuffer && end_ - begin_ <= kLeastBuffer) resize(kLeastBuffer);
}

void Channel::read_ahead() {
  if (reading_ || ended_ || stopped_) return;
  if (tls_) return receive_records();
  // One that only waits needs none; most do nothing else.
  if (begin_ == end_ && capacity_ > 0) resize(0);
  reading_ = capacity_ == 0 || make_room();
  if (!reading_ || !arrived_) return;
  // Not within this call, and after the others' turn.
  asio::post(poller_.loop(), [self = shared_from_this()] { self->ready(0); });
}

void Channel::receive_records() {
  if (!make_room()) return;
  reading_ = true;
  tls_->stream.async_read_some(
      asio::mutable_buffer(buffer_ + end_, capacity_ - end_),
      [self = shared_from_this()](const error_code& error, std::size_t bytes) {
        self->reading_ = false;
        self->take_in(bytes);
        if (error && !self->stopped_) self->end(error == asio::error::eof);
        // In the middle of a call the next request may come early; the end must be seen behind it.
        if (self->bound_) self->read_ahead();
        self->readable_.notify();
      });
}

void Channel::ready(std::uint32_t events) {
  const std::shared_ptr<Channel> self = shared_from_this();
  constexpr std::uint32_t kEnd = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  arrived_ = arrived_ || (events & (EPOLLIN | kEnd)) != 0;
  last_ = last_ || (events & kEnd) != 0;
  if ((events & (EPOLLOUT | kEnd)) != 0) writable_.notify();
  if (reading_ && arrived_) receive();
}

void Channel::receive() {
  while (reading_ && arrived_) {
    if (!make_room()) {
      reading_ = false;
      break;
    }
    const std::size_t room = capacity_ - end_;
    const ssize_t received = recv(descriptor_, buffer_ + end_, room, 0);
    if (received > 0) {
      const auto bytes = static_cast<std::size_t>(received);
      take_in(bytes);
      // Less than there was room for: that was all, and more of it is announced, but for the end.
      if (bytes < room && !last_) arrived_ = false;
      // In the middle of a call the next request may come early; the end must be seen behind it.
      reading_ = bound_ != nullptr;
    } else if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      arrived_ = false;
    } else if (received == 0 || errno != EINTR) {
      reading_ = false;
      end(received == 0);
    }
  }
  if (fresh_ || !reading_) readable_.notify();
}

void Channel::take_in(std::size_t bytes) {
  end_ += bytes;
  fresh_ = fresh_ || bytes > 0;
}

void Channel::end(bool in_good_order) {
  ended_ = true;
  hung_up_ = in_good_order;
  close_bound();
}

bool Channel::More::await_ready() const {
  if (!channel_.fresh_) channel_.read_ahead();
  return channel_.fresh_ || !channel_.reading_;
}

void Channel::More::await_suspend(std::coroutine_handle<> waiter) const {
  channel_.readable_.wait().await_suspend(waiter);
}

void Channel::stop_reading() {
  stopped_ = true;
  error_code ignored;
  if (tls_) {
    tls_->socket.cancel(ignored);
  } else {
    reading_ = false;
    wake_later();
  }
}

// Whoever waits goes on from the loop: this may be called from anywhere.
void Channel::wake_later() {
  if (!readable_.has_waiter() && !writable_.has_waiter()) return;
  asio::post(poller_.loop(), [self = shared_from_this()] {
    if (!self->reading_) self->readable_.notify();
    self->writable_.notify();
  });
}

// --- writing ------------------------------------------------------------------------------------

bool Channel::try_write(std::span<asio::const_buffer> buffers) {
  // A TLS stream must be waited for: a record that is half written cannot be left.
  return !tls_ && write_now(buffers) == Written::all;
}

Channel::Written Channel::write_now(std::span<asio::const_buffer> buffers) {
  for (;;) {
    std::array<iovec, 4> parts;
    std::size_t count = 0;
    for (const asio::const_buffer& buffer : buffers) {
      if (buffer.size() == 0) continue;
      if (count == parts.size()) break;
      parts[count++] = {const_cast<void*>(buffer.data()), buffer.size()};
    }
    if (count == 0) return Written::all;
    if (descriptor_ < 0) return Written::failed;
    const ssize_t sent = send_parts(descriptor_, std::span(parts).first(count));
    if (sent >= 0) {
      buffers = drop(buffers, static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return Written::blocked;
    } else if (errno != EINTR) {
      return Written::failed;
    }
  }
}

Task<bool> Channel::write_rest(std::span<asio::const_buffer> buffers) {
  const std::shared_ptr<Channel> self = shared_from_this();
  if (!tls_) {
    Written written = write_now(buffers);
    while (written == Written::blocked) {
      co_await writable_.wait();
      written = write_now(buffers);
    }
    co_return written == Written::all;
  }
  for (const asio::const_buffer& buffer : buffers) {
    if (buffer.size() == 0) continue;
    const error_code error = co_await Completion(
        [&](auto done) { asio::async_write(tls_->stream, buffer, std::move(done)); });
    if (error) co_return false;
  }
  co_return true;
}

Task<> Channel::finish_writing() {
  if (std::exchange(finished_, true)) co_return;
  const std::shared_ptr<Channel> self = shared_from_this();
  if (tls_) {
    // Sends our close_notify and does not wait for the peer's, which may have much to send yet:
    // that is read, and thrown away, by whoever goes on reading.
    SSL* const ssl = tls_->stream.native_handle();
    SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
    co_await Completion([this](auto done) { tls_->stream.async_shutdown(std::move(done)); });
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
  }
  if (is_open()) shutdown(native(), SHUT_WR);
}

// --- the end ------------------------------------------------------------------------------------

void Channel::close() {
  ended_ = true;
  hung_up_ = false;
  if (tls_) {
    error_code ignored;
    tls_->socket.close(ignored);
  } else if (descriptor_ >= 0) {
    poller_.remove(descriptor_, *this);
    ::close(std::exchange(descriptor_, -1));
    reading_ = false;
    wake_later();
  }
  close_bound();
}

void Channel::close_bound() {
  if (const std::shared_ptr<Channel> bound = std::move(bound_)) bound->close();
}

void Channel::abort() {
  if (is_open()) {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(native(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  close();
}

}  // namespace openclaw::gate
