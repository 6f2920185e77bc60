// SPDX-License-Identifier: BSL-1.0
// The snapshot before anything starts: where sinks began to write.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/state/checkpoints.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "state/numbers.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using test::Kept;
using test::MemoryStore;
using test::numbers;
using test::often;
using test::saved;

namespace {

using Numbers = std::vector<int>;

/// Appends to numbers that outlive it.
class File final : public Node, public Receiver<int, File>, public Managed {
 public:
  explicit File(Numbers& numbers) : Node(Info{"file", {}, Shape::sink}), numbers_(numbers) {
    port(static_cast<InletBase&>(*this));
    info().state = this;
    info().name = "file";
    info().guarantee = Guarantee::exactly_once;
  }
  template <class V>
  Pending* take(V&& value, const Context*) {
    numbers_.push_back(value);
    return nullptr;
  }
  void save(StateWriter& to) const override { to.put(static_cast<std::uint64_t>(numbers_.size())); }
  void load(StateReader& from) override { numbers_.resize(static_cast<std::size_t>(from.get<std::uint64_t>())); }

 protected:
  Pending* take_signal(const Signal& signal) override { return at_barrier(signal); }

 private:
  Numbers& numbers_;
};

/// What a sink keeps that decides which epoch is real.
struct Table {
  Numbers numbers;
  std::uint64_t epoch = 0;
  bool fails = false;  // nothing can be committed
};
class Deciding final : public Node, public Receiver<int, Deciding>, public Managed {
 public:
  explicit Deciding(Table& table) : Node(Info{"table", {}, Shape::sink}), table_(table) {
    port(static_cast<InletBase&>(*this));
    info().state = this;
    info().name = "table";
    info().guarantee = Guarantee::exactly_once;
  }
  template <class V>
  Pending* take(V&& value, const Context*) {
    waiting_.push_back(value);
    return nullptr;
  }
  void prepare() override { prepared_ = waiting_.size(); }
  void save(StateWriter&) const override {}
  void load(StateReader&) override {}
  void committed(std::uint64_t epoch) override {
    if (epoch == table_.epoch) return;
    if (table_.fails) throw std::runtime_error("the table is locked");
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(prepared_);
    table_.numbers.insert(table_.numbers.end(), waiting_.begin(), end);
    waiting_.erase(waiting_.begin(), end);
    prepared_ = 0;
    table_.epoch = epoch;
  }
  const std::uint64_t* authority() const noexcept override { return &table_.epoch; }

 protected:
  Pending* take_signal(const Signal& signal) override { return at_barrier(signal); }

 private:
  Table& table_;
  Numbers waiting_;
  std::size_t prepared_ = 0;
};

CheckpointOptions exact(Duration every) {
  CheckpointOptions options = often(every);
  options.guarantee = Guarantee::exactly_once;
  return options;
}

}  // namespace

TEST_CASE("a run that dies before its first checkpoint begins anew, and sinks go back to where they began") {
  Kept kept;
  Numbers file{-1, -2};
  for (const int lives_for : {3, 5, 0}) {
    VirtualLoop loop;
    const Source<int> source = numbers(loop, 7);
    attach<File>(source.rate_limit(1ms).accumulate([](int sum, int x) { return sum + x; }, 0).named("total").stream(), file);
    Checkpoints checkpoints{source, exact(1h), std::make_unique<MemoryStore>(kept)};
    CHECK(file == Numbers{-1, -2});
    CHECK(checkpoints.stats().restored == 0);
    CHECK(kept.size() == 1);
    CHECK(saved<std::uint64_t>(kept.at(0), "file") == 2);
    CHECK(kept.at(0).entries.size() == 1);
    source.start();
    if (lives_for == 0) {
      checkpoints.wait_over();
    } else {
      loop.run_for(lives_for * 1ms);
      CHECK(file.size() > 2);
    }
  }
  CHECK(file == Numbers{-1, -2, 0, 1, 3, 6, 10, 15, 21});
  CHECK(saved<std::uint64_t>(kept.rbegin()->second, "file") == 9);
}

TEST_CASE("where no sink has anything to save there is no snapshot of the beginning") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 7);
  source.accumulate([](int sum, int x) { return sum + x; }, 0).named("total").sink([](int) {});
  const Checkpoints checkpoints{source, often(), std::make_unique<MemoryStore>(kept)};
  CHECK(kept.empty());
  CHECK(checkpoints.stats().taken == 0);
}

TEST_CASE("a run that cannot save where it begins does not begin") {
  Kept kept;
  Numbers file;
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 7);
  attach<File>(source, file);
  CHECK_THROWS_WITH((Checkpoints{source, often(), std::make_unique<MemoryStore>(kept, 1)}), "no space left");
  CHECK(kept.empty());
  const Checkpoints checkpoints{source, often(), std::make_unique<MemoryStore>(kept)};
  CHECK(kept.size() == 1);
}

TEST_CASE("a sink that decides and has nothing yet means the beginning, whatever snapshots there are") {
  Kept kept;
  Numbers file{-1};
  Table table;
  for (const bool fails : {true, true, false}) {
    table.fails = fails;
    VirtualLoop loop;
    const Source<int> source = numbers(loop, 6, !fails);
    const Stream<int> slow = source.rate_limit(1ms);
    attach<File>(slow, file);
    attach<Deciding>(slow, table);
    source.on_background_error([](const std::exception_ptr&, const Info&) {});
    Checkpoints checkpoints{source, exact(2ms), std::make_unique<MemoryStore>(kept)};
    CHECK(file == Numbers{-1});
    CHECK(checkpoints.stats().restored == 0);
    source.start();
    if (fails) {
      loop.run_for(5ms);
      CHECK(kept.size() > 2);
      CHECK(table.numbers.empty());
    } else {
      checkpoints.wait_over();
    }
  }
  CHECK(file == Numbers{-1, 0, 1, 2, 3, 4, 5});
  CHECK(table.numbers == Numbers{0, 1, 2, 3, 4, 5});
}

TEST_CASE("a run that is stopped as soon as it was started has the beginning and what it is asked for") {
  for (const bool drains : {false, true}) {
    Kept kept;
    Numbers file{-1};
    {
      EventLoop loop;
      const Source<int> source = numbers(loop, 7);
      attach<File>(source, file);
      CheckpointOptions options = exact(1h);
      options.background = true;
      Checkpoints checkpoints{source, options, std::make_unique<MemoryStore>(kept)};
      source.start();
      drains ? checkpoints.drain() : checkpoints.suspend();
      CHECK(checkpoints.stats().taken == 2);
      CHECK(checkpoints.stats().epoch == 1);
    }
    EventLoop loop;
    const Source<int> source = numbers(loop, 7);
    attach<File>(source, file);
    Checkpoints checkpoints{source, exact(1h), std::make_unique<MemoryStore>(kept)};
    CHECK(checkpoints.stats().restored == 1);
    source.start();
    checkpoints.wait_over();
    CHECK(file == Numbers{-1, 0, 1, 2, 3, 4, 5, 6});
  }
}
