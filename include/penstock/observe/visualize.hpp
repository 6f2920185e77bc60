// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#if __has_include(<spawn.h>)
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#define PENSTOCK_CAN_SPAWN 1
#endif

#include "penstock/core/error.hpp"
#include "penstock/observe/dot.hpp"
#include "penstock/observe/mermaid.hpp"

#if PENSTOCK_CAN_SPAWN
extern char** environ;  // NOLINT: POSIX asks programs to declare it themselves
#endif

namespace penstock {
namespace detail {

class File {
 public:
  explicit File(std::FILE* file) noexcept : file_(file) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (file_) std::fclose(file_);
  }

  explicit operator bool() const noexcept { return file_ != nullptr; }
  std::FILE* get() const noexcept { return file_; }
  [[nodiscard]] std::FILE* release() noexcept { return std::exchange(file_, nullptr); }

 private:
  std::FILE* file_;
};

[[noreturn]] inline void cannot_draw(const std::string& file, const std::string& why) {
  throw std::runtime_error("visualize: cannot draw \"" + file + "\": " + why);
}

inline void write_text(const std::string& file, const std::string& text) {
  File out{std::fopen(file.c_str(), "wb")};
  if (!out) cannot_draw(file, std::strerror(errno));
  const bool written = std::fwrite(text.data(), 1, text.size(), out.get()) == text.size();
  if (std::fclose(out.release()) != 0 || !written) cannot_draw(file, "writing failed");
}

#if PENSTOCK_CAN_SPAWN

inline std::string read_back(std::FILE* file) {
  std::string text;
  std::rewind(file);
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

/// Runs Graphviz with `dot_text` as its input. No shell is asked, so that a file may have any name; what the
/// program reads and says goes through files without a name, so that neither side can wait for the other.
inline void run_graphviz(const std::string& file, const std::string& format, const std::string& dot_text) {
  const File input{std::tmpfile()};
  const File said{std::tmpfile()};
  if (!input || !said || std::fwrite(dot_text.data(), 1, dot_text.size(), input.get()) != dot_text.size() ||
      std::fflush(input.get()) != 0) {
    cannot_draw(file, "no room for a temporary file");
  }
  std::rewind(input.get());

  struct Actions {
    posix_spawn_file_actions_t value;
    Actions() { posix_spawn_file_actions_init(&value); }
    Actions(const Actions&) = delete;
    Actions& operator=(const Actions&) = delete;
    ~Actions() { posix_spawn_file_actions_destroy(&value); }
  } actions;
  posix_spawn_file_actions_adddup2(&actions.value, ::fileno(input.get()), 0);
  posix_spawn_file_actions_adddup2(&actions.value, ::fileno(said.get()), 1);
  posix_spawn_file_actions_adddup2(&actions.value, ::fileno(said.get()), 2);

  std::string program = "dot";
  std::string type = "-T" + format;
  std::string out = "-o" + file;
  char* arguments[] = {program.data(), type.data(), out.data(), nullptr};
  ::pid_t child = 0;
  const int spawned = ::posix_spawnp(&child, "dot", &actions.value, nullptr, arguments, environ);
  int status = 0;
  if (spawned == 0) {
    while (::waitpid(child, &status, 0) < 0) {
      if (errno != EINTR) break;  // the program ignores SIGCHLD: nothing is known of the child
    }
  }
  const bool missing = spawned == ENOENT || (spawned == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127);
  if (missing) {
    cannot_draw(
        file,
        "it needs Graphviz's program dot, which was not found; install graphviz (apt-get install graphviz, brew "
        "install graphviz), or draw into a .dot or .mmd file, which needs no program");
  }
  if (spawned != 0) cannot_draw(file, std::strerror(spawned));
  if (status != 0) cannot_draw(file, "Graphviz's dot failed: " + read_back(said.get()));
}

#else

[[noreturn]] inline void run_graphviz(const std::string& file, const std::string&, const std::string&) {
  cannot_draw(file, "programs cannot be run here; draw into a .dot or .mmd file and give it to Graphviz");
}

#endif

}  // namespace detail

/// Draws the whole graph into `file`. Its extension says how: .svg, .png, .pdf, .jpg and .jpeg are made by
/// Graphviz, whose program `dot` has to be installed; .dot (see `to_dot`) and .mmd (see `to_mermaid`) need no
/// program.
///
/// Throws std::invalid_argument for another extension, std::runtime_error when the file cannot be made; the
/// sentence says why. From any thread, as `snapshot` says.
template <class>
void visualize(const Graph& graph, const std::string& file) {
  const std::size_t name = file.find_last_of('/');
  const std::size_t point = file.find_last_of('.');
  const bool has_extension = point != std::string::npos && (name == std::string::npos || point > name);
  const std::string extension = has_extension ? file.substr(point + 1) : "";
  if (extension == "dot") return detail::write_text(file, to_dot<>(graph));
  if (extension == "mmd") return detail::write_text(file, to_mermaid<>(graph));
  for (const char* format : {"svg", "png", "pdf", "jpg", "jpeg"}) {
    if (extension == format) return detail::run_graphviz(file, format, to_dot<>(graph));
  }
  detail::bad_argument("visualize: the file name says what to draw, and \"" + file +
                       "\" does not end in .svg, .png, .pdf, .jpg, .dot or .mmd");
}
inline void visualize(const Handle& handle, const std::string& file) { visualize<>(handle.graph(), file); }

}  // namespace penstock
