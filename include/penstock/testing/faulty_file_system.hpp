// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "penstock/state/file_system.hpp"

// Not an operator: a disk in memory that fails when it is told to.

namespace penstock::testing {

/// Thrown by the operation at which the program is said to die, and by all behind it.
struct Died : std::runtime_error {
  Died() : std::runtime_error("the program is dead") {}
};

/// What happens at an operation.
enum class DiskFault : std::uint8_t {
  error,       ///< it fails with EIO, of a write half is done; what a failed sync has not brought to the disk never gets there
  late_error,  ///< it is done, and fails with EIO all the same
  full,        ///< ENOSPC for it when it takes room, and for all such behind it until there is room again
  death        ///< the program dies in it; of a write half is done
};

/// Files in memory, with what a disk does to them: operations fail, power is lost, bits flip. Every operation counts, so
/// that a test can let the n-th fail for every n until nothing does:
///
///     for (std::size_t n = 1;; ++n) {
///       FaultyFileSystem files;
///       files.fail_at(n, DiskFault::death);
///       try { work(files); } catch (const Died&) {}
///       files.lose_power(n);
///       check(files);
///       if (files.operations() < n) break;
///     }
class FaultyFileSystem final : public FileSystem {
 public:
  // --- what is to happen

  /// At the n-th operation from now, the next being the first.
  void fail_at(std::size_t n, DiskFault fault) {
    const std::scoped_lock lock{mutex_};
    fail_at_ = operations_ + n;
    fault_ = fault;
  }
  /// Bytes of all files together.
  void capacity(std::size_t bytes) {
    const std::scoped_lock lock{mutex_};
    capacity_ = bytes;
    full_ = false;
  }
  /// What one write takes at most.
  void short_writes(std::size_t bytes) {
    const std::scoped_lock lock{mutex_};
    longest_write_ = bytes;
  }
  /// Since it was made.
  std::size_t operations() const {
    const std::scoped_lock lock{mutex_};
    return operations_;
  }

  // --- what has happened

  /// The program is started again: what it has written is there, locks and open files are gone.
  void restart() {
    const std::scoped_lock lock{mutex_};
    start_again();
  }
  /// The machine is started again: what was not synced is gone, names of files as well as bytes.
  void lose_power() {
    const std::scoped_lock lock{mutex_};
    for (auto& [path, directory] : directories_) {
      directory.names = directory.durable;
      directory.changes.clear();
      for (auto& [name, file] : directory.names) file->bytes = file->durable;
    }
    start_again();
  }
  /// Of what was not synced any part may be there: renames and removals in any order, of a file's bytes a part, or zeros
  /// instead.
  void lose_power(std::uint64_t seed) {
    const std::scoped_lock lock{mutex_};
    std::mt19937_64 random{seed};
    for (auto& [path, directory] : directories_) {
      directory.names = directory.durable;
      for (const Change& change : directory.changes) {
        if (random() % 2 == 0) change.apply(directory.names);
      }
      directory.changes.clear();
      directory.durable = directory.names;
      for (auto& [name, file] : directory.names) file->after_loss(random);
    }
    start_again();
  }
  void flip_bit(const std::string& path, std::size_t bit) {
    const std::scoped_lock lock{mutex_};
    char& byte = file(path).bytes.at(bit / 8);
    byte = static_cast<char>(byte ^ (1 << bit % 8));
  }
  void cut(const std::string& path, std::size_t size) {
    const std::scoped_lock lock{mutex_};
    file(path).bytes.resize(size);
  }
  /// Not an operation.
  std::string bytes(const std::string& path) {
    const std::scoped_lock lock{mutex_};
    return file(path).bytes;
  }
  std::vector<std::string> names(const std::string& directory) {
    const std::scoped_lock lock{mutex_};
    return names_in(directory);
  }

  // --- FileSystem

