// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/process/through_process.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "connect/children.hpp"
#include "penstock/connect/process/from_process.hpp"
#include "penstock/exec/async_emit.hpp"
#include "penstock/exec/await.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/partition.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/probe.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::test::children;
using penstock::test::containing;
using penstock::test::no_child_is_left;
using penstock::test::open_files;
using penstock::testing::Probe;
using Lines = std::vector<std::string>;

namespace {

constexpr auto guard = 200s;

}  // namespace

TEST_CASE("through_process emits what a program makes of the elements, and ends behind its last record") {
  EventLoop loop;
  const Stream<std::string> source{loop};
  const Probe<std::string> probe{source | through_process({"sort"})};
  source.emit("b");
  source.emit("c");
  source.emit("a");
  CHECK(probe.size() == 0);
  source.close();
  CHECK(probe.values() == Lines{"a", "b", "c"});
  CHECK(probe.ended());
  CHECK(no_child_is_left());
}

TEST_CASE("through_process emits what a program writes while it is given more") {
  EventLoop loop;
  const Stream<std::string> source{loop};
  Lines seen;
  (source | through_process({"sed", "-u", "s/^/+/"})).sink([&](const std::string& line) {
    seen.push_back(line);
    if (seen.size() < 5) {
      source.async_emit(line, [](const std::exception_ptr&) {});
    } else {
      source.async_close([](const std::exception_ptr&) {});
    }
  });
  source.emit("a");
  loop.run_for(guard);
  CHECK(seen == Lines{"+a", "++a", "+++a", "++++a", "+++++a"});
  CHECK(no_child_is_left());
}

