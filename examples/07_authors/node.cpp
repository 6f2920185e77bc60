// SPDX-License-Identifier: BSL-1.0
// Your own operator, the third ladder: a node with ports of its own. For several inputs or outputs, and for
// operators that wait or keep time by themselves.
#include <fmt/core.h>

#include <penstock/penstock.hpp>

// Passes on elements while the newest value of a second stream is true, and leaves out the others.
template <penstock::element T>
class GateNode final : public penstock::Node {
 public:
  GateNode() : Node(penstock::Info{"gate", {}, penstock::Shape::join}), data(*this), control(*this) {
    info().one_to_one = false;  // elements can be left out
    info().selects = true;      // and what is not left out comes out
    port(data);
    port(control);
    port(outlet);
  }

  // Each inlet takes elements of its type. `value` is given or borrowed, `context` is what travels beside it.
  // What the outlet answers goes back up: this is all that back-pressure asks for.
  struct Data final : penstock::Receiver<T, Data> {
    explicit Data(GateNode& owner) : node(owner) {}
    template <class V>
    penstock::Pending* take(V&& value, const penstock::Context* context) {
      node.info().took();
      if (node.open_) return node.outlet.push(std::forward<V>(value), context);
      node.info().leaves_out();
      return nullptr;
    }
    penstock::Pending* take_signal(const penstock::Signal& signal) override {
      return node.outlet.signal(signal);
    }
    GateNode& node;
  };
  struct Control final : penstock::Receiver<bool, Control> {
    explicit Control(GateNode& owner) : node(owner) {}
    penstock::Pending* take(bool open, const penstock::Context*) {
      node.open_ = open;
      return nullptr;
    }
    // The end of the control leaves the gate as it is.
    penstock::Pending* take_signal(const penstock::Signal&) override { return nullptr; }
    GateNode& node;
  };

  Data data;
  Control control;
  penstock::Outlet<T> outlet;

 private:
  bool open_ = true;
};

auto gate(penstock::Stream<bool> control) {
  return [control](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    const penstock::Stream<T> data = stream.stream();
    penstock::Graph& graph = penstock::Graph::merge(data.graph(), control.graph());
    auto& node = graph.add(std::make_unique<GateNode<T>>());
    graph.connect(data.outlet(), node.data);
    graph.connect(control.outlet(), node.control);
    return penstock::Stream<T>{node.outlet};
  };
}

int main() {
  penstock::Stream<std::string> visitors{"visitors"};
  penstock::Stream<bool> open{"open"};
  (visitors | gate(open)).sink([](const std::string& name) { fmt::print("{} comes in\n", name); });

  visitors.emit("Ada");
  open.emit(false);
  visitors.emit("Bob");
  open.emit(true);
  visitors.emit("Cleo");
  fmt::print("\n{}", visitors.describe());
}
