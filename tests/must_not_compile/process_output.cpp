// expect: process: ctx\.emit takes what the function's `using output = \.\.\.` says
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/time/time.hpp"

struct Words {
#ifndef BAD
  using output = std::string;
#endif
  void element(const int& n, auto& ctx) { ctx.emit(std::to_string(n)); }
};

int main() {
  const penstock::Stream<int> source;
  static_cast<void>(source.key_by([](int n) { return n; }).process(Words{}));
}
