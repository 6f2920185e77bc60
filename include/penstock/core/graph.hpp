// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "penstock/core/box.hpp"
#include "penstock/core/list.hpp"
#include "penstock/core/node.hpp"
#include "penstock/core/search.hpp"

namespace penstock {

/// All nodes that are connected with each other: owned here, kept alive by handles, run on one strand. The first thing
/// that is wired makes a graph, joining two of them makes one, and the last handle's end destroys it.
class Graph {
 public:
  [[gnu::noinline]] explicit Graph(Loop* loop) : strand_(new Strand(loop)) {}
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  Strand& strand() const noexcept { return *strand_; }
  Loop* loop() const noexcept { return strand_->loop(); }
  /// Owned by the graph.
  const detail::List<Node*>& nodes() const noexcept { return nodes_; }

  /// Makes `node` a member. Throws std::logic_error when it needs an event loop and the graph has none.
  /// @param node  a std::unique_ptr, or whatever else owns a node and gives it away by `release()`.
  template <class Owner>
  auto& add(Owner node) {
    auto& added = *node;
    adopt(detail::Box<Node>{node.release()});
    return added;
  }
  /// Makes a node a member and leads `outlet` into it.
  [[gnu::noinline]] void add_behind(OutletBase& outlet, std::uint64_t ticket, detail::Box<Node> node,
                                    InletBase& inlet) {
    outlet.node()->refuse_destroyed();
    const Hold hold{loop()};
    adopt(std::move(node));
    connect(outlet, inlet, ticket);
  }

  /// Joins two graphs into one, which is returned; the other one is gone.
  [[gnu::cold]] static Graph& merge(Graph& a, Graph& b) {
    if (&a == &b) return a;
    if (a.loop() && b.loop() && a.loop() != b.loop()) {
      detail::misuse("Stream: cannot join graphs of two different event loops; bring the elements over with hop()");
    }
    if (a.epochs_ && b.epochs_) detail::misuse("Stream: cannot join two graphs that both have Checkpoints");
    const Hold hold{a.loop() ? a.loop() : b.loop()};
    if (a.strand_->descending() && b.strand_->descending()) {
      detail::misuse("Stream: cannot join two graphs while both have an element under way");
    }
    const bool a_stays = a.strand_->descending() || (!b.strand_->descending() && a.nodes_.size() >= b.nodes_.size());
    Graph& into = a_stays ? a : b;
    Graph& from = a_stays ? b : a;
    if (!into.loop() && from.loop()) into.strand_->adopt(*from.loop());
    for (Node* node : from.nodes_) {
      node->join(into, *into.strand_);
      into.nodes_.push_back(node);
    }
    from.nodes_.clear();
    into.idle_.splice(from.idle_);
    if (!into.handler_) into.handler_ = std::move(from.handler_);
    if (!into.epochs_) into.epochs_ = std::exchange(from.epochs_, nullptr);
    into.handles_.add(from.handles_.get());
    from.strand_->join(*into.strand_);
    from.dispose();
    return into;
  }

  /// Connects now or, while an element is under way, after it. Throws std::logic_error when one of them was destroyed.
  [[gnu::noinline]] void connect(OutletBase& outlet, InletBase& inlet, std::uint64_t ticket) {
    outlet.node()->refuse_destroyed();
    inlet.node()->refuse_destroyed();
    const Hold hold{loop()};
    later([&outlet, &inlet, ticket] { outlet.attach(inlet, ticket); });
  }
  void connect(OutletBase& outlet, InletBase& inlet) { connect(outlet, inlet, outlet.ticket()); }
  void disconnect(OutletBase& outlet, InletBase& inlet) {
    const Hold hold{loop()};
    put_off(*new FunctionTask([&outlet, &inlet] {
      std::exception_ptr error;
      Node::cut(outlet, inlet, error);
      if (error) std::rethrow_exception(error);
    }));
  }

  /// Takes `node` out of the graph: no edge leads to it or from it, what it held is dropped. It is deleted when the last
  /// handle to it is gone. A second call does nothing.
  void destroy(Node& node) {
    const Hold hold{loop()};
    if (!std::exchange(node.destroyed_, true)) put_off(*new Removal(node));
  }

  /// True when a path leads from `from` down to `to`.
  static bool reaches(const Node& from, const Node& to) {
    detail::List<const Node*> open;
    detail::List<const Node*> seen;
    open.push_back(&from);
    while (!open.empty()) {
      const Node* node = open.back();
      open.pop_back();
      if (node == &to) return true;
      if (detail::find_item(seen, node) != seen.end()) continue;
      seen.push_back(node);
      for (const OutletBase* outlet : node->outlets()) {
        for (const OutletBase::Branch& branch : outlet->branches()) open.push_back(branch.inlet->node());
      }
    }
    return false;
  }

