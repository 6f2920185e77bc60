// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include "penstock/fwd.hpp"

namespace penstock {

// The library's table of contents. Every operator is a function that makes something to be called with a stream,
//
//     source | map(parse) | filter(valid) | my_own(3) | sink(store)
//
// and each built-in one is a member of streams and chains too. fwd.hpp declares them; ops/, sources/ and sinks/ define
// them, one file each, and say what they promise.

/// A `Stream<T>` or a chain of operators on one.
template <class S>
concept stream_like = requires(S& s) {
  typename S::value_type;
  { s.stream() } -> std::same_as<Stream<typename S::value_type>>;
};

namespace detail {

template <class T, class>
struct LaterType {
  using type = T;
};
/// `T`, which need not be complete until the template that names it is used. Lets a braced list stand for options.
template <class T, class Dependent>
using Later = typename LaterType<T, Dependent>::type;

/// What an operator is given for `stream`: a chain to fuse with when it is a temporary, otherwise a stream to share. What
/// cannot be shared is used up.
template <class S>
decltype(auto) operand(S&& stream) {
  if constexpr (requires { std::remove_cvref_t<S>::single_use; }) {
    return std::move(const_cast<std::remove_cvref_t<S>&>(stream));
  } else if constexpr (std::is_lvalue_reference_v<S>) {
    return const_cast<std::remove_cvref_t<S>&>(stream).stream();
  } else {
    return std::move(stream);
  }
}

}  // namespace detail

/// Applies an operator, built-in or the user's own, to a stream.
template <class S, class Operator>
  requires(stream_like<std::remove_cvref_t<S>>)
auto operator|(S&& stream, Operator&& op) {
  constexpr bool is_stream = stream_like<std::remove_cvref_t<Operator>>;
  static_assert(!is_stream, "operator|: on the right stands an operator, not a stream; use a.connect(b) to lead one "
                            "stream into another");
  if constexpr (!is_stream) {
    return std::forward<Operator>(op)(detail::operand(std::forward<S>(stream)));
  }
}

/// The operators as members of `Self`.
template <class Self>
class Operators {
 public:
  /// Another spelling of `|`.
  template <class Operator>
  auto apply(Operator op) const& {
    return self() | std::move(op);
  }
  template <class Operator>
  auto apply(Operator op) && {
    return std::move(self()) | std::move(op);
  }

  template <auto... Indices>
    requires(sizeof...(Indices) > 0)
  auto pluck() const& {
    return self() | penstock::pluck<Indices...>();
  }
  template <auto... Indices>
    requires(sizeof...(Indices) > 0)
  auto pluck() && {
    return std::move(self()) | penstock::pluck<Indices...>();
  }

// A named chain is shared, a temporary one is fused: that is all the difference between the overloads.
#define PENSTOCK_UNPACK(...) __VA_ARGS__
#define PENSTOCK_MEMBER(name, types, parameters, arguments)           \
  template <PENSTOCK_UNPACK types>                                    \
  auto name parameters const& {                                       \
    return self() | penstock::name arguments;                         \
  }                                                                   \
  template <PENSTOCK_UNPACK types>                                    \
  auto name parameters && {                                           \
    return std::move(self()) | penstock::name arguments;              \
  }

  // Element by element
  /// Applies a function to every element.
  PENSTOCK_MEMBER(map, (class Fn, class... Args), (Fn fn, Args... args), (std::move(fn), std::move(args)...))
  /// Applies a function to the members of every tuple.
  PENSTOCK_MEMBER(starmap, (class Fn, class... Args), (Fn fn, Args... args), (std::move(fn), std::move(args)...))
  /// Applies an asynchronous function, several at a time.
  PENSTOCK_MEMBER(map_async, (class Fn, class... Options), (Fn fn, Options... options), (std::move(fn), std::move(options)...))
  PENSTOCK_MEMBER(map_async, (class Fn, class S = Self), (Fn fn, detail::Later<MapAsync, S> options), (std::move(fn), std::move(options)))
  /// Passes on what a predicate accepts.
  PENSTOCK_MEMBER(filter, (class... Args), (Args... args), (std::move(args)...))
  /// Passes on what a predicate rejects.
  PENSTOCK_MEMBER(remove, (class Fn, class... Args), (Fn fn, Args... args), (std::move(fn), std::move(args)...))
  /// Folds the elements and emits every state.
  PENSTOCK_MEMBER(accumulate, (class Fn, class... Options), (Fn fn, Options... options), (std::move(fn), std::move(options)...))
  /// Another name of accumulate.
  PENSTOCK_MEMBER(scan, (class Fn, class... Options), (Fn fn, Options... options), (std::move(fn), std::move(options)...))
  /// Picks members, indices or keys out of every element.
  PENSTOCK_MEMBER(pluck, (class... Picks), (Picks... picks), (std::move(picks)...))
  /// Emits the items of every element one by one.
  PENSTOCK_MEMBER(flatten, (class S = Self), (), <S>())
  /// Another name of flatten.
  PENSTOCK_MEMBER(concat, (class S = Self), (), <S>())
  /// Lets a function look at every element.
  PENSTOCK_MEMBER(tap, (class Fn, class... Args), (Fn fn, Args... args), (std::move(fn), std::move(args)...))
  /// Hangs branches on a chain that are fused with it.
  PENSTOCK_MEMBER(tee, (class... Branches), (Branches... branches), (std::move(branches)...))

