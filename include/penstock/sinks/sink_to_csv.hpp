// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "penstock/core/search.hpp"
#include "penstock/sinks/sink_to_textfile.hpp"
#include "penstock/sources/csv.hpp"
#include "penstock/sources/csv_row.hpp"

namespace penstock {

/// How sink_to_csv writes.
struct CsvFile {
  char separator = ',';
  char quote = '"';
  std::string end = "\n";     ///< written behind every record; "\r\n" is what RFC 4180 has
  bool header = true;         ///< an empty file begins with the names of the columns
  bool append = true;         ///< behind what the file holds; false: in its place
  Flush flush = false;        ///< true: after every record, so that readers see it at once; or see Flush
  std::string time_format{};  ///< of times, see field_traits; empty: ISO 8601
  Sync sync = Sync::never;    ///< whether it is brought to the disk, see Sync
  Rotate rotate{};            ///< when the next file begins, see Rotate
  bool atomic = false;        ///< a file has its name only when it is finished and on the disk
};

namespace detail {

/// Makes records of rows.
template <csv_row T>
class CsvWriter {
 public:
  explicit CsvWriter(const CsvFile& options)
      : separator_(options.separator), quote_(options.quote), time_(options.time_format, "sink_to_csv") {
    check_csv_characters("sink_to_csv", separator_, quote_);
    if (options.end != "\n" && options.end != "\r\n") {
      bad_argument("sink_to_csv: a record ends with \\n or \\r\\n");
    }
  }

  std::string_view header() {
    line_.clear();
    for (std::size_t i = 0; i < Row<T>::size; ++i) {
      if (i != 0) line_ += separator_;
      append_csv_field(line_, column_name<T>(i), separator_, quote_);
    }
    return line_;
  }
  std::string_view record(const T& row) {
    line_.clear();
    each_column<T>([&](auto i) {
      if constexpr (i != 0) line_ += separator_;
      const auto& value = Row<T>::template get<i>(row);
      const std::size_t begin = line_.size();
      write_field(value, line_, time_);
      if (needs_quotes(std::string_view{line_}.substr(begin), value)) [[unlikely]] put_in_quotes(begin);
      return true;
    });
    return line_;
  }

 private:
  template <class V>
  bool needs_quotes(std::string_view text, const V& value) const noexcept {
    if (text.empty()) {
      if constexpr (may_be_missing<V>) {
        if (value.has_value()) return true;  // which is not the same as nothing
      }
      return Row<T>::size == 1;  // else the line is empty
    }
    const auto special = [this](char c) {
      return c == separator_ || c == quote_ || c == '\n' || c == '\r';
    };
    return any_of(text, special) || text.starts_with("\xEF\xBB\xBF");
  }
  void put_in_quotes(std::size_t begin) {
    field_.assign(line_, begin);
    line_.resize(begin);
    line_ += quote_;
    for (const char c : field_) line_.append(c == quote_ ? 2 : 1, c);
    line_ += quote_;
  }

  char separator_;
  char quote_;
  TimeText time_;
  std::string line_;
  std::string field_;
};

template <csv_row T>
class CsvFileStep : public LineFileStep {
 public:
  template <class File>
  CsvFileStep(File file, const CsvFile& options)
      : CsvFileStep(CsvWriter<T>{options}, std::move(file), options) {}

  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next&) {
    const auto put = [&](const T& row) {  // a field of the user's may throw
      this->write(writer_.record(row), context);
    };
    this->run(put, std::as_const(value));
    return nullptr;
  }

 private:
  // The writer is made first: options that are wrong leave no file.
  template <class File>
  CsvFileStep(CsvWriter<T> writer, File file, const CsvFile& options)
      : LineFileStep("sink_to_csv", std::move(file), FilePolicies::of(options, options.end)),
        writer_(std::move(writer)) {
    if (options.header) this->head(std::string{writer_.header()} + options.end);
  }

  CsvWriter<T> writer_;
};

}  // namespace detail

/// Writes every element as a record of a CSV file, and the names of the columns at its start.
///
///     in    {nail 0.05} {saw 7.5} |
///     file  name,price\nnail,0.05\nsaw,7.5\n
///
/// @param file     a path, opened when the sink is wired; or a `std::FILE*`, which stays open and must
///                 outlive the sink. Elements are rows as of from_csv; columns without names are called 1, 2,
///                 3.
/// @param options  see CsvFile. Without them what is in the file stays and records are written behind it.
///
/// Fields are in quotes where RFC 4180 needs it, and where without them something else would be read: an
/// empty string in a `std::optional`, a record that is one empty field, a byte order mark. Numbers are
/// written with as many digits as it takes to read the same. What is written, from_csv reads back equal.
///
/// When rows are in the file, on the disk, and in the next file, and what becomes of them on a full disk, is
/// as of sink_to_textfile. Every file begins with the names of the columns.
///
/// Back-pressure: passes through; writes in the loop's thread.
/// Metadata:      ends here, when the element was given to the buffer; held until flushed, synced or finished
///                where the options say so.
/// Errors:        std::system_error here when the file cannot be opened, and through emit or close when it
///                cannot be written, naming it; std::out_of_range through emit for a value that has no text;
///                nothing of that row is written then.
/// Cost:          a copy into the buffer; one write each 64 KiB or flush.
/// Recovery:      exactly once, with checkpoints, in files of its own: a checkpoint brings them to the disk, and a run that
///                goes on from it cuts off what was written after it, or, before the first one, behind what the file held
///                at the start; finished files that are atomic have their names when the checkpoint is durable. Without,
///                and into a C stream, a device or a pipe, what comes again is written again.
/// Example:       examples/09_files/csv.cpp
/// See also:      from_csv, sink_to_jsonl, sink_to_textfile
template <class Path, class... Options>
auto sink_to_csv(Path file, Options... options) {
  static_assert((std::is_same_v<Options, CsvFile> && ...), "sink_to_csv: the options are a CsvFile");
  return [file = std::move(file), options = CsvFile{std::move(options)...}](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(csv_row<T>,
                  "sink_to_csv: the elements must be structs that Boost.Describe or a row_traits describes, "
                  "other aggregates or tuples, whose members are numbers, bools, strings, times, enums or "
                  "optionals of these");
    if constexpr (csv_row<T>) {
      Info info = detail::file_info("sink_to_csv", "sink_to_csv: a flush or rotation by time", file, options);
      return std::forward<decltype(stream)>(stream).then(detail::CsvFileStep<T>{std::move(file), options},
                                                         std::move(info));
    }
  };
}

}  // namespace penstock
