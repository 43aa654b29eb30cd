// One client: reads requests into a buffer, has them answered one after the other, and writes the
// answers. Between requests it holds one small buffer and no thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "service/http_frame.h"
#include "service/listener.h"
#include "service/loop.h"
#include "service/router.h"

namespace openclaw::front {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Loop& loop, ClientSocket socket);

  void start();
  // The deadline that was set has passed.
  void expired();
  // Goes at once when idle, with the answer otherwise.
  void drain();
  void close();
  // The answer that loop.send_soon() was told of goes to the client; then what is left to do.
  void send();
  void sent();

 private:
  enum class Phase : std::uint8_t { idle, head, body, answering, writing, lingering, closed };

  void enter(Phase phase);
  void wait_readable();
  void arrived(boost::system::error_code error, std::size_t count);
  void discard(std::size_t count);
  void advance();
  void trim_input();
  void answer(std::optional<FrameRefusal> refusal);
  void write_rest();
  void writable(boost::system::error_code error);
  void written();
  void linger();
  void record_request() const;

  Loop& loop_;
  ClientSocket socket_;
  Loop::Clients::Handle client_;
  std::string address_;
  Phase phase_ = Phase::idle;
  bool read_waits_ = false;
  std::array<char, 1024> first_read_;  // most requests fit
  std::string input_;
  std::size_t consumed_ = 0;  // of input_, by requests that are answered
  RequestFramer framer_;
  std::unique_ptr<Exchange> exchange_;
  std::size_t written_ = 0;    // of the answer
  std::size_t discarded_ = 0;  // bytes read while lingering
  std::chrono::steady_clock::time_point began_;
};

}  // namespace openclaw::front
