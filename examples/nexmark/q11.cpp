// SPDX-License-Identifier: BSL-1.0
//
// User sessions: how many bids does a user make in one go? A session is over when none has come for 10 seconds, or for as many
// milliseconds as the third argument says.
#include "site.hpp"

int main(int argc, char** argv) {
  const Site site{argc, argv};
  auto [persons, auctions, bids] = site.events().split();

  bids.key_by(&Bid::bidder)
      .window(penstock::session(std::chrono::milliseconds{site.number(10'000)}))
      .aggregate(penstock::count())
      .sink([](const auto& session) { row(session.key, session.window.start, session.window.end, session.value); });
  site.run();
}
