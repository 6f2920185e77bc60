// SPDX-License-Identifier: BSL-1.0
// What operators do when a checkpoint passes, beside what their contracts say.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/ops/frequencies.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/states.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using penstock::testing::Probe;
using penstock::testing::States;

namespace {

using Numbers = std::vector<int>;

constexpr auto sum = [](int total, int x) {
  if (x < 0) throw std::domain_error("negative");
  return total + x;
};

Receipt barrier(const Stream<int>& source) {
  return penstock::detail::offer(source.outlet(), Signal{Signal::barrier, 1});
}

template <class Make>
std::string why_not(const std::vector<std::string>& bytes, Make make) {
  const Stream<int> source;
  make(source);
  States states{source.graph()};
  std::string why;
  try {
    states.load(bytes);
  } catch (const StateError& error) {
    why = error.what();
  }
  states.detach();
  return why;
}
template <class Make>
std::vector<std::string> saved(Make make, const Numbers& numbers) {
  const Stream<int> source;
  make(source);
  States states{source.graph()};
  for (const int number : numbers) source.emit(number);
  std::vector<std::string> bytes = states.now();
  states.detach();
  return bytes;
}

struct NoCodec {
  int* pointer = nullptr;
};

}  // namespace

TEST_CASE("an operator with an error policy is saved like one without") {
  const auto check = [](auto... policies) {
    const auto wire = [policies...](const Stream<int>& source, Numbers& out) {
      source.accumulate(sum, 0).on_error(policies...).sink([&](int x) { out.push_back(x); });
    };
    Numbers out;
    std::vector<std::string> bytes;
    {
      const Stream<int> source;
      wire(source, out);
      States states{source.graph()};
      for (const int x : {1, -5, 2}) source.emit(x);
      CHECK_FALSE(barrier(source).pending());
      REQUIRE(states.times() == std::vector<std::size_t>{1});
      bytes = states.bytes();
      states.detach();
    }
    const Stream<int> source;
    wire(source, out);
    States states{source.graph()};
    states.load(bytes);
    source.emit(4);
    states.detach();
    CHECK(out == Numbers{1, 3, 7});
  };
  check(OnError::skip);
  check(Retry{.attempts = 2}, OnError::skip);
}

TEST_CASE("a barrier waits behind an element that is tried again, and then goes to the dead letters, too") {
  VirtualLoop loop;
  const Stream<int> source{loop};
  const Stream<DeadLetter<int>> letters;
  std::vector<std::string> seen;
  const auto fails = [](int) -> int { throw std::domain_error("always"); };
  source.map(fails)
      .on_error(Retry{.attempts = 2, .backoff = 1s}, divert_to(letters))
      .sink([&](int) { seen.push_back("element"); });
  letters.sink([&](const DeadLetter<int>& letter) { seen.push_back("letter " + std::to_string(letter.element)); });
  const Receipt element = source.push(1);
  const Receipt receipt = barrier(source);
  const Receipt behind = source.push(2);
  CHECK(receipt.pending());
  loop.run_for(999ms);
  CHECK(receipt.pending());
  CHECK(seen.empty());
  loop.run_for(1ms);
  CHECK_FALSE(element.pending());
  CHECK_FALSE(receipt.pending());
  CHECK(behind.pending());
  CHECK(seen == std::vector<std::string>{"letter 1"});
}

TEST_CASE("while barriers are on their way zip lets go of whoever waits for partners behind them") {
  VirtualLoop loop;
  const Stream<int> a{loop}, b{loop};
  std::vector<int> out;
  a.zip(b, ZipOptions{.maxsize = 2}).sink([&](const std::tuple<int, int>& both) { out.push_back(std::get<0>(both)); });
  States states{a.graph()};
  for (int i = 0; i < 2; ++i) CHECK_FALSE(a.push(int{i}).pending());
  const Receipt third = a.push(2);
  CHECK(third.pending());
  const Receipt at_b = barrier(b);  // what b has for it comes behind this
  const Receipt from_b = b.push(10);
  CHECK(at_b.pending());
  CHECK(from_b.pending());
  loop.run_ready();
  CHECK_FALSE(third.pending());
  CHECK_FALSE(a.push(3).pending());
  CHECK(out.empty());
  const Receipt at_a = barrier(a);
  loop.run_ready();
  CHECK_FALSE(at_a.pending());
  CHECK_FALSE(at_b.pending());
  CHECK_FALSE(from_b.pending());
  CHECK(out == Numbers{0});
  CHECK(states.times() == std::vector<std::size_t>{1});
  // Three are left, which is one over the bound that nobody waits for; from here on it counts again.
  const Receipt fifth = a.push(4);
  CHECK(fifth.pending());
  static_cast<void>(b.push(11));
  loop.run_ready();
  CHECK(fifth.pending());
  static_cast<void>(b.push(12));
  loop.run_ready();
  CHECK_FALSE(fifth.pending());
  states.detach();
}

