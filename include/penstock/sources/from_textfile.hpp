// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "penstock/sources/detail/file.hpp"
#include "penstock/sources/source.hpp"

namespace penstock {

/// How from_textfile reads.
struct TextSource {
  std::string delimiter = "\n";                  ///< ends a record; one or more characters
  bool keep_delimiter = false;                   ///< records are emitted with what ends them
  bool follow = false;                           ///< at the end of the file, wait for more to be written
  bool from_end = false;                         ///< begin behind what is in the file now
  std::int64_t position = 0;                     ///< begin at this byte
  Duration poll = std::chrono::milliseconds{100};  ///< how often a followed file is looked at, more than 0
  OnFailure on_failure = OnFailure::go_on;       ///< whether the next record follows when one fails
};

namespace detail {

class TextFileNode final : public SourceNode<std::string, TextFileNode> {
 public:
  TextFileNode(std::string path, TextSource options)
      : SourceNode(Info{"from_textfile", path}, options.on_failure),
        path_(std::move(path)),
        options_(std::move(options)),
        file_(path_, "rb", "from_textfile") {
    if (options_.from_end) options_.position = file_size();
    seek(options_.position);
  }

  const char* needs_loop() const noexcept override {
    return options_.follow ? "from_textfile: following a file" : nullptr;
  }

  std::optional<std::string> next() {
    for (;;) {
      const std::size_t found = buffer_.find(options_.delimiter, searched_);
      if (found != std::string::npos) return record(found, options_.delimiter.size());
      // The first part of a delimiter may stand at the end of what has been read.
      const std::size_t could_begin =
          buffer_.size() - std::min(buffer_.size(), options_.delimiter.size() - 1);
      searched_ = std::max(begin_, could_begin);
      if (!read()) break;
    }
    if (options_.follow) {
      if (file_size() < position() + static_cast<std::int64_t>(buffer_.size() - begin_)) seek(0);
      return later(clock().now() + options_.poll);
    }
    if (begin_ < buffer_.size()) return record(buffer_.size(), 0);
    return std::nullopt;
  }

  std::int64_t position() const noexcept { return position_.load(std::memory_order_relaxed); }
  void finish() {
    options_.follow = false;
    wake();
  }

 private:
  static constexpr std::size_t chunk = std::size_t{64} * 1024;

  std::string record(std::size_t end, std::size_t delimiter) {
    std::string text = buffer_.substr(begin_, end - begin_ + (options_.keep_delimiter ? delimiter : 0));
    const std::size_t after = end + delimiter;
    position_.store(position() + static_cast<std::int64_t>(after - begin_), std::memory_order_relaxed);
    begin_ = searched_ = after;
    return text;
  }

  /// Appends what the file has, up to a chunk. False at its end.
  bool read() {
    searched_ -= begin_;
    buffer_.erase(0, std::exchange(begin_, 0));
    const std::size_t kept = buffer_.size();
    buffer_.resize(kept + chunk);
    std::clearerr(file_.get());
    const std::size_t got = std::fread(buffer_.data() + kept, 1, chunk, file_.get());
    buffer_.resize(kept + got);
    if (got == 0 && std::ferror(file_.get())) {
      stop();  // asking again at once would fail again
      file_error("from_textfile: cannot read", path_);
    }
    return got != 0;
  }

  std::int64_t file_size() {
    std::FILE* file = file_.get();
    const long here = std::ftell(file);
    if (here < 0 || std::fseek(file, 0, SEEK_END) != 0) file_error("from_textfile: cannot seek in", path_);
    const long size = std::ftell(file);
    if (size < 0 || std::fseek(file, here, SEEK_SET) != 0) file_error("from_textfile: cannot seek in", path_);
    return size;
  }
  void seek(std::int64_t position) {
    if (std::fseek(file_.get(), static_cast<long>(position), SEEK_SET) != 0) {
      file_error("from_textfile: cannot seek in", path_);
    }
    buffer_.clear();
    begin_ = searched_ = 0;
    position_.store(position, std::memory_order_relaxed);
  }

  std::string path_;
  TextSource options_;
  FileHandle file_;
  std::string buffer_;
  std::size_t begin_ = 0;     // of the next record in the buffer
  std::size_t searched_ = 0;  // no delimiter begins before
  std::atomic<std::int64_t> position_{0};
};

}  // namespace detail

/// What from_textfile returns: a stream of records with the place in the file.
class TextFileSource : public Source<std::string> {
 public:
  explicit TextFileSource(detail::TextFileNode& node) : Source(node) {}

  /// The byte behind the last record that was emitted: where another source would go on. May be read on any
  /// thread.
  std::int64_t position() const noexcept { return text_file().position(); }
  /// Follows no longer: what the file holds now is emitted, then the stream ends.
  void finish() const {
    on_strand([this] { text_file().finish(); });
  }

 private:
  detail::TextFileNode& text_file() const noexcept { return static_cast<detail::TextFileNode&>(node()); }
};

namespace detail {

inline TextFileSource make_text_file_source(Loop* loop, std::string path, TextSource options) {
  if (options.delimiter.empty()) bad_argument("from_textfile: the delimiter must not be empty");
  if (options.poll <= Duration::zero()) bad_argument("from_textfile: the poll interval must be more than 0");
  if (options.position < 0) bad_argument("from_textfile: the position must not be negative");
  if (options.follow && !loop) {
    misuse("from_textfile: following a file needs an event loop: from_textfile(loop, path)");
  }
  return TextFileSource{
      make_source(loop, std::make_unique<TextFileNode>(std::move(path), std::move(options)))};
}

}  // namespace detail

/// Emits the lines of a text file, or its records between other delimiters, each when the one before it is
/// taken. At the end of the file the stream ends; with `.follow = true` it goes on when more is written, and
/// a file that became shorter is read from its start.
///
///     file  a\nb\nc
///     out   abc|
///
/// @param loop     where it runs, and whose clock says when a followed file is looked at again. Without one
///                 the file is read inside `start`, and cannot be followed.
/// @param path     is opened here, and must exist.
/// @param options  see TextSource. Records come without their delimiter (Streamz keeps it: `.keep_delimiter =
///                 true`); a last one without a delimiter is emitted when the stream ends (Streamz loses it).
///
/// After `stop` and after its end it goes on where it was. The files are read in the loop's thread, 64 KiB at
/// a time.
///
/// Back-pressure: waits for each record.
/// Metadata:      none.
/// Errors:        std::system_error here when the file cannot be opened, naming it; an error of reading is
///                reported and stops it; what is behind it throws is reported, and it goes on or stops as
///                `on_failure` says.
/// Cost:          one string a record; one read each 64 KiB.
/// Recovery:      `position` is not saved by itself; give it to the next source.
/// Example:       examples/02_operators/from_textfile.cpp
/// See also:      filenames, sink_to_textfile, from_range
inline TextFileSource from_textfile(Loop& loop, std::string path, TextSource options = {}) {
  return detail::make_text_file_source(&loop, std::move(path), std::move(options));
}
inline TextFileSource from_textfile(std::string path, TextSource options = {}) {
  return detail::make_text_file_source(nullptr, std::move(path), std::move(options));
}

}  // namespace penstock
