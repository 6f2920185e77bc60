// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/sources/detail/name_watch.hpp"
#include "penstock/sources/source.hpp"
#include "penstock/state/detail/remembers.hpp"

namespace penstock {
namespace detail {

class FilenamesNode final : public SourceNode<std::filesystem::path, FilenamesNode>, public Remembers<FilenamesNode> {
 public:
  FilenamesNode(const std::filesystem::path& where, const Filenames& options)
      : SourceNode(Info{"filenames", where.string()}, options.on_failure),
        follow_(options.follow),
        settles_(options.settle > Duration::zero()),
        poll_(options.poll),
        watch_("filenames", where.string(), options, false) {
    remember(info(), Recovery::replays);
  }

  const char* needs_loop() const noexcept override {
    if (follow_) return "filenames: looking for new names";
    return settles_ ? "filenames: waiting for files to settle" : nullptr;
  }

  void on_start() { looked_ = false; }

  std::optional<std::filesystem::path> next() {
    if (at_ == fresh_.size()) {
      const bool waits = follow_ || (looked_ && watch_.waits());
      if (waits) {
        const TimePoint now = clock().now();
        if (now < due_) return later(due_);
        due_ = now + poll_;
      } else if (looked_) {
        return std::nullopt;
      }
      look();
      due_ = std::min(due_, watch_.next());
      if (fresh_.empty()) return follow_ || watch_.waits() ? later(due_) : std::nullopt;
    }
    return std::move(fresh_[at_++]);
  }

  void finish() {
    follow_ = false;
    looked_ = false;
    wake();
  }

  // The names that were emitted, of those that are there; nothing when it has not looked yet.
  static constexpr bool saved = true;
  void write(StateWriter& to) const {
    std::vector<std::string> names;
    // What waits is a part of what was seen, in the same order.
    std::size_t waits = at_;
    for (const std::string& name : watch_.seen()) {
      if (waits < fresh_.size() && fresh_[waits] == name) {
        ++waits;
      } else {
        names.push_back(name);
      }
    }
    to.put(watch_.looked());
    to.put(names);
  }
  void read(StateReader& from) {
    const bool looked = from.get<bool>();
    auto names = from.get<std::vector<std::string>>();
    fresh_.clear();
    at_ = 0;
    if (looked) watch_.go_on_with(std::move(names));
  }

 private:
  void look() {
    at_ = 0;
    looked_ = true;
    const bool any = watch_.look(loop() ? clock().now() : TimePoint{}, fresh_);
    if (any || follow_) return;
    const std::error_code none = std::make_error_code(std::errc::no_such_file_or_directory);
    throw std::filesystem::filesystem_error("filenames: nothing at", watch_.where(), none);
  }

  bool follow_;
  bool settles_;
  Duration poll_;
  NameWatch watch_;
  std::vector<std::string> fresh_;
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

inline FilenamesSource make_filenames_source(Loop* loop, const std::filesystem::path& where, const Filenames& options) {
  auto node = make_box<FilenamesNode>(where, options);
  if (const char* what = loop ? nullptr : node->needs_loop()) {
    misuse(std::string{what} + " needs an event loop: filenames(loop, path)");
  }
  return FilenamesSource{make_source(loop, std::move(node))};
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
/// @param options  see Filenames. With `.settle = 2s` a name comes when its file has not changed for so long,
///                 by the loop's clock and as seen from here: what is still being written is left alone. With
///                 `.after = name` a program goes on where another one was, if names sort as they come.
///
/// A file that went away and came back is new. Started after its end it emits what is new since. A link to a
/// directory is not followed.
///
/// Back-pressure: waits for each name.
/// Metadata:      none.
/// Errors:        a directory that does not exist is reported, or when following waited for; one that cannot
///                be listed now, as when descriptors are short, is reported, and no name of it counts as
///                gone: when following it is looked at again. One that may not be read has no names. More
///                files than `max_names` are reported; what is behind it throws is reported, and it goes on
///                or stops as `on_failure` says.
/// Cost:          one listing of the directory each time it looks; remembers the names that are there,
///                and forgets those that are gone.
/// Recovery:      read again behind the last name: those that were emitted and are still there are saved.
/// Example:       examples/02_operators/filenames.cpp
/// See also:      FileSet, from_textfile
inline FilenamesSource filenames(Loop& loop, std::filesystem::path where, Filenames options = {}) {
  return detail::make_filenames_source(&loop, where, options);
}
inline FilenamesSource filenames(std::filesystem::path where, Filenames options = {}) {
  return detail::make_filenames_source(nullptr, where, options);
}

}  // namespace penstock
