// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__linux__)
#error "penstock/connect/process.hpp: child processes are started and waited for as Linux does it (pidfd, Linux 5.3)"
#endif

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include "penstock/connect/process/process_exit.hpp"
#include "penstock/core/error.hpp"
#include "penstock/exec/asio_executor.hpp"

// Not an operator: a child process on a loop.
//
// The child is made by posix_spawn and not by Boost.Process: the launchers of its version 2 in Boost 1.81 call
// `exit` in a child that could not run its program, which runs the destructors of this program's globals there
// and writes what its streams hold a second time; they need the context to stand still meanwhile; and with
// their paths comes a library to link.

namespace penstock {

/// What becomes of one of the outputs of a process.
enum class ProcessStream : std::uint8_t {
  read,     ///< it is read
  inherit,  ///< it goes where this program's goes
  discard   ///< nobody sees it
};

namespace detail {

/// Owns a file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

using LoopDescriptor = asio::posix::basic_stream_descriptor<LoopExecutor>;

[[noreturn, gnu::cold]] inline void system_failure(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

/// Where the loop of a stream waits for a child.
inline LoopExecutor executor_for_child(const char* who, Loop* loop) {
  if (loop) return AsioLoop::executor_of(*loop);
  misuse(who, ": a child process needs an event loop: give one to the source, as in Stream<std::string> source{loop}");
}

/// A pipe that no other child gets to see.
struct ChildPipe {
  explicit ChildPipe(const char* who) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) system_failure(errno, std::string{who} + ": cannot make a pipe");
    out = above_standard(ends[0]);
    in = above_standard(ends[1]);
    if (out.get() < 0 || in.get() < 0) system_failure(errno, std::string{who} + ": cannot make a pipe");
  }

  FileDescriptor out;  // what comes out of the pipe is read here
  FileDescriptor in;

 private:
  // A program without a standard input gets 0 for its next descriptor, which the child's would be put over.
  static FileDescriptor above_standard(int fd) noexcept {
    FileDescriptor given{fd};
    return fd > STDERR_FILENO ? std::move(given) : FileDescriptor{::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
  }
};

/// Our end of a pipe: nothing here waits in the kernel.
inline LoopDescriptor own_end(const LoopExecutor& executor, FileDescriptor fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  LoopDescriptor descriptor{executor};
  descriptor.assign(fd.get());
  static_cast<void>(fd.release());
  return descriptor;
}

/// What is to be run.
struct Command {
  const char* who;  // the operator that asks for it
  std::vector<std::string> words;
  std::map<std::string, std::string> environment;
  bool inherit_environment;
  std::string directory;
  bool group;
  std::chrono::nanoseconds grace;

