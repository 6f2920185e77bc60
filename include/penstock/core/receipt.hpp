// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <utility>

#include "penstock/core/info.hpp"
#include "penstock/core/pool.hpp"
#include "penstock/core/strand.hpp"

namespace penstock {

/// Why an element has to wait.
enum class Why : std::uint8_t {
  sink,    ///< a sink's own asynchronous work
  full,    ///< a queue at its bound
  rate,    ///< a rate limit
  time,    ///< a delay, a back-off
  order,   ///< an element before it
  partner, ///< the other side of a zip, or several branches
  barrier  ///< a checkpoint's barrier, on the other inputs
};

/// The heap state of a Receipt that really waits; nothing else in the library allocates for back-pressure. Knows who
/// holds the element, why and since when.
class Pending : public detail::Pooled {
 public:
  /// @param who  the operator that holds the element; must outlive the settling. Null for joined branches.
  [[gnu::noinline]] Pending(Strand& strand, Info* who, Why why)
      : strand_(strand), since_(strand.loop() ? strand.loop()->turn_time() : TimePoint{}), who_(who), why_(why) {
    if (who_) who_->waiting.add();
  }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  void retain() noexcept { ++holders_; }
  [[gnu::noinline]] void release() noexcept {
    if (--holders_ == 0) delete this;
  }

  bool settled() const noexcept { return settled_; }
  const std::exception_ptr& error() const noexcept { return error_; }
  Strand& strand() const noexcept { return *strand_; }
  const Info* who() const noexcept { return who_; }
  Why why() const noexcept { return why_; }
  TimePoint since() const noexcept { return since_; }

  /// Posts all that wait for it. Settling twice does nothing.
  [[gnu::noinline]] void settle(std::exception_ptr error = nullptr) noexcept {
    if (settled_) return;
    settled_ = true;
    error_ = std::move(error);
    leave();
    while (Task* task = waiters_.pop()) strand_->post(*task);
  }

  /// The operator holds it no longer: it may be gone before this is settled.
  void leave() noexcept {
    if (!who_) return;
    who_->waiting.subtract();
    if (Loop* loop = strand_->loop()) {
      who_->blocked_ns.add(static_cast<std::uint64_t>((loop->turn_time() - since_).count()));
    }
    who_ = nullptr;
  }

  /// Runs `task` on the strand when this has settled, soon if it has.
  [[gnu::noinline]] void then(Task& task) noexcept {
    if (settled_) {
      strand_->post(task);
    } else {
      waiters_.push(task);
    }
  }

 protected:
  [[gnu::noinline]] virtual ~Pending() = default;

 private:
  StrandRef strand_;
  TaskQueue waiters_;
  std::exception_ptr error_;
  TimePoint since_;
  Info* who_;
  std::uint32_t holders_ = 1;
  Why why_;
  bool settled_ = false;
};

/// The answer to an element that was emitted: empty means "taken, go on"; otherwise it settles later, with success or with
/// an exception. One pointer; copying shares the state. Through the virtual interface of nodes it is the bare pointer,
/// owned by whoever gets it.
class [[nodiscard]] Receipt {
 public:
  Receipt() = default;
  /// Takes over the bare pointer that a `push` returned.
  explicit Receipt(Pending* owned) noexcept : state_(owned) {}
  Receipt(const Receipt& other) noexcept : state_(other.state_) {
    if (state_) state_->retain();
  }
  Receipt(Receipt&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  // By reference: in `receipt = {}` within a template clang 14 never destroys a parameter that is a value.
  Receipt& operator=(const Receipt& other) noexcept { return *this = Receipt(other); }
  Receipt& operator=(Receipt&& other) noexcept {
    const Receipt old{std::exchange(state_, std::exchange(other.state_, nullptr))};
    return *this;
  }
  ~Receipt() {
    if (state_) state_->release();
  }

  /// A receipt that its holder settles.
  [[gnu::noinline]] static Receipt waiting(Strand& strand, Info* who, Why why) {
    return Receipt{new Pending(strand, who, why)};
  }

  /// True when the element still waits.
  bool pending() const noexcept { return state_ && !state_->settled(); }
  /// The exception it settled with, if any.
  std::exception_ptr error() const noexcept { return state_ ? state_->error() : nullptr; }
  /// Throws the exception it settled with.
  void get() const {
    if (state_ && state_->error()) std::rethrow_exception(state_->error());
  }

  Pending* state() const noexcept { return state_; }
  /// The bare pointer to return from a `push`: a copy of the share.
  Pending* share() const noexcept {
    if (state_) state_->retain();
    return state_;
  }
  /// Gives the bare pointer away.
  Pending* release() noexcept { return std::exchange(state_, nullptr); }

  void settle(std::exception_ptr error = nullptr) const noexcept {
    if (state_) state_->settle(std::move(error));
  }

 private:
  Pending* state_ = nullptr;
};

/// Joins the receipts of several pushes into one: settled when all are, with the exception of the first that failed.
class Join {
 public:
  explicit Join(Strand& strand) : strand_(strand) {}
  Join(const Join&) = delete;
  Join& operator=(const Join&) = delete;
  ~Join() {
    if (all_) all_->release();
    if (one_) one_->release();
  }

