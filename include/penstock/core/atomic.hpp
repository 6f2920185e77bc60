// SPDX-License-Identifier: BSL-1.0
#pragma once

#ifndef __GNUC__
#include <atomic>
#endif

namespace penstock {
namespace detail {

/// What core needs of <atomic>, which brings a tenth as many lines as all of core. `get`, `set` and `add` order nothing
/// else; the others take and give what the thread has done before.
template <class T>
class Atomic {
 public:
  constexpr Atomic(T value) noexcept : value_(value) {}  // NOLINT: as std::atomic
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

#ifdef __GNUC__
  [[gnu::always_inline]] T get() const noexcept { return load(__ATOMIC_RELAXED); }
  [[gnu::always_inline]] void set(T value) noexcept { __atomic_store(&value_, &value, __ATOMIC_RELAXED); }
  T acquire() const noexcept { return load(__ATOMIC_ACQUIRE); }
  void release(T value) noexcept { __atomic_store(&value_, &value, __ATOMIC_RELEASE); }

  /// These answer what was there before.
  T add(T n) noexcept { return __atomic_fetch_add(&value_, n, __ATOMIC_RELAXED); }
  T subtract(T n) noexcept { return __atomic_fetch_sub(&value_, n, __ATOMIC_ACQ_REL); }
  T exchange(T value) noexcept {
    T before;
    __atomic_exchange(&value_, &value, &before, __ATOMIC_ACQ_REL);
    return before;
  }
  /// False, and nothing done, where it is not `from`.
  bool change(T from, T to) noexcept {
    return __atomic_compare_exchange(&value_, &from, &to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  }

 private:
  [[gnu::always_inline]] T load(int order) const noexcept {
    T value;
    __atomic_load(&value_, &value, order);
    return value;
  }

  alignas(sizeof(T)) T value_;
#else
  T get() const noexcept { return value_.load(std::memory_order_relaxed); }
  void set(T value) noexcept { value_.store(value, std::memory_order_relaxed); }
  T acquire() const noexcept { return value_.load(std::memory_order_acquire); }
  void release(T value) noexcept { value_.store(value, std::memory_order_release); }
  T add(T n) noexcept { return value_.fetch_add(n, std::memory_order_relaxed); }
  T subtract(T n) noexcept { return value_.fetch_sub(n, std::memory_order_acq_rel); }
  T exchange(T value) noexcept { return value_.exchange(value, std::memory_order_acq_rel); }
  bool change(T from, T to) noexcept { return value_.compare_exchange_strong(from, to, std::memory_order_acq_rel); }

 private:
  std::atomic<T> value_;
#endif
};

}  // namespace detail

/// Set once by one thread and waited for by another: see Loop::wait.
class Flag {
 public:
  bool is_set() const noexcept { return set_.acquire(); }
  void set() noexcept { set_.release(true); }

 private:
  detail::Atomic<bool> set_{false};
};

}  // namespace penstock
