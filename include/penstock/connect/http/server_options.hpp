// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "penstock/connect/net/security.hpp"
#include "penstock/core/loop.hpp"

// Not an operator: how from_http_server is told what to do.

namespace penstock {

/// When a client is told that all is well.
enum class HttpReply : std::uint8_t {
  taken,  ///< the pipeline took what came: everything that made it wait is through
  done    ///< the pipeline has done with it: nobody holds a Ref of it any more
};

/// How from_http_server serves.
struct HttpServer {
  std::vector<std::string> paths = {"/*"};      ///< `/a`, `/events/{device}`, `/other*`; others: 404
  std::vector<std::string> methods = {"POST"};  ///< in capitals; others are answered 405
  std::vector<std::string> types = {};          ///< media types, without parameters; others: 415. Empty: any
  std::size_t max_header = std::size_t{8} << 10;   ///< bytes up to the body: 414, 431
  std::uint64_t max_body = std::uint64_t{1} << 20; ///< bytes, however they are sent: 413
  std::size_t max_requests = 10'000;               ///< on one connection; 0: any number
  std::size_t max_waiting = 1;  ///< requests whose elements may wait in the pipeline; others wait before it
  std::size_t connections = 64;                    ///< at once, at least 1; others wait to be accepted
  HttpReply reply = HttpReply::taken;
  Duration answer_time = std::chrono::seconds{10};  ///< for the pipeline: 503
  Duration header_time = std::chrono::seconds{10};  ///< from its first byte to its last: 408
  Duration body_time = std::chrono::seconds{30};    ///< the same: 408
  Duration idle_time = std::chrono::seconds{60};    ///< between requests; then the connection is closed
  std::chrono::seconds retry_after{1};              ///< what a 503 advises
  bool unknown_names = false;  ///< in JSON: names that the row does not have are left out; false: 400
  bool missing_names = false;  ///< in JSON: members without a name keep their value; false: only optional ones
  std::string time_format{};   ///< of times in JSON, see field_traits; empty: ISO 8601
  SecurityPtr security = nullptr;                 ///< TLS, from penstock::tls_server
  Duration handshake = std::chrono::seconds{10};  ///< how long TLS may take to agree
};

}  // namespace penstock
