// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/system/error_code.hpp>

#include "penstock/core/loop.hpp"
#include "penstock/exec/detail/wake_up.hpp"

// What an event loop stands on. Written for the executor that there is: Asio's erased one costs more time to compile than
// the rest of the loop.

namespace penstock {

class EventLoop;

namespace detail {

/// A turn of the loop, queued in Asio. There it may come to its turn after the loop has ended.
struct Turn {
  struct Life {
    EventLoop* loop;
  };
  std::shared_ptr<Life> life;
  std::uint64_t rang = 0;  // the number of the alarm that has gone off

  void operator()() const;
  void operator()(const boost::system::error_code&) const { (*this)(); }
};

class Ground {
 public:
  Ground() = default;
  Ground(const Ground&) = delete;
  Ground& operator=(const Ground&) = delete;
  virtual ~Ground() = default;

  virtual asio::execution_context& context() const noexcept = 0;
  virtual void post(Turn turn) = 0;
  /// In place of what was to wake before, whose turn comes now.
  virtual void wake(TimePoint at, Turn turn) = 0;
  virtual void let_sleep() noexcept = 0;
  /// Whether Asio is to stay because there is work elsewhere.
  virtual void keep(bool stay) noexcept = 0;
};

template <class Executor>
class GroundOn final : public Ground {
 public:
  explicit GroundOn(const Executor& executor) : executor_(executor), alarm_(executor) {}

  asio::execution_context& context() const noexcept override {
    return asio::query(executor_, asio::execution::context);
  }
  void post(Turn turn) override { asio::require(executor_, asio::execution::blocking.never).execute(std::move(turn)); }
  void wake(TimePoint at, Turn turn) override { alarm_.set(at, std::move(turn)); }
  void let_sleep() noexcept override { alarm_.cancel(); }
  void keep(bool stay) noexcept override {
    if (!stay) return work_.reset();
    if (!work_) work_.emplace(asio::prefer(executor_, asio::execution::outstanding_work.tracked));
  }

 private:
  using Tracked = decltype(asio::prefer(std::declval<const Executor&>(), asio::execution::outstanding_work.tracked));

  Executor executor_;
  WakeUp<Executor> alarm_;
  std::optional<Tracked> work_;
};

}  // namespace detail
}  // namespace penstock
