// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/sources/from_textfile.hpp: files that grow and are replaced are followed as POSIX does it"
#endif

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iosfwd>
#include <string>
#include <utility>

#include "penstock/sources/detail/file.hpp"
#include "penstock/sources/detail/file_print.hpp"

// Not an operator: where the text sources have their bytes from.

namespace penstock::detail {

/// A std::istream that is only borrowed. What it is called with is compiled by who has one, and <istream> with it.
struct LentStream {
  void* stream = nullptr;
  std::size_t (*read)(void* stream, char* into, std::size_t n) = nullptr;

  template <class Stream>
  static LentStream of(Stream& stream) {
    return {&stream, [](void* from, char* into, std::size_t n) { return read_from(*static_cast<Stream*>(from), into, n); }};
  }

 private:
  /// What is there already, and if there is nothing, what comes first.
  template <class Stream>
  static std::size_t read_from(Stream& stream, char* into, std::size_t n) {
    stream.clear();
    auto& buffer = *stream.rdbuf();
    if (buffer.sgetc() == Stream::traits_type::eof()) return 0;
    const std::streamsize there = buffer.in_avail();
    const auto most = static_cast<std::streamsize>(n);
    return static_cast<std::size_t>(buffer.sgetn(into, there < 1 ? 1 : there < most ? there : most));
  }
};

/// The bytes of a file, which may grow, become shorter and be replaced by another one; or of a stream that is
/// only borrowed.
class FileFeed {
 public:
  FileFeed() = default;
  FileFeed(std::string path, const char* who)
      : who_(who), path_(std::move(path)), file_(path_, "rb", who), given_(false), whole_blocks_(true) {}
  FileFeed(std::FILE* file, const char* who)
      : who_(who), path_("the given file"), file_(FileHandle::borrowed(file)) {
    struct stat state {};
    whole_blocks_ = fstat(fileno(file), &state) == 0 && S_ISREG(state.st_mode);
  }
  FileFeed(LentStream stream, const char* who) : who_(who), path_("the given stream"), stream_(stream) {}

  explicit operator bool() const noexcept { return file_ || stream_.stream; }
  const std::string& path() const noexcept { return path_; }
  /// True when it was opened here, and could be again.
  bool named() const noexcept { return !given_; }

  /// Up to `n` bytes; none at what is the end now. Throws std::system_error.
  std::size_t read(char* into, std::size_t n) {
    if (stream_.stream) return stream_.read(stream_.stream, into, n);
    std::FILE* file = file_.get();
    std::clearerr(file);
    const std::size_t got = whole_blocks_ ? std::fread(into, 1, n, file) : read_line(into, n);
    if (got == 0 && std::ferror(file)) fail("cannot read");
    return got;
  }

  void seek(std::int64_t position) {
    if (fseeko(file_.get(), static_cast<off_t>(position), SEEK_SET) != 0) fail("cannot seek in");
  }
  std::int64_t size() const {
    struct stat state {};
    if (fstat(fileno(file_.get()), &state) != 0) fail("cannot look at");
    return state.st_size;
  }

  /// What stands from byte `from` on, up to `n` bytes.
  std::string bytes(std::int64_t from, std::size_t n) const {
    std::string text(n, '\0');
    const ssize_t got = pread(fileno(file_.get()), text.data(), n, static_cast<off_t>(from));
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
  }

  /// Tells this file from another one with the same name: a hash over what stands at its start and what stands in front of
  /// `position`.
  std::uint64_t print(std::int64_t position) const { return file_print(fileno(file_.get()), position); }

  enum class Change : std::uint8_t {
    none,      ///< or the path has no file at the moment, as when one is being replaced
    shorter,   ///< than what was read of it
    replaced,  ///< the path has another file now
  };
  /// What has become of the file of which `read` bytes were read.
  Change look(std::uint64_t read) const {
    if (given_) return Change::none;
    struct stat here {};
    struct stat there {};
    if (fstat(fileno(file_.get()), &here) != 0) fail("cannot look at");
    // As the file is open its number is not given to another one.
    if (stat(path_.c_str(), &there) == 0 && (here.st_ino != there.st_ino || here.st_dev != there.st_dev)) {
      return Change::replaced;
    }
    const bool regular = S_ISREG(here.st_mode);
    return regular && static_cast<std::uint64_t>(here.st_size) < read ? Change::shorter : Change::none;
  }

 private:
  /// Of a pipe or a terminal, where a block would be long in coming: no more than a line.
  std::size_t read_line(char* into, std::size_t n) {
    std::size_t got = 0;
    flockfile(file_.get());
    for (int c = 0; got < n && c != '\n' && (c = getc_unlocked(file_.get())) != EOF;) {
      into[got++] = static_cast<char>(c);
    }
    funlockfile(file_.get());
    return got;
  }

  [[noreturn, gnu::cold]] void fail(const char* what) const {
    file_error(std::string{who_} + ": " + what, path_);
  }

  const char* who_ = "";
  std::string path_;
  FileHandle file_;
  LentStream stream_;
  bool given_ = true;  // nobody knows a path that it has
  bool whole_blocks_ = false;
};

}  // namespace penstock::detail
