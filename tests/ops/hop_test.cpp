// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/hop.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "fragile.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/buffer.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/ledger.hpp"
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

/// Two loops of one thread, run in turns until both rest.
void run_both(VirtualLoop& a, VirtualLoop& b) {
  while (a.run() + b.run() != 0) {
  }
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

TEST_CASE("hop goes on on another loop, in order, with the end behind the elements") {
  const auto seed = GENERATE(std::uint64_t{0}, 1, 2, 3);
  VirtualLoop home{seed};
  VirtualLoop away{seed};
  Stream<int> source{home};
  const Stream<int> far = source.hop(away);
  REQUIRE(far.loop() == &away);
  REQUIRE(&far.graph() != &source.graph());
  Probe out{far};
  for (int i = 0; i < 5; ++i) source.emit(i);
  const Receipt end = source.push_end();
  REQUIRE(out.size() == 0);
  REQUIRE(end.pending());
  run_both(home, away);
  REQUIRE(out.values() == std::vector{0, 1, 2, 3, 4});
  REQUIRE(out.ended());
  REQUIRE_FALSE(end.pending());
}

TEST_CASE("a Ref waits at home until its element is through on the other side") {
  VirtualLoop home;
  VirtualLoop away;
  Stream<int> source{home};
  Ledger ledger;
  ScriptedSink<int> stuck{source.hop(away), {.stalled = true}};
  for (int i = 0; i < 3; ++i) source.emit(i, ledger.issue(i));
  run_both(home, away);
  REQUIRE(ledger.open() == Ids{0, 1, 2});
  stuck.complete();
  run_both(home, away);
  REQUIRE(ledger.left_out() == Ids{0});
  away.take_error();
  stuck.fail();
  REQUIRE_THROWS_AS(run_both(home, away), ScriptedFailure);
  run_both(home, away);
  REQUIRE(ledger.failed() == Ids{1});
  stuck.complete();
  run_both(home, away);
  ledger.check();
}

TEST_CASE("hop waits when so many elements are on the other side") {
  VirtualLoop home;
  VirtualLoop away;
  Stream<int> source{home};
  ScriptedSink<int> stuck{source.hop(away, {.bound = 2}), {.stalled = true}};
  std::vector<Receipt> receipts;
  for (int i = 0; i < 4; ++i) receipts.push_back(source.push(i));
  run_both(home, away);
  const auto pending = [&] {
    std::vector<bool> all;
    for (const Receipt& receipt : receipts) all.push_back(receipt.pending());
    return all;
  };
  REQUIRE(pending() == std::vector<bool>{false, false, true, true});
  stuck.complete();
  run_both(home, away);
  REQUIRE(pending() == std::vector<bool>{false, false, false, true});
  for (int i = 0; i < 3; ++i) {
    stuck.complete();
    run_both(home, away);
  }
  REQUIRE(pending() == std::vector<bool>{false, false, false, false});
  REQUIRE(stuck.completed() == std::vector{0, 1, 2, 3});
}

TEST_CASE("what goes wrong on the other side is reported there and fails the Ref here") {
  VirtualLoop home;
  VirtualLoop away;
  Stream<int> source{home};
  Ledger ledger;
  Stream<int> far = source.hop(away);
  int errors = 0;
  far.on_background_error([&](const std::exception_ptr&, const Info&) { ++errors; });
  Probe out{far.map([](int x) {
    if (x == 1) throw std::domain_error("one");
    return x;
  })};
  for (int i = 0; i < 3; ++i) source.emit(i, ledger.issue(i));
  run_both(home, away);
  REQUIRE(errors == 1);
  REQUIRE(out.values() == std::vector{0, 2});
  REQUIRE(ledger.failed() == Ids{1});
  REQUIRE(ledger.left_out() == Ids{0, 2});
}

TEST_CASE("only values and event times travel") {
  VirtualLoop home;
  VirtualLoop away;
  Stream<int> source{home};
  Probe out{source.hop(away)};
  Context context{Ref::with(std::int64_t{7})};
  context.event_time(123);
  source.emit(1, context);
  run_both(home, away);
  REQUIRE(out.records().at(0).event_time == 123);
  REQUIRE(out.records().at(0).refs == 0);
}

TEST_CASE("a hop keeps the graph on the other side alive, and drops what is on its way when its own goes") {
  VirtualLoop home;
  VirtualLoop away;
  Ledger ledger;
  std::vector<int> out;
  Receipt waits;
  {
    Stream<int> source{home};
    source.hop(away, {.bound = 1}).sink([&](int x) { out.push_back(x); });
    source.emit(0, ledger.issue(0));
    run_both(home, away);
    REQUIRE(out == std::vector{0});
    source.emit(1, ledger.issue(1));
    waits = source.push(2, ledger.issue(2));
  }
  run_both(home, away);
  REQUIRE(out == std::vector{0});
  REQUIRE_THROWS_AS(waits.get(), Stopped);
  REQUIRE(ledger.dropped() == Ids{1, 2});
  ledger.check();
}

TEST_CASE("when the other side was taken away, elements under way are dropped and emit says so") {
  VirtualLoop home;
  VirtualLoop away;
  Stream<int> source{home};
  Ledger ledger;
  const Stream<int> far = source.hop(away);
  ScriptedSink<int> stuck{far, {.stalled = true}};
  for (int i = 0; i < 2; ++i) source.emit(i, ledger.issue(i));
  run_both(home, away);
  far.destroy();
  source.emit(2, ledger.issue(2));  // does not know yet
  run_both(home, away);
  REQUIRE(ledger.dropped() == Ids{0, 1, 2});
  REQUIRE_THROWS_AS(source.emit(3, ledger.issue(3)), Stopped);
  REQUIRE_THROWS_WITH(source.emit(4), containing("hop: the graph on the other loop is gone"));
  source.wait_idle();
  home.run();
  REQUIRE(ledger.failed() == Ids{3});
}

TEST_CASE("a hop to the loop it comes from works too") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe out{source.hop(loop)};
  source.emit(1);
  source.close();
  REQUIRE(out.values() == std::vector{1});
  REQUIRE(out.ended());
}

