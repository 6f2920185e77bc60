// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core/graph.hpp"

namespace penstock::detail {

/// What `Stream<T> source` stands for: passes on what is emitted at it and what is connected to it.
template <element T>
class StreamNode final : public Node, public Receiver<T, StreamNode<T>>, private Task {
 public:
  explicit StreamNode(std::string name) : Node(Info{"Stream"}) {
    this->port(static_cast<InletBase&>(*this));
    this->port(outlet);
    info().name = std::move(name);
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    info().took();
    return outlet.push(std::forward<V>(value), context);
  }

  Pending* push_all(Batch<T>& batch) override {
    if (!info().counting) return outlet.push_all(batch);
    const CountTaken count{info().in, batch};
    return outlet.push_all(batch);
  }

  /// Sends the end. Where a cycle begins that waits until nothing goes round in it any more.
  Pending* end() {
    const auto closes_cycle = [](const OutletBase* upstream) { return upstream->closes_cycle(); };
    const std::vector<OutletBase*>& from = this->upstreams();
    if (graph().idle() || std::none_of(from.begin(), from.end(), closes_cycle)) return outlet.signal({Signal::end});
    if (!ending_.state()) {
      ending_ = Receipt::waiting(strand(), &info(), Why::order);
      graph().when_idle(*this);
    }
    return ending_.share();
  }
  void shut_down() noexcept override {
    unlink();
    std::exchange(ending_, {}).settle(std::make_exception_ptr(Stopped("close: the stream was stopped before")));
  }

  Outlet<T> outlet;

 protected:
  Pending* take_signal(const Signal& signal) override {
    return signal.kind == Signal::end ? end() : outlet.signal(signal);
  }

 private:
  void run() override {
    if (!graph().idle()) return graph().when_idle(*this);
    const Receipt ending = std::exchange(ending_, {});
    std::exception_ptr error;
    try {
      static_cast<void>(strand().descend([&] { return Receipt{outlet.signal({Signal::end})}; }));
    } catch (...) {
      error = std::current_exception();
    }
    ending.settle(std::move(error));
  }

  Receipt ending_;  // of an end that waits
};

}  // namespace penstock::detail
