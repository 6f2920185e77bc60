// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/connect/sqlite/detail/table.hpp"
#include "penstock/core/managed.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/state/codec.hpp"
#include "penstock/state/failpoint.hpp"

namespace penstock {

/// How sink_to_sqlite and upsert_sqlite write.
struct SqliteSink {
  std::size_t batch = 1'000;  ///< rows in a transaction, at least 1; those at the end may be fewer
  std::string vfs{};          ///< a virtual file system that was registered with SQLite; empty: that of the machine
};

namespace detail {

/// Gathers rows and writes them in transactions.
template <csv_row T>
class SqliteStep : public Step, public Managed {
 public:
  template <class In>
  using output = void;

  void place(Node& node, Info& info) noexcept {
    Step::place(node, info);
    info.state = this;
    info.recovery = Recovery::state;
    info.guarantee = Guarantee::exactly_once;
  }

  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next&) {
    rows_.push_back(T(std::forward<V>(value)));
    if (!gathers() && rows_.size() >= batch_) {
      try {
        write(rows_);
      } catch (...) {
        rows_.pop_back();
        this->info().fails();
        throw;
      }
    }
    if (!rows_.empty()) held_.append(context);
    this->info().holds(rows_.size() + sealed_.size());
    return nullptr;
  }
  template <class Next>
  Pending* signal(const Signal& signal, Next&) {
    if (signal.kind == Signal::end && !gathers()) write(rows_);
    return nullptr;
  }
  void shut_down() noexcept {
    try {
      if (!gathers()) write(rows_);
    } catch (...) {
      this->node().graph().report(std::current_exception(), this->info());
    }
    this->info().drops(rows_.size() + sealed_.size());
    held_.drop("the sink was destroyed before the checkpoint that it was to be written with");
    held_.clear();
    rows_.clear();
    sealed_.clear();
    this->info().holds(0);
  }

 protected:
  SqliteStep(const char* who, std::string path, std::string table, const std::vector<std::size_t>& key, const SqliteSink& options)
      : who_(who), name_(std::move(table)), batch_(options.batch) {
    if (batch_ == 0) bad_argument(std::string{who} + ": a batch has at least one row");
    if (name_.empty()) bad_argument(std::string{who} + ": the table needs a name");
    db_ = std::make_unique<SqliteDatabase>(std::move(path), options.vfs);
    table_ = std::make_unique<SqliteTable<T>>(*db_, name_, key);
  }

  /// All of the rows, and what else is done, or none.
  template <class Fn>
  void write(std::vector<T>& rows, Fn also) {
    const SqliteTransactionFor transaction{*this, rows, also};
    rows.clear();
    if (rows_.empty() && sealed_.empty()) held_.clear();
    this->info().holds(rows_.size() + sealed_.size());
  }
  void write(std::vector<T>& rows) {
    if (!rows.empty()) write(rows, [] {});
  }
  SqliteDatabase& db() const noexcept { return *db_; }

  const char* who_;
  std::string name_;
  std::vector<T> rows_;
  std::vector<T> sealed_;  // of the snapshot that is on its way

 private:
  /// Whether rows wait for a checkpoint.
  virtual bool gathers() noexcept = 0;

  struct SqliteTransactionFor {
    template <class Fn>
    SqliteTransactionFor(SqliteStep& step, std::vector<T>& rows, Fn& also) {
      PENSTOCK_FAILPOINT("sink.sqlite.begin");
      SqliteTransaction transaction{*step.db_};
      for (const T& row : rows) step.table_->put(row);
      also();
      PENSTOCK_FAILPOINT("sink.sqlite.commit.before");
      transaction.commit();
      PENSTOCK_FAILPOINT("sink.sqlite.commit.after");
    }
  };

