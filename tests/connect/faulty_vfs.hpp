// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <sqlite3.h>

namespace penstock::test {

/// What happens at the n-th operation that changes a file.
enum class VfsFault { error, full, death };

/// Files for SQLite that fail when they are told to. In the file system of the machine; what was not synced is known, so
/// that a loss of power can take it back.
class FaultyVfs {
 public:
  FaultyVfs() {
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;
    vfs_.zName = "penstock-faulty";
    vfs_.pAppData = this;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.xOpen = &open;
    vfs_.xDelete = &remove;
    methods_ = {};
    methods_.iVersion = 2;
    methods_.xClose = [](sqlite3_file* f) { return on(f).real()->pMethods->xClose(on(f).real()); };
    methods_.xRead = [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) { return on(f).real()->pMethods->xRead(on(f).real(), to, n, at); };
    methods_.xWrite = &write;
    methods_.xTruncate = &truncate;
    methods_.xSync = &sync;
    methods_.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) { return on(f).real()->pMethods->xFileSize(on(f).real(), size); };
    methods_.xLock = [](sqlite3_file* f, int kind) { return on(f).real()->pMethods->xLock(on(f).real(), kind); };
    methods_.xUnlock = [](sqlite3_file* f, int kind) { return on(f).real()->pMethods->xUnlock(on(f).real(), kind); };
    methods_.xCheckReservedLock = [](sqlite3_file* f, int* held) { return on(f).real()->pMethods->xCheckReservedLock(on(f).real(), held); };
    methods_.xFileControl = [](sqlite3_file* f, int op, void* arg) { return on(f).real()->pMethods->xFileControl(on(f).real(), op, arg); };
    methods_.xSectorSize = [](sqlite3_file* f) { return on(f).real()->pMethods->xSectorSize(on(f).real()); };
    // Nothing is promised that a disk does not promise.
    methods_.xDeviceCharacteristics = [](sqlite3_file*) { return 0; };
    methods_.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** to) {
      return on(f).real()->pMethods->xShmMap(on(f).real(), page, size, extend, to);
    };
    methods_.xShmLock = [](sqlite3_file* f, int at, int n, int flags) { return on(f).real()->pMethods->xShmLock(on(f).real(), at, n, flags); };
    methods_.xShmBarrier = [](sqlite3_file* f) { on(f).real()->pMethods->xShmBarrier(on(f).real()); };
    methods_.xShmUnmap = [](sqlite3_file* f, int remove) { return on(f).real()->pMethods->xShmUnmap(on(f).real(), remove); };
    sqlite3_vfs_register(&vfs_, 0);
  }
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;
  ~FaultyVfs() { sqlite3_vfs_unregister(&vfs_); }

  const char* name() const { return vfs_.zName; }
  std::size_t operations() const { return operations_; }
  void fail_at(std::size_t n, VfsFault fault) {
    fail_at_ = operations_ + n;
    fault_ = fault;
  }
  /// The program is. What it has not synced may still go with the power.
  void restart() {
    dead_ = full_ = false;
    fail_at_ = 0;
  }
  /// The machine is. To be called when nothing is open.
  void lose_power() {
    for (auto& [path, changes] : unsynced_) {
      std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
      for (auto change = changes.rbegin(); file && change != changes.rend(); ++change) {
        file.seekp(change->at);
        file.write(change->before.data(), static_cast<std::streamsize>(change->before.size()));
        file.flush();
        static_cast<void>(::truncate(path.c_str(), change->size));
      }
    }
    unsynced_.clear();
    restart();
  }

 private:
  struct Change {
    sqlite3_int64 at;
    std::string before;
    sqlite3_int64 size;  // of the file
  };
  /// In memory of SQLite's, with a file of the real kind behind it.
  struct File {
    sqlite3_file base;
    FaultyVfs* vfs;
    std::vector<Change>* unsynced;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };
  static File& on(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }

  /// Whether an operation is to be done; else what it gives.
  int attempt(int error, bool takes_room) {
    if (dead_) return error;
    if (++operations_ == fail_at_) {
      if (fault_ == VfsFault::full) full_ = true;
      dead_ = fault_ == VfsFault::death;
      if (!full_) return error;
    }
    return full_ && takes_room ? SQLITE_FULL : SQLITE_OK;
  }
  static void remember(File& file, sqlite3_int64 at, std::size_t n) {
    sqlite3_int64 size = 0;
    file.real()->pMethods->xFileSize(file.real(), &size);
    const std::size_t there = at >= size ? 0 : std::min(n, static_cast<std::size_t>(size - at));
    std::string before(there, ' ');
    if (there != 0) file.real()->pMethods->xRead(file.real(), before.data(), static_cast<int>(there), at);
    file.unsynced->push_back({at, std::move(before), size});
  }
  static int write(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
    File& file = on(f);
    const bool was_dead = file.vfs->dead_;
    const int code = file.vfs->attempt(SQLITE_IOERR_WRITE, true);
    // Of a write that fails half may be done.
    const int done = code == SQLITE_OK ? n : was_dead ? 0 : n / 2;
    if (done == 0) return code;
    remember(file, at, static_cast<std::size_t>(done));
    const int written = file.real()->pMethods->xWrite(file.real(), from, done, at);
    return code == SQLITE_OK ? written : code;
  }
  static int truncate(sqlite3_file* f, sqlite3_int64 size) {
    File& file = on(f);
    if (const int code = file.vfs->attempt(SQLITE_IOERR_TRUNCATE, false)) return code;
    sqlite3_int64 before = 0;
    file.real()->pMethods->xFileSize(file.real(), &before);
    if (size < before) remember(file, size, static_cast<std::size_t>(before - size));
    return file.real()->pMethods->xTruncate(file.real(), size);
  }
  /// The disk of the machine is not asked: what it holds does not count here.
  static int sync(sqlite3_file* f, int) {
    File& file = on(f);
    if (const int code = file.vfs->attempt(SQLITE_IOERR_FSYNC, false)) return code;
    file.unsynced->clear();
    return SQLITE_OK;
  }
  static int open(sqlite3_vfs* v, const char* name, sqlite3_file* f, int flags, int* out) {
    FaultyVfs& vfs = *static_cast<FaultyVfs*>(v->pAppData);
    File& file = on(f);
    std::memset(static_cast<void*>(&file), 0, sizeof file);
    if (const int code = vfs.attempt(SQLITE_CANTOPEN, true)) return code;
    const int code = vfs.real_->xOpen(vfs.real_, name, file.real(), flags, out);
    if (code != SQLITE_OK) return code;
    file.vfs = &vfs;
    file.unsynced = &vfs.unsynced_[name ? name : ""];
    file.base.pMethods = &vfs.methods_;
    return code;
  }
  static int remove(sqlite3_vfs* v, const char* name, int) {
    FaultyVfs& vfs = *static_cast<FaultyVfs*>(v->pAppData);
    if (const int code = vfs.attempt(SQLITE_IOERR_DELETE, false)) return code;
    vfs.unsynced_[name].clear();
    return vfs.real_->xDelete(vfs.real_, name, 0);
  }

  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
  sqlite3_io_methods methods_;
  std::map<std::string, std::vector<Change>> unsynced_;
  std::size_t operations_ = 0;
  std::size_t fail_at_ = 0;
  VfsFault fault_ = VfsFault::error;
  bool full_ = false;
  bool dead_ = false;
};

}  // namespace penstock::test
