// SPDX-License-Identifier: BSL-1.0
#include "contract/contract.hpp"
#include "penstock/time/process.hpp"

using namespace penstock;
using namespace penstock::test;

// Functions of the user's own with states for each key.

namespace {

template <class Fn>
struct PassOn {
  Fn fn;
  ValueState<int> count{"count"};

  void element(const auto& value, auto& ctx) {
    count = count.value_or(0) + 1;
    ctx.emit(fn(value));
  }
};

}  // namespace

CONTRACT(process) {
  const auto wire = [](auto& s) {
    auto fn = s.calls([](const auto& value) { return value; });
    return s.source().key_by([](const auto& value) { return value.value() % 3; }).process(PassOn<decltype(fn)>{fn});
  };
  Contract contract{"process", wire, Contract::copyable};
  contract.claims.copies = 1;  // the function gets to see the element, and not to keep it
  contract.claims.moves = 3;   // into what waits for the function's end and out of it
  return contract;
}
