// expect: process: the function needs a member `void element\(const T&, auto& ctx\)`
// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/time.hpp"

struct PassOn {
#ifdef BAD
  void element(const int& n) { static_cast<void>(n); }
#else
  void element(const int& n, auto& ctx) { ctx.emit(n); }
#endif
};

int main() {
  const penstock::Stream<int> source;
  static_cast<void>(source.key_by([](int n) { return n; }).process(PassOn{}));
}
