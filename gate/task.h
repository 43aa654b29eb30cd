// Coroutines of the event loop's one thread. On the path of every request they take the place of
// asio::awaitable: no executor, no lock, no trip through the loop's queue, and frames whose memory
// is used again.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

#include "gate/recycled.h"

namespace openclaw::gate {

// Begins when it is awaited, once. Destroying one that waits destroys it where it waits.
template <class T = void>
class [[nodiscard]] Task;

namespace detail {

struct TaskPromise {
  // Whoever awaits goes on in place of what ended.
  struct Ended {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> task) const noexcept {
      return task.promise().awaiting;
    }
    void await_resume() const noexcept {}
  };

  static void* operator new(std::size_t size) { return take_memory(size); }
  static void operator delete(void* memory, std::size_t size) { give_memory(memory, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Ended final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { problem = std::current_exception(); }

  std::coroutine_handle<> awaiting;
  std::exception_ptr problem;
};

template <class T>
struct ValuePromise : TaskPromise {
  Task<T> get_return_object();
  template <class Value>
  void return_value(Value&& returned) {
    value.emplace(std::forward<Value>(returned));
  }
  T take() { return std::move(*value); }

  std::optional<T> value;
};

struct VoidPromise : TaskPromise {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type =
      std::conditional_t<std::is_void_v<T>, detail::VoidPromise, detail::ValuePromise<T>>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle frame) : frame_(frame) {}
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
    frame_.promise().awaiting = awaiting;
    return frame_;
  }
  T await_resume() {
    if (frame_.promise().problem) std::rethrow_exception(frame_.promise().problem);
    return frame_.promise().take();
  }

 private:
  Handle frame_;
};

template <class T>
Task<T> detail::ValuePromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<ValuePromise>::from_promise(*this));
}
inline Task<void> detail::VoidPromise::get_return_object() {
  return Task<void>(std::coroutine_handle<VoidPromise>::from_promise(*this));
}

namespace detail {

struct Spawned {
  struct promise_type {
    Spawned get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

}  // namespace detail

// Runs `task` at once, up to where it first waits. `done` gets the exception that ended it, or
// null, and throws none itself; both go when it is done.
template <class Done>
detail::Spawned spawn(Task<> task, Done done) {
  std::exception_ptr problem;
  try {
    co_await std::move(task);
  } catch (...) {
    problem = std::current_exception();
  }
  done(problem);
}

// Awaits an operation of asio: `start` is given the handler for its completion. Yields its error.
template <class Start>
class Completion {
 public:
  explicit Completion(Start start) : start_(std::move(start)) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    start_([this, awaiting](const boost::system::error_code& error, auto&&...) {
      error_ = error;
      awaiting.resume();
    });
  }
  boost::system::error_code await_resume() const noexcept { return error_; }

 private:
  Start start_;
  boost::system::error_code error_;
};

// Awaits a coroutine of asio.
template <class T>
class Awaited {
 public:
  Awaited(boost::asio::io_context& loop, boost::asio::awaitable<T> work)
      : loop_(loop), work_(std::move(work)) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    boost::asio::co_spawn(loop_, std::move(work_),
                          [this, awaiting](std::exception_ptr problem, auto... value) {
                            problem_ = std::move(problem);
                            if constexpr (sizeof...(value) > 0)
                              (value_.emplace(std::move(value)), ...);
                            awaiting.resume();
                          });
  }
  T await_resume() {
    if (problem_) std::rethrow_exception(problem_);
    if constexpr (!std::is_void_v<T>) return std::move(*value_);
  }

 private:
  struct Nothing {};

  boost::asio::io_context& loop_;
  boost::asio::awaitable<T> work_;
  std::exception_ptr problem_;
  std::optional<std::conditional_t<std::is_void_v<T>, Nothing, T>> value_;
};

}  // namespace openclaw::gate
