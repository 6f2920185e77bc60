// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace soak {

/// A certificate for localhost, made by `openssl`.
struct Certificate {
  explicit Certificate(const std::filesystem::path& directory)
      : certificate((directory / "localhost.pem").string()), key((directory / "localhost.key").string()) {
    const std::string command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout '" + key +
                                "' -out '" + certificate +
                                "' -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost >/dev/null 2>&1";
    if (std::system(command.c_str()) != 0) throw std::runtime_error("openssl cannot make a certificate");
  }
  std::string certificate;
  std::string key;
};

}  // namespace soak
