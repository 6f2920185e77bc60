// SPDX-License-Identifier: BSL-1.0
//
// A job that dies again and again comes to what the model says: nothing is lost and nothing counts twice. Replay one with
// PENSTOCK_SEED=n; PENSTOCK_SEEDS=n runs so many.
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>

#include "catch.hpp"
#include "simulation/job.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

struct Ran {
  std::string wrong;
  std::uint64_t trace = 0;
  unsigned lives = 0;
};

Ran run(std::uint64_t seed) {
  const Plan plan{seed};
  World world;
  Ran outcome;
  const unsigned deaths = static_cast<unsigned>(seed % 4);
  try {
    for (bool over = false; !over; ++outcome.lives) {
      if (outcome.lives > 10) return {"it does not come to its end", outcome.trace, outcome.lives};
      Job job{plan, world, outcome.lives, outcome.lives >= deaths};
      over = job.live();
      over || seed % 2 == 0 ? world.disk.restart() : world.disk.lose_power(seed + outcome.lives);
      outcome.trace = outcome.trace * 31 + job.trace();
    }
  } catch (const std::exception& error) {
    return {error.what(), outcome.trace, outcome.lives};
  }
  const auto expect = [&](bool right, const char* what) {
    if (!right && outcome.wrong.empty()) outcome.wrong = what;
  };
  outcome.wrong = world.wrong;
  expect(world.upserted == plan.table, "the table that rows were put into is not the model's");
  expect(world.transacted == plan.table, "the table of the transactions is not the model's");
  expect(world.appended == plan.table, "the rows that were appended are not the model's");
  expect(world.late_ids == plan.late_ids, "other events were late");
  expect(world.total == plan.total, "the total is wrong");
  expect(world.pairs == plan.count, "pairs are missing");
  return outcome;
}

std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

#ifdef PENSTOCK_SANITIZED
constexpr std::uint64_t seeds = 1'000;
#else
constexpr std::uint64_t seeds = 10'000;
#endif

}  // namespace

TEST_CASE("a job that is killed again and again comes to what the model says") {
  const std::uint64_t one = number("PENSTOCK_SEED", 0);
  const std::uint64_t first = one != 0 ? one : 1;
  const std::uint64_t last = one != 0 ? one : number("PENSTOCK_SEEDS", seeds);
  std::uint64_t lives = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Ran outcome = run(seed);
    lives += outcome.lives;
    if (!outcome.wrong.empty()) FAIL("PENSTOCK_SEED=" << seed << ": " << outcome.wrong);
    if (seed % 100 == 1 && run(seed).trace != outcome.trace) FAIL("PENSTOCK_SEED=" << seed << ": another run did something else");
  }
  INFO(lives << " lives of " << last - first + 1 << " jobs");
  CHECK(lives >= last - first + 1);
}
