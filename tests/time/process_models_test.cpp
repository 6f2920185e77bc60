// SPDX-License-Identifier: BSL-1.0
//
// A process function that does at random all that one can do, against a model that keeps everything in plain maps and looks for
// what comes up next by looking at all of it. PENSTOCK_SEED=n plays one case again, PENSTOCK_CASES=n says how many there are.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "penstock/time/process.hpp"

using namespace penstock;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

enum class Op {
  set, update, clear, add, replace, put, remove, clear_map, timer, cancel, processing_timer, cancel_processing, quick, side,
  fail, fail_otherwise, count
};
struct Event {
  EventTime time;
  int key;
  Op op;
  int n;
};
struct Turn {
  enum Kind { event, watermark, wait } kind;
  Event what{};
  std::int64_t to = 0;  // of a watermark; of a wait nanoseconds
};
using Turns = std::vector<Turn>;

/// What is known of a key, in words.
template <class Value, class List, class Map, class Quick>
std::string text(int key, const Value& value, const List& list, const Map& map, const Quick& quick) {
  std::string words = std::to_string(key) + ":" + (value.has_value() ? std::to_string(*value) : "-") + "[";
  for (int n : list) words += std::to_string(n) + ",";
  words += "]{";
  for (const auto& [k, v] : map) words += std::to_string(k) + "=" + std::to_string(v) + ",";
  return words + "}" + (quick.has_value() ? std::to_string(*quick) : "-");
}

struct Function {
  ValueState<int> value{"value", {.time_to_live = 10us}};
  ListState<int> list{"list"};
  MapState<int, int> map{"map", {.time_to_live = 7us}};
  ValueState<int> quick{"quick", {.time_to_live = 50ns, .domain = TimeDomain::processing}};
  SideOutput<std::string> aside{};
  using output = std::string;

  void element(const Event& e, auto& ctx) {
    ctx.emit((ctx.is_late() ? "late " : "") + text(ctx.key(), value, list, map, quick));
    switch (e.op) {
      case Op::set: value = e.n; break;
      case Op::update: value.update([&](int& v) { v = (v + e.n) % 6; }); break;
      case Op::clear: value.clear(); break;
      case Op::add: list.add(e.n); break;
      case Op::replace: list.assign(e.n % 2 == 0 ? std::vector<int>{} : std::vector{e.n, e.n}); break;
      case Op::put: map.put(e.n, e.n * 10); break;
      case Op::remove: map.remove(e.n); break;
      case Op::clear_map:
        map.clear();
        if (e.n % 2 != 0) map.put(e.n, 1);
        break;
      case Op::timer: ctx.timer_at(e.time + e.n); break;
      case Op::cancel: ctx.cancel_timer(e.time + e.n); break;
      case Op::processing_timer: ctx.processing_timer_after(Duration{e.n * 10}); break;
      case Op::cancel_processing: ctx.cancel_processing_timers(); break;
      case Op::quick: quick = e.n; break;
      case Op::side: ctx.emit(aside, std::to_string(e.n)); break;
      case Op::fail:
        value = 99;
        value.clear();
        list.add(99);
        list.clear();
        list.add(98);
        map.put(1, 99);
        map.remove(2);
        map.clear();
        map.put(3, 99);
        quick = 99;
        ctx.timer_at(e.time + 1);
        ctx.cancel_timer(e.time);
        ctx.processing_timer_after(1ns);
        ctx.emit(aside, "never seen");
        throw std::runtime_error("refused");
      case Op::fail_otherwise:
        list.add(99);
        map.put(e.n, 99);
        map.put(e.n, 98);
        map.remove(0);
        map.put(0, 97);
        ctx.cancel_processing_timers();
        throw std::runtime_error("refused");
      case Op::count: break;
    }
  }
  void timer(auto& ctx) {
    ctx.emit("timer " + std::to_string(ctx.time()) + " " + text(ctx.key(), value, list, map, quick));
    if (list.size() == 2) {
      list.add(77);
      map.clear();
      throw std::runtime_error("a timer failed");
    }
    if (list.size() > 2) list.clear();
    if (value.value_or(0) > 0) ctx.timer_at(ctx.time() + *value);  // ends when the value does
    if (map.contains(3)) map.put(4, 4);
  }
  void processing_timer(auto& ctx) {
    ctx.emit("clock " + text(ctx.key(), value, list, map, quick));
    if (value.has_value()) quick = 1;
    if (!list.empty()) ctx.timer_at(EventTime{0});  // which has passed
    if (map.contains(2)) ctx.processing_timer_after(30ns);
    map.remove(2);
  }
};

