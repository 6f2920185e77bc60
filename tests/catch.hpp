// SPDX-License-Identifier: BSL-1.0
#pragma once

// Catch2 2.13 and 3.x through one header. Tests keep to what both have: TEST_CASE, SECTION, GENERATE,
// TEMPLATE_TEST_CASE, REQUIRE_THROWS_AS, Catch::Approx, and the text matchers below.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
namespace Catch {
using Detail::Approx;
}
#endif

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace penstock::test {

/// Matches a text that contains `part`: REQUIRE_THROWS_WITH(..., containing("map")).
inline auto containing(const std::string& part) {
#if __has_include(<catch2/catch_all.hpp>)
  return Catch::Matchers::ContainsSubstring(part);
#else
  return Catch::Matchers::Contains(part);
#endif
}

/// A file or folder of the test data, or nothing where the data is not at hand.
inline std::optional<std::filesystem::path> test_data(const std::filesystem::path& name) {
  const char* root = std::getenv("PENSTOCK_TEST_DATA");
  if (root == nullptr || *root == '\0') return std::nullopt;
  const auto path = std::filesystem::path{root} / name;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return path;
}

inline bool something_skipped = false;

}  // namespace penstock::test

/// Leaves the test case, and the test program then counts as skipped and not as passed. Only for what the
/// machine lacks: `const auto file = test_data("items.csv"); if (!file) PENSTOCK_SKIP("no test data");`
#define PENSTOCK_SKIP(reason)                 \
  do {                                        \
    WARN("skipped: " << (reason));            \
    penstock::test::something_skipped = true; \
    SUCCEED();                                \
    return;                                   \
  } while (false)
