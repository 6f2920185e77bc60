// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/core/line.hpp"
#include "penstock/core/shared.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/block.hpp"
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

/// What goes over to the other side at once: elements side by side, and what stands between them or belongs
/// to one.
template <element T>
struct Mail {
  struct Mark {
    std::size_t place;               // of the element that it belongs to, or comes before
    std::optional<Signal> signal;    // nothing: a time
    EventTime time = no_event_time;
  };
  Block<T> values;
  std::vector<Mark> marks;

  void clear() noexcept {
    values.clear();
    marks.clear();
  }
};

/// So many letters that were through one after the other, or one that failed.
struct Answer {
  std::size_t count;
  std::exception_ptr error;
};

/// What the two sides of a hop share: a mailbox each way. Each side is touched on its own strand only, the
/// mail under the lock, and whoever puts the first letter into an empty box wakes the other loop, once for
/// all that follow.
template <element T>
class Bridge : public Owned {
 public:
  Bridge(Loop& home_loop, Loop& far_loop) : back_(home_loop), forth_(far_loop) {}

  /// From home: `put(mail)` adds letters. When the other side is gone its last word is on its way here.
  template <class Put>
  static void send(const Shared<Bridge>& bridge, Put put) {
    {
      const std::lock_guard lock{bridge->mutex_};
      if (bridge->far_gone_) return;
      put(bridge->mail_);
      if (std::exchange(bridge->forth_.posted, true)) return;
    }
    bridge->forth_.post(bridge);
  }
  /// From home, when a watermark was sent last: puts a newer one in its place. False when it is no longer in the box.
  bool renew(const Signal& watermark) noexcept {
    const std::lock_guard lock{mutex_};
    if (mail_.marks.empty()) return false;
    mail_.marks.back().signal = watermark;
    return true;
  }
  /// From the other side: the answer to letters, in order.
  static void answer(const Shared<Bridge>& bridge, Answer answer) {
    {
      const std::lock_guard lock{bridge->mutex_};
      if (bridge->home_gone_) return;
      std::vector<Answer>& answers = bridge->answers_;
      if (!answer.error && !answers.empty() && !answers.back().error) {
        answers.back().count += answer.count;
      } else {
        answers.push_back(std::move(answer));
      }
      if (std::exchange(bridge->back_.posted, true)) return;
    }
    bridge->back_.post(bridge);
  }

  /// Empties a mailbox into another one whose memory is used again. For the answers: also whether there will
  /// be no more.
  void take_mail(Mail<T>& into) {
    into.clear();
    const std::lock_guard lock{mutex_};
    std::swap(mail_, into);
  }
  bool take_answers(std::vector<Answer>& into) {
    into.clear();
    const std::lock_guard lock{mutex_};
    answers_.swap(into);
    return far_gone_;
  }

  void home_ends() noexcept {
    Mail<T> rest;
    home = nullptr;
    const std::lock_guard lock{mutex_};
    home_gone_ = true;
    std::swap(mail_, rest);
  }
  static void far_ends(const Shared<Bridge>& bridge) noexcept {
    Mail<T> rest;
    bridge->far = nullptr;
    {
      const std::lock_guard lock{bridge->mutex_};
      if (std::exchange(bridge->far_gone_, true)) return;
      std::swap(bridge->mail_, rest);
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
    void post(const Shared<Bridge>& bridge) {
      alive = bridge;
      loop.post_remote(*this);
    }
    void run() override {
      const Shared<Bridge> bridge = std::move(alive);
      {
        // Only here: a box may be emptied while the courier is still on its way, and it is not to be sent
        // twice.
        const std::lock_guard lock{bridge->mutex_};
        posted = false;
      }
      if constexpr (forth) {
        if (bridge->far) bridge->far->mail();
      } else {
        if (bridge->home) bridge->home->mail();
      }
    }
    void discard() noexcept override { alive = {}; }
    Loop& loop;
    Shared<Bridge> alive;
    bool posted = false;
  };

  std::mutex mutex_;
  Mail<T> mail_;
  std::vector<Answer> answers_;
  bool home_gone_ = false;
  bool far_gone_ = false;
  Courier<false> back_;
  Courier<true> forth_;
};

/// The side where the elements leave: keeps their Refs until the answers are here.
template <element T>
class HopNode final : public Node, public Receiver<T, HopNode<T>> {
 public:
  HopNode(Shared<Bridge<T>> bridge, Stream<T> far, std::size_t bound)
      : Node(Info{"hop", {}, Shape::time}), bridge_(std::move(bridge)), far_(std::move(far)), bound_(bound) {
    PENSTOCK_KEEPS("hop", T);
    this->port(static_cast<InletBase&>(*this));
    info().one_to_one = false;
    info().recovery = Recovery::refused;
    bridge_->home = this;
  }

