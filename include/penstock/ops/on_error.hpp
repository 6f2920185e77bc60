// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "penstock/core/feedback.hpp"
#include "penstock/core/line.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/ops/detail/joined.hpp"
#include "penstock/ops/detail/pick.hpp"

namespace penstock {

/// What happens to an element on which an operator's function has thrown.
enum class OnError : std::uint8_t {
  propagate,  ///< the exception comes back through emit, as without a policy
  skip        ///< the element is left out, and its Refs end as dropped
};

/// Tries again, with the same element, before the policy that stands with it. Elements behind it wait and keep their order.
struct Retry {
  std::size_t attempts = 3;                 ///< calls for one element in all, at least 1
  Duration backoff{0};                      ///< how long to wait before the second one; 0: not at all, and no loop is needed
  double factor = 2;                        ///< every wait is so many times longer than the one before, at least 1
  double jitter = 0;                        ///< 0 to 1: a wait is shorter by up to this share of it, at random
  Duration max_backoff = Duration::max();   ///< no wait is longer
  std::uint64_t seed = 0;                   ///< of `jitter`
};

/// An element that was given up, and why.
template <class T>
struct DeadLetter {
  T element;
  Context context;           ///< with its Refs, which thus live as long as the letter
  std::string where;         ///< the operator's name
  std::exception_ptr error;
};

/// The policy that sends failed elements to a stream of their own.
template <element T>
struct DivertTo {
  Stream<DeadLetter<T>> letters;
};
template <element T>
DivertTo<T> divert_to(const Stream<DeadLetter<T>>& letters) {
  return {letters};
}

namespace detail {

/// Tells an exception of what is below from one of the step itself.
template <class Next>
struct Below {
  Next& next;
  bool failed = false;

  template <class V>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context) {
    try {
      return next(std::forward<V>(value), context);
    } catch (...) {
      failed = true;
      throw;
    }
  }
  Pending* signal(const Signal& signal) { return next.signal(signal); }
};

inline constexpr const char* skipped = "on_error: skipped after an exception";

/// A step with a policy that needs nothing but the exception: fused like any other.
template <class S>
class Guarded {
 public:
  template <class In>
  using output = typename S::template output<In>;

  Guarded(S step, OnError policy) : step_(std::move(step)), policy_(policy) {}

  void place(Node& node, Info& info) noexcept { step_.place(node, info); }
  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    if constexpr (std::is_base_of_v<Managed, S>) step_.at_barrier(signal);
    return step_.signal(signal, next);
  }
  void shut_down() noexcept { step_.shut_down(); }

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    Below<Next> below{next};
    try {
      return step_(std::forward<V>(value), context, below);
    } catch (...) {
      if (below.failed || policy_ == OnError::propagate) throw;
      if (context) context->drop(skipped);
      return nullptr;
    }
  }

 private:
  S step_;
  OnError policy_;
};

/// What a guarded sink stands for: the failures are those of what is behind it.
class PassStep : public Step {
 public:
  template <class In>
  using output = In;
  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next& next) {
    return next(std::forward<V>(value), context);
  }
};

struct Attempts {
  std::size_t made = 0;
  TimePoint next = TimePoint::min();  // min: at once
  Receipt behind{};                   // of the last one, when that still waits behind
};

/// How long to wait between attempts.
class Backoff {
 public:
  explicit Backoff(const Retry& retry) noexcept : retry_(retry), random_(retry.seed) {}

  std::size_t attempts() const noexcept { return retry_.attempts; }
  bool needs_loop() const noexcept { return retry_.attempts > 1 && retry_.backoff > Duration{}; }

  /// Behind so many attempts, none of which was the last.
  Duration pause(std::size_t made) noexcept {
    double pause = static_cast<double>(retry_.backoff.count());
    const double most = static_cast<double>(retry_.max_backoff.count());
    const bool grows = pause > 0 && retry_.factor > 1;
    for (; grows && made > 1 && pause < most; --made) pause *= retry_.factor;
    if (pause > most) pause = most;
    if (retry_.jitter > 0) {
      random_ += 0x9e3779b97f4a7c15U;  // splitmix64
      std::uint64_t x = random_;
      x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
      x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
      x ^= x >> 31;
      pause *= 1 - retry_.jitter * (static_cast<double>(x >> 11) * 0x1.0p-53);
    }
    return pause < 9.2e18 ? Duration{static_cast<Duration::rep>(pause)} : Duration::max();
  }
  /// When that is.
  static TimePoint after(Duration pause, Loop* loop) {
    if (pause == Duration{}) return TimePoint::min();
    return later(loop->now(), pause);
  }

