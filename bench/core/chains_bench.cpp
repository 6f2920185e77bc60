// SPDX-License-Identifier: BSL-1.0
//
// Workloads a to f: what a graph of cheap operators costs beside the loop one would have written by hand.
#include "core/chains.hpp"
#include "graph.hpp"

namespace bench {
namespace {

constexpr std::int64_t n = 65536;
constexpr std::size_t batch = 256;

/// The same graph, fed with batches.
Contender in_batches(std::string workload, std::string name, void (*build)(const penstock::Stream<Value>&),
                     std::vector<Goal> goals = {}, Counting counting = {}) {
  return {std::move(workload), std::move(name), n,
          [=](bool count) {
            auto source = std::make_shared<penstock::Stream<Value>>();
            build(*source);
            source->graph().counting(count);
            std::vector<Value> values;
            for (Value i = 0; i < n; ++i) values.push_back(i);
            return Pass{[=, values = std::move(values)] {
              for (std::size_t i = 0; i < values.size(); i += batch) {
                source->emit_all(std::span(values).subspan(i, batch));
              }
            }};
          },
          std::move(goals), counting};
}
const std::vector<Goal> goals_of_batches{{.ratio = 0.6, .of = "fused"}, {.ratio = 2, .of = "hand"}};

const Registration registered{[] {
  using namespace chains;
  add(hand1("a", n, A::hand()));
  add(graph("a", "fused", n, A::fused, {{.ratio = 1.2}}, {.nanoseconds = 1}));

  add(hand("b", n, B::hand()));
  add(hand1("b", n, B::hand()));
  add(graph("b", "fused", n, B::fused, {{.ratio = 1.2}}, {.nanoseconds = 1}));
  add(graph("b", "dynamic", n, B::dynamic, {{.ratio = 1.2}}, {.nanoseconds = 2}));
  add(in_batches("b", "batch", B::fused, goals_of_batches, {.percent = 3}));

  add(hand("c2", n, C2::hand()));
  add(hand1("c2", n, C2::hand()));
  add(graph("c2", "fused", n, C2::fused, {{.ratio = 1.25}}, {.nanoseconds = 1}));
  add(graph("c2", "dynamic", n, C2::dynamic, {{.ratio = 3.0}}, {.nanoseconds = 11}));
  add(in_batches("c2", "batch", C2::fused, goals_of_batches, {.percent = 3}));

  add(hand("d", n, D::hand()));
  add(hand1("d", n, D::hand()));
  add(graph("d", "fused", n, D::fused, {{.ratio = 1.15}}, {.nanoseconds = 1}));
  add(graph("d", "dynamic", n, D::dynamic, {{.ratio = 1.5}}, {.nanoseconds = 4}));
  add(in_batches("d", "batch", D::fused, goals_of_batches, {.percent = 3}));

  add(hand1("e", n, E::hand()));
  add(graph("e", "fused", n, E::fused, {{.ratio = 1.2}}, {.nanoseconds = 1}));
  add(graph("e", "dynamic", n, E::dynamic, {{.ratio = 7}}, {.nanoseconds = 8}));

  add(hand1("f", n, F::hand()));
  add(graph("f", "dynamic", n, F::dynamic, {{.ratio = 2.5}}, {.nanoseconds = 4}));
}};

}  // namespace
}  // namespace bench
