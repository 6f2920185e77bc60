// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/on_error.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/map_async.hpp"
#include "penstock/ops/partition.hpp"
#include "penstock/sinks/sink.hpp"
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

namespace {

int six_by(int x) {
  if (x == 0) throw std::domain_error("division by zero");
  return 6 / x;
}

/// Fails the first `times` calls for every element.
struct Flaky {
  int times;
  int* calls;
  int failures = 0;
  int operator()(int x) {
    ++*calls;
    if (failures++ < times) throw std::runtime_error("not yet");
    failures = 0;
    return x;
  }
};

/// An asynchronous function whose calls the test ends.
struct Calls {
  struct Call {
    int x;
    Duration at;
    Completion<int> done;
  };
  explicit Calls(Loop& l) : loop(l) {}
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  auto function() {
    return [this](int x, Completion<int> done) {
      open.push_back({x, loop.now().time_since_epoch(), std::move(done)});
    };
  }
  /// Ends the oldest call for `x`.
  void succeed(int x) { take(x)(x * 10); }
  void fail(int x) { take(x)(std::make_exception_ptr(std::runtime_error("refused"))); }
  /// For which elements it is called now.
  std::vector<int> now() const {
    std::vector<int> found;
    for (const Call& call : open) found.push_back(call.x);
    return found;
  }

  Loop& loop;
  std::vector<Call> open;

 private:
  Completion<int> take(int x) {
    const auto call = std::find_if(open.begin(), open.end(), [x](const Call& c) { return c.x == x; });
    Completion<int> done = std::move(call->done);
    open.erase(call);
    return done;
  }
};

}  // namespace

TEST_CASE("on_error(skip) leaves out the elements on which the operator before it throws") {
  VirtualLoop loop;
  auto source = marbles(loop, "-1-0-2-|");
  Marbles out{source.map(six_by).on_error(OnError::skip).stream()};
  loop.run();
  REQUIRE_NOTHROW(out.expect("-6---3-|"));
}

TEST_CASE("a skipped element is dropped with a reason and counted") {
  Stream<int> source;
  Ledger ledger;
  auto quotients = source.map(six_by).on_error(OnError::skip).stream();
  std::vector<int> out;
  quotients.sink([&](int x) { out.push_back(x); });
  for (const int x : {1, 0, 2}) source.emit(x, ledger.issue(x));
  REQUIRE(out == std::vector{6, 3});
  REQUIRE(ledger.dropped() == Ids{0});
  REQUIRE(ledger[0].reason == "on_error: skipped after an exception");
  REQUIRE(quotients.info().failed.get() == 1);
  ledger.check();
}

TEST_CASE("on_error(propagate) is what happens without a policy") {
  Stream<int> source;
  Ledger ledger;
  Probe out{source.map(six_by).on_error(OnError::propagate)};
  REQUIRE_THROWS_AS(source.emit(0, ledger.issue(0)), std::domain_error);
  source.emit(1, ledger.issue(1));
  REQUIRE(out.values() == std::vector{6});
  REQUIRE(ledger.failed() == Ids{0});
}

TEST_CASE("a policy is for its operator alone, not for those behind it") {
  Stream<int> source;
  Ledger ledger;
  std::vector<int> out;
  const auto skip_or_retry = GENERATE(0, 1, 2);
  const auto odd_fails = [](int x) {
    if (x % 2 == 1) throw std::out_of_range("odd");
    return x;
  };
  const auto keep = [&](int x) { out.push_back(x); };
  Stream<DeadLetter<int>> letters;
  Probe<DeadLetter<int>> dead{letters};
  if (skip_or_retry == 0) source.map(six_by).on_error(OnError::skip).map(odd_fails).sink(keep);
  if (skip_or_retry == 1) source.map(six_by).on_error(Retry{}, OnError::skip).map(odd_fails).sink(keep);
  if (skip_or_retry == 2) source.map(six_by).on_error(divert_to(letters)).map(odd_fails).sink(keep);
  source.emit(1, ledger.issue(1));
  source.emit(0, ledger.issue(0));
  REQUIRE_THROWS_AS(source.emit(2, ledger.issue(2)), std::out_of_range);
  source.emit(3, ledger.issue(3));
  REQUIRE(out == std::vector{6, 2});
  REQUIRE(ledger.failed() == Ids{2});
  REQUIRE(dead.size() == (skip_or_retry == 2 ? 1 : 0));
}

