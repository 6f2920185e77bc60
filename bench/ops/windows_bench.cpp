// SPDX-License-Identifier: BSL-1.0
//
// Workloads g and h: a sliding window of 10 and a partition of 100, given away as a vector of its own (g, h) or only lent
// (gv, hr). By hand: a ring that is written twice, so that every window lies in one piece, and a buffer with an index.
#include <array>
#include <vector>

#include "graph.hpp"

namespace bench {
namespace {

constexpr std::int64_t n = 65536;
constexpr std::size_t window = 10;
constexpr std::size_t part = 100;

/// The last ten, in one piece.
class Ring {
 public:
  std::span<const Value> add(Value x) {
    values_[at_] = values_[at_ + window] = x;
    at_ = at_ + 1 == window ? 0 : at_ + 1;
    if (size_ < window) return {values_.data(), ++size_};
    return {values_.data() + at_, window};
  }

 private:
  std::array<Value, 2 * window> values_{};
  std::size_t at_ = 0;
  std::size_t size_ = 0;
};

/// A vector that was given away.
void consume_owned(std::vector<Value> values) { consume(values); }
void consume_lent(const std::vector<Value>& values) { consume(values); }
void consume_view(penstock::View<Value> values) { consume(values); }

auto g_hand() {
  return [ring = Ring{}](Value x) mutable {
    const std::span<const Value> now = ring.add(x);
    consume_owned(std::vector<Value>(now.begin(), now.end()));
  };
}
auto gv_hand() {
  return [ring = Ring{}](Value x) mutable { consume(ring.add(x)); };
}
auto h_hand() {
  return [items = std::vector<Value>(), size = std::size_t{0}](Value x) mutable {
    if (size == 0) items.reserve(part);
    items.push_back(x);
    if (++size != part) return;
    size = 0;
    consume_owned(std::exchange(items, {}));
  };
}
auto hr_hand() {
  return [items = std::array<Value, part>(), size = std::size_t{0}](Value x) mutable {
    items[size] = x;
    if (++size != part) return;
    size = 0;
    consume(items);
  };
}

using penstock::Stream;

const Registration registered{[] {
  add(hand1("g", n, g_hand()));
  add(graph("g", "fused", n, [](const Stream<Value>& source) { source.sliding_window(window).sink(consume_owned); },
            {{.ratio = 1.3}}));

  add(hand1("gv", n, gv_hand()));
  add(graph("gv", "view", n,
            [](const Stream<Value>& source) { source.sliding_window(window, penstock::as_view).sink(consume_view); },
            {{.ratio = 1.2}}));
  add(graph("gv", "vector", n, [](const Stream<Value>& source) { source.sliding_window(window).sink(consume_lent); }));

  add(hand1("h", n, h_hand()));
  add(graph("h", "fused", n, [](const Stream<Value>& source) { source.partition(part).sink(consume_owned); },
            {{.ratio = 1.1}}));

  add(hand1("hr", n, hr_hand()));
  add(graph("hr", "view", n,
            [](const Stream<Value>& source) { source.partition(part, penstock::as_view).sink(consume_view); },
            {{.ratio = 1.5}}));
  add(graph("hr", "vector", n, [](const Stream<Value>& source) { source.partition(part).sink(consume_lent); }));
}};

}  // namespace
}  // namespace bench
