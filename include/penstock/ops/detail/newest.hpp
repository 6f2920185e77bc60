// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <utility>

#include "penstock/core/line.hpp"

namespace penstock::detail {

/// The base of nodes that keep the newest element only: an element that is still in the line when another one
/// comes ends as dropped. Emitters never wait. `Self` has `void came()`, called for every element, and says
/// in `ready` when one may go.
template <class Self, element T>
class NewestNode : public LineNode<Self, T>, public Receiver<T, Self> {
  using Line = LineNode<Self, T>;

 public:
  template <class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    const bool newer = this->elements_ != 0;
    this->add(std::forward<V>(value), Context::of(context));  // first: when that fails the older one is still there
    if (newer) {
      std::size_t place = this->line_.size() - 2;
      while (!this->line_[place].value) --place;
      this->lose(this->line_[place].context, "a newer element came");
      this->take_out(place);
    }
    this->owner().came();
    return nullptr;
  }

  void came() noexcept {}

 protected:
  explicit NewestNode(Info info) : Line(std::move(info)) {
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    this->info().recovery = Recovery::lossy;
  }
  Pending* take_signal(const Signal& signal) override {
    if (signal.kind == Signal::end || signal.kind == Signal::reopen) ending_ = signal.kind == Signal::end;
    return this->Line::add(signal);
  }

  /// After the end nothing is waited for.
  bool ending_ = false;
};

}  // namespace penstock::detail
