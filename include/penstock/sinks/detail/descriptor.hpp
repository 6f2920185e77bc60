// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/sinks/sink_to_textfile.hpp: files are replaced and brought to the disk as POSIX does it"
#endif

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "penstock/sources/detail/file.hpp"

// Not an operator: files as the sinks keep them open.

namespace penstock::detail {

/// A file of the operating system, owned.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { static_cast<void>(close()); }

  explicit operator bool() const noexcept { return fd_ >= 0; }
  int get() const noexcept { return fd_; }
  /// False, with `errno` set, when the file could not be closed in good order. It is closed all the same.
  bool close() noexcept {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0;
  }

 private:
  int fd_ = -1;
};

/// Brings the names in a directory to the disk.
inline void sync_directory(const char* who, const std::string& directory) {
  const Descriptor opened{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!opened || ::fsync(opened.get()) != 0) file_error(std::string{who} + ": cannot sync", directory);
}
/// Where a file is, with a slash.
inline std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? std::string{"./"} : path.substr(0, slash + 1);
}
inline void rename_file(const char* who, const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) file_error(std::string{who} + ": cannot rename " + from + " to", to);
}

}  // namespace penstock::detail
