// SPDX-License-Identifier: BSL-1.0
#include <array>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"

using namespace penstock;

TEST_CASE("row 11: starmap calls with the members of a tuple") {
  Stream<std::tuple<int, int>> source;
  std::vector<int> out;
  source.starmap(std::plus{}).sink([&](int x) { out.push_back(x); });
  source.emit({1, 10});
  REQUIRE(out == std::vector{11});
}

TEST_CASE("P11: bound arguments follow the members") {
  Stream<std::pair<int, int>> source;
  std::vector<int> out;
  const auto fn = [](int a, int b, int c, int z) { return ((a * 10 + b) * 10 + c) * 10 + z; };
  source.starmap(fn, 9, 1).sink([&](int x) { out.push_back(x); });
  source.emit({1, 2});
  REQUIRE(out == std::vector{1291});
}

TEST_CASE("starmap takes arrays, and member functions") {
  Stream<std::array<int, 3>> source;
  std::vector<int> out;
  source.starmap([](int a, int b, int c) { return a + b + c; }).sink([&](int x) { out.push_back(x); });
  source.emit({1, 2, 3});
  REQUIRE(out == std::vector{6});

  Stream<std::pair<std::string, std::size_t>> texts;
  std::vector<char> chars;
  texts.starmap([](const std::string& s, std::size_t i) { return s.at(i); }).sink([&](char c) {
    chars.push_back(c);
  });
  texts.emit({"abc", 1});
  REQUIRE(chars == std::vector{'b'});
}

TEST_CASE("starmap gives members that can only be moved to the function") {
  Stream<std::pair<std::unique_ptr<int>, int>> source;
  std::vector<int> out;
  source.starmap([](std::unique_ptr<int> p, int x) { return *p + x; }).sink([&](int x) { out.push_back(x); });
  source.emit({std::make_unique<int>(1), 2});
  REQUIRE(out == std::vector{3});
}

TEST_CASE("starmap leaves a shared element as it is") {
  Stream<std::pair<std::string, int>> source;
  std::vector<std::string> out;
  const auto join = [](std::string s, int n) { return s + std::to_string(n); };
  source.starmap(join).sink([&](std::string s) { out.push_back(std::move(s)); });
  source.starmap(join).sink([&](std::string s) { out.push_back(std::move(s)); });
  source.emit({"a long text that is not kept in place", 2});
  REQUIRE(out == std::vector<std::string>(2, "a long text that is not kept in place2"));
}

TEST_CASE("starmap lets an exception through and counts it") {
  Stream<std::pair<int, int>> source;
  const auto quotients = source
                             .starmap([](int a, int b) {
                               if (b == 0) throw std::domain_error("division by zero");
                               return a / b;
                             })
                             .stream();
  std::vector<int> out;
  quotients.sink([&](int x) { out.push_back(x); });
  Outcome outcome = Outcome::done;
  REQUIRE_THROWS_AS(source.emit({1, 0}, Context{Ref([&](const Ending& end) { outcome = end.outcome; })}),
                    std::domain_error);
  REQUIRE(outcome == Outcome::failed);
  source.emit({4, 2});
  REQUIRE(out == std::vector{2});
  REQUIRE(quotients.info().failed.get() == 1);
}
