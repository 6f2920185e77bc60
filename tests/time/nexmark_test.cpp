// SPDX-License-Identifier: BSL-1.0
//
// NEXMark's queries: answers that two independent batch computations agree on.
#include "catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "penstock/core.hpp"
#include "penstock/testing/nexmark.hpp"
#include "penstock/time/event_time.hpp"
#include "penstock/time/interval_join.hpp"
#include "penstock/time/key_by.hpp"
#include "penstock/time/window.hpp"

using namespace std::chrono_literals;
using namespace penstock::testing::nexmark;
using penstock::EventTime;
using penstock::Stream;

namespace {

constexpr EventTime base = 1'436'918'400'000'000;

const auto is_bid = [](const Event& event) { return std::holds_alternative<Bid>(event); };
const auto bid_of = [](const Event& event) { return std::get<Bid>(event); };
const auto time_of_event = [](const Event& event) { return time_of(event); };

struct Count {
  std::int64_t n = 0;
  template <class T>
  void add(const T&) {
    ++n;
  }
  void merge(const Count& other) { n += other.n; }
  std::int64_t result() const { return n; }
};

struct Feed {
  std::int64_t events;
  std::int64_t group = 1;
  // Ten events have one time. A session that ends where the next one of its key begins is one with it, so it must not have been
  // told before all events of that time have come.
  std::chrono::milliseconds disorder{1};
  penstock::Tell tell = penstock::Tell::element;

  template <class Build>
  void operator()(Build build) const {
    const Stream<Event> source;
    build(source, source.event_time(time_of_event, penstock::bounded_disorder(disorder), {.tell = tell}));
    const Generator generator{group};
    for (std::int64_t i = 0; i < events; ++i) source.emit(generator(i));
    source.close();
  }
};

/// In order, and mixed up in groups of 1000, of which each spans 100 ms.
std::vector<Feed> feeds(std::int64_t events) { return {{events}, {events, 1000, 100ms}}; }

struct Hot {
  std::map<EventTime, std::vector<std::pair<std::int64_t, std::int64_t>>> windows;  // auctions and their counts
};
/// The auctions with most bids in each window.
struct Most {
  std::vector<std::pair<std::int64_t, std::int64_t>> hot;
  template <class R>
  void add(const R& count) {
    if (!hot.empty() && hot.front().second > count.value) return;
    if (!hot.empty() && hot.front().second < count.value) hot.clear();
    hot.emplace_back(count.key, count.value);
  }
  std::vector<std::pair<std::int64_t, std::int64_t>> result() const { return hot; }
};
Hot hot_auctions(const Feed& feed, std::chrono::seconds size, std::chrono::seconds slide) {
  Hot hot;
  feed([&](auto&, auto&& events) {
    events.filter(is_bid)
        .map(bid_of)
        .key_by(&Bid::auction)
        .window(penstock::hopping(size, slide))
        .aggregate(Count{})
        .window(penstock::tumbling(slide))  // the counts of one window have its end as their time
        .aggregate(Most{})
        .sink([&](const auto& most) { hot.windows[most.window.end - size / 1us] = most.value; });
  });
  return hot;
}
std::size_t rows(const Hot& hot) {
  std::size_t n = 0;
  for (const auto& [start, auctions] : hot.windows) n += auctions.size();
  return n;
}

}  // namespace