 private:
  Retry retry_;
  std::uint64_t random_;
};

template <class Final, element T>
struct LettersOf {
  static constexpr bool exist = false;
};
template <element T>
struct LettersOf<DivertTo<T>, T> {
  static constexpr bool exist = true;
  Outlet<DeadLetter<T>> outlet;
};

/// A step with a policy that keeps the element: retry, divert. With `covers` the failures are those of what is behind the
/// node, thrown or in a receipt, and the Refs of an element stay here until it is known how it ended.
template <element In, class S, class Final, bool covers>
class GuardNode final : public LineBase<GuardNode<In, S, Final, covers>, In, Attempts>,
                        public Receiver<In, GuardNode<In, S, Final, covers>> {
  using Line = LineBase<GuardNode, In, Attempts>;
  using Item = typename Line::Item;
  using Out = typename S::template output<In>;
  using Tail = typename std::conditional_t<std::is_void_v<Out>, std::type_identity<Nowhere>,
                                           std::type_identity<ToOutlet<std::conditional_t<std::is_void_v<Out>, In, Out>>>>::type;

 public:
  GuardNode(Info info, S step, Retry retry, OnError policy)
      : Line(std::move(info)), step_(std::move(step)), backoff_(retry), policy_(policy), alarm_(*this) {
    PENSTOCK_KEEPS("on_error", In);
    this->port(static_cast<InletBase&>(*this));
    if constexpr (!std::is_void_v<Out>) this->port(tail_.tail());
    if constexpr (diverts) this->port(letters_.outlet);
  }

  static constexpr bool diverts = LettersOf<Final, In>::exist;
  auto& tail() noexcept { return tail_.tail(); }
  auto& letters() noexcept { return letters_.outlet; }

  const char* needs_loop() const noexcept override {
    return backoff_.needs_loop() ? "on_error: a retry with a back-off" : nullptr;
  }
  void added() override {
    this->info().recovery = Recovery::drained;
    step_.place(*this, this->info());
  }
  bool busy() const noexcept override { return Line::busy() || current_; }
  void shut_down() noexcept override {
    alarm_.cancel();
    behind_ = false;
    if (current_) {
      this->lose(current_->context, "on_error: stopped before it was tried again");
      this->stopped(std::exchange(current_->receipt, {}));
      current_.reset();
      this->besides(0);
    }
    step_.shut_down();
    Line::shut_down();
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    if (busy()) return wait(this->add(std::forward<V>(value), Context::of(context)), Why::order);
    for (std::size_t made = 1;; ++made) {
      std::exception_ptr error;
      Pending* pending = attempt(std::as_const(value), context, error);
      if (!error && (!covers || !pending)) {
        this->info().passed();
        return pending;
      }
      const Duration pause = pending ? Duration{} : next_pause(made);
      if (!pending && made == backoff_.attempts()) return give_up(value, context, std::move(error));
      if (!pending && pause == Duration{}) continue;
      // From here on the element is kept, and the pump goes on with it. What the step has emitted at the source meanwhile
      // may have come to that first: the results then come in the order in which they would without a policy.
      if (busy()) {
        Attempts attempts{made, later(pause), Receipt{pending}};
        return wait(this->add(std::forward<V>(value), Context::of(context), std::move(attempts)), Why::order);
      }
      Item& item = keep(Item{std::optional<In>(std::forward<V>(value)), Context::of(context), {}, {}, {made, later(pause)}});
      if (pending) {
        behind_ = true;
        this->pump_.rest_until(Receipt{pending});
      } else {
        this->pump_.wake();
      }
      return wait(item, pending ? Why::sink : Why::time);
    }
  }

  bool pump(Receipt& receipt) {
    if (!current_) {
      if (this->line_.empty()) return false;
      Item item = this->line_.pop();
      if (!item.value) {
        const auto send = [&] { return this->strand().descend([&] { return Receipt{pass(item.signal)}; }); };
        if (item.signal.kind == Signal::barrier) {
          send_behind(item.receipt, send);
        } else {
          this->under_way_ = std::move(item.receipt);
          receipt = send();
        }
        return true;
      }
      this->elements(this->elements_ - 1);
      keep(std::move(item));
      if (current_->mark.behind.state()) {
        behind_ = true;
        receipt = std::exchange(current_->mark.behind, {});
        return true;
      }
    }
    if (current_->mark.next != TimePoint::min() && this->clock().now() < current_->mark.next) {
      this->clock().set(alarm_, current_->mark.next);
      return false;
    }
    receipt = this->strand().descend([&] { return Receipt{go_on()}; });
    return true;
  }
  void pumped(std::exception_ptr error) noexcept {
    if (!current_) return Line::pumped(std::move(error));
    if (!behind_) return;  // it will be tried again
    behind_ = false;
    if (error) {
      failed_ = std::move(error);
      current_->mark.next = later(current_->mark.made < backoff_.attempts() ? next_pause(current_->mark.made) : Duration{});
    } else {
      this->info().passed();
      this->under_way_ = done().receipt;
      Line::pumped(nullptr);
    }
  }
  Pending* pass(const Signal& signal) {
    const auto to_letters = [&]() -> Pending* {
      if constexpr (diverts) {
        // A checkpoint's has gone to all outlets but the first.
        const bool first = signal.kind == Signal::barrier && std::is_void_v<Out>;
        if (signal.kind == Signal::end || signal.kind == Signal::reopen || first) return letters_.outlet.signal(signal);
      }
      return nullptr;
    };
    return send_all(
        this->strand(), [&] { return this->at_barrier(signal); }, [&] { return step_.signal(signal, tail_); }, to_letters);
  }
  void rang() { this->pump_.go(); }

 protected:
  Pending* take_signal(const Signal& signal) override {
    return current_ ? this->Line::queue(signal) : this->Line::add(signal);
  }

 private:
  /// One call of the step. An error of its own comes back in `error`.
  Pending* attempt(const In& value, const Context* context, std::exception_ptr& error) {
    Below<Tail> below{tail_};
    try {
      if constexpr (covers) {
        if (context && context->size() != 0) {
          Context bare;
          bare.event_time(context->event_time());
          bare.trace(context->trace());
          return step_(value, bare.or_null(), below);
        }
      }
      return step_(value, context, below);
    } catch (...) {
      if (!covers && below.failed) throw;
      error = std::current_exception();
      return nullptr;
    }
  }

  /// Works on the element that is kept.
  Pending* go_on() {
    while (!failed_ || current_->mark.made < backoff_.attempts()) {
      failed_ = nullptr;
      ++current_->mark.made;
      Pending* pending;
      try {
        pending = attempt(*current_->value, current_->context.or_null(), failed_);
      } catch (...) {
        current_->context.fail(std::current_exception());
        this->under_way_ = done().receipt;
        throw;
      }
      if (covers && pending) {
        behind_ = true;
        return pending;
      }
      if (!failed_) {
        this->info().passed();
        this->under_way_ = done().receipt;
        return pending;
      }
      if (current_->mark.made == backoff_.attempts()) break;
      const Duration pause = next_pause(current_->mark.made);
      if (pause != Duration{}) {
        current_->mark.next = later(pause);
        return nullptr;
      }
    }
    const Item last = done();
    this->under_way_ = last.receipt;
    std::exception_ptr error = std::exchange(failed_, nullptr);
    if (!diverts && policy_ == OnError::propagate) last.context.fail(error);
    return give_up(*last.value, &last.context, std::move(error));
  }

  Pending* give_up(const In& value, const Context* context, std::exception_ptr error) {
    if constexpr (covers) this->info().fails();
    if constexpr (diverts) {
      DeadLetter<In> letter{value, Context::of(context), this->info().label(), std::move(error)};
      return letters_.outlet.push(std::move(letter), context);
    } else {
      if (policy_ == OnError::propagate) std::rethrow_exception(error);
      if (context) context->drop(skipped);
      return nullptr;
    }
  }

  /// How long to wait after so many attempts, none of which was the last.
  Duration next_pause(std::size_t made) noexcept {
    if (made >= backoff_.attempts()) return {};
    // The step counts what its function throws; an element that is tried again has not failed yet.
    if (!covers && this->info().counting) this->info().failed.subtract();
    return backoff_.pause(made);
  }
  TimePoint later(Duration pause) const { return Backoff::after(pause, this->loop()); }

  Item& keep(Item item) {
    Item& kept = current_.emplace(std::move(item));
    this->besides(1);
    return kept;
  }
  Item done() {
    Item item = std::move(*current_);
    current_.reset();
    this->besides(0);
    return item;
  }
  Pending* wait(Item& item, Why why) {
    item.receipt = Receipt::waiting(this->strand(), &this->info(), why);
    return item.receipt.share();
  }

  S step_;
  Tail tail_;
  [[no_unique_address]] LettersOf<Final, In> letters_;
  Backoff backoff_;
  OnError policy_;
  std::optional<Item> current_;  // the element that is tried again
  std::exception_ptr failed_;    // why
  bool behind_ = false;          // it waits behind, and may still fail
  Alarm<GuardNode> alarm_;
};

