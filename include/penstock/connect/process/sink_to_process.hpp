// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/connect/process/child.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/core/stream.hpp"

namespace penstock {

/// How sink_to_process runs a program and writes to it.
struct ProcessSink {
  std::string end = "\n";                               ///< written behind every element
  ProcessStream out = ProcessStream::inherit;           ///< its standard output; cannot be read
  std::string out_file = {};                            ///< a file that its standard output goes to instead, emptied
  ProcessStream err = ProcessStream::inherit;           ///< its standard error; cannot be read
  std::map<std::string, std::string> environment = {};  ///< in addition to this program's, or in its place
  bool inherit_environment = true;                      ///< it gets what this program has
  std::string directory = {};                           ///< where it works; empty: where this program does
  bool process_group = false;                           ///< it and what it starts are ended together
  Duration grace = std::chrono::seconds{5};             ///< to end by itself, and again between SIGTERM and SIGKILL
  std::vector<int> success = {0};                       ///< what it may return
  std::size_t restarts = 0;                             ///< so often it is started again when it ends too early
};

namespace detail {

/// What writes elements to a program, as far as it does not depend on their type.
class ProcessSinkBase : public Node, private Child::Owner {
 public:
  const char* needs_loop() const noexcept override { return command_.who; }
  bool busy() const noexcept override { return !held_.empty() || end_.pending(); }
  void shut_down() noexcept override {
    const auto gone = std::make_exception_ptr(Stopped(info().label() + ": destroyed before it was written"));
    info().drops(held_.size());
    while (!held_.empty()) {
      Held held = held_.pop();
      held.context.drop("the sink was destroyed before it was written");
      held.context.clear();
      held.receipt.settle(gone);
    }
    info().holds(0);
    close_pipe();
    if (child_) {
      child_->forget_owner();
      child_->finish();
      child_.reset();
    }
    if (const Receipt end = std::exchange(end_, {}); end.state()) end.settle(gone);
    graph().rested();
  }

  std::optional<ProcessExit> exit() const noexcept {
    const int raw = exit_.load(std::memory_order_relaxed);
    if (raw == no_exit) return std::nullopt;
    return ProcessExit{raw < 0 ? raw : raw & 0xFF, raw < 0 ? 0 : raw >> 8};
  }
  pid_t pid() const noexcept { return pid_.load(std::memory_order_relaxed); }

 protected:
  /// @param reads  its output is for the derived class, which is told of each start but the first.
  ProcessSinkBase(Shape shape, const LoopExecutor& executor, Command command, ProcessSink options, bool reads)
      : Node(Info{command.who, command.line(), shape}),
        executor_(executor),
        command_(std::move(command)),
        options_(std::move(options)),
        reads_(reads),
        restarts_left_(options_.restarts) {
    start_child();
  }
  ~ProcessSinkBase() override {
    if (pipe_) pipe_->node = nullptr;
    if (child_) child_->forget_owner();
  }

  /// One element.
  Pending* put(std::string_view text, const Context* context) {
    info().took();
    get_ready();
    std::size_t written = 0;
    if (held_.empty() && pipe_) {
      iovec parts[2] = {part(text), part(options_.end)};
      written = write(parts, 2);
      if (written == text.size() + options_.end.size()) return nullptr;
    }
    unwritten_ += text;
    unwritten_ += options_.end;
    return hold(text.size() + options_.end.size(), written, context);
  }

  /// Several elements, which go out together.
  template <class T>
  Pending* put_all(Batch<T>& batch) {
    get_ready();
    const bool direct = held_.empty() && pipe_;
    sizes_.clear();
    std::size_t before = unwritten_.size();
    std::exception_ptr error;  // of a text of the user's; those before it are to be written
    try {
      while (batch.next != batch.end) {
        unwritten_ += std::string_view(std::as_const(*batch.next++));
        unwritten_ += options_.end;
        sizes_.push_back(unwritten_.size() - before);
        before = unwritten_.size();
      }
    } catch (...) {
      error = std::current_exception();
      unwritten_.resize(before);
      info().took();
      info().fails();
    }
    info().took(sizes_.size());
    Receipt last{write_gathered(direct)};
    if (error) std::rethrow_exception(error);
    return last.release();
  }
  bool given_up() const noexcept { return failure_ != nullptr; }