TEST_CASE("q0 passes all through, q1 converts, q2 and q14 select, q18 keeps the distinct") {
  struct Answer {
    std::int64_t events, persons, auctions, bids, sum, converted, selected, selected_sum, dear;
    std::size_t distinct;
  };
  const auto answer = GENERATE(
      Answer{5'000, 100, 300, 4'600, 34'185'930'072, 30'425'475'487, 6, 8'466'641, 1'313, 542},
      Answer{100'000, 2'000, 6'000, 92'000, 667'953'890'778, 594'478'917'334, 351, 2'502'808'698, 26'069, 25'248});
  for (const Feed& feed : feeds(answer.events)) {
    std::int64_t persons = 0, auctions = 0, bids = 0, sum = 0, converted = 0, selected = 0, selected_sum = 0, dear = 0;
    std::size_t distinct = 0;
    feed([&](auto& source, auto&&) {
      source.filter([](const Event& e) { return std::holds_alternative<Person>(e); }).sink([&](const Event&) { ++persons; });
      source.filter([](const Event& e) { return std::holds_alternative<Auction>(e); }).sink([&](const Event&) { ++auctions; });
      auto all = source.filter(is_bid).map(bid_of);
      all.sink([&](const Bid& bid) {
        ++bids;
        sum += bid.price;
      });
      all.map([](const Bid& bid) { return bid.price * 89 / 100; }).sink([&](std::int64_t price) { converted += price; });
      all.filter([](const Bid& bid) { return bid.auction % 123 == 0; }).sink([&](const Bid& bid) {
        ++selected;
        selected_sum += bid.price;
      });
      all.filter([](const Bid& bid) {
           const double price = 0.908 * static_cast<double>(bid.price);
           return price > 1e6 && price < 5e7;
         }).sink([&](const Bid&) { ++dear; });
      all.unique([](const Bid& bid) { return std::pair(bid.bidder, bid.auction); }).sink([&](const Bid&) { ++distinct; });
    });
    CHECK(persons == answer.persons);
    CHECK(auctions == answer.auctions);
    CHECK(bids == answer.bids);
    CHECK(sum == answer.sum);
    CHECK(converted == answer.converted);
    CHECK(selected == answer.selected);
    CHECK(selected_sum == answer.selected_sum);
    CHECK(dear == answer.dear);
    CHECK(distinct == answer.distinct);
  }
}

TEST_CASE("q3: auctions of a category with their sellers in three states") {
  struct Answer {
    std::int64_t events, rows, sum;
  };
  const auto answer = GENERATE(Answer{5'000, 4, 5'110}, Answer{100'000, 580, 2'586'338});
  for (const Feed& feed : feeds(answer.events)) {
    std::int64_t rows = 0, sum = 0;
    feed([&](auto&, auto&& events) {
      const auto auctions = events.filter([](const Event& e) { return std::holds_alternative<Auction>(e); })
                                .map([](const Event& e) { return std::get<Auction>(e); })
                                .filter([](const Auction& auction) { return auction.category == 10; })
                                .key_by(&Auction::seller);
      const auto sellers = events.filter([](const Event& e) { return std::holds_alternative<Person>(e); })
                               .map([](const Event& e) { return std::get<Person>(e); })
                               .filter([](const Person& p) { return p.state == "OR" || p.state == "ID" || p.state == "CA"; })
                               .key_by(&Person::id);
      penstock::interval_join(auctions, sellers, penstock::between(-1h, 1h)).sink([&](const auto& row) {
        ++rows;
        sum += row.left.id;
      });
    });
    CHECK(rows == answer.rows);
    CHECK(sum == answer.sum);
  }
}

TEST_CASE("q5: the auctions with most bids in windows of 10 seconds") {
  const std::vector<std::pair<std::int64_t, std::int64_t>> first{{1000, 1518}, {1100, 1518}};
  for (const Feed& feed : feeds(5'000)) {
    const Hot hot = hot_auctions(feed, 10s, 2s);
    CHECK(hot.windows.size() == 5);
    CHECK(rows(hot) == 10);
    CHECK(hot_auctions(feed, 10s, 5s).windows.size() == 2);
    CHECK(rows(hot_auctions(feed, 10s, 5s)) == 4);
  }
  for (const Feed& feed : feeds(100'000)) {
    const Hot hot = hot_auctions(feed, 10s, 2s);
    CHECK(hot.windows.size() == 9);
    CHECK(rows(hot) == 15);
    CHECK(hot.windows.at(base - 8'000'000) == first);
    CHECK(hot.windows.at(base) == std::vector<std::pair<std::int64_t, std::int64_t>>{{4200, 1565}});
    CHECK(hot_auctions(feed, 10s, 5s).windows.size() == 3);
    CHECK(rows(hot_auctions(feed, 10s, 5s)) == 5);
  }
}

TEST_CASE("q7: the highest bid of every 10 seconds") {
  struct Highest {
    Bid best;
    void add(const Bid& bid) {
      if (bid.price > best.price) best = bid;
    }
    Bid result() const { return best; }
  };
  const auto highest = [](const Feed& feed) {
    std::vector<std::pair<EventTime, Bid>> found;
    feed([&](auto&, auto&& events) {
      events.filter(is_bid)
          .map(bid_of)
          .window(penstock::tumbling(10s))
          .aggregate(Highest{})
          .sink([&](const auto& result) { found.emplace_back(result.window.start, result.value); });
    });
    REQUIRE(!found.empty());
    return found.front();
  };
  for (const Feed& feed : feeds(5'000)) {
    const auto [start, bid] = highest(feed);
    CHECK(start == base);
    CHECK(bid.auction == 1252);
    CHECK(bid.price == 99'819'658);
  }
  for (const Feed& feed : feeds(100'000)) {
    const auto [start, bid] = highest(feed);
    CHECK(bid.auction == 3100);
    CHECK(bid.bidder == 1438);
    CHECK(bid.price == 99'958'591);
    CHECK(bid.time == base + 3'533'000);
  }
}

TEST_CASE("q8: who has come and sells within the same 10 seconds") {
  struct New {
    std::int64_t persons = 0;
    std::int64_t auctions = 0;
    void add(const Event& event) { ++(std::holds_alternative<Person>(event) ? persons : auctions); }
    std::pair<std::int64_t, std::int64_t> result() const { return {persons, auctions}; }
  };
  struct Answer {
    std::int64_t events, persons, pairs;
  };
  const auto answer = GENERATE(Answer{5'000, 46, 298}, Answer{100'000, 902, 6'000});
  for (const Feed& feed : feeds(answer.events)) {
    std::int64_t persons = 0, pairs = 0;
    feed([&](auto&, auto&& events) {
      events.filter([](const Event& event) { return !is_bid(event); })
          .key_by([](const Event& event) {
            const auto* person = std::get_if<Person>(&event);
            return person ? person->id : std::get<Auction>(event).seller;
          })
          .window(penstock::tumbling(10s))
          .aggregate(New{})
          .sink([&](const auto& result) {
            const auto [came, sold] = result.value;
            pairs += came * sold;
            if (came * sold != 0) ++persons;
          });
    });
    CHECK(persons == answer.persons);
    CHECK(pairs == answer.pairs);
  }
}

TEST_CASE("q11: sessions of bidders") {
  const auto sessions = [](const Feed& feed, std::chrono::milliseconds gap) {
    std::size_t n = 0;
    feed([&](auto&, auto&& events) {
      events.filter(is_bid)
          .map(bid_of)
          .key_by(&Bid::bidder)
          .window(penstock::session(gap))
          .aggregate(Count{})
          .sink([&](const auto&) { ++n; });
    });
    return n;
  };
  for (const Feed& feed : feeds(5'000)) {
    CHECK(sessions(feed, 100ms) == 126);
    CHECK(sessions(feed, 10s) == 100);
  }
  for (const Feed& feed : feeds(100'000)) {
    CHECK(sessions(feed, 100ms) == 15'510);
    CHECK(sessions(feed, 10s) == 1'919);
  }
}

TEST_CASE("what is too late, mixed up in groups of 1000") {
  struct Answer {
    std::chrono::milliseconds disorder;
    std::int64_t dropped, before_end, at_end, counted;
  };
  const auto answer = GENERATE(Answer{0ms, 73'692, 4'289, 1, 18'308}, Answer{20ms, 55'200, 8'728, 2, 36'800},
                               Answer{50ms, 27'600, 14'337, 3, 64'400}, Answer{100ms, 0, 19'503, 5, 92'000});
  std::int64_t dropped = 0, rows = 0, counted = 0;
  const Stream<Event> source;
  auto counts = source.event_time(time_of_event, penstock::bounded_disorder(answer.disorder), {.tell = penstock::Tell::element})
                    .filter(is_bid)
                    .map(bid_of)
                    .key_by(&Bid::auction)
                    .window(penstock::tumbling(30ms))
                    .aggregate(Count{});
  counts.sink([&](const auto& result) {
    ++rows;
    counted += result.value;
  });
  counts.late().sink([&](const auto&) { ++dropped; });
  const Generator generator{1000};
  for (std::int64_t i = 0; i < 100'000; ++i) source.emit(generator(i));
  const std::int64_t before_end = rows;
  source.close();
  CHECK(dropped == answer.dropped);
  CHECK(counts.node().time_gauges()->late_dropped.get() == static_cast<std::uint64_t>(answer.dropped));
  CHECK(before_end == answer.before_end);
  CHECK(rows - before_end == answer.at_end);
  CHECK(counted == answer.counted);
}