  std::size_t batch_;
  std::unique_ptr<SqliteDatabase> db_;
  std::unique_ptr<SqliteTable<T>> table_;  // ends before its database
  Context held_;
};

/// The rows of an epoch and its number are one transaction: the table says which snapshot is real.
template <csv_row T>
class TransactionalSqliteStep final : public SqliteStep<T> {
 public:
  TransactionalSqliteStep(std::string path, std::string table, const SqliteSink& options)
      : SqliteStep<T>("sink_to_sqlite", std::move(path), std::move(table), {}, options) {
    this->db().run("CREATE TABLE IF NOT EXISTS penstock_epochs (sink TEXT PRIMARY KEY, epoch INTEGER NOT NULL)");
    SqliteStatement read = this->db().prepare("SELECT epoch FROM penstock_epochs WHERE sink = ?");
    if (read.bind(this->name_).step()) epoch_ = static_cast<std::uint64_t>(read.integer(0));
  }

  void prepare() override {
    this->sealed_.insert(this->sealed_.end(), std::make_move_iterator(this->rows_.begin()),
                         std::make_move_iterator(this->rows_.end()));
    this->rows_.clear();
  }
  void save(StateWriter& to) const override { to.put(this->name_); }
  void load(StateReader& from) override { static_cast<void>(from.get<std::string>()); }
  void committed(std::uint64_t epoch) override {
    if (epoch < epoch_) {
      misuse("sink_to_sqlite: the table " + this->name_ + " has the rows of epoch " + std::to_string(epoch_) +
             " already; a run cannot go on from epoch " + std::to_string(epoch));
    }
    if (epoch == epoch_) return;
    this->write(this->sealed_, [&] {
      this->db()
          .prepare("INSERT INTO penstock_epochs (sink, epoch) VALUES (?1, ?2) ON CONFLICT (sink) DO UPDATE SET epoch = ?2")
          .run(this->name_, epoch);
    });
    epoch_ = epoch;
  }
  const std::uint64_t* authority() const noexcept override { return &epoch_; }

 private:
  // Also when the checkpoints have ended before the graph: what was not in one of them comes again.
  bool gathers() noexcept override { return gathers_ = gathers_ || this->node().graph().epochs() != nullptr; }

  std::uint64_t epoch_ = 0;
  bool gathers_ = false;
};

}  // namespace detail

/// Adds every element as a row to a table of an SQLite database.
///
///     in     {acme 3} {bell 1} |
///            sink_to_sqlite("shop.db", "sold")
///     table  acme 3, bell 1
///
/// @param path     of the database, which is made when it is not there, and so is the table.
/// @param table    its name. Elements are rows as of sink_to_csv; whole numbers become INTEGER, others REAL, an empty
///                 optional NULL, and everything else the TEXT that it has in a CSV file.
/// @param options  see SqliteSink.
///
/// Rows are written in transactions of `batch`; with checkpoints those of an epoch are one transaction, together with the
/// number of the epoch in the table `penstock_epochs`. A run goes on from the epoch that is there, so the table itself
/// decides which snapshot is real, and no other sink of the graph may do the same.
///
/// Back-pressure: passes through; writes in the loop's thread.
/// Metadata:      held until the row's transaction is committed.
/// Errors:        std::system_error of sqlite_category here when the database cannot be opened or the table is another, and
///                through emit, close or as an error of background work when it cannot be written; its rows are kept and
///                tried again.
/// Cost:          a copy of the element, and a part of a transaction. Memory: with checkpoints the rows of an epoch.
/// Recovery:      exactly once: rows and epoch are one transaction.
/// Example:       examples/10_connect/sqlite.cpp
/// See also:      upsert_sqlite, sink_to_csv, SqliteStore
template <class = void>
auto sink_to_sqlite(std::string path, std::string table, SqliteSink options = {}) {
  return [path = std::move(path), table = std::move(table), options = std::move(options)](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(csv_row<T>, "sink_to_sqlite: the elements must be rows as of sink_to_csv");
    if constexpr (csv_row<T>) {
      return std::forward<decltype(stream)>(stream).then(detail::TransactionalSqliteStep<T>{path, table, options},
                                                         Info{"sink_to_sqlite", table, Shape::sink});
    }
  };
}

}  // namespace penstock
