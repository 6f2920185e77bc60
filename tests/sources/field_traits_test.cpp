// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/field_traits.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>

#include "catch.hpp"

using namespace penstock;
using namespace std::chrono_literals;

struct Cents {
  long value = 0;
};
template <>
struct penstock::field_traits<Cents> {
  static const char* read(std::string_view text, Cents& cents) {
    if (text.size() < 2 || text[0] != 'c') return "is no number of cents";
    cents.value = text[1] - '0';
    return nullptr;
  }
  static void write(const Cents& cents, std::string& into) { into += "c" + std::to_string(cents.value); }
};

namespace {

enum class Kind { view, remove_from_cart };
BOOST_DESCRIBE_ENUM(Kind, view, remove_from_cart)

using Seconds = std::chrono::sys_seconds;
using Milliseconds = std::chrono::sys_time<std::chrono::milliseconds>;
using Nanoseconds = std::chrono::sys_time<std::chrono::nanoseconds>;

/// What `text` is as a `T`, or why it is none.
template <class T>
struct Reading {
  T value{};
  std::string reason;
};
template <class T>
Reading<T> read(std::string_view text, const std::string& format = {}) {
  Reading<T> reading;
  const char* const reason = detail::read_field(text, false, reading.value, detail::TimeText{format, "test"});
  if (reason) reading.reason = reason;
  return reading;
}
template <class T>
T value(std::string_view text) {
  const auto reading = read<T>(text);
  CHECK(reading.reason == "");
  return reading.value;
}
template <class T>
std::string why_not(std::string_view text) {
  return read<T>(text).reason;
}
template <class T>
std::string written(const T& value, const std::string& format = {}) {
  std::string text;
  detail::write_field(value, text, detail::TimeText{format, "test"});
  return text;
}

}  // namespace

