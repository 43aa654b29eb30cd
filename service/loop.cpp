#include "service/loop.h"

#include <utility>

#include <boost/asio/post.hpp>

#include "service/connection.h"

namespace openclaw::front {
namespace {

using namespace std::chrono_literals;

// How late a timeout can be.
constexpr auto kTick = 100ms;
// How long a refused client may take to hang up, so that it can read the answer first.
constexpr auto kLinger = 2s;

}  // namespace

Loop::Loop(const Options& options, SqlServers& servers, Log& log, std::atomic<unsigned>& clients,
           bool maintains)
    : drain_timeout_(options.drain_timeout),
      log_(log),
      clients_(clients),
      more_work_(context_.get_executor()),
      ticker_(context_),
      metrics_(options.standbys.size()),
      sql_(context_, servers,
           {options.connections, options.max_batch, options.max_waiting, options.request_timeout,
            options.max_lag, options.token_use_interval, options.transaction_pooler},
           log, metrics_),
      maintain_at_(maintains && options.maintenance_interval.count() > 0
                       ? std::chrono::steady_clock::time_point::min()
                       : std::chrono::steady_clock::time_point::max()),
      maintenance_interval_(options.maintenance_interval),
      router_(sql_, log, {options.trust_client_certificate, options.base_path}),
      clients_here_({options.idle_timeout, options.header_timeout, options.body_timeout,
                     options.body_timeout, kLinger}) {
  tick();
}

Loop::~Loop() = default;

void Loop::adopt(ClientSocket socket) {
  boost::asio::post(context_, [this, socket = std::move(socket)]() mutable {
    const auto connection = std::make_shared<Connection>(*this, std::move(socket));
    connection->start();
  });
}

Loop::Clients::Handle Loop::add(std::shared_ptr<Connection> connection) {
  return clients_here_.add(std::move(connection));
}

void Loop::remove(Clients::Handle client) {
  clients_here_.remove(client);
  --clients_;
  end_if_drained();
}

void Loop::limit(Clients::Handle client, Limit kind) {
  clients_here_.set(client, static_cast<std::size_t>(kind), std::chrono::steady_clock::now());
}

void Loop::send_soon(std::shared_ptr<Connection> client) {
  answered_.push_back(std::move(client));
  if (answered_.size() > 1) return;
  boost::asio::post(context_, [this] { send_answers(); });
}

void Loop::send_answers() {
  const auto clients = std::exchange(answered_, {});
  for (const auto& client : clients) client->send();
  for (const auto& client : clients) client->sent();
}

void Loop::tick() {
  const auto now = std::chrono::steady_clock::now();
  sql_.tick(now);
  clients_here_.expire(now, [](const std::shared_ptr<Connection>& client) { client->expired(); });
  maintain(now);
  if (cut_off_at_ <= now) cut_off();
  if (ended_) return;
  ticker_.expires_after(kTick);
  ticker_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

// The next one counts from the start of this one; while Postgres is away it is tried each tick.
void Loop::maintain(std::chrono::steady_clock::time_point now) {
  if (maintaining_ || draining_ || now < maintain_at_) return;
  maintenance_.endpoint = &maintenance();
  maintenance_.done = [this](const SqlAnswer& answer) {
    maintaining_ = false;
    const bool good = answer.outcome == SqlAnswer::Outcome::row;
    log_.write(good ? LogLevel::debug : LogLevel::warning, "maintained",
               {{"outcome", good ? "ok" : "failed"}});
  };
  if (!sql_.submit(maintenance_)) return;
  maintaining_ = true;
  maintain_at_ = now + maintenance_interval_;
}

void Loop::drain() {
  boost::asio::post(context_, [this] { begin_drain(); });
}

void Loop::begin_drain() {
  draining_ = true;
  cut_off_at_ = std::chrono::steady_clock::now() + drain_timeout_;
  for (const auto& client : clients_here_.owners()) client->drain();
  end_if_drained();
}

// Requests that wait for Postgres get their 503; then all clients go.
void Loop::cut_off() {
  cut_off_at_ = std::chrono::steady_clock::time_point::max();
  sql_.stop();
  send_answers();
  for (const auto& client : clients_here_.owners()) client->close();
  end_if_drained();
}

void Loop::end_if_drained() {
  if (!draining_ || ended_ || clients_here_.size() > 0) return;
  ended_ = true;
  // Not from in here: the last client may have gone within a call of the pool's.
  boost::asio::post(context_, [this] {
    sql_.stop();
    ticker_.cancel();
    more_work_.reset();
  });
}

}  // namespace openclaw::front
