// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/connect/process/child.hpp"
#include "penstock/connect/process/child_output.hpp"
#include "penstock/connect/process/sink_to_process.hpp"
#include "penstock/core/pump.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/sources/bad_row.hpp"
#include "penstock/sources/detail/delimited.hpp"

namespace penstock {

/// How through_process runs a program, writes to it and reads from it.
struct ProcessFilter {
  std::string end = "\n";                               ///< written behind every element
  std::string delimiter = "\n";                         ///< ends a record that it writes; one or more characters
  bool keep_delimiter = false;                          ///< records are emitted with what ends them
  std::size_t max_record = std::size_t{1} << 20;        ///< bytes; a longer one is left out and reported
  ProcessStream err = ProcessStream::inherit;           ///< its standard error; read: together with its output
  std::map<std::string, std::string> environment = {};  ///< in addition to this program's, or in its place
  bool inherit_environment = true;                      ///< it gets what this program has
  std::string directory = {};                           ///< where it works; empty: where this program does
  bool process_group = false;                           ///< it and what it starts are ended together
  Duration grace = std::chrono::seconds{5};             ///< to end by itself, and again between SIGTERM and SIGKILL
  std::vector<int> success = {0};                       ///< what it may return
};

namespace detail {

/// The half that reads.
class ThroughProcessBase : public ProcessSinkBase, private ChildOutput::Owner {
 public:
  Outlet<std::string> outlet;

  bool busy() const noexcept override { return ProcessSinkBase::busy() || pump_.active(); }
  void shut_down() noexcept override {
    pump_.stop();
    let_go();
    ProcessSinkBase::shut_down();
  }

  // For the pump.
  bool pump(Receipt& receipt) {
    if (!reading_) return false;
    const Found found = reading_->next();
    if (found == Found::record) {
      info().passed();
      receipt = offer(outlet, std::string{reading_->reader().text()});
      return true;
    }
    if (found == Found::damaged) {
      info().fails();
      throw BadRowError(BadRow{program(), reading_->reader().line(), {}, reading_->reader().problem(),
                               std::string{reading_->reader().text()}});
    }
    if (reading_->read(program())) return true;
    if (!reading_->ended() || !child_is_over()) return false;
    if (end_has_come() && !std::exchange(end_sent_, true)) {
      receipt = offer(outlet, Signal{Signal::end});
      return true;
    }
    reading_.reset();
    conclude();
    return false;
  }

 protected:
  ThroughProcessBase(const LoopExecutor& executor, Command command, ProcessSink to, DelimitedReader reader)
      : ProcessSinkBase(Shape::plain, executor, std::move(command), std::move(to), true),
        reader_(std::move(reader)) {
    info().one_to_one = false;
    info().recovery = Recovery::refused;
    read_output();
  }
  ~ThroughProcessBase() override { let_go(); }

  Pending* pass_signal(const Signal& signal) {
    Receipt own{this->end_of_stream(signal)};
    if (signal.kind == Signal::barrier) {
      Join join{strand()};
      join.add(own.release());
      join.add(outlet.signal(signal));
      return join.finish();
    }
    if (signal.kind != Signal::end) return outlet.signal(signal);
    if (!own.state()) return outlet.signal(signal);  // there is no program to wait for
    return own.release();
  }

 private:
  void child_started() override { read_output(); }
  bool may_conclude() noexcept override {
    pump_.wake();
    return false;
  }
  void readable() noexcept override { pump_.wake(); }

  void read_output() {
    end_sent_ = false;
    ChildOutput::Owner& self = *this;
    reading_ = std::make_shared<ChildOutput>("through_process", executor(), output(), reader_, self);
    reading_->wait();
  }
  void let_go() noexcept {
    if (reading_) reading_->let_go();
    reading_.reset();
  }

