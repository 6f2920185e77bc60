// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/sources/detail/file.hpp"

namespace penstock {

/// How sink_to_textfile writes.
struct TextFile {
  std::string end = "\n";  ///< written behind every element
  bool append = true;      ///< behind what the file holds; false: in its place
  bool flush = false;      ///< after every element, so that readers see it at once
};

/// Can be written as it is.
template <class T>
concept text = std::convertible_to<const T&, std::string_view>;

namespace detail {

/// What all sinks that write lines have in common.
class LineFileStep : public Step {
 public:
  template <class In>
  using output = void;

  /// The end closes the file: that is when what is left is written. A stream that is reopened goes on behind
  /// it.
  template <class Next>
  Pending* signal(const Signal& signal, Next&) {
    if (signal.kind == Signal::end && !file_.close()) fail();
    if (signal.kind == Signal::reopen && !file_) {
      options_.append = true;
      file_ = given_ ? FileHandle::borrowed(given_) : FileHandle(path_, mode(), who_);
    }
    return nullptr;
  }

  /// A destroyed sink cannot throw any more: what could not be written is an error of background work.
  void shut_down() noexcept {
    if (file_.close()) return;
    try {
      fail();
    } catch (...) {
      node().graph().report(std::current_exception(), info());
    }
  }

 protected:
  LineFileStep(const char* who, std::string path, TextFile options)
      : who_(who), path_(std::move(path)), options_(std::move(options)), file_(path_, mode(), who) {}
  LineFileStep(const char* who, std::FILE* file, TextFile options)
      : who_(who),
        path_("the given file"),
        options_(std::move(options)),
        file_(FileHandle::borrowed(file)),
        given_(file) {}

  void write(std::string_view line) {
    if (!put(line) || !put(options_.end) || (options_.flush && std::fflush(file_.get()) != 0)) fail();
  }
  std::FILE* file() const noexcept { return file_.get(); }

 private:
  const char* mode() const noexcept { return options_.append ? "ab" : "wb"; }
  bool put(std::string_view text) {
    return std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size();
  }
  [[noreturn, gnu::cold]] void fail() const { file_error(std::string{who_} + ": cannot write to", path_); }

  const char* who_;
  std::string path_;
  TextFile options_;
  FileHandle file_;
  std::FILE* given_ = nullptr;
};

class TextFileStep : public LineFileStep {
 public:
  template <class File>
  TextFileStep(File file, TextFile options)
      : LineFileStep("sink_to_textfile", std::move(file), std::move(options)) {}

  template <class V, class Next>
  Pending* operator()(V&& value, const Context*, Next&) {
    const auto put = [this](const auto& element) {  // a text of the user's may throw when it is read
      this->write(element);
    };
    this->run(put, std::as_const(value));
    return nullptr;
  }
};

}  // namespace detail

/// Writes every element, and a line's end behind it, to a text file.
///
///     in    -a-b-|
///     file  a\nb\n
///
/// @param file     a path, opened when the sink is wired; or a `std::FILE*`, which stays open and must
///                 outlive the sink. Elements are anything that converts to `std::string_view`.
/// @param options  see TextFile. Without them what is in the file stays and elements are written behind it.
///
/// Lines are buffered; the file is complete when the stream has ended or the sink was destroyed, which also
/// close it, or with `.flush = true` after every element.
///
/// Back-pressure: passes through; writes in the loop's thread.
/// Metadata:      ends here, when the element was given to the file's buffer.
/// Errors:        std::system_error here when the file cannot be opened, and through emit or close when it
///                cannot be written, naming it.
/// Cost:          a copy into the file's buffer; one write each few kilobytes.
/// Recovery:      what is written stays written; elements that come again are written again.
/// Example:       examples/02_operators/sink_to_textfile.cpp
/// See also:      sink, from_textfile
template <class Path, class... Options>
auto sink_to_textfile(Path file, Options... options) {
  static_assert((std::is_same_v<Options, TextFile> && ...), "sink_to_textfile: the options are a TextFile");
  return [file = std::move(file), options = TextFile{std::move(options)...}](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(
        text<T>,
        "sink_to_textfile: the elements must convert to std::string_view; make texts of them with map");
    if constexpr (text<T>) {
      Info info{"sink_to_textfile", {}, Shape::sink};
      if constexpr (!std::is_same_v<Path, std::FILE*>) info.detail = std::string(file);
      return std::forward<decltype(stream)>(stream).then(
          detail::TextFileStep{std::move(file), std::move(options)}, std::move(info));
    }
  };
}

}  // namespace penstock
