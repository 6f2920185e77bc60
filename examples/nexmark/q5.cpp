// SPDX-License-Identifier: BSL-1.0
//
// Hot items: the auctions with most bids in the last 10 seconds, every 2 seconds or as many as the third argument says.
#include "site.hpp"

#include <vector>

/// Of the counts of one window the highest, or several where they are equal.
struct Hottest {
  std::vector<penstock::WindowResult<std::int64_t, std::uint64_t>> hot;

  template <class Count>
  void add(const Count& count) {
    if (!hot.empty() && hot.front().value > count.value) return;
    if (!hot.empty() && hot.front().value < count.value) hot.clear();
    hot.push_back(count);
  }
  auto result() const { return hot; }
};

int main(int argc, char** argv) {
  const Site site{argc, argv};
  const std::chrono::seconds slide{site.number(2)};
  auto [persons, auctions, bids] = site.events().split();

  bids.key_by(&Bid::auction)
      .window(penstock::hopping(10s, slide))
      .aggregate(penstock::count())
      .window(penstock::tumbling(slide))  // all counts of one window have its end as their time
      .aggregate(Hottest{})
      .sink([](const auto& hottest) {
        for (const auto& count : hottest.value) row(count.window.start, count.key, count.value);
      });
  site.run();
}
