// SPDX-License-Identifier: BSL-1.0
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"

using namespace penstock;

namespace {

template <class T>
auto into(std::vector<T>& out) {
  return [&out](const T& value) { out.push_back(value); };
}

}  // namespace

TEST_CASE("row 1: a map and a scan on one branch, a map on another") {
  Stream<int> source;
  std::vector<int> sums;
  std::vector<int> doubles;
  source.map([](int x) { return x + 1; }).scan(std::plus{}).sink(into(sums));
  source.map([](int x) { return 2 * x; }).sink(into(doubles));
  for (int i = 0; i < 4; ++i) source.emit(i);
  REQUIRE(sums == std::vector{1, 3, 6, 10});
  REQUIRE(doubles == std::vector{0, 2, 4, 6});
}

TEST_CASE("row 3: a function that returns the state and the result") {
  Stream<int> source;
  std::vector<int> out;
  source.scan([](int sum, int x) { return std::pair(sum + x, sum + x); }, returns_state).sink(into(out));
  for (int i = 0; i < 3; ++i) source.emit(i);
  REQUIRE(out == std::vector{0, 1, 3});
}

TEST_CASE("row 4: further arguments, captured or bound after the start") {
  Stream<int> source;
  std::vector<int> captured;
  std::vector<int> bound;
  const auto add_three = [](int sum, int x, int y) { return sum + x + y; };
  source.scan([&](int sum, int x) { return add_three(sum, x, 10); }).sink(into(captured));
  source.scan(add_three, 0, 10).sink(into(bound));
  for (int i = 0; i < 3; ++i) source.emit(i);
  REQUIRE(captured == std::vector{0, 11, 23});
  REQUIRE(bound == std::vector{10, 21, 33});
}

TEST_CASE("row 23: what the function throws comes back through emit") {
  Stream<double> source;
  std::vector<std::pair<double, double>> out;
  const auto divide = [](double x, double y) {
    if (y == 0) throw std::domain_error("division by zero");
    return x / y;
  };
  source.accumulate(divide, with_state).sink(into(out));
  source.emit(1);
  REQUIRE_THROWS_AS(source.emit(0), std::domain_error);
  REQUIRE(out == std::vector{std::pair(1.0, 1.0)});
}

TEST_CASE("P6: a function that throws leaves the state as it was") {
  Stream<double> source;
  std::vector<double> out;
  auto divide = [](double x, double y) {
    if (y == 0) throw std::domain_error("division by zero");
    return x + 1 / y;
  };
  const auto quotients = source.accumulate(divide, 0.0).stream();
  quotients.sink(into(out));
  source.emit(1);
  REQUIRE_THROWS_AS(source.emit(0), std::domain_error);
  source.emit(1);
  REQUIRE(out == std::vector{1.0, 2.0});
  REQUIRE(quotients.info().failed.get() == 1);
}

TEST_CASE("P10: without a start the first element is emitted as it is, also with returns_state") {
  Stream<int> source;
  std::vector<int> out;
  int calls = 0;
  const auto fn = [&](int sum, int x) {
    ++calls;
    return std::pair(sum + x, 10 * (sum + x));
  };
  source.accumulate(fn, returns_state).sink(into(out));
  source.emit(1);
  REQUIRE(calls == 0);
  source.emit(2);
  source.emit(3);
  REQUIRE(out == std::vector{1, 30, 60});
}

TEST_CASE("accumulate with_state emits the state and the result") {
  using Pair = std::pair<int, int>;
  Stream<int> source;
  std::vector<Pair> plain;
  std::vector<Pair> both;
  std::vector<Pair> started;
  source.accumulate(std::plus{}, with_state).sink(into(plain));
  const auto fn = [](int sum, int x) { return std::pair(sum + x, -x); };
  source.accumulate(fn, with_state, 10, returns_state).sink(into(both));
  source.accumulate(std::plus{}, 100, with_state).sink(into(started));
  for (int i = 1; i <= 3; ++i) source.emit(i);
  REQUIRE(plain == std::vector<Pair>{{1, 1}, {3, 3}, {6, 6}});
  REQUIRE(both == std::vector<Pair>{{11, -1}, {13, -2}, {16, -3}});
  REQUIRE(started == std::vector<Pair>{{101, 101}, {103, 103}, {106, 106}});
}

TEST_CASE("accumulate takes its tags in any order, before and after the start") {
  Stream<int> source;
  std::vector<std::pair<long, std::string>> a;
  std::vector<std::pair<long, std::string>> b;
  const auto fn = [](long sum, int x) { return std::tuple(sum + x, std::to_string(x)); };
  source.accumulate(fn, 5L, returns_state, with_state).sink(into(a));
  source.accumulate(fn, with_state, returns_state, 5L).sink(into(b));
  source.emit(1);
  REQUIRE(a == std::vector<std::pair<long, std::string>>{{6, "1"}});
  REQUIRE(b == a);
}

TEST_CASE("accumulate has the state of the start's type") {
  Stream<char> source;
  std::string text;
  source.accumulate([](const std::string& s, char c) { return s + c; }, std::string(">"))
      .sink([&](const std::string& s) { text = s; });
  for (const char c : {'a', 'b', 'c'}) source.emit(c);
  REQUIRE(text == ">abc");
}