TEST_CASE("a policy may stand in the middle of a chain and behind a filter") {
  Stream<int> source;
  std::vector<int> out;
  source.map([](int x) { return x - 5; })
      .filter([](int x) { return six_by(x) > 0; })
      .on_error(OnError::skip)
      .map([](int x) { return x * 10; })
      .sink([&](int x) { out.push_back(x); });
  for (int x = 3; x < 8; ++x) source.emit(x);
  REQUIRE(out == std::vector{10, 20});
}

TEST_CASE("retry calls again, without a loop at once") {
  Stream<int> source;
  Ledger ledger;
  int calls = 0;
  auto flaky = source.map(Flaky{2, &calls}).on_error(Retry{.attempts = 3}).stream();
  std::vector<int> out;
  flaky.sink([&](int x) { out.push_back(x); });
  source.emit(1, ledger.issue(1));
  source.emit(2, ledger.issue(2));
  REQUIRE(out == std::vector{1, 2});
  REQUIRE(calls == 6);
  REQUIRE(flaky.info().failed.get() == 0);
  REQUIRE(flaky.info().out.get() == 2);
  REQUIRE(ledger.failed().empty());
}

TEST_CASE("retry gives up after its attempts, and then the other policy decides") {
  Stream<int> source;
  Ledger ledger;
  int calls = 0;
  SECTION("propagate") {
    Probe out{source.map(Flaky{100, &calls}).on_error(Retry{.attempts = 4})};
    REQUIRE_THROWS_WITH(source.emit(1, ledger.issue(1)), containing("not yet"));
    REQUIRE(ledger.failed() == Ids{1});
  }
  SECTION("skip") {
    Probe out{source.map(Flaky{100, &calls}).on_error(Retry{.attempts = 4}, OnError::skip)};
    source.emit(1, ledger.issue(1));
    REQUIRE(ledger.dropped() == Ids{1});
  }
  SECTION("divert") {
    Stream<DeadLetter<int>> letters;
    Probe<DeadLetter<int>> out{letters};
    source.map(Flaky{100, &calls}).on_error(Retry{.attempts = 4}, divert_to(letters)).sink([](int) {});
    source.emit(1, ledger.issue(1));
    REQUIRE(out.size() == 1);
    REQUIRE(ledger.open() == Ids{1});  // the probe keeps the letter, and the letter the Ref
    out.clear();
    REQUIRE(ledger.left_out() == Ids{1});
  }
  REQUIRE(calls == 4);
}

TEST_CASE("retry waits between its attempts, longer each time, and elements behind keep their order") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  Stream<int> source{loop};
  std::vector<std::pair<int, Duration>> calls;
  const auto fails_on_1 = [&](int x) {
    calls.emplace_back(x, loop.now().time_since_epoch());
    if (x == 1 && calls.size() < 4) throw std::runtime_error("not yet");
    return x;
  };
  Probe out{source.map(fails_on_1).on_error(Retry{.attempts = 5, .backoff = 10ms, .factor = 3})};
  std::vector<Receipt> receipts;
  for (int i = 1; i <= 3; ++i) receipts.push_back(source.push(i));
  loop.run_for(129ms);
  for (const Receipt& receipt : receipts) REQUIRE(receipt.pending());
  loop.run();
  for (const Receipt& receipt : receipts) REQUIRE_NOTHROW(receipt.get());
  REQUIRE(calls == std::vector<std::pair<int, Duration>>{
                       {1, 0ms}, {1, 10ms}, {1, 40ms}, {1, 130ms}, {2, 130ms}, {3, 130ms}});
  REQUIRE(out.values() == std::vector{1, 2, 3});
}

