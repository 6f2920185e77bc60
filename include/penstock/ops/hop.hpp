// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/line.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/pick.hpp"

namespace penstock {

struct HopOptions {
  std::size_t bound = 1024;  ///< elements that may be on the other side, or on their way there
};

namespace detail {

template <element T>
class HopNode;
template <element T>
class LandingNode;

/// What the two sides of a hop share: a mailbox each way. Each side is touched on its own strand only, the mail under the
/// lock, and whoever puts the first letter into an empty box wakes the other loop, once for all that follow.
template <element T>
class Bridge {
 public:
  struct Letter {
    std::optional<T> value;  // nothing: a signal
    Signal signal;
    EventTime time = no_event_time;
  };

  Bridge(Loop& home_loop, Loop& far_loop) : back_(home_loop), forth_(far_loop) {}

  /// From home. False when the other side is gone.
  static bool send(const std::shared_ptr<Bridge>& bridge, Letter&& letter) {
    {
      const std::lock_guard lock{bridge->mutex_};
      if (bridge->far_gone_) return false;
      bridge->letters_.push_back(std::move(letter));
      if (std::exchange(bridge->forth_.posted, true)) return true;
    }
    bridge->forth_.post(bridge);
    return true;
  }
  /// From the other side: the answer to one letter, in order.
  static void answer(const std::shared_ptr<Bridge>& bridge, std::exception_ptr error) {
    {
      const std::lock_guard lock{bridge->mutex_};
      if (bridge->home_gone_) return;
      bridge->answers_.push_back(std::move(error));
      if (std::exchange(bridge->back_.posted, true)) return;
    }
    bridge->back_.post(bridge);
  }

  /// Empties a mailbox into a vector whose memory is used again. For the answers: also whether there will be no more.
  void take_letters(std::vector<Letter>& into) {
    const std::lock_guard lock{mutex_};
    forth_.posted = false;
    letters_.swap(into);
  }
  bool take_answers(std::vector<std::exception_ptr>& into) {
    const std::lock_guard lock{mutex_};
    back_.posted = false;
    answers_.swap(into);
    return far_gone_;
  }

  void home_ends() noexcept {
    std::vector<Letter> rest;
    home = nullptr;
    const std::lock_guard lock{mutex_};
    home_gone_ = true;
    letters_.swap(rest);
  }
  static void far_ends(const std::shared_ptr<Bridge>& bridge) noexcept {
    std::vector<Letter> rest;
    bridge->far = nullptr;
    {
      const std::lock_guard lock{bridge->mutex_};
      if (std::exchange(bridge->far_gone_, true)) return;
      bridge->letters_.swap(rest);
      if (bridge->home_gone_ || std::exchange(bridge->back_.posted, true)) return;
    }
    bridge->back_.post(bridge);
  }

  HopNode<T>* home = nullptr;
  LandingNode<T>* far = nullptr;

 private:
  /// Runs on one of the loops; keeps the bridge while it is on its way there.
  template <bool forth>
  struct Courier final : Task {
    explicit Courier(Loop& l) : loop(l) {}
    void post(const std::shared_ptr<Bridge>& bridge) {
      alive = bridge;
      loop.post_remote(*this);
    }
    void run() override {
      const std::shared_ptr<Bridge> bridge = std::move(alive);
      if constexpr (forth) {
        if (bridge->far) bridge->far->mail();
      } else {
        if (bridge->home) bridge->home->mail();
      }
    }
    void discard() noexcept override { alive.reset(); }
    Loop& loop;
    std::shared_ptr<Bridge> alive;
    bool posted = false;
  };

  std::mutex mutex_;
  std::vector<Letter> letters_;
  std::vector<std::exception_ptr> answers_;
  bool home_gone_ = false;
  bool far_gone_ = false;
  Courier<false> back_;
  Courier<true> forth_;
};

/// The side where the elements leave: keeps their Refs until the answers are here.
template <element T>
class HopNode final : public Node, public Receiver<T, HopNode<T>> {
 public:
  HopNode(std::shared_ptr<Bridge<T>> bridge, Stream<T> far, std::size_t bound)
      : Node(Info{"hop", {}, Shape::time}), bridge_(std::move(bridge)), far_(std::move(far)), bound_(bound) {
    PENSTOCK_KEEPS("hop", T);
    this->port(static_cast<InletBase&>(*this));
    info().one_to_one = false;
    bridge_->home = this;
  }

  bool busy() const noexcept override { return !sent_.empty() || !line_.empty(); }
  void shut_down() noexcept override {
    bridge_->home_ends();
    give_up("hop: stopped before the other loop had answered");
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    info().took();
    if (gone_) {
      info().fails();
      throw Stopped(info().label() + ": the graph on the other loop is gone");
    }
    const bool waits = sent_.size() >= bound_ || !line_.empty();
    Held<T> item{std::optional<T>(std::forward<V>(value)), Context::of(context), {}, {}, {}};
    item.context.bind(strand());
    ++elements_;
    Receipt receipt;
    if (waits) {
      receipt = item.receipt = Receipt::waiting(strand(), &info(), Why::full);
      line_.push(std::move(item));
    } else {
      send(std::move(item));
    }
    count();
    return receipt.release();
  }

