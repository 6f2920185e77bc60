// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/core/sort.hpp"
#include "penstock/core/unique_ptr.hpp"
#include "penstock/state/failpoint.hpp"
#include "penstock/state/file_system.hpp"
#include "penstock/state/snapshot.hpp"
#include "penstock/state/snapshot_store.hpp"

namespace penstock {

/// Of a DirectoryStore.
struct DirectoryStoreOptions {
  std::size_t keep = 3;         ///< snapshots that are kept, at least 2
  FileSystem* files = nullptr;  ///< to outlive the store; that of the machine when there is none
};

/// Keeps snapshots as files in a directory that nobody else uses: `epoch-<epoch>.<number>.snapshot`, and savepoints as
/// `<name>.savepoint`.
///
/// A snapshot is written under another name, brought to the disk, renamed, and its new name is brought to the disk: at any
/// moment it is there as a whole or not at all. The file `lock` has the number of the process that uses the directory; the
/// lock ends with that process, however it ends.
///
/// Errors: as SnapshotStore; std::invalid_argument for `keep` below 2; std::logic_error when the directory is in use.
class DirectoryStore final : public SnapshotStore {
 public:
  using SnapshotStore::newest;

  /// @param directory  is made when it is not there.
  explicit DirectoryStore(std::string directory, DirectoryStoreOptions options = {})
      : directory_(std::move(directory)), keep_(options.keep), files_(options.files ? *options.files : FileSystem::real()) {
    if (keep_ < 2) detail::bad_argument("checkpoint: keep must be at least 2");
    files_.make_directory(directory_);
    lock_ = files_.lock(path_of("lock"), whose());
    // What a process that was killed while it wrote has left.
    for (const std::string& name : files_.list(directory_)) {
      if (name.ends_with(unfinished)) files_.remove(path_of(name));
    }
    // Or has renamed and not told: what is to be gone on from must not go when the power does.
    files_.sync_directory(directory_);
  }

  std::uint64_t write(const Snapshot& snapshot) override {
    const std::vector<Stored> before = stored();
    const std::uint64_t sequence = before.empty() ? 1 : before.back().sequence + 1;
    const std::uint64_t size = put(name_of({sequence, snapshot.epoch}), snapshot);
    forget();
    return size;
  }

  std::optional<Snapshot> newest(bool allow_fallback) override {
    return detail::newest_of(stored(), allow_fallback, [&](const Stored& each) { return read(each); });
  }
  Snapshot load(std::uint64_t epoch) override { return read(detail::stored_epoch(stored(), epoch, whose())); }
  std::vector<std::uint64_t> epochs() override { return detail::epochs_of(stored()); }

  void save_as(const std::string& name, const Snapshot& snapshot) override {
    detail::check_savepoint_name(name);
    put(name + savepoint, snapshot);
  }
  Snapshot load_savepoint(const std::string& name) override {
    detail::check_savepoint(name, savepoints(), whose());
    return read_file(name + savepoint);
  }
  void remove_savepoint(const std::string& name) override {
    detail::check_savepoint(name, savepoints(), whose());
    files_.remove(path_of(name + savepoint));
    files_.sync_directory(directory_);
  }
  std::vector<std::string> savepoints() override {
    std::vector<std::string> names;
    for (std::string& name : files_.list(directory_)) {
      if (name.ends_with(savepoint)) names.push_back(name.substr(0, name.size() - std::string_view(savepoint).size()));
    }
    return names;
  }

 private:
  using Stored = detail::StoredEpoch;
  static constexpr const char* unfinished = ".unfinished";
  static constexpr const char* savepoint = ".savepoint";

  std::string whose() const { return "the directory '" + directory_ + "'"; }
  std::string path_of(const std::string& name) const { return directory_ + '/' + name; }
  static std::string name_of(const Stored& stored) {
    return "epoch-" + std::to_string(stored.epoch) + '.' + std::to_string(stored.sequence) + ".snapshot";
  }
  /// In the order in which they were written.
  std::vector<Stored> stored() {
    std::vector<Stored> all;
    for (const std::string& name : files_.list(directory_)) {
      unsigned long long epoch = 0, sequence = 0;
      if (std::sscanf(name.c_str(), "epoch-%20llu.%20llu", &epoch, &sequence) != 2) continue;
      const Stored each{sequence, epoch};
      if (name_of(each) == name) all.push_back(each);
    }
    detail::put_in_order(all, [](const Stored& a, const Stored& b) { return a.sequence < b.sequence; });
    return all;
  }

  Snapshot read(const Stored& stored) {
    const std::string name = name_of(stored);
    return detail::of_epoch(stored.epoch, read_file(name), "the snapshot '" + path_of(name) + "'");
  }
  Snapshot read_file(const std::string& name) {
    const std::string path = path_of(name);
    return decode_snapshot(files_.read(path), "the snapshot '" + path + "'");
  }

  std::uint64_t put(const std::string& name, const Snapshot& snapshot) {
    const std::string bytes = encode(snapshot);
    const std::string path = path_of(name);
    const std::string temporary = path + unfinished;
    const std::string* at = &temporary;
    try {
      PENSTOCK_FAILPOINT("store.create.before");
      const std::unique_ptr<FileSystem::File> file = files_.create(temporary);
      file->write(std::string_view(bytes).substr(0, bytes.size() / 2));
      PENSTOCK_FAILPOINT("store.write.half");
      file->write(std::string_view(bytes).substr(bytes.size() / 2));
      PENSTOCK_FAILPOINT("store.sync.before");
      file->sync();
      file->close();
      PENSTOCK_FAILPOINT("store.rename.before");
      files_.rename(temporary, path);
      if (name.ends_with(".snapshot")) at = &path;  // a savepoint may have had another in its place
      PENSTOCK_FAILPOINT("store.rename.after");
      files_.sync_directory(directory_);
      PENSTOCK_FAILPOINT("store.durable");
    } catch (...) {
      take_back(*at);
      throw;
    }
    return bytes.size();
  }
  /// A snapshot of which it was told that it could not be written should not be there.
  void take_back(const std::string& path) noexcept {
    try {
      files_.remove(path);
    } catch (...) {  // the first error is the one to tell
    }
  }

  /// Whatever does not go now goes the next time.
  void forget() noexcept {
    try {
      for (const Stored& each : detail::to_forget(stored(), keep_, keep_from_)) {
        PENSTOCK_FAILPOINT("store.forget.before");
        files_.remove(path_of(name_of(each)));
      }
      PENSTOCK_FAILPOINT("store.forget.after");
    } catch (...) {
    }
  }

  std::string directory_;
  std::size_t keep_;
  FileSystem& files_;
  std::unique_ptr<FileSystem::Lock> lock_;
};

}  // namespace penstock
