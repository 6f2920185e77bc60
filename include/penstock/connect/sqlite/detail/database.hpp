// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sqlite3.h>

#include "penstock/connect/sqlite/sqlite_error.hpp"
#include "penstock/core/loop.hpp"

// A database of SQLite, as far as stores and sinks need one. What fails throws std::system_error of sqlite_category, a
// sentence that names the file.

namespace penstock::detail {

class SqliteStatement;

/// One connection, for one thread at a time.
class SqliteDatabase {
 public:
  /// Opens or makes one that survives a loss of power behind every commit: WAL, synchronous=FULL.
  /// @param vfs   of the files; empty: that of the machine.
  /// @param busy  so long everything waits for whoever else has it; at most 24 days, which is what SQLite can count.
  explicit SqliteDatabase(std::string path, const std::string& vfs = "", Duration busy = std::chrono::seconds{5})
      : path_(std::move(path)) {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(path_.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE,
                                     vfs.empty() ? nullptr : vfs.c_str());
    db_.reset(opened);
    check(code, "cannot open");
    constexpr Duration most = std::chrono::milliseconds{std::numeric_limits<int>::max()};
    sqlite3_busy_timeout(opened, static_cast<int>((busy < most ? busy : most) / std::chrono::milliseconds{1}));
    // The last one brings to the disk what a process has written that was killed before it could: what is read must not go
    // when the power does.
    run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_checkpoint=TRUNCATE");
  }

  /// One or several statements that give no rows to anybody.
  void run(const std::string& sql) { check(sqlite3_exec(get(), sql.c_str(), nullptr, nullptr, nullptr), "cannot run \"" + sql + "\" in"); }
  SqliteStatement prepare(std::string_view sql);

  std::int64_t last_row() const noexcept { return sqlite3_last_insert_rowid(get()); }
  /// Rows that the last statement has changed.
  std::int64_t changes() const noexcept { return sqlite3_changes64(get()); }
  bool in_transaction() const noexcept { return sqlite3_get_autocommit(get()) == 0; }
  const std::string& path() const noexcept { return path_; }
  sqlite3* get() const noexcept { return db_.get(); }

  void check(int code, const std::string& what) const {
    if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE) fail(code, what);
  }
  [[noreturn, gnu::cold, gnu::noinline]] void fail(int code, const std::string& what) const {
    std::string sentence = what + " the database '" + path_ + "'";
    if (db_) sentence.append(" (").append(sqlite3_errmsg(get())).append(")");
    throw std::system_error(code, sqlite_category(), sentence);
  }

 private:
  struct Close {
    void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> db_;
};

/// Bytes that are no text.
struct SqliteBlob {
  std::string_view bytes;
};

/// A statement, prepared once and run again and again. Does not outlive its database.
class SqliteStatement {
 public:
  SqliteStatement(SqliteDatabase& in, std::string_view sql) : in_(&in) {
    sqlite3_stmt* prepared = nullptr;
    const int code = sqlite3_prepare_v3(in.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    statement_.reset(prepared);
    in.check(code, "cannot prepare \"" + std::string(sql) + "\" for");
  }

  /// The place-holders, from the first. What texts and blobs refer to has to stay until the statement has run.
  template <class... Values>
  SqliteStatement& bind(const Values&... values) {
    sqlite3_reset(statement_.get());
    int place = 0;
    (bind_at(++place, values), ...);
    return *this;
  }
  /// One place-holder, the first of which is 1; for statements that `reset` has prepared for it.
  void bind_at(int place, std::nullptr_t) { check(sqlite3_bind_null(statement_.get(), place)); }
  template <class T>
    requires(std::integral<T> || std::floating_point<T>)
  void bind_at(int place, T value) {
    if constexpr (std::integral<T>) check(sqlite3_bind_int64(statement_.get(), place, static_cast<std::int64_t>(value)));
    else check(sqlite3_bind_double(statement_.get(), place, static_cast<double>(value)));
  }
  template <class T>
  void bind_at(int place, const std::optional<T>& value) {
    value ? bind_at(place, *value) : bind_at(place, nullptr);
  }
  void bind_at(int place, std::string_view text) {
    check(sqlite3_bind_text64(statement_.get(), place, text.data() ? text.data() : "", text.size(), SQLITE_STATIC, SQLITE_UTF8));
  }
  void bind_at(int place, SqliteBlob blob) {
    check(sqlite3_bind_blob64(statement_.get(), place, blob.bytes.data() ? blob.bytes.data() : "", blob.bytes.size(), SQLITE_STATIC));
  }
  /// True when there is a row to read; false when it is through.
  bool step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    const std::string sql = code == SQLITE_DONE ? "" : sqlite3_sql(statement_.get());
    if (code != SQLITE_DONE) {
      const std::exception_ptr error = error_of(code, sql);
      sqlite3_reset(statement_.get());
      std::rethrow_exception(error);
    }
    sqlite3_reset(statement_.get());
    return false;
  }
  /// Runs it to its end.
  template <class... Values>
  void run(const Values&... values) {
    bind(values...);
    while (step()) {
    }
  }

  std::int64_t integer(int column) const noexcept { return sqlite3_column_int64(statement_.get(), column); }
  double real(int column) const noexcept { return sqlite3_column_double(statement_.get(), column); }
  bool null(int column) const noexcept { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }
  /// Of a text or a blob, until the next step.
  std::string_view bytes(int column) const noexcept {
    const void* data = sqlite3_column_blob(statement_.get(), column);
    return {static_cast<const char*>(data), data ? static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)) : 0};
  }
  void reset() noexcept { sqlite3_reset(statement_.get()); }

 private:
  std::exception_ptr error_of(int code, const std::string& sql) const {
    try {
      in_->fail(code, "cannot run \"" + sql + "\" in");
    } catch (...) {
      return std::current_exception();
    }
  }
  void check(int code) const { in_->check(code, "cannot bind a value for"); }

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  SqliteDatabase* in_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

inline SqliteStatement SqliteDatabase::prepare(std::string_view sql) { return {*this, sql}; }

/// All of what is done while it lives, or, without `commit`, nothing.
class SqliteTransaction {
 public:
  explicit SqliteTransaction(SqliteDatabase& in) : in_(in) { in_.run("BEGIN IMMEDIATE"); }
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;
  ~SqliteTransaction() {
    if (!committed_ && in_.in_transaction()) sqlite3_exec(in_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  /// When this returns, no loss of power can take it away.
  void commit() {
    in_.run("COMMIT");
    committed_ = true;
  }

 private:
  SqliteDatabase& in_;
  bool committed_ = false;
};

}  // namespace penstock::detail
