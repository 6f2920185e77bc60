// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "catch.hpp"
#include "connect/children.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sinks/sink_to_textfile.hpp"
#include "penstock/sources/from_textfile.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using penstock::test::resident_kb;
using penstock::test::TemporaryDirectory;

namespace {

/// Sanitizers keep what was freed, so that memory tells nothing, and everything takes ten times as long.
const int lines = resident_kb() == 0 ? 100'000 : 1'000'000;

/// What is in memory, looked at now and then; the first tenth is for warming up.
struct Memory {
  int seen = 0;
  long early = 0;
  long most = 0;

  void element() {
    if (++seen % 10'000 != 0) return;
    const long now = resident_kb();
    if (seen == lines / 10) early = now;
    most = std::max(most, now);
  }
};

void write_numbers(const std::filesystem::path& file) {
  std::ofstream out{file};
  for (int i = 0; i < lines; ++i) out << i << " and some text that makes it a line as others are\n";
}

}  // namespace

TEST_CASE("D11 from file to file lines need no more memory as they become more, and none is lost") {
  const TemporaryDirectory dir;
  write_numbers(dir / "in");
  EventLoop loop;
  Memory memory;
  const auto source = from_textfile(loop, dir / "in");
  source
      .map([&](std::string line) {
        memory.element();
        return line;
      })
      .sink_to_textfile(dir / "out");
  source.start();
  loop.run();
  CHECK(memory.seen == lines);
  CHECK(memory.most - memory.early < 2048);
  CHECK(dir.read("out") == dir.read("in"));
}

TEST_CASE("D11 from_textfile in front of a sink that takes one line after the other reads no further than its block") {
  const TemporaryDirectory dir;
  write_numbers(dir / "in");
  EventLoop loop;
  Memory memory;
  std::optional<Completion<>> held;
  long long sum = 0;
  const auto source = from_textfile(loop, dir / "in");
  source.sink([&](const std::string& line, Completion<> done) {
    memory.element();
    sum += std::stoll(line);
    held.emplace(std::move(done));
  });
  source.start();
  while (memory.seen < lines || held) {
    loop.poll();
    if (!held) FAIL("no line came, and none was held");
    if (const int before = memory.seen; before % 1000 == 0) {
      loop.poll();
      if (memory.seen != before) FAIL("a line came while another one was held");
    }
    (*std::exchange(held, std::nullopt))();
  }
  loop.run();
  CHECK(memory.seen == lines);
  CHECK(sum == (lines - 1LL) * lines / 2);
  CHECK(memory.most - memory.early < 2048);
}
