// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/testing/stage.hpp"
#include "penstock/testing/states.hpp"

namespace penstock::testing {

/// An operator has broken its contract; says which check, in which mode, and what happened.
class ContractBroken : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// What every operator is held to.
enum class Check : std::uint8_t {
  ref_emitted,
  ref_dropped,
  ref_failed,
  ref_held,
  metadata,
  waits,
  bounded,
  ends,
  downstream_throws,
  function_throws,
  budget,
  move_only,
  destroyed,
  same_stream,
  burst,
  out_of_order,
  signals,
  counters,
  stopped,
  rewired,
  nested,
  barrier,
  restored,
  resaved
};
inline constexpr std::size_t check_count = static_cast<std::size_t>(Check::resaved) + 1;

inline const char* name(Check check) noexcept {
  static constexpr std::array<const char*, check_count> names = {
      "a Ref ends once when its element is emitted",
      "a Ref ends once when its element is dropped",
      "a Ref ends once when its element is thrown on",
      "a Ref ends once when its element is held at destruction",
      "the Refs beside an element are those of what it is made of",
      "a pending sink makes emits wait, settling frees them",
      "memory is bounded behind a stalled sink",
      "the end comes once and last",
      "a throwing downstream leaves it usable",
      "a throwing function leaves the state as before",
      "copies and moves stay within the budget",
      "a move-only element flows",
      "destroying the graph mid-flight is quiet",
      "two inputs that are the same stream work",
      "an unawaited burst keeps its order and loses nothing",
      "completion out of order ends everything once",
      "signals are forwarded in order",
      "the counters equal the ledger",
      "stopping during work loses nothing",
      "connecting and disconnecting during an emit takes effect after it",
      "an emit from within an emit is not lost",
      "a barrier parts what was before it from what comes after it",
      "restored at any place it goes on as if nothing had been",
      "restored it saves the same bytes",
  };
  return names[static_cast<std::size_t>(check)];
}

/// What an operator promises, as far as operators differ. The default is a step that passes one element on
/// for each.
struct Claims {
  std::size_t inputs = 1;      ///< elements come in turn at each of them
  bool needs_loop = false;
  bool drops = false;          ///< may drop elements although nothing behind it is stalled
  bool drops_when_stalled = false;  ///< drops elements when a sink behind it is stalled long enough
  bool leaves_out = false;     ///< leaves elements out, or takes the processing of some as done
  bool ordered = true;         ///< elements come out in the order they came in
  bool in_band = true;         ///< a signal does not overtake the elements before it
  /// Elements share a window. A signal comes behind the window that is being filled, and so behind elements
  /// that came after it; a barrier comes before it, because what is held is saved.
  bool gathers = false;
  /// What it holds is saved, so that a barrier does not wait for it. True of all that gathers.
  bool saves = false;
  /// Some elements come out without Refs: of several that are made of one, or on another strand.
  bool unnamed = false;
  /// What becomes of an element on which its function throws; done: it comes out elsewhere.
  Outcome thrown_on = Outcome::failed;
  bool counts_input = true;    ///< its Info counts what it takes
  double copies = 0;           ///< of an element, at most, when there is one consumer
  double moves = 1;
  /// Elements in it and the sink behind it, at most, when an emitter waits whenever it is told to.
  std::size_t bound = 1;
  /// What passes between elements in runs that are not about waiting.
  Duration step{0};
  /// What passes until it has surely come to rest.
  Duration rest = std::chrono::milliseconds{100};
};

/// The contract of one operator: how it is wired, what it claims, and which checks it does not claim, and
/// why.
///
///     Contract every_other{"every_other", [](auto& stage) { return stage.source() | my_every_other(); }};
///     every_other.claims.leaves_out = true;
///     every_other.without(Check::function_throws, "takes no function");
///     every_other.run(Check::ref_emitted);   // throws ContractBroken, or run() for all of them
///
/// The wiring function takes a `Stage<Counted>&`, and a `Stage<MoveOnly>&` unless `copyable` is said. It
/// returns the stream that the operator makes, several in a tuple or a range, or a sink, which then calls
/// `stage.arrived`. Functions that users would give to the operator go through `stage.calls`, so that they
/// can be made to throw.
///
/// What the contract knows of elements it knows from their Refs, so it does not matter what they are turned
/// into. Every check runs without a loop, where the operator does without, and on a VirtualLoop with several
/// seeds.
class Contract {
 public:
  struct CopyableOnly {};
  /// Says that the wiring works with elements only that can be copied.
  static constexpr CopyableOnly copyable{};

  template <class Wire>
  Contract(std::string operator_name, Wire wire) : Contract(std::move(operator_name), wire, copyable) {
    wire_move_only_ = [wire](Stage<MoveOnly>& stage) mutable { apply(wire, stage); };
    without_.erase(Check::move_only);
  }
  template <class Wire>
  Contract(std::string operator_name, Wire wire, CopyableOnly) : name_(std::move(operator_name)) {
    wire_ = [wire](Stage<Counted>& stage) mutable { apply(wire, stage); };
    without_[Check::move_only] = "wired for elements that can be copied";
  }

