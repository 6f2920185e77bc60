// SPDX-License-Identifier: BSL-1.0
//
// Calculation: bids of more than a million and less than fifty million in euros, with the time of day.
#include "site.hpp"

int main(int argc, char** argv) {
  const Site site{argc, argv};
  auto [persons, auctions, bids] = site.events().split();

  bids.filter([](const Bid& bid) {
        const double price = 0.908 * static_cast<double>(bid.price);
        return price > 1e6 && price < 5e7;
      })
      .sink([](const Bid& bid) {
        const auto hour = bid.time / 3'600'000'000 % 24;
        row(bid.auction, bid.bidder, hour >= 8 && hour <= 18 ? "day" : hour <= 6 || hour >= 20 ? "night" : "other", bid.time);
      });
  site.run();
}
