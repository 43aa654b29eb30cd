#include "serving/metrics_server.h"

#include <chrono>
#include <set>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

namespace openclaw {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr std::size_t kMostClients = 16;  // a scraper, a prober, and some to spare
constexpr auto kRequestTime = 10s;

}  // namespace

struct MetricsServer::State : std::enable_shared_from_this<State> {
  State(asio::io_context& loop, std::function<std::string()> metrics_text)
      : acceptor(loop), text(std::move(metrics_text)) {}

  tcp::acceptor acceptor;
  std::function<std::string()> text;
  std::set<std::shared_ptr<beast::tcp_stream>> clients;

  void accept() {
    acceptor.async_accept([self = shared_from_this()](const error_code& error, tcp::socket socket) {
      if (!self->acceptor.is_open()) return;
      if (!error && self->clients.size() < kMostClients) {
        const auto stream = std::make_shared<beast::tcp_stream>(std::move(socket));
        self->clients.insert(stream);
        asio::co_spawn(
            self->acceptor.get_executor(), [self, stream] { return self->serve(stream); },
            [self, stream](const std::exception_ptr&) { self->clients.erase(stream); });
      }
      if (!error || error == asio::error::connection_aborted) return self->accept();
      // Out of descriptors: clients wait in the backlog until there are some again.
      const auto pause = std::make_shared<asio::steady_timer>(self->acceptor.get_executor(), 100ms);
      pause->async_wait([self, pause](const error_code&) {
        if (self->acceptor.is_open()) self->accept();
      });
    });
  }

  // One request a connection: a scrape every few seconds needs no more.
  asio::awaitable<void> serve(std::shared_ptr<beast::tcp_stream> stream) {
    beast::flat_static_buffer<8192> buffer;
    http::request_parser<http::empty_body> parser;
    error_code error;
    stream->expires_after(kRequestTime);
    co_await http::async_read_header(*stream, buffer, parser,
                                     asio::redirect_error(asio::use_awaitable, error));
    if (error || !acceptor.is_open()) co_return;
    http::response<http::string_body> response = answer(parser.get());
    response.prepare_payload();
    co_await http::async_write(*stream, response, asio::redirect_error(asio::use_awaitable, error));
    stream->socket().shutdown(tcp::socket::shutdown_both, error);
  }

  http::response<http::string_body> answer(const http::request<http::empty_body>& request) const {
    http::response<http::string_body> response{http::status::ok, 11};
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    response.set(http::field::cache_control, "no-store");
    response.keep_alive(false);
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      response.result(http::status::method_not_allowed);
      response.set(http::field::allow, "GET, HEAD");
    } else if (request.target() == "/metrics") {
      response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
      response.body() = text();
    } else if (request.target() == "/healthz") {
      response.body() = "ok\n";
    } else {
      response.result(http::status::not_found);
      response.body() = "There are /metrics and /healthz.\n";
    }
    return response;
  }
};

MetricsServer::MetricsServer(asio::io_context& loop, const tcp::endpoint& endpoint,
                             std::function<std::string()> text)
    : state_(std::make_shared<State>(loop, std::move(text))) {
  state_->acceptor.open(endpoint.protocol());
  state_->acceptor.set_option(tcp::acceptor::reuse_address(true));
  state_->acceptor.bind(endpoint);
  state_->acceptor.listen();
  state_->accept();
}

MetricsServer::~MetricsServer() {
  error_code ignored;
  state_->acceptor.close(ignored);
  for (const auto& client : state_->clients) client->close();
}

tcp::endpoint MetricsServer::endpoint() const { return state_->acceptor.local_endpoint(); }

}  // namespace openclaw