TEST_CASE("accumulate updates the state before it emits") {
  Stream<int> source;
  std::vector<std::string> out;
  auto append = [](const std::string& s, int x) { return s + std::to_string(x); };
  // The sink emits again while it looks at the state that it was lent.
  source.accumulate(append, std::string{}).sink([&](const std::string& s) {
    if (s.size() < 3) source.emit(static_cast<int>(s.size()) + 5);
    out.push_back(s);
  });
  source.emit(1);
  source.emit(2);
  REQUIRE(out == std::vector<std::string>{"167", "16", "1", "1672"});
}

TEST_CASE("accumulate keeps what was reached when the function behind it throws") {
  Stream<int> source;
  std::vector<std::string> out;
  auto append = [](const std::string& s, int x) { return s + std::to_string(x); };
  source.accumulate(append, std::string{}).sink([&](const std::string& s) {
    if (s == "12") throw std::runtime_error("sink");
    out.push_back(s);
  });
  source.emit(1);
  REQUIRE_THROWS_AS(source.emit(2), std::runtime_error);
  source.emit(3);
  REQUIRE(out == std::vector<std::string>{"1", "123"});
}

TEST_CASE("accumulate gives its state away to a function that cannot throw") {
  Stream<int> source;
  const int* storage = nullptr;
  bool same = true;
  const auto append = [](std::vector<int> all, int x) noexcept {
    all.push_back(x);
    return all;
  };
  std::vector<int> start;
  start.reserve(8);
  storage = start.data();
  std::size_t size = 0;
  source.accumulate(append, std::move(start)).sink([&](const std::vector<int>& all) {
    same = same && all.data() == storage;
    size = all.size();
  });
  for (int i = 0; i < 8; ++i) source.emit(i);
  REQUIRE(size == 8);
  REQUIRE(same);
}

TEST_CASE("accumulate with returns_state has a state and elements that can only be moved") {
  Stream<std::unique_ptr<int>> source;
  std::vector<int> out;
  const auto sum = [](const std::unique_ptr<int>& state, std::unique_ptr<int> x) {
    const int total = *state + *x;
    return std::pair(std::make_unique<int>(total), total);
  };
  source.accumulate(sum, std::make_unique<int>(10), returns_state).sink(into(out));
  source.emit(std::make_unique<int>(1));
  source.emit(std::make_unique<int>(2));
  REQUIRE(out == std::vector{11, 13});
}

TEST_CASE("accumulate passes the Refs of an element on with its result") {
  Stream<int> source;
  std::vector<int> ended;
  Ref seen = Ref::with(7);
  source.accumulate(std::plus{}, 0).sink([](int) {});
  source.emit(1, Context{Ref([&] { ended.push_back(1); })});
  REQUIRE(ended == std::vector{1});
  source.emit(2, Context{seen});
  REQUIRE(seen.use_count() - 1 == 0);
}

TEST_CASE("accumulate is drawn as an operator with state") {
  Stream<int> source;
  REQUIRE(source.accumulate(std::plus{}).stream().info().op == std::string("accumulate"));
  REQUIRE(source.scan(std::plus{}, 0).stream().info().op == std::string("scan"));
  REQUIRE(source.scan(std::plus{}, 0).stream().info().shape == Shape::state);
}

TEST_CASE("a function of accumulate that emits at the source goes on with the state that it was called with") {
  using Numbers = std::vector<int>;
  Stream<int> source;
  std::vector<Numbers> out;
  const auto append = [&](const Numbers& state, int x) {
    Numbers next;
    bool first = true;
    for (const int each : state) {
      if (x == 3 && std::exchange(first, false)) {
        source.emit(100);
        source.emit(200);
      }
      next.push_back(each);
    }
    next.push_back(x);
    return next;
  };
  source.accumulate(append, Numbers{}).sink(into(out));
  for (const int x : {1, 2, 3, 4}) source.emit(x);
  REQUIRE(out == std::vector<Numbers>{{1}, {1, 2}, {1, 2, 100}, {1, 2, 100, 200}, {1, 2, 3}, {1, 2, 3, 4}});
}

TEST_CASE("a state that is lent stays as it is, however often and deep what reads it emits at the source") {
  using List = std::vector<int>;
  const Stream<int> source;
  const auto append = [](List list, int x) {
    list.push_back(x);
    return list;
  };
  std::vector<List> seen;
  int next = 1;
  // A tree of emits: each result has two below it, four deep.
  std::function<void(const List&, int)> grow = [&](const List& lent, int depth) {
    const List before = lent;
    seen.push_back(before);
    for (int i = 0; i < 2 && depth < 4; ++i) {
      source.emit(next++);
      CHECK(lent == before);
    }
  };
  int depth = 0;
  source.accumulate(append, List{}).sink([&](const List& lent) {
    ++depth;
    grow(lent, depth);
    --depth;
  });
  source.emit(0);
  REQUIRE(seen.size() == 1 + 2 + 4 + 8);
  List all;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    all.push_back(static_cast<int>(i));
    CHECK(seen[i] == all);
  }
}
