// SPDX-License-Identifier: BSL-1.0
// Looks up several elements at a time with a coroutine, and keeps their order.
#include <algorithm>
#include <chrono>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;

int main() {
  penstock::EventLoop loop;
  penstock::Stream<int> source{loop};
  int under_way = 0;
  int most = 0;

  auto look_up = [&](int id) -> asio::awaitable<std::string> {
    most = std::max(most, ++under_way);
    co_await loop.sleep(id == 1 ? 20ms : 2ms);  // the first answer comes last
    --under_way;
    co_return "customer " + std::to_string(id);
  };
  source.map_async(look_up, {.parallelism = 3}).sink([](const std::string& name) { fmt::print("{}\n", name); });

  for (int id = 1; id <= 5; ++id) source.emit(id);  // waits for a slot, not for the answer
  source.close();                                   // waits for all of them
  fmt::print("at most {} at once\n", most);
}
