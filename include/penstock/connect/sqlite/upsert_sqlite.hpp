// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/connect/sqlite/detail/sink_step.hpp"
#include "penstock/connect/sqlite/sqlite_sink.hpp"
#include "penstock/sinks/detail/key_columns.hpp"

namespace penstock {

namespace detail {

/// To write the same row again changes nothing: rows need not wait for a checkpoint, only be there when it is taken.
template <csv_row T>
class UpsertSqliteStep final : public SqliteSinkStep {
 public:
  UpsertSqliteStep(const std::string& file, std::string table, const std::vector<std::size_t>& key, const SqliteSink& options)
      : SqliteSinkStep("upsert_sqlite", file, std::move(table), sqlite_columns<T>(key), options) {}

  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next&) {
    const auto put = [&](const T& row) { this->add(row, context); };
    this->run(put, std::as_const(value));
    return nullptr;
  }

  void prepare() override { this->commit(); }
  void save(StateWriter& to) const override { to.put(!this->table().empty()); }
  void load(StateReader& from) override {
    if (!from.get<bool>() || !this->table().empty()) return;
    throw StateError("upsert_sqlite: the table '" + this->table().name() + "' of the database '" + this->table().db().path() +
                     "' is empty, and was not when the snapshot was taken");
  }

 private:
  bool waits() const noexcept override { return false; }
};

}  // namespace detail

/// Keeps a table of a database of SQLite: an element takes the place of the row that has the same key.
///
///     in     {acme 10h 3} {bell 10h 1} {acme 10h 4} |
///            upsert_sqlite("shop.db", "sold", &Row::brand, &Row::hour)
///     table  acme 10h 4, bell 10h 1
///
/// @param file   a path of a database, which is made when it is not there.
/// @param table  its name. It is made when it is not there, with the key as its primary key; one that has other columns is
///               refused.
/// @param args   pointers to the members that are the key together, which must have a value always; and behind them,
///               if anything is to be different, a SqliteSink.
///
/// Elements are rows, and stand in columns, as of sink_to_sqlite.
///
/// Rows wait in memory and are written in one transaction, which does not stay open: other programs, and other sinks,
/// may write to the same database, and who reads it sees all of a transaction or nothing.
///
/// Back-pressure: passes through; writes in the loop's thread, where it waits for who has the database locked.
/// Metadata:      held until the row is committed.
/// Errors:        std::system_error of sqlite_category here when the database cannot be opened, std::runtime_error when the table
///                has other columns; through emit or close when it cannot be written: the element is refused then, and the
///                rows before it are kept and tried again. std::out_of_range through emit for a value that SQLite has not.
/// Cost:          a copy of the row, and a part of a transaction, which is brought to the disk. Memory: the rows that wait.
/// Recovery:      exactly once: all rows are committed when a checkpoint is taken, and what comes again is there already.
/// Example:       examples/10_connect/sqlite.cpp
/// See also:      sink_to_sqlite, upsert_csv, window
template <class... Args>
auto upsert_sqlite(std::string file, std::string table, Args... args) {
  return [file = std::move(file), table = std::move(table), args...](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    constexpr bool right = csv_row<T> && std::is_default_constructible_v<T>;
    static_assert(right, "upsert_sqlite: the elements must be rows as of sink_to_csv, with a default constructor");
    constexpr bool keyed = detail::are_key_columns<T, SqliteSink, Args...>;
    static_assert(keyed, "upsert_sqlite: takes a path, a table, then pointers to the members of the row that are its key and are no "
                         "optionals, and then, if need be, a SqliteSink");
    if constexpr (right && keyed) {
      detail::KeyColumns<T, SqliteSink> chosen{"upsert_sqlite"};
      (chosen.take(args), ...);
      return std::forward<decltype(stream)>(stream).then(
          detail::UpsertSqliteStep<T>{file, table, chosen.columns, chosen.options},
          detail::sqlite_info("upsert_sqlite", "upsert_sqlite: a transaction by time", file, table, chosen.options));
    }
  };
}

}  // namespace penstock
