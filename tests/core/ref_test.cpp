// SPDX-License-Identifier: BSL-1.0
#include "penstock/core/ref.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;

namespace {

std::exception_ptr error(const char* text) { return std::make_exception_ptr(std::runtime_error(text)); }

struct Told {
  int times = 0;
  Ending ending;
  Ref ref() {
    return Ref{[this](const Ending& e) {
      ++times;
      ending = e;
    }};
  }
};

}  // namespace

TEST_CASE("a Ref tells once, when its last copy is gone") {
  Told told;
  Ref ref = told.ref();
  REQUIRE(ref.use_count() == 1);
  {
    const Ref copy = ref;
    REQUIRE(ref.use_count() == 2);
    REQUIRE(copy == ref);
    ref.reset();
    REQUIRE_FALSE(ref);
    REQUIRE(ref.use_count() == 0);
    REQUIRE(told.times == 0);
  }
  REQUIRE(told.times == 1);
  REQUIRE(told.ending.outcome == Outcome::done);
  REQUIRE(told.ending.reason == nullptr);
}

TEST_CASE("moving a Ref is no copy") {
  Told told;
  Ref a = told.ref();
  Ref b = std::move(a);
  REQUIRE(b.use_count() == 1);
  a = b;
  REQUIRE(b.use_count() == 2);
  b = Ref{};
  Ref& same = a;  // by another name, or compilers object
  a = std::move(same);
  REQUIRE(told.times == 0);
  a.reset();
  REQUIRE(told.times == 1);
}

TEST_CASE("of several reports the worst stands, of equals the first") {
  const auto ending = [](auto... reports) {
    Told told;
    Ref ref = told.ref();
    (reports(ref), ...);
    ref.reset();
    return told.ending;
  };
  const auto drop = [](const char* why) { return [why](const Ref& ref) { ref.drop(why); }; };
  const auto fail = [](const char* why) { return [why](const Ref& ref) { ref.fail(error(why)); }; };
  REQUIRE(ending(drop("a"), drop("b")).reason == std::string{"a"});
  REQUIRE(ending(drop("a"), fail("x")).outcome == Outcome::failed);
  REQUIRE(ending(fail("x"), drop("a")).outcome == Outcome::failed);
  REQUIRE(ending(fail("x"), drop("a")).reason == nullptr);
  REQUIRE_THROWS_WITH(std::rethrow_exception(ending(fail("x"), fail("y")).error), "x");
}

TEST_CASE("a Ref carries data, which is asked for by its type") {
  const Ref ref = Ref::with(std::string{"offset 7"});
  REQUIRE(*ref.data<std::string>() == "offset 7");
  REQUIRE(ref.data<int>() == nullptr);
  REQUIRE(Ref{}.data<int>() == nullptr);
  int times = 0;
  {
    const Ref both{[&] { ++times; }, 5};
    REQUIRE(*both.data<int>() == 5);
  }
  REQUIRE(times == 1);
}

TEST_CASE("what a Ref carries is aligned as its type asks for") {
  struct alignas(64) Line {
    std::string text;
  };
  std::vector<Ref> refs;
  for (int i = 0; i < 20; ++i) {
    refs.push_back(Ref::with(Line{}));
    REQUIRE(reinterpret_cast<std::uintptr_t>(refs.back().data<Line>()) % alignof(Line) == 0);
  }
}

TEST_CASE("P2: the callback of a Ref fires once behind a chain of nodes") {
  Stream<int> source;
  int times = 0;
  const auto first = source.map([](int x) { return x; }).stream();
  const auto second = first.map([](int x) { return x; }).stream();
  second.sink([](int) {});
  Ref ref{[&] { ++times; }};
  source.emit(1, ref);
  REQUIRE(ref.use_count() - 1 == 0);
  ref.reset();
  REQUIRE(times == 1);
}

TEST_CASE("P3: the callback fires once for a fan-out, a diamond, and what is filtered out") {
  Stream<int> source;
  int times = 0;
  for (int i = 0; i < 8; ++i) source.sink([](int) {});
  source.map([](int x) { return x; }).zip(source.map([](int x) { return -x; })).sink([](const auto&) {});
  source.filter([](int) { return false; }).sink([](int) {});
  source.emit(1, Ref{[&] { ++times; }});
  REQUIRE(times == 1);
}

TEST_CASE("callbacks are posted, and never run inside a node") {
  Stream<int> source;
  std::string order;
  auto ref = std::make_optional<Ref>([&] { order += "told "; });
  source.emit(0, *ref);
  source.sink([&](int) {
    ref.reset();
    order += "sink ";
  });
  source.sink([&](int) { order += "next "; });
  source.emit(1);
  REQUIRE(order == "sink next told ");
}

TEST_CASE("on a loop callbacks run as tasks of the loop") {
  VirtualLoop loop;
  Stream<int> source{loop};
  int times = 0;
  static_cast<void>(source.push(1, Ref{[&] { ++times; }}));
  REQUIRE(times == 0);
  loop.run();
  REQUIRE(times == 1);
}

TEST_CASE("a callback may emit") {
  Stream<int> source;
  std::vector<int> seen;
  source.sink([&](int x) { seen.push_back(x); });
  source.emit(1, Ref{[&] { source.emit(2); }});
  REQUIRE(seen == std::vector{1, 2});
}

TEST_CASE("what a callback throws is reported like an error of background work") {
  {
    Stream<int> source;
    REQUIRE_THROWS_WITH(source.emit(1, Ref{[] { throw std::runtime_error("callback"); }}), "callback");
    source.emit(2);
  }
  VirtualLoop loop;
  Stream<int> source{loop};
  static_cast<void>(source.push(1, Ref{[] { throw std::runtime_error("callback"); }}));
  REQUIRE_THROWS_WITH(loop.run(), "callback");
  // A Ref that was never emitted has nobody to report to.
  Ref alone{[] { throw std::runtime_error("alone"); }};
  alone.reset();
  REQUIRE_FALSE(alone);
}

TEST_CASE("a Ref outlives its graph") {
  Told told;
  Ref ref = told.ref();
  {
    Stream<int> source;
    source.emit(1, ref);
  }
  REQUIRE(told.times == 0);
  ref.reset();
  REQUIRE(told.times == 1);
}

TEST_CASE("an element that is unwound is failed with what was thrown") {
  Stream<int> source;
  Told told;
  source.map([](int x) {
          if (x == 0) throw std::domain_error("zero");
          return x;
        })
      .sink([](int) {});
  REQUIRE_THROWS_AS(source.emit(0, told.ref()), std::domain_error);
  REQUIRE(told.times == 1);
  REQUIRE(told.ending.outcome == Outcome::failed);
  REQUIRE_THROWS_AS(std::rethrow_exception(told.ending.error), std::domain_error);
}
