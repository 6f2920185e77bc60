// SPDX-License-Identifier: BSL-1.0
#include <chrono>

#include "contract/contract.hpp"
#include "penstock/ops/buffer.hpp"
#include "penstock/ops/debounce.hpp"
#include "penstock/ops/delay.hpp"
#include "penstock/ops/keep_one_per.hpp"
#include "penstock/ops/latest.hpp"
#include "penstock/ops/rate_limit.hpp"
#include "penstock/ops/sample.hpp"
#include "penstock/ops/timed_window.hpp"
#include "penstock/ops/timeout.hpp"

using namespace penstock;
using namespace penstock::test;
using namespace std::chrono_literals;

// Operators that keep elements and emit them later, by themselves.

namespace {

constexpr const char* no_function = "takes no function";
constexpr const char* never_waits = "never makes an emitter wait";

Contract holds(Contract contract, std::size_t bound) {
  contract.claims.bound = bound;
  contract.claims.moves = 4;
  return contract.without(Check::function_throws, no_function);
}
/// Keeps a few and lets the others go when what is behind is slow.
Contract sheds(Contract contract, std::size_t bound) {
  contract.claims.drops_when_stalled = true;
  return holds(std::move(contract), bound).without(Check::waits, never_waits);
}

}  // namespace

CONTRACT(buffer) {
  // Three in the queue, one on its way, one whose emitter waits.
  return holds(Contract{"buffer", [](auto& s) { return s.source().buffer(3); }}, 5);
}
CONTRACT(buffer_drop_oldest) {
  return sheds(Contract{"buffer drop_oldest",
                        [](auto& s) { return s.source().buffer(3, {.overflow = WhenFull::drop_oldest}); }}, 4);
}
CONTRACT(buffer_drop_newest) {
  return sheds(Contract{"buffer drop_newest",
                        [](auto& s) { return s.source().buffer(3, {.overflow = WhenFull::drop_newest}); }}, 4);
}
CONTRACT(buffer_fail) {
  constexpr const char* fails = "an element too many fails, as it says";
  return holds(Contract{"buffer fail", [](auto& s) { return s.source().buffer(3, {.overflow = WhenFull::fail}); }}, 4)
      .without(Check::waits, never_waits)
      .without(Check::burst, fails)
      .without(Check::stopped, fails)
      .without(Check::out_of_order, fails)
      .without(Check::signals, fails)
      .without(Check::ends, fails);
}
CONTRACT(buffer_keep_one_per) {
  const auto key = [](const auto& x) { return x.value() % 3; };
  Contract contract =
      sheds(Contract{"buffer keep_one_per",
                     [key](auto& s) { return s.source().buffer(3, keep_one_per(s.calls(key))); }},
            5);
  contract.claims.ordered = false;  // a newer element takes the place of an older one
  return contract;
}
CONTRACT(latest) {
  return sheds(Contract{"latest", [](auto& s) { return s.source().latest(); }}, 2);
}
CONTRACT(delay) {
  Contract contract = holds(Contract{"delay", [](auto& s) { return s.source().delay(5ms); }}, 0);
  contract.claims.needs_loop = true;
  contract.claims.step = 3ms;
  contract.claims.saves = true;
  return contract.without(Check::waits, never_waits)
      .without(Check::bounded, "keeps everything until its time has come");
}
CONTRACT(delay_bound) {
  Contract contract = holds(Contract{"delay bound", [](auto& s) { return s.source().delay(5ms, {.bound = 3}); }}, 5);
  contract.claims.needs_loop = true;
  contract.claims.saves = true;
  return contract;
}
CONTRACT(rate_limit) {
  Contract contract = holds(Contract{"rate_limit", [](auto& s) { return s.source().rate_limit(2ms); }}, 1);
  contract.claims.needs_loop = true;
  contract.claims.step = 1ms;
  return contract;
}
CONTRACT(debounce) {
  Contract contract = sheds(Contract{"debounce", [](auto& s) { return s.source().debounce(1ms); }}, 3);
  contract.claims.needs_loop = true;
  contract.claims.step = 2ms;
  return contract;
}
CONTRACT(sample) {
  Contract contract = sheds(Contract{"sample", [](auto& s) { return s.source().sample(1ms); }}, 3);
  contract.claims.needs_loop = true;
  contract.claims.step = 2ms;
  return contract;
}
CONTRACT(timeout) {
  Contract contract = holds(Contract{"timeout", [](auto& s) { return s.source().timeout(1h); }}, 1);
  contract.claims.needs_loop = true;
  contract.claims.moves = 0;
  return contract;
}
CONTRACT(timed_window) {
  Contract contract = holds(Contract{"timed_window", [](auto& s) { return s.source().timed_window(3ms); }}, 200);
  contract.claims.needs_loop = true;
  contract.claims.step = 1ms;
  contract.claims.gathers = true;
  return contract;
}
