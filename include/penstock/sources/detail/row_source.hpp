// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "penstock/core/atomic.hpp"
#include "penstock/core/box.hpp"
#include "penstock/exec/detail/thread.hpp"
#include "penstock/sources/bad_row.hpp"
#include "penstock/sources/detail/file_feed.hpp"
#include "penstock/sources/detail/record_buffer.hpp"
#include "penstock/sources/file_set.hpp"
#include "penstock/sources/source.hpp"
#include "penstock/state/detail/remembers.hpp"

// Not an operator: the source of the rows of files, whatever they look like there.

namespace penstock {
namespace detail {

/// What there is to read: a path, a set of files, or a stream that somebody else owns.
struct RowInput {
  RowInput(std::string name) : path(std::move(name)) {}       // NOLINT: it is one of these
  RowInput(FileSet files) : set(std::move(files)) {}          // NOLINT
  RowInput(std::FILE* lent) : is_lent(true), file(lent) {}    // NOLINT
  RowInput(LentStream lent) : is_lent(true), stream(lent) {}  // NOLINT

  std::string path{};
  std::optional<FileSet> set{};
  bool is_lent = false;
  std::FILE* file = nullptr;  // of what is lent: this, or the stream
  LentStream stream{};
};

/// @param poll  of a set of files: how often it looks for new ones.
inline RowInput row_input(std::string path, Duration poll = Filenames{}.poll) {
  if (is_file_set(path)) return FileSet{std::move(path), {.poll = poll}};
  return path;
}
inline std::string name_of(const RowInput& input) {
  if (input.set) return input.set->where.string();
  return input.is_lent ? "stream" : input.path;
}

/// How rows are read, whatever they look like.
struct RowReading {
  RowPosition from;
  bool from_end = false;
  bool follow;
  Duration poll;
  BadRows bad_rows;
  OnFailure on_failure;
};

/// Which file is read, and which comes next. One file is followed by the file that takes its name, a set has
/// many.
class RowFiles {
 public:
  RowFiles(const char* who, RowInput input, RowReading& reading) : who_(who), poll_(reading.poll) {
    const std::string name{who};
    RowPosition& from = reading.from;
    if (from.offset < 0) bad_argument(name + ": the position must not be negative");
    if (auto& set = input.set) {
      follow_ = reading.follow || set->options.follow;
      list_poll_ = set->options.poll;
      whole_ = set->options.settle > Duration::zero();
      if (reading.from_end) bad_argument(name + ": a set of files has no end; see only_new");
      if (from.file.empty() && from.offset != 0) {
        bad_argument(name + ": the position in a set of files names a file");
      }
      if (!from.file.empty()) {
        set->options.after = from.file;
        names_.push_back(from.file);
      }
      watch_.emplace(who, set->where.string(), set->options, true);
    } else {
      follow_ = reading.follow;
      if (!input.is_lent) {
        if (!from.file.empty() && from.file != input.path) {
          bad_argument(name + ": the position is one in " + from.file);
        }
        feed_ = FileFeed(std::move(input.path), who);
      } else {
        if (from.offset != 0 || reading.from_end) {
          bad_argument(name + ": a stream is read from where it stands");
        }
        feed_ = input.stream.stream ? FileFeed(input.stream, who) : FileFeed(input.file, who);
      }
    }
    tail_ = follow_;
    if (poll_ <= Duration::zero()) bad_argument(name + ": the poll interval must be more than 0");
  }

  bool is_set() const noexcept { return watch_.has_value(); }
  bool follows() const noexcept { return follow_; }
  /// Whether there has to be a clock.
  bool waits() const noexcept { return follow_ || whole_; }
  FileFeed& feed() noexcept { return feed_; }
  const FileFeed& feed() const noexcept { return feed_; }
  std::uint64_t rotations() const noexcept { return rotations_.get(); }
  std::uint64_t truncations() const noexcept { return truncations_.get(); }

  void start() noexcept { looked_ = false; }
  void finish() noexcept {
    follow_ = false;
    looked_ = false;
  }
  /// The file is given up.
  void close() noexcept {
    feed_ = FileFeed{};
    leaving_ = false;
  }

