// SPDX-License-Identifier: BSL-1.0
// What check_tail_calls.py compiles and disassembles: pushes through nodes with an outlet behind them, and one that
// answers with a class, which must be found out.

#include <cstdint>
#include <utility>

#include "penstock/core.hpp"

namespace tail_calls {

using penstock::Stream;
using Number = std::int64_t;  // goes in a register

struct Text {  // is borrowed or given
  Number words[4];
};

struct Twice {
  Number operator()(Number x) const { return 2 * x; }
};
struct Even {
  bool operator()(Number x) const { return x % 2 == 0; }
};
struct Full {
  bool operator()(const Text& x) const { return x.words[0] != 0; }
};
struct Sum {
  Number operator()(Number sum, Number x) const { return sum + x; }
};
struct Look {
  void operator()(Number x) const;  // somewhere else
};

/// A step that may have to wait, in a branch.
struct Slow : penstock::Step {
  template <class>
  using output = void;
  template <class Next>
  penstock::Pending* operator()(Number x, const penstock::Context* context, Next&) {
    return waits(x, context);
  }
  static penstock::Pending* waits(Number x, const penstock::Context* context);  // somewhere else
};

void numbers() {
  const Stream<Number> source;
  Stream<Number> stream = source.map(Twice{});
  stream = stream.filter(Even{});
  stream = stream.accumulate(Sum{}, Number{0});
  stream = stream.take(10);
  stream = stream.map(Twice{}).filter(Even{}).map(Twice{});
  stream = stream.tap(Look{});
  stream = stream.tee([](auto s) { return s.sink(Look{}); });
  stream = stream.tee([](auto s) { return s | penstock::step(Slow{}, {"slow"}); });
}

// What a map makes lives in it until the push is over, so only what is passed on can be a tail call.
void texts() {
  const Stream<Text> source;
  Stream<Text> stream = source.filter(Full{});
  stream = stream.take(10);
}

/// The mistake: the same as a map, with a class for an answer, which has to be destroyed if what follows throws.
class Answer {
 public:
  Answer() = default;
  Answer(Answer&& other) noexcept : pending_(std::exchange(other.pending_, nullptr)) {}
  ~Answer();

 private:
  penstock::Pending* pending_ = nullptr;
};

struct AnswersByClass {
  virtual ~AnswersByClass() = default;
  virtual Answer push(Number value, const penstock::Context* context) = 0;
  AnswersByClass* next = nullptr;
};
struct MapByClass final : AnswersByClass {
  Answer push(Number value, const penstock::Context* context) override { return next->push(2 * value, context); }
};
AnswersByClass* make_by_class() { return new MapByClass; }

}  // namespace tail_calls
