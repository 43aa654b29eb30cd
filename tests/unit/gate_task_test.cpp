#include "gate/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include <boost/asio/use_awaitable.hpp>

#include "gate/recycled.h"
#include "gate/wakeup.h"

namespace openclaw::gate {
namespace {

// Shows when it is destroyed.
struct Witness {
  explicit Witness(bool& destroyed) : destroyed_(destroyed) {}
  ~Witness() { destroyed_ = true; }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

 private:
  bool& destroyed_;
};

Task<std::string> twice(Wakeup& wakeup, std::string text) {
  co_await wakeup.wait();
  co_return text + text;
}

Task<int> fail() {
  throw std::runtime_error("on purpose");
  co_return 0;
}

TEST(Task, YieldsItsValueOnceItWasWoken) {
  Wakeup wakeup;
  std::string yielded;
  bool done = false;
  const auto body = [&]() -> Task<> { yielded = co_await twice(wakeup, "ab"); };
  spawn(body(), [&](const std::exception_ptr& problem) { done = !problem; });
  EXPECT_TRUE(wakeup.has_waiter());
  EXPECT_FALSE(done);
  wakeup.notify();
  EXPECT_EQ(yielded, "abab");
  EXPECT_TRUE(done);
  wakeup.notify();  // nobody
}

TEST(Task, HandsAnExceptionToWhoAwaitsIt) {
  std::string caught;
  const auto body = [&]() -> Task<> {
    try {
      co_await fail();
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    co_await fail();
  };
  std::exception_ptr ended_by;
  spawn(body(), [&](std::exception_ptr problem) { ended_by = std::move(problem); });
  EXPECT_EQ(caught, "on purpose");
  EXPECT_THROW(std::rethrow_exception(ended_by), std::runtime_error);
}

TEST(Task, LetsGoOfWhatItHeldWhenItEnds) {
  Wakeup wakeup;
  bool destroyed = false;
  bool done_destroyed = false;
  const auto hold = [](Wakeup& until, std::shared_ptr<Witness>) -> Task<> {
    co_await until.wait();
  };
  spawn(hold(wakeup, std::make_shared<Witness>(destroyed)),
        [held = std::make_shared<Witness>(done_destroyed)](const std::exception_ptr&) {});
  EXPECT_FALSE(destroyed);
  EXPECT_FALSE(done_destroyed);
  wakeup.notify();
  EXPECT_TRUE(destroyed);
  EXPECT_TRUE(done_destroyed);
}

TEST(Task, WaitsForCoroutinesOfAsio) {
  boost::asio::io_context loop;
  const auto count = [](int of) -> boost::asio::awaitable<int> { co_return of + 1; };
  const auto nothing = []() -> boost::asio::awaitable<void> { co_return; };
  const auto failing = []() -> boost::asio::awaitable<void> {
    throw std::runtime_error("on purpose");
    co_return;
  };
  int counted = 0;
  bool failed = false;
  const auto body = [&]() -> Task<> {
    counted = co_await Awaited(loop, count(41));
    co_await Awaited(loop, nothing());
    co_await Awaited(loop, failing());
  };
  spawn(body(), [&](const std::exception_ptr& problem) { failed = problem != nullptr; });
  EXPECT_EQ(counted, 0);  // never within the call
  loop.run();
  EXPECT_EQ(counted, 42);
  EXPECT_TRUE(failed);
}

TEST(Recycled, IsTakenAgainByTheNextOfItsSize) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "nothing is kept where AddressSanitizer looks on";
#endif
  void* const first = take_memory(100);
  give_memory(first, 100);
  void* const next = take_memory(128);
  EXPECT_EQ(next, first);
  void* const other = take_memory(128);
  EXPECT_NE(other, next);
  give_memory(next, 128);
  give_memory(other, 128);
}

TEST(Recycled, HasNoPlaceForWhatIsLarge) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{4097}, std::size_t{1} << 20}) {
    give_memory(take_memory(size), size);
  }
  std::basic_string<char, std::char_traits<char>, Recycled<char>> text(100'000, 'a');
  text += "b";
  EXPECT_EQ(text.size(), 100'001u);
}

}  // namespace
}  // namespace openclaw::gate
