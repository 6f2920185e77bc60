// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/buffer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "fragile.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/keep_one_per.hpp"
#include "penstock/ops/rate_limit.hpp"
#include "penstock/ops/timed_window.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/counted.hpp"
#include "penstock/testing/ledger.hpp"
#include "penstock/testing/marbles.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using namespace std::chrono_literals;
using penstock::test::containing;
using Ids = std::vector<Ledger::Id>;
using Fragile = test::Fragile<int>;
using FragileCopy = test::FragileCopy<int>;

namespace {

std::vector<bool> taken(const std::vector<Receipt>& receipts) {
  std::vector<bool> taken;
  for (const Receipt& receipt : receipts) taken.push_back(!receipt.pending());
  return taken;
}

int reciprocal(int x) {
  if (x == 0) throw std::domain_error("division by zero");
  return 60 / x;
}

/// Writes down elements and signals as they come.
struct Log final : Node, Receiver<int, Log> {
  explicit Log(std::vector<std::string>& into) : Node(Info{"log"}), into_(into) {
    port(static_cast<InletBase&>(*this));
  }
  Pending* take(int value, const Context*) {
    into_.push_back(std::to_string(value));
    return nullptr;
  }
  Pending* take_signal(const Signal& signal) override {
    into_.push_back(signal.kind == Signal::end ? "end" : "signal " + std::to_string(signal.value));
    return nullptr;
  }
  std::vector<std::string>& into_;
};

void tell(const Stream<int>& source, Signal signal) {
  source.graph().strand().descend([&] { return Receipt{source.outlet().signal(signal)}; }).get();
}

}  // namespace

TEST_CASE("buffer lets its emitters go on while what is behind is slow") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  auto source = marbles(loop, "-123-4-|");
  auto buffered = source.buffer(3);
  Marbles out{buffered};
  ScriptedSink<int> slow{buffered, {.takes = 3ms}};
  loop.run();
  REQUIRE_NOTHROW(out.expect("-1--2--3--4--|"));
  REQUIRE(slow.most_open() == 1);
}

TEST_CASE("P14 buffer(3) takes three elements and the one on its way") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2)};
  Stream<int> source{loop};
  ScriptedSink<int> stuck{source.buffer(3), {.stalled = true}};
  std::vector<Receipt> receipts;
  for (int i = 0; i < 6; ++i) receipts.push_back(source.push(i));
  SECTION("before the loop has run") {}
  SECTION("after it has run") { loop.run(); }
  REQUIRE(taken(receipts) == std::vector<bool>{true, true, true, true, false, false});

  loop.run();
  for (std::size_t done = 1; done <= 6; ++done) {
    REQUIRE(stuck.taken() == done);
    stuck.complete();
    loop.run();
    std::vector<bool> expected(6, true);
    for (std::size_t i = 4 + done; i < 6; ++i) expected[i] = false;
    REQUIRE(taken(receipts) == expected);
  }
  REQUIRE(stuck.completed() == std::vector{0, 1, 2, 3, 4, 5});
}

TEST_CASE("row 64 buffer(10) before a rate limit takes ten at once and then waits for slots") {
  VirtualLoop loop;
  Stream<int> source{loop};
  const auto inc = [](int x) { return x + 1; };
  Probe out{source.map(inc).buffer(10).map(inc).rate_limit(50ms)};
  for (int i = 0; i < 10; ++i) source.emit(i);
  REQUIRE(loop.now() == TimePoint{});
  REQUIRE(out.size() == 0);
  for (int i = 10; i < 15; ++i) source.emit(i);
  REQUIRE(loop.now() > TimePoint{40ms});
  loop.run();
  std::vector<int> values;
  std::vector<Duration> times;
  for (int i = 0; i < 15; ++i) {
    values.push_back(i + 2);
    times.push_back(i * 50ms);
  }
  REQUIRE(out.values() == values);
  REQUIRE(out.times() == times);
}

TEST_CASE("row 65 buffer holds the Refs of what it queues and releases them once it is emitted") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 7)};
  Stream<int> source{loop};
  auto buffered = source.buffer(5).stream();
  std::vector<Ref> refs;
  for (int i = 0; i < 5; ++i) {
    refs.push_back(Ref::with(i));
    source.push(i, refs.back()).get();
  }
  for (const Ref& ref : refs) REQUIRE(ref.use_count() - 1 == 1);
  REQUIRE(buffered.info().held.get() == 5);
  loop.run_for(50ms);
  for (const Ref& ref : refs) REQUIRE(ref.use_count() - 1 == 0);
  REQUIRE(buffered.info().held.get() == 0);
  REQUIRE(buffered.info().out.get() == 5);
}

