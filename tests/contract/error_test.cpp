// SPDX-License-Identifier: BSL-1.0
#include <tuple>
#include <utility>

#include "contract/contract.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/on_error.hpp"

using namespace penstock;
using namespace penstock::test;

// What stands between a function that throws and its emitter.

CONTRACT(on_error_skip) {
  Contract contract{"on_error skip", [](auto& s) { return s.source().map(s.calls(same)).on_error(OnError::skip); }};
  contract.claims.thrown_on = Outcome::dropped;
  return contract;
}
CONTRACT(on_error_retry) {
  Contract contract{"on_error retry",
                    [](auto& s) { return s.source().map(s.calls(same)).on_error(Retry{.attempts = 3}); },
                    Contract::copyable};
  contract.claims.copies = 1;
  contract.claims.moves = 3;
  return contract;
}
CONTRACT(on_error_divert) {
  const auto wire = [](auto& s) {
    Stream<DeadLetter<Counted>> letters;
    return std::tuple{s.source().map(s.calls(same)).on_error(divert_to(letters)).stream(), letters};
  };
  Contract contract{"on_error divert_to", wire, Contract::copyable};
  contract.claims.thrown_on = Outcome::done;
  contract.claims.copies = 1;
  contract.claims.moves = 3;
  return contract.without(Check::signals, "the stream of the letters gets the end only");
}
