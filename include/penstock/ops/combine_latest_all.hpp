// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/core/line.hpp"
#include "penstock/core/search.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/combine_latest.hpp"

namespace penstock {
namespace detail {

/// Emits past its line, except for a vector that is complete because a side went.
template <element T>
class CombineLatestAllNode final : public LineNode<CombineLatestAllNode<T>, std::vector<T>>,
                                   public Remembers<CombineLatestAllNode<T>> {
  using Line = LineNode<CombineLatestAllNode<T>, std::vector<T>>;

  class Side final : public AlignedReceiver<T, Side> {
   public:
    Side(CombineLatestAllNode& owner, OutletBase& source, bool makes_emit)
        : from(source), emits(makes_emit), owner_(owner) {}
    template <class V>
    Pending* take(V&& value, const Context* context) {
      return owner_.take(*this, std::forward<V>(value), context);
    }

    OutletBase& from;
    Current<T> newest;
    bool emits;

   protected:
    Pending* take_signal(const Signal& signal) override { return owner_.signal(*this, signal); }

   private:
    CombineLatestAllNode& owner_;
  };

 public:
  using Out = std::vector<T>;

  explicit CombineLatestAllNode(bool all_emit)
      : Line(Info{"combine_latest_all", {}, Shape::join}), all_emit_(all_emit) {
    PENSTOCK_KEEPS("combine_latest_all", T);
    this->port(this->outlet);
    this->remember(this->info());
  }

  bool all_emit() const noexcept { return all_emit_; }
  void add_side(Outlet<T>& from, bool emits) {
    sides_.push_back(make_box<Side>(*this, from, emits));
    signals_.add();
    ++missing_;
    this->port(*sides_.back());
    try {
      this->graph().connect(from, static_cast<Inlet<T>&>(*sides_.back()));
    } catch (...) {
      forget(*sides_.back());
      throw;
    }
  }
  bool has(const OutletBase& from) const noexcept { return find(from) != sides_.end(); }
  /// True when nothing would make it emit without this one.
  bool only_emitter(const OutletBase& from) const noexcept {
    const auto it = find(from);
    const auto emits_too = [&](const auto& side) { return side->emits && side.get() != it->get(); };
    return sides_.size() > 1 && (*it)->emits && !any_of(sides_, emits_too);
  }
  void remove_side(OutletBase& from) {
    const auto found = find(from);
    if (found == sides_.end()) return;
    Side& side = **found;
    detach_all(side);
    forget(side);
  }
  void disconnected(InletBase& inlet) override {
    if (!inlet.upstreams().empty()) return;
    for (const auto& side : sides_) {
      if (side.get() == &inlet) return forget(*side);
    }
  }

  template <class V>
  Pending* take(Side& side, V&& value, const Context* context) {
    this->info().took();
    if (over_) [[unlikely]] {
      if (context) context->drop(combine_over);
      this->info().drops();
      return nullptr;
    }
    if (side.newest.empty()) --missing_;
    if (side.newest.replace(std::forward<V>(value), context)) this->info().leaves_out();
    count_held();
    if (!side.emits) return nullptr;
    owed_ = missing_ != 0;
    if (owed_) return nullptr;
    Context all;
    Out out = gather(all);
    if (Line::busy()) {
      auto& item = this->add(std::move(out), std::move(all));
      item.receipt = Receipt::waiting(this->strand(), &this->info(), Why::order);
      return item.receipt.share();
    }
    this->info().passed();
    try {
      return this->outlet.push(std::move(out), all.or_null());
    } catch (...) {
      all.fail(std::current_exception());
      throw;
    }
  }

  Pending* signal(const Side& side, const Signal& signal) {
    std::size_t place = 0;
    while (sides_[place].get() != &side) ++place;
    Join join{this->strand()};
    signals_.take(place, signal, [&](const Signal& merged) {
      join.add(this->at_barrier(merged));
      join.add(this->add(merged));
    });
    if (over_ && !over()) {
      over_ = false;
      join.add(this->add(Signal{Signal::reopen}));
    } else if (!over_ && over()) {
      join.add(end());
    }
    return join.finish();
  }

  void shut_down() noexcept override {
    drop_all("the operator that held it was stopped");
    Line::shut_down();
  }

  static constexpr bool saved = has_codec<T>;
  void write(StateWriter& to) {
    to.put(std::uint64_t{sides_.size()});
    for (const auto& side : sides_) write_tied(to, side->newest.state());
    to.put(owed_);
  }
  void read(StateReader& from) {
    if (from.get<std::uint64_t>() != sides_.size()) from.fail("it is that of another number of streams");
    missing_ = sides_.size();
    for (const auto& side : sides_) {
      read_tied(from, side->newest.state());
      missing_ -= !side->newest.empty();
    }
    from.get(owed_);
    count_held();
  }

 private:
  auto find(const OutletBase& from) const noexcept {
    return find_where(sides_, [&](const auto& side) { return &side->from == &from; });
  }

  /// A side that is no longer connected; a vector that was asked for and only waited for it is complete.
  void forget(Side& gone) {
    const auto found = find_where(sides_, [&](const auto& side) { return side.get() == &gone; });
    const Box<Side> side = std::move(*found);
    signals_.remove(static_cast<std::size_t>(found - sides_.begin()));
    sides_.erase(found);
    this->remove_port(*side);
    missing_ -= side->newest.empty();
    if (side->newest.drop("combine_latest_all: its stream was removed")) this->info().drops();
    count_held();
    if (owed_ && missing_ == 0 && !sides_.empty()) {
      owed_ = false;
      Context all;
      Out out = gather(all);
      this->add(std::move(out), std::move(all));
    }
    run_detached(*this, [this] {
      Join join{this->strand()};
      signals_.review([&](const Signal& merged) { join.add(this->add(merged)); });
      if (!over_ && over()) join.add(end());
      return Receipt{join.finish()};
    });
  }

  Out gather(Context& all) {
    Out out;
    out.reserve(sides_.size());
    for (const auto& side : sides_) {
      out.push_back(side->newest.value());
      all.append(side->newest.context());
    }
    for (const auto& side : sides_) side->newest.emitted(true);
    return out;
  }

  /// True when no further vector can come.
  bool over() const noexcept {
    bool emits = sides_.empty();
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      if (signals_.ended(i) && sides_[i]->newest.empty()) return true;
      emits = emits || (sides_[i]->emits && !signals_.ended(i));
    }
    return !emits;
  }
  Pending* end() {
    over_ = true;
    if (missing_ == 0) {
      for (const auto& side : sides_) this->info().leaves_out(side->newest.leave_out());
    }
    drop_all(combine_over);
    return this->add(Signal{Signal::end});
  }
  void drop_all(const char* reason) noexcept {
    for (const auto& side : sides_) {
      if (side->newest.drop(reason)) this->info().drops();
    }
    missing_ = sides_.size();
    count_held();
  }
  void count_held() noexcept { this->besides(sides_.size() - missing_); }

