// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

#include "penstock/sources/detail/name_watch.hpp"

// Not an operator: several files that are read as one.

namespace penstock {

/// Files that from_textfile, from_csv and from_jsonl read one after the other, in alphabetical order:
///
///     from_csv<Event>(loop, FileSet{"events/*.csv", {.follow = true, .settle = 1s}})
///
/// Names have to sort in the order in which the files come, as dates and numbers of fixed width do: so that a
/// place in the set is a file and a byte in it, and what sorts in front of that is done with. A file that
/// comes too late, behind others that were read, is left out, and reported if it came while the source ran; so is
/// one that is gone when its turn comes. One that is there and cannot be opened now is reported, and tried again:
/// with `.follow` by and by, otherwise when the source, which stops, is started again. A pattern that no file fits
/// is an empty set. A directory that cannot be listed now is reported, and with `.follow` looked at again.
///
/// With `.follow` the last file is read on as it grows; it is done when the next one is there and its end
/// is reached. With `.settle` a file is read when nobody has written it for so long, and then once to its
/// end.
struct FileSet {
  FilePath where{};     ///< a directory, or a pattern, as of filenames
  Filenames options{};  ///< as of filenames; `on_failure` is the reader's
};

namespace detail {

/// A name with the characters of a pattern is one, unless there is a file of that very name.
inline bool is_file_set(const std::string& path) {
  return is_glob(path) && !is_there(path);
}

}  // namespace detail
}  // namespace penstock
