// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/connect/net/sessions.hpp"
#include "penstock/connect/websocket/detail/dial.hpp"
#include "penstock/connect/websocket/detail/drain_websocket.hpp"
#include "penstock/core/pool.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/sinks/detail/milestones.hpp"

namespace penstock {

/// How to_websocket connects and sends.
struct ToWebSocket {
  std::size_t queue = 64;  ///< elements that wait to be sent and confirmed, at least 1; more have to wait
  /// Elements are kept until the server has confirmed, by the answer to a ping behind them, that they reached
  /// it, and are sent again over the next connection where it did not. false: they are through when they are
  /// written, and what is under way when a connection breaks is lost.
  bool at_least_once = true;
  bool binary = false;            ///< strings go as bytes and not as text
  Retry reconnect = websocket_retry;  ///< attempts in a row to connect, and their pace
  /// What to send whenever a connection is open, before the elements.
  std::function<std::vector<WebSocketMessage>()> on_connect = nullptr;
  std::vector<std::string> subprotocols = {};  ///< offered, the first is liked best
  std::vector<WebSocketHeader> headers = {};  ///< added to the request
  SecurityPtr security = nullptr;         ///< TLS for wss://, from penstock::tls_client
  Duration connect_timeout = std::chrono::seconds{10};  ///< to look up the name, connect and agree on TLS
  WebSocketLimits limits = {};  ///< of messages, which are left out, and of time
};

namespace detail {

/// The sink but for the type of its elements.
class WebSocketSender : public Node {
 public:
  WebSocketSender(std::shared_ptr<const Dial> dial, ToWebSocket options)
      : Node(Info{"to_websocket", dial->url.text, Shape::sink}),
        dial_(std::move(dial)),
        options_(std::move(options)),
        backoff_(options_.reconnect) {
    info().guarantee = options_.at_least_once ? Guarantee::at_least_once : Guarantee::at_most_once;
  }

  const char* needs_loop() const noexcept override { return "to_websocket: a socket"; }
  bool busy() const noexcept override { return !queue_.empty() || end_.pending(); }

  void shut_down() noexcept override {
    const bool worked = busy();
    sessions_.cancel();
    if (const std::shared_ptr<Link> link = std::exchange(link_, nullptr)) {
      link->node = nullptr;
      link->gate.open();
      if (link->item) lose(*link->item, "to_websocket: destroyed before it was sent");
      say_goodbye(clock(), link->connection, WebSocketClose::going_away);
    }
    running_ = false;
    connected_.store(false, std::memory_order_relaxed);
    for (; !queue_.empty(); queue_.pop()) {
      if (queue_.front()) lose(*queue_.front(), "to_websocket: destroyed before it was sent");
    }
    const auto stopped =
        std::make_exception_ptr(Stopped(info().label() + ": destroyed before the element was sent"));
    while (!waiting_.empty()) waiting_.pop().settle(stopped);
    std::exchange(end_, {}).settle();
    barriers_.fail(stopped);
    sent_ = 0;
    rests(worked);
  }

  bool connected() const noexcept { return connected_.load(std::memory_order_relaxed); }
  std::uint64_t connects() const noexcept { return connects_.load(std::memory_order_relaxed); }

 protected:
  Pending* send(std::string payload, bool binary, const Context* context) {
    info().took();
    if (!busy()) clock().work_started();
    Receipt receipt;
    if (queue_.size() >= options_.queue) {
      receipt = Receipt::waiting(strand(), &info(), Why::full);
      waiting_.push(receipt);
    }
    queue_.push(std::make_unique<Item>(std::move(payload), binary, Context::of(context)));
    info().holds(queue_.size());
    go_on();
    return receipt.release();
  }
  Pending* end() {
    if (!busy() && !link_) return nullptr;
    if (!end_.pending()) {
      if (!busy()) clock().work_started();
      end_ = Receipt::waiting(strand(), &info(), Why::sink);
    }
    go_on();
    return end_.share();
  }
  /// What was taken so far has been sent, and confirmed where that is asked for.
  Pending* barrier() { return barriers_.at(left_ + queue_.size(), left_, strand(), info()); }
  bool binary() const noexcept { return options_.binary; }

 private:
  struct Item final : Pooled {
    Item(std::string p, bool b, Context c) : payload(std::move(p)), binary(b), context(std::move(c)) {}
    std::string payload;
    bool binary;
    Context context;
  };
  struct Link final : WebSocketLink {
    using WebSocketLink::WebSocketLink;
    WebSocketSender* node = nullptr;  // null when it is gone
    std::unique_ptr<Item> item;       // is being written, and stands at `sent_` in the queue
    std::uint64_t written = 0;
    std::uint64_t confirmed = 0;
    bool asked = false;  // whether what was written has come
  };