  const LoopExecutor& executor() const noexcept { return executor_; }
  const std::string& program() const noexcept { return command_.program(); }
  /// The end of what it writes that is read, once for each start.
  FileDescriptor output() noexcept { return std::move(output_); }
  virtual void child_started() {}
  /// The program has ended. False: `conclude` will be called later.
  virtual bool may_conclude() noexcept { return true; }
  bool child_is_over() const noexcept { return child_ && child_->exit(); }
  bool end_has_come() const noexcept { return end_.pending(); }

  Pending* end_of_stream(const Signal& signal) {
    if (signal.kind == Signal::end) {
      if (failure_ || !child_) return nullptr;  // that was told
      if (!end_.state()) end_ = Receipt::waiting(strand(), &info(), Why::sink);
      Pending* end = end_.share();
      if (held_.empty()) close_input();
      return end;
    }
    if (signal.kind == Signal::reopen) {
      failure_ = nullptr;
      restarts_left_ = options_.restarts;
      if (!child_) start_child();  // otherwise the one that is ending comes first
    }
    if (signal.kind == Signal::barrier && !held_.empty()) return held_.back().receipt.share();
    return nullptr;
  }

 private:
  static constexpr int no_exit = -2;

  /// Our end of its standard input, kept by what waits for room in it.
  struct Pipe {
    Pipe(LoopDescriptor d, ProcessSinkBase& n) : descriptor(std::move(d)), node(&n) {}
    LoopDescriptor descriptor;
    ProcessSinkBase* node;
    bool waiting = false;
  };
  /// An element that is not written, or not all of it.
  struct Held {
    std::size_t size;
    Context context;
    Receipt receipt;
  };

  static iovec part(std::string_view text) noexcept { return {const_cast<char*>(text.data()), text.size()}; }

  Pending* write_gathered(bool direct) {
    std::size_t written = 0;
    if (direct) {
      const iovec all = part(unwritten_);
      written = write(&all, 1);
    }
    std::size_t whole = 0;
    Receipt last;
    for (const std::size_t size : sizes_) {
      if (written >= size) {
        written -= size;
        whole += size;
      } else {
        last = Receipt{hold(size, std::exchange(written, 0), nullptr)};
      }
    }
    unwritten_.erase(0, whole);
    return last.release();
  }
  void start_child() {
    ChildPipe pipe{command_.who};
    std::optional<ChildPipe> output;
    ChildStreams streams;
    streams.in = pipe.out.get();
    streams.out = options_.out == ProcessStream::discard ? ChildStreams::null : ChildStreams::keep;
    streams.err = options_.err == ProcessStream::discard ? ChildStreams::null : ChildStreams::keep;
    streams.out_file = options_.out_file;
    if (reads_) streams.out = output.emplace(command_.who).in.get();
    if (reads_ && options_.err == ProcessStream::read) streams.err = streams.out;
    auto own = std::make_shared<Pipe>(own_end(executor_, std::move(pipe.in)), *this);
    child_ = Child::start(executor_, command_, streams, *this);
    pipe_ = std::move(own);
    closed_ = false;
    if (output) output_ = std::move(output->out);
    exit_.store(no_exit, std::memory_order_relaxed);
    pid_.store(child_->pid(), std::memory_order_relaxed);
    child_started();
  }

  /// Before an element. Throws when there is no hope for it.
  void get_ready() {
    if (!failure_ && !child_) {
      try {
        start_child();
      } catch (...) {
        failure_ = std::current_exception();
      }
    }
    if (!failure_) return;
    info().fails();
    std::rethrow_exception(failure_);
  }

  /// How many bytes were written. Where nobody reads any more it is the end of the process that says what
  /// becomes of the elements.
  std::size_t write(const iovec* parts, int n) {
    const ssize_t written = write_quietly(pipe_->descriptor.native_handle(), parts, n);
    if (written >= 0) return static_cast<std::size_t>(written);
    if (errno != EAGAIN && errno != EWOULDBLOCK) close_pipe();
    return 0;
  }

