// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Not an operator: a request as from_http_server emits it.

namespace penstock {
namespace detail {

inline char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
inline bool same_letters(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace detail

/// The header fields of a message in their order, all in one block of memory.
class HttpHeaders {
 public:
  void add(std::string_view name, std::string_view value) {
    places_.push_back({text_.size(), name.size(), value.size()});
    text_.append(name).append(value);
  }
  std::size_t size() const noexcept { return places_.size(); }
  std::string_view name(std::size_t i) const noexcept { return part(places_[i].at, places_[i].name); }
  std::string_view value(std::size_t i) const noexcept {
    return part(places_[i].at + places_[i].name, places_[i].value);
  }
  /// The value of the first field of that name, in any case; nothing when there is none.
  std::optional<std::string_view> find(std::string_view name) const noexcept {
    for (std::size_t i = 0; i < size(); ++i) {
      if (detail::same_letters(this->name(i), name)) return value(i);
    }
    return std::nullopt;
  }
  /// How many fields have that name.
  std::size_t count(std::string_view name) const noexcept {
    std::size_t n = 0;
    for (std::size_t i = 0; i < size(); ++i) n += detail::same_letters(this->name(i), name) ? 1U : 0U;
    return n;
  }
  void clear() noexcept {
    text_.clear();
    places_.clear();
  }

 private:
  struct Place {
    std::size_t at, name, value;
  };
  std::string_view part(std::size_t at, std::size_t n) const noexcept {
    return std::string_view{text_}.substr(at, n);
  }

  std::string text_;
  std::vector<Place> places_;
};

/// What a client has sent.
struct HttpRequest {
  std::string method;  ///< `POST`
  std::string target;  ///< as it came: `/events/a%20b?batch=1`
  HttpHeaders headers;
  std::string body;  ///< without the chunks that it may have come in
  std::vector<std::pair<std::string, std::string>> parameters;  ///< of the path's pattern, decoded
  std::string peer;  ///< who sent it, as `host:port`

  /// The target up to the question mark, not decoded.
  std::string_view path() const noexcept { return std::string_view{target}.substr(0, target.find('?')); }
  /// What is behind the question mark, not decoded.
  std::string_view query() const noexcept {
    const std::size_t mark = target.find('?');
    return mark == std::string::npos ? std::string_view{} : std::string_view{target}.substr(mark + 1);
  }
  /// The value of a header in any case; empty when there is none.
  std::string_view header(std::string_view name) const noexcept { return headers.find(name).value_or(""); }
  /// What stands for `{name}` in the pattern that the path has matched; empty when there is no such name.
  std::string_view parameter(std::string_view name) const noexcept {
    for (const auto& [key, value] : parameters) {
      if (key == name) return value;
    }
    return {};
  }
};

}  // namespace penstock
