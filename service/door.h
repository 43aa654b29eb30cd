// Takes clients in and hands them to the event loops in turn.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "service/loop.h"
#include "service/options.h"
#include "serving/request_id.h"

namespace openclaw::front {

class Door {
 public:
  // Listens from here on, with a backlog as long as the kernel allows. Throws
  // boost::system::system_error when the address cannot be had. `clients` are those of all loops.
  Door(const Options& options, std::vector<std::unique_ptr<Loop>>& loops, Log& log,
       std::atomic<unsigned>& clients);

  // ADDR:PORT, with the port that the kernel chose if it was asked to.
  std::string address() const;

  // On the first loop's thread, as close().
  void open() { accept(); }
  void close();

 private:
  void accept();
  void accepted(Loop& loop, boost::asio::ip::tcp::socket socket);
  void turn_away(boost::asio::ip::tcp::socket socket);

  const unsigned max_clients_;
  std::vector<std::unique_ptr<Loop>>& loops_;
  Log& log_;
  std::atomic<unsigned>& clients_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::size_t turn_ = 0;
  RequestIds request_ids_;
  std::int64_t turned_away_ = 0;  // since it was logged
  std::chrono::steady_clock::time_point log_next_{};
};

}  // namespace openclaw::front