TEST_CASE("a back-off has an upper bound, and jitter makes it shorter as the seed says") {
  const auto waits = [](Retry retry) {
    VirtualLoop loop;
    Stream<int> source{loop};
    std::vector<Duration> times;
    const auto fails = [&](int x) -> int {
      times.push_back(loop.now().time_since_epoch());
      throw std::runtime_error(std::to_string(x));
    };
    Probe out{source.map(fails).on_error(retry, OnError::skip)};
    source.emit(1);
    std::vector<Duration> between;
    for (std::size_t i = 1; i < times.size(); ++i) between.push_back(times[i] - times[i - 1]);
    return between;
  };
  REQUIRE(waits({.attempts = 5, .backoff = 10ms, .max_backoff = 25ms}) ==
          std::vector<Duration>{10ms, 20ms, 25ms, 25ms});
  const auto one = waits({.attempts = 5, .backoff = 10ms, .factor = 1, .jitter = 0.5, .seed = 1});
  REQUIRE(one.size() == 4);
  for (const Duration wait : one) {
    REQUIRE(wait > 5ms);
    REQUIRE(wait <= 10ms);
  }
  REQUIRE(one == waits({.attempts = 5, .backoff = 10ms, .factor = 1, .jitter = 0.5, .seed = 1}));
  REQUIRE(one != waits({.attempts = 5, .backoff = 10ms, .factor = 1, .jitter = 0.5, .seed = 2}));
}

TEST_CASE("what a retried element leaves behind comes back through its receipt") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Ledger ledger;
  int calls = 0;
  Probe out{source.map(Flaky{100, &calls}).on_error(Retry{.attempts = 3, .backoff = 1ms})};
  REQUIRE_THROWS_WITH(source.emit(1, ledger.issue(1)), containing("not yet"));
  REQUIRE(loop.now() == TimePoint{3ms});
  REQUIRE(calls == 3);
  loop.run();
  REQUIRE(ledger.failed() == Ids{1});
}

TEST_CASE("a dead letter carries the element, its context, the operator's name and the exception") {
  Stream<int> source;
  Ledger ledger;
  Stream<DeadLetter<int>> letters;
  std::vector<std::string> out;
  letters.sink([&](const DeadLetter<int>& letter) {
    try {
      std::rethrow_exception(letter.error);
    } catch (const std::exception& e) {
      out.push_back(std::to_string(letter.element) + " " + letter.where + " " + e.what() + " " +
                    std::to_string(*letter.context[0].data<Ledger::Id>()));
    }
  });
  std::vector<int> good;
  source.map(six_by).named("quotient").on_error(divert_to(letters)).sink([&](int x) { good.push_back(x); });
  for (const int x : {1, 0, 2}) source.emit(x, ledger.issue(x));
  REQUIRE(good == std::vector{6, 3});
  REQUIRE(out == std::vector<std::string>{"0 quotient division by zero 0"});
  REQUIRE(&letters.graph() == &source.graph());
  REQUIRE(ledger.failed().empty());
  ledger.check();
}

TEST_CASE("the Ref of a diverted element ends when its letter does") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Ledger ledger;
  Stream<DeadLetter<int>> letters;
  ScriptedSink<DeadLetter<int>> archive{letters, {.stalled = true}};
  source.map(six_by).on_error(divert_to(letters)).sink([](int) {});
  const Receipt receipt = source.push(0, ledger.issue(0));
  loop.run();
  REQUIRE(receipt.pending());  // back-pressure of the letters is that of the stream
  REQUIRE(ledger.open() == Ids{0});
  archive.fail();
  loop.run();
  REQUIRE_THROWS_AS(receipt.get(), ScriptedFailure);
  REQUIRE(ledger.failed() == Ids{0});
}

