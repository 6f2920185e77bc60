// SPDX-License-Identifier: BSL-1.0
#include "penstock/core/task.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/core/strand.hpp"

using namespace penstock;

namespace {

struct Note final : Task {
  Note(std::string& log, char c) : log_(log), c_(c) {}
  void run() override { log_ += c_; }
  void discard() noexcept override { log_ += '-'; }
  std::string& log_;
  char c_;
};

void run_all(TaskQueue& queue) {
  while (Task* task = queue.pop()) task->run();
}

/// Knows which of them are alive; making one more out of another one fails when `left` is used up.
struct Fragile {
  explicit Fragile(int n) : number(n) { alive.push_back(this); }
  Fragile(const Fragile& other) : number(other.number) {
    if (left-- == 0) throw std::runtime_error("no more of them");
    alive.push_back(this);
  }
  ~Fragile() {
    if (std::erase(alive, this) != 1) ++ended_twice;
  }
  static void reset() {
    alive.clear();
    ended_twice = 0;
  }
  static inline std::vector<const Fragile*> alive;
  static inline int ended_twice = 0;
  static inline int left = 0;
  int number;
};
struct FragileToMove {
  explicit FragileToMove(int n) : item(n) {}
  FragileToMove(FragileToMove&& other) : item(other.item) {}  // NOLINT: may throw
  Fragile item;
};

}  // namespace

TEST_CASE("tasks run in the order in which they were queued, each once") {
  std::string log;
  TaskQueue queue;
  Note a{log, 'a'};
  Note b{log, 'b'};
  queue.push(a);
  queue.push(b);
  queue.push(a);  // keeps its place
  REQUIRE(a.queued());
  run_all(queue);
  REQUIRE(log == "ab");
  REQUIRE_FALSE(a.queued());
  REQUIRE(queue.pop() == nullptr);
}

TEST_CASE("a task that dies leaves its queue, and a queue that ends discards its tasks") {
  std::string log;
  Note kept{log, 'k'};
  {
    TaskQueue queue;
    {
      Note dies{log, 'd'};
      queue.push(dies);
      queue.push(kept);
    }
    queue.push(kept);
    REQUIRE_FALSE(queue.empty());
  }
  REQUIRE(log == "-");
  REQUIRE_FALSE(kept.queued());
}

TEST_CASE("splicing keeps the order and empties the other queue") {
  std::string log;
  TaskQueue queue;
  TaskQueue other;
  Note a{log, 'a'};
  Note b{log, 'b'};
  Note c{log, 'c'};
  queue.push(a);
  other.push(b);
  other.push(c);
  queue.splice(other);
  queue.splice(other);
  REQUIRE(other.empty());
  b.unlink();
  run_all(queue);
  REQUIRE(log == "ac");
}

TEST_CASE("a scheduler may choose among the tasks, counted round the queue") {
  std::string log;
  TaskQueue queue;
  Note a{log, 'a'};
  Note b{log, 'b'};
  Note c{log, 'c'};
  for (Note* note : {&a, &b, &c}) queue.push(*note);
  queue.pop_after(4)->run();
  queue.pop_after(1)->run();
  queue.pop_after(7)->run();
  REQUIRE(log == "bca");
  REQUIRE(queue.pop_after(0) == nullptr);
}

TEST_CASE("a function task frees itself, run or not") {
  const auto shared = std::make_shared<int>(0);
  auto fn = [shared] { ++*shared; };
  (new FunctionTask<decltype(fn)>(fn))->run();
  {
    TaskQueue queue;
    queue.push(*new FunctionTask<decltype(fn)>(fn));
    REQUIRE(shared.use_count() == 3);
  }
  REQUIRE(*shared == 1);
  REQUIRE(shared.use_count() == 2);
}

TEST_CASE("what is put off on a strand runs after the descent, and at once when there is none") {
  std::string log;
  auto* strand = new Strand;
  const StrandRef alive{*strand};
  strand->release();
  Note now{log, 'n'};
  Note later{log, 'l'};
  alive->post(now);
  REQUIRE(log == "n");
  alive->descend([&] {
    alive->post(later);
    alive->descend([&] { log += '('; });
    log += ')';
  });
  REQUIRE(log == "n()l");
  REQUIRE(alive->plain());
}

TEST_CASE("an error of what was put off comes out at the end of the descent, the first of several") {
  auto* strand = new Strand;
  const StrandRef alive{*strand};
  strand->release();
  auto first = [] { throw std::string{"first"}; };
  auto second = [] { throw std::string{"second"}; };
  std::string caught;
  try {
    alive->descend([&] {
      alive->post(*new FunctionTask<decltype(first)>(first));
      alive->post(*new FunctionTask<decltype(second)>(second));
    });
  } catch (const std::string& text) {
    caught = text;
  }
  REQUIRE(caught == "first");
  REQUIRE(alive->plain());
  REQUIRE(alive->descend([] { return 7; }) == 7);
}

TEST_CASE("a ring keeps the order while it wraps and grows") {
  detail::Ring<std::unique_ptr<int>> ring;
  int in = 0;
  int out = 0;
  bool in_order = true;
  for (int round = 1; round < 40; ++round) {
    for (int i = 0; i < round; ++i) ring.push(std::make_unique<int>(in++));
    for (int i = 0; i < round - 1; ++i) in_order = in_order && *ring.pop() == out++;
  }
  REQUIRE(in_order);
  REQUIRE(ring.size() == 39);
  REQUIRE(*ring.front() == out);
  REQUIRE(*ring.back() == in - 1);
  REQUIRE(*ring[2] == out + 2);
  ring.clear();
  REQUIRE(ring.empty());
}

TEST_CASE("a ring that cannot grow keeps what is in it, whole") {
  const int fails_at = GENERATE(range(0, 4));
  Fragile::reset();
  {
    detail::Ring<Fragile> ring;
    for (int i = 0; i < 4; ++i) ring.push(i);
    Fragile::left = fails_at;
    REQUIRE_THROWS_AS(ring.push(4), std::runtime_error);
    REQUIRE(ring.size() == 4);
    REQUIRE(Fragile::alive.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
      REQUIRE(std::count(Fragile::alive.begin(), Fragile::alive.end(), &ring[i]) == 1);
      REQUIRE(ring[i].number == static_cast<int>(i));
    }
    Fragile::left = 100;
    ring.push(4);
    REQUIRE(ring.back().number == 4);
    REQUIRE(Fragile::alive.size() == 5);
  }
  REQUIRE(Fragile::alive.empty());
  REQUIRE(Fragile::ended_twice == 0);
}

TEST_CASE("a ring that cannot grow ends each of its items once, also those that can only be moved") {
  const int fails_at = GENERATE(range(0, 4));
  Fragile::reset();
  {
    detail::Ring<FragileToMove> ring;
    for (int i = 0; i < 4; ++i) ring.push(i);
    Fragile::left = fails_at;
    REQUIRE_THROWS_AS(ring.push(4), std::runtime_error);
    REQUIRE(ring.size() == 4);
    REQUIRE(Fragile::alive.size() == 4);
  }
  REQUIRE(Fragile::alive.empty());
  REQUIRE(Fragile::ended_twice == 0);
}
