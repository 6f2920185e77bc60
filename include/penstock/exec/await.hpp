// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>

#include "penstock/core/async_call.hpp"
#include "penstock/core/error.hpp"
#include "penstock/exec/asio_executor.hpp"

namespace penstock::detail {

/// What a call ends with whose coroutine was destroyed before its end: the loop has ended.
inline std::exception_ptr unfinished() noexcept {
  return std::make_exception_ptr(Stopped("the event loop ended before the coroutine"));
}

/// Keeps a completion handler in place, whatever its type.
class HandlerSlot {
 public:
  HandlerSlot() = default;
  HandlerSlot(const HandlerSlot&) = delete;
  HandlerSlot& operator=(const HandlerSlot&) = delete;
  ~HandlerSlot() {
    if (use_) use_(*this, false);
  }

  template <class Handler>
  void keep(Handler&& handler) {
    using H = std::decay_t<Handler>;
    static_assert(sizeof(H) <= sizeof(memory_) && alignof(H) <= alignof(std::max_align_t));
    ::new (static_cast<void*>(memory_)) H(std::forward<Handler>(handler));
    use_ = [](HandlerSlot& slot, bool call) {
      H& kept = *std::launder(reinterpret_cast<H*>(slot.memory_));
      H now = std::move(kept);
      kept.~H();
      slot.use_ = nullptr;
      if (call) std::move(now)();
    };
  }
  void call() { use_(*this, true); }

 private:
  alignas(std::max_align_t) std::byte memory_[64];
  void (*use_)(HandlerSlot&, bool) = nullptr;
};

/// Awaits Asio's awaitables on coroutines that live on from call to call: a call costs no co_spawn, and one
/// that does not wait is over before `start` returns. Idle coroutines do not keep the loop's `run` from
/// returning.
template <class R, class Executor>
class AsioRunner {
  using Awaitable = asio::awaitable<R, Executor>;

 public:
  explicit AsioRunner(Loop& loop) : executor_(AsioLoop::executor_of(loop).uncounted()) {}
  AsioRunner(const AsioRunner&) = delete;
  AsioRunner& operator=(const AsioRunner&) = delete;
  ~AsioRunner() { stop(); }

  void start(Awaitable&& awaitable, CallOf<R>& call) {
    if (Worker* worker = idle_) {
      idle_ = worker->next_idle;
      --idle_count_;
      worker->awaitable.emplace(std::move(awaitable));
      worker->call = &call;
      worker->resume.call();
    } else {
      asio::co_spawn(executor_, serve(this, std::move(awaitable), &call), asio::detached);
    }
  }
  /// Ends the coroutines: those that are idle now, the others after their call.
  void stop() noexcept {
    for (Worker* worker = first_; worker; worker = worker->next) worker->runner = nullptr;
    first_ = nullptr;
    while (Worker* worker = idle_) {
      idle_ = worker->next_idle;
      worker->resume.call();
    }
    idle_count_ = 0;
  }

 private:
  static constexpr std::size_t most_idle = 64;

  struct Worker {
    Worker(AsioRunner* of, Awaitable&& a, CallOf<R>* c) : runner(of), awaitable(std::move(a)), call(c) {
      next = runner->first_;
      if (next) next->previous = this;
      runner->first_ = this;
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() {
      if (call) call->end_here(unfinished());
      if (!runner) return;
      (previous ? previous->next : runner->first_) = next;
      if (next) next->previous = previous;
    }

    void over() noexcept { std::exchange(call, nullptr)->end_here(std::exchange(error, nullptr)); }

    AsioRunner* runner;  // null when it has stopped
    std::optional<Awaitable> awaitable;
    CallOf<R>* call;
    std::exception_ptr error;
    HandlerSlot resume;
    Worker* next = nullptr;
    Worker* previous = nullptr;
    Worker* next_idle = nullptr;
  };

  static asio::awaitable<void, Executor> serve(AsioRunner* runner, Awaitable first, CallOf<R>* call) {
    Worker worker{runner, std::move(first), call};
    while (worker.call) {
      try {
        if constexpr (std::is_void_v<R>) {
          co_await std::move(*worker.awaitable);
          worker.call->result.emplace();
        } else {
          R result = co_await std::move(*worker.awaitable);
          worker.call->result.emplace(std::move(result));
        }
      } catch (...) {
        worker.error = std::current_exception();
      }
      worker.awaitable.reset();
      if (!worker.runner || worker.runner->idle_count_ == most_idle) {
        worker.over();
        co_return;
      }
      // The call is over only once the coroutine rests: what follows may start the next one on it.
      auto rest = [it = &worker](auto&& handler) {
        it->resume.keep(std::forward<decltype(handler)>(handler));
        it->next_idle = std::exchange(it->runner->idle_, it);
        ++it->runner->idle_count_;
        it->over();
      };
      auto resting = asio::async_initiate<const asio::deferred_t&, void()>(rest, asio::deferred);
      co_await std::move(resting);
    }
  }

  LoopExecutor executor_;
  Worker* first_ = nullptr;
  Worker* idle_ = nullptr;
  std::size_t idle_count_ = 0;
};

template <class R, class Executor>
struct Awaits<asio::awaitable<R, Executor>> {
  static constexpr bool known = true;
  using result = R;
  using Runner = AsioRunner<R, Executor>;
};

/// Awaits anything that the language can await. Where such a thing goes on is its own affair, so the end may
/// come on any thread.
template <class A>
class LanguageRunner {
  using R = decltype([](A& a) -> decltype(auto) {
    if constexpr (requires { std::move(a).operator co_await(); }) {
      return std::move(a).operator co_await().await_resume();
    } else if constexpr (requires { operator co_await(std::move(a)); }) {
      return operator co_await(std::move(a)).await_resume();
    } else {
      return a.await_resume();
    }
  }(std::declval<A&>()));

 public:
  using result = std::decay_t<R>;

  explicit LanguageRunner(Loop&) noexcept {}
  void start(A&& awaitable, CallOf<result>& call) { drive(std::move(awaitable), &call); }
  void stop() noexcept {}

 private:
  struct Detached {
    struct promise_type {
      Detached get_return_object() noexcept { return {}; }
      std::suspend_never initial_suspend() noexcept { return {}; }
      std::suspend_never final_suspend() noexcept { return {}; }
      void return_void() noexcept {}
      void unhandled_exception() noexcept {}
    };
  };
  static Detached drive(A awaitable, CallOf<result>* call) {
    struct End {
      CallOf<result>* call;
      std::exception_ptr error;
      ~End() { call->end(std::move(error)); }
    } end{call, unfinished()};
    try {
      if constexpr (std::is_void_v<result>) {
        co_await std::move(awaitable);
        call->result.emplace();
      } else {
        call->result.emplace(co_await std::move(awaitable));
      }
      end.error = nullptr;
    } catch (...) {
      end.error = std::current_exception();
    }
  }
};

template <awaitable_like A>
struct Awaits<A> {
  static constexpr bool known = true;
  using Runner = LanguageRunner<A>;
  using result = typename Runner::result;
};

}  // namespace penstock::detail
