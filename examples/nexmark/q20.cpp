// SPDX-License-Identifier: BSL-1.0
//
// Expand bid with auction: the bids on auctions of category 10, with what is known of the auction.
#include "site.hpp"

int main(int argc, char** argv) {
  const Site site{argc, argv};
  auto [persons, auctions, bids] = site.events().split();

  auto in_category = auctions.filter([](const Auction& auction) { return auction.category == 10; });

  penstock::interval_join(bids.key_by(&Bid::auction), in_category.key_by(&Auction::id), penstock::between(-1h, 1h))
      .sink([](const auto& joined) {
        const auto& [auction, bid, what] = joined;
        row(auction, bid.bidder, bid.price, bid.time, what.name, what.seller, what.initial_bid);
      });
  site.run();
}
