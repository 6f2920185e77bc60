// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/sources/filenames.hpp: files are looked at as POSIX does it"
#endif

#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/core/sort.hpp"
#include "penstock/sources/detail/file.hpp"
#include "penstock/sources/source.hpp"
#include "penstock/state/detail/directory.hpp"
#include "penstock/state/file_path.hpp"

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
  FilePath after{};                         ///< names that sort up to this one are left out: where to go on
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

/// The files that a pattern, a directory or a name stands for. What may not be read has no names; what could not be read
/// this time is an error, as names that are missing are names that went away.
class FileList {
 public:
  FileList(const char* who, std::string where, bool recursive, std::size_t most)
      : who_(who), where_(std::move(where)), recursive_(recursive), most_(most) {}

  const std::string& where() const noexcept { return where_; }

  /// In alphabetical order. False when there is nothing at all at the place.
  bool list(std::vector<std::string>& names) {
    names.clear();
    bool any = true;
    if (is_glob(where_)) {
      expand({}, where_, names);
    } else if (is_directory(where_)) {
      look_into(where_, "*", names);
    } else if (there(where_)) {
      add(where_, names);
    } else {
      any = false;
    }
    put_in_order(names);
    return any;
  }

 private:
  static std::string in(const std::string& folder, std::string_view name) {
    std::string path = folder;
    if (!path.empty() && path.back() != '/') path += '/';
    return path.append(name);
  }
  static std::string shown(const std::string& folder) { return folder.empty() ? "." : folder; }

  /// Throws unless the error says something of the place itself, which the next look would find again.
  void heed(int error, const char* verb, const std::string& path) const {
    switch (error) {
      case 0:
      case ENOENT:
      case ENOTDIR:
      case EACCES:
      case EPERM:
      case ELOOP:
      case ENAMETOOLONG: return;
      default: errno = error; file_error(std::string{who_} + ": cannot " + verb, path);
    }
  }
  bool there(const std::string& path) const {
    if (is_there(path)) return true;
    heed(errno, "look at", path);
    return false;
  }

  void add(std::string path, std::vector<std::string>& names) const {
    if (names.size() == most_) {
      throw std::runtime_error(std::string{who_} + ": more than " + std::to_string(most_) + " files at " + where_);
    }
    names.push_back(std::move(path));
  }
  /// The files in `top` with a name like `pattern`. However deep they are, one directory at a time is open: a process has few
  /// descriptors.
  void look_into(std::string top, std::string_view pattern, std::vector<std::string>& names) const {
    std::vector<std::string> folders;
    folders.push_back(std::move(top));
    while (!folders.empty()) {
      const std::string folder = std::move(folders.back());
      folders.pop_back();
      Directory at{shown(folder)};
      while (at.next()) {
        const std::string_view name = at.name();
        const Directory::Kind kind = kind_of(folder, at);
        if (kind == Directory::Kind::directory || (kind == Directory::Kind::link && is_directory(in(folder, name)))) {
          // A link may lead back to where it stands.
          if (recursive_ && kind == Directory::Kind::directory && name[0] != '.') folders.push_back(in(folder, name));
        } else if (matches_glob(pattern, name)) {
          add(in(folder, name), names);
        }
      }
      heed(at.error(), "list", shown(folder));
    }
  }
  static Directory::Kind kind_of(const std::string& folder, const Directory& at) {
    if (at.kind() != Directory::Kind::unknown) return at.kind();
    struct ::stat about {};
    if (::lstat(in(folder, at.name()).c_str(), &about) != 0) return Directory::Kind::file;
    if (S_ISLNK(about.st_mode)) return Directory::Kind::link;
    return S_ISDIR(about.st_mode) ? Directory::Kind::directory : Directory::Kind::file;
  }
  /// @param rest  of the pattern, behind `base`.
  void expand(std::string base, std::string_view rest, std::vector<std::string>& names) const {
    while (rest.starts_with('/')) {
      if (base.empty()) base = "/";
      rest.remove_prefix(1);
    }
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (slash == std::string_view::npos) {
      if (is_glob(part)) return look_into(std::move(base), part, names);
      std::string path = in(base, part);
      if (there(path) && !is_directory(path)) add(std::move(path), names);
      return;
    }
    rest.remove_prefix(slash + 1);
    if (!is_glob(part)) {
      std::string path = in(base, part);
      if (there(path)) expand(std::move(path), rest, names);
      return;
    }
    std::vector<std::string> fits;
    {
      Directory at{shown(base)};
      while (at.next()) {
        if (matches_glob(part, at.name())) fits.push_back(in(base, at.name()));
      }
      heed(at.error(), "list", shown(base));
    }
    for (std::string& path : fits) expand(std::move(path), rest, names);
  }

