// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "penstock/connect/sqlite/detail/sink_step.hpp"
#include "penstock/connect/sqlite/sqlite_sink.hpp"
#include "penstock/core/error.hpp"

namespace penstock {

namespace detail {

/// Which epoch's rows a table has, for each sink that writes to it.
class SqliteEpochs {
 public:
  struct Marker {
    std::uint64_t epoch = 0;
    std::uint64_t rows = 0;  ///< that were written with epochs, all in all
  };

  explicit SqliteEpochs(SqliteSinkTable& table) : table_(&table) {
    table.db().run(
        "CREATE TABLE IF NOT EXISTS penstock_epochs (sink TEXT NOT NULL, written_to TEXT NOT NULL, epoch INTEGER NOT NULL,"
        " rows INTEGER NOT NULL, PRIMARY KEY (sink, written_to))");
    SqliteStatement found = table.db().prepare("SELECT sink, epoch, rows FROM penstock_epochs WHERE written_to = ?");
    found.bind(table.name());
    while (found.step()) {
      markers_[std::string{found.bytes(0)}] = {static_cast<std::uint64_t>(found.integer(1)),
                                               static_cast<std::uint64_t>(found.integer(2))};
    }
  }

  /// All were read when the database was opened: a sink gets its name after that.
  const Marker& of(const std::string& sink) const noexcept {
    const auto found = markers_.find(sink);
    return found == markers_.end() ? none_ : found->second;
  }
  /// Within a transaction. Throws std::logic_error when somebody else has written with the same name meanwhile.
  void put(const std::string& sink, const Marker& marker) {
    const Marker& had = of(sink);
    table_->db()
        .prepare("INSERT INTO penstock_epochs (sink, written_to, epoch, rows) VALUES (?1, ?2, ?3, ?4)"
                 " ON CONFLICT (sink, written_to) DO UPDATE SET epoch = ?3, rows = ?4 WHERE epoch = ?5 AND rows = ?6")
        .run(sink, table_->name(), marker.epoch, marker.rows, had.epoch, had.rows);
    if (table_->db().changes() != 0) return;
    misuse("sink_to_sqlite: another program writes to the table '" + table_->name() + "' of the database '" +
           table_->db().path() + "' as '" + sink + "' too");
  }
  /// It was committed.
  void keep(const std::string& sink, const Marker& marker) { markers_[sink] = marker; }

 private:
  SqliteSinkTable* table_;
  Marker none_;
  std::map<std::string, Marker> markers_;
};

/// The rows of an epoch and its number are one transaction: the database says which snapshot is real.
template <csv_row T>
class TransactionalSqliteStep final : public SqliteSinkStep {
 public:
  TransactionalSqliteStep(const std::string& file, std::string table, const SqliteSink& options)
      : SqliteSinkStep("sink_to_sqlite", file, std::move(table), sqlite_columns<T>({}), options),
        max_rows_(options.max_rows),
        epochs_(this->table()) {}

  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next&) {
    const auto put = [&](const T& row) {
      if (!epochal_ && this->node().graph().epochs()) [[unlikely]] epochal_ = true;
      if (max_rows_ != 0 && this->rows_.size() >= max_rows_ && epochal_) [[unlikely]] overflow();
      this->add(row, context);
    };
    this->run(put, std::as_const(value));
    return nullptr;
  }

  void prepare() override {
    epochal_ = true;
    prepared_ = this->rows_.size();
    sealed_.append(this->held_);
    this->held_.clear();
  }
  void save(StateWriter& to) const override { to.put(marker().rows + prepared_.value_or(0)); }
  void load(StateReader& from) override {
    epochal_ = true;
    saved_rows_ = from.get<std::uint64_t>();
  }
  void committed(std::uint64_t epoch) override {
    epochal_ = true;
    const typename SqliteEpochs::Marker had = marker();
    if (!prepared_) {  // a run begins that goes on from this epoch, or it is told twice
      if (epoch == had.epoch || had_epochs_) return;
      check(epoch, had);
    }
    const std::size_t n = prepared_.value_or(0);
    const typename SqliteEpochs::Marker marker{epoch, had.rows + n};
    const std::string& sink = this->info().name;
    this->table().write(this->rows_, n, [&] { epochs_.put(sink, marker); });
    epochs_.keep(sink, marker);
    had_epochs_ = true;
    prepared_.reset();
    this->rows_.forget(n);
    sealed_.clear();
    this->info().holds(this->rows_.size());
  }
  void aborted(std::uint64_t) noexcept override { prepared_.reset(); }
  const std::uint64_t* authority() const noexcept override { return &marker().epoch; }

