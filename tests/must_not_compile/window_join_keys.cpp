// expect: window_join: the keys of both streams must have one type
// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/time.hpp"

struct Event {
  long time;
  int number;
  long other;
};

int main() {
  const penstock::Stream<Event> a;
  const penstock::Stream<Event> b;
  const auto left = a.event_time(&Event::time, penstock::ascending()).key_by(&Event::number);
#ifdef BAD
  const auto right = b.event_time(&Event::time, penstock::ascending()).key_by(&Event::other);
#else
  const auto right = b.event_time(&Event::time, penstock::ascending()).key_by(&Event::number);
#endif
  static_cast<void>(penstock::window_join(left, right, penstock::tumbling(std::chrono::seconds{1})));
}
