// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/process/from_process.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include "catch.hpp"
#include "connect/children.hpp"
#include "penstock/exec/await.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/partition.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/probe.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::test::children;
using penstock::test::containing;
using penstock::test::no_child_is_left;
using penstock::test::open_files;
using penstock::test::TemporaryDirectory;
using penstock::testing::Probe;
using Lines = std::vector<std::string>;

namespace {

constexpr auto guard = 200s;  // no test takes as long: what runs into it has failed

struct Run {
  Lines lines;
  bool ended = false;
  std::optional<ProcessExit> exit;
  std::string error;  // of the first that was reported
};

Run run(Lines command, ProcessSource options = {}) {
  EventLoop loop;
  const auto source = from_process(loop, std::move(command), std::move(options));
  const Probe<std::string> probe{source};
  Run result;
  source.on_background_error([&](const std::exception_ptr& error, const Info&) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      if (result.error.empty()) result.error = e.what();
    }
  });
  source.start();
  loop.run_for(guard);
  result.lines = probe.values();
  result.ended = probe.ended();
  result.exit = source.exit_status();
  CHECK(no_child_is_left());
  return result;
}

}  // namespace

TEST_CASE("row 123 from_process emits what stands behind the last delimiter") {
  const Run printed = run({"printf", "0123"});
  CHECK(printed.lines == Lines{"0123"});
  CHECK(printed.ended);
  CHECK(printed.exit == ProcessExit{0, 0});
}

TEST_CASE("row 124 from_process emits lines, with what ends them when it is told to") {
  const Lines command{"printf", "0\\n1\\n2\\n3\\n"};
  CHECK(run(command, {.keep_delimiter = true}).lines == Lines{"0\n", "1\n", "2\n", "3\n"});
  CHECK(run(command).lines == Lines{"0", "1", "2", "3"});
}

// Streamz loses output when the child exits early: `seq 1000` delivered one line in one of five runs.
TEST_CASE("D12 from_process emits all that a program has written, however soon it ends") {
  Lines expected;
  for (int i = 1; i <= 1000; ++i) expected.push_back(std::to_string(i));
  for (int i = 0; i < 100; ++i) {
    const Run counted = run({"seq", "1000"});
    REQUIRE(counted.lines == expected);
    REQUIRE(counted.ended);
  }
}

// Streamz does not kill the child on stop.
TEST_CASE("D12 from_process ends the program when it is stopped, and waits for it") {
  EventLoop loop;
  const auto source = from_process(loop, {"sh", "-c", "echo up; exec sleep 1000"});
  std::vector<pid_t> running;
  source.sink([&](const std::string&) {
    running = children();
    source.stop();
  });
  source.start();
  loop.run_for(guard);
  CHECK(running == std::vector{source.pid()});
  CHECK(source.stopped());
  CHECK(source.exit_status() == ProcessExit{0, SIGTERM});
  CHECK_FALSE(source.exit_code());
  CHECK(no_child_is_left());
}

// Streamz runs two pollers after a quick stop and start.
TEST_CASE("D14 from_process that is stopped and started in quick succession runs one program") {
  EventLoop loop;
  const auto source = from_process(loop, {"sh", "-c", "echo $$; exec sleep 1000"});
  std::vector<pid_t> said;
  source.sink([&](const std::string& pid) {
    said.push_back(static_cast<pid_t>(std::stol(pid)));
    CHECK(children() == std::vector{said.back()});
    // The second time from within the push of a record.
    source.stop();
    if (said.size() > 1) return;
    source.start();
    source.stop();
    source.start();
  });
  for (int i = 0; i < 10; ++i) {
    source.start();
    source.start();
    source.stop();
    source.stop();
  }
  loop.poll();
  CHECK(children().empty());
  source.start();
  loop.run_for(guard);
  CHECK(said.size() == 2);
  CHECK(no_child_is_left());
}

