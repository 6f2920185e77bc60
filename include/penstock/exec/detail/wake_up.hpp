// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>

#include <boost/asio/detail/config.hpp>

#include "penstock/core/loop.hpp"

#if __has_include(<sys/timerfd.h>)
#include <sys/timerfd.h>
#include <unistd.h>
#endif
#if defined(BOOST_ASIO_HAS_TIMERFD)
#include <cerrno>

#include <boost/asio/posix/basic_descriptor.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#else
#include <chrono>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/wait_traits.hpp>
#endif

// The one alarm that an event loop sets in Asio. Where Linux has a descriptor for it, Asio's timers are not needed: with
// Boost.DateTime, which they include, they take longer to compile than all else that a loop needs of Asio.

namespace penstock {

namespace asio = boost::asio;

namespace detail {

#if defined(BOOST_ASIO_HAS_TIMERFD)

template <class Executor>
class WakeUp : asio::posix::basic_descriptor<Executor> {
  using Base = asio::posix::basic_descriptor<Executor>;

 public:
  explicit WakeUp(const Executor& executor) : Base(executor) {
    const int alarm = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    boost::system::error_code error(errno, boost::system::system_category());
    if (alarm >= 0) {
      Base::assign(alarm, error);
      if (!error) return;
      ::close(alarm);
    }
    throw boost::system::system_error(error, "EventLoop: no timer");
  }

  /// Calls `handler` at that time of the steady clock; the one that was set before is called now.
  template <class Handler>
  void set(TimePoint at, Handler handler) {
    cancel();
    const auto since = at.time_since_epoch().count();
    ::itimerspec when{};
    when.it_value.tv_sec = static_cast<decltype(when.it_value.tv_sec)>(since > 0 ? since / 1'000'000'000 : 0);
    when.it_value.tv_nsec = static_cast<decltype(when.it_value.tv_nsec)>(since > 0 ? since % 1'000'000'000 : 1);
    ::timerfd_settime(this->native_handle(), TFD_TIMER_ABSTIME, &when, nullptr);
    this->async_wait(Base::wait_read, std::move(handler));
  }
  void cancel() noexcept {
    boost::system::error_code ignored;
    Base::cancel(ignored);
  }
};

#else

template <class Executor>
class WakeUp {
 public:
  explicit WakeUp(const Executor& executor) : timer_(executor) {}

  template <class Handler>
  void set(TimePoint at, Handler handler) {
    using Clock = std::chrono::steady_clock;
    timer_.expires_at(Clock::time_point{std::chrono::duration_cast<Clock::duration>(at.time_since_epoch())});
    timer_.async_wait(std::move(handler));
  }
  void cancel() noexcept { timer_.cancel(); }

 private:
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor> timer_;
};

#endif

}  // namespace detail
}  // namespace penstock