  Claims claims;

  const std::string& name() const noexcept { return name_; }
  /// Does not claim `check`, because of `reason`.
  Contract& without(Check check, const char* reason) {
    without_[check] = reason;
    return *this;
  }
  /// Says that nothing comes out of the operator, so that there is nothing to stall, to throw or to compare
  /// behind it.
  Contract& ends_here() {
    for (const Check check : {Check::ref_failed, Check::metadata, Check::waits, Check::bounded,
                              Check::downstream_throws, Check::signals, Check::rewired, Check::nested}) {
      without_[check] = "nothing comes out of it";
    }
    return *this;
  }
  /// Why `check` is not claimed; null when it is.
  const char* reason(Check check) const {
    const auto found = without_.find(check);
    if (found != without_.end()) return found->second;
    if (check == Check::same_stream && claims.inputs < 2) return "has one input";
    if (check == Check::ref_dropped && !claims.drops && !claims.drops_when_stalled) return "drops nothing";
    return nullptr;
  }
  bool claimed(Check check) const { return reason(check) == nullptr; }

  /// All checks that are claimed.
  void run() const {
    for (std::size_t i = 0; i < check_count; ++i) {
      if (claimed(static_cast<Check>(i))) run(static_cast<Check>(i));
    }
  }
  void run(Check check) const {
    for (const bool looped : {false, true}) {
      if (!looped && claims.needs_loop) continue;
      for (std::uint64_t seed = 0; seed < 4; ++seed) {
        if (!looped && seed != 0) continue;
        const Mode mode{looped, seed};
        try {
          (this->*body(check))(mode);
        } catch (const std::exception& problem) {
          throw ContractBroken(
              name_ + ": " + testing::name(check) + ": " + problem.what() +
              (looped ? " (on a VirtualLoop with seed " + std::to_string(seed) + ")" : " (without a loop)"));
        }
      }
    }
  }

 private:
  using Id = Ledger::Id;
  using Ids = std::vector<Id>;
  using Scene = Stage<Counted>;
  struct Mode {
    bool looped;
    std::uint64_t seed;
  };

  static constexpr Id several = 12;

  template <class Wire, class S>
  static void apply(Wire& wire, S& stage) {
    if constexpr (std::is_void_v<decltype(wire(stage))>) {
      wire(stage);
    } else {
      auto result = wire(stage);
      stage.end(result);
    }
    stage.wired();
  }

  static void require(bool holds, const std::string& sentence) {
    if (!holds) throw std::logic_error(sentence);
  }
  static std::string text(const Ids& ids) {
    std::string all = "{";
    for (const Id id : ids) all += (all.size() > 1 ? ", " : "") + std::to_string(id);
    return all + "}";
  }
  template <class Numbers>
  static std::string text(const Numbers& ids) {
    return text(Ids(ids.begin(), ids.end()));
  }
  static std::string text(const std::vector<Event>& events) {
    std::string all;
    for (const Event& event : events) {
      all += event.signal ? "[signal " + std::to_string(event.signal->kind) + "]" : text(event.ids);
    }
    return all;
  }

  std::unique_ptr<Scene> scene(Mode mode, bool same_input = false) const {
    auto made = std::make_unique<Scene>(claims.inputs, mode.looped, mode.seed, same_input);
    wire_(*made);
    for (const auto& end : made->ends()) end->unnamed = claims.unnamed;
    return made;
  }

  // --- how a scene goes on -----------------------------------------------------------------------------------------

  /// Lets what waits for time go on until the last receipt has settled.
  template <class S>
  void pace(S& stage) const {
    stage.run_ready();
    if (claims.step > Duration{0}) stage.pass(claims.step);
    for (int i = 0; i < 100 && stage.pending() && stage.open() == 0; ++i) stage.pass(claims.rest);
  }
  /// Elements one after the other, each taken before the next comes.
  template <class S>
  void play(S& stage, Id n, std::optional<Id> leave_away = std::nullopt, Id first = 0) const {
    for (Id id = first; id < n; ++id) {
      if (!leave_away || id != *leave_away) static_cast<void>(stage.feed(id));
      pace(stage);
    }
  }
  /// Completes what is in work until nothing waits any more.
  template <class S>
  void drain(S& stage) const {
    int idle = 0;
    for (int i = 0; i < 100'000; ++i) {
      stage.run_ready();
      if (stage.complete_oldest()) {
        idle = 0;
      } else if (idle++ < 3 || (stage.pending() && idle < 30)) {
        stage.pass(claims.rest);
      } else {
        require(!stage.pending(), "a receipt never settles");
        return;
      }
    }
    throw std::logic_error("the operator never comes to rest");
  }
  /// The end of a run in which everything should have gone through.
  void close(Scene& stage) const {
    stage.close();
    drain(stage);
    require(stage.ledger().open().empty(),
            "after the end of the stream these are still held: " + text(stage.ledger().open()));
  }
  void nothing_failed(Scene& stage) const {
    require(stage.thrown().empty(), "an emit threw");
    require(stage.background_errors().empty(), "an error of background work was reported");
    require(stage.ledger().failed().empty(), "these failed: " + text(stage.ledger().failed()));
    for (const Receipt& receipt : stage.receipts()) {
      require(!receipt.error(), "a receipt settled with an exception");
    }
  }
  void nothing_lost(Scene& stage, bool stalled = false) const {
    const Ledger& ledger = stage.ledger();
    if (!claims.drops && !(stalled && claims.drops_when_stalled)) {
      require(ledger.dropped().empty(), "these were dropped: " + text(ledger.dropped()));
    }
    if (!claims.leaves_out) {
      require(ledger.left_out().empty(), "these arrived nowhere: " + text(ledger.left_out()));
    }
    require(!ledger.emitted().empty(), "nothing arrived");
  }
  /// After this the graph is gone and every Ref has ended.
  template <class S>
  void finish(S& stage) const {
    stage.drop();
    stage.pass(claims.rest);
    stage.ledger().check();
    require(!stage.pending(), "a receipt is pending although the graph is gone");
  }

