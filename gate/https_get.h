// One GET of a document that the platform publishes: over TLS, without it on loopback alone. No
// redirect is followed; head, body and time are bounded before anything is taken.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>  // before Boost 1.74 awaitable.hpp, which uses std::exchange without it

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "gate/http_url.h"

namespace openclaw::gate {

// A client that trusts the authorities of a PEM file, "" for the system's.
class ClientTls {
 public:
  // std::runtime_error with a sentence that names the file for one that cannot be read.
  explicit ClientTls(const std::string& ca);

  // For a connection. The system's authorities are read at the first: there are so many that it
  // takes tens of milliseconds, which a gate without TLS to the platform need not wait for. Where
  // they cannot be read no server is trusted.
  boost::asio::ssl::context& context();

 private:
  boost::asio::ssl::context context_;
  bool wants_system_;
};

struct GetRequest {
  HttpUrl url;
  std::string_view accept;  // media types
  std::size_t most_bytes;   // of the body
  std::string etag = {};    // of what is known already; "" asks for all of it
  // How old a copy of a cache on the way may be (RFC 9111 5.2.1.1); none: as old as it says.
  std::optional<std::chrono::seconds> max_age = {};
};

struct GetAnswer {
  // "ok" (200), "not_modified" (304, only to an etag), or what went wrong: "connect", which takes
  // in a connection that breaks off or speaks no HTTP, "tls", "http_status", "too_large",
  // "timeout".
  std::string_view outcome;
  std::string body = {};
  std::string etag = {};  // one that may be sent back, or ""
  std::string cache_control = {};
};

class HttpsGet {
 public:
  using Clock = std::chrono::steady_clock;

  // `tls` outlives it.
  HttpsGet(boost::asio::any_io_executor loop, ClientTls& tls);
  HttpsGet(const HttpsGet&) = delete;
  HttpsGet& operator=(const HttpsGet&) = delete;

  // One at a time. This and the request outlive it. A name is resolved on a thread of Asio's, where
  // only the system's own limits end it; its time counts towards the deadline.
  boost::asio::awaitable<GetAnswer> get(const GetRequest& request, Clock::time_point deadline);
  // Closes the connection of the one under way, which then gives an answer that means nothing.
  // Nothing more is sent.
  void stop();

 private:
  class Closable;
  using Found = boost::asio::ip::tcp::resolver::results_type;

  boost::asio::awaitable<GetAnswer> get_plain(const GetRequest& request, Clock::time_point deadline,
                                              const Found& found);
  boost::asio::awaitable<GetAnswer> get_over_tls(const GetRequest& request,
                                                 Clock::time_point deadline, const Found& found);

  ClientTls& tls_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::beast::tcp_stream* connection_ = nullptr;
  bool stopped_ = false;
};

}  // namespace openclaw::gate