TEST_CASE("D14 from_process starts the next program when the one before is gone") {
  const TemporaryDirectory dir;
  EventLoop loop;
  // Ends 50 ms after it was told to, which is long enough for another one to find the file.
  const auto source = from_process(
      loop, {"sh", "-c",
             "test -e lock && echo two at once; trap 'sleep 0.05; rm lock; exit' TERM; : > lock; echo up; "
             "while :; do sleep 0.01; done"},
      {.directory = dir.path()});
  Lines seen;
  source.sink([&](const std::string& line) {
    seen.push_back(line);
    source.stop();
    if (seen.size() < 3) source.start();
  });
  source.start();
  loop.run_for(guard);
  CHECK(seen == Lines{"up", "up", "up"});
  CHECK(no_child_is_left());
}

// Streamz reads on whatever the sink does: 50 of 50 messages in half a second, at 0.2 seconds an element.
TEST_CASE("D11 from_process leaves in the pipe what the sink has not taken, and the program waits") {
  EventLoop loop;
  const auto source = from_process(loop, {"yes"});
  long taken = 0;
  long written = 0;
  const auto slow = [&](const std::string&) -> asio::awaitable<void> {
    co_await loop.sleep(1ms);
    if (++taken < 200) co_return;
    written = penstock::test::proc_number("/proc/" + std::to_string(source.pid()) + "/io", "wchar");
    source.stop();
  };
  source.sink(slow);
  source.start();
  loop.run_for(guard);
  CHECK(taken == 200);
  // What was taken, a block that was read, a pipe full, and what `yes` is about to write.
  if (written >= 0) CHECK(written <= 3 * 64 * 1024);
  CHECK(no_child_is_left());
}

TEST_CASE("D11 from_process needs no more memory for a million lines, also where the sink is slow") {
  EventLoop loop;
  const auto source = from_process(loop, {"seq", "1000000"});
  long sum = 0;
  long blocks = 0;
  long early = 0;
  long most = 0;
  const auto slow = [&](const std::vector<long>& block) -> asio::awaitable<void> {
    co_await loop.sleep(1ms);
    for (const long n : block) sum += n;
    const long now = penstock::test::resident_kb();
    if (++blocks == 20) early = now;
    most = std::max(most, now);
  };
  source.map([](const std::string& line) { return std::stol(line); }).partition(5000).sink(slow);
  source.start();
  loop.run_for(guard);
  CHECK(blocks == 200);
  CHECK(sum == 500000500000);
  CHECK(most - early < 2048);
}

TEST_CASE("D13 from_process emits in the thread of its loop") {
  EventLoop loop{background};
  const auto source = from_process(loop, {"seq", "1000"});
  std::vector<std::thread::id> threads;
  source.sink([&](const std::string&) {
    if (threads.empty() || threads.back() != std::this_thread::get_id()) {
      threads.push_back(std::this_thread::get_id());
    }
  });
  source.start();
  loop.join();
  CHECK(threads.size() == 1);
  CHECK(threads.front() != std::this_thread::get_id());
  CHECK(no_child_is_left());
}

TEST_CASE("D15 from_process that is stopped within a record emits no other") {
  EventLoop loop;
  const auto source = from_process(loop, {"seq", "1000"});
  Lines seen;
  source.sink([&](const std::string& line) {
    seen.push_back(line);
    source.stop();
  });
  source.start();
  loop.run_for(guard);
  CHECK(seen == Lines{"1"});
  CHECK(no_child_is_left());
}

TEST_CASE("from_process runs nothing before start, and again with every start") {
  EventLoop loop;
  const auto source = from_process(loop, {"seq", "2"});
  const Probe<std::string> probe{source};
  loop.run_for(guard);
  CHECK(probe.size() == 0);
  CHECK(source.pid() == 0);
  for (int i = 0; i < 3; ++i) {
    source.start();
    loop.run_for(guard);
  }
  CHECK(probe.values() == Lines{"1", "2", "1", "2", "1", "2"});
  std::vector<Signal::Kind> kinds;
  for (const Signal& signal : probe.signals()) kinds.push_back(signal.kind);
  using enum Signal::Kind;
  CHECK(kinds == std::vector{end, reopen, end, reopen, end});
}

