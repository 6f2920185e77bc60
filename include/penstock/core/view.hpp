// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace penstock {

/// Elements that an operator holds in its own memory and lends to what is behind it: valid during the push
/// only. Two words; converts to `std::span<const T>`. Operators that would keep one refuse to compile.
template <class T>
class View {
 public:
  using value_type = T;
  using iterator = const T*;
  using const_iterator = const T*;

  constexpr View() noexcept = default;
  constexpr View(const T* data, std::size_t size) noexcept : data_(data), size_(size) {}

  constexpr const T* data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  constexpr const T& front() const noexcept { return data_[0]; }
  constexpr const T& back() const noexcept { return data_[size_ - 1]; }
  constexpr const T* begin() const noexcept { return data_; }
  constexpr const T* end() const noexcept { return data_ + size_; }

 private:
  const T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// For `sliding_window` and `partition`: lend a `View` instead of emitting a vector.
struct AsView {};
inline constexpr AsView as_view{};

namespace detail {

template <class T>
inline constexpr bool lent = false;
template <class T>
inline constexpr bool lent<View<T>> = true;
/// Tuples, optionals, containers: what is made of views is valid no longer than they are.
template <template <class...> class Of, class... Ts>
inline constexpr bool lent<Of<Ts...>> = (lent<Ts> || ...);

}  // namespace detail

/// What may be kept when a push has returned: everything but views and what is made of them.
template <class T>
concept keepable = !detail::lent<T>;

}  // namespace penstock

/// The check of an operator that keeps elements of a type, in its node or step.
#define PENSTOCK_KEEPS(op, ...)                                                                            \
  static_assert(::penstock::keepable<__VA_ARGS__>,                                                         \
                op ": the elements are views that are valid during the push only; make them values first, " \
                   "as in .map([](auto view) { return std::vector(view.begin(), view.end()); })")
