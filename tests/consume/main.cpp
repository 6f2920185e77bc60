// SPDX-License-Identifier: BSL-1.0
#include <fmt/core.h>

#include <boost/asio/io_context.hpp>

#include <penstock/core.hpp>
#include <penstock/version.hpp>

int main() {
  boost::asio::io_context context;
  context.run();
  fmt::print("{}\n", PENSTOCK_VERSION_STRING);
}