  static Ids first_ids(const detail::EndLog& end) {
    Ids ids;
    for (const Event& event : end.elements()) {
      if (!event.ids.empty()) ids.push_back(event.ids.front());
    }
    return ids;
  }
  void in_order(const Scene& stage) const {
    if (!claims.ordered) return;
    for (const auto& end : stage.ends()) {
      const Ids ids = first_ids(*end);
      require(std::is_sorted(ids.begin(), ids.end()), "elements came out of order: " + text(end->elements()));
    }
    require(std::is_sorted(stage.arrived_ids().begin(), stage.arrived_ids().end()),
            "elements came out of order: " + text(stage.arrived_ids()));
  }
  static std::vector<std::vector<Event>> elements_without(const Scene& stage, const std::set<Id>& ids) {
    std::vector<std::vector<Event>> all;
    for (const auto& end : stage.ends()) {
      all.emplace_back();
      for (const Event& event : end->elements()) {
        const auto named = [&](Id id) { return ids.count(id) != 0; };
        if (!event.ids.empty() && std::none_of(event.ids.begin(), event.ids.end(), named)) {
          all.back().push_back(event);
        }
      }
    }
    all.emplace_back();
    for (const Id id : stage.arrived_ids()) {
      if (ids.count(id) == 0) all.back().push_back({{id}, std::nullopt, std::nullopt});
    }
    return all;
  }
  void same(std::vector<std::vector<Event>> expected, std::vector<std::vector<Event>> got) const {
    require(expected.size() == got.size(), "the number of ends differs");
    const auto by_ids = [](const Event& a, const Event& b) { return a.ids < b.ids; };
    for (auto* all : {&expected, &got}) {
      for (std::vector<Event>& events : *all) {
        if (!claims.ordered) std::sort(events.begin(), events.end(), by_ids);
      }
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      require(expected[i] == got[i], "\nexpected  " + text(expected[i]) + "\n     got  " + text(got[i]));
    }
  }

  // --- the checks ----------------------------------------------------------------------------------------------------

  void ref_emitted(Mode mode) const {
    const auto stage = scene(mode);
    play(*stage, several);
    close(*stage);
    nothing_failed(*stage);
    nothing_lost(*stage);
    in_order(*stage);
    finish(*stage);
  }

  void ref_dropped(Mode mode) const {
    const auto stage = scene(mode);
    stage->stall(true);
    for (Id id = 0; id < 40; ++id) {
      static_cast<void>(stage->feed(id));
      stage->run_ready();
    }
    drain(*stage);
    const std::size_t counted = stage->node()->info().dropped.get();
    const std::size_t dropped = stage->ledger().dropped().size();
    require(dropped != 0, "nothing was dropped although everything behind is stalled");
    require(counted == dropped, std::to_string(dropped) + " Refs were dropped, and the operator counts " +
                                    std::to_string(counted));
    for (const auto& [id, entry] : stage->ledger().entries()) {
      require(entry.endings == 0 || entry.outcome != Outcome::dropped || !entry.reason.empty(),
              "dropped without a reason");
    }
    close(*stage);
    finish(*stage);
  }

  void ref_failed(Mode mode) const {
    const auto stage = scene(mode);
    stage->end_log().throws_at = 1;
    play(*stage, several);
    close(*stage);
    const Ids& thrown = stage->end_log().thrown;
    require(!thrown.empty(), "the end never came to throw");
    const std::set<Id> expected(thrown.begin(), thrown.end());
    const Ids failed = stage->ledger().failed();
    require(std::set<Id>(failed.begin(), failed.end()) == expected,
            "the end threw on " + text(expected) + ", and the Refs that failed are " + text(failed));
    std::size_t told = stage->thrown().size() + stage->background_errors().size();
    for (const Receipt& receipt : stage->receipts()) told += receipt.error() ? 1 : 0;
    require(told == 1, "the exception was told " + std::to_string(told) + " times and not once");
    finish(*stage);
  }

