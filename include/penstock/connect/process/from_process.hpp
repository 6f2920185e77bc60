// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/connect/process.hpp: child processes are told apart as POSIX does it"
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "penstock/connect/process/child.hpp"
#include "penstock/connect/process/child_output.hpp"
#include "penstock/sources/bad_row.hpp"
#include "penstock/sources/detail/delimited.hpp"
#include "penstock/sources/source.hpp"

namespace penstock {

/// How from_process runs a program and reads what it writes.
struct ProcessSource {
  std::string delimiter = "\n";                         ///< ends a record; one or more characters
  bool keep_delimiter = false;                          ///< records are emitted with what ends them
  std::size_t max_record = std::size_t{1} << 20;        ///< bytes; a longer one is a bad record
  BadRows bad_rows = BadRows::report;                ///< what becomes of those where nobody takes them
  ProcessStream out = ProcessStream::read;              ///< its standard output
  ProcessStream err = ProcessStream::inherit;           ///< its standard error; both read: as one
  std::map<std::string, std::string> environment = {};  ///< in addition to this program's, or in its place
  bool inherit_environment = true;                      ///< it gets what this program has
  std::string directory = {};                           ///< where it works; empty: where this program does
  bool process_group = false;                           ///< it and what it starts are ended together
  Duration grace = std::chrono::seconds{5};             ///< between SIGTERM and SIGKILL when it is ended
  std::vector<int> success = {0};                       ///< what it may return
  OnFailure on_failure = OnFailure::go_on;              ///< whether the next record follows when one fails
};

namespace detail {

class ProcessNode final : public SourceNode<std::string, ProcessNode>, private Child::Owner, private ChildOutput::Owner {
 public:
  ProcessNode(const LoopExecutor& executor, Command command, ProcessSource options)
      : SourceNode(Info{"from_process", command.line()}, options.on_failure),
        executor_(executor),
        command_(std::move(command)),
        options_(std::move(options)) {
    this->port(errors);
    this->port(bad);
    records_.resize(most);
  }
  ~ProcessNode() override {
    if (child_) child_->forget_owner();
  }

  const char* needs_loop() const noexcept override { return "from_process: a child process"; }
  void shut_down() noexcept override {
    SourceNode::shut_down();
    if (child_) child_->forget_owner();
  }

  Outlet<std::string> errors;
  Outlet<BadRow> bad;

  void separate_errors() noexcept { separate_errors_ = true; }
  void divert() noexcept { diverted_ = true; }
  std::optional<ProcessExit> exit() const noexcept {
    const int raw = exit_.load(std::memory_order_relaxed);
    if (raw == no_exit) return std::nullopt;
    return ProcessExit{raw < 0 ? raw : raw & 0xFF, raw < 0 ? 0 : raw >> 8};
  }
  pid_t pid() const noexcept { return pid_.load(std::memory_order_relaxed); }

  void on_start() noexcept { fresh_ = true; }
  // Perhaps called by what takes a record: those that were read stay where they are.
  void on_stop() noexcept { let_go(); }

  Batch<std::string>& at_hand() {
    if (fresh_ && !run()) return lot_;
    if (lot_.empty()) fill();
    return lot_;
  }
  bool aside(Receipt& receipt) {
    if (bad_) return give_bad(receipt);
    if (error_) {
      std::string record = std::move(*error_);
      error_.reset();
      if (errors.ended()) static_cast<void>(offer(errors, Signal{Signal::reopen}));
      receipt = offer(errors, std::move(record));
      return true;
    }
    if (!over()) return false;
    if (!std::exchange(judged_, true)) judge();
    for (OutletBase* side : {static_cast<OutletBase*>(&errors), static_cast<OutletBase*>(&bad)}) {
      if (side->ended()) continue;
      receipt = offer(*side, Signal{Signal::end});
      return true;
    }
    return false;
  }
  /// Asked when no records are at hand.
  std::optional<std::string> next() {
    if (std::exchange(yields_, false)) return later(clock().now());
    if (!over()) return nothing_yet();
    return std::nullopt;
  }

 private:
  static constexpr std::size_t most = 128;  // records cut before the first is emitted
  static constexpr int turn = 16;           // blocks without a record, before others on the loop get their turn
  static constexpr int no_exit = -2;

