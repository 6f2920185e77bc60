// SPDX-License-Identifier: BSL-1.0
//
// Workload j: one hop from thread to thread, as fast as it goes (wall time an element) and at 100 000 elements a second
// (50th and 99th percentile of the time from the emit to the sink). By hand: a vector under a mutex that the other thread
// swaps for an empty one, woken when something comes into an empty one.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "bench.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/hop.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sources/from_queue.hpp"

namespace bench {
namespace {

constexpr std::int64_t saturated = 200000;
constexpr std::int64_t paced = 10000;
constexpr std::chrono::nanoseconds pace{10000};

Value now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Takes the elements on the other thread; the first one waits until all have come.
template <class Fn>
class SwapQueue {
 public:
  explicit SwapQueue(Fn fn) : fn_(std::move(fn)), thread_([this] { take(); }) {}
  ~SwapQueue() {
    {
      const std::lock_guard lock{mutex_};
      over_ = true;
    }
    filled_.notify_one();
    thread_.join();
  }

  void push(Value value) {
    bool first;
    {
      const std::lock_guard lock{mutex_};
      first = items_.empty();
      items_.push_back(value);
    }
    if (first) filled_.notify_one();
  }
  void wait_until_empty() {
    std::unique_lock lock{mutex_};
    emptied_.wait(lock, [this] { return items_.empty() && !taking_; });
  }

 private:
  void take() {
    std::vector<Value> mine;
    std::unique_lock lock{mutex_};
    for (;;) {
      filled_.wait(lock, [this] { return over_ || !items_.empty(); });
      if (over_) return;
      taking_ = true;
      mine.swap(items_);
      lock.unlock();
      for (const Value value : mine) fn_(value);
      mine.clear();
      lock.lock();
      taking_ = false;
      if (items_.empty()) emptied_.notify_one();
    }
  }

  Fn fn_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable emptied_;
  std::vector<Value> items_;
  bool taking_ = false;
  bool over_ = false;
  std::thread thread_;  // last: begins when all others are there
};

template <class Fn>
class Hop {
 public:
  explicit Hop(Fn fn) {
    source_.hop(there_).sink([fn = std::move(fn)](Value value) mutable { fn(value); });
  }
  void push(Value value) { source_.emit(value); }
  void wait_until_empty() { here_.run(); }

 private:
  penstock::EventLoop here_;
  penstock::EventLoop there_{penstock::background};
  penstock::Stream<Value> source_{here_};
};

/// A source that takes out of a bounded queue what another thread pushes.
template <class Fn>
class FromQueue {
 public:
  explicit FromQueue(Fn fn) : source_(penstock::from_queue(there_, queue_)) {
    source_.sink([fn = std::move(fn)](Value value) mutable { fn(value); });
    source_.start();
  }
  void push(Value value) { queue_.push(value); }
  void wait_until_empty() {
    while (queue_.size() != 0) std::this_thread::yield();
  }

 private:
  penstock::EventLoop there_{penstock::background};
  penstock::Queue<Value> queue_{4096};
  penstock::Source<Value> source_;
};

template <template <class> class Bridge>
Pass throughput(bool) {
  const auto take = [](Value value) { consume(value); };
  auto bridge = std::make_shared<Bridge<decltype(take)>>(take);
  return {[bridge] {
    for (Value i = 0; i < saturated; ++i) bridge->push(i);
    bridge->wait_until_empty();
  }};
}

template <template <class> class Bridge>
Pass latency(double percentile) {
  auto times = std::make_shared<std::vector<Value>>();
  times->reserve(paced);
  const auto take = [times](Value sent) { times->push_back(now() - sent); };
  auto bridge = std::make_shared<Bridge<decltype(take)>>(take);
  return {.run =
              [bridge, times] {
                times->clear();
                Value due = now();
                for (Value i = 0; i < paced; ++i, due += pace.count()) {
                  while (now() < due) {
                  }
                  bridge->push(now());
                }
                bridge->wait_until_empty();
              },
          .wrong = [times]() -> std::string { return times->size() == paced ? "" : "elements are missing"; },
          .measured =
              [times, percentile] {
                const auto place = times->begin() + static_cast<std::ptrdiff_t>(percentile * (paced - 1));
                std::nth_element(times->begin(), place, times->end());
                return static_cast<double>(*place);
              }};
}

const Registration registered{[] {
  add({"j", "hand1", saturated, throughput<SwapQueue>, {}, {}, Clock::wall});
  add({"j", "hop", saturated, throughput<Hop>, {{.ratio = 1.2}}, {}, Clock::wall});
  add({"j", "from_queue", saturated, throughput<FromQueue>, {{.ratio = 1.2}}, {}, Clock::wall});
  for (const auto& [name, percentile] : {std::pair{"j_p50", 0.5}, std::pair{"j_p99", 0.99}}) {
    add({name, "hand1", paced, [p = percentile](bool) { return latency<SwapQueue>(p); }, {}, {}, Clock::own});
    add({name, "hop", paced, [p = percentile](bool) { return latency<Hop>(p); }, {{.ratio = 1.2}}, {}, Clock::own});
    add({name, "from_queue", paced, [p = percentile](bool) { return latency<FromQueue>(p); }, {{.ratio = 1.2}}, {},
         Clock::own});
  }
}};

}  // namespace
}  // namespace bench