  void ref_held(Mode mode) const {
    for (const bool stalled : {false, true}) {
      for (Id n = 0; n <= several; ++n) {
        const auto stage = scene(mode);
        stage->stall(stalled);
        for (Id id = 0; id < n; ++id) {
          static_cast<void>(stage->feed(id));
          if (id % 2 == 0) stage->run_ready();
        }
        // A Ref's end is posted, so that only a loop at rest tells which are open. Half of the time
        // it is not let come to rest.
        Ids open;
        if (n % 2 == 1 || !mode.looped) {
          stage->run_ready();
          open = stage->ledger().open();
        }
        finish(*stage);
        for (const Id id : open) {
          // What was emitted before and is only remembered, as the newest of a stream, is done.
          if (!stalled && stage->ledger()[id].seen != 0 && stage->ledger()[id].outcome == Outcome::done) {
            continue;
          }
          require(stage->ledger()[id].outcome == Outcome::dropped,
                  "id " + std::to_string(id) + " was held when the graph ended, and its Ref ended as " +
                      (stage->ledger()[id].outcome == Outcome::done ? "done" : "failed"));
        }
      }
    }
  }

  void metadata(Mode mode) const {
    const auto stage = scene(mode);
    play(*stage, several);
    stage->close();
    drain(*stage);
    std::size_t compared = 0;
    for (const auto& end : stage->ends()) {
      for (const Event& event : end->elements()) {
        if (!event.values) continue;
        ++compared;
        require(*event.values == event.ids,
                "the element " + text(*event.values) + " came with the Refs of " + text(event.ids));
      }
    }
    require(compared != 0, "no element came that could be compared");
    finish(*stage);
  }

  void waits(Mode mode) const {
    const auto stage = scene(mode);
    stage->stall(true);
    bool waited = false;
    for (Id id = 0; id < 40; ++id) {
      const Receipt receipt = stage->feed(id);
      stage->run_ready();
      for (int i = 0; receipt.pending(); ++i) {
        require(i < 1000, "the receipt of id " + std::to_string(id) + " never settles");
        if (stage->open() != 0) waited = true;
        if (!stage->complete_oldest()) stage->pass(claims.step > Duration{0} ? claims.step : claims.rest);
        stage->run_ready();
      }
      require(!receipt.error(), "the receipt of id " + std::to_string(id) + " settled with an exception");
    }
    require(waited, "no emit waited although everything behind was stalled");
    drain(*stage);
    close(*stage);
    nothing_failed(*stage);
    nothing_lost(*stage, true);
    in_order(*stage);
    finish(*stage);
  }

  void bounded(Mode mode) const {
    const auto stage = scene(mode);
    stage->stall(true);
    const auto measure = [&] {
      const std::size_t open = stage->ledger().open().size();
      require(open <= claims.bound,
              std::to_string(open) + " elements are held where " + std::to_string(claims.bound) + " may be");
    };
    for (Id id = 0; id < 200; ++id) {
      const Receipt receipt = stage->feed(id);
      stage->run_ready();
      measure();
      for (int i = 0; receipt.pending(); ++i) {
        require(i < 1000, "the receipt of id " + std::to_string(id) + " never settles");
        if (!stage->complete_oldest()) stage->pass(claims.step > Duration{0} ? claims.step : claims.rest);
        stage->run_ready();
        measure();
      }
    }
    drain(*stage);
    finish(*stage);
  }

  void ends(Mode mode) const {
    for (const bool stalled : {false, true}) {
      for (const Id n : {Id{0}, Id{1}, Id{5}}) {
        const auto stage = scene(mode);
        stage->stall(stalled);
        for (Id id = 0; id < n; ++id) {
          static_cast<void>(stage->feed(id));
          if (!stalled) pace(*stage);
        }
        stage->close();
        stage->close();
        drain(*stage);
        stage->close();
        drain(*stage);
        for (const auto& end : stage->ends()) {
          if (!end->gets_signals) continue;
          const std::vector<Signal> signals = end->signals();
          require(signals.size() == 1 && signals.front().kind == Signal::end,
                  "the end came " + std::to_string(signals.size()) + " times");
          require(end->events.back().signal.has_value(),
                  "something came after the end: " + text(end->events));
        }
        require(stage->ledger().open().empty(),
                "after the end these are still held: " + text(stage->ledger().open()));
        nothing_failed(*stage);
        static_cast<void>(stage->feed(100));
        require(stage->thrown().size() == 1, "an emit after the end did not throw");
        finish(*stage);
      }
    }
  }

  void downstream_throws(Mode mode) const {
    const auto plain = scene(mode);
    play(*plain, several + 1);
    close(*plain);
    // The last one comes with the end of the stream, where something is held until then.
    for (const std::size_t where :
         {std::size_t{0}, std::size_t{1}, std::size_t{2}, plain->end_log().outputs - 1}) {
      const auto stage = scene(mode);
      stage->end_log().throws_at = where;
      play(*stage, several + 1);
      close(*stage);
      for (const auto& end : stage->ends()) {
        require(!end->gets_signals || end->signals().size() == 1,
                "the end came " + std::to_string(end->signals().size()) + " times");
      }
      const Ids& thrown = stage->end_log().thrown;
      require(!thrown.empty(), "the end never came to throw");
      const std::set<Id> failed(thrown.begin(), thrown.end());
      same(elements_without(*plain, failed), elements_without(*stage, failed));
      finish(*stage);
    }
  }

