// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"

using namespace penstock;

TEST_CASE("sink_to_vector appends every element to the vector of its handle") {
  Stream<int> source;
  const auto out = source.map([](int x) { return 2 * x; }).sink_to_vector();
  REQUIRE(out->empty());
  for (int i = 0; i < 4; ++i) source.emit(i);
  REQUIRE(*out == std::vector{0, 2, 4, 6});
  REQUIRE(out->size() == 4);
  REQUIRE(std::accumulate(out.begin(), out.end(), 0) == 12);
  out->clear();
  source.emit(5);
  REQUIRE(*out == std::vector{10});
  REQUIRE(out.named("doubles").name() == "doubles");
}

TEST_CASE("sink_to_vector appends to a vector that is given") {
  std::vector<int> out{7};
  {
    Stream<int> source;
    source.sink_to_vector(out);
    source.filter([](int x) { return x > 1; }).sink_to_vector(out);
    source.emit(1);
    source.emit(2);
  }
  REQUIRE(out == std::vector{7, 1, 2, 2});
}

TEST_CASE("the handle of sink_to_vector keeps the graph alive, and the vector its elements") {
  std::weak_ptr<int> alive;
  std::optional<VectorSink<int>> out;
  {
    const auto life = std::make_shared<int>(3);
    alive = life;
    Stream<int> source;
    out.emplace(source.map([life](int x) { return x * *life; }).sink_to_vector());
    source.emit(2);
  }
  REQUIRE(!alive.expired());
  REQUIRE(**out == std::vector{6});
  out.reset();
  REQUIRE(alive.expired());
}

TEST_CASE("sink_to_vector takes elements that can only be moved, and releases their Refs") {
  Stream<std::unique_ptr<int>> source;
  const auto out = source.sink_to_vector();
  const Ref ref = Ref::with(1);
  source.emit(std::make_unique<int>(4), Context{ref});
  REQUIRE(*out->at(0) == 4);
  REQUIRE(ref.use_count() - 1 == 0);
}

TEST_CASE("sink_to_vector can be destroyed twice, and then takes nothing") {
  Stream<int> source;
  const auto out = source.sink_to_vector();
  source.emit(1);
  out.destroy();
  out.destroy();
  source.emit(2);
  REQUIRE(*out == std::vector{1});
}
