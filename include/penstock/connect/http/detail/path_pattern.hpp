// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/core/error.hpp"

// Not an operator: which paths a server answers.

namespace penstock::detail {

inline int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// `%41` is A. Nothing when a percent sign has not two hexadecimal digits behind it.
inline std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

/// `/events/{device}` matches `/events/a%20b` and knows that the device is `a b`; `/other*` matches every
/// path that starts like that. Segments are decoded one by one: a slash that came as `%2F` divides nothing.
class PathPattern {
 public:
  using Parameters = std::vector<std::pair<std::string, std::string>>;
  enum class Match { no, yes, damaged };

  explicit PathPattern(const std::string& pattern) {
    if (pattern.empty() || pattern.front() != '/') wrong("must start with a slash", pattern);
    std::string_view rest{pattern};
    if (rest.back() == '*') {
      open_ = true;
      rest.remove_suffix(1);
    }
    if (rest.find('*') != std::string_view::npos) wrong("may have a star at its end only", pattern);
    for (std::string_view left = rest; auto segment = next(left);) {
      const bool named = segment->size() > 2 && segment->front() == '{' && segment->back() == '}';
      if (named) *segment = segment->substr(1, segment->size() - 2);
      if (segment->find_first_of("{}") != std::string_view::npos) {
        wrong("has a brace that is not round a whole segment, as in /events/{device}", pattern);
      }
      segments_.push_back({std::string(*segment), named});
    }
    if (open_ && segments_.back().named) wrong("has a star behind a parameter", pattern);
  }

  Match match(std::string_view path, Parameters& parameters) const {
    if (path.empty() || path.front() != '/') return Match::no;
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      const auto text = next(path);
      if (!text) return Match::no;
      const std::optional<std::string> decoded = percent_decoded(*text);
      if (!decoded) return Match::damaged;
      const Segment& segment = segments_[i];
      if (segment.named) {
        if (decoded->empty()) return Match::no;
        parameters.emplace_back(segment.text, *decoded);
      } else if (open_ && i + 1 == segments_.size()) {
        return decoded->starts_with(segment.text) ? Match::yes : Match::no;
      } else if (*decoded != segment.text) {
        return Match::no;
      }
    }
    return path.empty() ? Match::yes : Match::no;
  }

 private:
  struct Segment {
    std::string text;
    bool named;
  };

  /// Takes `/segment` off the front.
  static std::optional<std::string_view> next(std::string_view& path) noexcept {
    if (path.empty()) return std::nullopt;
    const std::size_t end = path.find('/', 1);
    const std::string_view segment = path.substr(1, end == std::string_view::npos ? end : end - 1);
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end);
    return segment;
  }
  [[noreturn]] static void wrong(const char* what, const std::string& pattern) {
    bad_argument("from_http_server: the path " + pattern + " " + what);
  }

  std::vector<Segment> segments_;
  bool open_ = false;
};

}  // namespace penstock::detail