TEST_CASE("a delay is saved with the time that is left to each element") {
  VirtualLoop loop;
  std::vector<std::pair<int, Duration>> out;
  const auto wire = [&](const Stream<int>& source) {
    source.delay(10s).sink([&](int x) { out.emplace_back(x, loop.now().time_since_epoch()); });
  };
  std::vector<std::string> bytes;
  {
    const Stream<int> source{loop};
    wire(source);
    States states{source.graph()};
    source.emit(1);
    loop.run_for(4s);
    source.emit(2);
    loop.run_for(3s);
    CHECK_FALSE(barrier(source).pending());  // it does not wait for them
    bytes = states.bytes();
    states.detach();
  }
  loop.run_until(TimePoint{100s});
  const Stream<int> source{loop};
  wire(source);
  States states{source.graph()};
  states.load(bytes);
  loop.run();
  states.detach();
  CHECK(out == std::vector<std::pair<int, Duration>>{{1, 103s}, {2, 107s}});
}

TEST_CASE("a delay is saved with the watermarks that stand between its elements") {
  VirtualLoop loop;
  const auto tell = [](const Stream<int>& source, Signal signal) { static_cast<void>(source.outlet().signal(signal)); };
  std::vector<std::string> bytes;
  {
    const Stream<int> source{loop};
    source.delay(10s).sink([](int) {});
    States states{source.graph()};
    source.emit(1);
    tell(source, {Signal::watermark, 5});
    tell(source, {Signal::idle});
    loop.run_for(4s);
    source.emit(2);
    tell(source, {Signal::active});
    tell(source, {Signal::watermark, 9});
    bytes = states.now();
    states.detach();
  }
  const Stream<int> source{loop};
  const Probe<int> probe{source.delay(10s)};
  States states{source.graph()};
  states.load(bytes);
  CHECK(states.now() == bytes);
  const auto told = [&](Duration time) {
    loop.run_for(time);
    std::vector<std::pair<Signal::Kind, std::int64_t>> signals;
    for (const Signal& signal : probe.signals()) {
      if (signal.kind != Signal::barrier) signals.emplace_back(signal.kind, signal.value);
    }
    return signals;
  };
  std::vector<std::pair<Signal::Kind, std::int64_t>> expected;
  CHECK(told(5s) == expected);
  source.emit(3);
  tell(source, {Signal::watermark, 12});
  expected.emplace_back(Signal::watermark, 5);
  expected.emplace_back(Signal::idle, 0);
  CHECK(told(2s) == expected);
  CHECK(probe.values() == Numbers{1});
  expected.emplace_back(Signal::active, 0);
  expected.emplace_back(Signal::watermark, 9);
  CHECK(told(3s) == expected);
  CHECK(probe.values() == Numbers{1, 2});
  expected.emplace_back(Signal::watermark, 12);
  CHECK(told(5s) == expected);
  states.detach();
}

TEST_CASE("a delay that was saved without watermarks can be restored") {
  VirtualLoop loop;
  StateWriter to;
  to.put(std::uint64_t{1});
  to.put(Duration{4s});
  to.put(7);
  to.put(Context{});
  const Stream<int> source{loop};
  const Probe<int> probe{source.delay(10s)};
  States states{source.graph()};
  states.load({to.take()});
  loop.run_for(4s);
  CHECK(probe.values() == Numbers{7});
  states.detach();
}

TEST_CASE("a window that has ended and was not yet emitted when it was saved is emitted at once") {
  using Windows = std::vector<std::pair<Numbers, Duration>>;
  const auto wire = [](const Stream<int>& source, VirtualLoop& loop, Windows& out) {
    source.timed_window(10s).sink([&](const Numbers& window) { out.emplace_back(window, loop.now().time_since_epoch()); });
  };
  const auto restored = [&](Duration at, Duration until) {
    std::vector<std::string> bytes;
    Windows out;
    {
      VirtualLoop loop;
      const Stream<int> source{loop};
      wire(source, loop, out);
      States states{source.graph()};
      if (at != Duration::zero()) loop.run_for(at);
      source.emit(1);
      bytes = states.now();
      states.detach();
    }
    VirtualLoop loop;
    const Stream<int> source{loop};
    wire(source, loop, out);
    States states{source.graph()};
    states.load(bytes);
    CHECK(states.now() == bytes);
    loop.run_for(until);
    states.detach();
    return out;
  };
  // The first window ends where it begins, and is empty; an element that comes before that was told is in it.
  CHECK(restored(0s, 15s) == Windows{{{1}, 0s}, {{}, 10s}});
  CHECK(restored(4s, 15s) == Windows{{{}, 0s}, {{1}, 6s}});
}

TEST_CASE("a slice that is restored with an end in front of its place lets nothing more pass") {
  const auto passes = [](const std::vector<std::string>& bytes, std::int64_t end, int n) {
    const Stream<int> source;
    Numbers passed;
    source.slice(0, end, 2).sink([&](int x) { passed.push_back(x); });
    States states{source.graph()};
    states.load(bytes);
    for (int i = 0; i < n; ++i) source.emit(i);
    states.detach();
    return passed;
  };
  const auto five = saved([](const Stream<int>& source) { source.slice(0, 10, 2).sink([](int) {}); }, {0, 1, 2, 3, 4});
  CHECK(passes(five, 3, 50) == Numbers{});
  CHECK(passes(five, 6, 50) == Numbers{});
  CHECK(passes(five, 7, 50) == Numbers{1});  // it was at position 5, and 6 is next
}