  /// Starts the child, when the one before it is gone. False: not yet.
  bool run() {
    lot_ = {};  // of the run before
    error_.reset();
    bad_.reset();
    if (child_ && !child_->exit()) return false;
    fresh_ = judged_ = false;
    child_.reset();
    exit_.store(no_exit, std::memory_order_relaxed);
    try {
      start_child();
    } catch (...) {
      stop();  // the next attempt would fail at once
      throw;
    }
    return true;
  }
  void start_child() {
    const DelimitedReader reader{options_.delimiter, options_.keep_delimiter, options_.max_record};
    const bool reads_out = options_.out == ProcessStream::read;
    const bool reads_err = !separate_errors_ && options_.err == ProcessStream::read;
    ChildStreams streams;
    if (options_.out == ProcessStream::discard) streams.out = ChildStreams::null;
    if (options_.err == ProcessStream::discard) streams.err = ChildStreams::null;
    std::optional<ChildPipe> first;
    std::optional<ChildPipe> second;
    if (reads_out || reads_err) {
      first.emplace("from_process");
      if (reads_out) streams.out = first->in.get();
      if (reads_err) streams.err = first->in.get();
    }
    if (separate_errors_) {
      second.emplace("from_process");
      streams.err = second->in.get();
    }
    ChildOutput::Owner& self = *this;
    if (first) out_ = std::make_shared<ChildOutput>("from_process", executor_, std::move(first->out), reader, self);
    if (second) err_ = std::make_shared<ChildOutput>("from_process", executor_, std::move(second->out), reader, self);
    child_ = Child::start(executor_, command_, streams, *this);
    pid_.store(child_->pid(), std::memory_order_relaxed);
    child_->watch();
  }
  void let_go() noexcept {
    if (child_) child_->terminate();  // first, as a pipe that is closed may end it by SIGPIPE
    if (out_) out_->let_go();
    if (err_) err_->let_go();
    out_.reset();
    err_.reset();
  }

  /// Records of what has been read; more is read when there are none.
  void fill() {
    lot_ = {};
    if (bad_ || error_) return;
    if (err_ && cut(*err_)) {
      error_.emplace(err_->reader().text());
      return;
    }
    std::size_t n = 0;
    while (out_ && !bad_ && n < most && cut(*out_, n == 0)) records_[n++] = out_->reader().text();
    lot_.next = records_.data();
    lot_.end = records_.data() + n;
  }
  /// True when there is a record; one that is none is put aside.
  bool cut(ChildOutput& output, bool may_read = true) {
    for (int blocks = 0;; ++blocks) {
      const Found found = output.next();
      if (found == Found::record) return true;
      if (found == Found::damaged) {
        bad_ = BadRow{command_.program(), output.reader().line(), {}, output.reader().problem(),
                      std::string{output.reader().text()}};
        return false;
      }
      if (!may_read) return false;
      if (blocks == turn) {
        yields_ = true;
        return false;
      }
      bool more = false;
      try {
        more = output.read(command_.program());
      } catch (...) {
        stop();
        throw;
      }
      if (!more) return false;
    }
  }
  bool give_bad(Receipt& receipt) {
    BadRow record = std::move(*bad_);
    bad_.reset();
    info().fails();
    if (diverted_) {
      if (bad.ended()) static_cast<void>(offer(bad, Signal{Signal::reopen}));
      receipt = offer(bad, std::move(record));
      return true;
    }
    if (options_.bad_rows == BadRows::report) throw BadRowError(std::move(record));
    info().drops();
    return true;
  }

  /// True when all outputs were read to their ends and the child has been waited for.
  bool over() const noexcept {
    return !fresh_ && (!out_ || out_->ended()) && (!err_ || err_->ended()) && child_ && child_->exit();
  }
  void judge() const {
    child_->done();
    const ProcessExit exit = *child_->exit();
    const auto& success = options_.success;
    if (exit.signal == 0 && std::find(success.begin(), success.end(), exit.code) != success.end()) return;
    throw ProcessFailed("from_process: " + command_.program() + " " + exit.text(), command_.program(), exit);
  }

  void child_ended() noexcept override {
    const ProcessExit exit = *child_->exit();
    exit_.store(exit.code < 0 ? exit.code : exit.code | exit.signal << 8, std::memory_order_relaxed);
    wake();
  }
  void readable() noexcept override { wake(); }

