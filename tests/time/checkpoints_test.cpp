// SPDX-License-Identifier: BSL-1.0
//
// Joins and windows behind queues and before a slow sink, with two sources of different speed: a run goes on from every snapshot
// that another one has taken, and both together give what the one gives alone.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/penstock.hpp"
#include "penstock/state/checkpoints.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "random_joins.hpp"

using namespace penstock;
using namespace random_joins;
using namespace std::chrono_literals;

namespace {

class EventsNode final : public SourceNode<Event, EventsNode>, public Managed {
 public:
  explicit EventsNode(std::vector<Event> events) : SourceNode(Info{"events"}), events_(std::move(events)) {
    info().state = this;
    info().recovery = Recovery::replays;
  }
  std::optional<Event> next() {
    if (at_ == events_.size()) return std::nullopt;
    return events_[at_++];
  }
  void save(StateWriter& to) const override { to.put(static_cast<std::uint64_t>(at_)); }
  void load(StateReader& from) override { at_ = static_cast<std::size_t>(from.get<std::uint64_t>()); }

 private:
  std::vector<Event> events_;
  std::size_t at_ = 0;
};

/// Keeps all snapshots, and goes on from the newest.
struct Kept final : SnapshotStore {
  explicit Kept(std::map<std::uint64_t, Snapshot>& s) : snapshots(s) {}
  std::uint64_t write(const Snapshot& snapshot) override {
    snapshots[snapshot.epoch] = snapshot;
    return 0;
  }
  std::optional<Snapshot> newest(bool) override {
    if (snapshots.empty()) return std::nullopt;
    return snapshots.rbegin()->second;
  }
  Snapshot load(std::uint64_t epoch) override { return snapshots.at(epoch); }
  std::vector<std::uint64_t> epochs() override { return {}; }
  void save_as(const std::string&, const Snapshot&) override {}
  Snapshot load_savepoint(const std::string&) override { return {}; }
  void remove_savepoint(const std::string&) override {}
  std::vector<std::string> savepoints() override { return {}; }

  std::map<std::uint64_t, Snapshot>& snapshots;
};

/// In time order but for less than the disorder.
std::vector<Event> some(Random& random, int first_id, EventTime disorder) {
  std::vector<std::pair<EventTime, Event>> order;
  EventTime now = 0;
  for (int i = 0; i < 60; ++i) {
    now += 1 + random.upto(3);
    order.emplace_back(now + random.upto(disorder), Event{now, static_cast<int>(random.upto(3)), first_id + i});
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Event> events;
  for (const auto& [place, event] : order) events.push_back(event);
  return events;
}

/// What comes out, numbered by an operator that is in the snapshot too.
using Lines = std::map<int, std::string>;

struct Run {
  std::vector<Event> left, right;
  std::uint64_t seed;

  Lines operator()(std::map<std::uint64_t, Snapshot>& snapshots) const {
    VirtualLoop loop{seed};
    Lines lines;
    const auto source = [&](const std::vector<Event>& events, const char* name) {
      return Source<Event>{detail::make_source(&loop, detail::make_box<EventsNode>(events))}.named(name);
    };
    const Source<Event> lefts = source(left, "left");
    const Source<Event> rights = source(right, "right");
    const auto clock = [](const Stream<Event>& stream, const char* name) {
      return stream.event_time(&Event::time, bounded_disorder(Micros{4})).named(name).buffer(3).stream().key_by(&Event::key);
    };
    const auto l = clock(lefts.rate_limit(1ms).stream(), "left times");
    const auto r = clock(rights.rate_limit(2ms).stream(), "right times");
    const auto joined = asof_join<Outer::left>(l, r).named("quotes");
    const auto counted = joined.key_by([](const auto& row) { return row.key; })
                             .window(hopping(Micros{20}, Micros{5}), {.early_every = 3})
                             .aggregate(count())
                             .named("windows");
    const Stream<std::string> texts = counted.map([](const auto& result) {
      return std::to_string(result.key) + " " + std::to_string(result.window.start) + ": " + std::to_string(result.value) + " " +
             std::to_string(result.pane.index);
    }).stream();
    struct Number {
      int n = 0;
      std::string text;
    };
    texts
        .accumulate([](Number last, const std::string& text) { return Number{last.n + 1, text}; }, Number{})
        .named("numbers")
        .buffer(2)
        .sink([&](Number one) -> asio::awaitable<void> {
          co_await loop.sleep(300us);
          lines.emplace(one.n, one.text);
        });
    CheckpointOptions options;
    options.every = 7ms;
    options.background = false;
    Checkpoints checkpoints{lefts, options, std::make_unique<Kept>(snapshots)};
    lefts.start();
    rights.start();
    checkpoints.wait_over();
    return lines;
  }
};

}  // namespace

TEST_CASE("joins and windows of two sources go on from any snapshot") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    Random random{std::mt19937_64(seed)};
    Run run{some(random, 0, 4), some(random, 100, 4), seed};
    std::map<std::uint64_t, Snapshot> all;
    const Lines whole = run(all);
    REQUIRE(whole.size() > 50);
    REQUIRE(all.size() >= 8);
    for (const auto& [epoch, snapshot] : all) {
      INFO("from epoch " << epoch);
      run.seed = seed + 10 * epoch;  // other turns of the loop
      std::map<std::uint64_t, Snapshot> one{{epoch, snapshot}};
      const Lines rest = run(one);
      Lines expected = whole;
      while (expected.size() > rest.size()) expected.erase(expected.begin());
      // Which of two sources is quicker shows in the order of early results, and in nothing else.
      const auto sorted = [](const Lines& lines) {
        std::vector<std::string> texts;
        for (const auto& [n, text] : lines) texts.push_back(text);
        std::sort(texts.begin(), texts.end());
        return texts;
      };
      CHECK((rest.empty() || rest.begin()->first == static_cast<int>(whole.size() - rest.size()) + 1));
      CHECK(sorted(rest) == sorted(expected));
    }
  }
}
