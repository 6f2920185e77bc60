// SPDX-License-Identifier: BSL-1.0
//
// Not one of NEXMark's: bids by auction and 30 milliseconds, with a frontier that is not as far behind as the disorder may be, but
// as many milliseconds as the third argument says. What comes too late is counted, and not lost.
#include "site.hpp"

int main(int argc, char** argv) {
  const Site site{argc, argv};
  const std::chrono::milliseconds disorder{site.number(0)};
  auto [persons, auctions, bids] = site.events(disorder).split();

  std::uint64_t rows = 0, counted = 0, late = 0;
  auto counts = bids.key_by(&Bid::auction).window(penstock::tumbling(30ms)).aggregate(penstock::count());
  counts.sink([&](const auto& count) {
    ++rows;
    counted += count.value;
  });
  counts.late().sink([&](const auto&) { ++late; });

  site.open();
  const std::uint64_t before_end = rows;
  site.close();
  row(late, before_end, rows - before_end, counted);
}
