// SPDX-License-Identifier: BSL-1.0
//
// Workload i: a struct of 64 bytes with a string on the heap goes through five maps, the making of the string included. By
// hand the same five functions are called one after the other, or (`in_place`) none and the struct is changed where it is.
// No contender may copy it; that is counted.
#include <string>

#include "graph.hpp"

namespace bench {
namespace {

constexpr std::int64_t n = 16384;

std::int64_t copies = 0;

/// Counts copies and costs a move nothing.
struct Counts {
  Counts() = default;
  Counts(const Counts&) noexcept { ++copies; }
  Counts(Counts&&) = default;
  Counts& operator=(const Counts&) noexcept {
    ++copies;
    return *this;
  }
  Counts& operator=(Counts&&) = default;
};

struct Record {
  Value id;
  Value price;
  Value amount;
  std::string text;
  [[no_unique_address]] Counts counts = {};
  Value total = 0;
};
static_assert(sizeof(Record) == 64);

Record make(Value i) {
  return {.id = i, .price = i % 97, .amount = i % 13, .text = std::string(24, static_cast<char>('a' + i % 26))};
}

void use(const Record& record) {
  consume(record.id, record.total);
  consume(static_cast<Value>(record.text.size()), record.text.back());
}

struct Maps {
  static auto price() {
    return [](Record record) {
      record.total = record.price * record.amount;
      return record;
    };
  }
  static auto number() {
    return [](Record record) {
      record.id += 1;
      return record;
    };
  }
  static auto mark() {
    return [](Record record) {
      record.text.back() = '!';
      return record;
    };
  }
  static auto seal() {
    return [](Record record) {
      record.total ^= record.id;
      return record;
    };
  }
  static auto sell() {
    return [](Record record) {
      record.amount -= 1;
      return record;
    };
  }
};

auto hand() {
  return [price = Maps::price(), number = Maps::number(), mark = Maps::mark(), seal = Maps::seal(),
          sell = Maps::sell()](Record&& record) { use(sell(seal(mark(number(price(std::move(record))))))); };
}
auto in_place() {
  return [](Record&& given) {
    Record& record = given;
    record.total = record.price * record.amount;
    record.id += 1;
    record.text.back() = '!';
    record.total ^= record.id;
    record.amount -= 1;
    use(record);
  };
}

using penstock::Stream;

void fused(const Stream<Record>& source) {
  source.map(Maps::price()).map(Maps::number()).map(Maps::mark()).map(Maps::seal()).map(Maps::sell()).sink(use);
}
void dynamic(const Stream<Record>& source) {
  Stream<Record> stream = source.map(Maps::price());
  stream = stream.map(Maps::number());
  stream = stream.map(Maps::mark());
  stream = stream.map(Maps::seal());
  stream = stream.map(Maps::sell());
  stream.sink(use);
}

/// Compares with what is done by hand, as for all, and counts.
Contender without_copies(Contender contender) {
  contender.make = [inner = std::move(contender.make)](bool counting) {
    Pass pass = inner(counting);
    pass.wrong = [run = pass.run]() -> std::string {
      auto by_hand = [fn = hand()](Value i) mutable { fn(make(i)); };
      const std::uint64_t expected = hash_of({[&] { each(n, by_hand); }});
      copies = 0;
      if (hash_of({run}) != expected) return "what reached the sink is not what hand1 sends there";
      return copies == 0 ? "" : std::to_string(copies) + " copies of " + std::to_string(n) + " elements";
    };
    return pass;
  };
  return contender;
}

const Registration registered{[] {
  add(hand1<Record&&>("i", n, hand(), make));
  Contender changed = hand1<Record&&>("i", n, in_place(), make);
  changed.name = "in_place";
  add(changed);
  add(without_copies(graph<Record>("i", "fused", n, fused, {{.ratio = 1.2}}, {.percent = 3}, make)));
  add(without_copies(graph<Record>("i", "dynamic", n, dynamic, {}, {.percent = 3}, make)));
}};

}  // namespace
}  // namespace bench