  std::vector<Box<Side>> sides_;
  InputSignals signals_{0};
  std::size_t missing_ = 0;  // sides that have nothing yet
  bool all_emit_;
  bool owed_ = false;  // an element that makes it emit came before all had one
  bool over_ = false;
};

}  // namespace detail

/// What `combine_latest_all` returns: its vectors as a stream, and the streams that it combines as something
/// to change. What is changed while an element is under way takes effect after it.
template <element T>
class CombineLatestAll : public Stream<std::vector<T>> {
 public:
  explicit CombineLatestAll(detail::CombineLatestAllNode<T>& combine)
      : Stream<std::vector<T>>(combine.outlet), combine_(&combine) {}

  /// One more stream, the last in the vectors from now on. It makes them come unless `emit_on` named others.
  void add(const Stream<T>& stream) const {
    Graph::merge(this->graph(), stream.graph());
    detail::after_descent(combine_->strand(), [self = *this, stream] {
      self.combine_->add_side(stream.outlet(), self.combine_->all_emit());
    });
  }
  /// One stream less, the first of that name. A vector that was asked for and only waited for it is emitted.
  /// Throws std::logic_error when it is not one of the streams, and when no other one makes the vectors come.
  void remove(const Stream<T>& stream) const {
    if (!combine_->has(stream.outlet())) {
      detail::misuse("combine_latest_all: \"" + stream.info().label() +
                     "\" is not one of the streams that it combines");
    }
    if (combine_->only_emitter(stream.outlet())) {
      detail::misuse("combine_latest_all: the only stream of emit_on cannot be removed while others stay");
    }
    detail::after_descent(combine_->strand(),
                          [self = *this, stream] { self.combine_->remove_side(stream.outlet()); });
  }

 private:
  detail::CombineLatestAllNode<T>* combine_;
};

/// Vectors of the newest element of each stream, where streams may come and go: `combine_latest` for streams
/// of one element type whose number is not known to the compiler.
///
///     a    -1---2---
///     b    ---8---9-
///          combine_latest_all({a, b})
///     out  ---A-B-C-     A = [1, 8], B = [2, 8], C = [2, 9]
///
/// Returns a `CombineLatestAll<T>`, which is a Stream<std::vector<T>> with `add` and `remove`. Ends like
/// combine_latest; a stream that is removed, or destroyed, does not end it.
///
/// @param streams  the first streams, at least one; the same stream may stand there twice.
/// @param emit_on  the streams whose elements make it emit; without it all do.
///
/// Back-pressure: passes through.
/// Metadata:      joined in the order of the streams and held until the next element of the same stream; an
///                element that was replaced before it was emitted is done. Dropped when its stream is removed
///                before it was emitted.
/// Errors:        std::invalid_argument here when there is no stream, or emit_on names what is not an input;
///                std::logic_error when streams belong to different event loops.
/// Cost:          O(streams) an element: a copy of each of the newest, and one allocation.
/// Recovery:      state: the newest element of each stream.
/// Example:       examples/02_operators/combine_latest_all.cpp
/// See also:      combine_latest, zip_all
template <element T>
CombineLatestAll<T> combine_latest_all(const std::vector<Stream<T>>& streams,
                                       const EmitOn& emit_on = EmitOn{}) {
  if (streams.empty()) detail::bad_argument("combine_latest_all: give at least one stream");
  std::vector<OutletBase*> inputs;
  for (const Stream<T>& stream : streams) inputs.push_back(&stream.outlet());
  emit_on.check("combine_latest_all", inputs);
  for (const Stream<T>& stream : streams) Graph::merge(streams.front().graph(), stream.graph());
  auto& node = streams.front().graph().add(detail::make_box<detail::CombineLatestAllNode<T>>(emit_on.all()));
  detail::wire(node, [&] {
    for (std::size_t i = 0; i < streams.size(); ++i) {
      node.add_side(streams[i].outlet(), emit_on.names(i, streams[i].outlet()));
    }
  });
  return CombineLatestAll<T>{node};
}

}  // namespace penstock