  /// Answers are here.
  void mail() {
    gone_ = bridge_->take_answers(answers_);
    for (std::exception_ptr& error : answers_) {
      const Sent sent = sent_.pop();
      if (sent.element) {
        --elements_;
        info().passed();
      }
      if (error) sent.context.fail(error);
      sent.receipt.settle(std::move(error));
    }
    answers_.clear();
    if (gone_) {
      give_up("hop: the graph on the other loop is gone");
    } else {
      while (!line_.empty() && sent_.size() < bound_) {
        Held<T> item = line_.pop();
        // Who waits for an element waits for room; who waits for the end, for the answer.
        const Receipt receipt = item.value ? std::exchange(item.receipt, {}) : Receipt{};
        send(std::move(item));
        receipt.settle();
      }
    }
    count();
    graph().rested();
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (gone_) return nullptr;
    Held<T> item{{}, {}, signal, {}, {}};
    if (signal.kind == Signal::end) item.receipt = Receipt::waiting(strand(), &info(), Why::order);
    Receipt receipt = item.receipt;
    if (line_.empty()) {
      send(std::move(item));
    } else {
      line_.push(std::move(item));
    }
    count();
    return receipt.release();
  }

 private:
  struct Sent {
    Context context;
    Receipt receipt;
    bool element;
  };

  void send(Held<T>&& item) {
    typename Bridge<T>::Letter letter{std::move(item.value), item.signal, item.context.event_time()};
    const bool element = letter.value.has_value();
    sent_.push(std::move(item.context), std::move(item.receipt), element);
    // When the other side is gone its last word is on its way here, and ends what was sent.
    Bridge<T>::send(bridge_, std::move(letter));
  }
  void give_up(const char* reason) noexcept {
    const auto stopped = [&](const Receipt& receipt) {
      if (!receipt.state()) return;
      receipt.settle(std::make_exception_ptr(Stopped(info().label() + ": the element was not through")));
    };
    elements_ = 0;
    for (; !sent_.empty(); sent_.pop()) {
      sent_.front().context.drop(reason);
      if (sent_.front().element) info().drops();
      stopped(sent_.front().receipt);
    }
    for (; !line_.empty(); line_.pop()) {
      line_.front().context.drop(reason);
      if (line_.front().value) info().drops();
      stopped(line_.front().receipt);
    }
    count();
  }
  /// While anything is on the other side this loop has something to wait for.
  void count() noexcept {
    info().holds(elements_);
    if (std::exchange(working_, busy()) == busy()) return;
    if (working_) {
      clock().work_started();
    } else {
      clock().work_finished();
    }
  }

  std::shared_ptr<Bridge<T>> bridge_;
  Stream<T> far_;
  std::size_t bound_;
  Ring<Held<T>> line_;  // has to wait for room
  Ring<Sent> sent_;     // waits for its answer
  std::size_t elements_ = 0;  // in both, without the signals
  std::vector<std::exception_ptr> answers_;
  bool working_ = false;
  bool gone_ = false;
};

/// The side where they arrive.
template <element T>
class LandingNode final : public LineNode<LandingNode<T>, T> {
  using Line = LineNode<LandingNode, T>;

 public:
  explicit LandingNode(std::shared_ptr<Bridge<T>> bridge)
      : Line(Info{"hop", {}, Shape::source}), bridge_(std::move(bridge)) {
    this->port(this->outlet);
    bridge_->far = this;
  }

  void shut_down() noexcept override {
    Line::shut_down();
    Bridge<T>::far_ends(bridge_);
  }

  /// Letters are here.
  void mail() {
    bridge_->take_letters(letters_);
    for (typename Bridge<T>::Letter& letter : letters_) {
      if (letter.value) {
        this->info().took();
        Context context;
        context.event_time(letter.time);
        this->add(std::move(*letter.value), std::move(context));
      } else {
        this->line_.push(std::optional<T>(), Context{}, letter.signal, Receipt{}, NoMark{});
        this->pump_.wake();
      }
    }
    letters_.clear();
  }
  void pumped(std::exception_ptr error) noexcept {
    Bridge<T>::answer(bridge_, error);
    Line::pumped(std::move(error));
  }

 private:
  std::shared_ptr<Bridge<T>> bridge_;
  std::vector<typename Bridge<T>::Letter> letters_;
};

}  // namespace detail

/// Goes on on another event loop, which another thread may run: what it returns is the source of a graph of its own there.
///
///     EventLoop reading;
///     EventLoop computing{background};
///     Stream<Row> rows{reading};
///     rows.hop(computing).map(expensive).sink(...);
///
/// Only the values and their event times travel. The Refs of an element wait here until it is through on the other side,
/// and end as it ended there. Elements and signals keep their order. This graph keeps the other one alive, and not the other
/// way round; wire what is behind the hop before elements come.
///
/// @param loop     may be the same one, and must outlive both graphs.
/// @param options  HopOptions: `bound`, how many elements may be on the other side or on their way there.
///
/// Back-pressure: waits when full.
/// Metadata:      held until the element is through on the other side.
/// Errors:        std::invalid_argument here for a bound of 0, std::logic_error here without an event loop; what goes wrong
///                on the other side is reported there, and the Refs end as failed here. Stopped from emit when the other
///                graph is gone.
/// Cost:          an uncontended lock each way an element, and a wake-up of the other loop for a batch; no allocation once the
///                mailboxes have grown.
/// Recovery:      drained before a checkpoint.
/// Example:       examples/02_operators/hop.cpp
/// See also:      buffer, map_async
template <class... Options>
auto hop(Loop& loop, Options... options) {
  const HopOptions given{options...};
  if (given.bound == 0) detail::bad_argument("hop: the bound must be at least 1");
  return [&loop, bound = given.bound](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    const Stream<T> from = stream.stream();
    if (!from.loop()) {
      detail::misuse("hop needs an event loop on both sides: give one to the source, as in Stream<int> source{loop}");
    }
    auto bridge = std::make_shared<detail::Bridge<T>>(*from.loop(), loop);
    auto* graph = new Graph(&loop);
    const Stream<T> far{graph->add(std::make_unique<detail::LandingNode<T>>(bridge)).outlet};
    attach<detail::HopNode<T>>(from, std::move(bridge), far, bound);
    return far;
  };
}

}  // namespace penstock
