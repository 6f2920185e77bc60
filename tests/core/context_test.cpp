// SPDX-License-Identifier: BSL-1.0
#include "penstock/core/context.hpp"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"

using namespace penstock;

namespace {

std::vector<int> numbers(const Context& context) {
  std::vector<int> all;
  for (std::size_t i = 0; i < context.size(); ++i) all.push_back(*context[i].data<int>());
  return all;
}

}  // namespace

TEST_CASE("an empty context says nothing") {
  const Context context;
  REQUIRE(context.empty());
  REQUIRE(context.size() == 0);
  REQUIRE(context.or_null() == nullptr);
  REQUIRE(Context::of(nullptr).empty());
  Context timed;
  timed.event_time(0);
  REQUIRE_FALSE(timed.empty());
  REQUIRE(timed.or_null() == &timed);
}

TEST_CASE("a context keeps Refs in order, however many") {
  Context context;
  std::vector<int> expected;
  for (int i = 0; i < 40; ++i) {
    context.add(Ref::with(i));
    expected.push_back(i);
  }
  context.add(Ref{});
  REQUIRE(numbers(context) == expected);
  const Context copy = context;
  REQUIRE(numbers(copy) == expected);
  REQUIRE(context[17].use_count() == 2);
  Context moved = std::move(context);
  REQUIRE(moved[17].use_count() == 2);
  moved.clear();
  REQUIRE(moved.empty());
  REQUIRE(copy[17].use_count() == 1);
}

TEST_CASE("appending joins Refs in order, the later event time and the first trace") {
  Context a{Ref::with(1)};
  a.event_time(5);
  Context b{Ref::with(2)};
  b.add(Ref::with(3));
  b.event_time(4);
  a.append(b);
  a.append(nullptr);
  REQUIRE(numbers(a) == std::vector{1, 2, 3});
  REQUIRE(a.event_time() == 5);
  Context none;
  none.append(&a);
  REQUIRE(none.event_time() == 5);
  REQUIRE(numbers(none) == std::vector{1, 2, 3});
}

TEST_CASE("assigning a context lets go of what it had") {
  const Ref ref = Ref::with(1);
  Context context{ref};
  REQUIRE(ref.use_count() == 2);
  context = Context{};
  REQUIRE(ref.use_count() == 1);
  context = Context{ref};
  const Context& same = context;
  context = same;
  REQUIRE(ref.use_count() == 2);
  Context other;
  other.swap(context);
  REQUIRE(context.empty());
}

TEST_CASE("a context reports to all of its Refs") {
  std::vector<Outcome> outcomes;
  const auto ref = [&] { return Ref{[&](const Ending& ending) { outcomes.push_back(ending.outcome); }}; };
  {
    Context context{ref()};
    context.add(ref());
    context.drop("a policy");
    Context failed{ref()};
    failed.fail(std::make_exception_ptr(std::runtime_error("x")));
  }
  REQUIRE(outcomes.size() == 3);
  REQUIRE(outcomes[0] == Outcome::failed);
  REQUIRE(outcomes[1] == Outcome::dropped);
  REQUIRE(outcomes[2] == Outcome::dropped);
}
