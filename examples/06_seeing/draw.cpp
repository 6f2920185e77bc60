// SPDX-License-Identifier: BSL-1.0
// Drawings of a graph. `visualize` makes svg, png, pdf and jpg with Graphviz's program dot, and dot and mmd
// files without.
// Give it a file name: draw graph.svg
#include <fmt/core.h>

#include <penstock/penstock.hpp>

int main(int argc, char** argv) {
  penstock::Stream<int> seeds{"seeds"};
  penstock::Stream<int> found{"found"};

  // A crawler in small: what is found on a page leads to more pages, until they are too deep.
  auto pages = seeds.map([](int page) { return page * 2; }).named("fetch");
  pages.filter([](int page) { return page < 100; }).named("links").stream().connect(seeds);
  pages.stream().connect(found);
  found.accumulate([](int n, int) { return n + 1; }, 0).named("count").sink([](int) {});

  seeds.emit(3);
  if (argc > 1) {
    seeds.visualize(argv[1]);
    return 0;
  }
  fmt::print("{}\n{}", seeds.to_dot(), seeds.to_mermaid());
}
