// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/core/search.hpp"
#include "penstock/sources/csv.hpp"
#include "penstock/sources/csv_row.hpp"
#include "penstock/sources/detail/row_source.hpp"

namespace penstock {

/// How from_csv reads.
struct CsvSource {
  CsvFormat format{};            ///< the characters, and how long a record may be
  bool header = true;            ///< the first record has the columns' names; false: columns by position
  bool unknown_columns = false;  ///< columns that the row does not have are left out; false: an error
  bool missing_columns = false;  ///< members without a column keep their value; false: only optional ones may
  std::string time_format{};     ///< of times, see field_traits; empty: ISO 8601
  bool follow = false;           ///< at the end of the file, or of the last one, wait for more to be written
  Duration poll = std::chrono::milliseconds{100};  ///< how often a followed file is looked at, more than 0
  RowPosition from{};            ///< begin at this place, which a source had as its `position`
  BadRows bad_rows = BadRows::report;
  OnFailure on_failure = OnFailure::go_on;  ///< whether the next row follows when one fails
};

namespace detail {

/// Reads the records of a CSV file into structs.
template <csv_row T>
class CsvRows : public CsvReader {
 public:
  using Columns = Row<T>;

  explicit CsvRows(CsvSource options)
      : CsvReader(options.format),
        options_(std::move(options)),
        time_(std::move(options_.time_format), "from_csv") {
    for (std::size_t i = 0; i < Columns::size; ++i) where_[i] = static_cast<std::ptrdiff_t>(i);
    width_ = Columns::size;
  }

  /// Reads the header, when there is one. False when it is not all there.
  bool begin(const std::string& path) {
    if (!options_.header) return true;
    const Found found = next();
    if (found == Found::nothing && !finished()) return false;
    if (found == Found::nothing) wrong(path, "there is no header");
    if (found == Found::damaged) wrong(path, "the header is damaged: " + problem());
    if constexpr (!Columns::named) {
      if (size() < Columns::size || (size() > Columns::size && !options_.unknown_columns)) {
        wrong(path, "the header has " + std::to_string(size()) + " columns, and the row " +
                        std::to_string(Columns::size));
      }
      width_ = size();
    } else {
      find_columns(path);
    }
    return true;
  }

  /// Whether no member keeps what it was.
  bool reads_all() const noexcept {
    return columns_are_all<T> && !has_item(where_, -1);
  }

  Found next_row(T& row, BadRow& bad) {
    const Found found = next();
    if (found == Found::nothing) return found;
    if (found == Found::record && size() == width_) [[likely]] {
      std::size_t column = 0;
      const char* reason = nullptr;
      const bool read = each_column<T>([&](auto i) {
        const std::ptrdiff_t at = where_[i];
        if (at < 0) return true;
        column = i;
        const auto field = static_cast<std::size_t>(at);
        reason = read_field((*this)[field], quoted(field), Columns::template get<i>(row), time_);
        return reason == nullptr;
      });
      if (read) [[likely]] return Found::record;
      const std::string_view field = (*this)[static_cast<std::size_t>(where_[column])];
      bad.column = column_name<T>(column);
      bad.reason = '"' + shown(std::string(field)) + "\" " + reason;
    } else if (found == Found::damaged) {
      bad.reason = problem();
      if (problem_field() != 0) bad.column = name_of(problem_field() - 1);
    } else {
      bad.reason = std::to_string(size()) + (size() == 1 ? " field where " : " fields where ") +
                   std::to_string(width_) + (width_ == 1 ? " belongs" : " belong");
    }
    bad.line = line();
    bad.text = text();
    return Found::damaged;
  }

 private:
  [[noreturn]] static void wrong(const std::string& path, const std::string& what) {
    throw CsvError("from_csv: " + path + ": " + what);
  }

  void find_columns(const std::string& path) {
    where_.fill(-1);
    width_ = size();
    for (std::size_t i = 0; i < width_; ++i) {
      const std::string_view name = (*this)[i];
      const auto found = find_item(Columns::names, name);
      if (found == Columns::names.end()) {
        if (!options_.unknown_columns) wrong(path, "no member for the column \"" + std::string(name) + "\"");
        continue;
      }
      std::ptrdiff_t& at = where_[static_cast<std::size_t>(found - Columns::names.begin())];
      if (at >= 0) wrong(path, "the column \"" + std::string(name) + "\" stands twice in the header");
      at = static_cast<std::ptrdiff_t>(i);
    }
    if (options_.missing_columns) return;
    each_column<T>([&](auto i) {
      if (where_[i] < 0 && !may_be_missing<column_type<T, i>>) {
        wrong(path, "the header lacks the column \"" + std::string(Columns::names[i]) + "\"");
      }
      return true;
    });
  }
  std::string name_of(std::size_t field) const {
    for (std::size_t i = 0; i < Columns::size; ++i) {
      if (where_[i] == static_cast<std::ptrdiff_t>(field)) return column_name<T>(i);
    }
    return std::to_string(field + 1);
  }

