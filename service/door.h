// Takes clients in and hands them to the event loops in turn.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "service/listener.h"
#include "service/loop.h"
#include "service/options.h"
#include "serving/request_id.h"

namespace openclaw::front {

class Door {
 public:
  // Listens from here on, or throws boost::system::system_error. `clients` are those of all loops.
  Door(const Options& options, std::vector<std::unique_ptr<Loop>>& loops, Log& log,
       std::atomic<unsigned>& clients);

  // With the port that the kernel chose if it was asked to.
  std::string address() const { return text_of(listener_.local_endpoint()); }

  // On the first loop's thread, as close().
  void open() { accept(); }
  void close();

 private:
  void accept();
  void accepted(Loop& loop, ClientSocket socket);
  void turn_away(ClientSocket socket);

  const unsigned max_clients_;
  std::vector<std::unique_ptr<Loop>>& loops_;
  Log& log_;
  std::atomic<unsigned>& clients_;
  Listener listener_;
  boost::asio::steady_timer pause_;
  std::size_t turn_ = 0;
  RequestIds request_ids_;
  std::int64_t turned_away_ = 0;  // since it was logged
  std::chrono::steady_clock::time_point log_next_{};
};

}  // namespace openclaw::front
