// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/sinks/sink_to_textfile.hpp: files are replaced and brought to the disk as POSIX does it"
#endif

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "penstock/core/graph.hpp"
#include "penstock/sinks/detail/descriptor.hpp"
#include "penstock/sinks/detail/finished_files.hpp"
#include "penstock/sinks/file_policies.hpp"
#include "penstock/sources/detail/file_print.hpp"
#include "penstock/state/failpoint.hpp"

// Not an operator: how records get into files.

namespace penstock::detail {

/// What the options of all sinks that write files have in common.
struct FilePolicies {
  std::string end;
  bool append = true;
  Flush flush = false;
  Sync sync = Sync::never;
  Rotate rotate{};
  bool atomic = false;

  template <class Options>
  static FilePolicies of(const Options& options, std::string end) {
    return {std::move(end), options.append, options.flush, options.sync, options.rotate, options.atomic};
  }
  bool rotates() const noexcept { return rotate.bytes != 0 || rotate.every != Duration::zero(); }
  bool timed() const noexcept { return flush.time() != Duration::zero() || rotate.every != Duration::zero(); }
};

/// Writes records into a file, or one file after the other, as the policies say. It has a buffer of its own
/// for files that it opened itself, because a C stream forgets what it could not write; what is in the
/// buffer is tried again with the next record, and a record that is refused has left nothing behind.
class FileWriter {
 public:
  FileWriter(const char* who, std::string path, FilePolicies policies)
      : who_(who), path_(std::move(path)), policies_(std::move(policies)) {
    check();
    if (policies_.rotates()) finished_files_.emplace(who_, path_, policies_.rotate);
    current_ = policies_.atomic ? path_ + ".part" : path_;
    directory_ = directory_of(path_);
    open();
  }
  FileWriter(const char* who, std::FILE* file, FilePolicies policies)
      : who_(who), path_("the given file"), policies_(std::move(policies)), current_(path_), given_(file) {
    check();
    if (policies_.rotates() || policies_.atomic) {
      bad_argument(std::string{who_} + ": files that are rotated or atomic need a path, not a C stream");
    }
  }

  /// What every file begins with, a record with its end.
  void head(std::string text) {
    head_ = std::move(text);
    // A pipe has no place; what goes into it begins here.
    if (given_ && (std::fseek(given_, 0, SEEK_END) != 0 || std::ftell(given_) <= 0)) put(head_);
  }
  /// Once all is wired. A file that is there is not touched before something is to be written: a snapshot may say that it
  /// goes on, and a second process that is refused must have left no trace in it.
  void start(Node& node) noexcept { node_ = &node; }

  const FilePolicies& policies() const noexcept { return policies_; }
  bool finished() const noexcept { return finished_; }
  /// Whether there are elements that have to be flushed, or synced.
  bool unflushed() const noexcept { return unflushed_ != 0; }
  /// Whether the present file has elements.
  bool has_records() const noexcept { return had_ || records_ != 0; }
  /// Whether elements are held until they are flushed, synced or finished, and how many are.
  bool holds() const noexcept { return holds_; }
  std::uint64_t held() const noexcept { return held_elements_; }
  /// Which of the files that were written one after the other this is.
  std::uint64_t file_number() const noexcept { return files_; }

  void write(std::string_view line, const Context* context) {
    const std::size_t size = line.size() + policies_.end.size();
    if (given_) {
      put(line);
      put(policies_.end);
      ++unflushed_;
      if (unflushed_ >= flush_at_) flush();
    } else {
      if (!file_ || buffer_.size() + size > room_ || size_ + size > size_limit()) [[unlikely]] make_room(size);
      buffer_.append(line).append(policies_.end);
      size_ += size;
      ++records_;
      ++buffered_;
      ++unflushed_;
      if (unflushed_ >= flush_at_) flush_with(size);
    }
    if (holds_ && (unflushed_ != 0 || policies_.atomic)) {
      ++held_elements_;
      held_.append(context);
    }
  }

  /// Writes what is in the buffer, and syncs it where that is said.
  void flush() { flush_and_sync(policies_.sync == Sync::at_flush); }

  /// Finishes the file, and is ready for the next one. With checkpoints an atomic one has its name only when the next
  /// checkpoint is durable.
  void rotate() {
    if (!file_ || !has_records()) return;
    write_out();  // first, so that it is in the file if there is no name to be had
    const std::string name = finished_files_->free_name(begun_);
    const bool parks = waits_for_checkpoints();
    try {
      finish_as(directory_ + name + (parks ? ".part" : ""));
    } catch (...) {
      if (!file_) finished_files_->remember(name, parks, notice_);
      throw;
    }
    finished_files_->remember(name, parks, notice_);
    size_ = 0;
  }

  // --- checkpoints ---

