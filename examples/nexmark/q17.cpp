// SPDX-License-Identifier: BSL-1.0
//
// Auction statistics of every day: how many bids of each band of prices, the least, the greatest, their sum.
#include "site.hpp"

struct Auctioned {
  std::uint64_t bids, low, middle, high;
  std::int64_t least, greatest, sum;
};

int main(int argc, char** argv) {
  const Site site{argc, argv};
  auto [persons, auctions, bids] = site.events().split();

  const auto low = [](const Bid& bid) { return bid.price < 10'000; };
  const auto middle = [](const Bid& bid) { return bid.price >= 10'000 && bid.price < 1'000'000; };
  const auto high = [](const Bid& bid) { return bid.price >= 1'000'000; };

  bids.key_by(&Bid::auction)
      .window(penstock::tumbling(24h))
      .aggregate(penstock::into<Auctioned>(&Auctioned::bids, penstock::count(), &Auctioned::low, penstock::count_if(low),
                                           &Auctioned::middle, penstock::count_if(middle), &Auctioned::high,
                                           penstock::count_if(high), &Auctioned::least, penstock::min(&Bid::price),
                                           &Auctioned::greatest, penstock::max(&Bid::price), &Auctioned::sum,
                                           penstock::sum(&Bid::price)))
      .sink([](const auto& result) {
        const Auctioned& day = result.value;
        row(result.key, day.bids, day.low, day.middle, day.high, day.least, day.greatest, day.sum);
      });
  site.run();
}
