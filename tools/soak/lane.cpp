// SPDX-License-Identifier: BSL-1.0
#include <array>
#include <exception>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>

#include "soak.hpp"

namespace soak {

void Run::begin(Async<> work) {
  ++working;
  asio::co_spawn(loop.executor(), std::move(work), [this](std::exception_ptr error) {
    --working;
    if (!error) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      ++surprises[e.what()];
    }
  });
}

Async<> Lane::produce(Stream<std::string> stream) {
  double owed = 0;
  penstock::TimePoint last = run.loop.now();
  while (!run.ending) {
    co_await penstock::async_sleep(run.loop, 50ms, awaited);
    const penstock::TimePoint now = run.loop.now();
    // What a slow sink has held back is not made up for.
    owed = std::min(owed + Seconds{now - last}.count() * run.rate, run.rate);
    last = now;
    for (; owed >= 1 && !run.ending; owed -= 1) {
      std::string next = element(arrivals.send());
      std::exception_ptr error;
      try {
        co_await stream.async_emit(std::move(next), awaited);
      } catch (const std::exception& e) {
        ++run.surprises[name + ": " + e.what()];
      }
    }
  }
}

Async<> Lane::disturb(double mean_seconds, std::function<void()> fn) {
  while (!run.ending) {
    const double pause = std::min(std::exponential_distribution<double>{1 / mean_seconds}(random), 4 * mean_seconds);
    for (double left = pause; left > 0 && !run.ending; left -= 0.2) {
      const Duration step = std::chrono::duration_cast<Duration>(Seconds{std::min(left, 0.2)});
      co_await penstock::async_sleep(run.loop, step, awaited);
    }
    if (run.ending) break;
    fn();
    ++disturbed;
  }
}

asio::awaitable<void> Lane::take(std::uint64_t number) {
  arrivals.add(number);
  const penstock::TimePoint now = run.loop.now();
  if (now >= slow_until_ && chance(0.0001)) slow_until_ = now + 1s;
  if (now < slow_until_ && !run.ending) co_await run.loop.sleep(2ms);
}

void Lane::expect_errors(const penstock::Handle& handle) {
  handle.on_background_error([this](std::exception_ptr error, const penstock::Info& where) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      std::string words = e.what();
      // Ports and places differ from one to the next.
      std::erase_if(words, [](char c) { return c >= '0' && c <= '9'; });
      ++run.errors[name + ", " + where.label() + ": " + words.substr(0, 150)];
    }
  });
}

Proxy::Proxy(Run& run)
    : run_(run),
      acceptor_(run.loop.executor(), asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), 0}),
      port_(acceptor_.local_endpoint().port()) {}

void Proxy::start(std::uint16_t to) {
  to_ = to;
  run_.begin(accept());
}

std::size_t Proxy::cut() {
  std::size_t n = 0;
  for (const auto& known : std::exchange(pairs_, {})) {
    const auto pair = known.lock();
    if (!pair) continue;
    boost::system::error_code ignored;
    if (n % 2 == 0) pair->near.set_option(asio::socket_base::linger(true, 0), ignored);
    pair->near.close(ignored);
    pair->far.close(ignored);
    ++n;
  }
  return n;
}

void Proxy::close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  cut();
}

Async<> Proxy::accept() {
  for (;;) {
    boost::system::error_code error;
    penstock::Socket socket = co_await acceptor_.async_accept(asio::redirect_error(awaited, error));
    if (error == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
    if (error) throw boost::system::system_error(error, "the proxy");
    ++connections_;
    std::erase_if(pairs_, [](const auto& pair) { return pair.expired(); });
    auto pair = std::make_shared<Pair>(std::move(socket));
    pairs_.push_back(pair);
    run_.begin(lead(pair, static_cast<std::uint32_t>(connections_)));
  }
}

Async<> Proxy::lead(std::shared_ptr<Pair> pair, std::uint32_t number) {
  boost::system::error_code error;
  const asio::ip::tcp::endpoint to{asio::ip::address_v4::loopback(), to_};
  // An address of its own: all of 127 is this machine. A port alone is soon used again, as Linux draws their sequence anew
  // every ten seconds, and two connections would look like one.
  const asio::ip::tcp::endpoint from{asio::ip::address_v4{0x7F010000U + number}, 0};
  pair->far.open(from.protocol(), error);
  if (!error) pair->far.bind(from, error);
  if (!error) co_await pair->far.async_connect(to, asio::redirect_error(awaited, error));
  if (error) {
    pair->near.close(error);
    co_return;
  }
  run_.begin(copy(pair, true));
  co_await copy(pair, false);
}

Async<> Proxy::copy(std::shared_ptr<Pair> pair, bool back) {
  penstock::Socket& from = back ? pair->far : pair->near;
  penstock::Socket& to = back ? pair->near : pair->far;
  std::array<char, 16384> block;
  boost::system::error_code error;
  while (!error) {
    const std::size_t n = co_await from.async_read_some(asio::buffer(block), asio::redirect_error(awaited, error));
    if (error) break;
    co_await asio::async_write(to, asio::buffer(block.data(), n), asio::redirect_error(awaited, error));
  }
  boost::system::error_code ignored;
  to.shutdown(asio::socket_base::shutdown_send, ignored);
  if (error != asio::error::eof || --pair->open == 0) {
    pair->near.close(ignored);
    pair->far.close(ignored);
  }
}

}  // namespace soak
