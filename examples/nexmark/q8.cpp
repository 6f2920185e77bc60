// SPDX-License-Identifier: BSL-1.0
//
// Monitor new users: who has come and sells within the same 10 seconds?
#include "site.hpp"

int main(int argc, char** argv) {
  const Site site{argc, argv};
  auto [persons, auctions, bids] = site.events().split();

  penstock::window_join(persons.key_by(&Person::id), auctions.key_by(&Auction::seller), penstock::tumbling(10s))
      .sink([](const auto& joined) { row(joined.window.start, joined.key, joined.left.name, joined.right.id); });
  site.run();
}
