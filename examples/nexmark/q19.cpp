// SPDX-License-Identifier: BSL-1.0
//
// Top ten of the bids on every auction of a day.
#include "site.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

struct TopTen {
  std::vector<Bid> best;  // the highest first

  void add(const Bid& bid) {
    const auto higher = [](const Bid& a, const Bid& b) { return rank(a) < rank(b); };
    best.insert(std::upper_bound(best.begin(), best.end(), bid, higher), bid);
    if (best.size() > 10) best.pop_back();
  }
  auto result() const { return best; }

 private:
  static std::tuple<std::int64_t, std::int64_t, std::int64_t> rank(const Bid& bid) { return {-bid.price, bid.time, bid.bidder}; }
};

int main(int argc, char** argv) {
  const Site site{argc, argv};
  auto [persons, auctions, bids] = site.events().split();

  bids.key_by(&Bid::auction).window(penstock::tumbling(24h)).aggregate(TopTen{}).sink([](const auto& top) {
    int place = 0;
    for (const Bid& bid : top.value) row(top.key, ++place, bid.bidder, bid.price, bid.time);
  });
  site.run();
}