  [[gnu::noinline]] void add(Pending* owned) {
    if (!owned) return;
    if (!one_ && !all_) {
      one_ = owned;
      return;
    }
    if (!all_) {
      all_ = new All(strand_);
      all_->wait_for(std::exchange(one_, nullptr));
    }
    all_->wait_for(owned);
  }

  /// The joined receipt, null when nothing waits.
  Pending* finish() noexcept {
    if (!all_) return std::exchange(one_, nullptr);
    all_->sealed();
    return std::exchange(all_, nullptr);
  }

 private:
  class All final : public Pending {
   public:
    explicit All(Strand& strand) : Pending(strand, nullptr, Why::partner) {}
    void wait_for(Pending* owned) {
      ++open_;
      owned->then(*new Branch(this, owned));
    }
    void sealed() noexcept { close(nullptr); }

   private:
    struct Branch final : Task, detail::Pooled {
      Branch(All* all, Pending* owned) : all_(all), on_(owned) { all_->retain(); }
      ~Branch() override { all_->release(); }
      [[gnu::noinline]] void run() override {
        all_->close(on_.error());
        delete this;
      }
      // It had settled. What waits for all of them hears of it, or would be kept alive by waiting.
      void discard() noexcept override { run(); }
      All* all_;
      Receipt on_;
    };
    [[gnu::noinline]] void close(std::exception_ptr error) noexcept {
      if (error && !first_) first_ = std::move(error);
      if (--open_ == 0) settle(first_);
    }

    std::uint32_t open_ = 1;
    std::exception_ptr first_;
  };

  Strand& strand_;
  Pending* one_ = nullptr;
  All* all_ = nullptr;
};

/// A receipt that nobody waits for: when it settles with an exception, that is reported like one of background work.
class Unwaited final : public Task {
 public:
  Unwaited() = default;
  ~Unwaited() override { static_cast<void>(let_go()); }

  /// An element that was emitted by one that is kept here is kept with it.
  void keep(Receipt receipt) {
    Strand& strand = receipt.state()->strand();
    if (receipt_.state()) {
      Join both{strand};
      both.add(let_go().release());
      both.add(receipt.release());
      receipt = Receipt{both.finish()};
    }
    receipt_ = std::move(receipt);
    strand.owes();
    receipt_.state()->then(*this);
  }
  bool pending() const noexcept { return receipt_.pending(); }
  const Receipt& receipt() const noexcept { return receipt_; }

  void run() override {
    const Receipt receipt = let_go();
    if (receipt.error()) receipt.state()->strand().report(receipt.error());
  }

 private:
  [[gnu::noinline]] Receipt let_go() noexcept {
    unlink();
    Receipt receipt = std::exchange(receipt_, {});
    if (receipt.state()) receipt.state()->strand().owes_no_more();
    return receipt;
  }

  Receipt receipt_;
};

}  // namespace penstock