TEST_CASE("row 58 a buffer can follow a timed window") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe out{source.timed_window(1s).buffer(1)};
  source.emit(1);
  loop.run_for(0s);
  REQUIRE(out.values() == std::vector<std::vector<int>>{{1}});
}

// Streamz: the exception ends the drain for ever; the emits that follow are taken until the queue is full and
// then hang.
TEST_CASE("D6 buffer survives what goes wrong behind it") {
  const std::vector<int> in{1, 0, 2, 3, 4, 5};
  const std::vector<int> expected{60, 30, 20, 15, 12};

  SECTION("on a loop the error goes to the handler") {
    VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
    Stream<int> source{loop};
    std::vector<std::string> errors;
    source.on_background_error([&](const std::exception_ptr& error, const Info& where) {
      try {
        std::rethrow_exception(error);
      } catch (const std::domain_error& e) {
        errors.push_back(std::string{where.op} + ": " + e.what());
      }
    });
    Ledger ledger;
    Probe out{source.buffer(2).map(reciprocal)};
    for (const int x : in) source.emit(x, ledger.issue(x));
    loop.run();
    REQUIRE(out.values() == expected);
    REQUIRE(errors == std::vector<std::string>{"buffer: division by zero"});
    REQUIRE(ledger.failed() == Ids{0});
    REQUIRE(ledger.left_out() == Ids{1, 2, 3, 4, 5});  // done; the probe keeps no book here
  }
  SECTION("on a loop without a handler it comes out of run") {
    VirtualLoop loop;
    Stream<int> source{loop};
    Probe out{source.buffer(2).map(reciprocal)};
    for (int i = 0; i < 3; ++i) source.emit(in[static_cast<std::size_t>(i)]);
    REQUIRE_THROWS_AS(loop.run(), std::domain_error);
    for (int i = 3; i < 6; ++i) source.emit(in[static_cast<std::size_t>(i)]);
    loop.run();
    REQUIRE(out.values() == expected);
  }
  SECTION("without a loop it comes out of the emit that ran the drain") {
    Stream<int> source;
    std::vector<int> out;
    source.buffer(2).map(reciprocal).sink([&](int x) { out.push_back(x); });
    for (const int x : in) {
      if (x == 0) {
        REQUIRE_THROWS_AS(source.emit(x), std::domain_error);
      } else {
        source.emit(x);
      }
    }
    REQUIRE(out == expected);
  }
  SECTION("an asynchronous failure too") {
    VirtualLoop loop;
    Stream<int> source{loop};
    int errors = 0;
    source.on_background_error([&](const std::exception_ptr&, const Info&) { ++errors; });
    ScriptedSink<int> sink{source.buffer(2), {.takes = 1ms, .fails = 1, .fails_after = 1}};
    for (const int x : in) source.emit(x);
    loop.run();
    REQUIRE(sink.completed() == std::vector{1, 2, 3, 4, 5});
    REQUIRE(errors == 1);
  }
}

TEST_CASE("buffer without a loop drains when the element has come to rest") {
  Stream<int> source;
  std::vector<std::string> order;
  source.buffer(2).sink([&](int x) { order.push_back("buffered " + std::to_string(x)); });
  source.sink([&](int x) { order.push_back("direct " + std::to_string(x)); });
  source.emit(1);
  source.emit(2);
  REQUIRE(order == std::vector<std::string>{"direct 1", "buffered 1", "direct 2", "buffered 2"});
}

TEST_CASE("buffer keeps signals in order with the elements, and the end waits for the queue") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2)};
  Stream<int> source{loop};
  auto buffered = source.buffer(unlimited).stream();
  std::vector<std::string> out;
  attach<Log>(buffered, out);
  const auto signal = [&](Signal s) {
    return source.graph().strand().descend([&] { return Receipt{source.outlet().signal(s)}; });
  };
  source.emit(1);
  signal({Signal::barrier, 7}).get();
  source.emit(2);
  signal({Signal::watermark, 8}).get();
  signal({Signal::watermark, 9}).get();  // says all that 8 said
  const Receipt end = signal({Signal::end});
  REQUIRE(end.pending());
  loop.run();
  REQUIRE_FALSE(end.pending());
  REQUIRE(out == std::vector<std::string>{"1", "signal 7", "2", "signal 9", "end"});
}

