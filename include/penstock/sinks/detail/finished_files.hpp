// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/sinks/sink_to_textfile.hpp: files are replaced and brought to the disk as POSIX does it"
#endif

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <exception>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "penstock/core/search.hpp"
#include "penstock/sinks/detail/descriptor.hpp"
#include "penstock/sinks/detail/numbered_names.hpp"
#include "penstock/sinks/file_policies.hpp"
#include "penstock/state/codec.hpp"
#include "penstock/state/detail/directory.hpp"
#include "penstock/state/failpoint.hpp"

// Not an operator: the files that were finished one after the other, and those that wait for a checkpoint.

namespace penstock::detail {

/// How far files were written when a snapshot was taken.
struct FileMark {
  std::uint64_t size = 0;              ///< of the file that was being written
  std::uint64_t next = 0;              ///< the number of the next finished file
  std::vector<std::string> waiting{};  ///< finished files that get their names when the snapshot is durable

  static auto fields(auto& self) { return std::tie(self.size, self.next, self.waiting); }
};

class FinishedFiles {
 public:
  FinishedFiles(const char* who, const std::string& path, const Rotate& rotate)
      : who_(who),
        directory_(directory_of(path)),
        names_(who, rotate.name.empty() ? NumberedNames::pattern_of(path) : rotate.name),
        keep_(rotate.keep) {}

  std::string free_name(std::time_t begun) {
    look();
    for (;; ++next_) {
      std::string name = names_.name(next_, begun);
      if (!exists(name)) return name;
    }
  }
  /// One was finished under this name, or is to have it. What goes wrong with an old one is told in `notice`.
  void remember(const std::string& name, bool waits, std::exception_ptr& notice) noexcept {
    try {
      ++next_;
      if (waits) {
        waiting_.push_back(name);
      } else {
        keep(next_ - 1, name);
      }
    } catch (...) {
      notice = std::current_exception();
    }
  }

  /// For the next snapshot: what waits now gets its names with it.
  void seal() {
    look();
    sealed_ = waiting_.size();
    sealed_next_ = next_;
  }
  FileMark mark() const { return {0, next_, waiting_}; }
  void unseal() noexcept { sealed_ = 0; }
  /// Twice is as good as once.
  void publish(std::exception_ptr& notice) {
    durable_ = sealed_next_;
    if (sealed_ == 0) return trim(notice);
    while (sealed_ != 0) {
      PENSTOCK_FAILPOINT("sink.publish");
      const std::string& name = waiting_.front();
      // One that is gone has its name already, or did when it was told before.
      if (exists(name + ".part")) rename_file(who_, directory_ + name + ".part", directory_ + name);
      try {
        if (const auto number = names_.number_in(name)) keep(*number, name);
      } catch (...) {
        notice = std::current_exception();
      }
      waiting_.erase(waiting_.begin());
      --sealed_;
    }
    sync_directory(who_, directory_);
  }

  /// Only what was finished before the mark was. The file that was being written then has its old name again.
  void go_back(const FileMark& mark, const std::string& path, bool atomic) {
    if (atomic) {
      remove_parts(mark.waiting);
    } else {
      std::vector<NumberedNames::Found> after = names_.in(directory_);
      std::erase_if(after, [&](const NumberedNames::Found& file) { return file.number < mark.next; });
      if (!after.empty() && after.front().number != mark.next) remove_file(path);
      // The last one first: who dies in here finds the first one when this is done again.
      for (; !after.empty(); after.pop_back()) {
        const auto& [number, name] = after.back();
        number == mark.next ? rename_file(who_, directory_ + name, path) : remove(name);
      }
    }
    waiting_ = mark.waiting;
    looked_ = false;
    seal();
    next_ = sealed_next_ = mark.next;
  }

 private:
  void look() {
    if (looked_) return;
    there_ = names_.in(directory_);
    next_ = there_.empty() ? 1 : there_.back().number + 1;
    if (keep_ == 0) there_.clear();
    looked_ = true;  // last: who could not look does it again
  }
  bool exists(const std::string& name) const {
    struct ::stat found {};
    return ::lstat((directory_ + name).c_str(), &found) == 0;
  }
  void keep(std::uint64_t number, const std::string& name) {
    if (keep_ == 0) return;
    const auto known = [&](const NumberedNames::Found& file) { return file.number == number; };
    if (!any_of(there_, known)) there_.push_back({number, name});
    trim();
  }
  /// What was finished after the last snapshot stays: whoever goes on from that begins with it.
  void trim() {
    while (keep_ != 0 && there_.size() > keep_ && there_.front().number < durable_) {
      const std::string old = there_.front().name;
      there_.erase(there_.begin());
      remove(old);
    }
  }
  void trim(std::exception_ptr& notice) noexcept {
    try {
      trim();
    } catch (...) {
      notice = std::current_exception();
    }
  }
  void remove(const std::string& name) const { remove_file(directory_ + name); }
  void remove_file(const std::string& path) const {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) file_error(std::string{who_} + ": cannot remove", path);
  }
  /// What was finished after the snapshot comes again.
  void remove_parts(const std::vector<std::string>& but) const {
    std::vector<std::string> old;
    Directory at{directory_};
    while (at.next()) {
      std::string name = at.name();
      if (!name.ends_with(".part")) continue;
      name.resize(name.size() - std::string_view{".part"}.size());
      if (names_.number_in(name) && !has_item(but, name)) old.push_back(name + ".part");
    }
    if ((errno = at.error()) != 0) file_error(std::string{who_} + ": cannot list", directory_);
    for (const std::string& name : old) remove(name);
  }

  const char* who_;
  std::string directory_;  // with a slash
  NumberedNames names_;
  std::size_t keep_;
  std::vector<NumberedNames::Found> there_;  // finished files, when only some are kept
  std::vector<std::string> waiting_;
  std::size_t sealed_ = 0;                   // of these, those in the snapshot
  std::uint64_t next_ = 1;
  std::uint64_t sealed_next_ = 1;  // at the snapshot that is being taken
  std::uint64_t durable_ = std::numeric_limits<std::uint64_t>::max();  // and at the last one that is; without any, no bound
  bool looked_ = false;
};

}  // namespace penstock::detail
