// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <cstdint>
#include <tuple>
#include <utility>

#include "contract/contract.hpp"
#include "penstock/ops/map_async.hpp"
#include "penstock/ops/on_error.hpp"

using namespace penstock;
using namespace penstock::test;
using namespace std::chrono_literals;

// Operators that call asynchronous functions.

namespace {

/// Takes 0 to 4 ms, as the element says, so that calls end in another order than they began; without a loop
/// no time.
template <class T>
struct Work {
  Stage<T>* stage;

  void operator()(T value, Completion<T> done) const {
    stage->taste(value);
    if (!stage->looped()) return done(std::move(value));
    const auto time = std::chrono::milliseconds(value.value() * 7 % 5);
    stage->loop().set(*new Later(std::move(value), std::move(done)), stage->loop().now() + time);
  }

  struct Later final : Timer {
    Later(T v, Completion<T> d) : value(std::move(v)), done(std::move(d)) {}
    void run() override {
      done(std::move(value));
      delete this;
    }
    void discard() noexcept override { delete this; }
    T value;
    Completion<T> done;
  };
};
template <class T>
Work<T> work(Stage<T>& stage) {
  return {&stage};
}

Contract calls(Contract contract) {
  contract.claims.bound = 4;  // three calls, and one that waits for a slot
  contract.claims.moves = 8;
  return contract;
}

}  // namespace

CONTRACT(map_async) {
  return calls(
      Contract{"map_async", [](auto& s) { return s.source().map_async(work(s), {.parallelism = 3}); }});
}
CONTRACT(map_async_skip) {
  const auto wire = [](auto& s) {
    return s.source().map_async(work(s), {.parallelism = 3}).on_error(OnError::skip);
  };
  Contract contract = calls(Contract{"map_async with on_error skip", wire});
  contract.claims.thrown_on = Outcome::dropped;
  return contract;
}
CONTRACT(map_async_retry) {
  const auto wire = [](auto& s) {
    return s.source().map_async(work(s), {.parallelism = 3}).on_error(Retry{.attempts = 3});
  };
  Contract contract = calls(Contract{"map_async with on_error retry", wire, Contract::copyable});
  contract.claims.copies = 1;
  return contract;
}
CONTRACT(map_async_divert) {
  const auto wire = [](auto& s) {
    Stream<DeadLetter<Counted>> letters;
    auto mapped = s.source().map_async(work(s), {.parallelism = 3}).on_error(divert_to(letters));
    return std::tuple{mapped, letters};
  };
  Contract contract = calls(Contract{"map_async with on_error divert_to", wire, Contract::copyable});
  contract.claims.thrown_on = Outcome::done;
  contract.claims.copies = 1;
  return contract.without(Check::signals, "the stream of the letters gets the end only");
}
CONTRACT(map_async_unordered) {
  Contract contract =
      calls(Contract{"map_async unordered", [](auto& s) {
                       return s.source().map_async(work(s), {.parallelism = 3, .ordered = false});
                     }});
  contract.claims.ordered = false;
  return contract;
}
