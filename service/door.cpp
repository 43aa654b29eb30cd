#include "service/door.h"

#include <optional>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

namespace openclaw::front {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using boost::system::error_code;

std::string turned_away_answer(const std::string& request_id) {
  const std::string body =
      R"({"error":"temporarily_unavailable","error_description":"There are too many connections."})";
  return "HTTP/1.1 503 Service Unavailable\r\n"
         "Cache-Control: no-store\r\n"
         "Connection: close\r\n"
         "Content-Length: " +
         std::to_string(body.size()) +
         "\r\n"
         "Content-Type: application/json\r\n"
         "Retry-After: 1\r\n"
         "X-Content-Type-Options: nosniff\r\n"
         "X-Request-Id: " +
         request_id + "\r\n\r\n" + body;
}

}  // namespace

Door::Door(const Options& options, std::vector<std::unique_ptr<Loop>>& loops, Log& log,
           std::atomic<unsigned>& clients)
    : max_clients_(options.max_clients),
      loops_(loops),
      log_(log),
      clients_(clients),
      acceptor_(loops.front()->context()),
      pause_(loops.front()->context()) {
  const tcp::endpoint endpoint(boost::asio::ip::make_address(options.address), options.port);
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(tcp::acceptor::reuse_address(true));
  acceptor_.bind(endpoint);
  acceptor_.listen(tcp::acceptor::max_listen_connections);
}

std::string Door::address() const {
  const tcp::endpoint endpoint = acceptor_.local_endpoint();
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" +
         std::to_string(endpoint.port());
}

void Door::close() {
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

void Door::accept() {
  Loop& loop = *loops_[turn_];
  turn_ = (turn_ + 1) % loops_.size();
  acceptor_.async_accept(
      loop.context(), [this, &loop](const error_code& error, tcp::socket socket) {
        if (!acceptor_.is_open()) return;
        if (!error) {
          accepted(loop, std::move(socket));
          return accept();
        }
        if (error == boost::asio::error::connection_aborted) return accept();
        // Out of descriptors or memory: clients wait in the backlog until there are some again.
        log_.write(LogLevel::error, "accept_failed", {{"problem", error.message()}});
        pause_.expires_after(100ms);
        pause_.async_wait([this](const error_code& stopped) {
          if (!stopped && acceptor_.is_open()) accept();
        });
      });
}

void Door::accepted(Loop& loop, tcp::socket socket) {
  if (clients_.fetch_add(1) < max_clients_) return loop.adopt(std::move(socket));
  --clients_;
  turn_away(std::move(socket));
}

void Door::turn_away(tcp::socket socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  const std::string answer = turned_away_answer(request_ids_.next(std::nullopt));
  socket.write_some(boost::asio::buffer(answer), ignored);
  ++turned_away_;
  const auto now = std::chrono::steady_clock::now();
  if (now < log_next_) return;
  log_next_ = now + 1s;
  log_.write(LogLevel::warning, "clients_turned_away", {{"count", std::exchange(turned_away_, 0)}});
}

}  // namespace openclaw::front
