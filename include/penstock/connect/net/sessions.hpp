// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include "penstock/connect/net/async.hpp"
#include "penstock/core/graph.hpp"

// Not an operator: the coroutines of a node.

namespace penstock::detail {

/// Coroutines that work for a node, on its loop, and end with it. Each has a cancellation signal: `cancel` makes
/// what they wait for end with operation_aborted, as does the node's end, and every co_await behind that throws
/// at once. So a coroutine may use the node as long as it holds on to the rule that its destructors do not, and
/// that it looks at `cancelled` where it has caught an exception and goes on. What is thrown out of one is
/// reported to the graph, unless it was cancelled.
class Sessions {
 public:
  /// @param served  what goes wrong in them is the doing of other programs, see Graph::report_peer.
  explicit Sessions(Node& node, bool served = false) : core_(std::make_shared<Core>()) {
    core_->node = &node;
    core_->served = served;
  }
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;
  ~Sessions() {
    cancel();
    core_->node = nullptr;
  }

  /// Runs `work`, called without arguments and kept until its coroutine has ended. `ended`, if given, is
  /// called then, unless the node is gone.
  template <class Fn, class Ended = decltype([] {})>
  void spawn(Fn work, Ended ended = {}) {
    auto session = std::make_shared<Session>(core_);
    auto slot = session->signal.slot();
    auto over = [session, ended = std::move(ended)](std::exception_ptr error) mutable {
      const std::shared_ptr<Core> core = session->core;
      const bool cancelled = session->cancelled;
      session->leave();
      session.reset();
      Node* node = core->node;
      if (!node) return;
      const StrandRef strand{node->strand()};  // what follows may end the graph
      strand->descend([&] {
        ended();
        if (error && !cancelled) {
          if (core->served) {
            node->graph().report_peer(std::move(error), node->info());
          } else {
            node->graph().report(std::move(error), node->info());
          }
        }
        if (core->node) node->graph().rested();
      });
    };
    asio::co_spawn(AsioLoop::executor_of(core_->node->clock()), std::move(work),
                   asio::bind_cancellation_slot(slot, std::move(over)));
  }

  /// Asks all to end. They do soon, not in here.
  void cancel() noexcept {
    for (Session* session = core_->first; session;) {
      Session* const next = session->next;
      session->cancelled = true;
      session->leave();
      cancel(session->shared_from_this());
      session = next;
    }
  }

  /// How many there are that were not asked to end.
  std::size_t size() const noexcept { return core_->size; }

 private:
  struct Session;
  struct Core {
    Node* node = nullptr;
    bool served = false;
    Session* first = nullptr;
    std::size_t size = 0;
  };
  struct Session : std::enable_shared_from_this<Session> {
    explicit Session(std::shared_ptr<Core> c) : core(std::move(c)), next(core->first) {
      if (next) next->previous = this;
      core->first = this;
      ++core->size;
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() { leave(); }
    void leave() noexcept {
      if (!std::exchange(listed, false)) return;
      (previous ? previous->next : core->first) = next;
      if (next) next->previous = previous;
      --core->size;
    }
    std::shared_ptr<Core> core;
    asio::cancellation_signal signal;
    Session* next;
    Session* previous = nullptr;
    bool listed = true;
    bool cancelled = false;
  };

  // Outside of the loop co_spawn posts what is to reach the signal of the coroutine, which lies in the memory of this one: kept
  // until that has run.
  void cancel(const std::shared_ptr<Session>& session) noexcept try {
    session->signal.emit(asio::cancellation_type::terminal);
    asio::post(AsioLoop::executor_of(core_->node->clock()), [session] {});
  } catch (...) {  // no memory: it is asked to end all the same
  }

  std::shared_ptr<Core> core_;
};

/// True in a coroutine of Sessions that was asked to end.
inline Async<bool> cancelled() {
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

}  // namespace penstock::detail
