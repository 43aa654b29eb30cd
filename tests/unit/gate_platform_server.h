// The platform's server for tests of what the gate fetches: over TLS or without, on the test's own
// loop.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "tests/unit/gate_certificates.h"

namespace openclaw::gate {

struct Reply {
  enum class Then { close, hold, drip, flood };  // hold: say nothing; flood: without an end
  std::string bytes;
  Then then = Then::close;
};

inline Reply answer(std::string_view body, std::string_view fields = "",
                    std::string_view status = "200 OK") {
  return {"HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) +
          "\r\n" + std::string(fields) + "\r\n" + std::string(body)};
}

// Answers each connection with what `reply` says at the time. On the test's own loop.
class PlatformServer {
 public:
  PlatformServer(boost::asio::io_context& loop, bool tls)
      : acceptor_(loop, boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        opened_(loop, std::chrono::steady_clock::time_point::max()),
        tls_(tls) {
    boost::asio::co_spawn(loop, accept(), boost::asio::detached);
  }

  void use(const Identity& identity) {
    const std::string certificate = identity.certificate_pem();
    const std::string key = identity.key_pem();
    context_.use_certificate(boost::asio::buffer(certificate), boost::asio::ssl::context::pem);
    context_.use_private_key(boost::asio::buffer(key), boost::asio::ssl::context::pem);
  }
  std::string port() const { return std::to_string(acceptor_.local_endpoint().port()); }
  void go() { acceptor_.close(); }
  // Gone, and nothing of it left on the loop.
  bool is_over() const { return !accepting_ && begun_ == ended; }
  // While it is shut, requests are taken and get no answer.
  void shut() { is_shut_ = true; }
  void open() {
    is_shut_ = false;
    opened_.cancel();
  }

  std::function<Reply()> reply;
  std::vector<std::string> requests;
  std::vector<std::chrono::steady_clock::time_point> arrivals;
  std::vector<std::string> server_names;
  std::size_t flooded = 0;  // bytes
  int ended = 0;            // connections

 private:
  boost::asio::awaitable<void> accept() {
    boost::system::error_code failed;
    for (;;) {
      boost::asio::ip::tcp::socket socket = co_await acceptor_.async_accept(
          boost::asio::redirect_error(boost::asio::use_awaitable, failed));
      if (failed) break;
      ++begun_;
      boost::asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket)),
                            boost::asio::detached);
    }
    accepting_ = false;
  }

  boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket) {
    if (tls_) {
      boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream(std::move(socket), context_);
      boost::system::error_code failed;
      co_await stream.async_handshake(
          boost::asio::ssl::stream_base::server,
          boost::asio::redirect_error(boost::asio::use_awaitable, failed));
      const char* name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
      if (!failed) server_names.emplace_back(name == nullptr ? "" : name);
      if (!failed) co_await talk(stream);
    } else {
      co_await talk(socket);
    }
    ++ended;
  }

  template <class Stream>
  boost::asio::awaitable<void> talk(Stream& stream) {
    boost::system::error_code failed;
    std::string request;
    co_await boost::asio::async_read_until(
        stream, boost::asio::dynamic_buffer(request), "\r\n\r\n",
        boost::asio::redirect_error(boost::asio::use_awaitable, failed));
    if (failed) co_return;
    requests.push_back(request);
    arrivals.push_back(std::chrono::steady_clock::now());
    if (is_shut_) {
      co_await opened_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, failed));
    }
    const Reply said = reply();
    co_await boost::asio::async_write(
        stream, boost::asio::buffer(said.bytes),
        boost::asio::redirect_error(boost::asio::use_awaitable, failed));
    if (said.then != Reply::Then::close) co_await go_on(stream, said.then);
  }

  // Until the other side has enough.
  template <class Stream>
  boost::asio::awaitable<void> go_on(Stream& stream, Reply::Then then) {
    boost::system::error_code failed;
    std::string block(then == Reply::Then::flood ? 65536 : 1, ' ');
    boost::asio::steady_timer pause(acceptor_.get_executor());
    while (!failed) {
      if (then == Reply::Then::hold) {
        co_await stream.async_read_some(
            boost::asio::buffer(block),
            boost::asio::redirect_error(boost::asio::use_awaitable, failed));
        continue;
      }
      co_await boost::asio::async_write(
          stream, boost::asio::buffer(block),
          boost::asio::redirect_error(boost::asio::use_awaitable, failed));
      flooded += block.size();
      if (then == Reply::Then::flood) continue;
      pause.expires_after(std::chrono::milliseconds(2));
      boost::system::error_code ignored;
      co_await pause.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
  }

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_server};
  boost::asio::steady_timer opened_;
  const bool tls_;
  int begun_ = 0;  // connections
  bool accepting_ = true;
  bool is_shut_ = false;
};

}  // namespace openclaw::gate
