// expect: (?s)(?=.*buffer: the elements are views that are valid during the push only; make them values first)(?=.*delay: the el)(?=.*debounce: the el)(?=.*sample: the el)(?=.*latest: the el)(?=.*rate_limit: the el)(?=.*flatten: the el)(?=.*connect: the el)(?=.*sink_to_vector: the el)(?=.*[^_]sink: the el)(?=.*map_async: the el)(?=.*on_error: the el)(?=.*Probe: the el)
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <tuple>
#include <vector>

#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;

// What queues elements, or works on them after the push, refuses views.
int main() {
  penstock::VirtualLoop loop;
  penstock::Stream<int> source{loop};
#ifdef BAD
  const penstock::Stream<penstock::View<int>> views = source.sliding_window(3, penstock::as_view);
#else
  const auto values = [](auto view) { return std::vector(view.begin(), view.end()); };
  const penstock::Stream<std::vector<int>> views = source.sliding_window(3, penstock::as_view).map(values);
#endif
  using Element = decltype(views)::value_type;
  const auto later = [](const Element&, penstock::Completion<int> done) { done(1); };
  const auto much_later = [](const Element&, penstock::Completion<> done) { done(); };
  views.buffer(1);
  views.delay(1s);
  views.debounce(1s);
  views.sample(1s);
  views.latest();
  views.rate_limit(1s);
  views.map([](auto view) { return std::vector{view}; }).flatten();
  views.connect(views);
  static_cast<void>(views.sink_to_vector());
  static_cast<void>(views.sink(much_later));
  views.map_async(later);
  views.map([](auto view) { return view.size(); }).on_error(penstock::Retry{});
  const penstock::testing::Probe probe{views};
}
