// SPDX-License-Identifier: BSL-1.0
//
// Last bid: of every bidder and auction the last bid of the day.
#include "site.hpp"

#include <tuple>
#include <utility>

struct LastBid {
  penstock::ValueState<Bid> last{"last"};

  void element(const Bid& bid, auto& ctx) {
    if (!last.has_value()) ctx.timer_at(midnight_after(bid.time));
    if (!last.has_value() || std::tuple(last->time, last->price) < std::tuple(bid.time, bid.price)) last = bid;
  }
  void timer(auto& ctx) {
    ctx.emit(*last);
    last.clear();
  }

 private:
  static std::int64_t midnight_after(std::int64_t time) {
    constexpr std::int64_t day = 86'400'000'000;
    return (time / day + 1) * day;
  }
};

int main(int argc, char** argv) {
  const Site site{argc, argv};
  auto [persons, auctions, bids] = site.events().split();

  bids.key_by([](const Bid& bid) { return std::pair(bid.bidder, bid.auction); })
      .process(LastBid{})
      .sink([](const Bid& bid) { row(bid.bidder, bid.auction, bid.price, bid.time); });
  site.run();
}
