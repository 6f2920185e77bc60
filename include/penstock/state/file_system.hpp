// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/state/directory_store.hpp: snapshots are locked, replaced and brought to the disk as POSIX does it"
#endif

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/core/sort.hpp"
#include "penstock/core/unique_ptr.hpp"
#include "penstock/state/detail/directory.hpp"

// The file operations on which recovery rests, so that tests can let them fail, or lose power behind them.

namespace penstock {

/// Every function throws std::system_error with a sentence that names the path.
class FileSystem {
 public:
  /// A file that is being written.
  class File {
   public:
    File() = default;
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    virtual ~File() = default;
    /// Writes some of the bytes, at least one, and says how many.
    virtual std::size_t write_some(std::string_view bytes) = 0;
    /// The bytes are on the disk then; the name of the file need not be.
    virtual void sync() = 0;
    virtual void close() = 0;

    void write(std::string_view bytes) {
      while (!bytes.empty()) bytes.remove_prefix(write_some(bytes));
    }
  };
  /// Held until it is destroyed, or the process dies.
  class Lock {
   public:
    Lock() = default;
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    virtual ~Lock() = default;
  };

  FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  virtual ~FileSystem() = default;

  /// An empty file, also where there was one.
  virtual std::unique_ptr<File> create(const std::string& path) = 0;
  virtual std::string read(const std::string& path) = 0;
  /// Replaces what is called `to`, in one step.
  virtual void rename(const std::string& from, const std::string& to) = 0;
  virtual void remove(const std::string& path) = 0;
  /// The names of the files in a directory, in alphabetical order.
  virtual std::vector<std::string> list(const std::string& directory) = 0;
  /// Made with all above it, where it is not there; those are on the disk then.
  virtual void make_directory(const std::string& directory) = 0;
  /// The names of the files in it are on the disk then.
  virtual void sync_directory(const std::string& directory) = 0;
  /// Throws std::logic_error when somebody else has it, naming the process. The file stays for good.
  virtual std::unique_ptr<Lock> lock(const std::string& path, const std::string& whose) = 0;

  /// That of the machine.
  static FileSystem& real();
};

namespace detail {

[[noreturn, gnu::cold]] inline void file_failed(const std::string& what, const std::string& path, int error = errno) {
  throw std::system_error(error, std::generic_category(), what + " '" + path + "'");
}
/// Where a file is.
inline std::string parent_of(const std::string& path) {
  const std::size_t end = path.find_last_not_of('/');
  const std::size_t slash = end == path.npos ? path.npos : path.rfind('/', end);
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}
/// What is said to whoever comes second.
[[noreturn, gnu::cold]] inline void locked_by(const std::string& whose, const std::string& pid) {
  misuse(whose + " is in use by " + (pid.empty() ? "another process" : "process " + pid));
}

class PosixFileSystem final : public FileSystem {
  class Descriptor {
   public:
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    ~Descriptor() {
      if (fd_ >= 0) ::close(fd_);
    }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    operator int() const noexcept { return fd_; }
    bool close() noexcept { return ::close(std::exchange(fd_, -1)) == 0; }

   private:
    int fd_;
  };
  static int open_file(const std::string& path, int flags) {
    int fd = -1;
    while ((fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666)) < 0 && errno == EINTR) {
    }
    return fd;
  }

  class Written final : public File {
   public:
    explicit Written(const std::string& path) : path_(path), fd_(open_file(path, O_WRONLY | O_CREAT | O_TRUNC)) {
      if (!fd_) file_failed("cannot create", path);
    }
    std::size_t write_some(std::string_view bytes) override {
      ssize_t written = -1;
      while ((written = ::write(fd_, bytes.data(), bytes.size())) < 0 && errno == EINTR) {
      }
      if (written <= 0) file_failed("cannot write", path_, written < 0 ? errno : ENOSPC);
      return static_cast<std::size_t>(written);
    }
    void sync() override {
      if (::fsync(fd_) != 0) file_failed("cannot sync", path_);
    }
    void close() override {
      if (!fd_.close()) file_failed("cannot close", path_);
    }

   private:
    std::string path_;
    Descriptor fd_;
  };

  class Locked final : public Lock {
   public:
    Locked(const std::string& path, const std::string& whose) : fd_(open_file(path, O_RDWR | O_CREAT)) {
      if (!fd_) file_failed("cannot open", path);
      if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) file_failed("cannot lock", path);
        char pid[32];
        const ssize_t size = ::pread(fd_, pid, sizeof pid, 0);
        locked_by(whose, std::string(pid, size > 0 ? static_cast<std::size_t>(size) : 0));
      }
      // For whoever comes second to say; that it is held is what flock knows.
      const std::string pid = std::to_string(::getpid());
      if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, pid.data(), pid.size(), 0) < 0) file_failed("cannot write", path);
    }

   private:
    Descriptor fd_;
  };

 public:
  std::unique_ptr<File> create(const std::string& path) override { return std::make_unique<Written>(path); }
  std::string read(const std::string& path) override {
    const Descriptor fd{open_file(path, O_RDONLY)};
    if (!fd) file_failed("cannot open", path);
    struct stat about {};
    std::string bytes;
    if (::fstat(fd, &about) == 0 && about.st_size > 0) bytes.resize(static_cast<std::size_t>(about.st_size));
    std::size_t size = 0;
    for (;;) {
      if (size == bytes.size()) bytes.resize(std::max<std::size_t>(4096, size + size / 2));
      const ssize_t got = ::read(fd, bytes.data() + size, bytes.size() - size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) file_failed("cannot read", path);
      if (got == 0) break;
      size += static_cast<std::size_t>(got);
    }
    bytes.resize(size);
    return bytes;
  }
  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) file_failed("cannot rename '" + from + "' to", to);
  }
  void remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) file_failed("cannot remove", path);
  }
  std::vector<std::string> list(const std::string& directory) override {
    std::vector<std::string> names;
    Directory at{directory};
    while (at.next()) names.emplace_back(at.name());
    if (at.error() != 0) file_failed("cannot list", directory, at.error());
    put_in_order(names);
    return names;
  }
  void make_directory(const std::string& directory) override {
    if (::mkdir(directory.c_str(), 0777) == 0) return sync_directory(parent_of(directory));
    if (errno == ENOENT && parent_of(directory) != directory) {
      make_directory(parent_of(directory));
      // Not from the beginning: there are places where nothing can be made, as in a directory that was removed.
      if (::mkdir(directory.c_str(), 0777) == 0) return sync_directory(parent_of(directory));
    }
    struct stat about {};
    const int error = errno;
    if (error == EEXIST && ::stat(directory.c_str(), &about) == 0 && S_ISDIR(about.st_mode)) return;
    file_failed("cannot make directory", directory, error);
  }
  void sync_directory(const std::string& directory) override {
    const Descriptor fd{open_file(directory, O_RDONLY | O_DIRECTORY)};
    if (!fd || ::fsync(fd) != 0) file_failed("cannot sync directory", directory);
  }
  std::unique_ptr<Lock> lock(const std::string& path, const std::string& whose) override {
    return std::make_unique<Locked>(path, whose);
  }
};

}  // namespace detail

inline FileSystem& FileSystem::real() {
  static detail::PosixFileSystem files;
  return files;
}

}  // namespace penstock
