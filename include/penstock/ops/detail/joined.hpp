// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "penstock/core/receipt.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/core/stream.hpp"

namespace penstock::detail {

/// Emits what was made of several elements. When that fails they all have failed; the outermost emit knows of
/// one only.
template <class Next, class Value>
[[gnu::always_inline]] inline Pending* emit_joined(Next&& next, Value&& value, const Context& joined) {
  try {
    return next(std::forward<Value>(value), joined.or_null());
  } catch (...) {
    joined.fail(std::current_exception());
    throw;
  }
}

/// Calls all of `sends`, also behind one that throws, and joins what they return; the first exception comes after that.
template <class... Sends>
Pending* send_all(Strand& strand, Sends... sends) {
  Join join{strand};
  std::exception_ptr error;
  const auto send = [&](auto& each) {
    try {
      join.add(each());
    } catch (...) {
      if (!error) error = std::current_exception();
    }
  };
  (send(sends), ...);
  if (error) std::rethrow_exception(error);
  return join.finish();
}

/// At least one, or a sentence.
inline std::size_t at_least_one(const char* op, std::size_t n) {
  if (n == 0) bad_argument(std::string(op) + ": n must be at least 1");
  return n;
}

/// The Contexts of the last elements of a window. Costs one comparison as long as nothing comes beside the
/// elements.
class RecentContexts {
 public:
  void add(const Context* context) {
    if (context || !recent_.empty()) [[unlikely]] recent_.push(Context::of(context));
  }
  bool empty() const noexcept { return recent_.empty(); }
  /// Lets go of the oldest element of a window of `n`.
  void slide(std::size_t n) noexcept {
    if (recent_.empty()) return;
    if (recent_.size() == n) recent_.pop();
    while (!recent_.empty() && recent_.front().empty()) recent_.pop();
  }
  Context joined() const {
    Context all;
    for (std::size_t i = 0; i < recent_.size(); ++i) all.append(recent_[i]);
    return all;
  }
  void drop(const char* reason) const noexcept {
    for (std::size_t i = 0; i < recent_.size(); ++i) recent_[i].drop(reason);
  }
  void clear() noexcept { recent_.clear(); }
  // For snapshots.
  Ring<Context>& ring() noexcept { return recent_; }
  const Ring<Context>& ring() const noexcept { return recent_; }
  void keep_last(std::size_t n) noexcept {
    while (recent_.size() > n) recent_.pop();
  }

 private:
  Ring<Context> recent_;  // starts at the first element that came with something
};

}  // namespace penstock::detail