  void function_throws(Mode mode) const {
    for (const Id bad : {Id{0}, Id{1}, Id{4}}) {
      const auto plain = scene(mode);
      play(*plain, several, bad);
      close(*plain);
      const auto stage = scene(mode);
      stage->poison(bad);
      play(*stage, several);
      close(*stage);
      require(stage->poisoned() != 0, "no function was called with the element that makes it throw");
      Ids thrown_on;
      for (const auto& [id, entry] : stage->ledger().entries()) {
        if (entry.outcome != Outcome::done) thrown_on.push_back(id);
      }
      const Ids expected = claims.thrown_on == Outcome::done ? Ids{} : Ids{bad};
      require(thrown_on == expected && stage->ledger()[bad].outcome == claims.thrown_on,
              "the function threw on " + std::to_string(bad) + ", and the Refs that were not done are " +
                  text(thrown_on));
      require(claims.thrown_on != Outcome::done || stage->ledger()[bad].seen != 0,
              "the element came nowhere");
      same(elements_without(*plain, {}), elements_without(*stage, {bad}));
      finish(*stage);
    }
  }

  void budget(Mode mode) const {
    constexpr Id n = 120;
    const auto stage = scene(mode);
    for (const auto& end : stage->ends()) end->consumes = false;
    Counted::reset();
    play(*stage, n);
    const Counts counts = Counted::counts();
    const double copies = static_cast<double>(counts.copies) / n,
                 moves = static_cast<double>(counts.moves) / n;
    require(copies <= claims.copies, std::to_string(copies) + " copies an element where " +
                                         std::to_string(claims.copies) + " are claimed");
    require(moves <= claims.moves, std::to_string(moves) + " moves an element where " +
                                       std::to_string(claims.moves) + " are claimed");
    close(*stage);
    finish(*stage);
  }

  void move_only(Mode mode) const {
    MoveOnly::reset();
    const std::int64_t alive = MoveOnly::counts().alive;
    {
      Stage<MoveOnly> stage{claims.inputs, mode.looped, mode.seed};
      wire_move_only_(stage);
      for (const auto& end : stage.ends()) end->unnamed = claims.unnamed;
      play(stage, several);
      stage.close();
      drain(stage);
      require(stage.thrown().empty() && stage.background_errors().empty(), "an emit threw");
      require(!stage.ledger().emitted().empty(), "nothing arrived");
      finish(stage);
    }
    require(MoveOnly::counts().alive == alive, "elements outlived the graph");
  }

  void destroyed(Mode mode) const {
    // From inside the sink, with and without elements that wait.
    for (const bool stalled : {false, true}) {
      for (std::size_t where = 0; where < 4; ++where) {
        const auto stage = scene(mode);
        for (const auto& end : stage->ends()) {
          end->stalled = stalled;
          end->hook = [&stage, where](std::size_t number) {
            if (number == where) stage->drop_inside();
          };
        }
        for (Id id = 0; id < several && !stage->dropped(); ++id) {
          static_cast<void>(stage->feed(id));
          stage->run_ready();
        }
        for (int i = 0; i < 100 && stage->complete_oldest(); ++i) stage->run_ready();
        finish(*stage);
      }
    }
    // With receipts that settle later than the graph.
    for (Id n = 0; n < several; ++n) {
      const auto stage = scene(mode);
      stage->stall(true);
      for (const auto& end : stage->ends()) end->keeps_orphans = true;
      for (Id id = 0; id < n; ++id) static_cast<void>(stage->feed(id));
      stage->run_ready();
      stage->drop();
      for (const auto& end : stage->ends()) {
        for (const Receipt& orphan : end->orphans) orphan.settle();
      }
      finish(*stage);
    }
    // The operator alone, out of a graph that stays.
    for (Id n = 0; n < several; ++n) {
      const auto stage = scene(mode);
      stage->stall(true);
      for (Id id = 0; id < n; ++id) static_cast<void>(stage->feed(id));
      stage->run_ready();
      const std::size_t thrown = stage->thrown().size();
      Node* node = stage->node();
      node->graph().destroy(*node);
      stage->forget_node();
      for (Id id = n; id < n + 3; ++id) static_cast<void>(stage->feed(id));
      require(stage->thrown().size() == thrown,
              "an emit threw after the operator was taken out of the graph");
      finish(*stage);
    }
  }

  void same_stream(Mode mode) const {
    const auto stage = scene(mode, true);
    for (Id id = 0; id < several; ++id) {
      static_cast<void>(stage->feed(id, 0));
      pace(*stage);
    }
    close(*stage);
    nothing_failed(*stage);
    nothing_lost(*stage);
    finish(*stage);
  }

