// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "penstock/sources/source.hpp"

namespace penstock {

/// How filenames looks.
struct Filenames {
  bool follow = false;                             ///< go on looking for new names
  Duration poll = std::chrono::milliseconds{100};  ///< how often, more than 0
  OnFailure on_failure = OnFailure::go_on;         ///< whether the next name follows when one fails
};

namespace detail {

/// Whether `name` is what `pattern` says: `*` any characters, `?` one, `[a-z]` one of them, `[!a-z]` one of
/// no such. As in a shell a name that begins with a dot is not meant unless the pattern begins with one too.
inline bool matches_glob(std::string_view pattern, std::string_view name, bool at_start = true) {
  if (at_start && name.starts_with('.') && !pattern.starts_with('.')) return false;
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_took = 0;
  // Matches one character at `p` and moves on; a bracket without its end is an ordinary character.
  const auto one = [&](char c) {
    if (p == pattern.size()) return false;
    const std::size_t close = pattern[p] == '['
                                  ? pattern.find(']', p + 2 + pattern.substr(p + 1).starts_with('!'))
                                  : std::string_view::npos;
    if (close == std::string_view::npos) return pattern[p] == '?' || pattern[p] == c ? (++p, true) : false;
    std::string_view set = pattern.substr(p + 1, close - p - 1);
    const bool inverted = set.starts_with('!');
    if (inverted) set.remove_prefix(1);
    bool in_set = false;
    for (std::size_t i = 0; i < set.size(); ++i) {
      const bool range = i + 2 < set.size() && set[i + 1] == '-';
      in_set = in_set || (range ? set[i] <= c && c <= set[i + 2] : set[i] == c);
      if (range) i += 2;
    }
    if (in_set == inverted) return false;
    p = close + 1;
    return true;
  };
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_took = n;
    } else if (one(name[n])) {
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_took;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

inline bool is_glob(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

/// Appends the paths below `base` that the components from `part` on stand for. What cannot be read has no
/// names.
inline void expand_glob(const std::filesystem::path& base, std::filesystem::path::iterator part,
                        const std::filesystem::path::iterator& last,
                        std::vector<std::filesystem::path>& found) {
  if (part == last) return found.push_back(base);
  const std::string pattern = part->string();
  ++part;
  std::error_code error;
  if (!is_glob(pattern)) {
    if (std::filesystem::exists(base / pattern, error)) expand_glob(base / pattern, part, last, found);
    return;
  }
  const std::filesystem::path where = base.empty() ? std::filesystem::path{"."} : base;
  for (std::filesystem::directory_iterator at{where, error}, end; !error && at != end; at.increment(error)) {
    if (matches_glob(pattern, at->path().filename().string())) {
      expand_glob(base / at->path().filename(), part, last, found);
    }
  }
}

class FilenamesNode final : public SourceNode<std::filesystem::path, FilenamesNode> {
 public:
  FilenamesNode(std::filesystem::path where, Filenames options)
      : SourceNode(Info{"filenames", where.string()}, options.on_failure),
        where_(std::move(where)),
        options_(options) {}

  const char* needs_loop() const noexcept override {
    return options_.follow ? "filenames: looking for new names" : nullptr;
  }

  void on_start() { looked_ = false; }

  std::optional<std::filesystem::path> next() {
    if (at_ == fresh_.size()) {
      if (options_.follow) {
        const TimePoint now = clock().now();
        if (now < due_) return later(due_);
        due_ = now + options_.poll;
      } else if (std::exchange(looked_, true)) {
        return std::nullopt;
      }
      look();
      if (fresh_.empty()) return options_.follow ? later(due_) : std::nullopt;
    }
    return std::move(fresh_[at_++]);
  }

  void finish() {
    options_.follow = false;
    looked_ = false;
    wake();
  }

 private:
  /// Names that have gone are forgotten, so that what is remembered is never more than what is there.
  void look() {
    std::vector<std::filesystem::path> names = list();
    const auto before = [](const auto& a, const auto& b) { return a.native() < b.native(); };
    std::sort(names.begin(), names.end(), before);
    fresh_.clear();
    at_ = 0;
    std::set_difference(names.begin(), names.end(), seen_.begin(), seen_.end(), std::back_inserter(fresh_),
                        before);
    seen_ = std::move(names);
  }

  std::vector<std::filesystem::path> list() {
    std::vector<std::filesystem::path> names;
    if (is_glob(where_.native())) {
      expand_glob({}, where_.begin(), where_.end(), names);
    } else if (std::filesystem::is_directory(where_)) {
      const std::filesystem::path all = where_ / "*";
      expand_glob({}, all.begin(), all.end(), names);
    } else if (std::filesystem::exists(where_)) {
      names.push_back(where_);
    } else if (!options_.follow) {
      const std::error_code none = std::make_error_code(std::errc::no_such_file_or_directory);
      throw std::filesystem::filesystem_error("filenames: nothing at", where_, none);
    }
    std::erase_if(names, [](const auto& name) { return std::filesystem::is_directory(name); });
    return names;
  }

  std::filesystem::path where_;
  Filenames options_;
  std::vector<std::filesystem::path> seen_;
  std::vector<std::filesystem::path> fresh_;
  std::size_t at_ = 0;
  bool looked_ = false;
  TimePoint due_{TimePoint::min()};
};

}  // namespace detail

/// What filenames returns.
class FilenamesSource : public Source<std::filesystem::path> {
 public:
  explicit FilenamesSource(detail::FilenamesNode& node) : Source(node) {}

  /// Follows no longer: looks once more, emits what is new, and then the stream ends.
  void finish() const {
    on_strand([this] { static_cast<detail::FilenamesNode&>(node()).finish(); });
  }
};

namespace detail {

inline FilenamesSource make_filenames_source(Loop* loop, std::filesystem::path where, Filenames options) {
  if (options.poll <= Duration::zero()) bad_argument("filenames: the poll interval must be more than 0");
  if (options.follow && !loop) {
    misuse("filenames: looking for new names needs an event loop: filenames(loop, path)");
  }
  return FilenamesSource{make_source(loop, std::make_unique<FilenamesNode>(std::move(where), options))};
}

}  // namespace detail

/// Emits the paths of the files in a directory, or of those that a pattern names, in alphabetical order, and
/// then ends. With `.follow = true` it goes on, and emits what is new whenever it looks.
///
///     dir  {a b} . {a b c}
///     out  a b   . c
///
/// @param where    a directory, or a pattern with `*`, `?` and `[a-z]` in any of its parts; names that begin
///                 with a dot are left out as in a shell. Directories themselves are not emitted.
/// @param options  see Filenames.
///
/// A file that went away and came back is new. Started after its end it emits what is new since.
///
/// Back-pressure: waits for each name.
/// Metadata:      none.
/// Errors:        a directory that does not exist is reported, or when following waited for; what is behind
///                it throws is reported, and it goes on or stops as `on_failure` says.
/// Cost:          one listing of the directory each time it looks; remembers the names that are there.
/// Recovery:      the names are not saved.
/// Example:       examples/02_operators/filenames.cpp
/// See also:      from_textfile
inline FilenamesSource filenames(Loop& loop, std::filesystem::path where, Filenames options = {}) {
  return detail::make_filenames_source(&loop, std::move(where), options);
}
inline FilenamesSource filenames(std::filesystem::path where, Filenames options = {}) {
  return detail::make_filenames_source(nullptr, std::move(where), options);
}

}  // namespace penstock
