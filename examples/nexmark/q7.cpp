// SPDX-License-Identifier: BSL-1.0
//
// Highest bid of every 10 seconds.
#include "site.hpp"

#include <tuple>

struct Highest {
  Bid best;

  void add(const Bid& bid) {
    const auto rank = [](const Bid& b) { return std::tuple(b.price, -b.time, -b.bidder); };
    if (rank(best) < rank(bid)) best = bid;
  }
  Bid result() const { return best; }
};

int main(int argc, char** argv) {
  const Site site{argc, argv};
  auto [persons, auctions, bids] = site.events().split();

  bids.window(penstock::tumbling(10s)).aggregate(Highest{}).sink([](const auto& highest) {
    row(highest.window.start, highest.value.auction, highest.value.bidder, highest.value.price, highest.value.time);
  });
  site.run();
}