  LoopExecutor executor_;
  Command command_;
  ProcessSource options_;
  bool separate_errors_ = false;
  bool diverted_ = false;
  bool fresh_ = false;   // started, and the child is not there yet
  bool yields_ = false;  // there is more to read
  bool judged_ = false;  // how the child has ended was told
  std::shared_ptr<Child> child_;
  std::shared_ptr<ChildOutput> out_;
  std::shared_ptr<ChildOutput> err_;
  std::vector<std::string> records_;  // used again and again
  Batch<std::string> lot_{};
  std::optional<std::string> error_;
  std::optional<BadRow> bad_;
  std::atomic<int> exit_{no_exit};
  std::atomic<pid_t> pid_{0};
};

}  // namespace detail

/// What from_process returns: a stream of what a program writes, and what is known of the program.
class ProcessOutput : public Source<std::string> {
 public:
  explicit ProcessOutput(detail::ProcessNode& node) : Source(node) {}

  /// What it writes to its standard error, as a stream of its own. To be asked for before `start`; the source
  /// waits for its records like for those of the standard output, and neither order between them is kept.
  Stream<std::string> stderr_lines() const {
    process().separate_errors();
    return Stream<std::string>{process().errors};
  }
  /// Records that are too long, with what they begin with. To be asked for before `start`: who asks takes
  /// them, and they are no errors any more.
  Stream<BadRow> bad_rows() const {
    process().divert();
    return Stream<BadRow>{process().bad};
  }
  /// How the program has ended, once it has and since it was last started. May be read on any thread.
  std::optional<ProcessExit> exit_status() const noexcept { return process().exit(); }
  /// What it returned; nothing before its end, and when a signal ended it.
  std::optional<int> exit_code() const noexcept {
    const std::optional<ProcessExit> exit = exit_status();
    if (!exit || exit->signal != 0) return std::nullopt;
    return exit->code;
  }
  /// The number of the process that was started last; 0 before.
  pid_t pid() const noexcept { return process().pid(); }

  ProcessOutput named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  detail::ProcessNode& process() const noexcept { return static_cast<detail::ProcessNode&>(node()); }
};

/// Runs a program and emits the lines that it writes, or its records between other delimiters. The stream ends
/// when all of its output was emitted and it has ended. There is no shell: the first word is the program, the
/// others are its arguments as they are. Streamz: from_process.
///
///     seq 3  1\n2\n3\n
///     out    123|
///
/// @param loop     an EventLoop. Its `run` waits for the program.
/// @param command  the program, looked for in PATH when there is no `/` in its name, and its arguments. It
///                 reads nothing (/dev/null), and has no descriptor of this program but its standard ones.
/// @param options  see ProcessSource. Records come without their delimiter (Streamz keeps it:
///                 `.keep_delimiter = true`); a last one without a delimiter is one too (Streamz: `with_end`).
///
/// `start` runs the program, each time anew, and never two at once: after `stop` the next one begins when the
/// last one is gone. `stop`, like the end of the graph, ends it: SIGTERM, and SIGKILL after `grace` (5 s); what
/// was not emitted is lost. It is waited for on the loop, and where the loop ends first, killed and waited for
/// there: none is left. With `process_group` what it has started is ended with it. What it starts and leaves
/// behind with its output open keeps the stream from ending, as in a shell.
///
/// Limits: a record has at most `max_record` bytes (1 MiB); 64 KiB are read at a time, and no more before what
/// was read is emitted.
///
/// Back-pressure: waits for each record; then nothing is read, the pipe is full and the program waits in its
///                write.
/// Metadata:      none.
/// Errors:        std::system_error, reported, when the program cannot be run, and the source stops;
///                ProcessFailed, reported behind the last record, when it returns what `success` does not
///                name or a signal ended it; a record that is too long goes to `bad_rows`, or is reported as
///                a BadRowError, and the next one follows; what is behind it throws is reported, and it goes
///                on or stops as `on_failure` says.
/// Cost:          one string a record; one read each 64 KiB.
/// Recovery:      no position: `start` runs it from its beginning.
/// Example:       examples/10_connect/process.cpp
/// See also:      sink_to_process, from_textfile, from_signal
inline ProcessOutput from_process(Loop& loop, std::vector<std::string> command, ProcessSource options = {}) {
  if (options.delimiter.empty()) detail::bad_argument("from_process: the delimiter must not be empty");
  if (options.max_record == 0 || options.max_record >= (std::size_t{1} << 31)) {
    detail::bad_argument("from_process: max_record must be at least 1 byte, and less than 2 GiB");
  }
  detail::Command run{"from_process",    std::move(command),    options.environment, options.inherit_environment,
                      options.directory, options.process_group, options.grace};
  run.check();
  const LoopExecutor executor = AsioLoop::executor_of(loop);
  return ProcessOutput{detail::make_source(
      &loop, std::make_unique<detail::ProcessNode>(executor, std::move(run), std::move(options)))};
}

}  // namespace penstock