  enum class Next : std::uint8_t {
    text,   ///< there may be more to read
    start,  ///< that was from the start of the file: what was read before is no more
    file,   ///< the file is done, and so are its rows once they are out
    wait    ///< there is nothing now
  };
  /// The file that was read up to `read` has no more text at the moment.
  Next at_end(std::uint64_t read, Loop* loop) {
    if (leaving_ || !tail_ || whole_) return Next::file;
    switch (feed_.look(read)) {
      case FileFeed::Change::replaced:
        replaced_ = leaving_ = true;
        rotations_.add(1);
        return Next::text;  // what was written before it was replaced
      case FileFeed::Change::shorter:
        truncations_.add(1);
        feed_.seek(0);
        return Next::start;
      case FileFeed::Change::none: break;
    }
    if (has_name(loop)) {
      leaving_ = true;
      return Next::text;
    }
    return follow_ ? wait(loop) : Next::file;
  }

  /// When the file is done with: opens the next one. `Next::file` when there is none and will be none.
  Next open_next(Loop* loop) {
    if (replaced_) return open_again(loop);
    if (!is_set()) return Next::file;
    if (has_name(loop)) return open(loop);
    return follow_ || watch_->waits() ? wait(loop) : Next::file;
  }
  /// Whether a file of the set is there that cannot be opened now: it is tried again.
  bool is_stuck() const noexcept { return is_set() && bool{trouble_}; }

  /// Whether a place in it can be found again.
  bool has_names() const noexcept { return is_set() || feed_.named(); }
  /// Of a set where nothing was read yet: what was there before, and does not count.
  std::string left_out() const { return is_set() ? watch_->left_out() : std::string{}; }
  /// Of a set: whether it is known what was there before.
  bool knows_old() const noexcept { return is_set() && watch_->knows_old(); }
  /// Goes on in `file` of a set, or behind `left_out` when it had `looked`.
  void go_on(const std::string& file, const std::string& left_out, bool looked) {
    close();
    names_.clear();
    at_ = 0;
    replaced_ = looked_ = false;
    if (!file.empty()) names_.push_back(file);
    if (looked) watch_->go_on_behind(file.empty() ? left_out : file);
  }

  /// When to look again, after `Next::wait`.
  TimePoint due() const noexcept { return due_; }

 private:
  bool has_name(Loop* loop) {
    if (at_ < names_.size()) return true;
    if (!is_set()) return false;
    if (looked_ && !(follow_ || watch_->waits())) return false;
    const TimePoint now = loop ? loop->now() : TimePoint{};
    if (looked_ && now < look_at_) return false;
    look_at_ = now + list_poll_;
    looked_ = true;
    at_ = 0;
    names_.clear();
    const bool any = watch_->look(now, names_);
    look_at_ = std::min(look_at_, watch_->next());
    if (!any && !follow_) {
      throw std::system_error(std::make_error_code(std::errc::no_such_file_or_directory),
                              std::string{who_} + ": nothing at " + watch_->where());
    }
    if (const auto late = watch_->take_late(); !late.empty()) {
      const std::string more = late.size() > 1 ? " and " + std::to_string(late.size() - 1) + " more" : "";
      throw std::runtime_error(std::string{who_} + ": " + late.front() + more +
                               " came too late: a file that sorts behind it was read already");
    }
    return !names_.empty();
  }

  Next open(Loop* loop) {
    try {
      feed_ = FileFeed(names_[at_], who_);
    } catch (const std::system_error& error) {
      const bool gone = error.code() == std::errc::no_such_file_or_directory;
      const bool told = error.code() == trouble_;
      trouble_ = gone ? std::error_code{} : error.code();
      if (gone) ++at_;
      if (told && follow_) return wait(loop);
      throw;
    }
    trouble_.clear();
    leaving_ = false;
    ++at_;
    return Next::start;
  }
  Next open_again(Loop* loop) {
    try {
      feed_ = FileFeed(feed_.path(), who_);
    } catch (const std::system_error& error) {
      // Between two files there may be none for a moment; any other reason is told once.
      const bool told = error.code() == trouble_ || error.code() == std::errc::no_such_file_or_directory;
      trouble_ = error.code();
      if (told) return follow_ ? wait(loop) : Next::file;
      throw;
    }
    trouble_.clear();
    replaced_ = leaving_ = false;
    return Next::start;
  }

