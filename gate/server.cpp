#include "gate/server.h"

#include <array>
#include <ctime>
#include <exception>
#include <stdexcept>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "gate/relay.h"
#include "gate/session.h"
#include "serving/process.h"

namespace openclaw::gate {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

// How late a time limit can be.
constexpr auto kTick = 100ms;
constexpr auto kDrain = 10s;
// When to try again a reload for which the platform's keys could not be had.
constexpr auto kRetryReload = 60s;
// How long a request waits for a key that the set lacks, and the start for the first set.
constexpr auto kWaitForKeys = 5s;
// How long a request waits for a status list at the first sight of it.
constexpr auto kWaitForStatus = 5s;

// By Limit: an idle connection, a request's head, a pause in its body, a client that does not read,
// and one that does not hang up.
constexpr std::array<std::chrono::milliseconds, kLimits> kLimitLengths{75s, 10s, 30s, 30s, 2s};

std::string format(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" +
         std::to_string(endpoint.port());
}

// As many clients as the limit of open files allows: one that streams has a connection to the
// upstream too.
std::size_t most_clients(const Config& config, Log& log) {
  // Listeners, epoll, inotify, JWKS, log, and what waits to be closed.
  constexpr std::uint64_t kOthers = 64;
  const std::uint64_t files = raise_descriptor_limit(config.max_connections * 2ULL + kOthers);
  const std::uint64_t possible = files > kOthers ? (files - kOthers) / 2 : 1;
  if (possible >= config.max_connections) return config.max_connections;
  log.write(LogLevel::warning, "connections_limited",
            {{"limits_connections", std::int64_t{config.max_connections}},
             {"open_files", static_cast<std::int64_t>(files)},
             {"connections", static_cast<std::int64_t>(possible)}});
  return possible;
}

[[noreturn]] void cannot_listen(std::string_view key, const Address& address,
                                const boost::system::system_error& error) {
  throw std::runtime_error(std::string(key) + ": cannot listen on " + address.host + " port " +
                           std::to_string(address.port) + ": " + error.code().message());
}

tcp::endpoint endpoint_of(const Address& address) {
  return {asio::ip::make_address(address.host), address.port};
}

tcp::acceptor listen_on(asio::io_context& loop, const Address& address) {
  try {
    const tcp::endpoint endpoint = endpoint_of(address);
    tcp::acceptor acceptor(loop);
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen(tcp::acceptor::max_listen_connections);
    return acceptor;
  } catch (const boost::system::system_error& error) {
    cannot_listen("listen", address, error);
  }
}

bool needs_platform(const Config& config) {
  return config.mode == Mode::platform || config.mode == Mode::mtls;
}

// The files that make up the configuration.
std::vector<std::string> files_of(const std::string& config_path, const Config& config) {
  std::vector<std::string> files{config_path};
  if (config.tls) files.insert(files.end(), {config.tls->certificate, config.tls->key});
  if (config.mode == Mode::mtls) files.push_back(config.client_certificates.ca);
  if (needs_platform(config) && !config.jwks_ca.empty()) files.push_back(config.jwks_ca);
  return files;
}

}  // namespace

Server::Server(asio::io_context& loop, std::string config_path, Config config, Log& log)
    : loop_(loop),
      poller_(loop),
      config_path_(std::move(config_path)),
      log_(log),
      clients_(kLimitLengths),
      acceptor_(loop),
      accept_pause_(loop),
      ticker_(loop),
      reload_later_(loop) {
  put_in_force(make_works(std::move(config)));
}

Server::~Server() { reader_.join(); }

// --- a configuration at work --------------------------------------------------------------------

Server::Works Server::make_works(Config config) {
  const Config* const before = policy_ ? &policy_->config : nullptr;
  Works works;
  std::shared_ptr<UpstreamPool> pool;
  if (before != nullptr && before->upstream == config.upstream) {
    pool = policy_->pool;
  } else if (!config.upstream.host.empty()) {
    pool = std::make_shared<UpstreamPool>(poller_, config.upstream);
  }
  works.policy = std::make_shared<Policy>(std::move(config), std::move(pool));
  const Config& now = works.policy->config;
  works.platform = make_platform(now);
  if (before == nullptr || before->listen != now.listen) {
    works.acceptor = listen_on(loop_, now.listen);
  }
  if (now.metrics && (before == nullptr || before->metrics != now.metrics)) {
    try {
      works.metrics_server =
          std::make_unique<MetricsServer>(loop_, endpoint_of(*now.metrics), [this] {
            metrics_.connections = clients_.size();
            metrics_.remembered_tokens = policy_->authenticator.remembered_tokens();
            metrics_.status_lists = platform_ ? platform_->lists()->size() : 0;
            return prometheus_text(metrics_, log_.lost());
          });
    } catch (const boost::system::system_error& error) {
      cannot_listen("metrics", *now.metrics, error);
    }
  }
  works.watch = std::make_unique<FileWatch>(loop_, files_of(config_path_, now), [this] {
    if (!draining_) reload();
  });
  return works;
}

