// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mutex>

#if __has_include(<pthread.h>)
#include <pthread.h>

#include <system_error>
#else
#include <condition_variable>
#include <thread>
#endif

namespace penstock::detail {

// What is needed of <thread> and <condition_variable>, which bring a third as many lines as all of core.

/// The same in a thread, and another one in each other thread that lives.
inline const void* this_thread() noexcept {
  static thread_local char here;
  return &here;
}

#if __has_include(<pthread.h>)

/// As std::condition_variable.
class Condition {
 public:
  Condition() = default;
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;
  ~Condition() { ::pthread_cond_destroy(&condition_); }

  void wait(std::unique_lock<std::mutex>& lock) { ::pthread_cond_wait(&condition_, lock.mutex()->native_handle()); }
  void notify_one() noexcept { ::pthread_cond_signal(&condition_); }
  void notify_all() noexcept { ::pthread_cond_broadcast(&condition_); }

 private:
  ::pthread_cond_t condition_ = PTHREAD_COND_INITIALIZER;
};

/// A thread that calls a member function of `T`, which must outlive it.
class Thread {
 public:
  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  bool joinable() const noexcept { return runs_; }
  template <auto work, class T>
  void start(T& of) {
    const auto run = [](void* self) -> void* {
      (static_cast<T*>(self)->*work)();
      return nullptr;
    };
    if (const int error = ::pthread_create(&thread_, nullptr, run, &of); error != 0) {
      throw std::system_error(error, std::generic_category(), "cannot start a thread");
    }
    runs_ = true;
  }
  void join() noexcept {
    ::pthread_join(thread_, nullptr);
    runs_ = false;
  }

 private:
  ::pthread_t thread_{};
  bool runs_ = false;
};

#else

using Condition = std::condition_variable;

class Thread {
 public:
  bool joinable() const noexcept { return thread_.joinable(); }
  template <auto work, class T>
  void start(T& of) {
    thread_ = std::thread([&of] { (of.*work)(); });
  }
  void join() { thread_.join(); }

 private:
  std::thread thread_;
};

#endif

}  // namespace penstock::detail
