// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/process/from_signal.hpp"

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <vector>

#include <boost/asio/signal_set.hpp>
#include <boost/system/system_error.hpp>

#include "catch.hpp"
#include "penstock/exec/await.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/sinks/sink.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::test::containing;

namespace {

constexpr auto guard = 200s;

volatile std::sig_atomic_t handled = 0;
void handle(int) { handled = handled + 1; }

using Handler = void (*)(int);
Handler handler_of(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler;
}

/// What is done with a signal to the end of a test.
class Disposition {
 public:
  Disposition(int signal, Handler handler) : signal_(signal), before_(std::signal(signal, handler)) {}
  Disposition(const Disposition&) = delete;
  Disposition& operator=(const Disposition&) = delete;
  ~Disposition() { std::signal(signal_, before_); }

 private:
  int signal_;
  Handler before_;
};

}  // namespace

TEST_CASE("from_signal emits the numbers of the signals that come, in their order") {
  EventLoop loop;
  const auto source = from_signal(loop, {SIGTERM, SIGUSR1, SIGINT});
  std::vector<int> seen;
  source.sink([&](int signal) {
    seen.push_back(signal);
    if (seen.size() < 4) std::raise(seen.size() == 2 ? SIGTERM : SIGINT);
    if (seen.size() == 4) source.stop();
  });
  source.start();
  loop.poll();
  std::raise(SIGUSR1);
  loop.run_for(guard);
  CHECK(seen == std::vector{SIGUSR1, SIGINT, SIGTERM, SIGINT});
  CHECK(source.stopped());
}

TEST_CASE("from_signal makes one of the signals of a number that come while its sink is busy") {
  EventLoop loop;
  const auto source = from_signal(loop, {SIGUSR1, SIGUSR2});
  std::vector<int> seen;
  const auto slow = [&](int signal) -> asio::awaitable<void> {
    seen.push_back(signal);
    if (seen.size() == 1) {
      for (int i = 0; i < 5; ++i) std::raise(SIGUSR1);
      std::raise(SIGUSR2);
      std::raise(SIGUSR1);
    }
    co_await loop.sleep(20ms);
    if (seen.size() == 3) source.stop();
  };
  source.sink(slow);
  source.start();
  loop.poll();
  std::raise(SIGUSR1);
  loop.run_for(guard);
  CHECK(source.stopped());
  REQUIRE(seen.size() == 3);
  CHECK(seen[0] == SIGUSR1);
  CHECK(seen[1] != seen[2]);
}

TEST_CASE("from_signal takes nothing before start, and gives back what was there") {
  const Disposition own{SIGUSR1, handle};
  const Disposition ignored{SIGUSR2, SIG_IGN};
  EventLoop loop;
  const auto source = from_signal(loop, {SIGUSR1, SIGUSR2, SIGWINCH});
  std::vector<int> seen;
  source.sink([&](int signal) {
    seen.push_back(signal);
    source.stop();
  });
  for (int i = 1; i <= 3; ++i) {
    CHECK(handler_of(SIGUSR1) == handle);
    CHECK(handler_of(SIGUSR2) == SIG_IGN);
    CHECK(handler_of(SIGWINCH) == SIG_DFL);
    std::raise(SIGUSR1);
    CHECK(handled == i);
    source.start();
    loop.poll();
    std::raise(SIGUSR1);
    CHECK(handled == i);
    loop.run_for(guard);
    CHECK(seen.size() == static_cast<std::size_t>(i));
  }
}

TEST_CASE("from_signal gives signals back when its graph ends, and when it is stopped before it has begun") {
  const Disposition own{SIGUSR1, handle};
  EventLoop loop;
  {
    const auto source = from_signal(loop, {SIGUSR1});
    source.sink([](int) {});
    source.start();
    source.stop();
    loop.poll();
    CHECK(handler_of(SIGUSR1) == handle);
    source.start();
    loop.poll();
    CHECK(handler_of(SIGUSR1) != handle);
  }
  CHECK(handler_of(SIGUSR1) == handle);
  loop.run_for(guard);
}

TEST_CASE("D14 from_signal emits a signal once however often it was stopped and started") {
  EventLoop loop;
  const auto source = from_signal(loop, {SIGUSR1});
  int seen = 0;
  source.sink([&](int) { ++seen; });
  for (int i = 0; i < 5; ++i) {
    source.start();
    source.start();
    loop.poll();
    source.stop();
    source.stop();
    source.start();
  }
  loop.poll();
  std::raise(SIGUSR1);
  loop.run_for(20ms);
  CHECK(seen == 1);
  source.stop();
  loop.run_for(guard);
}

TEST_CASE("several sources emit the same signal, and the last one gives it back") {
  const Disposition own{SIGUSR1, handle};
  EventLoop loop;
  EventLoop other;
  const auto first = from_signal(loop, {SIGUSR1});
  const auto second = from_signal(other, {SIGUSR1});
  int seen = 0;
  first.sink([&](int) {
    ++seen;
    first.stop();
  });
  second.sink([&](int) {
    ++seen;
    second.stop();
  });
  first.start();
  second.start();
  loop.poll();
  other.poll();
  std::raise(SIGUSR1);
  loop.run_for(guard);
  CHECK(seen == 1);
  CHECK(handler_of(SIGUSR1) != handle);
  other.run_for(guard);
  CHECK(seen == 2);
  CHECK(handler_of(SIGUSR1) == handle);
}

TEST_CASE("from_signal leaves a signal to a set of the application's own") {
  const Disposition own{SIGUSR1, handle};
  EventLoop loop;
  const auto source = from_signal(loop, {SIGUSR1});
  source.sink([](int) {});
  Handler asio_has_it = nullptr;
  {
    asio::signal_set set{loop.io_context(), SIGUSR1};
    asio_has_it = handler_of(SIGUSR1);
    source.start();
    loop.poll();
    source.stop();
    CHECK(handler_of(SIGUSR1) == asio_has_it);
    source.start();
    loop.poll();
  }
  source.stop();
  CHECK(handler_of(SIGUSR1) != asio_has_it);
  loop.run_for(guard);
}

TEST_CASE("from_signal refuses what is no signal, and what cannot be taken") {
  EventLoop loop;
  for (const std::vector<int>& wrong : {std::vector<int>{}, {0}, {-1}, {1000}, {SIGKILL}, {SIGINT, SIGSTOP},
                                        {SIGINT, SIGTERM, SIGINT}}) {
    CHECK_THROWS_AS(from_signal(loop, wrong), std::invalid_argument);
  }
  CHECK_THROWS_WITH(from_signal(loop, {SIGKILL}), containing("from_signal: 9 is no signal"));
  // One that the C library keeps for itself.
  const auto source = from_signal(loop, {SIGUSR1, 32});
  source.start();
  CHECK_THROWS_AS(loop.run_for(guard), boost::system::system_error);
  CHECK(source.stopped());
  CHECK(handler_of(SIGUSR1) == SIG_DFL);
}
