// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/connect/http.hpp: the time of an answer is taken apart as POSIX does it"
#endif

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/none.hpp>

#include "penstock/connect/http/request.hpp"
#include "penstock/exec/asio_executor.hpp"

// Not an operator: what a server has answered.

namespace penstock::detail {

namespace beast = boost::beast;

/// The seconds that a Retry-After asks for: a number, or a date from which `now` is taken. Nothing when it
/// is neither.
inline std::optional<std::int64_t> retry_after_seconds(std::string_view text, std::time_t now) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (!text.empty() && text.front() != '-' && end == text.data() + text.size()) {
    if (error == std::errc{}) return seconds;
    if (error == std::errc::result_out_of_range) return std::numeric_limits<std::int64_t>::max();
  }
  static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::tm tm{};
  char month[4] = {};
  const std::string whole{text};
  const int read = std::sscanf(whole.c_str(), "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &tm.tm_mday, month,
                               &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec);
  if (read != 6) return std::nullopt;
  const std::size_t found = months.find(month);
  if (found == std::string_view::npos || found % 3 != 0) return std::nullopt;
  tm.tm_mon = static_cast<int>(found / 3);
  tm.tm_year -= 1900;
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(timegm(&tm)) - static_cast<std::int64_t>(now));
}

/// Fields behind the body are not looked at. Later versions of Beast have this function, where it must be overridden, and
/// earlier ones have not.
class NoTrailer : public beast::http::basic_parser<false> {
  virtual void on_trailer_field_impl(beast::http::field, beast::string_view, beast::string_view, beast::error_code&) {}
};

/// What is kept of an answer. All of its body is read, the beginning is kept.
class ResponseParser final : public NoTrailer {
 public:
  static constexpr std::size_t kept = 256;

  unsigned status = 0;
  std::string body;
  std::string retry_after;

 private:
  using Text = beast::string_view;
  using Error = beast::error_code;
  using Verb = beast::http::verb;
  using Field = beast::http::field;

  void on_request_impl(Verb, Text, Text, int, Error&) override {}
  void on_response_impl(int code, Text, int, Error&) override { status = static_cast<unsigned>(code); }
  void on_field_impl(Field name, Text, Text value, Error&) override {
    if (name == Field::retry_after && !done_with_header_) retry_after.assign(value.data(), value.size());
  }
  void on_header_impl(Error&) override { done_with_header_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  std::size_t on_body_impl(Text text, Error&) override { return keep(text); }
  void on_chunk_header_impl(std::uint64_t, Text, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text text, Error&) override { return keep(text); }
  void on_finish_impl(Error&) override {}

  std::size_t keep(Text text) {
    body.append(text.data(), std::min(text.size(), kept - std::min(kept, body.size())));
    return text.size();
  }

  bool done_with_header_ = false;
};

/// Reads the answer to one request.
class ResponseReader {
 public:
  ResponseReader() : buffer_(header_limit + block) { begin(); }

  asio::mutable_buffer room() {
    return buffer_.prepare(std::min(block, buffer_.max_size() - buffer_.size()));
  }
  /// True when the answer is complete. Throws boost::system::system_error for what is no answer.
  bool added(std::size_t n) {
    buffer_.commit(n);
    for (;;) {
      if (buffer_.size() == 0) return false;
      constexpr std::size_t least_chunks = 5;  // Beast may not be given less of an empty body in chunks
      const bool header_done = parser_->is_header_done();
      const bool chunks_begin = header_done && parser_->chunked() && !body_begun_;
      const bool empty = chunks_begin && *static_cast<const char*>(buffer_.data().data()) == '0';
      if (empty && buffer_.size() < least_chunks) return false;
      body_begun_ = header_done;
      boost::system::error_code error;
      buffer_.consume(parser_->put(buffer_.data(), error));
      if (error == beast::http::error::need_more) {
        if (buffer_.size() < buffer_.max_size()) return false;
        error = beast::http::error::header_limit;
      }
      if (error) throw boost::system::system_error(error);
      if (!parser_->is_done()) continue;
      if (parser_->status / 100 != 1) return true;
      begin();  // what comes before the answer, such as 100 Continue
    }
  }
  /// The connection has ended: true when that is the end of the answer.
  bool ended() {
    if (!parser_->is_header_done()) return false;
    boost::system::error_code error;
    parser_->put_eof(error);
    return !error && parser_->is_done();
  }
  /// True when nothing at all has come.
  bool nothing() const noexcept { return !parser_->got_some() && buffer_.size() == 0; }
  /// May the connection be used again.
  bool keep_alive() const noexcept { return parser_->keep_alive() && buffer_.size() == 0; }
  const ResponseParser& answer() const noexcept { return *parser_; }

 private:
  static constexpr std::size_t header_limit = std::size_t{16} * 1024;
  static constexpr std::size_t block = std::size_t{16} * 1024;

  void begin() {
    parser_.emplace();
    parser_->header_limit(header_limit);
    parser_->body_limit(boost::none);
    body_begun_ = false;
  }

  beast::flat_buffer buffer_;
  std::optional<ResponseParser> parser_;
  bool body_begun_ = false;
};

}  // namespace penstock::detail