  /// Whether there is a file that a snapshot can go back to.
  bool can_go_back() const noexcept { return can_go_back_; }
  /// Before a snapshot: everything so far is on the disk.
  void prepare() {
    PENSTOCK_FAILPOINT("sink.prepare.before");
    has_checkpoints_ = true;  // also when they end before the graph
    if (waits_for_checkpoints()) {
      rotate();
    } else if (file_) {
      begin_if_fresh();
      flush_and_sync(true);
      struct ::stat found {};
      if (regular_ && ::fstat(file_.get(), &found) == 0 && static_cast<std::uint64_t>(found.st_size) != size_) {
        // Going back would cut off what is not from here, or leave what is.
        throw StateError(std::string{who_} + ": somebody else writes to " + current_ + ": it has " +
                         std::to_string(found.st_size) + " bytes, of which " + std::to_string(size_) + " are known here");
      }
      // Its name, once: a snapshot that knows of a file that is gone could not be gone on from.
      if (regular_ && !entered_) sync_directory(who_, directory_);
      entered_ = true;
    }
    if (finished_files_) finished_files_->seal();
    PENSTOCK_FAILPOINT("sink.prepare.after");
  }
  FileMark mark() const {
    FileMark mark = finished_files_ ? finished_files_->mark() : FileMark{};
    if (!waits_for_checkpoints() && (file_ || finished_)) mark.size = size_;
    return mark;
  }
  /// Of what stands in front of the mark; 0: of nothing, or of what cannot be read.
  std::uint64_t print(const FileMark& mark) const noexcept {
    if (mark.size == 0) return 0;
    const Descriptor file{::open((file_ ? current_ : path_).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct ::stat found {};
    const bool readable = file && ::fstat(file.get(), &found) == 0 && S_ISREG(found.st_mode);
    return readable ? file_print(file.get(), static_cast<std::int64_t>(mark.size)) : 0;
  }
  /// The snapshot that has the mark is durable.
  void publish() {
    if (finished_files_) finished_files_->publish(notice_);
  }
  void unseal() noexcept {
    if (finished_files_) finished_files_->unseal();
  }
  /// As at the mark: what was written after that comes again.
  void go_back(const FileMark& mark, std::uint64_t was = 0) {
    has_checkpoints_ = true;
    static_cast<void>(file_.close());
    buffer_.clear();
    written_ = 0;
    buffered_ = unflushed_ = 0;
    if (finished_files_) finished_files_->go_back(mark, path_, policies_.atomic);
    struct ::stat part {};
    if (policies_.atomic && !policies_.rotates() && ::stat(current_.c_str(), &part) == 0 &&
        static_cast<std::uint64_t>(part.st_size) < mark.size) {
      static_cast<void>(copy_file(path_, current_));  // it was finished after the snapshot
    }
    file_ = Descriptor{::open(current_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)};
    if (!file_) file_error(std::string{who_} + ": cannot open", current_);
    struct ::stat found {};
    if (::fstat(file_.get(), &found) != 0) fail("look at");
    const bool cuts = S_ISREG(found.st_mode);  // a device or a pipe has what it has
    if (cuts && static_cast<std::uint64_t>(found.st_size) < mark.size) {
      throw StateError(std::string{who_} + ": " + current_ + " has " + std::to_string(found.st_size) +
                       " bytes, and had " + std::to_string(mark.size) + " when the snapshot was taken");
    }
    if (const std::uint64_t is = was != 0 ? print(mark) : 0; is != 0 && is != was) {
      throw StateError(std::string{who_} + ": " + current_ + " is another file, or was changed, up to its byte " +
                       std::to_string(mark.size));
    }
    if (cuts && ::ftruncate(file_.get(), static_cast<::off_t>(mark.size)) != 0) fail("go back in");
    fresh_ = copies_ = entered_ = false;
    begin();
  }
  /// Another file has taken the place of this one, all of which was flushed.
  void replaced() {
    static_cast<void>(file_.close());
    open();
    begin();
  }

  /// The end of all: nothing can be written any more, unless it is opened again.
  void finish() {
    if (finished_) return;
    if (given_) {
      flush();
      if (policies_.sync == Sync::at_end) sync();
    } else if (policies_.rotates() && policies_.atomic) {
      if (has_records()) {
        rotate();
      } else if (file_) {
        drop_part();
      }
    } else if (file_) {
      begin_if_fresh();
      write_out();
      finish_as(path_);
    }
    finished_ = true;
  }
  /// The end without one: what is there is written, and a file that is atomic stays unfinished. How many
  /// elements it has.
  std::uint64_t leave() {
    if (finished_) return 0;
    if (file_ && room_ == 0) {  // nothing was written: what is there stays as it is
      static_cast<void>(file_.close());
      finished_ = true;
      return 0;
    }
    if (!policies_.atomic) {
      finish();
      return 0;
    }
    if (file_) write_out();
    if (!file_.close()) fail("close");
    finished_ = true;
    held_.drop("the sink was destroyed before its file was finished");
    release();
    return std::exchange(records_, 0);
  }
  /// After an error of `finish` or `leave`: nothing is tried again. How many elements were in the buffer;
  /// what a C stream has lost it does not tell.
  std::uint64_t give_up(const std::exception_ptr& error) noexcept {
    finished_ = true;
    static_cast<void>(file_.close());
    lose(error);
    buffer_.clear();
    written_ = 0;
    unflushed_ = 0;
    return std::exchange(buffered_, 0);
  }
  void reopen() {
    if (!finished_) return;
    policies_.append = true;
    if (!given_) {
      open();
      begin();
    }
    finished_ = false;
  }

  /// What went wrong beside the writing, once.
  std::exception_ptr notice() noexcept { return std::exchange(notice_, nullptr); }
  bool has_notice() const noexcept { return notice_ != nullptr; }

 private:
  static constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

  void check() {
    const Rotate& rotate = policies_.rotate;
    const auto wrong = [this](const char* what) { bad_argument(std::string{who_} + what); };
    if (rotate.every < Duration::zero()) wrong(": files are rotated after a time that is longer than 0");
    if (!policies_.rotates() && (rotate.keep != 0 || !rotate.name.empty())) {
      wrong(": to rotate, say after how many bytes or how much time");
    }
    if (const std::size_t n = policies_.flush.elements(); n != 0) flush_at_ = n;
    struct ::stat found {};
    can_go_back_ = !given_ && (::stat(path_.c_str(), &found) != 0 || S_ISREG(found.st_mode));
    holds_ = policies_.atomic || policies_.flush.time() != Duration::zero() || flush_at_ != no_limit ||
             policies_.sync == Sync::at_flush;
  }

  // --- one file ---

  void open() {
    const bool part = policies_.atomic;
    bool behind = policies_.append;
    struct ::stat found {};
    const bool there = ::stat(path_.c_str(), &found) == 0;
    if (there && !S_ISREG(found.st_mode) && (part || policies_.rotates())) {
      bad_argument(std::string{who_} + ": " + path_ + " is no file that could be renamed or replaced");
    }
    if (part) behind = copies_ = behind && there && !policies_.rotates();
    file_ = Descriptor{::open(current_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)};
    if (!file_) file_error(std::string{who_} + ": cannot open", current_);
    fresh_ = !behind;
    policies_.append = true;  // what this one has written stays
    begun_ = std::time(nullptr);
    damaged_ = entered_ = false;
    room_ = 0;
  }
  /// The head, into a file that has nothing. What is no regular file has nothing.
  void begin() {
    if (std::exchange(copies_, false)) copy();
    struct ::stat found {};
    regular_ = ::fstat(file_.get(), &found) == 0 && S_ISREG(found.st_mode);
    size_ = regular_ && !(fresh_ && ::ftruncate(file_.get(), 0) == 0)
                ? static_cast<std::uint64_t>(found.st_size)
                : 0;
    room_ = std::size_t{64} * 1024;
    records_ = 0;
    had_ = size_ != 0;
    if (had_) return;
    buffer_ = head_;
    size_ = head_.size();
  }

  void begin_if_fresh() {
    if (room_ == 0) begin();
  }
  void copy() const {
    if (!copy_file(path_, current_)) file_error(std::string{who_} + ": cannot copy " + path_ + " to", current_);
  }
  bool waits_for_checkpoints() const noexcept {
    return policies_.atomic && policies_.rotates() && (has_checkpoints_ || (node_ && node_->graph().epochs()));
  }
  void flush_and_sync(bool syncs) {
    write_out();
    unflushed_ = 0;
    if (syncs) sync();
    if (!policies_.atomic) release();
  }

  std::uint64_t size_limit() const noexcept {
    return policies_.rotate.bytes == 0 || !has_records() ? no_limit : policies_.rotate.bytes;
  }

  [[gnu::noinline]] void make_room(std::size_t size) {
    if (finished_) misuse(who_, ": its file was finished, and nothing can be written to it any more");
    if (file_) begin_if_fresh();
    if (file_ && size_ + size > size_limit()) rotate();
    if (!file_) open();
    begin_if_fresh();
    if (buffer_.size() + size <= room_) return;
    if (policies_.sync == Sync::at_flush) {
      flush();
    } else {
      write_out();
    }
  }

  void write_out() {
    if (given_) {
      if (std::fflush(given_) != 0) fail("write to");
      return;
    }
    while (written_ < buffer_.size()) {
      const ::ssize_t n = ::write(file_.get(), buffer_.data() + written_, buffer_.size() - written_);
      if (n < 0 && errno == EINTR) continue;
      if (n == 0) errno = EIO;
      if (n <= 0) fail("write to");
      written_ += static_cast<std::size_t>(n);
    }
    buffer_.clear();
    written_ = 0;
    buffered_ = 0;
  }

  /// With the record that was added last: refused, it is taken out again.
  void flush_with(std::size_t size) {
    try {
      flush();
    } catch (...) {
      if (!buffer_.empty()) take_back(size);
      throw;
    }
  }
  void take_back(std::size_t size) {
    const std::size_t begin = buffer_.size() - size;
    if (written_ > begin && !cut(written_ - begin)) return;
    if (written_ > begin) written_ = begin;
    buffer_.resize(begin);
    size_ -= size;
    --records_;
    --buffered_;
    --unflushed_;
  }
  /// Takes the last bytes off the file, unless others write there too.
  bool cut(std::size_t bytes) noexcept {
    const std::uint64_t there = size_ - (buffer_.size() - written_);
    struct ::stat found {};
    return regular_ && ::fstat(file_.get(), &found) == 0 &&
           static_cast<std::uint64_t>(found.st_size) == there &&
           ::ftruncate(file_.get(), static_cast<::off_t>(there - bytes)) == 0;
  }

  /// After a failed fsync nobody knows what is on the disk, and a second one that succeeds says nothing of
  /// it: the elements have failed, and an atomic file is never finished.
  void sync() {
    int fd = file_.get();
    if (given_) fd = ::fileno(given_);
    int result;
    do result = ::fsync(fd);
    while (result != 0 && errno == EINTR);
    // A device has no disk behind it, and only a checkpoint has asked for one.
    const bool cannot = result != 0 && errno == EINVAL && !regular_ && policies_.sync == Sync::never && !policies_.atomic;
    if (result == 0 || cannot) return;
    damaged_ = true;
    try {
      fail("sync");
    } catch (...) {
      lose(std::current_exception());
      throw;
    }
  }

  /// The file is complete: gives it its name, and closes it.
  void finish_as(const std::string& name) {
    const bool lasting = policies_.atomic || policies_.sync != Sync::never || (node_ && node_->graph().epochs());
    if (damaged_ && policies_.atomic) {
      errno = EIO;
      fail("finish");
    }
    if (lasting) sync();
    if (name != current_) rename_file(who_, current_, name);
    unflushed_ = 0;
    had_ = false;
    records_ = 0;
    ++files_;
    try {
      if (!file_.close()) fail("close");
      if (lasting) sync_directory(who_, directory_);
    } catch (...) {
      lose(std::current_exception());
      throw;
    }
    release();
  }
  void drop_part() {
    static_cast<void>(file_.close());
    static_cast<void>(::unlink(current_.c_str()));
    buffer_.clear();
  }

  // --- a C stream ---

  void put(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), given_) != text.size()) fail("write to");
  }

