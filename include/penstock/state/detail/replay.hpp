// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "penstock/core/managed.hpp"
#include "penstock/core/ref.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/state/codec.hpp"

// Replay mode: a source may go on, after a crash, behind the elements whose Refs have all ended.

namespace penstock::detail {

/// The elements of one source in lots, in order. All of a lot carry one Ref; its position is that before its first element. So
/// memory and time are those of a lot, and a restart reads at most a lot more than it has to.
class ReplayPositions {
 public:
  explicit ReplayPositions(const Managed& source) : source_(source), lots_(new Lots) {}
  ReplayPositions(const ReplayPositions&) = delete;
  ReplayPositions& operator=(const ReplayPositions&) = delete;
  ~ReplayPositions() {
    last_.reset();
    lots_->release();
  }

  /// A Ref for the next element.
  const Ref& next() {
    if (left_ == 0) {
      left_ = elements_a_lot;
      lots_->open.push(Lot{position_now(), false});
      last_ = Ref{Finish{*lots_, lots_->first + lots_->open.size() - 1}};
    }
    --left_;
    return last_;
  }

  /// Where to go on from: before the first lot that is not through.
  std::string position() {
    // Nothing is added to the lot under way: it may come to its end. Whether it has, its callback tells a little later.
    left_ = 0;
    if (last_.use_count() == 1 && last_.outcome() != Outcome::failed) lots_->through(lots_->first + lots_->open.size() - 1);
    last_.reset();
    return lots_->open.empty() ? position_now() : lots_->open.front().position;
  }

 private:
  static constexpr unsigned elements_a_lot = 64;

  struct Lot {
    std::string position;
    bool through;
  };
  /// Shared with the Refs, which may live longer.
  struct Lots {
    Ring<Lot> open;
    std::uint64_t first = 0;  // number of the one in front
    std::uint32_t holders = 1;

    void release() noexcept {
      if (--holders == 0) delete this;
    }
    void through(std::uint64_t number) {
      if (number < first) return;
      open[static_cast<std::size_t>(number - first)].through = true;
      for (; !open.empty() && open.front().through; ++first) open.pop();
    }
  };
  /// What has failed is not through: nothing behind it counts, so it is read again after a restart.
  class Finish {
   public:
    Finish(Lots& lots, std::uint64_t number) noexcept : lots_(&lots), number_(number) { ++lots.holders; }
    Finish(Finish&& other) noexcept : lots_(std::exchange(other.lots_, nullptr)), number_(other.number_) {}
    ~Finish() {
      if (lots_) lots_->release();
    }
    void operator()(const Ending& ending) {
      if (ending.outcome != Outcome::failed) lots_->through(number_);
    }

   private:
    Lots* lots_;
    std::uint64_t number_;
  };

  std::string position_now() const {
    StateWriter writer;
    source_.save(writer);
    return writer.take();
  }

  const Managed& source_;
  Lots* lots_;
  Ref last_;  // of the lot under way
  unsigned left_ = 0;
};

}  // namespace penstock::detail