TEST_CASE("from_process gives the program its arguments as they are, without a shell") {
  const std::string odd = "$HOME; echo * 'a\"";
  CHECK(run({"printf", "%s", odd}).lines == Lines{odd});
  CHECK(run({"printf", "[%s]", "", "a b"}).lines == Lines{"[][a b]"});
}

TEST_CASE("from_process cuts records where the delimiter is, wherever the blocks end") {
  CHECK(run({"printf", "a--b---c----"}, {.delimiter = "--"}).lines == Lines{"a", "b", "-c", ""});
  const Run many = run({"seq", "-s", "<=>", "200000"}, {.delimiter = "<=>"});
  REQUIRE(many.lines.size() == 200000);
  CHECK(many.lines[0] == "1");
  CHECK(many.lines[99999] == "100000");
  CHECK(many.lines[199999] == "200000\n");
  CHECK(run({"true"}).lines.empty());
  CHECK(run({"true"}).ended);
}

TEST_CASE("from_process reads standard error instead of the output, together with it, or not at all") {
  const Lines command{"sh", "-c", "echo a; echo b >&2; echo c"};
  CHECK(run(command, {.err = ProcessStream::discard}).lines == Lines{"a", "c"});
  CHECK(run(command, {.out = ProcessStream::discard, .err = ProcessStream::read}).lines == Lines{"b"});
  CHECK(run(command, {.err = ProcessStream::read}).lines == Lines{"a", "b", "c"});
  const Run nothing = run(command, {.out = ProcessStream::discard, .err = ProcessStream::discard});
  CHECK(nothing.lines.empty());
  CHECK(nothing.ended);
}

TEST_CASE("from_process emits standard error as a stream of its own") {
  EventLoop loop;
  const auto source = from_process(loop, {"sh", "-c", "seq 1000; seq 3 >&2; seq 1000; printf end >&2"});
  const Probe<std::string> out{source};
  const Probe<std::string> err{source.stderr_lines()};
  for (int i = 0; i < 2; ++i) {
    source.start();
    loop.run_for(guard);
  }
  CHECK(out.size() == 4000);
  CHECK(err.values() == Lines{"1", "2", "3", "end", "1", "2", "3", "end"});
  CHECK(out.ended());
  CHECK(err.ended());
}

TEST_CASE("from_process reads standard error also while the output never pauses") {
  EventLoop loop;
  const auto source = from_process(loop, {"sh", "-c", "echo here >&2; exec yes"});
  std::size_t lines = 0;
  source.sink([&](const std::string&) { ++lines; });
  source.stderr_lines().sink([&](const std::string&) { source.stop(); });
  source.start();
  loop.run_for(guard);
  CHECK(source.stopped());
  CHECK(lines < 1'000'000);
  CHECK(no_child_is_left());
}

TEST_CASE("from_process gives the program an environment and a directory") {
  const TemporaryDirectory dir;
  ::setenv("PENSTOCK_TEST_INHERITED", "yes", 1);
  CHECK(run({"sh", "-c", "echo $PENSTOCK_TEST_INHERITED $A"}, {.environment = {{"A", "b c"}}}).lines ==
        Lines{"yes b c"});
  CHECK(run({"sh", "-c", "echo $PENSTOCK_TEST_INHERITED"},
            {.environment = {{"PENSTOCK_TEST_INHERITED", "no"}}})
            .lines == Lines{"no"});
  CHECK(run({"/usr/bin/env"}, {.environment = {{"A", "1"}}, .inherit_environment = false}).lines ==
        Lines{"A=1"});
  ::unsetenv("PENSTOCK_TEST_INHERITED");
  CHECK(run({"pwd", "-P"}, {.directory = dir.path()}).lines ==
        Lines{std::filesystem::canonical(dir.path()).string()});
}

TEST_CASE("from_process gives the program an empty input and no descriptor of this program") {
  CHECK(run({"cat"}).lines.empty());
  const int leaky = ::dup(2);  // without the flag that closes it
  const Run files = run({"ls", "/proc/self/fd"});
  ::close(leaky);
  CHECK(files.lines == Lines{"0", "1", "2", "3"});  // 3: the folder itself
}

