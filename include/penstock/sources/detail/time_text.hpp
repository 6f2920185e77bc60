// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "penstock/core/error.hpp"

// Not an operator: times as text.

namespace penstock::detail {

/// How times stand in a file. Without a format they are read as `2019-10-01T00:00:00Z`, with a blank for the
/// T, a fraction of a second, `UTC` or an offset for the Z, nothing for it, or the date alone; and written as
/// the first of these. A format is made of %Y %m %d %H %M %S (with a fraction where the time has one) %z (Z,
/// UTC, +hh:mm, +hhmm) %% and other characters, which stand for themselves.
class TimeText {
 public:
  TimeText() = default;
  TimeText(std::string format, const char* who) : format_(std::move(format)) {
    for (std::size_t i = 0; i < format_.size(); ++i) {
      if (format_[i] != '%') continue;
      if (++i == format_.size() || std::string_view{"YmdHMSz%"}.find(format_[i]) == std::string_view::npos) {
        bad_argument(std::string{who} + ": a time format knows %Y %m %d %H %M %S %z and %%");
      }
    }
  }

  template <class D>
  const char* read(std::string_view text, std::chrono::sys_time<D>& value) const {
    Parts parts;
    if (!(format_.empty() ? parts.iso(text) : parts.by(format_, text))) return "is not a time";
    const std::chrono::year_month_day date{std::chrono::year{parts.year}, std::chrono::month{parts.month},
                                           std::chrono::day{parts.day}};
    if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 59) return "is not a time";
    const std::chrono::sys_seconds seconds =
        std::chrono::sys_days{date} + std::chrono::hours{parts.hour} + std::chrono::minutes{parts.minute} +
        std::chrono::seconds{parts.second} - std::chrono::minutes{parts.offset};
    return put(seconds, parts.nanoseconds, value);
  }

  template <class D>
  void write(std::chrono::sys_time<D> time, std::string& into) const {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const int year = static_cast<int>(date.year());
    if (year < 0 || year > 9999) {
      throw std::out_of_range("a time outside of the years 0 to 9999 cannot be written");
    }
    const std::chrono::hh_mm_ss clock{time - day};
    const std::string_view iso = "%Y-%m-%dT%H:%M:%SZ";
    const std::string_view format = format_.empty() ? iso : std::string_view{format_};
    for (std::size_t i = 0; i < format.size(); ++i) {
      if (format[i] != '%') {
        into += format[i];
        continue;
      }
      switch (format[++i]) {
        case 'Y': digits(into, year, 4); break;
        case 'm': digits(into, static_cast<unsigned>(date.month()), 2); break;
        case 'd': digits(into, static_cast<unsigned>(date.day()), 2); break;
        case 'H': digits(into, clock.hours().count(), 2); break;
        case 'M': digits(into, clock.minutes().count(), 2); break;
        case 'S':
          digits(into, clock.seconds().count(), 2);
          if constexpr (decltype(clock)::fractional_width > 0) {
            into += '.';
            digits(into, clock.subseconds().count(), decltype(clock)::fractional_width);
          }
          break;
        case 'z': into += 'Z'; break;
        default: into += '%';
      }
    }
  }

 private:
  struct Parts {
    int year = 1970;
    unsigned month = 1;
    unsigned day = 1;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int offset = 0;  // minutes that the clock is ahead of UTC
    std::int64_t nanoseconds = 0;

