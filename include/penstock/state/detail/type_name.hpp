// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>

namespace penstock::detail {

/// How the compiler spells a `T`.
template <class T>
constexpr auto spelling() {
  const std::string_view text = __PRETTY_FUNCTION__;
  return text.substr(text.find("T = ") + 4);
}

/// The name of a class without namespaces and template arguments, which compilers spell in their own ways.
template <class T>
constexpr std::string_view type_name() {
  const std::string_view text = spelling<T>();
  std::size_t start = 0, length = 0;
  bool open = true;
  for (std::size_t i = 0, depth = 0; i < text.size() && (depth > 0 || (text[i] != ';' && text[i] != ']')); ++i) {
    const char c = text[i];
    if (c == '<' || c == '(' || c == '{') open = depth++ > 0 && open;
    else if (c == '>' || c == ')' || c == '}') --depth;
    else if (depth > 0) continue;
    else if (c == ':') start = i + 1, length = 0, open = true;
    else if (open) ++length;
  }
  return text.substr(start, length);
}

/// Whether a class is one of the standard library or Boost: one derived from it may hold more.
template <class T>
inline constexpr bool from_library = spelling<T>().starts_with("std::") || spelling<T>().starts_with("boost::");

}  // namespace penstock::detail
