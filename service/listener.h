// Where clients come in: an IP address and port, or a Unix socket.
#pragma once

#include <string>
#include <utility>

#include <sys/types.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

#include "service/options.h"

namespace openclaw::front {

using ClientSocket = boost::asio::generic::stream_protocol::socket;

// ADDR:PORT, or `unix:` and the path, which is empty for a client's end.
std::string text_of(const boost::asio::generic::stream_protocol::endpoint& endpoint);

class Listener : public boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol> {
 public:
  // Listens from here on, with a backlog as long as the kernel allows. A Unix socket's file that
  // nobody listens on any more is replaced; the new one is for its owner and its group (0660).
  // Throws boost::system::system_error when the address cannot be had.
  Listener(boost::asio::io_context& context, const Options& options);
  ~Listener() { end(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Closes, and removes the Unix socket's file.
  void end();

 private:
  void bind_to_path();

  const std::string path_;        // empty: none
  std::pair<dev_t, ino_t> file_;  // that is there
};

}  // namespace openclaw::front
