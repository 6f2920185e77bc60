// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "penstock/core/box.hpp"
#include "penstock/core/managed.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/sinks/detail/file_writer.hpp"
#include "penstock/sinks/file_policies.hpp"
#include "penstock/state/codec.hpp"

namespace penstock {

/// How sink_to_textfile writes.
struct TextFile {
  std::string end = "\n";   ///< written behind every element
  bool append = true;       ///< behind what the file holds; false: in its place
  Flush flush = false;      ///< true: after every element, so that readers see it at once; or see Flush
  Sync sync = Sync::never;  ///< whether it is brought to the disk, see Sync
  Rotate rotate{};          ///< when the next file begins, see Rotate
  bool atomic = false;      ///< a file has its name only when it is finished and on the disk
};

/// Can be written as it is.
template <class T>
concept text = std::convertible_to<const T&, std::string_view>;

namespace detail {

/// What all sinks that write lines have in common. A snapshot holds how far the file was written, and whoever goes on from
/// it cuts off what was written after that.
class LineFileStep : public Step, public Managed {
 public:
  template <class In>
  using output = void;

  void place(Node& node, Info& info) noexcept {
    Step::place(node, info);
    file_.start(node);
    if (timing_) timing_->step = this;
    if (!file_.can_go_back()) return;
    info.state = this;
    info.recovery = Recovery::state;
    info.guarantee = Guarantee::exactly_once;
  }

  void prepare() override {
    const CountHeld count{*this};
    file_.prepare();
  }
  void save(StateWriter& to) const override {
    const FileMark mark = file_.mark();
    to.put(mark);
    to.put(file_.print(mark));
  }
  void load(StateReader& from) override {
    const auto mark = from.get<FileMark>();
    file_.go_back(mark, from.left() != 0 ? from.get<std::uint64_t>() : 0);
  }
  void committed(std::uint64_t) override {
    const CountHeld count{*this};
    file_.publish();
    if (file_.has_notice()) node().graph().report(file_.notice(), info());
  }
  void aborted(std::uint64_t) noexcept override { file_.unseal(); }

  /// The end closes the file: that is when what is left is written. A stream that is reopened goes on behind
  /// it.
  template <class Next>
  Pending* signal(const Signal& signal, Next&) {
    if (signal.kind == Signal::end) finish();
    if (signal.kind == Signal::reopen) file_.reopen();
    return nullptr;
  }

  /// A destroyed sink cannot throw any more: what could not be written is an error of background work.
  void shut_down() noexcept {
    const CountHeld count{*this};
    cancel();
    try {
      if (const std::uint64_t unfinished = file_.leave(); unfinished != 0) info().drops(unfinished);
    } catch (...) {
      lost(std::current_exception());
      node().graph().report(std::current_exception(), info());
    }
  }

 protected:
  template <class File>
  LineFileStep(const char* who, File file, FilePolicies policies)
      : file_(who, std::move(file), std::move(policies)),
        timing_(file_.policies().timed() ? new Timing : nullptr) {}

  void head(std::string text) { file_.head(std::move(text)); }
  /// `fn` puts another file in the place of this one.
  template <class Fn>
  void replace(Fn fn) {
    const CountHeld count{*this};
    if (file_.finished()) return fn();
    file_.flush();
    fn();
    file_.replaced();
  }
  [[gnu::always_inline]] void write(std::string_view line, const Context* context) {
    const CountHeld count{*this};
    file_.write(line, context);
    if (timing_) [[unlikely]] arm();
    if (file_.has_notice()) [[unlikely]] node().graph().report(file_.notice(), info());
  }

 private:
  /// Tells at the end of the block how many elements are held.
  struct CountHeld {
    LineFileStep& step;
    ~CountHeld() {
      if (step.file_.holds()) step.info().holds(step.file_.held());
    }
  };
  /// Two timers and the way back to the step, which moves until it has its place.
  struct Timing {
    struct ToFlush {
      Timing& timing;
      void rang() { timing.step->flush_in_time(); }
    };
    struct ToRotate {
      Timing& timing;
      void rang() { timing.step->rotate_in_time(); }
    };
    LineFileStep* step = nullptr;
    std::uint64_t file = 0;  // that the timer is to rotate
    ToFlush to_flush{*this};
    ToRotate to_rotate{*this};
    Alarm<ToFlush> flush{to_flush};
    Alarm<ToRotate> rotate{to_rotate};
  };

  /// The clock is read only where a timer is set.
  void arm() {
    Loop* loop = node().loop();
    if (!loop) misuse(info().needs_loop, " needs an event loop: give one to the source");
    const Duration flush = file_.policies().flush.time();
    if (flush != Duration::zero() && file_.unflushed() && !timing_->flush.active()) {
      loop->set(timing_->flush, later(loop->now(), flush));
    }
    const Duration every = file_.policies().rotate.every;
    if (every == Duration::zero()) return;
    const std::uint64_t file = file_.file_number();
    if (std::exchange(timing_->file, file) != file) timing_->rotate.cancel();
    if (file_.has_records() && !timing_->rotate.active()) loop->set(timing_->rotate, later(loop->now(), every));
  }
  void flush_in_time() {
    in_background([this] { file_.flush(); });
  }
  void rotate_in_time() {
    if (timing_->file == file_.file_number()) in_background([this] { file_.rotate(); });
  }
  /// What fails is tried again after the same time.
  template <class Fn>
  void in_background(Fn fn) noexcept {
    std::exception_ptr error;
    try {
      const CountHeld count{*this};
      fn();
      error = file_.notice();
    } catch (...) {
      error = std::current_exception();
    }
    arm();
    if (error) node().graph().report(std::move(error), info());
  }

