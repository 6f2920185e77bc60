// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/core/line.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/zip.hpp"

namespace penstock {
namespace detail {

/// A zip whose sides come and go. A side that goes may complete several tuples at once, so there is a line
/// for them; the usual one that an element completes goes past it.
template <element T>
class ZipAllNode final : public LineNode<ZipAllNode<T>, std::vector<T>>, public Remembers<ZipAllNode<T>> {
  using Line = LineNode<ZipAllNode<T>, std::vector<T>>;

  class Side final : public AlignedReceiver<T, Side> {
   public:
    Side(ZipAllNode& owner, OutletBase& source) : from(source), owner_(owner) {}
    template <class V>
    Pending* take(V&& value, const Context* context) {
      return owner_.take(*this, std::forward<V>(value), context);
    }

    OutletBase& from;
    SideQueue<T> queue;

   protected:
    Pending* take_signal(const Signal& signal) override {
      return owner_.signal(owner_.place_of(*this), signal);
    }

   private:
    ZipAllNode& owner_;
  };

 public:
  using Out = std::vector<T>;

  explicit ZipAllNode(ZipOptions options)
      : Line(Info{"zip_all", {}, Shape::join}), maxsize_(options.maxsize) {
    PENSTOCK_KEEPS("zip_all", T);
    this->port(this->outlet);
    this->remember(this->info());
  }

  void add_side(Outlet<T>& from) {
    sides_.push_back(make_box<Side>(*this, from));
    signals_.add();
    ++missing_;
    this->port(*sides_.back());
    try {
      this->graph().connect(from, static_cast<Inlet<T>&>(*sides_.back()));
    } catch (...) {
      forget(sides_.size() - 1);
      throw;
    }
  }
  bool has(const OutletBase& from) const noexcept { return place_of(from) != sides_.size(); }
  void remove_side(OutletBase& from) {
    const std::size_t place = place_of(from);
    if (place == sides_.size()) return;
    detach_all(*sides_[place]);
    forget(place);
  }
  void disconnected(InletBase& inlet) override {
    if (!inlet.upstreams().empty()) return;
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      if (sides_[i].get() == &inlet) return forget(i);
    }
  }

  template <class V>
  Pending* take(Side& side, V&& value, const Context* context) {
    this->info().took();
    if (over_) [[unlikely]] {
      if (context) context->drop(zip_over);
      this->info().drops();
      return nullptr;
    }
    const bool first = side.queue.empty();
    side.queue.push(std::forward<V>(value), context);
    hold(held_ + 1);
    missing_ -= first;
    if (!first || missing_ != 0) {
      if (side.queue.size() <= maxsize_) return nullptr;
      if (!aligning_) return side.queue.wait(this->strand(), this->info());
      side.queue.exceed();
      return nullptr;
    }
    Context all;
    Out out = gather_with(side, all);
    Join join{this->strand()};
    try {
      if (Line::busy()) {
        auto& item = this->add(std::move(out), std::move(all));
        item.receipt = Receipt::waiting(this->strand(), &this->info(), Why::order);
        join.add(item.receipt.share());
      } else {
        this->info().passed();
        join.add(this->outlet.push(std::move(out), all.or_null()));
      }
    } catch (...) {
      all.fail(std::current_exception());
      if (!over_ && over()) static_cast<void>(Receipt{end()});
      throw;
    }
    if (!over_ && over()) join.add(end());
    return join.finish();
  }