TEST_CASE("close waits until a buffer has drained") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> slow{source.buffer(10), {.takes = 5ms}};
  for (int i = 0; i < 4; ++i) source.emit(i);
  source.close();
  REQUIRE(slow.ended());
  REQUIRE(slow.completed() == std::vector{0, 1, 2, 3});
  REQUIRE(loop.now() == TimePoint{20ms});
}

TEST_CASE("a full buffer drops the oldest, drops the newest, or fails") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Ledger ledger;
  const auto fill = [&](const Stream<int>& buffered) {
    ScriptedSink<int> stuck{buffered, {.stalled = true, .ledger = ledger}};
    for (int i = 0; i < 6; ++i) {
      const Receipt receipt = source.push(i, ledger.issue(i));
      REQUIRE_FALSE(receipt.pending());
    }
    loop.run();
    for (; stuck.open() != 0; loop.run()) stuck.complete_all();
    ledger.check();
    return stuck.completed();
  };
  SECTION("drop_oldest spares the one on its way") {
    auto buffered = source.buffer(2, {.overflow = WhenFull::drop_oldest}).stream();
    REQUIRE(fill(buffered) == std::vector{0, 4, 5});
    REQUIRE(ledger.dropped() == Ids{1, 2, 3});
    REQUIRE(ledger[1].reason == "buffer: full");
    REQUIRE(buffered.info().dropped.get() == 3);
  }
  SECTION("drop_newest") {
    auto buffered = source.buffer(2, {.overflow = WhenFull::drop_newest}).stream();
    REQUIRE(fill(buffered) == std::vector{0, 1, 2});
    REQUIRE(ledger.dropped() == Ids{3, 4, 5});
    REQUIRE(buffered.info().dropped.get() == 3);
  }
  SECTION("fail") {
    auto buffered = source.buffer(2, {.overflow = WhenFull::fail}).stream();
    ScriptedSink<int> stuck{buffered, {.stalled = true}};
    for (int i = 0; i < 3; ++i) source.push(i, ledger.issue(i)).get();
    REQUIRE_THROWS_AS(source.emit(3, ledger.issue(3)), Overflow);
    REQUIRE_THROWS_WITH(source.emit(4, ledger.issue(4)), containing("buffer: full"));
    loop.run();
    stuck.complete();
    loop.run();
    source.emit(5, ledger.issue(5));
    for (; stuck.open() != 0; loop.run()) stuck.complete_all();
    REQUIRE(stuck.completed() == std::vector{0, 1, 2, 5});
    REQUIRE(ledger.failed() == Ids{3, 4});
    ledger.check();
  }
}

TEST_CASE("a buffer that drops keeps one watermark of several between which it drops") {
  std::vector<std::string> log;
  VirtualLoop loop;
  Stream<int> source{loop};
  auto buffered = source.buffer(2, BufferOptions{.overflow = WhenFull::drop_oldest}).stream();
  attach<Log>(buffered, log);
  ScriptedSink<int> stuck{buffered, {.stalled = true}};
  source.emit(0);
  SECTION("the first is still in the line") {}
  SECTION("the first is on its way") { loop.run(); }
  for (int i = 1; i <= 1000; ++i) {
    source.emit(i);
    tell(source, {Signal::watermark, i});
  }
  const std::size_t on_its_way = stuck.taken();
  REQUIRE(buffered.info().held.get() == 3 - on_its_way);
  for (loop.run(); stuck.open() != 0; loop.run()) stuck.complete_all();
  REQUIRE(log == std::vector<std::string>{"0", "signal 998", "999", "signal 999", "1000", "signal 1000"});
}