  // Which elements
  /// Passes on the elements at some positions.
  PENSTOCK_MEMBER(slice, (class... Bounds), (Bounds... bounds), (std::move(bounds)...))
  PENSTOCK_MEMBER(slice, (class S = Self), (detail::Later<Slice, S> options), (std::move(options)))
  /// Passes on the first n.
  PENSTOCK_MEMBER(take, (class S = Self), (std::size_t n), <S>(n))
  /// Passes on until a predicate fails.
  PENSTOCK_MEMBER(take_while, (class Fn, class... Args), (Fn fn, Args... args), (std::move(fn), std::move(args)...))
  /// Leaves out the first n.
  PENSTOCK_MEMBER(skip, (class S = Self), (std::size_t n), <S>(n))
  /// Leaves out what was seen before.
  PENSTOCK_MEMBER(unique, (class... Options), (Options... options), (std::move(options)...))
  PENSTOCK_MEMBER(unique, (class S = Self), (detail::Later<Unique, S> options), (std::move(options)))
  /// Several streams, each with the elements of its kind.
  PENSTOCK_MEMBER(split, (class... Predicates), (Predicates... predicates), (std::move(predicates)...))

  // Several elements into one
  /// Gathers n elements into a vector.
  PENSTOCK_MEMBER(partition, (class... Options), (std::size_t n, Options... options), (n, std::move(options)...))
  /// Gathers n elements with different keys.
  PENSTOCK_MEMBER(partition_unique, (class... Options), (std::size_t n, Options... options), (n, std::move(options)...))
  /// The last n elements, with every element.
  PENSTOCK_MEMBER(sliding_window, (class... Options), (std::size_t n, Options... options), (n, std::move(options)...))
  PENSTOCK_MEMBER(sliding_window, (class S = Self), (std::size_t n, detail::Later<SlidingWindow, S> options), (n, std::move(options)))
  PENSTOCK_MEMBER(sliding_window, (class S = Self), (std::size_t n, detail::Later<AsView, S> view, detail::Later<SlidingWindow, S> options), (n, view, std::move(options)))
  /// Every element with the one before it.
  PENSTOCK_MEMBER(pairwise, (class S = Self), (), <S>())
  /// Keeps elements until it is told to flush.
  PENSTOCK_MEMBER(collect, (class S = Self), (), <S>())
  /// How often each element was seen.
  PENSTOCK_MEMBER(frequencies, (class... Options), (Options... options), (std::move(options)...))
  PENSTOCK_MEMBER(frequencies, (class S = Self), (detail::Later<Frequencies, S> options), (std::move(options)))

  // Time
  /// The elements of each interval.
  PENSTOCK_MEMBER(timed_window, (class... Options), (Duration interval, Options... options), (interval, std::move(options)...))
  PENSTOCK_MEMBER(timed_window, (class S = Self), (Duration interval, detail::Later<TimedWindow, S> options), (interval, std::move(options)))
  /// The elements of each interval with different keys.
  PENSTOCK_MEMBER(timed_window_unique, (class... Options), (Duration interval, Options... options), (interval, std::move(options)...))
  /// Emits every element that much later.
  PENSTOCK_MEMBER(delay, (class... Options), (Duration time, Options... options), (time, std::move(options)...))
  PENSTOCK_MEMBER(delay, (class S = Self), (Duration time, detail::Later<DelayOptions, S> options), (time, std::move(options)))
  /// Lets at most one element through per interval.
  PENSTOCK_MEMBER(rate_limit, (class S = Self), (Duration interval), <S>(interval))
  /// Emits an element when none follows for a while.
  PENSTOCK_MEMBER(debounce, (class S = Self), (Duration quiet), <S>(quiet))
  /// The newest element of each interval.
  PENSTOCK_MEMBER(sample, (class S = Self), (Duration interval), <S>(interval))
  /// Fails when no element comes in time.
  PENSTOCK_MEMBER(timeout, (class S = Self), (Duration limit), <S>(limit))