  CsvSource options_;
  TimeText time_;
  std::array<std::ptrdiff_t, Columns::size> where_;  // the field of each column, or -1
  std::size_t width_;                                // fields of a record
};

template <class T>
auto from_csv(Loop* loop, RowInput input, CsvSource options) {
  constexpr bool right = csv_row<T>;
  static_assert(right,
                "from_csv: the rows must be structs that Boost.Describe or a row_traits describes, other "
                "aggregates or tuples, whose members are numbers, bools, strings, times, enums or optionals "
                "of these");
  static_assert(!right || row_object<T>,
                "from_csv: a row must have a default constructor and be movable");
  if constexpr (right && row_object<T>) {
    check_csv_characters("from_csv", options.format.separator, options.format.quote);
    RowReading reading{options.from,     false,           options.follow, options.poll,
                       options.bad_rows, options.on_failure};
    return RowSource<T, CsvRows<T>>{make_row_source<T>(loop, "from_csv", std::move(input),
                                                       CsvRows<T>{std::move(options)}, std::move(reading))};
  }
}

}  // namespace detail

/// Emits the records of a CSV file, or of a set of files, as structs, as RFC 4180 has them, and then ends.
/// With `.follow = true` it goes on when more is written; a row that is written by halves waits for the rest.
///
///     file  name,price\nnail,0.05\nsaw,7.5\n
///     out   {nail 0.05} {saw 7.5} |
///
/// @tparam T       a row. With BOOST_DESCRIBE_STRUCT or a row_traits its columns have names, and stand in any
///                 order in the file; another aggregate or a std::tuple has them by position. What the
///                 members can be, field_traits tells; a `std::optional` is empty where the field is, and
///                 where its column is missing.
/// @param loop     where it runs; without one the file is read inside `start`.
/// @param path     is opened here, and its header is read here. Or a pattern such as `events/*.csv`, or a
///                 FileSet: many files, each with a header of its own, which is read when its turn comes.
/// @param options  see CsvSource.
///
/// A row that cannot be read, because it is damaged or a field is not what its member needs, does not disturb
/// the others: it goes to `bad_rows()` as a BadRow, in its place between the rows, or is an error. The file
/// is read in blocks of 64 KiB; after `stop` and after its end it goes on where it was. A followed file that
/// is replaced or becomes shorter is read as of from_textfile.
///
/// Back-pressure: waits for each row.
/// Metadata:      none.
/// Errors:        std::system_error here when the file cannot be opened; CsvError here when its columns are
///                not those of the row; of a set of files both are reported, and the
///                next file follows; a bad row that nobody takes is reported as a BadRowError, and like what
///                is behind it throws it goes on or stops as `on_failure` says.
/// Cost:          one pass over the bytes, and what the members allocate; one read each 64 KiB.
/// Recovery:      read again from the place behind the last row, which is saved; not the streams that it is given. A file
///                that is shorter then, or another one, is an error that names the place.
/// Example:       examples/09_files/csv.cpp
/// See also:      sink_to_csv, from_jsonl, from_textfile, FileSet
template <class T>
auto from_csv(Loop& loop, std::string path, CsvSource options = {}) {
  return detail::from_csv<T>(&loop, detail::row_input(std::move(path), options.poll), std::move(options));
}
template <class T>
auto from_csv(std::string path, CsvSource options = {}) {
  return detail::from_csv<T>(nullptr, detail::row_input(std::move(path), options.poll), std::move(options));
}
template <class T>
auto from_csv(Loop& loop, FileSet files, CsvSource options = {}) {
  return detail::from_csv<T>(&loop, std::move(files), std::move(options));
}
template <class T>
auto from_csv(FileSet files, CsvSource options = {}) {
  return detail::from_csv<T>(nullptr, std::move(files), std::move(options));
}

}  // namespace penstock
