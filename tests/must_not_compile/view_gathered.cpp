// expect: (?s)(?=.*[^_]zip: the el)(?=.*zip_all: the el)(?=.*zip_latest: the el)(?=.*combine_latest: the el)(?=.*combine_latest_all: the el)(?=.*collect: the el)(?=.*pairwise: the el)(?=.*[^_]partition: the el)(?=.*partition_unique: the el)(?=.*sliding_window: the el)(?=.*timed_window: the el)(?=.*timed_window_unique: the el)(?=.*accumulate: the el)(?=.*[^_]hop: the el)
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "penstock/core.hpp"
#include "penstock/ops/hop.hpp"
#include "penstock/ops/timed_window_unique.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;

// What puts elements together refuses views, also where they are part of an element.
int main() {
  penstock::VirtualLoop loop;
  penstock::Stream<int> source{loop};
  auto pairs = source.partition(2, penstock::as_view);
#ifdef BAD
  const penstock::Stream<penstock::View<int>> views = std::move(pairs);
#else
  const auto values = [](auto view) { return std::vector(view.begin(), view.end()); };
  const penstock::Stream<std::vector<int>> views = std::move(pairs).map(values);
#endif
  const auto size = [](const auto& items) { return items.size(); };
  zip(views, source);
  zip_all(std::vector{views});
  zip_latest(source, views);
  combine_latest(views, source);
  combine_latest_all(std::vector{views});
  static_cast<void>(views.collect());
  views.pairwise().stream();
  static_cast<void>(views.partition(2));
  views.partition_unique(2, size).stream();
  static_cast<void>(views.sliding_window(2));
  views.timed_window(1s);
  views.timed_window_unique(1s, size);
  views.accumulate([](const auto& all, const auto&) { return all; }).stream();
  views.hop(loop);
}
