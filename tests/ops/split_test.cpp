// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/split.hpp"

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"

using namespace penstock;
using namespace penstock::testing;

TEST_CASE("split sends each element to the first branch that accepts it, the others to the last") {
  Stream<int> source;
  auto [even, big, rest] = source.split([](int n) { return n % 2 == 0; }, [](int n) { return n > 5; });
  Probe evens{even};
  Probe bigs{big};
  Probe others{rest};
  for (int i = 0; i < 10; ++i) source.emit(i, Ref::with(std::int64_t{i}));
  source.close();
  REQUIRE(evens.values() == std::vector{0, 2, 4, 6, 8});
  REQUIRE(bigs.values() == std::vector{7, 9});
  REQUIRE(others.values() == std::vector{1, 3, 5});
  REQUIRE(bigs.metadata() == std::vector<std::vector<std::int64_t>>{{7}, {9}});
  REQUIRE((evens.ended() && bigs.ended() && others.ended()));
}

TEST_CASE("split works on a chain, in a pipe, and with move-only elements") {
  Stream<int> source;
  auto [small, large] = source.map([](int n) { return std::make_unique<int>(n); }) |
                        split([](const std::unique_ptr<int>& n) { return *n < 2; });
  std::vector<int> out;
  small.sink([&](std::unique_ptr<int> n) { out.push_back(*n); });
  large.sink([&](std::unique_ptr<int> n) { out.push_back(-*n); });
  for (int i = 0; i < 4; ++i) source.emit(i);
  REQUIRE(out == std::vector{0, 1, -2, -3});
}

TEST_CASE("variants are split into streams of their alternatives") {
  Stream<std::variant<int, std::string, int>> source;
  auto [first, text, second] = source.split();
  Probe<int> firsts{first};
  Probe<std::string> texts{text};
  Probe<int> seconds{second};
  source.emit(std::variant<int, std::string, int>{std::in_place_index<0>, 1});
  source.emit(std::variant<int, std::string, int>{std::string{"one"}});
  source.emit(std::variant<int, std::string, int>{std::in_place_index<2>, 2});
  source.close();
  REQUIRE(firsts.values() == std::vector{1});
  REQUIRE(texts.values() == std::vector<std::string>{"one"});
  REQUIRE(seconds.values() == std::vector{2});
  REQUIRE((firsts.ended() && texts.ended() && seconds.ended()));
}

TEST_CASE("what a predicate throws fails the element, and the next one goes on") {
  Stream<int> source;
  auto [yes, no] = source.split([](int n) {
    if (n == 0) throw std::domain_error("zero");
    return n > 0;
  });
  Probe probe{yes};
  Outcome outcome{};
  REQUIRE_THROWS_AS(source.emit(0, Ref{[&](const Ending& ending) { outcome = ending.outcome; }}),
                    std::domain_error);
  source.emit(1);
  REQUIRE(outcome == Outcome::failed);
  REQUIRE(probe.values() == std::vector{1});
  REQUIRE(yes.info().failed.get() == 1);
}

TEST_CASE("an element whose branch nobody reads is done") {
  Stream<int> source;
  auto [yes, no] = source.split([](int n) { return n > 0; });
  Outcome outcome = Outcome::failed;
  source.emit(-1, Ref{[&](const Ending& ending) { outcome = ending.outcome; }});
  REQUIRE(outcome == Outcome::done);
}

TEST_CASE("the end of a split stream reaches every branch, also when it fails in one") {
  const auto fail = [](const auto&) { throw std::runtime_error("flush"); };
  std::size_t flushed = 0;
  const auto count = [&](const auto& some) { flushed += some.size(); };
  SECTION("with predicates") {
    Stream<int> source;
    auto [big, small] = source.split([](int n) { return n >= 10; });
    big.partition(5).sink(fail);
    small.partition(5).sink(count);
    for (const int x : {1, 20, 2}) source.emit(x);
    REQUIRE_THROWS_WITH(source.close(), "flush");
    REQUIRE(small.outlet().ended());
  }
  SECTION("of variants") {
    Stream<std::variant<int, std::string>> source;
    auto [numbers, texts] = source.split();
    numbers.partition(5).sink(fail);
    texts.partition(5).sink(count);
    source.emit(1);
    for (const char* text : {"a", "b"}) source.emit(std::string{text});
    REQUIRE_THROWS_WITH(source.close(), "flush");
    REQUIRE(texts.outlet().ended());
  }
  REQUIRE(flushed == 2);
}
