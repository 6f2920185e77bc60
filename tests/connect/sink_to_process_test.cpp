// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/process/sink_to_process.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "catch.hpp"
#include "connect/children.hpp"
#include "penstock/connect/process/from_process.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sources/from_range.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::test::children;
using penstock::test::containing;
using penstock::test::no_child_is_left;
using penstock::test::open_files;
using penstock::test::TemporaryDirectory;

namespace {

constexpr auto guard = 200s;

const std::string line(1023, 'x');

/// Emits lines until one has to wait. How many were taken.
std::size_t fill(const Stream<std::string>& source) {
  std::size_t n = 0;
  while (source.try_emit(line) && n < 1000) ++n;
  return n;
}

std::string failure_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const ProcessFailed& e) {
    return e.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("sink_to_process writes every element and a line's end, and closing waits for the program") {
  const TemporaryDirectory dir;
  EventLoop loop;
  const Stream<std::string> source{loop};
  const auto sink = source | sink_to_process({"sort"}, {.out_file = dir / "sorted"});
  source.emit("b");
  source.emit("a");
  CHECK(children() == std::vector{sink.pid()});
  CHECK_FALSE(sink.exit_status());
  source.emit("");
  source.close();
  CHECK(dir.read("sorted") == "\na\nb\n");
  CHECK(sink.exit_status() == ProcessExit{0, 0});
  CHECK(no_child_is_left());
}

TEST_CASE("sink_to_process runs a program for an empty stream too") {
  const TemporaryDirectory dir;
  EventLoop loop;
  const Stream<std::string> source{loop};
  static_cast<void>(source | sink_to_process({"wc", "-l"}, {.out_file = dir / "count"}));
  source.close();
  CHECK(dir.read("count") == "0\n");
}

TEST_CASE("sink_to_process takes any text, and writes what it is told behind it") {
  const TemporaryDirectory dir;
  EventLoop loop;
  const Stream<std::string_view> source{loop};
  static_cast<void>(source | sink_to_process({"tee", "copy"}, {.end = "<>", .out = ProcessStream::discard, .directory = dir.path()}));
  source.emit("a");
  source.emit("b");
  source.close();
  CHECK(dir.read("copy") == "a<>b<>");
}

TEST_CASE("sink_to_process gives the program its arguments as they are, an environment and a directory") {
  const TemporaryDirectory dir;
  EventLoop loop;
  const Stream<std::string> source{loop};
  static_cast<void>(source | sink_to_process({"sh", "-c", "echo $A \"$1\" >&2; echo $A \"$1\" > here", "sh", "$HOME; 'x"},
                                             {.err = ProcessStream::discard,
                                              .environment = {{"A", "1"}},
                                              .directory = dir.path()}));
  source.close();
  CHECK(dir.read("here") == "1 $HOME; 'x\n");
}

TEST_CASE("D11 sink_to_process makes elements wait while the program does not read") {
  std::vector<Outcome> outcomes;
  EventLoop loop;
  const Stream<std::string> source{loop};
  static_cast<void>(source | sink_to_process({"sleep", "1000"}, {.grace = 20ms}));
  const auto ref = [&] { return Ref{[&](const Ending& ending) { outcomes.push_back(ending.outcome); }}; };
  source.emit(line, ref());
  loop.poll();
  CHECK(outcomes == std::vector{Outcome::done});  // it is in the pipe
  const std::size_t taken = fill(source);
  CHECK(taken >= 63);
  CHECK(taken <= 64);
  Receipt receipt = source.push(line, ref());
  CHECK(receipt.pending());
  loop.poll();
  CHECK(outcomes.size() == 1);
  CHECK(receipt.pending());
}

TEST_CASE("a checkpoint's barrier waits until what came before it is in the pipe") {
  EventLoop loop;
  const Stream<std::string> source{loop};
  static_cast<void>(source | sink_to_process({"sh", "-c", "sleep 0.05; cat >/dev/null"}));
  const auto barrier = [&] { return penstock::detail::offer(source.outlet(), Signal{Signal::barrier, 1}); };
  CHECK_FALSE(barrier().pending());
  fill(source);
  const Receipt waits = source.push(line);
  REQUIRE(waits.pending());
  const Receipt receipt = barrier();
  CHECK(receipt.pending());
  while (receipt.pending()) loop.run_for(1ms);
  CHECK_FALSE(waits.pending());
  CHECK_FALSE(receipt.error());
}

TEST_CASE("D11 sink_to_process passes the slowness of a program on to the source") {
  // A pipeline of three programs with this one in the middle: `head` reads a megabyte and ends.
  const TemporaryDirectory dir;
  EventLoop loop;
  const auto source = from_process(loop, {"yes"}, {.on_failure = OnFailure::stop});
  static_cast<void>(source | sink_to_process({"head", "-c", "1000000"}, {.out_file = dir / "out"}));
  source.start();
  CHECK_THROWS_AS(loop.run_for(guard), ProcessFailed);
  loop.run_for(guard);
  CHECK(dir.read("out").size() == 1'000'000);
  CHECK(source.stopped());
  CHECK(no_child_is_left());
}

TEST_CASE("D11 sink_to_process needs no more memory for a million elements, and loses none") {
  const TemporaryDirectory dir;
  EventLoop loop;
  long seen = 0;
  long early = 0;
  long most = 0;
  const auto source = from_process(loop, {"seq", "1000000"});
  static_cast<void>(source.map([&](std::string number) {
    if (++seen % 10000 == 0) {
      const long now = penstock::test::resident_kb();
      if (seen == 100000) early = now;
      most = std::max(most, now);
    }
    return number;
  }) | sink_to_process({"md5sum"}, {.out_file = dir / "sum"}));
  source.start();
  loop.run_for(guard);
  CHECK(seen == 1000000);
  CHECK(most - early < 2048);
  const auto direct = from_process(loop, {"sh", "-c", "seq 1000000 | md5sum"});
  direct.sink([&](const std::string& sum) { CHECK(dir.read("sum") == sum + "\n"); });
  direct.start();
  loop.run_for(guard);
  CHECK(no_child_is_left());
}

TEST_CASE("sink_to_process holds what belongs to an element until it is written, and settles in order") {
  const TemporaryDirectory dir;
  std::vector<int> done;
  EventLoop loop;
  const Stream<std::string> source{loop};
  // Reads only when it is told to.
  static_cast<void>(
      source | sink_to_process({"sh", "-c", "trap 'cat > copy; exit' USR1; : > up; while :; do sleep 0.01; done"},
                               {.directory = dir.path()}));
  std::vector<Receipt> receipts;
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    const std::string text = std::to_string(i) + line;
    expected += text + "\n";
    receipts.push_back(source.push(text, Ref{[&done, i](const Ending&) { done.push_back(i); }}));
  }
  loop.poll();
  const std::size_t waiting = 500 - done.size();
  CHECK(waiting > 400);
  while (!std::filesystem::exists(dir / "up")) loop.run_for(1ms);
  ::kill(children().front(), SIGUSR1);
  source.close();
  loop.poll();
  CHECK(done.size() == 500);
  CHECK(std::is_sorted(done.begin(), done.end()));
  for (const Receipt& receipt : receipts) CHECK_FALSE(receipt.pending());
  CHECK(dir.read("copy") == expected);
}

