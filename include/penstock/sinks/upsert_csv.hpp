// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/sinks/detail/key_columns.hpp"
#include "penstock/sinks/detail/keyed_csv.hpp"
#include "penstock/sinks/sink_to_csv.hpp"

namespace penstock {

/// How upsert_csv writes.
struct UpsertCsv {
  char separator = ',';
  char quote = '"';
  std::string time_format{};  ///< of times, see field_traits; empty: ISO 8601
  Flush flush = false;        ///< true: after every record, so that readers see it at once; or see Flush
  Sync sync = Sync::never;    ///< whether it is brought to the disk, see Sync
};

namespace detail {

template <csv_row T>
class UpsertCsvStep : public LineFileStep {
 public:
  UpsertCsvStep(std::string file, const UpsertCsv& options, std::vector<std::size_t> key)
      : UpsertCsvStep(options_of(options), std::move(file), options, std::move(key)) {}

  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next&) {
    const auto put = [&](const T& row) {  // a field of the user's may throw
      const std::string_view record = writer_.record(row);
      key_.clear();
      for (const std::size_t column : columns_) add_to_key(row, column);
      if (records_.has(key_, record)) return this->info().leaves_out();
      file_.repair();
      this->write(record, context);
      records_.put(key_, record);
    };
    this->run(put, std::as_const(value));
    if (records_.outdated() > most_outdated + records_.size()) [[unlikely]] compact();
    return nullptr;
  }
  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    if (signal.kind == Signal::end) {
      file_.repair();
      if (records_.outdated() != 0) compact();
    }
    return LineFileStep::signal(signal, next);
  }

  void place(Node& node, Info& info) noexcept {
    LineFileStep::place(node, info);
    info.guarantee = Guarantee::exactly_once;
  }
  void prepare() override {
    file_.repair();
    LineFileStep::prepare();
  }
  void save(StateWriter& to) const override { to.put(static_cast<std::uint64_t>(records_.size())); }
  void load(StateReader& from) override {
    const auto had = from.get<std::uint64_t>();
    if (records_.size() >= had) return;
    throw StateError("upsert_csv: " + file_.path() + " has " + std::to_string(records_.size()) +
                     " keys, and had " + std::to_string(had) + " when the snapshot was taken");
  }

 private:
  static constexpr std::size_t most_outdated = 1'000;

  // The writer is made first: options that are wrong leave no file.
  UpsertCsvStep(const CsvFile& options, std::string file, const UpsertCsv& given, std::vector<std::size_t> key)
      : UpsertCsvStep(CsvWriter<T>{options}, options, std::move(file), given, std::move(key)) {}
  UpsertCsvStep(CsvWriter<T> writer, const CsvFile& options, std::string file, const UpsertCsv& given,
                std::vector<std::size_t> key)
      : LineFileStep("upsert_csv", file, FilePolicies::of(options, options.end)),
        writer_(std::move(writer)),
        file_("upsert_csv", std::move(file), CsvFormat{given.separator, given.quote}, std::string{writer_.header()},
              key, Row<T>::size),
        columns_(std::move(key)),
        time_(given.time_format, "upsert_csv") {
    file_.read(records_);
    this->head(std::string{writer_.header()} + "\n");
  }

  static CsvFile options_of(const UpsertCsv& options) {
    return {.separator = options.separator,
            .quote = options.quote,
            .flush = options.flush,
            .time_format = options.time_format,
            .sync = options.sync};
  }
  void add_to_key(const T& row, std::size_t column) {
    field_.clear();
    each_column<T>([&](auto i) {
      if (i == column) write_field(Row<T>::template get<i>(row), field_, time_);
      return i != column;
    });
    KeyedCsvFile::add_to_key(key_, field_);
  }
  void compact() {
    this->replace([this] { file_.replace(records_, "\n"); });
    records_.compacted();
  }

  CsvWriter<T> writer_;
  KeyedCsvFile file_;
  KeyedRecords records_;
  std::vector<std::size_t> columns_;  // of the key
  TimeText time_;
  std::string key_;
  std::string field_;
};

}  // namespace detail

/// Keeps a table in a CSV file: an element takes the place of the one before that has the same key.
///
///     in    {acme 10h 3} {bell 10h 1} {acme 10h 4} |
///           upsert_csv(file, &Row::brand, &Row::hour)
///     file  brand,hour,sold\nacme,10h,4\nbell,10h,1\n
///
/// @param file  a path. What it holds is read here and counts on, when its columns are those of the row.
/// @param args  pointers to the members that are the key together, which must have a value always; and behind them,
///              if anything is to be different, an UpsertCsv.
///
/// Elements are rows as of sink_to_csv. Changes are written behind what is there, so of several records of a key the last
/// one counts, and an element that is equal to what the table has is not written at all: to write the same again changes
/// nothing. Where more than half of the file is out of date, and at the end of the stream, what counts is written to
/// a new file, which takes the place of the old one in one step. A record that was torn when a process died is cut off
/// before anything else is written. Who reads the file sees at any moment complete records, and maybe the start of one.
///
/// Back-pressure: passes through; writes in the loop's thread.
/// Metadata:      ends here, when the element was given to the buffer; held until flushed or synced where the options say so.
/// Errors:        std::system_error here when the file cannot be opened or read, and through emit or close when it cannot be
///                written, naming it; std::runtime_error here when it holds something else than such a table.
/// Cost:          one look-up an element, and a copy into the buffer when it changes something. Memory: the text of every
///                record of the table.
/// Recovery:      exactly once: a checkpoint brings the file to the disk, and what comes again is there already.
/// Example:       examples/09_files/upsert.cpp
/// See also:      sink_to_csv, window
template <class Path, class... Args>
auto upsert_csv(Path file, Args... args) {
  return [file = std::string(std::move(file)), args...](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    constexpr bool right = csv_row<T> && std::is_default_constructible_v<T>;
    static_assert(right, "upsert_csv: the elements must be rows as of sink_to_csv, with a default constructor");
    constexpr bool keyed = detail::are_key_columns<T, UpsertCsv, Args...>;
    static_assert(keyed, "upsert_csv: takes a path, then pointers to the members of the row that are its key and are no optionals, "
                         "and then, if need be, an UpsertCsv");
    if constexpr (right && keyed) {
      detail::KeyColumns<T, UpsertCsv> chosen{"upsert_csv"};
      (chosen.take(args), ...);
      Info info{"upsert_csv", file, Shape::sink};
      if (chosen.options.flush.time() != Duration::zero()) info.needs_loop = "upsert_csv: a flush by time";
      return std::forward<decltype(stream)>(stream).then(
          detail::UpsertCsvStep<T>{file, chosen.options, chosen.columns}, std::move(info));
    }
  };
}

}  // namespace penstock