TEST_CASE("hop carries what cannot be copied over to a thread and back again, in order") {
  EventLoop home;
  EventLoop away{background};
  std::vector<int> out;
  std::atomic<int> on_the_right_thread{0};
  Stream<std::unique_ptr<int>> source{home};
  const std::thread::id me = std::this_thread::get_id();
  source.hop(away, {.bound = 16})
      .map([&](std::unique_ptr<int> x) {
        on_the_right_thread += std::this_thread::get_id() != me ? 1 : 0;
        *x *= 2;
        return x;
      })
      .hop(home, {.bound = 4})
      .sink([&](const std::unique_ptr<int>& x) {
        out.push_back(*x + (std::this_thread::get_id() == me ? 0 : 1));
      });
  int ended = 0;
  for (int i = 0; i < 5000; ++i) {
    source.emit(std::make_unique<int>(i),
                Ref([&](const Ending& ending) { ended += ending.outcome == Outcome::done ? 1 : 0; }));
  }
  source.close();
  home.run();
  std::vector<int> expected;
  for (int i = 0; i < 5000; ++i) expected.push_back(2 * i);
  REQUIRE(out == expected);
  REQUIRE(on_the_right_thread == 5000);
  REQUIRE(ended == 5000);
}

TEST_CASE("a hop may be torn down at any moment while a thread works on its other side") {
  EventLoop away{background};
  for (int round = 0; round < 50; ++round) {
    EventLoop home;
    std::atomic<int> seen{0};
    int ended = 0;
    {
      Stream<int> source{home};
      source.hop(away, {.bound = 8}).buffer(2).sink([&](int) { ++seen; });
      for (int i = 0; i < round; ++i) source.emit(i, Ref([&] { ++ended; }));
    }
    home.run();
    REQUIRE(ended == round);
    // The other graph ends on its own thread, behind what stands in the queue there.
    Stream<int> fence{away};
    fence.emit(0);
    REQUIRE(seen <= round);
  }
}

TEST_CASE("of watermarks that wait for the other side, or for room, hop keeps the last one of each place") {
  const bool other_side_has_begun = GENERATE(false, true);
  std::vector<std::string> log;
  Ledger ledger;
  VirtualLoop home;
  VirtualLoop away;
  Stream<int> source{home};
  const Stream<int> far = source.hop(away, {.bound = 4});
  attach<Log>(far, log);
  ScriptedSink<int> stuck{far, {.stalled = true}};
  std::vector<Receipt> receipts;
  for (int i = 0; i < 4; ++i) {
    receipts.push_back(source.push(i, ledger.issue(i)));
    if (other_side_has_begun) run_both(home, away);
    for (int time = 1; time <= 1000; ++time) tell(source, {Signal::watermark, 1000 * i + time});
  }
  // The first two and their watermarks are four letters.
  REQUIRE_FALSE(receipts[1].pending());
  REQUIRE(receipts[2].pending());
  for (run_both(home, away); stuck.open() != 0; run_both(home, away)) stuck.complete_all();
  REQUIRE(log ==
          std::vector<std::string>{"0", "signal 1000", "1", "signal 2000", "2", "signal 3000", "3", "signal 4000"});
  REQUIRE_FALSE(receipts[3].pending());
  REQUIRE(ledger.left_out() == Ids{0, 1, 2, 3});
  ledger.check();
  const Receipt end = source.push_end();
  run_both(home, away);
  REQUIRE_FALSE(end.pending());
}