TEST_CASE("sink_to_process whose program ends early fails elements with its name and status") {
  struct sigaction before {};
  struct sigaction after {};
  ::sigaction(SIGPIPE, nullptr, &before);
  std::optional<Outcome> outcome;
  EventLoop loop;
  const Stream<std::string> source{loop};
  const auto sink = source | sink_to_process({"head", "-n", "1"}, {.out = ProcessStream::discard});
  const auto emit_on = [&] {
    for (;;) source.emit(line, Ref{[&](const Ending& ending) { outcome = ending.outcome; }});
  };
  const std::string sentence =
      "sink_to_process: head has ended with status 0 before all of its input was written";
  CHECK(failure_of(emit_on) == sentence);
  loop.poll();
  CHECK(outcome == Outcome::failed);
  outcome.reset();
  CHECK(failure_of(emit_on) == sentence);  // at once
  loop.poll();
  CHECK(outcome == Outcome::failed);
  CHECK(sink.exit_status() == ProcessExit{0, 0});
  CHECK_NOTHROW(source.close());
  CHECK(no_child_is_left());
  CHECK(sink.info().failed.get() == 2);
  ::sigaction(SIGPIPE, nullptr, &after);
  CHECK(after.sa_handler == before.sa_handler);
}

TEST_CASE("sink_to_process leaves a SIGPIPE alone that this program has put off") {
  sigset_t pipe;
  sigset_t before;
  sigset_t pending;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  for (const bool own : {false, true}) {
    if (own) std::raise(SIGPIPE);
    EventLoop loop;
    const Stream<std::string> source{loop};
    static_cast<void>(source | sink_to_process({"true"}));
    const auto emit_on = [&] {
      for (;;) source.emit(line);
    };
    CHECK(failure_of(emit_on) != "none");
    ::sigpending(&pending);
    CHECK(sigismember(&pending, SIGPIPE) == own);
  }
  const timespec at_once{};
  CHECK(::sigtimedwait(&pipe, nullptr, &at_once) == SIGPIPE);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("sink_to_process fails the end of the stream when the program failed") {
  EventLoop loop;
  for (const bool allowed : {false, true}) {
    const Stream<std::string> source{loop};
    std::vector<int> success{0};
    if (allowed) success.push_back(3);
    const auto sink = source | sink_to_process({"sh", "-c", "cat > /dev/null; exit 3"}, {.success = success});
    source.emit("a");
    const auto close = [&] { source.close(); };
    CHECK(failure_of(close) == (allowed ? "none" : "sink_to_process: sh has ended with status 3"));
    CHECK(sink.exit_status() == ProcessExit{3, 0});
  }
}

TEST_CASE("sink_to_process ends a program that reads no more and does not end by itself") {
  EventLoop loop;
  const Stream<std::string> source{loop};
  static_cast<void>(source | sink_to_process({"sh", "-c", "exec sleep 1000 <&-"}, {.grace = 20ms}));
  const auto emit_on = [&] {
    for (;;) source.emit(line);
  };
  CHECK(failure_of(emit_on) == "sink_to_process: sh was ended by signal 15 before all of its input was written");
  CHECK(no_child_is_left());
}

TEST_CASE("sink_to_process starts the program again as often as it may, with what was not taken") {
  const TemporaryDirectory dir;
  EventLoop loop;
  const Stream<std::string> source{loop};
  const auto sink = source | sink_to_process({"sh", "-c", "echo started >> log; exec true"},
                                             {.directory = dir.path(), .restarts = 2});
  const auto emit_on = [&] {
    for (;;) source.emit(line);
  };
  CHECK_THAT(failure_of(emit_on), containing("sh has ended with status 0"));
  CHECK(dir.read("log") == "started\nstarted\nstarted\n");
  CHECK(sink.info().failed.get() == 1);

  // The second one takes the elements that the first one did not.
  const Stream<std::string> other{loop};
  static_cast<void>(
      other | sink_to_process({"sh", "-c", "if test -e first; then exec cat > copy; else : > first; exit 1; fi"},
                              {.directory = dir.path(), .restarts = 1}));
  while (!std::filesystem::exists(dir / "first")) loop.run_for(1ms);
  std::vector<Receipt> receipts;
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += std::to_string(i) + line + "\n";
    receipts.push_back(other.push(std::to_string(i) + line));
  }
  other.close();
  for (const Receipt& receipt : receipts) CHECK_FALSE(receipt.error());
  const std::string copy = dir.read("copy");
  REQUIRE(copy.size() > 100'000);
  // What was in the pipe of the first one is lost, and no element comes in part.
  CHECK(text.ends_with(copy));
  CHECK((copy.size() == text.size() || text[text.size() - copy.size() - 1] == '\n'));
  CHECK(no_child_is_left());
}

TEST_CASE("sink_to_process writes together what comes together, in order and whole") {
  const TemporaryDirectory dir;
  EventLoop loop;
  std::vector<std::string> lines;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    lines.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i % 700), 'y'));
    expected += lines.back() + "\n";
  }
  const auto source = from_range(loop, lines);
  static_cast<void>(source | sink_to_process({"cat"}, {.out_file = dir / "copy"}));
  source.start();
  loop.run_for(guard);
  CHECK(dir.read("copy") == expected);
  // From the start again, with a program of its own.
  source.start();
  loop.run_for(guard);
  CHECK(dir.read("copy") == expected);
  CHECK(no_child_is_left());
}

