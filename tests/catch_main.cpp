// SPDX-License-Identifier: BSL-1.0
// The main function of every test program. Ends with 0 when all passed, 77 when all that ran passed and
// something was skipped, and 1 otherwise: Catch2 2.13 knows no skipping and ends with the number of failures.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Listener = Catch::EventListenerBase;
static const Catch::TestCaseInfo& info(const Catch::TestCaseStats& stats) { return *stats.testInfo; }
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
using Listener = Catch::TestEventListenerBase;
static const Catch::TestCaseInfo& info(const Catch::TestCaseStats& stats) { return stats.testInfo; }
#endif

#include <iostream>

#include "catch.hpp"

static bool nothing_asserted = false;

// Catch2's own warning, -w NoAssertions, also refuses sections that only prepare what is asserted behind
// them.
class AssertsSomething : public Listener {
 public:
  using Listener::Listener;
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    if (stats.totals.assertions.total() > 0) return;
    nothing_asserted = true;
    std::cerr << info(stats).lineInfo << ": the test case asserts nothing: " << info(stats).name << '\n';
  }
};
CATCH_REGISTER_LISTENER(AssertsSomething)

int main(int argc, char** argv) {
  const int result = Catch::Session().run(argc, argv);
  if (result != 0 || nothing_asserted) return 1;
  return penstock::test::something_skipped ? 77 : 0;
}