  void start() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_[i]->start();
  }
  void stop() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_[i]->stop();
  }

  /// True when nothing will happen without a new element: every queue is empty, every call has ended.
  [[gnu::noinline]] bool idle() const noexcept {
    return !detail::any_of(nodes_, [](const Node* node) { return node->busy(); });
  }
  /// Runs `task` once the graph is idle.
  [[gnu::noinline]] void when_idle(Task& task) {
    if (idle()) {
      strand_->post(task);
    } else {
      idle_.push(task);
    }
  }
  /// Nodes say this when they stop being busy.
  void rested() noexcept {
    if (!idle_.empty()) end_of_wait();
  }

  /// An error of background work: to the handler, or to the loop.
  [[gnu::noinline, gnu::cold]] void report(std::exception_ptr error, Info& where) noexcept {
    where.late_errors.add();
    if (!handler_) {
      if (epochs_) epochs_->fails(error);
      return strand_->report(std::move(error));
    }
    try {
      handler_->handle(std::move(error), where);
    } catch (...) {
      strand_->report(std::current_exception());
    }
  }
  /// The same for what another program has done wrong: without a handler it is only counted, so that nobody from outside can
  /// end a loop's `run`.
  void report_peer(std::exception_ptr error, Info& where) noexcept {
    if (handler_) return report(std::move(error), where);
    where.late_errors.add();
  }
  void on_error(detail::Box<ErrorHandler> handler) { handler_ = std::move(handler); }

  /// Who takes snapshots of it; null for nobody.
  Epochs* epochs() const noexcept { return epochs_; }
  void epochs(Epochs* epochs) noexcept { epochs_ = epochs; }

  bool counting() const noexcept { return counting_; }
  void counting(bool on) {
    counting_ = on;
    for (Node* node : nodes_) {
      for (Info& info : node->infos()) info.counting = on;
    }
    later([this] {
      for (Node* node : nodes_) {
        for (OutletBase* outlet : node->outlets()) outlet->refresh();
      }
    });
  }

  /// Handles count on the node that they name and on its graph. They may be copied and dropped on any thread, but not
  /// while the graph is being joined to another one.
  [[gnu::noinline]] static void retain(Node& node) noexcept {
    node.handles_.add(1);
    node.graph().handles_.add(1);
  }
  [[gnu::noinline]] static void release(Node& node) noexcept {
    Graph& graph = node.graph();
    const bool destroyed = node.destroyed_;
    const bool last_of_node = node.handles_.subtract(1) == 1;
    if (graph.handles_.subtract(1) == 1) {
      graph.expire();
    } else if (last_of_node && destroyed) {
      const Hold hold{graph.loop()};
      Task& erasure = *new FunctionTask([&graph, &node] { graph.erase_if_unused(node); });
      if (!graph.awaits_barrier(erasure)) graph.strand_->after(erasure);
    }
  }

 private:
  [[gnu::noinline, gnu::cold]] ~Graph() {
    StrandRef strand{*strand_};
    strand->begin();
    for (Node* node : nodes_) node->shut_down();
    while (!nodes_.empty()) {
      const detail::Box<Node> last{nodes_.back()};
      nodes_.pop_back();
    }
    strand_->release();
    strand->come_to_rest();
  }

  [[gnu::noinline]] void end_of_wait() noexcept {
    if (!idle()) return;
    while (Task* task = idle_.pop()) strand_->post(*task);
  }

  [[gnu::noinline]] void adopt(detail::Box<Node> node) {
    if (const char* what = node->needs_loop(); what && !loop()) {
      detail::misuse(what, " needs an event loop: give one to the source, as in Stream<int> source{loop}");
    }
    const Hold hold{loop()};
    Node& added = *node;
    nodes_.push_back(&added);
    static_cast<void>(node.release());
    added.join(*this, *strand_);
    for (Info& info : added.infos()) info.counting = counting_;
    added.added();
  }

  /// Destroys the graph on its strand, when nothing is under way.
  [[gnu::noinline, gnu::cold]] void expire() noexcept {
    if (loop() && loop()->position() == Position::elsewhere) {
      loop()->post_remote(*new End(this));
    } else if (strand_->descending()) {
      strand_->after(*new End(this));
    } else {
      delete this;
    }
  }
  /// Takes a node out, and keeps it until then.
  struct Removal final : Task {
    explicit Removal(Node& n) : node(n) { retain(node); }
    [[gnu::noinline, gnu::cold]] ~Removal() override { release(node); }
    [[gnu::noinline, gnu::cold]] void run() override {
      const detail::Box<Removal> self{this};
      node.shut_down();
      node.cut_off();
    }
    void discard() noexcept override { delete this; }
    Node& node;
  };
  struct End final : Task {
    explicit End(Graph* g) : graph(g) {}
    void run() override { discard(); }
    [[gnu::noinline, gnu::cold]] void discard() noexcept override {
      delete graph;
      delete this;
    }
    Graph* graph;
  };
  /// Ends a graph that has been joined to another one.
  void dispose() noexcept {
    strand_->release();
    strand_ = new Strand(nullptr);
    delete this;
  }

  /// For what calls no function of a user's: outside of a descent it just happens.
  template <class Fn>
  void later(Fn fn) {
    if (epochs_ || strand_->descending()) {
      put_off(*new FunctionTask<Fn>(std::move(fn)));
    } else {
      fn();
    }
  }
  /// Does it as a descent: what is flushed by it may want to change the graph too.
  [[gnu::noinline, gnu::cold]] void put_off(Task& change) {
    if (awaits_barrier(change)) return;
    strand_->descending() ? strand_->after(change) : strand_->descend([&change] { change.run(); });
  }
  bool awaits_barrier(Task& change) noexcept { return epochs_ && epochs_->puts_off(change); }

  /// `node` may be gone already, and another one stand where it stood.
  void erase_if_unused(const Node& node) {
    const auto found = detail::find_item(nodes_, &node);
    if (found == nodes_.end() || !node.destroyed_ || node.handles_.acquire() != 0) return;
    const detail::Box<Node> last{*found};
    nodes_.erase(found);
  }

  Strand* strand_;
  detail::List<Node*> nodes_;
  detail::Atomic<std::size_t> handles_{0};
  TaskQueue idle_;
  detail::Box<ErrorHandler> handler_;
  Epochs* epochs_ = nullptr;
  bool counting_ = true;
};

}  // namespace penstock
