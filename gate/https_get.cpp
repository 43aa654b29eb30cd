#include "gate/https_get.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace openclaw::gate {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = HttpsGet::Clock;

constexpr std::uint32_t kMaxHead = 16 * 1024;
constexpr std::size_t kMaxEtag = 256;

// The Host header's value (RFC 9110 7.2).
std::string authority(const HttpUrl& url) {
  const std::string whole = origin(url);
  return whole.substr(whole.find("://") + 3);
}

// The certificate must name the host, in a SAN: a common name is no host name (RFC 9525 2), which
// Asio's host_name_verification takes for one.
bool expect_host(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* expected = SSL_get0_param(ssl);
  if (is_ip_address(host)) return X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(
      expected, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(expected, host.data(), host.size()) == 1 &&
         SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                  const_cast<char*>(host.c_str())) == 1;
}

std::string_view outcome_of(error_code failure, std::string_view otherwise) {
  if (failure == beast::error::timeout) return "timeout";
  if (failure == http::error::body_limit || failure == http::error::header_limit ||
      failure == http::error::buffer_overflow) {
    return "too_large";
  }
  return otherwise;
}

http::request<http::empty_body> message_of(const GetRequest& request) {
  const std::string target = request.url.path.empty() ? "/" : request.url.path;
  http::request<http::empty_body> message(http::verb::get, target, 11);
  message.set(http::field::host, authority(request.url));
  message.set(http::field::accept,
              beast::string_view(request.accept.data(), request.accept.size()));
  message.set(http::field::accept_encoding, "identity");
  message.set(http::field::user_agent, "openclaw-gate");
  message.set(http::field::connection, "close");
  if (!request.etag.empty()) message.set(http::field::if_none_match, request.etag);
  if (request.max_age) {
    message.set(http::field::cache_control, "max-age=" + std::to_string(request.max_age->count()));
  }
  return message;
}

