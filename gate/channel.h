// One TCP connection, with TLS or without, as both sides of the proxy use it. Its reading runs
// ahead: a read is under way whenever the connection is worth listening to, so that a peer that
// hangs up is noticed at once, be it a client in the middle of a call or an idle upstream.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>  // before Boost 1.74 awaitable.hpp, which uses std::exchange without it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>

#include "gate/wakeup.h"

namespace openclaw::gate {

class Channel : public std::enable_shared_from_this<Channel> {
 public:
  static constexpr std::size_t kLeastBuffer = std::size_t{4} * 1024;
  static constexpr std::size_t kMostBuffer = std::size_t{64} * 1024;

  explicit Channel(boost::asio::ip::tcp::socket socket);
  // The server's side of TLS.
  Channel(boost::asio::ip::tcp::socket socket, std::shared_ptr<boost::asio::ssl::context> tls);

  // Without TLS there is nothing to do. Nothing may be read or written before.
  boost::asio::awaitable<boost::system::error_code> handshake();
  // Null without TLS.
  SSL* tls() { return tls_ ? tls_->native_handle() : nullptr; }

  // What has arrived and is not consumed. A view into it lives until the next co_await: reading
  // goes on by itself and may move it.
  std::string_view input() const { return {buffer_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes);
  // Nothing more will arrive: the peer has hung up, reading failed, or this was closed.
  bool ended() const { return ended_; }
  // It was the peer's end of the connection, in good order: neither a failure nor close().
  bool hung_up() const { return hung_up_; }

  // Begins a read unless one is under way or the buffer is full.
  void read_ahead();
  // Waits until something has arrived that was not there when this last returned. False when
  // nothing more will, or the buffer is full.
  boost::asio::awaitable<bool> more();
  // A more() that waits returns false, and so does every later one: a time limit has passed. The
  // connection can still be written to.
  void stop_reading();
  // When this one ends or is closed, `other` is closed too; null for none.
  void when_ended_close(std::shared_ptr<Channel> other) { bound_ = std::move(other); }

  // Writes all of it, if the kernel takes it now. False: write_rest() with the same buffers, which
  // hold what is left, must follow.
  bool try_write(std::span<boost::asio::const_buffer> buffers);
  // False when the peer no longer takes anything.
  boost::asio::awaitable<bool> write_rest(std::span<boost::asio::const_buffer> buffers);
  // No more will be written: the peer sees the end after what was written. With TLS that is
  // announced, so that a cut-off answer cannot pass for a whole one.
  boost::asio::awaitable<void> finish_writing();

  void close();
  // As close(), and the peer is told that something is amiss: its connection is reset.
  void abort();
  bool is_open() const { return socket_.is_open(); }
  // Gives back what a large message made the buffer grow to.
  void shrink();

 private:
  using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>;

  bool make_room();
  void close_bound();
  void resize(std::size_t capacity);
  void on_read(const boost::system::error_code& error, std::size_t bytes);

  boost::asio::ip::tcp::socket socket_;
  std::shared_ptr<boost::asio::ssl::context> context_;  // outlives the stream
  std::optional<TlsStream> tls_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool reading_ = false;
  bool fresh_ = false;
  bool stopped_ = false;
  bool finished_ = false;
  bool ended_ = false;
  bool hung_up_ = false;
  Wakeup readable_;
  std::shared_ptr<Channel> bound_;
};

}  // namespace openclaw::gate
