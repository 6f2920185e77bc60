// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"
#include "penstock/testing/counted.hpp"
#include "penstock/testing/ledger.hpp"
#include "penstock/testing/virtual_loop.hpp"

namespace penstock::testing {

/// What an end of a Stage saw: an element, by the ids of what it was made of, or a signal.
struct Event {
  std::vector<Ledger::Id> ids;
  std::optional<std::vector<Ledger::Id>> values;  ///< the numbers in the element itself, where it has any
  std::optional<Signal> signal;
  std::vector<Ledger::Id> content{};  ///< all numbers in the element, also those that count nothing; not compared

  friend bool operator==(const Event& a, const Event& b) {
    const auto key = [](const Event& e) {
      return std::tuple{e.signal ? static_cast<int>(e.signal->kind) : -1, e.signal ? e.signal->value : 0};
    };
    return a.ids == b.ids && a.values == b.values && key(a) == key(b);
  }
};

/// What the ends of a Stage throw.
class EndFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

template <class T>
inline constexpr bool is_counted = false;
template <bool Copyable, class Tag>
inline constexpr bool is_counted<BasicCounted<Copyable, Tag>> = true;

/// Appends the counted numbers in `value`; false when there is something in it that is none.
template <class T>
bool counted_in(const T& value, std::vector<Ledger::Id>& into) {
  if constexpr (is_counted<T>) {
    into.push_back(value.value());
    return true;
  } else if constexpr (requires { value.begin() != value.end(); }) {
    bool all = true;
    for (const auto& item : value) all = counted_in(item, into) && all;
    return all;
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    return std::apply([&](const auto&... items) { return (counted_in(items, into) && ...); }, value);
  } else {
    return false;
  }
}

/// Appends all numbers in `value`.
template <class T>
void numbers_in(const T& value, std::vector<Ledger::Id>& into) {
  if constexpr (is_counted<T>) {
    into.push_back(value.value());
  } else if constexpr (std::is_arithmetic_v<T>) {
    into.push_back(static_cast<Ledger::Id>(value));
  } else if constexpr (requires { value.begin() != value.end(); }) {
    for (const auto& item : value) numbers_in(item, into);
    into.push_back(-1);  // where it ends
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    std::apply([&](const auto&... items) { (numbers_in(items, into), ...); }, value);
  }
}

inline constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

/// One end of a Stage, which outlives its node.
struct EndLog {
  struct Open {
    Context context;
    Receipt receipt;
    std::size_t number;  // of the output
  };
  std::vector<Event> events;
  std::vector<Open> open;
  std::vector<Receipt> orphans;  // receipts of elements that were open when the node went
  std::size_t outputs = 0;
  std::size_t before_barrier = 0;  // outputs that came before the last one
  bool stalled = false;
  bool keeps_orphans = false;
  bool gets_signals = true;
  bool unnamed = false;  // elements come without Refs, and are named by their numbers
  bool consumes = true;  // moves from what it is given, as most sinks do
  std::size_t throws_at = never;
  std::vector<Ledger::Id> thrown;
  std::function<void(std::size_t)> hook;
  std::function<std::shared_ptr<EndLog>()> attach_another;
  std::function<void()> detach;
  Ledger ledger;

  bool complete(std::size_t i = 0, const std::exception_ptr& error = nullptr) {
    if (i >= open.size()) return false;
    Open done = std::move(open[i]);
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
    if (error) done.context.fail(error);
    done.context.clear();
    done.receipt.settle(error);
    return true;
  }
  std::vector<Event> elements() const {
    std::vector<Event> found;
    for (const Event& event : events) {
      if (!event.signal) found.push_back(event);
    }
    return found;
  }
  std::vector<Signal> signals() const {
    std::vector<Signal> found;
    for (const Event& event : events) {
      if (event.signal) found.push_back(*event.signal);
    }
    return found;
  }
};

template <element T>
class EndNode final : public Node, public Receiver<T, EndNode<T>> {
 public:
  explicit EndNode(std::shared_ptr<EndLog> log) : Node(Info{"end", {}, Shape::sink}), log_(std::move(log)) {
    this->port(static_cast<InletBase&>(*this));
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    EndLog& log = *log_;
    log.ledger.saw(context);
    Event event{Ledger::ids(context), std::vector<Ledger::Id>{}, std::nullopt};
    if (!counted_in(value, *event.values)) event.values.reset();
    numbers_in(value, event.content);
    if (log.unnamed && event.ids.empty() && event.values) {
      event.ids = *event.values;
      for (const Ledger::Id id : event.ids) log.ledger.saw(id);
    }
    const std::size_t number = log.outputs++;
    // What is taken for good is moved from, as a real sink would.
    if constexpr (!std::is_lvalue_reference_v<V>) {
      if (log.consumes) static_cast<void>(T(std::move(value)));
    }
    log.events.push_back(event);
    if (log.hook) log.hook(number);
    if (number == log.throws_at) {
      log.thrown = event.ids;
      throw EndFailure("the end throws as told");
    }
    if (!log.stalled || event.ids.empty()) return nullptr;
    Receipt receipt = Receipt::waiting(strand(), nullptr, Why::sink);
    log.open.push_back({Context::of(context), receipt, number});
    return receipt.release();
  }

