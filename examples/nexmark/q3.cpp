// SPDX-License-Identifier: BSL-1.0
//
// Local item suggestion: who sells in category 10 and lives in Oregon, Idaho or California? A person may come before or behind
// the auctions.
#include "site.hpp"

int main(int argc, char** argv) {
  const Site site{argc, argv};
  auto [persons, auctions, bids] = site.events().split();

  auto in_category = auctions.filter([](const Auction& auction) { return auction.category == 10; });
  auto in_states = persons.filter([](const Person& p) { return p.state == "OR" || p.state == "ID" || p.state == "CA"; });

  penstock::interval_join(in_category.key_by(&Auction::seller), in_states.key_by(&Person::id), penstock::between(-1h, 1h))
      .sink([](const auto& joined) {
        const Person& seller = joined.right;
        row(joined.left.id, seller.name, seller.city, seller.state);
      });
  site.run();
}
