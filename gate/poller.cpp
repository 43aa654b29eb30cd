#include "gate/poller.h"

#include <cerrno>
#include <exception>
#include <system_error>

namespace openclaw::gate {
namespace {

int create_epoll() {
  const int descriptor = epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return descriptor;
}

}  // namespace

Poller::Poller(boost::asio::io_context& loop) : loop_(loop), epoll_(loop, create_epoll()) {}

void Poller::add(int descriptor, Socket& socket) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &socket;
  if (epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
  ++sockets_;
  if (!waiting_) wait();
}

void Poller::remove(int descriptor, const Socket& socket) {
  epoll_event ignored{};
  epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, descriptor, &ignored);
  for (std::size_t i = next_; i < end_; ++i) {
    if (events_[i].data.ptr == &socket) events_[i].data.ptr = nullptr;
  }
  if (--sockets_ > 0) return;
  boost::system::error_code failed;
  epoll_.cancel(failed);  // so that run() can end
}

void Poller::wait() {
  waiting_ = true;
  epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this](const boost::system::error_code& stopped) {
                      waiting_ = false;
                      if (!stopped) collect();
                      const std::exception_ptr problem = tell();
                      // A call of the kernel's, which nothing that is sent has to wait for.
                      if (sockets_ > 0 && !waiting_) wait();
                      if (problem) std::rethrow_exception(problem);
                    });
}

void Poller::collect() {
  const int count =
      epoll_wait(epoll_.native_handle(), events_.data(), static_cast<int>(events_.size()), 0);
  next_ = 0;
  end_ = count > 0 ? static_cast<std::size_t>(count) : 0;
}

// An event comes once: one that fails to be told must not take the others with it.
std::exception_ptr Poller::tell() {
  std::exception_ptr problem;
  while (next_ < end_ || !gathered_.empty()) {
    try {
      if (next_ == end_ || gathered_.size() >= kTogether) {
        let_go();
      } else {
        tell_next();
      }
    } catch (...) {
      problem = std::current_exception();
    }
  }
  return problem;
}

void Poller::tell_next() {
  const epoll_event event = events_[next_++];
  if (event.data.ptr == nullptr) return;
  static_cast<Socket*>(event.data.ptr)->ready(event.events);
}

void Poller::let_go() {
  while (!gathered_.empty()) {
    const std::coroutine_handle<> first = gathered_.front();
    gathered_.erase(gathered_.begin());
    first.resume();
  }
}

}  // namespace openclaw::gate
