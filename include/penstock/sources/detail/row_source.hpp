// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "penstock/sources/detail/file.hpp"
#include "penstock/sources/detail/record_buffer.hpp"
#include "penstock/sources/row_traits.hpp"
#include "penstock/sources/source.hpp"

// Not an operator: the source of rows of a file, whatever they look like there.

namespace penstock {

/// What happens to rows that cannot be read, when nobody asked for `bad_rows()`.
enum class BadRows : std::uint8_t {
  report,  ///< each is an error, a BadRowError, like those of what stands behind the source
  skip     ///< they are left out and counted as dropped
};

/// Where to go on in a file of rows: a byte that a row begins at, and the number of its line.
struct RowPosition {
  std::int64_t offset = 0;
  std::uint64_t line = 1;

  friend bool operator==(const RowPosition&, const RowPosition&) = default;
};

namespace detail {

/// Reads blocks, has them read into rows by `Format`, and emits many of them together. A Format is a
/// RecordBuffer with
///
///     void start(Read read);                // reads what stands before the rows; `read()` gets more text
///     Found next_row(T& row, BadRow& bad);  // reads the next one
///     bool reads_all();                     // into all of it, so that a row that was used will do
template <element T, class Format>
class RowSourceNode final : public SourceNode<T, RowSourceNode<T, Format>> {
 public:
  RowSourceNode(const char* who, std::string path, Format format, RowPosition from, BadRows bad_rows,
                OnFailure on_failure)
      : RowSourceNode::SourceNode(Info{who, path}, on_failure),
        who_(who),
        path_(std::move(path)),
        file_(path_, "rb", who),
        format_(std::move(format)),
        bad_rows_(bad_rows) {
    this->port(bad);
    format_.start([this] { return read(); });
    if (from.offset > 0) {
      if (fseeko(file_.get(), static_cast<off_t>(from.offset), SEEK_SET) != 0) fail("cannot seek in");
      format_.move_to(static_cast<std::uint64_t>(from.offset), from.line);
    }
    delivered({format_.offset(), format_.next_line()});
    rows_.resize(most);
    marks_.resize(most);
  }

  Outlet<BadRow> bad;

  /// Somebody takes the bad rows: they are no errors any more.
  void divert() noexcept { diverted_ = true; }

  RowPosition position() const noexcept {
    return {position_.load(std::memory_order_relaxed), line_.load(std::memory_order_relaxed)};
  }

  void on_start() noexcept { format_.unfinish(); }

  Batch<T>& at_hand() {
    if (lot_.empty() && !bad_) fill();
    return lot_;
  }
  void used(std::size_t n) noexcept {
    used_ += n;
    delivered(marks_[used_ - 1]);
  }
  bool aside(Receipt& receipt) {
    if (bad_) {
      BadRow row = std::move(*bad_);
      bad_.reset();
      delivered(bad_mark_);
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
    if (bad.ended()) return false;
    receipt = offer(bad, Signal{Signal::end});
    return true;
  }
  /// Asked when there are no rows and no bad rows any more.
  std::optional<T> next() noexcept { return std::nullopt; }

 private:
  static constexpr std::size_t block = std::size_t{64} * 1024;
  static constexpr std::size_t most = 128;  // rows read before the first is emitted: all stay in the cache

  struct Mark {
    std::uint64_t offset;
    std::uint64_t line;
  };

  /// Rows up to the end of what has been read from the file, and more of that only when there is none.
  void fill() {
    std::size_t n = 0;
    lot_ = {};
    used_ = 0;
    BadRow problem;
    while (n < most) {
      T& row = rows_[n];
      if (!format_.reads_all()) row = T{};
      const Found found = format_.next_row(row, problem);
      if (found == Found::record) [[likely]] {
        marks_[n++] = {format_.offset(), format_.next_line()};
        continue;
      }
      if (found == Found::damaged) {
        problem.file = path_;
        bad_ = std::move(problem);
        bad_mark_ = {format_.offset(), format_.next_line()};
        break;
      }
      if (n != 0 || !read()) break;
    }
    lot_.next = rows_.data();
    lot_.end = rows_.data() + n;
  }

  /// False at the end of the file, and nothing more is to be had.
  bool read() {
    if (format_.finished()) return false;
    std::clearerr(file_.get());
    const std::size_t got = std::fread(format_.room(block), 1, block, file_.get());
    format_.added(got);
    if (got == 0) {
      if (std::ferror(file_.get())) {
        this->stop();  // asking again at once would fail again
        fail("cannot read");
      }
      format_.finish();
    }
    return true;
  }
  [[noreturn]] void fail(const char* what) const { file_error(who_ + ": " + what, path_); }

  void delivered(Mark mark) noexcept {
    position_.store(static_cast<std::int64_t>(mark.offset), std::memory_order_relaxed);
    line_.store(mark.line, std::memory_order_relaxed);
  }

  std::string who_;
  std::string path_;
  FileHandle file_;
  Format format_;
  BadRows bad_rows_;
  bool diverted_ = false;
  std::vector<T> rows_;  // used again and again: strings that consumers leave here keep their memory
  std::vector<Mark> marks_;  // behind each row
  Batch<T> lot_{};
  std::size_t used_ = 0;
  std::optional<BadRow> bad_;  // the one behind the rows
  Mark bad_mark_{};
  std::atomic<std::int64_t> position_{0};
  std::atomic<std::uint64_t> line_{1};
};

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
  /// any thread, also while rows are emitted.
  RowPosition position() const noexcept { return rows().position(); }

  RowSource named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  using Node = detail::RowSourceNode<T, Format>;
  Node& rows() const noexcept { return static_cast<Node&>(this->node()); }
};

}  // namespace penstock
