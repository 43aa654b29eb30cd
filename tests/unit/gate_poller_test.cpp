#include "gate/poller.h"

#include <gtest/gtest.h>

#include <array>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include "gate/task.h"

namespace openclaw::gate {
namespace {

// One end is watched, the other is the test's.
class Pair final : public Poller::Socket {
 public:
  explicit Pair(Poller& poller) : poller_(poller) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_.data()) != 0) {
      throw std::runtime_error("socketpair");
    }
    poller_.add(ends_[0], *this);
  }
  ~Pair() {
    remove();
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void ready(std::uint32_t events) override {
    ++told;
    last = events;
    if (on_ready) on_ready();
  }
  void remove() {
    if (!std::exchange(removed_, true)) poller_.remove(ends_[0], *this);
  }
  void say(std::string_view text) {
    EXPECT_EQ(send(ends_[1], text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  void hang_up() { EXPECT_EQ(shutdown(ends_[1], SHUT_WR), 0); }

  int told = 0;
  std::uint32_t last = 0;
  std::function<void()> on_ready;

 private:
  Poller& poller_;
  std::array<int, 2> ends_{};
  bool removed_ = false;
};

class PollerTest : public testing::Test {
 protected:
  boost::asio::io_context loop_;
  Poller poller_{loop_};
};

TEST_F(PollerTest, TellsOfEachArrivalOnce) {
  Pair pair(poller_);
  loop_.run_one();
  EXPECT_EQ(pair.told, 1);  // it can be written to
  EXPECT_TRUE(pair.last & EPOLLOUT);
  EXPECT_FALSE(pair.last & EPOLLIN);
  pair.say("a");
  loop_.run_one();
  EXPECT_EQ(pair.told, 2);
  EXPECT_TRUE(pair.last & EPOLLIN);
  loop_.poll();
  EXPECT_EQ(pair.told, 2);  // though nobody has read it
  pair.hang_up();
  loop_.run_one();
  EXPECT_EQ(pair.told, 3);
  EXPECT_TRUE(pair.last & EPOLLRDHUP);
}

TEST_F(PollerTest, LetsTheLoopEndOnceThereIsNoSocket) {
  Pair one(poller_);
  Pair other(poller_);
  one.on_ready = [&] { one.remove(); };
  other.on_ready = [&] { other.remove(); };
  loop_.run();
  EXPECT_EQ(one.told, 1);
  EXPECT_EQ(other.told, 1);
}

TEST_F(PollerTest, TellsNothingToWhoWasRemovedByAnother) {
  Pair one(poller_);
  Pair other(poller_);
  const auto alone = [&] {
    one.remove();
    other.remove();
  };
  one.on_ready = alone;
  other.on_ready = alone;
  loop_.run();
  EXPECT_EQ(one.told + other.told, 1);
}

TEST_F(PollerTest, TellsTheOthersThoughOneThrows) {
  Pair one(poller_);
  Pair other(poller_);
  one.on_ready = [&] {
    one.remove();
    throw std::runtime_error("on purpose");
  };
  other.on_ready = [&] { other.remove(); };
  EXPECT_THROW(loop_.run(), std::runtime_error);
  loop_.run();
  EXPECT_EQ(one.told, 1);
  EXPECT_EQ(other.told, 1);
}

TEST_F(PollerTest, ListensAgainAfterItHadNobody) {
  Pair(poller_).remove();
  Pair next(poller_);
  next.on_ready = [&] { next.remove(); };
  loop_.run();
  EXPECT_EQ(next.told, 1);
}

// Sockets that ask for their turn when they are told of something, and what then happened.
class PollerTurn : public PollerTest {
 protected:
  void add(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      pairs_.push_back(std::make_unique<Pair>(poller_));
      pairs_.back()->on_ready = [this] { ask(); };
    }
  }
  void ask() {
    const auto body = [](PollerTurn& test) -> Task<> {
      test.happened_ += 'a';  // asked
      co_await test.poller_.turn();
      test.happened_ += 'w';  // went on
    };
    spawn(body(*this), [](const std::exception_ptr& problem) { EXPECT_FALSE(problem); });
  }

  std::vector<std::unique_ptr<Pair>> pairs_;
  std::string happened_;
};

TEST_F(PollerTurn, ComesOnceAllOfTheRoundHaveBeenTold) {
  add(3);
  loop_.run_one();
  EXPECT_EQ(happened_, "aaawww");
}

TEST_F(PollerTurn, ComesForSoManyAtATime) {
  add(Poller::kTogether + 1);
  loop_.run_one();
  const auto times = [](char c) { return std::string(Poller::kTogether, c); };
  EXPECT_EQ(happened_, times('a') + times('w') + "aw");
}

TEST_F(PollerTurn, ComesAtOnceWhereNothingWouldJoinIt) {
  ask();
  EXPECT_EQ(happened_, "aw");
}

TEST_F(PollerTurn, ComesThoughAnotherThrows) {
  add(2);
  pairs_.back()->on_ready = [this] {
    ask();
    throw std::runtime_error("on purpose");
  };
  EXPECT_THROW(loop_.run_one(), std::runtime_error);
  EXPECT_EQ(happened_, "aaww");
}

}  // namespace
}  // namespace openclaw::gate
