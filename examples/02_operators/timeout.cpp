// SPDX-License-Identifier: BSL-1.0
// A heartbeat that is missed: the silence is reported once, and the stream goes on after it.
#include <fmt/core.h>

#include <chrono>
#include <exception>

#include "penstock/ops/timeout.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;

int main() {
  penstock::VirtualLoop loop;
  const auto now = [&] { return loop.now().time_since_epoch() / 1s; };

  penstock::Stream<int> heartbeat{loop};
  heartbeat.on_background_error([&](const std::exception_ptr& error, const penstock::Info&) {
    try {
      std::rethrow_exception(error);
    } catch (const penstock::TimedOut& silence) {
      fmt::print("{} s  {}\n", now(), silence.what());
    }
  });
  heartbeat.timeout(3s).sink([&](int x) { fmt::print("{} s  heartbeat {}\n", now(), x); });

  heartbeat.emit(1);
  loop.run_for(2s);
  heartbeat.emit(2);
  loop.run_for(7s);
  heartbeat.emit(3);
  heartbeat.close();
}