TEST_CASE("letters end with their stream, and may go back into it") {
  Stream<int> source;
  Stream<DeadLetter<int>> letters;
  Probe<DeadLetter<int>> dead{letters};
  std::vector<int> out;
  source.map(six_by).on_error(divert_to(letters)).sink([&](int x) { out.push_back(x); });
  Stream<int> again = letters.map([](const DeadLetter<int>& letter) { return letter.element + 1; });
  again.connect(source);
  source.emit(0);
  REQUIRE(out == std::vector{6});
  source.close();
  REQUIRE(dead.ended());
}

TEST_CASE("a sink takes its policy as the last argument") {
  SECTION("a function") {
    Stream<int> source;
    Ledger ledger;
    std::vector<int> out;
    source.sink(
        [&](int x) {
          if (x == 2) throw std::runtime_error("two");
          out.push_back(x);
        },
        on_error(OnError::skip));
    for (const int x : {1, 2, 3}) source.emit(x, ledger.issue(x));
    REQUIRE(out == std::vector{1, 3});
    REQUIRE(ledger.dropped() == Ids{2});
    ledger.check();
  }
  SECTION("with bound arguments and a retry") {
    VirtualLoop loop;
    Stream<int> source{loop};
    Ledger ledger;
    std::vector<int> out;
    int calls = 0;
    source.sink(
        [&](int x, int y) {
          if (++calls < 3) throw std::runtime_error("not yet");
          out.push_back(x + y);
        },
        10, on_error(Retry{.attempts = 3, .backoff = 2ms}));
    source.emit(1, ledger.issue(1));
    REQUIRE(out == std::vector{11});
    REQUIRE(loop.now() == TimePoint{6ms});
    loop.run();
    REQUIRE(ledger.left_out() == Ids{1});
  }
}

TEST_CASE("the policy of a sink covers what fails later, and the Ref ends as the policy says") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2)};
  Stream<int> source{loop};
  Ledger ledger;
  SECTION("tried again with success") {
    ScriptedSink<int> slow{on_error(Retry{.attempts = 3, .backoff = 10ms}).before_sink(source),
                           {.takes = 5ms, .fails = 2}};
    const Receipt first = source.push(1, ledger.issue(1));
    const Receipt second = source.push(2, ledger.issue(2));
    loop.run();
    REQUIRE_NOTHROW(first.get());
    REQUIRE_NOTHROW(second.get());
    REQUIRE(slow.completed() == std::vector{1, 2});
    // 5 and 10 to wait, 5 and 20 to wait, 5, and 5 for the second element.
    REQUIRE(loop.now() == TimePoint{50ms});
    REQUIRE(ledger.left_out() == Ids{1, 2});
  }
  SECTION("skipped") {
    ScriptedSink<int> slow{on_error(OnError::skip).before_sink(source), {.takes = 5ms, .fails = 1}};
    source.emit(1, ledger.issue(1));
    source.emit(2, ledger.issue(2));
    loop.run();
    REQUIRE(slow.completed() == std::vector{2});
    REQUIRE(ledger.dropped() == Ids{1});
  }
  SECTION("propagated in the end") {
    ScriptedSink<int> slow{on_error(Retry{.attempts = 2}).before_sink(source), {.takes = 5ms, .fails = 2}};
    REQUIRE_THROWS_AS(source.emit(1, ledger.issue(1)), ScriptedFailure);
    source.emit(2, ledger.issue(2));
    loop.run();
    REQUIRE(slow.completed() == std::vector{2});
    REQUIRE(ledger.failed() == Ids{1});
  }
  ledger.check();
}

TEST_CASE("the end waits for an element that is tried again") {
  VirtualLoop loop;
  Stream<int> source{loop};
  int calls = 0;
  Probe out{source.map(Flaky{2, &calls}).on_error(Retry{.attempts = 3, .backoff = 10ms})};
  const Receipt receipt = source.push(1);
  source.close();
  REQUIRE(out.values() == std::vector{1});
  REQUIRE(out.ended());
  REQUIRE(loop.now() == TimePoint{30ms});
}

