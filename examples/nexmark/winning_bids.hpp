// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <tuple>
#include <variant>

#include "site.hpp"

// What queries 4 and 9 have in common: a function with states and a timer for each auction.

struct Won {
  Auction auction;
  Bid bid;
};

/// The highest price wins; of several the first.
inline bool better(const Bid& a, const Bid& b) {
  return std::tuple(-a.price, a.time, a.bidder) < std::tuple(-b.price, b.time, b.bidder);
}

struct WinningBids {
  using output = Won;
  penstock::ValueState<Auction> auction{"auction"};
  penstock::ListState<Bid> bids{"bids", {.time_to_live = 10s}};  // auctions last a third of a second

  void element(const Event& event, auto& ctx) {
    if (const auto* bid = std::get_if<Bid>(&event)) return bids.add(*bid);
    auction = std::get<Auction>(event);
    ctx.timer_at(auction->expires + 1);
  }
  /// The auction is over: no earlier bid will come.
  void timer(auto& ctx) {
    const Bid* best = nullptr;
    for (const Bid& bid : bids) {
      const bool in_time = auction->time <= bid.time && bid.time <= auction->expires;
      if (in_time && (!best || better(bid, *best))) best = &bid;
    }
    if (best) ctx.emit(Won{*auction, *best});
    auction.clear();
  }
};

inline auto winning_bids(const Site& site) {
  return site.events()
      .filter([](const Event& event) { return !std::holds_alternative<Person>(event); })
      .key_by([](const Event& event) {
        const auto* bid = std::get_if<Bid>(&event);
        return bid ? bid->auction : std::get<Auction>(event).id;
      })
      .process(WinningBids{});
}
