// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "penstock/core/emit.hpp"
#include "penstock/fwd.hpp"

namespace penstock {

/// What all handles have in common: they name a node, and keep it and its whole graph alive.
class Handle {
 public:
  /// The graph that this is part of now; joining it to another one may change it.
  Graph& graph() const noexcept { return handle_->graph(); }
  Node& node() const noexcept { return *handle_; }
  /// The event loop, or null.
  Loop* loop() const noexcept { return handle_->loop(); }
  const std::string& name() const noexcept { return handle_->info().name; }
  /// What the operator is and what it has counted.
  const Info& info() const noexcept { return handle_->info(); }

  /// Starts or stops all sources of the graph.
  void start() const {
    on_strand([this] { graph().start(); });
  }
  void stop() const {
    on_strand([this] { graph().stop(); });
  }
  /// Takes the operator out of the graph: nothing reaches it any more and what it held ends as dropped. Twice is once.
  void destroy() const {
    on_strand([this] { graph().destroy(node()); });
  }
  /// Waits until nothing will happen without a new element: queues are empty, calls have ended. Errors of background work
  /// do not end the wait. Throws std::logic_error where waiting would block the loop itself; async_wait_idle does not.
  void wait_idle() const;
  /// The same for any Asio completion token, with `void(std::exception_ptr)`.
  template <class Token>
  auto async_wait_idle(Token&& token) const {
    return penstock::async_wait_idle(*this, std::forward<Token>(token));
  }
  /// The step under both, on the strand: a receipt that settles when the graph is idle.
  Receipt idle_receipt() const;

  /// The whole graph as a text tree, with its counters: observe/describe.hpp.
  template <class D = void>
  std::string describe() const {
    return penstock::describe<D>(graph());
  }
  /// The whole graph for Graphviz: observe/dot.hpp.
  template <class D = void>
  std::string to_dot() const {
    return penstock::to_dot<D>(graph());
  }
  /// The whole graph for Mermaid: observe/mermaid.hpp.
  template <class D = void>
  std::string to_mermaid() const {
    return penstock::to_mermaid<D>(graph());
  }
  /// Draws the whole graph into an svg, png, pdf, jpg, dot or mmd file: observe/visualize.hpp.
  template <class D = void>
  void visualize(const std::string& file) const {
    penstock::visualize<D>(graph(), file);
  }
  /// What every operator of the graph has counted, from any thread: observe/stats.hpp.
  template <class D = void>
  auto stats() const {
    return penstock::stats<D>(graph());
  }

  /// Calls `fn(std::exception_ptr, const Info& where)` for errors of background work in this graph, which otherwise come
  /// out of the loop's `run`.
  template <class Fn>
  void on_background_error(Fn fn) const {
    struct Calls final : ErrorHandler {
      explicit Calls(Fn f) : fn_(std::move(f)) {}
      void handle(std::exception_ptr error, const Info& where) override { fn_(std::move(error), where); }
      Fn fn_;
    };
    on_strand([&] { graph().on_error(detail::make_box<Calls>(std::move(fn))); });
  }

 protected:
  Handle() = default;
  explicit Handle(Node& node) : handle_(node) {}
  /// Does `fn` while no task of the loop runs: what other threads may ask of a running graph.
  template <class Fn>
  void on_strand(Fn fn) const {
    const Hold hold{loop()};
    fn();
  }
  void rename(std::string name) const { handle_->info().name = std::move(name); }
  void promise(Guarantee guarantee) const { handle_->info().guarantee = guarantee; }

 private:
  detail::NodeHandle handle_;
};

/// A handle on an operator that ends a chain.
class Sink : public Handle {
 public:
  explicit Sink(Node& node) : Handle(node) {}
  Sink named(std::string name) const {
    rename(std::move(name));
    return *this;
  }
  /// What comes of an element that is written again after a crash, which is known to you alone: a function that puts rows into a
  /// table by their key can promise `exactly_once`. Without it a function promises `at_least_once`.
  Sink promises(Guarantee guarantee) const {
    promise(guarantee);
    return *this;
  }
};

inline Receipt Handle::idle_receipt() const {
  struct Idle final : Task {
    explicit Idle(Receipt r) : receipt(std::move(r)) {}
    void run() override {
      receipt.settle();
      delete this;
    }
    void discard() noexcept override {
      receipt.settle(detail::stopped("wait_idle: the graph ended before it was idle"));
      delete this;
    }
    Receipt receipt;
  };
  if (graph().idle()) return {};
  Receipt receipt = Receipt::waiting(graph().strand(), nullptr, Why::partner);
  graph().when_idle(*new Idle(receipt));
  return receipt;
}

inline void Handle::wait_idle() const {
  Loop* loop = this->loop();
  auto rest = [this] { return idle_receipt(); };
  const Position position = loop ? loop->position() : Position::inside;
  if (position == Position::elsewhere) return detail::Errand::send(node(), rest);
  if (graph().idle()) return;
  if (position == Position::inside) {
    detail::misuse("wait_idle: the loop that would have to do the work is running this thread; use async_wait_idle");
  }
  detail::Settled::wait(*loop, rest());
}

}  // namespace penstock
