// One TCP connection, with TLS or without, as both sides of the proxy use it. It reads ahead: a
// connection that is worth listening to is listened to at all times, so that a peer that hangs up
// is noticed at once, be it a client in the middle of a call or an idle upstream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>

#include "gate/poller.h"
#include "gate/task.h"
#include "gate/wakeup.h"

namespace openclaw::gate {

class Channel final : public std::enable_shared_from_this<Channel>, private Poller::Socket {
 public:
  static constexpr std::size_t kLeastBuffer = std::size_t{4} * 1024;
  static constexpr std::size_t kMostBuffer = std::size_t{64} * 1024;

  // Of a connected socket. Throws std::system_error.
  Channel(Poller& poller, boost::asio::ip::tcp::socket socket);
  // The server's side of TLS.
  Channel(Poller& poller, boost::asio::ip::tcp::socket socket,
          std::shared_ptr<boost::asio::ssl::context> tls);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Without TLS there is nothing to do. Nothing may be read or written before.
  Task<boost::system::error_code> handshake();
  // Null without TLS.
  SSL* tls() { return tls_ ? tls_->stream.native_handle() : nullptr; }

  // What has arrived and is not consumed. A view into it lives until the next co_await or
  // read_ahead(): reading goes on by itself and may move it.
  std::string_view input() const { return {buffer_ + begin_, end_ - begin_}; }
  void consume(std::size_t bytes);
  // Nothing more will arrive: the peer has hung up, reading failed, or this was closed.
  bool ended() const { return ended_; }
  // It was the peer's end of the connection, in good order: neither a failure nor close().
  bool hung_up() const { return hung_up_; }

  // Begins a read unless one is under way or the buffer is full.
  void read_ahead();

  class More {
   public:
    explicit More(Channel& channel) : channel_(channel) {}
    bool await_ready() const;
    void await_suspend(std::coroutine_handle<> waiter) const;
    bool await_resume() const { return std::exchange(channel_.fresh_, false); }

   private:
    Channel& channel_;
  };
  // Waits until something has arrived that was not there when this last returned. False when
  // nothing more will, or the buffer is full. Whoever waits holds this channel.
  More more() { return More(*this); }
  // A more() that waits returns false, and so does every later one: a time limit has passed. The
  // connection can still be written to.
  void stop_reading();
  // When this one ends or is closed, `other` is closed too; null for none.
  void when_ended_close(std::shared_ptr<Channel> other) { bound_ = std::move(other); }

  // Writes all of it, if the kernel takes it now. False: write_rest() with the same buffers, which
  // hold what is left, must follow.
  bool try_write(std::span<boost::asio::const_buffer> buffers);
  // False when the peer no longer takes anything.
  Task<bool> write_rest(std::span<boost::asio::const_buffer> buffers);
  // No more will be written: the peer sees the end after what was written. With TLS that is
  // announced, so that a cut-off answer cannot pass for a whole one.
  Task<> finish_writing();

  void close();
  // As close(), and the peer is told that something is amiss: its connection is reset.
  void abort();
  bool is_open() const { return tls_ ? tls_->socket.is_open() : descriptor_ >= 0; }
  // Gives back what a large message made the buffer grow to.
  void shrink();

 private:
  // asio's, where records have to be put together from reads.
  struct Tls {
    Tls(boost::asio::ip::tcp::socket its_socket, std::shared_ptr<boost::asio::ssl::context> its)
        : socket(std::move(its_socket)), context(std::move(its)), stream(socket, *context) {}

    boost::asio::ip::tcp::socket socket;
    std::shared_ptr<boost::asio::ssl::context> context;
    boost::asio::ssl::stream<boost::asio::ip::tcp::socket&> stream;
  };
  enum class Written : std::uint8_t { all, blocked, failed };

  void ready(std::uint32_t events) override;
  void receive();
  void receive_records();
  void take_in(std::size_t bytes);
  void end(bool in_good_order);
  Written write_now(std::span<boost::asio::const_buffer> buffers);
  int native() { return tls_ ? tls_->socket.native_handle() : descriptor_; }
  void wake_later();
  void close_bound();
  bool make_room();
  void resize(std::size_t capacity);

  Poller& poller_;
  int descriptor_ = -1;  // without TLS
  std::unique_ptr<Tls> tls_;
  char* buffer_ = nullptr;  // recycled; none while there is nothing in it to wait with
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool reading_ = false;  // whatever arrives is taken in
  bool arrived_ = false;  // the kernel may have something; it says so once
  bool last_ = false;     // behind what has arrived the connection ends
  bool fresh_ = false;
  bool stopped_ = false;
  bool finished_ = false;
  bool ended_ = false;
  bool hung_up_ = false;
  Wakeup readable_;
  Wakeup writable_;
  std::shared_ptr<Channel> bound_;
};

}  // namespace openclaw::gate