TEST_CASE("a buffer whose queue cannot grow keeps all that is in it, with its Refs and those who wait") {
  std::vector<int> seen;
  std::vector<Completion<>> open;
  Ledger ledger;
  VirtualLoop loop;
  Stream<Fragile> source{loop};
  source.buffer(1).sink([&](const Fragile& x, Completion<> done) {
    seen.push_back(x.value);
    open.push_back(std::move(done));
  });
  std::vector<Receipt> receipts;
  Fragile::left = 1000;
  for (int i = 0; i < 5; ++i) {
    receipts.push_back(source.push(Fragile{i}, ledger.issue(i)));
    loop.run();
  }
  std::vector<int> expected{0, 1, 2, 3, 4};
  for (int copies = 0; copies < 10; ++copies) {
    Fragile::left = copies;
    try {
      receipts.push_back(source.push(Fragile{5}));
      expected.push_back(5);
      break;
    } catch (const std::runtime_error&) {
    }
  }
  REQUIRE(expected.size() == 6);
  Fragile::left = 1000;
  REQUIRE(ledger.open() == Ids{0, 1, 2, 3, 4});
  for (; !open.empty(); loop.run()) {
    for (Completion<>& done : std::exchange(open, {})) done();
  }
  REQUIRE(seen == expected);
  REQUIRE(taken(receipts) == std::vector<bool>(6, true));
  ledger.check();
}

TEST_CASE("buffer bounds the bytes that it queues") {
  VirtualLoop loop;
  Stream<std::string> source{loop};
  ScriptedSink<std::string> stuck{source.buffer(100, BufferOptions{.max_bytes = 10},
                                                measured_by([](const std::string& s) { return s.size(); })),
                                  {.stalled = true}};
  std::vector<Receipt> receipts;
  for (const char* text : {"1234", "12", "1234", "123", "1", "12345678901234567890"}) {
    receipts.push_back(source.push(text));
  }
  REQUIRE(taken(receipts) == std::vector<bool>{true, true, true, false, false, false});
  loop.run();  // the first one is on its way, which leaves room for 3 and 1
  REQUIRE(taken(receipts) == std::vector<bool>{true, true, true, true, true, false});
  for (int i = 0; i < 3; ++i) {
    stuck.complete();
    loop.run();
  }
  REQUIRE(taken(receipts).back() == false);
  stuck.complete();  // nothing else is queued any more, and an element may be larger than the bound
  loop.run();
  REQUIRE(taken(receipts).back() == true);
}

TEST_CASE("keep_one_per keeps the newest element of each key") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Ledger ledger;
  auto buffered = source.buffer(3, keep_one_per([](int x) { return x % 10; })).stream();
  ScriptedSink<int> stuck{buffered, {.stalled = true, .ledger = ledger}};
  source.emit(1, ledger.issue(1));
  loop.run();  // on its way and not replaced by 11
  for (const int x : {11, 2, 21, 3, 12, 31}) {
    const Receipt receipt = source.push(x, ledger.issue(x));
    REQUIRE_FALSE(receipt.pending());
  }
  REQUIRE(buffered.info().held.get() == 3);
  const Receipt waits = source.push(4, ledger.issue(4));
  REQUIRE(waits.pending());
  for (; stuck.open() != 0; loop.run()) stuck.complete_all();
  REQUIRE(stuck.completed() == std::vector{1, 31, 12, 3, 4});
  REQUIRE(ledger.dropped() == Ids{2, 11, 21});
  REQUIRE(ledger[11].reason == "buffer: a newer element has the same key");
  ledger.check();
}

TEST_CASE("keep_one_per keeps the older element when the newer one cannot be copied") {
  const auto last_digit = keep_one_per([](const Fragile& x) { return x.value % 10; });
  bool copied = false;
  for (int copies = 0; !copied && copies < 10; ++copies) {
    std::vector<int> seen;
    Ledger ledger;
    VirtualLoop loop;
    Stream<Fragile> source{loop};
    const auto buffered = source.buffer(10, last_digit).stream();
    buffered.sink([&](const Fragile& x) { seen.push_back(x.value); });
    source.sink([](const Fragile&) {});  // so that the buffer gets the elements to copy
    Fragile::left = 1000;
    source.emit(Fragile{1}, ledger.issue(1));
    Fragile::left = copies;
    try {
      source.emit(Fragile{11}, ledger.issue(11));
      copied = true;
    } catch (const std::runtime_error&) {
    }
    Fragile::left = 1000;
    source.emit(Fragile{2});
    loop.run();
    REQUIRE(ledger.dropped() == (copied ? Ids{1} : Ids{}));
    REQUIRE(seen == (copied ? std::vector{11, 2} : std::vector{1, 2}));
    REQUIRE_FALSE(buffered.outlet().ended());
    ledger.check();
  }
  REQUIRE(copied);
}

