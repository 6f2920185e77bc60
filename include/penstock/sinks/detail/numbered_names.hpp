// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/sinks/sink_to_textfile.hpp: the time in a file's name is taken apart as POSIX does it"
#endif

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/core/search.hpp"
#include "penstock/core/sort.hpp"
#include "penstock/sources/detail/file.hpp"
#include "penstock/state/detail/directory.hpp"

// Not an operator: what files are called that are finished one after the other.

namespace penstock::detail {

/// A pattern as of Rotate::name: makes names, and tells the number in a name.
class NumberedNames {
 public:
  struct Found {
    std::uint64_t number;
    std::string name;
  };

  NumberedNames(const char* who, const std::string& pattern) : who_(who) {
    const auto wrong = [&](const char* what) {
      bad_argument(std::string{who} + ": the pattern \"" + pattern + "\" " + what);
    };
    bool numbered = false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      const char c = pattern[i];
      const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
      if (c == '/') wrong("names a directory; finished files stay where they are");
      if (c == '%') {
        if (next != '%' && digits(next) == 0) wrong("has a % that none of Y m d j H M S follows");
        if (!parts_.empty() && parts_.back().kind == number && next != '%')
          wrong("has digits right behind its number");
        next == '%' ? literal('%') : parts_.push_back({next, digits(next)});
        ++i;
      } else if (c == '{' && next != '{') {
        const std::size_t close = pattern.find('}', i);
        if (close == pattern.npos) wrong("has a { that nothing closes");
        if (std::exchange(numbered, true)) wrong("has more than one number");
        parts_.push_back({number, width(std::string_view{pattern}.substr(i + 1, close - i - 1), wrong)});
        i = close;
      } else {
        if ((c == '{' || c == '}') && next == c) ++i;
        if (!parts_.empty() && parts_.back().kind == number && is_digit(c))
          wrong("has digits right behind its number");
        literal(c);
      }
    }
    if (!numbered) wrong("has no {} for the number of the file");
  }

  /// What a file is called when no pattern is given.
  static std::string pattern_of(const std::string& path) {
    const std::string_view file = std::string_view{path}.substr(path.rfind('/') + 1);
    std::size_t extension = file.rfind('.');
    if (extension == 0 || file == "..") extension = file.npos;
    std::string pattern;
    const auto add = [&](std::string_view text) {
      for (const char c : text) pattern.append(c == '%' || c == '{' || c == '}' ? 2 : 1, c);
    };
    add(file.substr(0, extension));
    pattern += ".{:06}";
    if (extension != file.npos) add(file.substr(extension));
    return pattern;
  }

  std::string name(std::uint64_t n, std::time_t begun) const {
    std::tm time{};
    ::gmtime_r(&begun, &time);
    std::string made;
    for (const Part& part : parts_) {
      if (part.kind == text) {
        made += part.text;
      } else {
        char digits[32];
        std::snprintf(digits, sizeof digits, "%0*llu", static_cast<int>(part.width),
                      static_cast<unsigned long long>(part.kind == number ? n : field(time, part.kind)));
        made += digits;
      }
    }
    return made;
  }

  /// Nothing when no such file has this name.
  std::optional<std::uint64_t> number_in(std::string_view name) const {
    std::uint64_t found = 0;
    for (const Part& part : parts_) {
      if (part.kind == text) {
        if (!name.starts_with(part.text)) return {};
        name.remove_prefix(part.text.size());
        continue;
      }
      std::size_t n = 0;
      while (n < name.size() && is_digit(name[n]) && (part.kind == number || n < part.width)) ++n;
      if (n < part.width || n == 0 || n > 18) return {};
      if (part.kind == number) {
        for (std::size_t i = 0; i < n; ++i) found = found * 10 + static_cast<std::uint64_t>(name[i] - '0');
      }
      name.remove_prefix(n);
    }
    if (!name.empty()) return {};
    return found;
  }

  /// The files in `directory` that have such names, the lowest number first. Throws when it cannot tell: numbers would begin
  /// anew, below those that are there.
  std::vector<Found> in(const std::string& directory) const {
    std::vector<Found> all;
    Directory at{directory};
    while (at.next()) {
      if (const auto n = number_in(at.name())) all.push_back({*n, at.name()});
    }
    if ((errno = at.error()) != 0 && errno != ENOENT) file_error(std::string{who_} + ": cannot list", directory);
    put_in_order(all, [](const Found& a, const Found& b) { return a.number < b.number; });
    return all;
  }

 private:
  static constexpr char text = 0;
  static constexpr char number = 'n';
  struct Part {
    char kind;  // text, number, or what stands behind the %
    std::size_t width = 0;
    std::string text{};
  };

  static bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
  static std::size_t digits(char kind) noexcept {
    switch (kind) {
      case 'Y': return 4;
      case 'j': return 3;
      case 'm':
      case 'd':
      case 'H':
      case 'M':
      case 'S': return 2;
      default: return 0;
    }
  }
  static unsigned field(const std::tm& time, char kind) noexcept {
    switch (kind) {
      case 'Y': return static_cast<unsigned>(time.tm_year + 1900);
      case 'j': return static_cast<unsigned>(time.tm_yday + 1);
      case 'm': return static_cast<unsigned>(time.tm_mon + 1);
      case 'd': return static_cast<unsigned>(time.tm_mday);
      case 'H': return static_cast<unsigned>(time.tm_hour);
      case 'M': return static_cast<unsigned>(time.tm_min);
      default: return static_cast<unsigned>(time.tm_sec);
    }
  }
  /// Of what stands between the braces.
  template <class Wrong>
  static std::size_t width(std::string_view inside, Wrong wrong) {
    if (inside.empty()) return 1;
    if (inside.size() < 3 || inside.size() > 4 || !inside.starts_with(":0") ||
        !all_of(inside.substr(2), is_digit)) {
      wrong("has a number that is neither {} nor like {:06}");
    }
    std::size_t n = 0;
    for (const char c : inside.substr(2)) n = n * 10 + static_cast<std::size_t>(c - '0');
    if (n == 0 || n > 18) wrong("has a number of none or more than 18 digits");
    return n;
  }
  void literal(char c) {
    if (parts_.empty() || parts_.back().kind != text) parts_.push_back({text});
    parts_.back().text += c;
  }

  const char* who_;
  std::vector<Part> parts_;
};

}  // namespace penstock::detail
