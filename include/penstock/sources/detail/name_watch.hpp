// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/sources/source.hpp"

// Not an operator: which files there are, and which of them are new, for filenames and for sets of files.

namespace penstock {

/// How filenames looks.
struct Filenames {
  bool follow = false;                             ///< go on looking for new names
  Duration poll = std::chrono::milliseconds{100};  ///< how often, more than 0
  bool recursive = false;                          ///< the folders below as well, but for hidden ones
  bool only_new = false;                           ///< leave out what is there at the first look
  /// A file is new only when its size and time have not changed for so long: nobody writes it any more.
  Duration settle = Duration::zero();
  std::size_t max_names = 1'000'000;        ///< more files than these are an error
  std::filesystem::path after{};            ///< names that sort up to this one are left out: where to go on
  OnFailure on_failure = OnFailure::go_on;  ///< whether the next name follows when one fails
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

/// The files that a pattern, a directory or a name stands for. What cannot be read has no names.
class FileList {
 public:
  FileList(std::filesystem::path where, bool recursive, std::size_t most)
      : where_(std::move(where)), recursive_(recursive), most_(most) {}

  const std::filesystem::path& where() const noexcept { return where_; }

  /// In alphabetical order. False when there is nothing at all at the place.
  bool list(std::vector<std::filesystem::path>& names) {
    names.clear();
    std::error_code error;
    bool any = true;
    if (is_glob(where_.native())) {
      expand({}, where_.begin(), names);
    } else if (std::filesystem::is_directory(where_, error)) {
      look_into(where_, "*", names);
    } else if (std::filesystem::exists(where_, error)) {
      add(where_, names);
    } else {
      any = false;
    }
    std::sort(names.begin(), names.end(),
              [](const auto& a, const auto& b) { return a.native() < b.native(); });
    return any;
  }

 private:
  using Path = std::filesystem::path;

  void add(Path path, std::vector<Path>& names) const {
    if (names.size() == most_) {
      throw std::runtime_error("filenames: more than " + std::to_string(most_) + " files at " +
                               where_.string());
    }
    names.push_back(std::move(path));
  }
  /// The files in `folder` with a name like `pattern`.
  void look_into(const Path& folder, const std::string& pattern, std::vector<Path>& names) const {
    std::error_code error;
    const Path where = folder.empty() ? Path{"."} : folder;
    for (std::filesystem::directory_iterator at{where, error}, end; !error && at != end;
         at.increment(error)) {
      std::error_code ignored;
      const Path name = at->path().filename();
      const bool link = at->is_symlink(ignored);
      if (at->is_directory(ignored)) {
        // A link may lead back to where it stands.
        if (recursive_ && !link && !name.native().starts_with('.')) look_into(folder / name, pattern, names);
      } else if (matches_glob(pattern, name.native())) {
        add(folder / name, names);
      }
    }
  }
  void expand(const Path& base, Path::iterator part, std::vector<Path>& names) const {
    const std::string pattern = part->string();
    std::error_code error;
    if (++part == where_.end()) {
      if (is_glob(pattern)) return look_into(base, pattern, names);
      Path path = base / pattern;
      const bool directory = std::filesystem::is_directory(path, error);
      if (!directory && std::filesystem::exists(path, error)) add(std::move(path), names);
      return;
    }
    if (!is_glob(pattern)) {
      if (std::filesystem::exists(base / pattern, error)) expand(base / pattern, part, names);
      return;
    }
    const Path where = base.empty() ? Path{"."} : base;
    for (std::filesystem::directory_iterator at{where, error}, end; !error && at != end;
         at.increment(error)) {
      const Path name = at->path().filename();
      if (matches_glob(pattern, name.native())) expand(base / name, part, names);
    }
  }

  Path where_;
  bool recursive_;
  std::size_t most_;
};

/// Which files are new since it looked last. It remembers the names that are there and no others.
class NameWatch {
 public:
  using Path = std::filesystem::path;