  DelimitedReader reader_;
  std::shared_ptr<ChildOutput> reading_;
  bool end_sent_ = false;
  Pump<ThroughProcessBase> pump_{*this};
};

template <element T>
class ThroughProcessNode final : public ThroughProcessBase, public Receiver<T, ThroughProcessNode<T>> {
 public:
  ThroughProcessNode(const LoopExecutor& executor, Command command, ProcessSink to, DelimitedReader reader)
      : ThroughProcessBase(executor, std::move(command), std::move(to), std::move(reader)) {
    this->port(static_cast<InletBase&>(*this));
    this->port(outlet);
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    return this->put(std::string_view(std::as_const(value)), context);
  }
  Pending* push_all(Batch<T>& batch) override {
    if (this->given_up()) return BatchReceiver<T, ThroughProcessNode>::push_all(batch);
    return this->put_all(batch);
  }

 protected:
  Pending* take_signal(const Signal& signal) override { return this->pass_signal(signal); }
};

}  // namespace detail

/// Runs a program, writes every element to its standard input, and emits the lines that it writes. There is no
/// shell: the first word is the program, the others are its arguments as they are.
///
///     in   -b-a-c-|
///          through_process({"sort"})
///     out  --------abc|
///
/// @param command  the program, looked for in PATH when there is no `/` in its name, and its arguments. It is
///                 started here, on the loop of the stream, and the loop's `run` waits for it until the stream
///                 has ended. Elements are anything that converts to `std::string_view`.
/// @param options  see ProcessFilter.
///
/// The end of the stream closes its standard input; when all that it then writes was emitted and it has ended,
/// the stream behind it ends, too. What goes in and what comes out need not have anything to do with each
/// other. Most programs write less often when their output is a pipe: their last option is what helps
/// (`grep --line-buffered`, `sed -u`), or `stdbuf -oL` before them. For programs that end too early, and for
/// graphs and loops that end, see sink_to_process.
///
/// Back-pressure: in front, waits until the element is in the pipe to the program; behind, waits for each
///                record, and then the program waits in its write and reads no more.
/// Metadata:      held until the element is in the pipe; records have none.
/// Errors:        std::system_error here when the program cannot be run, std::logic_error without a loop;
///                ProcessFailed, naming program and status, through emit or the Receipt when it ends too early,
///                and from `close` when it returns what `success` does not name; a record that is too long is
///                reported as a BadRowError and left out; so are exceptions from behind.
/// Cost:          one write an element, or for all of a batch; one string a record, one read each 64 KiB.
/// Recovery:      refused: what the program has read and not written is in no snapshot.
/// Example:       examples/10_connect/process.cpp
/// See also:      sink_to_process, from_process, map
inline auto through_process(std::vector<std::string> command, ProcessFilter options = {}) {
  detail::Command run{"through_process", std::move(command),    options.environment, options.inherit_environment,
                      options.directory, options.process_group, options.grace};
  run.check();
  if (options.delimiter.empty()) detail::bad_argument("through_process: the delimiter must not be empty");
  if (options.max_record == 0 || options.max_record >= (std::size_t{1} << 31)) {
    detail::bad_argument("through_process: max_record must be at least 1 byte, and less than 2 GiB");
  }
  return [run = std::move(run), options = std::move(options)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    constexpr bool is_text = std::convertible_to<const T&, std::string_view>;
    static_assert(is_text,
                  "through_process: the elements must convert to std::string_view; make texts of them with map");
    if constexpr (is_text) {
      const Stream<T> upstream = stream.stream();
      detail::DelimitedReader reader{options.delimiter, options.keep_delimiter, options.max_record};
      ProcessSink to;
      to.end = std::move(options.end);
      to.err = options.err;
      to.success = std::move(options.success);
      const LoopExecutor executor = detail::executor_for_child("through_process", upstream.loop());
      auto& node = attach<detail::ThroughProcessNode<T>>(upstream, executor, std::move(run), std::move(to),
                                                         std::move(reader));
      return Stream<std::string>{node.outlet};
    }
  };
}

}  // namespace penstock
