// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/system_error.hpp>

#include "penstock/connect/net/async.hpp"
#include "penstock/connect/net/byte_stream.hpp"
#include "penstock/connect/net/endpoint.hpp"
#include "penstock/connect/net/security.hpp"

// Not an operator: how clients get their connections.

namespace penstock::detail {

/// An error of the network with a sentence that names the other side, and without the place in Boost's code.
[[noreturn]] inline void net_error(const boost::system::error_code& error, const std::string& what) {
  throw boost::system::system_error(boost::system::error_code(error.value(), error.category()), what);
}
/// What a failure says beside its code.
inline std::string words_of(const boost::system::system_error& failure) {
  std::string words = failure.what();
  const std::string code = failure.code().what();
  if (words.ends_with(code)) words.resize(words.size() - code.size());
  if (words.ends_with(": ")) words.resize(words.size() - 2);
  return words;
}

/// The addresses of a name. One that is an address already needs nobody to be asked.
inline Async<asio::ip::tcp::resolver::results_type> resolve(Loop& loop, const Endpoint& to) {
  using Tcp = asio::ip::tcp;
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(to.host, error);
  if (!error) {
    const Tcp::endpoint endpoint{address, to.port};
    co_return Tcp::resolver::results_type::create(endpoint, to.host, std::to_string(to.port));
  }
  asio::ip::basic_resolver<Tcp, LoopExecutor> resolver{AsioLoop::executor_of(loop)};
  // Asio's resolver does not look at the cancellation of the coroutine.
  asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  const auto cancel = [&resolver](asio::cancellation_type) { resolver.cancel(); };
  if (state.slot().is_connected()) state.slot().assign(cancel);
  const std::string port = std::to_string(to.port);
  auto results = co_await resolver.async_resolve(to.host, port, awaited);
  state.slot().clear();
  co_return results;
}

inline Async<ByteStream> connect_now(Loop& loop, Endpoint to, SecurityPtr security) {
  const auto addresses = co_await resolve(loop, to);
  Socket socket{AsioLoop::executor_of(loop)};
  co_await asio::async_connect(socket, addresses, awaited);
  boost::system::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  ByteStream plain{std::make_shared<PlainStream>(std::move(socket)), to.text()};
  if (!security) co_return plain;
  std::string host = to.host;
  co_return co_await security->connected(std::move(plain), std::move(host));
}

/// A connection to `to`, secured where `security` is given. Throws boost::system::system_error that begins with
/// `who` and names `to`; asio::error::timed_out after `time`, for all of it together.
inline Async<ByteStream> connect(Loop& loop, const char* who, Endpoint to, SecurityPtr security, Duration time) {
  const std::string name = to.text();
  boost::system::error_code error;
  std::string reason;
  try {
    co_return co_await within(loop, time, connect_now(loop, std::move(to), std::move(security)), "no connection in time");
  } catch (const boost::system::system_error& failure) {
    error = failure.code();
    reason = words_of(failure);
  }
  net_error(error, std::string{who} + ": cannot connect to " + name + (reason.empty() ? "" : ": " + reason));
}

}  // namespace penstock::detail
