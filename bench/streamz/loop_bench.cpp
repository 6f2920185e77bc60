// SPDX-License-Identifier: BSL-1.0
//
// Streamz's workloads on an event loop and with a second thread. `awaited` is `co_await source.async_emit(...)` in a coroutine on
// the loop; `blocking` is `emit` from a thread beside the loop's own.
#include <condition_variable>
#include <mutex>
#include <thread>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <penstock/penstock.hpp>

#include "sources/lines.hpp"
#include "streamz/streamz.hpp"

namespace bench::streamz {
namespace {

namespace asio = boost::asio;
using penstock::EventLoop;
using penstock::Ref;
using penstock::Stream;

constexpr auto inc = [](Value x) { return x + 1; };

struct Rig {
  EventLoop loop;
  Stream<Value> source{loop};
  Counter<> seen;
  std::int64_t callbacks = 0;
};
struct Threaded {
  EventLoop loop{penstock::background};
  Stream<Value> source{loop};
  Counter<> seen;
  std::int64_t callbacks = 0;
};

template <class R>
auto counter(R& rig) {
  return [&seen = rig.seen](Value value) {
    ++seen.count;
    seen.last = value;
  };
}
template <class R>
auto vectors(R& rig) {
  return [&seen = rig.seen](const std::vector<Value>& items) {
    ++seen.count;
    consume(items);
  };
}

asio::awaitable<void> emit_awaited(Stream<Value> source, std::int64_t n) {
  for (Value i = 0; i < n; ++i) co_await source.async_emit(i, asio::use_awaitable);
}
asio::awaitable<void> emit_refs(Rig& rig, std::int64_t n) {
  for (Value i = 0; i < n; ++i) {
    penstock::Context context{Ref{[&rig] { ++rig.callbacks; }}};
    co_await rig.source.async_emit(i, std::move(context), asio::use_awaitable);
  }
}

/// Emits 0 … n-1, each awaited, and runs until the graph has come to rest.
template <class Right>
Pass awaited(std::shared_ptr<Rig> rig, std::int64_t n, Right right) {
  return {.run =
              [=] {
                rig->seen = {};
                asio::co_spawn(rig->loop.executor(), emit_awaited(rig->source, n), asio::detached);
                rig->loop.run();
              },
          .wrong = [=] { return unless(right(*rig)); }};
}
template <class Right>
Pass blocking(std::shared_ptr<Threaded> rig, std::int64_t n, Right right) {
  return {.run =
              [=] {
                rig->seen = {};
                for (Value i = 0; i < n; ++i) rig->source.emit(i);
              },
          .wrong = [=] { return unless(right(*rig)); }};
}

Pass g1() {
  auto rig = std::make_shared<Threaded>();
  rig->source.partition(100).sink(vectors(*rig));
  return blocking(rig, 3000, [](auto& r) { return r.seen.count == 30; });
}
Pass g2() {
  auto rig = std::make_shared<Rig>();
  rig->source.partition(100).sink(vectors(*rig));
  return awaited(rig, 50000, [](auto& r) { return r.seen.count == 500; });
}
Pass h1() {
  auto rig = std::make_shared<Rig>();
  rig->source.buffer(1000).sink(counter(*rig));
  return awaited(rig, 50000, [](auto& r) { return r.seen.count == 50000 && r.seen.last == 49999; });
}
Pass h2() {
  auto rig = std::make_shared<Rig>();
  rig->source.buffer(1000).sink([&seen = rig->seen](Value value) -> asio::awaitable<void> {
    co_await asio::post(asio::use_awaitable);
    ++seen.count;
    seen.last = value;
  });
  return awaited(rig, 10000, [](auto& r) { return r.seen.count == 10000 && r.seen.last == 9999; });
}
Pass i1() {
  auto rig = std::make_shared<Rig>();
  rig->source.map(inc).partition(10).sink(vectors(*rig));
  return {.run =
              [=] {
                rig->seen = {};
                rig->callbacks = 0;
                asio::co_spawn(rig->loop.executor(), emit_refs(*rig, 20000), asio::detached);
                rig->loop.run();
              },
          .wrong = [=] { return unless(rig->seen.count == 2000 && rig->callbacks == 20000); }};
}
Pass i2() {
  auto rig = std::make_shared<Threaded>();
  rig->source.map(inc).partition(10).sink(vectors(*rig));
  return {.run =
              [=] {
                for (Value i = 0; i < 2000; ++i) rig->source.emit(i, Ref{[rig = rig.get()] { ++rig->callbacks; }});
              },
          .wrong =
              [=] {
                rig->loop.join();
                return unless(rig->seen.count == 200 && rig->callbacks == 2000);
              }};
}
Pass m1() {
  auto rig = std::make_shared<Rig>();
  rig->source.map(inc).sink(counter(*rig));
  return awaited(rig, 50000, [](auto& r) { return r.seen.count == 50000 && r.seen.last == 50000; });
}
Pass m2() {
  auto rig = std::make_shared<Threaded>();
  rig->source.map(inc).sink(counter(*rig));
  return blocking(rig, 3000, [](auto& r) { return r.seen.count == 3000 && r.seen.last == 3000; });
}
/// A source that runs on a thread of its own.
Pass m3() {
  auto seen = std::make_shared<Counter<>>();
  auto values = std::make_shared<std::vector<Value>>();
  for (Value i = 0; i < 50000; ++i) values->push_back(i);
  return {.run =
              [=] {
                *seen = {};
                EventLoop loop{penstock::background};
                const auto source = penstock::from_range(loop, std::span<const Value>(*values));
                source.map(inc).sink([&seen = *seen](Value value) {
                  ++seen.count;
                  seen.last = value;
                });
                source.start();
                loop.join();
              },
          .wrong = [=] { return unless(seen->count == 50000 && seen->last == 50000); }};
}
asio::awaitable<Value> identity(Value value) { co_return value; }
Pass m7() {
  auto rig = std::make_shared<Rig>();
  rig->source.map_async(identity, {.parallelism = 4}).sink(counter(*rig));
  return awaited(rig, 10000, [](auto& r) { return r.seen.count == 10000 && r.seen.last == 9999; });
}
/// The file is read on a thread of its own.
Pass l1() {
  auto last = std::make_shared<Value>();
  return {.run =
              [=] {
                EventLoop loop{penstock::background};
                const auto source = penstock::from_textfile(loop, lines_file());
                sum_lines(source, last.get());
                source.start();
                loop.join();
              },
          .wrong = [=] { return unless(*last == sum_of_lines); }};
}
Pass l2() {
  struct Lines {
    Stream<std::string> source;
    Value last = 0;
  };
  auto rig = std::make_shared<Lines>();
  sum_lines(rig->source, &rig->last);
  lines_in_memory();
  return {.run =
              [=] {
                for (const std::string& line : lines_in_memory()) rig->source.emit(line);
              },
          .wrong = [=] { return unless(rig->last == sum_of_lines); }};
}

// The least that the same takes without Penstock, where that alone is more than a 200th of Streamz's time.

asio::awaitable<void> post_each(std::int64_t n) {
  for (Value i = 0; i < n; ++i) {
    co_await asio::post(asio::use_awaitable);
    consume(i + 1);
  }
}
/// Awaiting one turn of a bare io_context for each element.
Contender asio_alone(const char* workload, std::int64_t n) {
  return {workload, "asio_alone", n, [n](bool) {
            auto context = std::make_shared<asio::io_context>(1);
            return Pass{.run =
                            [=] {
                              asio::co_spawn(*context, post_each(n), asio::detached);
                              context->restart();
                              context->run();
                            },
                        .wrong = [] { return std::string(); }};
          }};
}

/// Handing each element to another thread and sleeping until that has taken it.
class Handover {
 public:
  ~Handover() {
    emit(-1);
    thread_.join();
  }
  void emit(Value value) {
    std::unique_lock lock{mutex_};
    value_ = value;
    full_ = true;
    changed_.notify_one();
    changed_.wait(lock, [this] { return !full_; });
  }
  Value sum() const { return sum_; }

