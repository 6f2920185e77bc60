// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using testing::Probe;
using Windows = std::vector<std::vector<int>>;

TEST_CASE("row 42: sliding_window emits the last n elements, with or without the first windows") {
  Stream<int> source;
  Probe partial{source.sliding_window(2)};
  Probe full{source.sliding_window(2, {.return_partial = false})};
  Windows expected{{0}};
  for (int i = 0; i < 10; ++i) {
    source.emit(i);
    if (i > 0) expected.push_back({i - 1, i});
  }
  REQUIRE(partial.values() == expected);
  expected.erase(expected.begin());
  REQUIRE(full.values() == expected);
}

TEST_CASE("row 43: sliding_window holds all but the oldest element of a full window") {
  Stream<int> source;
  auto windows = source.sliding_window(2).stream();
  source.emit(-2);
  Ref previous = Ref::with(-1);
  source.emit(-1, Context{previous});
  for (int i = 0; i < 10; ++i) {
    Ref ref = Ref::with(i);
    REQUIRE(previous.use_count() - 1 == 1);
    source.emit(i, Context{ref});
    REQUIRE(previous.use_count() - 1 == 0);
    REQUIRE(ref.use_count() - 1 == 1);
    previous = ref;
  }
}

TEST_CASE("row 44: sliding_window joins metadata") {
  Stream<int> source;
  Probe<std::vector<int>, int> probe{source.sliding_window(2)};
  source.emit(0);
  for (int i = 1; i < 4; ++i) source.emit(i, Context{Ref::with(i)});
  REQUIRE(probe.metadata() == std::vector<std::vector<int>>{{}, {1}, {1, 2}, {2, 3}});
}

TEST_CASE("row 59: a buffer takes the windows of a sliding_window") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe probe{source.sliding_window(1).buffer(1)};
  source.emit(1);
  loop.run();
  REQUIRE(probe.values() == Windows{{1}});
}

TEST_CASE("P15: sliding_window counts after each element, in both modes") {
  const std::vector<std::vector<std::uint32_t>> expected{
      {1, 0, 0, 0, 0}, {1, 1, 0, 0, 0}, {0, 1, 1, 0, 0}, {0, 0, 1, 1, 0}, {0, 0, 0, 1, 1}};
  for (const bool partial : {true, false}) {
    Stream<int> source;
    auto windows = source.sliding_window(3, {.return_partial = partial}).stream();
    std::vector<Ref> refs;
    for (int i = 0; i < 5; ++i) refs.push_back(Ref::with(i));
    for (std::size_t i = 0; i < 5; ++i) {
      source.emit(static_cast<int>(i), Context{refs[i]});
      std::vector<std::uint32_t> counts;
      for (const Ref& ref : refs) counts.push_back(ref.use_count() - 1);
      REQUIRE(counts == expected[i]);
    }
  }
}

TEST_CASE("sliding_window lets go of what it holds at the end as done, and drops it when it is destroyed") {
  std::vector<Outcome> ends;
  const auto ref = [&] { return Context{Ref([&](const Ending& end) { ends.push_back(end.outcome); })}; };
  {
    Stream<int> source;
    Probe probe{source.sliding_window(3)};
    source.emit(1, ref());
    REQUIRE(!source.push_end().pending());
    REQUIRE(probe.ended());
    REQUIRE(ends == std::vector{Outcome::done});
  }
  {
    Stream<int> source;
    Probe probe{source.sliding_window(3)};
    source.emit(1, ref());
    source.emit(2, ref());
  }
  REQUIRE(ends == std::vector{Outcome::done, Outcome::dropped, Outcome::dropped});
}

TEST_CASE("sliding_window keeps to its windows when what follows emits again, or throws") {
  Stream<int> source;
  Windows out;
  source.sliding_window(2).sink([&](const std::vector<int>& window) {
    if (window.back() == 1) source.emit(2);
    if (window.back() == 3) throw std::runtime_error("three");
    out.push_back(window);
  });
  source.emit(1);
  REQUIRE_THROWS_AS(source.emit(3), std::runtime_error);
  source.emit(4);
  REQUIRE(out == Windows{{1, 2}, {1}, {3, 4}});
}

TEST_CASE("sliding_window refuses an n of 0 and shows its n") {
  Stream<int> source;
  REQUIRE_THROWS_WITH(source.sliding_window(0),
                      penstock::test::containing("sliding_window: n must be at least 1"));
  REQUIRE(source.sliding_window(3).stream().info().detail == "3");
  Probe probe{source.sliding_window(1)};
  source.emit(1);
  source.emit(2);
  REQUIRE(probe.values() == Windows{{1}, {2}});
}