  void shut_down() noexcept {
    sealed_.drop("the sink was destroyed before the checkpoint that its rows belong to was durable");
    sealed_.clear();
    SqliteSinkStep::shut_down();
  }

 private:
  bool waits() const noexcept override { return epochal_ || this->node().graph().epochs(); }
  const typename SqliteEpochs::Marker& marker() const noexcept { return epochs_.of(this->info().name); }

  /// A savepoint, of another epoch than the one that the database has: good when no rows lie between the two.
  void check(std::uint64_t epoch, const typename SqliteEpochs::Marker& had) const {
    if (saved_rows_ == had.rows) return;
    throw StateError("sink_to_sqlite: '" + this->info().name + "' had written " + std::to_string(saved_rows_) +
                     " rows in epoch " + std::to_string(epoch) + ", and the database has " + std::to_string(had.rows) +
                     " of epoch " + std::to_string(had.epoch) + ": rows would " +
                     (saved_rows_ < had.rows ? "be written twice" : "be missing"));
  }
  [[noreturn, gnu::cold, gnu::noinline]] void overflow() const {
    throw Overflow("sink_to_sqlite: " + std::to_string(max_rows_) + " rows wait for a checkpoint");
  }

  std::size_t max_rows_;
  SqliteEpochs epochs_;
  Context sealed_;                       // of the rows that are prepared
  std::optional<std::size_t> prepared_;  // so many rows belong to the epoch that is under way
  std::uint64_t saved_rows_ = 0;         // that the snapshot knows of
  bool epochal_ = false;                 // there are checkpoints, or were: rows wait for them, to the end
  bool had_epochs_ = false;              // in this run
};

}  // namespace detail

/// Adds every element as a row to a table of a database of SQLite, exactly once.
///
///     in     {acme 3} {bell 1} |
///            sink_to_sqlite("shop.db", "sold")
///     table  acme 3, bell 1
///
/// @param file     a path of a database, which is made when it is not there.
/// @param table    its name. It is made when it is not there; one that has other columns, or a primary key, is refused.
/// @param options  see SqliteSink.
///
/// Elements are rows as of sink_to_csv. Whole numbers and bools are INTEGER, other numbers REAL (one that is not a number is
/// NULL), an empty optional is NULL, and everything else is the TEXT that it has in a CSV file.
///
/// With checkpoints the rows of an epoch wait in memory until its snapshot is durable, and are written then together with
/// the number of the epoch, in one transaction: that makes the epoch real, and a run goes on from the snapshot that the
/// database names. The number stands in the table `penstock_epochs`, by the name of the sink and that of the table, so that
/// several jobs may share a database. No other sink of the graph may decide in the same way.
/// Rows of an epoch that was given up are written with the next; `max_rows` bounds how many may wait.
///
/// Without checkpoints rows are written in transactions of `batch`, and at the end.
///
/// Back-pressure: passes through; writes in the loop's thread, where it waits for who has the database locked.
/// Metadata:      held until the row is committed.
/// Errors:        std::system_error of sqlite_category here when the database cannot be opened, std::runtime_error when the table
///                has other columns; through emit, close or as an error of background work when it cannot be written: rows are
///                kept and tried again. Overflow through emit beyond `max_rows`, std::out_of_range for a value that SQLite has
///                not. std::logic_error when another program writes under the same name; StateError for a savepoint
///                between which and what is there rows were written.
/// Cost:          a copy of the row, and a part of a transaction, which is brought to the disk. Memory: the rows that wait.
/// Recovery:      exactly once: rows and epoch are one transaction.
/// Example:       examples/10_connect/sqlite.cpp
/// See also:      upsert_sqlite, sink_to_csv, SqliteStore
template <class = void>
auto sink_to_sqlite(std::string file, std::string table, SqliteSink options = {}) {
  return [file = std::move(file), table = std::move(table), options = std::move(options)](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(csv_row<T>, "sink_to_sqlite: the elements must be rows as of sink_to_csv");
    if constexpr (csv_row<T>) {
      return std::forward<decltype(stream)>(stream).then(
          detail::TransactionalSqliteStep<T>{file, table, options},
          detail::sqlite_info("sink_to_sqlite", "sink_to_sqlite: a transaction by time", file, table, options));
    }
  };
}

}  // namespace penstock
