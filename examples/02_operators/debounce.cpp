// SPDX-License-Identifier: BSL-1.0
// A search box: ask only when nobody has typed for 300 ms.
#include <fmt/core.h>

#include <chrono>
#include <string>

#include "penstock/ops/debounce.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;

int main() {
  penstock::VirtualLoop loop;
  penstock::Stream<std::string> typed{loop};
  typed.debounce(300ms).sink([&](const std::string& text) {
    fmt::print("{} ms  search for \"{}\"\n", loop.now().time_since_epoch() / 1ms, text);
  });

  for (const char* text : {"p", "pe", "pen"}) {
    typed.emit(text);
    loop.run_for(100ms);
  }
  loop.run_for(1s);
  typed.emit("pens");
  loop.run();
}
