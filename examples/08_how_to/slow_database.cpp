// SPDX-License-Identifier: BSL-1.0
// A database that takes ten milliseconds for a transaction, however much is in it: rows by the batch, several batches at a time,
// and only the newest row of each key. On a virtual loop, whose clock jumps, so that the times below are exact.
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/core.h>

#include <penstock/penstock.hpp>
#include <penstock/testing/virtual_loop.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;

struct Price {
  std::string item;
  int cents;
};
using Batch = std::vector<Price>;

/// Stands for a pool of connections.
class Database {
 public:
  explicit Database(penstock::VirtualLoop& loop) : loop_(loop) {}

  asio::awaitable<void> write(Batch rows) {
    const int now = ++transactions_;
    co_await loop_.sleep(10ms);
    if (now == locked_) throw std::runtime_error("the database is locked");
    fmt::print("{:3} ms  transaction {}:", loop_.now().time_since_epoch() / 1ms, now);
    for (const Price& row : rows) fmt::print(" {} {}", row.item, row.cents);
    fmt::print("\n");
  }
  void lock_in(int transaction) { locked_ = transaction; }

 private:
  penstock::VirtualLoop& loop_;
  int transactions_ = 0;
  int locked_ = 0;
};

const std::vector<Price> changes{{"mug", 450}, {"lamp", 3000}, {"mug", 420}, {"chair", 8000},
                                 {"mug", 410}, {"lamp", 2900}, {"mug", 400}};

int main() {
  {
    fmt::print("three rows a transaction, or what there is after 50 ms:\n");
    penstock::VirtualLoop loop;
    Database database{loop};
    penstock::Stream<Price> prices{loop};
    prices.partition(3, 50ms).sink([&](Batch rows) { return database.write(std::move(rows)); });
    for (const Price& price : changes) prices.emit(price);
    loop.run();
  }
  {
    fmt::print("three transactions at a time:\n");
    penstock::VirtualLoop loop;
    Database database{loop};
    penstock::Stream<Price> prices{loop};
    auto write = [&](Batch rows) -> asio::awaitable<std::size_t> {
      const std::size_t n = rows.size();
      co_await database.write(std::move(rows));
      co_return n;
    };
    std::size_t written = 0;
    prices.partition(2).map_async(write, {.parallelism = 3}).sink([&](std::size_t rows) { written += rows; });
    for (const Price& price : changes) prices.emit(price);
    prices.close();
    fmt::print("        {} rows\n", written);
  }
  {
    fmt::print("only what each item costs now:\n");
    penstock::VirtualLoop loop;
    Database database{loop};
    penstock::Stream<Price> prices{loop};
    prices.buffer(100, penstock::keep_one_per(&Price::item))
        .sink([&](Price row) { return database.write({std::move(row)}); });
    for (const Price& price : changes) prices.emit(price);
    prices.close();
  }
  {
    fmt::print("a database that is locked is asked again:\n");
    penstock::VirtualLoop loop;
    Database database{loop};
    database.lock_in(1);
    penstock::Stream<Price> prices{loop};
    prices.partition(4).sink([&](Batch rows) { return database.write(std::move(rows)); },
                             penstock::on_error(penstock::Retry{.attempts = 5, .backoff = 100ms}));
    for (const Price& price : changes) prices.emit(price);
    prices.close();
  }
}
