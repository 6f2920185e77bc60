// SPDX-License-Identifier: BSL-1.0
//
// Who pays twice within ten minutes, and which carts are left behind: what windows do not say, a function with states and timers
// does.
#include <chrono>
#include <cstdint>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;

struct Event {
  std::chrono::sys_seconds time;
  std::string user;
  std::string type;  // cart or purchase
  std::int64_t cents = 0;
};
struct LeftBehind {
  std::string user;
  std::int64_t cents;
};

struct Watch {
  penstock::ValueState<Event> paid{"paid", {.time_to_live = 10min}};  // not needed longer than that
  penstock::ListState<std::int64_t> cart{"cart"};
  penstock::SideOutput<LeftBehind> left_behind{};

  void element(const Event& event, auto& ctx) {
    if (event.type == "cart") {
      if (cart.empty()) ctx.timer_at(event.time + 1h);
      return cart.add(event.cents);
    }
    cart.clear();
    if (paid.has_value() && paid->cents == event.cents && event.time - paid->time < 10min) ctx.emit(event);
    paid = event;
  }
  void timer(auto& ctx) {
    std::int64_t sum = 0;
    for (std::int64_t cents : cart) sum += cents;
    if (sum != 0) ctx.emit(left_behind, LeftBehind{ctx.key(), sum});
    cart.clear();
  }
};

int main() {
  const auto at = [](int minutes) { return std::chrono::sys_seconds{1'600'000'020s + std::chrono::minutes{minutes}}; };
  const penstock::Stream<Event> events;

  auto twice = events.event_time(&Event::time, penstock::bounded_disorder(1min)).key_by(&Event::user).process(Watch{});
  twice.sink([](const Event& event) { fmt::print("{} has paid {} cents twice\n", event.user, event.cents); });
  twice.side(&Watch::left_behind).sink([](const LeftBehind& cart) {
    fmt::print("{} has left {} cents behind\n", cart.user, cart.cents);
  });

  events.emit({at(0), "ann", "cart", 300});
  events.emit({at(1), "bob", "cart", 500});
  events.emit({at(2), "bob", "purchase", 500});
  events.emit({at(4), "ann", "cart", 150});
  events.emit({at(5), "bob", "purchase", 500});
  events.emit({at(30), "bob", "purchase", 500});  // that is long enough
  events.emit({at(70), "cid", "cart", 900});      // ann's hour is over
  events.close();
}
