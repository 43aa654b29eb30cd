#include "service/listener.h"

#include <cstring>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

namespace openclaw::front {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
using Unix = boost::asio::local::stream_protocol;
using Endpoint = boost::asio::generic::stream_protocol::endpoint;

constexpr mode_t kNotOwnerOrGroup = 0117;  // of 0777

template <class Protocol>
typename Protocol::endpoint as(const Endpoint& endpoint) {
  typename Protocol::endpoint own;
  own.resize(endpoint.size());
  std::memcpy(own.data(), endpoint.data(), endpoint.size());
  return own;
}

// Device and inode; zeros for none.
std::pair<dev_t, ino_t> file_at(const std::string& path) {
  struct stat found {};
  return lstat(path.c_str(), &found) == 0 ? std::pair(found.st_dev, found.st_ino)
                                          : std::pair<dev_t, ino_t>();
}

// Whether a socket's file is there, and the process that listened on it is gone.
bool is_left_over(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return false;
  boost::asio::io_context context;
  Unix::socket probe(context);
  error_code error;
  probe.connect(Unix::endpoint(path), error);
  return error == boost::asio::error::connection_refused;
}

}  // namespace

std::string text_of(const Endpoint& endpoint) {
  if (endpoint.protocol().family() == AF_UNIX) return "unix:" + as<Unix>(endpoint).path();
  const auto ip = as<tcp>(endpoint);
  const std::string address = ip.address().to_string();
  return (ip.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(ip.port());
}

Listener::Listener(boost::asio::io_context& context, const Options& options)
    : basic_socket_acceptor(context), path_(options.socket_path) {
  if (path_.empty()) {
    const tcp::endpoint endpoint(boost::asio::ip::make_address(options.address), options.port);
    open(endpoint.protocol());
    set_option(reuse_address(true));
    bind(endpoint);
  } else {
    open(Unix());
    bind_to_path();
  }
  listen();
}

void Listener::bind_to_path() {
  const Unix::endpoint endpoint(path_);
  const mode_t former = umask(kNotOwnerOrGroup);
  error_code error;
  bind(endpoint, error);
  if (error == boost::asio::error::address_in_use && is_left_over(path_)) {
    unlink(path_.c_str());
    bind(endpoint, error);
  }
  umask(former);
  if (error) throw boost::system::system_error(error);
  file_ = file_at(path_);
}

// The file goes first, unless it is another front's by now.
void Listener::end() {
  if (!is_open()) return;
  if (!path_.empty() && file_at(path_) == file_) unlink(path_.c_str());
  error_code ignored;
  close(ignored);
}

}  // namespace openclaw::front