  std::unique_ptr<File> create(const std::string& path) override {
    const std::scoped_lock lock{mutex_};
    const Attempt attempt{*this, "cannot create", path, true};
    auto file = std::make_shared<Inode>();
    change(path, {{name_of(path), file}});
    attempt.done();
    return std::make_unique<Written>(*this, path, std::move(file));
  }
  std::string read(const std::string& path) override {
    const std::scoped_lock lock{mutex_};
    const Attempt attempt{*this, "cannot read", path};
    attempt.done();
    return file(path).bytes;
  }
  void rename(const std::string& from, const std::string& to) override {
    const std::scoped_lock lock{mutex_};
    const Attempt attempt{*this, "cannot rename to", to};
    file(from);
    change(to, {{name_of(from), nullptr}, {name_of(to), directory_of(from).names.at(name_of(from))}});
    attempt.done();
  }
  void remove(const std::string& path) override {
    const std::scoped_lock lock{mutex_};
    const Attempt attempt{*this, "cannot remove", path};
    file(path);
    change(path, {{name_of(path), nullptr}});
    attempt.done();
  }
  std::vector<std::string> list(const std::string& directory) override {
    const std::scoped_lock lock{mutex_};
    const Attempt attempt{*this, "cannot list", directory};
    attempt.done();
    return names_in(directory);
  }
  void make_directory(const std::string& directory) override {
    const std::scoped_lock lock{mutex_};
    const Attempt attempt{*this, "cannot make directory", directory, true};
    directories_[directory];
    attempt.done();
  }
  void sync_directory(const std::string& path) override {
    const std::scoped_lock lock{mutex_};
    const Attempt attempt{*this, "cannot sync directory", path};
    Directory& directory = directories_.at(path);
    directory.durable = directory.names;
    directory.changes.clear();
    attempt.done();
  }
  std::unique_ptr<Lock> lock(const std::string& path, const std::string& whose) override {
    const std::scoped_lock lock{mutex_};
    const Attempt attempt{*this, "cannot lock", path};
    attempt.done();
    std::weak_ptr<int>& held = locks_[path];
    if (!held.expired()) penstock::detail::locked_by(whose, "");
    auto locked = std::make_unique<Locked>();
    locked->life = std::make_shared<int>(0);
    held = locked->life;
    Names& names = directory_of(path).names;
    if (!names.contains(name_of(path))) change(path, {{name_of(path), std::make_shared<Inode>()}});
    return locked;
  }

 private:
  struct Inode {
    std::string bytes;
    std::string durable;
    bool broken = false;  // a sync has failed

    void after_loss(std::mt19937_64& random) {
      const std::size_t size = bytes.size();
      switch (broken ? 0 : random() % 4) {
        case 0: bytes = durable; break;
        case 1: bytes.resize(size == 0 ? 0 : random() % size); break;
        case 2: bytes.resize(size == 0 ? 0 : random() % size); bytes.resize(size); break;  // zeros
        default: break;
      }
      if (bytes.size() < durable.size() || bytes.compare(0, durable.size(), durable) != 0) bytes = durable;
      durable = bytes;
    }
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  using Steps = std::vector<std::pair<std::string, std::shared_ptr<Inode>>>;
  /// Of names, all at once.
  struct Change {
    Steps steps;
    void apply(Names& names) const {
      for (const auto& [name, file] : steps) {
        if (file) names[name] = file;
        else names.erase(name);
      }
    }
  };
  struct Directory {
    Names names;
    Names durable;
    std::vector<Change> changes;  // that are not durable
  };
  struct Locked final : Lock {
    std::shared_ptr<int> life;
  };

  /// An operation that is about to be done, unless it is its turn to fail.
  class Attempt {
   public:
    Attempt(FaultyFileSystem& files, const char* what, const std::string& path, bool takes_room = false)
        : Attempt(files, what, path, takes_room, files.started_) {}
    /// @param start  of the program that holds the file.
    Attempt(FaultyFileSystem& files, const char* what, const std::string& path, bool takes_room, std::size_t start)
        : files_(files), what_(what), path_(path) {
      if (files_.dead_ || start != files_.started_) throw Died();
      if (++files_.operations_ == files_.fail_at_) {
        const DiskFault fault = files_.fault_;
        if (fault == DiskFault::death) die();
        if (fault == DiskFault::error) fail(EIO);
        if (fault == DiskFault::full) files_.full_ = true;
        late_ = fault == DiskFault::late_error;
      }
      if (takes_room && files_.full_) fail(ENOSPC);
    }
    Attempt(const Attempt&) = delete;
    /// A late error is told when the operation is done.
    void done() const {
      if (late_) fail(EIO);
    }
    [[noreturn]] void fail(int error) const { penstock::detail::file_failed(what_, path_, error); }

