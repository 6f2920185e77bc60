// SPDX-License-Identifier: BSL-1.0
#include <fmt/core.h>

#include <exception>

#include <penstock/connect/tls.hpp>

int main() {
  const penstock::SecurityPtr client = penstock::tls_client();
  try {
    penstock::tls_server("/no/such.pem", "/no/such.key");
  } catch (const std::exception& e) {
    fmt::print("{}\n", e.what());
    return client ? 0 : 1;
  }
  return 1;
}