  Next wait(Loop* loop) {
    const TimePoint now = loop->now();
    due_ = now + poll_;
    if (is_set() && look_at_ > now) due_ = std::min(due_, look_at_);
    return Next::wait;
  }

  const char* who_;
  Duration poll_;
  Duration list_poll_{};
  bool follow_ = false;
  bool tail_ = false;   // it has followed
  bool whole_ = false;  // files that nobody writes any more
  FileFeed feed_;
  std::optional<NameWatch> watch_;
  std::vector<std::string> names_;  // that come next
  std::size_t at_ = 0;
  TimePoint look_at_{};
  TimePoint due_{};
  bool looked_ = false;
  bool leaving_ = false;   // once it is read to its end
  bool replaced_ = false;  // another file has the name
  std::error_code trouble_;
  Atomic<std::uint64_t> rotations_{0};
  Atomic<std::uint64_t> truncations_{0};
};

/// Where a source is, for other threads too.
class SharedPosition {
 public:
  void set(std::uint64_t offset, std::uint64_t line) {
    const std::scoped_lock lock{mutex_};
    position_.offset = static_cast<std::int64_t>(offset);
    position_.line = line;
  }
  void set(RowPosition position) {
    const std::scoped_lock lock{mutex_};
    position_ = std::move(position);
  }
  RowPosition get() const {
    const std::scoped_lock lock{mutex_};
    return position_;
  }