TEST_CASE("an operator that goes away drops what it would have tried again") {
  VirtualLoop loop;
  Ledger ledger;
  Receipt first;
  Receipt second;
  {
    Stream<int> source{loop};
    int calls = 0;
    Probe out{source.map(Flaky{2, &calls}).on_error(Retry{.attempts = 3, .backoff = 10ms})};
    first = source.push(1, ledger.issue(1));
    second = source.push(2, ledger.issue(2));
    loop.run_for(5ms);
  }
  REQUIRE_THROWS_AS(first.get(), Stopped);
  REQUIRE_THROWS_AS(second.get(), Stopped);
  REQUIRE_FALSE(loop.next_deadline());
  loop.run();
  REQUIRE(ledger.dropped() == Ids{1, 2});
}

TEST_CASE("wiring: on_error refuses wrong numbers, and a back-off without a loop") {
  REQUIRE_THROWS_WITH(on_error(Retry{.attempts = 0}), containing("on_error: attempts must be at least 1"));
  REQUIRE_THROWS_WITH(on_error(Retry{.backoff = -1ms}),
                      containing("on_error: the back-off must not be negative"));
  REQUIRE_THROWS_WITH(on_error(Retry{.factor = 0.5}), containing("on_error: the factor must be at least 1"));
  REQUIRE_THROWS_WITH(on_error(Retry{.jitter = 2}), containing("on_error: the jitter must be from 0 to 1"));
  REQUIRE_THROWS_WITH(on_error(Retry{.max_backoff = 0ms}),
                      containing("on_error: max_backoff must be longer than 0"));
  Stream<int> source;
  REQUIRE_THROWS_WITH(source.map(six_by).on_error(Retry{.backoff = 1ms}),
                      containing("on_error: a retry with a back-off needs an event loop"));
}

TEST_CASE("behind map_async a skipped element leaves the others and their order alone") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2)};
  Stream<int> source{loop};
  Ledger ledger;
  Calls calls{loop};
  auto mapped = source.map_async(calls.function(), {.parallelism = 3, .stop_on_exception = true})
                    .on_error(OnError::skip);
  Probe out{mapped, ledger};
  for (int x = 1; x <= 4; ++x) static_cast<void>(source.push(x, ledger.issue(x)));
  loop.run();
  REQUIRE(calls.now() == std::vector{1, 2, 3});
  calls.succeed(3);
  calls.fail(2);
  loop.run();
  REQUIRE(out.values().empty());
  calls.succeed(1);
  loop.run();
  REQUIRE(calls.now() == std::vector{4});
  calls.fail(4);
  loop.run();
  REQUIRE(out.values() == std::vector{10, 30});
  REQUIRE(ledger.emitted() == Ids{1, 3});
  REQUIRE(ledger.dropped() == Ids{2, 4});
  REQUIRE(ledger[2].reason == "on_error: skipped after an exception");
  REQUIRE(mapped.info().failed.get() == 2);
  REQUIRE(mapped.info().out.get() == 2);
  REQUIRE(mapped.info().held.get() == 0);
  REQUIRE(mapped.info().late_errors.get() == 0);
}

