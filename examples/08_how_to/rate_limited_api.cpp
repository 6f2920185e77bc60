// SPDX-License-Identifier: BSL-1.0
// A service that allows one request in 100 ms, takes 250 ms for an answer, and sometimes says that it was too much. On a virtual
// loop, whose clock jumps, so that the times below are exact.
#include <chrono>
#include <map>
#include <stdexcept>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>
#include <penstock/testing/virtual_loop.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;

struct TooMany : std::runtime_error {
  TooMany() : std::runtime_error("429 Too Many Requests") {}
};

int main() {
  penstock::VirtualLoop loop;
  const auto now = [&] { return loop.now().time_since_epoch() / 1ms; };

  std::map<std::string, int> asked;
  auto ask = [&](std::string city) -> asio::awaitable<std::string> {
    fmt::print("{:4} ms  GET /weather/{}\n", now(), city);
    const int times = ++asked[city];
    co_await loop.sleep(250ms);
    if (city == "Rome" && times == 1) throw TooMany{};
    co_return city + " is sunny";
  };

  penstock::Stream<std::string> cities{loop, "cities"};
  auto answers = cities.unique(penstock::Unique{.maxsize = 1000})
                     .rate_limit(100ms)
                     .map_async(ask, {.parallelism = 4})
                     .on_error(penstock::Retry{.attempts = 3, .backoff = 500ms}, penstock::OnError::skip);
  answers.sink([&](const std::string& answer) { fmt::print("{:4} ms      {}\n", now(), answer); });

  for (const char* city : {"Oslo", "Rome", "Oslo", "Bern", "Kyiv"}) cities.emit(city);
  cities.close();
}
