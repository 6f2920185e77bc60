// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>

#include <fmt/core.h>

#include <penstock/core.hpp>
#include <penstock/testing/nexmark.hpp>
#include <penstock/time/time.hpp>

// What all queries begin and end with. A query is run as
//
//     q5 [events [group [its own number]]]
//
// Events come in groups whose order is mixed up; a group of 1 is in order.

using namespace std::chrono_literals;
using penstock::testing::nexmark::Auction;
using penstock::testing::nexmark::Bid;
using penstock::testing::nexmark::Event;
using penstock::testing::nexmark::Person;

class Site {
 public:
  Site(int argc, char** argv) {
    if (argc > 1) events_ = std::atoll(argv[1]);
    if (argc > 2) group_ = std::atoll(argv[2]);
    if (argc > 3) number_ = std::atoll(argv[3]);
  }

  /// The query's own number on the command line.
  std::int64_t number(std::int64_t otherwise) const { return number_ != 0 ? number_ : otherwise; }

  /// Ten events come in a millisecond and have one time; those of a group are mixed up.
  std::chrono::microseconds disorder() const { return std::chrono::milliseconds{1 + (group_ - 1) / 10}; }

  /// All events, with their times.
  penstock::Stream<Event> events() const { return events(disorder()); }
  penstock::Stream<Event> events(std::chrono::microseconds disorder) const {
    return source_.event_time(penstock::testing::nexmark::time_of, penstock::bounded_disorder(disorder),
                              {.tell = penstock::Tell::element});
  }

  /// The site's whole day.
  void open() const {
    const penstock::testing::nexmark::Generator event{group_};
    for (std::int64_t n = 0; n < events_; ++n) source_.emit(event(n));
  }
  void run() const {
    open();
    source_.close();
  }
  void close() const { source_.close(); }

 private:
  std::int64_t events_ = 5'000;
  std::int64_t group_ = 1;
  std::int64_t number_ = 0;
  penstock::Stream<Event> source_;
};

/// A row of a result: its fields with commas between them.
template <class First, class... Rest>
void row(const First& first, const Rest&... rest) {
  fmt::print("{}", first);
  (fmt::print(",{}", rest), ...);
  fmt::print("\n");
}
