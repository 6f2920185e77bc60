// SPDX-License-Identifier: BSL-1.0
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"

namespace mine {

/// A user's operator, in the user's namespace.
auto above(int limit) {
  return [limit](auto&& stream) {
    return std::forward<decltype(stream)>(stream).filter([limit](int x) { return x > limit; });
  };
}

}  // namespace mine

namespace {

template <class S>
concept has_above = requires(S stream) { stream.above(1); };

}  // namespace

// Streamz attaches a class to a class at run time, which then is visible there and in what derives from it.
// Here an operator is a function: it is visible where its name is, fits every stream, and `Stream` stays as
// it was.
TEST_CASE("row 20 an operator of one's own is used like a built-in one and is attached to nothing") {
  penstock::Stream<int> source;
  std::vector<int> piped, applied;
  source | mine::above(2) | penstock::map([](int x) { return x * 10; }) |
      penstock::sink([&](int x) { piped.push_back(x); });
  source.map([](int x) { return x; }).apply(mine::above(3)).sink([&](int x) { applied.push_back(x); });
  for (int i = 0; i < 6; ++i) source.emit(i);
  REQUIRE(piped == std::vector{30, 40, 50});
  REQUIRE(applied == std::vector{4, 5});
  STATIC_REQUIRE_FALSE(has_above<penstock::Stream<int>>);
}

TEST_CASE("an operator of one's own fuses with its neighbours") {
  penstock::Stream<int> source;
  source | penstock::map([](int x) { return x; }) | mine::above(2) | penstock::sink([](int) {});
  REQUIRE(source.graph().nodes().size() == 2);
}
