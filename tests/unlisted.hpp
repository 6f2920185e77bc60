// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <string>

namespace penstock::test {

/// While there is one, its directory cannot be listed, as when a process has no descriptors left. Really to
/// have none is not for a test: a sanitizer needs some as well.
class Unlisted {
 public:
  explicit Unlisted(const std::filesystem::path& path) { path_ = (path / "").string(); }
  Unlisted(const Unlisted&) = delete;
  Unlisted& operator=(const Unlisted&) = delete;
  ~Unlisted() { path_.clear(); }

  static bool holds(const std::string& path) { return !path_.empty() && (path == path_ || path + '/' == path_); }

 private:
  static inline std::string path_;
};

}  // namespace penstock::test

/// The program's, in place of the system's. Not inline, as a sanitizer's own would go before it: so one file of a room
/// includes this.
extern "C" [[gnu::used]] DIR* opendir(const char* path) {
  if (penstock::test::Unlisted::holds(path)) {
    errno = EMFILE;
    return nullptr;
  }
  const int fd = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? nullptr : ::fdopendir(fd);
}
