// SPDX-License-Identifier: BSL-1.0
//
// Winning bids: of every auction the highest bid while it was open.
#include "winning_bids.hpp"

int main(int argc, char** argv) {
  const Site site{argc, argv};
  winning_bids(site).sink([](const Won& won) { row(won.auction.id, won.auction.name, won.bid.bidder, won.bid.price, won.bid.time); });
  site.run();
}