  /// `in_order`: no name before one that sorts in front of it.
  NameWatch(const char* who, Path where, const Filenames& options, bool in_order)
      : list_(std::move(where), options.recursive, options.max_names),
        settle_(options.settle),
        only_new_(options.only_new),
        in_order_(in_order),
        last_(options.after) {
    const std::string name{who};
    if (options.poll <= Duration::zero()) bad_argument(name + ": the poll interval must be more than 0");
    if (settle_ < Duration::zero()) bad_argument(name + ": the settle time must not be negative");
  }

  const Path& where() const noexcept { return list_.where(); }

  /// Puts the new ones into `fresh`, in alphabetical order. False when there is nothing at all at the place.
  bool look(TimePoint now, std::vector<Path>& fresh) {
    fresh.clear();
    const bool any = list_.list(names_);
    std::vector<Path> seen;
    std::vector<Waiting> waiting;
    next_ = TimePoint::max();
    auto old = seen_.begin();
    auto known = waiting_.begin();
    bool blocked = false;  // one in front of these is being written still
    for (Path& name : names_) {
      while (old != seen_.end() && old->native() < name.native()) ++old;
      if (old != seen_.end() && old->native() == name.native()) {
        seen.push_back(std::move(name));
        continue;
      }
      if ((!looked_ && only_new_) || too_late(name)) {
        if (!looked_ && only_new_) left_out_ = name;
        seen.push_back(std::move(name));
        continue;
      }
      while (known != waiting_.end() && known->name.native() < name.native()) ++known;
      const bool was = known != waiting_.end() && known->name.native() == name.native();
      if (settle_ > Duration::zero()) {
        const Waiting state = state_of(name, now, was ? &*known : nullptr);
        if (!state.there) continue;
        if (now - state.since < settle_ || (blocked && in_order_)) {
          if (now - state.since < settle_) {
            blocked = true;
            next_ = std::min(next_, state.since + settle_);
          }
          waiting.push_back(state);
          continue;
        }
      }
      fresh.push_back(name);
      seen.push_back(std::move(name));
    }
    if (in_order_ && !fresh.empty()) last_ = fresh.back();
    seen_ = std::move(seen);
    waiting_ = std::move(waiting);
    looked_ = true;
    return any;
  }
  /// For sets: where names that have come sort up to when none was given out yet.
  const Path& left_out() const noexcept { return left_out_; }
  /// What sorts up to `name` is done with.
  void go_on_behind(Path name) {
    last_ = left_out_ = std::move(name);
    only_new_ = false;
  }
  bool looked() const noexcept { return looked_; }
  /// The names that were seen.
  const std::vector<Path>& seen() const noexcept { return seen_; }
  /// Those in `names`, in alphabetical order, were seen.
  void go_on_with(std::vector<Path> names) {
    seen_ = std::move(names);
    looked_ = true;
  }

  /// When the first file that is being written could have settled.
  TimePoint next() const noexcept { return next_; }
  bool waits() const noexcept { return !waiting_.empty(); }
  /// Files, taken out of here, that came after others that sort behind them.
  std::vector<Path> take_late() noexcept { return std::exchange(late_, {}); }

 private:
  struct Waiting {
    Path name;
    std::uintmax_t size = 0;
    std::filesystem::file_time_type time{};
    TimePoint since{};
    bool there = false;
  };

  bool too_late(const Path& name) {
    if (last_.empty() || name.native() > last_.native()) return false;
    if (in_order_ && looked_) late_.push_back(name);
    return true;
  }
  static Waiting state_of(const Path& name, TimePoint now, const Waiting* before) {
    std::error_code no_size;
    std::error_code no_time;
    Waiting state{name, std::filesystem::file_size(name, no_size),
                  std::filesystem::last_write_time(name, no_time), now, true};
    state.there = !no_size && !no_time;
    if (before && before->size == state.size && before->time == state.time) state.since = before->since;
    return state;
  }

  FileList list_;
  Duration settle_;
  bool only_new_;
  bool in_order_;
  bool looked_ = false;
  Path last_;
  Path left_out_;
  std::vector<Path> names_;
  std::vector<Path> seen_;
  std::vector<Waiting> waiting_;
  std::vector<Path> late_;
  TimePoint next_ = TimePoint::max();
};

}  // namespace detail
}  // namespace penstock