TEST_CASE("behind map_async a call is made again after its back-off, in its place and its slot") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2)};
  Stream<int> source{loop};
  Ledger ledger;
  Calls calls{loop};
  const bool ordered = GENERATE(true, false);
  auto mapped = source.map_async(calls.function(), {.parallelism = 2, .ordered = ordered})
                    .on_error(Retry{.attempts = 3, .backoff = 10ms, .factor = 3});
  Probe out{mapped, ledger};
  for (int x = 1; x <= 3; ++x) static_cast<void>(source.push(x, ledger.issue(x)));
  calls.fail(1);
  calls.succeed(2);
  loop.run_for(5ms);
  // The first rests with its slot; what is behind it waits only where there is an order.
  REQUIRE(calls.now() == (ordered ? std::vector<int>{} : std::vector{3}));
  REQUIRE(out.values() == (ordered ? std::vector<int>{} : std::vector{20}));
  loop.run_for(5ms);
  REQUIRE(calls.open.back().x == 1);
  REQUIRE(calls.open.back().at == 10ms);
  calls.fail(1);
  loop.run_for(29ms);
  REQUIRE(calls.now() == (ordered ? std::vector<int>{} : std::vector{3}));
  loop.run_for(1ms);
  REQUIRE(calls.open.back().x == 1);
  REQUIRE(calls.open.back().at == 40ms);
  calls.succeed(1);
  loop.run();
  REQUIRE(out.values() == (ordered ? std::vector{10, 20} : std::vector{20, 10}));
  calls.succeed(3);
  loop.run();
  REQUIRE(ledger.emitted() == Ids{1, 2, 3});
  REQUIRE(mapped.info().failed.get() == 0);
  ledger.check();
}

TEST_CASE("behind map_async the error of the last attempt is reported, or comes back at once") {
  SECTION("reported") {
    VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2)};
    Stream<int> source{loop};
    Ledger ledger;
    Calls calls{loop};
    int errors = 0;
    source.on_background_error([&](const std::exception_ptr&, const Info&) { ++errors; });
    auto mapped = source.map_async(calls.function()).on_error(Retry{.attempts = 2});
    Probe out{mapped};
    source.emit(1, ledger.issue(1));
    calls.fail(1);
    loop.run();
    REQUIRE(errors == 0);
    REQUIRE(calls.now() == std::vector{1});
    calls.fail(1);
    loop.run();
    REQUIRE(errors == 1);
    REQUIRE(calls.now().empty());
    REQUIRE(ledger.failed() == Ids{1});
    REQUIRE(mapped.info().failed.get() == 1);
  }
  SECTION("at once") {
    Stream<int> source;
    Ledger ledger;
    int attempts = 0;
    const auto refuses = [&](int x, Completion<int> done) {
      ++attempts;
      if (x == 1) throw std::domain_error("refused");
      if (x == 2) return done(std::make_exception_ptr(std::domain_error("refused later")));
      if (x == 3 && attempts % 3 != 0) throw std::domain_error("not yet");
      done(x);
    };
    auto mapped = source.map_async(refuses).on_error(Retry{.attempts = 3});
    Probe out{mapped};
    REQUIRE_THROWS_WITH(source.emit(1, ledger.issue(1)), "refused");
    REQUIRE_THROWS_WITH(source.emit(2, ledger.issue(2)), "refused later");
    source.emit(3, ledger.issue(3));
    REQUIRE(attempts == 9);
    REQUIRE(out.values() == std::vector{3});
    REQUIRE(ledger.failed() == Ids{1, 2});
    REQUIRE(mapped.info().held.get() == 0);
  }
}

TEST_CASE("behind map_async an element that was moved from is whole for the next attempt and in its letter") {
  Stream<std::string> source;
  Stream<DeadLetter<std::string>> letters;
  std::vector<std::string> seen, dead;
  letters.sink([&](const auto& letter) { dead.push_back(letter.element + " in " + letter.where); });
  const auto eats = [&](std::string text, Completion<int>) { seen.push_back(std::move(text)); };
  source.map_async(eats).named("eater").on_error(Retry{.attempts = 3}, divert_to(letters)).sink([](int) {});
  source.emit("a text that is too long for where it stands");
  REQUIRE(seen == std::vector<std::string>(3, "a text that is too long for where it stands"));
  REQUIRE(dead == std::vector<std::string>{"a text that is too long for where it stands in eater"});
}