TEST_CASE("a buffer with keep_one_per knows nothing of an element that it could not take") {
  int calls_left = 1000;
  std::vector<int> seen;
  VirtualLoop loop;
  Stream<FragileCopy> source{loop};
  const auto last_digit = [&](const FragileCopy& x) {
    if (calls_left-- == 0) throw std::domain_error("no key");
    return x.value % 10;
  };
  const auto buffered = source.buffer(10, keep_one_per(last_digit)).stream();
  buffered.sink([&](const FragileCopy& x) { seen.push_back(x.value); });
  source.sink([](const FragileCopy&) {});  // so that the buffer gets the elements to copy
  Fragile::left = 0;
  REQUIRE_THROWS_AS(source.emit(FragileCopy{1}), std::runtime_error);
  Fragile::left = 1000;
  calls_left = 1;  // for the search, not for the entry
  REQUIRE_THROWS_AS(source.emit(FragileCopy{1}), std::domain_error);
  calls_left = 1000;
  REQUIRE(buffered.info().held.get() == 0);
  for (const int x : {11, 21, 2}) source.emit(FragileCopy{x});
  REQUIRE(buffered.info().held.get() == 2);
  loop.run();
  REQUIRE(seen == std::vector{21, 2});
}

TEST_CASE("a buffer that drops the oldest keeps it when the newest cannot be copied") {
  std::vector<int> seen;
  VirtualLoop loop;
  Stream<FragileCopy> source{loop};
  const auto buffered = source.buffer(2, BufferOptions{.overflow = WhenFull::drop_oldest}).stream();
  buffered.sink([&](const FragileCopy& x) { seen.push_back(x.value); });
  source.sink([](const FragileCopy&) {});  // so that the buffer gets the elements to copy
  Fragile::left = 1000;
  for (const int x : {1, 2, 3}) source.emit(FragileCopy{x});
  Fragile::left = 0;
  REQUIRE_THROWS_AS(source.emit(FragileCopy{4}), std::runtime_error);
  Fragile::left = 1000;
  REQUIRE(buffered.info().dropped.get() == 0);
  loop.run();
  REQUIRE(seen == std::vector{1, 2, 3});
}

TEST_CASE("keep_one_per does what a list of pairs does, also when the buffer drops") {
  const auto seed = GENERATE(range(1U, 30U));
  std::mt19937 random{seed};
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> stuck{source.buffer(4, BufferOptions{.overflow = WhenFull::drop_oldest},
                                        keep_one_per([](int x) { return x % 7; })),
                          {.stalled = true}};
  std::vector<int> queue;  // what waits behind the one on its way
  std::vector<int> expected;
  bool on_its_way = false;
  for (int i = 0; i < 200; ++i) {
    if (random() % 3 != 0) {
      source.emit(i);
      loop.run();
      const auto same = [&](int x) { return x % 7 == i % 7; };
      const auto found = std::find_if(queue.begin(), queue.end(), same);
      if (!on_its_way) {
        expected.push_back(i);
        on_its_way = true;
      } else if (found != queue.end()) {
        *found = i;
      } else {
        if (queue.size() == 4) queue.erase(queue.begin());
        queue.push_back(i);
      }
    } else if (stuck.open() != 0) {
      stuck.complete();
      loop.run();
      on_its_way = !queue.empty();
      if (on_its_way) {
        expected.push_back(queue.front());
        queue.erase(queue.begin());
      }
    }
  }
  for (; stuck.open() != 0; loop.run()) stuck.complete_all();
  expected.insert(expected.end(), queue.begin(), queue.end());
  REQUIRE(stuck.completed() == expected);
}

