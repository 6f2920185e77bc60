// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace penstock::test {

/// True when this program has no child: none that runs, and none that nobody has waited for.
inline bool no_child_is_left() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

/// The processes that this program has started and that are not gone.
inline std::vector<pid_t> children() {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file{entry.path() / "stat"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    const std::size_t behind_name = text.rfind(')');
    if (behind_name == std::string::npos) continue;
    if (std::stol(text.substr(behind_name + 4)) == ::getpid()) found.push_back(static_cast<pid_t>(std::stol(name)));
  }
  return found;
}

/// Descriptors that this program has open.
inline std::size_t open_files() {
  std::size_t n = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) n += !entry.path().empty();
  return n;
}

/// A number with a name in a file of /proc: memory in kB, bytes written.
inline long proc_number(const std::string& file, const std::string& name) {
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name + ":")) return std::stol(line.substr(name.size() + 1));
  }
  return -1;
}
/// What this program has in memory; under sanitizers, which keep what was freed, always the same.
inline long resident_kb() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return 0;
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;
#endif
  return proc_number("/proc/self/status", "VmRSS");
}

/// Waits, no longer than 20 seconds, for the end of a process that need not be a child.
inline bool ends(pid_t pid) {
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return errno == ESRCH;
  pollfd ended{handle, POLLIN, 0};
  const bool came = ::poll(&ended, 1, 20'000) == 1;
  ::close(handle);
  return came;
}

}  // namespace penstock::test
