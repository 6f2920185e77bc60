// SPDX-License-Identifier: BSL-1.0
#include "penstock/core/receipt.hpp"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using namespace std::chrono_literals;

namespace {

struct OnStrand {
  OnStrand() : strand(*new Strand), alive(strand) { strand.release(); }
  Receipt waiting(Info* who = nullptr) { return Receipt::waiting(strand, who, Why::full); }
  Strand& strand;
  StrandRef alive;
};

std::exception_ptr error(const char* text) { return std::make_exception_ptr(std::runtime_error(text)); }

struct Count final : Task {
  void run() override { ++runs; }
  int runs = 0;
};

}  // namespace

TEST_CASE("an empty receipt means that the element was taken") {
  const Receipt receipt;
  REQUIRE_FALSE(receipt.pending());
  REQUIRE(receipt.error() == nullptr);
  REQUIRE_NOTHROW(receipt.get());
  receipt.settle();
  REQUIRE(receipt.state() == nullptr);
}

TEST_CASE("a receipt settles once, for all that share it") {
  OnStrand on;
  const Receipt receipt = on.waiting();
  const Receipt copy{receipt.share()};
  REQUIRE(copy.pending());
  receipt.settle(error("first"));
  copy.settle(error("second"));
  REQUIRE_FALSE(copy.pending());
  REQUIRE_THROWS_WITH(copy.get(), "first");
}

TEST_CASE("who waits for a receipt is posted, not called") {
  OnStrand on;
  const Receipt receipt = on.waiting();
  Count before;
  Count after;
  receipt.state()->then(before);
  on.strand.descend([&] {
    receipt.settle();
    REQUIRE(before.runs == 0);
    receipt.state()->then(after);
  });
  REQUIRE(before.runs == 1);
  REQUIRE(after.runs == 1);
}

TEST_CASE("a receipt that goes unsettled discards who waits") {
  OnStrand on;
  Count count;
  {
    const Receipt receipt = on.waiting();
    receipt.state()->then(count);
  }
  REQUIRE(count.runs == 0);
  REQUIRE_FALSE(count.queued());
}

TEST_CASE("a waiting receipt counts on the operator that holds it, with the time") {
  VirtualLoop loop;
  Stream<int> source{loop};
  const auto sink = ScriptedSink<int>{source, {.takes = 7ms}};
  const Info& info = source.outlet().branches().front().inlet->node()->info();
  const Receipt receipt = source.push(1);
  REQUIRE(info.waiting.get() == 1);
  REQUIRE(receipt.state()->who() == &info);
  REQUIRE(receipt.state()->why() == Why::sink);
  REQUIRE(receipt.state()->since().time_since_epoch() == 0ms);
  loop.run();
  REQUIRE(info.waiting.get() == 0);
  REQUIRE(Duration{static_cast<Duration::rep>(info.blocked_ns.get())} == 7ms);
}

TEST_CASE("joining nothing gives nothing, joining one gives that one") {
  OnStrand on;
  Join none{on.strand};
  none.add(nullptr);
  REQUIRE(none.finish() == nullptr);
  const Receipt one = on.waiting();
  Join join{on.strand};
  join.add(nullptr);
  join.add(one.share());
  const Receipt joined{join.finish()};
  REQUIRE(joined.state() == one.state());
}

TEST_CASE("a join settles when the last of its receipts does, with the exception of the first that failed") {
  OnStrand on;
  const Receipt a = on.waiting();
  const Receipt b = on.waiting();
  const Receipt c = on.waiting();
  Join join{on.strand};
  for (const Receipt* each : {&a, &b, &c}) join.add(each->share());
  const Receipt joined{join.finish()};
  b.settle(error("b"));
  a.settle(error("a"));
  REQUIRE(joined.pending());
  c.settle();
  REQUIRE_FALSE(joined.pending());
  REQUIRE_THROWS_WITH(joined.get(), "b");
}

TEST_CASE("a join counts what has settled before it was added, and may be dropped unfinished") {
  OnStrand on;
  const Receipt done = on.waiting();
  done.settle(error("early"));
  const Receipt open = on.waiting();
  {
    Join dropped{on.strand};
    dropped.add(open.share());
    dropped.add(done.share());
  }
  Join join{on.strand};
  join.add(open.share());
  join.add(done.share());
  const Receipt joined{join.finish()};
  REQUIRE(joined.pending());
  open.settle();
  REQUIRE_THROWS_WITH(joined.get(), "early");
}

TEST_CASE("a fan-out waits for all of its branches") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> a{source, {.stalled = true}};
  ScriptedSink<int> b{source, {.stalled = true}};
  std::vector<int> c;
  source.sink([&](int x) { c.push_back(x); });
  const Receipt receipt = source.push(1);
  REQUIRE(c == std::vector{1});
  a.complete();
  loop.run_ready();
  REQUIRE(receipt.pending());
  b.complete();
  loop.run_ready();
  REQUIRE_FALSE(receipt.pending());
}

TEST_CASE("P25: when one of two asynchronous sinks fails the error comes when both have finished") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> fast{source, {.takes = 5ms, .fails = 1}};
  ScriptedSink<int> slow{source, {.takes = 20ms}};
  REQUIRE_THROWS_AS(source.emit(1), ScriptedFailure);
  REQUIRE(loop.now().time_since_epoch() == 20ms);
  REQUIRE(slow.completed() == std::vector{1});
}

TEST_CASE("receipts outlive their graph and are told that it has stopped") {
  VirtualLoop loop;
  Receipt receipt;
  {
    Stream<int> source{loop};
    ScriptedSink<int> stuck{source, {.stalled = true}};
    receipt = source.push(1);
  }
  REQUIRE_FALSE(receipt.pending());
  REQUIRE_THROWS_AS(receipt.get(), Stopped);
}

TEST_CASE("joined receipts of joined receipts settle also when their loop ends before it has run") {
  Receipt all;
  {
    VirtualLoop loop;
    Strand& strand = *new Strand(&loop);
    const StrandRef alive{strand};
    strand.release();
    const Receipt parts[] = {Receipt::waiting(strand, nullptr, Why::full),
                             Receipt::waiting(strand, nullptr, Why::full),
                             Receipt::waiting(strand, nullptr, Why::full)};
    Join inner{strand};
    inner.add(parts[0].share());
    inner.add(parts[1].share());
    Join outer{strand};
    outer.add(inner.finish());
    outer.add(parts[2].share());
    all = Receipt{outer.finish()};
    parts[0].settle();
    parts[1].settle(error("second"));
    parts[2].settle();
    REQUIRE(all.pending());
  }
  REQUIRE_FALSE(all.pending());
  REQUIRE_THROWS_WITH(all.get(), "second");
}
