// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "penstock/connect/sqlite/detail/database.hpp"
#include "penstock/core/error.hpp"
#include "penstock/state/failpoint.hpp"
#include "penstock/state/file_system.hpp"
#include "penstock/state/snapshot.hpp"
#include "penstock/state/snapshot_store.hpp"

// Not an operator: a place for snapshots.

namespace penstock {

/// Of a SqliteStore.
struct SqliteStoreOptions {
  std::size_t keep = 3;  ///< snapshots that are kept, at least 2
  std::string vfs{};     ///< a virtual file system that was registered with SQLite; empty: that of the machine
};

/// Keeps snapshots in one file, a database of SQLite, each as one row and one transaction: WAL, synchronous=FULL. Beside
/// it lies `<path>.lock`, which has the number of the process that uses it; the lock ends with that process, however it ends.
///
///     Checkpoints checkpoints{stream, {.every = 10s}, std::make_unique<SqliteStore>("state.db")};
///
/// The tables are `penstock_snapshots` and `penstock_savepoints`; docs/reference/state.md says what is in their rows.
///
/// Errors: as SnapshotStore; std::invalid_argument for `keep` below 2; std::logic_error when the database is in use;
///         std::system_error of sqlite_category. A snapshot of more than a billion bytes is too big for a row.
class SqliteStore final : public SnapshotStore {
 public:
  using SnapshotStore::newest;

  /// @param path  of the database, which is made when it is not there. Its directory has to be.
  explicit SqliteStore(const std::string& path, SqliteStoreOptions options = {})
      : keep_(checked(options.keep)),
        lock_(FileSystem::real().lock(path + ".lock", "the database '" + path + "'")),
        db_(path, options.vfs) {
    db_.run(
        "CREATE TABLE IF NOT EXISTS penstock_snapshots"
        " (sequence INTEGER PRIMARY KEY AUTOINCREMENT, epoch INTEGER NOT NULL, bytes BLOB NOT NULL);"
        "CREATE TABLE IF NOT EXISTS penstock_savepoints (name TEXT PRIMARY KEY, bytes BLOB NOT NULL)");
  }

  std::uint64_t write(const Snapshot& snapshot) override {
    const std::string bytes = encode(snapshot);
    PENSTOCK_FAILPOINT("store.sqlite.begin.before");
    detail::SqliteTransaction transaction{db_};
    db_.prepare("INSERT INTO penstock_snapshots (epoch, bytes) VALUES (?, ?)").run(snapshot.epoch, detail::SqliteBlob{bytes});
    PENSTOCK_FAILPOINT("store.sqlite.inserted");
    detail::SqliteStatement forget = db_.prepare("DELETE FROM penstock_snapshots WHERE sequence = ?");
    for (const Stored& each : detail::to_forget(stored(), keep_, keep_from_)) forget.run(each.sequence);
    PENSTOCK_FAILPOINT("store.sqlite.commit.before");
    transaction.commit();
    PENSTOCK_FAILPOINT("store.sqlite.commit.after");
    return bytes.size();
  }

  std::optional<Snapshot> newest(bool allow_fallback) override {
    return detail::newest_of(stored(), allow_fallback, [&](const Stored& each) { return read(each); });
  }
  Snapshot load(std::uint64_t epoch) override {
    return read(detail::stored_epoch(stored(), epoch, whose()));
  }
  std::vector<std::uint64_t> epochs() override { return detail::epochs_of(stored()); }

  void save_as(const std::string& name, const Snapshot& snapshot) override {
    detail::check_savepoint_name(name);
    const std::string bytes = encode(snapshot);
    db_.prepare("INSERT INTO penstock_savepoints (name, bytes) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET bytes = ?2")
        .run(name, detail::SqliteBlob{bytes});
  }
  Snapshot load_savepoint(const std::string& name) override {
    detail::check_savepoint(name, savepoints(), whose());
    detail::SqliteStatement found = db_.prepare("SELECT bytes FROM penstock_savepoints WHERE name = ?");
    found.bind(name).step();
    return decode_snapshot(found.bytes(0), "the savepoint '" + name + "' in " + whose());
  }
  void remove_savepoint(const std::string& name) override {
    detail::check_savepoint(name, savepoints(), whose());
    db_.prepare("DELETE FROM penstock_savepoints WHERE name = ?").run(name);
  }
  std::vector<std::string> savepoints() override {
    std::vector<std::string> names;
    detail::SqliteStatement found = db_.prepare("SELECT name FROM penstock_savepoints ORDER BY name");
    while (found.step()) names.emplace_back(found.bytes(0));
    return names;
  }

 private:
  using Stored = detail::StoredEpoch;

  static std::size_t checked(std::size_t keep) {
    if (keep < 2) detail::bad_argument("checkpoint: keep must be at least 2");
    return keep;
  }
  std::string whose() const { return "the database '" + db_.path() + "'"; }

  std::vector<Stored> stored() {
    std::vector<Stored> all;
    detail::SqliteStatement found = db_.prepare("SELECT sequence, epoch FROM penstock_snapshots ORDER BY sequence");
    while (found.step()) all.push_back({static_cast<std::uint64_t>(found.integer(0)), static_cast<std::uint64_t>(found.integer(1))});
    return all;
  }
  Snapshot read(const Stored& stored) {
    detail::SqliteStatement found = db_.prepare("SELECT bytes FROM penstock_snapshots WHERE sequence = ?");
    found.bind(stored.sequence).step();
    const std::string name = "the snapshot of epoch " + std::to_string(stored.epoch) + " in " + whose();
    return detail::of_epoch(stored.epoch, decode_snapshot(found.bytes(0), name), name);
  }

  std::size_t keep_;
  std::unique_ptr<FileSystem::Lock> lock_;
  detail::SqliteDatabase db_;
};

}  // namespace penstock
