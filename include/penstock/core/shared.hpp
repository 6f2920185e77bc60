// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <utility>

#include "penstock/core/atomic.hpp"

namespace penstock::detail {

/// What a Shared counts its owners in.
class Owned {
 public:
  Owned() = default;
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

 private:
  template <class T>
  friend class Shared;
  Atomic<std::size_t> owners_{0};
};

/// One of several owners of an object, in any threads: what is needed of std::shared_ptr.
template <class T>
class Shared {
 public:
  Shared() = default;
  explicit Shared(T* object) noexcept : object_(object) { count(); }
  Shared(const Shared& other) noexcept : object_(other.object_) { count(); }
  Shared(Shared&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Shared& operator=(Shared other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Shared() {
    if (object_ && object_->owners_.subtract(1) == 1) delete object_;
  }

  explicit operator bool() const noexcept { return object_ != nullptr; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }

 private:
  void count() const noexcept {
    if (object_) object_->owners_.add(1);
  }

  T* object_ = nullptr;
};

}  // namespace penstock::detail