  const char* who_;
  std::string where_;
  bool recursive_;
  std::size_t most_;
};

/// Which files are new since it looked last. It remembers the names that are there and no others.
class NameWatch {
 public:
  /// `in_order`: no name before one that sorts in front of it.
  NameWatch(const char* who, std::string where, const Filenames& options, bool in_order)
      : list_(who, std::move(where), options.recursive, options.max_names),
        settle_(options.settle),
        only_new_(options.only_new),
        in_order_(in_order),
        last_(options.after.string()) {
    const std::string name{who};
    if (options.poll <= Duration::zero()) bad_argument(name + ": the poll interval must be more than 0");
    if (settle_ < Duration::zero()) bad_argument(name + ": the settle time must not be negative");
  }

  const std::string& where() const noexcept { return list_.where(); }

  /// Puts the new ones into `fresh`, in alphabetical order. False when there is nothing at all at the place. When it throws
  /// it has not looked: what it remembers stays.
  bool look(TimePoint now, std::vector<std::string>& fresh) {
    fresh.clear();
    const bool any = list_.list(names_);
    std::vector<std::string> seen;
    std::vector<Waiting> waiting;
    next_ = TimePoint::max();
    auto old = seen_.begin();
    auto known = waiting_.begin();
    bool blocked = false;  // one in front of these is being written still
    for (std::string& name : names_) {
      while (old != seen_.end() && *old < name) ++old;
      if (old != seen_.end() && *old == name) {
        seen.push_back(std::move(name));
        continue;
      }
      if ((!looked_ && only_new_) || too_late(name)) {
        if (!looked_ && only_new_) left_out_ = name;
        seen.push_back(std::move(name));
        continue;
      }
      while (known != waiting_.end() && known->name < name) ++known;
      const bool was = known != waiting_.end() && known->name == name;
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
  const std::string& left_out() const noexcept { return left_out_; }
  /// It has looked before: what sorts up to `name` is done with, and what sorts behind that is new.
  void go_on_behind(std::string name) {
    if (!name.empty()) last_ = left_out_ = std::move(name);
    only_new_ = false;
    goes_on_ = true;
  }
  bool looked() const noexcept { return looked_; }
  /// Whether it has looked, or another run of it.
  bool knows_old() const noexcept { return looked_ || goes_on_; }
  /// The names that were seen.
  const std::vector<std::string>& seen() const noexcept { return seen_; }
  /// Those in `names`, in alphabetical order, were seen.
  void go_on_with(std::vector<std::string> names) {
    seen_ = std::move(names);
    looked_ = true;
  }

  /// When the first file that is being written could have settled.
  TimePoint next() const noexcept { return next_; }
  bool waits() const noexcept { return !waiting_.empty(); }
  /// Files, taken out of here, that came after others that sort behind them.
  std::vector<std::string> take_late() noexcept { return std::exchange(late_, {}); }

 private:
  struct Waiting {
    std::string name;
    std::int64_t size = 0;
    ::timespec time{};
    TimePoint since{};
    bool there = false;
  };

  bool too_late(const std::string& name) {
    if (last_.empty() || name > last_) return false;
    if (in_order_ && looked_) late_.push_back(name);
    return true;
  }
  static Waiting state_of(const std::string& name, TimePoint now, const Waiting* before) {
    struct ::stat about {};
    Waiting state{name, 0, {}, now, false};
    if (::stat(name.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return state;
    state.there = true;
    state.size = about.st_size;
#ifdef __APPLE__
    state.time = about.st_mtimespec;
#else
    state.time = about.st_mtim;
#endif
    const bool same = before && before->size == state.size && before->time.tv_sec == state.time.tv_sec &&
                      before->time.tv_nsec == state.time.tv_nsec;
    if (same) state.since = before->since;
    return state;
  }

  FileList list_;
  Duration settle_;
  bool only_new_;
  bool in_order_;
  bool looked_ = false;
  bool goes_on_ = false;
  std::string last_;
  std::string left_out_;
  std::vector<std::string> names_;
  std::vector<std::string> seen_;
  std::vector<Waiting> waiting_;
  std::vector<std::string> late_;
  TimePoint next_ = TimePoint::max();
};

}  // namespace detail
}  // namespace penstock
