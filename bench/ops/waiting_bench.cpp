// SPDX-License-Identifier: BSL-1.0
//
// What waiting costs: a buffer in front of an awaitable sink that suspends once for every element, and Refs with a callback
// through a map and a partition. By hand: the same coroutine called in a loop.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "bench.hpp"
#include "penstock/exec/await.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/core.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;

constexpr std::int64_t n = 50000;

asio::awaitable<void> store(Value value) {
  consume(value);
  co_await asio::post(asio::use_awaitable);
}

asio::awaitable<void> store_all() {
  for (Value i = 0; i < n; ++i) co_await store(i);
}

Pass buffer_by_hand(bool) {
  auto context = std::make_shared<asio::io_context>(1);
  return {[context] {
    asio::co_spawn(*context, store_all(), asio::detached);
    context->restart();
    context->run();
  }};
}

struct Buffered {
  penstock::EventLoop loop;
  penstock::Stream<Value> source{loop};
};

Pass buffer(bool counting) {
  auto graph = std::make_shared<Buffered>();
  graph->source.buffer(1000).sink(store);
  graph->source.graph().counting(counting);
  return {[graph] {
    for (Value i = 0; i < n; ++i) graph->source.emit(i);
    graph->loop.run();
  }};
}

Pass refs(bool counting) {
  struct State {
    penstock::Stream<Value> source;
    std::int64_t callbacks = 0;
    std::int64_t vectors = 0;
  };
  auto state = std::make_shared<State>();
  state->source.map([](Value x) { return x + 1; }).partition(10).sink([state = state.get()](const std::vector<Value>& items) {
    consume(items);
    ++state->vectors;
  });
  state->source.graph().counting(counting);
  return {.run =
              [state] {
                for (Value i = 0; i < n; ++i) {
                  state->source.emit(i, penstock::Ref{[state = state.get()] { ++state->callbacks; }});
                }
              },
          .wrong = [state]() -> std::string {
            return state->callbacks == n && state->vectors == n / 10 ? "" : "callbacks or vectors are missing";
          }};
}

const Registration registered{[] {
  add({"buffer", "hand1", n, buffer_by_hand});
  add({"buffer", "buffer", n, buffer, {{.nanoseconds = 60}, {.allocations = 0}}, {.percent = 3}});
  add({"ref", "fused", n, refs, {{.nanoseconds = 40}, {.allocations = 1}}, {.percent = 3}});
}};

}  // namespace
}  // namespace bench
