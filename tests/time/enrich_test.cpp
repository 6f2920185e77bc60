// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/enrich.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "places.hpp"
#include "random_joins.hpp"

using namespace penstock;
using namespace random_joins;
using testing::Probe;

namespace {

using Row = std::pair<int, int>;  // ids; -1 for nobody
struct Seen {
  std::vector<Row> rows;
  std::vector<int> late;  // none is
  friend bool operator==(const Seen&, const Seen&) = default;
};

template <Outer outer>
Seen run(const Events& events, EventTime life) {
  Seen seen;
  const Stream<Event> left;
  const Stream<Event> table;
  auto enriched = enrich<outer>(timed(left, events.disorder), timed(table, events.disorder),
                                life == 0 ? rows_stay() : rows_expire_after(Micros{life}));
  enriched.sink([&](const auto& row) { seen.rows.emplace_back(id_of(row.left), id_of(row.right)); });
  for (const auto& [is_left, event] : events.list) (is_left ? left : table).emit(event);
  left.close();
  table.close();
  return seen;
}
/// The newest of each key; a row that is too old for an element is as none.
template <Outer outer>
Seen model(const Events& events, EventTime life) {
  Seen seen;
  std::map<int, Event> rows;
  EventTime frontier = no_frontier;
  for (const auto& [is_left, event] : events.list) {
    if (!is_left) {
      rows.insert_or_assign(event.key, event);
      continue;
    }
    const auto row = rows.find(event.key);
    const bool known = row != rows.end() && (life == 0 || std::max(event.time, frontier) < row->second.time + life);
    if (known || outer == Outer::left) seen.rows.emplace_back(event.id, known ? row->second.id : -1);
    frontier = std::max(frontier, event.time - events.disorder);
  }
  return seen;
}
template <Outer outer>
void compare() {
  each_case([](Random& random) {
    const Events events = some_events(random);
    const EventTime life = random.upto(2) * (1 + random.upto(20));
    return std::pair{run<outer>(events, life), model<outer>(events, life)};
  }, 2);
}

}  // namespace

TEST_CASE("an inner enrichment takes the newest row of the key") { compare<Outer::none>(); }
TEST_CASE("a left enrichment takes the newest row of the key, if there is one") { compare<Outer::left>(); }

TEST_CASE("the frontier, idleness and end of an enrichment are those of the left stream") {
  const Stream<Event> left;
  const Stream<Event> table;
  auto enriched = enrich<Outer::left>(timed(left, 0), timed(table, 0), rows_stay());
  Probe<decltype(enriched)::value_type> probe{enriched};
  table.emit({1, 1, 1});
  CHECK(probe.signals().empty());
  left.emit({50, 1, 2});
  REQUIRE(probe.signals().size() == 1);
  CHECK(probe.signals()[0].value == 50);
  CHECK(probe.records()[0].event_time == 50);
  table.close();
  CHECK(probe.signals().size() == 1);
  left.close();
  CHECK(probe.signals().back().kind == Signal::end);
}

TEST_CASE("rows expire by the frontier of the left stream") {
  const Stream<Event> left;
  const Stream<Event> table;
  auto enriched = enrich(timed(left, 0), timed(table, 0), rows_expire_after(Micros{10}));
  enriched.sink([](const auto&) {});
  for (int key = 0; key < 5; ++key) table.emit({key, key, key});
  table.emit({20, 0, 5});
  const auto rows = [&] { return enriched.node().time_gauges()->entries.get(); };
  CHECK(rows() == 5);
  left.emit({12, 9, 6});
  CHECK(rows() == 3);
  left.emit({29, 9, 7});
  CHECK(rows() == 1);
  left.emit({30, 9, 8});
  CHECK(rows() == 0);
}

TEST_CASE("without expiry no event time is needed; with it there is a sentence; elements may be move-only on the left") {
  struct Own {
    int key;
    std::unique_ptr<int> id;
  };
  const Stream<Own> left;
  const Stream<Event> table;
  std::vector<Row> rows;
  enrich(left.key_by(&Own::key), table.key_by(&Event::key), rows_stay()).sink([&](const auto& row) {
    rows.emplace_back(*row.left.id, row.right.id);
  });
  table.emit({0, 1, 5});
  left.emit({1, std::make_unique<int>(6)});
  CHECK(rows == std::vector<Row>{{6, 5}});

  const Stream<Event> other;
  const Stream<Event> prices;
  enrich(other.key_by(&Event::key), prices.key_by(&Event::key), rows_expire_after(Micros{1})).sink([](const auto&) {});
  CHECK_THROWS_WITH(prices.emit({0, 1, 5}), "enrich: the elements have no event time; put event_time(...) before");
  CHECK_THROWS_WITH(rows_expire_after(Micros{0}), "rows_expire_after: the time must be at least a microsecond");
}

TEST_CASE("enrich: a key that is not equal to itself has no partner, and holds up nothing") {
  const Stream<places::Visit> left, right;
  int rows = 0;
  enrich<Outer::left>(by_place(left), by_place(right), rows_expire_after(Micros{5})).sink([&](const auto&) { ++rows; });
  right.emit({1, places::nowhere});
  left.emit({20, {2.0}});  // the frontier passes the row
  left.emit({30, {2.0}});
  CHECK(rows == 2);
}