  bool busy() const noexcept override { return !log_->open.empty(); }
  void shut_down() noexcept override {
    for (EndLog::Open& open : log_->open) {
      open.context.drop("the end was destroyed");
      if (log_->keeps_orphans) {
        log_->orphans.push_back(open.receipt);
      } else {
        open.receipt.settle(std::make_exception_ptr(Stopped("end: destroyed")));
      }
    }
    log_->open.clear();
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    log_->events.push_back({{}, std::nullopt, signal});
    if (signal.kind != Signal::barrier) return nullptr;
    log_->before_barrier = log_->outputs;
    Join join{strand()};
    for (const EndLog::Open& open : log_->open) join.add(open.receipt.share());
    return join.finish();
  }

 private:
  std::shared_ptr<EndLog> log_;
};

}  // namespace detail

/// A place to try an operator out on: sources of counted elements before it, ends behind it that stall, throw
/// and record, a virtual loop under it, and a Ledger of every element.
template <element T>
class Stage {
 public:
  using Id = Ledger::Id;

  Stage(std::size_t inputs, bool looped, std::uint64_t seed, bool same_input = false)
      : loop_(seed), looped_(looped) {
    for (std::size_t i = 0; i < inputs; ++i) {
      if (same_input && i > 0) {
        sources_.push_back(sources_.front());
      } else if (looped) {
        sources_.emplace_back(loop_);
      } else {
        sources_.emplace_back();
      }
    }
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage() {
    drop();
    // Who waits for a receipt holds a share of it: one that never settled would never end.
    for (const auto& end : ends_) {
      for (const detail::EndLog::Open& open : end->open) open.receipt.settle();
      for (const Receipt& orphan : end->orphans) orphan.settle();
    }
    run_ready();
    for (const auto& end : ends_) *end = {};
  }

  // For the function that wires the operator.

  Stream<T>& source(std::size_t i = 0) { return sources_.at(i); }
  VirtualLoop& loop() noexcept { return loop_; }
  /// `fn` as a user's function that throws for the poisoned element.
  template <class Fn>
  auto calls(Fn fn) {
    return [state = state_, fn = std::move(fn)](auto&&... args) mutable
           -> decltype(fn(std::forward<decltype(args)>(args)...)) {
      (state->taste(args), ...);
      return fn(std::forward<decltype(args)>(args)...);
    };
  }
  /// Throws for the poisoned element.
  void taste(const T& value) { state_->taste(value); }
  /// For sinks that work on an element for a while: to be called with it, for a Receipt of the work. Made
  /// while wiring.
  auto worker() {
    auto log = std::make_shared<detail::EndLog>();
    log->ledger = state_->ledger;
    log->gets_signals = false;
    ends_.push_back(log);
    return [state = state_, log, strand = StrandRef{source().graph().strand()}](const T& value) {
      state->taste(value);
      state->ledger.saw(value.value());
      const std::size_t number = log->outputs++;
      log->events.push_back({{value.value()}, std::nullopt, std::nullopt, {value.value()}});
      if (log->hook) log->hook(number);
      if (number == log->throws_at) {
        log->thrown = {value.value()};
        throw EndFailure("the sink throws as told");
      }
      if (!log->stalled) return Receipt{};
      Receipt receipt = Receipt::waiting(*strand, nullptr, Why::sink);
      log->open.push_back({Context{}, receipt, number});
      return receipt;
    };
  }
  /// For sinks: this element has arrived.
  void arrived(const T& value) {
    state_->ledger.saw(value.value());
    state_->arrived.push_back(value.value());
  }
  /// Puts an end behind each stream of `result`: a stream, a sink, or several in a tuple or range.
  template <class Result>
  void end(Result&& result) {
    using Plain = std::remove_cvref_t<Result>;
    if constexpr (stream_like<Plain>) {
      end_stream(result.stream());
    } else if constexpr (requires { result.node(); }) {
      node_ = &result.node();
    } else if constexpr (requires { result.begin() != result.end(); }) {
      for (auto& each : result) end(each);
    } else {
      std::apply([this](auto&... each) { (this->end(each), ...); }, result);
    }
  }
  /// To be called when everything is wired.
  void wired() {
    for (const Stream<T>& source : sources_) listen(source);
  }

  // For checks.

  bool looped() const noexcept { return looped_; }
  Ledger& ledger() noexcept { return state_->ledger; }
  const std::vector<std::shared_ptr<detail::EndLog>>& ends() const noexcept { return ends_; }
  detail::EndLog& end_log(std::size_t i = 0) const { return *ends_.at(i); }
  /// The operator, as long as the graph stands.
  Node* node() const noexcept { return node_; }
  void forget_node() noexcept { node_ = nullptr; }
  const std::vector<Receipt>& receipts() const noexcept { return receipts_; }
  const std::vector<std::exception_ptr>& thrown() const noexcept { return thrown_; }
  const std::vector<std::exception_ptr>& background_errors() const noexcept { return state_->errors; }
  const std::vector<Id>& arrived_ids() const noexcept { return state_->arrived; }
  std::size_t fed() const noexcept { return state_->ledger.size(); }
  void poison(Id id) noexcept { state_->poison = id; }
  std::size_t poisoned() const noexcept { return state_->poisoned; }

  Receipt feed(Id id) { return feed(id, static_cast<std::size_t>(id) % sources_.size()); }
  Receipt feed(Id id, std::size_t input) {
    try {
      receipts_.push_back(sources_.at(input).push(T(id), state_->ledger.issue(id)));
      return receipts_.back();
    } catch (...) {
      thrown_.push_back(std::current_exception());
      return {};
    }
  }
  Receipt signal(const Signal& signal, std::size_t input) {
    receipts_.push_back(penstock::detail::offer(sources_.at(input).outlet(), signal));
    return receipts_.back();
  }
  void signal(const Signal& signal) {
    for (const Stream<T>& source : sources_) {
      receipts_.push_back(penstock::detail::offer(source.outlet(), signal));
    }
  }
  void close() {
    for (const Stream<T>& source : sources_) {
      try {
        receipts_.push_back(source.push_end());
      } catch (...) {
        thrown_.push_back(std::current_exception());
      }
    }
  }
  void stall(bool on) {
    for (const auto& end : ends_) end->stalled = on;
  }
  std::size_t open() const {
    std::size_t open = 0;
    for (const auto& end : ends_) open += end->open.size();
    return open;
  }
  bool complete_oldest() {
    bool any = false;
    for (const auto& end : ends_) any = end->complete() || any;
    return any;
  }
  bool pending() const {
    return std::any_of(receipts_.begin(), receipts_.end(), [](const Receipt& r) { return r.pending(); });
  }

  void run_ready() {
    if (looped_) loop_.run_ready();
  }
  void pass(Duration time) {
    if (looped_) loop_.run_for(time);
  }
  /// The end of every handle, and with them of the graph.
  void drop() {
    drop_inside();
    run_ready();
  }
  /// The same from within an element.
  void drop_inside() {
    node_ = nullptr;
    sources_.clear();
  }
  bool dropped() const noexcept { return sources_.empty(); }

 private:
  struct State {
    template <class A>
    void taste(const A& argument) {
      if constexpr (std::same_as<A, T>) {
        if (poison && argument.value() == *poison) {
          ++poisoned;
          throw std::domain_error("poisoned");
        }
      }
    }
    Ledger ledger;
    std::optional<Id> poison;
    std::size_t poisoned = 0;
    std::vector<Id> arrived;
    std::vector<std::exception_ptr> errors;
  };

  void listen(const Handle& stream) {
    stream.on_background_error([state = state_](std::exception_ptr error, const Info&) {
      state->errors.push_back(std::move(error));
    });
  }
  template <class U>
  void end_stream(Stream<U> stream) {
    if (!node_) node_ = &stream.node();
    listen(stream);  // it may be in a graph of its own
    auto log = std::make_shared<detail::EndLog>();
    log->ledger = state_->ledger;
    attach_end(stream.outlet(), log);
    ends_.push_back(std::move(log));
  }
  template <class U>
  static void attach_end(Outlet<U>& outlet, const std::shared_ptr<detail::EndLog>& log) {
    Graph& graph = outlet.node()->graph();
    auto& node = graph.add(std::make_unique<detail::EndNode<U>>(log));
    graph.connect(outlet, node);
    log->detach = [&outlet, &node] { outlet.node()->graph().disconnect(outlet, node); };
    if constexpr (std::copy_constructible<U>) {
      log->attach_another = [&outlet, from = log.get()] {
        auto another = std::make_shared<detail::EndLog>();
        another->ledger = from->ledger;
        another->unnamed = from->unnamed;
        attach_end(outlet, another);
        return another;
      };
    }
  }

  VirtualLoop loop_;
  bool looped_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::vector<std::shared_ptr<detail::EndLog>> ends_;
  std::vector<Receipt> receipts_;
  std::vector<std::exception_ptr> thrown_;
  Node* node_ = nullptr;
  std::vector<Stream<T>> sources_;  // last: goes first, with the graph
};

}  // namespace penstock::testing
