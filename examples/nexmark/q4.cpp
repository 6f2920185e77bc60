// SPDX-License-Identifier: BSL-1.0
//
// Average price for a category: of the winning bids of all auctions that are over, the mean of each category.
#include "winning_bids.hpp"

int main(int argc, char** argv) {
  const Site site{argc, argv};
  winning_bids(site)
      .key_by([](const Won& won) { return won.auction.category; })
      .window(penstock::tumbling(24h))
      .aggregate(penstock::all_of(penstock::count(), penstock::sum([](const Won& won) { return won.bid.price; })))
      .sink([](const auto& day) {
        const auto [auctions, sum] = day.value;
        row(day.key, auctions, sum, sum / static_cast<std::int64_t>(auctions));
      });
  site.run();
}
