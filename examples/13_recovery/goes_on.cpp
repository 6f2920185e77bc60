// SPDX-License-Identifier: BSL-1.0
//
// A job that is broken off in the middle, twice, and goes on each time where it was: the totals are those of a job that was
// not. It writes into a folder of its own under the system's folder for temporary files.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <boost/describe.hpp>
#include <fmt/core.h>
#include <penstock/penstock.hpp>
#include <penstock/state/checkpoints.hpp>

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct Sale {
  std::string shop;
  int cents = 0;
};
BOOST_DESCRIBE_STRUCT(Sale, (), (shop, cents))

struct Total {
  std::string shop;
  std::int64_t cents = 0;
  std::int64_t sales = 0;
};
BOOST_DESCRIBE_STRUCT(Total, (), (shop, cents, sales))

/// What is remembered of each shop.
struct Totals {
  penstock::ValueState<Total> total{"total"};

  using output = Total;
  void element(const Sale& sale, auto& ctx) {
    Total now = total.value_or(Total{sale.shop});
    now.cents += sale.cents;
    now.sales += 1;
    total = now;
    ctx.emit(now);
  }
};

/// One life of the job: it dies behind `lives_for` elements and a snapshot, as by kill -9, unless that is 0.
void live(const fs::path& folder, int lives_for) {
  penstock::EventLoop loop;
  const auto sales = penstock::from_csv<Sale>(loop, (folder / "sales.csv").string()).named("sales");
  const auto totals = sales.rate_limit(200us).key_by(&Sale::shop).process(Totals{}).named("totals");
  (totals | penstock::upsert_csv((folder / "totals.csv").string(), &Total::shop)).named("totals.csv");
  int seen = 0;
  std::optional<penstock::Checkpoints> checkpoints;
  totals.sink([&](const Total&) {
          ++seen;
          if (lives_for != 0 && seen >= lives_for && checkpoints->stats().epoch > 0) loop.stop();
        })
      .promises(penstock::Guarantee::exactly_once);

  const penstock::CheckpointOptions options{
      .directory = folder / "state", .every = 20ms, .guarantee = penstock::Guarantee::exactly_once};
  checkpoints.emplace(totals, options);
  fmt::print("{}\n", checkpoints->stats().restored == 0 ? "from the beginning" : "from a snapshot");
  totals.start();
  loop.run();
}

int main() {
  const fs::path folder = fs::temp_directory_path() / "penstock_goes_on";
  fs::remove_all(folder);
  fs::create_directories(folder);
  {
    std::ofstream file{folder / "sales.csv"};
    file << "shop,cents\n";
    for (int i = 0; i < 900; ++i) file << (i % 3 == 0 ? "north" : "south") << ',' << i % 100 << '\n';
  }
  live(folder, 400);
  live(folder, 400);
  live(folder, 0);
  std::ifstream file{folder / "totals.csv"};
  fmt::print("{}", std::string{std::istreambuf_iterator<char>{file}, {}});
  fs::remove_all(folder);
}
