// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "penstock/core/atomic.hpp"
#include "penstock/core/managed.hpp"

namespace penstock {

/// A number that the strand changes and any thread may read. A plain increment, no locked instruction.
class Counter {
 public:
  Counter() = default;
  Counter(const Counter& other) noexcept : value_(other.get()) {}
  Counter& operator=(const Counter& other) noexcept {
    set(other.get());
    return *this;
  }

  [[gnu::always_inline]] std::uint64_t get() const noexcept { return value_.get(); }
  [[gnu::always_inline]] void set(std::uint64_t value) noexcept { value_.set(value); }
  [[gnu::always_inline]] void add(std::uint64_t n = 1) noexcept { set(get() + n); }
  [[gnu::always_inline]] void subtract(std::uint64_t n = 1) noexcept { set(get() - n); }

 private:
  detail::Atomic<std::uint64_t> value_{0};
};

/// How an operator is drawn; Graphviz's names in the comments.
enum class Shape : std::uint8_t {
  plain,    ///< ellipse: one in, at most one out
  state,    ///< box: accumulate
  collect,  ///< diamond: partition, windows by count, buffer
  time,     ///< octagon: what the clock drives
  join,     ///< triangle: several inputs
  source,   ///< doubleoctagon
  sink      ///< trapezium
};

/// What is known of one operator: its name, its parameters and its counters. A chain of fused steps has one for each
/// step. `in` and `out` stand only where the number of elements can change; `observe` fills in the others.
///
/// Conservation, between two descents: in = out + left_out + dropped + failed + held for operators that pass elements on
/// one by one; see each operator for the rest.
struct Info {
  // NOLINTNEXTLINE: `step(MyStep{}, "my_step")`
  [[gnu::noinline]] Info(const char* operation) : op(operation), shape(Shape::plain) {}
  [[gnu::noinline]] Info(const char* operation, std::string detail_text, Shape drawn = Shape::plain)
      : op(operation), detail(std::move(detail_text)), shape(drawn) {}
  // Once in a program, and not in every chain.
  [[gnu::noinline]] Info(const Info&) = default;
  [[gnu::noinline]] Info(Info&&) noexcept = default;
  [[gnu::noinline]] Info& operator=(const Info&) = default;
  [[gnu::noinline]] Info& operator=(Info&&) noexcept = default;
  [[gnu::noinline]] ~Info() = default;

  const char* op;         ///< the operator, such as "map"
  std::string detail;     ///< its parameters, such as "2"
  std::string name;       ///< the user's name for it, or empty
  Shape shape;            ///< for drawings
  bool one_to_one = true; ///< every element taken comes out or fails; when false, `out` is counted
  bool selects = false;   ///< not one to one, but what is not left out comes out: `out` needs no counter
  std::size_t after = 1;  ///< fused: takes its elements from the step so many places before it
  std::size_t depth = 0;  ///< in a branch of a tee, which may be in one of another: of how many
  const char* needs_loop = nullptr;  ///< why a step needs an event loop: as Node::needs_loop

  Managed* state = nullptr;                           ///< what a snapshot has to hold of it
  Recovery recovery = Recovery::stateless;            ///< what it does when a checkpoint passes
  Guarantee guarantee = Guarantee::at_least_once;     ///< of a sink

  bool counting = true;   ///< when false the counters below stand still
  Counter in;             ///< elements taken
  Counter out;            ///< elements passed on
  Counter left_out;       ///< left out because that was the processing
  Counter dropped;        ///< lost by policy
  Counter failed;         ///< its function threw
  Counter held;           ///< kept now
  Counter waiting;        ///< receipts open now
  Counter blocked_ns;     ///< time that settled receipts were open, from turn to turn of the loop
  Counter late_errors;    ///< failures of background work that no caller saw
  Counter saved;          ///< bytes of its state in the last snapshot
  Counter missed;         ///< first in a branch of a tee: not taken, because a branch before it threw

  [[gnu::always_inline]] void took(std::uint64_t n = 1) noexcept { if (counting) in.add(n); }
  [[gnu::always_inline]] void passed(std::uint64_t n = 1) noexcept { if (counting) out.add(n); }
  [[gnu::always_inline]] void leaves_out(std::uint64_t n = 1) noexcept { if (counting) left_out.add(n); }
  void drops(std::uint64_t n = 1) noexcept { if (counting) dropped.add(n); }
  void fails(std::uint64_t n = 1) noexcept { if (counting) failed.add(n); }
  [[gnu::always_inline]] void holds(std::uint64_t n) noexcept { if (counting) held.set(n); }

  /// The user's name, or the operator's.
  [[gnu::noinline]] std::string label() const { return name.empty() ? std::string{op} : name; }
};

namespace detail {

/// Of the Infos of a chain that of its last operator. Those of branches stand behind their tee and end nothing.
template <class Infos>
auto& last_of(Infos& infos) noexcept {
  auto last = infos.end() - 1;
  while (last->depth != 0) --last;
  return *last;
}

}  // namespace detail
}  // namespace penstock
