// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/connect/sqlite/detail/database.hpp"
#include "penstock/sources/field_traits.hpp"
#include "penstock/sources/from_csv.hpp"
#include "penstock/sources/row_traits.hpp"

// Rows that wait to be written into a table.

namespace penstock::detail {

template <class T>
inline constexpr bool is_sqlite_integer = !users_field<T> && std::integral<T> && !std::same_as<T, char>;

/// What a column is declared as.
template <class T>
constexpr const char* sqlite_type() {
  if constexpr (may_be_missing<T>) {
    return sqlite_type<typename T::value_type>();
  } else if constexpr (is_sqlite_integer<T>) {
    return "INTEGER";
  } else if constexpr (!users_field<T> && std::floating_point<T>) {
    return "REAL";
  } else {
    return "TEXT";
  }
}

/// Rows as SQLite takes them, one behind the other: a value that has no text or number fails when its row is added, and
/// not when it is one of a thousand that are committed.
class SqliteRows {
 public:
  /// @param needed  for each column, whether it must have a value.
  explicit SqliteRows(std::vector<bool> needed) noexcept : width_(needed.size()), needed_(std::move(needed)) {}

  std::size_t size() const noexcept { return rows_; }
  bool empty() const noexcept { return rows_ == 0; }

  template <csv_row T>
  void add(const T& row, const TimeText& time) {
    values_.resize(rows_ * width_);  // without what is left of one that failed
    texts_.resize(end_);
    each_column<T>([&](auto i) {
      put(Row<T>::template get<i>(row), time);
      return true;
    });
    end_ = texts_.size();
    ++rows_;
  }
  void take_back() noexcept { --rows_; }

  void bind(std::size_t row, SqliteStatement& statement) const {
    statement.reset();
    for (std::size_t i = 0; i < width_; ++i) {
      const Value& value = values_[row * width_ + i];
      const int place = static_cast<int>(i) + 1;
      switch (value.kind) {
        case Kind::missing: statement.bind_at(place, nullptr); break;
        case Kind::integer: statement.bind_at(place, value.integer); break;
        case Kind::real: statement.bind_at(place, value.real); break;
        case Kind::text:
          statement.bind_at(place, std::string_view{texts_}.substr(value.begin - gone_, value.size));
          break;
      }
    }
  }
  /// The first `n` were written.
  void forget(std::size_t n) {
    if (n == rows_) return clear();
    if (n == 0) return;
    const auto first_kept = values_.begin() + static_cast<std::ptrdiff_t>(n * width_);
    std::size_t gone = 0;
    for (auto value = values_.begin(); value != first_kept; ++value) gone += value->size;
    values_.erase(values_.begin(), first_kept);
    texts_.erase(0, gone);
    gone_ += gone;
    end_ -= gone;
    rows_ -= n;
  }
  void clear() noexcept {
    values_.clear();
    texts_.clear();
    rows_ = end_ = gone_ = 0;
  }

 private:
  enum class Kind : std::uint8_t { missing, integer, real, text };
  struct Value {
    Kind kind = Kind::missing;
    union {
      std::int64_t integer = 0;
      double real;
      std::size_t begin;
    };
    std::size_t size = 0;  // of a text
  };

  template <class V>
  void put(const V& value, const TimeText& time) {
    Value one;
    if constexpr (may_be_missing<V>) {
      if (value) return put(*value, time);
    } else if constexpr (is_sqlite_integer<V>) {
      if constexpr (!std::same_as<V, bool>) {
        if (!std::in_range<std::int64_t>(value)) throw std::out_of_range("a number above 2^63 - 1 is no integer of SQLite");
      }
      one.kind = Kind::integer;
      one.integer = static_cast<std::int64_t>(value);
    } else if constexpr (!users_field<V> && std::floating_point<V>) {
      one.kind = Kind::real;
      one.real = static_cast<double>(value);
      if (std::isnan(one.real)) {
        if (needed_[values_.size() - rows_ * width_]) throw std::out_of_range("a key that is not a number is none of SQLite");
        one.kind = Kind::missing;  // as SQLite itself does
      }
    } else {
      const std::size_t begin = texts_.size();
      write_field(value, texts_, time);
      one.kind = Kind::text;
      one.begin = gone_ + begin;
      one.size = texts_.size() - begin;
    }
    values_.push_back(one);
  }

  std::size_t width_;
  std::vector<bool> needed_;
  std::size_t rows_ = 0;
  std::size_t end_ = 0;   // of the texts of these rows
  std::size_t gone_ = 0;  // bytes of texts that were before
  std::vector<Value> values_;
  std::string texts_;
};

}  // namespace penstock::detail
