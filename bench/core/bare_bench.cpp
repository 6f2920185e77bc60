// SPDX-License-Identifier: BSL-1.0
//
// What contexts and receipts cost a graph that uses neither. `bare` is a private copy of the dynamic graph in which `push`
// takes a value and returns nothing; `bare_with` is the same source code with both, null all the way. Everything else that
// `emit` does is there too: the mark of the descent, the way out of an exception, the count of what a function throws.
#include "core/chains.hpp"
#include "graph.hpp"

#include <atomic>

namespace bench {
namespace {

constexpr std::int64_t n = 65536;

struct State;  // stands for what waits
struct Beside;  // stands for what travels beside a value

template <bool with>
struct Inlet {
  using Result = void;
  virtual ~Inlet() = default;
  virtual void push(Value value) = 0;
};
template <>
struct Inlet<true> {
  using Result = State*;
  virtual ~Inlet() = default;
  virtual State* push(Value value, const Beside* beside) = 0;
};

// What operators do: `run` calls the user's function, `next` emits. Written once for both.
struct Map {
  [[gnu::always_inline]] auto operator()(auto run, Value value, auto next) { return next(run(value)); }
};
struct Filter {
  [[gnu::always_inline]] auto operator()(auto run, Value value, auto next) {
    return run(value) ? next(value) : decltype(next(value))();
  }
};
struct Fold {
  [[gnu::always_inline]] auto operator()(auto run, Value value, auto next) { return next(sum = run(sum, value)); }
  Value sum = 0;
};
struct End {
  [[gnu::always_inline]] auto operator()(auto run, Value value, auto next) {
    run(value);
    return decltype(next(value))();
  }
};

template <bool with, class Operator, class Fn>
class NodeBase : public Inlet<with> {
 public:
  NodeBase(Fn fn, Inlet<with>* next) : fn_(std::move(fn)), next_(next) {}

 protected:
  template <class... BesideIt>
  [[gnu::always_inline]] auto take(Value value, BesideIt... beside) {
    const auto run = [this](auto... args) {
      try {
        return fn_(args...);
      } catch (...) {
        ++failed_;
        throw;
      }
    };
    return operator_(run, value, [&](Value result) { return next_->push(result, beside...); });
  }

 private:
  Operator operator_;
  Fn fn_;
  Inlet<with>* next_;
  std::uint64_t failed_ = 0;
};
template <bool with, class Operator, class Fn>
struct Node final : NodeBase<with, Operator, Fn> {
  using NodeBase<with, Operator, Fn>::NodeBase;
  void push(Value value) override { this->take(value); }
};
template <class Operator, class Fn>
struct Node<true, Operator, Fn> final : NodeBase<true, Operator, Fn> {
  using NodeBase<true, Operator, Fn>::NodeBase;
  State* push(Value value, const Beside* beside) override { return this->take(value, beside); }
};

/// Keeps the nodes and is the source. Written from the sink upwards.
template <bool with>
class Bare {
 public:
  template <class Operator, class Fn>
  Bare& before(Fn fn) {
    auto node = std::make_shared<Node<with, Operator, Fn>>(std::move(fn), first_);
    first_ = node.get();
    nodes_.push_back(std::move(node));
    return *this;
  }

  [[gnu::always_inline]] void emit(Value value) {
    if (state_.load(std::memory_order_relaxed) != 0) [[unlikely]] return refuse();
    state_.store(1, std::memory_order_relaxed);
    bool waits = false;
    try {
      if constexpr (with) {
        waits = first_->push(value, nullptr) != nullptr;
      } else {
        first_->push(value);
      }
    } catch (...) {
      state_.store(0, std::memory_order_relaxed);
      throw;
    }
    if (waits || state_.load(std::memory_order_relaxed) != 1) [[unlikely]] return refuse();
    state_.store(0, std::memory_order_relaxed);
  }

 private:
  [[gnu::noinline, gnu::cold]] void refuse() { state_.store(0, std::memory_order_relaxed); }

  std::vector<std::shared_ptr<Inlet<with>>> nodes_;
  Inlet<with>* first_ = nullptr;
  std::atomic<std::uint32_t> state_{0};
};

template <bool with>
void build_b(Bare<with>& graph) {
  graph.template before<End>(chains::Consume{}).template before<Map>([](Value x) { return x + 1; });
}
template <bool with>
void build_c2(Bare<with>& graph) {
  graph.template before<End>(chains::Consume{})
      .template before<Map>([](Value x) { return x ^ 29; })
      .template before<Map>([](Value x) { return x + 23; })
      .template before<Map>([](Value x) { return x - 19; })
      .template before<Map>([](Value x) { return x * 17; })
      .template before<Map>([](Value x) { return x ^ 13; })
      .template before<Map>([](Value x) { return x + 11; })
      .template before<Map>([](Value x) { return x - 7; })
      .template before<Map>([](Value x) { return x * 5; })
      .template before<Map>([](Value x) { return x ^ 3; })
      .template before<Map>([](Value x) { return x + 1; });
}
template <bool with>
void build_d(Bare<with>& graph) {
  graph.template before<End>(chains::Consume{})
      .template before<Fold>([](Value sum, Value x) { return sum + x; })
      .template before<Map>([](Value x) { return x + 1; })
      .template before<Filter>([](Value x) { return x % 2 == 0; });
}

template <bool with>
[[gnu::noinline]] void emit_each(Bare<with>& graph) {
  for (Value i = 0; i < n; ++i) graph.emit(i);
}

template <bool with>
Contender bare(const char* workload, void (*build)(Bare<with>&), std::vector<Goal> goals = {}) {
  return {workload, with ? "bare_with" : "bare", n,
          [build](bool) {
            auto graph = std::make_shared<Bare<with>>();
            build(*graph);
            return Pass{[graph] { emit_each(*graph); }};
          },
          std::move(goals)};
}

template <class Workload>
void add_all(const char* name, void (*without)(Bare<false>&), void (*with)(Bare<true>&)) {
  add(hand1(name, n, Workload::hand()));
  add(bare<false>(name, without));
  add(bare<true>(name, with, {{.ratio = 1.03, .of = "bare"}}));
  add(graph(name, "dynamic", n, Workload::dynamic, {{.ratio = 1.03, .of = "bare"}}));
}

const Registration registered{[] {
  add_all<chains::B>("b_unused", build_b, build_b);
  add_all<chains::C2>("c2_unused", build_c2, build_c2);
  add_all<chains::D>("d_unused", build_d, build_d);
}};

}  // namespace
}  // namespace bench
