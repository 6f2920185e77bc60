// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace penstock {

/// The path of a file or of a directory, in options. It is made of text or of a std::filesystem::path, and becomes one again,
/// and spares who has no use for <filesystem> what that costs.
class FilePath {
 public:
  FilePath() = default;
  FilePath(const char* path) : text_(path) {}                              // NOLINT: paths are written as text
  FilePath(std::string path) noexcept : text_(std::move(path)) {}          // NOLINT
  FilePath(std::string_view path) : text_(path) {}                         // NOLINT
  template <class Path>
    requires requires(const Path& path) {
      { path.native() } -> std::same_as<const std::string&>;
    } && (!std::same_as<Path, FilePath>)
  FilePath(const Path& path) : text_(path.native()) {}  // NOLINT: a std::filesystem::path
  template <class Entry>
    requires requires(const Entry& entry) {
      { entry.path().native() } -> std::same_as<const std::string&>;
    }
  FilePath(const Entry& entry) : text_(entry.path().native()) {}  // NOLINT: a std::filesystem::directory_entry

  template <class Path>
    requires requires(const Path& path) { path.native(); } && std::constructible_from<Path, const std::string&> &&
             (!std::same_as<Path, FilePath>)
  operator Path() const {  // NOLINT: as good as one
    return Path(text_);
  }

  bool empty() const noexcept { return text_.empty(); }
  const std::string& string() const noexcept { return text_; }
  const std::string& native() const noexcept { return text_; }
  const char* c_str() const noexcept { return text_.c_str(); }

 private:
  std::string text_;
};

}  // namespace penstock
