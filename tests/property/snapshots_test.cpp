// SPDX-License-Identifier: BSL-1.0
// Snapshots of random graphs, of operators whose results do not depend on time, on a VirtualLoop with slow sinks.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/ops/frequencies.hpp"
#include "penstock/state/codec.hpp"
#include "penstock/state/detail/promises.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace std::chrono_literals;

namespace {

using Number = std::int64_t;
using Numbers = std::vector<Number>;
using Bytes = std::map<std::string, std::string>;  // by the names of the operators

std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}
std::uint64_t mixed(Number x, std::uint64_t salt) { return mixed(static_cast<std::uint64_t>(x) ^ salt); }

/// What came to the end of a branch, and how much of it before the barrier.
struct Log {
  Numbers all;
  std::size_t before_barrier = 0;
  std::size_t barriers = 0;
};
class LogStep : public Step {
 public:
  template <class In>
  using output = In;
  explicit LogStep(std::shared_ptr<Log> log) : log_(std::move(log)) {}
  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next& next) {
    log_->all.push_back(value);
    return next(std::forward<V>(value), context);
  }
  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    if (signal.kind == Signal::barrier) {
      log_->before_barrier = log_->all.size();
      ++log_->barriers;
    }
    return next.signal(signal);
  }

 private:
  std::shared_ptr<Log> log_;
};

/// Done with an element after a while.
struct Work final : Timer {
  explicit Work(Completion<> d) : done(std::move(d)) {}
  void run() override {
    done();
    delete this;
  }
  void discard() noexcept override { delete this; }
  Completion<> done;
};
struct Call final : Timer {
  Call(Number n, Completion<Number> d) : number(n), done(std::move(d)) {}
  void run() override {
    done(number);
    delete this;
  }
  void discard() noexcept override { delete this; }
  Number number;
  Completion<Number> done;
};

/// The same graph for the same seed, whatever loop it runs on and whatever feeds it.
class Plan {
 public:
  explicit Plan(std::uint64_t seed) : seed_(seed), random_(mixed(seed)) {
    inputs_ = 1 + below(3);
    for (std::size_t i = 0; i < inputs_; ++i) {
      Numbers numbers(10 + below(40));
      for (Number& number : numbers) number = static_cast<Number>(below(50));
      data_.push_back(std::move(numbers));
    }
  }

  std::size_t inputs() const { return inputs_; }
  const Numbers& data(std::size_t i) const { return data_[i]; }
  /// Delays are saved with what is in them, which rest has let out.
  bool holds_time() const { return holds_time_; }
  const std::string& text() const { return text_; }

