// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace penstock::test {

/// True when a program of that name can be run.
inline bool installed(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}

/// Another program, with its input and its output (both streams in one) at pipes; killed at the end.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments) : name_(arguments.front()) {
    int in[2];
    int out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    child_ = fork();
    if (child_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      dup2(out[1], 2);
      execvp(argv[0], argv.data());
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    if (child_ < 0) throw std::runtime_error("cannot fork");
    input_ = in[1];
    output_ = out[0];
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    end_input();
    close(output_);
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
  }

  void write(const std::string& text) const {
    if (::write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error("cannot write to " + name_);
    }
  }
  void end_input() {
    if (input_ >= 0) close(input_);
    input_ = -1;
  }

  /// The rest of the first line that has `text`, behind it. Waits for it.
  std::string after(const std::string& text) {
    for (;;) {
      const std::size_t at = seen_.find(text);
      const std::size_t end = at == std::string::npos ? at : seen_.find('\n', at);
      if (end != std::string::npos) return seen_.substr(at + text.size(), end - at - text.size());
      if (!read()) throw std::runtime_error(name_ + " did not write " + text + ", but:\n" + seen_);
    }
  }
  /// All of its output, when it has ended.
  const std::string& output() {
    while (read()) continue;
    return seen_;
  }
  /// The exit status, or minus a signal. Waits for its end.
  int status() {
    static_cast<void>(output());
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  pid_t id() const noexcept { return child_; }

 private:
  bool read() {
    pollfd ready{output_, POLLIN, 0};
    if (poll(&ready, 1, 100'000) <= 0) throw std::runtime_error(name_ + " is silent; it has written:\n" + seen_);
    char block[4096];
    const ssize_t n = ::read(output_, block, sizeof block);
    if (n > 0) seen_.append(block, static_cast<std::size_t>(n));
    return n > 0;
  }

  std::string name_;
  pid_t child_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string seen_;
};

}  // namespace penstock::test