  void burst(Mode mode) const {
    const auto stage = scene(mode);
    stage->stall(true);
    for (Id id = 0; id < 40; ++id) static_cast<void>(stage->feed(id));
    drain(*stage);
    close(*stage);
    nothing_failed(*stage);
    nothing_lost(*stage, true);
    in_order(*stage);
    finish(*stage);
  }

  void out_of_order(Mode mode) const {
    for (std::uint64_t round = 0; round < 10; ++round) {
      const auto stage = scene(mode);
      stage->stall(true);
      std::mt19937_64 random{mode.seed * 1000 + round};
      const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
      std::size_t failures = 0;
      for (Id id = 0; id < 30;) {
        switch (below(4)) {
          case 0:
          case 1: static_cast<void>(stage->feed(id++)); break;
          case 2: {
            detail::EndLog* end =
                stage->ends().empty() ? nullptr : stage->ends()[below(stage->ends().size())].get();
            if (!end || end->open.empty()) break;
            const bool fails = below(8) == 0;
            failures += fails;
            end->complete(below(end->open.size()),
                          fails ? std::make_exception_ptr(EndFailure("the end fails as told")) : nullptr);
            break;
          }
          default: below(2) == 0 ? stage->run_ready() : stage->pass(claims.step);
        }
      }
      drain(*stage);
      close(*stage);
      require(failures == 0 ? stage->ledger().failed().empty() : stage->thrown().empty(), "an emit threw");
      in_order(*stage);
      finish(*stage);
    }
  }

  void signals(Mode mode) const {
    for (const bool stalled : {false, true}) {
      const auto stage = scene(mode);
      stage->stall(stalled);
      const std::vector<Signal> sent = {{Signal::watermark, 100},
                                        {Signal::idle, 0},
                                        {Signal::active, 0},
                                        {Signal::barrier, 7},
                                        {Signal::watermark, 101}};
      std::map<std::size_t, Id> sent_before;  // the number of the signal -> the first id after it
      Id id = 0;
      for (std::size_t i = 0; i < sent.size(); ++i) {
        for (int k = 0; k < 3; ++k) {
          static_cast<void>(stage->feed(id++));
          if (!stalled) pace(*stage);
        }
        sent_before[i] = id;
        stage->signal(sent[i]);
      }
      static_cast<void>(stage->feed(id++));
      drain(*stage);
      close(*stage);
      for (const auto& end : stage->ends()) {
        std::vector<std::size_t> came;  // numbers of the signals that came, in order
        Id newest = -1;
        for (const Event& event : end->events) {
          if (event.signal) {
            const auto is_it = [&](const Signal& s) {
              return s.kind == event.signal->kind && s.value == event.signal->value;
            };
            const auto number =
                static_cast<std::size_t>(std::find_if(sent.begin(), sent.end(), is_it) - sent.begin());
            if (event.signal->kind == Signal::end) continue;
            require(number < sent.size(), "a signal came that was not sent");
            if (!claims.gathers || event.signal->kind == Signal::barrier) {
              require(newest < sent_before[number],
                      "an element came before a signal that was sent before it");
            }
            came.push_back(number);
          } else if (!event.ids.empty()) {
            const Id last = *std::max_element(event.ids.begin(), event.ids.end());
            newest = std::max(newest, last);
            for (const std::size_t number : came) {
              const bool overtakes = (claims.gathers || claims.saves) && sent[number].kind == Signal::barrier;
              require(!claims.in_band || overtakes || last >= sent_before[number],
                      "a signal overtook an element that was sent before it");
            }
          }
        }
        if (claims.gathers || claims.saves) std::sort(came.begin(), came.end());
        std::vector<std::size_t> all(sent.size());
        std::iota(all.begin(), all.end(), std::size_t{0});
        require(came == all,
                "of the signals 0 to " + std::to_string(sent.size() - 1) + " these came: " + text(came));
      }
      finish(*stage);
    }
  }

  void counters(Mode mode) const {
    const auto stage = scene(mode);
    play(*stage, several + 1);
    const Info& info = stage->node()->info();
    const auto equal = [](const char* what, std::uint64_t counted, std::size_t book) {
      require(counted == book, std::string{"the operator counts "} + std::to_string(counted) + " " + what +
                                   ", and the ledger " + std::to_string(book));
    };
    std::size_t outputs = 0;
    for (const auto& end : stage->ends()) outputs += end->outputs;
    const auto settle = [&] {
      if (claims.counts_input) equal("taken", info.in.get(), stage->fed());
      equal("dropped", info.dropped.get(), stage->ledger().dropped().size());
      if (info.left_out.get() != 0 || claims.leaves_out) {
        equal("left out", info.left_out.get(), stage->ledger().left_out().size());
      }
    };
    settle();
    if (!info.one_to_one && !info.selects) equal("emitted", info.out.get(), outputs);
    equal("held", info.held.get(), stage->ledger().open().size());
    equal("waiting", info.waiting.get(), 0);
    close(*stage);
    settle();
    equal("held", info.held.get(), 0);
    finish(*stage);
  }