// The one in use when it would be the same.
std::shared_ptr<Platform> Server::make_platform(const Config& config) {
  if (!needs_platform(config)) return nullptr;
  if (platform_ && platform_->is_for(config)) return platform_;
  Platform::Events events;
  // A new one has to show first that it is one.
  events.keys_changed = [this](const Platform& platform) {
    if (&platform == platform_.get()) use_keys();
  };
  events.list_read = [this](const Platform& platform) {
    if (&platform == platform_.get()) end_revoked();
  };
  events.keys_revoked = [this](std::size_t left) {
    log_.write(LogLevel::warning, "keys_revoked", {{"keys", static_cast<std::int64_t>(left)}});
  };
  events.keys_fetched = [this](std::string_view outcome, std::size_t keys) {
    metrics_.jwks_fetches.add(outcome);
    const bool good = outcome == "ok" || outcome == "not_modified";
    log_.write(good ? LogLevel::info : LogLevel::warning, "jwks_fetched",
               {{"outcome", outcome}, {"keys", static_cast<std::int64_t>(keys)}});
  };
  events.list_fetched = [this](std::string_view uri, std::string_view outcome, bool changed) {
    metrics_.status_fetches.add(outcome);
    const LogLevel good = changed ? LogLevel::info : LogLevel::debug;
    log_.write(outcome == "ok" ? good : LogLevel::warning, "status_fetched",
               {{"list", uri}, {"outcome", outcome}});
  };
  return std::make_shared<Platform>(loop_, config, std::move(events));
}

void Server::put_in_force(Works works) {
  const bool has_metrics = works.policy->config.metrics.has_value();
  if (policy_ && policy_->pool && policy_->pool != works.policy->pool) policy_->pool->close();
  const bool other_door =
      works.acceptor || (policy_ && (policy_->tls == nullptr) != (works.policy->tls == nullptr));
  policy_ = std::move(works.policy);
  most_clients_ = most_clients(policy_->config, log_);
  platform_ = std::move(works.platform);
  policy_->authenticator.set_status_lists(platform_ ? platform_->lists() : nullptr);
  use_keys();
  if (works.acceptor) acceptor_ = std::move(*works.acceptor);
  if (works.metrics_server || !has_metrics) metrics_server_ = std::move(works.metrics_server);
  watch_ = std::move(works.watch);
  if (!other_door) return;
  ++door_;
  for (const auto& session : clients_.owners()) session->drain();
}

void Server::use_keys() {
  const std::shared_ptr<const KeySet> set = platform_ ? platform_->keys() : nullptr;
  metrics_.jwks_keys = set ? set->size() : 0;
  policy_->authenticator.set_keys(set);
}

// Calls that are under way with a token that was good when they began.
void Server::end_revoked() {
  for (const auto& session : clients_.owners()) session->end_if_revoked(*platform_);
}

