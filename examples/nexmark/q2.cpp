// SPDX-License-Identifier: BSL-1.0
//
// Selection: the bids on every 123rd auction.
#include "site.hpp"

int main(int argc, char** argv) {
  const Site site{argc, argv};
  auto [persons, auctions, bids] = site.events().split();

  bids.filter([](const Bid& bid) { return bid.auction % 123 == 0; }).sink([](const Bid& bid) { row(bid.auction, bid.price); });
  site.run();
}
