#include "service/door.h"

#include <optional>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

namespace openclaw::front {
namespace {

using namespace std::chrono_literals;
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
      listener_(loops.front()->context(), options),
      pause_(loops.front()->context()) {}

void Door::close() {
  listener_.end();
  pause_.cancel();
}

void Door::accept() {
  Loop& loop = *loops_[turn_];
  turn_ = (turn_ + 1) % loops_.size();
  listener_.async_accept(
      loop.context(), [this, &loop](const error_code& error, ClientSocket socket) {
        if (!listener_.is_open()) return;
        if (!error) {
          accepted(loop, std::move(socket));
          return accept();
        }
        if (error == boost::asio::error::connection_aborted) return accept();
        // Out of descriptors or memory: clients wait in the backlog until there are some again.
        log_.write(LogLevel::error, "accept_failed", {{"problem", error.message()}});
        pause_.expires_after(100ms);
        pause_.async_wait([this](const error_code& stopped) {
          if (!stopped && listener_.is_open()) accept();
        });
      });
}

void Door::accepted(Loop& loop, ClientSocket socket) {
  if (clients_.fetch_add(1) < max_clients_) return loop.adopt(std::move(socket));
  --clients_;
  turn_away(std::move(socket));
}

void Door::turn_away(ClientSocket socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  const std::string answer = turned_away_answer(request_ids_.next(std::nullopt));
  socket.write_some(boost::asio::buffer(answer), ignored);
  ++turned_away_;
  loops_.front()->metrics().clients_turned_away.add();
  const auto now = std::chrono::steady_clock::now();
  if (now < log_next_) return;
  log_next_ = now + 1s;
  log_.write(LogLevel::warning, "clients_turned_away", {{"count", std::exchange(turned_away_, 0)}});
}

}  // namespace openclaw::front
