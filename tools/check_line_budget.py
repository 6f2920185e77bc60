#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What including a header costs: lines that g++ -E -P leaves, against a budget.

    check_line_budget.py [--report docs/reference/compile_cost.md]

One finding costs every user of the header: look for the standard header that brings the lines (<algorithm>, <atomic>,
<chrono>, <memory>, <filesystem> and <functional> are the dear ones) and do without it. --report writes the table into that page.
"""
import argparse
import pathlib
import subprocess
import sys

from sources import ROOT, Report

BEGIN, END = "<!-- lines of headers -->", "<!-- end of the lines -->"

# What they cost today, and a little air. A budget may be lowered, never raised.
BUDGET = {
    "penstock/core/stream.hpp": 32500,
    "penstock/core.hpp": 43000,
    "penstock/observe/visualize.hpp": 35500,
    "penstock/ops/hop.hpp": 36000,
    "penstock/sinks/print.hpp": 41500,
    "penstock/sinks/sink_to_csv.hpp": 42000,
    "penstock/sinks/sink_to_textfile.hpp": 36500,
    "penstock/sinks/upsert_csv.hpp": 42500,
    "penstock/sources/csv.hpp": 25500,
    "penstock/sources/filenames.hpp": 52000,  # emits std::filesystem::path
    "penstock/sources/from_csv.hpp": 43500,
    "penstock/sources/from_periodic.hpp": 34500,
    "penstock/sources/from_queue.hpp": 36000,
    "penstock/sources/from_textfile.hpp": 39500,
    "penstock/state/checkpoints.hpp": 44000,
    "penstock/time/aggregates.hpp": 39000,
    "penstock/time/asof_join.hpp": 44000,
    "penstock/time/enrich.hpp": 44000,
    "penstock/time/event_time.hpp": 41500,
    "penstock/time/interval_join.hpp": 45000,
    "penstock/time/key_by.hpp": 34500,
    "penstock/time/process.hpp": 45000,
    "penstock/time/window.hpp": 45000,
    "penstock/time/window_join.hpp": 44500,
    "penstock/time/time.hpp": 53000,  # all of the room
}


def preprocessed_lines(header):
    command = ["g++", "-std=c++20", "-E", "-P", "-I", str(ROOT / "include"), "-x", "c++", "-"]
    done = subprocess.run(command, input=f"#include <{header}>\n", capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return len(done.stdout.splitlines())


def write_page(page, rows):
    before, found, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        sys.exit(f"{page}: lacks the lines {BEGIN} and {END}")
    table = ["| header | lines | budget |", "|---|---:|---:|"]
    table += [f"| `<{header}>` | {lines} | {BUDGET[header]} |" for header, lines in rows]
    page.write_text(before + "\n\n".join([BEGIN, "\n".join(table), END]) + after, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=pathlib.Path)
    args = parser.parse_args()

    report, rows = Report(), []
    for header, budget in BUDGET.items():
        path = pathlib.PurePath("include", header)
        if not (ROOT / path).exists():
            report.add(path, 1, "has a budget and does not exist")
            continue
        try:
            lines = preprocessed_lines(header)
        except RuntimeError as error:
            report.add(path, 1, f"g++ -E fails:\n{error}")
            continue
        rows.append((header, lines))
        if lines > budget:
            report.add(path, 1, f"{lines} preprocessed lines; the budget is {budget}")
    if args.report:
        write_page(args.report, rows)
    report.end(", ".join(f"{header.removeprefix('penstock/')} {lines} of {BUDGET[header]}" for header, lines in rows))


main()
