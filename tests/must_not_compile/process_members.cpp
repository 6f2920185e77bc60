// expect: process: the function must be an aggregate, or name its states and side outputs
// SPDX-License-Identifier: BSL-1.0
#include <tuple>

#include "penstock/time/time.hpp"

class Count {
 public:
  explicit Count(int step) : step_(step) {}
#ifndef BAD
  auto members() { return std::tie(count_); }
#endif
  void element(const int&, auto& ctx) {
    count_ = count_.value_or(0) + step_;
    ctx.emit(*count_);
  }

 private:
  int step_;
  penstock::ValueState<int> count_{"count"};
};

int main() {
  const penstock::Stream<int> source;
  static_cast<void>(source.key_by([](int n) { return n; }).process(Count{1}));
}
