// SPDX-License-Identifier: BSL-1.0
#pragma once

// Places at which a test can end the program, or do something else: every step on which recovery rests has one.
//
//     PENSTOCK_FAILPOINT("store.rename.before");
//
// It is nothing at all unless PENSTOCK_FAILPOINTS is defined, for the whole of a program. Then the environment variable
// PENSTOCK_FAILPOINT=store.rename.before:2 kills the process, with SIGKILL, when it comes there for the second time.

#ifndef PENSTOCK_FAILPOINTS

#define PENSTOCK_FAILPOINT(name) static_cast<void>(0)

#else

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/state/failpoint.hpp: a test kills its own process as POSIX does it"
#endif

#include <signal.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

class Failpoints {
 public:
  /// Of the whole program, in alphabetical order.
  static std::vector<std::string> names() {
    const std::scoped_lock lock{all().mutex};
    std::vector<std::string> names;
    for (const auto& [name, hits] : all().hits) names.push_back(name);
    return names;
  }
  /// How often the program has come to one.
  static std::size_t hits(const std::string& name) {
    const std::scoped_lock lock{all().mutex};
    const auto at = all().hits.find(name);
    return at == all().hits.end() ? 0 : at->second;
  }
  /// Called at every failpoint with its name, in whatever thread comes there; may throw where the code around it may.
  static void hook(std::function<void(std::string_view)> hook) {
    const std::scoped_lock lock{all().mutex};
    all().hook = std::move(hook);
  }

  static void hit(const char* name) {
    std::function<void(std::string_view)> hook;
    {
      const std::scoped_lock lock{all().mutex};
      if (++all().hits[name] == all().fatal_hit && all().fatal == name) ::kill(::getpid(), SIGKILL);
      hook = all().hook;
    }
    if (hook) hook(name);
  }
  static bool add(const char* name) {
    const std::scoped_lock lock{all().mutex};
    all().hits.emplace(name, 0);
    return true;
  }

 private:
  struct All {
    All() {
      const char* variable = std::getenv("PENSTOCK_FAILPOINT");
      if (!variable) return;
      const std::string_view setting = variable;
      const std::size_t colon = setting.rfind(':');
      fatal = setting.substr(0, colon);
      fatal_hit = colon == setting.npos ? 1 : static_cast<std::size_t>(std::atol(variable + colon + 1));
    }
    std::mutex mutex;
    std::map<std::string, std::size_t, std::less<>> hits;
    std::function<void(std::string_view)> hook;
    std::string fatal;
    std::size_t fatal_hit = 0;
  };
  static All& all() {
    static All all;
    return all;
  }
};

namespace detail {

template <std::size_t N>
struct FailpointName {
  constexpr FailpointName(const char (&name)[N]) {  // NOLINT: a literal is meant to become one
    for (std::size_t i = 0; i < N; ++i) text[i] = name[i];
  }
  char text[N]{};
};

/// Is known before `main`, so that a test can go through all there are.
template <FailpointName Name>
struct Failpoint {
  static void hit() {
    static_cast<void>(known);
    Failpoints::hit(Name.text);
  }
  static inline const bool known = Failpoints::add(Name.text);
};

}  // namespace detail
}  // namespace penstock

#define PENSTOCK_FAILPOINT(name) ::penstock::detail::Failpoint<name>::hit()

#endif