  bool busy() const noexcept override { return away_ != 0 || !line_.empty(); }
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
    Receipt receipt;
    if (has_room()) {
      send(std::forward<V>(value), context);
    } else {
      receipt = Receipt::waiting(strand(), &info(), Why::full);
      Held<T>& item = line_.push(std::optional<T>(std::forward<V>(value)), Context::of(context), Signal{},
                                 receipt, NoMark{});
      item.context.bind(strand());
    }
    ++elements_;
    count();
    return receipt.release();
  }
  /// As many at once as there is room for.
  Pending* push_all(Batch<T>& batch) override {
    while (!batch.empty()) {
      if (gone_ || !has_room() || !moves_safely) {
        Pending* pending = take(batch.take(), nullptr);
        if (pending || batch.interrupted()) return pending;
        continue;
      }
      const std::size_t n = std::min(bound_ - away_, static_cast<std::size_t>(batch.end - batch.next));
      info().took(n);
      elements_ += n;
      remember(n);
      Bridge<T>::send(bridge_, [&](Mail<T>& mail) {
        for (std::size_t i = 0; i < n; ++i) mail.values.push(batch.take());
      });
      count();
    }
    return nullptr;
  }

  /// Answers are here.
  void mail() {
    gone_ = bridge_->take_answers(answers_);
    for (Answer& answer : answers_) settle(answer);
    if (gone_) {
      give_up("hop: the graph on the other loop is gone");
    } else {
      while (!line_.empty() && away_ < bound_) {
        if constexpr (!moves_safely) {
          if (line_.front().value) {
            send_first();
            continue;
          }
        }
        Held<T> item = line_.pop();
        // Who waits for an element waits for room; who waits for the end, for the answer.
        if (item.value) {
          send(std::move(*item.value), item.context.or_null());
          item.receipt.settle();
        } else {
          send(item.signal, std::move(item.receipt));
        }
      }
    }
    count();
    graph().rested();
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (gone_) return nullptr;
    Receipt receipt;
    if (signal.kind == Signal::end) receipt = Receipt::waiting(strand(), &info(), Why::order);
    if (line_.empty()) {
      send(signal, receipt);
    } else if (signal.kind == Signal::watermark && line_.back().watermark()) {
      line_.back().signal = signal;
    } else {
      line_.push(std::optional<T>(), Context{}, signal, receipt, NoMark{});
    }
    count();
    return receipt.release();
  }

 private:
  /// Letters that wait for their answers: what belongs to one of them, or so many to which nothing belongs.
  struct Sent {
    Context context;
    Receipt receipt;
    std::size_t count;
    bool element;
    bool watermark = false;
  };

  static constexpr bool moves_safely = std::is_nothrow_move_constructible_v<T>;

  bool has_room() const noexcept { return away_ < bound_ && line_.empty(); }

  /// Elements that nothing belongs to are counted together.
  void remember(std::size_t n) {
    away_ += n;
    if (plain_last_) {
      sent_.back().count += n;
    } else {
      sent_.push(Context{}, Receipt{}, n, true);
      plain_last_ = true;
    }
  }
  [[gnu::noinline]] void remember_apart(const Context* context, Receipt receipt, bool element) {
    ++away_;
    plain_last_ = false;
    sent_.push(Context::of(context), std::move(receipt), std::size_t{1}, element).context.bind(strand());
  }
  template <class V>
  void send(V&& value, const Context* context) {
    if constexpr (!moves_safely) {
      remember_one(context);
      try {
        put_in(std::forward<V>(value), context);
      } catch (...) {
        forget_one();
        throw;
      }
    } else if constexpr (!std::is_nothrow_constructible_v<T, V>) {
      T copy(std::forward<V>(value));  // only what is there is counted
      remember_one(context);
      put_in(std::move(copy), context);
    } else {
      remember_one(context);
      put_in(std::forward<V>(value), context);
    }
  }
  [[gnu::always_inline]] void remember_one(const Context* context) {
    if (context && context->size() != 0) {
      remember_apart(context, {}, true);
    } else {
      remember(1);
    }
  }
  /// Takes back what was counted last.
  void forget_one() noexcept {
    --away_;
    if (--sent_.back().count != 0) return;
    sent_.erase(sent_.size() - 1);
    plain_last_ = false;
  }
  template <class V>
  [[gnu::always_inline]] void put_in(V&& value, const Context* context) {
    Bridge<T>::send(bridge_, [&](Mail<T>& mail) {
      const EventTime time = context ? context->event_time() : no_event_time;
      if constexpr (moves_safely) {
        if (time != no_event_time) mail.marks.push_back({mail.values.size(), {}, time});
        mail.values.push(std::forward<V>(value));
      } else {
        mail.values.push(std::forward<V>(value));
        if (time != no_event_time) mail.marks.push_back({mail.values.size() - 1, {}, time});
      }
    });
  }
  /// Of elements whose moving may throw: sends the one that has waited longest, or it has failed.
  void send_first() noexcept {
    std::exception_ptr error;
    try {
      send(std::move(*line_.front().value), line_.front().context.or_null());
    } catch (...) {
      error = std::current_exception();
      line_.front().context.fail(error);
      info().fails();
      --elements_;
    }
    const Receipt receipt = std::move(line_.front().receipt);
    line_.erase(0);
    receipt.settle(error);
  }
  void send(const Signal& signal, Receipt receipt) {
    const bool watermark = signal.kind == Signal::watermark;
    if (watermark && !sent_.empty() && sent_.back().watermark && bridge_->renew(signal)) return;
    remember_apart(nullptr, std::move(receipt), false);
    sent_.back().watermark = watermark;
    Bridge<T>::send(bridge_, [&](Mail<T>& mail) { mail.marks.push_back({mail.values.size(), signal}); });
  }

