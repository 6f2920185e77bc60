// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/sinks/sink_to_textfile.hpp: files are replaced and brought to the disk as POSIX does it"
#endif

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
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
/// What `from` holds, and its mode, in place of what `to` holds. False, with `errno` set, when it could not be done.
inline bool copy_file(const std::string& from, const std::string& to) {
  const Descriptor source{::open(from.c_str(), O_RDONLY | O_CLOEXEC)};
  struct ::stat about {};
  if (!source || ::fstat(source.get(), &about) != 0) return false;
  Descriptor copy{::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!copy || ::fchmod(copy.get(), about.st_mode & 07777) != 0) return false;
  std::string block(std::size_t{1} << 16, '\0');
  for (;;) {
    const ::ssize_t got = ::read(source.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0 && copy.close();
    for (::ssize_t done = 0; done < got;) {
      const ::ssize_t n = ::write(copy.get(), block.data() + done, static_cast<std::size_t>(got - done));
      if (n < 0 && errno != EINTR) return false;
      if (n > 0) done += n;
    }
  }
}

}  // namespace penstock::detail
