// SPDX-License-Identifier: BSL-1.0
// What the lanes of the long-run check share.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/redirect_error.hpp>

#include <penstock/connect/net/async.hpp>
#include <penstock/connect/net/byte_stream.hpp>
#include <penstock/core/stream.hpp>
#include <penstock/exec/async_emit.hpp>
#include <penstock/exec/await.hpp>
#include <penstock/exec/event_loop.hpp>
#include <penstock/sinks/sink.hpp>

namespace soak {

namespace asio = boost::asio;
using penstock::Async;
using penstock::awaited;
using penstock::Duration;
using penstock::EventLoop;
using penstock::Stream;
using namespace std::chrono_literals;

/// What all lanes run in.
struct Run {
  EventLoop loop;
  std::uint64_t seed = 0;
  double rate = 1000;  // elements a second and lane
  std::filesystem::path directory;
  bool ending = false;   // no new elements and no new disturbances
  int working = 0;       // coroutines that have not ended
  std::map<std::string, std::uint64_t> errors;   // that were declared, by their words
  std::map<std::string, std::uint64_t> surprises;  // that nobody has an explanation for

  /// Lets a coroutine work until it ends.
  void begin(Async<> work);
};

/// A text of the number of an element: it, and enough behind it to fill the buffers on the way.
inline std::string element(std::uint64_t number) {
  std::string text = std::to_string(number);
  text.append(20 + number % 100, 'x');
  return text;
}
inline std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::size_t at = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    number = number * 10 + static_cast<std::uint64_t>(text[at] - '0');
  }
  const bool whole = at > 0 && text.size() == at + 20 + number % 100 && text.find_first_not_of('x', at) == text.npos;
  return whole ? number : ~std::uint64_t{0};
}

/// Which of the elements, numbered from 0, have arrived. Holds the gaps only.
class Arrivals {
 public:
  void add(std::uint64_t number) {
    if (number == ~std::uint64_t{0} || number >= sent_) {
      ++damaged_;
    } else if (number >= next_) {
      if (number > next_) gaps_[next_] = number;
      next_ = number + 1;
      ++arrived_;
    } else if (fill(number)) {
      ++arrived_;
    } else {
      ++again_;
    }
  }
  std::uint64_t send() noexcept { return sent_++; }

  std::uint64_t sent() const noexcept { return sent_; }
  std::uint64_t arrived() const noexcept { return arrived_; }
  std::uint64_t again() const noexcept { return again_; }
  std::uint64_t damaged() const noexcept { return damaged_; }
  /// Up to the last that has arrived.
  std::uint64_t missing() const noexcept { return next_ - arrived_; }
  std::size_t gaps() const noexcept { return gaps_.size(); }

 private:
  bool fill(std::uint64_t number) {
    auto gap = gaps_.upper_bound(number);
    if (gap == gaps_.begin()) return false;
    --gap;
    if (number >= gap->second) return false;
    const auto [begin, end] = *gap;
    gaps_.erase(gap);
    if (begin < number) gaps_[begin] = number;
    if (number + 1 < end) gaps_[number + 1] = end;
    return true;
  }

  std::uint64_t sent_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t arrived_ = 0;
  std::uint64_t again_ = 0;
  std::uint64_t damaged_ = 0;
  std::map<std::uint64_t, std::uint64_t> gaps_;
};

/// One path through the library: elements go in, come out at the other end, and something is done to them meanwhile.
class Lane {
 public:
  Lane(Run& r, std::string n) : run(r), name(std::move(n)), random(run.seed ^ std::hash<std::string>{}(name)) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  virtual ~Lane() = default;

  /// Starts everything; what goes on by itself ends soon after `run.ending`.
  virtual void start() = 0;
  /// Called when nothing is produced any more: ends what has an end.
  virtual void finish() {}
  /// All that went in has come out, or was declared to be lost.
  virtual bool settled() const { return arrivals.arrived() + lost() == arrivals.sent(); }
  virtual void stop() = 0;

  /// Elements that were declared to be lost.
  virtual std::uint64_t lost() const { return 0; }
  virtual std::uint64_t again_allowed() const { return 0; }

  Run& run;
  const std::string name;
  Arrivals arrivals;
  std::uint64_t disturbed = 0;
  std::uint64_t wrong = 0;  // what this lane found out about itself

 protected:
  using Seconds = std::chrono::duration<double>;
  double uniform(double low, double high) { return std::uniform_real_distribution<double>{low, high}(random); }
  bool chance(double p) { return uniform(0, 1) < p; }

  /// Emits at `stream` at the rate of the run, in lots, until the run ends.
  Async<> produce(Stream<std::string> stream);
  /// Does `fn` every now and then.
  Async<> disturb(double mean_seconds, std::function<void()> fn);
  /// The sink of a lane: slow for a while every now and then.
  asio::awaitable<void> take(std::uint64_t number);
  /// Errors of background work that are part of the lane's life.
  void expect_errors(const penstock::Handle& handle);

  std::mt19937_64 random;
  penstock::TimePoint slow_until_{};
};

/// A connection between two ends of a lane that breaks when it is told to. What is behind it sees each connection come
/// from an address that no other one has. Once started it has to be closed, and the loop has to run on until all
/// coroutines have ended.
class Proxy {
 public:
  explicit Proxy(Run& run);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy() = default;

  std::uint16_t port() const noexcept { return port_; }
  /// @param to  the port that it leads to.
  void start(std::uint16_t to);
  /// Breaks all connections, at whatever byte they are.
  std::size_t cut();
  void close();
  std::uint64_t connections() const noexcept { return connections_; }

 private:
  struct Pair {
    explicit Pair(penstock::Socket a) : near(std::move(a)), far(near.get_executor()) {}
    penstock::Socket near;
    penstock::Socket far;
    int open = 2;
  };
  Async<> accept();
  Async<> lead(std::shared_ptr<Pair> pair, std::uint32_t number);
  Async<> copy(std::shared_ptr<Pair> pair, bool back);

  Run& run_;
  asio::basic_socket_acceptor<asio::ip::tcp, penstock::LoopExecutor> acceptor_;
  std::uint16_t port_;
  std::uint16_t to_ = 0;
  std::uint64_t connections_ = 0;
  std::list<std::weak_ptr<Pair>> pairs_;
};

std::vector<std::unique_ptr<Lane>> tcp_lanes(Run& run);
std::vector<std::unique_ptr<Lane>> file_lanes(Run& run);
std::vector<std::unique_ptr<Lane>> process_lanes(Run& run);
std::vector<std::unique_ptr<Lane>> http_lanes(Run& run);
std::vector<std::unique_ptr<Lane>> websocket_lanes(Run& run);

}  // namespace soak
