// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/connect/sqlite/detail/database.hpp"
#include "penstock/sources/field_traits.hpp"
#include "penstock/sources/from_csv.hpp"
#include "penstock/sources/row_traits.hpp"

// Not an operator: rows as they stand in a table of SQLite.

namespace penstock::detail {

/// What a value is in a column: an INTEGER, a REAL, or the text that it has in a CSV file.
template <class T>
struct SqliteColumn {
  static constexpr const char* type = "TEXT NOT NULL";
  static std::string_view of(const T& value, std::string& text) {
    text.clear();
    write_field(value, text, {});
    return text;
  }
};
template <class T>
  requires(std::integral<T> && !std::same_as<T, char>)
struct SqliteColumn<T> {
  static constexpr const char* type = "INTEGER NOT NULL";
  static std::int64_t of(T value, std::string&) {
    if constexpr (std::is_same_v<T, bool>) {
      return value ? 1 : 0;
    } else {
      if (!std::in_range<std::int64_t>(value)) throw std::out_of_range("a number above 2^63 - 1 is no integer of SQLite");
      return static_cast<std::int64_t>(value);
    }
  }
};
template <std::floating_point T>
struct SqliteColumn<T> {
  static constexpr const char* type = "REAL NOT NULL";
  static double of(T value, std::string&) { return static_cast<double>(value); }
};
template <class T>
struct SqliteColumn<std::optional<T>> {
  static constexpr std::string_view name{SqliteColumn<T>::type};
  static constexpr const char* type = name[0] == 'T' ? "TEXT" : name[0] == 'I' ? "INTEGER" : "REAL";
  static auto of(const std::optional<T>& value, std::string& text) {
    using Bound = decltype(SqliteColumn<T>::of(*value, text));
    return value ? std::optional<Bound>{SqliteColumn<T>::of(*value, text)} : std::nullopt;
  }
};

inline std::string sqlite_name(std::string_view name) {
  std::string text{"\""};
  for (const char c : name) text.append(c == '"' ? 2 : 1, c);
  return text + '"';
}

/// A table of which every record is a `T`, made when it is not there.
template <csv_row T>
class SqliteTable {
 public:
  /// @param key  columns; a row takes the place of the one that has the same. None: rows are added.
  SqliteTable(SqliteDatabase& db, const std::string& table, const std::vector<std::size_t>& key)
      : insert_((db.run(create(table, key)), db.prepare(put(table, key)))) {}

  void put(const T& row) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      insert_.run(SqliteColumn<column_type<T, I>>::of(Row<T>::template get<I>(row), texts_[I])...);
    }(std::make_index_sequence<Row<T>::size>{});
  }

 private:
  template <class Fn>
  static std::string list(Fn each) {
    std::string text;
    for (std::size_t i = 0; i < Row<T>::size; ++i) {
      const std::string next = each(i);
      if (!next.empty()) text += (text.empty() ? "" : ", ") + next;
    }
    return text;
  }
  static std::string name(std::size_t i) { return sqlite_name(column_name<T>(i)); }
  static std::string keys(const std::vector<std::size_t>& key) {
    std::string text;
    for (const std::size_t column : key) text += (text.empty() ? "" : ", ") + name(column);
    return text;
  }

  static std::string create(const std::string& table, const std::vector<std::size_t>& key) {
    std::array<const char*, Row<T>::size> types{};
    each_column<T>([&](auto i) { return types[i] = SqliteColumn<column_type<T, i>>::type, true; });
    return "CREATE TABLE IF NOT EXISTS " + sqlite_name(table) + " (" + list([&](std::size_t i) { return name(i) + " " + types[i]; }) +
           (key.empty() ? "" : ", PRIMARY KEY (" + keys(key) + ")") + ")";
  }
  static std::string put(const std::string& table, const std::vector<std::size_t>& key) {
    std::string sql = "INSERT INTO " + sqlite_name(table) + " (" + list(name) + ") VALUES (" +
                      list([](std::size_t) { return std::string{"?"}; }) + ")";
    if (key.empty()) return sql;
    const auto in_key = [&](std::size_t i) { return std::find(key.begin(), key.end(), i) != key.end(); };
    const std::string changes =
        list([&](std::size_t i) { return in_key(i) ? std::string{} : name(i) + " = excluded." + name(i); });
    sql += " ON CONFLICT (" + keys(key) + ") DO ";
    return sql + (changes.empty() ? "NOTHING" : "UPDATE SET " + changes);
  }

  SqliteStatement insert_;
  std::array<std::string, Row<T>::size> texts_;
};

}  // namespace penstock::detail
