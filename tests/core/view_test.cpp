// SPDX-License-Identifier: BSL-1.0
#include "penstock/core/view.hpp"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/ops/split.hpp"

using namespace penstock;

TEST_CASE("a view shows what it is made of") {
  const std::array numbers{1, 2, 3};
  constexpr View<int> none;
  const View<int> view{numbers.data(), numbers.size()};
  REQUIRE(none.empty());
  REQUIRE(none.begin() == none.end());
  REQUIRE(view.size() == 3);
  REQUIRE(view.front() == 1);
  REQUIRE(view[1] == 2);
  REQUIRE(view.back() == 3);
  REQUIRE(std::vector(view.begin(), view.end()) == std::vector{1, 2, 3});
  const std::span<const int> span = view;
  REQUIRE(span.data() == numbers.data());
  REQUIRE(span.size() == 3);
}

TEST_CASE("views, and whatever is made of them, are not to be kept; everything else is") {
  STATIC_REQUIRE(keepable<int>);
  STATIC_REQUIRE(keepable<std::vector<std::string>>);
  STATIC_REQUIRE(keepable<std::tuple<int, std::unique_ptr<int>>>);
  STATIC_REQUIRE(!keepable<View<int>>);
  STATIC_REQUIRE(!keepable<View<View<int>>>);
  STATIC_REQUIRE(!keepable<std::tuple<int, View<int>>>);
  STATIC_REQUIRE(!keepable<std::pair<View<int>, int>>);
  STATIC_REQUIRE(!keepable<std::optional<View<int>>>);
  STATIC_REQUIRE(!keepable<std::variant<int, View<int>>>);
  STATIC_REQUIRE(!keepable<std::vector<View<int>>>);
  STATIC_REQUIRE(!keepable<std::map<int, std::vector<View<int>>>>);
}

TEST_CASE("views go through everything that keeps no elements") {
  Stream<int> source;
  std::vector<int> out;
  const auto into = [&](int tag) {
    return [&out, tag](View<int> view) { out.push_back(tag * 100 + view.back()); };
  };
  const Stream<View<int>> views = source.partition(2, as_view);  // a node of its own
  views.filter([](View<int> view) { return view.front() > 0; }).tap([](View<int>) {}).sink(into(1));
  views.skip(1).take(1).slice(0, 5).sink(into(2));
  views.flatten().sink([&](int item) { out.push_back(300 + item); });
  auto [small, big] = views.split([](View<int> view) { return view.front() < 2; });
  merge(small, big).sink(into(4));
  views.accumulate([](int sum, View<int> view) { return sum + view.front(); }, 0).sink([&](int sum) {
    out.push_back(500 + sum);
  });
  views.map([](View<int> view) { return view.size(); }).on_error(OnError::skip).sink([&](std::size_t n) {
    out.push_back(600 + static_cast<int>(n));
  });
  for (int i = 0; i < 4; ++i) source.emit(i);
  REQUIRE(out == std::vector{300, 301, 401, 500, 602, 103, 203, 302, 303, 403, 502, 602});
}
