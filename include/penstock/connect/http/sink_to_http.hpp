// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "penstock/connect/http/detail/http_poster.hpp"
#include "penstock/sinks/sink_to_jsonl.hpp"
#include "penstock/sinks/sink_to_textfile.hpp"

namespace penstock {

/// What a function that is given to sink_to_http may return, where the key is its own affair.
struct HttpMessage {
  std::string body;
  std::string key{};  ///< empty: one is made
};

/// `Fn` makes the text of a request of an element.
template <class Fn, class T>
concept http_body_of = std::invocable<Fn&, const T&> &&
                       (std::convertible_to<std::invoke_result_t<Fn&, const T&>, std::string_view> ||
                        std::same_as<std::remove_cvref_t<std::invoke_result_t<Fn&, const T&>>, HttpMessage>);

namespace detail {

/// Elements that are texts, or that JSON can be made of.
struct HttpOwnBody {};

template <element T, class Fn>
class HttpSinkNode final : public HttpPoster, public Receiver<T, HttpSinkNode<T, Fn>> {
  static constexpr bool is_row = std::same_as<Fn, HttpOwnBody> && !text<T>;

 public:
  HttpSinkNode(const std::string& url, HttpSink options, Fn fn)
      : HttpPoster(url, typed(options), is_row && !options.lines ? Join::array : Join::lines),
        fn_(std::move(fn)),
        writer_(options.time_format) {
    this->port(static_cast<InletBase&>(*this));
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    if constexpr (is_row) {
      text_.clear();
      writer_.write(std::as_const(value), text_);
      return this->add(text_, {}, context);
    } else if constexpr (std::same_as<Fn, HttpOwnBody>) {
      return this->add(std::string_view(std::as_const(value)), {}, context);
    } else {
      const auto& made = fn_(std::as_const(value));
      if constexpr (std::same_as<std::remove_cvref_t<decltype(made)>, HttpMessage>) {
        return this->add(made.body, made.key, context);
      } else {
        return this->add(made, {}, context);
      }
    }
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (signal.kind == Signal::barrier) return this->barrier();
    return signal.kind == Signal::end ? this->end() : nullptr;
  }

 private:
  static HttpSink typed(HttpSink options) {
    if (options.type.empty()) {
      options.type = !is_row ? "text/plain" : options.lines ? "application/x-ndjson" : "application/json";
    }
    return options;
  }

  [[no_unique_address]] Fn fn_;
  JsonWriter writer_;
  std::string text_;
};

}  // namespace detail

/// What sink_to_http returns: the sink with its counters, which any thread may read.
class HttpSinkHandle : public Sink {
 public:
  explicit HttpSinkHandle(detail::HttpPoster& poster) : Sink(poster) {}

  /// Attempts in all.
  std::uint64_t requests() const noexcept { return poster().requests(); }
  /// Those of them that were not the first for their request.
  std::uint64_t retries() const noexcept { return poster().retries(); }

  HttpSinkHandle named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  const detail::HttpPoster& poster() const noexcept { return static_cast<const detail::HttpPoster&>(node()); }
};

/// Posts every element to a server, or several of them together, and again when that fails.
///
///     in      -a--b-|
///     server  a  b        each in a request, the next one when the one before was answered
///
/// @param url      `http://host:port/path`; https:// with `.security`.
/// @param fn       makes the body of an element: a text, or an HttpMessage that has a key too. Without it
///                 texts are sent as they are, and rows as of from_jsonl as JSON.
/// @param options  see HttpSink: batches, connections, attempts, times, headers.
///
/// A batch is sent when it is full, or when its time is over and a connection is free; rows are a JSON
/// array then or, as texts are, lines. Connections are kept alive. What cannot be connected to or does not
/// answer, 408, 429 and 5xx but 501 and 505 are tried again, after a while that grows and that is at least
/// what Retry-After asks for; everything else that is not 2xx has failed at once. Redirections are not
/// followed. Every request has a key that is the same in each attempt, so that a server may know what it
/// has got before: of a user's function that of the first element in the batch, otherwise the run and the
/// number of that element.
///
/// Limits: 1 element in a request, 1 connection, 5 attempts, 10 seconds to connect, 30 to send, 30 for the
/// answer.
///
/// Back-pressure: the element that fills a batch waits while all connections are busy, its own included;
///                the others do not.
/// Metadata:      held until the server has taken the request; dropped when the graph ends before.
/// Errors:        HttpError with the status and the beginning of the answer, or
///                boost::system::system_error, to the element that waits, for the whole batch, or reported
///                when none does; std::invalid_argument here for a URL or options that are none.
/// Cost:          a copy of the body; a coroutine for each time that requests come after none was left.
/// Recovery:      at_least_once: what a server took stays taken; elements that come again are sent again, with other keys
///                unless they are the user's. A checkpoint waits for the answers to what came before it.
/// Example:       examples/10_connect/http.cpp
/// See also:      from_http_server, sink_to_tcp, to_websocket
template <class Fn>
  requires(!std::same_as<Fn, HttpSink>)
auto sink_to_http(std::string url, Fn fn, HttpSink options = {}) {
  static_cast<void>(detail::HttpUrl{url, "sink_to_http"});
  return [url = std::move(url), fn = std::move(fn), options = std::move(options)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    constexpr bool own = std::same_as<Fn, detail::HttpOwnBody>;
    static_assert(!own || text<T> || detail::json_field<T>,
                  "sink_to_http: the elements must convert to std::string_view, or be rows as of from_jsonl; "
                  "otherwise give it a function that makes a text of one");
    static_assert(own || http_body_of<Fn, T>,
                  "sink_to_http: the function must be callable with an element of the stream, and return a "
                  "text or an HttpMessage");
    if constexpr (own ? text<T> || detail::json_field<T> : http_body_of<Fn, T>) {
      return HttpSinkHandle{
          attach<detail::HttpSinkNode<T, Fn>>(stream.stream(), url, std::move(options), std::move(fn))};
    }
  };
}
inline auto sink_to_http(std::string url, HttpSink options = {}) {
  return sink_to_http(std::move(url), detail::HttpOwnBody{}, std::move(options));
}

}  // namespace penstock