TEST_CASE("sink_to_process reports each element of a source that comes to a program that is gone") {
  EventLoop loop;
  const auto source = from_range(loop, std::vector<std::string>(500, line));
  const auto sink = source | sink_to_process({"true"}, {.out = ProcessStream::discard});
  std::size_t errors = 0;
  sink.on_background_error([&](const std::exception_ptr&, const Info&) { ++errors; });
  // Until its end of the pipe is closed: a program that is ending can still hold it.
  siginfo_t ended{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(sink.pid()), &ended, WEXITED | WNOWAIT) == 0);
  source.start();
  loop.run_for(guard);
  CHECK(sink.info().in.get() == 500);
  CHECK(sink.info().failed.get() == 500);
  CHECK(errors > 400);
  CHECK(errors <= 500);
}

TEST_CASE("sink_to_process that is destroyed lets the program read to the end, and drops what is not written") {
  const TemporaryDirectory dir;
  EventLoop loop;
  const std::size_t files = open_files();
  {
    const Stream<std::string> source{loop};
    static_cast<void>(source | sink_to_process({"cat"}, {.out_file = dir / "copy"}));
    source.emit("a");
    source.emit("b");
  }
  loop.run_for(guard);
  CHECK(no_child_is_left());
  CHECK(dir.read("copy") == "a\nb\n");

  std::vector<Outcome> outcomes;
  Receipt receipt;
  {
    const Stream<std::string> source{loop};
    static_cast<void>(source | sink_to_process({"sleep", "1000"}, {.grace = 20ms}));
    static_cast<void>(fill(source));
    receipt = source.push(line, Ref{[&](const Ending& ending) { outcomes.push_back(ending.outcome); }});
    CHECK(receipt.pending());
  }
  CHECK_THROWS_AS(receipt.get(), Stopped);
  receipt = {};
  CHECK(children().size() == 1);
  loop.run_for(guard);
  CHECK(outcomes == std::vector{Outcome::dropped});
  CHECK(no_child_is_left());
  CHECK(open_files() == files);
}

