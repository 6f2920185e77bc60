// SPDX-License-Identifier: BSL-1.0
//
// A job that dies again and again comes to what the model says: nothing is lost and nothing counts twice. Replay one with
// PENSTOCK_SEED=n; PENSTOCK_SEEDS=n runs so many.
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>

#include "catch.hpp"
#include "simulation/job.hpp"

using namespace penstock;
using namespace penstock::test;
using penstock::testing::DiskFault;

namespace {

struct Ran {
  std::string wrong;
  std::uint64_t trace = 0;
  unsigned lives = 0;
};

/// What is wrong with the world when the job has come to its end.
std::string judge(const Plan& plan, const World& world) {
  std::string wrong = world.wrong;
  const auto expect = [&](bool right, const char* what) {
    if (!right && wrong.empty()) wrong = what;
  };
  Table rows;
  for (std::size_t i = 0; i < world.file.size(); ++i) {
    const auto& row = world.file[i];
    if (i < world.older) {
      expect(row.value.empty(), "a row that the file had before the job is gone");
    } else {
      expect(rows.emplace(std::pair{row.window.start, row.key}, row.value).second, "a row of the file came twice");
    }
  }
  expect(rows == plan.table, "the rows of the file are not the model's");
  expect(world.upserted == plan.table, "the table that rows were put into is not the model's");
  expect(world.transacted == plan.table, "the table of the transactions is not the model's");
  expect(world.appended == plan.table, "the rows that were appended are not the model's");
  expect(world.late_ids == plan.late_ids, "other events were late");
  expect(world.total == plan.total, "the total is wrong");
  expect(world.pairs == plan.count, "pairs are missing");
  return wrong;
}

Ran run(std::uint64_t seed) {
  const Plan plan{seed};
  World world{plan};
  Ran ran;
  const unsigned deaths = static_cast<unsigned>(seed % 4);
  try {
    for (bool over = false; !over; ++ran.lives) {
      if (ran.lives > 10) return {"it does not come to its end", ran.trace, ran.lives};
      Job job{plan, world, ran.lives, ran.lives >= deaths, true};
      over = job.live();
      over || seed % 2 == 0 ? world.disk.restart() : world.lose_power(seed + ran.lives);
      ran.trace = ran.trace * 31 + job.trace();
    }
  } catch (const std::exception& error) {
    return {error.what(), ran.trace, ran.lives};
  }
  ran.wrong = judge(plan, world);
  return ran;
}

/// The disk does `fault` at its n-th operation, and nothing else goes wrong. False when there are not so many.
bool run_with(const Plan& plan, DiskFault fault, std::size_t n, std::string& wrong) {
  World world{plan};
  world.disk.fail_at(n, fault);
  for (unsigned life = 0; life < 5; ++life) {
    bool over = false;
    try {
      Job job{plan, world, life, true, false};
      over = job.live();
    } catch (const std::exception&) {
      // What it could not do at its start, or at its end, it does the next time.
    }
    const bool reached = world.disk.operations() >= n;
    fault == DiskFault::death ? world.lose_power(n) : world.disk.restart();
    world.disk.capacity(std::size_t{1} << 30);
    if (!over) continue;
    wrong = judge(plan, world);
    return reached;
  }
  wrong = "it does not come to its end";
  return true;
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
    const Ran ran = run(seed);
    lives += ran.lives;
    if (!ran.wrong.empty()) FAIL("PENSTOCK_SEED=" << seed << ": " << ran.wrong);
    if (seed % 100 == 1 && run(seed).trace != ran.trace) FAIL("PENSTOCK_SEED=" << seed << ": another run did something else");
  }
  INFO(lives << " lives of " << last - first + 1 << " jobs");
  CHECK(lives >= last - first + 1);
}

TEST_CASE("a disk that fails at any one of its operations does not harm the job") {
  for (const std::uint64_t seed : {9, 14, 23}) {
    const Plan plan{seed};
    REQUIRE(plan.count > 0);
    for (const DiskFault fault : {DiskFault::error, DiskFault::late_error, DiskFault::full, DiskFault::death}) {
      std::size_t n = 1;
      for (std::string wrong; run_with(plan, fault, n, wrong); ++n) {
        if (!wrong.empty()) FAIL("seed " << seed << ", fault " << static_cast<int>(fault) << " at operation " << n << ": " << wrong);
      }
      CHECK(n > 20);
    }
  }
}