  void settle(Answer& answer) noexcept {
    while (answer.count != 0) {
      Sent& sent = sent_.front();
      const std::size_t n = std::min(answer.count, sent.count);
      answer.count -= n;
      sent.count -= n;
      away_ -= n;
      if (sent.element) {
        elements_ -= n;
        info().passed(n);
      }
      if (answer.error) sent.context.fail(answer.error);
      if (sent.count != 0) continue;
      const Sent last = sent_.pop();
      if (sent_.empty()) plain_last_ = false;
      last.receipt.settle(answer.error);
    }
  }
  void give_up(const char* reason) noexcept {
    const auto stopped = [&](const Receipt& receipt) {
      if (!receipt.state()) return;
      receipt.settle(std::make_exception_ptr(Stopped(info().label() + ": the element was not through")));
    };
    for (; !sent_.empty(); sent_.pop()) {
      sent_.front().context.drop(reason);
      if (sent_.front().element) info().drops(sent_.front().count);
      stopped(sent_.front().receipt);
    }
    away_ = elements_ = 0;
    plain_last_ = false;
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
    if (working_ != busy()) [[unlikely]] work(!working_);
  }
  [[gnu::noinline]] void work(bool begins) noexcept {
    working_ = begins;
    if (begins) {
      clock().work_started();
    } else {
      clock().work_finished();
    }
  }

  Shared<Bridge<T>> bridge_;
  Stream<T> far_;
  std::size_t bound_;
  Ring<Held<T>> line_;     // has to wait for room
  Ring<Sent> sent_;        // waits for its answer
  std::size_t away_ = 0;      // letters in it
  std::size_t elements_ = 0;  // in both, without the signals
  std::vector<Answer> answers_;
  bool plain_last_ = false;  // the last one sent is one that more can be counted with
  bool working_ = false;
  bool gone_ = false;
};

/// The side where they arrive: emits what is there in batches, and answers when it waits, has nothing more,
/// or now and then.
template <element T>
class LandingNode final : public Node {
 public:
  LandingNode(Shared<Bridge<T>> bridge, std::size_t bound)
      : Node(Info{"hop", {}, Shape::source}),
        bridge_(std::move(bridge)),
        lot_(std::max<std::size_t>(1, bound / 4)) {
    this->port(outlet);
    info().one_to_one = false;
    bridge_->far = this;
  }

  Outlet<T> outlet;

  bool busy() const noexcept override { return letters_left() || pump_.active() || pump_.woken(); }
  void shut_down() noexcept override {
    pump_.stop();
    info().drops(mail_.values.size() - at_);
    mail_.clear();
    at_ = mark_ = 0;
    info().holds(0);
    Bridge<T>::far_ends(bridge_);
  }

  /// Letters are here.
  void mail() noexcept { pump_.wake(); }