  Pending* hold(std::size_t size, std::size_t written, const Context* context) {
    Receipt receipt = Receipt::waiting(strand(), &info(), Why::full);
    Pending* share = receipt.share();
    if (held_.empty()) begin_ += written;
    held_.push(size, Context::of(context), std::move(receipt));
    info().holds(held_.size());
    if (pipe_) {
      wait();
    } else if (!closed_) {
      await_end();
    }
    return share;
  }
  void wait() {
    if (std::exchange(pipe_->waiting, true)) return;
    pipe_->descriptor.async_wait(LoopDescriptor::wait_write, [pipe = pipe_](const boost::system::error_code&) {
      pipe->waiting = false;
      if (pipe->node) pipe->node->flush();
    });
  }

  /// There is room in the pipe.
  void flush() {
    while (pipe_ && begin_ < unwritten_.size()) {
      const iovec all = part(std::string_view{unwritten_}.substr(begin_));
      const std::size_t written = write(&all, 1);
      if (written == 0) break;
      begin_ += written;
      while (!held_.empty() && held_.front().size <= begin_ - first_) {
        first_ += held_.front().size;
        const Held held = held_.pop();
        held.receipt.settle();
      }
    }
    info().holds(held_.size());
    if (held_.empty()) {
      unwritten_.clear();
      first_ = begin_ = 0;
      if (end_.pending()) close_input();
      return graph().rested();
    }
    if (first_ > unwritten_.size() / 2) {
      unwritten_.erase(0, first_);
      begin_ -= std::exchange(first_, 0);
    }
    if (pipe_) return wait();
    await_end();
  }
  /// It reads no more, and how it ends says what becomes of the elements.
  void await_end() {
    child_->finish();
    child_->watch();
  }

  void close_pipe() noexcept {
    if (!pipe_) return;
    pipe_->node = nullptr;
    boost::system::error_code ignored;
    pipe_->descriptor.close(ignored);
    pipe_.reset();
  }
  /// Everything was written.
  void close_input() {
    closed_ = true;
    close_pipe();
    child_->watch();
  }

  void child_ended() noexcept override {
    const ProcessExit exit = *child_->exit();
    exit_.store(exit.code < 0 ? exit.code : exit.code | exit.signal << 8, std::memory_order_relaxed);
    if (may_conclude()) conclude();
  }

 protected:
  void conclude() noexcept {
    const ProcessExit exit = *child_->exit();
    child_->done();
    child_.reset();
    close_pipe();
    std::exception_ptr error;
    const bool complete = closed_ || held_.empty();
    if (complete) {
      const auto& success = options_.success;
      const bool well = exit.signal == 0 && std::find(success.begin(), success.end(), exit.code) != success.end();
      if (!well) error = failed(exit, "");
    } else if (restarts_left_ > 0) {
      --restarts_left_;
      if (start_again(error)) return;
    } else {
      error = failed(exit, " before all of its input was written");
    }
    if (!complete) {
      failure_ = error;
      fail_held(error);
    }
    std::exchange(end_, {}).settle(error);
    if (!held_.empty() && !start_again(error)) fail_held(error);  // those that came behind the end
    graph().rested();
  }

 private:
  std::exception_ptr failed(ProcessExit exit, const char* when) const {
    return std::make_exception_ptr(ProcessFailed(std::string{command_.who} + ": " + command_.program() + " " + exit.text() + when,
                                                 command_.program(), exit));
  }
  /// What is held begins anew with a new process.
  bool start_again(std::exception_ptr& error) noexcept {
    try {
      start_child();
    } catch (...) {
      error = failure_ = std::current_exception();
      return false;
    }
    begin_ = first_;
    if (!held_.empty()) wait();
    return true;
  }
  void fail_held(const std::exception_ptr& error) noexcept {
    info().fails(held_.size());
    while (!held_.empty()) {
      Held held = held_.pop();
      held.context.fail(error);
      held.context.clear();
      held.receipt.settle(error);
    }
    info().holds(0);
    unwritten_.clear();
    first_ = begin_ = 0;
  }

