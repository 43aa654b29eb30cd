#include "gate/upstream_pool.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace openclaw::gate {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

std::string authority_of(const Upstream& upstream) {
  const bool is_ipv6 = upstream.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? '[' + upstream.host + ']' : upstream.host;
  return upstream.port == 80 ? host : host + ':' + std::to_string(upstream.port);
}

}  // namespace

UpstreamPool::UpstreamPool(Poller& poller, Upstream upstream)
    : poller_(poller), upstream_(std::move(upstream)), authority_(authority_of(upstream_)) {}

std::shared_ptr<Channel> UpstreamPool::take_idle() {
  while (!idle_.empty()) {
    // The last one that was used: the others grow old and go.
    const std::shared_ptr<Channel> channel = std::move(idle_.back().channel);
    idle_.pop_back();
    // One that has something to say out of turn is out of step.
    if (!channel->ended() && channel->input().empty()) return channel;
    channel->close();
  }
  return nullptr;
}

asio::awaitable<std::shared_ptr<Channel>> UpstreamPool::connect() {
  // What the timer closes may be gone when it fires.
  const auto socket = std::make_shared<tcp::socket>(poller_.loop());
  const auto resolver = std::make_shared<tcp::resolver>(poller_.loop());
  asio::steady_timer timer(poller_.loop(), kConnect);
  const auto timed_out = std::make_shared<bool>(false);
  timer.async_wait([socket, resolver, timed_out](const error_code& stopped) {
    if (stopped) return;
    *timed_out = true;
    error_code ignored;
    resolver->cancel();
    socket->close(ignored);
  });

  error_code error;
  error_code not_literal;
  const asio::ip::address literal = asio::ip::make_address(upstream_.host, not_literal);
  if (!not_literal) {
    co_await socket->async_connect({literal, upstream_.port},
                                   asio::redirect_error(asio::use_awaitable, error));
  } else {
    const auto found = co_await resolver->async_resolve(
        upstream_.host, std::to_string(upstream_.port), tcp::resolver::numeric_service,
        asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      // Stops at a socket that the timer has closed, instead of opening it again.
      const auto go_on = [timed_out](const error_code&, const tcp::endpoint&) {
        return !*timed_out;
      };
      co_await asio::async_connect(*socket, found, go_on,
                                   asio::redirect_error(asio::use_awaitable, error));
    }
  }
  timer.cancel();
  if (error || *timed_out) co_return nullptr;
  co_return std::make_shared<Channel>(poller_, std::move(*socket));
}

void UpstreamPool::give_back(std::shared_ptr<Channel> channel) {
  if (closed_) return channel->close();
  channel->shrink();
  channel->read_ahead();
  idle_.push_back({std::move(channel), Clock::now()});
}

void UpstreamPool::expire(Clock::time_point now) {
  while (!idle_.empty() && (idle_.front().since + kIdle <= now || idle_.front().channel->ended())) {
    idle_.front().channel->close();
    idle_.pop_front();
  }
}

void UpstreamPool::close() {
  closed_ = true;
  for (const Idle& idle : idle_) idle.channel->close();
  idle_.clear();
}

}  // namespace openclaw::gate
