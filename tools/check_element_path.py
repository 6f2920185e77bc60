#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What must not stand on the way of an element is named in core, ops and sinks only where there is a reason.

A queue that allocates as it goes, a function behind a pointer that owns, a lock, an atomic count of owners, a
question to the clock: each costs more than a whole operator. A new one comes with a line in REASONS, or stays out.
"""
import pathlib
import re

from sources import Report, blank, files, line_of, read

TOP = pathlib.PurePath("include/penstock")
ROOMS = ["core", "ops", "sinks"]

COSTLY = {
    "std::function": (r"\bstd::(?:move_only_)?function\b", "a call behind an owning pointer; take the function's type"),
    "std::deque": (r"\bstd::(?:deque|list|forward_list|queue)\b", "memory for every few elements; take detail::Ring"),
    "std::map": (r"\bstd::(?:unordered_)?(?:multi)?(?:map|set)\b", "a node for every key; take detail::Table"),
    "a lock": (r"\bstd::(?:recursive_|shared_|timed_)*(?:mutex|lock_guard|unique_lock|scoped_lock|condition_variable\w*)\b",
               "only what other threads reach needs one"),
    "std::shared_ptr": (r"\bstd::(?:shared_ptr|weak_ptr|make_shared)\b", "an atomic count of owners"),
    "a clock": (r"\b(?:steady|system|high_resolution)_clock::now\b|(?:\.|->)now\(\)", "a question to the clock"),
}

# Where one of them stands all the same, and why that costs no element more than it must.
REASONS = {
    ("ops/debounce.hpp", "a clock"): "the time of every element is what it goes by",
    ("ops/delay.hpp", "a clock"): "the time of every element is what it goes by",
    ("ops/rate_limit.hpp", "a clock"): "the time of every element is what it goes by",
    ("ops/sample.hpp", "a clock"): "once an interval, to set the timer",
    ("ops/timeout.hpp", "a clock"): "the time of every element is what it goes by",
    ("ops/partition.hpp", "a clock"): "of the first element of a vector with a timeout",
    ("ops/detail/timed_window.hpp", "a clock"): "once a window, to set the timer",
    ("sinks/sink_to_textfile.hpp", "a clock"): "once a flush or a file, to set the timer",
    ("ops/map_async.hpp", "a clock"): "of a call that has failed, before it is tried again",
    ("ops/on_error.hpp", "a clock"): "of an element that has failed, before it is tried again",
    ("ops/frequencies.hpp", "std::map"): "the map is what it emits",
    ("ops/hop.hpp", "a lock"): "the other side is another thread",
}


def main():
    report, used, headers = Report(), set(), 0
    for room in ROOMS:
        for path in files("*.hpp", under=str(TOP / room)):
            headers += 1
            name = str(path.relative_to(TOP))
            code = blank(read(path))
            for what, (pattern, instead) in COSTLY.items():
                for match in re.finditer(pattern, code):
                    if REASONS.get((name, what)):
                        used.add((name, what))
                    else:
                        report.add(path, line_of(code, match.start()), f"{what}: {instead}; or give a reason in "
                                   "tools/check_element_path.py")
    for name, what in sorted(set(REASONS) - used):
        report.add(TOP / name, 1, f"{what}: tools/check_element_path.py has a reason for it, and it does not stand here")
    report.end(f"{headers} headers of {', '.join(ROOMS)}, {len(used)} places with a reason")


main()
