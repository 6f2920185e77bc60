// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>

#include "catch.hpp"
#include "penstock/core/feedback.hpp"
#include "penstock/observe/dot.hpp"
#include "penstock/observe/mermaid.hpp"
#include "penstock/observe/visualize.hpp"
#include "penstock/ops/accumulate.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/tee.hpp"
#include "penstock/ops/zip.hpp"
#include "penstock/sinks/sink.hpp"

namespace {

using penstock::Stream;
using penstock::test::containing;

int inc(int x) { return x + 1; }
int add(const std::tuple<int, int>& pair) { return std::get<0>(pair) + std::get<1>(pair); }

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

std::string read(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A folder that goes when the test ends.
struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "penstock_drawing_XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
  std::filesystem::path path;
};

/// The graph of rows 139 to 141.
struct Graph139 {
  Graph139() {
    Stream<int> sum = source1.zip(source2).map(add).named("add");
    sum.sink([](int) {});
  }
  Stream<int> source1{"source1"};
  Stream<int> source2{"source2"};
};

bool has_graphviz() { return std::system("dot -V >/dev/null 2>&1") == 0; }

}  // namespace

TEST_CASE("row 139 every operator and every edge is drawn") {
  const Graph139 graph;
  const std::string dot = graph.source1.to_dot();
  REQUIRE(count(dot, "shape=") == 5);
  REQUIRE(count(dot, " -> ") == 4);
  REQUIRE_THAT(dot, containing("\"source1 Stream\" -> \"zip\" [label=\"0\"];"));
  REQUIRE_THAT(dot, containing("\"source2 Stream\" -> \"zip\" [label=\"1\"];"));
  REQUIRE_THAT(dot, containing("\"zip\" -> \"add map\";"));
  REQUIRE_THAT(dot, containing("\"add map\" -> \"sink\";"));
}

TEST_CASE("row 140 a cycle is drawn, its feedback edge dashed") {
  Stream<int> source1{"source1"};
  Stream<int> source2{"source2"};
  source1.zip(source2).map(add).stream().connect(source1);
  const std::string dot = source1.to_dot();
  REQUIRE(count(dot, "shape=") == 4);
  REQUIRE(count(dot, " -> ") == 4);
  REQUIRE_THAT(dot, containing("\"map\" -> \"source1 Stream\" [style=dashed, constraint=false];"));
  REQUIRE(count(dot, "feedback") == 0);
}

TEST_CASE("row 141 the language of Graphviz has the names and the shapes") {
  const Graph139 graph;
  const Folder folder;
  const std::string file = folder / "graph.dot";
  graph.source1.visualize(file);
  const std::string dot = read(file);
  for (const char* part : {"rankdir", "source1", "source2", "zip", "map", "add", "shape=ellipse"}) {
    REQUIRE_THAT(dot, containing(part));
  }
  Stream<int> source;
  source.accumulate(std::plus<>{}).sink([](int) {});
  REQUIRE_THAT(source.to_dot(), containing("\"accumulate\" [label=\"accumulate\", shape=box];"));
}

TEST_CASE("row 141: png, svg, pdf and jpg are files of their kind") {
  if (!has_graphviz()) PENSTOCK_SKIP("Graphviz is not installed");
  const Graph139 graph;
  const Folder folder;
  const auto [name, begins] = GENERATE(table<const char*, std::string_view>({{"graph.svg", "<?xml"},
                                                                             {"graph.png", "\x89PNG"},
                                                                             {"graph.pdf", "%PDF"},
                                                                             {"graph.jpg", "\xff\xd8\xff"}}));
  graph.source1.visualize(folder / name);
  REQUIRE(read(folder / name).substr(0, begins.size()) == begins);
}

TEST_CASE("row 142 text is cleaned") {
  REQUIRE(penstock::clean_text("JFDSM*(@&$:FFDS:;;") == "JFDSM ;FFDS; ");
  REQUIRE(penstock::clean_text("") == "");
}

TEST_CASE("operators that look the same are numbered") {
  Stream<int> source;
  source.map(inc).sink([](int) {});
  source.map(inc).sink([](int) {});
  const std::string dot = source.to_dot();
  for (const char* part : {"\"map-1\"", "\"map-2\"", "\"sink-1\"", "\"sink-2\"", "\"map-1\" -> \"sink-1\""}) {
    REQUIRE_THAT(dot, containing(part));
  }
}

TEST_CASE("the steps of a fused chain stand in a frame") {
  Stream<int> source;
  source.map(inc).sink([](int) {});
  REQUIRE(count(source.to_dot(), "subgraph cluster_") == 1);
  REQUIRE(count(source.to_mermaid(), "subgraph ") == 1);
  Stream<int> single;
  single.sink([](int) {});
  REQUIRE(count(single.to_dot(), "subgraph") == 0);
}

