// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

// Not an operator: files as text sources and sinks use them.

namespace penstock::detail {

/// Throws std::system_error with `errno` and a sentence that names the file.
[[noreturn, gnu::cold]] inline void file_error(const std::string& what, const std::string& path) {
  throw std::system_error(errno, std::generic_category(), what + " " + path);
}

/// A C stream, owned or, for `FileHandle::borrowed`, used only.
class FileHandle {
 public:
  FileHandle() = default;
  FileHandle(const std::string& path, const char* mode, const char* who)
      : file_(std::fopen(path.c_str(), mode)) {
    if (!file_) file_error(std::string{who} + ": cannot open", path);
  }
  static FileHandle borrowed(std::FILE* file) noexcept {
    FileHandle handle;
    handle.file_ = file;
    handle.owned_ = false;
    return handle;
  }
  FileHandle(FileHandle&& other) noexcept
      : file_(std::exchange(other.file_, nullptr)), owned_(other.owned_) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(owned_, other.owned_);
    return *this;
  }
  ~FileHandle() { static_cast<void>(close()); }

  std::FILE* get() const noexcept { return file_; }
  explicit operator bool() const noexcept { return file_ != nullptr; }

  /// False, with `errno` set, when what was written did not reach the file. A borrowed file is flushed and
  /// stays open.
  bool close() noexcept {
    std::FILE* file = std::exchange(file_, nullptr);
    if (!file) return true;
    return (owned_ ? std::fclose(file) : std::fflush(file)) == 0;
  }

 private:
  std::FILE* file_ = nullptr;
  bool owned_ = true;
};

}  // namespace penstock::detail