template <class Final>
inline constexpr bool is_divert = false;
template <element T>
inline constexpr bool is_divert<DivertTo<T>> = true;

inline Retry checked(Retry retry) {
  if (retry.attempts == 0) bad_argument("on_error: attempts must be at least 1");
  if (retry.backoff < Duration{}) bad_argument("on_error: the back-off must not be negative");
  if (retry.max_backoff <= Duration{}) bad_argument("on_error: max_backoff must be longer than 0");
  if (!(retry.factor >= 1)) bad_argument("on_error: the factor must be at least 1");
  if (!(retry.jitter >= 0 && retry.jitter <= 1)) bad_argument("on_error: the jitter must be from 0 to 1");
  return retry;
}

/// What `on_error` makes: to be called with a chain, or given to `sink`.
template <bool retries, class Final>
class ErrorPolicies {
 public:
  ErrorPolicies(Retry retry, Final last) : retry_(retry), final_(std::move(last)) {}

  template <class S>
  auto operator()(S&& chain) {
    using Chain = std::remove_cvref_t<S>;
    if constexpr (requires(Chain c) { std::move(c).guard(*this); }) {
      return std::move(chain).guard(*this);
    } else {
      return guard_last(std::move(chain));
    }
  }

  /// Whether elements have to be kept.
  static constexpr bool keeps = retries || is_divert<Final>;