TEST_CASE("sliding_window joins event times: the newest stands") {
  Stream<int> source;
  Probe probe{source.sliding_window(2)};
  for (const EventTime time : {10, 30, 20, 15}) {
    Context context;
    context.event_time(time);
    source.emit(1, context);
  }
  std::vector<EventTime> times;
  for (const auto& record : probe.records()) times.push_back(record.event_time);
  REQUIRE(times == std::vector<EventTime>{10, 30, 30, 20});
}

namespace {

constexpr auto to_vector = [](auto view) { return std::vector(view.begin(), view.end()); };

/// The windows of 0, 1, 2, … by a straight line.
template <class T, class Make>
std::vector<std::vector<T>> windows_of(int elements, int n, bool partial, Make make) {
  std::vector<std::vector<T>> all;
  for (int last = 0; last < elements; ++last) {
    if (!partial && last + 1 < n) continue;
    std::vector<T> window;
    for (int i = std::max(0, last + 1 - n); i <= last; ++i) window.push_back(make(i));
    all.push_back(std::move(window));
  }
  return all;
}

/// Long enough to have memory of its own.
std::string text(int i) { return "the text of element number " + std::to_string(i); }

}  // namespace

TEST_CASE("sliding_window lends views of the same windows, in both modes and however long they are") {
  for (const int n : {1, 2, 10, 127, 128, 129, 1000}) {
    for (const bool partial : {true, false}) {
      Stream<int> source;
      Probe probe{source.sliding_window(static_cast<std::size_t>(n), as_view, {.return_partial = partial})
                      .map(to_vector)
                      .stream()};
      for (int i = 0; i < 700; ++i) source.emit(i);
      REQUIRE(probe.values() == windows_of<int>(700, n, partial, [](int i) { return i; }));
    }
  }
}

TEST_CASE("sliding_window lends views of elements that have memory of their own") {
  Stream<std::string> source;
  Probe probe{source.sliding_window(5, as_view).map(to_vector).stream()};
  for (int i = 0; i < 300; ++i) source.emit(text(i));
  REQUIRE(probe.values() == windows_of<std::string>(300, 5, true, text));
}

TEST_CASE("a view is two words, travels in registers and is a span") {
  STATIC_REQUIRE(sizeof(View<std::string>) == 2 * sizeof(void*));
  STATIC_REQUIRE(detail::by_value<View<std::string>>);
  STATIC_REQUIRE(std::is_convertible_v<View<int>, std::span<const int>>);
  Stream<int> source;
  std::vector<int> firsts, lasts;
  source.sliding_window(2, as_view).sink([&](std::span<const int> window) {
    firsts.push_back(window.front());
    lasts.push_back(window.back());
  });
  for (int i = 0; i < 3; ++i) source.emit(i);
  REQUIRE(firsts == std::vector{0, 0, 1});
  REQUIRE(lasts == std::vector{0, 1, 2});
}

TEST_CASE("a view stays as it is while what looks at it emits at the source again") {
  // More elements than fit beside the window, so that the memory is full while somebody looks at it.
  constexpr int inner = 500;
  Stream<std::string> source;
  std::vector<std::vector<std::string>> out;
  bool nested = false;
  source.sliding_window(3, as_view).sink([&](View<std::string> window) {
    const std::vector<std::string> before(window.begin(), window.end());
    out.push_back(before);
    if (window.back() == text(4) && !std::exchange(nested, true)) {
      for (int i = 0; i < inner; ++i) source.emit(text(5 + i));
    }
    REQUIRE(std::vector(window.begin(), window.end()) == before);
  });
  for (int i = 0; i < 5; ++i) source.emit(text(i));
  for (int i = 5 + inner; i < 1000; ++i) source.emit(text(i));
  REQUIRE(out == windows_of<std::string>(1000, 3, true, text));
}

TEST_CASE(
    "a view stays as it is while what looks at it ends the stream, and a throw leaves the windows as they "
    "are") {
  Stream<int> source;
  Stream<int> other;
  std::vector<std::vector<int>> out;
  auto windows = source.sliding_window(2, as_view).stream();
  windows.sink([&](View<int> window) {
    out.push_back(to_vector(window));
    if (window.back() == 3) throw std::runtime_error("three");
    if (window.back() == 5) source.close();
    REQUIRE(out.back() == to_vector(window));
  });
  source.emit(1);
  source.emit(2);
  REQUIRE_THROWS_AS(source.emit(3), std::runtime_error);
  source.emit(4);
  source.emit(5);
  REQUIRE(out == Windows{{1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}});
}

