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
                      if (sockets_ > 0) wait();
                      tell();
                    });
}

void Poller::collect() {
  const int count =
      epoll_wait(epoll_.native_handle(), events_.data(), static_cast<int>(events_.size()), 0);
  next_ = 0;
  end_ = count > 0 ? static_cast<std::size_t>(count) : 0;
}

// An event comes once: one that fails to be told must not take the others with it.
void Poller::tell() {
  std::exception_ptr problem;
  while (next_ < end_) {
    const epoll_event event = events_[next_++];
    if (event.data.ptr == nullptr) continue;
    try {
      static_cast<Socket*>(event.data.ptr)->ready(event.events);
    } catch (...) {
      problem = std::current_exception();
    }
  }
  if (problem) std::rethrow_exception(problem);
}

}  // namespace openclaw::gate
