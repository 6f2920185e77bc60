// SPDX-License-Identifier: BSL-1.0
#pragma once

#if __has_include(<fmt/base.h>)  // fmt 11, whose fmt/core.h is to lose what makes strings, and then to go
#include <fmt/format.h>
#else
#include <fmt/core.h>
#endif

#include <cstddef>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/sinks/sink_to_textfile.hpp"

namespace penstock {

/// fmt can print a `T`: there is a `fmt::formatter<T>`.
template <class T>
concept printable = fmt::is_formattable<const T>::value;

namespace detail {

/// Checks a format for one element of type `T` as fmt itself would when it prints, but now. Throws
/// std::invalid_argument.
template <class T>
void check_format(std::string_view format) {
  const auto wrong = [&](const std::string& what) {
    bad_argument("print: the format \"" + std::string{format} + "\" " + what);
  };
  bool counted = false;  // a field has a number
  bool used = false;     // a field has none
  for (std::size_t i = 0; i < format.size(); ++i) {
    const char next = i + 1 < format.size() ? format[i + 1] : '\0';
    if (format[i] == '}' && next != '}') wrong("has a } that nothing opens");
    if (format[i] != '{' && format[i] != '}') continue;
    if (next == format[i]) {
      ++i;
      continue;
    }
    if (next == '0') {
      counted = true;
      ++i;
    } else {
      if (used) wrong("takes more than one element");
      used = true;
    }
    if (counted && used) wrong("numbers some of its fields and not others");
    const char colon = i + 1 < format.size() ? format[i + 1] : '\0';
    if (colon != ':' && colon != '}') wrong("has a field that is not of the form {}, {0}, {:...} or {0:...}");
    i += colon == ':' ? 2 : 1;
    const std::size_t close = format.find_first_of("{}", i);
    if (close == format.npos) wrong("has a { that nothing closes");
    if (format[close] == '{') wrong("has a field within a field; there is one element only");
    try {
      fmt::formatter<T> formatter;
      fmt::format_parse_context context{fmt::string_view{format.data() + i, format.size() - i}};
      if (formatter.parse(context) != format.data() + close) wrong("does not fit the element");
    } catch (const std::invalid_argument&) {
      throw;
    } catch (const std::exception& error) {
      wrong(std::string{"does not fit the element: "} + error.what());
    }
    i = close;
  }
}

class PrintStep : public LineFileStep {
 public:
  PrintStep(std::FILE* file, std::string format)
      : LineFileStep("print", file, FilePolicies{}), format_(std::move(format)) {}

  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next&) {
    const auto put = [&](const auto& element) {  // a formatter of the user's may throw
      // Not to the stream itself: a formatter that throws leaves half a line there, and with fmt/core.h alone
      // clang does not find all that formatting to an iterator needs in fmt's library.
      const fmt::string_view format{format_.data(), format_.size()};
      this->write(fmt::vformat(format, fmt::make_format_args(element)), context);
    };
    this->run(put, std::as_const(value));
    return nullptr;
  }

 private:
  std::string format_;
};

inline std::string print_format() { return "{}\n"; }
inline std::string print_format(std::string format) { return format; }
inline std::string print_format(std::FILE*) { return print_format(); }
inline std::string print_format(std::FILE*, std::string format) { return format; }
inline std::FILE* print_file() { return stdout; }
inline std::FILE* print_file(const std::string&) { return stdout; }
inline std::FILE* print_file(std::FILE* file) { return file; }
inline std::FILE* print_file(std::FILE* file, const std::string&) { return file; }

}  // namespace detail

/// Prints every element with fmt, on a line of its own.
///
///     source.map(total).print();             // stdout, one element a line
///     source.print("{:>8.2f}\n");            // with a format, which says where lines end
///     source.print(stderr, "late: {}\n");
///
///     in    -1--2-|
///           print("{:03}\n")
///     file  001\n002\n
///
/// @param args  a `std::FILE*` to print to, which stays open and must outlive the sink, stdout if there is
///              none; then a format of fmt's for one element, `"{}\n"` if there is none, which is checked
///              here.
///
/// What fmt can print depends on what is included: fmt/chrono.h for times, fmt/ranges.h for containers and
/// tuples, a `fmt::formatter` of your own for your types. Output is buffered as the C stream has it; the end
/// flushes it.
///
/// Back-pressure: passes through; writes in the loop's thread.
/// Metadata:      ends here, when the element was given to the C stream.
/// Errors:        std::invalid_argument here for a format that does not fit the elements; through emit what a
///                formatter throws, and std::system_error when the stream cannot be written.
/// Cost:          the formatting into a text, and a copy into the stream's buffer.
/// Recovery:      at_least_once: what is printed stays printed, elements that come again are printed again.
/// Example:       examples/02_operators/print.cpp
/// See also:      sink, tap, sink_to_textfile
template <class... Args>
auto print(Args... args) {
  constexpr bool known = requires { detail::print_file(args...); };
  static_assert(known, "print: takes a std::FILE* and a format, or one of them, or nothing");
  return [=](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(
        printable<T>,
        "print: fmt cannot format the elements; include fmt/ranges.h, fmt/chrono.h or fmt/std.h for "
        "those of the standard library, specialise fmt::formatter for your own, or make texts of "
        "them with map");
    if constexpr (known && printable<T>) {
      std::string format = detail::print_format(args...);
      detail::check_format<T>(format);
      return std::forward<decltype(stream)>(stream).then(
          detail::PrintStep{detail::print_file(args...), std::move(format)}, Info{"print", {}, Shape::sink});
    }
  };
}

}  // namespace penstock