  void lose(const std::exception_ptr& error) noexcept {
    held_.fail(error);
    release();
  }
  void release() noexcept {
    held_.clear();
    held_elements_ = 0;
  }
  [[noreturn, gnu::cold]] void fail(const char* verb) const {
    file_error(std::string{who_} + ": cannot " + verb, current_);
  }

  const char* who_;
  std::string path_;
  FilePolicies policies_;
  std::string current_;    // where it is being written
  std::string directory_;  // with a slash
  std::string head_;
  Descriptor file_;
  std::FILE* given_ = nullptr;

  std::string buffer_;
  std::size_t written_ = 0;      // of the buffer
  std::uint64_t buffered_ = 0;   // elements in it
  std::uint64_t unflushed_ = 0;  // elements since the last flush
  std::uint64_t flush_at_ = no_limit;
  std::uint64_t size_ = 0;  // of the file, with the buffer
  Context held_;                     // of elements that are not where they are to be
  std::uint64_t held_elements_ = 0;  // which they are
  bool holds_ = false;
  std::uint64_t records_ = 0;  // in this file, of ours
  bool had_ = false;           // something when it was opened
  bool fresh_ = false;         // what it had does not count
  bool copies_ = false;        // what it had is to be copied first
  bool regular_ = false;
  bool entered_ = false;       // its name is on the disk
  bool damaged_ = false;
  bool finished_ = false;

  std::optional<FinishedFiles> finished_files_;
  std::uint64_t files_ = 0;
  std::time_t begun_ = 0;
  std::exception_ptr notice_;
  Node* node_ = nullptr;
  std::size_t room_ = 0;      // for records in the buffer; 0: the file was opened, and not begun
  bool can_go_back_ = false;
  bool has_checkpoints_ = false;
};

}  // namespace penstock::detail
