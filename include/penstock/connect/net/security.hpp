// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "penstock/connect/net/byte_stream.hpp"

// Not an operator: where TLS comes in.

namespace penstock {

/// Makes a connection a secured one. connect/tls/tls.hpp has the ones that there are; nothing else knows OpenSSL.
class Security {
 public:
  virtual ~Security() = default;
  /// Secures a connection to `host`, as the side that has made it. Throws what is wrong in words that name the
  /// host: boost::system::system_error. Whoever waits for it limits its time.
  virtual asio::awaitable<ByteStream, LoopExecutor> connected(ByteStream plain, std::string host) const = 0;
  /// Secures a connection that was accepted.
  virtual asio::awaitable<ByteStream, LoopExecutor> accepted(ByteStream plain) const = 0;
};
using SecurityPtr = std::shared_ptr<const Security>;

}  // namespace penstock
