// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

#include "penstock/core/pool.hpp"
#include "penstock/core/strand.hpp"

namespace penstock {

/// How an element ended. Of several reports the worst one stands, in this order.
enum class Outcome : std::uint8_t {
  done,     ///< processed, or left out because leaving it out was the processing
  dropped,  ///< lost by a policy that says so
  failed    ///< an exception unwound it
};

/// What a Ref's callback is told.
struct Ending {
  Outcome outcome = Outcome::done;
  std::exception_ptr error;      ///< with `failed`
  const char* reason = nullptr;  ///< with `dropped`: the policy, as a constant text
};

namespace detail {

template <class T>
inline constexpr char type_tag = 0;

class RefBlock : public Task, public Pooled {
 public:
  void retain() noexcept { ++count_; }
  void release() noexcept {
    if (--count_ == 0) last_copy_gone();
  }
  std::uint32_t count() const noexcept { return count_; }

  void report(Outcome outcome, std::exception_ptr error, const char* reason) noexcept {
    if (outcome <= ending_.outcome) return;
    ending_ = {outcome, std::move(error), reason};
  }
  const Ending& ending() const noexcept { return ending_; }

  void bind(Strand& home) noexcept {
    if (!home_) home_ = StrandRef{home};
  }

  virtual const void* data(const void* tag) const noexcept = 0;

  void run() final {
    struct End {
      RefBlock* self;
      ~End() { delete self; }
    } end{this};
    try {
      ended();
    } catch (...) {
      if (home_) home_->report(std::current_exception());
    }
  }
  /// The loop ends before its turn: told all the same, as it is told once.
  void discard() noexcept final { run(); }

 protected:
  ~RefBlock() override = default;
  virtual void ended() = 0;

 private:
  [[gnu::noinline]] void last_copy_gone() noexcept {
    if (!home_) return run();
    StrandRef home = home_;
    home->post(*this);
  }

  std::uint32_t count_ = 1;
  Ending ending_;
  StrandRef home_;
};

template <class Callback, class Data>
class RefBlockOf final : public RefBlock {
 public:
  RefBlockOf(Callback callback, Data data) : callback_(std::move(callback)), data_(std::move(data)) {}
  const void* data(const void* tag) const noexcept override {
    return tag == &type_tag<Data> ? static_cast<const void*>(&data_) : nullptr;
  }

 private:
  void ended() override {
    if constexpr (std::invocable<Callback&, const Ending&>) {
      callback_(ending());
    } else {
      callback_();
    }
  }

  [[no_unique_address]] Callback callback_;
  [[no_unique_address]] Data data_;
};

struct NoCallback {
  void operator()() const noexcept {}
};
struct NoData {};

}  // namespace detail

/// A share in the processing of one element. Copying it retains, destroying it releases; when the last copy is gone its
/// callback is told once how the element ended. Nodes that keep an element keep its Refs; nobody calls release.
///
/// The callback runs on the strand of the graph that the Ref was first emitted into, posted and never inside a node; a
/// Ref that was never emitted tells its callback in its destructor. An exception thrown by the callback is reported like
/// one of background work. Copies belong to that strand: no two threads may hold copies of one Ref at once.
///
/// Cost: one pooled block a Ref, plain increments.
class Ref {
 public:
  Ref() = default;

  /// @param callback  called as `callback(const Ending&)` or `callback()`.
  template <class Callback>
    requires(std::invocable<Callback&> || std::invocable<Callback&, const Ending&>)
  explicit Ref(Callback callback) : Ref(std::move(callback), detail::NoData{}) {}

  /// @param data  anything that should travel beside the element; read with `data<Data>()`.
  template <class Callback, class Data>
    requires(std::invocable<Callback&> || std::invocable<Callback&, const Ending&>)
  Ref(Callback callback, Data data)
      : block_(new detail::RefBlockOf<Callback, Data>(std::move(callback), std::move(data))) {}

  /// Metadata alone: a Ref that tells nobody.
  template <class Data>
  static Ref with(Data data) {
    return Ref{detail::NoCallback{}, std::move(data)};
  }

  Ref(const Ref& other) noexcept : block_(other.block_) {
    if (block_) block_->retain();
  }
  Ref(Ref&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Ref& operator=(const Ref& other) noexcept { return *this = Ref(other); }
  Ref& operator=(Ref&& other) noexcept {
    detail::RefBlock* const old = std::exchange(block_, std::exchange(other.block_, nullptr));
    if (old) old->release();
    return *this;
  }
  ~Ref() {
    if (block_) block_->release();
  }

  explicit operator bool() const noexcept { return block_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) noexcept { return a.block_ == b.block_; }

  /// Lets go of this copy.
  void reset() noexcept { *this = Ref{}; }
  /// Copies alive, this one included; 0 for an empty Ref.
  std::uint32_t use_count() const noexcept { return block_ ? block_->count() : 0; }

  /// The data given at construction when it is a `Data`, otherwise null.
  template <class Data>
  const Data* data() const noexcept {
    return block_ ? static_cast<const Data*>(block_->data(&detail::type_tag<Data>)) : nullptr;
  }

  void fail(std::exception_ptr error) const noexcept {
    if (block_) block_->report(Outcome::failed, std::move(error), nullptr);
  }
  /// @param reason  a constant text that names the policy.
  void drop(const char* reason) const noexcept {
    if (block_) block_->report(Outcome::dropped, nullptr, reason);
  }
  /// The worst report so far.
  Outcome outcome() const noexcept { return block_ ? block_->ending().outcome : Outcome::done; }

  /// Makes `strand` the one its callback runs on, if it has none yet.
  void bind(Strand& strand) const noexcept {
    if (block_) block_->bind(strand);
  }

 private:
  detail::RefBlock* block_ = nullptr;
};

}  // namespace penstock