using Log = std::vector<std::tuple<std::string, EventTime>>;  // what came out, and its event time

/// The operator, in a graph of its own.
class Real {
 public:
  explicit Real(Duration later = Duration::zero()) {
    loop.run_for(later);
    out.emplace(source.key_by(&Event::key).process(Function{}));
    watch(*out, "");
    watch(out->side(&Function::aside), "side ");
  }
  void operator()(const Turn& turn) {
    try {
      if (turn.kind == Turn::event) {
        Context context;
        context.event_time(turn.what.time);
        source.emit(turn.what, context);
      } else if (turn.kind == Turn::watermark) {
        detail::offer(source.outlet(), Signal{Signal::watermark, turn.to}).get();
      } else {
        loop.run_for(Duration{turn.to});
      }
    } catch (const std::runtime_error& error) {
      log.emplace_back(std::string("! ") + error.what(), no_event_time);
    }
  }
  void close() {
    try {
      source.close();
    } catch (const std::runtime_error& error) {
      log.emplace_back(std::string("! ") + error.what(), no_event_time);
    }
  }
  const TimeGauges& gauges() const { return *out->node().time_gauges(); }
  std::string save() const {
    StateWriter writer;
    out->node().info().state->save(writer);
    return writer.take();
  }
  void load(const std::string& bytes) {
    StateReader reader{bytes};
    out->node().info().state->load(reader);
    reader.end();
    out->node().info().state->loaded();
  }

  Log log;
  VirtualLoop loop;
  Stream<Event> source{loop};
  using Out = decltype(std::declval<Stream<Event>>().key_by(&Event::key).process(Function{}));
  std::optional<Out> out;

 private:
  struct Watcher final : Node, Receiver<std::string, Watcher> {
    Watcher(Log& l, std::string p) : Node(Info{"watch", {}, Shape::sink}), log(l), prefix(std::move(p)) {
      this->port(static_cast<InletBase&>(*this));
    }
    template <class V>
    Pending* take(V&& value, const Context* context) {
      log.emplace_back(prefix + value, context ? context->event_time() : no_event_time);
      return nullptr;
    }
    Pending* take_signal(const Signal&) override { return nullptr; }
    Log& log;
    std::string prefix;
  };
  void watch(const Stream<std::string>& stream, std::string prefix) {
    attach<Watcher>(stream, log, std::move(prefix));
  }
};

/// The same without any of it.
class Model {
 public:
  struct Known {
    std::optional<int> value;
    std::vector<int> list;
    std::map<int, int> map;
    std::optional<int> quick;
    std::int64_t value_ends = never, map_ends = never, quick_ends = never;
    std::set<std::int64_t> timers, clocks;
    bool nothing() const { return !value && list.empty() && map.empty() && !quick && timers.empty() && clocks.empty(); }
  };

  void operator()(const Turn& turn) {
    failed_ = nullptr;
    if (turn.kind == Turn::event) {
      element(turn.what);
    } else if (turn.kind == Turn::watermark) {
      if (turn.to > frontier_) pass_event(frontier_ = turn.to);
    } else {
      const std::int64_t to = now_ + turn.to;
      for (;;) {
        std::int64_t next = never;
        for (const auto& [key, known] : keys) {
          if (!known.clocks.empty()) next = std::min(next, *known.clocks.begin());
          next = std::min(next, known.quick_ends);
        }
        if (next > to) break;
        pass_clock(now_ = next);
        pass_event(frontier_);
      }
      now_ = to;
    }
    tell_failure();
  }
  void close() {
    failed_ = nullptr;
    at_end_ = true;
    pass_event(never - 1);
    pass_clock(never - 1);
    pass_event(never - 1);
    keys.clear();
    tell_failure();
  }
  std::size_t timers() const {
    std::size_t n = 0;
    for (const auto& [key, known] : keys) n += known.timers.size() + known.clocks.size();
    return n;
  }