TEST_CASE("D11 through_process holds no more than two pipes and a block, whichever side is slow") {
  EventLoop loop;
  const auto source = from_process(loop, {"seq", "1000000"});
  long given = 0;
  long sum = 0;
  long early = 0;
  long most = 0;
  long blocks = 0;
  long most_ahead = 0;
  const auto slow = [&](const std::vector<long>& block) -> asio::awaitable<void> {
    co_await loop.sleep(1ms);
    for (const long n : block) sum += n;
    most_ahead = std::max(most_ahead, given - block.back());
    const long now = penstock::test::resident_kb();
    if (++blocks == 20) early = now;
    most = std::max(most, now);
  };
  auto counted = source.map([&](std::string line) {
    ++given;
    return line;
  });
  auto through = std::move(counted) | through_process({"cat"});
  through.map([](const std::string& line) { return std::stol(line); }).partition(5000).sink(slow);
  source.start();
  loop.run_for(guard);
  CHECK(blocks == 200);
  CHECK(sum == 500000500000);
  CHECK(most - early < 2048);
  // `cat` itself has one more buffer, of 128 KiB; a line has at least 2 bytes, here mostly 7.
  CHECK(most_ahead < 200'000);
  CHECK(no_child_is_left());
}

TEST_CASE("through_process needs not be given anything, and may emit more or less than it is given") {
  EventLoop loop;
  for (const auto& [command, expected] : {std::pair{Lines{"wc", "-l"}, Lines{"0"}},
                                         std::pair{Lines{"cat"}, Lines{}},
                                         std::pair{Lines{"seq", "3"}, Lines{"1", "2", "3"}}}) {
    const Stream<std::string> source{loop};
    const Probe<std::string> probe{source | through_process(command)};
    source.close();
    CHECK(probe.values() == expected);
    CHECK(probe.ended());
  }
  CHECK(no_child_is_left());
}

TEST_CASE("through_process has delimiters of its own in both directions, and standard error if it likes") {
  EventLoop loop;
  const Stream<std::string> source{loop};
  const Probe<std::string> probe{
      source | through_process({"tr", ";", "|"}, {.end = ";", .delimiter = "|", .keep_delimiter = true})};
  const Probe<std::string> errors{
      source | through_process({"sh", "-c", "cat >&2; echo end"}, {.err = ProcessStream::read})};
  source.emit("a");
  source.emit("b");
  source.close();
  CHECK(probe.values() == Lines{"a|", "b|"});
  CHECK(errors.values() == Lines{"a", "b", "end"});
}

TEST_CASE("through_process starts another program when its stream goes on after its end") {
  EventLoop loop;
  const auto source = from_process(loop, {"printf", "b\\na\\n"});
  const Probe<std::string> probe{source | through_process({"sort"})};
  for (int i = 0; i < 3; ++i) {
    source.start();
    loop.run_for(guard);
  }
  CHECK(probe.values() == Lines{"a", "b", "a", "b", "a", "b"});
  CHECK(probe.signals().size() == 5);
  CHECK(no_child_is_left());
}

TEST_CASE("through_process fails the end of a stream when the program failed, behind its last record") {
  EventLoop loop;
  const Stream<std::string> source{loop};
  const Probe<std::string> probe{source | through_process({"sh", "-c", "cat; exit 3"})};
  source.emit("a");
  CHECK_THROWS_WITH(source.close(), "through_process: sh has ended with status 3");
  CHECK(probe.values() == Lines{"a"});
  CHECK(probe.ended());
}

TEST_CASE("through_process whose program ends early emits what it wrote, and fails elements") {
  EventLoop loop;
  const Stream<std::string> source{loop};
  const Probe<std::string> probe{source | through_process({"head", "-n", "2"})};
  const auto emit_on = [&] {
    for (;;) source.emit("line");
  };
  CHECK_THROWS_WITH(emit_on(),
                    "through_process: head has ended with status 0 before all of its input was written");
  CHECK(probe.values() == Lines{"line", "line"});
  CHECK_FALSE(probe.ended());
  CHECK_THROWS_AS(source.emit("line"), ProcessFailed);
  CHECK_NOTHROW(source.close());
  CHECK(probe.ended());
  CHECK(no_child_is_left());
}

TEST_CASE("through_process reports a record that is too long and what fails behind it, and goes on") {
  EventLoop loop;
  const Stream<std::string> source{loop};
  auto through = source | through_process({"cat"}, {.max_record = 3});
  Lines seen;
  Lines errors;
  through.sink([&](const std::string& line) {
    if (line == "bad") throw std::runtime_error(line);
    seen.push_back(line);
  });
  through.on_background_error([&](const std::exception_ptr& error, const Info&) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      errors.push_back(e.what());
    }
  });
  for (const char* text : {"a", "long", "b", "bad", "c"}) source.emit(text);
  source.close();
  CHECK(seen == Lines{"a", "b", "c"});
  REQUIRE(errors.size() == 2);
  CHECK_THAT(errors[0], containing("cat") && containing("3 bytes"));
  CHECK(errors[1] == "bad");
}

TEST_CASE("through_process leaves nothing behind when its graph ends, or its loop") {
  const std::size_t files = open_files();
  for (const bool graph_first : {true, false}) {
    auto loop = std::make_unique<EventLoop>();
    {
      const Stream<std::string> source{*loop};
      const Probe<std::string> probe{source | through_process({"sleep", "1000"}, {.grace = 10ms})};
      while (source.try_emit(std::string(1000, 'x'))) {
      }
      CHECK(children().size() == 1);
    }
    if (graph_first) {
      loop->run_for(guard);
      CHECK(no_child_is_left());
    }
    loop.reset();
    CHECK(no_child_is_left());
  }
  CHECK(open_files() == files);
}

TEST_CASE("through_process refuses what makes no sense") {
  EventLoop loop;
  const Stream<std::string> source{loop};
  CHECK_THROWS_AS(through_process({}), std::invalid_argument);
  CHECK_THROWS_AS(through_process({"cat"}, {.delimiter = ""}), std::invalid_argument);
  CHECK_THROWS_AS(through_process({"cat"}, {.max_record = 0}), std::invalid_argument);
  CHECK_THROWS_WITH(source | through_process({"no-such-program"}),
                    containing("through_process: cannot run no-such-program"));
  const Stream<std::string> without_loop;
  CHECK_THROWS_WITH(without_loop | through_process({"cat"}),
                    containing("through_process: a child process needs an event loop"));
}
