// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "catch.hpp"
#include "penstock/testing/contract.hpp"

// One test case for each check that an operator claims, named so that the conformance tool can print the
// matrix:
//
//     CONTRACT(map) {
//       return Contract{"map", [](auto& s) { return s.source().map(s.calls(same)); }};
//     }

namespace penstock::test {

using namespace penstock::testing;

template <testing::Contract (*Make)(), std::size_t I>
void contract_case() {
  REQUIRE_NOTHROW(Make().run(static_cast<Check>(I)));
}

template <testing::Contract (*Make)()>
struct Registered {
  explicit Registered(const Catch::SourceLineInfo& line) {
    const Contract contract = Make();
    [&]<std::size_t... Is>(std::index_sequence<Is...>) {
      (add<Is>(contract, line), ...);
    }(std::make_index_sequence<check_count>{});
  }
  template <std::size_t I>
  void add(const Contract& contract, const Catch::SourceLineInfo& line) {
    constexpr auto check = static_cast<Check>(I);
    if (!contract.claimed(check)) return;
    const std::string name = "contract " + contract.name() + ": " + testing::name(check);
    Catch::AutoReg{Catch::makeTestInvoker(&contract_case<Make, I>), line, Catch::StringRef(),
                   Catch::NameAndTags{name, "[contract]"}};
  }
};

/// What most operators are given to call: nothing changes.
inline constexpr auto same = [](auto&& value) { return std::forward<decltype(value)>(value); };

}  // namespace penstock::test

#define CONTRACT(id)                                                                                       \
  static penstock::testing::Contract contract_of_##id();                                                   \
  static const penstock::test::Registered<&contract_of_##id> registered_##id{CATCH_INTERNAL_LINEINFO};     \
  static penstock::testing::Contract contract_of_##id()
