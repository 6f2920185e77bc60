// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "penstock/connect/http/request.hpp"
#include "penstock/exec/asio_executor.hpp"

// Not an operator: requests in bytes that come in pieces.

namespace penstock::detail {

namespace beast = boost::beast;

/// Finds one request after the other in bytes that are cut anywhere. Beast does the reading; what it does not
/// refuse but what two readers could understand in two ways is refused here.
class RequestReader {
 public:
  enum class Found : std::uint8_t {
    more,     ///< nothing to be had without more bytes
    header,   ///< `request` has all but the body
    request,  ///< all of it
    refused   ///< `status` says why; where the next request would begin is not known any more
  };

  RequestReader(std::size_t header_limit, std::uint64_t body_limit)
      : header_limit_(header_limit), body_limit_(body_limit), buffer_(header_limit + block) {
    begin();
  }

  /// Where bytes are to be read into.
  asio::mutable_buffer room() {
    return buffer_.prepare(std::min(block, buffer_.max_size() - buffer_.size()));
  }
  void added(std::size_t n) { buffer_.commit(n); }
  /// Forgets what was added and not read: all the room is free again.
  void discard() noexcept { buffer_.consume(buffer_.size()); }

  Found next() {
    if (refusal_ != 0) return Found::refused;
    for (;;) {
      if (header_told_ && parser_->is_done()) {
        request_.body = std::move(parser_->get().body());
        return Found::request;
      }
      if (buffer_.size() == 0) return Found::more;
      // An empty body in chunks has at least so many bytes, and Beast may not be given fewer of it.
      constexpr std::size_t least_chunks = 5;
      const bool chunks_begin = header_told_ && parser_->chunked() && !body_begun_;
      const bool empty = chunks_begin && *static_cast<const char*>(buffer_.data().data()) == '0';
      if (empty && buffer_.size() < least_chunks) return Found::more;
      body_begun_ = header_told_;
      boost::system::error_code error;
      const std::size_t used = parser_->put(buffer_.data(), error);
      buffer_.consume(used);
      if (!header_told_) {
        header_size_ += used;
        const std::size_t left = parser_->is_header_done() ? 0 : buffer_.size();
        // Beast limits what it has not read yet, and a header may come in many pieces.
        if (header_size_ + left > header_limit_ && (!error || error == need_more)) error = header_too_long;
      }
      if (error == need_more) {
        if (buffer_.size() == buffer_.max_size()) return refuse(400);  // a chunk's extension, or trailers
        return Found::more;
      }
      if (error) return refuse(status_of(error));
      if (!header_told_ && parser_->is_header_done()) {
        header_told_ = true;
        take_header();
        if (const unsigned status = unclear()) return refuse(status);
        parser_->eager(true);
        return Found::header;
      }
    }
  }
  /// The next request begins.
  void begin() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(header_limit_));
    parser_->body_limit(body_limit_);
    request_ = HttpRequest{};
    header_told_ = false;
    body_begun_ = false;
    header_size_ = 0;
  }

  /// True when some of a request has come.
  bool begun() const noexcept { return header_told_ || header_size_ != 0 || buffer_.size() != 0; }
  bool has_bytes() const noexcept { return buffer_.size() != 0; }
  bool header_done() const noexcept { return header_told_; }
  bool keep_alive() const noexcept { return parser_->keep_alive(); }
  bool old_version() const noexcept { return parser_->get().version() < 11; }
  bool has_length() const noexcept { return parser_->chunked() || parser_->content_length().has_value(); }
  /// Behind the header: whether a body has still to be read.
  bool has_body() const noexcept { return !parser_->is_done(); }
  HttpRequest& request() noexcept { return request_; }
  unsigned status() const noexcept { return refusal_; }

 private:
  static constexpr std::size_t block = std::size_t{16} * 1024;
  static constexpr auto need_more = beast::http::error::need_more;
  static constexpr auto header_too_long = beast::http::error::header_limit;

  Found refuse(unsigned status) noexcept {
    refusal_ = status;
    return Found::refused;
  }

  unsigned status_of(const boost::system::error_code& code) const {
    using beast::http::error;
    if (code == error::body_limit || code == error::buffer_overflow) return 413;
    if (code == error::bad_version) return 505;
    if (code != header_too_long) return 400;
    const std::string_view text{static_cast<const char*>(buffer_.data().data()), buffer_.size()};
    return header_size_ == 0 && text.find('\n') >= header_limit_ ? 414 : 431;
  }

  // Before the body: what comes behind it in trailers is not the header's.
  void take_header() {
    const auto& message = parser_->get();
    request_.method = std::string_view{message.method_string().data(), message.method_string().size()};
    request_.target = std::string_view{message.target().data(), message.target().size()};
    for (const auto& field : message) {
      const auto name = field.name_string();
      const auto value = field.value();
      request_.headers.add({name.data(), name.size()}, {value.data(), value.size()});
    }
  }

  /// Why it is not clear what is meant or where the request ends; 0 when it is.
  unsigned unclear() const {
    if (!old_version() && request_.headers.count("Host") != 1) return 400;
    const std::size_t codings = request_.headers.count("Transfer-Encoding");
    if (codings == 0) return 0;
    if (old_version()) return 400;
    return codings == 1 && same_letters(request_.header("Transfer-Encoding"), "chunked") ? 0 : 501;
  }

  std::size_t header_limit_;
  std::uint64_t body_limit_;
  beast::flat_buffer buffer_;
  std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
  HttpRequest request_;
  unsigned refusal_ = 0;
  std::size_t header_size_ = 0;
  bool header_told_ = false;
  bool body_begun_ = false;
};

}  // namespace penstock::detail
