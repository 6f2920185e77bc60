// SPDX-License-Identifier: BSL-1.0
#include "contract/contract.hpp"
#include "penstock/ops/combine_latest.hpp"
#include "penstock/ops/merge.hpp"
#include "penstock/ops/split.hpp"
#include "penstock/ops/zip.hpp"
#include "penstock/ops/zip_latest.hpp"

using namespace penstock;
using namespace penstock::test;

// Operators with several inputs or outputs.

namespace {

Contract joins(Contract contract) {
  contract.claims.inputs = 2;
  return contract.without(Check::function_throws, "takes no function");
}

}  // namespace

CONTRACT(merge) {
  Contract contract = joins(Contract{"merge", [](auto& s) { return s.source(0).merge(s.source(1)); }});
  contract.claims.moves = 0;
  return contract;
}
CONTRACT(zip) {
  Contract contract =
      joins(Contract{"zip", [](auto& s) { return s.source(0).zip(s.source(1), ZipOptions{.maxsize = 3}); }});
  contract.claims.bound = 2;
  contract.claims.moves = 2;
  return contract;
}
CONTRACT(combine_latest) {
  Contract contract = joins(Contract{
      "combine_latest", [](auto& s) { return s.source(0).combine_latest(s.source(1)); }, Contract::copyable});
  contract.claims.bound = 3;
  contract.claims.copies = 2;
  contract.claims.moves = 2;
  return contract;
}
CONTRACT(zip_latest) {
  Contract contract = joins(Contract{
      "zip_latest", [](auto& s) { return s.source(0).zip_latest(s.source(1)); }, Contract::copyable});
  contract.claims.leaves_out = true;  // the newest of the other stream, when it is replaced before it was used
  contract.claims.bound = 3;
  contract.claims.copies = 1;
  contract.claims.moves = 2;
  return contract;
}
CONTRACT(split) {
  const auto even = [](const auto& x) { return x.value() % 2 == 0; };
  Contract contract{"split", [even](auto& s) { return s.source().split(s.calls(even)); }};
  contract.claims.moves = 0;
  return contract;
}