TEST_CASE("from_process gives the program the signals as they are by default") {
  // As `yes` in a shell, whatever this program does with SIGPIPE.
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  sigset_t all;
  sigset_t mask;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &mask);
  const Run status = run({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"});
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  std::signal(SIGPIPE, before);
  REQUIRE(status.lines.size() == 2);
  CHECK(status.lines[0] == "SigBlk:\t0000000000000000");
  CHECK((std::stoull(status.lines[1].substr(7), nullptr, 16) >> (SIGPIPE - 1) & 1) == 0);
}

TEST_CASE("from_process reports how the program has failed, behind its last record") {
  const Run failed = run({"sh", "-c", "echo a; exit 3"});
  CHECK(failed.lines == Lines{"a"});
  CHECK(failed.ended);
  CHECK(failed.exit == ProcessExit{3, 0});
  CHECK(failed.error == "from_process: sh has ended with status 3");
  const Run killed = run({"sh", "-c", "kill -9 $$"});
  CHECK(killed.exit == ProcessExit{0, SIGKILL});
  CHECK(killed.error == "from_process: sh was ended by signal 9");
  const Run allowed = run({"false"}, {.success = {0, 1}});
  CHECK(allowed.exit == ProcessExit{1, 0});
  CHECK(allowed.error.empty());
}

TEST_CASE("from_process that stops on failures does not end the stream of a program that failed") {
  const Run failed = run({"sh", "-c", "echo a; exit 3"}, {.on_failure = OnFailure::stop});
  CHECK(failed.lines == Lines{"a"});
  CHECK_FALSE(failed.ended);
  CHECK(failed.error == "from_process: sh has ended with status 3");
}

TEST_CASE("from_process says of what failed how, and which program it was") {
  EventLoop loop;
  const auto source = from_process(loop, {"false"});
  source.sink([](const std::string&) {});
  source.start();
  std::optional<ProcessFailed> failure;
  try {
    loop.run_for(guard);
  } catch (const ProcessFailed& e) {
    failure = e;
  }
  REQUIRE(failure);
  CHECK(failure->program() == "false");
  CHECK(failure->exit() == ProcessExit{1, 0});
}

TEST_CASE("from_process stops when the program cannot be run, and tries again when it is started again") {
  const TemporaryDirectory dir;
  EventLoop loop;
  const std::string program = dir / "program";
  const auto source = from_process(loop, {program});
  const Probe<std::string> probe{source};
  const std::size_t files = open_files();
  for (int i = 0; i < 3; ++i) {
    source.start();
    CHECK_THROWS_WITH(loop.run_for(guard), containing("from_process: cannot run " + program) &&
                                               containing("No such file"));
    CHECK(source.stopped());
  }
  CHECK(open_files() == files);
  CHECK_FALSE(probe.ended());
  dir.write("program", "#!/bin/sh\necho here\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  source.start();
  loop.run_for(guard);
  CHECK(probe.values() == Lines{"here"});
  CHECK(run({"true"}, {.directory = dir / "none"}).error == "from_process: cannot run true in " +
                                                                (dir / "none").string() +
                                                                ": No such file or directory");
}

TEST_CASE("from_process reports a record that is too long, and goes on behind it") {
  const Lines command{"printf", "ab\\nabc\\nabcdefghi\\nab\\n"};
  const Run reported = run(command, {.max_record = 3});
  CHECK(reported.lines == Lines{"ab", "abc", "ab"});
  CHECK_THAT(reported.error, containing("printf") && containing("more than 3 bytes"));
  const Run skipped = run(command, {.max_record = 3, .bad_rows = BadRows::skip});
  CHECK(skipped.lines == Lines{"ab", "abc", "ab"});
  CHECK(skipped.error.empty());
}

TEST_CASE("from_process gives records that are too long to who asks for them, in their place") {
  EventLoop loop;
  const auto source = from_process(loop, {"printf", "ab\\nabcdefghi\\nb\\n"}, {.max_record = 3});
  Lines seen;
  source.sink([&](const std::string& line) { seen.push_back(line); });
  const auto bad = source.bad_rows();
  const Probe<BadRow> probe{bad};
  bad.sink([&](const BadRow& record) { seen.push_back("too long: " + record.text); });
  source.start();
  loop.run_for(guard);
  CHECK(seen == Lines{"ab", "too long: abc", "b"});
  REQUIRE(probe.size() == 1);
  CHECK(probe.values()[0].file == "printf");
  CHECK(probe.values()[0].line == 2);
  CHECK(probe.ended());
}

TEST_CASE("from_process keeps no more of an endless record than its limit") {
  EventLoop loop;
  const auto source = from_process(loop, {"head", "-c", "300000000", "/dev/zero"}, {.max_record = 1000});
  std::size_t length = 0;
  source.bad_rows().sink([&](const BadRow& record) { length = record.text.size(); });
  const long before = penstock::test::resident_kb();
  source.start();
  loop.run_for(guard);
  CHECK(length == 1000);
  CHECK(penstock::test::resident_kb() - before < 4096);
}

TEST_CASE("from_process lets others on the loop have their turn while no record ends") {
  EventLoop loop;
  const auto source = from_process(loop, {"cat", "/dev/zero"});
  source.sink([](const std::string&) {});
  asio::steady_timer timer{loop.io_context(), 20ms};
  timer.async_wait([&](const boost::system::error_code&) { source.stop(); });
  source.start();
  loop.run_for(guard);
  CHECK(source.stopped());
  CHECK(no_child_is_left());
}

TEST_CASE("from_process does without the status where this program does not want to know of its children") {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  const Run counted = run({"seq", "3"});
  std::signal(SIGCHLD, before);
  CHECK(counted.lines == Lines{"1", "2", "3"});
  CHECK(counted.ended);
  CHECK(counted.exit == ProcessExit{-1, 0});
  CHECK(counted.error == "from_process: seq has ended, and its status is not known");
}

TEST_CASE("from_process kills a program that does not end when it is told to") {
  EventLoop loop;
  const auto source =
      from_process(loop, {"sh", "-c", "trap '' TERM; echo up; exec sleep 1000"}, {.grace = 20ms});
  source.sink([&](const std::string&) { source.stop(); });
  source.start();
  loop.run_for(guard);
  CHECK(source.exit_status() == ProcessExit{0, SIGKILL});
  CHECK(no_child_is_left());
}

TEST_CASE("from_process ends with the program what that has started, when they are a group") {
  EventLoop loop;
  const auto source = from_process(loop, {"sh", "-c", "trap '' TERM; sleep 1000 & echo $!; wait"},
                                   {.process_group = true, .grace = 20ms});
  pid_t other = 0;
  source.sink([&](const std::string& pid) {
    other = static_cast<pid_t>(std::stol(pid));
    source.stop();
  });
  source.start();
  loop.run_for(guard);
  CHECK(other != 0);
  CHECK(penstock::test::ends(other));
  CHECK(no_child_is_left());
}

TEST_CASE("from_process ends what is left of a group when the program itself has ended") {
  EventLoop loop;
  // The program ends at once; what it leaves behind has its output open.
  const auto source =
      from_process(loop, {"sh", "-c", "sleep 1000 & echo $!"}, {.process_group = true});
  pid_t other = 0;
  source.sink([&](const std::string& pid) { other = static_cast<pid_t>(std::stol(pid)); });
  source.start();
  while (!source.exit_status() || other == 0) loop.run_for(1ms);
  CHECK_FALSE(source.stopped());
  source.stop();
  loop.run_for(guard);
  CHECK(penstock::test::ends(other));
  CHECK(no_child_is_left());
}

TEST_CASE("from_process leaves nothing behind when its graph ends") {
  EventLoop loop;
  const std::size_t files = open_files();
  for (int i = 0; i < 20; ++i) {
    const auto source = from_process(loop, {"yes"});
    std::size_t n = 0;
    source.sink([&](const std::string&) {
      if (++n == 1000) loop.stop();
    });
    source.start();
    loop.run_for(guard);
    loop.restart();
    CHECK_FALSE(children().empty());
  }
  loop.run_for(guard);  // where they are waited for
  CHECK(no_child_is_left());
  CHECK(open_files() == files);
}

TEST_CASE("from_process leaves nothing behind when its loop ends") {
  const std::size_t files = open_files();
  for (const bool graph_first : {true, false}) {
    auto loop = std::make_unique<EventLoop>();
    {
      // Would not end by itself, and SIGTERM does not end it.
      const auto source = from_process(*loop, {"sh", "-c", "trap '' TERM; echo up; exec sleep 1000"});
      source.sink([&](const std::string&) { loop->stop(); });
      source.start();
      loop->run_for(guard);
      if (!graph_first) source.stop();
    }
    CHECK(children().size() == 1);
    loop.reset();
    CHECK(no_child_is_left());
  }
  CHECK(open_files() == files);
}

TEST_CASE("from_process leaves nothing behind when a loop with a thread of its own ends") {
  for (int i = 0; i < 20; ++i) {
    EventLoop loop{background};
    const auto source = from_process(loop, {"yes"});
    source.sink([](const std::string&) {});
    source.start();
    if (i % 2 == 0) source.stop();
    if (i % 4 == 0) source.start();
  }
  CHECK(no_child_is_left());
}

TEST_CASE("from_process opens no more descriptors with every run") {
  EventLoop loop;
  const auto source = from_process(loop, {"echo", "a"});
  const Probe<std::string> probe{source};
  source.start();
  loop.run_for(guard);
  const std::size_t files = open_files();
  for (int i = 0; i < 50; ++i) {
    source.start();
    loop.run_for(guard);
  }
  CHECK(open_files() == files);
  CHECK(probe.size() == 51);
}

TEST_CASE("from_process runs on a context of the application") {
  asio::io_context context;
  EventLoop loop{context};
  const auto source = from_process(loop, {"seq", "100000"});
  std::size_t lines = 0;
  source.sink([&](const std::string&) { ++lines; });
  source.start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { context.run(); });
  for (std::thread& thread : threads) thread.join();
  CHECK(lines == 100000);
  CHECK(source.exit_code() == 0);
  CHECK(no_child_is_left());
}

TEST_CASE("from_process goes on, or stops, when what is behind it throws") {
  for (const OnFailure on_failure : {OnFailure::go_on, OnFailure::stop}) {
    EventLoop loop;
    const auto source = from_process(loop, {"seq", "5"}, {.on_failure = on_failure});
    Lines seen;
    source.sink([&](const std::string& line) {
      if (line == "2") throw std::runtime_error("two");
      seen.push_back(line);
    });
    source.start();
    CHECK_THROWS_WITH(loop.run_for(guard), "two");
    loop.run_for(guard);
    CHECK(seen == (on_failure == OnFailure::stop ? Lines{"1"} : Lines{"1", "3", "4", "5"}));
    CHECK(no_child_is_left());
  }
}

TEST_CASE("from_process refuses what makes no sense") {
  EventLoop loop;
  CHECK_THROWS_AS(from_process(loop, {}), std::invalid_argument);
  CHECK_THROWS_AS(from_process(loop, {""}), std::invalid_argument);
  CHECK_THROWS_AS(from_process(loop, {"true"}, {.delimiter = ""}), std::invalid_argument);
  CHECK_THROWS_AS(from_process(loop, {"true"}, {.max_record = 0}), std::invalid_argument);
  CHECK_THROWS_AS(from_process(loop, {"true"}, {.grace = -1s}), std::invalid_argument);
  CHECK_THROWS_AS(from_process(loop, {"true"}, {.environment = {{"A=B", "c"}}}), std::invalid_argument);
  CHECK_THROWS_WITH(from_process(loop, {}), containing("from_process: "));
}
