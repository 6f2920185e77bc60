// expect: process: ctx\.timer_at needs a member `void timer\(auto& ctx\)` in the function
// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/time.hpp"

struct Later {
  void element(const int& n, auto& ctx) { ctx.timer_at(penstock::EventTime{n}); }
#ifndef BAD
  void timer(auto& ctx) { ctx.emit(ctx.key()); }
#endif
};

int main() {
  const penstock::Stream<int> source;
  static_cast<void>(source.key_by([](int n) { return n; }).process(Later{}));
}
