// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>
#include <string>

namespace penstock {

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

namespace detail {

/// Wiring mistakes and misuse, always as a sentence that starts with the operator.
[[noreturn, gnu::cold, gnu::noinline]] inline void misuse(const std::string& sentence) {
  throw std::logic_error(sentence);
}
[[noreturn, gnu::cold, gnu::noinline]] inline void bad_argument(const std::string& sentence) {
  throw std::invalid_argument(sentence);
}

}  // namespace detail
}  // namespace penstock