TEST_CASE("the branches of a tee are drawn as branches inside of the frame") {
  Stream<int> source{"source"};
  const auto end = [](auto s) { return s.sink([](int) {}).named("end"); };
  source
      .tee([&](auto s) { return s.map(inc).named("a").sink([](int) {}); },
           [&](auto s) { return s.tee(end).map(inc).named("b").sink([](int) {}); })
      .map(inc)
      .named("c")
      .sink([](int) {});
  const std::string dot = source.to_dot();
  REQUIRE(count(dot, "shape=") == 10);
  REQUIRE(count(dot, " -> ") == 9);
  REQUIRE(count(dot, "subgraph cluster_") == 1);
  for (const char* edge :
       {"\"source Stream\" -> \"tee-1\"", "\"tee-1\" -> \"a map\"", "\"a map\" -> \"sink-1\"",
        "\"tee-1\" -> \"tee-2\"", "\"tee-2\" -> \"end sink\"", "\"tee-2\" -> \"b map\"",
        "\"b map\" -> \"sink-2\"", "\"tee-1\" -> \"c map\"", "\"c map\" -> \"sink-3\""}) {
    REQUIRE_THAT(dot, containing(std::string{edge} + ";"));
  }
  for (const char* edge : {"n0 --> n1", "n1 --> n2", "n2 --> n3", "n1 --> n4", "n4 --> n5", "n4 --> n6",
                           "n6 --> n7", "n1 --> n8", "n8 --> n9"}) {
    REQUIRE_THAT(source.to_mermaid(), containing("  " + std::string{edge} + "\n"));
  }
  REQUIRE(count(source.to_mermaid(), " --> ") == 9);
}

TEST_CASE("every shape is drawn as Streamz draws it") {
  using penstock::Shape;
  const auto [shape, dot] =
      GENERATE(table<Shape, std::string>({{Shape::plain, "shape=ellipse"},
                                          {Shape::state, "shape=box"},
                                          {Shape::collect, "shape=diamond"},
                                          {Shape::time, "shape=octagon"},
                                          {Shape::join, "shape=triangle, orientation=270"},
                                          {Shape::source, "shape=doubleoctagon"},
                                          {Shape::sink, "shape=trapezium"}}));
  Stream<int> source{"source"};
  penstock::Info info{"thing", {}, shape};
  const Stream<int> made = Stream<int>{source.map(inc)};
  made.node().info().shape = shape;
  REQUIRE_THAT(source.to_dot(), containing("\"map\" [label=\"map\", " + dot + "];"));
}

TEST_CASE("names with quotes, backslashes and angle brackets do not break a drawing") {
  Stream<int> source{"a \"b\" \\ <c> #d"};
  REQUIRE_THAT(source.to_dot(), containing("[label=\"a \\\"b\\\" \\\\ <c> #d; Stream\""));
  REQUIRE_THAT(source.to_mermaid(), containing("(\"a #quot;b#quot; \\ #lt;c#gt; #35;d; Stream\")"));
}

TEST_CASE("the language of Mermaid has nodes, numbered edges and dashed feedback") {
  Stream<int> source1{"source1"};
  Stream<int> source2{"source2"};
  source1.zip(source2).map(add).stream().connect(source1);
  REQUIRE(source1.to_mermaid() ==
          "flowchart LR\n"
          "  n0(\"source1; Stream\")\n"
          "  n1>\"zip\"]\n"
          "  n2(\"map\")\n"
          "  n4(\"source2; Stream\")\n"
          "  n0 -->|0| n1\n"
          "  n1 --> n2\n"
          "  n2 -.-> n0\n"
          "  n4 -->|1| n1\n");
}

TEST_CASE("a Mermaid file needs no program") {
  const Graph139 graph;
  const Folder folder;
  graph.source2.visualize(folder / "graph.mmd");
  REQUIRE(read(folder / "graph.mmd") == graph.source1.to_mermaid());
}

TEST_CASE("visualize takes no file whose kind it does not know") {
  const Stream<int> source;
  const Folder folder;
  const std::string name = GENERATE("graph", "graph.txt", "graph.", ".svg.d/graph");
  REQUIRE_THROWS_AS(source.visualize(folder / name), std::invalid_argument);
  REQUIRE_THROWS_WITH(source.visualize(folder / name),
                      containing("visualize: ") && containing(".svg, .png, .pdf"));
}

TEST_CASE("visualize says so when the file cannot be written") {
  const Stream<int> source;
  const Folder folder;
  REQUIRE_THROWS_AS(source.visualize(folder / "no_such_folder/graph.dot"), std::runtime_error);
  if (!has_graphviz()) PENSTOCK_SKIP("Graphviz is not installed");
  REQUIRE_THROWS_WITH(source.visualize(folder / "no_such_folder/graph.svg"),
                      containing("Graphviz's dot failed"));
}

TEST_CASE("a file may have a name that a shell would take apart") {
  if (!has_graphviz()) PENSTOCK_SKIP("Graphviz is not installed");
  const Stream<int> source;
  const Folder folder;
  const std::string file = folder / "a b; $(exit 1) 'c'.svg";
  source.visualize(file);
  REQUIRE(read(file).substr(0, 5) == "<?xml");
}

TEST_CASE("visualize says what to install where Graphviz is missing") {
  const Stream<int> source;
  const Folder folder;
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", folder.path.c_str(), 1);
  std::string told;
  try {
    source.visualize(folder / "graph.svg");
  } catch (const std::runtime_error& error) {
    told = error.what();
  }
  ::setenv("PATH", path.c_str(), 1);
  REQUIRE_THAT(told, containing("install graphviz") && containing(".dot or .mmd"));
}
