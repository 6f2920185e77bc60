// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"

using namespace penstock;

TEST_CASE("tap looks at every element before it is passed on, and passes it on unchanged") {
  Stream<std::unique_ptr<int>> source;
  std::vector<std::string> log;
  source
      .tap([&](const std::unique_ptr<int>& x, const char* name) { log.push_back(name + std::to_string(*x)); },
           "saw ")
      .sink([&](std::unique_ptr<int> x) { log.push_back("got " + std::to_string(*x)); });
  source.emit(std::make_unique<int>(1));
  source.emit(std::make_unique<int>(2));
  REQUIRE(log == std::vector<std::string>{"saw 1", "got 1", "saw 2", "got 2"});
}

TEST_CASE("tap that throws fails the element, which is not passed on") {
  Stream<int> source;
  std::vector<int> out;
  const auto tapped = source
                          .tap([](int x) {
                            if (x == 0) throw std::runtime_error("zero");
                          })
                          .stream();
  tapped.sink([&](int x) { out.push_back(x); });
  Outcome outcome = Outcome::done;
  REQUIRE_THROWS_AS(source.emit(0, Context{Ref([&](const Ending& end) { outcome = end.outcome; })}),
                    std::runtime_error);
  source.emit(1);
  REQUIRE(out == std::vector{1});
  REQUIRE(outcome == Outcome::failed);
  REQUIRE(tapped.info().failed.get() == 1);
}
