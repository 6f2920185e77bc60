// SPDX-License-Identifier: BSL-1.0
//
// Pass through: all events, as they come.
#include "site.hpp"

int main(int argc, char** argv) {
  const Site site{argc, argv};
  site.events().sink([](const Event& event) { fmt::print("{}", penstock::testing::nexmark::canonical(event)); });
  site.run();
}
