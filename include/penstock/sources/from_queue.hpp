// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

#include "penstock/core/box.hpp"
#include "penstock/core/shared.hpp"
#include "penstock/exec/detail/thread.hpp"
#include "penstock/ops/detail/block.hpp"
#include "penstock/sources/source.hpp"

namespace penstock {
namespace detail {

template <element T>
class QueueNode;

/// What a queue and its source share. All is guarded by `mutex` but `node`, which belongs to the strand.
template <element T>
struct QueueState : Owned {
  /// Takes the news that there is something to the loop. Keeps the state alive until it has run.
  struct Call final : Task {
    void run() override {
      const Shared<QueueState> alive = answered();
      if (alive->node) alive->node->called();
    }
    void discard() noexcept override { static_cast<void>(answered()); }

    Shared<QueueState> answered() noexcept {
      const std::scoped_lock lock{posted->mutex};
      return std::move(posted);
    }
    Shared<QueueState> posted;
  };

  explicit QueueState(std::size_t n) : capacity(n), elements(n) {}

  bool full() const noexcept { return elements.size() + under_way >= capacity; }

  /// With the lock held, so that the loop is still there: a source that goes away takes `loop` back first.
  void call_source(const Shared<QueueState>& self) {
    if (!std::exchange(asleep, false) || !loop || call.posted) return;
    call.posted = self;
    loop->post_remote(call);
  }

  const std::size_t capacity;
  std::mutex mutex;
  Condition room;
  Block<T> elements;
  std::size_t under_way = 0;  // taken out by the source and not emitted yet
  bool closed = false;
  bool claimed = false;
  bool asleep = false;  // the source found nothing here and waits for the call
  Loop* loop = nullptr;
  Call call;
  QueueNode<T>* node = nullptr;
};

}  // namespace detail

/// A bounded queue between threads: any of them pushes, and the stream made by `from_queue` takes out. Cheap
/// to copy; all copies are one queue.
template <element T>
class Queue {
 public:
  /// @param capacity  elements that wait in it, at least 1. Those that the source has taken out count until
  ///                  it has emitted them; their places are given back in lots of a quarter.
  explicit Queue(std::size_t capacity) {
    if (capacity == 0) detail::bad_argument("Queue: the capacity must be at least 1");
    state_ = detail::Shared<detail::QueueState<T>>(new detail::QueueState<T>(capacity));
  }

  /// Waits for room. False, and the value is not taken, when the queue was closed. Throws std::logic_error
  /// where the wait would block the very loop that makes room.
  bool push(T value) const {
    std::unique_lock lock{state_->mutex};
    while (!state_->closed && state_->full()) {
      if (state_->loop && state_->loop->position() == Position::inside) {
        detail::misuse(
            "Queue::push: the queue is full, and waiting for room here would block the loop that makes it; "
            "use try_push");
      }
      state_->room.wait(lock);
    }
    return add(std::move(value));
  }
  /// Never waits: false, and the value is left as it was, when the queue is full or closed.
  bool try_push(T&& value) const {
    const std::scoped_lock lock{state_->mutex};
    return !state_->full() && add(std::move(value));
  }
  bool try_push(const T& value) const {
    const std::scoped_lock lock{state_->mutex};
    return !state_->full() && add(value);
  }
  /// Nothing can be pushed any more; the stream ends when it has emitted what is there.
  void close() const {
    const std::scoped_lock lock{state_->mutex};
    state_->closed = true;
    state_->room.notify_all();
    state_->call_source(state_);
  }

  std::size_t capacity() const noexcept { return state_->capacity; }
  /// Elements that wait now, those taken out and not emitted yet included.
  std::size_t size() const {
    const std::scoped_lock lock{state_->mutex};
    return state_->elements.size() + state_->under_way;
  }
  bool closed() const {
    const std::scoped_lock lock{state_->mutex};
    return state_->closed;
  }

 private:
  template <element U>
  friend Source<U> from_queue(Loop& loop, const Queue<U>& queue, OnFailure on_failure);

  template <class V>
  bool add(V&& value) const {
    if (state_->closed) return false;
    state_->elements.push(std::forward<V>(value));
    state_->call_source(state_);
    return true;
  }

