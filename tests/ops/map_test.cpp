// SPDX-License-Identifier: BSL-1.0
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/counted.hpp"

using namespace penstock;

TEST_CASE("row 9, row 10: map binds further arguments") {
  Stream<int> source;
  std::vector<int> out;
  source.map(std::plus{}, 10).sink_to_vector(out);
  source.emit(1);
  REQUIRE(out == std::vector{11});
}

TEST_CASE("row 21: what the function of map throws comes out of emit") {
  struct DivisionByZero : std::domain_error {
    DivisionByZero() : std::domain_error("division by zero") {}
  };
  Stream<int> source;
  std::vector<int> out;
  source
      .map([](int x) {
        if (x == 0) throw DivisionByZero();
        return 1 / x;
      })
      .sink_to_vector(out);
  REQUIRE_THROWS_AS(source.emit(0), DivisionByZero);
  source.emit(1);
  REQUIRE(out == std::vector{1});
}

TEST_CASE("map takes pointers to members and functions with state") {
  struct Row {
    int id;
    std::string text;
    std::size_t length() const { return text.size(); }
  };
  Stream<Row> rows;
  std::vector<int> ids;
  std::vector<std::size_t> lengths;
  std::vector<int> numbers;
  rows.map(&Row::id).sink_to_vector(ids);
  rows.map(&Row::length).sink_to_vector(lengths);
  rows.map([n = 0](const Row&) mutable { return ++n; }).sink_to_vector(numbers);
  rows.emit({7, "seven"});
  rows.emit({8, "eight!"});
  REQUIRE(ids == std::vector{7, 8});
  REQUIRE(lengths == std::vector<std::size_t>{5, 6});
  REQUIRE(numbers == std::vector{1, 2});
}

TEST_CASE("a result that is a reference becomes an element of its own") {
  Stream<std::string> source;
  std::vector<std::string> out;
  source.map([](const std::string& text) -> const std::string& { return text; }).sink_to_vector(out);
  source.emit("kept");
  REQUIRE(out == std::vector<std::string>{"kept"});
}

TEST_CASE("map passes on elements that can only be moved") {
  Stream<std::unique_ptr<int>> source;
  std::vector<int> out;
  source
      .map([](std::unique_ptr<int> p) {
        *p += 1;
        return p;
      })
      .map([](std::unique_ptr<int> p) { return *p; })
      .sink_to_vector(out);
  source.emit(std::make_unique<int>(41));
  REQUIRE(out == std::vector{42});
}

TEST_CASE("the only consumer of an element gets it by move, the first of two by reference") {
  Stream<std::vector<int>> source;
  std::vector<const int*> seen;
  source.map([](std::vector<int> v) { return v; }).sink([&](const std::vector<int>& v) {
    seen.push_back(v.data());
  });
  std::vector<int> once{1, 2, 3};
  const int* memory = once.data();
  source.emit(std::move(once));
  REQUIRE(seen == std::vector<const int*>{memory});

  seen.clear();
  source.map([](std::vector<int> v) { return v; }).sink([&](const std::vector<int>& v) {
    seen.push_back(v.data());
  });
  std::vector<int> twice{1, 2, 3};
  memory = twice.data();
  source.emit(std::move(twice));
  REQUIRE(seen.size() == 2);
  REQUIRE(seen[0] != memory);
  REQUIRE(seen[1] == memory);
}
