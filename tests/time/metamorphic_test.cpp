// SPDX-License-Identifier: BSL-1.0
//
// What must not change the final output of a pipeline: the order of elements within the disorder that is allowed for, how they
// are cut into batches, inputs that bring nothing, operators that change nothing, early results. And what must change it just
// so: another origin of time, other names of keys. Over random pipelines of windows and joins.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/ops/buffer.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/merge.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "penstock/time/time.hpp"
#include "random_joins.hpp"

using namespace penstock;
using namespace random_joins;
using namespace std::chrono_literals;

namespace {

using Result = std::tuple<EventTime, EventTime, int, std::vector<int>>;  // a window, a key and ids
struct Seen {
  std::vector<Result> rows;
  std::vector<int> late;
  friend bool operator==(const Seen&, const Seen&) = default;
};

/// A pipeline and what it is fed with.
struct Job {
  int kind;  // of pipeline
  EventTime size, slide, offset, gap, disorder;
  Outer outer;
  std::vector<std::vector<Event>> left, right;  // batches
  // What must not matter.
  bool early = false;
  bool idle_input = false;
  bool passes_map = false;
  std::size_t buffers = 0;
};

/// The ids of the elements, whatever order they came in.
struct Collect {
  std::vector<int> ids;
  void add(const Event& event) { ids.push_back(event.id); }
  void merge(const Collect& other) { ids.insert(ids.end(), other.ids.begin(), other.ids.end()); }
  std::vector<int> result() const {
    std::vector<int> sorted = ids;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
};
/// The same of windows of windows.
struct CollectAgain {
  std::vector<int> ids;
  template <class R>
  void add(const R& result) {
    ids.insert(ids.end(), result.value.begin(), result.value.end());
  }
  std::vector<int> result() const {
    std::vector<int> sorted = ids;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
};

class Pipeline {
 public:
  explicit Pipeline(const Job& job) : job_(job), left_(loop_), right_(loop_), silent_(loop_) { build(job); }

  /// The final output, in the order of time.
  Seen run() {
    const std::size_t batches = std::max(job_.left.size(), job_.right.size());
    for (std::size_t i = 0; i < batches; ++i) {
      if (i < job_.left.size()) left_.emit_all(job_.left[i]);
      if (i < job_.right.size()) right_.emit_all(job_.right[i]);
      loop_.run_for(job_.idle_input ? 5ms : 0ms);
    }
    for (const Stream<Event>* each : {&left_, &right_, &silent_}) each->close();
    loop_.run();
    std::sort(seen_.rows.begin(), seen_.rows.end());
    std::sort(seen_.late.begin(), seen_.late.end());
    return seen_;
  }

 private:
  void build(const Job& job) {
    const auto keyed = [&](const Stream<Event>& source) {
      Stream<Event> stream = source;
      if (job.passes_map) stream = stream.map([](const Event& event) { return event; }).stream();
      stream = stream.event_time(&Event::time, bounded_disorder(Micros{job.disorder}));
      if (job.idle_input) {
        Stream<Event> other = silent_.event_time(&Event::time, ascending(), {.idle_timeout = 1ms});
        stream = merge(stream, other);
      }
      if (job.buffers != 0) stream = stream.buffer(job.buffers).stream();
      return stream.key_by(&Event::key);
    };
    switch (job.kind) {
      case 0: return windows(keyed(left_).window(fixed(), options()).aggregate(Collect{}));
      case 1: return windows(keyed(left_).window(session(Micros{job.gap}), options()).aggregate(Collect{}));
      case 2: {
        const auto inner = keyed(left_).window(tumbling(Micros{job.slide}, Micros{job.offset}), options()).aggregate(Collect{});
        const auto finals = inner.filter([](const auto& r) { return r.pane.timing == Timing::on_time; }).stream();
        const auto outer = finals.key_by([](const auto& r) { return r.key; });
        return windows(outer.window(tumbling(Micros{job.slide * 3}, Micros{job.offset})).aggregate(CollectAgain{}));
      }
      case 3: return joins(interval_join<Outer::both>(keyed(left_), keyed(right_), between(Micros{-job.gap}, Micros{job.size})));
      case 4: return joins(asof_join<Outer::left>(keyed(left_), keyed(right_)));
      case 5: {
        const auto joined = window_join<Outer::both>(keyed(left_), keyed(right_), fixed());
        joined.sink([this](const auto& row) {
          seen_.rows.emplace_back(row.window.start, row.window.end, row.key, std::vector<int>{id_of(row.left), id_of(row.right)});
        });
        return late(joined.late_left()), late(joined.late_right());
      }
      default:
        return windows(keyed(left_).window(sliding(Micros{job.size})).aggregate(Collect{}));
    }
  }

  FixedWindows fixed() const { return hopping(Micros{job_.size}, Micros{job_.slide}, Micros{job_.offset}); }
  WindowOptions options() const {
    return job_.early ? WindowOptions{.early_every = 2, .early_event_time = Micros{3}} : WindowOptions{};
  }
  template <class S>
  void windows(const S& results) {
    results.sink([this](const auto& r) {
      if (r.pane.timing == Timing::on_time) seen_.rows.emplace_back(r.window.start, r.window.end, r.key, r.value);
    });
    late(results.late());
  }
  template <class S>
  void joins(const S& joined) {
    joined.sink([this](const auto& row) {
      seen_.rows.emplace_back(0, 0, row.key, std::vector<int>{id_of(row.left), id_of(row.right)});
    });
    late(joined.late_left());
    late(joined.late_right());
  }
  template <class S>
  void late(const S& elements) {
    elements.sink([this](const auto& one) {
      if constexpr (requires { one.value.id; }) seen_.late.push_back(one.value.id);
    });
  }

