// SPDX-License-Identifier: BSL-1.0
#include "penstock/testing/contract.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "catch.hpp"
#include "penstock/core/stream.hpp"

// A contract is worth what it finds: operators with one fault each, and the check that has to see it.

using namespace penstock;
using namespace penstock::testing;
using penstock::test::containing;

namespace {

enum class Fault {
  none,
  loses,
  forgets_context,
  mixes_contexts,
  swallows_receipt,
  copies,
  ends_twice,
  keeps_signals,
  drops_uncounted,
  remembers_failed
};

template <Fault fault>
class Faulty : public Step {
 public:
  template <class In>
  using output = In;

  explicit Faulty(std::function<void(std::int64_t)> user) : user_(std::move(user)) {}

  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next& next) {
    if constexpr (fault == Fault::remembers_failed) {
      const std::int64_t before = std::exchange(last_, value.value());
      this->run(user_, value.value());
      if (before % 3 == 1) return nullptr;
    }
    if constexpr (fault == Fault::loses || fault == Fault::drops_uncounted) {
      if (value.value() % 5 == 3) {
        if (fault == Fault::drops_uncounted && context) context->drop("because");
        return nullptr;
      }
    }
    if constexpr (fault == Fault::forgets_context) return next(std::forward<V>(value), nullptr);
    if constexpr (fault == Fault::mixes_contexts) {
      Context mine = std::exchange(kept_, Context::of(context));
      return next(std::forward<V>(value), mine.or_null());
    }
    if constexpr (fault == Fault::swallows_receipt) {
      const Receipt receipt{next(std::forward<V>(value), context)};
      return nullptr;
    }
    if constexpr (fault == Fault::copies) {
      const auto copy = value;
      return next(std::remove_cvref_t<V>(copy), context);
    }
    return next(std::forward<V>(value), context);
  }
  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    if constexpr (fault == Fault::ends_twice) {
      if (signal.kind == Signal::end) static_cast<void>(Receipt{next.signal(signal)});
    }
    if constexpr (fault == Fault::keeps_signals) {
      if (signal.kind == Signal::barrier) return nullptr;
    }
    return next.signal(signal);
  }

 private:
  std::function<void(std::int64_t)> user_;
  std::int64_t last_ = 0;
  Context kept_;
};

template <Fault fault>
Contract faulty() {
  Contract contract{"faulty",
                    [](auto& stage) {
                      auto user = [taste = stage.calls([](const Counted&) {})](std::int64_t id) mutable {
                        taste(Counted{id});
                      };
                      return stage.source() | step(Faulty<fault>{user}, Info{"faulty"});
                    },
                    Contract::copyable};
  contract.claims.moves = 0;
  return contract;
}

/// An operator that hands on out of order: two at a time, the newer one first.
class Swaps : public Node, public Receiver<Counted, Swaps> {
 public:
  Swaps() : Node(Info{"swaps"}) {
    port(static_cast<InletBase&>(*this));
    port(outlet);
  }
  template <class V>
  Pending* take(V&& value, const Context* context) {
    if (!first_) {
      first_ = std::make_unique<Item>(Item{Counted(std::forward<V>(value)), Context::of(context)});
      return nullptr;
    }
    Join join{strand()};
    join.add(outlet.push(Counted(std::forward<V>(value)), context));
    join.add(flush());
    return join.finish();
  }
  Outlet<Counted> outlet;

 protected:
  Pending* take_signal(const Signal& signal) override {
    Join join{strand()};
    if (signal.kind == Signal::end) join.add(flush());
    join.add(outlet.signal(signal));
    return join.finish();
  }

 private:
  struct Item {
    Counted value;
    Context context;
  };
  Pending* flush() {
    const std::unique_ptr<Item> item = std::move(first_);
    return item ? outlet.push(std::move(item->value), item->context.or_null()) : nullptr;
  }
  std::unique_ptr<Item> first_;
};
Contract swaps() {
  return {"swaps", [](auto& stage) { return Stream<Counted>{attach<Swaps>(stage.source().stream()).outlet}; },
          Contract::copyable};
}

}  // namespace

TEST_CASE("an operator without a fault passes every check that it claims") {
  REQUIRE_NOTHROW(faulty<Fault::none>().without(Check::function_throws, "calls none").run());
}

TEST_CASE("the contract sees an element that is lost") {
  REQUIRE_THROWS_WITH(faulty<Fault::loses>().run(Check::ref_emitted),
                      containing("these arrived nowhere: {3, 8}"));
  REQUIRE_THROWS_AS(faulty<Fault::loses>().run(Check::burst), ContractBroken);
}
TEST_CASE("the contract sees Refs that are lost or mixed up") {
  REQUIRE_THROWS_AS(faulty<Fault::forgets_context>().run(Check::ref_emitted), ContractBroken);
  REQUIRE_THROWS_AS(faulty<Fault::forgets_context>().run(Check::metadata), ContractBroken);
  REQUIRE_THROWS_WITH(faulty<Fault::mixes_contexts>().run(Check::metadata),
                      containing("came with the Refs of"));
}
TEST_CASE("the contract sees a receipt that is not handed on") {
  REQUIRE_THROWS_WITH(faulty<Fault::swallows_receipt>().run(Check::waits), containing("no emit waited"));
  REQUIRE_THROWS_AS(faulty<Fault::swallows_receipt>().run(Check::bounded), ContractBroken);
}
TEST_CASE("the contract sees copies") {
  REQUIRE_THROWS_WITH(faulty<Fault::copies>().run(Check::budget), containing("copies an element"));
}
TEST_CASE("the contract sees a second end and a signal that is missing") {
  REQUIRE_THROWS_WITH(faulty<Fault::ends_twice>().run(Check::ends), containing("the end came 2 times"));
  REQUIRE_THROWS_WITH(faulty<Fault::keeps_signals>().run(Check::signals),
                      containing("these came: {0, 1, 2, 4}"));
}
TEST_CASE("the contract sees a loss that is not counted") {
  REQUIRE_THROWS_WITH(faulty<Fault::drops_uncounted>().run(Check::counters), containing("counts 0 dropped"));
}
TEST_CASE("the contract sees a state that is not as before") {
  Contract contract = faulty<Fault::remembers_failed>();
  contract.claims.leaves_out = true;
  REQUIRE_THROWS_WITH(contract.run(Check::function_throws), containing("expected"));
}
TEST_CASE("the contract sees elements out of order") {
  REQUIRE_THROWS_WITH(swaps().run(Check::burst), containing("out of order"));
  REQUIRE_THROWS_WITH(swaps().run(Check::ref_held), containing("its Ref ended as done"));
}

TEST_CASE("a check that is not claimed has its reason") {
  const Contract contract = faulty<Fault::none>();
  REQUIRE(contract.claimed(Check::ref_emitted));
  REQUIRE_FALSE(contract.claimed(Check::same_stream));
  REQUIRE(contract.reason(Check::same_stream) == std::string{"has one input"});
  REQUIRE(contract.reason(Check::move_only) == std::string{"wired for elements that can be copied"});
}