  Pending* signal(std::size_t place, const Signal& signal) {
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
  std::size_t place_of(const Side& side) const noexcept {
    std::size_t place = 0;
    while (place < sides_.size() && sides_[place].get() != &side) ++place;
    return place;
  }

  void shut_down() noexcept override {
    const auto stopped =
        std::make_exception_ptr(Stopped(this->info().label() + ": stopped with elements in it"));
    for (const auto& side : sides_) side->queue.stop(stopped);
    drop_all("the operator that held it was stopped");
    Line::shut_down();
  }

  // Partners may be behind a barrier that is on its way.
  void aligning(bool yes) override {
    aligning_ = yes;
    if (!yes) return;
    for (const auto& side : sides_) side->queue.release();
  }
  static constexpr bool saved = has_codec<T>;
  void write(StateWriter& to) const {
    to.put(std::uint64_t{sides_.size()});
    for (const auto& side : sides_) side->queue.write(to);
  }
  void read(StateReader& from) {
    if (from.get<std::uint64_t>() != sides_.size()) from.fail("it is that of another number of streams");
    std::size_t held = 0;
    for (const auto& side : sides_) {
      side->queue.read(from, maxsize_);
      held += side->queue.size();
      missing_ -= !side->queue.empty();
    }
    hold(held);
  }

 private:
  std::size_t place_of(const OutletBase& from) const noexcept {
    std::size_t place = 0;
    while (place < sides_.size() && &sides_[place]->from != &from) ++place;
    return place;
  }

  /// A side that is no longer connected: what it had is dropped, and what waited for it alone is complete.
  void forget(std::size_t place) {
    const Box<Side> side = std::move(sides_[place]);
    sides_.erase(sides_.begin() + static_cast<std::ptrdiff_t>(place));
    signals_.remove(place);
    this->remove_port(*side);
    missing_ -= side->queue.empty();
    const std::size_t lost = side->queue.drop("zip_all: its stream was removed");
    this->info().drops(lost);
    hold(held_ - lost);
    while (!sides_.empty() && missing_ == 0) {
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

  /// The vector that the newest element, the first one on its side, completes; when it cannot be made the element is gone.
  Out gather_with(Side& side, Context& all) {
    if constexpr (one_by_one) {
      return gather(all);
    } else {
      try {
        return gather(all);
      } catch (...) {
        side.queue.pop();
        ++missing_;
        hold(held_ - 1);
        throw;
      }
    }
  }
  Out gather(Context& all) {
    Out out;
    out.reserve(sides_.size());
    if constexpr (one_by_one) missing_ = 0;
    for (const auto& side : sides_) {
      if constexpr (one_by_one || !can_copy<T>) {
        out.push_back(std::move(side->queue.front()));
      } else {
        out.push_back(std::as_const(side->queue.front()));
      }
      if (const Context& beside = side->queue.context(); !beside.empty()) [[unlikely]] all.append(beside);
      if constexpr (one_by_one) pop(*side);
    }
    if constexpr (!one_by_one) {
      missing_ = 0;
      for (const auto& side : sides_) pop(*side);
    }
    hold(held_ - sides_.size());
    return out;
  }

  void pop(Side& side) noexcept {
    side.queue.pop();
    missing_ += side.queue.empty();
  }
  // Elements that may fail to be moved leave their queues when the vector has all of them.
  static constexpr bool one_by_one = std::is_nothrow_move_constructible_v<T>;

  /// True when no further tuple can come.
  bool over() const noexcept {
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      if (sides_[i]->queue.empty() && signals_.ended(i)) return true;
    }
    return false;
  }
  Pending* end() {
    over_ = true;
    drop_all(zip_over);
    return this->add(Signal{Signal::end});
  }
  void drop_all(const char* reason) noexcept {
    for (const auto& side : sides_) this->info().drops(side->queue.drop(reason));
    missing_ = sides_.size();
    hold(0);
  }
  void hold(std::size_t n) noexcept {
    held_ = n;
    this->besides(n);
  }

  std::size_t maxsize_;
  std::vector<Box<Side>> sides_;
  InputSignals signals_{0};
  std::size_t missing_ = 0;  // sides that have nothing
  std::size_t held_ = 0;     // elements on the sides
  bool over_ = false;
  bool aligning_ = false;
};

}  // namespace detail

/// What `zip_all` returns: its vectors as a stream, and the streams that it zips as something to change. What
/// is changed while an element is under way takes effect after it.
template <element T>
class ZipAll : public Stream<std::vector<T>> {
 public:
  explicit ZipAll(detail::ZipAllNode<T>& zip) : Stream<std::vector<T>>(zip.outlet), zip_(&zip) {}

  /// One more stream, the last in the vectors from now on.
  void add(const Stream<T>& stream) const {
    Graph::merge(this->graph(), stream.graph());
    detail::after_descent(zip_->strand(), [self = *this, stream] { self.zip_->add_side(stream.outlet()); });
  }
  /// One stream less, the first of that name. What it had delivered is dropped; tuples that only waited for
  /// it are emitted. Throws std::logic_error when it is not one of the streams.
  void remove(const Stream<T>& stream) const {
    if (!zip_->has(stream.outlet())) {
      detail::misuse("zip_all: \"" + stream.info().label() + "\" is not one of the streams that it zips");
    }
    detail::after_descent(zip_->strand(),
                          [self = *this, stream] { self.zip_->remove_side(stream.outlet()); });
  }

 private:
  detail::ZipAllNode<T>* zip_;
};

/// Vectors of one element of each stream, where streams may come and go: `zip` for streams of one element
/// type whose number is not known to the compiler.
///
///     a    -1---2---3-
///     b    ---8---9---
///          zip_all({a, b})
///     out  ---A---B---     A = [1, 8], B = [2, 9]
///
/// Returns a `ZipAll<T>`, which is a Stream<std::vector<T>> with `add` and `remove`. Ends like zip; a stream
/// that is removed, or destroyed, does not end it.
///
/// @param streams  the first streams, at least one; the same stream may stand there twice.
/// @param options  how far a stream may be ahead.
///
/// Back-pressure: an element that is more than `maxsize` ahead of its partners is taken and waits until it is
///                within that; the one that completes a vector waits for it.
/// Metadata:      held until emitted, joined in the order of the streams; dropped with its stream when that
///                is removed.
/// Errors:        std::invalid_argument here when there is no stream; std::logic_error when streams belong to
///                different event loops.
/// Cost:          O(1) an element; one allocation a vector.
/// Recovery:      state: the elements that wait for partners. While a checkpoint is on its way nobody waits.
/// Example:       examples/02_operators/zip_all.cpp
/// See also:      zip, combine_latest_all
template <element T>
ZipAll<T> zip_all(const std::vector<Stream<T>>& streams, ZipOptions options = {}) {
  if (streams.empty()) detail::bad_argument("zip_all: give at least one stream");
  for (const Stream<T>& stream : streams) Graph::merge(streams.front().graph(), stream.graph());
  auto& node = streams.front().graph().add(detail::make_box<detail::ZipAllNode<T>>(options));
  detail::wire(node, [&] {
    for (const Stream<T>& stream : streams) node.add_side(stream.outlet());
  });
  return ZipAll<T>{node};
}

}  // namespace penstock
