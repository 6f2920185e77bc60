// SPDX-License-Identifier: BSL-1.0
//
// Currency conversion: all bids with their prices in euros, at 89 cents a dollar.
#include "site.hpp"

int main(int argc, char** argv) {
  const Site site{argc, argv};
  auto [persons, auctions, bids] = site.events().split();

  bids.map([](Bid bid) {
        bid.price = bid.price * 89 / 100;
        return bid;
      })
      .sink([](const Bid& bid) { row(bid.auction, bid.bidder, bid.price, bid.time); });
  site.run();
}
