// SPDX-License-Identifier: BSL-1.0
// The main function of every test program. Ends with 0 when all passed, 77 when all that ran passed and something
// was skipped, and 1 otherwise: Catch2 2.13 knows no skipping and ends with the number of failures.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

#include "catch.hpp"

int main(int argc, char** argv) {
  const int result = Catch::Session().run(argc, argv);
  if (result != 0) return 1;
  return penstock::test::something_skipped ? 77 : 0;
}
