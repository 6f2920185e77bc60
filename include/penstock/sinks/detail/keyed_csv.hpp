// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/sinks/upsert_csv.hpp: files are replaced and brought to the disk as POSIX does it"
#endif

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "penstock/ops/detail/table.hpp"
#include "penstock/sinks/detail/descriptor.hpp"
#include "penstock/sources/csv.hpp"
#include "penstock/state/failpoint.hpp"

// Not an operator: what stands in a CSV file of which the last record of a key counts.

namespace penstock::detail {

/// The records of a file, one for each key, in the order in which the keys came first.
class KeyedRecords {
 public:
  std::size_t size() const noexcept { return records_.size(); }
  /// Records that the file has and that do not count any more.
  std::size_t outdated() const noexcept { return outdated_; }
  bool has(const std::string& key, std::string_view record) const {
    const auto place = places_.find(key);
    return place != places_.nowhere && records_[place] == record;
  }
  void put(const std::string& key, std::string_view record) {
    const auto place = places_.find(key);
    if (place == places_.nowhere) {
      records_.emplace_back(record);
      places_.add(key);
    } else {
      records_[place] = record;
      ++outdated_;
    }
  }
  const std::vector<std::string>& records() const noexcept { return records_; }
  void compacted() noexcept { outdated_ = 0; }

 private:
  Table<std::string> places_;  // no key is ever taken out: the place of one is that of its record
  std::vector<std::string> records_;
  std::size_t outdated_ = 0;
};

/// Reads a table of which the process that wrote it may have died at any moment. What is torn at its end, a record that
/// is not all there or whose line end is missing, is cut off.
class KeyedCsvFile {
 public:
  /// @param header  of the table, without its line end; empty: it has none.
  /// @param key     the columns of the key, in the order in which they are in the text of a key.
  KeyedCsvFile(const char* who, std::string path, CsvFormat format, std::string header, std::vector<std::size_t> key,
               std::size_t columns)
      : who_(who), path_(std::move(path)), format_(format), header_(std::move(header)), key_(std::move(key)), columns_(columns) {}

  const std::string& path() const noexcept { return path_; }
  static void add_to_key(std::string& key, std::string_view field) { key.append(field) += '\0'; }

  /// Throws std::runtime_error when the file has other columns, or something else that is no record of them.
  void read(KeyedRecords& records) {
    const std::string text = bytes();
    good_ = read(text, records);
    torn_ = good_ != text.size();
  }
  /// Before the first change. Of a header that is torn nothing is left: it is written again.
  void repair() {
    if (!std::exchange(torn_, false)) return;
    if (::truncate(path_.c_str(), static_cast<::off_t>(good_)) != 0) {
      file_error(std::string{who_} + ": cannot cut off what is torn of", path_);
    }
  }

  /// Puts what counts in the place of the file, so that at any moment there is one or the other.
  void replace(const KeyedRecords& records, std::string_view line_end) const {
    const std::string part = path_ + ".part";
    std::string text;
    if (!header_.empty()) text.append(header_).append(line_end);
    Descriptor file{::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (!file) file_error(std::string{who_} + ": cannot open", part);
    for (const std::string& record : records.records()) {
      text.append(record).append(line_end);
      if (text.size() >= std::size_t{1} << 16) write(file, part, text);
    }
    write(file, part, text);
    if (::fsync(file.get()) != 0 || !file.close()) file_error(std::string{who_} + ": cannot sync", part);
    PENSTOCK_FAILPOINT("upsert.replace.before");
    rename_file(who_, part, path_);
    PENSTOCK_FAILPOINT("upsert.replace.after");
    sync_directory(who_, directory_of(path_));
  }

 private:
  std::string bytes() const {
    const FileHandle file{path_, "rb", who_};
    std::string text;
    char block[std::size_t{1} << 16];
    while (const std::size_t n = std::fread(block, 1, sizeof block, file.get())) text.append(block, n);
    if (std::ferror(file.get())) file_error(std::string{who_} + ": cannot read", path_);
    return text;
  }
  void write(const Descriptor& file, const std::string& path, std::string& text) const {
    for (std::string_view rest{text}; !rest.empty();) {
      const ::ssize_t n = ::write(file.get(), rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) file_error(std::string{who_} + ": cannot write to", path);
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    text.clear();
  }

  /// Up to where it is whole.
  std::size_t read(std::string_view text, KeyedRecords& records) const {
    CsvFormat any_length = format_;
    any_length.max_record = (std::size_t{1} << 31) - 1;  // what was written has to be read
    CsvReader reader{any_length};
    reader.feed(text);
    reader.finish();
    std::string key;
    for (bool first = !header_.empty();; first = false) {
      const std::size_t begin = reader.offset();
      const Found found = reader.next();
      if (found == Found::nothing) return text.size();
      const bool last = reader.offset() == text.size();
      if (last && text.back() != '\n') return begin;
      if (found == Found::damaged) {
        // A quote that is never closed makes all that follows it one record, which is torn.
        if (last || reader.problem().find("not closed") != std::string::npos) return begin;
        refuse(reader.line(), reader.problem());
      }
      if (first) {
        if (reader.text() == header_) continue;
        refuse(reader.line(), "the columns are \"" + std::string(reader.text()) + "\", and not \"" + header_ + "\"");
      }
      if (reader.size() != columns_) {
        refuse(reader.line(), std::to_string(reader.size()) + " fields where " + std::to_string(columns_) + " belong");
      }
      key.clear();
      for (const std::size_t column : key_) add_to_key(key, reader[column]);
      records.put(key, reader.text());
    }
  }

  [[noreturn]] void refuse(std::uint64_t line, const std::string& what) const {
    throw std::runtime_error(std::string{who_} + ": " + path_ + ":" + std::to_string(line) + ": " + what);
  }

  const char* who_;
  std::string path_;
  CsvFormat format_;
  std::string header_;
  std::vector<std::size_t> key_;
  std::size_t columns_;
  std::size_t good_ = 0;  // bytes
  bool torn_ = false;     // behind them
};

}  // namespace penstock::detail
