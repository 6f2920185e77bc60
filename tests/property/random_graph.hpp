// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"
#include "penstock/ops/buffer.hpp"
#include "penstock/ops/delay.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/ops/latest.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/map_async.hpp"
#include "penstock/ops/merge.hpp"
#include "penstock/ops/partition.hpp"
#include "penstock/ops/rate_limit.hpp"
#include "penstock/ops/skip.hpp"
#include "penstock/ops/take.hpp"
#include "penstock/ops/timed_window.hpp"
#include "penstock/ops/unique.hpp"
#include "penstock/ops/zip.hpp"
#include "penstock/testing/ledger.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

// A random graph, fed and run on a VirtualLoop, with a model beside it. Every element is the list of the ids
// that it was made of. What each operator must have done is computed from what was recorded in front of it,
// by a few lines that know nothing of streams; what became of each id follows from that and is compared with
// its Ref.

namespace penstock::test {

using namespace std::chrono_literals;
using testing::Ledger;
using Ids = std::vector<Ledger::Id>;
using Sequence = std::vector<Ids>;

enum class Kind {
  source,
  map,
  filter,
  fused,
  buffer,
  drop_oldest,
  drop_newest,
  latest,
  merge,
  zip,
  partition,
  timed_window,
  unique,
  take,
  skip,
  delay,
  rate_limit,
  map_async,
  map_async_unordered
};
inline constexpr int kinds = static_cast<int>(Kind::map_async_unordered) + 1;

inline std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}
inline bool accepts(const Ids& ids, std::uint64_t salt) {
  std::uint64_t hash = salt;
  for (const Ledger::Id id : ids) hash = mixed(hash ^ static_cast<std::uint64_t>(id));
  return hash % 4 != 0;
}
inline Ids joined(const Sequence& all) {
  Ids ids;
  for (const Ids& each : all) ids.insert(ids.end(), each.begin(), each.end());
  return ids;
}

/// A call that takes a random time.
struct Call final : Timer {
  Call(Ids i, Completion<Ids> d) : ids(std::move(i)), done(std::move(d)) {}
  void run() override {
    done(std::move(ids));
    delete this;
  }
  void discard() noexcept override { delete this; }
  Ids ids;
  Completion<Ids> done;
};

/// What runs that are not about failures are: nothing throws, and the graph lives until everything has come
/// to rest.
enum class Fate { plain, failures, destroyed };

class RandomGraph {
 public:
  explicit RandomGraph(std::uint64_t seed) : random_(mixed(seed)), loop_(seed) {
    const std::uint64_t fate = below(10);
    fate_ = fate < 7 ? Fate::plain : fate < 9 ? Fate::failures : Fate::destroyed;
    build();
  }
  RandomGraph(const RandomGraph&) = delete;
  RandomGraph& operator=(const RandomGraph&) = delete;
  ~RandomGraph() { drop(); }

  /// Feeds and runs the graph, checks everything; the hash of the trace.
  std::uint64_t run() {
    for (const auto& driver : drivers_) driver->begin();
    if (fate_ == Fate::destroyed) {
      loop_.run_for(std::chrono::milliseconds(below(40)));
      drop();
      loop_.run();
    } else {
      loop_.run();
      check_rest();
      if (fate_ == Fate::plain) {
        check_model();
        check_counters();
      } else {
        check_order();
      }
      drop();
      loop_.run_ready();
    }
    ledger_.check();
    for (const Vertex& vertex : vertices_) {
      for (const auto& record : vertex.probe->records()) {
        for (const Ledger::Id id : record.value) loop_.trace(static_cast<std::uint64_t>(id));
        loop_.trace(static_cast<std::uint64_t>(record.at.count()));
      }
    }
    for (const auto& [id, entry] : ledger_.entries()) loop_.trace(static_cast<std::uint64_t>(entry.outcome));
    return loop_.trace_hash();
  }

