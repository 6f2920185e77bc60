// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

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

/// Which column a member is.
template <class T, class M>
std::size_t column_of(M T::*member) {
  const T row{};
  std::size_t found = Row<T>::size;
  each_column<T>([&](auto i) {
    const auto& column = Row<T>::template get<i>(row);
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(column)>, M>) {
      if (&column == &(row.*member)) found = i;
    }
    return true;
  });
  if (found == Row<T>::size) bad_argument("upsert_csv: a member of the key is no column of the row");
  return found;
}

template <class T, class... Keys>
class UpsertCsvStep : public LineFileStep {
 public:
  UpsertCsvStep(std::string file, const UpsertCsv& options, Keys... keys)
      : UpsertCsvStep(options_of(options), std::move(file), options, std::tuple<Keys...>{keys...}) {}

  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next&) {
    const auto put = [&](const T& row) {  // a field of the user's may throw
      const std::string_view record = writer_.record(row);
      key_.clear();
      std::apply([&](const Keys&... member) { (add_to_key(row.*member), ...); }, keys_);
      if (records_.has(key_, record)) return this->info().leaves_out();
      this->write(record, context);
      records_.put(key_, record);
    };
    this->run(put, std::as_const(value));
    if (records_.outdated() > most_outdated + records_.size()) [[unlikely]] compact();
    return nullptr;
  }
  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    if (signal.kind == Signal::end && records_.outdated() != 0) compact();
    return LineFileStep::signal(signal, next);
  }

  void place(Node& node, Info& info) noexcept {
    LineFileStep::place(node, info);
    info.guarantee = Guarantee::exactly_once;
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
  UpsertCsvStep(const CsvFile& options, std::string file, const UpsertCsv& given, std::tuple<Keys...> keys)
      : UpsertCsvStep(CsvWriter<T>{options}, options, std::move(file), given, std::move(keys)) {}
  UpsertCsvStep(CsvWriter<T> writer, const CsvFile& options, std::string file, const UpsertCsv& given,
                std::tuple<Keys...> keys)
      : LineFileStep("upsert_csv", file, FilePolicies::of(options, options.end)),
        writer_(std::move(writer)),
        file_("upsert_csv", std::move(file), CsvFormat{given.separator, given.quote}, std::string{writer_.header()},
              std::apply([](Keys... member) { return std::vector<std::size_t>{column_of<T>(member)...}; }, keys),
              Row<T>::size),
        keys_(std::move(keys)),
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
  template <class M>
  void add_to_key(const M& value) {
    field_.clear();
    write_field(value, field_, time_);
    KeyedCsvFile::add_to_key(key_, field_);
  }
  void compact() {
    this->replace([this] { file_.replace(records_, "\n"); });
    records_.compacted();
  }

  CsvWriter<T> writer_;
  KeyedCsvFile file_;
  KeyedRecords records_;
  std::tuple<Keys...> keys_;
  TimeText time_;
  std::string key_;
  std::string field_;
};

inline void choose(UpsertCsv& chosen, const UpsertCsv& given) { chosen = given; }
template <class Key>
void choose(UpsertCsv&, const Key&) noexcept {}

template <class T, class Arg>
inline constexpr bool is_key_column = false;
template <class T, class M>
inline constexpr bool is_key_column<T, M T::*> = std::is_object_v<M> && !may_be_missing<M>;

template <class T, class... Args>
inline constexpr bool are_key_columns = sizeof...(Args) > 0 && (is_key_column<T, Args> && ...);

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
/// when the file is opened. Who reads the file sees at any moment complete records, and maybe the start of one.
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
  return [file = std::string(std::move(file)), all = std::tuple<Args...>(std::move(args)...)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(csv_row<T> && std::is_default_constructible_v<T>,
                  "upsert_csv: the elements must be rows as of sink_to_csv, with a default constructor");
    constexpr std::size_t options = [] {
      std::size_t n = 0;
      ((n += std::is_same_v<Args, UpsertCsv> ? 1 : 0), ...);
      return n;
    }();
    constexpr std::size_t keys = sizeof...(Args) - options;
    constexpr bool right = []<std::size_t... I>(std::index_sequence<I...>) {
      return detail::are_key_columns<T, std::tuple_element_t<I, std::tuple<Args...>>...>;
    }(std::make_index_sequence<keys>{});
    static_assert(right, "upsert_csv: takes a path, then pointers to the members of the row that are its key and are no "
                         "optionals, and then, if need be, an UpsertCsv");
    if constexpr (csv_row<T> && std::is_default_constructible_v<T> && right) {
      UpsertCsv chosen;
      std::apply([&](const Args&... each) { (detail::choose(chosen, each), ...); }, all);
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        using Upserts = detail::UpsertCsvStep<T, std::tuple_element_t<I, std::tuple<Args...>>...>;
        Info info{"upsert_csv", file, Shape::sink};
        if (chosen.flush.time() != Duration::zero()) info.needs_loop = "upsert_csv: a flush by time";
        return std::forward<decltype(stream)>(stream).then(Upserts{file, chosen, std::get<I>(all)...}, std::move(info));
      }(std::make_index_sequence<keys>{});
    }
  };
}

}  // namespace penstock
