// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "penstock/core/line.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/pick.hpp"

namespace penstock {

/// What a full buffer does with one more element.
enum class WhenFull : std::uint8_t {
  wait,         ///< its emitter waits
  drop_oldest,  ///< the oldest in the queue makes room
  drop_newest,  ///< it is not taken
  fail          ///< its emitter gets Overflow
};

struct BufferOptions {
  WhenFull overflow = WhenFull::wait;
  std::size_t max_bytes = 0;  ///< a second bound, on the sum of the elements' sizes; 0: none. See `measured_by`.
};

/// For `buffer`: how many bytes of `max_bytes` an element takes. Without it an element takes its own size, and what it holds
/// when it is a string or a vector.
template <class Fn>
struct MeasuredBy {
  Fn fn;
};
template <class Fn>
MeasuredBy<Fn> measured_by(Fn fn) {
  return {std::move(fn)};
}

/// `Fn` says how many bytes a `const T&` takes.
template <class Fn, class T>
concept measure_of = std::is_invocable_r_v<std::size_t, Fn&, const T&>;

namespace detail {

struct OwnSize {
  template <class T>
  constexpr std::size_t operator()(const T& value) const noexcept {
    if constexpr (requires { sizeof(*value.data()) * value.size(); }) {
      return sizeof(T) + sizeof(*value.data()) * value.size();
    } else {
      return sizeof(T);
    }
  }
};

/// The index of a buffer that keeps all elements; keep_one_per has another one.
struct KeepAll {
  template <element T>
  static constexpr bool accepts = true;
  template <element T>
  struct Index {
    static constexpr bool keyed = false;
    explicit Index(KeepAll) noexcept {}
  };
};

struct Bytes {
  std::size_t bytes = 0;
};

template <element T, class Keep, class Size>
class BufferNode final : public LineNode<BufferNode<T, Keep, Size>, T, Bytes>,
                         public Receiver<T, BufferNode<T, Keep, Size>> {
  using Line = LineNode<BufferNode, T, Bytes>;
  using Line::line_;
  using Index = typename Keep::template Index<T>;

 public:
  BufferNode(std::size_t n, BufferOptions options, Keep keep, Size size)
      : Line(Info{"buffer", n == unlimited ? std::string{} : std::to_string(n), Shape::collect}),
        n_(n), options_(options), index_{std::move(keep)}, size_(std::move(size)) {
    PENSTOCK_KEEPS("buffer", T);
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    const bool keeps_all = options.overflow == WhenFull::wait || options.overflow == WhenFull::fail;
    this->info().recovery = keeps_all && !Index::keyed ? Recovery::drained : Recovery::lossy;
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    Info& info = this->info();
    this->info().took();
    const std::size_t bytes = options_.max_bytes == 0 ? 0 : static_cast<std::size_t>(this->run(size_, std::as_const(value)));
    if constexpr (Index::keyed) {
      const std::size_t place = this->run(index_, std::as_const(value));
      if (place != unlimited) return replace(line_[place], std::forward<V>(value), context, bytes);
    }
    bool waits = first_waiting_ < line_.size();
    if (waits || !fits(bytes)) {
      switch (options_.overflow) {
        case WhenFull::wait: waits = true; break;
        case WhenFull::drop_oldest:
          if constexpr (!std::is_nothrow_constructible_v<T, V>) {
            T own(std::forward<V>(value));  // first: when that fails nothing has made room for it
            make_room(bytes);
            return queue_up(std::move(own), context, bytes, false);
          } else {
            make_room(bytes);
            break;
          }
        case WhenFull::drop_newest:
          if (context) context->drop(full);
          info.drops();
          return nullptr;
        case WhenFull::fail:
          info.fails();
          throw Overflow(info.label() + ": full");
      }
    }
    return queue_up(std::forward<V>(value), context, bytes, waits);
  }

  void leaving(const typename Line::Item& item) noexcept {
    forget(item, 0);
    for (; first_waiting_ < line_.size(); ++first_waiting_) {
      auto& waiting = line_[first_waiting_];
      if (!waiting.value) continue;
      if (!fits(waiting.mark.bytes)) return;
      admit(waiting.mark.bytes);
      std::exchange(waiting.receipt, {}).settle();
    }
  }
  void shut_down() noexcept override {
    Line::shut_down();
    admitted_ = bytes_ = first_waiting_ = 0;
    if constexpr (Index::keyed) index_.clear();
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if constexpr (Index::keyed) index_.clear();
    const bool waits = first_waiting_ < line_.size();
    Pending* pending = this->Line::add(signal);
    if (!waits) first_waiting_ = line_.size();
    return pending;
  }

 private:
  static constexpr const char* full = "buffer: full";

  template <class V>
  [[gnu::always_inline]] Pending* queue_up(V&& value, const Context* context, std::size_t bytes, bool waits) {
    Receipt receipt;
    if (waits) receipt = Receipt::waiting(this->strand(), &this->info(), Why::full);
    auto& item = this->add(std::forward<V>(value), Context::of(context), {bytes}, receipt);
    if constexpr (Index::keyed) {
      try {
        index_.add(std::as_const(*item.value), line_.size() - 1);
      } catch (...) {
        this->take_out(line_.size() - 1);
        throw;
      }
    }
    if (!waits) {
      admit(bytes);
      first_waiting_ = line_.size();
    }
    return receipt.release();
  }

  /// `n` in the queue and one on its way.
  bool fits(std::size_t bytes) const noexcept {
    if (admitted_ == 0) return true;
    const std::size_t room = n_ == unlimited ? n_ : n_ + (this->pump_.active() ? 0 : 1);
    return admitted_ < room && (options_.max_bytes == 0 || bytes_ + bytes <= options_.max_bytes);
  }
  void forget(const typename Line::Item& item, std::size_t place) noexcept {
    --first_waiting_;
    if constexpr (Index::keyed) index_.leaves(item.value ? &*item.value : nullptr, place);
    if (!item.value) return;
    --admitted_;
    bytes_ -= item.mark.bytes;
  }
  void admit(std::size_t bytes) noexcept {
    ++admitted_;
    bytes_ += bytes;
  }
  void make_room(std::size_t bytes) noexcept {
    while (!fits(bytes)) {
      // The first element counts as the one on its way, whether or not the drain has come to it yet.
      bool spare = !this->pump_.active() && admitted_ > 1;
      std::size_t place = 0;
      while (!line_[place].value || std::exchange(spare, false)) ++place;
      this->lose(line_[place].context, full);
      forget(line_[place], place);
      if (this->take_out(place)) {
        --first_waiting_;
        if constexpr (Index::keyed) index_.leaves(nullptr, place);  // which knows nothing of what is before a signal
      } else if constexpr (Index::keyed) {
        for (std::size_t i = 0; i < place; ++i) {
          if (line_[i].value) index_.stays(*line_[i].value, i);
        }
      }
    }
  }
  template <class V>
  Pending* replace(typename Line::Item& item, V&& value, const Context* context, std::size_t bytes) {
    // What may fail comes first: then the older element is still there, and an item without one would be a signal.
    Context newer = Context::of(context);
    if constexpr (std::is_nothrow_constructible_v<T, V>) {
      item.value.emplace(std::forward<V>(value));
    } else {
      T own(std::forward<V>(value));
      *item.value = std::move(own);
    }
    this->lose(item.context, "buffer: a newer element has the same key");
    item.context = std::move(newer);
    if (!item.receipt.state()) bytes_ += bytes - item.mark.bytes;
    item.mark.bytes = bytes;
    return nullptr;
  }

  std::size_t n_;
  BufferOptions options_;
  [[no_unique_address]] Index index_;
  [[no_unique_address]] Size size_;
  std::size_t admitted_ = 0;       // elements that nobody waits for
  std::size_t bytes_ = 0;          // theirs
  std::size_t first_waiting_ = 0;  // place in the line of the first one behind them
};

template <class Key>
struct KeepOnePer;

}  // namespace detail

/// A queue between what is before and what is behind it: emitters wait only when it is full.
///
///     in   -123-4-|
///          buffer(3), a sink that takes 3 ticks for each
///     out  -1--2--3--4--|
///
/// Elements leave in order, one after the other, each when the one before was taken: on a loop soon after they came, without
/// one when the element that was emitted last has come to rest, inside its `emit`.
///
/// @param n        elements in the queue, at least 1, or `unlimited`; one more is on its way to what is behind.
/// @param options  BufferOptions; `measured_by(fn)` for its `max_bytes`; `keep_one_per(key)`, with which a newer element takes
///                 the place of the queued one that has the same key.
///
/// Back-pressure: waits when full; by policy drops the oldest, drops the newest or fails with Overflow.
/// Metadata:      held until emitted; a dropped or replaced element's ends as dropped.
/// Errors:        std::invalid_argument here when n is 0; what goes wrong behind is reported and the queue drains on.
/// Cost:          O(1) an element; no allocation once the queue has grown; one receipt an element that waits.
/// Recovery:      drained before a checkpoint; lossy with a policy that drops, and with keep_one_per.
/// Example:       examples/02_operators/buffer.cpp
/// See also:      latest, delay, rate_limit
template <class... Options>
auto buffer(std::size_t n, Options... options) {
  if (n == 0) detail::bad_argument("buffer: n must be at least 1");
  return [n, plain = detail::pick<BufferOptions>(options...),
          keep = detail::pick<detail::KeepOnePer>(detail::KeepAll{}, options...),
          size = detail::pick<MeasuredBy>(MeasuredBy<detail::OwnSize>{}, options...)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    using Size = decltype(size.fn);
    static_assert(measure_of<Size, T>, "buffer: measured_by needs a function that takes a const element and returns a size");
    using Keep = decltype(keep);
    constexpr bool accepts = Keep::template accepts<T>;
    static_assert(accepts,
                  "keep_one_per: the key must be callable with a const element of the stream and return a value, or be a "
                  "member, key or index of the elements");
    if constexpr (measure_of<Size, T> && accepts) {
      using Buffer = detail::BufferNode<T, Keep, Size>;
      return Stream<T>{attach<Buffer>(stream.stream(), n, plain, std::move(keep), std::move(size.fn)).outlet};
    }
  };
}

}  // namespace penstock