asio::awaitable<void> Server::wait_for_keys(std::shared_ptr<Platform> platform) {
  asio::steady_timer timer(loop_);
  const auto end = Clock::now() + kWaitForKeys;
  while (platform && !platform->was_tried() && Clock::now() < end) {
    timer.expires_after(5ms);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<void> Server::refetch_keys() {
  if (platform_) co_await platform_->refetch_keys(kWaitForKeys);
}

asio::awaitable<void> Server::read_status_list(std::shared_ptr<KnownList> list) {
  if (platform_) co_await platform_->read_list(std::move(list), kWaitForStatus);
}

// --- reload -------------------------------------------------------------------------------------

void Server::reload() {
  reload_again_ = std::exchange(reloading_, true);
  if (reload_again_) return;
  asio::post(reader_, [this] {
    Read read = load_config(config_path_);
    asio::post(loop_, [this, read = std::move(read)]() mutable {
      asio::co_spawn(loop_, apply(std::move(read)), asio::detached);
    });
  });
}

asio::awaitable<void> Server::apply(Read read) {
  if (const auto* problems = std::get_if<std::vector<ConfigProblem>>(&read)) {
    reload_refused(format_problem(config_path_, problems->front()));
  } else {
    std::string problem;
    Works works;
    try {
      works = make_works(std::move(std::get<Config>(read)));
    } catch (const std::exception& error) {
      problem = error.what();
    }
    // A new platform must have shown that it is one, or every call would fail meanwhile.
    if (problem.empty() && works.platform != platform_) {
      co_await wait_for_keys(works.platform);
      if (works.platform && !works.platform->keys()) {
        problem = "auth.platform_jwks_url: the platform's keys cannot be fetched from there";
        reload_later_.expires_after(kRetryReload);
        reload_later_.async_wait([this](const error_code& stopped) {
          if (!stopped && !draining_) reload();
        });
      }
    }
    if (!problem.empty()) {
      reload_refused(problem);
    } else if (!draining_) {
      // What changed since the reading began is seen by the watch that goes, and by no other.
      if (watch_->is_stale()) reload_again_ = true;
      put_in_force(std::move(works));
      metrics_.config_reloads.add("ok");
      log_.write(
          LogLevel::info, "reloaded",
          {{"address", format(acceptor_.local_endpoint())}, {"mode", name(policy_->config.mode)}});
      accept();
    }
  }
  reloading_ = false;
  if (std::exchange(reload_again_, false) && !draining_) reload();
}

void Server::reload_refused(const std::string& problem) {
  metrics_.config_reloads.add("refused");
  log_.write(LogLevel::error, "reload_refused", {{"problem", problem}});
}

// --- clients ------------------------------------------------------------------------------------

void Server::start() {
  asio::co_spawn(loop_, begin(), asio::detached);
  tick();
}

// Clients may connect already; they are attended to once there are keys to judge by, or none.
asio::awaitable<void> Server::begin() {
  co_await wait_for_keys(platform_);
  if (draining_) co_return;
  if (metrics_server_) {
    log_.write(LogLevel::info, "metrics_listening",
               {{"address", format(metrics_server_->endpoint())}});
  }
  log_.write(
      LogLevel::info, "listening",
      {{"address", format(acceptor_.local_endpoint())}, {"mode", name(policy_->config.mode)}});
  accept();
}

void Server::accept() {
  if (accepting_) return;
  accepting_ = true;
  acceptor_.async_accept([this, door = door_](const error_code& error, tcp::socket socket) {
    accepting_ = false;
    if (draining_) return;
    // operation_aborted: a reload has put another acceptor in its place.
    if (!error || error == asio::error::connection_aborted ||
        error == asio::error::operation_aborted) {
      accept();  // first, so that a client that fails does not end it
      if (!error && door == door_) accepted(std::move(socket));
      return;
    }
    // Out of descriptors or memory: clients wait in the backlog until there are some again.
    log_.write(LogLevel::error, "accept_failed", {{"problem", error.message()}});
    accept_pause_.expires_after(100ms);
    accept_pause_.async_wait([this](const error_code& stopped) {
      if (!stopped && !draining_) accept();
    });
  });
}

void Server::accepted(tcp::socket socket) {
  if (clients_.size() >= most_clients_) return turn_away(std::move(socket));
  std::make_shared<Session>(*this, std::move(socket))->start();
}

void Server::turn_away(tcp::socket socket) {
  ++metrics_.connections_refused;
  if (policy_->tls) return;
  const std::string body = error_body("temporarily_unavailable", "There are too many connections.");
  const std::string request_id = request_ids_.next(std::nullopt);
  std::string answer;
  append_own_answer(answer, 503, std::string(kRefusalFields) + "Retry-After: 1\r\n", body, {},
                    {.request_id = request_id,
                     .framing = {Framing::By::content_length, body.size()},
                     .keep_alive = false});
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(answer), ignored);
}

Server::Clients::Handle Server::add(std::shared_ptr<Session> session) {
  return clients_.add(std::move(session));
}

void Server::remove(Clients::Handle client) {
  clients_.remove(client);
  end_if_drained();
}

void Server::limit(Clients::Handle client, Limit kind) {
  clients_.set(client, static_cast<std::size_t>(kind), Clock::now());
}

void Server::tick() {
  if (ended_) return;  // a tick that was due when the end came is not cancelled any more
  ticker_.expires_after(kTick);
  ticker_.async_wait([this](const error_code& stopped) {
    if (!stopped) tick();
  });
  const auto now = Clock::now();
  clients_.expire(now, [](const std::shared_ptr<Session>& session) { session->expired(); });
  if (policy_->pool) policy_->pool->expire(now);
  policy_->authenticator.forget_expired(std::int64_t{std::time(nullptr)});
  if (cut_off_at_ <= now) cut_off();
}

// --- the end ------------------------------------------------------------------------------------

void Server::drain() {
  if (std::exchange(draining_, true)) return;
  log_.write(LogLevel::info, "draining", {});
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  reload_later_.cancel();
  cut_off_at_ = Clock::now() + kDrain;
  for (const auto& session : clients_.owners()) session->drain();
  end_if_drained();
}

void Server::cut_off() {
  cut_off_at_ = Clock::time_point::max();
  for (const auto& session : clients_.owners()) session->close();
}

void Server::end_if_drained() {
  if (!draining_ || ended_ || clients_.size() > 0) return;
  ended_ = true;
  ticker_.cancel();
  platform_.reset();
  watch_.reset();
  metrics_server_.reset();
  if (policy_->pool) policy_->pool->close();
}

}  // namespace openclaw::gate
