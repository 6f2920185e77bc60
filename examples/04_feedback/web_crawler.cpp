// SPDX-License-Identifier: BSL-1.0
// Follows the links of a small web until no new page is found: a cycle that ends by itself.
#include <fmt/core.h>

#include <map>
#include <string>
#include <vector>

#include "penstock/core.hpp"

int main() {
  const std::map<std::string, std::vector<std::string>> web = {
      {"/index", {"/news", "/about"}},
      {"/news", {"/index", "/news/1", "/news/2"}},
      {"/news/1", {"/news", "/about"}},
      {"/news/2", {"/news", "/index"}},
      {"/about", {"/index", "/contact"}},
      {"/contact", {}},
      {"/secret", {"/index"}},
  };

  penstock::Stream<std::string> urls;
  auto pages = urls.unique();
  pages.sink([](const std::string& url) { fmt::print("{}\n", url); });

  // The links of every page go back to where the addresses come from. The edge closes a cycle, so they wait
  // there until the page has been dealt with: a queue, and no recursion.
  penstock::Stream<std::string> links =
      pages.map([&](const std::string& url) { return web.at(url); }).flatten();
  links.connect(urls);

  urls.emit("/index");
}
