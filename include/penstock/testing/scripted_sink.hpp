// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"
#include "penstock/testing/ledger.hpp"

namespace penstock::testing {

/// What a scripted sink fails with.
class ScriptedFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How a scripted sink behaves.
struct SinkScript {
  /// Work on an element is complete so long after it came, by the loop's clock. 0: at once, inside the push.
  Duration takes{0};
  /// Work is complete when the test says so, with `complete`.
  bool stalled = false;
  /// The work takes up to `takes`, at random, so that elements are complete in another order than they came
  /// in.
  std::optional<std::uint64_t> seed = std::nullopt;
  /// So many elements fail, after `fails_after` others that do not.
  std::size_t fails = 0;
  std::size_t fails_after = 0;
  /// Enters into it what comes.
  std::optional<Ledger> ledger = std::nullopt;
};

namespace detail {

template <element T>
class ScriptedNode;

template <class T>
struct SinkLog {
  std::vector<T> completed;
  std::size_t taken = 0;
  std::size_t failed = 0;
  std::size_t most_open = 0;
  bool ended = false;
  Node* node = nullptr;  // null once the node is gone
};

template <element T>
class ScriptedNode final : public Node, public Receiver<T, ScriptedNode<T>> {
 public:
  ScriptedNode(SinkScript script, std::shared_ptr<SinkLog<T>> log)
      : Node(Info{"scripted_sink", {}, Shape::sink}),
        script_(std::move(script)),
        random_(script_.seed.value_or(0)),
        log_(std::move(log)) {
    this->port(static_cast<InletBase&>(*this));
    log_->node = this;
  }

  const char* needs_loop() const noexcept override {
    return script_.takes > Duration{0} && !script_.stalled ? "scripted_sink" : nullptr;
  }
  bool busy() const noexcept override { return !open_.empty(); }
  void shut_down() noexcept override {
    log_->node = nullptr;
    std::vector<std::unique_ptr<Work>> open = std::move(open_);
    open_.clear();
    for (const auto& work : open) {
      work->cancel();
      work->context.drop("the sink was destroyed");
      work->receipt.settle(
          std::make_exception_ptr(Stopped("scripted_sink: destroyed while an element was in work")));
    }
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    info().took();
    const std::size_t number = log_->taken++;
    if (script_.ledger) script_.ledger->saw(context);
    const bool fails = number >= script_.fails_after && number - script_.fails_after < script_.fails;
    if (!script_.stalled && script_.takes <= Duration{0}) {
      if (fails) {
        ++log_->failed;
        throw ScriptedFailure("scripted_sink: fails as told");
      }
      log_->completed.push_back(std::forward<V>(value));
      return nullptr;
    }
    auto work = std::make_unique<Work>(*this, std::forward<V>(value), Context::of(context), fails);
    if (!script_.stalled) clock().set(*work, penstock::detail::later(clock().now(), duration()));
    open_.push_back(std::move(work));
    log_->most_open = std::max(log_->most_open, open_.size());
    return open_.back()->receipt.share();
  }

  std::size_t open() const noexcept { return open_.size(); }
  void complete(std::size_t i, std::exception_ptr error) {
    if (i >= open_.size()) throw std::out_of_range("scripted_sink: no such element is in work");
    end(i, std::move(error));
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (signal.kind == Signal::end) log_->ended = true;
    return nullptr;
  }

 private:
  struct Work final : Timer {
    Work(ScriptedNode& of, T v, Context c, bool f)
        : node(of),
          value(std::move(v)),
          context(std::move(c)),
          receipt(Receipt::waiting(of.strand(), &of.info(), Why::sink)),
          fails(f) {}
    void run() override {
      const auto is_this = [this](const auto& work) { return work.get() == this; };
      const auto place = std::find_if(node.open_.begin(), node.open_.end(), is_this);
      node.end(static_cast<std::size_t>(place - node.open_.begin()), nullptr);
    }
    ScriptedNode& node;
    T value;
    Context context;
    Receipt receipt;
    bool fails;
  };

  Duration duration() {
    if (!script_.seed) return script_.takes;
    return Duration{std::uniform_int_distribution<Duration::rep>{0, script_.takes.count()}(random_)};
  }

  void end(std::size_t i, std::exception_ptr error) {
    const std::unique_ptr<Work> work = std::move(open_[i]);
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
    if (!error && work->fails) {
      error = std::make_exception_ptr(ScriptedFailure("scripted_sink: fails as told"));
    }
    if (error) {
      ++log_->failed;
      work->context.fail(error);
    } else {
      log_->completed.push_back(std::move(work->value));
    }
    const Receipt receipt = work->receipt;
    work->context.clear();
    receipt.settle(std::move(error));
    graph().rested();
  }

  SinkScript script_;
  std::mt19937_64 random_;
  std::shared_ptr<SinkLog<T>> log_;
  std::vector<std::unique_ptr<Work>> open_;
};

}  // namespace detail

/// An end of a stream that is as slow, stuck or unreliable as a script says, with Receipts as any
/// asynchronous sink.
///
///     ScriptedSink<int> slow{stream, {.takes = 50ms}};
///     ScriptedSink<int> stuck{stream, {.stalled = true}};
///     stuck.complete();      // the oldest; complete(2) the one that came two later
///
/// Like a probe it does not keep the graph alive. What is in work when the graph ends is dropped.
template <element T>
class ScriptedSink {
 public:
  explicit ScriptedSink(const Stream<T>& stream, SinkScript script = {})
      : log_(std::make_shared<detail::SinkLog<T>>()) {
    attach<detail::ScriptedNode<T>>(stream, std::move(script), log_);
  }

  /// Elements in the order in which the work on them was complete, without those that failed.
  const std::vector<T>& completed() const noexcept { return log_->completed; }
  std::size_t taken() const noexcept { return log_->taken; }
  std::size_t failed() const noexcept { return log_->failed; }
  /// Elements in work now, and the most that ever were at once.
  std::size_t open() const noexcept { return log_->node ? node().open() : 0; }
  std::size_t most_open() const noexcept { return log_->most_open; }
  bool ended() const noexcept { return log_->ended; }

  /// Completes the i-th of the elements in work, counted from the oldest.
  void complete(std::size_t i = 0) { end(i, nullptr); }
  void fail(std::size_t i = 0) {
    end(i, std::make_exception_ptr(ScriptedFailure("scripted_sink: fails as told")));
  }
  /// Completes what is in work now, the oldest first.
  void complete_all() {
    for (std::size_t n = open(); n > 0 && open() > 0; --n) complete();
  }

 private:
  detail::ScriptedNode<T>& node() const noexcept {
    return static_cast<detail::ScriptedNode<T>&>(*log_->node);
  }
  void end(std::size_t i, std::exception_ptr error) {
    if (!log_->node) throw std::out_of_range("scripted_sink: the graph is gone");
    node().complete(i, std::move(error));
  }

  std::shared_ptr<detail::SinkLog<T>> log_;
};

}  // namespace penstock::testing
