// SPDX-License-Identifier: BSL-1.0
//
// What an open pair of a key and a window takes: bytes of the heap, measured while so many of them are open. By hand: the bare
// key and aggregate, side by side. A table that doubles is more or less full, so there are several numbers of keys, and their
// mean is what one of unknown size takes.
#include <malloc.h>

#include <chrono>
#include <string>
#include <vector>

#include "bench.hpp"
#include "penstock/core.hpp"
#include "penstock/time/event_time.hpp"
#include "penstock/time/key_by.hpp"
#include "penstock/time/window.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

struct Event {
  std::int64_t time;
  std::int64_t key;
  std::int64_t value;
};
struct Totals {
  std::int64_t count = 0;
  std::int64_t sum = 0;
  void add(const Event& event) {
    ++count;
    sum += event.value;
  }
  void merge(const Totals& other) {
    count += other.count;
    sum += other.sum;
  }
  Totals result() const { return *this; }
};

double heap() {
  const auto info = mallinfo2();
  return static_cast<double>(info.uordblks) + static_cast<double>(info.hblkhd);
}

/// Bytes for each of `keys` open pairs.
double taken_by(std::int64_t keys) {
  const penstock::Stream<Event> source;
  source.event_time(&Event::time, penstock::bounded_disorder(1s))
      .key_by(&Event::key)
      .window(penstock::tumbling(1h))
      .aggregate(Totals{})
      .sink([](const auto& result) { consume(result.key); });
  const double before = heap();
  for (std::int64_t key = 0; key < keys; ++key) source.emit({key, key * 7919, key});
  return (heap() - before) / static_cast<double>(keys);
}

/// The mean of several numbers of keys, evenly spread between two doublings.
Pass measured(std::vector<std::int64_t> sizes) {
  auto mean = std::make_shared<double>(0);
  return {[sizes, mean] {
            double sum = 0;
            for (std::int64_t size : sizes) sum += taken_by(size);
            *mean = sum / static_cast<double>(sizes.size());
          },
          [] { return std::string{}; }, [mean] { return *mean; }};
}
Pass bare(bool) {
  return {[] {}, [] { return std::string{}; }, [] { return static_cast<double>(sizeof(std::int64_t) + sizeof(Totals)); }};
}

const Registration registered{[] {
  std::vector<std::int64_t> spread;
  for (std::int64_t i = 0; i < 8; ++i) spread.push_back(500'000 + i * 62'500);
  add({"window bytes", "hand1", 1, bare, {}, {}, Clock::own});
  add({"window bytes", "1000 keys", 1, [](bool) { return measured({1'000}); }, {{.ratio = 1.5}}, {}, Clock::own});
  add({"window bytes", "100 000 keys", 1, [](bool) { return measured({100'000}); }, {{.ratio = 1.5}}, {}, Clock::own});
  add({"window bytes", "1 000 000 keys", 1, [](bool) { return measured({1'000'000}); }, {{.ratio = 1.5}}, {}, Clock::own});
  add({"window bytes", "mean", 1, [spread](bool) { return measured(spread); }, {{.ratio = 1.5}}, {}, Clock::own});
}};

}  // namespace
}  // namespace bench