TEST_CASE("frequencies that are restored with another maxsize forget what is too much") {
  using Counts = std::map<int, std::size_t>;
  const auto after = [](const std::vector<std::string>& bytes, std::size_t maxsize, int x) {
    const Stream<int> source;
    Counts last;
    source.frequencies(Frequencies{.maxsize = maxsize}).sink([&](const Counts& counts) { last = counts; });
    States states{source.graph()};
    states.load(bytes);
    source.emit(x);
    states.detach();
    return last;
  };
  const auto counted = [](std::size_t maxsize) {
    return [=](const Stream<int>& source) {
      source.frequencies(Frequencies{.maxsize = maxsize}).sink([](const Counts&) {});
    };
  };
  const auto unbounded = saved(counted(0), {1, 2, 3, 3, 4});
  CHECK(after(unbounded, 2, 9).size() == 2);
  CHECK(after(unbounded, 0, 9) == Counts{{1, 1}, {2, 1}, {3, 2}, {4, 1}, {9, 1}});
  const auto bounded = saved(counted(3), {1, 2, 3, 1});  // 2 has not come for the longest time
  CHECK(after(bounded, 2, 1) == Counts{{1, 3}, {3, 1}});
  CHECK(after(bounded, 3, 9) == Counts{{1, 2}, {3, 1}, {9, 1}});
  CHECK(after(bounded, 0, 9) == Counts{{1, 2}, {2, 1}, {3, 1}, {9, 1}});
}

TEST_CASE("state that does not fit is refused in a sentence") {
  const auto three = [](const Stream<int>& source) { source.partition(3).sink([](const Numbers&) {}); };
  const auto two = [](const Stream<int>& source) { source.partition(2).sink([](const Numbers&) {}); };
  CHECK(why_not(saved(three, {1, 2}), three).empty());
  CHECK_THAT(why_not(saved(three, {1, 2}), two), Contains("holds 2 elements of a vector that has 2 now"));
  const auto both = [](const Stream<int>& source) { zip_all<int>({source, source}).sink([](const Numbers&) {}); };
  const auto all = [](const Stream<int>& source) { zip_all<int>({source, source, source}).sink([](const Numbers&) {}); };
  CHECK_THAT(why_not(saved(both, {}), all), Contains("another number of streams"));
  const auto number = [](const Stream<int>& source) { source.accumulate(sum, 0).sink([](int) {}); };
  const auto real = [](const Stream<int>& source) {
    source.accumulate([](double total, int x) { return total + x; }, 0.0).sink([](double) {});
  };
  CHECK_THAT(why_not(saved(number, {1}), real), Contains("i32") && Contains("f64"));
}

TEST_CASE("each operator says what it does when a checkpoint passes") {
  VirtualLoop loop;
  const Stream<int> source{loop};
  const auto recovery = [](const auto& stream) { return stream.info().recovery; };
  CHECK(recovery(source.map([](int x) { return x; }).stream()) == Recovery::stateless);
  CHECK(recovery(source.merge(Stream<int>{loop})) == Recovery::stateless);
  CHECK(recovery(source.unique().stream()) == Recovery::state);
  CHECK(recovery(source.collect()) == Recovery::state);
  CHECK(recovery(source.zip(source)) == Recovery::state);
  CHECK(recovery(source.timed_window(1s)) == Recovery::state);
  CHECK(recovery(source.delay(1s)) == Recovery::state);
  CHECK(recovery(source.buffer(3)) == Recovery::drained);
  CHECK(recovery(source.buffer(3, {.overflow = WhenFull::fail})) == Recovery::drained);
  CHECK(recovery(source.buffer(3, {.overflow = WhenFull::drop_oldest})) == Recovery::lossy);
  CHECK(recovery(source.buffer(3, keep_one_per([](int x) { return x; }))) == Recovery::lossy);
  CHECK(recovery(source.latest()) == Recovery::lossy);
  CHECK(recovery(source.debounce(1s)) == Recovery::lossy);
  CHECK(recovery(source.sample(1s)) == Recovery::lossy);
  CHECK(recovery(source.rate_limit(1s)) == Recovery::drained);
  CHECK(recovery(source.map_async([](int x, Completion<int> done) { done(std::move(x)); })) == Recovery::drained);
  CHECK(source.sink([](int) {}).info().guarantee == Guarantee::at_least_once);

  // What has no codec cannot be saved, and says so by having nothing to save.
  const auto pointers = source.map([](int) { return NoCodec{}; }).stream();
  const auto newest = pointers.pairwise().stream();
  CHECK(recovery(newest) == Recovery::state);
  CHECK(newest.info().state == nullptr);
  CHECK(recovery(pointers.delay(1s)) == Recovery::drained);
}