TEST_CASE("behind map_async a letter takes the Refs along and may wait, and the end comes behind it") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2)};
  Stream<int> source{loop};
  Ledger ledger;
  Calls calls{loop};
  Stream<DeadLetter<int>> letters;
  ScriptedSink<DeadLetter<int>> archive{letters, {.stalled = true}};
  Probe out{source.map_async(calls.function(), {.parallelism = 1}).on_error(divert_to(letters))};
  static_cast<void>(source.push(1, ledger.issue(1)));
  const Receipt second = source.push(2, ledger.issue(2));
  const Receipt end = source.push_end();
  calls.fail(1);
  loop.run();
  REQUIRE(archive.taken() == 1);
  REQUIRE(second.pending());  // the slot is free when the letter is taken
  REQUIRE(ledger.open() == Ids{1, 2});
  archive.complete();
  loop.run();
  REQUIRE_FALSE(second.pending());
  calls.succeed(2);
  loop.run();
  REQUIRE(out.values() == std::vector{20});
  REQUIRE(out.ended());
  REQUIRE(archive.ended());
  REQUIRE_NOTHROW(end.get());
}

TEST_CASE("behind map_async an element that rests keeps the graph from being idle and is dropped with it") {
  VirtualLoop loop;
  Ledger ledger;
  {
    Stream<int> source{loop};
    Calls calls{loop};
    Probe out{source.map_async(calls.function()).on_error(Retry{.attempts = 2, .backoff = 10ms})};
    source.emit(1, ledger.issue(1));
    calls.fail(1);
    loop.run_for(5ms);
    REQUIRE_FALSE(source.graph().idle());
  }
  REQUIRE_FALSE(loop.next_deadline());
  loop.run();
  REQUIRE(ledger.dropped() == Ids{1});
}

TEST_CASE("behind map_async what can only be moved may be skipped") {
  Stream<std::unique_ptr<int>> source;
  const auto refuses = [](std::unique_ptr<int> x, Completion<int> done) {
    if (*x == 0) throw std::domain_error("zero");
    done(*x);
  };
  std::vector<int> out;
  (source | map_async(refuses) | on_error(OnError::skip)).sink([&](int x) { out.push_back(x); });
  for (const int x : {1, 0, 2}) source.emit(std::make_unique<int>(x));
  REQUIRE(out == std::vector{1, 2});
}

TEST_CASE("wiring: a back-off behind map_async needs a loop") {
  Stream<int> source;
  const auto fn = [](int x, Completion<int> done) { done(x); };
  REQUIRE_THROWS_WITH(source.map_async(fn).on_error(Retry{.backoff = 1ms}),
                      containing("on_error: a retry with a back-off needs an event loop"));
}

TEST_CASE("an element whose function emits at the source and then throws waits behind what that has emitted") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Ledger ledger;
  Receipt inner;
  std::vector<int> calls;
  const auto fn = [&](int x) {
    calls.push_back(x);
    const bool first = std::count(calls.begin(), calls.end(), x) == 1;
    if (first && x == 1) {
      inner = source.push(2, ledger.issue(2));
      static_cast<void>(source.push(3, ledger.issue(3)));
    }
    if (first && x != 3) throw std::runtime_error("not yet");
    return x * 10;
  };
  std::vector<int> out;
  source.map(fn).on_error(Retry{.attempts = 3, .backoff = 10ms}).sink([&](int x) { out.push_back(x); });
  Receipt outer;
  loop.post(*new FunctionTask([&] { outer = source.push(1, ledger.issue(1)); }));
  loop.run_ready();
  REQUIRE(inner.pending());
  REQUIRE(outer.pending());
  REQUIRE(ledger.open() == Ids{1, 2, 3});
  loop.run();
  REQUIRE(out == std::vector{20, 30, 10});
  REQUIRE(calls == std::vector{1, 2, 2, 3, 1});
  REQUIRE_NOTHROW(inner.get());
  REQUIRE_NOTHROW(outer.get());
  REQUIRE(ledger.open().empty());
  REQUIRE(ledger.dropped().empty());
  REQUIRE(ledger.failed().empty());
  REQUIRE(source.graph().idle());
}