   private:
    [[noreturn]] void die() {
      files_.dead_ = true;
      throw Died();
    }
    FaultyFileSystem& files_;
    const char* what_;
    const std::string& path_;
    bool late_ = false;
  };

  class Written final : public File {
   public:
    Written(FaultyFileSystem& files, std::string path, std::shared_ptr<Inode> file)
        : files_(files), path_(std::move(path)), file_(std::move(file)), born_(files.started_) {}

    std::size_t write_some(std::string_view bytes) override {
      const std::scoped_lock lock{files_.mutex_};
      const std::size_t room = files_.capacity_ - std::min(files_.capacity_, files_.used());
      const std::size_t size = std::min({bytes.size(), files_.longest_write_, room});
      std::size_t done = files_.dead_ || born_ != files_.started_ ? 0 : size / 2;
      try {
        const Attempt attempt{files_, "cannot write", path_, true, born_};
        if (size == 0) attempt.fail(ENOSPC);
        file_->bytes += bytes.substr(0, size);
        done = 0;
        attempt.done();
        return size;
      } catch (...) {
        file_->bytes += bytes.substr(0, done);
        throw;
      }
    }
    void sync() override {
      const std::scoped_lock lock{files_.mutex_};
      try {
        const Attempt attempt{files_, "cannot sync", path_, false, born_};
        if (!file_->broken) file_->durable = file_->bytes;
        attempt.done();
      } catch (const std::system_error&) {
        file_->broken = true;
        throw;
      }
    }
    void close() override {
      const std::scoped_lock lock{files_.mutex_};
      const Attempt attempt{files_, "cannot close", path_, false, born_};
      attempt.done();
    }

   private:
    FaultyFileSystem& files_;
    std::string path_;
    std::shared_ptr<Inode> file_;
    std::size_t born_;
  };

  static std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }
  Directory& directory_of(const std::string& path) {
    const auto at = directories_.find(penstock::detail::parent_of(path));
    if (at == directories_.end()) penstock::detail::file_failed("no directory for", path, ENOENT);
    return at->second;
  }
  Inode& file(const std::string& path) {
    Names& names = directory_of(path).names;
    const auto at = names.find(name_of(path));
    if (at == names.end()) penstock::detail::file_failed("no file", path, ENOENT);
    return *at->second;
  }
  std::vector<std::string> names_in(const std::string& path) {
    const auto at = directories_.find(path);
    if (at == directories_.end()) penstock::detail::file_failed("no directory", path, ENOENT);
    std::vector<std::string> names;
    for (const auto& [name, file] : at->second.names) names.push_back(name);
    return names;
  }
  void change(const std::string& path, Steps steps) {
    Directory& directory = directory_of(path);
    directory.changes.push_back({std::move(steps)});
    directory.changes.back().apply(directory.names);
  }
  std::size_t used() const {
    std::size_t size = 0;
    for (const auto& [path, directory] : directories_) {
      for (const auto& [name, file] : directory.names) size += file->bytes.size();
    }
    return size;
  }
  void start_again() {
    dead_ = full_ = false;
    locks_.clear();
    ++started_;
    fail_at_ = 0;
  }

  mutable std::mutex mutex_;
  std::map<std::string, Directory> directories_;
  std::map<std::string, std::weak_ptr<int>> locks_;
  std::size_t operations_ = 0;
  std::size_t fail_at_ = 0;
  DiskFault fault_ = DiskFault::error;
  std::size_t capacity_ = std::numeric_limits<std::size_t>::max();
  std::size_t longest_write_ = std::numeric_limits<std::size_t>::max();
  std::size_t started_ = 0;
  bool full_ = false;
  bool dead_ = false;
};

}  // namespace penstock::testing
