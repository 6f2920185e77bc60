// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/connect/sqlite/sink_to_sqlite.hpp"
#include "penstock/sinks/detail/key_columns.hpp"

namespace penstock {
namespace detail {

/// To write the same row again changes nothing, so rows need not wait for a checkpoint, only be there when it is taken.
template <csv_row T>
class UpsertSqliteStep final : public SqliteStep<T> {
 public:
  UpsertSqliteStep(std::string path, std::string table, const std::vector<std::size_t>& key, const SqliteSink& options)
      : SqliteStep<T>("upsert_sqlite", std::move(path), std::move(table), key, options) {}

  void prepare() override { this->write(this->rows_); }
  void save(StateWriter& to) const override { to.put(this->name_); }
  void load(StateReader& from) override { static_cast<void>(from.get<std::string>()); }

 private:
  bool gathers() noexcept override { return false; }
};

}  // namespace detail

/// Keeps a table of an SQLite database: an element takes the place of the row that has the same key.
///
///     in     {acme 10h 3} {bell 10h 1} {acme 10h 4} |
///            upsert_sqlite("shop.db", "sold", &Row::brand, &Row::hour)
///     table  acme 10h 4, bell 10h 1
///
/// @param path   of the database, which is made when it is not there.
/// @param table  its name. It is made with the key as its primary key when it is not there; one that is there needs a
///               unique index on the key. Columns are as of sink_to_sqlite.
/// @param args   pointers to the members that are the key together and have a value always; and behind them, if anything is
///               to be different, a SqliteSink.
///
/// Rows are written in transactions of `batch`, with checkpoints at the latest when one is taken.
///
/// Back-pressure: passes through; writes in the loop's thread.
/// Metadata:      held until the row's transaction is committed.
/// Errors:        as of sink_to_sqlite.
/// Cost:          a copy of the element, and a part of a transaction.
/// Recovery:      exactly once: what comes again is there already.
/// Example:       examples/10_connect/sqlite.cpp
/// See also:      sink_to_sqlite, upsert_csv, window
template <class... Args>
auto upsert_sqlite(std::string path, std::string table, Args... args) {
  return [path = std::move(path), table = std::move(table), args...](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    constexpr bool right = csv_row<T> && std::is_default_constructible_v<T>;
    static_assert(right, "upsert_sqlite: the elements must be rows as of sink_to_csv, with a default constructor");
    constexpr bool keyed = detail::are_key_columns<T, SqliteSink, Args...>;
    static_assert(keyed, "upsert_sqlite: takes a path, a table, then pointers to the members of the row that are its key and are "
                         "no optionals, and then, if need be, a SqliteSink");
    if constexpr (right && keyed) {
      detail::KeyColumns<T, SqliteSink> chosen{"upsert_sqlite"};
      (chosen.take(args), ...);
      return std::forward<decltype(stream)>(stream).then(
          detail::UpsertSqliteStep<T>{path, table, chosen.columns, chosen.options},
          Info{"upsert_sqlite", table, Shape::sink});
    }
  };
}

}  // namespace penstock