  LoopExecutor executor_;
  Command command_;
  ProcessSink options_;
  bool reads_;
  FileDescriptor output_;
  std::size_t restarts_left_;
  std::shared_ptr<Child> child_;
  std::shared_ptr<Pipe> pipe_;
  std::string unwritten_;     // from the first element that is held on
  std::size_t begin_ = 0;     // of what was not written yet
  std::size_t first_ = 0;     // where the first element that is held begins
  Ring<Held> held_;
  std::vector<std::size_t> sizes_;
  Receipt end_;
  std::exception_ptr failure_;
  bool closed_ = false;  // everything was written
  std::atomic<int> exit_{no_exit};
  std::atomic<pid_t> pid_{0};
};

template <element T>
class ProcessSinkNode final : public ProcessSinkBase, public Receiver<T, ProcessSinkNode<T>> {
 public:
  ProcessSinkNode(const LoopExecutor& executor, Command command, ProcessSink options)
      : ProcessSinkBase(Shape::sink, executor, std::move(command), std::move(options), false) {
    this->port(static_cast<InletBase&>(*this));
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    return this->put(std::string_view(std::as_const(value)), context);
  }
  Pending* push_all(Batch<T>& batch) override {
    if (this->given_up()) return BatchReceiver<T, ProcessSinkNode>::push_all(batch);
    return this->put_all(batch);
  }

 protected:
  Pending* take_signal(const Signal& signal) override { return this->end_of_stream(signal); }
};

}  // namespace detail

/// What sink_to_process returns: the end of a stream, and what is known of the program.
class ProcessInput : public Sink {
 public:
  explicit ProcessInput(detail::ProcessSinkBase& node) : Sink(node) {}

  /// How the program has ended, once it was waited for. May be read on any thread.
  std::optional<ProcessExit> exit_status() const noexcept { return process().exit(); }
  /// The number of the process that was started last.
  pid_t pid() const noexcept { return process().pid(); }

 private:
  detail::ProcessSinkBase& process() const noexcept { return static_cast<detail::ProcessSinkBase&>(node()); }
};

/// Runs a program and writes every element, and a line's end behind it, to its standard input. There is no
/// shell: the first word is the program, the others are its arguments as they are.
///
///     in     -a-b-|
///     stdin  a\nb\n
///
/// @param command  the program, looked for in PATH when there is no `/` in its name, and its arguments. It is
///                 started here, on the loop of the stream. Elements are anything that converts to
///                 `std::string_view`.
/// @param options  see ProcessSink.
///
/// The end of the stream closes its standard input and waits for it to end, so that `close` returns when the
/// work is done; a stream that is reopened starts it again. One that ends while there is something to be
/// written, or does not read any more (then it has `grace` to end), makes that and all that comes later fail,
/// until `restarts` is used up in vain: with it the next process is given what the last one did not take,
/// the element it was in the midst of included. What was written and not read when it ended is lost: that
/// cannot be seen from here. A graph that ends closes its standard input; after `grace` (5 s) it gets SIGTERM,
/// after the same again SIGKILL. Where the loop ends first it is killed. SIGPIPE is kept from the thread that
/// writes; what the program does with that signal otherwise is left alone.
///
/// Back-pressure: waits until the element is in the pipe, which holds 64 KiB and is full while the program
///                does not read.
/// Metadata:      held until the element is in the pipe.
/// Errors:        std::system_error here when the program cannot be run, std::logic_error without a loop;
///                ProcessFailed, naming program and status, through emit or the Receipt when it ends too early,
///                and from `close` when it returns what `success` does not name.
/// Cost:          one write an element, or for all of a batch.
/// Recovery:      at_least_once: what was written stays written, elements that come again are written again. A checkpoint
///                waits until what came before it is in the pipe.
/// Example:       examples/10_connect/process.cpp
/// See also:      from_process, sink_to_textfile
inline auto sink_to_process(std::vector<std::string> command, ProcessSink options = {}) {
  detail::Command run{"sink_to_process", std::move(command),    options.environment, options.inherit_environment,
                      options.directory, options.process_group, options.grace};
  run.check();
  if (options.out == ProcessStream::read || options.err == ProcessStream::read) {
    detail::bad_argument("sink_to_process: what the program writes is not read here; use from_process for that");
  }
  return [run = std::move(run), options = std::move(options)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    constexpr bool is_text = std::convertible_to<const T&, std::string_view>;
    static_assert(is_text,
                  "sink_to_process: the elements must convert to std::string_view; make texts of them with map");
    if constexpr (is_text) {
      const Stream<T> upstream = stream.stream();
      const LoopExecutor executor = detail::executor_for_child("sink_to_process", upstream.loop());
      return ProcessInput{
          attach<detail::ProcessSinkNode<T>>(upstream, executor, std::move(run), std::move(options))};
    }
  };
}

}  // namespace penstock
