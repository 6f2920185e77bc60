// expect: process: put key_by\(\.\.\.\) before
// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/time.hpp"

struct PassOn {
  void element(const int& n, auto& ctx) { ctx.emit(n); }
};

int main() {
  const penstock::Stream<int> source;
#ifdef BAD
  static_cast<void>(source | penstock::process(PassOn{}));
#else
  static_cast<void>(source.key_by([](int n) { return n; }) | penstock::process(PassOn{}));
#endif
}
