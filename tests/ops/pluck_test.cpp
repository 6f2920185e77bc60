// SPDX-License-Identifier: BSL-1.0
#include <array>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"

using namespace penstock;

namespace {

/// What `op` makes of one element.
template <class Out, class In, class Operator>
Out one(In element, Operator op) {
  Stream<In> source;
  std::vector<Out> out;
  (source | op).sink([&](Out value) { out.push_back(std::move(value)); });
  source.emit(std::move(element));
  REQUIRE(out.size() == 1);
  return std::move(out.front());
}

struct Item {
  int id;
  std::string name;
  std::string upper() const { return name + "!"; }
};

}  // namespace

TEST_CASE("row 106: pluck takes one index, and a missing one throws") {
  Stream<std::vector<int>> source;
  std::vector<int> out;
  source.pluck(1).sink([&](int x) { out.push_back(x); });
  source.emit({1, 2, 3});
  source.emit({4, 5, 6, 7, 8, 9});
  REQUIRE(out == std::vector{2, 5});
  REQUIRE_THROWS_AS(source.emit({1}), std::out_of_range);
  REQUIRE_THROWS_WITH(source.emit({1}),
                      penstock::test::containing("pluck: nothing at 1 in an element of size 1"));
  source.emit({0, 7});
  REQUIRE(out == std::vector{2, 5, 7});
}

TEST_CASE("row 107: pluck takes a list of indices") {
  Stream<std::vector<int>> source;
  std::vector<std::vector<int>> out;
  source.pluck(std::vector{0, 2}).sink([&](const std::vector<int>& x) { out.push_back(x); });
  source.emit({1, 2, 3});
  source.emit({4, 5, 6, 7, 8, 9});
  REQUIRE(out == std::vector<std::vector<int>>{{1, 3}, {4, 6}});
  REQUIRE_THROWS_AS(source.emit({1}), std::out_of_range);
}

TEST_CASE("pluck takes several indices and emits a tuple") {
  REQUIRE(one<std::tuple<int, int>>(std::vector{1, 2, 3}, pluck(2, 0)) == std::tuple(3, 1));
}

TEST_CASE("pluck takes apart tuples, pairs and arrays") {
  REQUIRE(one<int>(std::tuple(1, std::string("b"), 2.5), pluck<0>()) == 1);
  REQUIRE(one<std::tuple<int, double>>(std::tuple(1, std::string("b"), 2.5), pluck<0, 2>()) ==
          std::tuple(1, 2.5));
  REQUIRE(one<std::tuple<int, int>>(std::pair(1, 'x'), pluck<0, 0>()) == std::tuple(1, 1));
  REQUIRE(one<int>(std::array{4, 5, 6}, pluck<1>()) == 5);
  REQUIRE(one<int>(std::array{4, 5, 6}, pluck(1)) == 5);

  Stream<std::pair<int, std::string>> source;
  std::vector<std::string> names;
  source.pluck<1>().sink([&](const std::string& name) { names.push_back(name); });
  source.emit({1, "ann"});
  REQUIRE(names == std::vector<std::string>{"ann"});
}

TEST_CASE("pluck takes members of structs") {
  const Item item{7, "seven"};
  REQUIRE(one<int>(item, pluck(&Item::id)) == 7);
  REQUIRE(one<std::string>(item, pluck(&Item::upper)) == "seven!");
  REQUIRE(one<std::tuple<std::string, int>>(item, pluck(&Item::name, &Item::id)) ==
          std::tuple(std::string("seven"), 7));
  REQUIRE(one<std::string>(item, pluck<&Item::name>()) == "seven");
  REQUIRE(one<std::tuple<int, std::string>>(item, pluck<&Item::id, &Item::name>()) ==
          std::tuple(7, std::string("seven")));
}

TEST_CASE("pluck takes keys of maps, and throws when one is missing") {
  using Row = std::map<std::string, int>;
  const Row row{{"a", 1}, {"b", 2}, {"c", 3}};
  REQUIRE(one<int>(row, pluck("b")) == 2);
  REQUIRE(one<int>(row, pluck(std::string("c"))) == 3);
  REQUIRE(one<std::tuple<int, int>>(row, pluck("c", "a")) == std::tuple(3, 1));
  REQUIRE(one<std::vector<int>>(row, pluck(std::vector<std::string>{"c", "b"})) == std::vector{3, 2});
  REQUIRE(one<char>(std::unordered_map<int, char>{{-5, 'm'}}, pluck(-5)) == 'm');

  Stream<Row> source;
  source.pluck("b").sink([](int) {});
  REQUIRE_THROWS_WITH(source.emit({{"a", 1}}),
                      penstock::test::containing("pluck: nothing at b in an element of size 1"));
}

TEST_CASE("pluck refuses negative indices with an exception") {
  Stream<std::string> source;
  std::vector<char> out;
  source.pluck(-1).sink([&](char c) { out.push_back(c); });
  REQUIRE_THROWS_AS(source.emit("abc"), std::out_of_range);
  REQUIRE(out.empty());
  REQUIRE(one<char>(std::string("abc"), pluck(2)) == 'c');
  REQUIRE(one<bool>(std::vector<bool>{false, true}, pluck(1)));
}

TEST_CASE("pluck moves a single pick out of an element that nobody else uses") {
  std::pair<int, std::unique_ptr<int>> owner{1, std::make_unique<int>(5)};
  REQUIRE(*one<std::unique_ptr<int>>(std::move(owner), pluck<1>()) == 5);
  std::vector<std::unique_ptr<int>> list;
  list.push_back(std::make_unique<int>(6));
  REQUIRE(*one<std::unique_ptr<int>>(std::move(list), pluck(0)) == 6);
  std::map<int, std::unique_ptr<int>> map;
  map[3] = std::make_unique<int>(7);
  REQUIRE(*one<std::unique_ptr<int>>(std::move(map), pluck(3)) == 7);
}

TEST_CASE("pluck leaves an element that others use as it is") {
  Stream<std::pair<int, std::string>> source;
  std::vector<std::string> out;
  source.pluck<1>().sink([&](std::string s) { out.push_back(std::move(s)); });
  source.pluck<1>().sink([&](std::string s) { out.push_back(std::move(s)); });
  source.emit({1, "a long text that is not kept in place"});
  REQUIRE(out == std::vector<std::string>(2, "a long text that is not kept in place"));
}

TEST_CASE("pluck fails the element that lacks what it picks, and says what it picks") {
  Stream<std::vector<int>> source;
  const auto picked = source.pluck(1).stream();
  picked.sink([](int) {});
  Outcome outcome = Outcome::done;
  REQUIRE_THROWS_AS(source.emit({1}, Context{Ref([&](const Ending& end) { outcome = end.outcome; })}),
                    std::out_of_range);
  REQUIRE(outcome == Outcome::failed);
  REQUIRE(picked.info().failed.get() == 1);
  REQUIRE(picked.info().detail == "1");
  REQUIRE(source.pluck(0, 2).stream().info().detail == "0, 2");
}