  /// For the message of a seed that fails.
  std::string text() const {
    std::string all;
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      const Vertex& v = vertices_[i];
      all += std::to_string(i) + ": " + v.name;
      for (const std::size_t input : v.inputs) all += " " + std::to_string(input);
      all += "\n";
    }
    return all;
  }

 private:
  using Probe = testing::Probe<Ids>;
  using Sink = testing::ScriptedSink<Ids>;

  struct Vertex {
    Kind kind;
    std::string name;
    std::vector<std::size_t> inputs;
    std::uint64_t parameter = 0;
    std::optional<Stream<Ids>> out;
    std::unique_ptr<Probe> probe;
    const Info* info = nullptr;
    bool is_sink = false;
  };

  /// Emits ids at random times, and waits for some of them, but not for ever: a zip behind it may wait for
  /// ids to come.
  class Driver final : public Timer {
   public:
    Driver(RandomGraph& graph, Stream<Ids> source, Ledger::Id first, int n)
        : graph_(graph), source_(std::move(source)), next_(first), left_(n) {}
    void begin() { graph_.loop_.set(*this, graph_.loop_.now()); }
    void run() override {
      if (waits_for_.pending() && --patience_ > 0) return again();
      waits_for_ = {};
      if (left_ == 0) {
        attempt([&] { static_cast<void>(source_.push_end()); });
        return;
      }
      for (int burst = std::min(left_, graph_.below(8) == 0 ? 4 : 1); burst > 0; --burst) {
        attempt([&] {
          Receipt receipt = source_.push(Ids{next_}, graph_.ledger_.issue(next_));
          if (graph_.below(3) != 0) {
            waits_for_ = std::move(receipt);
            patience_ = 12;
          }
        });
        ++next_;
        --left_;
      }
      again();
    }

   private:
    template <class Fn>
    static void attempt(Fn fn) {
      try {
        fn();
      } catch (const testing::ScriptedFailure&) {
      } catch (const std::domain_error&) {
      }
    }
    void again() { graph_.loop_.set(*this, graph_.loop_.now() + graph_.below(3) * 1ms); }

    RandomGraph& graph_;
    Stream<Ids> source_;
    Ledger::Id next_;
    int left_;
    int patience_ = 0;
    Receipt waits_for_;
  };

  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  void build() {
    const std::size_t sources = 1 + below(3);
    for (std::size_t i = 0; i < sources; ++i) {
      Stream<Ids> source{loop_};
      add({Kind::source, "source", {}, 0, source, nullptr, nullptr});
      drivers_.push_back(std::make_unique<Driver>(*this, source, static_cast<Ledger::Id>(i * 1000),
                                                  5 + static_cast<int>(below(20))));
    }
    const std::size_t operators = 2 + below(8);
    for (std::size_t i = 0; i < operators; ++i) {
      const auto kind = static_cast<Kind>(1 + below(kinds - 1));
      const std::size_t a = below(vertices_.size()), b = below(vertices_.size());
      add_operator(kind, a, b);
    }
    // Every place that nothing goes on from has a sink, and some others too.
    std::set<std::size_t> used;
    for (const Vertex& vertex : vertices_) used.insert(vertex.inputs.begin(), vertex.inputs.end());
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      if (used.count(i) == 0 || below(5) == 0) add_sink(vertices_[i]);
    }
  }

  void add(Vertex vertex) {
    vertex.probe = std::make_unique<Probe>(*vertex.out);
    vertex.info = &vertex.out->info();
    vertices_.push_back(std::move(vertex));
  }

  void add_operator(Kind kind, std::size_t a, std::size_t b) {
    Stream<Ids> from = *vertices_[a].out;
    const std::uint64_t salt = random_();
    const bool poisons = fate_ == Fate::failures && below(4) == 0;
    const auto same = [poisons, salt](const Ids& ids) {
      if (poisons && mixed(salt ^ static_cast<std::uint64_t>(ids.empty() ? 0 : ids.front())) % 16 == 0) {
        throw std::domain_error("poison");
      }
      return ids;
    };
    const auto accept = [salt](const Ids& ids) { return accepts(ids, salt); };
    const auto pair = [](const std::tuple<Ids, Ids>& both) {
      return joined({std::get<0>(both), std::get<1>(both)});
    };
    switch (kind) {
      case Kind::source: break;
      case Kind::map: return add({kind, "map", {a}, 0, from.map(same), nullptr, nullptr});
      case Kind::filter: return add({kind, "filter", {a}, salt, from.filter(accept), nullptr, nullptr});
      case Kind::fused:
        return add({kind, "map.filter.map", {a}, salt, from.map(same).filter(accept).map(same),
                    nullptr, nullptr});
      case Kind::buffer: {
        const std::size_t n = 1 + below(4);
        return add({kind, "buffer", {a}, n, from.buffer(n), nullptr, nullptr});
      }
      case Kind::drop_oldest: {
        const std::size_t n = 1 + below(4);
        return add({kind, "buffer drop_oldest", {a}, n, from.buffer(n, {.overflow = WhenFull::drop_oldest}),
                    nullptr, nullptr});
      }
      case Kind::drop_newest: {
        const std::size_t n = 1 + below(4);
        return add({kind, "buffer drop_newest", {a}, n, from.buffer(n, {.overflow = WhenFull::drop_newest}),
                    nullptr, nullptr});
      }
      case Kind::latest: return add({kind, "latest", {a}, 0, from.latest(), nullptr, nullptr});
      case Kind::merge: {
        if (a == b) return;  // a stream that is named twice is merged once
        return add({kind, "merge", {a, b}, 0, from.merge(*vertices_[b].out), nullptr, nullptr});
      }
      case Kind::zip: {
        // A side that waits holds up everything behind its queue. Where the other side comes from there too,
        // or waits for another zip, nobody could ever go on.
        const std::size_t ahead = zips_++ == 0 && disjoint(a, b) ? 1 + below(5) : 1000;
        Stream<std::tuple<Ids, Ids>> zipped = from.zip(*vertices_[b].out, ZipOptions{.maxsize = ahead});
        const Info* info = &zipped.info();
        add({kind, "zip", {a, b}, ahead, zipped.map(pair), nullptr, nullptr});
        vertices_.back().info = info;
        return;
      }
      case Kind::partition: {
        const std::size_t n = 1 + below(4);
        Stream<Sequence> parts = from.partition(n).stream();
        const Info* info = &parts.info();
        add({kind, "partition", {a}, n, parts.map(joined), nullptr, nullptr});
        vertices_.back().info = info;
        return;
      }
      case Kind::timed_window: {
        Stream<Sequence> windows = from.timed_window(4ms, TimedWindow{.empty = false});
        const Info* info = &windows.info();
        add({kind, "timed_window", {a}, 0, windows.map(joined), nullptr, nullptr});
        vertices_.back().info = info;
        return;
      }
      case Kind::unique: {
        const auto key = [](const Ids& ids) { return ids.empty() ? 0 : ids.front() % 7; };
        return add({kind, "unique", {a}, 0, from.unique(key), nullptr, nullptr});
      }
      case Kind::take: {
        const std::size_t n = below(12);
        return add({kind, "take", {a}, n, from.take(n), nullptr, nullptr});
      }
      case Kind::skip: {
        const std::size_t n = below(5);
        return add({kind, "skip", {a}, n, from.skip(n), nullptr, nullptr});
      }
      case Kind::delay:
        return add({kind, "delay", {a}, 0, from.delay(static_cast<Duration::rep>(1 + below(6)) * 1ms),
                    nullptr, nullptr});
      case Kind::rate_limit: return add({kind, "rate_limit", {a}, 0, from.rate_limit(1ms), nullptr, nullptr});
      case Kind::map_async:
      case Kind::map_async_unordered: {
        // Some calls take no time, and some of these are over before the function returns.
        const auto call = [this, poisons, salt](Ids ids, Completion<Ids> done) {
          if (poisons && below(16) == 0) throw std::domain_error("poison");
          const std::uint64_t time = mixed(salt ^ below(1000)) % 6;
          if (time == 0) return done(std::move(ids));
          loop_.set(*new Call(std::move(ids), std::move(done)),
                    loop_.now() + static_cast<Duration::rep>(time - 1) * 1ms);
        };
        const bool ordered = kind == Kind::map_async;
        const std::size_t n = 1 + below(4);
        return add({kind, ordered ? "map_async" : "map_async unordered", {a}, n,
                    from.map_async(call, {.parallelism = n, .ordered = ordered}), nullptr, nullptr});
      }
    }
  }

  std::set<std::size_t> sources_of(std::size_t i) const {
    if (vertices_[i].inputs.empty()) return {i};
    std::set<std::size_t> all;
    for (const std::size_t input : vertices_[i].inputs) all.merge(sources_of(input));
    return all;
  }
  bool disjoint(std::size_t a, std::size_t b) const {
    const std::set<std::size_t> others = sources_of(b);
    for (const std::size_t source : sources_of(a)) {
      if (others.count(source) != 0) return false;
    }
    return true;
  }

  void add_sink(Vertex& vertex) {
    vertex.is_sink = true;
    testing::SinkScript script;
    script.ledger = ledger_;
    switch (below(3)) {
      case 0: break;
      case 1: script.takes = static_cast<Duration::rep>(1 + below(4)) * 1ms; break;
      default:
        script.takes = 8ms;
        script.seed = random_();
    }
    if (fate_ == Fate::failures && below(2) == 0) {
      script.fails = 1 + below(3);
      script.fails_after = below(10);
    }
    vertex.out->on_background_error([](const std::exception_ptr&, const Info&) {});
    sinks_.push_back(std::make_unique<Sink>(*vertex.out, script));
  }

  void drop() {
    for (const auto& driver : drivers_) driver->cancel();
    drivers_.clear();
    for (Vertex& vertex : vertices_) {
      vertex.info = nullptr;
      vertex.out.reset();
    }
  }

  // --- the model -------------------------------------------------------------------------------------------------------

  static void require(bool holds, const std::string& sentence) {
    if (!holds) throw std::logic_error(sentence);
  }
  static std::string text(const Sequence& all) {
    std::string out;
    for (const Ids& ids : all) {
      out += "(";
      for (const Ledger::Id id : ids) out += (out.back() == '(' ? "" : " ") + std::to_string(id);
      out += ")";
    }
    return out;
  }
  static std::string text(const std::set<Ledger::Id>& ids) {
    return text(Sequence{Ids(ids.begin(), ids.end())});
  }

  Sequence recorded(std::size_t i) const { return vertices_[i].probe->values(); }
  std::string place(std::size_t i) const {
    return "operator " + std::to_string(i) + ", " + vertices_[i].name;
  }

  void check_rest() const {
    for (const Vertex& vertex : vertices_) {
      for (const auto& node : vertex.out->graph().nodes()) {
        require(!node->busy(),
                "the loop has nothing to do, and " + node->info().label() + " says that it is busy");
      }
    }
    const Ids open = ledger_.open();
    require(open.empty(), "these are held after the end of all streams: " + text(Sequence{open}));
    for (const auto& sink : sinks_) require(sink->open() == 0, "a sink is still busy");
  }

  /// `all` without what `left` takes out of it, in order; nothing when `left` has something that `all` has
  /// not.
  static std::optional<Sequence> without(const Sequence& all, const Sequence& left) {
    Sequence rest;
    std::size_t next = 0;
    for (const Ids& each : all) {
      if (next < left.size() && left[next] == each) {
        ++next;
      } else {
        rest.push_back(each);
      }
    }
    if (next != left.size()) return std::nullopt;
    return rest;
  }

  static bool interleaved(const Sequence& a, const Sequence& b, const Sequence& out) {
    if (out.size() != a.size() + b.size()) return false;
    // Which lengths of `a` can be used up after each element of `out`: the two may have elements in common.
    std::vector<bool> reached(a.size() + 1, false);
    reached[0] = true;
    for (std::size_t n = 0; n < out.size(); ++n) {
      std::vector<bool> next(a.size() + 1, false);
      for (std::size_t i = 0; i <= std::min(n, a.size()); ++i) {
        if (!reached[i] || n - i > b.size()) continue;
        if (i < a.size() && a[i] == out[n]) next[i + 1] = true;
        if (n - i < b.size() && b[n - i] == out[n]) next[i] = true;
      }
      reached = std::move(next);
    }
    return reached[a.size()];
  }

  /// What an operator must have made of what came to it. Nothing when that depends on time.
  std::optional<Sequence> expected(std::size_t i) const {
    const Vertex& vertex = vertices_[i];
    if (vertex.kind == Kind::source) return std::nullopt;
    const Sequence in = recorded(vertex.inputs[0]);
    Sequence out;
    switch (vertex.kind) {
      case Kind::map:
      case Kind::buffer:
      case Kind::delay:
      case Kind::rate_limit:
      case Kind::map_async: return in;
      case Kind::filter:
      case Kind::fused:
        for (const Ids& ids : in) {
          if (accepts(ids, vertex.parameter)) out.push_back(ids);
        }
        return out;
      case Kind::zip: {
        const Sequence other = recorded(vertex.inputs[1]);
        for (std::size_t n = 0; n < std::min(in.size(), other.size()); ++n) {
          out.push_back(joined({in[n], other[n]}));
        }
        return out;
      }
      case Kind::partition:
        for (std::size_t n = 0; n < in.size(); n += vertex.parameter) {
          const auto end = std::min<std::size_t>(in.size(), n + vertex.parameter);
          out.push_back(joined(Sequence(in.begin() + static_cast<std::ptrdiff_t>(n),
                                        in.begin() + static_cast<std::ptrdiff_t>(end))));
        }
        return out;
      case Kind::unique: {
        std::set<Ledger::Id> seen;
        for (const Ids& ids : in) {
          if (seen.insert(ids.empty() ? 0 : ids.front() % 7).second) out.push_back(ids);
        }
        return out;
      }
      case Kind::take:
        return Sequence(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(
                                                     std::min<std::size_t>(in.size(), vertex.parameter)));
      case Kind::skip:
        return Sequence(
            in.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(in.size(), vertex.parameter)),
            in.end());
      default: return std::nullopt;
    }
  }

  void check_model() const {
    std::set<Ledger::Id> dropped, reached;
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      const Vertex& vertex = vertices_[i];
      const Sequence out = recorded(i);
      for (const auto& record : vertex.probe->records()) {
        require(record.data == record.value, place(i) + " passed on the element " + text({record.value}) +
                                                 " with the Refs of " + text({record.data}));
      }
      if (vertex.is_sink) {
        for (const Ids& ids : out) reached.insert(ids.begin(), ids.end());
      }
      if (const auto model = expected(i)) {
        require(out == *model, place(i) + "\nexpected  " + text(*model) + "\n     got  " + text(out));
      }
      const auto drops = [&](const Sequence& lost) {
        for (const Ids& ids : lost) dropped.insert(ids.begin(), ids.end());
      };
      if (vertex.kind == Kind::merge) {
        require(interleaved(recorded(vertex.inputs[0]), recorded(vertex.inputs[1]), out),
                place(i) + " made of\n  " + text(recorded(vertex.inputs[0])) + " and\n  " +
                    text(recorded(vertex.inputs[1])) + "\n  " + text(out));
      } else if (vertex.kind == Kind::timed_window) {
        require(joined(out) == joined(recorded(vertex.inputs[0])),
                place(i) + " lost or moved something: " + text(out));
      } else if (vertex.kind == Kind::map_async_unordered) {
        Sequence in = recorded(vertex.inputs[0]), same = out;
        std::sort(in.begin(), in.end());
        std::sort(same.begin(), same.end());
        require(in == same, place(i) + " lost something: " + text(out));
      } else if (vertex.kind == Kind::drop_oldest || vertex.kind == Kind::drop_newest ||
                 vertex.kind == Kind::latest) {
        const auto lost = without(recorded(vertex.inputs[0]), out);
        require(lost.has_value(), place(i) + " passed on what did not come or out of order: " + text(out));
        drops(*lost);
      } else if (vertex.kind == Kind::zip) {
        const Sequence a = recorded(vertex.inputs[0]), b = recorded(vertex.inputs[1]);
        const auto n = static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
        drops(Sequence(a.begin() + n, a.end()));
        drops(Sequence(b.begin() + n, b.end()));
      }
    }
    const Ids ledger_dropped = ledger_.dropped(), ledger_emitted = ledger_.emitted();
    require(ledger_.failed().empty(), "an element failed although nothing throws");
    require(std::set<Ledger::Id>(ledger_dropped.begin(), ledger_dropped.end()) == dropped,
            "dropped by the operators: " + text(dropped) + "\nby the Refs: " + text({ledger_dropped}));
    for (const Ledger::Id id : dropped) reached.erase(id);
    require(std::set<Ledger::Id>(ledger_emitted.begin(), ledger_emitted.end()) == reached,
            "came to a sink: " + text(reached) + "\ndone by the Refs: " + text({ledger_emitted}));
  }

  /// With failures an element may have come to some branches only. What did come is still in order.
  void check_order() const {
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      const Vertex& vertex = vertices_[i];
      if (vertex.kind == Kind::source || vertex.inputs.size() > 1) continue;
      if (vertex.kind == Kind::partition || vertex.kind == Kind::timed_window ||
          vertex.kind == Kind::map_async_unordered) {
        continue;
      }
      require(without(recorded(vertex.inputs[0]), recorded(i)).has_value(),
              place(i) + " passed on out of order: " + text(recorded(i)));
    }
  }

  void check_counters() const {
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      const Vertex& vertex = vertices_[i];
      if (vertex.kind == Kind::source || vertex.kind == Kind::fused) continue;
      const Info& info = *vertex.info;
      std::size_t in = 0;
      for (const std::size_t input : vertex.inputs) in += recorded(input).size();
      const std::size_t out = recorded(i).size();
      const auto equal = [&](const char* what, std::uint64_t counted, std::uint64_t model) {
        require(counted == model, place(i) + " counts " + std::to_string(counted) + " " + what +
                                      " where there were " + std::to_string(model));
      };
      equal("held", info.held.get(), 0);
      equal("waiting", info.waiting.get(), 0);
      equal("failed", info.failed.get(), 0);
      if (!info.one_to_one && !info.selects) equal("emitted", info.out.get(), out);
      switch (vertex.kind) {
        case Kind::filter:
        case Kind::unique:
        case Kind::take:
        case Kind::skip: equal("left out", info.left_out.get(), in - out); break;
        case Kind::drop_oldest:
        case Kind::drop_newest:
        case Kind::latest: equal("dropped", info.dropped.get(), in - out); break;
        case Kind::zip: equal("dropped", info.dropped.get(), in - 2 * out); break;
        default: equal("dropped", info.dropped.get(), 0);
      }
      if (vertex.kind != Kind::map && !vertex.info->selects) equal("taken", info.in.get(), in);
    }
  }

  std::mt19937_64 random_;
  VirtualLoop loop_;
  Fate fate_ = Fate::plain;
  Ledger ledger_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  std::vector<Vertex> vertices_;
  std::vector<std::unique_ptr<Driver>> drivers_;
  std::size_t zips_ = 0;
};

/// Runs one seed twice. Throws, with the seed, when something is wrong with it or the two runs differ.
inline void run_seed(std::uint64_t seed) {
  std::string graph;
  try {
    std::uint64_t hashes[2];
    for (std::uint64_t& hash : hashes) {
      RandomGraph random{seed};
      graph = random.text();
      hash = random.run();
    }
    if (hashes[0] != hashes[1]) throw std::logic_error("two runs with this seed differ");
  } catch (const std::exception& problem) {
    throw std::logic_error("PENSTOCK_SEED=" + std::to_string(seed) + " replays this: " + problem.what() +
                           "\nin the graph\n" + graph);
  }
}

/// Runs the seeds from `first` on, or the one that the environment names.
inline void run_seeds(std::uint64_t first, std::uint64_t n) {
  if (const char* one = std::getenv("PENSTOCK_SEED"); one && *one) {
    return run_seed(std::strtoull(one, nullptr, 10));
  }
  for (std::uint64_t seed = first; seed < first + n; ++seed) run_seed(seed);
}

}  // namespace penstock::test
