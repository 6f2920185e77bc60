// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <type_traits>
#include <utility>

#include "penstock/time/aggregate.hpp"
#include "penstock/time/detail/fixed_windows.hpp"
#include "penstock/time/detail/global_windows.hpp"
#include "penstock/time/detail/session_windows.hpp"
#include "penstock/time/detail/sliding_windows.hpp"
#include "penstock/time/key_by.hpp"
#include "penstock/time/windows.hpp"

namespace penstock {
namespace detail {

template <class S>
inline constexpr bool is_keyed = false;
template <class T, class Fn>
inline constexpr bool is_keyed<KeyedStream<T, Fn>> = true;

template <class Windows>
inline constexpr bool are_sessions = std::is_same_v<Windows, SessionWindows>;
template <class Fn>
inline constexpr bool are_sessions<DynamicSessions<Fn>> = true;
template <class Windows>
inline constexpr bool slide = std::is_same_v<Windows, SlidingCount> || std::is_same_v<Windows, SlidingTime>;
template <class Windows>
inline constexpr bool are_windows = std::is_same_v<Windows, FixedWindows> || are_sessions<Windows> || slide<Windows>;
template <class Trigger>
inline constexpr bool are_windows<GlobalWindow<Trigger>> = true;

template <element T, class KeyFn, class Key, class Windows, class Aggregate>
struct WindowNodeOf {
  using type = std::conditional_t<slide<Windows>, SlidingWindowNode<T, KeyFn, Key, Windows, Aggregate>,
                                  SessionWindowNode<T, KeyFn, Key, Windows, Aggregate>>;
};
template <element T, class KeyFn, class Key, class Aggregate>
struct WindowNodeOf<T, KeyFn, Key, FixedWindows, Aggregate> {
  using type = FixedWindowNode<T, KeyFn, Key, Aggregate>;
};
template <element T, class KeyFn, class Key, class Trigger, class Aggregate>
struct WindowNodeOf<T, KeyFn, Key, GlobalWindow<Trigger>, Aggregate> {
  using type = GlobalWindowNode<T, KeyFn, Key, Trigger, Aggregate>;
};

/// Asked for the sentence.
template <class Windows, class T>
constexpr bool check_trigger() {
  if constexpr (requires(Windows& windows) { windows.trigger; }) {
    constexpr bool fits = trigger_of<std::remove_cvref_t<decltype(std::declval<Windows&>().trigger)>, T>;
    static_assert(fits,
                  "global: a trigger is every(n), every_event_time(d), every_processing_time(d), or a copyable object with "
                  "`bool element(const T&, EventTime)`, T being the type of the elements");
    return fits;
  } else {
    return true;
  }
}

}  // namespace detail

/// What comes out of windows: a stream of results, and beside it the elements that came too late for all of theirs.
template <element Out, element T>
class WindowedStream : public Stream<Out> {
 public:
  template <class Node>
  explicit WindowedStream(Node& node) : Stream<Out>(node.outlet), late_(&node.late) {}

  Stream<Late<T>> late() const { return Stream<Late<T>>{*late_}; }

  WindowedStream named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  Outlet<Late<T>>* late_;
};

/// What window returns: elements sorted into windows, to be made one value of by `aggregate`.
template <element T, class KeyFn, class Key, class Windows>
class Windowed {
 public:
  using value_type = T;

  Windowed(Stream<T> stream, KeyFn key, Windows windows, WindowOptions options)
      : stream_(std::move(stream)), key_(std::move(key)), windows_(std::move(windows)), options_(options) {}

  /// @param aggregate  see aggregates.hpp, or an object of your own with `add(const T&)` and `result()`.
  template <class Aggregate>
  auto aggregate(Aggregate aggregate) const {
    if constexpr (detail::check_aggregate<Aggregate, T>() && detail::check_trigger<Windows, T>()) {
      constexpr bool merges = [] {
        if constexpr (detail::are_sessions<Windows>) {
          return detail::check_merge<Aggregate, T>();
        } else {
          return true;
        }
      }();
      if constexpr (merges) {
        using Windower = typename detail::WindowNodeOf<T, KeyFn, Key, Windows, Aggregate>::type;
        using Out = typename Windower::Result;
        return WindowedStream<Out, T>{attach<Windower>(stream_, key_, windows_, options_, std::move(aggregate))};
      }
    }
  }