  const Retry& retry() const noexcept { return retry_; }
  const Final& last() const noexcept { return final_; }

  /// Whether it is for an operator that takes a `T`; if not, says so.
  template <element T>
  static constexpr bool suits() {
    constexpr bool can_be_kept = !keeps || std::copy_constructible<T>;
    constexpr bool right_letters = !is_divert<Final> || LettersOf<Final, T>::exist;
    static_assert(can_be_kept, "on_error: to be tried again or diverted an element must be copyable");
    static_assert(right_letters, "on_error: divert_to needs a stream of DeadLetter<T> where T is what the operator takes");
    return can_be_kept && right_letters;
  }

  /// The step with the policy, when nothing has to be kept.
  template <class S>
  auto around(S step) {
    return Guarded(std::move(step), final_);
  }

  /// A node whose policy is for what is behind it.
  template <element T>
  auto before_sink(const Stream<T>& stream) {
    Info info{"on_error"};
    return this->template keep<true>(stream, PassStep{}, std::move(info));
  }

 private:
  template <class Chain>
  auto guard_last(Chain&& chain) {
    constexpr bool has_step = requires(Chain c) { std::move(c).without_last([](auto&&, auto&&, Info&&) {}); };
    static_assert(has_step,
                  "on_error: stands behind an operator with a function, such as map or filter, in the same expression; for a "
                  "sink it is the last argument: sink(fn, on_error(...))");
    if constexpr (has_step) {
      return std::move(chain).without_last([this](auto before, auto step, Info info) {
        if constexpr (keeps) {
          return this->template keep<false>(before.stream(), std::move(step), std::move(info));
        } else {
          return std::move(before).then(this->around(std::move(step)), std::move(info));
        }
      });
    } else {
      return std::move(chain);
    }
  }

