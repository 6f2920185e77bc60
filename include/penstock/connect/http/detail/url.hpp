// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "penstock/connect/net/endpoint.hpp"
#include "penstock/core/error.hpp"

// Not an operator: where a client posts to.

namespace penstock::detail {

/// True when the text can stand in a line of a header without beginning another one.
inline bool one_line(std::string_view text) noexcept {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  return true;
}

/// `http://host:8080/path?query`.
struct HttpUrl {
  Endpoint endpoint;
  std::string host;    ///< as the Host header has it
  std::string target;  ///< path and query
  bool secured = false;

  explicit HttpUrl(std::string_view url, const char* who) {
    const std::string whole{url};
    const auto wrong = [&](const char* what) { bad_argument(std::string{who} + ": " + what + ": " + whole); };
    if (url.starts_with("https://")) {
      secured = true;
    } else if (!url.starts_with("http://")) {
      wrong("a URL begins with http:// or https://");
    }
    url.remove_prefix(secured ? 8 : 7);
    const std::size_t slash = url.find_first_of("/?#");
    const std::string_view authority = url.substr(0, slash);
    const std::string_view rest = slash == std::string_view::npos ? std::string_view{} : url.substr(slash);
    if (authority.empty()) wrong("the URL has no host");
    if (authority.find('@') != std::string_view::npos) wrong("a user's name belongs into a header");
    if (rest.find('#') != std::string_view::npos) wrong("a fragment is not sent to the server");
    if (rest.find(' ') != std::string_view::npos || !one_line(whole)) wrong("the URL has a blank in it");
    const bool bracket = authority.back() == ']';
    const bool has_port = !bracket && authority.find(':') != std::string_view::npos;
    endpoint = Endpoint(std::string(authority) + (has_port ? "" : secured ? ":443" : ":80"));
    host = authority;
    target = rest.starts_with('/') ? std::string(rest) : '/' + std::string(rest);
  }
};

}  // namespace penstock::detail