  void stopped(Mode mode) const {
    const auto stage = scene(mode);
    stage->stall(true);
    const auto graph = [&]() -> Graph& { return stage->source().graph(); };
    for (Id id = 0; id < several; ++id) {
      static_cast<void>(stage->feed(id));
      if (id == 3 || id == 4 || id == 8) graph().stop();
      if (id == 6) graph().start();
      if (id % 3 == 0) stage->run_ready();
    }
    graph().start();
    graph().start();
    drain(*stage);
    close(*stage);
    nothing_failed(*stage);
    nothing_lost(*stage, true);
    in_order(*stage);
    finish(*stage);
  }

  void rewired(Mode mode) const {
    const auto stage = scene(mode);
    detail::EndLog& first = stage->end_log();
    std::shared_ptr<detail::EndLog> second;
    bool detached = false;
    first.hook = [&](std::size_t number) {
      if (number == 1) {
        second = first.attach_another();
      } else if (number >= 3 && !std::exchange(detached, true)) {
        first.detach();
      }
    };
    play(*stage, 30);
    stage->close();
    drain(*stage);
    require(second != nullptr, "the end never came to connect another one");
    const std::vector<Event> a = first.elements(), b = second->elements();
    require(detached, "the end never came to disconnect");
    // Without what nothing is beside, such as empty windows.
    const auto named = [](std::vector<Event> events) {
      std::erase_if(events, [](const Event& e) { return e.ids.empty(); });
      return events;
    };
    const std::vector<Event> seen_first = named(a), seen_second = named(b);
    require(!seen_second.empty(), "nothing came to the end that was connected during an emit");
    const auto place = std::find(seen_first.begin(), seen_first.end(), seen_second.front());
    require(seen_first.size() < 2 || place == seen_first.end() || place - seen_first.begin() >= 2,
            "the element that was under way came to an end that was connected during it");
    for (auto i = place; i != seen_first.end(); ++i) {
      const auto at = static_cast<std::size_t>(i - place);
      require(at < seen_second.size() && seen_second[at] == *i,
              "two ends behind one outlet saw different elements");
    }
    require(seen_second.size() > static_cast<std::size_t>(seen_first.end() - place),
            "the end that was disconnected during an emit got what came after it");
    require(stage->thrown().empty() && stage->background_errors().empty(), "an emit threw");
    finish(*stage);
  }

  void nested(Mode mode) const {
    const auto stage = scene(mode);
    bool done = false;
    for (const auto& end : stage->ends()) {
      end->hook = [&](std::size_t) {
        if (std::exchange(done, true)) return;
        for (Id id = 100; id < 100 + static_cast<Id>(claims.inputs); ++id) {
          static_cast<void>(stage->feed(id, static_cast<std::size_t>(id - 100)));
        }
      };
    }
    play(*stage, several);
    require(done || stage->ends().empty(), "nothing came");
    close(*stage);
    nothing_failed(*stage);
    nothing_lost(*stage);
    finish(*stage);
  }

  // --- recovery

  static constexpr Signal a_barrier{Signal::barrier, 7};