 private:
  mutable std::mutex mutex_;  // taken once a batch
  RowPosition position_;
};

/// Reads blocks, has them read into rows by `Format`, and emits many of them together. A Format is a
/// RecordBuffer with
///
///     bool begin(const std::string& path);  // reads what stands before the rows; false: it needs more text
///     Found next_row(T& row, BadRow& bad);  // reads the next one
///     bool reads_all();                     // into all of it, so that a row that was used will do
template <element T, class Format>
class RowSourceNode final : public SourceNode<T, RowSourceNode<T, Format>>,
                            public Remembers<RowSourceNode<T, Format>> {
 public:
  RowSourceNode(const char* who, RowInput input, Format format, RowReading reading)
      : RowSourceNode::SourceNode(Info{who, name_of(input)}, reading.on_failure),
        needs_(std::string{who} + ": following a file"),
        files_(who, std::move(input), reading),
        format_(std::move(format)),
        bad_rows_(reading.bad_rows),
        from_(reading.from) {
    this->port(bad);
    rows_.resize(most);
    marks_.resize(most);
    position_.set(from_);
    if (files_.has_names()) this->remember(this->info(), Recovery::replays);
    if (files_.is_set()) return;
    if (reading.from_end) from_.offset = files_.feed().size();
    // A header is read here, so that it is here that a wrong one is told.
    while (!begin() && !format_.finished()) {
      if (read()) continue;
      if (files_.follows()) break;
      format_.finish();
    }
  }

  Outlet<BadRow> bad;

  const char* needs_loop() const noexcept override { return files_.waits() ? needs_.c_str() : nullptr; }

  /// Somebody takes the bad rows: they are no errors any more.
  void divert() noexcept { diverted_ = true; }
  /// Follows no longer.
  void finish() {
    files_.finish();
    this->wake();
  }

  RowPosition position() const {
    RowPosition position = position_.get();
    const bool emits = emitter_.get() == this_thread();
    if (emits && now_->next != rows_.data()) {
      const Mark& mark = marks_[static_cast<std::size_t>(now_->next - rows_.data()) - 1];
      position.offset = static_cast<std::int64_t>(mark.offset);
      position.line = mark.line;
    }
    return position;
  }
  const RowFiles& files() const noexcept { return files_; }

  void on_start() noexcept {
    format_.unfinish();
    files_.start();
  }

  // The place behind the last row that was emitted, and what the file looks like there.
  static constexpr bool saved = true;
  void write(StateWriter& to) const {
    const RowPosition at = position();
    const FileFeed& feed = files_.feed();
    const bool open = feed && at.offset > 0 && (at.file.empty() || at.file == feed.path());
    to.put(at.offset);
    to.put(at.line);
    to.put(at.file);
    to.put(from_.offset > 0 ? print_ : open ? feed.print(at.offset) : std::uint64_t{0});
    to.put(at.file.empty() ? files_.left_out() : std::string{});
    to.put(files_.knows_old());
  }
  void read(StateReader& from) {
    from_ = RowPosition{};
    from.get(from_.offset);
    from.get(from_.line);
    from.get(from_.file);
    from.get(print_);
    const auto left_out = from.get<std::string>();
    const bool looked = from.left() == 0 || from.get<bool>();  // it was not saved once
    if (from_.offset < 0 || (!files_.is_set() && !from_.file.empty())) from.fail("it is a place in a set of files");
    lot_ = {};
    bad_.reset();
    begun_ = false;
    if (files_.is_set()) {
      files_.go_on(from_.file, left_out, looked);
      format_.move_to(0, 1);
    } else {
      rewind();
    }
    restored_ = from_.offset > 0;
    if (restored_) check(from);
    position_.set(from_);
  }

  Batch<T>& at_hand() {
    if (lot_.empty() && !bad_) fill();
    return lot_;
  }
  void emitting(const Batch<T>& now) noexcept {
    now_ = &now;
    emitter_.set(this_thread());
  }
  void used(std::size_t n) noexcept {
    emitter_.set(nullptr);
    if (n == 0) return;
    used_ += n;
    position_.set(marks_[used_ - 1].offset, marks_[used_ - 1].line);
  }
  bool aside(Receipt& receipt) {
    if (bad_) {
      BadRow row = std::move(*bad_);
      bad_.reset();
      position_.set(bad_mark_.offset, bad_mark_.line);
      this->info().fails();
      if (diverted_) {
        if (bad.ended()) static_cast<void>(offer(bad, Signal{Signal::reopen}));
        receipt = offer(bad, std::move(row));
        return true;
      }
      if (bad_rows_ == BadRows::report) throw BadRowError(std::move(row));
      this->info().drops();
      return true;
    }
    if (waits_ || bad.ended()) return false;
    receipt = offer(bad, Signal{Signal::end});
    return true;
  }
  /// Asked when there are no rows and no bad rows any more.
  std::optional<T> next() { return waits_ ? this->later(files_.due()) : std::nullopt; }

 private:
  static constexpr std::size_t block = std::size_t{64} * 1024;
  static constexpr std::size_t most = 128;  // rows read before the first is emitted: all stay in the cache
  static constexpr std::size_t large = 4 * block / most;  // bytes of a row whose memory is not kept

  struct Mark {
    std::uint64_t offset;
    std::uint64_t line;
  };

  /// Whether the file is still the one in which the place was.
  void check(const StateReader& from) const {
    const std::string& path = files_.is_set() ? from_.file : files_.feed().path();
    const auto refuse = [&](const std::string& what) {
      from.fail(path + " " + what + " its byte " + std::to_string(from_.offset) + ", line " + std::to_string(from_.line) +
                ", where the source was");
    };
    FileFeed opened;
    try {
      if (files_.is_set()) opened = FileFeed(path, this->infos().front().op);
    } catch (const std::system_error& error) {
      refuse("cannot be opened (" + error.code().message() + ") to go on at");
    }
    const FileFeed& feed = files_.is_set() ? opened : files_.feed();
    if (feed.size() < from_.offset) refuse("has " + std::to_string(feed.size()) + " bytes and does not reach to");
    if (print_ != 0 && feed.print(from_.offset) != print_) refuse("is another file, or was changed, up to");
    if (!ended(feed) && format_.end_in(feed.bytes(from_.offset, format_.longest_end())) == 0) from.fail(torn(path));
  }
  /// Whether the row in front of the place where to begin had its end when it was read.
  bool ended(const FileFeed& feed) const {
    const auto most_back = static_cast<std::int64_t>(format_.longest_end());
    const std::int64_t back = std::min(from_.offset, most_back);
    return format_.ends_in(feed.bytes(from_.offset - back, static_cast<std::size_t>(back)));
  }
  std::string torn(const std::string& path) const {
    const std::string byte = from_.offset > 0 ? std::to_string(from_.offset) : std::to_string(format_.offset());
    return path + ": the row before byte " + byte + ", which had no end when it was read, goes on";
  }
  /// Gets over the end of a row that was read without it. False when there is too little to tell.
  bool close_row(bool all) {
    const std::size_t n = format_.end_in(format_.rest());
    if (n == std::string_view::npos && !(all && !format_.rest().empty())) return false;
    if (n == 0 || n == std::string_view::npos) {
      this->stop();  // what would be read is a part of a row
      throw std::runtime_error(std::string{this->infos().front().op} + ": " + torn(files_.feed().path()));
    }
    format_.close(n);
    return true;
  }

  /// Rows up to the end of what has been read from the file, and more of that only when there is none.
  void fill() {
    std::size_t n = 0;
    lot_ = {};
    used_ = 0;
    waits_ = false;
    if (std::exchange(any_large_, false)) {
      for (T& row : rows_) row = T{};
    }
    if (begun_ && format_.open() && !format_.finished() && !more()) return;
    BadRow problem;
    while (n < most) {
      if (!begun_ && !begin()) {
        if (more()) continue;
        break;
      }
      T& row = rows_[n];
      if (!format_.reads_all()) row = T{};
      const std::uint64_t before = format_.offset();
      const Found found = format_.next_row(row, problem);
      if (found == Found::record) [[likely]] {
        any_large_ = any_large_ || format_.offset() - before > large;
        marks_[n++] = {format_.offset(), format_.next_line()};
        continue;
      }
      if (found == Found::damaged) {
        problem.file = files_.feed().path();
        bad_ = std::move(problem);
        bad_mark_ = {format_.offset(), format_.next_line()};
        break;
      }
      if (n != 0 || !more()) break;
    }
    lot_.next = rows_.data();
    lot_.end = rows_.data() + n;
  }

  /// Reads what stands before the rows. False when it is not all there.
  bool begin() {
    if (!files_.feed()) return false;
    // A file of a set that nobody has written to has no rows, and needs no header.
    const bool empty = files_.is_set() && format_.finished() && format_.fed() == 0;
    try {
      if (!empty && !format_.begin(files_.feed().path())) return false;
      if (from_.offset > 0) {
        if (files_.is_set() && files_.feed().size() < from_.offset) {
          throw std::runtime_error(std::string{this->infos().front().op} + ": " + files_.feed().path() +
                                   " is shorter than the position");
        }
        files_.feed().seek(from_.offset);
        format_.move_to(static_cast<std::uint64_t>(from_.offset), from_.line);
        if (restored_ && !ended(files_.feed())) format_.leave_open();
      }
    } catch (...) {
      give_up();
      if (!files_.is_set()) rewind();
      throw;
    }
    from_ = {};
    restored_ = false;
    begun_ = true;
    position_.set({static_cast<std::int64_t>(format_.offset()), format_.next_line(),
                   files_.is_set() ? files_.feed().path() : std::string{}});
    return true;
  }

  /// Reads on behind a row that was read without its end. False when there is no more text now.
  bool read_behind() {
    do {
      if (close_row(false)) return true;
    } while (read());
    return false;
  }
  /// Gets more text, from the next file when this one has none. False when there is nothing now.
  bool more() {
    for (;;) {
      RowFiles::Next next = RowFiles::Next::file;
      if (files_.feed() && !format_.finished()) {
        if (format_.open() ? read_behind() : read()) return true;
        next = files_.at_end(format_.fed(), this->loop());
        if (next == RowFiles::Next::file) {
          if (format_.open()) close_row(true);
          format_.finish();
          return true;  // what is left is the last row
        }
      } else {
        next = open_next();
      }
      switch (next) {
        case RowFiles::Next::text: continue;
        case RowFiles::Next::start:
          format_.move_to(0, 1);
          begun_ = false;
          // What stands before the rows may not be there yet, and the file in which the place was is not read any more.
          if (!files_.is_set()) position_.set(RowPosition{});
          return true;
        case RowFiles::Next::wait: waits_ = true; return false;
        case RowFiles::Next::file: return false;
      }
    }
  }
  RowFiles::Next open_next() {
    try {
      return files_.open_next(this->loop());
    } catch (...) {
      if (!files_.is_stuck()) {
        from_ = {};  // was a place in the file that is not there
      } else if (!files_.follows()) {
        this->stop();
      }
      throw;
    }
  }
  void rewind() noexcept try {
    files_.feed().seek(0);
    format_.move_to(0, 1);
  } catch (...) {  // what goes wrong here is told when it is read again
  }
  bool read() {
    try {
      const std::size_t got = files_.feed().read(format_.room(block), block);
      format_.added(got);
      return got != 0;
    } catch (...) {
      give_up();
      throw;
    }
  }
  /// Asking again at once would fail again.
  void give_up() noexcept {
    if (files_.is_set()) {
      files_.close();
      from_ = {};
    } else {
      this->stop();
    }
  }

  std::string needs_;
  RowFiles files_;
  Format format_;
  BadRows bad_rows_;
  RowPosition from_;         // where to begin
  std::uint64_t print_ = 0;  // of what stands before that; 0: not known
  bool restored_ = false;    // it is the place of another run
  bool begun_ = false;  // what stands before the rows of the file is read
  bool waits_ = false;
  bool diverted_ = false;
  bool any_large_ = false;
  std::vector<T> rows_;  // used again and again: strings that consumers leave here keep their memory
  std::vector<Mark> marks_;  // behind each row
  Batch<T> lot_{};
  std::size_t used_ = 0;
  std::optional<BadRow> bad_;  // the one behind the rows
  Mark bad_mark_{};
  SharedPosition position_;
  const Batch<T>* now_ = nullptr;  // while it is emitted
  Atomic<const void*> emitter_{nullptr};
};

template <element T, class Format>
auto& make_row_source(Loop* loop, const char* who, RowInput input, Format format, RowReading reading) {
  auto node = make_box<RowSourceNode<T, Format>>(who, std::move(input), std::move(format), std::move(reading));
  if (node->needs_loop() && !loop) {
    misuse(std::string{who} + ": following a file needs an event loop: " + who + "(loop, path)");
  }
  return make_source(loop, std::move(node));
}

/// At most the start of what stands in a file where something else belongs.
inline std::string shown(std::string text) {
  constexpr std::size_t longest = 60;
  if (text.size() > longest) text.replace(longest, std::string::npos, "...");
  return text;
}

}  // namespace detail

/// What from_csv and from_jsonl return: a stream of rows with the place in the file, and beside it the rows
/// that could not be read.
template <element T, class Format>
class RowSource : public Source<T> {
 public:
  explicit RowSource(detail::RowSourceNode<T, Format>& node) : Source<T>(node) {}

  /// The rows that cannot be read, each in its place between the others. To be asked for before `start`: who
  /// asks takes them, and they are no errors any more. The source waits for them like for its rows.
  Stream<BadRow> bad_rows() const {
    rows().divert();
    return Stream<BadRow>{rows().bad};
  }
  /// Where the first row begins that was not emitted: `.from` of another source goes on there. May be read on
  /// any thread, also while rows are emitted; there it knows of lots of rows, and where the rows go, of each.
  RowPosition position() const { return rows().position(); }
  /// Follows no longer: what is in the files now is emitted, the last row too, and then the stream ends.
  void finish() const {
    this->on_strand([this] { rows().finish(); });
  }
  /// How often a followed file was replaced by another one of its name. May be read on any thread.
  std::uint64_t rotations() const noexcept { return rows().files().rotations(); }
  /// How often a followed file became shorter than what was read, and was read from its start again.
  std::uint64_t truncations() const noexcept { return rows().files().truncations(); }

  RowSource named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 protected:
  using Node = detail::RowSourceNode<T, Format>;
  Node& rows() const noexcept { return static_cast<Node&>(this->node()); }
};

}  // namespace penstock