  Log log;
  std::map<int, Known> keys;

 private:
  static std::string text_of(int key, const Known& k) { return text(key, k.value, k.list, k.map, k.quick); }
  void tell_failure() {
    if (failed_) log.emplace_back(std::string("! ") + failed_, no_event_time);
    std::erase_if(keys, [](const auto& item) { return item.second.nothing(); });
  }

  void element(const Event& e) {
    if (e.op == Op::fail || e.op == Op::fail_otherwise) {
      failed_ = "refused";
      return;
    }
    Known& k = keys[e.key];
    log.emplace_back((e.time < frontier_ ? "late " : "") + text_of(e.key, k), e.time);
    const EventTime from = std::max(e.time, frontier_);
    switch (e.op) {
      case Op::set: k.value = e.n; k.value_ends = from + 10; break;
      case Op::update: k.value = (k.value.value_or(0) + e.n) % 6; k.value_ends = from + 10; break;
      case Op::clear: k.value.reset(); k.value_ends = never; break;
      case Op::add: k.list.push_back(e.n); break;
      case Op::replace:
        k.list.clear();
        if (e.n % 2 != 0) k.list = {e.n, e.n};
        break;
      case Op::put: k.map[e.n] = e.n * 10; k.map_ends = from + 7; break;
      case Op::remove:
        if (k.map.erase(e.n) != 0) k.map_ends = k.map.empty() ? never : from + 7;
        break;
      case Op::clear_map:
        k.map.clear();
        k.map_ends = never;
        if (e.n % 2 != 0) k.map[e.n] = 1, k.map_ends = from + 7;
        break;
      case Op::timer: k.timers.insert(e.time + e.n); break;
      case Op::cancel: k.timers.erase(e.time + e.n); break;
      case Op::processing_timer: k.clocks.insert(now_ + e.n * 10); break;
      case Op::cancel_processing: k.clocks.clear(); break;
      case Op::quick: k.quick = e.n; k.quick_ends = now_ + 50; break;
      case Op::side: log.emplace_back("side " + std::to_string(e.n), e.time); break;
      default: break;
    }
    pass_event(frontier_);
  }
  void pass_event(EventTime to) {
    for (;;) {
      std::tuple<EventTime, int, int> next{never, 0, 0};  // time, key, and what it is
      for (const auto& [key, k] : keys) {
        if (!k.timers.empty()) next = std::min(next, {*k.timers.begin(), key, 0});
        if (k.value_ends != never) next = std::min(next, {k.value_ends, key, 1});
        if (k.map_ends != never) next = std::min(next, {k.map_ends, key, 2});
      }
      const auto [time, key, what] = next;
      if (time > to || time == never) return;
      Known& k = keys[key];
      if (what == 1) k.value.reset(), k.value_ends = never;
      if (what == 2) k.map.clear(), k.map_ends = never;
      if (what != 0) continue;
      k.timers.erase(time);
      if (k.list.size() == 2) {
        if (!failed_) failed_ = "a timer failed";
        continue;
      }
      log.emplace_back("timer " + std::to_string(time) + " " + text_of(key, k), time);
      if (k.list.size() > 2) k.list.clear();
      if (k.value.value_or(0) > 0) k.timers.insert(time + *k.value);
      if (k.map.contains(3)) k.map[4] = 4, k.map_ends = time + 7;
    }
  }
  void pass_clock(std::int64_t to) {
    for (;;) {
      std::tuple<std::int64_t, int, int> next{never, 0, 0};
      for (const auto& [key, k] : keys) {
        if (!k.clocks.empty()) next = std::min(next, {*k.clocks.begin(), key, 0});
        if (k.quick_ends != never) next = std::min(next, {k.quick_ends, key, 1});
      }
      const auto [time, key, what] = next;
      if (time > to || time == never) return;
      Known& k = keys[key];
      if (what == 1) {
        k.quick.reset();
        k.quick_ends = never;
        continue;
      }
      k.clocks.erase(time);
      log.emplace_back("clock " + text_of(key, k), frontier_);
      if (k.value) k.quick = 1, k.quick_ends = now_ + 50;
      if (!k.list.empty()) k.timers.insert(0);
      if (k.map.contains(2)) {
        if (!at_end_) k.clocks.insert(now_ + 30);
        k.map.erase(2);
        k.map_ends = k.map.empty() ? never : frontier_ + 7;
      }
    }
  }

