// expect: global: a trigger is every\(n\), every_event_time\(d\), every_processing_time\(d\), or a copyable object
// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/time.hpp"

struct Even {
#ifdef BAD
  bool on_element(const int& n) { return n % 2 == 0; }
#else
  bool element(const int& n, penstock::EventTime) { return n % 2 == 0; }
#endif
};

int main() {
  const penstock::Stream<int> source;
  static_cast<void>(source.window(penstock::global(Even{})).aggregate(penstock::count()));
}