  const std::string& program() const noexcept { return words.front(); }
  std::string line() const {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
  }
  void check() const {
    if (words.empty() || words.front().empty()) bad_argument(std::string{who} + ": there is no program to run");
    if (grace < std::chrono::nanoseconds::zero()) {
      bad_argument(std::string{who} + ": the grace time must not be negative");
    }
    for (const auto& [name, value] : environment) {
      if (name.empty() || name.find('=') != std::string::npos) {
        bad_argument(std::string{who} + ": a name in the environment is not empty and has no '='");
      }
    }
  }
};

/// The standard streams of a child: a descriptor, or one of these.
struct ChildStreams {
  static constexpr int keep = -1;
  static constexpr int null = -2;
  int in = null;
  int out = keep;
  int err = keep;
  std::string out_file = {};  // goes before `out`
};

/// Runs the command, and returns the number of the process. The child has its three standard streams, no
/// other descriptor, no blocked signal, and the default for SIGPIPE.
inline pid_t spawn(const Command& command, const ChildStreams& streams) {
  struct Actions {
    Actions() { posix_spawn_file_actions_init(&all); }
    Actions(const Actions&) = delete;
    Actions& operator=(const Actions&) = delete;
    ~Actions() { posix_spawn_file_actions_destroy(&all); }
    posix_spawn_file_actions_t all;
  } actions;
  struct Attributes {
    Attributes() { posix_spawnattr_init(&all); }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
    ~Attributes() { posix_spawnattr_destroy(&all); }
    posix_spawnattr_t all;
  } attributes;

  int error = 0;
  const auto also = [&error](int result) {
    if (error == 0) error = result;
  };
  const auto lead = [&](int from, int to, int flags) {
    if (from == ChildStreams::null) {
      also(posix_spawn_file_actions_addopen(&actions.all, to, "/dev/null", flags, 0));
    } else if (from != ChildStreams::keep) {
      also(posix_spawn_file_actions_adddup2(&actions.all, from, to));
    }
  };
  lead(streams.in, STDIN_FILENO, O_RDONLY);
  if (streams.out_file.empty()) {
    lead(streams.out, STDOUT_FILENO, O_WRONLY);
  } else {
    constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC;
    also(posix_spawn_file_actions_addopen(&actions.all, STDOUT_FILENO, streams.out_file.c_str(), flags, 0666));
  }
  lead(streams.err, STDERR_FILENO, O_WRONLY);
  also(posix_spawn_file_actions_addclosefrom_np(&actions.all, STDERR_FILENO + 1));
  if (!command.directory.empty()) {
    also(posix_spawn_file_actions_addchdir_np(&actions.all, command.directory.c_str()));
  }

  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  sigset_t none;
  sigemptyset(&none);
  also(posix_spawnattr_setsigmask(&attributes.all, &none));
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  also(posix_spawnattr_setsigdefault(&attributes.all, &pipe));
  if (command.group) {
    flags |= POSIX_SPAWN_SETPGROUP;
    also(posix_spawnattr_setpgroup(&attributes.all, 0));
  }
  also(posix_spawnattr_setflags(&attributes.all, flags));

  std::vector<char*> words;
  for (const std::string& word : command.words) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);

  std::vector<std::string> own;
  std::vector<char*> variables;
  for (const auto& [name, value] : command.environment) own.push_back(name + "=" + value);
  for (std::string& variable : own) variables.push_back(variable.data());
  for (char** variable = environ; command.inherit_environment && variable && *variable; ++variable) {
    const std::string name{*variable, std::string{*variable}.find('=')};
    if (command.environment.find(name) == command.environment.end()) variables.push_back(*variable);
  }
  variables.push_back(nullptr);

  pid_t pid = -1;
  if (error == 0) {
    error = ::posix_spawnp(&pid, words.front(), &actions.all, &attributes.all, words.data(), variables.data());
  }
  if (error != 0) {
    std::string what = std::string{command.who} + ": cannot run " + command.program();
    if (!command.directory.empty()) what += " in " + command.directory;
    if (!streams.out_file.empty()) what += " with its output in " + streams.out_file;
    system_failure(error, what);
  }
  return pid;
}

/// A child process, from its start until it was waited for; that happens on a loop. It is alive as long as
/// somebody has it or the loop waits for it, and no longer: who lets go of one that still runs without a loop
/// to wait on, as when the loop ends, kills it and waits for it there.
class Child final : public std::enable_shared_from_this<Child> {
  struct Private {};

 public:
  /// Is told, on the loop, that the child has ended.
  class Owner {
   public:
    virtual void child_ended() noexcept = 0;

   protected:
    ~Owner() = default;
  };

