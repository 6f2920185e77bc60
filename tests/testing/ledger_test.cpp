// SPDX-License-Identifier: BSL-1.0
#include "penstock/testing/ledger.hpp"

#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/probe.hpp"

using namespace penstock;
using namespace penstock::testing;
using penstock::test::containing;
using Ids = std::vector<Ledger::Id>;

TEST_CASE("a ledger sorts ids by how they ended") {
  Ledger ledger;
  Stream<int> source;
  Probe<int> probe{source.filter([](int x) { return x != 1; }), ledger};
  for (int i = 0; i < 2; ++i) source.emit(i, ledger.issue(i));
  ledger.issue(2).drop("a policy");
  ledger.issue(3).fail(std::make_exception_ptr(std::runtime_error("broken")));
  const Ref open = ledger.issue(4);

  REQUIRE(ledger.emitted() == Ids{0});
  REQUIRE(ledger.left_out() == Ids{1});
  REQUIRE(ledger.dropped() == Ids{2});
  REQUIRE(ledger.failed() == Ids{3});
  REQUIRE(ledger.open() == Ids{4});
  REQUIRE(ledger[2].reason == "a policy");
  REQUIRE(ledger.problems().empty());
  REQUIRE_THROWS_WITH(ledger.check(), containing("the Ref of id 4 has not ended"));
}

TEST_CASE("a ledger that balances has no objection") {
  Ledger ledger;
  Stream<int> source;
  Probe<int> probe{source, ledger};
  source.emit(1, ledger.issue(1));
  REQUIRE_NOTHROW(ledger.check());
}

TEST_CASE("a ledger objects to an id that was issued twice or never") {
  Ledger ledger;
  { const Ref first = ledger.issue(1), second = ledger.issue(1); }
  REQUIRE_THROWS_WITH(ledger.check(), containing("id 1 was issued twice"));
  REQUIRE_THROWS_WITH(ledger.check(), containing("the Ref of id 1 ended 2 times"));

  Ledger other;
  const Context stranger{Ref::with(Ledger::Id{9})};
  other.saw(&stranger);
  REQUIRE_THROWS_WITH(other.check(), containing("id 9 was seen and never issued"));
}

TEST_CASE("a ledger objects to a loss without a reason and to a failure without an exception") {
  Ledger ledger;
  ledger.issue(1).drop(nullptr);
  ledger.issue(2).fail(nullptr);
  REQUIRE_THROWS_WITH(ledger.check(), containing("id 1 was dropped without a reason"));
  REQUIRE_THROWS_WITH(ledger.check(), containing("id 2 failed without an exception"));
}