  void go_on() {
    if (link_) return link_->gate.open();
    if (std::exchange(running_, true)) return;
    sessions_.spawn([this] { return connect_and_send(); },
                    [this] {
                      running_ = false;
                      if (busy()) go_on();
                    });
  }

  Async<> connect_and_send() {
    std::size_t failed = 0;
    for (std::size_t fruitless = 0; busy();) {
      std::exception_ptr error;
      std::shared_ptr<WebSocketConnection> connection;
      try {
        connection = co_await open_websocket(clock(), dial_);
        static_cast<void>(co_await cancelled());
        if (options_.on_connect) {
          std::vector<WebSocketMessage> messages = options_.on_connect();
          co_await greet(connection, dial_, std::move(messages));
        }
      } catch (...) {
        error = std::current_exception();
      }
      co_await never_mind_cancelling();
      if (!error) {
        failed = 0;
        const auto link = std::make_shared<Link>(AsioLoop::executor_of(clock()), connection);
        const bool goes_on = co_await send_all(link);
        if (!goes_on) co_return;
        if (link->confirmed != 0) fruitless = 0;
      } else if (++failed >= options_.reconnect.attempts) {
        co_return give_up(std::move(error));
      }
      co_await mind_cancelling();
      if (!busy()) co_return;
      co_await async_sleep(clock(), backoff_.pause(++fruitless), awaited);
      static_cast<void>(co_await cancelled());
    }
  }

  /// False when there is no more to do for this coroutine, and maybe no node either.
  Async<bool> send_all(std::shared_ptr<Link> link) {
    link->node = this;
    link_ = link;
    connected_.store(true, std::memory_order_relaxed);
    connects_.store(connects() + 1, std::memory_order_relaxed);
    const auto pong = [raw = link.get()](std::uint64_t number) {
      if (raw->node) raw->node->confirm(*raw, number);
    };
    link->connection->on_pong(pong);
    read_beside(AsioLoop::executor_of(clock()), link);
    while (!link->lost) {
      if (sent_ == queue_.size()) {
        if (end_.pending() && sent_ == 0) {
          co_await link->connection->close(WebSocketClose::normal, {});
          if (!link->node) co_return false;
          unlink();
          finished();
          co_return false;
        }
        co_await link->gate.async_wait(awaited);
        if (!link->node) co_return false;
        continue;
      }
      link->item = std::move(queue_[sent_]);
      const boost::system::error_code error =
          co_await link->connection->write(link->item->payload, link->item->binary);
      if (!link->node) co_return false;
      written(*link, error);
      if (error) link->connection->abort();
      if (error) break;
    }
    unlink();
    sent_ = 0;
    co_return true;
  }
  void unlink() noexcept {
    link_->node = nullptr;
    link_ = nullptr;
    connected_.store(false, std::memory_order_relaxed);
  }

  void written(Link& link, const boost::system::error_code& error) {
    if (options_.at_least_once) {
      queue_[sent_] = std::move(link.item);
      if (error) return;
      ++sent_;
      ++link.written;
      ask(link);
    } else {
      const std::unique_ptr<Item> item = std::move(link.item);
      if (error) lose(*item, "to_websocket: the connection was lost while it was sent");
      link.confirmed += !error;
      leave();
    }
  }
  void ask(Link& link) {
    if (link.written == link.confirmed || std::exchange(link.asked, true)) return;
    link.connection->ping(link.written);
  }
  void confirm(Link& link, std::uint64_t number) {
    if (number > link.written) return;
    link.asked = false;
    for (; link.confirmed < number; ++link.confirmed) {
      --sent_;
      leave();
    }
    ask(link);
    if (end_.pending()) link.gate.open();
  }
  /// The first element leaves the queue; whoever waits for room is told.
  void leave() {
    const std::unique_ptr<Item> item = queue_.pop();
    barriers_.reached(++left_);
    info().holds(queue_.size());
    if (!waiting_.empty()) waiting_.pop().settle();
    rests(true);
  }
  void lose(Item& item, const char* reason) noexcept {
    item.context.drop(reason);
    item.context.clear();
    info().drops();
  }
  void finished() {
    std::exchange(end_, {}).settle();
    rests(true);
  }
  /// To be called where it may have stopped being busy.
  void rests(bool was_busy) noexcept {
    if (!was_busy || busy()) return;
    clock().work_finished();
    graph().rested();
  }