  EventTime frontier_ = no_frontier;
  std::int64_t now_ = 0;
  bool at_end_ = false;
  const char* failed_ = nullptr;
};

Turns make_turns(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto upto = [&](std::int64_t n) { return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n)); };
  Turns turns{{Turn::watermark, {}, 1}};
  const std::int64_t n = 5 + upto(40);
  const std::int64_t keys = 1 + upto(4);
  const std::int64_t spread = 1 + upto(12);
  EventTime now = 1;
  for (std::int64_t i = 0; i < n; ++i) {
    now += upto(4);
    switch (upto(6)) {
      case 0: turns.push_back({Turn::watermark, {}, now - upto(spread)}); break;
      case 1: turns.push_back({Turn::wait, {}, upto(5) * 10}); break;
      default:
        turns.push_back({Turn::event,
                         {now - upto(spread) + upto(3), static_cast<int>(upto(keys)),
                          static_cast<Op>(upto(static_cast<int>(Op::count))), static_cast<int>(upto(6))}});
    }
  }
  return turns;
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}
template <class Check>
void for_seeds(std::uint64_t cases, Check check) {
  const std::uint64_t first = from_environment("PENSTOCK_SEED", 1);
  const std::uint64_t last = std::getenv("PENSTOCK_SEED") ? first : from_environment("PENSTOCK_CASES", cases);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    if (!check(seed)) {
      INFO("PENSTOCK_SEED=" << seed);
      REQUIRE(check(seed));
    }
  }
  SUCCEED();
}
std::string first_difference(const Log& real, const Log& model) {
  for (std::size_t i = 0; i < std::max(real.size(), model.size()); ++i) {
    const auto tell = [&](const Log& log) {
      return i < log.size() ? std::get<0>(log[i]) + " @" + std::to_string(std::get<1>(log[i])) : std::string("nothing");
    };
    if (tell(real) != tell(model)) return std::to_string(i) + ": " + tell(real) + " | " + tell(model);
  }
  return {};
}

}  // namespace

TEST_CASE("process: states, timers and results of random functions are those of the model") {
  for_seeds(3'000, [](std::uint64_t seed) {
    Real real;
    Model model;
    for (const Turn& turn : make_turns(seed)) {
      real(turn);
      model(turn);
      const bool same = first_difference(real.log, model.log).empty() && real.gauges().entries.get() == model.keys.size() &&
                        real.gauges().timers.get() == model.timers();
      if (!same) {
        UNSCOPED_INFO(first_difference(real.log, model.log));
        UNSCOPED_INFO(real.gauges().entries.get() << " entries | " << model.keys.size());
        UNSCOPED_INFO(real.gauges().timers.get() << " timers | " << model.timers());
        return false;
      }
    }
    real.close();
    model.close();
    UNSCOPED_INFO(first_difference(real.log, model.log));
    return real.log == model.log && real.gauges().entries.get() == 0 && real.gauges().timers.get() == 0;
  });
}

TEST_CASE("process: saved and loaded at every position it goes on the same, and saves the same bytes again") {
  for_seeds(150, [](std::uint64_t seed) {
    const Turns turns = make_turns(seed);
    for (std::size_t cut = 0; cut <= turns.size(); ++cut) {
      Real first;
      for (std::size_t i = 0; i < cut; ++i) first(turns[i]);
      const std::string saved = first.save();
      Real second{12'345ns * static_cast<std::int64_t>(seed)};
      second.load(saved);
      if (second.save() != saved) return false;
      if (second.gauges().entries.get() != first.gauges().entries.get()) return false;
      if (second.gauges().timers.get() != first.gauges().timers.get()) return false;
      first.log.clear();
      for (std::size_t i = cut; i < turns.size(); ++i) {
        first(turns[i]);
        second(turns[i]);
      }
      first.close();
      second.close();
      if (first.log != second.log) {
        UNSCOPED_INFO("cut at " << cut << ": " << first_difference(second.log, first.log));
        return false;
      }
    }
    return true;
  });
}
