// SPDX-License-Identifier: BSL-1.0
//
// Batches do what their elements do one by one: random graphs are fed both ways, and everything that can be
// seen must be the same and in the same order. Replay one with PENSTOCK_SEED=n.
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/penstock.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;

namespace {

using Log = std::vector<std::string>;

class Run {
 public:
  Run(std::uint64_t seed, bool together) : random_(seed), together_(together), loop_(seed) {
    const Stream<int> source = below(2) == 0 ? Stream<int>{} : Stream<int>{loop_};
    streams_.push_back(source);
    for (unsigned n = 2 + below(8); n > 0; --n) streams_.push_back(operation());
    for (std::size_t i = 0; i < streams_.size(); ++i) consume(i);
    feed(source);
    for (const Stream<int>& stream : streams_) {
      const Info& info = stream.info();
      log_.push_back(info.label() + " in " + std::to_string(info.in.get()) + " out " +
                     std::to_string(info.out.get()) + " failed " + std::to_string(info.failed.get()) +
                     " left out " + std::to_string(info.left_out.get()));
    }
  }

  const Log& log() const noexcept { return log_; }

 private:
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  const Stream<int>& any() { return streams_[below(static_cast<unsigned>(streams_.size()))]; }

  Stream<int> operation() {
    static constexpr auto sum = [](const std::vector<int>& items) {
      return std::accumulate(items.begin(), items.end(), 0);
    };
    const int k = static_cast<int>(2 + below(5));
    const Stream<int> from = any();
    switch (below(9)) {
      case 0: return from.map([k](int x) { return x + k; });
      case 1: return from.filter([k](int x) { return x % k != 0; }).map([k](int x) { return x * k; });
      case 2: return from.accumulate([](int total, int x) { return total + x; }, 0);
      case 3: {
        const auto difference = [](const std::tuple<int, int>& both) {
          return std::get<0>(both) - std::get<1>(both);
        };
        return from.zip(any()).map(difference);
      }
      case 4: return from.merge(any());
      case 5: return from.buffer(100);
      case 6: return from.partition(static_cast<std::size_t>(k)).map(sum);
      case 7:
        return from.map([k](int x) {
          if (x % (7 * k) == 0) throw std::runtime_error("divided by " + std::to_string(7 * k));
          return x;
        });
      default: return from.sliding_window(static_cast<std::size_t>(k)).map(sum);
    }
  }

  /// A sink that writes down what it sees, and at some element takes another one away or wires a further one.
  void consume(std::size_t i) {
    const unsigned at = below(60);
    const unsigned what = below(3);
    const std::size_t other = below(static_cast<unsigned>(streams_.size()));
    sinks_.push_back(streams_[i].sink([this, i, at, what, other, n = 0U](int x) mutable {
      log_.push_back(std::to_string(i) + ": " + std::to_string(x));
      if (n++ != at) return;
      if (what == 0 && other < sinks_.size()) sinks_[other].destroy();
      if (what == 1) {
        streams_[other].sink([this, other](int y) {
          log_.push_back("new " + std::to_string(other) + ": " + std::to_string(y));
        });
      }
    }));
  }

  void feed(const Stream<int>& source) {
    int next = 0;
    for (unsigned chunks = 6; chunks > 0; --chunks) {
      std::vector<int> items(1 + below(20));
      std::iota(items.begin(), items.end(), next);
      next += static_cast<int>(items.size());
      guarded([&] {
        if (together_) {
          source.emit_all(items);
        } else {
          for (const int item : items) source.emit(item);
        }
      });
      guarded([&] { loop_.run(); });
    }
    guarded([&] { loop_.run(); });
  }
  template <class Fn>
  void guarded(Fn fn) {
    try {
      fn();
    } catch (const std::exception& error) {
      log_.push_back(std::string{"thrown: "} + error.what());
    }
  }

  std::mt19937_64 random_;
  bool together_;
  Log log_;
  VirtualLoop loop_;
  std::vector<Stream<int>> streams_;
  std::vector<Sink> sinks_;
};

}  // namespace

TEST_CASE("random graphs see the same from batches as from elements one by one") {
  const char* replay = std::getenv("PENSTOCK_SEED");
  const std::uint64_t first = replay ? std::strtoull(replay, nullptr, 10) : 1;
  const std::uint64_t last = replay ? first : 2000;
  std::size_t seen = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Run one_by_one{seed, false};
    const Run together{seed, true};
    INFO("PENSTOCK_SEED=" << seed);
    REQUIRE(together.log() == one_by_one.log());
    seen += one_by_one.log().size();
  }
  REQUIRE(seen > (last - first + 1) * 20);
}