  std::vector<std::shared_ptr<Log>> build(VirtualLoop& loop, std::vector<Stream<Number>> places) {
    random_.seed(mixed(seed_ ^ 77));
    text_.clear();
    std::vector<std::set<std::size_t>> sources(inputs_);
    for (std::size_t i = 0; i < inputs_; ++i) sources[i] = {i};
    std::vector<bool> used(inputs_, false);
    std::size_t bounded = 0;
    for (std::size_t left = 2 + below(8); left > 0; --left) {
      const std::size_t a = below(places.size()), b = below(places.size());
      const std::uint64_t salt = random_();
      const std::size_t n = 1 + below(5);
      const std::uint64_t kind = below(20);
      text_ += std::to_string(places.size()) + ": " + std::to_string(kind) + " of " + std::to_string(a) + ", " +
               std::to_string(b) + ", n " + std::to_string(n) + "\n";
      const Stream<Number> from = places[a];
      const std::string name = "operator " + std::to_string(places.size());
      const auto sum = [](const auto& numbers) { return std::accumulate(numbers.begin(), numbers.end(), Number{0}); };
      const auto key = [salt](Number x) { return static_cast<Number>(mixed(x, salt) % 7); };
      const auto both = [](const std::tuple<Number, Number>& t) { return std::get<0>(t) * 3 + std::get<1>(t); };
      used.push_back(false);
      used[a] = true;
      sources.push_back(sources[a]);
      // A side that waits holds up everything behind its queue. Where the other side comes from there too, or waits for
      // another zip, nobody could ever go on.
      const auto ahead = [&] {
        used[b] = true;
        bool disjoint = true;
        for (const std::size_t source : sources[b]) disjoint = disjoint && sources[a].count(source) == 0;
        sources.back().insert(sources[b].begin(), sources[b].end());
        return ZipOptions{.maxsize = disjoint && bounded++ == 0 ? n : unlimited};
      };
      switch (kind) {
        case 0: places.push_back(from.map([](Number x) { return x * 5 + 1; })); break;
        case 1: places.push_back(from.filter([salt](Number x) { return mixed(x, salt) % 4 != 0; })); break;
        case 2: places.push_back(from.accumulate([](Number s, Number x) { return (s * 31 + x) % 1009; }, Number{7}).named(name)); break;
        case 3: places.push_back(from.unique(key, Unique{.maxsize = n}).named(name)); break;
        case 4: places.push_back(from.partition(n).named(name).flatten()); break;
        case 5: places.push_back(from.partition(n, key).named(name).map(sum)); break;
        case 6: places.push_back(from.partition(n, as_view).named(name).map(sum)); break;
        case 7: places.push_back(from.partition_unique(n, key, Keep::last).named(name).flatten()); break;
        case 8: places.push_back(from.sliding_window(n).named(name).map(sum)); break;
        case 9: places.push_back(from.sliding_window(n, as_view).named(name).map(sum)); break;
        case 10: places.push_back(from.pairwise().named(name).map([](const auto& p) { return p.first * 3 - p.second; })); break;
        case 11: places.push_back(from.slice(static_cast<Number>(n), 40, 2).named(name)); break;
        case 12: places.push_back(from.skip(n).named(name)); break;
        case 13: places.push_back(from.take(5 * n).named(name)); break;
        case 14: places.push_back(from.buffer(n)); break;
        case 15: places.push_back(from.rate_limit(1ms)); break;
        case 16:
          places.push_back(from.map_async(
              [&loop, salt](Number x, Completion<Number> done) {
                const std::uint64_t time = mixed(x, salt) % 5;
                if (time == 0) return done(std::move(x));
                loop.set(*new Call(x, std::move(done)), loop.now() + static_cast<Duration::rep>(time) * 1ms);
              },
              {.parallelism = n}));
          break;
        case 17: places.push_back(from.zip(places[b], ahead()).named(name).map(both)); break;
        case 18: places.push_back(zip_all<Number>({from, places[b]}, ahead()).named(name).map(sum)); break;
        default:
          places.push_back(from.delay(static_cast<Duration::rep>(n) * 1ms).named(name));
          holds_time_ = true;
      }
    }
    std::vector<std::shared_ptr<Log>> logs;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (used[i]) continue;
      logs.push_back(std::make_shared<Log>());
      const std::uint64_t salt = random_();
      auto logged = places[i] | step(LogStep{logs.back()}, {"log"});
      std::move(logged).sink([&loop, salt](Number x, Completion<> done) {
        const std::uint64_t time = mixed(x, salt) % 6;
        if (time < 3) return done();
        loop.set(*new Work(std::move(done)), loop.now() + static_cast<Duration::rep>(time) * 1ms);
      });
    }
    return logs;
  }

 private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  std::uint64_t seed_;
  std::mt19937_64 random_;
  std::size_t inputs_ = 0;
  std::vector<Numbers> data_;
  bool holds_time_ = false;
  std::string text_;
};

