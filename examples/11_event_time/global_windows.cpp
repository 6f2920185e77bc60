// SPDX-License-Identifier: BSL-1.0
//
// One window for all time, and when it has results: a score of every team for each two games, and what each week has brought.
#include <chrono>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;

struct Game {
  std::chrono::sys_days day;
  std::string team;
  int goals;
};

int main() {
  const auto day = [](int n) { return std::chrono::sys_days{std::chrono::days{n}}; };
  const penstock::Stream<Game> games;
  const auto by_team = games.event_time(&Game::day, penstock::ascending()).key_by(&Game::team);

  by_team.window(penstock::global(penstock::every(2))).aggregate(penstock::sum(&Game::goals)).sink([](const auto& score) {
    fmt::print("{} has {} goals\n", score.key, score.value);
  });
  by_team.window(penstock::global(penstock::every_event_time(std::chrono::days{7})), {.discarding = true})
      .aggregate(penstock::sum(&Game::goals))
      .sink([](const auto& week) { fmt::print("{}: {} more\n", week.key, week.value); });

  games.emit({day(0), "reds", 1});
  games.emit({day(1), "blues", 3});
  games.emit({day(2), "reds", 2});
  games.emit({day(7), "whites", 4});  // the first week is over
  games.close();
}
