// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "penstock/connect/http/detail/http_server.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/sources/source.hpp"

namespace penstock {
namespace detail {

/// How a request becomes elements of type `T`. connect/http/json.hpp knows it for rows. It has
///
///     explicit HttpBody(const HttpServer& options);
///     bool read(HttpRequest&& request, std::vector<T>& elements, HttpAnswer& refusal);
template <class T>
struct HttpBody {
  static constexpr bool known = false;
};

template <>
struct HttpBody<HttpRequest> {
  static constexpr bool known = true;
  explicit HttpBody(const HttpServer&) {}
  static HttpRequest only(HttpRequest&& request) noexcept { return std::move(request); }
};

template <>
struct HttpBody<std::string> {
  static constexpr bool known = true;
  explicit HttpBody(const HttpServer&) {}
  static std::string only(HttpRequest&& request) noexcept { return std::move(request.body); }
};

template <element T>
class OneHttpJob final : public HttpJob {
 public:
  OneHttpJob(HttpJobOwner& owner, Outlet<T>& outlet, T&& value)
      : HttpJob(owner), outlet_(outlet), value_(std::move(value)) {}
  std::size_t size() const noexcept override { return 1; }

 private:
  Receipt emit(std::size_t, Context&& context) override { return offer(outlet_, std::move(value_), context); }

  Outlet<T>& outlet_;
  T value_;
};

template <element T>
class ManyHttpJob final : public HttpJob {
 public:
  ManyHttpJob(HttpJobOwner& owner, Outlet<T>& outlet, std::vector<T>&& values)
      : HttpJob(owner), outlet_(outlet), values_(std::move(values)) {}
  std::size_t size() const noexcept override { return values_.size(); }

 private:
  Receipt emit(std::size_t i, Context&& context) override {
    return offer(outlet_, T(std::move(values_[i])), context);
  }

  Outlet<T>& outlet_;
  std::vector<T> values_;
};

template <element T>
class HttpServerNode : public HttpServerBase {
 public:
  HttpServerNode(const Endpoint& endpoint, HttpServer options)
      : HttpServerBase(endpoint, std::move(options)), body_(this->options()) {
    this->port(outlet);
  }

  Outlet<T> outlet;

 private:
  std::unique_ptr<HttpJob> make_job(HttpRequest&& request, HttpAnswer& answer) override {
    if (outlet.ended()) static_cast<void>(offer(outlet, Signal{Signal::reopen}));
    HttpJobOwner& owner = *this;
    if constexpr (requires { body_.only(std::move(request)); }) {
      this->info().passed();
      return std::make_unique<OneHttpJob<T>>(owner, outlet, body_.only(std::move(request)));
    } else {
      std::vector<T> elements;
      if (!body_.read(std::move(request), elements, answer)) return nullptr;
      this->info().passed(elements.size());
      return std::make_unique<ManyHttpJob<T>>(owner, outlet, std::move(elements));
    }
  }

  HttpBody<T> body_;
};

}  // namespace detail

/// The stream that from_http_server returns.
template <element T>
class HttpSource : public Stream<T> {
 public:
  explicit HttpSource(detail::HttpServerNode<T>& node) : Stream<T>(node.outlet) {}

  /// Binds and serves. Throws boost::system::system_error that names the address.
  void start() const {
    this->on_strand([this] { this->node().start(); });
  }
  /// No connection is accepted any more, and no element follows. Who waits to be let into the pipeline is
  /// answered 503, who is in it as it ends there. Started again, it serves at the same port.
  void stop() const {
    this->on_strand([this] { this->node().stop(); });
  }
  bool stopped() const noexcept { return server().stopped(); }
  /// What it is bound to; 0 before the first start. From any thread.
  std::uint16_t port() const noexcept { return server().bound_port(); }

  HttpSource named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  const detail::HttpServerNode<T>& server() const noexcept {
    return static_cast<const detail::HttpServerNode<T>&>(this->node());
  }
};

/// Serves HTTP and emits what is posted.
///
///     POST /  a      out  a     answered 200 when the pipeline took it
///     POST /  [1,2]  out  1 2   the same for all of them, where T is a number or a row
///
/// @tparam T        std::string, the body of a request; HttpRequest, all of it; or what from_jsonl reads,
///                  of which a body is one or, as an array, many. That needs penstock/connect/http/json.hpp
///                  and Boost.JSON.
/// @param loop      where it runs.
/// @param endpoint  where to listen: a port of 127.0.0.1, or `"0.0.0.0:8080"` for all the network. Port 0
///                  is any free one.
/// @param options   see HttpServer: paths, methods, limits, times, TLS.
///
/// Limits: 64 connections, bodies of 1 MiB, headers of 8 KiB; 10 seconds for the header, 30 for the body,
/// 10 for the pipeline, 60 between requests.
///
/// Answers: 200 when the pipeline took it, or has done with it, as `reply` says. 503 with Retry-After when
/// it does not within `answer_time`. Of a request that says "not taken" nothing was emitted; one that
/// waited in the pipeline is in it, and says so: a client that sends it again sends it twice. 500 when the
/// pipeline failed. 400 for what is no HTTP, and for a body that is no such rows: none of them is emitted
/// then. 404, 405 with Allow, 408 when a request comes too slowly, 411 without a length, 413 and 414 and
/// 431 over a limit, 415, 417, 501 for an unknown transfer coding, 505. `Expect: 100-continue` is answered,
/// and requests that are sent ahead are answered in order. The body of every 4xx and 5xx is one line, of
/// 400 for rows a JSON object that has their places and reasons.
///
/// Back-pressure: a request is answered when its element was taken, and at most `max_waiting` of them wait
///                in the pipeline; others wait before it, and connections that are not read slow their
///                clients.
/// Metadata:      a Ref beside the elements when it replies that they are done; else none.
/// Errors:        boost::system::system_error from start when the address cannot be bound. What is behind
///                it throws is reported, and 500 to the client, without its words.
/// Cost:          one allocation for the elements of a request beside those of reading it.
/// Recovery:      no position; a client that gets no 200 sends again, so that nothing is lost and some may
///                come twice.
/// Example:       examples/10_connect/http.cpp
/// See also:      sink_to_http, from_tcp, from_websocket
template <class T = std::string>
HttpSource<T> from_http_server(Loop& loop, Endpoint endpoint, HttpServer options = {}) {
  constexpr bool known = detail::HttpBody<T>::known;
  static_assert(known,
                "from_http_server: the elements must be std::string, HttpRequest or, with "
                "penstock/connect/http/json.hpp, what from_jsonl reads");
  if constexpr (known) {
    return HttpSource<T>{detail::make_source(
        &loop, std::make_unique<detail::HttpServerNode<T>>(endpoint, std::move(options)))};
  }
}

}  // namespace penstock