  static std::shared_ptr<Child> start(const LoopExecutor& executor, const Command& command,
                                      const ChildStreams& streams, Owner& owner) {
    auto child = std::make_shared<Child>(Private{}, executor, command, owner);
    child->pid_ = spawn(command, streams);
    child->reaped_ = false;
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, child->pid_, 0));
    if (handle < 0 && errno == ESRCH) {  // where children are not waited for it may be gone already
      child->exit_ = ProcessExit{-1, 0};
      child->reaped_ = true;
      return child;
    }
    if (handle < 0) system_failure(errno, std::string{command.who} + ": cannot wait for " + command.program());
    FileDescriptor owned{handle};
    child->handle_.assign(handle);
    static_cast<void>(owned.release());
    return child;
  }

  Child(Private, const LoopExecutor& executor, const Command& command, Owner& owner)
      : handle_(executor), alarm_(executor), group_(command.group), grace_(command.grace), owner_(&owner) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (reaped_) return;
    ending_ = true;
    send(SIGKILL);
    reap();
  }

  pid_t pid() const noexcept { return pid_; }
  /// How it has ended, once that is known.
  const std::optional<ProcessExit>& exit() const noexcept { return exit_; }

  /// Looks whether it has ended.
  bool ended() noexcept {
    if (exit_) return true;
    siginfo_t info{};
    int result;
    do {
      result = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    } while (result != 0 && errno == EINTR);
    if (result == 0 && info.si_pid == 0) return false;
    if (result != 0) {
      exit_ = ProcessExit{-1, 0};
    } else if (info.si_code == CLD_EXITED) {
      exit_ = ProcessExit{info.si_status, 0};
    } else {
      exit_ = ProcessExit{0, info.si_status};
    }
    // The number of a group is its own as long as its first process was not waited for.
    if (!group_ || ending_) reap();
    return true;
  }

  /// Keeps the loop waiting for the end, of which the owner is told.
  void watch() {
    if (watching_ || told_) return;
    watching_ = true;
    auto look_again = [self = shared_from_this()](const boost::system::error_code&) {
      self->watching_ = false;
      self->look();
    };
    if (handle_.is_open()) return handle_.async_wait(LoopDescriptor::wait_read, std::move(look_again));
    asio::post(handle_.get_executor(), [look = std::move(look_again)] { look({}); });
  }
  /// Ends it: SIGTERM, and SIGKILL if it is still there after the grace time. In a group of its own all get
  /// them, and what is left of it is killed when the first one has ended.
  void terminate() {
    if (reaped_ || terminated_) return;
    ending_ = terminated_ = true;
    if (exit_) return reap();
    send(SIGTERM);
    set_alarm([](Child& child) { child.send(SIGKILL); });
    watch();
  }
  /// Terminates it if it does not end by itself within the grace time.
  void finish() {
    if (reaped_ || ending_) return;
    ending_ = true;
    if (exit_) return reap();
    set_alarm([](Child& child) { child.terminate(); });
    watch();
  }
  /// All that was wanted of it is there.
  void done() noexcept {
    if (exit_) reap();
  }
  void forget_owner() noexcept { owner_ = nullptr; }

 private:
  using Alarm = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                                           LoopExecutor>;

  void look() {
    if (!ended()) return watch();
    told_ = true;
    alarm_.cancel();
    if (owner_) owner_->child_ended();
  }
  void send(int signal) const noexcept {
    if (!reaped_) ::kill(group_ ? -pid_ : pid_, signal);
  }
  void reap() noexcept {
    if (std::exchange(reaped_, true)) return;
    if (group_ && ending_) ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  void set_alarm(void (*what)(Child&)) {
    alarm_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(grace_));
    alarm_.async_wait([self = shared_from_this(), what](const boost::system::error_code& error) {
      if (!error && !self->exit_) what(*self);
    });
  }

  pid_t pid_ = -1;
  LoopDescriptor handle_;
  Alarm alarm_;
  bool group_;
  std::chrono::nanoseconds grace_;
  Owner* owner_;
  std::optional<ProcessExit> exit_;
  bool reaped_ = true;  // once there is a process: it was waited for
  bool watching_ = false;
  bool told_ = false;
  bool ending_ = false;
  bool terminated_ = false;
};

/// writev(2) to a pipe without the SIGPIPE of one that nobody reads: the signal is kept from this thread and
/// taken away again. What the program does with SIGPIPE is left alone.
inline ssize_t write_quietly(int fd, const iovec* parts, int n) noexcept {
  sigset_t pipe;
  sigset_t before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const bool was_blocked = sigismember(&before, SIGPIPE) == 1;
  bool was_pending = false;
  if (was_blocked) {
    sigset_t pending;
    was_pending = ::sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
  }
  ssize_t result;
  do {
    result = ::writev(fd, parts, n);
  } while (result < 0 && errno == EINTR);
  const int error = errno;
  if (result < 0 && error == EPIPE && !was_pending) {
    const timespec at_once{};
    while (::sigtimedwait(&pipe, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }
  if (!was_blocked) ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return result;
}

}  // namespace detail
}  // namespace penstock