  // For the pump.
  bool pump(Receipt& receipt) {
    if (!letters_left() && !take_mail()) return false;
    // Nothing of this may be touched behind a descent: it may have ended the graph.
    if (mark_ == mail_.marks.size() || mail_.marks[mark_].place != at_) {
      receipt = strand().descend([this] { return emit_batch(); });
    } else if (const auto mark = mail_.marks[mark_++]; mark.signal) {
      receipt = strand().descend([&] { return answering(Receipt{outlet.signal(*mark.signal)}); });
    } else {
      T value = std::move(mail_.values.data()[at_++]);
      Context context;
      context.event_time(mark.time);
      emitted(1);
      receipt = strand().descend([&] { return answering(Receipt{outlet.push(std::move(value), &context)}); });
    }
    return true;
  }
  void pumped(std::exception_ptr error) noexcept {
    if (error) {
      answer();
      Bridge<T>::answer(bridge_, {1, error});
    } else {
      ++through_;
    }
    if (through_ >= lot_ || !letters_left()) answer();
    if (error) graph().report(std::move(error), info());  // last: whoever hears of it may end the graph
  }

 private:
  bool letters_left() const noexcept { return at_ != mail_.values.size() || mark_ != mail_.marks.size(); }
  bool take_mail() {
    at_ = mark_ = 0;
    bridge_->take_mail(mail_);
    info().took(mail_.values.size());
    info().holds(mail_.values.size());
    return letters_left();
  }
  void emitted(std::size_t n) noexcept {
    info().passed(n);
    info().holds(mail_.values.size() - at_);
  }

  /// Up to the next mark. All but the last one taken are through; how that ends, `pumped` is told.
  Receipt emit_batch() {
    const std::size_t end = mark_ == mail_.marks.size() ? mail_.values.size() : mail_.marks[mark_].place;
    T* const first = mail_.values.data() + at_;
    Batch<T> batch{first, first + std::min<std::size_t>(end - at_, Pump<LandingNode>::turn), &strand()};
    struct Count {
      LandingNode& node;
      const Batch<T>& batch;
      const T* first;
      ~Count() {
        const auto n = static_cast<std::size_t>(batch.next - first);
        node.at_ += n;
        node.through_ += n - 1;
        node.emitted(n);
        node.pump_.count(n);
      }
    };
    Receipt receipt;
    {
      const Count count{*this, batch, first};
      receipt = Receipt{outlet.push_all(batch)};
    }
    return answering(std::move(receipt));
  }
  /// What is through is answered before an element waits.
  Receipt answering(Receipt receipt) {
    if (receipt.pending()) answer();
    return receipt;
  }
  void answer() noexcept {
    if (through_ != 0) Bridge<T>::answer(bridge_, {std::exchange(through_, 0), nullptr});
  }

  Shared<Bridge<T>> bridge_;
  Mail<T> mail_;
  std::size_t at_ = 0;       // the next element
  std::size_t mark_ = 0;     // the next mark
  std::size_t through_ = 0;  // letters not answered yet
  std::size_t lot_;
  Pump<LandingNode> pump_{*this};
};

}  // namespace detail

/// Goes on on another event loop, which another thread may run: what it returns is the source of a graph of
/// its own there.
///
///     EventLoop reading;
///     EventLoop computing{background};
///     Stream<Row> rows{reading};
///     rows.hop(computing).map(expensive).sink(...);
///
/// Only the values and their event times travel. The Refs of an element wait here until it is through on the
/// other side, and end as it ended there. Elements and signals keep their order. This graph keeps the other
/// one alive, and not the other way round; wire what is behind the hop before elements come.
///
/// @param loop     may be the same one, and must outlive both graphs.
/// @param options  HopOptions: `bound`, how many elements may be on the other side or on their way there.
///
/// Back-pressure: waits when full.
/// Metadata:      held until the element is through on the other side, and while that has more to do up to a
///                quarter of the bound longer.
/// Errors:        std::invalid_argument here for a bound of 0, std::logic_error here without an event loop;
///                what goes wrong on the other side is reported there, and the Refs end as failed here.
///                Stopped from emit when the other graph is gone.
/// Cost:          a lock an element, or one for a whole batch, and a wake-up of the other loop for all that
///                came meanwhile, which goes on there as one batch; an answer for a quarter of the bound; no
///                allocation once the mailboxes have grown.
/// Recovery:      refused: a checkpoint is one graph's.
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
      detail::misuse(
          "hop needs an event loop on both sides: give one to the source, as in Stream<int> source{loop}");
    }
    detail::Shared<detail::Bridge<T>> bridge{new detail::Bridge<T>(*from.loop(), loop)};
    auto* graph = new Graph(&loop);
    const Stream<T> far{graph->add(detail::make_box<detail::LandingNode<T>>(bridge, bound)).outlet};
    attach<detail::HopNode<T>>(from, std::move(bridge), far, bound);
    return far;
  };
}

}  // namespace penstock