TEST_CASE("an element that a sink works on when what it has emitted is to be tried again is not sent twice, and may fail") {
  const bool fails = GENERATE(false, true);
  VirtualLoop loop;
  Stream<int> source{loop};
  Ledger ledger;
  Receipt inner;
  std::vector<int> calls;
  std::vector<Completion<>> open;
  const auto fn = [&](int x, Completion<> done) {
    calls.push_back(x);
    const bool first = std::count(calls.begin(), calls.end(), x) == 1;
    if (first && x == 1) inner = source.push(2, ledger.issue(2));
    if (first && x == 2) throw std::runtime_error("not yet");
    open.push_back(std::move(done));
  };
  static_cast<void>(source.sink(fn, on_error(Retry{.attempts = 2, .backoff = 10ms})));
  Receipt outer;
  loop.post(*new FunctionTask([&] { outer = source.push(1, ledger.issue(1)); }));
  loop.run();
  REQUIRE(calls == std::vector{1, 2, 2});
  REQUIRE(open.size() == 2);  // of 1, and of 2
  if (fails) {
    open[0](std::make_exception_ptr(std::runtime_error("refused")));
  } else {
    open[0]();
  }
  open[1]();
  loop.run();
  REQUIRE_NOTHROW(inner.get());
  REQUIRE(outer.pending() == fails);
  if (fails) {
    REQUIRE(calls == std::vector{1, 2, 2, 1});
    open[2]();
    loop.run();
  }
  REQUIRE_NOTHROW(outer.get());
  REQUIRE(calls.size() == (fails ? 4u : 3u));
  REQUIRE(ledger.open().empty());
  REQUIRE(ledger.failed().empty());
  REQUIRE(source.graph().idle());
}

TEST_CASE("the end comes to the letters although what is flushed behind the results throws") {
  const auto refuses = [](const std::vector<int>&) { throw std::runtime_error("flush"); };
  Stream<int> source;
  Stream<DeadLetter<int>> letters;
  Probe<std::vector<DeadLetter<int>>> lost{letters.partition(5)};
  SECTION("of map") {
    source.map(six_by).on_error(divert_to(letters)).partition(5).sink(refuses);
  }
  SECTION("of map_async") {
    const auto fn = [](int x, Completion<int> done) { done(six_by(x)); };
    source.map_async(fn).on_error(divert_to(letters)).partition(5).sink(refuses);
  }
  source.emit(1);
  source.emit(0);
  REQUIRE_THROWS_WITH(source.close(), "flush");
  REQUIRE(lost.size() == 1);
  REQUIRE(lost.values().front().size() == 1);
  REQUIRE(lost.ended());
}

TEST_CASE("behind map_async an element of which there is no copy for another attempt has failed, and its slot is free") {
  struct Fragile {
    Fragile(int number, bool* flag) : n(number), breaks(flag) {}
    Fragile(const Fragile& other) : n(other.n), breaks(other.breaks) {
      if (std::exchange(*breaks, false)) throw std::runtime_error("no copy");
    }
    int n;
    bool* breaks;
  };
  const auto pause = GENERATE(0ms, 10ms);
  VirtualLoop loop;
  Stream<Fragile> source{loop};
  Ledger ledger;
  bool breaks = false;
  const auto fn = [&](const Fragile& x, Completion<int> done) {
    if (x.n == 0) {
      breaks = true;
      throw std::runtime_error("refused");
    }
    done(x.n);
  };
  Probe<int> out{source.map_async(fn, {.parallelism = 1}).on_error(Retry{.attempts = 3, .backoff = pause})};
  const Fragile bad{0, &breaks};
  REQUIRE_THROWS_WITH(source.push(bad, ledger.issue(1)), "no copy");
  const Receipt next = source.push(Fragile{7, &breaks}, ledger.issue(2));
  loop.run();
  REQUIRE_NOTHROW(next.get());
  REQUIRE(out.values() == std::vector{7});
  REQUIRE(ledger.failed() == Ids{1});
  REQUIRE(ledger.open().empty());
  REQUIRE(source.graph().idle());
}
