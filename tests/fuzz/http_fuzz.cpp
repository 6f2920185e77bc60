// SPDX-License-Identifier: BSL-1.0
// Whatever comes over a connection of from_http_server, and however it is cut: what goes back is well formed, what
// is emitted and answered does not depend on the cuts, and the connection ends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/src.hpp>

#include "fuzz/fuzz.hpp"
#include "penstock/connect/http/json.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

struct Reading {
  std::string name;
  std::optional<double> value;
};
BOOST_DESCRIBE_STRUCT(Reading, (), (name, value))

/// A connection to nobody: bytes that are there already, given out and taken in pieces.
class MemoryStream final : public detail::ByteStreamImpl {
 public:
  MemoryStream(LoopExecutor executor, std::string_view in, std::size_t piece, bool ends)
      : executor_(std::move(executor)), in_(in), piece_(piece), ends_(ends) {}

  void read_some(const detail::MutableBuffers& buffers, detail::Transferred handler) override {
    require(!reading_, "one reading operation at a time");
    require(!closed_, "nothing is read behind the end");
    if (in_.empty() && !ends_) {
      reading_.emplace(std::move(handler));
      return;
    }
    const std::size_t n = std::min(piece_, in_.size());
    const std::size_t copied = asio::buffer_copy(buffers, asio::const_buffer(in_.data(), n));
    require(copied != 0 || in_.empty(), "there is room for what is read");
    in_.remove_prefix(copied);
    complete(std::move(handler), copied == 0 ? Error(asio::error::eof) : Error{}, copied);
  }
  void write_some(const detail::ConstBuffers& buffers, detail::Transferred handler) override {
    require(!shut_, "nothing is written behind the end");
    std::string piece(std::min(piece_, asio::buffer_size(buffers)), '\0');
    asio::buffer_copy(asio::mutable_buffer(piece.data(), piece.size()), buffers);
    out += piece;
    complete(std::move(handler), Error{}, piece.size());
  }
  void shut_down(detail::Finished handler) override {
    shut_ = true;
    asio::post(executor_, [handler = std::move(handler)]() mutable { std::move(handler)(Error{}); });
  }
  void close() noexcept override {
    closed_ = true;
    if (!reading_) return;
    complete(std::move(*reading_), asio::error::operation_aborted, 0);
    reading_.reset();
  }
  LoopExecutor executor() noexcept override { return executor_; }
  bool closed() const noexcept { return closed_; }

  std::string out;

 private:
  using Error = boost::system::error_code;
  void complete(detail::Transferred handler, Error error, std::size_t n) {
    asio::post(executor_, [handler = std::move(handler), error, n]() mutable { std::move(handler)(error, n); });
  }

  LoopExecutor executor_;
  std::string_view in_;
  std::size_t piece_;
  bool ends_;
  bool shut_ = false;
  bool closed_ = false;
  std::optional<detail::Transferred> reading_;
};

/// One that serves without listening.
template <class T>
class Server final : public detail::HttpServerNode<T> {
 public:
  using Server::HttpServerNode::HttpServerNode;

 protected:
  bool running() const noexcept override { return true; }
};

struct Seen {
  std::vector<unsigned> statuses;
  std::vector<std::string> elements;
  bool operator==(const Seen&) const = default;
};