/// Takes the states of all operators of some graphs at a barrier, like Checkpoints.
class Snapshot final : public Epochs {
 public:
  /// @param streams  of all graphs.
  template <class S>
  explicit Snapshot(const std::vector<S>& streams) {
    for (const auto& stream : streams) {
      if (detail::find_item(graphs_, &stream.graph()) != graphs_.end()) continue;
      graphs_.push_back(&stream.graph());
      const std::vector<Node*> nodes = stream.graph().nodes();
      for (Node* node : nodes) {
        if (auto* alignment = detail::align(*node)) alignment->release();
      }
      for (const Info* info : detail::managed_of(stream.graph())) {
        if (info->name.empty() || !managed_.emplace(info->name, info->state).second) {
          throw std::logic_error(std::string{info->op} + " has no name of its own");
        }
      }
      stream.graph().epochs(this);
    }
  }
  Snapshot(const Snapshot&) = delete;
  ~Snapshot() {
    for (Graph* graph : graphs_) graph->epochs(nullptr);
  }

  static std::string bytes_of(const Managed& managed) {
    StateWriter to;
    managed.save(to);
    return to.take();
  }
  Bytes now() const {
    Bytes all;
    for (const auto& [name, managed] : managed_) all[name] = bytes_of(*managed);
    return all;
  }
  void load(const Bytes& bytes) {
    for (const auto& [name, managed] : managed_) {
      StateReader from{bytes.at(name)};
      managed->load(from);
      from.end();
    }
    for (const auto& [name, managed] : managed_) managed->loaded();
    if (now() != bytes) throw std::logic_error("what was loaded is not what would be saved");
  }
  void passes(Info& info, std::int64_t) override {
    if (!at_barrier.emplace(info.name, bytes_of(*info.state)).second) {
      throw std::logic_error(info.name + " was saved twice at one barrier");
    }
  }
  bool puts_off(Task&) noexcept override { return false; }
  const Ref* stirs(const Info&) override { return nullptr; }
  void fails(const std::exception_ptr&) noexcept override {}

  Bytes at_barrier;
  bool complete() const { return at_barrier.size() == managed_.size(); }

 private:
  std::vector<Graph*> graphs_;
  std::map<std::string, Managed*> managed_;
};

std::string source_name(std::size_t i) { return "source " + std::to_string(i); }

/// A run of the graph, with sources that can go on from a place.
class Run {
 public:
  Run(Plan& shape, std::uint64_t seed, const Bytes* from) : loop_(seed) {
    for (std::size_t i = 0; i < shape.inputs(); ++i) {
      sources_.push_back(from_range(loop_, shape.data(i)).named(source_name(i)));
    }
    logs_ = shape.build(loop_, {sources_.begin(), sources_.end()});
    snapshot_ = std::make_unique<Snapshot>(sources_);
    if (from) snapshot_->load(*from);
  }

  /// Runs to the end, with a barrier at about `time`, if at all.
  void run(Duration time, std::uint64_t order) {
    for (const auto& source : sources_) source.start();
    std::vector<Receipt> receipts;
    all_sent_ = time != Duration::max();
    if (time != Duration::max()) {
      loop_.run_until(TimePoint{time});
      for (std::size_t i = 0; i < sources_.size(); ++i) {
        const auto& source = sources_[(i + order) % sources_.size()];
        if (source.outlet().ended()) {
          all_sent_ = false;
          continue;
        }
        receipts.push_back(source.node().send_barrier({Signal::barrier, 1}));
        loop_.run_for(static_cast<Duration::rep>(mixed(order + i) % 3) * 1ms);
      }
    }
    loop_.run();
    for (const Receipt& receipt : receipts) {
      if (receipt.pending()) throw std::logic_error("the receipt of a barrier never settles");
      receipt.get();
    }
    for (const auto& source : sources_) {
      if (!source.outlet().ended()) throw std::logic_error("a source has come to no end: the graph is stuck");
    }
  }

  const Snapshot& snapshot() const { return *snapshot_; }
  bool all_sent() const { return all_sent_; }
  const std::vector<std::shared_ptr<Log>>& logs() const { return logs_; }

 private:
  VirtualLoop loop_;
  std::vector<Source<Number>> sources_;
  std::vector<std::shared_ptr<Log>> logs_;
  std::unique_ptr<Snapshot> snapshot_;
  bool all_sent_ = false;
};