// Sent back as it came, so it has to be an entity-tag (RFC 9110 8.8.3) of a sane size.
std::string etag_of(const http::fields& head) {
  const auto given = head[http::field::etag];
  const std::string_view etag(given.data(), given.size());
  const std::string_view quoted = etag.starts_with("W/") ? etag.substr(2) : etag;
  const bool is_etag =
      quoted.size() >= 2 && etag.size() <= kMaxEtag && quoted.front() == '"' &&
      quoted.find('"', 1) == quoted.size() - 1 &&
      std::all_of(quoted.begin(), quoted.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  return is_etag ? std::string(etag) : std::string();
}

std::string cache_control_of(const http::fields& head) {
  std::string all;
  const auto [first, last] = head.equal_range(http::field::cache_control);
  for (auto field = first; field != last; ++field) {
    if (!all.empty()) all += ',';
    all.append(field->value().data(), field->value().size());
  }
  return all;
}

// The head is judged before a byte of the body is taken, the body while it comes.
template <class Stream>
asio::awaitable<GetAnswer> ask(Stream& stream, const GetRequest& request) {
  error_code failure;
  const http::request<http::empty_body> message = message_of(request);
  co_await http::async_write(stream, message, asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return GetAnswer{outcome_of(failure, "connect")};

  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.header_limit(kMaxHead);
  parser.body_limit(request.most_bytes);
  co_await http::async_read_header(stream, buffer, parser,
                                   asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return GetAnswer{outcome_of(failure, "connect")};

  const http::response<http::string_body>& head = parser.get();
  if (head.result() == http::status::not_modified && !request.etag.empty()) {
    co_return GetAnswer{"not_modified", {}, {}, cache_control_of(head)};
  }
  if (head.result() != http::status::ok) co_return GetAnswer{"http_status"};

  co_await http::async_read(stream, buffer, parser,
                            asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return GetAnswer{outcome_of(failure, "connect")};
  GetAnswer answer{"ok", {}, etag_of(head), cache_control_of(head)};
  answer.body = std::move(parser.get().body());
  co_return answer;
}

bool all_loopback(const tcp::resolver::results_type& found) {
  return std::all_of(found.begin(), found.end(),
                     [](const auto& entry) { return entry.endpoint().address().is_loopback(); });
}

// One deadline for all that follows on the connection.
asio::awaitable<error_code> connect(beast::tcp_stream& connection, Clock::time_point deadline,
                                    const tcp::resolver::results_type& found) {
  error_code failure;
  connection.expires_at(deadline);
  co_await connection.async_connect(found, asio::redirect_error(asio::use_awaitable, failure));
  co_return failure;
}

}  // namespace

ClientTls::ClientTls(const std::string& ca)
    : context_(asio::ssl::context::tls_client), wants_system_(ca.empty()) {
  SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION);
  context_.set_verify_mode(asio::ssl::verify_peer);
  if (wants_system_) return;
  error_code failed;
  context_.load_verify_file(ca, failed);
  ERR_clear_error();
  if (failed) throw std::runtime_error(ca + ": cannot be read as PEM certificates");
}

asio::ssl::context& ClientTls::context() {
  if (wants_system_) {
    error_code failed;
    context_.set_default_verify_paths(failed);
    ERR_clear_error();
    wants_system_ = static_cast<bool>(failed);  // to be read again
  }
  return context_;
}

// Lets the connection be closed from outside for as long as it lives.
class HttpsGet::Closable {
 public:
  Closable(HttpsGet& get, beast::tcp_stream& connection) : get_(get) {
    get_.connection_ = &connection;
  }
  Closable(const Closable&) = delete;
  Closable& operator=(const Closable&) = delete;
  ~Closable() { get_.connection_ = nullptr; }

 private:
  HttpsGet& get_;
};

HttpsGet::HttpsGet(asio::any_io_executor loop, ClientTls& tls)
    : tls_(tls), resolver_(std::move(loop)) {}

asio::awaitable<GetAnswer> HttpsGet::get(const GetRequest& request, Clock::time_point deadline) {
  error_code failure;
  const Found found =
      co_await resolver_.async_resolve(request.url.host, std::to_string(request.url.port),
                                       asio::redirect_error(asio::use_awaitable, failure));
  if (failure || stopped_) co_return GetAnswer{"connect"};
  if (!request.url.tls) co_return co_await get_plain(request, deadline, found);
  GetAnswer answer = co_await get_over_tls(request, deadline, found);
  ERR_clear_error();
  co_return answer;
}

asio::awaitable<GetAnswer> HttpsGet::get_plain(const GetRequest& request,
                                               Clock::time_point deadline, const Found& found) {
  // "localhost" is a name: without TLS only the address can vouch for it.
  if (!all_loopback(found)) co_return GetAnswer{"connect"};
  beast::tcp_stream connection(resolver_.get_executor());
  const Closable closable(*this, connection);
  const error_code failure = co_await connect(connection, deadline, found);
  if (failure) co_return GetAnswer{outcome_of(failure, "connect")};
  co_return co_await ask(connection, request);
}

asio::awaitable<GetAnswer> HttpsGet::get_over_tls(const GetRequest& request,
                                                  Clock::time_point deadline, const Found& found) {
  asio::ssl::stream<beast::tcp_stream> stream(resolver_.get_executor(), tls_.context());
  const Closable closable(*this, stream.next_layer());
  if (!expect_host(stream.native_handle(), request.url.host)) co_return GetAnswer{"tls"};
  error_code failure = co_await connect(stream.next_layer(), deadline, found);
  if (failure) co_return GetAnswer{outcome_of(failure, "connect")};
  co_await stream.async_handshake(asio::ssl::stream_base::client,
                                  asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return GetAnswer{outcome_of(failure, "tls")};
  co_return co_await ask(stream, request);
}

void HttpsGet::stop() {
  stopped_ = true;
  resolver_.cancel();
  if (connection_ != nullptr) connection_->close();
}

}  // namespace openclaw::gate
