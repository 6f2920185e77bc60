// SPDX-License-Identifier: BSL-1.0
//
// Traces with known answers: the one of Penstock's own rules, and two that Apache Spark publishes in its
// EventTimeWatermarkSuite.
#include "catch.hpp"

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core.hpp"
#include "penstock/observe/describe.hpp"
#include "penstock/time/event_time.hpp"
#include "penstock/time/key_by.hpp"
#include "penstock/time/window.hpp"

using namespace std::chrono_literals;
using penstock::EventTime;
using penstock::Stream;

namespace {

struct Count {
  std::uint64_t n = 0;
  void add(EventTime) { ++n; }
  void merge(const Count& other) { n += other.n; }
  std::uint64_t result() const { return n; }
};
struct CountAndSum {
  std::int64_t n = 0;
  std::int64_t sum = 0;
  void add(EventTime seconds) {
    ++n;
    sum += seconds;
  }
  void merge(const CountAndSum& other) {
    n += other.n;
    sum += other.sum;
  }
  std::pair<std::int64_t, std::int64_t> result() const { return {n, sum}; }
};

/// Microseconds of "HH:MM".
EventTime at(const std::string& clock) {
  return (std::stoll(clock.substr(0, 2)) * 60 + std::stoll(clock.substr(3))) * 60'000'000;
}
std::vector<EventTime> times(const std::vector<std::string>& clocks) {
  std::vector<EventTime> all;
  for (const std::string& clock : clocks) all.push_back(at(clock));
  return all;
}
const std::vector<std::vector<std::string>> trace{
    {"10:05", "10:40"}, {"12:50"}, {"10:55", "13:10"}, {"10:59", "11:20"}, {"13:05"}, {"14:05", "11:59"}, {"15:30"}};

/// What the windows of an hour hold before the end, and what is too late.
struct Answer {
  std::map<EventTime, std::uint64_t> windows;
  std::vector<EventTime> late;
};
Answer run(penstock::Tell tell) {
  Answer answer;
  const Stream<EventTime> source;
  auto counts = source.event_time([](EventTime t) { return t; }, penstock::bounded_disorder(2h), {.tell = tell})
                    .window(penstock::tumbling(1h))
                    .aggregate(Count{});
  counts.sink([&](const auto& result) {
    CHECK(answer.windows.emplace(result.window.start, result.value).second);
    CHECK(result.window.end == result.window.start + at("01:00"));
    CHECK(result.pane == penstock::Pane{});
  });
  counts.late().sink([&](const auto& late) { answer.late.push_back(late.value); });
  for (const auto& batch : trace) source.emit_all(times(batch));
  return answer;
}
const auto seconds = [](EventTime s) { return s * 1'000'000; };

}  // namespace

TEST_CASE("windows of an hour, two hours of disorder, the frontier told behind every element") {
  const Answer answer = run(penstock::Tell::element);
  CHECK(answer.windows == std::map<EventTime, std::uint64_t>{{at("10:00"), 3}, {at("11:00"), 1}, {at("12:00"), 1}});
  CHECK(answer.late == times({"10:59", "11:59"}));
}

TEST_CASE("windows of an hour, two hours of disorder, the frontier told behind every batch, as Spark does when it is idle") {
  const Answer answer = run(penstock::Tell::batch);
  CHECK(answer.windows == std::map<EventTime, std::uint64_t>{{at("10:00"), 3}, {at("11:00"), 2}, {at("12:00"), 1}});
  CHECK(answer.late == times({"10:59"}));
}

TEST_CASE("Spark's trace of windows of 5 seconds with a delay of 10") {
  const Stream<EventTime> source;
  std::vector<std::pair<EventTime, std::uint64_t>> out;
  auto counts = source.event_time([](EventTime s) { return seconds(s); }, penstock::bounded_disorder(10s))
                    .window(penstock::tumbling(5s))
                    .aggregate(Count{});
  counts.sink([&](const auto& result) { out.emplace_back(result.window.start, result.value); });
  const auto entries = [&] { return counts.node().time_gauges()->entries.get(); };

  source.emit_all(std::vector<EventTime>{10, 11, 12, 13, 14, 15});
  CHECK(out.empty());
  source.emit_all(std::vector<EventTime>{25});
  CHECK(out == std::vector{std::pair<EventTime, std::uint64_t>{seconds(10), 5}});
  CHECK(entries() == 2);
  source.emit_all(std::vector<EventTime>{10});
  CHECK(out.size() == 1);
  CHECK(entries() == 2);
  CHECK(counts.node().time_gauges()->late_dropped.get() == 1);

  // Entries: 15 in [15,20) and 25 in [25,30). The late 10 is 5 seconds behind the frontier of 15.
  const std::string text = source.describe();
  INFO(text);
  CHECK(text.find("in 8, out 1, dropped 1, held 2, frontier 1970-01-01T00:00:15Z, lag 10.000 s, windows 2, entries 2, too late 1") != std::string::npos);
  const auto time = penstock::stats(source.graph()).at(2).time;
  // Python: datetime.fromtimestamp(t, timezone.utc).isoformat()
  CHECK(penstock::detail::describe_time(951'782'400'000'001) == "2000-02-29T00:00:00.000001Z");
  CHECK(penstock::detail::describe_time(-1) == "1969-12-31T23:59:59.999999Z");
  CHECK(penstock::detail::describe_time(-2'208'988'800'000'000) == "1900-01-01T00:00:00Z");
  CHECK(penstock::detail::describe_time(4'107'542'399'000'000) == "2100-02-28T23:59:59Z");
  REQUIRE(time);
  CHECK(time->late_by_most == seconds(5));
  CHECK(time->late_by_mean == Approx(5e6));
}

TEST_CASE("Spark's trace of sessions with a gap of 5 seconds and a delay of 10") {
  using Row = std::tuple<EventTime, EventTime, std::int64_t, std::int64_t>;
  const Stream<EventTime> source;
  std::vector<Row> out;
  auto sessions = source.event_time([](EventTime s) { return seconds(s); }, penstock::bounded_disorder(10s))
                      .window(penstock::session(5s))
                      .aggregate(CountAndSum{});
  sessions.sink([&](const auto& result) {
    out.emplace_back(result.window.start, result.window.end, result.value.first, result.value.second);
  });
  source.emit_all(std::vector<EventTime>{10, 11});
  source.emit_all(std::vector<EventTime>{17});
  source.emit_all(std::vector<EventTime>{25});
  CHECK(out.empty());
  source.emit_all(std::vector<EventTime>{35});
  CHECK(out == std::vector<Row>{{seconds(10), seconds(16), 2, 21}, {seconds(17), seconds(22), 1, 17}});
  source.emit_all(std::vector<EventTime>{10});
  CHECK(out.size() == 2);
  source.emit_all(std::vector<EventTime>{40});
  CHECK(out.size() == 3);
  CHECK(out.back() == Row{seconds(25), seconds(30), 1, 25});
}