TEST_CASE("an element is gone when the next one has come after its last view, or at the end") {
  Stream<std::shared_ptr<int>> source;
  source.sliding_window(2, as_view).sink([](auto) {});
  std::vector<std::weak_ptr<int>> alive;
  for (int i = 0; i < 100; ++i) {
    auto value = std::make_shared<int>(i);
    alive.push_back(value);
    source.emit(std::move(value));
    for (int j = 0; j <= i; ++j) REQUIRE(alive[static_cast<std::size_t>(j)].expired() == (j < i - 1));
  }
  static_cast<void>(source.push_end());
  REQUIRE(alive.back().expired());
}

TEST_CASE("sliding_window joins metadata and event times for views as for vectors") {
  const std::vector<std::vector<std::uint32_t>> expected{
      {1, 0, 0, 0, 0}, {1, 1, 0, 0, 0}, {0, 1, 1, 0, 0}, {0, 0, 1, 1, 0}, {0, 0, 0, 1, 1}};
  Stream<int> source;
  Probe<std::vector<int>, int> probe{source.sliding_window(3, as_view).map(to_vector).stream()};
  std::vector<Ref> refs;
  for (int i = 0; i < 5; ++i) refs.push_back(Ref::with(i));
  for (std::size_t i = 0; i < 5; ++i) {
    Context context{refs[i]};
    context.event_time(static_cast<EventTime>(10 * i));
    source.emit(static_cast<int>(i), context);
    context.clear();
    std::vector<std::uint32_t> counts;
    for (const Ref& ref : refs) counts.push_back(ref.use_count() - 1);
    REQUIRE(counts == expected[i]);
    REQUIRE(probe.records().back().event_time == static_cast<EventTime>(10 * i));
  }
  REQUIRE(probe.metadata() == std::vector<std::vector<int>>{{0}, {0, 1}, {0, 1, 2}, {1, 2, 3}, {2, 3, 4}});
  // Elements that come with nothing among those that come with something.
  source.emit(5);
  source.emit(6);
  source.emit(7);
  source.emit(8, Context{Ref::with(8)});
  source.emit(9);
  REQUIRE(probe.metadata().back() == std::vector{8});
  REQUIRE(probe.values().back() == std::vector{7, 8, 9});
}

TEST_CASE("sliding_window with views counts what it emits and holds") {
  Stream<int> source;
  auto windows = source.sliding_window(3, as_view, {.return_partial = false}).stream();
  for (int i = 0; i < 5; ++i) source.emit(i);
  REQUIRE(windows.info().out.get() == 3);
  REQUIRE(windows.info().held.get() == 2);
  static_cast<void>(source.push_end());
  REQUIRE(windows.info().held.get() == 0);
}

TEMPLATE_TEST_CASE_SIG("the window stays as it is when the copy of an element throws", "", ((bool viewed), viewed), false,
                       true) {
  static int left = 0;
  struct Fragile {
    explicit Fragile(std::string t) : text(std::move(t)) {}
    Fragile(const Fragile& other) : text(other.text) { copied(); }
    Fragile& operator=(const Fragile& other) {
      copied();
      text = other.text;
      return *this;
    }
    static void copied() {
      if (left > 0 && --left == 0) throw std::runtime_error("no copy");
    }
    std::string text;
  };
  int failures = 0;
  for (int at = 1; at < 40; ++at) {
    Stream<Fragile> source;
    std::string last;
    const auto look = [&](const auto& window) {
      last.clear();
      for (const Fragile& x : window) last += x.text;
    };
    if constexpr (viewed) {
      source.sliding_window(3, as_view).sink(look);
    } else {
      source.sliding_window(3).sink(look);
    }
    for (const char* text : {"a", "b", "c", "d"}) source.emit(Fragile{text});
    REQUIRE(last == "bcd");
    left = at;
    bool failed = false;
    try {
      source.emit(Fragile{"e"});
    } catch (const std::runtime_error&) {
      failed = true;
    }
    left = 0;
    if (!failed) break;
    ++failures;
    source.emit(Fragile{"f"});
    REQUIRE(last == "cdf");
    source.emit(Fragile{"g"});
    REQUIRE(last == "dfg");
  }
  REQUIRE(failures > 0);
}