TEST_CASE("sink_to_process leaves nothing behind when its loop ends") {
  const std::size_t files = open_files();
  {
    EventLoop loop;
    const Stream<std::string> source{loop};
    static_cast<void>(source | sink_to_process({"sleep", "1000"}));
    source.emit("a");
  }
  CHECK(no_child_is_left());
  CHECK(open_files() == files);
}

TEST_CASE("sink_to_process does not keep the loop running while nothing is to be written") {
  EventLoop loop;
  const Stream<std::string> source{loop};
  static_cast<void>(source | sink_to_process({"cat"}, {.out = ProcessStream::discard}));
  source.emit("a");
  loop.run();  // returns
  CHECK(children().size() == 1);
  source.close();
  CHECK(no_child_is_left());
}

TEST_CASE("sink_to_process says at wiring what cannot be run") {
  const TemporaryDirectory dir;
  EventLoop loop;
  const Stream<std::string> source{loop};
  const std::size_t files = open_files();
  CHECK_THROWS_WITH(source | sink_to_process({"no-such-program"}),
                    containing("sink_to_process: cannot run no-such-program: No such file"));
  CHECK_THROWS_AS(source | sink_to_process({"cat"}, {.out_file = dir / "none/file"}), std::system_error);
  CHECK_THROWS_AS(sink_to_process({}), std::invalid_argument);
  CHECK_THROWS_AS(sink_to_process({"cat"}, {.out = ProcessStream::read}), std::invalid_argument);
  CHECK_THROWS_AS(sink_to_process({"cat"}, {.err = ProcessStream::read}), std::invalid_argument);
  const Stream<std::string> without_loop;
  CHECK_THROWS_WITH(without_loop | sink_to_process({"cat"}), containing("needs an event loop"));
  CHECK(open_files() == files);
  CHECK(no_child_is_left());
}

TEST_CASE("programs that are started, stopped and dropped at random leave nothing behind") {
  std::mt19937 random{20};
  const auto one_of = [&](std::size_t n) { return random() % n; };
  const std::vector<std::vector<std::string>> writers{
      {"seq", "1000"},  {"yes"},   {"sleep", "1000"}, {"false"}, {"no-such-program"}, {"head", "-c", "200000", "/dev/zero"},
      {"printf", "a"},  {"sh", "-c", "seq 10000000 >&2 & echo; kill -9 $$"}};
  const std::vector<std::vector<std::string>> readers{{"cat"}, {"head", "-n", "5"}, {"sleep", "1000"}, {"false"}};
  const std::size_t files = open_files();
  for (int round = 0; round < 60; ++round) {
    auto loop = std::make_unique<EventLoop>();
    const auto run = [&](std::chrono::milliseconds time) {
      try {
        loop->run_for(time);
      } catch (const std::exception&) {
        // What failed is not asked here.
      }
    };
    std::vector<ProcessOutput> sources;
    for (std::size_t n = 1 + one_of(3); n > 0; --n) {
      ProcessSource options;
      options.process_group = true;
      options.grace = std::chrono::milliseconds{one_of(3)};
      options.max_record = 1000;
      if (one_of(2) == 0) options.err = ProcessStream::discard;
      sources.push_back(from_process(*loop, writers[one_of(writers.size())], options));
      if (options.err == ProcessStream::inherit) {
        sources.back().stderr_lines().sink([](const std::string&) {});
      }
      ProcessSink to;
      to.out = ProcessStream::discard;
      to.grace = std::chrono::milliseconds{one_of(3)};
      to.restarts = one_of(2);
      static_cast<void>(sources.back() | sink_to_process(readers[one_of(readers.size())], to));
    }
    for (std::size_t n = one_of(20); n > 0 && !sources.empty(); --n) {
      const std::size_t i = one_of(sources.size());
      switch (one_of(6)) {
        case 0:
        case 1: sources[i].start(); break;
        case 2: sources[i].stop(); break;
        case 3: run(0ms); break;
        case 4: run(1ms); break;
        default:
          if (one_of(3) == 0) sources.erase(sources.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    sources.clear();
    if (one_of(2) == 0) run(guard);
    loop.reset();
    REQUIRE(no_child_is_left());
    REQUIRE(open_files() == files);
  }
}