TEST_CASE("a field is a number when all of it is one that fits") {
  CHECK(value<int>("-42") == -42);
  CHECK(value<std::int8_t>("-128") == -128);
  CHECK(value<std::uint64_t>("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
  CHECK(value<double>("1.5e3") == 1500);
  for (const char* text : {"", " 1", "1 ", "1x", "x", "+1", "0x10", "1.0", "--1"}) {
    CHECK(why_not<int>(text) == "is not a number");
  }
  CHECK(why_not<std::uint8_t>("-1") == "is not a number");
  CHECK(why_not<std::int8_t>("128") == "is out of range");
  CHECK(why_not<int>("99999999999999999999") == "is out of range");
  CHECK(why_not<int>("99999999999999999999x") == "is not a number");
  CHECK(why_not<double>("1e999") == "is out of range");
  CHECK(why_not<double>("1,5") == "is not a number");
}

TEST_CASE("a field is a bool, a character, a text") {
  for (const char* text : {"true", "True", "TRUE", "1"}) CHECK(value<bool>(text));
  for (const char* text : {"false", "False", "FALSE", "0"}) CHECK_FALSE(value<bool>(text));
  for (const char* text : {"", "yes", "2", "t", "true "}) {
    CHECK(why_not<bool>(text) == "is neither true nor false");
  }
  CHECK(value<char>("x") == 'x');
  CHECK(why_not<char>("xy") == "is not one character");
  CHECK(value<std::string>(" a ") == " a ");
}

TEST_CASE("a field is one of the names of an enum") {
  CHECK(value<Kind>("remove_from_cart") == Kind::remove_from_cart);
  CHECK(why_not<Kind>("View") == "is not one of the names");
  CHECK(why_not<Kind>("") == "is not one of the names");
  CHECK(written(Kind::view) == "view");
  CHECK_THROWS_AS(written(static_cast<Kind>(7)), std::out_of_range);
}

TEST_CASE("a field of the user's is read and written by field_traits") {
  CHECK(value<Cents>("c7").value == 7);
  CHECK(why_not<Cents>("7") == "is no number of cents");
  CHECK(written(Cents{3}) == "c3");
  CHECK(value<std::optional<Cents>>("c2")->value == 2);
}

TEST_CASE("an empty field is an empty optional, unless it stood in quotes") {
  CHECK(value<std::optional<int>>("") == std::nullopt);
  CHECK(value<std::optional<int>>("3") == 3);
  CHECK(why_not<std::optional<int>>("x") == "is not a number");
  std::optional<std::string> text;
  CHECK(detail::read_field("", true, text, {}) == nullptr);
  CHECK(text == "");
  CHECK(detail::read_field("", false, text, {}) == nullptr);
  CHECK(text == std::nullopt);
}

// 2019-10-01 00:00:00 UTC is 1569888000, as `date -u -d @1569888000` says.
TEST_CASE("a field is a time as in ISO 8601") {
  const Seconds october{1569888000s};
  for (const char* text :
       {"2019-10-01T00:00:00Z", "2019-10-01 00:00:00 UTC", "2019-10-01 00:00:00", "2019-10-01T00:00:00.000Z",
        "2019-10-01", "2019-10-01T02:00:00+02:00", "2019-09-30T18:30:00-0530", "2019-10-01 00:00:00 Z"}) {
    CHECK(value<Seconds>(text) == october);
  }
  CHECK(value<Seconds>("1969-12-31T23:59:59Z") == Seconds{-1s});
  CHECK(value<Seconds>("2000-02-29T00:00:00Z") == Seconds{951782400s});
  CHECK(value<Seconds>("0000-01-01T00:00:00Z") == Seconds{-62167219200s});
  CHECK(value<Seconds>("9999-12-31T23:59:59Z") == Seconds{253402300799s});
  CHECK(value<std::chrono::sys_days>("2019-10-01") == std::chrono::sys_days{18170 * std::chrono::days{1}});
  CHECK(value<Nanoseconds>("2019-10-01T00:00:00.000000001Z") == october + 1ns);
  CHECK(value<Milliseconds>("2019-10-01T00:00:00.25Z") == october + 250ms);
  using Real = std::chrono::sys_time<std::chrono::duration<double>>;
  CHECK(value<Real>("2019-10-01T00:00:00.5Z") == october + 500ms);
}

TEST_CASE("days are those of the calendar of <chrono>, read and written") {
  using namespace std::chrono;
  for (sys_days day = year{0} / 1 / 1; day <= sys_days{year{9999} / 12 / 31};) {
    const year_month_day date{day};
    char expected[32];
    std::snprintf(expected, sizeof expected, "%04d-%02u-%02uT00:00:00Z", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    const std::string text = written(Seconds{day});
    REQUIRE(text == expected);
    REQUIRE(value<Seconds>(text) == day);
    // Every day of the years around a change of century that has a leap day, and one that has none.
    const bool all = (date.year() >= year{1896} && date.year() <= year{2004}) || date.month() == month{2};
    day += days{all ? 1 : 9};
  }
}

TEST_CASE("a field that is no time, or none that its place can hold, says so") {
  for (const char* text :
       {"", "2019-10-01T00:00", "2019-13-01", "2019-02-29", "2019-10-00", "2019-10-01T24:00:00Z",
        "2019-10-01T00:60:00Z", "2019-10-01T00:00:60Z", "2019-10-01x00:00:00Z", "2019-10-01T00:00:00.Z",
        "2019-10-01T00:00:00Zx", "19-10-01", "2019-10-01 00:00:00 CET", "2019-10-01T00:00:00+25:00", "2019-10-01T00:00:00 "}) {
    CHECK(why_not<Seconds>(text) == "is not a time");
  }
  CHECK(why_not<Nanoseconds>("2262-04-12T00:00:00Z") == "is out of range");
  CHECK(why_not<Nanoseconds>("1677-09-21T00:00:00Z") == "is out of range");
  CHECK(why_not<Nanoseconds>("2262-04-11T00:00:00Z") == "");
  CHECK(why_not<Seconds>("2019-10-01T00:00:00.5Z") == "is finer than the time it goes to");
  CHECK(why_not<std::chrono::sys_days>("2019-10-01T00:00:01Z") == "is finer than the time it goes to");
}

TEST_CASE("times have the format that was chosen") {
  const Seconds october{1569888000s};
  const std::string german = "%d.%m.%Y %H:%M:%S";
  CHECK(read<Seconds>("01.10.2019 00:00:00", german).value == october);
  CHECK(read<Seconds>("2019-10-01", german).reason == "is not a time");
  CHECK(read<Seconds>("01.10.2019 00:00:00 ", german).reason == "is not a time");
  CHECK(written(october, german) == "01.10.2019 00:00:00");
  CHECK(written(october + 90061s, "%Y%m%dT%H%M%S%z 100%%") == "20191002T010101Z 100%");
  CHECK_THROWS_WITH(written(october, "%j"), "test: a time format knows %Y %m %d %H %M %S %z and %%");
  CHECK_THROWS_AS(written(october, "%"), std::invalid_argument);
}

TEST_CASE("what is written is read back equal") {
  std::mt19937_64 random{1};
  for (int i = 0; i < 2000; ++i) {
    const auto bits = random();
    const auto number = static_cast<std::int64_t>(bits);
    CHECK(value<std::int64_t>(written(number)) == number);
    double real = 0;
    static_assert(sizeof real == sizeof bits);
    std::memcpy(&real, &bits, sizeof real);
    if (real == real) CHECK(value<double>(written(real)) == real);
    const Nanoseconds time{std::chrono::nanoseconds{number / 2}};  // the outermost seconds are not read
    CHECK(value<Nanoseconds>(written(time)) == time);
    const Milliseconds between{
        std::chrono::milliseconds{static_cast<std::int64_t>(bits % 250'000'000'000'000)}};
    CHECK(value<Milliseconds>(written(between)) == between);
  }
  CHECK(value<float>(written(0.1F)) == 0.1F);
  CHECK(written(Seconds{1569888000s}) == "2019-10-01T00:00:00Z");
  CHECK(written(Milliseconds{1569888000005ms}) == "2019-10-01T00:00:00.005Z");
  CHECK(written(true) == "true");
  CHECK_THROWS_AS(written(Seconds{135536077748126592s}), std::out_of_range);  // 2^32 years behind 1999
  CHECK_THROWS_AS(written(Seconds::max()), std::out_of_range);
  CHECK_THROWS_AS(written(Seconds::min()), std::out_of_range);
  CHECK(written(Nanoseconds::min()) == "1677-09-21T00:12:43.145224192Z");  // -2^63 ns
  CHECK(written(Nanoseconds::max()) == "2262-04-11T23:47:16.854775807Z");  // 2^63 - 1
  CHECK_THROWS_AS(written(Seconds{253402300800s}), std::out_of_range);
}