  template <bool covers, element T, class S>
  auto keep([[maybe_unused]] const Stream<T>& stream, [[maybe_unused]] S step, [[maybe_unused]] Info info) {
    if constexpr (suits<T>()) {
      using Guard = GuardNode<T, S, Final, covers>;
      OnError policy = OnError::propagate;
      if constexpr (!is_divert<Final>) policy = final_;
      Guard& node = attach<Guard>(stream, std::move(info), std::move(step), retry_, policy);
      if constexpr (Guard::diverts) Stream<DeadLetter<T>>{node.letters()}.connect(final_.letters);
      if constexpr (std::is_void_v<typename S::template output<T>>) {
        return Sink{node};
      } else {
        return Stream{node.tail()};
      }
    }
  }

  Retry retry_;
  Final final_;
};

template <class T>
inline constexpr bool is_error_policies = false;
template <bool retries, class Final>
inline constexpr bool is_error_policies<ErrorPolicies<retries, Final>> = true;

}  // namespace detail

/// Says what happens when the function of the operator before it throws.
///
///     in   -1-0-2-|
///          map(x -> 6 / x).on_error(OnError::skip)
///     out  -6---3-|
///
/// It stands right behind that operator, in the same expression, or as the last argument of a sink. Exceptions of operators
/// further down are none of its business and come back as always; only the policy of a sink covers all that the sink does,
/// also when it is asynchronous. Behind map_async it is for every call on its own: the others go on, and with `ordered` their
/// results wait for an element that is tried again.
///
/// @param policies  `OnError::skip`, `OnError::propagate` or `divert_to(letters)`, and before it, or alone, a `Retry{...}`.
///                  A diverted element goes as a DeadLetter, with its Refs, to `letters`, which becomes part of this graph.
///
/// Back-pressure: passes through; while an element is tried again it and those behind it wait.
/// Metadata:      follows its element, and a dead letter; that of a skipped element ends as dropped.
/// Errors:        std::invalid_argument here for a wrong number, std::logic_error here for a back-off without an event loop;
///                what is left after the policy comes back through emit or the receipt.
/// Cost:          nothing for skip until something throws; a copy of the element and a node for retry and divert_to.
/// Recovery:      drained: a checkpoint waits for an element that is tried again. Beside that, of the operator before it.
/// Example:       examples/02_operators/on_error.cpp
/// See also:      map, map_async, sink, timeout
template <class... Policies>
auto on_error(Policies... policies) {
  constexpr bool retries = (std::same_as<Policies, Retry> || ...);
  constexpr std::size_t others = ((std::same_as<Policies, Retry> ? 0 : 1) + ... + 0);
  constexpr bool known =
      ((std::same_as<Policies, Retry> || std::same_as<Policies, OnError> || detail::is_divert<Policies>) && ...);
  constexpr bool right = known && others <= 1 && sizeof...(Policies) - others <= 1 && sizeof...(Policies) > 0;
  static_assert(right, "on_error: takes OnError::skip, OnError::propagate or divert_to(letters), a Retry{...}, or both");
  if constexpr (right) {
    const Retry retry = retries ? detail::checked(detail::pick<Retry>(policies...)) : Retry{.attempts = 1};
    using Diverts = decltype(detail::pick<DivertTo>(OnError::propagate, policies...));
    if constexpr (detail::is_divert<Diverts>) {
      return detail::ErrorPolicies<retries, Diverts>{retry, detail::pick<DivertTo>(OnError::propagate, policies...)};
    } else {
      return detail::ErrorPolicies<retries, OnError>{retry, detail::pick<OnError>(policies...)};
    }
  } else {
    return detail::ErrorPolicies<false, OnError>{Retry{}, OnError::propagate};  // so that this is the only error
  }
}

}  // namespace penstock
