// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <ratio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "penstock/core/error.hpp"
#include "penstock/core/loop.hpp"

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
    const Date date{parts.year, parts.month, parts.day};
    if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 59) return "is not a time";
    const std::chrono::sys_seconds seconds =
        std::chrono::sys_seconds{date.days()} + std::chrono::hours{parts.hour} + std::chrono::minutes{parts.minute} +
        std::chrono::seconds{parts.second} - std::chrono::minutes{parts.offset};
    return put(seconds, parts.nanoseconds, value);
  }

  template <class D>
  void write(std::chrono::sys_time<D> time, std::string& into) const {
    using std::chrono::duration_cast;
    const auto day = std::chrono::floor<Days>(time);
    const Date date = Date::of(day.time_since_epoch());
    if (date.year < 0 || date.year > 9999) {
      throw std::out_of_range("a time outside of the years 0 to 9999 cannot be written");
    }
    using Rest = decltype(time - day);
    Rest since{};
    if constexpr (std::chrono::treat_as_floating_point_v<typename Rest::rep>) {
      since = time - day;
    } else {
      // Not the difference: the first of all days begins before there is a time.
      since = time.time_since_epoch() % Days{1};
      if (since < Rest::zero()) since += Days{1};
    }
    const auto second = duration_cast<std::chrono::seconds>(since);
    constexpr unsigned places = decimals<typename decltype(since)::period>;
    const std::string_view iso = "%Y-%m-%dT%H:%M:%SZ";
    const std::string_view format = format_.empty() ? iso : std::string_view{format_};
    for (std::size_t i = 0; i < format.size(); ++i) {
      if (format[i] != '%') {
        into += format[i];
        continue;
      }
      switch (format[++i]) {
        case 'Y': digits(into, date.year, 4); break;
        case 'm': digits(into, date.month, 2); break;
        case 'd': digits(into, date.day, 2); break;
        case 'H': digits(into, second.count() / 3600, 2); break;
        case 'M': digits(into, second.count() / 60 % 60, 2); break;
        case 'S':
          digits(into, second.count() % 60, 2);
          if constexpr (places > 0) {
            using Rep = std::common_type_t<typename decltype(since)::rep, std::chrono::seconds::rep>;
            into += '.';
            digits(into, duration_cast<std::chrono::duration<Rep, Decimal<places>>>(since - second).count(), places);
          }
          break;
        case 'z': into += 'Z'; break;
        default: into += '%';
      }
    }
  }

 private:
  using Days = std::chrono::duration<std::int64_t, std::ratio<86400>>;

  /// A day of the Gregorian calendar, before its beginning too, as <chrono> has it, which would bring its streams.
  struct Date {
    std::int64_t year;
    unsigned month;
    unsigned day;

    bool ok() const noexcept {
      constexpr unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
      if (month < 1 || month > 12 || day < 1) return false;
      const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
      return day <= lengths[month - 1] + (month == 2 && leap);
    }
    // Years that begin in March have their leap day at the end; an era is 400 of them, 146 097 days.
    Days days() const noexcept {
      const std::int64_t y = year - (month <= 2);
      const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
      const std::int64_t of_era = y - era * 400;
      const std::int64_t of_year = (153 * (std::int64_t{month} + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
      return Days{era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468};
    }
    static Date of(Days since_1970) noexcept {
      const std::int64_t z = since_1970.count() + 719468;
      const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
      const std::int64_t day = z - era * 146097;
      const std::int64_t of_era = (day - day / 1460 + day / 36524 - day / 146096) / 365;
      const std::int64_t of_year = day - (365 * of_era + of_era / 4 - of_era / 100);
      const std::int64_t month = (5 * of_year + 2) / 153;
      const bool next = month >= 10;  // January and February
      return {of_era + era * 400 + next, static_cast<unsigned>(next ? month - 9 : month + 3),
              static_cast<unsigned>(of_year - (153 * month + 2) / 5 + 1)};
    }
  };

  static constexpr std::intmax_t power_of_ten(unsigned n) { return n == 0 ? 1 : 10 * power_of_ten(n - 1); }
  template <unsigned N>
  using Decimal = std::ratio<1, power_of_ten(N)>;
  /// How many digits behind the point it takes to write any number of periods; 6 where no number of digits does.
  template <class Period>
  static constexpr unsigned decimals = [] {
    std::intmax_t left = Period::den;
    for (unsigned n = 0; n < 19; ++n) {
      if (left == 1) return n;
      left /= left % 10 == 0 ? 10 : left % 2 == 0 ? 2 : left % 5 == 0 ? 5 : 1;
    }
    return 6U;
  }();

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