/// The statuses of a sequence of answers, which must be nothing else.
/// @param heads  there may be answers to HEAD among them, which tell the length of a body that does not come.
std::vector<unsigned> statuses_of(std::string_view text, bool heads) {
  static const std::set<unsigned> known{200, 400, 404, 405, 408, 411, 413, 414, 415, 417, 431, 500, 501, 503, 505};
  std::vector<unsigned> statuses;
  bool closes = false;
  while (!text.empty()) {
    require(!closes, "nothing comes behind the last answer");
    require(text.starts_with("HTTP/1.1 ") && text.size() > 12, "an answer begins with its version");
    unsigned status = 0;
    for (const char digit : text.substr(9, 3)) status = status * 10 + static_cast<unsigned>(digit - '0');
    const std::size_t end = text.find("\r\n\r\n");
    require(end != std::string_view::npos, "a header has an end");
    const std::string_view head = text.substr(0, end + 2);
    text.remove_prefix(end + 4);
    if (status == 100) continue;
    require(known.contains(status), "the status is one of those that are documented");
    const std::size_t at = head.find("\r\nContent-Length: ");
    require(at != std::string_view::npos && head.find("\r\nDate: ") != std::string_view::npos,
            "an answer has its length and its time");
    const auto length = static_cast<std::size_t>(std::stoul(std::string(head.substr(at + 18))));
    if (!heads || !(text.empty() || text.starts_with("HTTP/1.1 "))) {
      require(text.size() >= length, "a body is complete");
      text.remove_prefix(length);
    }
    closes = head.find("\r\nConnection: close\r\n") != std::string_view::npos;
    statuses.push_back(status);
  }
  // How it ends with what is no request may depend on the cuts: what is wrong is found sooner or later, or not
  // before the time is over.
  static const std::set<unsigned> refusals{400, 408, 413, 414, 431, 501, 505};
  if (closes && refusals.contains(statuses.back())) statuses.pop_back();
  return statuses;
}

template <class T>
Seen serve(std::string_view bytes, std::size_t piece, unsigned choice, std::size_t limit) {
  Seen seen;
  VirtualLoop loop;
  HttpServer options{.paths = {"/plain", "/by/{name}/part", "/open*"}, .methods = {"POST", "PUT"}};
  options.max_body = limit;
  options.max_header = std::clamp<std::size_t>(limit, 64, 8192);
  if ((choice & 2) != 0) options.reply = HttpReply::done;
  if ((choice & 4) != 0) options.max_requests = 3;
  auto node = std::make_unique<Server<T>>(Endpoint{}, std::move(options));
  Server<T>& server = *node;
  const HttpSource<T> source{detail::make_source(&loop, std::move(node))};
  source.on_background_error([](std::exception_ptr, const Info&) {});
  source.sink([&seen](const T& element) {
    if constexpr (std::is_same_v<T, HttpRequest>) {
      seen.elements.push_back(element.method + " " + element.target + "\n" + element.body);
      for (const auto& [name, value] : element.parameters) seen.elements.back() += "\n" + name + "=" + value;
    } else {
      seen.elements.push_back(element.name);
    }
    if (seen.elements.back().size() % 7 == 0) throw std::runtime_error("secret");
  });
  const auto stream = std::make_shared<MemoryStream>(loop.executor(), bytes, piece, (choice & 8) != 0);
  asio::co_spawn(loop.executor(), server.serve(ByteStream{stream, "nobody:1"}), asio::detached);
  loop.run();
  require(stream->closed(), "the connection ends");
  require(stream->out.find("secret") == std::string::npos, "what went wrong is nobody's business");
  seen.statuses = statuses_of(stream->out, bytes.find("HEAD ") != std::string_view::npos);
  return seen;
}

template <class T>
void check(std::string_view bytes, std::size_t piece, unsigned choice, std::size_t limit) {
  const Seen whole = serve<T>(bytes, bytes.size() + 1, choice, limit);
  require(serve<T>(bytes, piece, choice, limit) == whole, "cut in pieces it is the same");
  require(serve<T>(bytes, 1, choice, limit) == whole, "byte by byte it is the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const FuzzInput input{data, size, 3};
  if (!input.complete()) return 0;
  const unsigned choice = input.choice(0);
  const std::size_t piece = 1 + input.choice(2) % 32;
  if ((choice & 1) != 0) {
    check<HttpRequest>(input.text(), piece, choice, input.limit(1));
  } else {
    check<Reading>(input.text(), piece, choice, input.limit(1));
  }
  return 0;
}