 private:
  void take() {
    std::unique_lock lock{mutex_};
    for (;;) {
      changed_.wait(lock, [this] { return full_; });
      full_ = false;
      changed_.notify_one();
      if (value_ < 0) return;
      sum_ += value_;
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  Value value_ = 0;
  Value sum_ = 0;
  bool full_ = false;
  std::thread thread_{[this] { take(); }};
};
Contender threads_alone(const char* workload, std::int64_t n) {
  return {workload, "threads_alone", n,
          [n](bool) {
            auto other = std::make_shared<Handover>();
            return Pass{.run =
                            [=] {
                              for (Value i = 0; i < n; ++i) other->emit(i);
                            },
                        .wrong = [=] { return unless(other->sum() == n * (n - 1) / 2); }};
          },
          {}, {}, Clock::wall};
}

/// Parsing the lines in a loop.
Contender json_alone() {
  return {"streamz_l2", "json_alone", lines, [](bool) {
            auto sum = std::make_shared<Value>();
            lines_in_memory();
            return Pass{.run =
                            [=] {
                              *sum = 0;
                              for (const std::string& line : lines_in_memory()) *sum += parse(line).value();
                            },
                        .wrong = [=] { return unless(*sum == sum_of_lines); }};
          }};
}

/// For work of another thread.
Contender wall(Contender contender) {
  contender.clock = Clock::wall;
  return contender;
}

const Registration registered{[] {
  add(wall(row("g1", 3000, 62.4, g1)));
  add(row("g2", 50000, 6.65, g2));
  add(row("h1", 50000, 10.9, h1));
  add(row("h2", 10000, 26.2, h2));
  add(row("i1", 20000, 16.2, i1));
  add(wall(row("i2", 2000, 77.6, i2)));
  add(asio_alone("streamz_m1", 50000));
  add(row("m1", 50000, 6.49, m1));
  add(threads_alone("streamz_m2", 3000));
  add(wall(row("m2", 3000, 59.1, m2)));
  add(wall(row("m3", 50000, 4.97, m3)));
  add(row("m7", 10000, 22, m7));
  add(wall(row("l1", lines, 12.1, l1)));
  add(json_alone());
  add(row("l2", lines, 10.2, l2));
}};

}  // namespace
}  // namespace bench::streamz
