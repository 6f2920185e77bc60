// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/connect/process.hpp: the output of child processes is read as POSIX does it"
#endif

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <sys/types.h>
#include <unistd.h>

#include <boost/system/error_code.hpp>

#include "penstock/connect/process/child.hpp"
#include "penstock/sources/detail/delimited.hpp"

// Not an operator: what a child process writes, in records.

namespace penstock::detail {

/// One output of a child, being cut into records.
class ChildOutput final : public std::enable_shared_from_this<ChildOutput> {
 public:
  /// Is told, on the loop, that there is something to read.
  class Owner {
   public:
    virtual void readable() noexcept = 0;

   protected:
    ~Owner() = default;
  };

  /// @param who  the operator that reads it.
  ChildOutput(const char* who, const LoopExecutor& executor, FileDescriptor fd, DelimitedReader reader, Owner& owner)
      : who_(who), pipe_(own_end(executor, std::move(fd))), reader_(std::move(reader)), owner_(&owner) {}

  const DelimitedReader& reader() const noexcept { return reader_; }
  /// True when nothing will come any more.
  bool ended() const noexcept { return !pipe_.is_open(); }

  /// The next record of what was read.
  Found next() { return reader_.next(); }
  /// Reads more. False when there is nothing now, and the owner will be told when there is, or never again.
  bool read(const std::string& program) {
    if (waiting_ || ended()) return false;
    ssize_t got;
    do {
      got = ::read(pipe_.native_handle(), reader_.room(block), block);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
      reader_.added(static_cast<std::size_t>(got));
      return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      wait();
      return false;
    }
    const int error = errno;
    close();
    if (got < 0) system_failure(error, std::string{who_} + ": cannot read what " + program + " writes");
    reader_.finish();
    return true;
  }
  /// Tells the owner when there is something to read.
  void wait() {
    if (std::exchange(waiting_, true)) return;
    pipe_.async_wait(LoopDescriptor::wait_read, [self = shared_from_this()](const boost::system::error_code&) {
      self->waiting_ = false;
      if (self->owner_) self->owner_->readable();
    });
  }
  void let_go() noexcept {
    owner_ = nullptr;
    close();
  }

 private:
  static constexpr std::size_t block = std::size_t{64} * 1024;

  void close() noexcept {
    boost::system::error_code ignored;
    pipe_.close(ignored);
  }

  const char* who_;
  LoopDescriptor pipe_;
  DelimitedReader reader_;
  Owner* owner_;
  bool waiting_ = false;
};

}  // namespace penstock::detail