  const Job& job_;
  VirtualLoop loop_;
  Stream<Event> left_;
  Stream<Event> right_;
  Stream<Event> silent_;
  Seen seen_;
};

Seen run(const Job& job) { return Pipeline{job}.run(); }

using Batches = std::vector<std::vector<Event>>;

Batches cut(Random& random, const std::vector<Event>& events) {
  Batches batches;
  for (const Event& event : events) {
    if (batches.empty() || random.upto(3) == 0) batches.emplace_back();
    batches.back().push_back(event);
  }
  return batches;
}
std::vector<Event> together(const Batches& batches) {
  std::vector<Event> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}
/// In another order in which no element is behind the latest before it by more than the disorder: so none is late.
std::vector<Event> within_disorder(Random& random, std::vector<Event> events, EventTime disorder) {
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.time < b.time; });
  std::vector<std::pair<EventTime, Event>> shifted;
  for (const Event& event : events) shifted.emplace_back(event.time + random.upto(disorder + 1), event);
  std::stable_sort(shifted.begin(), shifted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  events.clear();
  for (const auto& [place, event] : shifted) events.push_back(event);
  return events;
}

/// No two elements of a key have one time, as joins and sliding windows ask which of those came first.
Job some_job(Random& random) {
  Job job{};
  job.kind = static_cast<int>(random.upto(7));
  job.slide = 1 + random.upto(5);
  job.size = job.slide * (1 + random.upto(3));
  job.offset = random.upto(9) - 4;
  job.gap = 1 + random.upto(5);
  job.disorder = random.upto(8);
  const auto stream = [&](int first_id) {
    std::map<std::pair<EventTime, int>, Event> events;
    EventTime now = random.upto(60) - 40;
    for (int i = 0; i < 20; ++i) {
      now += random.upto(4);
      const Event event{now, static_cast<int>(random.upto(3)), first_id + i};
      events.emplace(std::pair(event.time, event.key), event);
    }
    std::vector<Event> list;
    for (const auto& [where, event] : events) list.push_back(event);
    return cut(random, within_disorder(random, list, job.disorder));
  };
  job.left = stream(0);
  job.right = stream(100);
  if (job.kind != 1) return job;
  // A session and an element just at its end are one as long as the frontier is not there, and it may be there before the
  // element: for all others the order does not matter.
  for (auto& batch : job.left) {
    for (Event& event : batch) event.time *= 2;
  }
  job.gap = 2 * job.gap + 1;
  job.disorder *= 2;
  return job;
}

constexpr std::uint64_t share = 30;

}  // namespace

TEST_CASE("M1 the order of elements within the disorder does not matter") {
  each_case([](Random& random) {
    const Job job = some_job(random);
    Job other = job;
    for (Batches* each : {&other.left, &other.right}) *each = cut(random, within_disorder(random, together(*each), job.disorder));
    const Seen seen = run(other);
    CHECK(seen.late.empty());
    return std::pair{seen, run(job)};
  }, share);
}

TEST_CASE("M3 how elements are cut into batches does not matter") {
  each_case([](Random& random) {
    const Job job = some_job(random);
    Job other = job;
    for (Batches* each : {&other.left, &other.right}) *each = cut(random, together(*each));
    return std::pair{run(other), run(job)};
  }, share);
}

TEST_CASE("M5 an idle input, a map that changes nothing and a buffer do not matter") {
  each_case([](Random& random) {
    const Job job = some_job(random);
    Job other = job;
    other.idle_input = random.upto(2) == 0;
    other.passes_map = random.upto(2) == 0;
    other.buffers = static_cast<std::size_t>(random.upto(3));
    return std::pair{run(other), run(job)};
  }, share);
}

TEST_CASE("M5 a partition without elements does not matter") {
  each_case([](Random& random) {
    const Job job = some_job(random);
    const auto counts = [&](std::size_t expected) {
      Seen seen;
      VirtualLoop loop;
      const Stream<Event> source{loop};
      const auto clock = per_partition(&Event::key, bounded_disorder(Micros{job.disorder + 100}),
                                       {.expected = expected, .idle_timeout = 1s});
      source.event_time(&Event::time, clock)
          .key_by(&Event::key)
          .window(tumbling(Micros{job.size}))
          .aggregate(Collect{})
          .sink([&](const auto& r) { seen.rows.emplace_back(r.window.start, r.window.end, r.key, r.value); });
      for (const Event& event : together(job.left)) source.emit(event);
      loop.run_for(3s);
      source.close();
      std::sort(seen.rows.begin(), seen.rows.end());
      return seen;
    };
    return std::pair{counts(7), counts(0)};
  }, share);
}

TEST_CASE("M6 another origin of time moves the output, and other keys rename it") {
  each_case([](Random& random) {
    const Job job = some_job(random);
    const EventTime by = job.slide * 3 * (random.upto(2001) - 1000);
    Job other = job;
    for (Batches* each : {&other.left, &other.right}) {
      for (auto& batch : *each) {
        for (Event& event : batch) event.time += by, event.key += 10;
      }
    }
    Seen expected = run(job);
    for (auto& [start, end, key, ids] : expected.rows) {
      key += 10;
      if (start != end) start += by, end += by;
    }
    return std::pair{run(other), expected};
  }, share);
}

TEST_CASE("M7 early results do not matter for the final ones") {
  each_case([](Random& random) {
    const Job job = some_job(random);
    Job other = job;
    other.early = true;
    return std::pair{run(other), run(job)};
  }, share);
}