  // Event time
  /// Puts its event time beside every element, and tells which times have passed.
  PENSTOCK_MEMBER(event_time, (class Fn, class Policy, class... Options), (Fn time, Policy policy, Options... options), (std::move(time), std::move(policy), std::move(options)...))
  PENSTOCK_MEMBER(event_time, (class Fn, class Policy, class S = Self), (Fn time, Policy policy, detail::Later<EventTimeOptions, S> options), (std::move(time), std::move(policy), std::move(options)))
  /// Says what the key of an element is.
  PENSTOCK_MEMBER(key_by, (class Fn), (Fn key), (std::move(key)))
  /// Sorts elements by their event time into windows.
  PENSTOCK_MEMBER(window, (class Windows, class... Options), (Windows windows, Options... options), (std::move(windows), std::move(options)...))
  PENSTOCK_MEMBER(window, (class Windows, class S = Self), (Windows windows, detail::Later<WindowOptions, S> options), (std::move(windows), std::move(options)))

  // Waiting
  /// A queue of n elements between what is before and behind it.
  PENSTOCK_MEMBER(buffer, (class... Options), (std::size_t n, Options... options), (n, std::move(options)...))
  PENSTOCK_MEMBER(buffer, (class S = Self), (std::size_t n, detail::Later<BufferOptions, S> options), (n, std::move(options)))
  /// Keeps only the newest while what is behind is busy.
  PENSTOCK_MEMBER(latest, (class S = Self), (), <S>())
  /// Goes on on another event loop.
  PENSTOCK_MEMBER(hop, (class... Options), (Loop& loop, Options... options), (loop, std::move(options)...))
  PENSTOCK_MEMBER(hop, (class S = Self), (Loop& loop, detail::Later<HopOptions, S> options), (loop, std::move(options)))

  // Several streams: functions of all of them, `a.zip(b)` is `zip(a, b)`
#define PENSTOCK_JOIN(name)                                                          \
  template <class... Others>                                                        \
  auto name(Others&&... others) const& {                                            \
    return penstock::name(self(), std::forward<Others>(others)...);                 \
  }                                                                                 \
  template <class... Others>                                                        \
  auto name(Others&&... others) && {                                                \
    return penstock::name(std::move(self()), std::forward<Others>(others)...);      \
  }
  /// Tuples of one element of each stream.
  PENSTOCK_JOIN(zip)
  /// Tuples of the newest of each stream.
  PENSTOCK_JOIN(combine_latest)
  /// Every element of this stream with the newest of the others.
  PENSTOCK_JOIN(zip_latest)
  /// The elements of all streams. Streamz: union.
  PENSTOCK_JOIN(merge)
#undef PENSTOCK_JOIN

  // Errors
  /// What happens when the operator before this one throws.
  PENSTOCK_MEMBER(on_error, (class... Policies), (Policies... policies), (std::move(policies)...))

  // Ends
  /// Calls a function, which may be asynchronous, with every element.
  PENSTOCK_MEMBER(sink, (class Fn, class... Args), (Fn fn, Args... args), (std::move(fn), std::move(args)...))
  /// Appends every element to a vector.
  PENSTOCK_MEMBER(sink_to_vector, (class... Into), (Into&... into), (into...))
  /// Prints every element with fmt.
  PENSTOCK_MEMBER(print, (class... Args), (Args... args), (std::move(args)...))
  /// Writes every element as a line.
  PENSTOCK_MEMBER(sink_to_textfile, (class Path, class... Options), (Path file, Options... options), (std::move(file), std::move(options)...))
  PENSTOCK_MEMBER(sink_to_textfile, (class Path, class S = Self), (Path file, detail::Later<TextFile, S> options), (std::move(file), std::move(options)))
  /// Writes every element as a record of a CSV file.
  PENSTOCK_MEMBER(sink_to_csv, (class Path, class... Options), (Path file, Options... options), (std::move(file), std::move(options)...))
  PENSTOCK_MEMBER(sink_to_csv, (class Path, class S = Self), (Path file, detail::Later<CsvFile, S> options), (std::move(file), std::move(options)))
  /// Writes every element as a line of JSON.
  PENSTOCK_MEMBER(sink_to_jsonl, (class Path, class... Options), (Path file, Options... options), (std::move(file), std::move(options)...))
  PENSTOCK_MEMBER(sink_to_jsonl, (class Path, class S = Self), (Path file, detail::Later<JsonlFile, S> options), (std::move(file), std::move(options)))
  /// Keeps a table by key in a CSV file.
  PENSTOCK_MEMBER(upsert_csv, (class Path, class... Args), (Path file, Args... args), (std::move(file), std::move(args)...))

#undef PENSTOCK_MEMBER
#undef PENSTOCK_UNPACK

 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }
  const Self& self() const noexcept { return static_cast<const Self&>(*this); }
};

}  // namespace penstock
