// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/basic_signal_set.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include "penstock/exec/asio_executor.hpp"
#include "penstock/sources/source.hpp"

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/connect/process.hpp: signals are taken and given back as POSIX does it"
#endif

namespace penstock {
namespace detail {

/// What this program did with a signal before the first source took it, for when the last one gives it back:
/// Asio then leaves the default.
class SignalsBefore {
 public:
  /// Around what takes one.
  template <class Fn>
  static void take(int signal, Fn fn) {
    SignalsBefore& all = instance();
    const std::scoped_lock lock{all.mutex_};
    Before& before = all.of(signal);
    struct sigaction action {};
    if (before.sources == 0) ::sigaction(signal, nullptr, &action);
    fn();
    if (before.sources++ != 0) return;
    before.action = action;
    ::sigaction(signal, nullptr, &before.taken);
  }
  /// Around what gives one back.
  template <class Fn>
  static void give_back(int signal, Fn fn) noexcept {
    SignalsBefore& all = instance();
    const std::scoped_lock lock{all.mutex_};
    fn();
    Before& before = all.of(signal);
    if (--before.sources != 0) return;
    struct sigaction now {};
    ::sigaction(signal, nullptr, &now);
    // Others of Asio's own may have it still, or may have had it before and not any more.
    const bool is_default = now.sa_handler == SIG_DFL;
    if (is_default && before.action.sa_handler != before.taken.sa_handler) {
      ::sigaction(signal, &before.action, nullptr);
    }
  }

 private:
  struct Before {
    std::size_t sources = 0;
    struct sigaction action {};
    struct sigaction taken {};
  };
  static SignalsBefore& instance() {
    static SignalsBefore all;
    return all;
  }
  Before& of(int signal) noexcept { return signals_[static_cast<std::size_t>(signal)]; }

  std::mutex mutex_;
  std::array<Before, NSIG> signals_{};
};

class SignalNode final : public SourceNode<int, SignalNode> {
 public:
  SignalNode(const LoopExecutor& executor, std::vector<int> signals, OnFailure on_failure)
      : SourceNode(Info{"from_signal", numbers(signals)}, on_failure),
        set_(std::make_shared<Set>(executor)),
        signals_(std::move(signals)) {
    set_->node = this;
  }
  ~SignalNode() override { set_->node = nullptr; }

  const char* needs_loop() const noexcept override { return "from_signal: signals"; }
  void shut_down() noexcept override {
    SourceNode::shut_down();
    set_->node = nullptr;
  }

  void on_start() noexcept { fresh_ = true; }
  void on_stop() noexcept {
    fresh_ = false;
    for (; taken_ > 0; --taken_) {
      const int signal = signals_[taken_ - 1];
      SignalsBefore::give_back(signal, [&] {
        boost::system::error_code ignored;
        set_->signals.remove(signal, ignored);
      });
    }
    boost::system::error_code ignored;
    set_->signals.cancel(ignored);
    waiting_.clear();
  }

  std::optional<int> next() {
    if (std::exchange(fresh_, false)) begin();
    if (waiting_.empty()) return nothing_yet();
    const int signal = waiting_.front();
    waiting_.erase(waiting_.begin());
    return signal;
  }

 private:
  using SignalSet = asio::basic_signal_set<LoopExecutor>;
  struct Set : std::enable_shared_from_this<Set> {
    explicit Set(const LoopExecutor& executor) : signals(executor) {}
    SignalSet signals;
    SignalNode* node = nullptr;
    bool waiting = false;
  };

  static std::string numbers(const std::vector<int>& signals) {
    std::string text;
    for (const int signal : signals) text += (text.empty() ? "" : ", ") + std::to_string(signal);
    return text;
  }

  void begin() {
    try {
      for (; taken_ < signals_.size(); ++taken_) {
        SignalsBefore::take(signals_[taken_], [&] { set_->signals.add(signals_[taken_]); });
      }
    } catch (...) {
      stop();  // the next attempt would fail at once
      throw;
    }
    wait();
  }
  void wait() {
    if (std::exchange(set_->waiting, true)) return;
    set_->signals.async_wait([set = set_](const boost::system::error_code& error, int signal) {
      set->waiting = false;
      if (set->node) set->node->came(error ? 0 : signal);
    });
  }
  void came(int signal) {
    if (taken_ == 0) return;
    wait();
    const bool known = std::find(signals_.begin(), signals_.end(), signal) != signals_.end();
    if (!known || std::find(waiting_.begin(), waiting_.end(), signal) != waiting_.end()) return;
    waiting_.push_back(signal);
    wake();
  }

  std::shared_ptr<Set> set_;
  std::vector<int> signals_;
  std::size_t taken_ = 0;  // the first so many of them
  std::vector<int> waiting_;
  bool fresh_ = false;
};

}  // namespace detail

/// Emits the numbers of the signals that this program gets, of those that are named.
///
///     signals  -INT----TERM-
///     out      -2------15---
///
/// @param loop     an EventLoop. Its `run` waits for signals until `stop`.
/// @param signals  such as SIGINT, SIGTERM, SIGHUP, SIGUSR1; each once. SIGKILL and SIGSTOP cannot be taken.
///
/// From `start` to `stop` the signals do nothing but this; then they do again what they did before. Several
/// sources may have the same signal, and each emits it. A program that is to end on SIGINT stops its sources
/// in a sink of this one, which among them stops this one too:
///
///     auto stop = penstock::from_signal(loop, {SIGINT, SIGTERM});
///     stop.sink([&](int) { rows.stop(); stop.stop(); });
///
/// Back-pressure: waits for each signal; those of one number that come meanwhile are one.
/// Metadata:      none.
/// Errors:        std::invalid_argument here for what is no signal; boost::system::system_error, reported,
///                when one cannot be taken, and the source stops; what is behind it throws is reported, and it
///                goes on or stops as `on_failure` says.
/// Cost:          one turn of the loop a signal.
/// Recovery:      signals that come while it is stopped are not its own.
/// Example:       examples/10_connect/process.cpp
/// See also:      from_process, from_periodic
inline Source<int> from_signal(Loop& loop, std::vector<int> signals, OnFailure on_failure = OnFailure::go_on) {
  if (signals.empty()) detail::bad_argument("from_signal: there is no signal to wait for");
  std::sort(signals.begin(), signals.end());
  for (std::size_t i = 0; i < signals.size(); ++i) {
    if (signals[i] <= 0 || signals[i] >= NSIG || signals[i] == SIGKILL || signals[i] == SIGSTOP) {
      detail::bad_argument("from_signal: " + std::to_string(signals[i]) + " is no signal that can be taken");
    }
    if (i > 0 && signals[i] == signals[i - 1]) {
      detail::bad_argument("from_signal: the signal " + std::to_string(signals[i]) + " is named twice");
    }
  }
  return Source<int>{detail::make_source(
      &loop,
      std::make_unique<detail::SignalNode>(AsioLoop::executor_of(loop), std::move(signals), on_failure))};
}

}  // namespace penstock