TEST_CASE("an element comes behind the last watermark that was before it, also while a thread empties the mailbox") {
  std::vector<std::string> log;
  EventLoop home;
  EventLoop away{background};
  std::vector<std::string> expected;
  int ended = 0;
  {
    Stream<int> source{home};
    attach<Log>(source.hop(away, {.bound = 16}), log);
    for (int i = 0; i < 5000; ++i) {
      if (i % 5 == 0) {
        source.emit(i, Ref([&] { ++ended; }));
        expected.push_back(std::to_string(i));
      }
      tell(source, {Signal::watermark, i});
      if (i % 5 == 4) expected.push_back("signal " + std::to_string(i));
    }
    source.close();
    expected.push_back("end");
  }
  REQUIRE(ended == 1000);
  // How many of those between two elements are still in the box is up to the threads; the last one always comes.
  std::vector<std::string> last_ones;
  for (std::size_t i = 0; i < log.size(); ++i) {
    const bool followed = i + 1 < log.size() && log[i].front() == 's' && log[i + 1].front() == 's';
    if (!followed) last_ones.push_back(log[i]);
  }
  REQUIRE(last_ones == expected);
}

TEST_CASE("wiring: hop needs a loop on both sides and a bound") {
  VirtualLoop loop;
  Stream<int> source;
  REQUIRE_THROWS_WITH(source.hop(loop), containing("hop needs an event loop on both sides"));
  REQUIRE_THROWS_WITH(hop(loop, HopOptions{.bound = 0}), containing("hop: the bound must be at least 1"));
}

TEST_CASE("truth values hop like everything else") {
  VirtualLoop loop;
  Stream<bool> source{loop};
  const Probe<bool> probe{source.hop(loop)};
  source.emit_all(std::array{true, false, true});
  loop.run();
  REQUIRE(probe.values() == std::vector{true, false, true});
}

TEST_CASE("a batch fills the room that is left, and waits for the rest") {
  VirtualLoop loop;
  Stream<int> source{loop};
  std::vector<int> seen;
  std::size_t ended = 0;
  source.hop(loop, {.bound = 3}).sink([&](int x) {
    if (x == 4) throw std::runtime_error("four");
    seen.push_back(x);
  });
  source.emit(0, Ref{[&] { ++ended; }});
  std::vector<std::string> errors;
  try {
    source.emit_all(std::array{1, 2, 3, 4, 5, 6, 7});
  } catch (const std::exception& error) {
    errors.emplace_back(error.what());
  }
  for (int i = 0; i < 2; ++i) {
    try {
      loop.run();
    } catch (const std::exception& error) {
      errors.emplace_back(error.what());
    }
  }
  REQUIRE(seen == std::vector{0, 1, 2, 3, 5, 6, 7});
  REQUIRE(errors == std::vector<std::string>{"four"});
  REQUIRE(ended == 1);
}

TEMPLATE_TEST_CASE("an element that cannot be copied for a hop takes no room", "", Fragile, FragileCopy) {
  const std::size_t before = GENERATE(0u, 1u, 2u);  // elements on their way: with 2 there is no room
  const bool with_context = GENERATE(false, true);
  int failures = 0;
  for (int at = 0; at < 30; ++at) {
    VirtualLoop home;
    VirtualLoop away;
    Stream<TestType> source{home};
    Ledger ledger;
    auto far = source.hop(away, HopOptions{.bound = 2});
    far.on_background_error([](const std::exception_ptr&, const Info&) {});
    auto last = far.map([](const TestType& x) { return x.value; });
    Probe<int> probe{last};
    source.sink([](const TestType&) {});  // so that the hop is lent its elements
    for (std::size_t i = 0; i < before; ++i) static_cast<void>(source.push(TestType{static_cast<int>(i)}));
    TestType::left = at;
    bool failed = false;
    Receipt receipt;
    try {
      if (with_context) {
        Context context{ledger.issue(1)};
        context.event_time(5);
        receipt = source.push(TestType{-1}, std::move(context));
      } else {
        receipt = source.push(TestType{-1});
      }
    } catch (const std::runtime_error&) {
      failed = true;
    }
    const bool at_once = failed;
    if (failed) TestType::left = 1000;
    run_both(home, away);
    TestType::left = 1000;
    if (!failed && receipt.state()) {
      try {
        receipt.get();
      } catch (const std::runtime_error&) {
        failed = true;
      }
    }
    run_both(home, away);
    if (at_once) {
      ++failures;
      REQUIRE(probe.size() == before);
    }
    REQUIRE(source.graph().idle());
    for (int i = 10; i < 13; ++i) static_cast<void>(source.push(TestType{i}));
    run_both(home, away);
    REQUIRE(source.graph().idle());
    REQUIRE(probe.size() >= 3);
    REQUIRE(probe.values().back() == 12);
    REQUIRE(probe.records().back().event_time == no_event_time);
    if (with_context) REQUIRE(ledger.open().empty());
  }
  REQUIRE(failures > 0);
}
