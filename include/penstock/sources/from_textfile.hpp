// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iosfwd>
#include <string>
#include <utility>

#include "penstock/sources/detail/delimited.hpp"
#include "penstock/sources/detail/row_source.hpp"

namespace penstock {

/// How from_textfile reads.
struct TextSource {
  std::string delimiter = "\n";                  ///< ends a record; one or more characters
  bool keep_delimiter = false;                   ///< records are emitted with what ends them
  bool follow = false;                           ///< at the end of the file, wait for more to be written
  bool from_end = false;                         ///< begin behind what is in the file now
  std::int64_t position = 0;                     ///< begin at this byte
  Duration poll = std::chrono::milliseconds{100};  ///< how often a followed file is looked at, more than 0
  std::size_t max_record = std::size_t{1} << 20;   ///< bytes of a record without its delimiter, below 2 GiB
  RowPosition from{};                 ///< begin at this place, in a set of files; `position` is that of one
  BadRows bad_rows = BadRows::report;            ///< what becomes of longer records that nobody takes
  OnFailure on_failure = OnFailure::go_on;       ///< whether the next record follows when one fails
};

namespace detail {

/// Records between delimiters as rows.
class TextRows : public DelimitedReader {
 public:
  explicit TextRows(const TextSource& options)
      : DelimitedReader(checked(options.delimiter), options.keep_delimiter, options.max_record) {}

  bool begin(const std::string&) noexcept { return true; }
  bool reads_all() const noexcept { return true; }

  Found next_row(std::string& row, BadRow& bad) {
    const Found found = next();
    if (found == Found::record) [[likely]] {
      row.clear();
      row.append(text());
    } else if (found == Found::damaged) {
      bad.line = line();
      bad.reason = "the record is longer than " + std::to_string(max_record()) + " bytes";
      bad.text = text();
    }
    return found;
  }

 private:
  static const std::string& checked(const std::string& delimiter) {
    if (delimiter.empty()) bad_argument("from_textfile: the delimiter must not be empty");
    return delimiter;
  }
};

}  // namespace detail

/// What from_textfile returns: a stream of records with the place in the file.
class TextFileSource : public RowSource<std::string, detail::TextRows> {
 public:
  explicit TextFileSource(Node& node) : RowSource(node) {}

  /// The byte behind the last record that was emitted: where another source would go on. In a set of files it
  /// is a byte of the file in `place`. May be read on any thread.
  std::int64_t position() const { return place().offset; }
  /// The same with the number of the record, as if each were a line, and in a set of files with the file.
  RowPosition place() const { return RowSource::position(); }

  TextFileSource named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }
};

namespace detail {

inline TextFileSource make_text_file_source(Loop* loop, RowInput input, TextSource options) {
  if (options.position < 0) bad_argument("from_textfile: the position must not be negative");
  if (options.position != 0) {
    if (options.from != RowPosition{}) {
      bad_argument("from_textfile: there is a position, and another in from");
    }
    options.from.offset = options.position;
  }
  RowReading reading{options.from,     options.from_end,  options.follow, options.poll,
                     options.bad_rows, options.on_failure};
  return TextFileSource{make_row_source<std::string>(loop, "from_textfile", std::move(input),
                                                     TextRows{options}, std::move(reading))};
}

}  // namespace detail

/// Emits the lines of a text file, or its records between other delimiters, each when the one before it is
/// taken. At the end of the file the stream ends; with `.follow = true` it goes on when more is written.
///
///     file  a\nb\nc
///     out   abc|
///
/// @param loop     where it runs, and whose clock says when a followed file is looked at again. Without one
///                 the file is read inside `start`, and cannot be followed.
/// @param file     a path, which is opened here; or a `std::FILE*` or a `std::istream`, which must outlive
///                 the source and is read from where it stands; or a pattern such as `logs/*.txt` or a
///                 FileSet: many files, read one after the other.
/// @param options  see TextSource. Records come without their delimiter (Streamz keeps it: `.keep_delimiter =
///                 true`); a last one without a delimiter is emitted when the stream ends (Streamz loses it).
///
/// A followed file is what its path names, as for `tail -F`. When that is another file, since a log was
/// rotated, the old one is read to its end, and the last record is emitted also without a delimiter; then the
/// new one from its start. While the path names nothing it waits. When the file is shorter than what was
/// read it is read from its start, and what was read of a record is forgotten. `rotations()` and
/// `truncations()` count both. A file that is cut and grows over its old size between two looks cannot be
/// told from one that has grown.
///
/// After `stop` and after its end it goes on where it was. When a last record that had no end has become longer since it was
/// emitted, that is an error which names the byte, and no part of it is emitted; its end may follow. The files are read in the loop's thread, 64 KiB at
/// a time; what blocks when it is read, as a pipe does, blocks the loop. A record that is longer than
/// `max_record` is left out; like a bad row of from_csv it goes to `bad_rows()`, or is an error.
///
/// Back-pressure: waits for each record.
/// Metadata:      none.
/// Errors:        std::system_error here when the file cannot be opened, naming it, of a set of files
///                reported, and the next file follows; an error of reading is reported and stops it; what is
///                behind it throws is reported, and it goes on or stops as `on_failure` says.
/// Cost:          one copy of each record, into memory that is used again unless it was taken away; one read
///                each 64 KiB. Holds one block and the longest record.
/// Recovery:      read again from the place behind the last record, which is saved; not the streams that it is given. A
///                file that is shorter then, or another one, is an error that names the place.
/// Example:       examples/02_operators/from_textfile.cpp
/// See also:      filenames, FileSet, sink_to_textfile, from_csv
inline TextFileSource from_textfile(Loop& loop, std::string file, TextSource options = {}) {
  return detail::make_text_file_source(&loop, detail::row_input(std::move(file), options.poll),
                                       std::move(options));
}
inline TextFileSource from_textfile(std::string file, TextSource options = {}) {
  return detail::make_text_file_source(nullptr, detail::row_input(std::move(file), options.poll),
                                       std::move(options));
}
inline TextFileSource from_textfile(Loop& loop, FileSet files, TextSource options = {}) {
  return detail::make_text_file_source(&loop, std::move(files), std::move(options));
}
inline TextFileSource from_textfile(FileSet files, TextSource options = {}) {
  return detail::make_text_file_source(nullptr, std::move(files), std::move(options));
}
inline TextFileSource from_textfile(Loop& loop, std::FILE* file, TextSource options = {}) {
  return detail::make_text_file_source(&loop, file, std::move(options));
}
inline TextFileSource from_textfile(std::FILE* file, TextSource options = {}) {
  return detail::make_text_file_source(nullptr, file, std::move(options));
}
template <std::derived_from<std::istream> Stream>
TextFileSource from_textfile(Loop& loop, Stream& stream, TextSource options = {}) {
  return detail::make_text_file_source(&loop, detail::LentStream::of<std::istream>(stream), std::move(options));
}
template <std::derived_from<std::istream> Stream>
TextFileSource from_textfile(Stream& stream, TextSource options = {}) {
  return detail::make_text_file_source(nullptr, detail::LentStream::of<std::istream>(stream), std::move(options));
}

}  // namespace penstock
