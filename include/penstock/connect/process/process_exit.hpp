// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

// Not an operator: how a child process has ended.

namespace penstock {

/// How a process has ended.
struct ProcessExit {
  int code = 0;    ///< what it returned, 0 to 255; -1 when somebody else has asked for it first
  int signal = 0;  ///< the signal that ended it, or 0

  friend bool operator==(const ProcessExit&, const ProcessExit&) = default;

  /// As the end of a sentence: "has ended with status 1", "was ended by signal 9".
  std::string text() const {
    if (signal != 0) return "was ended by signal " + std::to_string(signal);
    if (code < 0) return "has ended, and its status is not known";
    return "has ended with status " + std::to_string(code);
  }
};

/// A process did not end as it should, or before it should.
class ProcessFailed : public std::runtime_error {
 public:
  ProcessFailed(const std::string& sentence, std::string program, ProcessExit exit)
      : std::runtime_error(sentence), program_(std::move(program)), exit_(exit) {}

  const std::string& program() const noexcept { return program_; }
  ProcessExit exit() const noexcept { return exit_; }

 private:
  std::string program_;
  ProcessExit exit_;
};

}  // namespace penstock