    template <class N>
    static bool number(std::string_view& text, std::size_t width, N& value) noexcept {
      if (text.size() < width) return false;
      int got = 0;
      for (std::size_t i = 0; i < width; ++i) {
        const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
        if (digit > 9) return false;
        got = got * 10 + static_cast<int>(digit);
      }
      value = static_cast<N>(got);
      text.remove_prefix(width);
      return true;
    }
    static bool one(std::string_view& text, char c) noexcept {
      if (!text.starts_with(c)) return false;
      text.remove_prefix(1);
      return true;
    }
    bool seconds(std::string_view& text) noexcept {
      if (!number(text, 2, second)) return false;
      if (!text.starts_with('.')) return true;
      text.remove_prefix(1);
      std::int64_t place = 100'000'000;
      std::size_t n = 0;
      for (; n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n, place /= 10) {
        nanoseconds += (text[n] - '0') * place;
        if (place == 0 && text[n] != '0') return false;  // finer than anything here
      }
      text.remove_prefix(n);
      return n > 0;
    }
    bool zone(std::string_view& text) noexcept {
      if (one(text, 'Z')) return true;
      if (text.starts_with("UTC")) {
        text.remove_prefix(3);
        return true;
      }
      const bool west = text.starts_with('-');
      if (!west && !text.starts_with('+')) return false;
      text.remove_prefix(1);
      int hours = 0;
      int minutes = 0;
      if (!number(text, 2, hours)) return false;
      static_cast<void>(one(text, ':'));
      if (!number(text, 2, minutes) || hours > 23 || minutes > 59) return false;
      offset = (hours * 60 + minutes) * (west ? -1 : 1);
      return true;
    }
    bool iso(std::string_view text) noexcept {
      if (!number(text, 4, year) || !one(text, '-') || !number(text, 2, month) || !one(text, '-') ||
          !number(text, 2, day)) {
        return false;
      }
      if (text.empty()) return true;
      if (!one(text, 'T') && !one(text, ' ')) return false;
      if (!number(text, 2, hour) || !one(text, ':') || !number(text, 2, minute) || !one(text, ':') ||
          !seconds(text)) {
        return false;
      }
      if (text.empty()) return true;
      static_cast<void>(one(text, ' '));
      return zone(text) && text.empty();
    }
    bool by(std::string_view format, std::string_view text) noexcept {
      for (std::size_t i = 0; i < format.size(); ++i) {
        bool fits = false;
        if (format[i] != '%') {
          fits = one(text, format[i]);
        } else {
          switch (format[++i]) {
            case 'Y': fits = number(text, 4, year); break;
            case 'm': fits = number(text, 2, month); break;
            case 'd': fits = number(text, 2, day); break;
            case 'H': fits = number(text, 2, hour); break;
            case 'M': fits = number(text, 2, minute); break;
            case 'S': fits = seconds(text); break;
            case 'z': fits = zone(text); break;
            default: fits = one(text, '%');
          }
        }
        if (!fits) return false;
      }
      return text.empty();
    }
  };

  template <class D>
  static const char* put(std::chrono::sys_seconds seconds, std::int64_t nanoseconds,
                         std::chrono::sys_time<D>& value) {
    using std::chrono::duration_cast;
    if constexpr (std::is_integral_v<typename D::rep>) {
      constexpr bool coarse = std::ratio_greater_equal_v<typename D::period, std::ratio<1>>;
      if constexpr (coarse) {
        value = std::chrono::floor<D>(seconds);
        return nanoseconds != 0 || value != seconds ? "is finer than the time it goes to" : nullptr;
      } else {
        // Both bounds are whole seconds inside of what `D` can count.
        constexpr auto least = std::chrono::ceil<std::chrono::seconds>(D::min());
        constexpr auto most = std::chrono::floor<std::chrono::seconds>(D::max()) - std::chrono::seconds{1};
        const auto since = seconds.time_since_epoch();
        if (since < least || since > most) return "is out of range";
        const auto rest = duration_cast<D>(std::chrono::nanoseconds{nanoseconds});
        value = std::chrono::sys_time<D>{seconds} + rest;
        return rest != std::chrono::nanoseconds{nanoseconds} ? "is finer than the time it goes to" : nullptr;
      }
    } else {
      const std::chrono::nanoseconds rest{nanoseconds};
      value = std::chrono::time_point_cast<D>(seconds) + duration_cast<D>(rest);
      return nullptr;
    }
  }

  template <class N>
  static void digits(std::string& into, N value, unsigned width) {
    char text[20];
    for (unsigned i = width; i > 0; --i, value /= 10) text[i - 1] = static_cast<char>('0' + value % 10);
    into.append(text, width);
  }

  std::string format_;
};

}  // namespace penstock::detail