/// What the operators hold when exactly the elements before the barrier have come to rest in the graph.
Bytes at_rest(Plan& shape, const Bytes& at_barrier) {
  VirtualLoop loop;
  std::vector<Stream<Number>> sources;
  for (std::size_t i = 0; i < shape.inputs(); ++i) sources.emplace_back(loop);
  const auto logs = shape.build(loop, sources);
  for (const auto& source : sources) {
    for (Node* node : source.graph().nodes()) node->aligning(true);  // nothing is kept waiting
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    StateReader position{at_barrier.at(source_name(i))};
    const auto n = position.get<std::uint64_t>();
    for (std::size_t k = 0; k < n; ++k) {
      static_cast<void>(sources[i].push(Number{shape.data(i)[k]}));
      loop.run();
    }
  }
  const Snapshot snapshot{sources};
  Bytes all = snapshot.now();
  for (std::size_t i = 0; i < shape.inputs(); ++i) all[source_name(i)] = at_barrier.at(source_name(i));
  return all;
}

void check(std::uint64_t seed, std::size_t& complete, std::size_t& compared) {
  Plan shape{seed};
  Run whole{shape, seed, nullptr};
  whole.run(Duration::max(), 0);
  for (std::uint64_t round = 0; round < 4; ++round) {
    const std::uint64_t chance = mixed(seed * 10 + round);
    Run cut{shape, chance, nullptr};
    cut.run(static_cast<Duration::rep>(chance % 60) * 1ms, chance % 7);
    for (std::size_t i = 0; i < cut.logs().size(); ++i) {
      if (cut.logs()[i]->all != whole.logs()[i]->all) throw std::logic_error("a barrier has changed what comes out");
    }
    const Snapshot& snapshot = cut.snapshot();
    if (!cut.all_sent()) continue;  // a source was at its end
    if (!snapshot.complete()) throw std::logic_error("every source sent a barrier, and not every operator has had it");
    ++complete;
    Run rest{shape, chance + 1, &snapshot.at_barrier};
    rest.run(Duration::max(), 0);
    for (std::size_t i = 0; i < cut.logs().size(); ++i) {
      const Log& before = *cut.logs()[i];
      if (before.barriers != 1) throw std::logic_error("a barrier came " + std::to_string(before.barriers) + " times");
      Numbers both(before.all.begin(), before.all.begin() + static_cast<std::ptrdiff_t>(before.before_barrier));
      both.insert(both.end(), rest.logs()[i]->all.begin(), rest.logs()[i]->all.end());
      if (both != whole.logs()[i]->all) throw std::logic_error("restored it does not go on as it would have");
    }
    if (shape.holds_time()) continue;
    ++compared;
    const Bytes resting = at_rest(shape, snapshot.at_barrier);
    for (const auto& [name, bytes] : snapshot.at_barrier) {
      if (resting.at(name) != bytes) throw std::logic_error(name + " saves other bytes at rest than at the barrier");
    }
  }
}

/// Sanitizers make everything ten times as slow.
#ifdef PENSTOCK_SANITIZED
constexpr std::uint64_t cases = 300;
#else
constexpr std::uint64_t cases = 3'000;
#endif

}  // namespace

// Replay one with PENSTOCK_SEED=n.
TEST_CASE("a barrier finds random graphs as rest would, and from there they go on as they would have") {
  const char* only = std::getenv("PENSTOCK_SEED");
  const std::uint64_t first = only ? std::strtoull(only, nullptr, 10) : 1;
  const std::uint64_t last = only ? first : cases;
  std::size_t complete = 0;
  std::size_t compared = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    try {
      check(seed, complete, compared);
    } catch (const std::exception& error) {
      Plan shape{seed};
      VirtualLoop loop;
      std::vector<Stream<Number>> sources;
      for (std::size_t i = 0; i < shape.inputs(); ++i) sources.emplace_back(loop);
      static_cast<void>(shape.build(loop, sources));
      FAIL("seed " << seed << ": " << error.what() << "\n" << shape.text());
    }
  }
  CHECK(complete > (last - first) / 2);
  CHECK(compared > (last - first) / 4);
}
