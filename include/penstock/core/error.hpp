// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

namespace penstock {

struct Info;

/// The graph went away, was stopped, or an operator was destroyed while an element waited in it.
class Stopped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An element came over the bound of a queue whose policy is to fail, or of a feedback edge.
class Overflow : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An element did not come in time.
class TimedOut : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What to do with an error of background work, which no caller is there to see.
class ErrorHandler {
 public:
  virtual ~ErrorHandler() = default;
  /// @param where  the operator that was emitting when the error came up.
  virtual void handle(std::exception_ptr error, const Info& where) = 0;
};

namespace detail {

/// Wiring mistakes and misuse, always as a sentence that starts with the operator.
[[noreturn, gnu::cold, gnu::noinline]] inline void misuse(const char* sentence) {
  throw std::logic_error(sentence);
}
/// A sentence in two parts. Built without std::string, of which every program would get its share.
[[noreturn, gnu::cold, gnu::noinline]] inline void misuse(const char* start, const char* rest) {
  char sentence[256];
  std::snprintf(sentence, sizeof sentence, "%s%s", start, rest);
  misuse(sentence);
}
[[noreturn, gnu::cold, gnu::noinline]] inline void misuse(const std::string& sentence) {
  misuse(sentence.c_str());
}
[[noreturn, gnu::cold, gnu::noinline]] inline void bad_argument(const char* sentence) {
  throw std::invalid_argument(sentence);
}
[[noreturn, gnu::cold, gnu::noinline]] inline void bad_argument(const std::string& sentence) {
  bad_argument(sentence.c_str());
}

/// A `Stopped` to settle with: what was told is the sentence.
[[gnu::cold, gnu::noinline]] inline std::exception_ptr stopped(const char* sentence) {
  return std::make_exception_ptr(Stopped(sentence));
}

}  // namespace detail
}  // namespace penstock
