// SPDX-License-Identifier: BSL-1.0
//
// Bidding statistics of every day, by three bands of prices: bids, bidders and auctions.
#include "site.hpp"

struct Day {
  std::uint64_t bids, low, middle, high;
  std::uint64_t bidders, low_bidders, middle_bidders, high_bidders;
  std::uint64_t auctions, low_auctions, middle_auctions, high_auctions;
};

int main(int argc, char** argv) {
  const Site site{argc, argv};
  auto [persons, auctions, bids] = site.events().split();

  const auto low = [](const Bid& bid) { return bid.price < 10'000; };
  const auto middle = [](const Bid& bid) { return bid.price >= 10'000 && bid.price < 1'000'000; };
  const auto high = [](const Bid& bid) { return bid.price >= 1'000'000; };
  const auto bidders = penstock::distinct(&Bid::bidder);
  const auto sold = penstock::distinct(&Bid::auction);

  bids.window(penstock::tumbling(24h))
      .aggregate(penstock::into<Day>(
          &Day::bids, penstock::count(), &Day::low, penstock::count_if(low), &Day::middle, penstock::count_if(middle),
          &Day::high, penstock::count_if(high), &Day::bidders, bidders, &Day::low_bidders, bidders.where(low),
          &Day::middle_bidders, bidders.where(middle), &Day::high_bidders, bidders.where(high), &Day::auctions, sold,
          &Day::low_auctions, sold.where(low), &Day::middle_auctions, sold.where(middle), &Day::high_auctions,
          sold.where(high)))
      .sink([](const auto& result) {
        const Day& day = result.value;
        row(result.window.start, day.bids, day.low, day.middle, day.high, day.bidders, day.low_bidders, day.middle_bidders,
            day.high_bidders, day.auctions, day.low_auctions, day.middle_auctions, day.high_auctions);
      });
  site.run();
}