  void give_up(std::exception_ptr error) {
    const StrandRef strand{this->strand()};
    strand->descend([&] {
      info().fails(queue_.size());
      for (; !queue_.empty(); queue_.pop()) queue_.front()->context.fail(error);
      info().holds(0);
      while (!waiting_.empty()) waiting_.pop().settle(error);
      std::exchange(end_, {}).settle(error);
      barriers_.fail(error);
      rests(true);
      graph().report(error, info());  // last: whoever hears of it may end the graph
    });
  }

  std::shared_ptr<const Dial> dial_;
  ToWebSocket options_;
  Backoff backoff_;
  Ring<std::unique_ptr<Item>> queue_;
  Ring<Receipt> waiting_;  // of those behind the first `queue` ones
  std::size_t sent_ = 0;   // of the queue, over this connection, and not confirmed
  std::shared_ptr<Link> link_;
  Receipt end_;
  Milestones barriers_;
  std::uint64_t left_ = 0;  // elements that have left the queue
  bool running_ = false;
  std::atomic<bool> connected_{false};
  std::atomic<std::uint64_t> connects_{0};
  Sessions sessions_{*this};
};

template <element T>
class ToWebSocketNode final : public WebSocketSender, public Receiver<T, ToWebSocketNode<T>> {
 public:
  ToWebSocketNode(std::shared_ptr<const Dial> dial, ToWebSocket options)
      : WebSocketSender(std::move(dial), std::move(options)) {
    this->port(static_cast<InletBase&>(*this));
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    const bool as_bytes = is_binary(value, this->binary());
    return this->send(take_payload(std::forward<V>(value)), as_bytes, context);
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (signal.kind == Signal::barrier) return this->barrier();
    return signal.kind == Signal::end ? this->end() : nullptr;
  }
};

}  // namespace detail

/// The end of a stream in a WebSocket.
class WebSocketSink : public Sink {
 public:
  explicit WebSocketSink(detail::WebSocketSender& node) : Sink(node), sender_(&node) {}

  /// True while the WebSocket is open. From any thread.
  bool connected() const noexcept { return sender_->connected(); }
  /// How often it was opened. From any thread.
  std::uint64_t connects() const noexcept { return sender_->connects(); }

  WebSocketSink named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  detail::WebSocketSender* sender_;
};

/// Sends every element as a message to a WebSocket's server: connects with the first one, waits for a server
/// that is not there yet, and connects again when the connection breaks.
///
///     in      -a--b--c--------|
///     server  -a--b#    -b-c--|
///
/// @param url      `ws://host:port/path?query`, or `wss://` with `.security`. Elements are WebSocketMessages,
///                 or whatever converts to std::string_view and goes as text, which must be UTF-8, or with
///                 `.binary` as bytes.
/// @param options  see ToWebSocket.
///
/// Limits: 64 elements in the queue; 10 s to connect and 10 s for the handshake; a server from which nothing
/// comes for 30 s is sent a ping, and one that does not answer it for as long is given up. Between two
/// attempts it waits 100 ms and each time twice as long, up to 30 s, less a random part. The end of the
/// stream sends all, closes with code 1000 and waits 5 s for the answer. What the server sends is left out.
/// An open connection keeps the loop's `run` from returning.
///
/// Back-pressure: waits when the queue is full.
/// Metadata:      held until the server has confirmed the element, or with `.at_least_once = false` until it
///                is written; dropped when that breaks with the connection, or the graph ends before.
/// Errors:        std::invalid_argument here for what is no URL; when there are no more attempts the last
///                one's error comes through the Receipts of what waits and is reported, and all in the queue
///                has failed.
/// Cost:          one string, a pooled block, a system call and a turn of the loop an element.
/// Recovery:      at_least_once, and a checkpoint waits until the server has confirmed what came before it; with
///                `.at_least_once = false` at_most_once.
/// Example:       examples/10_connect/websocket.cpp
/// See also:      broadcast_websocket, from_websocket, sink_to_tcp
template <std::convertible_to<std::string_view> Url>
auto to_websocket(const Url& url, ToWebSocket options = {}) {
  if (options.queue == 0)
    detail::bad_argument("to_websocket: the queue must have room for at least 1 element");
  if (options.reconnect.attempts == 0)
    detail::bad_argument("to_websocket: at least 1 attempt must be allowed");
  auto dial = std::make_shared<const detail::Dial>(
      "to_websocket", url, options.security, options.connect_timeout, options.limits,
      WebSocketRules{{}, {}, options.subprotocols, options.headers});
  return [dial = std::move(dial), options = std::move(options)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(
        websocket_payload<T>,
        "to_websocket: the elements must be WebSocketMessages or convert to std::string_view; make texts of "
        "them with map");
    if constexpr (websocket_payload<T>) {
      return WebSocketSink{attach<detail::ToWebSocketNode<T>>(stream.stream(), dial, std::move(options))};
    }
  };
}

}  // namespace penstock
