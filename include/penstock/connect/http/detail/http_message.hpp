// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/connect/http.hpp: the time of an answer is taken apart as POSIX does it"
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>

// Not an operator: what HTTP answers look like.

namespace penstock::detail {

constexpr const char* http_reason(unsigned status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

/// The time as HTTP writes it, `Sun, 06 Nov 1994 08:49:37 GMT`. Written anew only when the second has
/// changed.
class HttpDate {
 public:
  std::string_view now() {
    const std::time_t time = std::time(nullptr);
    if (time != written_) {
      written_ = time;
      write(time);
    }
    return {text_.data(), length};
  }

 private:
  static constexpr std::size_t length = 29;

  // Not strftime, whose names depend on the locale.
  void write(std::time_t time) {
    static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm tm{};
    gmtime_r(&time, &tm);
    std::snprintf(text_.data(), text_.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                  days[static_cast<std::size_t>(tm.tm_wday)], tm.tm_mday,
                  months[static_cast<std::size_t>(tm.tm_mon)], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                  tm.tm_sec);
  }

  std::time_t written_ = -1;
  std::array<char, 64> text_{};
};

/// What is sent back.
struct HttpAnswer {
  unsigned status = 200;
  std::string body = "OK";
  const char* type = "text/plain";
  std::string fields{};  ///< more header fields, each with its line's end
};

}  // namespace penstock::detail