  detail::Shared<detail::QueueState<T>> state_;
};

namespace detail {

template <element T>
class QueueNode final : public SourceNode<T, QueueNode<T>> {
 public:
  QueueNode(Loop& loop, Shared<QueueState<T>> state, OnFailure on_failure)
      : QueueNode::SourceNode(Info{"from_queue", std::to_string(state->capacity)}, on_failure),
        state_(std::move(state)) {
    const std::scoped_lock lock{state_->mutex};
    if (std::exchange(state_->claimed, true)) misuse("from_queue: the queue has a source already");
    state_->loop = &loop;
    state_->node = this;
  }
  ~QueueNode() override { let_go(); }

  void shut_down() noexcept override {
    QueueNode::SourceNode::shut_down();
    let_go();
  }

  const char* needs_loop() const noexcept override { return "from_queue: other threads"; }

  std::optional<T> next() {
    const std::scoped_lock lock{state_->mutex};
    if (state_->closed && state_->elements.empty()) return std::nullopt;
    return this->nothing_yet();
  }
  /// In lots of a quarter of the capacity, after each of which its places are given back.
  Batch<T>& at_hand() {
    if (lot_.empty()) {
      if (left() == 0) take_out();
      lot_.end = lot_.next + std::min<std::size_t>(left(), std::max<std::size_t>(1, state_->capacity / 4));
    }
    return lot_;
  }
  void used(std::size_t n) {
    used_ += n;
    if (lot_.empty()) give_back();
  }

  void called() noexcept { this->wake(); }

  // The producers are work that goes on elsewhere: the loop waits for what they push.
  void on_start() noexcept { this->clock().work_started(); }
  void on_stop() noexcept { this->clock().work_finished(); }

 private:
  /// All that waits in one go: the lock is taken once a batch. The two blocks change places and keep their
  /// memory.
  void take_out() {
    batch_.clear();
    const std::scoped_lock lock{state_->mutex};
    std::swap(batch_, state_->elements);
    lot_.next = batch_.data();
    state_->under_way = batch_.size();
    state_->asleep = batch_.empty() && !state_->closed;
  }
  std::size_t left() const noexcept { return static_cast<std::size_t>(batch_.end() - lot_.next); }
  void give_back() {
    const std::scoped_lock lock{state_->mutex};
    if (state_->under_way == 0) return;  // let go meanwhile
    state_->under_way -= std::exchange(used_, 0);
    state_->room.notify_all();
  }
  void let_go() noexcept {
    const std::scoped_lock lock{state_->mutex};
    if (!state_->node) return;
    this->info().drops(state_->elements.size() + left());
    state_->node = nullptr;
    state_->loop = nullptr;
    state_->closed = true;
    state_->elements.clear();
    state_->under_way = 0;
    state_->room.notify_all();
  }

  Shared<QueueState<T>> state_;
  Block<T> batch_;
  Batch<T> lot_{};
  std::size_t used_ = 0;  // since places were given back
};

}  // namespace detail

/// Emits what other threads push into a queue, in the order in which they pushed, and ends when the queue was
/// closed and is empty. Streamz: from_q.
///
///     push  -a-b--c-|
///     out   -a-b--c-|
///
/// @param queue  has one source. When that is destroyed the queue is closed, and what is in it is lost and
///               counted.
/// While the source is started and the queue is not closed, the loop's `run` waits for more.
///
/// Back-pressure: waits for each element; `push` waits while the queue is full, `try_push` says so.
/// Metadata:      none.
/// Errors:        std::logic_error here when the queue has a source already; what is behind it throws is
///                reported, and it goes on or stops as `on_failure` says.
/// Cost:          one lock a push; one lock and one wake-up of the loop for all that came meanwhile.
/// Recovery:      refused, unless at_most_once will do: what was in the queue is nowhere to be read again.
/// Example:       examples/02_operators/from_queue.cpp
/// See also:      from_range, from_periodic, buffer
template <element T>
Source<T> from_queue(Loop& loop, const Queue<T>& queue, OnFailure on_failure = OnFailure::go_on) {
  return Source<T>{
      detail::make_source(&loop, detail::make_box<detail::QueueNode<T>>(loop, queue.state_, on_failure))};
}

}  // namespace penstock