  void cancel() noexcept {
    if (!timing_) return;
    timing_->flush.cancel();
    timing_->rotate.cancel();
  }
  void finish() {
    const CountHeld count{*this};
    cancel();
    try {
      file_.finish();
    } catch (...) {
      lost(std::current_exception());
      throw;
    }
  }
  void lost(const std::exception_ptr& error) noexcept { info().drops(file_.give_up(error)); }

  FileWriter file_;
  Box<Timing> timing_;
};

/// @param by_time  the start of the sentence that such a sink needs an event loop.
template <class File, class Options>
Info file_info(const char* who, const char* by_time, const File& file, const Options& options) {
  Info info{who, {}, Shape::sink};
  if constexpr (!std::is_same_v<File, std::FILE*>) info.detail = std::string(file);
  if (FilePolicies::of(options, {}).timed()) info.needs_loop = by_time;
  return info;
}

class TextFileStep : public LineFileStep {
 public:
  template <class File>
  TextFileStep(File file, const TextFile& options)
      : LineFileStep("sink_to_textfile", std::move(file), FilePolicies::of(options, options.end)) {}

  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next&) {
    const auto put = [&](const auto& element) {  // a text of the user's may throw when it is read
      this->write(element, context);
    };
    this->run(put, std::as_const(value));
    return nullptr;
  }
};

}  // namespace detail

/// Writes every element, and a line's end behind it, to a text file.
///
///     in    -a-b-|
///     file  a\nb\n
///
/// @param file     a path, opened when the sink is wired; or a `std::FILE*`, which stays open and must
///                 outlive the sink. Elements are anything that converts to `std::string_view`.
/// @param options  see TextFile. Without them what is in the file stays and elements are written behind it.
///
/// Lines are kept in a buffer of 64 KiB, and the file is complete when the stream has ended or the sink was
/// destroyed, which also close it. The options say when lines are in the file, on the disk, and in the next
/// file:
///
///     .flush = true                        every line at once; or Flush::every(100), Flush::every(1s)
///     .sync = Sync::at_flush               and on the disk
///     .rotate = {.bytes = 1 << 20}         out.000001.txt, out.000002.txt and so on, and then out.txt
///     .atomic = true                       under out.txt.part until it is complete
///
/// An atomic file, or with `rotate` each one, has its name when it is complete and on the disk. A process
/// that died, or a sink that was destroyed before the end, leaves what it had under the name with `.part`,
/// and the next one begins that anew. To append to an atomic file is to copy it first.
///
/// What could not be written, on a full disk for example, is kept and tried again with the next element. The
/// element that finds the file or the buffer so is refused: its emit throws, and nothing of it is written.
/// What cannot be written at the end, or when the sink is destroyed, is lost: its Refs fail, where they are
/// held, and it is counted as dropped; the file may then end within a line. A C stream buffers by itself, and
/// what it could not write it forgets.
///
/// Back-pressure: passes through; writes in the loop's thread.
/// Metadata:      ends here, when the element was given to the buffer. With a Flush or Sync::at_flush it is
///                held until the flush, and the sync, is done; beside an atomic file until that has its name.
/// Errors:        std::system_error here when the file cannot be opened, and through emit or close when it
///                cannot be written, synced or renamed, naming it; from a timer, and of a file that is not
///                removed, as an error of background work. std::logic_error here when a time in the options
///                finds no event loop; std::invalid_argument for options that make no sense.
/// Cost:          a copy into the buffer; one write each 64 KiB or flush. A Ref that is held costs a pointer.
/// Recovery:      exactly once, with checkpoints, in files of its own: a checkpoint brings them to the disk, and a run that
///                goes on from it cuts off what was written after it, or, before the first one, behind what the file held
///                at the start; finished files that are atomic have their names when the checkpoint is durable. Without,
///                and into a C stream, a device or a pipe, what comes again is written again.
/// Example:       examples/02_operators/sink_to_textfile.cpp
/// See also:      sink, from_textfile
template <class Path, class... Options>
auto sink_to_textfile(Path file, Options... options) {
  static_assert((std::is_same_v<Options, TextFile> && ...), "sink_to_textfile: the options are a TextFile");
  return [file = std::move(file), options = TextFile{std::move(options)...}](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(
        text<T>,
        "sink_to_textfile: the elements must convert to std::string_view; make texts of them with map");
    if constexpr (text<T>) {
      Info info = detail::file_info("sink_to_textfile", "sink_to_textfile: a flush or rotation by time", file,
                                    options);
      return std::forward<decltype(stream)>(stream).then(detail::TextFileStep{std::move(file), options},
                                                         std::move(info));
    }
  };
}

}  // namespace penstock
