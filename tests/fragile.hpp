// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>
#include <utility>

namespace penstock::test {

/// Copying it throws when no copies are `left`, and so does moving it, which is copying.
template <class T>
struct Fragile {
  explicit Fragile(T v) : value(std::move(v)) {}
  Fragile(const Fragile& other) : value(other.value) {
    if (left-- == 0) throw std::runtime_error("no copies left");
  }
  Fragile& operator=(const Fragile&) = default;
  static inline int left = 1000;
  T value;
};

/// Only copying this one throws.
template <class T>
struct FragileCopy : Fragile<T> {
  using Fragile<T>::Fragile;
  FragileCopy(const FragileCopy&) = default;
  FragileCopy(FragileCopy&& other) noexcept : Fragile<T>(std::move(other.value)) {}
  FragileCopy& operator=(const FragileCopy&) = default;
  FragileCopy& operator=(FragileCopy&& other) noexcept {
    this->value = std::move(other.value);
    return *this;
  }
};

}  // namespace penstock::test
