// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/state/detail/directory.hpp: directories are listed as POSIX does it"
#endif

#include <dirent.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <string>

// Not an operator: what is in a directory.

namespace penstock::detail {

inline bool is_there(const std::string& path) noexcept {
  struct ::stat about {};
  return ::stat(path.c_str(), &about) == 0;
}
inline bool is_directory(const std::string& path) noexcept {
  struct ::stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

/// A directory that is being listed, in no order, without itself and the one above it.
class Directory {
 public:
  explicit Directory(const std::string& path) noexcept : open_(::opendir(path.c_str())), error_(open_ ? 0 : errno) {}
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    if (open_) ::closedir(open_);
  }

  enum class Kind : std::uint8_t { file, directory, link, unknown };

  /// Goes to the next entry. False at the end, and when it cannot be read: see `error`.
  bool next() noexcept {
    if (!open_) return false;
    do {
      errno = 0;
      entry_ = ::readdir(open_);
      if (!entry_) error_ = errno;
    } while (entry_ && is_dots(entry_->d_name));
    return entry_ != nullptr;
  }
  const char* name() const noexcept { return entry_->d_name; }
  /// As far as the listing says.
  Kind kind() const noexcept {
#ifdef DT_DIR
    switch (entry_->d_type) {
      case DT_DIR: return Kind::directory;
      case DT_LNK: return Kind::link;
      case DT_UNKNOWN: return Kind::unknown;
      default: return Kind::file;
    }
#else
    return Kind::unknown;
#endif
  }
  /// The `errno` of what went wrong, or 0.
  int error() const noexcept { return error_; }

 private:
  static bool is_dots(const char* name) noexcept {
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
  }

  ::DIR* open_;
  const ::dirent* entry_ = nullptr;
  int error_;
};

}  // namespace penstock::detail