 private:
  Stream<T> stream_;
  KeyFn key_;
  Windows windows_;
  WindowOptions options_;
};

template <element T, class KeyFn, class Key, class Windows, class Operator>
auto operator|(const Windowed<T, KeyFn, Key, Windows>& windowed, Operator&& op) {
  return std::forward<Operator>(op)(windowed);
}

/// `windows | aggregate(count())`: see Windowed.
template <class Aggregate>
auto aggregate(Aggregate aggregate) {
  return [aggregate = std::move(aggregate)](const auto& windowed) { return windowed.aggregate(aggregate); };
}

/// Sorts elements by their event time into windows, for each key on its own where the stream has a key; `aggregate` makes one
/// value of each. A window's result comes when the frontier passes its end.
///
///     in        a10 b12 a14 | a21 | c33 |     seconds; frontier 3 s behind: 11, 18, 30
///               key_by(letter) window(tumbling(10s)) aggregate(count())
///     out                           [10,20) a 2, b 1 | ...    behind c33: 30 is behind the end of [20,30) too
///
/// @param windows  tumbling(size, offset), hopping(size, slide, offset), session(gap) or session(function); sliding(n) or
///                 sliding(time), for a result with every element; global(trigger), one window for all time.
/// @param options  see WindowOptions: how late elements may be, which results come out.
///
/// Results are WindowResult{key, window, value, pane}; of a stream without a key there is no `key`. They come in the order
/// of their window's end, its start and their key (the order of hashes for keys without `<`), and have the last
/// microsecond of their window as event time, so that windows of windows nest. An element that comes behind the end of a
/// window, but not by more than `lateness`, still counts and brings a new result about; one that is too late for all of its
/// windows is counted, and comes out of `late()`. Windows by the number of elements, `sliding(n)` and `global(every(n))`,
/// need no event time; nothing is late for them.
///
/// Back-pressure: the element that moves the frontier waits for all results of it.
/// Metadata:      held until the window is over, joined in its results; of an element that comes too late: follows it to
///                `late()`, else dropped.
/// Errors:        std::invalid_argument here for windows and settings that make no sense; std::logic_error through emit for
///                an element without an event time; Overflow through emit for an entry above max_entries. A result that
///                fails does not hold up the others.
/// Cost:          one look-up an element; hopping windows share panes as long as the greatest common divisor of size and
///                slide. Sliding windows: O(1) an element for aggregates with `remove`, such as count and sum; for others
///                all elements of the window are added again for each that has slid out, and each result joins the Refs
///                of all elements of its window that have some. Memory: key and accumulator for each key and pane, and 6
///                to 12 bytes to find them; of sliding windows the elements too.
/// Recovery:      state: open windows and the frontier.
/// Example:       examples/11_event_time/windows.cpp
/// See also:      event_time, key_by, timed_window, sliding_window
template <class Windows, class... Options>
auto window(Windows windows, Options... options) {
  static_assert(sizeof...(Options) <= 1 && (std::is_same_v<Options, WindowOptions> && ...),
                "window: takes windows and WindowOptions{...}");
  constexpr bool known = detail::are_windows<Windows>;
  static_assert(known,
                "window: takes tumbling(size), hopping(size, slide), session(gap), sliding(n or time) or global(trigger)");
  if constexpr (known) {
    const WindowOptions chosen{options...};
    detail::check(windows, chosen);
    return [windows = std::move(windows), chosen](auto&& stream) {
      using S = std::remove_cvref_t<decltype(stream)>;
      using T = typename S::value_type;
      if constexpr (detail::is_keyed<S>) {
        using Fn = std::remove_cvref_t<decltype(stream.key())>;
        return Windowed<T, Fn, typename S::key_type, Windows>{stream.stream(), stream.key(), windows, chosen};
      } else {
        return Windowed<T, detail::KeylessOf, detail::Keyless, Windows>{stream.stream(), detail::KeylessOf{}, windows, chosen};
      }
    };
  }
}

}  // namespace penstock