  /// Elements and then a barrier, before which elements of the other inputs may still come, and which those behind it may
  /// not overtake.
  void barrier(Mode mode) const {
    for (const bool stalled : {false, true}) {
      for (Id before = 0; before <= several; ++before) {
        const auto stage = scene(mode);
        States states{stage->source().graph()};
        stage->stall(stalled);
        for (Id id = 0; id < before; ++id) {
          static_cast<void>(stage->feed(id));
          if (!stalled) pace(*stage);
        }
        std::set<Id> behind;
        Id id = before;
        std::vector<Receipt> barriers;
        for (std::size_t input = 0; input < claims.inputs; ++input) {
          barriers.push_back(stage->signal(a_barrier, input));
          if (!stalled) pace(*stage);
          for (std::size_t to = 0; to < claims.inputs; ++to, ++id) {
            if (to <= input) behind.insert(id);
            static_cast<void>(stage->feed(id, to));
            if (!stalled) pace(*stage);
          }
        }
        for (int i = 0; pending(barriers); ++i) {
          require(i < 10'000, "the receipt of a barrier never settles");
          stage->run_ready();
          if (pending(barriers) && !stage->complete_oldest()) stage->pass(claims.rest);
        }
        for (const Receipt& receipt : barriers) require(!receipt.error(), "a barrier failed");
        for (const auto& end : stage->ends()) {
          if (!end->gets_signals) continue;
          for (const detail::EndLog::Open& open : end->open) {
            require(open.number >= end->before_barrier, "the receipt of a barrier settled, and an element before it waits");
          }
          check_parted(*end, behind);
        }
        for (const std::size_t times : states.times()) {
          require(times == 1, "it was saved " + std::to_string(times) + " times at one barrier");
        }
        drain(*stage);
        close(*stage);
        states.detach();
        finish(*stage);
      }
    }
  }
  static bool pending(const std::vector<Receipt>& receipts) {
    return std::any_of(receipts.begin(), receipts.end(), [](const Receipt& receipt) { return receipt.pending(); });
  }
  void check_parted(const detail::EndLog& end, const std::set<Id>& behind) const {
    std::size_t came = 0;
    for (const Event& event : end.events) {
      if (event.signal) {
        came += event.signal->kind == Signal::barrier;
        continue;
      }
      const auto is_behind = [&](Id one) { return behind.count(one) != 0; };
      const bool any_behind = std::any_of(event.ids.begin(), event.ids.end(), is_behind);
      require(came != 0 || !any_behind, "what came behind a barrier has overtaken it: " + text(end.events));
      const bool overtaken = came != 0 && !any_behind && !event.ids.empty();
      require(!overtaken || claims.gathers || claims.saves,
              "a barrier has overtaken what came before it: " + text(end.events));
    }
    require(came == 1, "one barrier was sent, and " + std::to_string(came) + " came");
  }

  /// Plays the elements up to `cut`, takes the states there, and has the rest played by another one that has loaded them.
  void restored(Mode mode) const {
    const auto plain = scene(mode);
    plain->run_ready();
    play(*plain, several);
    close(*plain);
    const auto expected = contents(*plain, false);
    finish(*plain);
    for (Id cut = 0; cut <= several; ++cut) {
      std::vector<std::vector<Ids>> got;
      std::vector<std::string> bytes = saved_at(mode, cut, &got);
      const auto stage = scene(mode);
      States states{stage->source().graph()};
      states.load(bytes);
      play(*stage, several, std::nullopt, cut);
      close(*stage);
      const auto rest = contents(*stage, false);
      for (std::size_t i = 0; i < rest.size(); ++i) got[i].insert(got[i].end(), rest[i].begin(), rest[i].end());
      nothing_failed(*stage);
      states.detach();
      finish(*stage);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        auto want = expected[i];
        if (!claims.ordered) {
          std::sort(want.begin(), want.end());
          std::sort(got[i].begin(), got[i].end());
        }
        require(got[i] == want, "cut before " + std::to_string(cut) + "\nexpected  " + text(want) + "\n     got  " + text(got[i]));
      }
    }
  }
  void resaved(Mode mode) const {
    for (Id cut = 0; cut <= several; ++cut) {
      const std::vector<std::string> bytes = saved_at(mode, cut, nullptr);
      const auto stage = scene(mode);
      States states{stage->source().graph()};
      states.load(bytes);
      require(states.now() == bytes, "restored before " + std::to_string(cut) + " it would save other bytes");
      states.detach();
      finish(*stage);
    }
  }
  std::vector<std::string> saved_at(Mode mode, Id cut, std::vector<std::vector<Ids>>* came) const {
    const auto stage = scene(mode);
    States states{stage->source().graph()};
    for (const Node* node : stage->source().graph().nodes()) {
      for (const Info& info : node->infos()) {
        require(info.recovery != Recovery::state || info.state, std::string{info.op} + " remembers what it cannot save");
      }
    }
    stage->run_ready();
    play(*stage, cut);
    std::vector<Receipt> barriers;
    for (std::size_t input = 0; input < claims.inputs; ++input) barriers.push_back(stage->signal(a_barrier, input));
    for (int i = 0; pending(barriers); ++i) {
      require(i < 10'000, "the receipt of a barrier never settles");
      stage->pass(claims.rest);
    }
    if (came) *came = contents(*stage, true);
    states.detach();
    std::vector<std::string> bytes = states.bytes();
    finish(*stage);
    return bytes;
  }
  /// What came to each end and to a sink, up to the barrier or all of it.
  static std::vector<std::vector<Ids>> contents(const Scene& stage, bool to_barrier) {
    std::vector<std::vector<Ids>> all;
    for (const auto& end : stage.ends()) {
      all.emplace_back();
      for (const Event& event : end->events) {
        if (event.signal && to_barrier && event.signal->kind == Signal::barrier) break;
        if (!event.signal) all.back().push_back(event.content);
      }
    }
    all.emplace_back();
    for (const Id id : stage.arrived_ids()) all.back().push_back({id});
    return all;
  }
  static std::string text(const std::vector<Ids>& all) {
    std::string line;
    for (const Ids& ids : all) line += text(ids);
    return line;
  }

  using Body = void (Contract::*)(Mode) const;
  static Body body(Check check) {
    static constexpr std::array<Body, check_count> bodies = {
        &Contract::ref_emitted,     &Contract::ref_dropped, &Contract::ref_failed,
        &Contract::ref_held,        &Contract::metadata,    &Contract::waits,
        &Contract::bounded,         &Contract::ends,        &Contract::downstream_throws,
        &Contract::function_throws, &Contract::budget,      &Contract::move_only,
        &Contract::destroyed,       &Contract::same_stream, &Contract::burst,
        &Contract::out_of_order,    &Contract::signals,     &Contract::counters,
        &Contract::stopped,         &Contract::rewired,     &Contract::nested,
        &Contract::barrier,         &Contract::restored,    &Contract::resaved,
    };
    return bodies[static_cast<std::size_t>(check)];
  }

  std::string name_;
  std::function<void(Stage<Counted>&)> wire_;
  std::function<void(Stage<MoveOnly>&)> wire_move_only_;
  std::map<Check, const char*> without_;
};

}  // namespace penstock::testing
