// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "penstock/core/stream.hpp"
#include "penstock/exec/asio_executor.hpp"

namespace penstock {
namespace detail {

struct NoExecutor {};

/// The loop that an executor stands for; null for those of others.
template <class Executor>
Loop* loop_of(const Executor& executor) noexcept {
  if constexpr (std::is_same_v<Executor, LoopExecutor>) {
    return executor.loop();
  } else if constexpr (requires { executor.template target<LoopExecutor>(); }) {
    const auto* known = executor.template target<LoopExecutor>();
    return known ? known->loop() : nullptr;
  } else {
    return nullptr;
  }
}

/// Something that has to be done on the strand of a graph and has a receipt, with the handler that waits for
/// it. A handler that belongs to the loop of the graph, or to no executor, runs on the strand; every other
/// one on its executor.
template <class Fn, class Handler>
class Operation final : public Task, public Pooled {
  using Executor = asio::associated_executor_t<Handler, NoExecutor>;
  static constexpr bool has_executor = !std::is_same_v<Executor, NoExecutor>;
  struct Anywhere {};

 public:
  static void start(Strand& strand, Fn fn, Handler handler) {
    auto* operation = new Operation(strand, std::move(fn), std::move(handler));
    Loop* loop = strand.loop();
    if (loop && loop->position() == Position::elsewhere) {
      loop->post_remote(*operation);
    } else {
      operation->begin(strand, true);
    }
  }

  void run() override {
    if (fn_) return begin(fn_->strand(), false);
    if (!finished_) error_ = receipt_.error();
    finish(false);
  }
  void discard() noexcept override { delete this; }

 private:
  Operation(Strand& strand, Fn&& fn, Handler&& handler) : fn_(std::move(fn)), handler_(std::move(handler)) {
    if constexpr (has_executor) {
      const Executor executor = asio::get_associated_executor(handler_);
      Loop* loop = loop_of(executor);
      if (loop && loop == strand.loop()) {
        loop_ = loop;
        loop_->work_started();
      } else {
        work_.emplace(executor);
      }
    }
  }
  ~Operation() override {
    if (loop_) loop_->work_finished();
  }

  void begin(Strand& strand, bool initiating) {
    const StrandRef home{strand};  // the handle that goes with `fn_` may be the last one of the graph
    try {
      receipt_ = (*fn_)();
    } catch (...) {
      error_ = std::current_exception();
    }
    fn_.reset();
    if (receipt_.pending()) return receipt_.state()->then(*this);
    if (receipt_.error()) error_ = receipt_.error();
    finished_ = true;
    if (initiating && !foreign()) return home->post(*this);
    finish(initiating);
  }
  bool foreign() const noexcept { return has_executor && !loop_; }

  void finish(bool initiating) {
    auto call = [handler = std::move(handler_), error = std::move(error_)]() mutable {
      std::move(handler)(std::move(error));
    };
    if constexpr (has_executor) {
      if (foreign()) {
        const auto work = std::move(work_);
        delete this;
        if (initiating) {
          asio::post(work->get_executor(), std::move(call));
        } else {
          asio::dispatch(work->get_executor(), std::move(call));
        }
        return;
      }
    }
    delete this;
    call();
  }

  std::optional<Fn> fn_;
  Handler handler_;
  using Work = std::conditional_t<has_executor, asio::executor_work_guard<Executor>, Anywhere>;
  std::optional<Work> work_;
  Loop* loop_ = nullptr;
  Receipt receipt_;
  std::exception_ptr error_;
  bool finished_ = false;
};

template <class S, class T>
struct EmitOne {
  S stream;
  T value;
  Context context;
  Strand& strand() const noexcept { return stream.outlet().strand(); }
  Receipt operator()() { return stream.push(std::move(value), context); }
};
template <class S>
struct EmitEnd {
  S stream;
  Strand& strand() const noexcept { return stream.outlet().strand(); }
  Receipt operator()() { return stream.push_end(); }
};
template <class H>
struct BecomeIdle {
  H handle;
  Strand& strand() const noexcept { return handle.node().strand(); }
  Receipt operator()() { return handle.idle_receipt(); }
};

struct StartOperation {
  template <class Handler, class Fn>
  void operator()(Handler&& handler, Fn&& fn) const {
    using Started = Operation<std::decay_t<Fn>, std::decay_t<Handler>>;
    Strand& strand = fn.strand();
    Started::start(strand, std::forward<Fn>(fn), std::forward<Handler>(handler));
  }
};

template <class Fn, class Token>
auto initiate(Fn fn, Token&& token) {
  return asio::async_initiate<Token, void(std::exception_ptr)>(StartOperation{}, token, std::move(fn));
}

}  // namespace detail

/// Starts to emit `value` at `stream` and completes with `void(std::exception_ptr)` when it is taken: when
/// everything that had to wait for it further down is through. On the graph's loop it starts at once; from
/// another thread it is handed over. The completion never comes inside this call, except without a loop,
/// where there is nothing to come from later: a handler without an executor of its own is then called before
/// this returns. A graph that ends meanwhile completes it with Stopped.
template <class S, class T, class Context, class Token>
auto async_emit(const S& stream, T value, Context context, Token&& token) {
  return detail::initiate(detail::EmitOne<S, T>{stream, std::move(value), std::move(context)},
                          std::forward<Token>(token));
}

/// Ends `stream` and completes with `void(std::exception_ptr)` when everything has been flushed.
template <class S, class Token>
auto async_close(const S& stream, Token&& token) {
  return detail::initiate(detail::EmitEnd<S>{stream}, std::forward<Token>(token));
}

/// Completes with `void(std::exception_ptr)` when nothing will happen in the graph without a new element.
template <class H, class Token>
auto async_wait_idle(const H& handle, Token&& token) {
  return detail::initiate(detail::BecomeIdle<H>{handle}, std::forward<Token>(token));
}

}  // namespace penstock
