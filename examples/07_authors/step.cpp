// SPDX-License-Identifier: BSL-1.0
// Your own operator, the second ladder: a step. One input, one output, never waits by itself. A step is
// written once, is fused with its neighbours and costs nothing but its own code.
#include <fmt/core.h>

#include <penstock/penstock.hpp>

// Emits an element when it differs from the one before.
class ChangesStep : public penstock::Step {
 public:
  template <class In>
  using output = In;

  // `value` is given or borrowed; `context` is what travels beside it. The answer of `next` goes back up.
  template <class V, class Next>
  penstock::Pending* operator()(V&& value, const penstock::Context* context, Next& next) {
    if (last_ == value) {
      info().leaves_out();
      return nullptr;
    }
    last_ = value;
    return next(std::forward<V>(value), context);
  }

 private:
  std::optional<int> last_;
};

auto changes() {
  penstock::Info info{"changes"};
  info.one_to_one = false;  // elements can be left out
  info.selects = true;      // and what is not left out comes out
  return penstock::step(ChangesStep{}, info);
}

int main() {
  penstock::Stream<int> source;
  source | changes() | penstock::sink([](int x) { fmt::print("{}\n", x); });
  for (int x : {1, 1, 2, 2, 2, 1}) source.emit(x);
  fmt::print("\n{}", source.describe());
}