TEST_CASE("keep_one_per does what a list does, with watermarks among the elements of a buffer that drops") {
  const auto seed = GENERATE(range(1U, 60U));
  std::mt19937 random{seed};
  std::vector<std::string> log;
  VirtualLoop loop;
  Stream<int> source{loop};
  const auto buffered = source.buffer(4, BufferOptions{.overflow = WhenFull::drop_oldest},
                                      keep_one_per([](int x) { return x % 7; })).stream();
  attach<Log>(buffered, log);
  ScriptedSink<int> stuck{buffered, {.stalled = true}};
  struct Item {
    int value;
    bool element;
  };
  std::vector<Item> queue;  // what waits behind the one on its way
  std::vector<std::string> expected;
  bool on_its_way = false;
  const auto drain = [&] {
    while (!queue.empty() && !on_its_way) {
      const Item first = queue.front();
      queue.erase(queue.begin());
      expected.push_back((first.element ? "" : "signal ") + std::to_string(first.value));
      on_its_way = first.element;
    }
  };
  const auto elements = [](const Item& item) { return item.element; };
  for (int i = 0; i < 400; ++i) {
    const unsigned step = random() % 8;
    if (step < 4) {
      source.emit(i);
      auto same = queue.end();
      for (auto item = queue.end(); item != queue.begin() && (item - 1)->element; --item) {
        if ((item - 1)->value % 7 == i % 7) same = item - 1;
      }
      if (same != queue.end()) {
        same->value = i;
      } else {
        if (std::count_if(queue.begin(), queue.end(), elements) == 4) {
          const auto behind = queue.erase(std::find_if(queue.begin(), queue.end(), elements));
          const bool between = behind != queue.begin() && behind != queue.end();
          if (between && !behind->element && !(behind - 1)->element) queue.erase(behind - 1);
        }
        queue.push_back({i, true});
      }
    } else if (step < 7) {
      tell(source, {Signal::watermark, i});
      if (!queue.empty() && !queue.back().element) {
        queue.back().value = i;
      } else {
        queue.push_back({i, false});
      }
    } else if (stuck.open() != 0) {
      stuck.complete();
      on_its_way = false;
    }
    loop.run();
    drain();
    REQUIRE(buffered.info().held.get() ==
            static_cast<std::size_t>(std::count_if(queue.begin(), queue.end(), elements)));
  }
  for (; stuck.open() != 0; loop.run()) stuck.complete_all();
  while (on_its_way) {
    on_its_way = false;
    drain();
  }
  REQUIRE(log == expected);
}

TEST_CASE("buffer counts what it takes, drops, holds and emits so that it adds up") {
  VirtualLoop loop;
  Stream<int> source{loop};
  auto buffered = source.buffer(2, {.overflow = WhenFull::drop_oldest}).stream();
  ScriptedSink<int> stuck{buffered, {.stalled = true}};
  for (int i = 0; i < 6; ++i) {
    source.emit(i);
    loop.run();
    const Info& info = buffered.info();
    REQUIRE(info.in.get() == info.out.get() + info.dropped.get() + info.held.get());
  }
}

TEST_CASE("buffer moves what it can and copies nothing") {
  Counted::reset();
  Stream<Counted> source;
  source.buffer(3).sink([](const Counted&) {});
  for (int i = 0; i < 5; ++i) source.emit(Counted{i});
  REQUIRE(Counted::counts().copies == 0);

  Stream<std::unique_ptr<int>> owner;
  std::vector<int> out;
  owner.buffer(3).sink([&](const std::unique_ptr<int>& x) { out.push_back(*x); });
  owner.emit(std::make_unique<int>(5));
  REQUIRE(out == std::vector{5});
}

TEST_CASE("a buffer that goes away drops what it holds and releases who waits") {
  VirtualLoop loop;
  Ledger ledger;
  Receipt waits;
  {
    Stream<int> source{loop};
    ScriptedSink<int> stuck{source.buffer(2), {.stalled = true}};
    for (int i = 0; i < 4; ++i) waits = source.push(i, ledger.issue(i));
    loop.run();
    REQUIRE(waits.pending());
  }
  REQUIRE_FALSE(waits.pending());
  REQUIRE_THROWS_AS(waits.get(), Stopped);
  loop.run();
  REQUIRE(ledger.dropped() == Ids{0, 1, 2, 3});
  ledger.check();
}

TEST_CASE("an element behind a buffer may end the graph") {
  VirtualLoop loop;
  auto source = std::make_unique<Stream<int>>(loop);
  int seen = 0;
  {
    const Sink last = source->buffer(3).sink([&](int) {
      ++seen;
      source.reset();
    });
  }
  for (int i = 0; i < 3; ++i) source->emit(i);
  loop.run();
  REQUIRE(seen == 1);
}

TEST_CASE("wait_idle waits for a buffer") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> slow{source.buffer(5), {.takes = 2ms}};
  for (int i = 0; i < 3; ++i) source.emit(i);
  source.wait_idle();
  REQUIRE(slow.completed() == std::vector{0, 1, 2});
}

TEST_CASE("wiring: buffer(0) is refused with a sentence") {
  REQUIRE_THROWS_AS(buffer(0), std::invalid_argument);
  REQUIRE_THROWS_WITH(buffer(0), containing("buffer: n must be at least 1"));
}
