// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <type_traits>
#include <utility>

namespace penstock::detail {

/// The owner of one object: what core needs of <memory>, which would cost as much as core.
template <class T>
class Box {
 public:
  Box() = default;
  explicit Box(T* mine) noexcept : mine_(mine) {}
  Box(Box&& other) noexcept : mine_(other.release()) {}
  template <class U>
    requires(std::is_convertible_v<U*, T*>)
  Box(Box<U>&& other) noexcept : mine_(other.release()) {}
  Box& operator=(Box other) noexcept {
    std::swap(mine_, other.mine_);
    return *this;
  }
  ~Box() { delete mine_; }

  explicit operator bool() const noexcept { return mine_ != nullptr; }
  T& operator*() const noexcept { return *mine_; }
  T* operator->() const noexcept { return mine_; }
  T* get() const noexcept { return mine_; }
  [[nodiscard]] T* release() noexcept { return std::exchange(mine_, nullptr); }

 private:
  T* mine_ = nullptr;
};

template <class T, class... Args>
Box<T> make_box(Args&&... args) {
  return Box<T>{new T(std::forward<Args>(args)...)};
}

}  // namespace penstock::detail
